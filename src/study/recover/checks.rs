//! The checks of the study of error curves. All are statements about the program: none can fail for any data if the
//! program is right, rounding errors included.

use super::runs::{ProblemRuns, runs};
use crate::analysis::verdict::Check;
use crate::config::Solver;
use crate::run::recovery_checks::all_within;
use crate::sparse::recovery::RecoveryMethod;

/// Relative rounding error of a sum over samples, of any number that fits into memory.
const ROUNDING: f64 = 1e-9;

/// The checks of all methods.
pub(super) fn checks(solver: &Solver, found: &[ProblemRuns]) -> Vec<Check> {
    let methods = &solver.methods;
    let mut checks = vec![support(methods.len(), found)];
    // A longer step may increase f.
    if let Some(m) = methods.iter().position(|method| *method == RecoveryMethod::Iht)
        && solver.step <= 1.0
    {
        checks.push(descends(m, found));
    }
    if found.iter().all(|f| f.exact) {
        let second_order = methods.iter().enumerate().filter(|(_, method)| matches!(method, RecoveryMethod::Obs(..)));
        checks.extend(second_order.map(|(m, method)| one_pass(m, *method, found)));
    }
    // Theorems about the algorithms on the problems as they are: no data contradict them.
    checks.into_iter().map(Check::about_program).collect()
}

/// No solution of the first `methods` methods has too many entries.
fn support(methods: usize, found: &[ProblemRuns]) -> Check {
    let (name, statement) = ("recover-support", "no solution has more than k entries: largest excess");
    match (0..methods).flat_map(|m| runs(found, m)).map(|run| run.excess).max() {
        Some(excess) => Check::at_most(name, statement, excess as f64, 0.0),
        None => Check::not_measured(name, statement, Some(0.0), "no method gave a solution"),
    }
}

/// Method `m`, k-IHT with a step of at most 1/L, does not increase f.
fn descends(m: usize, found: &[ProblemRuns]) -> Check {
    let name = "recover-iht-descends";
    let statement = "k-IHT with a step of at most 1/L does not increase f: largest increase between sparse iterates, relative to the largest f there";
    let rises: Vec<f64> = runs(found, m).map(|run| run.rise).filter(|rise| !rise.is_nan()).collect();
    if rises.is_empty() {
        let reason = "no run has two sparse iterates with an f that is not 0";
        return Check::not_measured(name, statement, Some(ROUNDING), reason);
    }
    let mut check = Check::at_most(name, statement, rises.iter().copied().fold(0.0, f64::max), ROUNDING);
    check.detail += &format!("; worst of {} runs", rises.len());
    check
}

/// An undamped pass of method `m` yields the true vector of problems on which it is exact.
fn one_pass(m: usize, method: RecoveryMethod, found: &[ProblemRuns]) -> Check {
    let name = format!("recover-one-pass-{}", method.name());
    let statement = format!(
        "{}: on a noiseless quadratic with n >= d one undamped pass from any start yields the true vector: largest relative error",
        method.name()
    );
    // A pass that had to be damped is none of those that the statement is about; of a true vector that is 0 there is no
    // relative error.
    let applies = |f: &&ProblemRuns| !f.truth_is_zero();
    let undamped = found.iter().filter(applies).filter_map(|f| Some((f, f.runs[m].as_ref().ok()?)));
    let errors = undamped
        .filter(|(_, run)| !run.raised)
        .map(|(f, run)| (run.error.get(1).copied().unwrap_or(f64::NAN), f.one_pass));
    all_within(name, statement, errors, "no undamped pass on a true vector other than 0")
}

#[cfg(test)]
mod tests {
    use super::super::runs::{problem_runs, run_method};
    use super::*;
    use crate::analysis::verdict::Verdict;
    use crate::choice::Choice;
    use crate::config::RecoveryExperiment;
    use crate::run::recovery_checks::experiment;
    use crate::sparse::recovery::instance::{Design, Instance, Signal};
    use crate::sparse::recovery::{Interrupt, SampleLoss, SparseProblem};

    fn law(loss: SampleLoss, design: Design) -> Instance {
        let start_distance = (loss == SampleLoss::QuadraticMeasurement).then_some(0.5);
        let (signal, snr_db) = (Signal::Gaussian, None);
        Instance { loss, n: 40, d: 20, sparsity: 3, design, signal, snr_db, start_distance }
    }

    fn squared(condition: f64) -> Instance {
        law(SampleLoss::Squared, Design::Rotated { condition })
    }

    const METHODS: [RecoveryMethod; 2] = [RecoveryMethod::Iht, RecoveryMethod::EXACT_OBS];

    fn of_problem(e: &RecoveryExperiment, problem: &SparseProblem) -> ProblemRuns {
        let run = |&m| run_method(e, (problem, 0), m, Interrupt::NEVER).map_err(|error| error.to_string());
        problem_runs(e, problem, e.solver.methods.iter().map(run).collect(), Interrupt::NEVER)
    }

    /// Both methods on three problems of a law.
    fn found(law: Instance, change: impl Fn(&mut RecoveryExperiment)) -> (RecoveryExperiment, Vec<ProblemRuns>) {
        let mut e = experiment(law, METHODS.to_vec());
        change(&mut e);
        let found = (0..3).map(|index| of_problem(&e, &law.draw(e.seed, index).unwrap())).collect();
        (e, found)
    }

    fn verdict(checks: &[Check], name: &str) -> Verdict {
        let check = checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name}: {checks:?}"));
        assert!(!check.measured.is_infinite() && check.interval.is_none(), "{check:?}");
        assert_eq!(check.verdict == Verdict::NotResolved, check.measured.is_nan(), "{check:?}");
        check.verdict
    }

    /// On every loss k-IHT descends, and all checks hold where their premises do.
    #[test]
    fn right_runs_hold() {
        for &loss in SampleLoss::ALL {
            let (e, found) = found(law(loss, Design::Gaussian), |_| {});
            let checks = checks(&e.solver, &found);
            assert_eq!(verdict(&checks, "recover-support"), Verdict::Holds);
            assert_eq!(verdict(&checks, "recover-iht-descends"), Verdict::Holds, "{}: {checks:?}", loss.name());
        }
        let (e, found) = found(squared(10.0), |_| {});
        assert_eq!(verdict(&checks(&e.solver, &found), "recover-one-pass-exact-iobs"), Verdict::Holds);
    }

    #[test]
    fn a_step_above_one_over_l_fails() {
        let (_, runs) = found(squared(10.0), |e| e.solver.step = 60.0);
        assert_eq!(verdict(&[descends(0, &runs)], "recover-iht-descends"), Verdict::Fails);
        // For such a step the statement is not made.
        let (e, found) = found(squared(10.0), |e| e.solver.step = 60.0);
        assert!(checks(&e.solver, &found).iter().all(|check| check.name != "recover-iht-descends"));
    }

    #[test]
    fn too_many_entries_fail() {
        let (e, mut found) = found(squared(10.0), |_| {});
        found[1].runs[0].as_mut().unwrap().excess = 1;
        assert_eq!(verdict(&checks(&e.solver, &found), "recover-support"), Verdict::Fails);
    }

    /// Noise, or fewer entries than the truth has, and a pass does not yield the true vector: the check fails on runs
    /// that are declared exact. Where the program sees that they are not it does not make the statement.
    #[test]
    fn a_pass_that_is_not_exact_fails() {
        let noisy = Instance { snr_db: Some(40.0), ..squared(10.0) };
        for (law, kept) in [(noisy, None), (squared(10.0), Some(2))] {
            let (e, mut found) = found(law, |e| e.solver.k = kept);
            assert!(found.iter().all(|f| !f.exact));
            assert!(checks(&e.solver, &found).iter().all(|check| !check.name.contains("one-pass")));
            for f in &mut found {
                (f.exact, f.one_pass) = (true, 1e-11);
            }
            assert_eq!(verdict(&checks(&e.solver, &found), "recover-one-pass-exact-iobs"), Verdict::Fails);
        }
    }

    /// On a design so ill-conditioned that rounding errors dominate, a right pass is no failure.
    #[test]
    fn rounding_is_no_failure() {
        for condition in [1e4, 1e8, 1e12, 1e15] {
            let (e, found) = found(squared(condition), |_| {});
            let found = checks(&e.solver, &found);
            let pass = found.iter().find(|check| check.name == "recover-one-pass-exact-iobs").unwrap();
            assert_ne!(pass.verdict, Verdict::Fails, "condition {condition:e}: {pass:?}");
            assert_eq!(pass.verdict == Verdict::Holds, condition < 1e9, "condition {condition:e}: {pass:?}");
        }
    }

    /// No solution at all; a single sparse iterate; a truth of 0: not resolved, with the reason.
    #[test]
    fn degenerate_cases_are_not_resolved() {
        let (e, mut found) = found(squared(10.0), |e| e.solver.iterations = 1);
        let single = checks(&e.solver, &found);
        assert_eq!(verdict(&single, "recover-iht-descends"), Verdict::NotResolved);
        for f in &mut found {
            f.runs.iter_mut().for_each(|run| *run = Err("refused".into()));
        }
        for check in checks(&e.solver, &found) {
            assert_eq!(verdict(std::slice::from_ref(&check), &check.name), Verdict::NotResolved);
            assert!(!check.detail.is_empty());
        }
        let drawn = squared(10.0).draw(1, 0).unwrap();
        let zero =
            SparseProblem::new(drawn.design().to_owned(), vec![0.0; 40], SampleLoss::Squared, Some(vec![0.0; 20]));
        let of_zero = [of_problem(&e, &zero.unwrap())];
        let zero = checks(&e.solver, &of_zero);
        assert_eq!(verdict(&zero, "recover-support"), Verdict::Holds);
        assert_eq!(verdict(&zero, "recover-iht-descends"), Verdict::NotResolved);
        assert_eq!(verdict(&zero, "recover-one-pass-exact-iobs"), Verdict::NotResolved);
        let run = of_zero[0].runs[0].as_ref().unwrap();
        assert_eq!((run.reached, run.answer), (Some(0), 0.0), "a truth of 0 is recovered by 0");
    }
}
