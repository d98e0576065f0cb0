//! From the sums over samples to the gradient or the step.

use super::LANES;
use super::phases::{BlockRow, load, store};
use crate::compute::{Job, Real, Simd};

/// The constants of a step of stochastic heavy ball or of gradient descent, with `g` the gradient of the potential:
///
/// ```text
/// second order   r <- decay r - kick g + noise xi,   theta <- theta + drift r
/// first order    theta <- theta - kick g + noise xi
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCoefficients {
    /// Factor of the momentum.
    pub decay: f64,
    /// Factor of the gradient.
    pub kick: f64,
    /// Factor of the momentum in the update of theta.
    pub drift: f64,
    /// Factor of the standard normals.
    pub noise: f64,
    /// First-order dynamics: momenta are unchanged.
    pub first_order: bool,
}

/// [`StepCoefficients`] and the ridge in the scalar type of the state.
#[derive(Clone, Copy)]
pub(super) struct StepConstants<R> {
    /// Factor of the momentum.
    pub decay: R,
    /// Minus the factor of the gradient.
    pub kick: R,
    /// Factor of the momentum in the update of theta.
    pub drift: R,
    /// Factor of the standard normals.
    pub noise: R,
    /// `-kick ridge`.
    pub shrink: R,
    /// First-order dynamics.
    pub first_order: bool,
}

impl<R: Real> StepConstants<R> {
    /// The constants of a step with this ridge coefficient.
    pub fn new(step: StepCoefficients, ridge: f64) -> Self {
        StepConstants {
            decay: R::of(step.decay),
            kick: R::of(-step.kick),
            drift: R::of(step.drift),
            noise: R::of(step.noise),
            shrink: R::of(-step.kick * ridge),
            first_order: step.first_order,
        }
    }
}

/// Writes `out = grad a + ridge theta` (with [`WriteGradient::factor`]) or `grad + ridge theta`, row by row.
pub(super) struct WriteGradient<'a, R> {
    /// Sums over samples.
    pub grad: &'a [BlockRow<R>],
    /// The factor a, if the sums do not include it.
    pub factor: Option<&'a BlockRow<R>>,
    /// Parameters.
    pub theta: &'a [BlockRow<R>],
    /// Ridge coefficient.
    pub ridge: R,
    /// The gradient.
    pub out: &'a mut [BlockRow<R>],
}

impl<R: Real> Job<R> for WriteGradient<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let ridge = s.splat(self.ridge);
        for ((grad, theta), out) in self.grad.iter().zip(self.theta).zip(self.out.iter_mut()) {
            for i in 0..LANES / R::PACK {
                let mut g = load(s, grad, i);
                if let Some(a) = self.factor {
                    g = s.mul(g, load(s, a, i));
                }
                store(s, s.fma(ridge, load(s, theta, i), g), out, i);
            }
        }
    }
}

/// Applies the step to parameters and momenta, row by row.
pub(super) struct ApplyStep<'a, R> {
    /// Sums over samples.
    pub grad: &'a [BlockRow<R>],
    /// The factor a, if the sums do not include it.
    pub factor: Option<&'a BlockRow<R>>,
    /// Parameters.
    pub theta: &'a mut [BlockRow<R>],
    /// Momenta.
    pub momentum: &'a mut [BlockRow<R>],
    /// Standard normals; empty without noise.
    pub normals: &'a [BlockRow<R>],
    /// The constants of the step.
    pub constants: StepConstants<R>,
}

impl<R: Real> Job<R> for ApplyStep<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let ApplyStep { grad, factor, theta, momentum, normals, constants: c } = self;
        let (decay, drift, noise, shrink) = (s.splat(c.decay), s.splat(c.drift), s.splat(c.noise), s.splat(c.shrink));
        // The factor of the gradient in every lane.
        let mut kick = [c.kick; LANES];
        if let Some(a) = factor {
            for i in 0..LANES / R::PACK {
                store(s, s.mul(s.splat(c.kick), load(s, a, i)), &mut kick, i);
            }
        }
        // Row by row, so that memory is accessed sequentially.
        for (j, ((grad, theta), momentum)) in grad.iter().zip(theta.iter_mut()).zip(momentum.iter_mut()).enumerate() {
            for i in 0..LANES / R::PACK {
                let position = load(s, theta, i);
                let mut increment = s.fma(load(s, grad, i), load(s, &kick, i), s.mul(shrink, position));
                if let Some(normals) = normals.get(j) {
                    increment = s.fma(noise, load(s, normals, i), increment);
                }
                if c.first_order {
                    store(s, s.add(position, increment), theta, i);
                } else {
                    let r = s.fma(decay, load(s, momentum, i), increment);
                    store(s, r, momentum, i);
                    store(s, s.fma(drift, r, position), theta, i);
                }
            }
        }
    }
}
