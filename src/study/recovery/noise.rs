//! The study of noise: median errors at several signal to noise ratios, beside least squares on the true support, which no
//! one can do who does not know it.

use super::super::pieces::{Piece, work_through};
use super::super::{RunError, Setting};
use super::{Findings, Subject, kept};
use crate::analysis::verdict::Check;
use crate::config::Noise;
use crate::number;
use crate::record::npz::Arrays;
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{least_squares, solve};
use serde::{Deserialize, Serialize};

/// The oracle's error is proportional to the noise, which is drawn alike at every ratio: what rounding may add to that.
const ROUNDING: f64 = 1e-6;

#[derive(Clone, Serialize, Deserialize)]
struct Errors {
    /// Relative errors of the methods, in their order; NaN where one gave up.
    #[serde(with = "number::list")]
    methods: Vec<f64>,
    #[serde(with = "number")]
    oracle: f64,
}

/// Writes `records/noise.npz`.
pub(super) fn study(subject: &Subject<'_>, terms: &Noise, setting: &Setting<'_>) -> Result<Option<Findings>, RunError> {
    let e = subject.experiment;
    let Some(law) = subject.source.law() else { return Ok(Some(Default::default())) };
    let problems = terms.problems;
    let pieces: Vec<Piece<u64>> =
        (0..problems as u64).map(|index| Piece { name: format!("noise-{index}"), size: 1, item: index }).collect();
    let found = work_through(setting, "noise", &pieces, |&index| {
        let at = |&snr: &f64| errors(subject, &Instance { snr_db: Some(snr), ..*law }, index);
        terms.snr_db.iter().map(at).collect::<Result<Vec<Errors>, RunError>>()
    })?;
    let Some(by_problem) = found else { return Ok(None) };
    let found: Vec<Errors> =
        (0..terms.snr_db.len()).flat_map(|s| by_problem.iter().map(move |errors| errors[s].clone())).collect();
    let ratios = terms.snr_db.len();
    let table = |of: &dyn Fn(&Errors) -> f64| found.iter().map(of).collect::<Vec<f64>>();
    let mut arrays = Arrays::default();
    arrays.push("snr_db", &[ratios], terms.snr_db.clone());
    let oracle = table(&|errors| errors.oracle);
    for (m, method) in e.solver.methods.iter().enumerate() {
        arrays.push(format!("{}_error", method.name()), &[ratios, problems], table(&|errors| errors.methods[m]));
    }
    arrays.push("oracle_error", &[ratios, problems], oracle.clone());
    arrays.write(&setting.folder.file("records/noise.npz"))?;
    Ok(Some((checks(terms, &oracle), Vec::new())))
}

/// What every method makes of problem `index` of a law.
fn errors(subject: &Subject<'_>, law: &Instance, index: u64) -> Result<Errors, RunError> {
    let e = subject.experiment;
    let problem = law.draw(e.seed, index)?;
    let settings = e.solver.settings(kept(e, &problem));
    let truth = problem.truth().unwrap_or_default();
    let support: Vec<usize> = (0..truth.len()).filter(|&j| truth[j] != 0.0).collect();
    // A method that gives up has no error.
    let error = |method| solve(&problem, method, &settings, |_| {}).map_or(f64::NAN, |o| o.point().error);
    Ok(Errors {
        methods: e.solver.methods.iter().map(|&method| error(method)).collect(),
        oracle: problem.relative_error(&least_squares(&problem, &support)?.w),
    })
}

fn checks(terms: &Noise, oracle: &[f64]) -> Vec<Check> {
    let problems = terms.problems;
    let scaled = |s: usize, index: usize| oracle[s * problems + index] * 10f64.powf(terms.snr_db[s] / 20.0);
    let off = (1..terms.snr_db.len())
        .flat_map(|s| (0..problems).map(move |index| (s, index)))
        .map(|(s, index)| (scaled(s, index) / scaled(0, index) - 1.0).abs())
        .fold(0.0, f64::max);
    let statement = "the error of least squares on the true support is proportional to the noise: largest relative deviation between ratios";
    vec![Check::at_most("noise-oracle", statement, off, ROUNDING)]
}
