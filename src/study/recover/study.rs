//! The study of error curves: every method on every problem.

use super::record::MethodArrays;
use super::{MethodSummary, Recover, RecoverArrays, RecoverRecord, Timing};
use crate::analysis::proportion::wilson_interval;
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::Check;
use crate::config::ProblemSpec;
use crate::record::npz::{shaped, whole};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::recovery_run::{kept, undamped};
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::{RecoveryError, RecoveryMethod, SparseProblem, Stop, solve};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// Number of iterations up to which every iteration is recorded.
const DENSE: usize = 64;
/// Ratio of successive recorded iterations beyond them.
const RATIO: f64 = 1.04;
/// Relative rounding allowed in exact statements.
const ROUNDING: f64 = 1e-9;
/// Largest error after an undamped pass on a noiseless problem: rounding times the condition number of X^T X.
const ONE_PASS: f64 = 1e-6;

/// The result of a method on a problem.
#[derive(Serialize, Deserialize)]
struct MethodRun {
    /// Relative errors at the recorded iterations; after the last iteration its error is repeated.
    error: Vec<f64>,
    /// Values of the objective at the recorded iterations.
    value: Vec<f64>,
    /// Relative error of the solution.
    answer: f64,
    /// Iterations to success.
    reached: Option<usize>,
    /// Number of iterations.
    iterations: usize,
    /// Largest increase of the objective between sparse iterates, relative to its initial value.
    rise: f64,
    /// Why iterations stopped.
    stop: String,
    /// Relative damping used.
    damping: f64,
    /// Whether the requested damping was increased.
    raised: bool,
    /// Wall time in seconds.
    seconds: f64,
    /// The solution (d).
    w: Vec<f64>,
    /// Number of entries of the solution minus the number allowed.
    excess: isize,
}

/// The results of all methods on a problem.
#[derive(Serialize, Deserialize)]
struct ProblemRuns {
    /// The true vector (d), if known.
    truth: Option<Vec<f64>>,
    /// Whether an undamped pass is exact.
    undamped: bool,
    /// The results, or the reasons of failures, in the order of the methods.
    runs: Vec<Result<MethodRun, String>>,
}

/// The numbers of the recorded iterations.
fn recorded_iterations(iterations: usize) -> Vec<usize> {
    let mut recorded: Vec<usize> = (0..=DENSE.min(iterations)).collect();
    while let Some(&last) = recorded.last().filter(|&&last| last < iterations) {
        recorded.push(((last as f64 * RATIO).ceil() as usize).min(iterations));
    }
    recorded
}

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
    let found = complete!(run_tasks(context, "recovery", &tasks, |&index, _| {
        let problem = subject.source.problem(e.seed, index)?;
        let runs = e.solver.methods.iter().map(|&m| run_method(subject, &problem, m).map_err(|e| e.to_string()));
        Ok(Outcome::Complete(ProblemRuns {
            truth: problem.truth().map(<[f64]>::to_vec),
            undamped: undamped(e, &problem) && no_noise(&e.problem),
            runs: runs.collect(),
        }))
    })?);
    arrays(subject, &found).write(context.folder)?;
    let methods = 0..e.solver.methods.len();
    let record = RecoverRecord { summaries: methods.clone().map(|m| summary(subject, &found, m)).collect() };
    let timings: Vec<Timing> = methods.map(|m| timing(subject, &found, m)).collect();
    record.write(context.folder, &timings)?;
    let checks = checks(subject, &found);
    Ok(Outcome::Complete(Findings { checks, warnings: warnings(&record.summaries) }))
}

/// Whether problems are noiseless.
fn no_noise(problem: &ProblemSpec) -> bool {
    match problem {
        ProblemSpec::Drawn(law) => law.snr_db.is_none(),
        ProblemSpec::Mnist(spec) => spec.snr_db.is_none(),
        ProblemSpec::File { .. } => false,
    }
}

/// Runs a method on a problem.
fn run_method(
    subject: RecoverySubject<'_>,
    problem: &SparseProblem,
    method: RecoveryMethod,
) -> Result<MethodRun, RecoveryError> {
    let e = subject.experiment;
    let k = kept(e, problem);
    let started = Instant::now();
    let outcome = solve(problem, method, &e.solver.settings(k), |_| {})?;
    let seconds = started.elapsed().as_secs_f64();
    let at = |iteration: usize| outcome.curve[iteration.min(outcome.curve.len() - 1)];
    let recorded = recorded_iterations(e.solver.iterations);
    let sparse = &outcome.curve[1.min(outcome.curve.len() - 1)..];
    let rise = sparse.windows(2).map(|pair| pair[1].value - pair[0].value).fold(0.0, f64::max);
    Ok(MethodRun {
        error: recorded.iter().map(|&iteration| at(iteration).error).collect(),
        value: recorded.iter().map(|&iteration| at(iteration).value).collect(),
        answer: outcome.point().error,
        reached: outcome.iterations_to(e.solver.success),
        iterations: outcome.curve.len() - 1,
        rise: rise / outcome.curve[0].value.abs().max(f64::MIN_POSITIVE),
        stop: stop_name(outcome.stop),
        damping: outcome.damping,
        raised: outcome.raised,
        seconds,
        excess: outcome.support.len() as isize - k as isize,
        w: outcome.w,
    })
}

/// The successful runs of a method.
fn runs(found: &[ProblemRuns], m: usize) -> impl Iterator<Item = &MethodRun> {
    found.iter().filter_map(move |f| f.runs[m].as_ref().ok())
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

/// Warnings about damping and failures.
fn warnings(summaries: &[MethodSummary]) -> Vec<String> {
    let mut warnings = Vec::new();
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

fn checks(subject: RecoverySubject<'_>, found: &[ProblemRuns]) -> Vec<Check> {
    let methods = &subject.experiment.solver.methods;
    let all = || (0..methods.len()).flat_map(|m| runs(found, m));
    let excess = all().map(|run| run.excess as f64).fold(f64::NEG_INFINITY, f64::max);
    let mut checks =
        vec![Check::at_most("recover-support", "no solution has more than k entries: largest excess", excess, 0.0)];
    if let Some(m) = methods.iter().position(|method| *method == RecoveryMethod::Iht)
        && subject.experiment.solver.step <= 1.0
        && matches!(found.first(), Some(f) if f.runs[m].is_ok())
        && subject.source.problem(subject.experiment.seed, 0).is_ok_and(|problem| problem.is_quadratic())
    {
        let rise = runs(found, m).map(|run| run.rise).fold(0.0, f64::max);
        let statement = "k-IHT with a step of at most 1/L does not increase f: largest increase between sparse iterates, relative to the initial f";
        checks.push(Check::at_most("recover-iht-descends", statement, rise, ROUNDING));
    }
    if found.iter().all(|f| f.undamped) {
        for (m, method) in methods.iter().enumerate().filter(|(_, method)| matches!(method, RecoveryMethod::Obs(..))) {
            let name = format!("recover-one-pass-{}", method.name());
            let statement = format!(
                "{}: on a noiseless quadratic with n >= d one undamped pass from any start yields the true vector: largest relative error",
                method.name()
            );
            let error = runs(found, m).map(|run| run.error.get(1).copied().unwrap_or(f64::NAN)).fold(0.0, f64::max);
            checks.push(Check::at_most(name, statement, error, ONE_PASS));
        }
    }
    checks
}

/// The name of a stop reason in records.
fn stop_name(stop: Stop) -> String {
    stop.name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_iterations_increase_and_include_the_last() {
        for iterations in [1, 5, 64, 65, 1000, 20_000] {
            let recorded = recorded_iterations(iterations);
            assert_eq!((recorded[0], recorded[recorded.len() - 1]), (0, iterations));
            assert!(recorded.windows(2).all(|pair| pair[0] < pair[1]) && recorded.len() < 250);
        }
    }
}
