//! The columns of the noise: weights of the particles whose covariance is that of independent starts.

use super::FluctuationError;
use super::bare::{BareVariance, inner};
use super::gaussian::{WeightPurpose, gaussian_matrix};
use super::inputs::InputTiles;
use super::modes::{LimitFeatures, leading_modes};
use crate::compute::vector;
use faer::Mat;

/// Share of the bare variance below which what modes leave is rounding.
const COMPLETE: f64 = 1e-9;

/// Columns nu^k of weights of M particles, each of mean zero.
///
/// The starts of N particles of a cloud deviate from the cloud by `nu / sqrt N` with nu Gaussian of covariance
/// `1 - 1 1^T / M`. Columns with `sum_k nu^k nu^kT = 1 - 1 1^T / M`, exactly or in expectation, turn every quadratic
/// expectation into a sum: `E Q(G, G) = sum_k Q(G^k, G^k)`.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseColumns {
    particles: usize,
    columns: usize,
    modes: usize,
    /// (M, C) row-major.
    weights: Vec<f64>,
}

impl NoiseColumns {
    /// Given weights, (M, C) row-major, without modes.
    pub fn given(particles: usize, weights: Vec<f64>) -> Self {
        let columns = weights.len() / particles.max(1);
        NoiseColumns { particles, columns, modes: 0, weights }
    }

    /// Columns of zeros, for systems that are driven by the noise of batches alone.
    pub fn zero(particles: usize, columns: usize) -> Self {
        NoiseColumns { particles, columns, modes: 0, weights: vec![0.0; particles * columns] }
    }

    /// Independent Gaussian columns of mean zero, divided by the root of their number. The relative error of a quadratic
    /// expectation is `sqrt(2 / (d C))` with d the effective dimension of the field.
    pub fn gaussian(particles: usize, columns: usize, seed: u64) -> Self {
        let none = Mat::zeros(particles, 0);
        let weights = random_complement(&none, columns, (WeightPurpose::RandomColumns, seed));
        NoiseColumns::given(particles, row_major(&weights))
    }

    /// `modes` orthonormal columns, the leading left singular vectors of the features of the limit over times and
    /// samples, and `random` Gaussian columns on their orthogonal complement, divided by `sqrt(random)`. A quadratic
    /// expectation is exact on the modes and unbiased on the complement, up to a common factor near 1 of the random
    /// columns: with it the bare variance, summed over the times of the features, is that of the cloud.
    ///
    /// # Errors
    /// More columns than the cloud allows; features that are not finite.
    pub fn modes_and_complement(
        features: &LimitFeatures<'_>,
        modes: usize,
        random: usize,
        seed: u64,
    ) -> Result<Self, FluctuationError> {
        let inputs = InputTiles::new(features.network, &features.population.x);
        let bare = BareVariance {
            total: features.bare_variance(&inputs),
            of: &|columns| inner(columns, features.gram_product(&inputs, columns).as_ref()),
        };
        let basis = leading_modes(features, modes, seed)?;
        Ok(NoiseColumns::on_basis(&basis, random, (WeightPurpose::RandomColumns, seed), &bare))
    }

    /// The orthonormal columns of `basis`, each of mean zero, and `random` Gaussian columns on their complement, scaled so
    /// that all columns have the whole bare variance.
    pub(super) fn on_basis(
        basis: &Mat<f64>,
        random: usize,
        draws: (WeightPurpose, u64),
        bare: &BareVariance<'_>,
    ) -> Self {
        let (particles, modes) = (basis.nrows(), basis.ncols());
        let mut rest = random_complement(basis, random, draws);
        if random > 0 {
            let left = bare.total - (bare.of)(basis.as_ref());
            // Where modes are complete, rounding is left.
            if left > COMPLETE * bare.total {
                rest *= faer::Scale((left / (bare.of)(rest.as_ref())).sqrt());
            }
        }
        let mut weights = Vec::with_capacity(particles * (modes + random));
        for i in 0..particles {
            weights.extend((0..modes).map(|k| basis[(i, k)]));
            weights.extend((0..random).map(|k| rest[(i, k)]));
        }
        NoiseColumns { particles, columns: modes + random, modes, weights }
    }

    /// Particles M.
    pub fn particles(&self) -> usize {
        self.particles
    }

    /// Columns C.
    pub fn count(&self) -> usize {
        self.columns
    }

    /// Leading columns that are orthonormal modes.
    pub fn modes(&self) -> usize {
        self.modes
    }

    /// The weights, (M, C) row-major.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// Gaussian columns of mean zero, orthogonal to `basis`, divided by the root of their number.
fn random_complement(basis: &Mat<f64>, columns: usize, (purpose, seed): (WeightPurpose, u64)) -> Mat<f64> {
    let particles = basis.nrows();
    let scale = 1.0 / (columns as f64).sqrt();
    let mut out = gaussian_matrix(particles, columns, purpose, seed);
    for k in 0..columns {
        let column = out.col_as_slice_mut(k);
        let mean = column.iter().sum::<f64>() / particles as f64;
        column.iter_mut().for_each(|v| *v -= mean);
        for mode in 0..basis.ncols() {
            let mode = basis.col_as_slice(mode);
            let product = vector::dot(mode, column);
            vector::axpy(-product, mode, column);
        }
        column.iter_mut().for_each(|v| *v *= scale);
    }
    out
}

fn row_major(matrix: &Mat<f64>) -> Vec<f64> {
    (0..matrix.nrows()).flat_map(|i| (0..matrix.ncols()).map(move |k| matrix[(i, k)])).collect()
}
