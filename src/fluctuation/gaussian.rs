//! Gaussian weights of the particles.

use crate::compute::rng::{Role, stream};
use faer::Mat;
use rand::RngExt;
use rand_distr::StandardNormal;

/// The purpose of Gaussian weights: the index `a` of [`Role::Fluctuation`].
#[derive(Clone, Copy, Debug)]
pub(super) enum WeightPurpose {
    TestMatrix = 0,
    RandomColumns = 1,
    Replacement = 2,
    SecondLayerColumns = 3,
    Rotation = 4,
    SecondLayerRotation = 5,
}

/// Standard normals, column by column from one stream each.
pub(super) fn gaussian_matrix(rows: usize, columns: usize, purpose: WeightPurpose, seed: u64) -> Mat<f64> {
    let mut out = Mat::zeros(rows, columns);
    for k in 0..columns {
        let mut rng = stream(seed, Role::Fluctuation, purpose as u64, k as u64);
        out.col_as_slice_mut(k).iter_mut().for_each(|v| *v = rng.sample(StandardNormal));
    }
    out
}
