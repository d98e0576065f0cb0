//! The self-consistent Gibbs law, where noisy heavy ball comes to rest (theory section 3, KCH; MMN section 4):
//!
//! ```text
//! mu* ~ rho*(theta) exp(-r^2 / (2 tau)),     rho*(theta) ~ exp(-Psi(theta; rho*) / tau)
//! ```
//!
//! found by a damped fixed point in rho alone, `rho <- rho + damping (G(rho) - rho)`: nothing here knows of the kinetic
//! equation. For a convex loss the free energy is strictly convex in rho, so there is one such law.

use super::{Density, MeanField, PhaseGrid};

/// Damping is halved when the residual has grown, and raised by this when it has fallen.
const RAISE: f64 = 1.1;

/// A fixed point.
#[derive(Clone, Debug, PartialEq)]
pub struct Gibbs {
    /// Density of theta on the nodes, of mass 1.
    pub rho: Vec<f64>,
    /// `int |G(rho) - rho|` at the end.
    pub residual: f64,
    /// Iterations taken.
    pub iterations: usize,
}

impl Gibbs {
    /// The law at a positive temperature, to a residual of `tolerance` or within `most` iterations.
    pub fn find(field: &MeanField, temperature: f64, tolerance: f64, most: usize) -> Self {
        Self::find_while(field, temperature, tolerance, most, || true)
    }

    /// The same, or what has been found when `go_on`, which is asked before every iteration, says no.
    pub fn find_while(
        field: &MeanField,
        temperature: f64,
        tolerance: f64,
        most: usize,
        mut go_on: impl FnMut() -> bool,
    ) -> Self {
        let line = field.line();
        let spacing = line.spacing();
        let mut rho = vec![1.0 / (line.high - line.low); line.nodes];
        let (mut damping, mut last) = (0.5, f64::INFINITY);
        let mut iterations = 0;
        loop {
            let target = gibbs(&field.potential(&rho), temperature, spacing);
            let residual = rho.iter().zip(&target).map(|(a, b)| (a - b).abs()).sum::<f64>() * spacing;
            if residual <= tolerance || iterations == most || residual.is_nan() || !go_on() {
                return Gibbs { rho, residual, iterations };
            }
            damping = if residual > last { 0.5 * damping } else { (RAISE * damping).min(1.0) };
            last = residual;
            rho.iter_mut().zip(&target).for_each(|(rho, target)| *rho += damping * (target - *rho));
            iterations += 1;
        }
    }

    /// The law of theta and r on a grid whose thetas are the field's.
    pub fn density(&self, grid: PhaseGrid, temperature: f64) -> Density {
        let maxwell = |r: f64| libm::exp(-0.5 * r * r / temperature);
        let momenta: Vec<f64> = grid.momentum.points().into_iter().map(maxwell).collect();
        Density::product(grid, &self.rho, &momenta)
    }
}

/// `exp(-Psi / tau)`, of mass 1.
fn gibbs(potential: &[f64], temperature: f64, spacing: f64) -> Vec<f64> {
    let least = potential.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = potential.iter().map(|psi| libm::exp(-(psi - least) / temperature)).collect();
    let mass = weights.iter().sum::<f64>() * spacing;
    weights.into_iter().map(|w| w / mass).collect()
}
