//! The dropout study: the increase of the loss of trained networks when M of N neurons are kept and rescaled.
//!
//! Theory section 6 (WKM section 5; Shevchenko, Mondelli 2020). The neurons kept are the first M (as in the papers),
//! random (mean and 5 to 95 % quantiles over draws, compared with the closed form), or chosen greedily: at the end of
//! training for every width and seed, and during training for random halves.

use super::record::ChangeArrays;
use super::{Dropout, DropoutArrays, DropoutRecord};
use crate::analysis::drawn_change::{DrawnChange, closed_form_check, moments};
use crate::analysis::dropout::{DropoutLosses, DropoutNetwork, MayProceed, predicted, random_order};
use crate::analysis::fit::{Bootstrap, Statistic, fit_corrected_slope, fit_slope};
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::{Check, Exponent};
use crate::compute::Threads;
use crate::network::{DropoutPattern, Loss};
use crate::record::npz::whole;
use crate::record::{FitRecord, Measure};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::plan::Trajectory;
use crate::run::problem::Problem;
use crate::run::states::{TrainedNetwork, final_point, network_tasks};
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Scope, run_scoped_tasks};
use ndarray::{Array1, Array2, Array3, s};
use serde::{Deserialize, Serialize};

/// Writes `records/dropout.npz` and `records/dropout.json`; returns the checks.
pub(super) fn run(
    spec: &Dropout,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let e = problem.experiment;
    let (widths, seeds) = (&e.widths.values, e.widths.seeds);
    let sizes = sizes(spec, widths);
    let tasks = network_tasks("dropout", plan, trained);
    let drops = problem.network.dropout_patterns();
    let fits = |&(w, seed, run): &TrainedNetwork<'_>, found: &NetworkLosses| {
        let kept = sizes.iter().filter(|&&m| m < run.width()).count();
        let greedy = |drop: &DropoutPattern| if spec.is_greedy(drop, run.width()) { kept } else { 0 };
        found.place == (w, seed)
            && found.drops.len() == drops.len()
            && drops.iter().zip(&found.drops).all(|(drop, changes)| changes.fits(kept, greedy(drop)))
    };
    let losses =
        complete!(run_scoped_tasks(context, ("dropout", Scope::Networks), &tasks, fits, |&(w, seed, run), _| {
            network_losses(problem, spec, &sizes, (w, seed), run, context)
        })?);
    let empty = || Array2::from_elem((widths.len(), seeds), f64::NAN);
    let (mut loss, mut spread) = (empty(), empty());
    for network in &losses {
        (loss[network.place], spread[network.place]) = (network.loss, network.spread);
    }
    let shape = (widths.len(), seeds, sizes.len());
    let mut record = DropoutRecord {
        exact: e.network.loss == Loss::HalfSquared,
        fixed: 0,
        drops: drops.iter().map(|drop| drop.name.to_string()).collect(),
        fits: Vec::new(),
    };
    let changes: Vec<(String, ChangeArrays)> =
        drops.iter().enumerate().map(|(d, drop)| (drop.name.to_string(), collect(shape, &losses, d))).collect();
    let mut found = Vec::new();
    for (drop, (_, changes)) in drops.iter().zip(&changes) {
        found.extend(checks(problem, drop, &sizes, changes, &loss, plan.dependence(&plan.groups[0]), &mut record));
    }
    let (half_random, half_predicted) = along_training(subject);
    let arrays = DropoutArrays {
        widths: whole(widths.iter().copied()),
        kept: whole(sizes.iter().copied()),
        changes,
        loss,
        spread,
        times: Array1::from(problem.times.clone()),
        half_random,
        half_predicted,
    };
    arrays.write(context.folder)?;
    record.write(context.folder)?;
    Ok(Outcome::Complete(found.into()))
}

/// Numbers of neurons kept: those of the experiment, or the powers of two, below the largest width.
pub(super) fn sizes(spec: &Dropout, widths: &[usize]) -> Vec<usize> {
    let largest = widths.iter().copied().max().unwrap_or(1);
    let all: Vec<usize> =
        if spec.kept.is_empty() { (0..usize::BITS).map(|k| 1 << k).collect() } else { spec.kept.clone() };
    all.into_iter().filter(|&m| m < largest).collect()
}

/// The losses of one network.
#[derive(Serialize, Deserialize)]
struct NetworkLosses {
    /// Indices of width and seed.
    place: (usize, usize),
    loss: f64,
    spread: f64,
    /// One entry per set of layers.
    drops: Vec<LossChanges>,
}

/// Changes of the loss of one network for one set of layers (sizes).
#[derive(Serialize, Deserialize)]
struct LossChanges {
    mean: Vec<f64>,
    error: Vec<f64>,
    skewness: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    first: Vec<f64>,
    greedy: Vec<f64>,
    predicted: Vec<f64>,
}

impl LossChanges {
    /// Whether there are changes for so many sizes, and for so many of the greedy choice.
    fn fits(&self, sizes: usize, greedy: usize) -> bool {
        let LossChanges { mean, error, skewness, low, high, first, predicted, .. } = self;
        self.greedy.len() == greedy
            && [mean, error, skewness, low, high, first, predicted].iter().all(|values| values.len() == sizes)
    }
}

impl Dropout {
    /// Whether neurons of a network of this width are also chosen greedily.
    fn is_greedy(&self, drop: &DropoutPattern, width: usize) -> bool {
        drop.drops_last_layer_only() && width <= self.greedy_up_to
    }
}

/// The losses of one network, by the ways to choose the neurons kept; starts over where it was interrupted.
fn network_losses(
    problem: &Problem<'_, f64>,
    spec: &Dropout,
    sizes: &[usize],
    place: (usize, usize),
    run: &Trajectory,
    context: &RunContext<'_>,
) -> Result<Outcome<NetworkLosses>, RunError> {
    let parameters = final_point(context.folder, problem, run)?.to_vec();
    let subject = problem.subject(run.width(), &parameters);
    let sizes: Vec<usize> = sizes.iter().copied().filter(|&m| m < run.width()).collect();
    let proceed = || !context.interrupted();
    let Some(whole) = subject.losses(&[], &[], Threads::Pool, &proceed) else { return Ok(Outcome::Interrupted) };
    let address = (place.0 as u64) << 32 | place.1 as u64;
    let drops = problem.network.dropout_patterns();
    let network = KeptNetwork { problem, spec, subject: &subject, sizes: &sizes, address, whole: &whole };
    let drops: Option<Vec<LossChanges>> = drops.iter().map(|drop| network.changes(drop, &proceed)).collect();
    Ok(match drops {
        Some(drops) => Outcome::Complete(NetworkLosses { place, loss: whole.full, spread: whole.spread, drops }),
        None => Outcome::Interrupted,
    })
}

/// A trained network whose neurons are dropped.
#[derive(Clone, Copy)]
struct KeptNetwork<'a> {
    problem: &'a Problem<'a, f64>,
    spec: &'a Dropout,
    subject: &'a DropoutNetwork<'a>,
    /// Numbers of neurons kept, per unit of width.
    sizes: &'a [usize],
    /// Address of its random draws.
    address: u64,
    /// Its losses with all neurons.
    whole: &'a DropoutLosses,
}

impl KeptNetwork<'_> {
    /// Changes of the loss for one set of layers. Sizes are per unit of width: a layer of r N neurons keeps r M.
    /// `None` where the computation was interrupted.
    fn changes(&self, drop: &DropoutPattern, proceed: &MayProceed<'_>) -> Option<LossChanges> {
        let KeptNetwork { problem, spec, subject, sizes, address, whole } = *self;
        let (seed, width) = (problem.experiment.seed, subject.width);
        let layers = problem.network.hidden_layers(width);
        let most = sizes.last().copied().unwrap_or(0);
        let last = layers.len() - 1;
        let greedy = spec.is_greedy(drop, width) && most > 0;
        // Draws of the layers before the last have addresses of their own.
        let order = |layer: usize, draw: u64| {
            let layer_address = address ^ ((last - layer) as u64) << 60;
            random_order(seed, layer_address, draw, layers[layer], most * (layers[layer] / width))
        };
        let draws = 0..spec.draws as u64;
        let kept = if drop.drops_last_layer_only() {
            let per = layers[last] / width;
            let drawn: Option<Vec<Vec<usize>>> = draws.map(|draw| proceed().then(|| order(last, draw))).collect();
            let mut orders = drawn?;
            orders.push((0..most * per).collect());
            if greedy {
                orders.push(subject.greedy_order(most * per, proceed)?);
            }
            let sizes: Vec<usize> = sizes.iter().map(|m| m * per).collect();
            subject.losses(&orders, &sizes, Threads::Pool, proceed)?.kept
        } else {
            let of_draw = |draw| proceed().then(|| (0..layers.len()).map(|layer| order(layer, draw)).collect());
            let drawn: Option<Vec<Vec<Vec<usize>>>> = draws.map(of_draw).collect();
            let mut orders = drawn?;
            orders.push(layers.iter().map(|n| (0..most * (n / width)).collect()).collect());
            subject.losses_without(drop, &orders, sizes, proceed)?
        };
        let change = kept - whole.full;
        let random = change.slice(s![..spec.draws, ..]);
        let over_draws = |f: &dyn Fn(Vec<f64>) -> f64| random.columns().into_iter().map(|c| f(c.to_vec())).collect();
        let row = |at: usize| change.row(at).to_vec();
        let closed_form = |&m: &usize| {
            let per = layers[last] / width;
            if drop.drops_last_layer_only() { predicted(layers[last], m * per, whole.spread) } else { f64::NAN }
        };
        Some(LossChanges {
            mean: over_draws(&|v| moments(&v)[0]),
            error: over_draws(&|v| moments(&v)[1]),
            skewness: over_draws(&|v| moments(&v)[2]),
            low: over_draws(&|v| quantile(v, 0.05)),
            high: over_draws(&|v| quantile(v, 0.95)),
            first: row(spec.draws),
            greedy: if greedy { row(spec.draws + 1) } else { Vec::new() },
            predicted: sizes.iter().map(closed_form).collect(),
        })
    }
}

/// The changes of all networks for the `drop`-th set of layers.
fn collect(shape: (usize, usize, usize), losses: &[NetworkLosses], drop: usize) -> ChangeArrays {
    let cube = |values: fn(&LossChanges) -> &Vec<f64>| {
        let mut cube = Array3::from_elem(shape, f64::NAN);
        for network in losses {
            let (w, seed) = network.place;
            values(&network.drops[drop]).iter().enumerate().for_each(|(m, &value)| cube[[w, seed, m]] = value);
        }
        cube
    };
    ChangeArrays {
        change_mean: cube(|changes| &changes.mean),
        change_error: cube(|changes| &changes.error),
        change_skewness: cube(|changes| &changes.skewness),
        change_low: cube(|changes| &changes.low),
        change_high: cube(|changes| &changes.high),
        change_first: cube(|changes| &changes.first),
        change_greedy: cube(|changes| &changes.greedy),
        change_predicted: cube(|changes| &changes.predicted),
    }
}

impl ChangeArrays {
    /// The changes over random sets.
    fn drawn(&self) -> DrawnChange<'_> {
        DrawnChange {
            mean: self.change_mean.view(),
            error: self.change_error.view(),
            skewness: self.change_skewness.view(),
            predicted: self.change_predicted.view(),
        }
    }
}

fn checks(
    problem: &Problem<'_, f64>,
    drop: &DropoutPattern,
    sizes: &[usize],
    changes: &ChangeArrays,
    loss: &Array2<f64>,
    dependence: Option<String>,
    record: &mut DropoutRecord,
) -> Vec<Check> {
    let name = |what: &str| format!("dropout-{}{what}", drop.prefix("-"));
    let measure = |fit: &str| DropoutRecord::measure(drop.name, fit);
    let of = if drop.name.is_empty() { String::new() } else { format!("{}: ", drop.name) };
    let e = problem.experiment;
    let widths = &e.widths.values;
    let mut checks = Vec::new();
    if record.exact && drop.drops_last_layer_only() {
        checks.push(closed_form_check(&name("closed-form"), &of, (widths, sizes), &changes.drawn(), loss.view()));
    }
    let bootstrap = Bootstrap::new(e.seed, DROPOUT_SALT);
    let smallest = widths.first().copied().unwrap_or(0);
    // At most a quarter of the smallest width: available at every width, and far from all neurons.
    if let Some(m) = sizes.iter().rposition(|&m| 4 * m <= smallest) {
        record.fixed = sizes[m];
        // The factor (N - M)/N of draws without replacement is exact and is divided out.
        let table = Array2::from_shape_fn((widths.len(), e.widths.seeds), |(w, seed)| {
            let (n, kept) = (widths[w] as f64, sizes[m] as f64);
            changes.change_mean[[w, seed, m]] * n / (n - kept)
        });
        let x: Vec<f64> = widths.iter().map(|&n| n as f64).collect();
        let statement =
            format!("{of}the loss added by keeping M = {} at random, over (N - M)/N, does not depend on N", sizes[m]);
        let fit = fit_slope(&x, table.view(), Statistic::Mean, &bootstrap);
        let exponent = Exponent::equal(0.0).resolution(0.15);
        let check = Check::exponent(name("free-of-width"), statement, &exponent, &fit);
        let tail = fit_slope(&x[1..], table.slice(s![1.., ..]), Statistic::Mean, &bootstrap);
        // S^2 of a finite network has a bias of order 1/N.
        let corrected = fit_corrected_slope(&x, table.view(), Statistic::Mean, &bootstrap);
        let check = check.or_pre_asymptotic("smallest width", &tail).or_corrected(corrected.as_ref());
        checks.push(check.unless(dependence.clone()));
        record.fits.push(FitRecord::of("dropout", &measure(DropoutRecord::FIXED), 0.0, &fit));
    }
    if let Some(largest) = widths.len().checked_sub(1) {
        // M is far below N: the factor 1 - M/N would change the exponent.
        let rows: Vec<usize> = (0..sizes.len()).filter(|&m| 8 * sizes[m] <= widths[largest]).collect();
        let x: Vec<f64> = rows.iter().map(|&m| sizes[m] as f64).collect();
        let table = Array2::from_shape_fn((rows.len(), e.widths.seeds), |(m, seed)| {
            changes.change_high[[largest, seed, rows[m]]].abs()
        });
        let fit = fit_slope(&x, table.view(), Statistic::GeometricMean, &bootstrap);
        let from = 1.min(x.len());
        let tail = fit_slope(&x[from..], table.slice(s![from.., ..]), Statistic::GeometricMean, &bootstrap);
        let statement =
            format!("{of}N = {}: the 95 % quantile of R(f_A) - R(f_N) falls at least as M^(-1/2)", widths[largest]);
        let check = Check::exponent(name("bound-form"), statement, &Exponent::at_most(-0.5), &fit);
        checks.push(check.or_pre_asymptotic("smallest number kept", &tail).unless(dependence.clone()));
        record.fits.push(FitRecord::of("dropout", &measure(DropoutRecord::QUANTILE), -0.5, &fit));
    }
    checks
}

/// Distinguishes the random streams of this bootstrap from those of other studies.
const DROPOUT_SALT: u64 = 1 << 32;

/// The change of the loss during training when random halves of the last hidden layer are kept, and its closed form,
/// both (widths, seeds, times).
fn along_training(subject: TrainingSubject<'_>) -> (Array3<f64>, Array3<f64>) {
    let TrainingSubject { problem, plan, trained } = subject;
    let (times, widths) = (&problem.times, &problem.experiment.widths.values);
    let ids = &plan.groups[0].ids;
    let shape = (widths.len(), problem.experiment.widths.seeds, times.len());
    let cube = |measure: Measure, factor: &dyn Fn(usize) -> f64| {
        Array3::from_shape_fn(shape, |(w, seed, t)| {
            let series = trained.series(&ids[w][seed]);
            series.map_or(f64::NAN, |series| series.row(measure)[t] * factor(widths[w]))
        })
    };
    let expected = |width| {
        let n = problem.network.hidden_layers(width).pop().unwrap_or(width);
        predicted(n, n / 2, 1.0)
    };
    (cube(Measure::Dropout, &|_| 1.0), cube(Measure::Spread, &expected))
}

#[cfg(test)]
mod tests;
