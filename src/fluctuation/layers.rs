//! The variance of a three-layer network, by layer.
//!
//! The predictions of a network of N1 and N2 neurons are a function of three independent families: the neurons of the
//! first layer, those of the second, and the weights u between them. By Hoeffding's decomposition
//!
//! ```text
//! E |f - E f|^2 = c1 / N1 + c2 / N2 + c12 / (N1 N2) + ...
//! ```
//!
//! c1 and c2 are `c(t)` of pairs of either layer ([`PairEstimates`]). c12 is the mean square of the mixed second
//! difference in the weights of both layers, for independent draws `nu`, `mu`:
//!
//! ```text
//! D = sqrt(M1 M2) (f_++ - f_+- - f_-+ + f_--) / (4 s^2),        c12 = E |D|^2
//! ```
//!
//! It contains the noise `c_u` of the weights u beside the interaction of the layers. By itself `c_u` is M1 M2 times the
//! variance of f where u is drawn again with the neurons fixed. The cloud has one draw of u, and a mean over M2 of its
//! weights is part of the influence of a neuron of the first layer: c1 of the cloud is too large by `c_u / M2`, c2 by
//! `c_u / M1`, which [`LayerVariances::at`] subtracts.

use super::pairs::{DrawMean, DrawSums, PairEstimates, PairSettings, PairsError, WeightedCloud, weight_draw};
use super::weighted::CloudWeights;
use crate::compute::Real;
use crate::dynamics::{Ensemble, State};

/// The coefficients of the variance of a three-layer network at the recording times, (T) each.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerVariances {
    /// Sizes M1 and M2 of the hidden layers of the cloud.
    pub layers: [usize; 2],
    /// c1 and c2 of the cloud.
    pub single: [Vec<DrawMean>; 2],
    /// c12.
    pub between: Vec<DrawMean>,
    /// The part `c_u` of c12 that is the noise of the weights between the hidden layers.
    pub weights: Vec<DrawMean>,
}

impl LayerVariances {
    /// The coefficients from estimates by pairs of either layer, the mixed differences of a cloud and the variance over
    /// its `redrawn` starts, which differ in the weights between the hidden layers only. `settings.layer` is not used.
    ///
    /// # Errors
    /// See [`PairsError`].
    pub fn of<R: Real>(
        cloud: &WeightedCloud<'_, R>,
        settings: PairSettings,
        single: [&PairEstimates; 2],
        redrawn: &(dyn Fn(u64) -> State<R> + Sync),
    ) -> Result<Self, PairsError> {
        let Ensemble { network, width, .. } = cloud.ensemble;
        let [m1, m2] = network.hidden_layers(width)[..] else { return Err(PairsError::OneLayer) };
        Ok(LayerVariances {
            layers: [m1, m2],
            single: single.map(|pairs| pairs.odd.clone()),
            between: mixed(cloud, settings, [m1, m2])?,
            weights: weight_noise(cloud, settings.draws, [m1, m2], redrawn)?,
        })
    }

    /// The predicted variance `E |f - E f|^2` of networks with hidden layers of these sizes at recording time `time`.
    /// Its error takes the coefficients as independent.
    pub fn at(&self, time: usize, sizes: [usize; 2]) -> DrawMean {
        let ([m1, m2], [n1, n2]) = (self.layers.map(|m| m as f64), sizes.map(|n| n as f64));
        let terms = [
            (self.single[0][time], 1.0 / n1),
            (self.single[1][time], 1.0 / n2),
            (self.between[time], 1.0 / (n1 * n2)),
            (self.weights[time], -1.0 / (m2 * n1) - 1.0 / (m1 * n2)),
        ];
        DrawMean {
            value: terms.iter().map(|(term, factor)| term.value * factor).sum(),
            standard_error: terms.iter().map(|(t, factor)| (t.standard_error * factor).powi(2)).sum::<f64>().sqrt(),
        }
    }
}

/// c12 from mixed differences, (T).
fn mixed<R: Real>(
    cloud: &WeightedCloud<'_, R>,
    PairSettings { amplitude: s, draws, seed, .. }: PairSettings,
    layers: [usize; 2],
) -> Result<Vec<DrawMean>, PairsError> {
    let Ensemble { network, width, .. } = cloud.ensemble;
    let scale = layers.map(|m| m as f64).iter().product::<f64>().sqrt() / (4.0 * s * s);
    let mut sums = DrawSums::default();
    let draw = |draw: u64| {
        let [nu, mu] = [0, 1].map(|layer| weight_draw(seed, layer, draw, layers[layer]));
        let run = |first: f64, second: f64| {
            let scaled = |draw: &[f64], sign: f64| draw.iter().map(|v| sign * s * v).collect::<Vec<f64>>();
            let (nu, mu) = (scaled(&nu, first), scaled(&mu, second));
            cloud.run(&CloudWeights::perturbed(network, width, &[(0, &nu), (1, &mu)])?)
        };
        let [pp, mm] = [run(1.0, 1.0)?, run(-1.0, -1.0)?];
        let [pm, mp] = [run(1.0, -1.0)?, run(-1.0, 1.0)?];
        let difference = (0..pp.f.len()).map(|k| scale * ((pp.f[k] + mm.f[k]) - (pm.f[k] + mp.f[k])));
        Ok(cloud.squares(difference))
    };
    cloud.over_draws(draws, draw, |squares| sums.add(&squares))?;
    Ok(sums.means())
}

/// M1 M2 times the variance over starts that differ in the weights between the hidden layers, (T), from independent
/// pairs of starts.
fn weight_noise<R: Real>(
    cloud: &WeightedCloud<'_, R>,
    draws: usize,
    [m1, m2]: [usize; 2],
    redrawn: &(dyn Fn(u64) -> State<R> + Sync),
) -> Result<Vec<DrawMean>, PairsError> {
    let Ensemble { network, width, .. } = cloud.ensemble;
    let uniform = CloudWeights::uniform(network, width);
    let scale = (0.5 * m1 as f64 * m2 as f64).sqrt();
    let mut sums = DrawSums::default();
    let draw = |draw: u64| {
        let run = |index: u64| WeightedCloud { start: &redrawn(index), ..*cloud }.run(&uniform);
        let (one, other) = (run(2 * draw)?, run(2 * draw + 1)?);
        Ok(cloud.squares(one.f.iter().zip(&other.f).map(|(a, b)| scale * (a - b))))
    };
    cloud.over_draws(draws, draw, |squares| sums.add(&squares))?;
    Ok(sums.means())
}
