//! The free energy of a density, its terms, and its dissipation by friction.
//!
//! ```text
//! F = R(rho) + (1/2) int r^2 mu + tau int mu log mu,      dF/dt = -gamma int mu (r + tau d_r log mu)^2
//! ```
//!
//! (theory section 3, KCH). Integrals are sums over nodes. The derivative of the logarithm is taken by differences of
//! order 4, exact for a Gaussian; nodes where the density is below 1e-13 of its maximum are left out of the
//! dissipation.

use super::{Density, KineticConstants, MeanField};
use serde::{Deserialize, Serialize};

/// Fraction of the largest density below which a node is left out of the dissipation.
const FLOOR: f64 = 1e-13;

/// The free energy `F = R(rho) + (1/2) int r^2 mu + tau int mu log mu` (KCH) and its terms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreeEnergy {
    /// Risk R(rho): mean loss and ridge.
    pub risk: f64,
    /// `(1/2) int r^2 mu`.
    pub kinetic: f64,
    /// `int mu log mu`, without the temperature.
    pub entropy: f64,
    /// `risk + kinetic + tau entropy`.
    pub total: f64,
    /// `gamma int mu (r + tau d_r log mu)^2 = -dF/dt`.
    pub dissipation: f64,
}

impl FreeEnergy {
    /// The free energy of a density under a field and the constants of the equation.
    pub fn of(field: &MeanField, density: &Density, constants: &KineticConstants) -> Self {
        let KineticConstants { friction, temperature, .. } = *constants;
        let rho = density.theta_marginal();
        let risk = field.loss(&field.predictions(&rho)) + field.penalty(&rho);
        let (thetas, axis) = (density.grid.theta.nodes, density.grid.momentum);
        let logarithms: Vec<f64> = density.values.iter().map(|&v| if v > 0.0 { libm::log(v) } else { 0.0 }).collect();
        let floor = FLOOR * density.values.iter().copied().fold(0.0, f64::max);
        let (mut kinetic, mut entropy, mut dissipation) = (0.0, 0.0, 0.0);
        let spacing = axis.spacing();
        for (j, row) in density.values.chunks_exact(thetas).enumerate() {
            let r = axis.node(j);
            let logs = &logarithms[j * thetas..];
            kinetic += 0.5 * r * r * row.iter().sum::<f64>();
            entropy += row.iter().zip(logs).map(|(v, log)| v * log).sum::<f64>();
            if j < 2 || j + 2 >= axis.nodes {
                continue;
            }
            let at = |rows: isize, i: usize| logarithms[(j as isize + rows) as usize * thetas + i];
            let rate = |(i, v): (usize, &f64)| {
                let difference = 8.0 * (at(1, i) - at(-1, i)) - (at(2, i) - at(-2, i));
                v * (r + temperature * difference / (12.0 * spacing)).powi(2)
            };
            dissipation += row.iter().enumerate().filter(|(_, v)| **v > floor).map(rate).sum::<f64>();
        }
        let cell = density.grid.cell();
        let (kinetic, entropy) = (kinetic * cell, entropy * cell);
        let total = risk + kinetic + temperature * entropy;
        FreeEnergy { risk, kinetic, entropy, total, dissipation: friction * dissipation * cell }
    }
}
