//! The backward pass of a block: gradients of its input and of the weights of its linear layers.
//!
//! What the forward pass computes is computed again from the input of the block, so that a pass over a network holds only
//! the inputs of its blocks. Biases and normalisations have no gradients of their own; they are fixed in training.

use super::attention::{ProjectedGradient, Turn, attention_backward, rotate};
use super::block::{TransformerBlock, add};
use super::parts::Linear;
use super::scalar::ModelReal;

/// The gradients of a block.
pub struct BlockGradient<R> {
    /// Of its input (samples, length, hidden).
    pub input: Vec<R>,
    /// Of the weights of its linear layers, in the order of [`super::architecture::BlockSpec::groups`] and in the layout in
    /// which they are stored.
    pub weights: Vec<Vec<R>>,
}

/// The gradients of a perceptron.
struct PerceptronGradient<R> {
    /// Of the sum of its output and the features before it.
    sum: Vec<R>,
    /// Of its input.
    input: Vec<R>,
    /// Of its weights.
    weights: Vec<Vec<R>>,
}

impl<R: ModelReal> TransformerBlock<R> {
    /// The linear layers in the order of [`super::architecture::BlockSpec::groups`].
    pub fn layers(&self) -> Vec<&Linear<R>> {
        let first = self.projections.iter().chain([&self.attention_output]);
        first.chain(&self.expansions).chain([&self.contraction]).collect()
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> Vec<&mut Linear<R>> {
        let first = self.projections.iter_mut().chain([&mut self.attention_output]);
        first.chain(&mut self.expansions).chain([&mut self.contraction]).collect()
    }

    /// The gradients at the input `x` (samples, length, hidden) for `gradient`, that of the features after the block.
    pub fn backward(&self, x: &[R], length: usize, present: Option<&[bool]>, gradient: Vec<R>) -> BlockGradient<R> {
        let first = if self.post_norm { x.to_vec() } else { self.attention_norm.apply(x) };
        let projected = self.projected(&first, length);
        let mixed = self.attend(&projected, length, present);
        let mut sum = x.to_vec();
        add(&mut sum, &self.attention_output.apply(&mixed));
        let second = if self.post_norm { self.attention_norm.apply(&sum) } else { self.perceptron_norm.apply(&sum) };

        let PerceptronGradient { sum: mut of_sum, input: mut of_second, weights: of_perceptron } =
            self.perceptron_backward(&second, gradient);
        let mut input = if self.post_norm {
            add(&mut of_second, &of_sum);
            self.attention_norm.backward(&sum, &of_second)
        } else {
            add(&mut of_sum, &self.perceptron_norm.backward(&sum, &of_second));
            of_sum
        };

        let of_output = self.attention_output.weight_gradient(&mixed, &input);
        let of_mixed = self.attention_output.input_gradient(&input);
        let (of_first, mut weights) = self.projections_backward(&first, &projected, (length, present), &of_mixed);
        match self.post_norm {
            true => add(&mut input, &of_first),
            false => add(&mut input, &self.attention_norm.backward(x, &of_first)),
        }
        weights.push(of_output);
        weights.extend(of_perceptron);
        BlockGradient { input, weights }
    }

    /// The gradients of the perceptron with inputs `x` (tokens, hidden) for that of the features after the block.
    fn perceptron_backward(&self, x: &[R], gradient: Vec<R>) -> PerceptronGradient<R> {
        let before: Vec<Vec<R>> = self.expansions.iter().map(|layer| layer.apply(x)).collect();
        let mut activated = before[0].clone();
        self.activation.apply(&mut activated);
        let mut inner = activated.clone();
        if let Some(gated) = before.get(1) {
            multiply(&mut inner, gated);
        }
        let sum = if self.post_norm {
            let mut sum = x.to_vec();
            add(&mut sum, &self.contraction.apply(&inner));
            self.perceptron_norm.backward(&sum, &gradient)
        } else {
            gradient
        };
        let of_contraction = self.contraction.weight_gradient(&inner, &sum);
        let mut of_inner = self.contraction.input_gradient(&sum);
        let mut of_before = Vec::new();
        if let Some(gated) = before.get(1) {
            multiply(&mut activated, &of_inner);
            of_before.push(activated);
            multiply(&mut of_inner, gated);
        }
        let mut slopes = before[0].clone();
        self.activation.slopes(&mut slopes);
        multiply(&mut of_inner, &slopes);
        of_before.insert(0, of_inner);
        let (input, mut weights) = backward_of(&self.expansions, x, &of_before);
        weights.push(of_contraction);
        PerceptronGradient { sum, input, weights }
    }

    /// The gradients of the inputs `x` of the projections and of their weights, for that of the attention.
    fn projections_backward(
        &self,
        x: &[R],
        projected: &[Vec<R>; 3],
        (length, present): (usize, Option<&[bool]>),
        mixed: &[R],
    ) -> (Vec<R>, Vec<Vec<R>>) {
        let mut all = [const { Vec::new() }; 3];
        let sample = length * self.attention.heads * self.attention.head_size;
        for (index, mixed) in mixed.chunks_exact(sample).enumerate() {
            let of_sample = self.of_sample(projected, (index, length), present);
            let ProjectedGradient { mut queries, mut keys, values } =
                attention_backward(&self.attention, length, &of_sample, mixed);
            if let Some(base) = self.attention.rotary {
                rotate(&mut queries, length, self.attention.head_size, base, Turn::Back);
                rotate(&mut keys, length, self.attention.head_size, base, Turn::Back);
            }
            for (all, part) in all.iter_mut().zip([queries, keys, values]) {
                all.extend(part);
            }
        }
        let outputs =
            if self.projections.len() == 1 { vec![joined(&all, x.len() / self.hidden())] } else { all.into() };
        backward_of(&self.projections, x, &outputs)
    }
}

/// The gradients of the common inputs `x` of layers and of their weights, for those of their outputs.
fn backward_of<R: ModelReal>(layers: &[Linear<R>], x: &[R], of_outputs: &[Vec<R>]) -> (Vec<R>, Vec<Vec<R>>) {
    let mut of_input = vec![R::zero(); x.len()];
    let mut weights = Vec::new();
    for (layer, of_output) in layers.iter().zip(of_outputs) {
        add(&mut of_input, &layer.input_gradient(of_output));
        weights.push(layer.weight_gradient(x, of_output));
    }
    (of_input, weights)
}

/// Joins the rows of three arrays of so many tokens.
fn joined<R: ModelReal>(parts: &[Vec<R>; 3], tokens: usize) -> Vec<R> {
    let row =
        |token: usize| parts.iter().flat_map(move |part| &part[token * part.len() / tokens..][..part.len() / tokens]);
    (0..tokens).flat_map(row).copied().collect()
}

/// `x *= y`, entry by entry.
fn multiply<R: ModelReal>(x: &mut [R], y: &[R]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x *= *y);
}
