//! The study of kept neurons (theory section 12): dropout (SM) and the optimal brain surgeon (WMSKA) on one axis, at the end
//! of training, for every width and seed.

use super::checks::checks;
use super::losses::{KeptNeurons, NetworkKept, SurgeonLosses};
use super::record::LimitSpread;
use super::{Keep, KeepArrays, KeepRecord};
use crate::config::Route;
use crate::network::Loss;
use crate::record::npz::{StoredArrays, whole};
use crate::record::{LimitRun, RunFolder};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::plan::Trajectory;
use crate::run::problem::Problem;
use crate::run::states::{TrainedNetwork, final_point, network_tasks};
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Scope, Task, TaskHandle, run_scoped_tasks, run_tasks};
use crate::sparse::recovery::Interrupt;
use ndarray::{Array1, Array2, Array3};

/// Writes `records/keep.npz` and `records/keep.json`; returns the checks.
pub(super) fn run(
    spec: &Keep,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let e = problem.experiment;
    let (widths, seeds) = (&e.widths.values, e.widths.seeds);
    let sizes = spec.sizes(e.widths.largest());
    let of_width = |width: usize| -> Vec<usize> { sizes.iter().copied().filter(|&m| m < width).collect() };
    let tasks = network_tasks("keep", plan, trained);
    let fits = |&(w, seed, run): &TrainedNetwork<'_>, found: &NetworkKept| {
        let kept = of_width(run.width()).len();
        found.place == (w, seed) && found.fits(kept, run.width() <= spec.eliminate_up_to && kept > 0)
    };
    let found = run_scoped_tasks(context, ("keep", Scope::Networks), &tasks, fits, |&(w, seed, run), handle| {
        let parameters = final_point(context.folder, problem, run)?.to_vec();
        let per = proportion(problem, run.width());
        let sizes: Vec<usize> = of_width(run.width()).iter().map(|m| m * per).collect();
        let network = &problem.subject(run.width(), &parameters);
        KeptNeurons { spec, network, seed: e.seed, place: (w, seed), sizes: &sizes, handle }.losses()
    })?;
    // A limit on a grid has no particles: those of the limit with which it is compared represent it.
    let limit = if e.reference.kind == Route::Grid { LimitRun::HalfParticles } else { LimitRun::Reference };
    let limit = plan.find(limit.id()).filter(|run| trained.reached_horizon(&run.id));
    let limit_tasks: Vec<Task<&Trajectory>> =
        limit.map(|run| Task { name: "keep-limit".into(), size: run.width(), item: run }).into_iter().collect();
    let limits = run_tasks(
        context,
        "keep: limit",
        &limit_tasks,
        |_, _| true,
        |run, handle| limit_spread(problem, run, context, handle),
    )?;
    let (found, limits) = (complete!(found), complete!(limits));
    let dampings = found.iter().filter_map(|network| network.surgeon.as_ref()).map(|surgeon| surgeon.damping);
    let singular = found.iter().filter(|network| network.singular);
    let bias = predicted_bias(problem, context.folder)?;
    let record = KeepRecord {
        exact: e.network.loss == Loss::HalfSquared,
        damping: dampings.clone().map(|(damping, _)| damping).reduce(f64::max),
        raised: dampings.filter(|(_, raised)| *raised).count(),
        singular: singular.map(|network| plan.groups[0].ids[network.place.0][network.place.1].clone()).collect(),
        limit: limits.first().map(|limit| LimitSpread { bias, ..*limit }),
    };
    let arrays = Collected { found: &found, shape: (widths.len(), seeds, sizes.len()) }.arrays(
        whole(widths.iter().copied()),
        whole(sizes.iter().copied()),
        proportion(problem, 1),
    );
    arrays.write(context.folder)?;
    record.write(context.folder)?;
    let mut warnings = Vec::new();
    if !record.singular.is_empty() {
        warnings.push(format!(
            "keep: neurons were not eliminated, as no damping makes the moment of their activations positive definite: {}",
            record.singular.join(", ")
        ));
    }
    if record.raised > 0 {
        warnings.push(format!(
            "keep: for {} networks a larger damping than keep.damping = {} was needed, up to {}",
            record.raised,
            spec.damping,
            record.damping.unwrap_or(f64::NAN)
        ));
    }
    let checks = checks(&arrays, &record, plan.dependence(&plan.groups[0]));
    Ok(Outcome::Complete(Findings { checks, warnings }))
}

/// Neurons of the last hidden layer per unit of width.
fn proportion(problem: &Problem<'_, f64>, width: usize) -> usize {
    problem.network.hidden_layers(width).last().map_or(1, |neurons| neurons / width)
}

/// The bias of the spread at the horizon that the study of predictions, which runs earlier, has found; `None` without it.
/// Records are what studies know of each other.
fn predicted_bias(problem: &Problem<'_, f64>, folder: &RunFolder) -> Result<Option<f64>, RunError> {
    if problem.experiment.studies.find("predict").is_none() {
        return Ok(None);
    }
    let stored = StoredArrays::read(&folder.file("records/predict.npz"))?;
    let bias: Array1<f64> = stored.on_axes("spread_bias", &["times"])?;
    Ok(bias.last().copied().filter(|bias| bias.is_finite()))
}

/// The spread of the features of the limit at the horizon.
fn limit_spread(
    problem: &Problem<'_, f64>,
    run: &Trajectory,
    context: &RunContext<'_>,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<LimitSpread>, RunError> {
    let parameters = final_point(context.folder, problem, run)?.to_vec();
    let interrupt = Interrupt::when(handle.interrupt());
    let Some(spreads) = problem.subject(run.width(), &parameters).spreads(&|| !interrupt.requested()) else {
        return Ok(Outcome::Interrupted);
    };
    let count = spreads.len() as f64;
    let spread = spreads.iter().sum::<f64>() / count;
    let variance = spreads.iter().map(|square| (square - spread).powi(2)).sum::<f64>() / (count - 1.0);
    Ok(Outcome::Complete(LimitSpread { spread, bias: None, error: (variance / count).sqrt() }))
}

/// The losses of all networks.
struct Collected<'a> {
    found: &'a [NetworkKept],
    /// Numbers of widths, seeds and sizes.
    shape: (usize, usize, usize),
}

impl Collected<'_> {
    /// A number of every network.
    fn table(&self, value: impl Fn(&NetworkKept) -> f64) -> Array2<f64> {
        let mut table = Array2::from_elem((self.shape.0, self.shape.1), f64::NAN);
        self.found.iter().for_each(|network| table[network.place] = value(network));
        table
    }

    /// A number of every network and size.
    fn cube(&self, values: impl Fn(&NetworkKept) -> Option<&Vec<f64>>) -> Array3<f64> {
        let mut cube = Array3::from_elem(self.shape, f64::NAN);
        for network in self.found {
            let (w, seed) = network.place;
            values(network).into_iter().flatten().enumerate().for_each(|(m, &value)| cube[[w, seed, m]] = value);
        }
        cube
    }

    fn arrays(&self, widths: Array1<f64>, kept: Array1<f64>, proportion: usize) -> KeepArrays {
        let plain = |of: fn(&NetworkKept) -> &Vec<f64>| self.cube(|network| Some(of(network)));
        let surgeon = |of: fn(&SurgeonLosses) -> &Vec<f64>| self.cube(|network| network.surgeon.as_ref().map(of));
        KeepArrays {
            widths,
            kept,
            proportion: whole([proportion]),
            loss: self.table(|network| network.loss),
            optimum: self.table(|network| network.surgeon.as_ref().map_or(f64::NAN, |surgeon| surgeon.optimum)),
            spread: self.table(|network| network.spread),
            change_mean: plain(|network| &network.mean),
            change_error: plain(|network| &network.error),
            change_skewness: plain(|network| &network.skewness),
            change_predicted: plain(|network| &network.predicted),
            random_refit: surgeon(|losses| &losses.random_refit),
            first: plain(|network| &network.first),
            first_refit: surgeon(|losses| &losses.first_refit),
            largest: surgeon(|losses| &losses.largest),
            largest_refit: surgeon(|losses| &losses.largest_refit),
            greedy: surgeon(|losses| &losses.greedy),
            greedy_refit: surgeon(|losses| &losses.greedy_refit),
            greedy_model: surgeon(|losses| &losses.greedy_model),
            greedy_penalty: surgeon(|losses| &losses.greedy_penalty),
        }
    }
}
