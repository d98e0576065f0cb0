//! The study of noise: errors at several signal to noise ratios, compared with those of least squares on the true
//! support (the oracle).

use super::{NoiseArrays, NoiseSensitivity};
use crate::analysis::verdict::Check;
use crate::config::RecoveryExperiment;
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::recovery_checks::all_within;
use crate::run::recovery_run::kept;
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{Interrupt, dense, least_squares, solution_rounding, solve};
use faer::Mat;
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// The errors on one problem at one ratio.
#[derive(Clone, Serialize, Deserialize)]
struct Errors {
    /// Relative errors of the methods, in the order of the experiment; NaN where one failed.
    methods: Vec<f64>,
    /// Relative error of least squares on the true support.
    oracle: f64,
    /// Bound of the rounding error of that solution, relative to it; infinite where it was damped.
    rounding: f64,
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
    let methods = e.solver.methods.len();
    let fits = |_: &u64, found: &Vec<Errors>| {
        found.len() == spec.snr_db.len() && found.iter().all(|errors| errors.methods.len() == methods)
    };
    let by_problem = complete!(run_tasks(context, "noise", &tasks, fits, |&index, handle| {
        let interrupt = Interrupt::when(handle.interrupt());
        let mut found = Vec::new();
        for &snr in &spec.snr_db {
            let law = Instance { snr_db: Some(snr), ..*law };
            let errors = errors(subject.experiment, &law, index, interrupt);
            if !handle.advance_to((found.len() + 1) as f64 / spec.snr_db.len() as f64) {
                return Ok(Outcome::Interrupted);
            }
            found.push(errors?);
        }
        Ok(Outcome::Complete(found))
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
    Ok(Outcome::Complete(vec![oracle_check(&spec.snr_db, &by_problem).about_program()].into()))
}

/// The errors of all methods on problem `index` of a law.
fn errors(e: &RecoveryExperiment, law: &Instance, index: u64, interrupt: Interrupt<'_>) -> Result<Errors, RunError> {
    let problem = law.draw_until(e.seed, index, interrupt)?;
    let settings = e.solver.settings(kept(e, &problem), (e.seed, index), interrupt);
    let truth = problem.truth().unwrap_or_default();
    let support: Vec<usize> = (0..truth.len()).filter(|&j| truth[j] != 0.0).collect();
    // The error of a method that fails is NaN.
    let error = |method| solve(&problem, method, &settings, |_| {}).map_or(f64::NAN, |o| o.point().error);
    let methods = e.solver.methods.iter().map(|&method| error(method)).collect();
    let oracle = least_squares(&problem, &support, interrupt)?;
    let columns = Mat::from_fn(support.len(), problem.samples(), |j, i| problem.design()[(support[j], i)]);
    let gram = dense::gram(columns.as_ref(), None, interrupt);
    let rounding = solution_rounding(gram.as_ref(), problem.samples(), interrupt);
    Ok(Errors {
        methods,
        oracle: problem.relative_error(&oracle.w),
        rounding: if oracle.raised { f64::INFINITY } else { rounding },
    })
}

/// The check that the error of the oracle, multiplied by the ratio of amplitudes, is the same at every ratio: the draws
/// of the noise are equal at all ratios up to a factor. `found` has the errors at these ratios by problem.
fn oracle_check(snr_db: &[f64], found: &[Vec<Errors>]) -> Check {
    // Relative error of an error: that of the solution, of length 1 + error, over the error.
    let rounding = |errors: &Errors| errors.rounding * (1.0 + errors.oracle) / errors.oracle;
    let deviations = found.iter().flat_map(|errors| {
        let scaled = |s: usize| errors[s].oracle * 10f64.powf(snr_db[s] / 20.0);
        (1..snr_db.len())
            .map(move |s| ((scaled(s) / scaled(0) - 1.0).abs(), rounding(&errors[s]) + rounding(&errors[0])))
    });
    let statement = "the error of least squares on the true support is proportional to the noise: largest relative deviation between ratios";
    let nothing = "there is one ratio only: nothing to compare";
    all_within("noise-oracle", statement, deviations, nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;
    use crate::sparse::recovery::{RecoveryMethod, SampleLoss};

    /// The oracle's errors on two problems at ratios of 20, 40 and `last` dB.
    fn found(last: f64) -> (Vec<f64>, Vec<Vec<Errors>>) {
        let snr_db = vec![20.0, 40.0, last];
        let errors = |oracle| Errors { methods: vec![], oracle, rounding: 1e-13 };
        let of = |size: f64| snr_db.iter().map(|snr| errors(size * 10f64.powf(-snr / 20.0))).collect();
        let found = vec![of(0.3), of(0.7)];
        (snr_db, found)
    }

    #[test]
    fn proportional_errors_hold_and_others_fail() {
        let (snr_db, mut errors) = found(60.0);
        let check = oracle_check(&snr_db, &errors);
        assert_eq!(check.verdict, Verdict::Holds, "{check:?}");
        // An oracle on another support has an error that does not fall with the noise.
        errors[1][2].oracle += 1e-6;
        let check = oracle_check(&snr_db, &errors);
        assert_eq!(check.verdict, Verdict::Fails, "{check:?}");
        assert!(check.measured.is_finite());
    }

    /// One ratio; an error at the level of rounding; a damped or an exact oracle.
    #[test]
    fn degenerate_cases_are_not_resolved() {
        let (snr_db, errors) = found(60.0);
        let one = oracle_check(&snr_db[..1], &errors);
        assert_eq!(one.verdict, Verdict::NotResolved);
        assert!(one.detail.contains("one ratio") && one.measured.is_nan() && one.interval.is_none(), "{one:?}");
        for change in [
            |errors: &mut Errors| errors.oracle = 1e-14,
            |errors: &mut Errors| errors.rounding = f64::INFINITY,
            |errors: &mut Errors| errors.oracle = 0.0,
        ] {
            let mut errors = errors.clone();
            errors.iter_mut().flatten().for_each(change);
            let check = oracle_check(&snr_db, &errors);
            assert_eq!(check.verdict, Verdict::NotResolved, "{check:?}");
            assert!(check.detail.contains("rounding"), "{check:?}");
        }
    }

    /// On problems whose design is as ill-conditioned as double precision allows the check does not fail, and on the
    /// built-in one it holds.
    #[test]
    fn rounding_is_no_failure() {
        use crate::sparse::recovery::instance::{Design, Signal};
        let snr_db = [20.0, 60.0, 200.0];
        let law = |condition| Instance {
            loss: SampleLoss::Squared,
            n: 40,
            d: 30,
            sparsity: 12,
            design: Design::Scaled { condition },
            signal: Signal::Gaussian,
            snr_db: None,
            start_distance: None,
        };
        for (condition, expected) in [(1e2, Verdict::Holds), (1e14, Verdict::NotResolved)] {
            let e = crate::run::recovery_checks::experiment(law(condition), vec![RecoveryMethod::Omp]);
            let errors = |index| {
                let at = |&snr: &f64| {
                    let law = Instance { snr_db: Some(snr), ..law(condition) };
                    errors(&e, &law, index, Interrupt::NEVER).unwrap()
                };
                snr_db.iter().map(at).collect()
            };
            let found: Vec<Vec<Errors>> = (0..6).map(errors).collect();
            let check = oracle_check(&snr_db, &found);
            assert_ne!(check.verdict, Verdict::Fails, "{check:?}");
            if condition < 1e3 {
                assert_eq!(check.verdict, expected, "{check:?}");
            }
        }
    }
}
