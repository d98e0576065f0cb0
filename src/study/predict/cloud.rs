//! The tangent cloud: particles of the limit from low-discrepancy starts, with the fluctuations that they carry.

use super::paired_series::PairedSeries;
use super::record::PredictedArrays;
use super::{Predict, PredictionRoute};
use crate::compute::Threads;
use crate::compute::profile::{self, WorkKind};
use crate::dynamics::{
    BatchSource, Batches, Brownian, Ensemble, Force, NetworkForce, NoNoise, Noise, Scheme, Simulation, State,
    StopReason, TimeLoop,
};
use crate::fluctuation::{
    FluctuationError, Fluctuations, GivenField, GivenForce, LimitFeatures, LossGap, LossGapDraws, NoiseColumns,
    PredictedLaw, RecordedField, SpreadPrediction, TangentRun, TangentSystem,
};
use crate::network::Loss;
use crate::record::npz::shaped;
use crate::run::context::RunError;
use crate::run::problem::Problem;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;

/// Most recording times at which the features enter the modes.
const MODE_TIMES: usize = 20;

/// First particle of the Brownian paths of the tangent cloud: no network or limit has particles beyond it.
const FIRST_PARTICLE: u64 = 1 << 40;

/// Share of the work that the cloud takes without its tangent vectors.
pub(super) const CLOUD_SHARE: f64 = 0.05;

/// Everything about a cloud of the tangent system but its fluctuations.
#[derive(Clone, Copy)]
pub(super) struct TangentCloud<'a> {
    /// The table.
    pub spec: &'a Predict,
    /// The problem.
    pub problem: &'a Problem<'a, f64>,
    /// Particles: those of the table, or half of them.
    pub particles: usize,
    /// Interrupts the runs of pairs.
    pub interrupt: &'a AtomicBool,
    /// The predictions that the cloud follows, at every step; none where it follows its own average.
    pub given: Option<&'a RecordedField>,
}

/// The laws of one width: by recording time, or summarised.
struct WidthLaws {
    gap_low: Vec<f64>,
    gap_high: Vec<f64>,
    dropout: Vec<f64>,
    dropout_law: Vec<f64>,
    barrier: Vec<f64>,
}

/// Mean, standard deviation, 5 % and 95 % quantiles of a law.
pub(super) fn summary(law: &PredictedLaw) -> Vec<f64> {
    vec![law.mean(), law.deviation(), law.quantile(0.05), law.quantile(0.95)]
}

/// Numbers of [`summary`].
const SUMMARY: usize = 4;

/// A table with one row for each width.
fn by_width(laws: &[WidthLaws], columns: usize, row: impl Fn(&WidthLaws) -> &Vec<f64>) -> Array2<f64> {
    shaped((laws.len(), columns), laws.iter().flat_map(|law| row(law).clone()).collect())
}

impl TangentCloud<'_> {
    /// Method and step of the tangent system.
    pub fn scheme(&self) -> Scheme {
        Scheme { method: self.spec.method, motion: self.problem.experiment.dynamics.motion(self.spec.step) }
    }

    /// The cloud with the sample.
    pub fn ensemble(&self) -> Ensemble<'_, f64> {
        let Problem { network, population, .. } = self.problem;
        Ensemble { network, width: self.particles, population, objective: self.problem.objective() }
    }

    /// The cloud at the start: points of a Sobol' sequence mapped to the law of the start. The cloud with half of the
    /// particles consists of the first half of the points.
    pub fn start(&self) -> Result<State<f64>, RunError> {
        self.start_with_weights(self.problem.experiment.seed)
    }

    /// The same with weights between two hidden layers by another seed.
    pub fn start_with_weights(&self, weights: u64) -> Result<State<f64>, RunError> {
        let e = self.problem.experiment;
        let momentum = if e.dynamics.motion(1.0).first_order { 0.0 } else { e.network.start_momentum };
        let seeds = (e.seed, weights);
        let start = self.problem.network.low_discrepancy_start(&e.network.start, momentum, seeds, self.particles)?;
        Ok(State { momentum: start.momentum, ..State::at_rest(start.theta) })
    }

    /// Its Brownian path at positive temperature, one increment for every step.
    pub fn noise(&self) -> Option<Box<dyn Noise<f64>>> {
        let e = self.problem.experiment;
        let (network, width) = (self.problem.network.clone(), self.particles);
        let brownian = Brownian { seed: e.seed, first: FIRST_PARTICLE, network, width, ticks: 1 };
        (e.dynamics.temperature > 0.0).then(|| Box::new(brownian) as Box<dyn Noise<f64>>)
    }

    /// Indices of the recording times at which the features enter the modes.
    pub fn mode_times(&self) -> Vec<usize> {
        let last = self.problem.times.len() - 1;
        let mut chosen: Vec<usize> = (0..=MODE_TIMES).map(|k| k * last / MODE_TIMES).collect();
        chosen.dedup();
        chosen
    }

    /// Runs the cloud alone, without tangent vectors; `record` receives the states at `times`.
    pub fn simulate(
        &self,
        scheme: Scheme,
        times: &[f64],
        interrupted: &dyn Fn(f64) -> bool,
        record: &mut dyn FnMut(usize, &State<f64>),
    ) -> Result<(), RunError> {
        let ensemble = self.ensemble();
        let batches = Batches { source: BatchSource::Full, seed: self.problem.experiment.seed, replica: 0 };
        let start = self.start()?;
        let coordinates = ensemble.network.coordinates(self.particles);
        let force: Box<dyn Force<f64> + '_> = match self.given {
            Some(field) => Box::new(GivenForce::new(ensemble, self.problem.independent(), field, Threads::Pool)),
            None => Box::new(NetworkForce::new(ensemble, batches, Threads::Pool)),
        };
        let mut simulation = Simulation {
            integrator: scheme.integrator(coordinates, start.theta.len()),
            force,
            noise: self.noise().unwrap_or_else(|| Box::new(NoNoise)),
            state: start,
        };
        let mut observer = |index: usize, state: &State<f64>| {
            record(index, state);
            0.0
        };
        let Ok(stop) = TimeLoop::over(times).interrupted_when(interrupted).run(&mut simulation, &mut observer);
        match stop {
            StopReason::Horizon => Ok(()),
            StopReason::Interrupted { .. } => Err(FluctuationError::Interrupted.into()),
            StopReason::Diverged { .. } | StopReason::TooManySteps { .. } => {
                Err(FluctuationError::NotFinite { what: "states" }.into())
            }
        }
    }

    /// The parameters of the cloud at the recording times at which its features enter the modes.
    pub fn states(&self, interrupted: &dyn Fn(f64) -> bool) -> Result<Vec<Vec<f64>>, RunError> {
        let chosen = self.mode_times();
        let mut states = Vec::with_capacity(chosen.len());
        self.simulate(self.scheme(), &self.problem.times, interrupted, &mut |index, state| {
            if chosen.contains(&index) {
                states.push(state.theta.clone());
            }
        })?;
        Ok(states)
    }

    /// The fluctuations along the cloud. `proceed` is called with the completed fraction and returns whether to go on.
    pub fn fluctuations(&self, proceed: &dyn Fn(f64) -> bool) -> Result<Fluctuations, RunError> {
        if self.spec.by == PredictionRoute::Pairs {
            return self.paired_fluctuations(proceed);
        }
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

    /// Everything that is predicted from the fluctuations of the starts along this cloud.
    pub fn predicted(&self, found: &Fluctuations) -> Result<PredictedArrays, RunError> {
        let (seed, draws) = (self.problem.experiment.seed, self.spec.draws);
        let times = 0..found.records.len();
        let gaps = times.clone().map(|t| found.loss_gap(t)).collect::<Result<Vec<_>, _>>()?;
        let spreads = times.clone().map(|t| found.spread(t)).collect::<Result<Vec<_>, _>>()?;
        let guards: Vec<_> = times.clone().map(|t| found.guards(t)).collect();
        let of_gaps = |f: &dyn Fn(&LossGap) -> f64| gaps.iter().map(f).collect::<Array1<f64>>();
        let second = PairedSeries::of(found, times.end);
        let gap_draws: Vec<_> = gaps.par_iter().map(|gap| gap.draws(draws, seed)).collect();
        let laws = |&width: &usize| {
            let _timed = profile::time(WorkKind::Columns);
            self.width_laws(found, &gap_draws, &spreads, width)
        };
        let laws = self.spec.widths.par_iter().with_max_len(1).map(laws).collect::<Result<Vec<_>, RunError>>()?;
        Ok(PredictedArrays {
            variance: Array1::from(found.variance()),
            variance_second: second.parts.iter().map(|part| part.variance).collect(),
            layer_variance: shaped(
                (second.layer_variance.len(), times.end),
                second.layer_variance.into_iter().flatten().collect(),
            ),
            layer_interaction: Array1::from(second.layer_interaction),
            spread: spreads.iter().map(|spread| spread.limit).collect(),
            spread_bias: spreads.iter().map(|spread| spread.bias).collect(),
            spread_variance: spreads.iter().map(|spread| spread.variance).collect(),
            gap_bias: of_gaps(&|gap| gap.bias),
            gap_mean: of_gaps(&LossGap::scaled_mean),
            gap_mean_second: second.parts.iter().map(|part| part.gap_mean).collect(),
            gap_linear: of_gaps(&|gap| gap.slopes.iter().map(|v| v * v).sum()),
            gap_square: gaps
                .iter()
                .zip(&second.parts)
                .map(|(gap, part)| 0.5 * gap.curvature.iter().map(|v| v * v).sum::<f64>() + part.gap_variance)
                .collect(),
            coupling: times.clone().map(|t| found.coupling_distance(t, 1.0).powi(2)).collect(),
            column_error: guards.iter().map(|guard| guard.column_error).collect(),
            bias_ratio: guards.iter().map(|guard| guard.bias_ratio).collect(),
            largest_share: guards.iter().map(|guard| guard.largest_share).collect(),
            bare_ratio: guards.iter().map(|guard| guard.bare_ratio).collect(),
            supremum: Array1::from(summary(&found.supremum(draws, seed))),
            function_law: Array1::from(summary(&found.square_distance(times.end - 1, draws, seed))),
            gap_low: by_width(&laws, times.end, |law| &law.gap_low),
            gap_high: by_width(&laws, times.end, |law| &law.gap_high),
            dropout: by_width(&laws, times.end, |law| &law.dropout),
            dropout_law: by_width(&laws, SUMMARY, |law| &law.dropout_law),
            barrier: by_width(&laws, SUMMARY, |law| &law.barrier),
        })
    }

    /// The laws of networks of one width; those of dropout and of the barrier at the last recording time.
    fn width_laws(
        &self,
        found: &Fluctuations,
        gaps: &[LossGapDraws],
        spreads: &[SpreadPrediction],
        width: usize,
    ) -> Result<WidthLaws, RunError> {
        let (seed, draws) = (self.problem.experiment.seed, self.spec.draws);
        let neurons = self.problem.network.hidden_layers(width).pop().unwrap_or(width);
        let (u, kept, last) = (1.0 / width as f64, neurons / 2, gaps.len() - 1);
        let laws: Vec<_> = gaps.iter().map(|gap| gap.law(u)).collect();
        let dropout_law = found.dropout_cost(last, (neurons, kept), draws, seed)?;
        // The closed form is that of the half-squared loss; the mean for other losses is sampled at the end only.
        let dropout = if self.problem.experiment.network.loss == Loss::HalfSquared {
            spreads.iter().map(|spread| spread.mean_cost(neurons, kept)).collect()
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

impl PredictedArrays {
    /// Whether there are predictions for so many recording times and widths.
    pub(super) fn fits(&self, times: usize, widths: usize) -> bool {
        let by_time = [
            &self.variance,
            &self.variance_second,
            &self.layer_interaction,
            &self.gap_mean_second,
            &self.spread,
            &self.spread_bias,
            &self.spread_variance,
            &self.gap_bias,
            &self.gap_mean,
            &self.gap_linear,
            &self.gap_square,
            &self.coupling,
            &self.column_error,
            &self.bias_ratio,
            &self.largest_share,
            &self.bare_ratio,
        ];
        by_time.iter().all(|values| values.len() == times)
            && self.layer_variance.ncols() == times
            && [&self.supremum, &self.function_law].iter().all(|law| law.len() == SUMMARY)
            && [&self.gap_low, &self.gap_high, &self.dropout].iter().all(|table| table.dim() == (widths, times))
            && [&self.dropout_law, &self.barrier].iter().all(|laws| laws.dim() == (widths, SUMMARY))
    }
}
