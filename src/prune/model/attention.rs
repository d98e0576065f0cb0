//! Attention of the tokens of one sequence.

use super::architecture::AttentionSpec;
use super::elementwise::exponentials;
use super::parts::sum;
use super::scalar::ModelReal;
use crate::compute::profile::{self, WorkCounts, WorkKind};
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

/// Writes the attention `softmax(Q K^T / sqrt(head size)) V` of a sequence to `out` (tokens, heads, head size).
pub(super) fn attention<R: ModelReal>(
    spec: &AttentionSpec,
    tokens: usize,
    projected: &Projected<'_, R>,
    out: &mut [R],
) {
    let AttentionSpec { heads, key_value_heads, head_size, .. } = *spec;
    profile::count(WorkKind::ModelPasses, || product_counts::<R>(spec, tokens, 2));
    let all = |values, heads| MatRef::from_row_major_slice(values, tokens, heads * head_size);
    let queries = all(projected.queries, heads);
    let (keys, values) = (all(projected.keys, key_value_heads), all(projected.values, key_value_heads));
    let mut scores = vec![R::zero(); tokens * tokens];
    for head in 0..heads {
        let shared = head / (heads / key_value_heads);
        let (query, key) = (queries.subcols(head * head_size, head_size), keys.subcols(shared * head_size, head_size));
        shares(spec, (query, key), projected.present, &mut scores);
        let score = MatRef::from_row_major_slice(&scores, tokens, tokens);
        let mixed = MatMut::from_row_major_slice_mut(out, tokens, heads * head_size);
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
}

/// The shares of a head, `softmax(Q K^T / sqrt(head size))` (tokens, tokens), of its queries and keys (tokens, head size).
fn shares<R: ModelReal>(
    spec: &AttentionSpec,
    (query, key): (MatRef<'_, R>, MatRef<'_, R>),
    present: Option<&[bool]>,
    scores: &mut [R],
) {
    let tokens = query.nrows();
    let score = MatMut::from_row_major_slice_mut(scores, tokens, tokens);
    matmul(score, Accum::Replace, query, key.transpose(), scale(spec), Par::Seq);
    for (token, row) in scores.chunks_exact_mut(tokens).enumerate() {
        softmax(row, if spec.causal { token + 1 } else { tokens }, present);
    }
}

/// The counted work of so many products of (tokens, tokens) and (tokens, head size) for every head.
fn product_counts<R>(spec: &AttentionSpec, tokens: usize, products: usize) -> WorkCounts {
    let size = spec.heads * tokens * spec.head_size;
    WorkCounts::of::<R>(2 * products * tokens * size, 0, products * (2 * size + spec.heads * tokens * tokens))
}

fn scale<R: ModelReal>(spec: &AttentionSpec) -> R {
    R::of((spec.head_size as f64).sqrt().recip())
}

/// The gradients of queries, keys and values, of their shapes.
pub(super) struct ProjectedGradient<R> {
    /// Of the queries.
    pub queries: Vec<R>,
    /// Of the keys.
    pub keys: Vec<R>,
    /// Of the values.
    pub values: Vec<R>,
}

/// The gradients for that of the result of [`attention`], `mixed` (tokens, heads, head size). With the shares P of a head
/// and the gradient M of its result, those of the values and of the scores are `P^T M` and
/// `dS = P (M V^T - rowsum(P M V^T))`, entry by entry. Heads that share keys and values add to the same gradients.
pub(super) fn attention_backward<R: ModelReal>(
    spec: &AttentionSpec,
    tokens: usize,
    projected: &Projected<'_, R>,
    mixed: &[R],
) -> ProjectedGradient<R> {
    let AttentionSpec { heads, key_value_heads, head_size, .. } = *spec;
    profile::count(WorkKind::ModelPasses, || product_counts::<R>(spec, tokens, 5));
    let one = <R as num_traits::One>::one();
    let all = |values, heads| MatRef::from_row_major_slice(values, tokens, heads * head_size);
    let (queries, mixed) = (all(projected.queries, heads), all(mixed, heads));
    let (keys, values) = (all(projected.keys, key_value_heads), all(projected.values, key_value_heads));
    let zeros = |heads: usize| vec![R::zero(); tokens * heads * head_size];
    let mut found =
        ProjectedGradient { queries: zeros(heads), keys: zeros(key_value_heads), values: zeros(key_value_heads) };
    let mut share = vec![R::zero(); tokens * tokens];
    let mut score = vec![R::zero(); tokens * tokens];
    for head in 0..heads {
        let (own, shared) = (head * head_size, head / (heads / key_value_heads) * head_size);
        let (query, key) = (queries.subcols(own, head_size), keys.subcols(shared, head_size));
        let (value, mixed) = (values.subcols(shared, head_size), mixed.subcols(own, head_size));
        shares(spec, (query, key), projected.present, &mut share);
        let of_values = MatMut::from_row_major_slice_mut(&mut found.values, tokens, key_value_heads * head_size)
            .subcols_mut(shared, head_size);
        let p = MatRef::from_row_major_slice(&share, tokens, tokens);
        matmul(of_values, Accum::Add, p.transpose(), mixed, one, Par::Seq);
        let out = MatMut::from_row_major_slice_mut(&mut score, tokens, tokens);
        matmul(out, Accum::Replace, mixed, value.transpose(), one, Par::Seq);
        for (p, s) in share.chunks_exact(tokens).zip(score.chunks_exact_mut(tokens)) {
            let mean = R::of(p.iter().zip(&*s).map(|(p, s)| p.to_f64() * s.to_f64()).sum());
            s.iter_mut().zip(p).for_each(|(s, p)| *s = *p * (*s - mean));
        }
        let score = MatRef::from_row_major_slice(&score, tokens, tokens);
        let of_queries =
            MatMut::from_row_major_slice_mut(&mut found.queries, tokens, heads * head_size).subcols_mut(own, head_size);
        matmul(of_queries, Accum::Replace, score, key, scale(spec), Par::Seq);
        let of_keys = MatMut::from_row_major_slice_mut(&mut found.keys, tokens, key_value_heads * head_size)
            .subcols_mut(shared, head_size);
        matmul(of_keys, Accum::Add, score.transpose(), query, scale(spec), Par::Seq);
    }
    found
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
    let largest = largest(within);
    within.iter_mut().for_each(|v| *v -= largest);
    exponentials(within);
    let scale = R::of(1.0 / sum(within, |v| v));
    within.iter_mut().for_each(|v| *v *= scale);
}

/// The largest value, in eight lanes.
fn largest<R: ModelReal>(values: &[R]) -> R {
    let more = |most: R, v: R| if v > most { v } else { most };
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [R::of(f64::NEG_INFINITY); 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] = more(lanes[lane], chunk[lane]);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).reduce(more).unwrap_or(R::zero())
}

/// The direction of a rotation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// As positions rotate queries and keys.
    Forward,
    /// The inverse, which is also the transpose.
    Back,
}

/// Rotates the halves of every head by the angle of the position: pair (i, i + size / 2) of token `t` by
/// `t base^(-2 i / size)`, or back.
pub(super) fn rotate<R: ModelReal>(x: &mut [R], tokens: usize, head_size: usize, base: f64, turn: Turn) {
    let half = head_size / 2;
    let row_length = x.len() / tokens;
    for (token, row) in x.chunks_exact_mut(row_length).enumerate() {
        let turns: Vec<(R, R)> = (0..half)
            .map(|i| {
                let angle = token as f64 * base.powf(-2.0 * i as f64 / head_size as f64);
                let sin = if turn == Turn::Back { -angle.sin() } else { angle.sin() };
                (R::of(angle.cos()), R::of(sin))
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
