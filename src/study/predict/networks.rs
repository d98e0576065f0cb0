//! The predicted deviation of every trained network from its limit, given its starts, and the mean of these predictions
//! over independent starts that no network has.
//!
//! The particles of the reference follow the field of the limit once, without interaction; the networks of all widths
//! are windows of them. The prediction is the mean over the neurons of their influence
//! ([`crate::fluctuation::InfluenceMap`]), so that its mean over networks of every width follows from single starts.

use super::cloud::TangentCloud;
use super::compare::compared_group;
use super::{Predict, PredictionRoute};
use crate::compute::Threads;
use crate::compute::profile::{self, WorkKind};
use crate::config::{BatchSize, Route};
use crate::dynamics::{Brownian, NoNoise, Noise, State};
use crate::fluctuation::{
    FluctuationError, Fluctuations, IndependentNeurons, InfluenceMap, InfluenceSums, RecordedField,
};
use crate::record::state::FinalParts;
use crate::record::{LimitRun, RunFolder};
use crate::run::context::RunError;
use crate::run::groups::abscissa;
use crate::run::plan::{Group, Particles};
use crate::run::study::TrainingSubject;
use crate::run::tasks::TaskHandle;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// First particle of the independent starts: no network, limit or tangent cloud has particles beyond it.
const FIRST_START: u64 = 1 << 41;

/// Most neurons that are integrated together.
const PIECE: u64 = 256;

/// Pieces between two reports, whose sums are held at one time.
pub(super) const PIECES: usize = 256;

/// Relative distance from a whole number at which a step spans a whole number of intervals of the Brownian paths.
const ROUNDING: f64 = 1e-9;

/// What is predicted of every network at the end. Tables are (widths, seeds).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct NetworkPredictions {
    /// The predicted `|f_N - f_rho|^2`, less what the finite step of the networks adds by itself.
    pub function: Vec<Vec<f64>>,
    /// The predicted gap of the risk, likewise.
    pub risk: Vec<Vec<f64>>,
    /// `|f_N - f_rho|^2` of the measured predictions less those of the finite step; NaN where a network diverged.
    pub measured_square: Vec<Vec<f64>>,
    /// The square distance of that measured vector from the predicted one.
    pub error_square: Vec<Vec<f64>>,
    /// N times the mean of `function` for independent networks, one unbiased estimate for each seed (seeds).
    pub function_mean: Vec<f64>,
    /// The same of `risk` (seeds).
    pub risk_mean: Vec<f64>,
}

/// The networks whose deviations are predicted one by one.
#[derive(Clone)]
pub(super) struct NetworkStarts<'a> {
    spec: &'a Predict,
    subject: TrainingSubject<'a>,
    /// The group of the widths.
    pub group: &'a Group,
    /// Its rows: N of at least 2, and less than the particles of the reference.
    pub rows: Vec<usize>,
    /// `1/N - 1/M` of each row.
    pub scales: Vec<f64>,
    /// Intervals of the Brownian paths in a step of the tangent system; 0 at temperature 0.
    ticks: u64,
}

impl<'a> NetworkStarts<'a> {
    /// The networks of a run; `None` where none are to be predicted.
    ///
    /// # Errors
    /// The reason why the networks cannot be predicted.
    pub fn of(spec: &'a Predict, subject: TrainingSubject<'a>) -> Result<Option<Self>, String> {
        let e = subject.problem.experiment;
        let Some(group) = compared_group(subject.plan).filter(|_| spec.control_starts > 0) else { return Ok(None) };
        if spec.by == PredictionRoute::Pairs {
            return Err("single networks are predicted by tangent vectors, and predict.by = \"pairs\" has none".into());
        }
        if group.batch != BatchSize::Full {
            return Err("the networks follow mini-batches, whose noise is not part of the prediction".into());
        }
        let intervals = if e.dynamics.temperature > 0.0 { spec.step / e.tick() } else { 0.0 };
        if (intervals - intervals.round()).abs() > ROUNDING * intervals.max(1.0) {
            return Err(format!(
                "the Brownian paths of the networks have intervals of {}, of which predict.step = {} is no multiple",
                e.tick(),
                spec.step
            ));
        }
        let abscissa = abscissa(subject.problem, group);
        let compared = |&w: &usize| group.values[w] >= 2.0 && abscissa[w] > 0.0 && abscissa[w].is_finite();
        let rows: Vec<usize> = (0..group.values.len()).filter(compared).collect();
        let scales = rows.iter().map(|&w| 1.0 / abscissa[w]).collect();
        Ok(Some(NetworkStarts { spec, subject, group, rows, scales, ticks: intervals.round() as u64 }))
    }

    /// Number of seeds.
    pub fn seeds(&self) -> usize {
        self.group.ids.first().map_or(0, Vec::len)
    }

    /// Independent starts behind the mean of the predictions.
    pub fn control_starts(&self) -> usize {
        self.share() * self.seeds()
    }

    /// Whether the limit has no particles.
    fn by_grid(&self) -> bool {
        self.subject.problem.experiment.reference.kind == Route::Grid
    }

    /// The means over networks of the predicted square and of the predicted gap of the risk, divided by those of single
    /// starts, for the networks of row `rows[at]` of the group: `1/N - 1/M` both. Beside a grid `1/N + 1/B` and
    /// `1/N - 1/B` for B independent starts of a seed, as a mean over these is independent of the network: its square
    /// adds to that of the difference, and its risk is subtracted.
    pub fn control_scales(&self, at: usize) -> (f64, f64) {
        let rest = if self.by_grid() { 1.0 / self.share() as f64 } else { 0.0 };
        (self.scales[at] + rest, self.scales[at] - rest)
    }

    /// Independent starts for each seed.
    fn share(&self) -> usize {
        (self.spec.control_starts / self.seeds().max(1)).max(2)
    }

    /// Whether predictions are of these networks.
    pub fn fits(&self, found: &NetworkPredictions) -> bool {
        let NetworkPredictions { function, risk, measured_square, error_square, function_mean, risk_mean } = found;
        [function, risk, measured_square, error_square]
            .iter()
            .all(|table| table.len() == self.rows.len() && table.iter().all(|row| row.len() == self.seeds()))
            && [function_mean, risk_mean].iter().all(|means| means.len() == self.seeds())
    }

    /// The particles of the network of a row and a seed.
    fn particles(&self, row: usize, seed: usize) -> &'a Particles {
        let network = self.subject.plan.find(&self.group.ids[row][seed]);
        &network.expect("the networks of a group are in the plan").particles
    }

    /// Predicts every network along the limit of a tangent cloud, whose fluctuations are `found`. Reports progress from
    /// the first to the second of `range`.
    ///
    /// # Errors
    /// States that stop being finite; states of networks that cannot be read; [`FluctuationError::Interrupted`].
    pub fn predict(
        &self,
        found: &Fluctuations,
        cloud: &TangentCloud<'_>,
        folder: &RunFolder,
        (handle, range): (&TaskHandle<'_>, (f64, f64)),
    ) -> Result<NetworkPredictions, RunError> {
        let own;
        let field: &RecordedField = match cloud.given {
            Some(field) => field,
            None => {
                own = cloud.own_field(&|_| handle.interrupted())?;
                &own
            }
        };
        let map = InfluenceMap::new(found, &cloud.mode_times());
        let neurons = IndependentNeurons::new(&map, cloud.ensemble(), field, cloud.scheme(), &cloud.problem.times)?;
        let segments = self.segments();
        let share = self.share() as u64;
        let starts = (0..self.seeds() as u64).map(|seed| FIRST_START + seed * share..FIRST_START + (seed + 1) * share);
        let ranges: Vec<Range<u64>> = segments.iter().cloned().chain(starts).collect();
        let pieces: Vec<(usize, Range<u64>)> =
            ranges.iter().enumerate().flat_map(|(at, range)| pieces(range).map(move |piece| (at, piece))).collect();
        let mut sums = vec![map.nothing(); ranges.len()];
        let interrupt = handle.interrupt();
        for (at, some) in pieces.chunks(PIECES).enumerate() {
            let done = (at * PIECES) as f64 / pieces.len() as f64;
            if !handle.advance_to(range.0 + (range.1 - range.0) * done) {
                return Err(FluctuationError::Interrupted.into());
            }
            let one = |(_, piece): &(usize, Range<u64>)| {
                let _timed = profile::time(WorkKind::Columns);
                self.integrate(&neurons, piece, interrupt)
            };
            let parts: Vec<InfluenceSums> =
                some.par_iter().with_max_len(1).map(one).collect::<Result<_, FluctuationError>>()?;
            some.iter().zip(&parts).for_each(|((at, _), part)| sums[*at].add(part));
        }
        let (of_segments, of_shares) = sums.split_at(segments.len());
        let covariances: Vec<(f64, f64)> = of_shares.iter().map(|share| map.covariance(share)).collect();
        let total = |parts: &[InfluenceSums]| {
            parts.iter().fold(map.nothing(), |mut total, part| {
                total.add(part);
                total
            })
        };
        // Beside a grid, which has no particles, networks are compared with means over independent starts: of the vectors
        // over all of them, of the predictions that serve as control variates over those of the seed alone, so that
        // seeds have no error in common.
        let reference = if self.by_grid() { total(of_shares) } else { total(of_segments) };
        let measured = self.measured(folder, field)?;
        let network = |row: usize, seed: usize| {
            let Particles { width, first, .. } = self.particles(row, seed);
            let window = *first..first + *width as u64;
            let within = |segment: &Range<u64>| window.start <= segment.start && segment.end <= window.end;
            let mut own = map.nothing();
            let parts = segments.iter().zip(of_segments).filter(|(segment, _)| within(segment));
            parts.for_each(|(_, part)| own.add(part));
            own
        };
        let mut predictions = NetworkPredictions {
            function_mean: covariances.iter().map(|(trace, _)| *trace).collect(),
            risk_mean: covariances.iter().map(|(_, curved)| 0.5 * curved).collect(),
            ..NetworkPredictions::default()
        };
        let mean_square = |field: &mut dyn Iterator<Item = f64>| field.map(|v| v * v).sum::<f64>() / map.samples();
        for &row in &self.rows {
            let mut one_row = [(); 4].map(|()| Vec::with_capacity(self.seeds()));
            for seed in 0..self.seeds() {
                let own = network(row, seed);
                let predicted = map.deviation(&own, &reference);
                let control = if self.by_grid() { map.deviation(&own, &of_shares[seed]) } else { predicted.clone() };
                let vector = measured.deviation(row, seed);
                let difference =
                    |vector: &Vec<f64>| mean_square(&mut vector.iter().zip(&predicted.field).map(|(a, b)| a - b));
                // The finite step adds the field h: |d + h|^2 - |h|^2, whose mean is that of |d|^2.
                one_row[0].push(control.square + 2.0 * map.inner(&measured.step, &control.field));
                one_row[1].push(control.risk + map.curved_inner(&measured.step, &control.field));
                one_row[2].push(vector.as_ref().map_or(f64::NAN, |v| mean_square(&mut v.iter().copied())));
                one_row[3].push(vector.as_ref().map_or(f64::NAN, difference));
            }
            let [function, risk, square, error] = one_row;
            predictions.function.push(function);
            predictions.risk.push(risk);
            predictions.measured_square.push(square);
            predictions.error_square.push(error);
        }
        Ok(predictions)
    }

    /// Consecutive ranges of particles of which every network consists, and, where the reference has particles, the
    /// rest of these.
    fn segments(&self) -> Vec<Range<u64>> {
        let reference = &self.subject.problem.experiment.reference;
        let mut windows: Vec<Range<u64>> = Vec::new();
        for &row in &self.rows {
            windows.extend((0..self.seeds()).map(|seed| {
                let Particles { width, first, .. } = self.particles(row, seed);
                *first..first + *width as u64
            }));
        }
        if !self.by_grid() {
            windows.push(0..reference.particles as u64);
        }
        let cuts: BTreeSet<u64> = windows.iter().flat_map(|window| [window.start, window.end]).collect();
        let cuts: Vec<u64> = cuts.into_iter().collect();
        let used = |segment: &Range<u64>| {
            windows.iter().any(|window| window.start <= segment.start && segment.end <= window.end)
        };
        cuts.windows(2).map(|pair| pair[0]..pair[1]).filter(used).collect()
    }

    /// The sums over some particles.
    fn integrate(
        &self,
        neurons: &IndependentNeurons<'_>,
        particles: &Range<u64>,
        interrupt: &AtomicBool,
    ) -> Result<InfluenceSums, FluctuationError> {
        let problem = self.subject.problem;
        let e = problem.experiment;
        let (seed, first, width) = (e.seed, particles.start, (particles.end - particles.start) as usize);
        let momentum = if e.dynamics.motion(1.0).first_order { 0.0 } else { e.network.start_momentum };
        let start = State {
            momentum: problem.network.start_momenta(momentum, seed, first, width),
            ..State::at_rest(problem.network.start(&e.network.start, seed, first, width))
        };
        let noise: Box<dyn Noise<f64>> = if e.dynamics.temperature > 0.0 {
            Box::new(Brownian { seed, first, network: problem.network.clone(), width, ticks: self.ticks })
        } else {
            Box::new(NoNoise)
        };
        neurons.sums(width, start, noise, &|| interrupt.load(Ordering::Relaxed))
    }

    /// The predictions of all networks and of the reference at the end, from their states.
    fn measured(&self, folder: &RunFolder, field: &RecordedField) -> Result<MeasuredPredictions, RunError> {
        let TrainingSubject { problem, plan, trained } = self.subject;
        let predictions = |id: &str| -> Result<Option<Vec<f64>>, RunError> {
            let Some(run) = plan.find(id).filter(|_| trained.reached_horizon(id)) else { return Ok(None) };
            let (network, width) = (&problem.network, run.width());
            let canonical = FinalParts::read(&folder.file(&format!("state/{id}.npz")))?.canonical(network, width)?;
            let canonical: Vec<f64> = canonical.to_vec();
            let theta: Vec<f64> = network.from_canonical(width, &canonical);
            Ok(Some(network.predict(width, &theta, &problem.population.x, Threads::One)))
        };
        let reference =
            if self.by_grid() { field.nodes.last().cloned() } else { predictions(LimitRun::Reference.id())? };
        let step = match (predictions(LimitRun::TrainingStep.id())?, predictions(LimitRun::HalfParticles.id())?) {
            (Some(step), Some(half)) => step.iter().zip(&half).map(|(a, b)| a - b).collect(),
            _ => vec![0.0; problem.population.y.len()],
        };
        let networks = self.rows.iter().map(|&row| {
            let ids = &self.group.ids[row];
            ids.par_iter().with_max_len(1).map(|id| predictions(id)).collect::<Result<Vec<_>, RunError>>()
        });
        Ok(MeasuredPredictions {
            networks: networks.collect::<Result<_, RunError>>()?,
            rows: self.rows.clone(),
            reference,
            step,
        })
    }
}

/// Predictions of networks at the end.
struct MeasuredPredictions {
    /// Predictions (n K) of the networks of some rows of the group, `None` where one diverged.
    networks: Vec<Vec<Option<Vec<f64>>>>,
    rows: Vec<usize>,
    /// Those of the reference.
    reference: Option<Vec<f64>>,
    /// What the finite step of the networks adds, (n K).
    step: Vec<f64>,
}

impl MeasuredPredictions {
    /// The difference of a network and the reference, less what the finite step adds.
    fn deviation(&self, row: usize, seed: usize) -> Option<Vec<f64>> {
        let at = self.rows.iter().position(|&known| known == row)?;
        let (network, reference) = (self.networks[at][seed].as_ref()?, self.reference.as_ref()?);
        Some(network.iter().zip(reference).zip(&self.step).map(|((f, r), h)| f - r - h).collect())
    }
}

/// The parts of a range of particles that are integrated together.
fn pieces(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let (start, end) = (range.start, range.end);
    (start..end).step_by(PIECE as usize).map(move |first| first..(first + PIECE).min(end))
}
