//! The study of noise: errors at several signal to noise ratios, compared with those of least squares on the true
//! support (the oracle).

use super::{NoiseArrays, NoiseSensitivity};
use crate::analysis::verdict::Check;
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::recovery_run::kept;
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{least_squares, solve};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// Relative rounding allowed. The error of the oracle is proportional to the noise, whose draws are equal at all ratios
/// up to a factor.
const ROUNDING: f64 = 1e-6;

/// The errors on one problem at one ratio.
#[derive(Clone, Serialize, Deserialize)]
struct Errors {
    /// Relative errors of the methods, in the order of the experiment; NaN where one failed.
    methods: Vec<f64>,
    oracle: f64,
}

/// Writes `records/noise.npz`; returns the checks.
pub(super) fn run(
    spec: &NoiseSensitivity,
    subject: RecoverySubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let e = subject.experiment;
    let Some(law) = subject.source.law() else { return Ok(Outcome::Complete(Findings::default())) };
    let problems = spec.problems;
    let tasks: Vec<Task<u64>> =
        (0..problems as u64).map(|index| Task { name: format!("noise-{index}"), size: 1, item: index }).collect();
    let by_problem = complete!(run_tasks(context, "noise", &tasks, |&index, _| {
        let at = |&snr: &f64| errors(subject, &Instance { snr_db: Some(snr), ..*law }, index);
        Ok(Outcome::Complete(spec.snr_db.iter().map(at).collect::<Result<Vec<Errors>, RunError>>()?))
    })?);
    let found: Vec<Errors> =
        (0..spec.snr_db.len()).flat_map(|s| by_problem.iter().map(move |errors| errors[s].clone())).collect();
    let table =
        |of: &dyn Fn(&Errors) -> f64| shaped((spec.snr_db.len(), problems), found.iter().map(of).collect::<Vec<f64>>());
    let methods = e.solver.methods.iter().enumerate();
    let arrays = NoiseArrays {
        snr_db: Array1::from(spec.snr_db.clone()),
        methods: methods.map(|(m, method)| (method.name().into(), table(&|errors| errors.methods[m]))).collect(),
        oracle: table(&|errors| errors.oracle),
    };
    arrays.write(context.folder)?;
    let oracle: Vec<f64> = found.iter().map(|errors| errors.oracle).collect();
    Ok(Outcome::Complete(checks(spec, &oracle).into()))
}

/// The errors of all methods on problem `index` of a law.
fn errors(subject: RecoverySubject<'_>, law: &Instance, index: u64) -> Result<Errors, RunError> {
    let e = subject.experiment;
    let problem = law.draw(e.seed, index)?;
    let settings = e.solver.settings(kept(e, &problem));
    let truth = problem.truth().unwrap_or_default();
    let support: Vec<usize> = (0..truth.len()).filter(|&j| truth[j] != 0.0).collect();
    // The error of a method that fails is NaN.
    let error = |method| solve(&problem, method, &settings, |_| {}).map_or(f64::NAN, |o| o.point().error);
    Ok(Errors {
        methods: e.solver.methods.iter().map(|&method| error(method)).collect(),
        oracle: problem.relative_error(&least_squares(&problem, &support)?.w),
    })
}

fn checks(spec: &NoiseSensitivity, oracle: &[f64]) -> Vec<Check> {
    let problems = spec.problems;
    let scaled = |s: usize, index: usize| oracle[s * problems + index] * 10f64.powf(spec.snr_db[s] / 20.0);
    let deviation = (1..spec.snr_db.len())
        .flat_map(|s| (0..problems).map(move |index| (s, index)))
        .map(|(s, index)| (scaled(s, index) / scaled(0, index) - 1.0).abs())
        .fold(0.0, f64::max);
    let statement = "the error of least squares on the true support is proportional to the noise: largest relative deviation between ratios";
    vec![Check::at_most("noise-oracle", statement, deviation, ROUNDING)]
}
