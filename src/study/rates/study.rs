//! The theorems' bounds beside what is observed, on problems small enough for their constants to be computed.

use super::record::StepArrays;
use super::statements::Statement;
use super::{Rates, RatesArrays};
use crate::analysis::verdict::Check;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::rates::{BoundedStep, ThresholdRatios, threshold_ratios};
use ndarray::Array1;

/// Rounding allowed on a ratio to a bound that may be attained.
const ROUNDING: f64 = 1e-9;
/// Writes `records/rates.npz`; returns the checks.
pub(super) fn run(
    terms: &Rates,
    subject: RecoverySubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let seed = subject.experiment.seed;
    let statements = Statement::all();
    let tasks: Vec<Task<(usize, u64)>> = (0..statements.len())
        .flat_map(|s| (0..terms.problems as u64).map(move |index| (s, index)))
        .map(|(s, index)| Task { name: format!("rates-{s}-{index}"), size: 1, item: (s, index) })
        .collect();
    let found = complete!(run_tasks(context, "rates", &tasks, |&(s, index), _| {
        let Statement { law, k, observe, .. } = &statements[s];
        Ok(Outcome::Complete(observe(&law.draw(seed, index)?, *k)?))
    })?);

    let ThresholdRatios { projection, expansion } = threshold_ratios(seed, terms.trials);
    let at_most_one = |name: String, statement: String, ratio: f64, of: String| {
        let mut check = Check::at_most(name, statement, ratio, 1.0 + ROUNDING);
        check.detail += &format!("; {of}");
        check
    };
    let trials = || format!("worst of {} random trials", terms.trials);
    let mut checks = vec![
        at_most_one(
            "rates-projection".into(),
            "|T_k(v) - v|^2 <= (d-k)/(d-k*) |v - w*|^2: worst ratio of the two sides".into(),
            projection,
            trials(),
        ),
        at_most_one(
            "rates-expansion".into(),
            "|T_k(v) - w*|^2 <= nu |v - w*|^2 (Shen, Li): worst ratio of the two sides".into(),
            expansion,
            trials(),
        ),
    ];
    let mut arrays = RatesArrays::default();
    for (s, statement) in statements.iter().enumerate() {
        let steps: Vec<BoundedStep> = found[s * terms.problems..(s + 1) * terms.problems].concat();
        let column = |of: fn(&BoundedStep) -> f64| steps.iter().map(of).collect::<Array1<f64>>();
        let name = format!("rates-{}", statement.name);
        let inequality = format!("{}: worst ratio of the two sides", statement.inequality);
        if steps.is_empty() {
            checks.push(Check::not_measured(name, inequality, Some(1.0), "no step above rounding was undamped"));
            continue;
        }
        let worst = steps.iter().map(BoundedStep::ratio).fold(0.0, f64::max);
        checks.push(at_most_one(name, inequality, worst, format!("worst of {} steps", steps.len())));
        let steps = StepArrays {
            before: column(|step| step.before),
            after: column(|step| step.after),
            bound: column(|step| step.bound),
        };
        arrays.statements.push((statement.name.into(), steps));
    }
    arrays.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}
