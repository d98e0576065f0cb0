//! The theorems' bounds beside what is observed, on problems small enough for their constants to be computed.

use super::super::pieces::{Piece, work_through};
use super::super::{RunError, Setting};
use super::{Findings, Subject};
use crate::analysis::verdict::Check;
use crate::config::Rates;
use crate::record::npz::Arrays;
use crate::sparse::recovery::instance::{Design, Instance, Signal};
use crate::sparse::recovery::rates::{Bounded, contraction, damped, quadratic_rate, threshold_ratios};
use crate::sparse::recovery::{Problem, RecoveryError, SampleLoss, Selection};

/// Rounding allowed on a ratio to a bound that may be attained.
const ROUNDING: f64 = 1e-9;
/// Damping of the statement about damped steps, relative to the mean diagonal.
const DAMPING: f64 = 0.1;
/// Iterations looked at.
const ITERATIONS: usize = 60;

/// A statement about an algorithm on a law of problems.
struct Statement {
    /// Name of its check and of its arrays.
    name: &'static str,
    says: &'static str,
    law: Instance,
    k: usize,
    observe: fn(&Problem, usize) -> Result<Vec<Bounded>, RecoveryError>,
}

fn law(loss: SampleLoss, (n, d, sparsity): (usize, usize, usize), start_distance: Option<f64>) -> Instance {
    let design = if start_distance.is_none() { Design::Rotated { condition: 10.0 } } else { Design::Gaussian };
    Instance { loss, n, d, sparsity, design, signal: Signal::Gaussian, snr_db: None, start_distance }
}

fn statements() -> Vec<Statement> {
    let rate = |problem: &Problem, k| quadratic_rate(problem, k, Selection::Magnitude, ITERATIONS);
    let of_loss = |name, says, loss, distance| {
        let law = law(loss, (400, 20, 4), Some(distance));
        Statement { name, says, law, k: 6, observe: rate }
    };
    vec![
        Statement {
            name: "iht",
            says: "k-IHT on a quadratic: e+ <= sqrt(nu) |I - H_UU/L| e, U the three supports",
            law: law(SampleLoss::Squared, (200, 80, 5), None),
            k: 20,
            observe: |problem, k| contraction(problem, k, ITERATIONS),
        },
        Statement {
            name: "damped",
            says: "topk-I-OBS with B = H + lambda I on a quadratic: e+ <= sqrt(nu) |P_U (I - B^-1 H) P_U| e",
            law: law(SampleLoss::Squared, (200, 80, 5), None),
            k: 20,
            observe: |problem, k| damped(problem, k, DAMPING, ITERATIONS).map(|(sharp, _)| sharp),
        },
        Statement {
            name: "damping-factor",
            says: "the same: e+ <= sqrt(nu) max lambda/(sigma + lambda) e",
            law: law(SampleLoss::Squared, (200, 80, 5), None),
            k: 20,
            observe: |problem, k| damped(problem, k, DAMPING, ITERATIONS).map(|(_, plain)| plain),
        },
        of_loss(
            "quadratic-logistic",
            "topk-I-OBS, logistic loss: e+ <= (1 + sqrt((d-k)/(d-k*))) M/(2 mu) e^2",
            SampleLoss::Logistic,
            0.5,
        ),
        of_loss("quadratic-exponential", "the same, exponential loss", SampleLoss::Exponential, 0.3),
        of_loss("quadratic-measurement", "the same, quadratic measurements", SampleLoss::QuadraticMeasurement, 0.1),
        Statement {
            name: "exact",
            says: "exact I-OBS by enumeration, exponential loss: e+ <= (1 + sqrt(L/mu (d-k)/(d-k*))) M/(2 mu) e^2",
            law: law(SampleLoss::Exponential, (200, 14, 3), Some(0.3)),
            k: 5,
            observe: |problem, k| quadratic_rate(problem, k, Selection::Exact, ITERATIONS),
        },
    ]
}

/// Writes `records/rates.npz`: for each statement the errors before and after a step, and the bound.
pub(super) fn study(subject: &Subject<'_>, terms: &Rates, setting: &Setting<'_>) -> Result<Option<Findings>, RunError> {
    let seed = subject.experiment.seed;
    let statements = statements();
    let pieces: Vec<Piece<(usize, u64)>> = (0..statements.len())
        .flat_map(|s| (0..terms.problems as u64).map(move |index| (s, index)))
        .map(|(s, index)| Piece { name: format!("rates-{s}-{index}"), size: 1, item: (s, index) })
        .collect();
    let found = work_through(setting, "rates", &pieces, |&(s, index)| {
        let Statement { law, k, observe, .. } = &statements[s];
        Ok(observe(&law.draw(seed, index)?, *k)?)
    })?;
    let Some(found) = found else { return Ok(None) };

    let (projection, expansion) = threshold_ratios(seed, terms.trials);
    let at_most_one = |name: String, says: String, ratio: f64, of: String| {
        let mut check = Check::at_most(name, says, ratio, 1.0 + ROUNDING);
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
    let mut arrays = Arrays::default();
    for (s, statement) in statements.iter().enumerate() {
        let steps: Vec<Bounded> = found[s * terms.problems..(s + 1) * terms.problems].concat();
        let column = |of: fn(&Bounded) -> f64| steps.iter().map(of).collect::<Vec<f64>>();
        let name = format!("rates-{}", statement.name);
        let says = format!("{}: worst ratio of the two sides", statement.says);
        if steps.is_empty() {
            checks.push(Check::not_measured(name, says, Some(1.0), "no step above rounding was undamped"));
            continue;
        }
        let worst = steps.iter().map(Bounded::ratio).fold(0.0, f64::max);
        checks.push(at_most_one(name, says, worst, format!("worst of {} steps", steps.len())));
        for (part, values) in [
            ("before", column(|step| step.before)),
            ("after", column(|step| step.after)),
            ("bound", column(|step| step.bound)),
        ] {
            arrays.push(format!("{}_{part}", statement.name), &[steps.len()], values);
        }
    }
    arrays.write(&setting.folder.file("records/rates.npz"))?;
    Ok(Some((checks, Vec::new())))
}
