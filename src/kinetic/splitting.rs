//! Strang's splitting of the kinetic equation, for any field.
//!
//! ```text
//! mu <- Flight(h/2)  Momenta(h; Psi' at the midpoint)  Flight(h/2) mu
//! ```
//!
//! Two consecutive half flights are combined into one: between records a step costs one flight and one motion of the
//! momenta, each of which reads and writes the density once.

use super::friction_diffusion::FrictionDiffusion;
use super::grid::{Density, KineticError, PhaseGrid};
use super::transport::Flight;
use crate::compute::Threads;
use crate::compute::profile::{self, WorkCounts, WorkKind};

/// The constants of the kinetic equation and of its time discretisation.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct KineticConstants {
    /// Friction gamma.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Step h.
    pub step: f64,
}

impl KineticConstants {
    /// The number of steps in an interval.
    ///
    /// # Errors
    /// [`KineticError::Constant`] where the step does not divide the interval.
    pub fn steps(&self, interval: f64) -> Result<usize, KineticError> {
        let ratio = interval / self.step;
        if (ratio - ratio.round()).abs() > 1e-6 * ratio || ratio < 0.5 {
            let expected = "a step that divides the intervals between records";
            return Err(KineticError::Constant { name: "step", value: self.step, expected });
        }
        Ok(ratio.round() as usize)
    }
}

/// The Strang splitting on a grid, with its buffers.
#[derive(Clone, Debug)]
pub struct Splitting {
    half: Flight,
    whole: Flight,
    friction_diffusion: FrictionDiffusion,
    threads: usize,
    rho: Vec<f64>,
    gradient: Vec<f64>,
}

impl Splitting {
    /// The splitting on a grid with given constants.
    ///
    /// # Errors
    /// [`KineticError::Constant`] for constants that are negative or not finite, [`KineticError::Box`] for a momentum
    /// box narrower than the Gaussian of the temperature.
    pub fn new(grid: PhaseGrid, constants: KineticConstants, threads: Threads) -> Result<Self, KineticError> {
        let KineticConstants { friction, temperature, step } = constants;
        for (name, value, good, expected) in [
            ("step", step, step > 0.0, "a positive number"),
            ("friction", friction, friction >= 0.0, "zero or a positive number"),
            ("temperature", temperature, temperature >= 0.0, "zero or a positive number"),
        ] {
            if !good || !value.is_finite() {
                return Err(KineticError::Constant { name, value, expected });
            }
        }
        Ok(Splitting {
            half: Flight::new(grid.theta, grid.momentum, 0.5 * step),
            whole: Flight::new(grid.theta, grid.momentum, step),
            friction_diffusion: FrictionDiffusion::new(grid.momentum, friction, temperature, step)?,
            threads: threads.count(),
            rho: vec![0.0; grid.theta.nodes],
            gradient: vec![0.0; grid.theta.nodes],
        })
    }

    /// Takes `steps` steps. `field(rho, out)` is given the law of theta at a midpoint, `rho` on its nodes, and writes
    /// `Psi'` there into `out`.
    ///
    /// # Panics
    /// If the density is on a grid with another number of theta nodes.
    pub fn advance(&mut self, density: &mut Density, steps: usize, field: impl FnMut(&[f64], &mut [f64])) {
        self.advance_while(density, steps, field, |_| true);
    }

    /// As [`Splitting::advance`], but calls `proceed(steps taken)` before every step and stops where it returns false.
    /// Returns whether all steps were taken; where not, the density is at an intermediate stage of a step and must be
    /// discarded.
    ///
    /// # Panics
    /// As [`Splitting::advance`].
    pub fn advance_while(
        &mut self,
        density: &mut Density,
        steps: usize,
        mut field: impl FnMut(&[f64], &mut [f64]),
        mut proceed: impl FnMut(usize) -> bool,
    ) -> bool {
        let Splitting { half, whole, friction_diffusion, threads, rho, gradient } = self;
        assert_eq!(density.grid.theta.nodes, rho.len(), "the density is on the grid of the splitting");
        let _timed = profile::time(WorkKind::KineticGrid);
        let nodes = density.grid.theta.nodes * density.grid.momentum.nodes;
        for step in 0..steps {
            if !proceed(step) {
                return false;
            }
            // The density is read and written by the flight, and by the motion of the momenta.
            profile::count(WorkKind::KineticGrid, || WorkCounts::of::<f64>(0, 0, 4 * nodes));
            if step == 0 { &*half } else { &*whole }.apply(density, rho, *threads);
            field(rho, gradient);
            friction_diffusion.apply(density, gradient, *threads);
        }
        if steps > 0 {
            half.apply(density, rho, *threads);
        }
        true
    }
}
