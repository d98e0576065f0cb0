//! The study of paths: the increase of the loss on paths from one trained network to another.
//!
//! Theory section 7. Between pairs of independent networks of equal width, and between networks trained in different
//! ways: the constructive path through the first halves and through the best of several random halves, the straight
//! line, the straight line after matching neurons, and a learned curve.

use super::record::{KindArrays, PairRecord};
use super::{PathKind, Paths, PathsArrays, PathsRecord};
use crate::analysis::fit::{Bootstrap, Statistic, fit_slope};
use crate::analysis::paths::{
    ConstructivePath, CurveForce, LossEvaluator, Matching, NamedRisks, NeuronDistance, Path, Profile, WaypointArray,
    path_structure, train_curve,
};
use crate::analysis::repetition::Repetition;
use crate::analysis::verdict::{Check, Exponent};
use crate::choice::Choice;
use crate::compute::Threads;
use crate::config::BatchSize;
use crate::dynamics::{Ensemble, Motion};
use crate::network::{Objective, ParameterVector};
use crate::population::LabelKind;
use crate::record::FitRecord;
use crate::record::npz::{Arrays, shaped, whole};
use crate::record::state::push_parts;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::plan::{Trajectory, variant_group_name};
use crate::run::problem::Problem;
use crate::run::states::final_point;
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Scope, Task, TaskHandle, run_scoped_tasks};
use ndarray::{Array1, Array2, s};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;

/// Rounding allowed in exact statements.
const ROUNDING: f64 = 1e-12;
/// Distinguishes the random streams of this bootstrap from those of other studies.
const PATHS_SALT: u64 = 2 << 32;

/// Two networks to be connected.
struct NetworkPair<'a> {
    /// Name of its file in `state/paths/`.
    name: String,
    /// Address of its random draws.
    address: u64,
    runs: [&'a Trajectory; 2],
    /// The variant of the first network, if any.
    variant: Option<String>,
}

/// The paths between a pair.
#[derive(Serialize, Deserialize)]
struct PairPaths {
    named: BTreeMap<PathKind, NamedRisks>,
    profiles: BTreeMap<PathKind, Profile>,
}

/// Writes `records/paths.npz`, `records/paths.json` and `state/paths/`; returns the checks.
pub(super) fn run(
    spec: &Paths,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let problem = subject.problem;
    let pairs = pairs(spec, subject);
    let tasks: Vec<Task<&NetworkPair<'_>>> =
        pairs.iter().map(|pair| Task { name: pair.name.clone(), size: pair.width(), item: pair }).collect();
    let (samples, named) = (points(problem, spec), path_structure(&problem.network).named.len());
    // Pairs are shared among the threads; the passes of one pair are shared where there are too few pairs.
    let threads = if tasks.len() >= 2 * Threads::Pool.count() { Threads::One } else { Threads::Pool };
    let fits = |pair: &&NetworkPair<'_>, found: &PairPaths| found.fits(&spec.kinds(pair.width()), samples, named);
    let connected = complete!(run_scoped_tasks(context, ("paths", Scope::Networks), &tasks, fits, |pair, handle| {
        let connected = connect(problem, spec, pair, context, (handle, threads))?;
        if matches!(connected, Outcome::Complete(_)) {
            handle.wrote(pair.waypoints());
        }
        Ok(connected)
    })?);
    let arrays = arrays(problem, spec, &pairs, &connected);
    let mut record = PathsRecord {
        widths: problem.experiment.widths.values.clone(),
        kinds: arrays.kinds.iter().map(|(kind, _)| *kind).collect(),
        pairs: pairs.iter().map(NetworkPair::record).collect(),
        fits: Vec::new(),
    };
    arrays.write(context.folder)?;
    let checks = checks(problem, &pairs, &connected, subject.plan.dependence(&subject.plan.groups[0]), &mut record);
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

impl PairPaths {
    /// Whether these are paths of these kinds at so many samples, those of the constructive kinds with so many named
    /// points.
    fn fits(&self, kinds: &[PathKind], samples: usize, named: usize) -> bool {
        let constructive = kinds.iter().filter(|kind| matches!(kind, PathKind::FirstHalf | PathKind::BestHalf));
        let whole = |profile: &Profile| {
            [&profile.loss, &profile.accuracy, &profile.sign_accuracy].iter().all(|values| values.len() == samples)
        };
        self.profiles.keys().eq(kinds)
            && self.profiles.values().all(whole)
            && self.named.keys().eq(constructive)
            && self.named.values().all(|risks| risks.0.len() == named)
    }
}

impl Paths {
    /// The kinds of path between networks of this width, in their order.
    pub(super) fn kinds(&self, width: usize) -> Vec<PathKind> {
        let applies = |kind: &PathKind| match kind {
            PathKind::FirstHalf | PathKind::Straight => true,
            PathKind::BestHalf => self.halves > 0,
            PathKind::MatchedFeatures | PathKind::MatchedWeights => width <= self.match_up_to,
            PathKind::Bezier => self.bezier.as_ref().is_some_and(|bezier| width <= bezier.up_to),
        };
        PathKind::ALL.iter().copied().filter(applies).collect()
    }
}

impl NetworkPair<'_> {
    fn width(&self) -> usize {
        self.runs[0].width()
    }

    /// The file of the parameters of its paths.
    fn waypoints(&self) -> String {
        format!("state/paths/{}.npz", self.name)
    }

    fn record(&self) -> PairRecord {
        let [first, second] = self.runs.map(|run| run.id.clone());
        PairRecord { name: self.name.clone(), width: self.width(), first, second, variant: self.variant.clone() }
    }
}

/// The pairs of networks that reached the horizon.
fn pairs<'a>(spec: &Paths, subject: TrainingSubject<'a>) -> Vec<NetworkPair<'a>> {
    let TrainingSubject { problem, plan, trained } = subject;
    let e = problem.experiment;
    let mut pairs = Vec::new();
    let mut add = |name: String, address: u64, ids: [&String; 2], variant: Option<String>| {
        let [Some(first), Some(second)] = ids.map(|id| plan.find(id).filter(|_| trained.reached_horizon(id))) else {
            return;
        };
        pairs.push(NetworkPair { name, address, runs: [first, second], variant });
    };
    for (&width, ids) in e.widths.values.iter().zip(&plan.groups[0].ids) {
        for j in 0..spec.pairs {
            let address = (width as u64) << 32 | j as u64;
            add(format!("n{width}-p{j}"), address, [&ids[2 * j], &ids[2 * j + 1]], None);
        }
    }
    for (v, variant) in e.variants.iter().enumerate().filter(|(_, variant)| spec.variants.contains(&variant.name)) {
        let group = plan.groups.iter().find(|group| group.name == variant_group_name(&variant.name));
        let w = e.widths.values.iter().position(|&n| n == variant.width);
        let (Some(group), Some(w)) = (group, w) else { continue };
        for j in 0..spec.pairs.min(variant.seeds) {
            // Of different seeds: networks of equal seeds start from the same neurons.
            let partner = &plan.groups[0].ids[w][(j + 1) % e.widths.seeds];
            let address = (1 << 63) | (v as u64) << 32 | j as u64;
            add(format!("{}-p{j}", group.name), address, [&group.ids[0][j], partner], Some(variant.name.clone()));
        }
    }
    pairs
}

/// The value of an optional result; returns [`Outcome::Interrupted`] from the enclosing function where there is none.
macro_rules! uninterrupted {
    ($result:expr) => {
        match $result {
            Some(value) => value,
            None => return Ok(Outcome::Interrupted),
        }
    };
}

/// Evaluates every kind of path between a pair, and writes the parameters of the paths to `state/paths/`.
fn connect(
    problem: &Problem<'_, f64>,
    spec: &Paths,
    pair: &NetworkPair<'_>,
    context: &RunContext<'_>,
    (handle, threads): (&TaskHandle<'_>, Threads),
) -> Result<Outcome<PairPaths>, RunError> {
    let (e, network, width) = (problem.experiment, &problem.network, pair.width());
    let [p, q] = pair.runs.map(|run| final_point(context.folder, problem, run));
    let (p, q) = (p?, q?);
    let (x, y) = (&problem.population.x, &problem.population.y);
    let measure = LossEvaluator::new((network, width), (x, y), e.network.loss, problem.labels, threads);
    // Parts of about equal work: every kind of path.
    let (parts, completed) = (PathKind::ALL.len() as f64, Cell::new(0.0));
    let proceed = |fraction: f64| handle.advance_to((completed.get() + fraction) / parts);
    let part_done = || completed.set(completed.get() + 1.0);
    let samples = points(problem, spec);
    let mut connected = PairPaths { named: BTreeMap::new(), profiles: BTreeMap::new() };
    let mut arrays = Arrays::default();

    let first = ConstructivePath::first_half(network, width, &p, &q);
    let mut constructive = vec![(PathKind::FirstHalf, first.clone())];
    if spec.halves > 0 {
        let best = uninterrupted!(first.best_half(&measure, e.seed, pair.address, spec.halves, &proceed));
        constructive.push((PathKind::BestHalf, best));
    }
    for (kind, halves) in constructive {
        let path = halves.path();
        connected.named.insert(kind, halves.named_risks(&measure));
        connected.profiles.insert(kind, uninterrupted!(Profile::of(&path, samples, &measure, &proceed)));
        part_done();
        for WaypointArray { name, shape, values } in halves.waypoint_arrays() {
            arrays.push(format!("{}_{name}", kind.name()), &shape, values);
        }
    }
    let straight = uninterrupted!(Profile::of(&Path::line(&p, &q), samples, &measure, &proceed));
    connected.profiles.insert(PathKind::Straight, straight);
    part_done();
    if width <= spec.match_up_to {
        for (kind, by) in
            [(PathKind::MatchedFeatures, NeuronDistance::Features), (PathKind::MatchedWeights, NeuronDistance::Weights)]
        {
            let x = problem.sample.x.view();
            let matching = uninterrupted!(Matching::best(network, width, &p, &q, x, by, &proceed));
            let line = Path::line(&p, &matching.apply(network, width, &q));
            connected.profiles.insert(kind, uninterrupted!(Profile::of(&line, samples, &measure, &proceed)));
            part_done();
            push_matching(&mut arrays, kind, matching);
        }
    }
    if let Some(bezier) = spec.bezier.as_ref().filter(|bezier| width <= bezier.up_to) {
        let slice = |point: &ParameterVector| network.from_canonical(width, &point.to_vec());
        let objective = Objective { loss: e.network.loss, ridge: 0.0 };
        let ensemble = Ensemble { network, width, population: &problem.population, objective };
        let batch = if let BatchSize::Size(size) = bezier.batch { Some(size) } else { None };
        let force = CurveForce::new(ensemble, [slice(&p), slice(&q)], batch, (e.seed, pair.address), threads);
        let motion = Motion {
            step: bezier.step,
            friction: bezier.friction,
            temperature: 0.0,
            first_order: false,
            tolerance: 0.0,
        };
        let curve = uninterrupted!(train_curve(force, motion, bezier.steps, &proceed));
        connected.profiles.insert(PathKind::Bezier, uninterrupted!(Profile::of(&curve, samples, &measure, &proceed)));
        if let Path::Bezier { points: [_, middle, _] } = &curve {
            push_parts(&mut arrays, network, width, &middle.to_vec(), "middle");
        }
    }
    arrays.write(&context.folder.file(&pair.waypoints()))?;
    Ok(Outcome::Complete(connected))
}

/// Adds the permutation and the signs of every hidden layer.
fn push_matching(arrays: &mut Arrays, kind: PathKind, matching: Matching) {
    let several = matching.layers.len() > 1;
    for (l, layer) in matching.layers.into_iter().enumerate() {
        let number = if several { format!("_{}", l + 1) } else { String::new() };
        let partner = layer.partner.iter().map(|&j| j as f64).collect();
        arrays.push(format!("{}_partner{number}", kind.name()), &[layer.sign.len()], partner);
        arrays.push(format!("{}_sign{number}", kind.name()), &[layer.sign.len()], layer.sign);
    }
}

/// Number of points of every path: those of the constructive path, which include its waypoints.
fn points(problem: &Problem<'_, f64>, spec: &Paths) -> usize {
    path_structure(&problem.network).segments * (spec.points - 1) + 1
}

/// The arrays of all kinds of paths.
fn arrays(problem: &Problem<'_, f64>, spec: &Paths, pairs: &[NetworkPair<'_>], connected: &[PairPaths]) -> PathsArrays {
    let samples = points(problem, spec);
    let several_signs = problem.labels == LabelKind::Sign && problem.network.outputs() > 1;
    let mut kinds = Vec::new();
    for kind in PathKind::ALL.iter().copied() {
        let profiles: Vec<Option<&Profile>> = connected.iter().map(|j| j.profiles.get(&kind)).collect();
        if profiles.iter().all(Option::is_none) {
            continue;
        }
        let lines = |values: fn(&Profile) -> &Vec<f64>| {
            let missing = vec![f64::NAN; samples];
            let rows = profiles.iter().flat_map(|p| p.map_or(&missing, values).clone()).collect();
            shaped((pairs.len(), samples), rows)
        };
        let numbers = |value: fn(&Profile) -> f64| -> Array1<f64> {
            profiles.iter().map(|p| p.map_or(f64::NAN, value)).collect()
        };
        let constructive = connected.iter().all(|j| j.named.contains_key(&kind));
        let named = || {
            let risks = connected.iter().flat_map(|j| j.named[&kind].0.iter().copied()).collect();
            shaped((pairs.len(), path_structure(&problem.network).named.len()), risks)
        };
        let arrays = KindArrays {
            loss: lines(|p| &p.loss),
            accuracy: (problem.labels != LabelKind::Real).then(|| lines(|p| &p.accuracy)),
            sign_accuracy: several_signs.then(|| lines(|p| &p.sign_accuracy)),
            maximum: numbers(|p| p.maximum),
            maximum_at: numbers(|p| p.at),
            barrier: numbers(Profile::barrier),
            named_risks: constructive.then(named),
        };
        kinds.push((kind, arrays));
    }
    PathsArrays {
        t: (0..samples).map(|i| i as f64 / (samples - 1) as f64).collect(),
        width: whole(pairs.iter().map(NetworkPair::width)),
        kinds,
    }
}

fn checks(
    problem: &Problem<'_, f64>,
    pairs: &[NetworkPair<'_>],
    connected: &[PairPaths],
    dependence: Option<String>,
    record: &mut PathsRecord,
) -> Vec<Check> {
    let structure = path_structure(&problem.network);
    let constructive = || {
        connected
            .iter()
            .zip(pairs)
            .flat_map(|(j, pair)| j.named.iter().map(move |(kind, named)| (kind, named, &j.profiles[kind], &pair.name)))
    };
    let worst = |excess: &dyn Fn(&NamedRisks, &Profile) -> f64| {
        constructive().fold((f64::NAN, String::new()), |worst, (kind, named, profile, pair)| {
            let excess = excess(named, profile) / named.bound().abs().max(1.0);
            if worst.0 >= excess { worst } else { (excess, format!("{pair}, {}", kind.name())) }
        })
    };
    let (excess, at) = worst(&|named, profile| profile.maximum - named.bound());
    let mut bound = Check::at_most(
        "paths-bound",
        format!("max over the constructive path <= {}, every pair", structure.bound),
        excess,
        ROUNDING,
    );
    bound.detail = format!("largest excess {excess:.1e} of {} paths, at {at}", constructive().count());
    let (moved, at) = worst(&|_, profile| {
        let piece = (profile.loss.len() - 1) / structure.segments;
        let change = |&k: &usize| {
            let part = &profile.loss[k * piece..=(k + 1) * piece];
            part.iter().fold(0.0_f64, |change, v| change.max((v - part[0]).abs()))
        };
        structure.silent.iter().map(change).fold(0.0, f64::max)
    });
    let mut silent =
        Check::at_most("paths-silent", "the loss is constant where only silent neurons move", moved, ROUNDING);
    silent.detail = format!("largest change {moved:.1e}, at {at}");
    let mut checks = vec![bound, silent];
    if pairs.is_empty() {
        let reason = "no two networks of a pair reached the horizon";
        checks = checks.into_iter().map(|c| Check::not_measured(c.name, c.statement, c.expected, reason)).collect();
    }
    let mut checks: Vec<Check> = checks.into_iter().map(Check::about_program).collect();

    let widths = &problem.experiment.widths.values;
    let x: Vec<f64> = widths.iter().map(|&n| n as f64).collect();
    let most = widths.iter().map(|&n| pairs_of_width(pairs, n).count()).max().unwrap_or(0);
    for kind in PathKind::ALL.iter().copied() {
        let table = Array2::from_shape_fn((widths.len(), most), |(w, j)| {
            let pair = pairs_of_width(pairs, widths[w]).nth(j);
            pair.and_then(|i| connected[i].profiles.get(&kind)).map_or(f64::NAN, Profile::barrier)
        });
        if table.iter().all(|v| v.is_nan()) {
            continue;
        }
        let bootstrap = Bootstrap::new(problem.experiment.seed, PATHS_SALT);
        let fit = fit_slope(&x, table.view(), Statistic::Mean, &bootstrap);
        // The best of several halves may have no barrier, to which no exponent can be fitted.
        if kind == PathKind::FirstHalf {
            let statement =
                format!("the barrier of the constructive path ({}) falls at least as N^(-1/2)", kind.name());
            let name = format!("paths-barrier-{}", kind.name());
            let tail =
                fit_slope(&x[1.min(x.len())..], table.slice(s![1.min(x.len()).., ..]), Statistic::Mean, &bootstrap);
            let exponent = Exponent::at_most(-0.5).over(Repetition::Pair);
            let whole = Check::exponent(&name, &statement, &exponent, &fit);
            checks.push(whole.or_pre_asymptotic("smallest width", &tail).unless(dependence.clone()));
        }
        let failure = fit.as_ref().err().map(|failure| failure.words(Repetition::Pair));
        record.fits.push(FitRecord { failure, ..FitRecord::of("paths", kind.name(), -0.5, &fit) });
    }
    checks
}

/// Indices of the pairs of a width, without variants.
fn pairs_of_width(pairs: &[NetworkPair<'_>], width: usize) -> impl Iterator<Item = usize> {
    pairs.iter().enumerate().filter(move |(_, pair)| pair.width() == width && pair.variant.is_none()).map(|(i, _)| i)
}

#[cfg(test)]
mod tests;
