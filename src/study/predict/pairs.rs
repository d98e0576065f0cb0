//! The fluctuations of a cloud from pairs of weighted clouds.

use super::cloud::{CLOUD_SHARE, TangentCloud};
use crate::compute::Threads;
use crate::dynamics::NoNoise;
use crate::fluctuation::pairs::WeightedCloud;
use crate::fluctuation::{Fluctuations, LimitFeatures, NoiseColumns, PairedRun, layer_columns};
use crate::network::Network;
use crate::run::context::RunError;

/// Added to the seed of the experiment for the weights between hidden layers of other starts.
const OTHER_WEIGHTS: u64 = 1 << 32;

impl TangentCloud<'_> {
    /// The fluctuations along the cloud by pairs. The weights of the cloud with half of the particles imitate networks of
    /// the same width. `proceed` is called with the completed fraction.
    pub(super) fn paired_fluctuations(&self, proceed: &dyn Fn(f64) -> bool) -> Result<Fluctuations, RunError> {
        let (e, network) = (self.problem.experiment, &self.problem.network);
        let columns = self.columns_of_layers(proceed)?;
        let start = self.start()?;
        let noise = || self.noise().unwrap_or_else(|| Box::new(NoNoise));
        let redrawn = |index: u64| {
            let weights = e.seed.wrapping_add((index + 1) * OTHER_WEIGHTS);
            self.start_with_weights(weights).expect("a start that differs in independent weights only")
        };
        let amplitude =
            self.spec.amplitude.unwrap_or(0.0) * (self.particles as f64 / self.spec.particles as f64).sqrt();
        let cloud = WeightedCloud {
            ensemble: self.ensemble(),
            start: &start,
            scheme: self.scheme(),
            times: &self.problem.times,
            noise: &noise,
            interrupt: Some(self.interrupt),
        };
        debug_assert_eq!(columns.len(), network.hidden_layers(1).len());
        let run = PairedRun { cloud, columns: &columns, amplitude, seed: e.seed, redrawn: &redrawn };
        let advanced = |fraction: f64| {
            proceed(CLOUD_SHARE + (1.0 - CLOUD_SHARE) * fraction);
        };
        Ok(run.propagate(&advanced)?)
    }

    /// The columns of the noise of every hidden layer.
    fn columns_of_layers(&self, proceed: &dyn Fn(f64) -> bool) -> Result<Vec<NoiseColumns>, RunError> {
        let (e, horizon) = (self.problem.experiment, self.problem.experiment.horizon.time);
        let states = self.states(&|t| !proceed(CLOUD_SHARE * t / horizon))?;
        let counts = (self.spec.modes, self.spec.columns);
        Ok(match &self.problem.network {
            Network::TwoLayer(network) => {
                let features = LimitFeatures {
                    network,
                    width: self.particles,
                    population: &self.problem.population,
                    states: &states,
                    threads: Threads::Pool,
                };
                vec![NoiseColumns::modes_and_complement(&features, counts.0, counts.1, e.seed)?]
            }
            network @ Network::ThreeLayer(_) => {
                layer_columns((network, self.particles), &states, self.problem.sample.x.view(), counts, e.seed)?
            }
        })
    }
}
