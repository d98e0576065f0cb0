//! The study of error curves: every method on every problem.

use super::checks::checks;
use super::record::MethodArrays;
use super::runs::{MethodRun, ProblemRuns, RunsShape, problem_runs, recorded_iterations, run_method, runs};
use super::{MethodSummary, Recover, RecoverArrays, RecoverRecord, Timing};
use crate::analysis::proportion::wilson_interval;
use crate::analysis::quantile::quantile;
use crate::record::npz::{shaped, whole};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::Interrupt;
use ndarray::{Array1, Array2};
use std::collections::BTreeMap;

/// Writes `records/recover.npz`, `records/recover.json` and `records/timings.json`; returns the checks.
pub(super) fn run(
    spec: &Recover,
    subject: RecoverySubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let e = subject.experiment;
    let tasks: Vec<Task<u64>> = (0..spec.problems as u64)
        .map(|index| Task { name: format!("recover-{index}"), size: 1, item: index })
        .collect();
    let shape = RunsShape {
        methods: e.solver.methods.len(),
        recorded: recorded_iterations(e.solver.iterations).len(),
        unknowns: match subject.source.drawn_law() {
            Some(law) => law.d,
            None => subject.source.problem(e.seed, 0, Interrupt::NEVER)?.unknowns(),
        },
    };
    let fits = |_: &u64, found: &ProblemRuns| found.fits(&shape);
    let found = complete!(run_tasks(context, "recovery", &tasks, fits, |&index, handle| {
        let interrupt = Interrupt::when(handle.interrupt());
        let problem = subject.source.problem(e.seed, index, interrupt)?;
        let mut runs = Vec::new();
        for &method in &e.solver.methods {
            let run = run_method(e, (&problem, index), method, interrupt).map_err(|error| error.to_string());
            if !handle.advance_to((runs.len() + 1) as f64 / e.solver.methods.len() as f64) {
                return Ok(Outcome::Interrupted);
            }
            runs.push(run);
        }
        let found = problem_runs(e, &problem, runs, interrupt);
        Ok(if handle.interrupted() { Outcome::Interrupted } else { Outcome::Complete(found) })
    })?);
    arrays(subject, &found).write(context.folder)?;
    let methods = 0..e.solver.methods.len();
    let record = RecoverRecord { summaries: methods.clone().map(|m| summary(subject, &found, m)).collect() };
    let timings: Vec<Timing> = methods.map(|m| timing(subject, &found, m)).collect();
    record.write(context.folder, &timings)?;
    let checks = checks(&e.solver, &found);
    Ok(Outcome::Complete(Findings { checks, warnings: warnings(&record.summaries, &found) }))
}

/// The arrays of all methods.
fn arrays(subject: RecoverySubject<'_>, found: &[ProblemRuns]) -> RecoverArrays {
    let e = subject.experiment;
    let recorded = recorded_iterations(e.solver.iterations);
    let (count, length) = (found.len(), recorded.len());
    let truth = found.first().and_then(|f| f.truth.as_ref().map(Vec::len)).map(|d| {
        let truths = found.iter().flat_map(|f| f.truth.clone().unwrap_or_else(|| vec![f64::NAN; d])).collect();
        shaped((count, d), truths)
    });
    let of_method = |m: usize| {
        let missing = vec![f64::NAN; length];
        let lines = |of: fn(&MethodRun) -> &Vec<f64>| -> Array2<f64> {
            let rows = found.iter().flat_map(|f| f.runs[m].as_ref().map_or(&missing, of).clone());
            shaped((count, length), rows.collect())
        };
        let numbers = |of: &dyn Fn(&MethodRun) -> f64| -> Array1<f64> {
            found.iter().map(|f| f.runs[m].as_ref().map_or(f64::NAN, of)).collect()
        };
        let answers = runs(found, m).next().map(|run| run.w.len()).map(|d| {
            let missing = vec![f64::NAN; d];
            let rows = found.iter().flat_map(|f| f.runs[m].as_ref().map_or(&missing, |run| &run.w).clone());
            shaped((count, d), rows.collect())
        });
        MethodArrays {
            error: lines(|run| &run.error),
            value: lines(|run| &run.value),
            answer_error: numbers(&|run| run.answer),
            iterations_to_success: numbers(&|run| run.reached.map_or(f64::NAN, |t| t as f64)),
            iterations: numbers(&|run| run.iterations as f64),
            damping: numbers(&|run| run.damping),
            w: answers,
        }
    };
    let methods = e.solver.methods.iter().enumerate();
    RecoverArrays {
        iterations: whole(recorded),
        w_star: truth,
        methods: methods.map(|(m, method)| (method.name().to_string(), of_method(m))).collect(),
    }
}

/// The summary of a method.
fn summary(subject: RecoverySubject<'_>, found: &[ProblemRuns], m: usize) -> MethodSummary {
    let known = || found.iter().filter(|f| f.truth.is_some());
    let successes = runs(found, m).filter(|run| run.reached.is_some()).count();
    let problems = known().count();
    let mut stops = BTreeMap::new();
    runs(found, m).for_each(|run| *stops.entry(run.stop.clone()).or_insert(0) += 1);
    MethodSummary {
        method: subject.experiment.solver.methods[m].name().into(),
        successes,
        problems,
        interval: wilson_interval(successes, problems, 0.95),
        iterations: quantile(runs(found, m).filter_map(|run| run.reached.map(|t| t as f64)), 0.5),
        error: quantile(runs(found, m).map(|run| run.answer), 0.5),
        stops,
        damping: runs(found, m).map(|run| run.damping).fold(0.0, f64::max),
        raised: runs(found, m).filter(|run| run.raised).count(),
        refused: found.iter().filter(|f| f.runs[m].is_err()).count(),
        reason: found.iter().find_map(|f| f.runs[m].as_ref().err().cloned()),
    }
}

/// The wall times of a method.
fn timing(subject: RecoverySubject<'_>, found: &[ProblemRuns], m: usize) -> Timing {
    let to_success = runs(found, m).filter(|run| run.reached.is_some()).map(|run| run.seconds);
    Timing {
        method: subject.experiment.solver.methods[m].name().into(),
        seconds: quantile(runs(found, m).map(|run| run.seconds), 0.5),
        seconds_to_success: quantile(to_success, 0.5),
        seconds_per_iteration: quantile(runs(found, m).map(|run| run.seconds / run.iterations.max(1) as f64), 0.5),
    }
}

/// Warnings about true vectors that are 0, damping and failures.
fn warnings(summaries: &[MethodSummary], found: &[ProblemRuns]) -> Vec<String> {
    let mut warnings = Vec::new();
    let zero = found.iter().filter(|f| f.truth_is_zero()).count();
    if zero > 0 {
        warnings.push(format!("the true vector of {zero} problems is 0: errors there are absolute, not relative"));
    }
    for s in summaries {
        if s.raised > 0 {
            warnings.push(format!(
                "{}: the Hessian could not be factored on {} problems; the damping was increased, up to {:.0e} of its mean diagonal",
                s.method, s.raised, s.damping
            ));
        }
        if let Some(reason) = &s.reason {
            warnings.push(format!("{}: failed on {} problems: {reason}", s.method, s.refused));
        }
    }
    warnings
}
