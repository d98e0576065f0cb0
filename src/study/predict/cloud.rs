//! The tangent cloud: particles of the limit from low-discrepancy starts, with the fluctuations that they carry.

use super::Predict;
use super::record::PredictedArrays;
use crate::compute::Threads;
use crate::dynamics::{
    BatchSource, Batches, Brownian, Ensemble, Force, NetworkForce, NoNoise, Noise, Scheme, Simulation, State,
    StopReason, TimeLoop,
};
use crate::fluctuation::{
    FluctuationError, Fluctuations, GivenField, GivenForce, LimitFeatures, LossGap, NoiseColumns, PredictedLaw,
    RecordedField, SpreadPrediction, TangentRun, TangentSystem,
};
use crate::network::Loss;
use crate::record::npz::shaped;
use crate::run::context::RunError;
use crate::run::problem::Problem;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Most recording times at which the features enter the modes.
const MODE_TIMES: usize = 20;

/// First particle of the Brownian paths of the tangent cloud: no network or limit has particles beyond it.
const FIRST_PARTICLE: u64 = 1 << 40;

/// Share of the work that the cloud takes without its tangent vectors.
const CLOUD_SHARE: f64 = 0.05;

/// Everything about a cloud of the tangent system but its fluctuations.
#[derive(Clone, Copy)]
pub(super) struct TangentCloud<'a> {
    /// The table.
    pub spec: &'a Predict,
    /// The problem.
    pub problem: &'a Problem<'a, f64>,
    /// Particles: those of the table, or half of them.
    pub particles: usize,
    /// The predictions that the cloud follows, at every step; none where it follows its own average.
    pub given: Option<&'a RecordedField>,
}

/// What is predicted from one cloud. Numbers by time have one entry per recording time; those by width refer to the last
/// one, unless they have a row of recording times for every width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CloudPrediction {
    variance: Vec<f64>,
    spread: Vec<f64>,
    spread_bias: Vec<f64>,
    spread_variance: Vec<f64>,
    gap_bias: Vec<f64>,
    gap_mean: Vec<f64>,
    gap_linear: Vec<f64>,
    gap_square: Vec<f64>,
    coupling: Vec<f64>,
    column_change: Vec<f64>,
    bias_ratio: Vec<f64>,
    largest_share: Vec<f64>,
    bare_ratio: Vec<f64>,
    supremum: Vec<f64>,
    function_law: Vec<f64>,
    laws: Vec<WidthLaws>,
}

/// The laws of one width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WidthLaws {
    gap_low: Vec<f64>,
    gap_high: Vec<f64>,
    dropout: Vec<f64>,
    dropout_law: Vec<f64>,
    barrier: Vec<f64>,
}

/// Mean, standard deviation, 5 % and 95 % quantiles of a law.
fn summary(law: &PredictedLaw) -> Vec<f64> {
    vec![law.mean(), law.deviation(), law.quantile(0.05), law.quantile(0.95)]
}

/// Numbers of [`summary`].
const SUMMARY: usize = 4;

impl TangentCloud<'_> {
    pub(super) fn scheme(&self) -> Scheme {
        Scheme { method: self.spec.method, motion: self.problem.experiment.dynamics.motion(self.spec.step) }
    }

    pub(super) fn ensemble(&self) -> Ensemble<'_, f64> {
        let Problem { network, population, .. } = self.problem;
        Ensemble { network, width: self.particles, population, objective: self.problem.objective() }
    }

    /// The cloud at the start: points of a Sobol' sequence mapped to the law of the start. The cloud with half of the
    /// particles consists of the first half of the points.
    pub(super) fn start(&self) -> Result<State<f64>, RunError> {
        let e = self.problem.experiment;
        let momentum = if self.scheme().motion.first_order { 0.0 } else { e.network.start_momentum };
        let seeds = (e.seed, e.seed);
        let start = self.problem.network.low_discrepancy_start(&e.network.start, momentum, seeds, self.particles)?;
        Ok(State { momentum: start.momentum, ..State::at_rest(start.theta) })
    }

    pub(super) fn noise(&self) -> Option<Box<dyn Noise<f64>>> {
        let e = self.problem.experiment;
        let (network, width) = (self.problem.network.clone(), self.particles);
        let brownian = Brownian { seed: e.seed, first: FIRST_PARTICLE, network, width, ticks: 1 };
        (e.dynamics.temperature > 0.0).then(|| Box::new(brownian) as Box<dyn Noise<f64>>)
    }

    /// Indices of the recording times at which the features enter the modes.
    pub(super) fn mode_times(&self) -> Vec<usize> {
        let last = self.problem.times.len() - 1;
        let mut chosen: Vec<usize> = (0..=MODE_TIMES).map(|k| k * last / MODE_TIMES).collect();
        chosen.dedup();
        chosen
    }

    /// The parameters of the cloud at these times.
    fn states(&self, interrupted: &dyn Fn(f64) -> bool) -> Result<Vec<Vec<f64>>, RunError> {
        let ensemble = self.ensemble();
        let batches = Batches { source: BatchSource::Full, seed: self.problem.experiment.seed, replica: 0 };
        let start = self.start()?;
        let coordinates = ensemble.network.coordinates(self.particles);
        let force: Box<dyn Force<f64> + '_> = match self.given {
            Some(field) => Box::new(GivenForce::new(ensemble, self.problem.independent(), field, Threads::Pool)),
            None => Box::new(NetworkForce::new(ensemble, batches, Threads::Pool)),
        };
        let mut simulation = Simulation {
            integrator: self.scheme().integrator(coordinates, start.theta.len()),
            force,
            noise: self.noise().unwrap_or_else(|| Box::new(NoNoise)),
            state: start,
        };
        let chosen = self.mode_times();
        let mut states = Vec::with_capacity(chosen.len());
        let mut record = |index: usize, state: &State<f64>| {
            if chosen.contains(&index) {
                states.push(state.theta.clone());
            }
            0.0
        };
        let Ok(stop) =
            TimeLoop::over(&self.problem.times).interrupted_when(interrupted).run(&mut simulation, &mut record);
        match stop {
            StopReason::Horizon => Ok(states),
            StopReason::Interrupted { .. } => Err(FluctuationError::Interrupted.into()),
            StopReason::Diverged { .. } | StopReason::TooManySteps { .. } => {
                Err(FluctuationError::NotFinite { what: "states" }.into())
            }
        }
    }

    /// The fluctuations along the cloud. `proceed` is called with the completed fraction and returns whether to go on.
    pub fn fluctuations(&self, proceed: &dyn Fn(f64) -> bool) -> Result<Fluctuations, RunError> {
        let network = self.problem.network.as_two_layer().ok_or(FluctuationError::Depth)?;
        let horizon = self.problem.experiment.horizon.time;
        let states = self.states(&|t| !proceed(CLOUD_SHARE * t / horizon))?;
        let features = LimitFeatures {
            network,
            width: self.particles,
            population: &self.problem.population,
            states: &states,
            threads: Threads::Pool,
        };
        let Predict { modes, columns, .. } = *self.spec;
        let columns = NoiseColumns::modes_and_complement(&features, modes, columns, self.problem.experiment.seed)?;
        let system = TangentSystem {
            ensemble: self.ensemble(),
            columns: &columns,
            second_order: true,
            batch_noise: None,
            given: self.given.map(|field| field as &dyn GivenField),
            threads: Threads::Pool,
        };
        let times = &self.problem.times;
        let (scheme, start, noise) = (self.scheme(), self.start()?, self.noise());
        let run = TangentRun { system, scheme, start, noise, times, features_at: &[] };
        let interrupted = |t: f64| !proceed(CLOUD_SHARE + (1.0 - CLOUD_SHARE) * t / horizon);
        Ok(run.propagate_unless(&interrupted)?)
    }

    /// Everything that is predicted from the fluctuations along this cloud.
    pub fn predict(&self, found: &Fluctuations) -> Result<CloudPrediction, RunError> {
        let (seed, draws) = (self.problem.experiment.seed, self.spec.draws);
        let times = 0..found.records.len();
        let gaps = times.clone().map(|t| found.loss_gap(t)).collect::<Result<Vec<_>, _>>()?;
        let spreads = times.clone().map(|t| found.spread(t)).collect::<Result<Vec<_>, _>>()?;
        let guards: Vec<_> = times.clone().map(|t| found.guards(t)).collect();
        let of_gaps = |f: &dyn Fn(&LossGap) -> f64| gaps.iter().map(f).collect::<Vec<f64>>();
        let laws = |&width: &usize| self.width_laws(found, &gaps, &spreads, width);
        Ok(CloudPrediction {
            variance: found.variance(),
            spread: spreads.iter().map(|spread| spread.limit).collect(),
            spread_bias: spreads.iter().map(|spread| spread.bias).collect(),
            spread_variance: spreads.iter().map(|spread| spread.variance).collect(),
            gap_bias: of_gaps(&|gap| gap.bias),
            gap_mean: of_gaps(&LossGap::scaled_mean),
            gap_linear: of_gaps(&|gap| gap.slopes.iter().map(|v| v * v).sum()),
            gap_square: of_gaps(&|gap| 0.5 * gap.curvature.iter().map(|v| v * v).sum::<f64>()),
            coupling: times.clone().map(|t| found.coupling_distance(t, 1.0).powi(2)).collect(),
            column_change: guards.iter().map(|guard| guard.column_change).collect(),
            bias_ratio: guards.iter().map(|guard| guard.bias_ratio).collect(),
            largest_share: guards.iter().map(|guard| guard.largest_share).collect(),
            bare_ratio: guards.iter().map(|guard| guard.bare_ratio).collect(),
            supremum: summary(&found.supremum(draws, seed)),
            function_law: summary(&found.square_distance(times.end - 1, draws, seed)),
            laws: self.spec.widths.par_iter().with_max_len(1).map(laws).collect::<Result<_, RunError>>()?,
        })
    }

    /// The laws of networks of one width; those of dropout and of the barrier at the last recording time.
    fn width_laws(
        &self,
        found: &Fluctuations,
        gaps: &[LossGap],
        spreads: &[SpreadPrediction],
        width: usize,
    ) -> Result<WidthLaws, RunError> {
        let (seed, draws) = (self.problem.experiment.seed, self.spec.draws);
        let (u, kept, last) = (1.0 / width as f64, width / 2, gaps.len() - 1);
        let laws: Vec<_> = gaps.iter().map(|gap| gap.law(u, draws, seed)).collect();
        let dropout_law = found.dropout_cost(last, (width, kept), draws, seed)?;
        // The closed form is that of the half-squared loss; the mean for other losses is sampled at the end only.
        let dropout = if self.problem.experiment.network.loss == Loss::HalfSquared {
            spreads.iter().map(|spread| spread.mean_cost(width, kept)).collect()
        } else {
            (0..gaps.len()).map(|t| if t == last { dropout_law.mean() } else { f64::NAN }).collect()
        };
        Ok(WidthLaws {
            gap_low: laws.iter().map(|law| law.quantile(0.05)).collect(),
            gap_high: laws.iter().map(|law| law.quantile(0.95)).collect(),
            dropout,
            dropout_law: summary(&dropout_law),
            barrier: summary(&found.barrier(last, width, draws, seed)?.barrier),
        })
    }
}

impl CloudPrediction {
    /// Whether there are predictions for so many recording times and widths.
    pub fn fits(&self, times: usize, widths: usize) -> bool {
        let by_time = [
            &self.variance,
            &self.spread,
            &self.spread_bias,
            &self.spread_variance,
            &self.gap_bias,
            &self.gap_mean,
            &self.gap_linear,
            &self.gap_square,
            &self.coupling,
            &self.column_change,
            &self.bias_ratio,
            &self.largest_share,
            &self.bare_ratio,
        ];
        let law = |law: &WidthLaws| {
            [&law.gap_low, &law.gap_high, &law.dropout].iter().all(|values| values.len() == times)
                && [&law.dropout_law, &law.barrier].iter().all(|values| values.len() == SUMMARY)
        };
        by_time.iter().all(|values| values.len() == times)
            && [&self.supremum, &self.function_law].iter().all(|values| values.len() == SUMMARY)
            && self.laws.len() == widths
            && self.laws.iter().all(law)
    }

    /// The arrays of the record.
    pub fn arrays(self) -> PredictedArrays {
        let by_width = |f: &dyn Fn(&WidthLaws) -> &Vec<f64>| -> Array2<f64> {
            let columns = self.laws.first().map_or(0, |law| f(law).len());
            shaped((self.laws.len(), columns), self.laws.iter().flat_map(|law| f(law).clone()).collect())
        };
        PredictedArrays {
            gap_low: by_width(&|law| &law.gap_low),
            gap_high: by_width(&|law| &law.gap_high),
            dropout: by_width(&|law| &law.dropout),
            dropout_law: by_width(&|law| &law.dropout_law),
            barrier: by_width(&|law| &law.barrier),
            variance: Array1::from(self.variance),
            spread: Array1::from(self.spread),
            spread_bias: Array1::from(self.spread_bias),
            spread_variance: Array1::from(self.spread_variance),
            gap_bias: Array1::from(self.gap_bias),
            gap_mean: Array1::from(self.gap_mean),
            gap_linear: Array1::from(self.gap_linear),
            gap_square: Array1::from(self.gap_square),
            coupling: Array1::from(self.coupling),
            column_change: Array1::from(self.column_change),
            bias_ratio: Array1::from(self.bias_ratio),
            largest_share: Array1::from(self.largest_share),
            bare_ratio: Array1::from(self.bare_ratio),
            supremum: Array1::from(self.supremum),
            function_law: Array1::from(self.function_law),
        }
    }
}
