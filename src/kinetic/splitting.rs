//! Strang's splitting of the kinetic equation, for any field.
//!
//! ```text
//! mu <- Flight(h/2)  Momenta(h; Psi' at the midpoint)  Flight(h/2) mu
//! ```
//!
//! Two half flights in a row are one: between records a step costs one flight and one motion of the momenta, each of which
//! reads and writes the density once.

use super::friction_diffusion::FrictionDiffusion;
use super::grid::{Density, KineticError, PhaseGrid};
use super::transport::Flight;
use crate::compute::Threads;

/// The constants of motion on a grid.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Constants {
    /// Friction gamma.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Step h.
    pub step: f64,
}

impl Constants {
    /// The number of steps in an interval.
    ///
    /// # Errors
    /// An interval that steps do not divide.
    pub fn steps(&self, interval: f64) -> Result<usize, KineticError> {
        let ratio = interval / self.step;
        if (ratio - ratio.round()).abs() > 1e-6 * ratio || ratio < 0.5 {
            let want = "a step that divides the intervals between records";
            return Err(KineticError::Constant { name: "step", value: self.step, want });
        }
        Ok(ratio.round() as usize)
    }
}

/// The steps of a density on a grid.
#[derive(Clone, Debug)]
pub struct Splitting {
    half: Flight,
    whole: Flight,
    momenta: FrictionDiffusion,
    threads: usize,
    rho: Vec<f64>,
    gradient: Vec<f64>,
}

impl Splitting {
    /// Steps on this grid with these constants.
    ///
    /// # Errors
    /// Constants that are negative or not finite, a momentum box narrower than the temperature's Gaussian.
    pub fn new(grid: PhaseGrid, constants: Constants, threads: Threads) -> Result<Self, KineticError> {
        let Constants { friction, temperature, step } = constants;
        for (name, value, good, want) in [
            ("step", step, step > 0.0, "a positive number"),
            ("friction", friction, friction >= 0.0, "zero or a positive number"),
            ("temperature", temperature, temperature >= 0.0, "zero or a positive number"),
        ] {
            if !good || !value.is_finite() {
                return Err(KineticError::Constant { name, value, want });
            }
        }
        Ok(Splitting {
            half: Flight::new(grid.theta, grid.momentum, 0.5 * step),
            whole: Flight::new(grid.theta, grid.momentum, step),
            momenta: FrictionDiffusion::new(grid.momentum, friction, temperature, step)?,
            threads: threads.count(),
            rho: vec![0.0; grid.theta.nodes],
            gradient: vec![0.0; grid.theta.nodes],
        })
    }

    /// Takes `steps` steps. `field(rho, out)` is given the law of theta at a midpoint, `rho` on its nodes, and writes
    /// `Psi'` there into `out`.
    ///
    /// # Panics
    /// If the density is on another grid.
    pub fn advance(&mut self, density: &mut Density, steps: usize, field: impl FnMut(&[f64], &mut [f64])) {
        self.advance_while(density, steps, field, |_| true);
    }

    /// The same, asking `go_on(steps taken)` before every step; says whether it came to the end. Where it did not, the density
    /// is of no use.
    ///
    /// # Panics
    /// As above.
    pub fn advance_while(
        &mut self,
        density: &mut Density,
        steps: usize,
        mut field: impl FnMut(&[f64], &mut [f64]),
        mut go_on: impl FnMut(usize) -> bool,
    ) -> bool {
        let Splitting { half, whole, momenta, threads, rho, gradient } = self;
        assert_eq!(density.grid.theta.nodes, rho.len(), "the density is on the splitting's grid");
        for step in 0..steps {
            if !go_on(step) {
                return false;
            }
            if step == 0 { &*half } else { &*whole }.apply(density, rho, *threads);
            field(rho, gradient);
            momenta.apply(density, gradient, *threads);
        }
        if steps > 0 {
            half.apply(density, rho, *threads);
        }
        true
    }
}
