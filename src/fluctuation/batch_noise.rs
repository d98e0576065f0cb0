//! The noise of mini-batches, which all neurons share.

use crate::compute::rng::{Role, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

/// The noise of mini-batches of a fixed sample of n points.
///
/// With indices drawn uniformly with replacement, the gradient over a batch of B is that of the residual field
/// `e(x) (1 + w(x))` with `E w = 0` and `Cov w(x, x') = (n delta_xx' - 1) / B`. It is common to all neurons, so that it
/// remains at infinite width. To leading order a step of size eps moves the predictions from the limit by
/// `sqrt(eps / B) G'`, where G' solves the tangent system with the drive `l'' G' + e w'`, `w' = sqrt(B) w` divided by
/// `sqrt(eps)`. Each column is one independent draw `w' = sqrt(n) (z - mean z)`, z standard normal, new in every step;
/// the columns' weights nu are zero. The mean square of the columns divided by eps is `c'(t)`:
/// `E |f_{eps,B} - f_eps|^2 = c'(t) eps / B`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNoise {
    /// Seed of the draws.
    pub seed: u64,
}

impl BatchNoise {
    /// Writes the noise w' of a column at a step at n samples.
    pub fn draw(self, column: usize, step: u64, out: &mut [f64]) {
        let mut rng = stream(self.seed, Role::FluctuationBatch, column as u64, step);
        out.iter_mut().for_each(|z| *z = rng.sample::<f64, _>(StandardNormal));
        let n = out.len() as f64;
        let mean = out.iter().sum::<f64>() / n;
        out.iter_mut().for_each(|z| *z = n.sqrt() * (*z - mean));
    }

    /// Adds `e w'` to the drive (n, K, stride) of every column, from the residuals e (n, K).
    pub(super) fn add(self, step: u64, columns: usize, outputs: usize, residual: &[f64], drive: &mut [f64]) {
        let stride = drive.len() / residual.len();
        let mut w = vec![0.0; residual.len() / outputs];
        for c in 0..columns {
            self.draw(c, step, &mut w);
            for (at, e) in residual.iter().enumerate() {
                drive[at * stride + c] += e * w[at / outputs];
            }
        }
    }
}
