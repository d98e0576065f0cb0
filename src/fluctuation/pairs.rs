//! Predictions from antithetic pairs of weighted clouds.
//!
//! For Gaussian `nu_1 .. nu_M` with mean removed, the weights `(1 + s nu_i) / M` of a cloud of M particles make its
//! empirical law fluctuate as that of `M / s^2` independent particles does. With `f_+`, `f_-` the predictions of the
//! clouds of weights `1 +- s nu_i` and f that of the unweighted cloud,
//!
//! ```text
//! c(t)          (M/s^2) (|f_+ - f|^2 + |f_- - f|^2) / 2           at finite amplitude
//!               |G|^2 with G = sqrt(M) (f_+ - f_-) / (2 s)        its part of odd order in s
//! b             (M/s^2) ((f_+ + f_-) / 2 - f)
//! N x mean gap  (M/s^2) ((R_+ + R_-) / 2 - R)
//! N x Var gap   (M/s^2) ((R_+ - R_-) / 2)^2                       leading order in 1/N
//! ```
//!
//! averaged over draws. Two uses, the same runs:
//!
//! - amplitude `sqrt(M/N)` ([`amplitude`]) imitates networks of width N, with saturation and all orders in 1/N; weights
//!   may be negative. `c(t) / N` is then `E |f_N - f|^2` with the square of the mean shift included. One hidden layer.
//! - a small amplitude gives the coefficients of the expansion in 1/N, with an error of order `s^2`.
//!
//! No derivative of the network is needed, so that kinks do no harm. The dynamics are those of the whole population:
//! with mini-batches the weights would be combined with the noise of the batches, which is left out; one pass over fresh
//! draws is approximated on the sample. All runs share the noise of a positive temperature. A method that chooses its
//! steps takes different ones in the runs of a pair; its tolerance must be well below `s^2` for small amplitudes.

use super::weighted::{CloudWeights, WeightError, WeightedForce};
use crate::compute::profile::{self, WorkKind};
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads};
use crate::dynamics::{Ensemble, Noise, Scheme, Simulation, State, StopReason, TimeLoop, attempt_budget};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

/// Draws that are held in memory together.
const DRAWS_AT_ONCE: usize = 32;

/// Why there is no prediction.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum PairsError {
    /// Weights that cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// Fewer than two draws, of which no error can be estimated.
    #[error("{draws} draws; at least 2 are needed")]
    Draws {
        /// Number of draws.
        draws: usize,
    },
    /// The amplitude is not positive and finite.
    #[error("the amplitude {amplitude} is not a positive number")]
    Amplitude {
        /// The amplitude.
        amplitude: f64,
    },
    /// A quantity of two hidden layers was requested for one.
    #[error("the network has one hidden layer")]
    OneLayer,
    /// The interrupt was set.
    #[error("interrupted")]
    Interrupted,
    /// A run diverged, or its adaptive method needed too many steps.
    #[error("a weighted cloud diverged at time {time}")]
    Diverged {
        /// The time reached.
        time: f64,
    },
}

/// A cloud of the limit and its dynamics: everything that does not depend on the weights.
pub struct WeightedCloud<'a, R> {
    /// The particles, the sample and the objective.
    pub ensemble: Ensemble<'a, R>,
    /// The state at time 0.
    pub start: &'a State<R>,
    /// The integrator: that of the limit, or that of the networks to be predicted.
    pub scheme: Scheme,
    /// Recording times, the first of which is 0; see [`TimeLoop::over`].
    pub times: &'a [f64],
    /// The noise of the particles, the same at every call.
    pub noise: &'a (dyn Fn() -> Box<dyn Noise<R>> + Sync),
    /// Stops all runs where it is set.
    pub interrupt: Option<&'a AtomicBool>,
}

/// What a run records.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedPath {
    /// Predictions (T, n, K) at the recording times.
    pub f: Vec<f64>,
    /// Risks (T), with the ridge term of the weighted cloud.
    pub risk: Vec<f64>,
}

/// Receives the index of a recording time, the state and the weighted parameters; returns a number that is finite where
/// they are.
type WeightedObserver<'a, R> = dyn FnMut(usize, &State<R>, &[R]) -> f64 + 'a;

impl<R: Real> WeightedCloud<'_, R> {
    /// Runs the cloud with these weights on one thread.
    ///
    /// # Errors
    /// An interrupt, a risk that is not finite.
    pub fn run(&self, weights: &CloudWeights<'_>) -> Result<WeightedPath, PairsError> {
        let Ensemble { network, width, population, objective } = self.ensemble;
        let mut path = WeightedPath { f: Vec::new(), risk: Vec::new() };
        self.observe(weights, &mut |_, state, weighted| {
            let f = network.predict(width, weighted, &population.x, Threads::One);
            let ridge = if objective.ridge > 0.0 { weights.mean_square(&state.theta) } else { 0.0 };
            let risk = objective.loss.mean(&f, &population.y, network.outputs()) + 0.5 * objective.ridge * ridge;
            path.f.extend(f);
            path.risk.push(risk);
            risk
        })?;
        Ok(path)
    }

    /// Runs the cloud with these weights on one thread. `record` is called at every recording time with its index, the
    /// state, and the parameters of which the unweighted network has the predictions of the cloud; it returns a number
    /// that is not finite where the run is to stop.
    ///
    /// # Errors
    /// An interrupt, a loss or a recorded number that is not finite.
    pub(super) fn observe(
        &self,
        weights: &CloudWeights<'_>,
        record: &mut WeightedObserver<'_, R>,
    ) -> Result<(), PairsError> {
        let Ensemble { network, width, .. } = self.ensemble;
        let motion = self.scheme.motion;
        let mut simulation = Simulation {
            state: self.start.clone(),
            integrator: self.scheme.integrator(network.coordinates(width), self.start.theta.len()),
            force: Box::new(WeightedForce::new(self.ensemble, weights, Threads::One)),
            noise: (self.noise)(),
        };
        let mut weighted = Vec::new();
        let mut record = |index: usize, state: &State<R>| {
            weights.apply(&state.theta, &mut weighted);
            record(index, state, &weighted)
        };
        let interrupted = |_: f64| self.interrupted();
        let mut time_loop = TimeLoop::over(self.times).diverged_above(f64::INFINITY).interrupted_when(&interrupted);
        if self.scheme.method.is_adaptive() {
            let horizon = self.times.last().copied().unwrap_or(0.0);
            time_loop = time_loop.attempts_at_most(attempt_budget(horizon, motion.tolerance));
        }
        let Ok(reason) = time_loop.run(&mut simulation, &mut record);
        match reason {
            StopReason::Horizon => Ok(()),
            StopReason::Interrupted { .. } => Err(PairsError::Interrupted),
            StopReason::Diverged { time, .. } | StopReason::TooManySteps { time, .. } => {
                Err(PairsError::Diverged { time })
            }
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
    }

    /// Calls `draw` for every index below `draws`, in parallel, and `receive` for the results in order.
    ///
    /// # Errors
    /// Those of `draw`, fewer than two draws, an interrupt.
    pub(super) fn over_draws<D: Send>(
        &self,
        draws: usize,
        draw: impl Fn(u64) -> Result<D, PairsError> + Sync,
        mut receive: impl FnMut(D),
    ) -> Result<(), PairsError> {
        if draws < 2 {
            return Err(PairsError::Draws { draws });
        }
        for first in (0..draws).step_by(DRAWS_AT_ONCE) {
            let some = first..(first + DRAWS_AT_ONCE).min(draws);
            let one = |index: usize| {
                let _timed = profile::time(WorkKind::Columns);
                if self.interrupted() { Err(PairsError::Interrupted) } else { draw(index as u64) }
            };
            let results: Vec<_> = some.into_par_iter().with_max_len(1).map(one).collect();
            results.into_iter().try_for_each(|result| result.map(&mut receive))?;
        }
        Ok(())
    }

    /// `|u|^2 = E_x |u(x)|^2` at every recording time, of a field (T, n, K).
    pub(super) fn squares(&self, field: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let Ensemble { network, population, .. } = self.ensemble;
        let (len, mut squares) = (population.y.len(), vec![0.0; self.times.len()]);
        for (index, u) in field.into_iter().enumerate() {
            squares[index / len] += u * u;
        }
        let samples = (len / network.outputs()) as f64;
        squares.iter_mut().for_each(|square| *square /= samples);
        squares
    }
}

/// A mean over draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawMean {
    /// The mean.
    pub value: f64,
    /// Its standard error: the sample standard deviation divided by the root of the number of draws.
    pub standard_error: f64,
}

/// The running mean and sum of squares of a list of quantities, by Welford's recurrence.
#[derive(Clone, Debug, Default)]
pub(super) struct DrawSums {
    count: f64,
    mean: Vec<f64>,
    deviations: Vec<f64>,
}

impl DrawSums {
    /// Adds the values of one draw, the same number in every draw.
    pub(super) fn add(&mut self, values: &[f64]) {
        self.mean.resize(values.len(), 0.0);
        self.deviations.resize(values.len(), 0.0);
        self.count += 1.0;
        for ((mean, square), value) in self.mean.iter_mut().zip(&mut self.deviations).zip(values) {
            let from = value - *mean;
            *mean += from / self.count;
            *square += from * (value - *mean);
        }
    }

    /// The means, of at least two draws.
    pub(super) fn means(&self) -> Vec<DrawMean> {
        let error = |square: f64| (square / (self.count * (self.count - 1.0))).sqrt();
        let means = self.mean.iter().zip(&self.deviations);
        means.map(|(&value, &square)| DrawMean { value, standard_error: error(square) }).collect()
    }
}

/// The amplitude `sqrt(M/N)` at which a cloud of M particles imitates networks of width N.
pub fn amplitude(particles: usize, width: usize) -> f64 {
    (particles as f64 / width as f64).sqrt()
}

/// The draw `nu` of the weights of `count` neurons: standard normals minus their mean.
pub fn weight_draw(seed: u64, layer: usize, draw: u64, count: usize) -> Vec<f64> {
    let mut rng = stream(seed, Role::CloudWeight, draw, layer as u64);
    let mut nu: Vec<f64> = (0..count).map(|_| rng.sample(StandardNormal)).collect();
    let mean = nu.iter().sum::<f64>() / count as f64;
    nu.iter_mut().for_each(|v| *v -= mean);
    nu
}

/// The pairs to be run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairSettings {
    /// Amplitude s.
    pub amplitude: f64,
    /// Number of pairs, at least 2.
    pub draws: usize,
    /// Seed of the weights.
    pub seed: u64,
    /// The hidden layer whose neurons are weighted, from 0.
    pub layer: usize,
}

/// Means over pairs, at the recording times; see [the module](self) for the equations.
#[derive(Clone, Debug, PartialEq)]
pub struct PairEstimates {
    /// `c(t)` at the amplitude of the pairs, (T).
    pub c: Vec<DrawMean>,
    /// The part of `c(t)` of odd order, `E |G_t|^2`, (T).
    pub odd: Vec<DrawMean>,
    /// `(M/s^2) E sup_t |f_+- - f|^2` over the recording times.
    pub sup: DrawMean,
    /// N times the mean of the loss gap, (T).
    pub gap: Vec<DrawMean>,
    /// N times the variance of the loss gap at leading order, (T).
    pub slope: Vec<DrawMean>,
    /// The mean shift b, (T, n, K).
    pub shift: Vec<DrawMean>,
    /// Risks of the pairs minus that of the unweighted cloud, (draws, 2, T), at the amplitude of the pairs.
    pub gaps: Vec<f64>,
    /// The unweighted cloud.
    pub unweighted: WeightedPath,
}

/// The numbers of one pair.
struct AntitheticPair {
    /// c, odd, gap and slope (4, T), then sup.
    numbers: Vec<f64>,
    /// The even part, (T, n, K).
    shift: Vec<f64>,
    /// The loss gaps, (2, T).
    gaps: Vec<f64>,
}

impl PairEstimates {
    /// Runs the pairs of a cloud in parallel; results do not depend on the number of threads.
    ///
    /// # Errors
    /// See [`PairsError`].
    pub fn of<R: Real>(cloud: &WeightedCloud<'_, R>, settings: PairSettings) -> Result<Self, PairsError> {
        let PairSettings { amplitude: s, draws, seed, layer } = settings;
        let Ensemble { network, width, .. } = cloud.ensemble;
        if !(s > 0.0 && s.is_finite()) {
            return Err(PairsError::Amplitude { amplitude: s });
        }
        let particles = *network.hidden_layers(width).get(layer).ok_or(WeightError::Layer { layer })?;
        let scale = particles as f64 / (s * s);
        let unweighted = cloud.run(&CloudWeights::uniform(network, width))?;
        let pair = |draw: u64| {
            let nu = weight_draw(seed, layer, draw, particles);
            let run = |sign: f64| {
                let nu: Vec<f64> = nu.iter().map(|nu| sign * s * nu).collect();
                cloud.run(&CloudWeights::perturbed(network, width, &[(layer, &nu)])?)
            };
            Ok(AntitheticPair::new(cloud, scale, &unweighted, [&run(1.0)?, &run(-1.0)?]))
        };
        let (mut numbers, mut shift, mut gaps) = (DrawSums::default(), DrawSums::default(), Vec::new());
        cloud.over_draws(draws, pair, |pair| {
            numbers.add(&pair.numbers);
            shift.add(&pair.shift);
            gaps.extend(pair.gaps);
        })?;
        let numbers = numbers.means();
        let mut parts = numbers.chunks_exact(cloud.times.len()).map(<[DrawMean]>::to_vec);
        let mut part = || parts.next().unwrap_or_default();
        let (c, odd, gap, slope) = (part(), part(), part(), part());
        let sup = numbers[numbers.len() - 1];
        Ok(PairEstimates { c, odd, sup, gap, slope, shift: shift.means(), gaps, unweighted })
    }

    /// The loss gaps of both signs at recording time `time`, pair after pair.
    fn gaps_at(&self, time: usize) -> Vec<f64> {
        self.gaps.chunks_exact(self.unweighted.risk.len()).map(|gaps| gaps[time]).collect()
    }

    /// The standard deviation of the loss gap at recording time `time`, at the amplitude of the pairs: with
    /// [`amplitude`], that of networks of width N. Its error is that of the jackknife over pairs.
    pub fn gap_deviation(&self, time: usize) -> DrawMean {
        let gaps = self.gaps_at(time);
        let deviation = |without: Option<usize>| {
            let kept = || gaps.iter().enumerate().filter(|(k, _)| Some(k / 2) != without).map(|(_, gap)| *gap);
            let count = kept().count() as f64;
            let mean = kept().sum::<f64>() / count;
            (kept().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
        };
        let pairs = gaps.len() / 2;
        let without: Vec<f64> = (0..pairs).map(|pair| deviation(Some(pair))).collect();
        let mean = without.iter().sum::<f64>() / pairs as f64;
        let spread: f64 = without.iter().map(|v| (v - mean).powi(2)).sum();
        let standard_error = (spread * (pairs - 1) as f64 / pairs as f64).sqrt();
        DrawMean { value: deviation(None), standard_error }
    }

    /// The quantile `q` in [0, 1] of the loss gap at recording time `time`, linear between order statistics. Its error is
    /// half the distance between the quantiles at `q +- sqrt(q (1 - q) / pairs)`, as if only one gap of a pair counted.
    pub fn gap_quantile(&self, time: usize, q: f64) -> DrawMean {
        let mut gaps = self.gaps_at(time);
        gaps.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let place = q.clamp(0.0, 1.0) * (gaps.len() - 1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            gaps[below] + (place - below as f64) * (gaps[above] - gaps[below])
        };
        let error = (q * (1.0 - q) / (gaps.len() / 2) as f64).sqrt();
        DrawMean { value: at(q), standard_error: 0.5 * (at(q + error) - at(q - error)) }
    }
}

impl AntitheticPair {
    /// The numbers of a pair of runs, `scale` being `M / s^2`.
    fn new<R: Real>(
        cloud: &WeightedCloud<'_, R>,
        scale: f64,
        unweighted: &WeightedPath,
        [plus, minus]: [&WeightedPath; 2],
    ) -> Self {
        let fields = || plus.f.iter().zip(&minus.f).zip(&unweighted.f);
        let risks = || plus.risk.iter().zip(&minus.risk).zip(&unweighted.risk);
        let of_plus = cloud.squares(fields().map(|((plus, _), f)| plus - f));
        let of_minus = cloud.squares(fields().map(|((_, minus), f)| minus - f));
        let odd = cloud.squares(fields().map(|((plus, minus), _)| 0.5 * (plus - minus)));
        let most = |squares: &[f64]| squares.iter().copied().fold(0.0, f64::max);
        let sup = 0.5 * (most(&of_plus) + most(&of_minus));
        let mut numbers: Vec<f64> = of_plus.iter().zip(&of_minus).map(|(plus, minus)| 0.5 * (plus + minus)).collect();
        numbers.extend(odd);
        numbers.extend(risks().map(|((plus, minus), risk)| 0.5 * (plus + minus) - risk));
        numbers.extend(risks().map(|((plus, minus), _)| (0.5 * (plus - minus)).powi(2)));
        numbers.push(sup);
        numbers.iter_mut().for_each(|number| *number *= scale);
        let shift = fields().map(|((plus, minus), f)| scale * (0.5 * (plus + minus) - f)).collect();
        let gaps = [plus, minus].map(|run| run.risk.iter().zip(&unweighted.risk).map(|(risk, of)| risk - of));
        AntitheticPair { numbers, shift, gaps: gaps.into_iter().flatten().collect() }
    }
}
