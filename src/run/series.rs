//! The series of measures that are recorded of a trajectory.

use super::evaluation::{Evaluation, evaluate, evaluate_over, to_f64};
use super::limit_path::{LimitPath, trained_families};
use super::plan::Trajectory;
use super::problem::Problem;
use crate::analysis::distance::{Coupling, coupling, function_distance};
use crate::analysis::dropout::random_order;
use crate::analysis::wasserstein::ReferenceProjections;
use crate::compute::{Real, Threads};
use crate::dynamics::State;
use crate::network::{Accuracy, Family, Portion};
use crate::record::Measure;
use ndarray::{Array2, ArrayView1, ArrayView2};

/// Number of random halves of the neurons at every recording time, for the dropout study: pairs of complements.
pub const HALVES: u64 = 16;

/// One value per measure and recording time; NaN where nothing was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    measures: Vec<Measure>,
    /// (measures, times).
    values: Array2<f64>,
}

impl Series {
    /// An empty series for a problem's measures and recording times.
    pub fn empty<R: Real>(problem: &Problem<'_, R>) -> Self {
        let values = Array2::from_elem((problem.measures.len(), problem.times.len()), f64::NAN);
        Series { measures: problem.measures.clone(), values }
    }

    /// A series from its values (measures, times); `None` where they have another shape.
    pub fn from_values(measures: &[Measure], values: Array2<f64>) -> Option<Self> {
        (values.nrows() == measures.len()).then(|| Series { measures: measures.to_vec(), values })
    }

    /// All values (measures, times).
    pub fn values(&self) -> &Array2<f64> {
        &self.values
    }

    /// A measure over time (times).
    ///
    /// # Panics
    /// If the measure is not recorded of this network.
    pub fn row(&self, measure: Measure) -> ArrayView1<'_, f64> {
        self.values.row(self.position(measure).expect("a measure of this network"))
    }

    /// The largest value of a measure over time; NaN where one is not finite, as after a divergence.
    pub fn sup(&self, measure: Measure) -> f64 {
        sup(self.row(measure).iter().copied())
    }

    fn position(&self, measure: Measure) -> Option<usize> {
        self.measures.iter().position(|m| *m == measure)
    }

    /// Records a value; measures that are not recorded of this network are ignored.
    pub fn set(&mut self, measure: Measure, index: usize, value: f64) {
        if let Some(row) = self.position(measure) {
            self.values[[row, index]] = value;
        }
    }
}

/// The largest of the values; NaN where one is NaN, as after a divergence.
pub fn sup(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

/// Records the measures of a trajectory.
pub struct Measurement<'a, R> {
    /// The problem.
    pub problem: &'a Problem<'a, R>,
    /// The trajectory.
    pub run: &'a Trajectory,
    /// Threads of each evaluation.
    pub threads: Threads,
    /// The limit with which it is compared, and the index of the particle that corresponds to its first neuron.
    pub against: Option<(&'a LimitPath<R>, usize)>,
}

impl<R: Real> Measurement<'_, R> {
    /// Records the measures of a state at recording time `index` in `series`; returns the evaluation and the canonical
    /// parameters. Predictions on the fixed sample are not computed again where they are given.
    pub fn record(
        &self,
        index: usize,
        state: &State<R>,
        predictions: Option<Vec<f64>>,
        series: &mut Series,
    ) -> (Evaluation, Vec<R>) {
        let (problem, network, width) = (self.problem, &self.problem.network, self.run.width());
        let evaluation = evaluate(problem, width, &state.theta, predictions, self.threads);
        let theta = network.to_canonical(width, &state.theta);
        self.record_risk(&evaluation, network.mean_square(width, &state.momentum), index, series);
        self.record_units(&theta, &evaluation, index, series);
        (evaluation, theta)
    }

    /// The same for the neurons of this rank, together with those of the others; the canonical parameters are those of
    /// all, where they are needed. Collective.
    pub fn record_over(
        &self,
        portion: &Portion,
        index: usize,
        (state, predictions): (&State<R>, Option<Vec<f64>>),
        series: &mut Series,
    ) -> (Evaluation, Option<Vec<R>>) {
        let (problem, recording) = (self.problem, &self.run.recording);
        let evaluation = evaluate_over(problem, portion, &state.theta, predictions, self.threads);
        let square = problem.independent().mean_square_over(portion, &state.momentum);
        self.record_risk(&evaluation, square, index, series);
        let needed = recording.dropout || recording.keep_path || self.against.is_some();
        let theta = needed.then(|| gather(problem, portion, &state.theta));
        if let Some(theta) = &theta {
            self.record_units(theta, &evaluation, index, series);
        }
        (evaluation, theta)
    }

    /// Records the risk and the kinetic energy, from the mean square of the momenta.
    fn record_risk(&self, evaluation: &Evaluation, square: f64, index: usize, series: &mut Series) {
        series.set(Measure::Risk, index, evaluation.risk);
        series.set(Measure::Loss, index, evaluation.loss);
        record_accuracy(self.problem, &evaluation.predictions, index, series);
        record_test(self.problem, evaluation, index, series);
        series.set(Measure::Kinetic, index, 0.5 * square);
    }

    /// Records what is a function of the canonical parameters, (units, parameters).
    fn record_units(&self, theta: &[R], evaluation: &Evaluation, index: usize, series: &mut Series) {
        let (problem, width) = (self.problem, self.run.width());
        if self.run.recording.dropout && width > 1 {
            self.dropout(&to_f64(theta), index, series);
        }
        if let Some((limit, offset)) = self.against {
            let own = to_f64(theta);
            let partner = (limit.width() > 0).then(|| to_f64(&limit.window(&problem.network, index, offset, width)));
            if let Some(partner) = &partner {
                self.coupling(&own, partner, index, series);
            }
            compare(problem, limit, index, evaluation, series);
            // A network of as many neurons as the limit has particles corresponds to all of them.
            let partner = partner.filter(|_| (offset, width) != (0, limit.width()));
            self.wasserstein(limit, &own, partner.as_deref(), index, series);
        }
    }

    /// Dropout of half of the neurons of the last hidden layer.
    fn dropout(&self, parameters: &[f64], index: usize, series: &mut Series) {
        let (problem, width) = (self.problem, self.run.width());
        let neurons = problem.network.hidden_layers(width).pop().unwrap_or(width);
        let half = neurons / 2;
        let address = self.run.particles.first ^ (width as u64) << 32;
        let order = |draw| random_order(problem.experiment.seed, address, draw, neurons, 2 * half);
        // The errors of a half and of its complement about f_N are opposite: the linear term cancels in their mean.
        let halves = |draw| order(draw).chunks_exact(half).map(<[usize]>::to_vec).collect::<Vec<_>>();
        let orders: Vec<Vec<usize>> = (0..HALVES / 2).flat_map(halves).collect();
        let subject = problem.subject(width, parameters);
        if let Some(losses) = subject.losses(&orders, &[half], self.threads, &|| true) {
            series.set(Measure::Dropout, index, losses.kept.mean().unwrap_or(f64::NAN) - losses.full);
            series.set(Measure::Spread, index, losses.spread);
        }
    }

    /// Distances of the units from the corresponding particles of the limit.
    fn coupling(&self, own: &[f64], partner: &[f64], index: usize, series: &mut Series) {
        let families = self.problem.network.families(self.run.width());
        let distances: Vec<Option<Coupling>> =
            families.iter().map(|family| coupling(family.cloud(own), family.cloud(partner)).ok()).collect();
        for (family, distance) in families.iter().zip(&distances) {
            if let Some(distance) = distance {
                series.set(Measure::FamilyCouplingMax(family.name), index, distance.max);
                series.set(Measure::FamilyCouplingRms(family.name), index, distance.rms);
            }
        }
        if let Some(distances) = distances.into_iter().collect::<Option<Vec<Coupling>>>() {
            series.set(Measure::CouplingMax, index, sup(distances.iter().map(|d| d.max)));
            // Mean squares of the families are added, as in the energy.
            let rms = distances.iter().map(|d| d.rms).reduce(f64::hypot).unwrap_or(f64::NAN);
            series.set(Measure::CouplingRms, index, rms);
        }
    }

    /// Sliced Wasserstein distances of the trained coordinates of the units: to those of the limit, and to those of the
    /// corresponding particles, which are `partner`, or all where there is none.
    fn wasserstein(
        &self,
        limit: &LimitPath<R>,
        own: &[f64],
        partner: Option<&[f64]>,
        index: usize,
        series: &mut Series,
    ) {
        let Some(projections) = limit.projections(index) else { return };
        let distances = |(family, of_limit): (Family, &Option<ReferenceProjections>)| {
            let of_limit = of_limit.as_ref()?;
            let own = of_limit.of(family.trained_cloud(own)).ok()?;
            let whole = of_limit.distance_to(&own);
            let corresponding = match partner {
                Some(partner) => of_limit.of(family.trained_cloud(partner)).ok()?.distance_to(&own),
                None => whole,
            };
            Some([whole, corresponding])
        };
        let families = trained_families(&self.problem.network, self.run.width());
        let distances: Option<Vec<[f64; 2]>> = families.zip(projections).map(distances).collect();
        let add = |a: [f64; 2], b: [f64; 2]| [a[0].hypot(b[0]), a[1].hypot(b[1])];
        if let Some([whole, corresponding]) = distances.and_then(|distances| distances.into_iter().reduce(add)) {
            series.set(Measure::Wasserstein, index, whole);
            if limit.width() > 0 {
                series.set(Measure::WassersteinOwn, index, corresponding);
            }
        }
    }
}

/// Canonical parameters of all ranks, from the state slice of the neurons of this one. Collective.
pub fn gather<R: Real>(problem: &Problem<'_, R>, portion: &Portion, state: &[R]) -> Vec<R> {
    let (shares, ranks, p) = (portion.shares(), portion.ranks(), problem.network.neuron_parameters());
    let own = problem.network.to_canonical(portion.neurons().len(), state);
    if ranks.size() == 1 {
        return own;
    }
    let count = |rank: usize| shares.neurons(shares.of_rank(rank, ranks.size())).len() * p;
    let counts: Vec<usize> = (0..ranks.size()).map(count).collect();
    ranks.all_gather(&to_f64(&own), &counts).into_iter().map(R::of).collect()
}

/// Records the accuracy of predictions (n, K) at recording time `index`, where labels are signs or classes.
pub fn record_accuracy<R: Real>(problem: &Problem<'_, R>, predictions: &[f64], index: usize, series: &mut Series) {
    let (y, outputs) = (&problem.population.y, problem.network.outputs());
    if let Some(Accuracy { samples, signs }) = Accuracy::of(problem.labels, predictions, y, outputs) {
        series.set(Measure::Accuracy, index, samples);
        series.set(Measure::SignAccuracy, index, signs.unwrap_or(f64::NAN));
    }
}

/// Records the loss on the test part, and the accuracy where labels are signs or classes, at recording time `index`.
pub fn record_test<R: Real>(problem: &Problem<'_, R>, evaluation: &Evaluation, index: usize, series: &mut Series) {
    let (Some(test), Some(found)) = (&problem.test, &evaluation.test) else { return };
    series.set(Measure::TestLoss, index, found.loss);
    if let Some(accuracy) = Accuracy::of(problem.labels, &found.predictions, &test.y, problem.network.outputs()) {
        series.set(Measure::TestAccuracy, index, accuracy.samples);
        series.set(Measure::TestSignAccuracy, index, accuracy.signs.unwrap_or(f64::NAN));
    }
}

/// Records the distances of predictions and of the risk from a limit at recording time `index`, and of those on the test
/// part.
pub fn compare<R: Real>(
    problem: &Problem<'_, R>,
    limit: &LimitPath<R>,
    index: usize,
    own: &Evaluation,
    series: &mut Series,
) {
    let distance = |own: &[f64], of_limit: &[f64]| {
        let samples = (own.len() / problem.network.outputs(), problem.network.outputs());
        let [own, of_limit] =
            [own, of_limit].map(|f| ArrayView2::from_shape(samples, f).expect("one prediction per sample"));
        function_distance(own, of_limit).ok()
    };
    let (predictions, risk) = limit.at(index);
    if let Some(distance) = distance(&own.predictions, predictions) {
        series.set(Measure::Function, index, distance);
    }
    series.set(Measure::RiskGap, index, (own.risk - risk).abs());
    if let (Some(own), Some(of_limit)) = (&own.test, limit.test_at(index)) {
        if let Some(distance) = distance(&own.predictions, &of_limit.predictions) {
            series.set(Measure::TestFunction, index, distance);
        }
        series.set(Measure::TestLossGap, index, (own.loss - of_limit.loss).abs());
    }
}
