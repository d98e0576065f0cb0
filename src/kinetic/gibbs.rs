//! The self-consistent Gibbs law, the stationary law of noisy heavy ball (theory section 3, KCH; MMN section 4):
//!
//! ```text
//! mu* ~ rho*(theta) exp(-r^2 / (2 tau)),     rho*(theta) ~ exp(-Psi(theta; rho*) / tau)
//! ```
//!
//! computed by a damped fixed-point iteration in rho alone, `rho <- rho + damping (G(rho) - rho)`, independently of the
//! kinetic equation. For a convex loss the free energy is strictly convex in rho, so that this law is unique.

use super::{Density, MeanField, PhaseGrid};

/// The damping is halved where the residual has grown, and multiplied by this factor where it has decreased.
const DAMPING_GROWTH: f64 = 1.1;

/// The self-consistent Gibbs law, or the last iterate towards it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gibbs {
    /// Density of theta on the nodes, of mass 1.
    pub rho: Vec<f64>,
    /// `int |G(rho) - rho|` of the last iterate.
    pub residual: f64,
    /// Iterations taken.
    pub iterations: usize,
}

impl Gibbs {
    /// Iterates from the uniform law, at a positive temperature, until the residual is at most `tolerance`,
    /// `max_iterations` are done, or `proceed`, which is called before every iteration, returns false.
    pub fn find(
        field: &MeanField,
        temperature: f64,
        tolerance: f64,
        max_iterations: usize,
        mut proceed: impl FnMut() -> bool,
    ) -> Self {
        let axis = field.axis();
        let spacing = axis.spacing();
        let mut rho = vec![1.0 / (axis.high - axis.low); axis.nodes];
        let (mut damping, mut last) = (0.5, f64::INFINITY);
        let mut iterations = 0;
        loop {
            let target = gibbs_density(&field.potential(&rho), temperature, spacing);
            let residual = rho.iter().zip(&target).map(|(a, b)| (a - b).abs()).sum::<f64>() * spacing;
            if residual <= tolerance || iterations == max_iterations || residual.is_nan() || !proceed() {
                return Gibbs { rho, residual, iterations };
            }
            damping = if residual > last { 0.5 * damping } else { (DAMPING_GROWTH * damping).min(1.0) };
            last = residual;
            rho.iter_mut().zip(&target).for_each(|(rho, target)| *rho += damping * (target - *rho));
            iterations += 1;
        }
    }

    /// The density of theta and r, with the Maxwell law of r at this temperature, on a grid whose theta nodes are those
    /// of the field.
    pub fn density(&self, grid: PhaseGrid, temperature: f64) -> Density {
        let maxwell = |r: f64| libm::exp(-0.5 * r * r / temperature);
        let momenta: Vec<f64> = grid.momentum.points().into_iter().map(maxwell).collect();
        Density::product(grid, &self.rho, &momenta)
    }
}

/// `exp(-Psi / tau)` on the nodes, normalised to mass 1.
fn gibbs_density(potential: &[f64], temperature: f64, spacing: f64) -> Vec<f64> {
    let least = potential.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = potential.iter().map(|psi| libm::exp(-(psi - least) / temperature)).collect();
    let mass = weights.iter().sum::<f64>() * spacing;
    weights.into_iter().map(|w| w / mass).collect()
}
