//! The statements whose bounds are observed.

use crate::sparse::recovery::instance::{Design, Instance, Signal};
use crate::sparse::recovery::rates::{BoundedStep, contraction, damped_contraction, quadratic_rate};
use crate::sparse::recovery::{RecoveryError, SampleLoss, Selection, SparseProblem};

/// Damping of the statement about damped steps, relative to the mean diagonal.
const DAMPING: f64 = 0.1;
/// Iterations looked at.
const ITERATIONS: usize = 60;

/// A statement about an algorithm on a law of problems.
pub struct Statement {
    /// Name of its check and of its arrays.
    pub name: &'static str,
    /// The inequality.
    pub inequality: &'static str,
    /// Label in figures.
    pub label: &'static str,
    /// The law of the problems.
    pub law: Instance,
    /// Entries kept.
    pub k: usize,
    /// Errors before and after the steps on a problem, and the bound.
    pub observe: fn(&SparseProblem, usize) -> Result<Vec<BoundedStep>, RecoveryError>,
}

fn law(loss: SampleLoss, (n, d, sparsity): (usize, usize, usize), start_distance: Option<f64>) -> Instance {
    let design = if start_distance.is_none() { Design::Rotated { condition: 10.0 } } else { Design::Gaussian };
    Instance { loss, n, d, sparsity, design, signal: Signal::Gaussian, snr_db: None, start_distance }
}

impl Statement {
    /// All statements.
    pub fn all() -> Vec<Statement> {
        let rate = |problem: &SparseProblem, k| quadratic_rate(problem, k, Selection::Magnitude, ITERATIONS);
        let of_loss = |name, label, inequality, loss, distance| {
            let law = law(loss, (400, 20, 4), Some(distance));
            Statement { name, label, inequality, law, k: 6, observe: rate }
        };
        vec![
            Statement {
                name: "iht",
                label: "k-IHT",
                inequality: "k-IHT on a quadratic: e+ <= sqrt(nu) |I - H_UU/L| e, U the three supports",
                law: law(SampleLoss::Squared, (200, 80, 5), None),
                k: 20,
                observe: |problem, k| contraction(problem, k, ITERATIONS),
            },
            Statement {
                name: "damped",
                label: "damped topk-I-OBS",
                inequality: "topk-I-OBS with B = H + lambda I on a quadratic: e+ <= sqrt(nu) |P_U (I - B^-1 H) P_U| e",
                law: law(SampleLoss::Squared, (200, 80, 5), None),
                k: 20,
                observe: |problem, k| damped_contraction(problem, k, DAMPING, ITERATIONS).map(|rates| rates.sharp),
            },
            Statement {
                name: "damping-factor",
                label: "damping factor",
                inequality: "the same: e+ <= sqrt(nu) max lambda/(sigma + lambda) e",
                law: law(SampleLoss::Squared, (200, 80, 5), None),
                k: 20,
                observe: |problem, k| damped_contraction(problem, k, DAMPING, ITERATIONS).map(|rates| rates.uniform),
            },
            of_loss(
                "quadratic-logistic",
                "logistic",
                "topk-I-OBS, logistic loss: e+ <= (1 + sqrt((d-k)/(d-k*))) M/(2 mu) e^2",
                SampleLoss::Logistic,
                0.5,
            ),
            of_loss("quadratic-exponential", "exponential", "the same, exponential loss", SampleLoss::Exponential, 0.3),
            of_loss(
                "quadratic-measurement",
                "quadratic meas.",
                "the same, quadratic measurements",
                SampleLoss::QuadraticMeasurement,
                0.1,
            ),
            Statement {
                name: "exact",
                label: "exact I-OBS",
                inequality: "exact I-OBS by enumeration, exponential loss: e+ <= (1 + sqrt(L/mu (d-k)/(d-k*))) M/(2 mu) e^2",
                law: law(SampleLoss::Exponential, (200, 14, 3), Some(0.3)),
                k: 5,
                observe: |problem, k| quadratic_rate(problem, k, Selection::Exact, ITERATIONS),
            },
        ]
    }
}
