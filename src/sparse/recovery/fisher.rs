//! WoodFisher and WoodTaylor (Singh, Alistarh, NeurIPS 2020): one-shot pruning with the inverse of the empirical Fisher
//! matrix.
//!
//! ```text
//! F = lambda I + (1/n) sum_i g_i g_i^T,  g_i = phi'(<x_i, w>, y_i) x_i
//! ```
//!
//! The papers invert it by a rank-one update a sample; with all samples at hand one product and one factor are the same
//! matrix for less.
//!
//! WoodTaylor drops by `(w_q - [F^-1 g]_q)^2 / (2 [F^-1]_qq)` and projects the point `w - F^-1 g`: an I-OBS step with `F` for
//! the Hessian and a diagonal selection. WoodFisher takes `w` for a minimum, and neglects `g`.

use super::dense::{difference, gram, norm, products};
use super::inverse::Inverse;
use super::solve::Stop;
use super::{Iteration, Problem, RecoveryError, Selection, Settings, Step, Values};
use crate::compute::vector::axpy;
use faer::Mat;
use std::sync::Arc;

/// lambda relative to the mean diagonal of the matrix it is added to, where no damping is asked for.
const DAMPING: f64 = 1e-3;
/// Mean square of the residuals over that at w = 0 below which they are rounding.
const NO_RESIDUAL: f64 = 1e-20;
/// Newton steps to the dense minimum, and the relative size of the last.
const NEWTON: usize = 50;
const SETTLED: f64 = 1e-12;

/// One-shot pruning.
pub(super) struct Fisher {
    settings: Settings,
    with_gradient: bool,
}

impl Fisher {
    pub(super) fn new(settings: &Settings, with_gradient: bool) -> Self {
        Fisher { settings: *settings, with_gradient }
    }
}

impl Iteration for Fisher {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
        let n = problem.samples() as f64;
        let a = products(problem.design(), w);
        let scale: Vec<f64> =
            a.iter().zip(problem.measurements()).map(|(&a, &y)| problem.loss().slope(a, y).powi(2) / n).collect();
        let fisher = gram(problem.design(), Some(&scale));
        let asked = match self.settings.damping {
            super::Damping::Auto => DAMPING,
            super::Damping::Relative(multiple) => multiple,
        };
        // Where every residual is zero, or rounding, there is no curvature to go by, and all directions count alike.
        let at_zero: f64 = problem.measurements().iter().map(|&y| problem.loss().slope(0.0, y).powi(2) / n).sum();
        let inverse = if scale.iter().sum::<f64>() > NO_RESIDUAL * at_zero {
            Inverse::new(Arc::new(fisher), asked)?
        } else {
            Inverse::new(Arc::new(Mat::identity(w.len(), w.len())), 0.0)?
        };
        let mut g = problem.gradient(w).1;
        g.iter_mut().for_each(|g| *g /= n);
        let mut v = w.to_vec();
        if self.with_gradient {
            axpy(-self.settings.step, &inverse.solve(&g), &mut v);
        }
        let support = Selection::Diagonal.choose(&v, &inverse, self.settings.k)?;
        let (next, _) = Values::Compensate.on(&support, w, &g, &v, &inverse)?;
        Ok(Step { w: next, damping: inverse.damping, raised: inverse.raised, last: Some(Stop::Done) })
    }
}

/// The minimum without sparsity, by damped Newton steps from the problem's start.
pub(super) fn dense_minimum(problem: &Problem, settings: &Settings) -> Result<Vec<f64>, RecoveryError> {
    let mut w = problem.start().to_vec();
    let damping = settings.damping.of(problem);
    for _ in 0..NEWTON {
        let (value, g) = problem.gradient(&w);
        let direction = Inverse::new(problem.hessian(&w), damping)?.solve(&g);
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
        if moved <= SETTLED * norm(&w) || problem.is_quadratic() && damping == 0.0 {
            break;
        }
    }
    Ok(w)
}
