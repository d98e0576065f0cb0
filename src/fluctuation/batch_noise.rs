//! The noise of mini-batches, which all neurons share.

use super::layout::TangentLayout;
use crate::compute::rng::{Role, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

/// The noise of mini-batches from a law that n points represent: a fixed sample, whose empirical law it is, or the
/// quadrature of a law from which every batch is drawn afresh.
///
/// With independent draws the gradient over a batch of B is that of the residual field `e(x) (1 + w(x))` with `E w = 0`
/// and `Cov w(x, x') = (n delta_xx' - 1) / B`. It is common to all neurons, so that it remains at infinite width. To
/// leading order a step of size eps moves the predictions from the limit by `sqrt(eps / B) G'`, where G' solves the
/// tangent system with the drive `l'' G' + e w'`, `w' = sqrt(B / eps) w`. Each column is one independent draw, new in
/// every step; the columns' weights nu are zero. The mean square of G' is `c'(t)`:
/// `E |f_{eps,B} - f_eps|^2 = c'(t) eps / B`, and the mean second order of the system is `b'`:
/// `E f_{eps,B} - f_eps = b'(t) eps / B`. Neither depends on eps to leading order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNoise {
    /// Seed of the draws.
    pub seed: u64,
    /// Factor of the draws `sqrt(n) (z - mean z)`, z standard normal.
    pub scale: f64,
}

impl BatchNoise {
    /// The noise in `columns` columns whose sum of squares is `c'`: steps of size `step`, as many draws as columns.
    pub fn of_columns(seed: u64, columns: usize, step: f64) -> Self {
        BatchNoise { seed, scale: 1.0 / (columns as f64 * step).sqrt() }
    }

    /// Writes the noise w' of a column at a step at n samples.
    pub fn draw(self, column: usize, step: u64, out: &mut [f64]) {
        let mut rng = stream(self.seed, Role::FluctuationBatch, column as u64, step);
        out.iter_mut().for_each(|z| *z = rng.sample::<f64, _>(StandardNormal));
        let n = out.len() as f64;
        let mean = out.iter().sum::<f64>() / n;
        let scale = self.scale * n.sqrt();
        out.iter_mut().for_each(|z| *z = scale * (*z - mean));
    }

    /// Adds `e w'` to the drive (n, K, stride) of every column, from the residuals e (n, K), and the second order
    /// `sum_k w'^k l'' G^k` to the drive of the mean. Its mean over the noise of the step is zero; with it every draw is
    /// that of the batch itself.
    pub(super) fn add(self, step: u64, layout: TangentLayout, outputs: usize, residual: &[f64], drive: &mut [f64]) {
        let stride = layout.stride();
        let mut w = vec![0.0; residual.len() / outputs];
        for c in 0..layout.columns {
            self.draw(c, step, &mut w);
            for (at, e) in residual.iter().enumerate() {
                let row = &mut drive[at * stride..(at + 1) * stride];
                if let Some(mean) = layout.mean_column() {
                    row[mean] += w[at / outputs] * row[c];
                }
                row[c] += e * w[at / outputs];
            }
        }
    }
}
