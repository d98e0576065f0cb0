//! The statements on rates that are checked.

use crate::choice::choice;
use crate::sparse::recovery::instance::{Design, Instance, Signal};
use crate::sparse::recovery::rates::{
    BoundedStep, contraction, damped_contraction, quadratic_rate, stochastic_contraction,
};
use crate::sparse::recovery::{MiniBatches, RecoveryError, SampleLoss, Selection, SparseProblem};

/// Damping in the statements on damped steps, relative to the mean diagonal.
const DAMPING: f64 = 0.1;
/// Largest number of iterations.
const ITERATIONS: usize = 60;
/// Samples of a mini-batch in the statements on stochastic steps: so many that every batch contracts.
const BATCH: usize = 500;

choice! {
    /// Name of a statement, of its check and of its arrays.
    pub enum StatementName: "statement" {
        /// Contraction of hard thresholding on quadratics.
        Iht = "iht",
        /// Contraction of damped second-order steps on quadratics.
        Damped = "damped",
        /// The simpler bound on damped second-order steps.
        DampingFactor = "damping-factor",
        /// Contraction of stochastic steps on noisy quadratics, step by step.
        Stochastic = "stochastic",
        /// The same from the start: a linear rate up to a floor.
        StochasticFloor = "stochastic-floor",
        /// Quadratic rate under the logistic loss.
        QuadraticLogistic = "quadratic-logistic",
        /// Quadratic rate under the exponential loss.
        QuadraticExponential = "quadratic-exponential",
        /// Quadratic rate under quadratic measurements.
        QuadraticMeasurement = "quadratic-measurement",
        /// Quadratic rate with exact selection.
        Exact = "exact",
    }
}

/// Runs an algorithm on a problem and returns the errors before and after its steps, and the bounds.
pub type Observation = fn(&SparseProblem, usize, (u64, u64)) -> Result<Vec<BoundedStep>, RecoveryError>;

/// A statement about an algorithm on a law of problems.
pub struct Statement {
    /// Its name.
    pub name: StatementName,
    /// The inequality.
    pub inequality: &'static str,
    /// Label in figures.
    pub label: &'static str,
    /// The law of the problems.
    pub law: Instance,
    /// Entries kept.
    pub k: usize,
    /// Runs the algorithm on a problem with k entries kept; returns the errors before and after its steps, and the
    /// bounds. The last argument, seed and number of the problem, is the address of its mini-batches.
    ///
    /// # Errors
    /// A problem that cannot be solved.
    pub observe: Observation,
}

/// The law of the problems of a statement: ill-conditioned without a start, Gaussian with one.
fn law(loss: SampleLoss, n: usize, d: usize, sparsity: usize, start_distance: Option<f64>) -> Instance {
    let design = if start_distance.is_none() { Design::Rotated { condition: 10.0 } } else { Design::Gaussian };
    Instance { loss, n, d, sparsity, design, signal: Signal::Gaussian, snr_db: None, start_distance }
}

/// The law of the problems of stochastic steps: well conditioned, so that steps contract in spite of the factor of
/// thresholding, with noise.
fn stochastic_law() -> Instance {
    let law = law(SampleLoss::Squared, 4000, 20, 2, None);
    Instance { design: Design::Gaussian, signal: Signal::Sign, snr_db: Some(30.0), ..law }
}

/// The mini-batches of a problem.
fn batches((seed, problem): (u64, u64)) -> MiniBatches {
    MiniBatches { size: Some(BATCH), seed, problem }
}

impl Statement {
    /// All statements.
    pub fn all() -> Vec<Statement> {
        let rate = |problem: &SparseProblem, k, _| quadratic_rate(problem, k, Selection::Magnitude, ITERATIONS);
        let of_loss = |name, label, inequality, loss, distance| {
            let law = law(loss, 400, 20, 4, Some(distance));
            Statement { name, label, inequality, law, k: 6, observe: rate }
        };
        vec![
            Statement {
                name: StatementName::Iht,
                label: "k-IHT",
                inequality: "k-IHT on a quadratic: e+ <= sqrt(nu) |I - H_UU/L| e, U the three supports",
                law: law(SampleLoss::Squared, 200, 80, 5, None),
                k: 20,
                observe: |problem, k, _| contraction(problem, k, ITERATIONS),
            },
            Statement {
                name: StatementName::Damped,
                label: "damped topk-I-OBS",
                inequality: "topk-I-OBS with B = H + lambda I on a quadratic: e+ <= sqrt(nu) |P_U (I - B^-1 H) P_U| e",
                law: law(SampleLoss::Squared, 200, 80, 5, None),
                k: 20,
                observe: |problem, k, _| damped_contraction(problem, k, DAMPING, ITERATIONS).map(|rates| rates.sharp),
            },
            Statement {
                name: StatementName::DampingFactor,
                label: "damping factor",
                inequality: "the same: e+ <= sqrt(nu) max lambda/(sigma + lambda) e",
                law: law(SampleLoss::Squared, 200, 80, 5, None),
                k: 20,
                observe: |problem, k, _| damped_contraction(problem, k, DAMPING, ITERATIONS).map(|rates| rates.uniform),
            },
            Statement {
                name: StatementName::Stochastic,
                label: "stochastic I-OBS",
                inequality: "stochastic I-OBS on a noisy quadratic: e+ <= sqrt(nu) (|I - alpha (H_B)_UU| e + alpha |xi_U|)",
                law: stochastic_law(),
                k: 14,
                observe: |problem, k, draws| {
                    stochastic_contraction(problem, k, batches(draws), ITERATIONS).map(|rates| rates.steps)
                },
            },
            Statement {
                name: StatementName::StochasticFloor,
                label: "linear rate to a floor",
                inequality: "the same from the start: e_t <= q^t e_0 + r (1 - q^t)/(1 - q)",
                law: stochastic_law(),
                k: 14,
                observe: |problem, k, draws| {
                    stochastic_contraction(problem, k, batches(draws), ITERATIONS).map(|rates| rates.from_start)
                },
            },
            of_loss(
                StatementName::QuadraticLogistic,
                "logistic",
                "topk-I-OBS, logistic loss: e+ <= sqrt(nu) M/(2 mu) e^2",
                SampleLoss::Logistic,
                0.5,
            ),
            of_loss(
                StatementName::QuadraticExponential,
                "exponential",
                "the same, exponential loss",
                SampleLoss::Exponential,
                0.3,
            ),
            of_loss(
                StatementName::QuadraticMeasurement,
                "quadratic meas.",
                "the same, quadratic measurements",
                SampleLoss::QuadraticMeasurement,
                0.1,
            ),
            Statement {
                name: StatementName::Exact,
                label: "exact I-OBS",
                inequality: "exact I-OBS by enumeration, exponential loss: e+ <= (1 + sqrt(L/mu (d-k)/(d-k*))) M/(2 mu) e^2",
                law: law(SampleLoss::Exponential, 200, 14, 3, Some(0.3)),
                k: 5,
                observe: |problem, k, _| quadratic_rate(problem, k, Selection::Exact, ITERATIONS),
            },
        ]
    }
}
