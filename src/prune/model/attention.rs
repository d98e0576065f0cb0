//! Attention of the tokens of one sequence.

use super::architecture::AttentionSpec;
use super::elementwise::MAX_LANES;
use super::scalar::ModelReal;
use crate::compute::exp::{LowPart, exp_negative};
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::{Job, Panels, Simd, StridedRows};
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
    let (wide, narrow) = (heads * head_size, key_value_heads * head_size);
    let mut scores = HeadShares::new(tokens);
    let mut values = Panels::default();
    out.fill(R::zero());
    for head in 0..heads {
        let (own, shared) = (head * head_size, head / (heads / key_value_heads) * head_size);
        scores.set(spec, (head, tokens), projected);
        let of_head = StridedRows { values: &projected.values[shared..], stride: narrow };
        values.set_columns(of_head, head_size, tokens);
        values.add_products(scores.rows(), tokens, &mut out[own..], wide);
    }
}

/// The shares of one head after the other.
struct HeadShares<R> {
    /// (tokens, stride), row-major.
    shares: Vec<R>,
    /// Entries between rows: tokens, up to a whole pack.
    stride: usize,
    keys: Panels<R>,
}

impl<R: ModelReal> HeadShares<R> {
    fn new(tokens: usize) -> Self {
        let stride = tokens.next_multiple_of(R::PACK);
        HeadShares { shares: vec![R::zero(); tokens * stride], stride, keys: Panels::default() }
    }

    /// The rows, whose first entries are those of the tokens.
    fn rows(&self) -> StridedRows<'_, R> {
        StridedRows { values: &self.shares, stride: self.stride }
    }

    /// The shares of a head, `softmax(Q K^T / sqrt(head size))` (tokens, tokens), of its queries and keys.
    fn set(&mut self, spec: &AttentionSpec, (head, tokens): (usize, usize), projected: &Projected<'_, R>) {
        let AttentionSpec { heads, key_value_heads, head_size, causal, .. } = *spec;
        let (own, shared) = (head * head_size, head / (heads / key_value_heads) * head_size);
        let keys = StridedRows { values: &projected.keys[shared..], stride: key_value_heads * head_size };
        self.keys.set_rows(keys, tokens, head_size);
        self.shares.fill(R::zero());
        let queries = StridedRows { values: &projected.queries[own..], stride: heads * head_size };
        self.keys.add_products(queries, tokens, &mut self.shares, self.stride);
        let (scale, present) = (scale(spec), projected.present);
        R::vectorize(Softmax { scores: &mut self.shares, tokens, stride: self.stride, scale, causal, present });
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
    let mut scores = HeadShares::new(tokens);
    let mut score = vec![R::zero(); tokens * tokens];
    for head in 0..heads {
        let (own, shared) = (head * head_size, head / (heads / key_value_heads) * head_size);
        let (query, key) = (queries.subcols(own, head_size), keys.subcols(shared, head_size));
        let (value, mixed) = (values.subcols(shared, head_size), mixed.subcols(own, head_size));
        scores.set(spec, (head, tokens), projected);
        let of_values = MatMut::from_row_major_slice_mut(&mut found.values, tokens, key_value_heads * head_size)
            .subcols_mut(shared, head_size);
        let p = MatRef::from_row_major_slice(&scores.shares, tokens, scores.stride).subcols(0, tokens);
        matmul(of_values, Accum::Add, p.transpose(), mixed, one, Par::Seq);
        let out = MatMut::from_row_major_slice_mut(&mut score, tokens, tokens);
        matmul(out, Accum::Replace, mixed, value.transpose(), one, Par::Seq);
        for (p, s) in scores.shares.chunks_exact(scores.stride).zip(score.chunks_exact_mut(tokens)) {
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

/// Replaces rows of scores by the softmax of their multiples by `scale` over the tokens that may be attended to, and all
/// others by 0.
struct Softmax<'a, R> {
    /// (tokens, stride), whole packs.
    scores: &'a mut [R],
    tokens: usize,
    stride: usize,
    scale: R,
    causal: bool,
    present: Option<&'a [bool]>,
}

impl<R: ModelReal> Job<R> for Softmax<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let (scale, lowest) = (s.splat(self.scale), R::of(f64::NEG_INFINITY));
        for (token, row) in self.scores.chunks_exact_mut(self.stride).enumerate() {
            row[if self.causal { token + 1 } else { self.tokens }..].fill(lowest);
            if let Some(present) = self.present {
                let absent = row.iter_mut().zip(present).filter(|(_, present)| !**present);
                absent.for_each(|(v, _)| *v = lowest);
            }
            let mut most = s.splat(lowest);
            for pack in row.chunks_exact_mut(S::LANES) {
                let v = s.mul(s.load(pack), scale);
                s.store(v, pack);
                most = s.max(v, most);
            }
            let mut lanes = [lowest; MAX_LANES];
            s.store(most, &mut lanes);
            let largest = lanes.into_iter().fold(lowest, |most, v| if v > most { v } else { most });
            let largest = s.splat(largest);
            let mut sum = 0.0;
            for pack in row.chunks_exact_mut(S::LANES) {
                // Masked scores are below every argument whose exponential is not zero.
                let v = exp_negative(s, s.sub(s.load(pack), largest), LowPart::Zero);
                s.store(v, pack);
                sum += s.sum(v);
            }
            let share = s.splat(R::of(1.0 / sum));
            for pack in row.chunks_exact_mut(S::LANES) {
                s.store(s.mul(s.load(pack), share), pack);
            }
        }
    }
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
