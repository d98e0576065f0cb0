//! Stochastic I-OBS (WMSKA): gradient and curvature of a mini-batch.
//!
//! ```text
//! g = (n / B) sum over the batch of phi'(<x_i, w>, y_i) x_i,   Q = supp w
//! alpha = 1 / (lambda + |g_Q|^2 / |g|),   w <- T_k(w - alpha g)
//! ```
//!
//! The curvature is that of the empirical Fisher matrix of rank one, `lambda I + g_Q g_Q^T / |g|`: its inverse times `g_Q`
//! is `alpha g_Q`. Here `lambda` is the expected smoothness of mini-batches of B of n samples without replacement (Gower et
//! al., ICML 2019),
//!
//! ```text
//! lambda = n (B - 1) / (B (n - 1)) L + (n - B) / (B (n - 1)) n max_i |x_i|^2,   L = lambda_max(X^T X)
//! ```
//!
//! which is L for B = n. The step `alpha` is at most `1 / lambda` and tends to it as the gradient vanishes.

use super::dense::{norm, sample};
use super::{Interrupt, RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, hard_threshold};
use crate::compute::vector::{axpy, dot};

/// The gradient of a mini-batch and the step along it.
#[derive(Clone, Debug, PartialEq)]
pub struct StochasticGradient {
    /// `g` (d).
    pub gradient: Vec<f64>,
    /// `alpha`; `1 / lambda` where the gradient is 0.
    pub step: f64,
}

/// The gradient at `w` of the samples in `batch`, and the step `alpha` for this `lambda`.
pub fn stochastic_gradient(problem: &SparseProblem, w: &[f64], batch: &[usize], lambda: f64) -> StochasticGradient {
    let xt = problem.design();
    let mut gradient = vec![0.0; w.len()];
    for &i in batch {
        let x = sample(&xt, i);
        axpy(problem.loss().slope(dot(x, w), problem.measurements()[i]), x, &mut gradient);
    }
    let scale = problem.samples() as f64 / batch.len() as f64;
    gradient.iter_mut().for_each(|g| *g *= scale);
    let length = norm(&gradient);
    let on_support = gradient.iter().zip(w).map(|(g, w)| if *w == 0.0 { 0.0 } else { g * g }).sum::<f64>();
    let curvature = if length > 0.0 { on_support / length } else { 0.0 };
    StochasticGradient { gradient, step: 1.0 / (lambda + curvature) }
}

/// The expected smoothness of mini-batches of `size` samples of a quadratic, drawn without replacement.
pub fn expected_smoothness(problem: &SparseProblem, size: usize, interrupt: Interrupt<'_>) -> f64 {
    let (xt, n) = (problem.design(), problem.samples());
    if size == n {
        return problem.smoothness(interrupt);
    }
    let largest = (0..n).map(|i| sample(&xt, i)).map(|x| dot(x, x)).fold(0.0, f64::max);
    let (n, size) = (n as f64, size as f64);
    (n * (size - 1.0) * problem.smoothness(interrupt) + (n - size) * n * largest) / (size * (n - 1.0))
}

/// Stochastic I-OBS.
pub(super) struct StochasticObs<'a> {
    settings: Settings<'a>,
    /// Samples per batch.
    size: usize,
    lambda: f64,
    /// Number of the next step.
    next: u64,
}

impl<'a> StochasticObs<'a> {
    pub(super) fn new(problem: &SparseProblem, settings: &Settings<'a>) -> Result<Self, RecoveryError> {
        let size = settings.batches.samples(problem.samples())?;
        let lambda = expected_smoothness(problem, size, settings.interrupt) / settings.step;
        Ok(StochasticObs { settings: *settings, size, lambda, next: 0 })
    }
}

impl RecoveryAlgorithm for StochasticObs<'_> {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let batch = self.settings.batches.draw(problem.samples(), self.size, self.next);
        self.next += 1;
        let StochasticGradient { gradient, step } = stochastic_gradient(problem, w, &batch, self.lambda);
        let mut v = w.to_vec();
        axpy(-step, &gradient, &mut v);
        Ok(RecoveryStep::plain(hard_threshold(&v, self.settings.k)))
    }

    /// A step along the gradient of one batch can vanish by chance.
    fn converges_when_stationary(&self) -> bool {
        false
    }
}
