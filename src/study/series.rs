//! What is recorded of a run at every recording time, and the path of a limit that others are compared with.

use super::plan::Trajectory;
use super::problem::Problem;
use crate::analysis::distance::{Coupling, coupling, function_distance};
use crate::analysis::dropout::random_order;
use crate::analysis::wasserstein::ReferenceProjections;
use crate::compute::{Real, Threads};
use crate::dynamics::State;
use crate::network::{Family, Loss, Network};
use ndarray::{Array2, ArrayView2};

/// The quantities recorded of every network, in order: the first rows of a [`Series`] and their names in the records.
const MEASURES: [&str; 11] = [
    "risk",
    "loss",
    "accuracy",
    "kinetic",
    "dropout",
    "spread",
    "coupling_max",
    "coupling_rms",
    "function",
    "risk_gap",
    "wasserstein",
];

/// What is recorded of a network: beside what every network has, coupling distances for each family of units where there are several.
pub fn measures(network: &Network) -> Vec<String> {
    let families = network.families(1);
    let own = families
        .iter()
        .filter(|_| families.len() > 1)
        .flat_map(|family| [format!("coupling_max_{}", family.name), format!("coupling_rms_{}", family.name)]);
    MEASURES.iter().map(|measure| measure.to_string()).chain(own).collect()
}

/// One row per measure, one column per recording time; NaN where there is nothing.
pub type Series = Array2<f64>;

/// Random halves of the neurons kept at every recording time, for the dropout study: half of them the others'
/// complements.
const HALVES: u64 = 16;

/// The row of a measure that every network has.
pub fn row(measure: &str) -> usize {
    MEASURES.iter().position(|m| *m == measure).expect("a measure of the list")
}

/// The sup over recorded values; NaN where one is not a number, as after a divergence.
pub fn sup(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

/// A limit at the recording times: everything a network is compared with.
pub struct Path<R> {
    /// Particles M.
    width: usize,
    /// Canonical parameters per recording time; empty where the limit has no particles.
    pub thetas: Vec<Vec<R>>,
    predictions: Vec<Vec<f64>>,
    risks: Vec<f64>,
    /// Of every family of units; empty without a gap study.
    projections: Vec<Vec<Option<ReferenceProjections>>>,
}

impl<R: Real> Path<R> {
    /// An empty path of M particles.
    pub fn new(width: usize) -> Self {
        let (thetas, predictions, risks, projections) = Default::default();
        Path { width, thetas, predictions, risks, projections }
    }

    /// An empty path of a limit that has no particles: no network is coupled to it.
    pub fn without_particles() -> Self {
        Self::new(0)
    }

    /// Appends the next recording time of a limit without particles; `cloud` (n, p) stands for its law, where it has one.
    pub fn push_law(&mut self, problem: &Problem<'_, R>, cloud: Option<Array2<f64>>, predictions: Vec<f64>, risk: f64) {
        if let Some(gap) = &problem.experiment.gap {
            let projections = |cloud: Array2<f64>| {
                ReferenceProjections::new(cloud.view(), gap.projections, problem.experiment.seed).ok()
            };
            self.projections.push(cloud.map(projections).into_iter().collect());
        }
        self.thetas.push(Vec::new());
        self.predictions.push(predictions);
        self.risks.push(risk);
    }

    /// Appends the next recording time.
    pub fn push(&mut self, problem: &Problem<'_, R>, theta: Vec<R>, predictions: Vec<f64>, risk: f64) {
        if let Some(gap) = &problem.experiment.gap {
            let theta = wide(&theta);
            // A cloud that is not finite has no projections; the comparison is then NaN, as it should be.
            let projections = |family: Family| {
                ReferenceProjections::new(family.cloud(&theta), gap.projections, problem.experiment.seed).ok()
            };
            self.projections.push(problem.network.families(self.width).into_iter().map(projections).collect());
        }
        self.thetas.push(theta);
        self.predictions.push(predictions);
        self.risks.push(risk);
    }
}

fn wide<R: Real>(theta: &[R]) -> Vec<f64> {
    theta.iter().map(|v| v.to_f64()).collect()
}

/// Predictions, loss and risk of a state.
pub fn evaluate<R: Real>(
    problem: &Problem<'_, R>,
    width: usize,
    theta: &[R],
    threads: Threads,
) -> (Vec<f64>, f64, f64) {
    let network = &problem.network;
    let f = network.predict(width, theta, &problem.population.x, threads);
    let loss = problem.experiment.network.loss.mean(&f, &problem.population.y, network.outputs());
    let ridge = problem.experiment.dynamics.ridge;
    let penalty = if ridge > 0.0 { 0.5 * ridge * network.mean_square(width, theta) } else { 0.0 };
    (f, loss, loss + penalty)
}

/// Measures a state at recording time `index` into `series`, against a limit where there is one; returns the risk,
/// the predictions and the canonical parameters.
pub fn measure<R: Real>(
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
    against: Option<(&Path<R>, usize)>,
    index: usize,
    state: &State<R>,
    series: &mut Series,
) -> (f64, Vec<f64>, Vec<R>) {
    let (network, width) = (&problem.network, run.width);
    let (f, loss, risk) = evaluate(problem, width, &state.theta, threads);
    let theta = network.to_canonical(width, &state.theta);
    let mut set = |measure: &str, value: f64| series[[row(measure), index]] = value;
    set("risk", risk);
    set("loss", loss);
    if problem.classes {
        set("accuracy", Loss::accuracy(&f, &problem.population.y, network.outputs()));
    }
    set("kinetic", 0.5 * network.mean_square(width, &state.momentum));
    if run.taken_apart && width > 1 {
        let parameters = wide(&theta);
        // Of the last hidden layer, over which the prediction is a mean.
        let neurons = network.hidden_layers(width).pop().unwrap_or(width);
        let half = neurons / 2;
        let address = run.first ^ (width as u64) << 32;
        let order = |draw| random_order(problem.experiment.seed, address, draw, neurons, 2 * half);
        // A half and its complement err by opposite amounts about f_N: in their mean the linear term is gone.
        let halves = |draw| order(draw).chunks_exact(half).map(<[usize]>::to_vec).collect::<Vec<_>>();
        let orders: Vec<Vec<usize>> = (0..HALVES / 2).flat_map(halves).collect();
        let losses = problem.subject(width, &parameters).losses(&orders, &[half], threads);
        set("dropout", losses.kept.mean().unwrap_or(f64::NAN) - losses.whole);
        set("spread", losses.spread);
    }
    if let Some((limit, offset)) = against {
        let own = wide(&theta);
        let families = network.families(width);
        if limit.width > 0 {
            let partner = wide(&network.window(limit.width, &limit.thetas[index], offset, width.min(limit.width)));
            let distances: Vec<Option<Coupling>> =
                families.iter().map(|family| coupling(family.cloud(&own), family.cloud(&partner)).ok()).collect();
            for (family, distance) in families.iter().zip(&distances) {
                for (measure, value) in [("max", distance.map(|d| d.max)), ("rms", distance.map(|d| d.rms))] {
                    let name = format!("coupling_{measure}_{}", family.name);
                    if let (Some(row), Some(value)) = (problem.measures.iter().position(|m| *m == name), value) {
                        series[[row, index]] = value;
                    }
                }
            }
            let mut set = |measure: &str, value: f64| series[[row(measure), index]] = value;
            if let Some(distances) = distances.into_iter().collect::<Option<Vec<Coupling>>>() {
                set("coupling_max", sup(distances.iter().map(|d| d.max)));
                // Mean squares of the families add, as in the energy.
                set("coupling_rms", distances.iter().map(|d| d.rms).reduce(f64::hypot).unwrap_or(f64::NAN));
            }
        }
        compare(problem, limit, index, (&f, risk), series);
        if let Some(projections) = limit.projections.get(index) {
            let apart = |(family, projections): (&Family, &Option<ReferenceProjections>)| {
                projections.as_ref()?.distance(family.cloud(&own)).ok()
            };
            let distances: Option<Vec<f64>> = families.iter().zip(projections).map(apart).collect();
            if let Some(distance) = distances.and_then(|distances| distances.into_iter().reduce(f64::hypot)) {
                series[[row("wasserstein"), index]] = distance;
            }
        }
    }
    (risk, f, theta)
}

/// Compares predictions and risk at recording time `index` with a limit's: what every kind of limit has.
pub fn compare<R: Real>(
    problem: &Problem<'_, R>,
    limit: &Path<R>,
    index: usize,
    (f, risk): (&[f64], f64),
    series: &mut Series,
) {
    let samples = (f.len() / problem.network.outputs(), problem.network.outputs());
    let view = |f: &[f64]| ArrayView2::from_shape(samples, f).expect("one prediction per sample").to_owned();
    if let Ok(distance) = function_distance(view(f).view(), view(&limit.predictions[index]).view()) {
        series[[row("function"), index]] = distance;
    }
    series[[row("risk_gap"), index]] = (risk - limit.risks[index]).abs();
}
