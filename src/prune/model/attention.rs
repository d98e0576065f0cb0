//! Attention of the tokens of one sequence.

use super::architecture::AttentionSpec;
use super::elementwise::exponentials;
use super::scalar::ModelReal;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Queries, keys and values of a sequence: slices of (tokens, stride) arrays, row-major.
pub(super) struct Projected<'a, R> {
    /// Queries (tokens, heads, head size).
    pub queries: &'a [R],
    /// Keys (tokens, key-value heads, head size).
    pub keys: &'a [R],
    /// Values, as the keys.
    pub values: &'a [R],
    /// Whether a token may be attended to; all may if there is none.
    pub present: Option<&'a [bool]>,
}

/// The attention `softmax(Q K^T / sqrt(head size)) V` (tokens, heads, head size) of a sequence.
pub(super) fn attention<R: ModelReal>(spec: &AttentionSpec, tokens: usize, projected: &Projected<'_, R>) -> Vec<R> {
    let AttentionSpec { heads, key_value_heads, head_size, causal, .. } = *spec;
    let all = |values, heads| MatRef::from_row_major_slice(values, tokens, heads * head_size);
    let queries = all(projected.queries, heads);
    let (keys, values) = (all(projected.keys, key_value_heads), all(projected.values, key_value_heads));
    let mut out = vec![R::zero(); tokens * heads * head_size];
    let mut scores = vec![R::zero(); tokens * tokens];
    let scale = R::of((head_size as f64).sqrt().recip());
    for head in 0..heads {
        let shared = head / (heads / key_value_heads);
        let score = MatMut::from_row_major_slice_mut(&mut scores, tokens, tokens);
        matmul(
            score,
            Accum::Replace,
            queries.subcols(head * head_size, head_size),
            keys.subcols(shared * head_size, head_size).transpose(),
            scale,
            Par::Seq,
        );
        for (token, row) in scores.chunks_exact_mut(tokens).enumerate() {
            softmax(row, if causal { token + 1 } else { tokens }, projected.present);
        }
        let score = MatRef::from_row_major_slice(&scores, tokens, tokens);
        let mixed = MatMut::from_row_major_slice_mut(&mut out, tokens, heads * head_size);
        let mixed = mixed.subcols_mut(head * head_size, head_size);
        matmul(
            mixed,
            Accum::Replace,
            score,
            values.subcols(shared * head_size, head_size),
            <R as num_traits::One>::one(),
            Par::Seq,
        );
    }
    out
}

/// Replaces the first `reach` scores by their softmax over those that are present, and the others by 0.
fn softmax<R: ModelReal>(row: &mut [R], reach: usize, present: Option<&[bool]>) {
    let (within, beyond) = row.split_at_mut(reach);
    beyond.fill(R::zero());
    if let Some(present) = present {
        within
            .iter_mut()
            .zip(present)
            .filter(|(_, present)| !**present)
            .for_each(|(v, _)| *v = R::of(f64::NEG_INFINITY));
    }
    let largest = within.iter().copied().fold(R::of(f64::NEG_INFINITY), |most, v| if v > most { v } else { most });
    within.iter_mut().for_each(|v| *v -= largest);
    exponentials(within);
    let total: f64 = within.iter().map(|v| v.to_f64()).sum();
    let scale = R::of(1.0 / total);
    within.iter_mut().for_each(|v| *v *= scale);
}

/// Rotates the halves of every head by the angle of the position: pair (i, i + size / 2) of token `t` by
/// `t base^(-2 i / size)`.
pub(super) fn rotate<R: ModelReal>(x: &mut [R], tokens: usize, head_size: usize, base: f64) {
    let half = head_size / 2;
    let row_length = x.len() / tokens;
    for (token, row) in x.chunks_exact_mut(row_length).enumerate() {
        let turns: Vec<(R, R)> = (0..half)
            .map(|i| {
                let angle = token as f64 * base.powf(-2.0 * i as f64 / head_size as f64);
                (R::of(angle.cos()), R::of(angle.sin()))
            })
            .collect();
        for head in row.chunks_exact_mut(head_size) {
            for (i, &(cos, sin)) in turns.iter().enumerate() {
                let (a, b) = (head[i], head[i + half]);
                head[i] = a * cos - b * sin;
                head[i + half] = b * cos + a * sin;
            }
        }
    }
}
