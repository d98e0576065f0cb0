//! A block: attention and perceptron, each added to its input.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::{Architecture, AttentionSpec};
use super::attention::{Projected, attention, rotate};
use super::elementwise::ActivationKind;
use super::parts::{Linear, Norm};
use super::scalar::ModelReal;

/// The weights of a block.
pub struct TransformerBlock<R> {
    attention: AttentionSpec,
    activation: ActivationKind,
    post_norm: bool,
    projections: Vec<Linear<R>>,
    attention_output: Linear<R>,
    expansions: Vec<Linear<R>>,
    contraction: Linear<R>,
    attention_norm: Norm<R>,
    perceptron_norm: Norm<R>,
}

impl<R: ModelReal> TransformerBlock<R> {
    /// Reads block `index`.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub fn read(checkpoint: &ModelFolder, architecture: &Architecture, index: usize) -> Result<Self, PruneError> {
        let spec = &architecture.blocks[index];
        let linear = |layer| Linear::read(checkpoint, layer);
        Ok(TransformerBlock {
            attention: architecture.attention.clone(),
            activation: architecture.activation,
            post_norm: architecture.post_norm,
            projections: spec.projections.iter().map(linear).collect::<Result<_, _>>()?,
            attention_output: linear(&spec.attention_output)?,
            expansions: spec.expansions.iter().map(linear).collect::<Result<_, _>>()?,
            contraction: linear(&spec.contraction)?,
            attention_norm: Norm::read(checkpoint, &spec.attention_norm)?,
            perceptron_norm: Norm::read(checkpoint, &spec.perceptron_norm)?,
        })
    }

    /// Replaces the features `x` (samples, length, hidden) by those after the block. `tap` is called with the index of
    /// every group of linear layers ([`super::architecture::BlockSpec::groups`]) and its inputs (samples, length, inputs).
    pub fn apply(&self, x: &mut [R], length: usize, present: Option<&[bool]>, tap: &mut impl FnMut(usize, &[R])) {
        let normed = if self.post_norm { None } else { Some(self.attention_norm.apply(x)) };
        let input: &[R] = normed.as_deref().unwrap_or(x);
        tap(0, input);
        let mixed = self.attend(input, length, present);
        tap(1, &mixed);
        let output = self.attention_output.apply(&mixed);
        add(x, &output);
        if self.post_norm {
            self.attention_norm.apply_in_place(x);
        }
        let normed = if self.post_norm { None } else { Some(self.perceptron_norm.apply(x)) };
        let input: &[R] = normed.as_deref().unwrap_or(x);
        tap(2, input);
        let mut inner = self.expansions[0].apply(input);
        self.activation.apply(&mut inner);
        if let Some(gated) = self.expansions.get(1) {
            inner.iter_mut().zip(gated.apply(input)).for_each(|(v, u)| *v *= u);
        }
        tap(3, &inner);
        let output = self.contraction.apply(&inner);
        add(x, &output);
        if self.post_norm {
            self.perceptron_norm.apply_in_place(x);
        }
    }

    fn attend(&self, x: &[R], length: usize, present: Option<&[bool]>) -> Vec<R> {
        let AttentionSpec { heads, key_value_heads, head_size, rotary, .. } = self.attention;
        let (width, narrow) = (heads * head_size, key_value_heads * head_size);
        let [mut queries, mut keys, values] = match self.projections.as_slice() {
            [joint] => split(&joint.apply(x), width),
            [q, k, v] => [q.apply(x), k.apply(x), v.apply(x)],
            _ => unreachable!("one or three projections"),
        };
        let mut mixed = Vec::with_capacity(queries.len());
        for sample in 0..queries.len() / (length * width) {
            let (wide, few) = (sample * length * width, sample * length * narrow);
            let (queries, keys) = (&mut queries[wide..][..length * width], &mut keys[few..][..length * narrow]);
            if let Some(base) = rotary {
                rotate(queries, length, head_size, base);
                rotate(keys, length, head_size, base);
            }
            let values = &values[few..][..length * narrow];
            let present = present.map(|present| &present[sample * length..][..length]);
            mixed.extend(attention(&self.attention, length, &Projected { queries, keys, values, present }));
        }
        mixed
    }
}

/// Divides every row of (tokens, 3 width) into three.
fn split<R: ModelReal>(joint: &[R], width: usize) -> [Vec<R>; 3] {
    [0, 1, 2].map(|part| joint.chunks_exact(3 * width).flat_map(|row| &row[part * width..][..width]).copied().collect())
}

fn add<R: ModelReal>(x: &mut [R], y: &[R]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += *y);
}
