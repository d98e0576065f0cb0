//! The density at time 0, and checks that a grid and a step resolve it.

use super::grid::{KineticError, NODE_MULTIPLE, edge_mass};
use super::{Density, GridAxis, KineticConstants, MeanField, PhaseGrid};
use crate::network::Law;

/// Largest mass allowed near the edges of the box at the start.
const MAX_EDGE_MASS: f64 = 1e-6;

/// Half-width that a box must have, in standard deviations of the law on it.
const BOX_DEVIATIONS: f64 = 6.0;

/// Smallest standard deviation of a Gaussian on a grid, in spacings. Narrower laws, such as that of zero momenta, are
/// represented by a Gaussian of this width.
pub const MIN_DEVIATION: f64 = 1.5;

/// Smallest number of spacings per length scale of a neuron, the length over which its feature changes by its own size
/// ([`MeanField::length`]).
const SPACINGS_PER_LENGTH: f64 = 8.0;

/// Largest `step sqrt(max |Psi''|)`.
const MAX_PHASE: f64 = 0.5;

/// Largest fraction of a neuron's length scale that a typical momentum crosses in a step.
const MAX_CROSSING: f64 = 0.25;

impl Density {
    /// The product of a law of theta and a Gaussian law of the momenta with standard deviation `momentum`, which is
    /// raised to [`MIN_DEVIATION`] spacings where it is smaller.
    ///
    /// # Errors
    /// [`KineticError::Point`] for a law without a density, [`KineticError::Coarse`] for one that the grid does not
    /// resolve, [`KineticError::Box`] for one that does not fit into the box.
    pub fn start(grid: PhaseGrid, law: &Law, momentum: f64) -> Result<Self, KineticError> {
        let (mean, std) = match *law {
            Law::Gaussian { mean, std } => (mean, std),
            Law::Uniform { low, high } => (0.5 * (low + high), (high - low) / 12.0_f64.sqrt()),
            Law::Sphere { .. } | Law::Point { .. } | Law::Nothing => return Err(KineticError::Point),
        };
        let spacing = grid.theta.spacing();
        if std < MIN_DEVIATION * spacing {
            let (what, length) = ("the standard deviation of the start", std / MIN_DEVIATION);
            return Err(too_coarse("theta", grid.theta, what, std, length));
        }
        // The distribution function: cell masses are exact, also for the discontinuous density of a uniform law.
        let distribution = |theta: f64| match *law {
            Law::Uniform { low, high } => ((theta - low) / (high - low)).clamp(0.0, 1.0),
            Law::Gaussian { .. } | Law::Sphere { .. } | Law::Point { .. } | Law::Nothing => {
                0.5 * libm::erfc((mean - theta) / (std * std::f64::consts::SQRT_2))
            }
        };
        let GridAxis { low, high, nodes } = grid.theta;
        let theta: Vec<f64> = match *law {
            Law::Uniform { .. } => {
                let edge = |i: usize| distribution(low + i as f64 * spacing);
                (0..nodes).map(|i| (edge(i + 1) - edge(i)) / spacing).collect()
            }
            Law::Gaussian { .. } | Law::Sphere { .. } | Law::Point { .. } | Law::Nothing => {
                grid.theta.points().iter().map(|t| normal_density((t - mean) / std) / std).collect()
            }
        };
        let outside = distribution(low) + (1.0 - distribution(high));
        let mass = outside + edge_mass(&theta, grid.theta);
        if mass > MAX_EDGE_MASS {
            let required = format!("[{:.3}, {:.3}]", mean - BOX_DEVIATIONS * std, mean + BOX_DEVIATIONS * std);
            return Err(KineticError::Box { axis: "theta", mass, low, high, required });
        }
        let momentum = momentum.max(MIN_DEVIATION * grid.momentum.spacing());
        let momenta: Vec<f64> = grid.momentum.points().iter().map(|r| normal_density(r / momentum)).collect();
        let density = Density::product(grid, &theta, &momenta);
        let mass = edge_mass(&density.momentum_marginal(), grid.momentum);
        if mass > MAX_EDGE_MASS {
            let GridAxis { low, high, .. } = grid.momentum;
            let required = format!("[{:.3}, {:.3}]", -BOX_DEVIATIONS * momentum, BOX_DEVIATIONS * momentum);
            return Err(KineticError::Box { axis: "momentum", mass, low, high, required });
        }
        Ok(density)
    }

    /// Checks that the grid and the step resolve the motion of this density under the field.
    ///
    /// # Errors
    /// [`KineticError::Coarse`] for nodes too far apart for the neurons or for the temperature, [`KineticError::Box`]
    /// for momenta that do not fit into the box, [`KineticError::Step`] for a step too long for the field at the start.
    pub fn check_resolution(&self, field: &MeanField, constants: &KineticConstants) -> Result<(), KineticError> {
        let PhaseGrid { theta, momentum } = self.grid;
        let length = field.length();
        if theta.spacing() > length / SPACINGS_PER_LENGTH {
            return Err(too_coarse(
                "theta",
                theta,
                "the length over which a neuron varies",
                length,
                length / SPACINGS_PER_LENGTH,
            ));
        }
        let thermal = constants.temperature.sqrt();
        if thermal > 0.0 && momentum.spacing() > thermal / MIN_DEVIATION {
            let what = "the stationary standard deviation of the momenta";
            return Err(too_coarse("momentum", momentum, what, thermal, thermal / MIN_DEVIATION));
        }
        if thermal * BOX_DEVIATIONS > momentum.high.min(-momentum.low) {
            let GridAxis { low, high, .. } = momentum;
            let mass = libm::erfc(momentum.high.min(-momentum.low) / thermal / std::f64::consts::SQRT_2);
            let required = format!("[{:.3}, {:.3}]", -BOX_DEVIATIONS * thermal, BOX_DEVIATIONS * thermal);
            return Err(KineticError::Box { axis: "momentum", mass, low, high, required });
        }
        let mut gradient = vec![0.0; theta.nodes];
        field.gradient(&self.theta_marginal(), &mut gradient);
        let curvature = gradient.windows(2).map(|pair| (pair[1] - pair[0]).abs() / theta.spacing()).fold(0.0, f64::max);
        let fast = self.moments().covariance.2.sqrt().max(thermal);
        let bounds = [
            (MAX_PHASE / curvature.sqrt(), "a neuron oscillates by half a radian in its potential"),
            (MAX_CROSSING * length / fast, "a typical neuron crosses a quarter of its length scale"),
        ];
        let (required, why) = if bounds[0].0 <= bounds[1].0 { bounds[0] } else { bounds[1] };
        if constants.step > required {
            return Err(KineticError::Step { step: constants.step, required, why });
        }
        Ok(())
    }
}

/// The error for an axis that must have a spacing of at most `spacing` to resolve `what`, of length `scale`.
fn too_coarse(axis: &'static str, on: GridAxis, what: &'static str, scale: f64, spacing: f64) -> KineticError {
    let nodes = (on.high - on.low) / spacing;
    let required = if nodes < 1e9 { (nodes.ceil() as usize).next_multiple_of(2 * NODE_MULTIPLE) } else { usize::MAX };
    KineticError::Coarse { axis, spacing: on.spacing(), what, scale, required }
}

/// The standard normal density.
fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
}
