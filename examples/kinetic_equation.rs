//! Solves the kinetic equation of a mean-field limit on a grid and verifies two of its laws at every step.
//!
//! The equation conserves mass, and its free energy `F = R + (1/2) int r^2 mu + tau int mu log mu` falls by
//! `gamma int mu (r + tau d_r log mu)^2` per unit of time (theory.md section 3). The neuron is linear, `phi = theta x`,
//! so that the density at rest is known: theta is `N(c / (1 + lambda), tau / lambda)` and the momentum `N(0, tau)`.

use ndarray::array;
use std::error::Error;
use widelimit::compute::Threads;
use widelimit::kinetic::{Density, FreeEnergy, GridAxis, KineticConstants, MeanField, PhaseGrid, Splitting};
use widelimit::network::{Law, Loss, Objective};

const TARGET: f64 = 0.8;
const RIDGE: f64 = 0.5;
const CONSTANTS: KineticConstants = KineticConstants { friction: 1.5, temperature: 0.25, step: 0.05 };

/// Solves the kinetic equation and prints mass and free energy along time.
pub fn main() -> Result<(), Box<dyn Error>> {
    let line = |half: f64| GridAxis { low: -half, high: half, nodes: 96 };
    let grid = PhaseGrid::new(line(5.0), line(4.0))?;
    // Two samples with E x^2 = 1 and y = c x.
    let x = [1.0, -1.0];
    let objective = Objective { loss: Loss::HalfSquared, ridge: RIDGE };
    let field =
        MeanField::new(grid.theta, array![[TARGET], [-TARGET]].view(), objective, |s, _, theta| (theta * x[s], x[s]));

    let mut density = Density::start(grid, &Law::Gaussian { mean: -1.0, std: 0.6 }, 0.5)?;
    let mut splitting = Splitting::new(grid, CONSTANTS, Threads::One)?;
    let start = FreeEnergy::of(&field, &density, &CONSTANTS);
    let (mut before, mut dissipated) = (start, 0.0);
    for _ in 0..240 {
        splitting.advance(&mut density, 1, |rho, gradient| {
            field.gradient(rho, gradient);
        });
        let now = FreeEnergy::of(&field, &density, &CONSTANTS);
        assert!((density.mass() - 1.0).abs() < 1e-12, "mass is conserved, and is {}", density.mass());
        assert!(now.total < before.total + 1e-9, "the free energy falls, from {} to {}", before.total, now.total);
        dissipated += 0.5 * CONSTANTS.step * (before.dissipation + now.dissipation);
        before = now;
    }
    let lost = start.total - before.total;
    println!("free energy {:.5} at the start, {:.5} at rest", start.total, before.total);
    println!("lost {lost:.5}, dissipated by friction {dissipated:.5}; mass - 1 = {:.1e}", density.mass() - 1.0);
    assert!((lost - dissipated).abs() < 5e-3 * lost, "friction accounts for what is lost");

    let moments = density.moments();
    let rest = [TARGET / (1.0 + RIDGE), CONSTANTS.temperature / RIDGE, CONSTANTS.temperature];
    let found = [moments.mean.0, moments.covariance.0, moments.covariance.2];
    println!("mean and variance of theta, variance of r: {found:.4?}, by theory {rest:.4?}");
    assert!(found.iter().zip(rest).all(|(found, rest)| (found - rest).abs() < 1e-3), "the density is at rest");
    Ok(())
}
