//! The deviation of one network, given its starts.

use super::propagate::Fluctuations;
use super::record::inner;

/// The predicted deviation of one network from the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedPrediction {
    /// Coefficients z_k of its starts on the modes.
    pub coefficients: Vec<f64>,
    /// The predicted `f_N - f`, (n K), at every recording time.
    pub deviations: Vec<Vec<f64>>,
}

/// Modes whose field has a smaller square norm, relative to the largest, are rounding: where the features have fewer
/// directions than there are modes.
const LEAST_SQUARE: f64 = 1e-20;

impl Fluctuations {
    /// `1 / sum_t |g^k_t|^2` over some recording times, (modes); 0 for a mode that has no field but rounding.
    pub(super) fn mode_scales(&self, times: &[usize]) -> Vec<f64> {
        let square = |t: usize, k: usize| self.records[t].bare.column(k).iter().map(|v| v * v).sum::<f64>();
        let norm = |k: usize| times.iter().map(|&t| square(t, k)).sum::<f64>() / self.samples as f64;
        let norms: Vec<f64> = (0..self.modes).map(norm).collect();
        let least = LEAST_SQUARE * norms.iter().copied().fold(0.0, f64::max);
        norms.into_iter().map(|norm| if norm > least { 1.0 / norm } else { 0.0 }).collect()
    }

    /// The deviation of a network from its bare fluctuation, at the recording times: `bare[t]` (n K) is
    /// `mean_i phi(x; theta_i(t)) - f_t(x)` where the network's N starts follow the field of the limit alone, without
    /// interaction.
    ///
    /// Over times and samples the fields g^k of the modes are orthogonal, so that the bare fluctuation has the
    /// coefficients `z_k = sum_t <g_N, g^k> / sum_t |g^k|^2`, and
    ///
    /// ```text
    /// f_N - f ~ sum_k z_k G^k + ( g_N - sum_k z_k g^k )
    /// ```
    ///
    /// where the rest, which the modes do not contain, is taken without response. The recording times should be those
    /// of the features from which the modes were found.
    ///
    /// # Panics
    /// If there are fewer bare fluctuations than records.
    pub fn seed_prediction(&self, bare: &[Vec<f64>]) -> SeedPrediction {
        let mut deviations = bare[..self.records.len()].to_vec();
        let scales = self.mode_scales(&(0..self.records.len()).collect::<Vec<_>>());
        let coefficient = |k: usize| {
            let products = self.records.iter().zip(bare).map(|(r, bare)| inner(bare, r.bare.column(k), self.samples));
            products.sum::<f64>() * scales[k]
        };
        let coefficients: Vec<f64> = (0..self.modes).map(coefficient).collect();
        for (record, deviation) in self.records.iter().zip(&mut deviations) {
            for (k, z) in coefficients.iter().enumerate() {
                let response = record.field.column(k).into_iter().zip(record.bare.column(k));
                deviation.iter_mut().zip(response).for_each(|(d, (field, bare))| *d += z * (field - bare));
            }
        }
        SeedPrediction { coefficients, deviations }
    }
}
