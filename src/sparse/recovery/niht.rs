//! NIHT: normalised iterative hard thresholding, with a step computed in every iteration (Blumensath, Davies 2010).
//!
//! ```text
//! mu = |g_S|^2 / |X g_S|^2;  where the support changes, with Delta = w+ - w, mu <= (1 - c) |Delta|^2 / |X Delta|^2 is required,
//! else mu <- mu (1 - c) / kappa
//! ```

use super::dense::{difference, inner_products, symmetric_times};
use super::threshold::{restricted, support};
use super::{RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, hard_threshold, largest_entries};
use crate::compute::vector::{axpy, dot};

/// The margin c.
const MARGIN: f64 = 0.01;
/// The divisor kappa of the step, above 1 / (1 - c).
const SHRINK: f64 = 2.0;
/// Largest number of reductions of the step; beyond it the change of the iterate is of the order of rounding errors.
const MAX_REDUCTIONS: usize = 60;

/// Normalised iterative hard thresholding.
pub(super) struct Niht {
    k: usize,
    step: f64,
}

impl Niht {
    pub(super) fn new(settings: &Settings<'_>) -> Self {
        Niht { k: settings.k, step: settings.step }
    }
}

/// `|X v|^2`, from the Gram matrix where it has been formed.
fn squared_image_norm(problem: &SparseProblem, v: &[f64]) -> f64 {
    if problem.gram_is_formed() {
        return dot(v, &symmetric_times(problem.gram(), v));
    }
    let x = inner_products(problem.design(), v);
    dot(&x, &x)
}

impl RecoveryAlgorithm for Niht {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let g = problem.quadratic_gradient(w);
        let current = support(w);
        // Where the start is zero or has more than k entries, the support is that of the largest entries of the
        // gradient.
        let current = if current.is_empty() || current.len() > self.k { largest_entries(&g, self.k) } else { current };
        let on_support = restricted(&g, &current);
        let (numerator, denominator) = (dot(&on_support, &on_support), squared_image_norm(problem, &on_support));
        if denominator <= 0.0 {
            // The gradient vanishes on the support.
            return Ok(RecoveryStep::plain(hard_threshold(w, self.k)));
        }
        let mut mu = self.step * numerator / denominator;
        for _ in 0..MAX_REDUCTIONS {
            let mut v = w.to_vec();
            axpy(-mu, &g, &mut v);
            let next = hard_threshold(&v, self.k);
            let change = difference(&next, w);
            let rejected = support(&next) != current && {
                let allowed = (1.0 - MARGIN) * dot(&change, &change) / squared_image_norm(problem, &change);
                mu > allowed
            };
            if !rejected {
                return Ok(RecoveryStep::plain(next));
            }
            mu /= SHRINK / (1.0 - MARGIN);
        }
        Ok(RecoveryStep::plain(hard_threshold(w, self.k)))
    }
}
