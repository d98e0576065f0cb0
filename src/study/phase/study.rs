//! The phase diagram: for which n/d and k/n each algorithm recovers a noiseless vector with k entries.

use super::{MethodCells, PhaseArrays, PhaseDiagram};
use crate::analysis::proportion::wilson_interval;
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::Check;
use crate::config::{RecoveryExperiment, Solver};
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{Damping, Interrupt, RecoveryMethod, SampleLoss, solution_rounding, solve};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// A cell of the diagram.
#[derive(Clone, Copy)]
struct Cell {
    /// Index of n/d.
    row: usize,
    /// Index of k/n.
    column: usize,
    /// Samples.
    n: usize,
    /// Entries of the true vector.
    k: usize,
}

/// Successes of a method in a cell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tally {
    /// Number of problems recovered.
    successes: usize,
    /// Number of problems; 0 where the method does not apply.
    trials: usize,
    /// Median number of iterations to success.
    iterations: f64,
    /// Number of problems that an undamped pass recovers whatever its rounding errors.
    certain: usize,
    /// Number of those that were not recovered.
    missed: usize,
}

impl Tally {
    /// Whether the counts can be those of so many problems.
    fn is_of(&self, problems: usize) -> bool {
        let counts = [self.missed, self.certain, self.trials];
        (self.trials == 0 || self.trials == problems) && self.successes <= self.trials && counts.is_sorted()
    }
}

/// Writes `records/phase.npz`; returns the checks.
pub(super) fn run(
    spec: &PhaseDiagram,
    subject: RecoverySubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let Some(law) = subject.source.law() else { return Ok(Outcome::Complete(Findings::default())) };
    let cells: Vec<Cell> = (0..spec.n_over_d.len())
        .flat_map(|row| (0..spec.k_over_n.len()).map(move |column| (row, column)))
        .map(|(row, column)| {
            let n = ((spec.n_over_d[row] * law.d as f64).round() as usize).max(1);
            let k = ((spec.k_over_n[column] * n as f64).round() as usize).max(1);
            Cell { row, column, n, k }
        })
        .collect();
    let tasks: Vec<Task<Cell>> = cells
        .iter()
        .map(|&cell| Task { name: format!("phase-{}-{}", cell.row, cell.column), size: cell.n, item: cell })
        .collect();
    let methods = subject.experiment.solver.methods.len();
    let fits =
        |_: &Cell, found: &Vec<Tally>| found.len() == methods && found.iter().all(|tally| tally.is_of(spec.problems));
    let found = complete!(run_tasks(context, "phase diagram", &tasks, fits, |cell, handle| {
        let law = Instance { n: cell.n, sparsity: cell.k, snr_db: None, ..*law };
        let first = ((cell.row * spec.k_over_n.len() + cell.column) as u64 + 1) << 32;
        let found = tallies(subject.experiment, &law, first..first + spec.problems as u64, handle);
        // What was refused because of an interruption is no error.
        if handle.interrupted() { Ok(Outcome::Interrupted) } else { found.map(Outcome::Complete) }
    })?);
    arrays(spec, subject, &cells, &found).write(context.folder)?;
    let full_rank = cells.iter().zip(&found).filter(|(cell, _)| cell.n >= law.d).map(|(_, tallies)| &tallies[..]);
    Ok(Outcome::Complete(checks(&subject.experiment.solver, law.loss, &full_rank.collect::<Vec<_>>()).into()))
}

/// The arrays of all cells.
fn arrays(spec: &PhaseDiagram, subject: RecoverySubject<'_>, cells: &[Cell], found: &[Vec<Tally>]) -> PhaseArrays {
    let shape = (spec.n_over_d.len(), spec.k_over_n.len());
    let of_cell = |of: &dyn Fn(&Cell) -> usize| shaped(shape, cells.iter().map(|cell| of(cell) as f64).collect());
    let of_method = |m: usize| {
        let table = |of: &dyn Fn(&Tally) -> f64| -> Array2<f64> {
            let value = |t: &Tally| if t.trials == 0 { f64::NAN } else { of(t) };
            shaped(shape, found.iter().map(|cell| value(&cell[m])).collect())
        };
        MethodCells {
            success: table(&|t| t.successes as f64 / t.trials as f64),
            low: table(&|t| wilson_interval(t.successes, t.trials, 0.95).0),
            high: table(&|t| wilson_interval(t.successes, t.trials, 0.95).1),
            trials: shaped(shape, found.iter().map(|cell| cell[m].trials as f64).collect()),
            iterations: shaped(shape, found.iter().map(|cell| cell[m].iterations).collect()),
        }
    };
    let methods = subject.experiment.solver.methods.iter().enumerate();
    PhaseArrays {
        n_over_d: Array1::from(spec.n_over_d.clone()),
        k_over_n: Array1::from(spec.k_over_n.clone()),
        n: of_cell(&|cell| cell.n),
        k: of_cell(&|cell| cell.k),
        methods: methods.map(|(m, method)| (method.name().into(), of_method(m))).collect(),
    }
}

/// The successes of every method on the problems of these numbers; incomplete where the task is interrupted.
fn tallies(
    e: &RecoveryExperiment,
    law: &Instance,
    problems: std::ops::Range<u64>,
    handle: &TaskHandle<'_>,
) -> Result<Vec<Tally>, RunError> {
    let interrupt = Interrupt::when(handle.interrupt());
    let mut reached: Vec<Vec<Option<usize>>> = vec![Vec::new(); e.solver.methods.len()];
    let mut tallies = vec![Tally::default(); e.solver.methods.len()];
    let total = problems.end - problems.start;
    if law.sparsity <= law.d {
        for (index, address) in problems.enumerate() {
            let problem = law.draw_until(e.seed, address, interrupt)?;
            let found = e.solver.methods.iter().map(|&method| {
                let applies = method.applies(law.n, law.d, law.sparsity);
                let settings = e.solver.settings(law.sparsity, (e.seed, address), interrupt);
                applies.then(|| solve(&problem, method, &settings, |_| {}))
            });
            let found: Vec<_> = found.collect();
            // The condition number is computed last: methods use the Gram matrix where it has been formed.
            let certain = law.n >= law.d
                && is_exact(&e.solver, law.loss)
                && e.solver.methods.iter().any(|method| matches!(method, RecoveryMethod::Obs(..)))
                && solution_rounding(problem.gram(), law.n, interrupt) <= e.solver.success;
            for (m, outcome) in found.into_iter().enumerate().filter_map(|(m, found)| Some((m, found?))) {
                // A method that fails has not succeeded.
                let raised = outcome.as_ref().is_ok_and(|outcome| outcome.raised);
                let success = outcome.ok().and_then(|outcome| outcome.iterations_to(e.solver.success));
                if certain && !raised {
                    tallies[m].certain += 1;
                    tallies[m].missed += usize::from(success.is_none());
                }
                reached[m].push(success);
            }
            if !handle.advance_to((index + 1) as f64 / total as f64) {
                break;
            }
        }
    }
    for (tally, reached) in tallies.iter_mut().zip(reached) {
        tally.successes = reached.iter().flatten().count();
        tally.trials = reached.len();
        tally.iterations = quantile(reached.iter().flatten().map(|&t| t as f64), 0.5);
    }
    Ok(tallies)
}

/// Whether a pass of the iterative optimal brain surgeon yields the true vector of a noiseless problem with n >= d.
fn is_exact(solver: &Solver, loss: SampleLoss) -> bool {
    loss == SampleLoss::Squared
        && solver.step == 1.0
        && matches!(solver.damping, Damping::Auto | Damping::Relative(0.0))
}

/// Checks that an iterative optimal brain surgeon without damping recovers every noiseless vector in the cells with n >=
/// d. A statement about the program: it cannot fail for any data if the program is right. Problems on which a right pass
/// can miss the required error by rounding are left out.
fn checks(solver: &Solver, loss: SampleLoss, full_rank: &[&[Tally]]) -> Vec<Check> {
    if full_rank.is_empty() || !is_exact(solver, loss) {
        return Vec::new();
    }
    let second_order = solver.methods.iter().enumerate().filter(|(_, m)| matches!(m, RecoveryMethod::Obs(..)));
    let check =
        |(m, method): (usize, &RecoveryMethod)| full_rank_check(*method, full_rank.iter().map(|tallies| &tallies[m]));
    second_order.map(check).map(Check::about_program).collect()
}

/// The check of one method, from its tallies in the cells with n >= d.
fn full_rank_check<'a>(method: RecoveryMethod, tallies: impl Iterator<Item = &'a Tally> + Clone) -> Check {
    let name = format!("phase-full-rank-{}", method.name());
    let statement = format!("{}: every noiseless problem with n >= d is recovered: number of failures", method.name());
    let sum = |of: fn(&Tally) -> usize| tallies.clone().map(of).sum::<usize>();
    let (trials, certain, missed) = (sum(|t| t.trials), sum(|t| t.certain), sum(|t| t.missed));
    let left_out = format!("{} of {trials} problems whose rounding errors may exceed solver.success", trials - certain);
    if certain == 0 {
        let reason = if trials == 0 { "no problem with n >= d and k <= d".into() } else { left_out };
        return Check::not_measured(name, statement, Some(0.0), reason);
    }
    let mut check = Check::at_most(name, statement, missed as f64, 0.0);
    check.detail += &format!("; {certain} problems in {} cells with n >= d", tallies.count());
    if certain < trials {
        check.detail += &format!(", without {left_out}");
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;
    use crate::choice::Choice;
    use crate::run::progress::Progress;
    use crate::run::recovery_checks::experiment;
    use crate::sparse::recovery::instance::{Design, Signal};
    use std::sync::atomic::AtomicBool;

    const METHOD: RecoveryMethod = RecoveryMethod::EXACT_OBS;

    /// The tally of exact I-OBS on 20 problems with n = d = 12 and these numbers of entries kept and of the truth.
    fn tally(kept: usize, sparsity: usize, design: Design, success: f64) -> (Solver, Tally) {
        let law = Instance {
            loss: SampleLoss::Squared,
            n: 12,
            d: 12,
            sparsity,
            design,
            signal: Signal::Gaussian,
            snr_db: None,
            start_distance: None,
        };
        let mut e = experiment(law, vec![METHOD]);
        (e.solver.k, e.solver.success) = (Some(kept), success);
        let (interrupt, progress) = (AtomicBool::new(false), Progress::new("", 1.0, true));
        let handle = TaskHandle::new(&interrupt, &progress, 1.0);
        // A phase diagram keeps as many entries as the law says that the truth has.
        let found = if kept == sparsity {
            tallies(&e, &law, 0..20, &handle).unwrap()
        } else {
            let mut tally = Tally { trials: 20, certain: 20, ..Tally::default() };
            for index in 0..20 {
                let settings = e.solver.settings(kept, (e.seed, 0), Interrupt::NEVER);
                let found = solve(&law.draw(1, index).unwrap(), METHOD, &settings, |_| {}).unwrap();
                tally.missed += usize::from(found.iterations_to(success).is_none());
            }
            vec![tally]
        };
        (e.solver, found[0].clone())
    }

    fn check(tallies: &[Tally]) -> Check {
        full_rank_check(METHOD, tallies.iter())
    }

    #[test]
    fn full_rank_holds_and_fewer_entries_than_the_truth_fail() {
        let (solver, found) = tally(4, 4, Design::Gaussian, 1e-6);
        assert!(found.certain > 10 && found.trials == 20, "{found:?}");
        let held = checks(&solver, SampleLoss::Squared, &[&[found]]);
        assert_eq!((held.len(), held[0].verdict), (1, Verdict::Holds), "{held:?}");
        let broken = check(&[tally(3, 4, Design::Gaussian, 1e-6).1]);
        assert_eq!((broken.verdict, broken.measured), (Verdict::Fails, 20.0), "{broken:?}");
    }

    /// A count above that of the problems, of which there is no proportion.
    #[test]
    fn impossible_counts_are_seen() {
        let tally = |successes, trials, certain, missed| Tally { successes, trials, certain, missed, iterations: 1.0 };
        for right in [tally(2, 2, 2, 0), tally(0, 2, 1, 1), Tally::default()] {
            assert!(right.is_of(2), "{right:?}");
        }
        for wrong in [tally(3, 2, 0, 0), tally(0, 3, 0, 0), tally(0, 2, 3, 0), tally(0, 2, 1, 2), tally(0, 1, 0, 0)] {
            assert!(!wrong.is_of(2), "{wrong:?}");
        }
    }

    /// Square designs that are ill-conditioned by chance or by law: problems are not recovered to an error below
    /// rounding, which is no failure.
    #[test]
    fn rounding_is_no_failure() {
        for (design, success) in [(Design::Gaussian, 1e-18), (Design::Scaled { condition: 1e13 }, 1e-6)] {
            let (_, found) = tally(4, 4, design, success);
            assert!(found.successes < 20, "{found:?}");
            assert_ne!(check(&[found]).verdict, Verdict::Fails);
        }
    }

    /// Cells without problems, and without any that is certain: not resolved, with the reason.
    #[test]
    fn degenerate_cases_are_not_resolved() {
        for (tallies, reason) in [
            (vec![Tally::default(); 2], "no problem"),
            (vec![Tally { trials: 5, successes: 5, ..Tally::default() }], "5 of 5 problems"),
        ] {
            let check = check(&tallies);
            assert!(check.verdict == Verdict::NotResolved && check.measured.is_nan(), "{check:?}");
            assert!(check.detail.contains(reason), "{check:?}");
        }
        let one = check(&[Tally { trials: 1, successes: 1, certain: 1, ..Tally::default() }]);
        assert_eq!((one.verdict, one.measured, one.interval), (Verdict::Holds, 0.0, None));
        // Without cells with n >= d, with damping or another loss the statement is not made.
        let (mut solver, found) = tally(4, 4, Design::Gaussian, 1e-6);
        assert!(checks(&solver, SampleLoss::Squared, &[]).is_empty());
        for &loss in SampleLoss::ALL.iter().filter(|loss| **loss != SampleLoss::Squared) {
            assert!(checks(&solver, loss, &[std::slice::from_ref(&found)]).is_empty());
        }
        solver.damping = Damping::Relative(0.1);
        assert!(checks(&solver, SampleLoss::Squared, &[&[found]]).is_empty());
    }
}
