//! WoodFisher and WoodTaylor (Singh, Alistarh, NeurIPS 2020): one-shot pruning with the inverse of the empirical Fisher
//! matrix.
//!
//! ```text
//! F = lambda I + (1/n) sum_i g_i g_i^T,  g_i = phi'(<x_i, w>, y_i) x_i
//! ```
//!
//! The papers compute the inverse by one rank-one update per sample; here the same matrix is formed by one product and
//! factored once.
//!
//! WoodTaylor drops the entries of least `(w_q - [F^-1 g]_q)^2 / (2 [F^-1]_qq)` and projects the point `w - F^-1 g`: an
//! I-OBS step with `F` as the Hessian and a diagonal selection. WoodFisher assumes that `w` is a minimum, and neglects
//! `g`.

use super::dense::{difference, gram, inner_products, norm};
use super::inverse::{DampedInverse, MAX_DAMPING};
use super::solve::Stop;
use super::{RecoveryAlgorithm, RecoveryError, RecoveryStep, Selection, Settings, SparseProblem, ValueRule};
use crate::compute::vector::axpy;
use faer::Mat;
use std::sync::Arc;

/// lambda relative to the mean diagonal of the matrix, with automatic damping.
const DAMPING: f64 = 1e-3;
/// Mean square of the residuals, relative to that at w = 0, below which they are rounding errors.
const NO_RESIDUAL: f64 = 1e-20;
/// Largest number of Newton steps to the dense minimum, and the relative change at which the iteration has converged.
const MAX_NEWTON_STEPS: usize = 50;
const NEWTON_TOLERANCE: f64 = 1e-12;

/// One-shot pruning with the empirical Fisher matrix.
pub(super) struct Fisher<'a> {
    settings: Settings<'a>,
    with_gradient: bool,
}

impl<'a> Fisher<'a> {
    pub(super) fn new(settings: &Settings<'a>, with_gradient: bool) -> Self {
        Fisher { settings: *settings, with_gradient }
    }
}

impl RecoveryAlgorithm for Fisher<'_> {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let (n, interrupt) = (problem.samples() as f64, self.settings.interrupt);
        let a = inner_products(problem.design(), w);
        let scale: Vec<f64> =
            a.iter().zip(problem.measurements()).map(|(&a, &y)| problem.loss().slope(a, y).powi(2) / n).collect();
        let fisher = gram(problem.design(), Some(&scale), interrupt);
        let damping = match self.settings.damping {
            super::Damping::Auto => DAMPING,
            super::Damping::Relative(multiple) => multiple,
        };
        // Where all residuals vanish to rounding the Fisher matrix is zero; the identity takes its place, and the
        // gradient is a rounding error.
        let at_zero: f64 = problem.measurements().iter().map(|&y| problem.loss().slope(0.0, y).powi(2) / n).sum();
        if at_zero == 0.0 && problem.measurements().iter().any(|&y| problem.loss().slope(0.0, y) != 0.0) {
            // The squares of the slopes underflow.
            return Err(RecoveryError::Indefinite { damping: MAX_DAMPING });
        }
        let residual = scale.iter().sum::<f64>() > NO_RESIDUAL * at_zero;
        let (matrix, damping) = if residual {
            (fisher, damping)
        } else {
            drop(fisher);
            (Mat::identity(w.len(), w.len()), 0.0)
        };
        let inverse = DampedInverse::new(Arc::new(matrix), damping, interrupt)?;
        let mut g = problem.value_and_gradient(w).1;
        g.iter_mut().for_each(|g| *g /= n);
        let mut v = w.to_vec();
        if self.with_gradient && residual {
            axpy(-self.settings.step, &inverse.solve(&g), &mut v);
        }
        let support = Selection::Diagonal.choose(&v, &inverse, self.settings.k)?;
        let (next, _) = ValueRule::Compensate.apply(&support, w, &g, &v, &inverse)?;
        Ok(RecoveryStep { w: next, damping: inverse.damping, raised: inverse.raised, last: Some(Stop::Done) })
    }
}

/// The minimiser without a sparsity constraint (d), by damped Newton steps with step halving from the start of the
/// problem.
pub(super) fn dense_minimum(problem: &SparseProblem, settings: &Settings<'_>) -> Result<Vec<f64>, RecoveryError> {
    let mut w = problem.start().to_vec();
    let (damping, interrupt) = (settings.damping.of(problem), settings.interrupt);
    for _ in 0..MAX_NEWTON_STEPS {
        let (value, g) = problem.value_and_gradient(&w);
        let direction = DampedInverse::new(problem.hessian(&w, interrupt), damping, interrupt)?.solve(&g);
        let mut step = 1.0;
        let next = loop {
            let mut next = w.clone();
            axpy(-step, &direction, &mut next);
            if problem.value(&next) <= value || step < 1e-8 {
                break next;
            }
            step /= 2.0;
        };
        let moved = norm(&difference(&next, &w));
        w = next;
        if moved <= NEWTON_TOLERANCE * norm(&w) || problem.is_quadratic() && damping == 0.0 {
            break;
        }
    }
    Ok(w)
}
