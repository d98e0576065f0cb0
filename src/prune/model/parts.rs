//! Linear layers and normalisations with their weights. Activations are (tokens, features), row-major.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::{LinearSpec, NormSpec};
use super::scalar::ModelReal;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::{Job, Panels, Simd, StridedRows};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::sync::OnceLock;

/// `y = W x + b`.
pub struct Linear<R> {
    inputs: usize,
    outputs: usize,
    transposed: bool,
    /// As it is stored, row-major.
    weight: Vec<R>,
    /// The same (outputs, inputs) in panels, made at the first product.
    panels: OnceLock<Panels<R>>,
    bias: Option<Vec<R>>,
}

impl<R: ModelReal> Linear<R> {
    /// Reads a layer.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub fn read(checkpoint: &ModelFolder, spec: &LinearSpec) -> Result<Self, PruneError> {
        let bias = if spec.bias { Some(checkpoint.read(&format!("{}.bias", spec.name))?) } else { None };
        let weight = checkpoint.read(&spec.weight())?;
        let (inputs, outputs, transposed) = (spec.inputs, spec.outputs, spec.transposed);
        Ok(Linear { inputs, outputs, transposed, weight, panels: OnceLock::new(), bias })
    }

    /// A layer without bias, of weight (outputs, inputs).
    pub(super) fn of(weight: Vec<R>, inputs: usize, bias: Option<Vec<R>>) -> Self {
        let outputs = weight.len() / inputs;
        Linear { inputs, outputs, transposed: false, weight, panels: OnceLock::new(), bias }
    }

    /// The outputs (tokens, outputs) for inputs (tokens, inputs).
    pub fn apply(&self, x: &[R]) -> Vec<R> {
        let tokens = x.len() / self.inputs;
        profile::count(WorkKind::ModelPasses, || self.counts(tokens));
        let mut y = match &self.bias {
            Some(bias) => bias.repeat(tokens),
            None => vec![R::zero(); tokens * self.outputs],
        };
        let panels = self.panels.get_or_init(|| {
            let (outputs, inputs) = (self.outputs, self.inputs);
            if self.transposed {
                Panels::of_columns(StridedRows { values: &self.weight, stride: outputs }, outputs, inputs)
            } else {
                Panels::of_rows(StridedRows { values: &self.weight, stride: inputs }, outputs, inputs)
            }
        });
        panels.add_products(StridedRows { values: x, stride: self.inputs }, tokens, &mut y, self.outputs);
        y
    }

    /// The counted work of a product of the weight and an array of so many tokens.
    fn counts(&self, tokens: usize) -> WorkCounts {
        let arrays = tokens * (self.inputs + self.outputs) + self.weight.len();
        WorkCounts::of::<R>(2 * tokens * self.weight.len(), 0, arrays)
    }

    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The weight as it is stored, row-major.
    pub fn weight(&self) -> &[R] {
        &self.weight
    }

    /// The same, to be changed.
    pub fn weight_mut(&mut self) -> &mut [R] {
        self.panels.take();
        &mut self.weight
    }

    /// The gradient of the inputs (tokens, inputs) for that of the outputs `dy` (tokens, outputs): `dY W`.
    pub fn input_gradient(&self, dy: &[R]) -> Vec<R> {
        let tokens = dy.len() / self.outputs;
        profile::count(WorkKind::ModelPasses, || self.counts(tokens));
        let mut dx = vec![R::zero(); tokens * self.inputs];
        let weight = if self.transposed {
            MatRef::from_row_major_slice(&self.weight, self.inputs, self.outputs).transpose()
        } else {
            MatRef::from_row_major_slice(&self.weight, self.outputs, self.inputs)
        };
        let out = MatMut::from_row_major_slice_mut(&mut dx, tokens, self.inputs);
        let dy = MatRef::from_row_major_slice(dy, tokens, self.outputs);
        matmul(out, Accum::Replace, dy, weight, <R as num_traits::One>::one(), Par::Seq);
        dx
    }

    /// The gradient of the weight, in the layout in which it is stored, for inputs `x` (tokens, inputs) and the gradient of
    /// the outputs `dy` (tokens, outputs): `dY^T X`.
    pub fn weight_gradient(&self, x: &[R], dy: &[R]) -> Vec<R> {
        let tokens = dy.len() / self.outputs;
        let x = MatRef::from_row_major_slice(x, tokens, self.inputs);
        let dy = MatRef::from_row_major_slice(dy, tokens, self.outputs);
        let (left, right) = if self.transposed { (x, dy) } else { (dy, x) };
        profile::count(WorkKind::ModelPasses, || self.counts(tokens));
        let mut gradient = vec![R::zero(); self.weight.len()];
        let out = MatMut::from_row_major_slice_mut(&mut gradient, left.ncols(), right.ncols());
        matmul(out, Accum::Replace, left.transpose(), right, <R as num_traits::One>::one(), Par::Seq);
        gradient
    }
}

/// A normalisation over the features of a token.
pub struct Norm<R> {
    weight: Vec<R>,
    bias: Option<Vec<R>>,
    epsilon: f64,
}

impl<R: ModelReal> Norm<R> {
    /// Reads a normalisation.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub fn read(checkpoint: &ModelFolder, spec: &NormSpec) -> Result<Self, PruneError> {
        let bias = if spec.centred { Some(checkpoint.read(&format!("{}.bias", spec.name))?) } else { None };
        Ok(Norm { weight: checkpoint.read(&format!("{}.weight", spec.name))?, bias, epsilon: spec.epsilon })
    }

    /// Features of a token.
    pub fn features(&self) -> usize {
        self.weight.len()
    }

    /// The normalised rows of `x` (tokens, features).
    pub fn apply(&self, x: &[R]) -> Vec<R> {
        let mut y = x.to_vec();
        self.apply_in_place(&mut y);
        y
    }

    /// Normalises the rows of `x` (tokens, features). Moments are computed in double precision.
    pub fn apply_in_place(&self, x: &mut [R]) {
        R::vectorize(Normalise { norm: self, x });
    }
}

/// The arguments of [`Norm::apply_in_place`].
struct Normalise<'a, R> {
    norm: &'a Norm<R>,
    x: &'a mut [R],
}

impl<R: ModelReal> Job<R> for Normalise<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, _: S) {
        let Norm { weight, bias, .. } = self.norm;
        for row in self.x.chunks_exact_mut(weight.len()) {
            let RowMoments { mean, scale } = self.norm.moments(row);
            let (centre, scale) = (R::of(mean), R::of(scale));
            for (v, w) in row.iter_mut().zip(weight) {
                *v = (*v - centre) * scale * *w;
            }
            if let Some(bias) = bias {
                row.iter_mut().zip(bias).for_each(|(v, b)| *v += *b);
            }
        }
    }
}

/// Mean over the features, where it is subtracted, and the scale `1 / sqrt(mean square + epsilon)`.
struct RowMoments {
    mean: f64,
    scale: f64,
}

impl<R: ModelReal> Norm<R> {
    #[inline(always)]
    fn moments(&self, row: &[R]) -> RowMoments {
        let count = self.weight.len() as f64;
        let mean = if self.bias.is_some() { sum(row, |v| v) / count } else { 0.0 };
        let square = sum(row, |v| (v - mean) * (v - mean)) / count;
        RowMoments { mean, scale: 1.0 / (square + self.epsilon).sqrt() }
    }

    /// The gradient of the inputs `x` (tokens, features) for that of the outputs, `dy`. With `y = (x - mean) scale w`,
    /// `u = (x - mean) scale` and `g = w dy`, it is `scale (g - mean(g) - u mean(g u))`, without the first mean where the
    /// mean of x is not subtracted.
    pub fn backward(&self, x: &[R], dy: &[R]) -> Vec<R> {
        let features = self.weight.len();
        let mut dx = Vec::with_capacity(x.len());
        let (mut g, mut u) = (vec![0.0; features], vec![0.0; features]);
        for (row, dy) in x.chunks_exact(features).zip(dy.chunks_exact(features)) {
            let RowMoments { mean, scale } = self.moments(row);
            for j in 0..features {
                g[j] = self.weight[j].to_f64() * dy[j].to_f64();
                u[j] = (row[j].to_f64() - mean) * scale;
            }
            let of_g = if self.bias.is_some() { g.iter().sum::<f64>() / features as f64 } else { 0.0 };
            let of_product = g.iter().zip(&u).map(|(g, u)| g * u).sum::<f64>() / features as f64;
            dx.extend(g.iter().zip(&u).map(|(g, u)| R::of(scale * (g - of_g - u * of_product))));
        }
        dx
    }
}

/// Partial sums of [`sum`]: as many as hide the latency of an addition.
const SUMS: usize = 32;

/// `sum_j f(v_j)` in double precision, in partial sums that are added pairwise.
#[inline(always)]
fn sum<R: ModelReal>(values: &[R], f: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<SUMS>();
    let mut sums = [0.0; SUMS];
    for chunk in chunks {
        for lane in 0..SUMS {
            sums[lane] += f(chunk[lane].to_f64());
        }
    }
    for (lane, v) in rest.iter().enumerate() {
        sums[lane] += f(v.to_f64());
    }
    let mut left = SUMS / 2;
    while left > 0 {
        for lane in 0..left {
            sums[lane] += sums[lane + left];
        }
        left /= 2;
    }
    sums[0]
}
