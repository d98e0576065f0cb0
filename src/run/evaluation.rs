//! Predictions, loss and risk of a state on the fixed sample.

use super::problem::Problem;
use crate::compute::{Real, Threads};
use crate::network::{Model, Portion, Workspace};

/// Conversion to double precision.
pub(super) fn to_f64<R: Real>(values: &[R]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

/// Predictions of a state on the fixed sample, with loss and risk.
pub struct Evaluation {
    /// Predictions (n, K), row-major.
    pub predictions: Vec<f64>,
    /// Mean loss.
    pub loss: f64,
    /// Risk: mean loss plus ridge term.
    pub risk: f64,
    /// The same on the test part, if there is one.
    pub test: Option<TestEvaluation>,
}

/// Predictions of a state on the test part.
#[derive(Clone, Debug, PartialEq)]
pub struct TestEvaluation {
    /// Predictions (samples of the test part, K), row-major.
    pub predictions: Vec<f64>,
    /// Mean loss, without ridge term.
    pub loss: f64,
}

impl TestEvaluation {
    /// The evaluation of predictions on the test part of a problem; `None` where it has none.
    pub fn of<R: Real>(problem: &Problem<'_, R>, predictions: impl FnOnce(&[R]) -> Vec<f64>) -> Option<Self> {
        let test = problem.test.as_ref()?;
        let predictions = predictions(&test.x);
        let loss = problem.experiment.network.loss.mean(&predictions, &test.y, problem.network.outputs());
        Some(TestEvaluation { predictions, loss })
    }
}

/// Evaluates a state on the fixed sample, and on the test part. It is that of the whole network, whatever the number of
/// ranks. Predictions on the fixed sample are not computed again where they are given.
pub fn evaluate<R: Real>(
    problem: &Problem<'_, R>,
    width: usize,
    theta: &[R],
    predictions: Option<Vec<f64>>,
    threads: Threads,
) -> Evaluation {
    if let Some(shares) = problem.shares(width) {
        return evaluate_over(problem, &Portion::whole(shares), theta, predictions, threads);
    }
    let network = &problem.network;
    let predictions = predictions.unwrap_or_else(|| network.predict(width, theta, &problem.population.x, threads));
    let loss = problem.experiment.network.loss.mean(&predictions, &problem.population.y, network.outputs());
    let ridge = problem.experiment.dynamics.ridge;
    let penalty = if ridge > 0.0 { 0.5 * ridge * network.mean_square(width, theta) } else { 0.0 };
    let test = TestEvaluation::of(problem, |x| network.predict(width, theta, x, threads));
    Evaluation { predictions, loss, risk: loss + penalty, test }
}

/// Evaluates the neurons of this rank together with those of the others, on the fixed sample and on the test part.
/// Predictions on the fixed sample are not computed again where they are given, on all ranks. Collective.
pub fn evaluate_over<R: Real>(
    problem: &Problem<'_, R>,
    portion: &Portion,
    theta: &[R],
    predictions: Option<Vec<f64>>,
    threads: Threads,
) -> Evaluation {
    let (network, width) = (&problem.network, portion.shares().width());
    let model = Model { network, width, threads };
    let mut workspace = Workspace::over(portion.clone());
    let predictions = predictions.unwrap_or_else(|| workspace.predict(model, theta, &problem.population.x));
    let loss = problem.experiment.network.loss.mean(&predictions, &problem.population.y, network.outputs());
    let ridge = problem.experiment.dynamics.ridge;
    let square = || problem.independent().mean_square_over(portion, theta);
    let penalty = if ridge > 0.0 { 0.5 * ridge * square() } else { 0.0 };
    let test = TestEvaluation::of(problem, |x| workspace.predict(model, theta, x));
    Evaluation { predictions, loss, risk: loss + penalty, test }
}
