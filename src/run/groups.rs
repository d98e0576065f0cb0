//! The records of every run of training: the series of all groups and of the limit, and the error of the limit.

use super::context::RunError;
use super::grid_limit;
use super::plan::{Group, Plan};
use super::problem::Problem;
use super::series::{Series, sup};
use super::training::Trained;
use crate::config::{BatchSize, Route};
use crate::record::{
    GroupAxis, GroupRecord, GroupSeries, GroupsRecord, LimitRun, LimitSeries, Measure, ReferenceError, RunFolder,
};
use ndarray::{Array1, Array2, Array3, s};
use std::collections::BTreeMap;

/// Writes `records/GROUP.npz` for every group, `records/reference.npz` and `records/groups.json`.
pub(super) fn write(
    problem: &Problem<'_, f64>,
    plan: &Plan,
    trained: &Trained,
    folder: &RunFolder,
) -> Result<(), RunError> {
    limit_series(problem, plan, trained).write_to(folder)?;
    for group in &plan.groups {
        group_series(problem, group, trained).write_to(folder, &group.name)?;
    }
    let record = GroupsRecord {
        reference: reference_errors(problem, trained),
        groups: plan.groups.iter().map(|group| group_record(problem, group, trained)).collect(),
        clouds: problem.network.clouds(),
    };
    Ok(record.write(folder)?)
}

/// The error of the reference in every distance.
pub fn reference_errors(problem: &Problem<'_, f64>, trained: &Trained) -> BTreeMap<Measure, ReferenceError> {
    let e = problem.experiment;
    // On a grid, the number of nodes takes the place of the number of particles.
    let by_grid = e.reference.kind == Route::Grid;
    let (coarse, fine) = if by_grid {
        (LimitRun::HalfNodes, LimitRun::GridHalfStep)
    } else {
        (LimitRun::HalfParticles, LimitRun::HalfStep)
    };
    let by_law = by_grid && grid_limit::radial_of(e).is_some();
    let error = |run: LimitRun, measure: Measure| trained.series(run.id()).map_or(0.0, |series| series.sup(measure));
    let iteration = trained.unconverged.get(LimitRun::Reference.id()).copied().unwrap_or(0.0);
    let errors = |measure: Measure| ReferenceError {
        particles: error(coarse, measure),
        step: error(fine, measure),
        // The radial reduction uses the law itself, not a sample of it.
        sample: if by_law { 0.0 } else { error(LimitRun::HalfSample, measure) },
        training_step: error(LimitRun::TrainingStep, measure),
        iteration: if measure == Measure::Function { iteration } else { 0.0 },
    };
    let distances = problem.measures.iter().filter(|measure| measure.is_distance());
    distances.map(|&measure| (measure, errors(measure))).collect()
}

fn limit_series(problem: &Problem<'_, f64>, plan: &Plan, trained: &Trained) -> LimitSeries {
    let mut record = LimitSeries { times: Array1::from(problem.times.clone()), series: Vec::new() };
    for run in LimitRun::ALL {
        let (Some(series), Some(trajectory)) = (trained.series(run.id()), plan.find(run.id())) else { continue };
        let compared = trajectory.recording.compare.is_some();
        for &measure in problem.measures.iter().filter(|measure| compared || !measure.is_distance()) {
            record.series.push((run, measure, series.row(measure).to_owned()));
        }
    }
    record
}

/// The series of a group.
pub fn group_series(problem: &Problem<'_, f64>, group: &Group, trained: &Trained) -> GroupSeries {
    let measures: Vec<(Measure, Array3<f64>)> =
        problem.measures.iter().map(|&measure| (measure, table(problem, group, trained, measure))).collect();
    let distances = measures.iter().filter(|(measure, _)| measure.is_distance());
    GroupSeries {
        values: Array1::from(group.values.clone()),
        abscissa: Array1::from(abscissa(problem, group)),
        times: Array1::from(problem.times.clone()),
        sups: distances.map(|(measure, table)| (*measure, sup_over_time(table))).collect(),
        measures,
    }
}

/// A measure of a group (values, seeds, times); NaN where nothing was recorded.
fn table(problem: &Problem<'_, f64>, group: &Group, trained: &Trained, measure: Measure) -> Array3<f64> {
    let (values, seeds) = (group.ids.len(), group.ids.first().map_or(0, Vec::len));
    let mut table = Array3::from_elem((values, seeds, problem.times.len()), f64::NAN);
    for (v, ids) in group.ids.iter().enumerate() {
        for (seed, series) in ids.iter().enumerate().filter_map(|(seed, id)| Some((seed, trained.series(id)?))) {
            table.slice_mut(s![v, seed, ..]).assign(&Series::row(series, measure));
        }
    }
    table
}

/// The largest value over time per value and seed; NaN where the network diverged.
fn sup_over_time(table: &Array3<f64>) -> Array2<f64> {
    let (values, seeds, _) = table.dim();
    let sups: Vec<f64> = table.lanes(ndarray::Axis(2)).into_iter().map(|lane| sup(lane.iter().copied())).collect();
    Array2::from_shape_vec((values, seeds), sups).expect("one lane per value and seed")
}

/// Abscissa of fits. For widths it is the effective width `1 / (1/N - 1/M)`: the expected square gap of a network that
/// starts from N of the limit's M particles is `c (1/N - 1/M)`.
pub fn abscissa(problem: &Problem<'_, f64>, group: &Group) -> Vec<f64> {
    let reference = &problem.experiment.reference;
    // A grid corresponds to infinitely many particles.
    let m = if reference.kind == Route::Grid { f64::INFINITY } else { reference.particles as f64 };
    match group.axis {
        GroupAxis::Width => group.values.iter().map(|n| 1.0 / (1.0 / n - 1.0 / m)).collect(),
        GroupAxis::Step | GroupAxis::Batch | GroupAxis::Variant => group.values.clone(),
    }
}

fn group_record(problem: &Problem<'_, f64>, group: &Group, trained: &Trained) -> GroupRecord {
    GroupRecord {
        name: group.name.clone(),
        axis: group.axis,
        values: group.values.clone(),
        abscissa: abscissa(problem, group),
        width: group.width,
        step: group.step,
        batch: if let BatchSize::Size(size) = group.batch { Some(size) } else { None },
        diverged: group.ids.iter().flatten().filter(|id| trained.diverged(id)).cloned().collect(),
    }
}
