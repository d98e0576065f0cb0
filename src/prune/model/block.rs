//! A block: attention and perceptron, each added to its input.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::{Architecture, AttentionSpec};
use super::attention::{Projected, Turn, attention, rotate};
use super::elementwise::ActivationKind;
use super::parts::{Linear, Norm};
use super::scalar::ModelReal;
use std::borrow::Cow;

/// The weights of a block.
pub struct TransformerBlock<R> {
    pub(super) attention: AttentionSpec,
    pub(super) activation: ActivationKind,
    pub(super) post_norm: bool,
    pub(super) projections: Vec<Linear<R>>,
    pub(super) attention_output: Linear<R>,
    pub(super) expansions: Vec<Linear<R>>,
    pub(super) contraction: Linear<R>,
    pub(super) attention_norm: Norm<R>,
    pub(super) perceptron_norm: Norm<R>,
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

    /// Replaces the features `x` (samples, length, hidden) by those after the block.
    pub fn apply(&self, x: &mut [R], length: usize, present: Option<&[bool]>) {
        let input = self.normed(&self.attention_norm, x);
        let mixed = self.attend(&self.projected(&input, length), length, present);
        self.add_output(x, &self.attention_output.apply(&mixed), &self.attention_norm);
        let inner = self.inner(&self.normed(&self.perceptron_norm, x));
        self.add_output(x, &self.contraction.apply(&inner), &self.perceptron_norm);
    }

    /// The inputs (tokens, inputs) of every group of linear layers ([`super::architecture::BlockSpec::groups`]) for the
    /// features `x` (samples, length, hidden).
    pub fn inputs(&self, mut x: Vec<R>, length: usize, present: Option<&[bool]>) -> [Vec<R>; 4] {
        let of_projections = self.normed(&self.attention_norm, &x).into_owned();
        let mixed = self.attend(&self.projected(&of_projections, length), length, present);
        self.add_output(&mut x, &self.attention_output.apply(&mixed), &self.attention_norm);
        let of_expansions = if self.post_norm { x } else { self.perceptron_norm.apply(&x) };
        let inner = self.inner(&of_expansions);
        [of_projections, mixed, of_expansions, inner]
    }

    /// The inputs of attention or perceptron for the features `x`.
    fn normed<'a>(&self, norm: &Norm<R>, x: &'a [R]) -> Cow<'a, [R]> {
        if self.post_norm { Cow::Borrowed(x) } else { Cow::Owned(norm.apply(x)) }
    }

    /// Adds an output to the features.
    fn add_output(&self, x: &mut [R], output: &[R], norm: &Norm<R>) {
        add(x, output);
        if self.post_norm {
            norm.apply_in_place(x);
        }
    }

    /// The activations of the perceptron (tokens, inner), the inputs of its contraction.
    fn inner(&self, input: &[R]) -> Vec<R> {
        let mut inner = self.expansions[0].apply(input);
        self.activation.apply(&mut inner);
        if let Some(gated) = self.expansions.get(1) {
            inner.iter_mut().zip(gated.apply(input)).for_each(|(v, u)| *v *= u);
        }
        inner
    }

    /// Queries, keys and values (tokens, features) of the inputs `x`, with their rotary positions.
    pub(super) fn projected(&self, x: &[R], length: usize) -> [Vec<R>; 3] {
        let AttentionSpec { heads, head_size, rotary, .. } = self.attention;
        let [mut queries, mut keys, values] = match self.projections.as_slice() {
            [joint] => split(&joint.apply(x), heads * head_size),
            [q, k, v] => [q.apply(x), k.apply(x), v.apply(x)],
            _ => unreachable!("one or three projections"),
        };
        if let Some(base) = rotary {
            for part in [&mut queries, &mut keys] {
                let sample = length * part.len() * self.hidden() / x.len();
                part.chunks_exact_mut(sample).for_each(|x| rotate(x, length, head_size, base, Turn::Forward));
            }
        }
        [queries, keys, values]
    }

    /// Queries, keys and values of a sample, of all that [`TransformerBlock::projected`] returns.
    pub(super) fn of_sample<'a>(
        &self,
        projected: &'a [Vec<R>; 3],
        (sample, length): (usize, usize),
        present: Option<&'a [bool]>,
    ) -> Projected<'a, R> {
        let AttentionSpec { heads, key_value_heads, head_size, .. } = self.attention;
        let (wide, narrow) = (length * heads * head_size, length * key_value_heads * head_size);
        let [queries, keys, values] = projected;
        Projected {
            queries: &queries[sample * wide..][..wide],
            keys: &keys[sample * narrow..][..narrow],
            values: &values[sample * narrow..][..narrow],
            present: present.map(|present| &present[sample * length..][..length]),
        }
    }

    /// The attention (tokens, heads * head size) of every sample.
    pub(super) fn attend(&self, projected: &[Vec<R>; 3], length: usize, present: Option<&[bool]>) -> Vec<R> {
        let sample = length * self.attention.heads * self.attention.head_size;
        let mut mixed = vec![R::zero(); projected[0].len()];
        for (index, mixed) in mixed.chunks_exact_mut(sample).enumerate() {
            attention(&self.attention, length, &self.of_sample(projected, (index, length), present), mixed);
        }
        mixed
    }

    /// Features of a token between the blocks.
    pub(super) fn hidden(&self) -> usize {
        self.attention_norm.features()
    }
}

/// Divides every row of (tokens, 3 width) into three.
fn split<R: ModelReal>(joint: &[R], width: usize) -> [Vec<R>; 3] {
    [0, 1, 2].map(|part| {
        let mut rows = Vec::with_capacity(joint.len() / 3);
        joint.chunks_exact(3 * width).for_each(|row| rows.extend_from_slice(&row[part * width..][..width]));
        rows
    })
}

/// `x += y`.
pub(super) fn add<R: ModelReal>(x: &mut [R], y: &[R]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += *y);
}
