//! The density at time 0, and whether a grid and a step can do for it.

use super::grid::{KineticError, LANES, edge_mass};
use super::{Constants, Density, Line, MeanField, PhaseGrid};
use crate::network::Law;

/// Mass that may be near the box's edges at the start.
const AT_EDGES: f64 = 1e-6;

/// Standard deviations that a box must hold on either side.
const HELD: f64 = 6.0;

/// Spacings of the standard deviation of a Gaussian that stands for momenta at rest.
pub const AT_REST: f64 = 1.5;

/// Spacings that a neuron's length must hold: the length over which its feature changes by its own size.
const PER_LENGTH: f64 = 8.0;

/// The largest `step sqrt(max |Psi''|)`.
const PHASE: f64 = 0.5;

/// The largest part of a neuron's length that a typical momentum crosses in a step.
const CROSSED: f64 = 0.25;

impl Density {
    /// The product of a law of theta and a Gaussian of the momenta; momenta narrower than 1.5 spacings are made so wide.
    ///
    /// # Errors
    /// A law whose mass is not inside the box, or that is a point or two.
    pub fn start(grid: PhaseGrid, law: &Law, momentum: f64) -> Result<Self, KineticError> {
        let (mean, std) = match *law {
            Law::Gaussian { mean, std } => (mean, std),
            Law::Uniform { low, high } => (0.5 * (low + high), (high - low) / 12.0_f64.sqrt()),
            Law::Sphere { .. } | Law::Point { .. } | Law::Nothing => return Err(KineticError::Point),
        };
        let spacing = grid.theta.spacing();
        if std < AT_REST * spacing {
            let (what, length) = ("the standard deviation of the start", std / AT_REST);
            return Err(coarse("theta", grid.theta, what, std, length));
        }
        // The distribution function at the edges between nodes: exact masses, also of a law with corners.
        let below = |theta: f64| match *law {
            Law::Uniform { low, high } => ((theta - low) / (high - low)).clamp(0.0, 1.0),
            _ => 0.5 * libm::erfc((mean - theta) / (std * std::f64::consts::SQRT_2)),
        };
        let Line { low, high, nodes } = grid.theta;
        let theta: Vec<f64> = match *law {
            Law::Uniform { .. } => {
                let edge = |i: usize| below(low + i as f64 * spacing);
                (0..nodes).map(|i| (edge(i + 1) - edge(i)) / spacing).collect()
            }
            _ => grid.theta.points().iter().map(|t| normal((t - mean) / std) / std).collect(),
        };
        let outside = below(low) + (1.0 - below(high));
        let mass = outside + edge_mass(&theta, grid.theta);
        if mass > AT_EDGES {
            let wanted = format!("[{:.3}, {:.3}]", mean - HELD * std, mean + HELD * std);
            return Err(KineticError::Box { line: "theta", mass, low, high, wanted });
        }
        let momentum = momentum.max(AT_REST * grid.momentum.spacing());
        let momenta: Vec<f64> = grid.momentum.points().iter().map(|r| normal(r / momentum)).collect();
        let density = Density::product(grid, &theta, &momenta);
        let mass = edge_mass(&density.momentum_marginal(), grid.momentum);
        if mass > AT_EDGES {
            let Line { low, high, .. } = grid.momentum;
            let wanted = format!("[{:.3}, {:.3}]", -HELD * momentum, HELD * momentum);
            return Err(KineticError::Box { line: "momentum", mass, low, high, wanted });
        }
        Ok(density)
    }

    /// Whether the grid and the step can resolve what the field does to this density.
    ///
    /// # Errors
    /// Nodes too far apart for the neurons or for the temperature, a step too long for the field at the start.
    pub fn resolve(&self, field: &MeanField, constants: &Constants) -> Result<(), KineticError> {
        let PhaseGrid { theta, momentum } = self.grid;
        let length = field.length();
        if theta.spacing() > length / PER_LENGTH {
            return Err(coarse("theta", theta, "the length over which a neuron varies", length, length / PER_LENGTH));
        }
        let thermal = constants.temperature.sqrt();
        if thermal > 0.0 && momentum.spacing() > thermal / AT_REST {
            let what = "the standard deviation of the momenta at rest";
            return Err(coarse("momentum", momentum, what, thermal, thermal / AT_REST));
        }
        if thermal * HELD > momentum.high.min(-momentum.low) {
            let Line { low, high, .. } = momentum;
            let mass = libm::erfc(momentum.high.min(-momentum.low) / thermal / std::f64::consts::SQRT_2);
            let wanted = format!("[{:.3}, {:.3}]", -HELD * thermal, HELD * thermal);
            return Err(KineticError::Box { line: "momentum", mass, low, high, wanted });
        }
        let mut slope = vec![0.0; theta.nodes];
        field.gradient(&self.theta_marginal(), &mut slope);
        let steepest = slope.windows(2).map(|pair| (pair[1] - pair[0]).abs() / theta.spacing()).fold(0.0, f64::max);
        let fast = self.moments().covariance.2.sqrt().max(thermal);
        let bounds = [
            (PHASE / steepest.sqrt(), "a neuron swings through half a radian of its potential"),
            (CROSSED * length / fast, "a typical neuron crosses a quarter of its own length"),
        ];
        let (wanted, why) = if bounds[0].0 <= bounds[1].0 { bounds[0] } else { bounds[1] };
        if constants.step > wanted {
            return Err(KineticError::Step { step: constants.step, wanted, why });
        }
        Ok(())
    }
}

fn coarse(line: &'static str, on: Line, what: &'static str, scale: f64, spacing: f64) -> KineticError {
    let nodes = (on.high - on.low) / spacing;
    let wanted = if nodes < 1e9 { (nodes.ceil() as usize).next_multiple_of(2 * LANES) } else { usize::MAX };
    KineticError::Coarse { line, spacing: on.spacing(), what, scale, wanted }
}

fn normal(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
}
