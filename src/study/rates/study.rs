//! The study of rates: errors of the algorithms and the bounds of the theorems, on problems small enough to compute the
//! constants.

use super::record::StepArrays;
use super::statements::Statement;
use super::{Rates, RatesArrays};
use crate::analysis::verdict::Check;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::Interrupt;
use crate::sparse::recovery::rates::{BoundedStep, ThresholdRatios, threshold_ratios};
use ndarray::Array1;

/// Rounding allowed in a ratio to a bound that may be attained.
const ROUNDING: f64 = 1e-9;
/// Largest number of tasks into which the trials about thresholding are divided, and the least trials of a task.
const MAX_TRIAL_TASKS: u64 = 256;
const LEAST_TRIALS: u64 = 5000;

/// Writes `records/rates.npz`; returns the checks.
pub(super) fn run(
    spec: &Rates,
    subject: RecoverySubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let seed = subject.experiment.seed;
    let statements = Statement::all();
    let tasks: Vec<Task<(usize, u64)>> = (0..statements.len())
        .flat_map(|s| (0..spec.problems as u64).map(move |index| (s, index)))
        .map(|(s, index)| Task { name: format!("rates-{s}-{index}"), size: 1, item: (s, index) })
        .collect();
    // A problem has any number of steps to which a statement applies.
    let any = |_: &(usize, u64), _: &Vec<BoundedStep>| true;
    let found = run_tasks(context, "rates", &tasks, any, |&(s, index), handle| {
        let Statement { law, k, observe, .. } = &statements[s];
        let steps = observe(&law.draw(seed, index)?, *k, (seed, index))?;
        Ok(if handle.interrupted() { Outcome::Interrupted } else { Outcome::Complete(steps) })
    })?;
    let trials = trial_tasks(spec.trials as u64);
    let ratios = run_tasks(
        context,
        "thresholding",
        &trials,
        |_, _| true,
        |range, handle| {
            let mut worst = ThresholdRatios::default();
            let mut first = range.start;
            while first < range.end {
                let end = range.end.min(first + LEAST_TRIALS);
                worst = worst.or_worse(threshold_ratios(seed, first..end, Interrupt::when(handle.interrupt())));
                if !handle.advance_to((end - range.start) as f64 / (range.end - range.start) as f64) {
                    return Ok(Outcome::Interrupted);
                }
                first = end;
            }
            Ok(Outcome::Complete(worst))
        },
    )?;
    let (found, ratios) = (complete!(found), complete!(ratios));
    let ratios = ratios.into_iter().fold(ThresholdRatios::default(), ThresholdRatios::or_worse);
    let mut checks = threshold_checks(ratios, spec.trials);
    let mut arrays = RatesArrays::default();
    let mut factors = Vec::new();
    for (s, statement) in statements.iter().enumerate() {
        let steps: Vec<BoundedStep> = found[s * spec.problems..(s + 1) * spec.problems].concat();
        let column = |of: fn(&BoundedStep) -> f64| steps.iter().map(of).collect::<Array1<f64>>();
        checks.push(statement_check(statement, &steps));
        checks.extend(paper_check(statement, &steps));
        factors.extend(steps.iter().filter_map(|step| step.paper.map(|paper| step.bound / paper)));
        if steps.is_empty() {
            continue;
        }
        let steps = StepArrays {
            before: column(|step| step.before),
            after: column(|step| step.after),
            bound: column(|step| step.bound),
            paper: column(|step| step.paper.unwrap_or(f64::NAN)),
        };
        arrays.statements.push((statement.name, steps));
    }
    checks.push(constants_check(&factors));
    arrays.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

/// The trials about thresholding, divided into tasks.
fn trial_tasks(trials: u64) -> Vec<Task<std::ops::Range<u64>>> {
    let size = trials.div_ceil(MAX_TRIAL_TASKS).max(LEAST_TRIALS);
    (0..trials.div_ceil(size))
        .map(|task| {
            let item = task * size..trials.min((task + 1) * size);
            Task { name: format!("rates-trials-{task}"), size: (item.end - item.start) as usize, item }
        })
        .collect()
}

/// The check that no ratio to a bound exceeds 1 beyond rounding.
fn at_most_one(name: &str, statement: &str, ratio: f64, of: String) -> Check {
    let statement = format!("{statement}: worst ratio of the two sides");
    let mut check = Check::at_most(format!("rates-{name}"), statement, ratio, 1.0 + ROUNDING);
    check.detail += &format!("; {of}");
    check
}

/// The checks of the statements about thresholding.
fn threshold_checks(ratios: ThresholdRatios, trials: usize) -> Vec<Check> {
    let of = || format!("worst of {trials} random trials");
    let projection = "|T_k(v) - v|^2 <= (d-k)/(d-k*) |v - w*|^2";
    let expansion = "|T_k(v) - w*|^2 <= nu |v - w*|^2 (Shen, Li)";
    vec![
        at_most_one("projection", projection, ratios.projection, of()),
        at_most_one("expansion", expansion, ratios.expansion, of()),
    ]
    .into_iter()
    .map(Check::about_program)
    .collect()
}

/// The check of a statement on its steps.
fn statement_check(statement: &Statement, steps: &[BoundedStep]) -> Check {
    let name = statement.name.name();
    if steps.is_empty() {
        let inequality = format!("{}: worst ratio of the two sides", statement.inequality);
        let reason = "no undamped step has an error above rounding";
        return Check::not_measured(format!("rates-{name}"), inequality, Some(1.0), reason);
    }
    let of = format!("worst of {} steps", steps.len());
    at_most_one(name, statement.inequality, worst(steps.iter().map(BoundedStep::ratio)), of)
}

/// The largest ratio; one that is not a number is not hidden by the others.
fn worst(ratios: impl Iterator<Item = f64>) -> f64 {
    ratios.fold(0.0, |worst: f64, ratio| if worst.is_nan() || ratio.is_nan() { f64::NAN } else { worst.max(ratio) })
}

/// The check of a statement with the constants of WMSKA, where it is one of theirs.
fn paper_check(statement: &Statement, steps: &[BoundedStep]) -> Option<Check> {
    let ratios: Vec<f64> = steps.iter().filter_map(BoundedStep::paper_ratio).collect();
    let of = format!("worst of {} steps", ratios.len());
    let inequality = format!("{}: with the constants of WMSKA", statement.label);
    let name = format!("{}-paper", statement.name);
    (!ratios.is_empty()).then(|| at_most_one(&name, &inequality, worst(ratios.into_iter()), of))
}

/// The check that the bounds here are at most those of WMSKA, from their ratios.
fn constants_check(factors: &[f64]) -> Check {
    let statement = "bound on a step of I-OBS / the same with the constants of WMSKA: largest ratio";
    if factors.is_empty() {
        return Check::not_measured("rates-constants", statement, Some(1.0), "no step has both bounds").about_program();
    }
    let mut check =
        Check::at_most("rates-constants", statement, worst(factors.iter().copied()), 1.0 + ROUNDING).about_program();
    let least = factors.iter().copied().fold(f64::INFINITY, f64::min);
    check.detail += &format!("; smallest {least:.3}, of {} steps", factors.len());
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;
    use crate::sparse::recovery::SparseProblem;
    use crate::study::rates::StatementName;

    /// Every statement holds on its own law, with one problem; on measurements of another vector than the one that is
    /// said to be true, from a start beside the latter, no step leads towards it, and the statement fails.
    #[test]
    fn every_statement_holds_and_can_fail() {
        for statement in Statement::all() {
            let problem = statement.law.draw(1, 0).unwrap();
            let steps = (statement.observe)(&problem, statement.k, (1, 0)).unwrap();
            let held = statement_check(&statement, &steps);
            assert_eq!(held.verdict, Verdict::Holds, "{held:?}");
            if matches!(statement.name, StatementName::Stochastic | StatementName::StochasticFloor) {
                // Its bound contains the residual at the vector that is said to be true, and holds for any. Without that
                // term there is no floor, and it fails.
                let without_noise = |step: &BoundedStep| {
                    let contraction = (0.5 * step.before).min(step.bound);
                    BoundedStep { bound: contraction, ..*step }
                };
                let steps: Vec<BoundedStep> = steps.iter().map(without_noise).collect();
                assert_eq!(statement_check(&statement, &steps).verdict, Verdict::Fails);
                continue;
            }
            let claimed: Vec<f64> = problem.truth().unwrap().iter().map(|w| 1.1 * w).collect();
            let start: Vec<f64> = claimed.iter().map(|w| w * (1.0 + 1e-6)).collect();
            let y = problem.measurements().to_vec();
            let broken = SparseProblem::new(problem.design().to_owned(), y, problem.loss(), Some(claimed)).unwrap();
            let steps = (statement.observe)(&broken.with_start(start).unwrap(), statement.k, (1, 0)).unwrap();
            let failed = statement_check(&statement, &steps);
            assert!(failed.verdict == Verdict::Fails && failed.measured.is_finite(), "{failed:?}");
        }
    }

    #[test]
    fn thresholding_holds_and_can_fail() {
        let ratios = threshold_ratios(1, 0..2000, Interrupt::NEVER);
        assert!(threshold_checks(ratios, 2000).iter().all(|check| check.verdict == Verdict::Holds), "{ratios:?}");
        let broken = ThresholdRatios { projection: 1.0 + 1e-6, expansion: 2.0 };
        assert!(threshold_checks(broken, 1).iter().all(|check| check.verdict == Verdict::Fails));
    }

    #[test]
    fn degenerate_cases_are_not_resolved() {
        let statement = &Statement::all()[0];
        let none = statement_check(statement, &[]);
        assert!(none.verdict == Verdict::NotResolved && none.measured.is_nan() && !none.detail.is_empty());
        let step = |after, bound| BoundedStep { before: 1.0, after, bound, paper: None };
        let hidden = statement_check(statement, &[step(0.5, 1.0), step(f64::NAN, 1.0), step(0.7, 1.0)]);
        assert_eq!(hidden.verdict, Verdict::NotResolved, "{hidden:?}");
        // A step that ends at the truth has no error, whatever its bound.
        let exact = statement_check(statement, &[step(0.0, 0.0)]);
        assert_eq!((exact.verdict, exact.measured), (Verdict::Holds, 0.0));
    }

    /// The constants of WMSKA are judged where a statement is one of theirs, and both checks can fail.
    #[test]
    fn constants_of_the_paper_are_judged() {
        let of = |name| Statement::all().into_iter().find(|statement| statement.name == name).unwrap();
        let step = |after, paper| BoundedStep { before: 1.0, after, bound: 1.0, paper };
        assert!(paper_check(&of(StatementName::Iht), &[step(0.5, None)]).is_none());
        let exact = of(StatementName::Exact);
        let verdict = |after| paper_check(&exact, &[step(after, Some(1.5))]).unwrap().verdict;
        assert_eq!((verdict(1.4), verdict(1.6)), (Verdict::Holds, Verdict::Fails));
        assert_eq!(constants_check(&[0.8, 1.0]).verdict, Verdict::Holds);
        assert_eq!(constants_check(&[0.8, 1.01]).verdict, Verdict::Fails);
        assert_eq!(constants_check(&[]).verdict, Verdict::NotResolved);
    }

    /// Every trial belongs to one task.
    #[test]
    fn trials_are_divided() {
        for trials in [1, 100, 5000, 5001, 20_000, 10_000_000_000] {
            let tasks = trial_tasks(trials);
            assert!(tasks.len() as u64 <= MAX_TRIAL_TASKS);
            assert_eq!((tasks[0].item.start, tasks[tasks.len() - 1].item.end), (0, trials));
            assert!(tasks.windows(2).all(|pair| pair[0].item.end == pair[1].item.start));
        }
    }
}
