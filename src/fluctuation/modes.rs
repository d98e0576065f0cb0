//! The leading modes of the fluctuation of independent particles, by a randomised range finder.

use super::FluctuationError;
use super::bare::inner;
use super::features::{FeatureBuffer, column_mut, tile_groups};
use super::gaussian::{WeightPurpose, gaussian_matrix};
use super::inputs::InputTiles;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::{Threads, for_each_chunk, vector};
use crate::network::{Batch, TwoLayer};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use std::sync::{Mutex, PoisonError};

/// Columns of the test matrix beyond the number of modes.
const EXTRA: usize = 24;

/// Power iterations, after each of which the columns are made orthonormal.
const ITERATIONS: usize = 2;

/// Share of its norm below which what is left of a vector by Gram-Schmidt is rounding.
const DEPENDENT: f64 = 1e-10;

/// Groups of samples whose products are formed in parallel and then added in order.
const PARALLEL_GROUPS: usize = 8;

/// The features `phi(x; theta_i(t))` of the particles of a limit at some times, evaluated when needed.
#[derive(Clone, Copy)]
pub struct LimitFeatures<'a> {
    /// The network.
    pub network: &'a TwoLayer,
    /// Particles M.
    pub width: usize,
    /// The sample.
    pub population: &'a Batch<f64>,
    /// The parameters of the cloud at each time, as state slices.
    pub states: &'a [Vec<f64>],
    /// Whether products may use more than one thread.
    pub threads: Threads,
}

impl LimitFeatures<'_> {
    /// One buffer for every thread.
    fn buffers(&self) -> Vec<Mutex<FeatureBuffer>> {
        (0..self.threads.count()).map(|_| Mutex::default()).collect()
    }

    /// Particles M.
    pub fn particles(&self) -> usize {
        self.width
    }

    /// `sum Phi Phi^T z` over times and samples, divided by their number and M; Phi is centred over the particles.
    pub(super) fn gram_product(&self, inputs: &InputTiles, z: MatRef<'_, f64>) -> Mat<f64> {
        let groups = (0..self.states.len()).flat_map(|t| tile_groups(inputs).map(move |tiles| (t, tiles)));
        let groups: Vec<_> = groups.collect();
        let buffers = self.buffers();
        let mut total = Mat::<f64>::zeros(z.nrows(), z.ncols());
        for groups in groups.chunks(PARALLEL_GROUPS) {
            let mut parts: Vec<Option<Mat<f64>>> = groups.iter().map(|_| None).collect();
            for_each_chunk(self.threads.count(), &mut parts, 1, |index, part, thread| {
                let (t, tiles) = groups[index].clone();
                let mut buffer = buffers[thread].lock().unwrap_or_else(PoisonError::into_inner);
                let mut phi = buffer.evaluate(self.network, self.width, &self.states[t], inputs, tiles);
                centre(&mut phi);
                profile::count(WorkKind::Columns, || {
                    let size = phi.nrows() * phi.ncols();
                    WorkCounts::of::<f64>(4 * size * z.ncols(), 0, 2 * (size + z.nrows() * z.ncols()))
                });
                let mut inner = Mat::zeros(phi.ncols(), z.ncols());
                matmul(inner.as_mut(), Accum::Replace, phi.as_ref().transpose(), z, 1.0, Par::Seq);
                let mut product = Mat::zeros(phi.nrows(), z.ncols());
                matmul(product.as_mut(), Accum::Replace, phi.as_ref(), inner.as_ref(), 1.0, Par::Seq);
                part[0] = Some(product);
            });
            parts.into_iter().flatten().for_each(|part| total += part);
        }
        total *= faer::Scale(1.0 / (self.states.len() * self.population.y.len() * self.width) as f64);
        total
    }

    /// The trace of `sum Phi Phi^T` with the same divisor: the bare variance, over times and samples.
    pub(super) fn bare_variance(&self, inputs: &InputTiles) -> f64 {
        let groups = (0..self.states.len()).flat_map(|t| tile_groups(inputs).map(move |tiles| (t, tiles)));
        let groups: Vec<_> = groups.collect();
        let (buffers, mut parts) = (self.buffers(), vec![0.0; groups.len()]);
        for_each_chunk(self.threads.count(), &mut parts, 1, |index, part, thread| {
            let (t, tiles) = groups[index].clone();
            let mut buffer = buffers[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let mut phi = buffer.evaluate(self.network, self.width, &self.states[t], inputs, tiles);
            centre(&mut phi);
            part[0] = inner(phi.as_ref(), phi.as_ref());
        });
        parts.iter().sum::<f64>() / (self.states.len() * self.population.y.len() * self.width) as f64
    }
}

/// Subtracts the mean over the rows.
pub(super) fn centre(features: &mut MatMut<'_, f64>) {
    for c in 0..features.ncols() {
        let column = column_mut(features, c);
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        column.iter_mut().for_each(|v| *v -= mean);
    }
}

/// Orthonormal vectors (M, `modes`) of mean zero that span the leading left singular vectors of the features, found from
/// the range of `(Phi Phi^T)^3` applied to a Gaussian matrix.
///
/// # Errors
/// More modes than a cloud of M particles has; features that are not finite.
pub(super) fn leading_modes(
    features: &LimitFeatures<'_>,
    modes: usize,
    seed: u64,
) -> Result<Mat<f64>, FluctuationError> {
    let particles = features.particles();
    if modes == 0 {
        return Ok(Mat::zeros(particles, 0));
    }
    if modes >= particles {
        return Err(FluctuationError::TooManyModes { columns: modes, particles });
    }
    let inputs = InputTiles::new(features.network, &features.population.x);
    let tried = (modes + EXTRA).min(particles - 1);
    let mut z = gaussian_matrix(particles, tried, WeightPurpose::TestMatrix, seed);
    centre(&mut z.as_mut());
    for _ in 0..ITERATIONS {
        z = orthonormal(features.gram_product(&inputs, z.as_ref()).as_ref(), seed);
    }
    let image = features.gram_product(&inputs, z.as_ref());
    let mut small = Mat::zeros(tried, tried);
    matmul(small.as_mut(), Accum::Replace, z.transpose(), image.as_ref(), 1.0, Par::Seq);
    let small = Mat::from_fn(tried, tried, |i, j| 0.5 * (small[(i, j)] + small[(j, i)]));
    if !(0..tried).all(|j| small.col_as_slice(j).iter().all(|v| v.is_finite())) {
        return Err(FluctuationError::NotFinite { what: "features" });
    }
    let eigen = small.self_adjoint_eigen(Side::Lower).map_err(|_| FluctuationError::NotFinite { what: "features" })?;
    // Eigenvalues are in increasing order.
    let leading = Mat::from_fn(tried, modes, |i, j| eigen.U()[(i, tried - 1 - j)]);
    let mut basis = Mat::zeros(particles, modes);
    matmul(basis.as_mut(), Accum::Replace, z.as_ref(), leading.as_ref(), 1.0, Par::Seq);
    Ok(orthonormal(basis.as_ref(), seed))
}

/// Orthonormal columns of mean zero whose span contains the range of a matrix with columns of mean zero, by two passes
/// of Gram-Schmidt. A column that depends on those before it within rounding is replaced by a random vector.
fn orthonormal(matrix: MatRef<'_, f64>, seed: u64) -> Mat<f64> {
    let mut out = matrix.to_owned();
    let replacements = gaussian_matrix(out.nrows(), out.ncols(), WeightPurpose::Replacement, seed);
    for k in 0..out.ncols() {
        let mut column = out.col_as_slice(k).to_vec();
        if reduce(&out, k, &mut column) < DEPENDENT {
            column.copy_from_slice(replacements.col_as_slice(k));
            reduce(&out, k, &mut column);
        }
        out.col_as_slice_mut(k).copy_from_slice(&column);
    }
    out
}

/// Makes a vector orthogonal to constants and to the first `count` columns, and of norm 1; returns the share of its
/// norm that was left before it was scaled.
fn reduce(basis: &Mat<f64>, count: usize, column: &mut [f64]) -> f64 {
    let before = norm(column);
    for _ in 0..2 {
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        column.iter_mut().for_each(|v| *v -= mean);
        for l in 0..count {
            let other = basis.col_as_slice(l);
            vector::axpy(-vector::dot(other, column), other, column);
        }
    }
    let after = norm(column);
    column.iter_mut().for_each(|v| *v /= after);
    if before > 0.0 { after / before } else { 0.0 }
}

fn norm(v: &[f64]) -> f64 {
    vector::dot(v, v).sqrt()
}
