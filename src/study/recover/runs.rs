//! Runs of every method on a problem.

use crate::config::{ProblemSpec, RecoveryExperiment};
use crate::run::recovery_run::{kept, undamped};
use crate::sparse::recovery::{Interrupt, RecoveryError, RecoveryMethod, SparseProblem, solution_rounding, solve};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Number of iterations up to which every iteration is recorded.
const DENSE: usize = 64;
/// Ratio of successive recorded iterations beyond them.
const RATIO: f64 = 1.04;

/// The result of a method on a problem.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct MethodRun {
    /// Relative errors (absolute where the truth is 0) at the recorded iterations; after the last iteration its error is
    /// repeated.
    pub error: Vec<f64>,
    /// Values of the objective at the recorded iterations.
    pub value: Vec<f64>,
    /// Relative error of the solution.
    pub answer: f64,
    /// Iterations to success.
    pub reached: Option<usize>,
    /// Number of iterations.
    pub iterations: usize,
    /// Largest increase of the objective between sparse iterates, relative to its largest value there; NaN with fewer
    /// than two of them, and where it is 0 on all.
    pub rise: f64,
    /// Why iterations stopped.
    pub stop: String,
    /// Relative damping used.
    pub damping: f64,
    /// Whether the requested damping was increased.
    pub raised: bool,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The solution (d).
    pub w: Vec<f64>,
    /// Number of entries of the solution minus the number allowed.
    pub excess: isize,
}

/// The results of all methods on a problem.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ProblemRuns {
    /// The true vector (d), if known.
    pub truth: Option<Vec<f64>>,
    /// Bound of the relative rounding error of an undamped pass, where it yields the true vector but for rounding.
    pub one_pass: f64,
    /// Whether an undamped pass of I-OBS yields the true vector.
    pub exact: bool,
    /// The results, or the reasons of failures, in the order of the methods.
    pub runs: Vec<Result<MethodRun, String>>,
}

/// The lengths of the lists in [`ProblemRuns`].
pub(super) struct RunsShape {
    /// Number of methods.
    pub methods: usize,
    /// Number of recorded iterations.
    pub recorded: usize,
    /// Number of unknowns d.
    pub unknowns: usize,
}

impl ProblemRuns {
    /// Whether all lists have these lengths.
    pub fn fits(&self, shape: &RunsShape) -> bool {
        let of_method = |run: &MethodRun| {
            run.error.len() == shape.recorded && run.value.len() == shape.recorded && run.w.len() == shape.unknowns
        };
        // Without a true vector no run recovers it.
        let counted = self.truth.is_some() || self.runs.iter().flatten().all(|run| run.reached.is_none());
        counted
            && self.truth.as_ref().is_none_or(|truth| truth.len() == shape.unknowns)
            && self.runs.len() == shape.methods
            && self.runs.iter().flatten().all(of_method)
    }

    /// Whether the true vector is known and 0.
    pub fn truth_is_zero(&self) -> bool {
        self.truth.as_ref().is_some_and(|truth| truth.iter().all(|w| *w == 0.0))
    }
}

/// The numbers of the recorded iterations.
pub(super) fn recorded_iterations(iterations: usize) -> Vec<usize> {
    let mut recorded: Vec<usize> = (0..=DENSE.min(iterations)).collect();
    while let Some(&last) = recorded.last().filter(|&&last| last < iterations) {
        recorded.push(((last as f64 * RATIO).ceil() as usize).min(iterations));
    }
    recorded
}

/// Runs a method on the problem of this index.
pub(super) fn run_method(
    e: &RecoveryExperiment,
    (problem, index): (&SparseProblem, u64),
    method: RecoveryMethod,
    interrupt: Interrupt<'_>,
) -> Result<MethodRun, RecoveryError> {
    let k = kept(e, problem);
    let started = Instant::now();
    let outcome = solve(problem, method, &e.solver.settings(k, (e.seed, index), interrupt), |_| {})?;
    let seconds = started.elapsed().as_secs_f64();
    let at = |iteration: usize| outcome.curve[iteration.min(outcome.curve.len() - 1)];
    let recorded = recorded_iterations(e.solver.iterations);
    let sparse = &outcome.curve[1.min(outcome.curve.len() - 1)..];
    let rise = sparse.windows(2).map(|pair| pair[1].value - pair[0].value).fold(0.0, f64::max);
    // 0 / 0 where there is nothing to compare.
    let scale = if sparse.len() < 2 { 0.0 } else { sparse.iter().fold(0.0_f64, |most, p| most.max(p.value.abs())) };
    Ok(MethodRun {
        error: recorded.iter().map(|&iteration| at(iteration).error).collect(),
        value: recorded.iter().map(|&iteration| at(iteration).value).collect(),
        answer: outcome.point().error,
        reached: outcome.iterations_to(e.solver.success),
        iterations: outcome.curve.len() - 1,
        rise: if scale > 0.0 { rise / scale } else { f64::NAN },
        stop: outcome.stop.name().to_owned(),
        damping: outcome.damping,
        raised: outcome.raised,
        seconds,
        excess: outcome.support.len() as isize - k as isize,
        w: outcome.w,
    })
}

/// The results of all methods on a problem, with what the checks need of the problem.
pub(super) fn problem_runs(
    e: &RecoveryExperiment,
    problem: &SparseProblem,
    runs: Vec<Result<MethodRun, String>>,
    interrupt: Interrupt<'_>,
) -> ProblemRuns {
    let sparsity = problem.truth().map(|truth| truth.iter().filter(|w| **w != 0.0).count());
    let second_order = e.solver.methods.iter().any(|method| matches!(method, RecoveryMethod::Obs(..)));
    let exact = second_order
        && undamped(e, problem)
        && no_noise(&e.problem)
        && sparsity.is_some_and(|sparsity| sparsity <= kept(e, problem));
    let rounding = || solution_rounding(problem.gram(), problem.samples(), interrupt);
    let one_pass = if exact { rounding() } else { f64::NAN };
    ProblemRuns { truth: problem.truth().map(<[f64]>::to_vec), one_pass, exact, runs }
}

/// Whether problems are noiseless.
fn no_noise(problem: &ProblemSpec) -> bool {
    match problem {
        ProblemSpec::Drawn(law) => law.snr_db.is_none(),
        ProblemSpec::Mnist(spec) => spec.snr_db.is_none(),
        ProblemSpec::File { .. } => false,
    }
}

/// The successful runs of a method.
pub(super) fn runs(found: &[ProblemRuns], m: usize) -> impl Iterator<Item = &MethodRun> {
    found.iter().filter_map(move |f| f.runs[m].as_ref().ok())
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
