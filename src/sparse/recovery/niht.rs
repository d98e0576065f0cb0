//! NIHT: hard thresholding with a step of its own every time (Blumensath, Davies 2010).
//!
//! ```text
//! mu = |g_S|^2 / |X g_S|^2;  where the support changes, Delta = w+ - w and mu <= (1 - c) |Delta|^2 / |X Delta|^2 is asked for,
//! else mu <- mu / (kappa (1 - c))
//! ```

use super::dense::{difference, products, symmetric_times};
use super::threshold::{kept, support};
use super::{Iteration, Problem, RecoveryError, Settings, Step, largest, threshold};
use crate::compute::vector::{axpy, dot};

/// The margin c.
const MARGIN: f64 = 0.01;
/// The divisor kappa of the step, above 1 / (1 - c).
const SHRINK: f64 = 2.0;
/// Shrinkings at most: beyond them the step is rounding.
const TRIES: usize = 60;

/// Normalised hard thresholding.
pub(super) struct Niht {
    k: usize,
    step: f64,
}

impl Niht {
    pub(super) fn new(settings: &Settings) -> Self {
        Niht { k: settings.k, step: settings.step }
    }
}

/// `|X v|^2`, by the Gram matrix where that is formed and `v` is sparse.
fn energy(problem: &Problem, v: &[f64]) -> f64 {
    if problem.gram_at_hand() {
        return dot(v, &symmetric_times(problem.gram(), v));
    }
    let x = products(problem.design(), v);
    dot(&x, &x)
}

impl Iteration for Niht {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
        let g = problem.quadratic_gradient(w);
        let here = support(w);
        // A start without entries, or with more than k, has no support of its own: the largest of the gradient.
        let here = if here.is_empty() || here.len() > self.k { largest(&g, self.k) } else { here };
        let on_support = kept(&g, &here);
        let (top, bottom) = (dot(&on_support, &on_support), energy(problem, &on_support));
        if bottom <= 0.0 {
            // Nothing to gain on the support.
            return Ok(Step::plain(threshold(w, self.k)));
        }
        let mut mu = self.step * top / bottom;
        for _ in 0..TRIES {
            let mut v = w.to_vec();
            axpy(-mu, &g, &mut v);
            let next = threshold(&v, self.k);
            let change = difference(&next, w);
            let bold = support(&next) != here && {
                let allowed = (1.0 - MARGIN) * dot(&change, &change) / energy(problem, &change);
                mu > allowed
            };
            if !bold {
                return Ok(Step::plain(next));
            }
            mu /= SHRINK / (1.0 - MARGIN);
        }
        Ok(Step::plain(threshold(w, self.k)))
    }
}
