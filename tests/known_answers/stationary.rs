//! Rest laws of the noisy methods themselves, at steps so large that they differ from the limit's: the noise's size is
//! right for the discrete scheme, not only as the step falls.

use super::gaussian::{cold_start, covariance, standard_errors};
use super::linear_recurrence::heavy_ball;
use crate::common::motion;
use nalgebra::{Matrix2, Vector2};
use widelimit::dynamics::{Method, Motion};

const FRICTION: f64 = 0.8;
const TEMPERATURE: f64 = 0.3;
const RIDGE: f64 = 0.6;

/// The solution of `S = M S M^T + Q`: `sum_k M^k Q (M^k)^T`, by doubling.
fn discrete_lyapunov(m: Matrix2<f64>, q: Matrix2<f64>) -> Matrix2<f64> {
    (0..12).fold((m, q), |(m, s), _| (m * m, s + m * s * m.transpose())).1
}

/// Covariance and width after enough steps that the start has no influence.
fn at_rest(method: Method, terms: Motion) -> (Matrix2<f64>, usize) {
    let (problem, mut state, mut noise) = cold_start(if terms.first_order { 1.0 } else { RIDGE });
    let mut integrator = problem.integrator(method, Motion { temperature: TEMPERATURE, ..terms });
    let mut force = problem.force();
    while state.time < 25.0 {
        integrator.step(&mut force, &mut noise, &mut state);
    }
    (covariance(&problem, &state), problem.width)
}

#[test]
fn noisy_heavy_ball_has_the_stationary_law_of_its_recurrence() {
    let eps = 0.4;
    let kick = (2.0 * FRICTION * TEMPERATURE * eps).sqrt() * Vector2::new(eps, 1.0);
    let law = discrete_lyapunov(heavy_ball(RIDGE, FRICTION, eps), kick * kick.transpose());
    let (sample, n) = at_rest(Method::HeavyBall, motion(eps, FRICTION));
    let off = standard_errors(sample, law, n);
    println!("heavy ball, eps {eps}: {off:.1} standard errors off its own rest law");
    assert!(off < 5.0, "{sample} {law}");
    let limit = Matrix2::new(TEMPERATURE / RIDGE, 0.0, 0.0, TEMPERATURE);
    assert!(standard_errors(sample, limit, n) > 10.0, "the step is too small to tell the scheme from its limit");
}

#[test]
fn noisy_gradient_descent_has_the_stationary_law_of_its_recurrence() {
    // theta' = (1 - eps lambda) theta + sqrt(2 tau eps) xi, with lambda = 1.
    let eps = 0.3;
    let law = 2.0 * TEMPERATURE * eps / (1.0 - (1.0 - eps).powi(2));
    let (sample, n) = at_rest(Method::GradientDescent, Motion { first_order: true, ..motion(eps, 0.0) });
    let off = (sample[(0, 0)] - law).abs() / (law * (2.0 / (n - 1) as f64).sqrt());
    println!("gradient descent, eps {eps}: {off:.1} standard errors off its own rest law");
    assert!(off < 5.0, "{sample} {law}");
    assert!((law / TEMPERATURE - 1.0).abs() > 0.1);
}

#[test]
fn baoab_has_the_exact_law_of_a_linear_neuron_at_any_stable_step() {
    // Leimkuhler, Matthews 2013: for a quadratic potential the law of theta at rest has no error in the step.
    let h = 0.8;
    let (sample, n) = at_rest(Method::Baoab, motion(h, FRICTION));
    let law = TEMPERATURE / RIDGE;
    let off = (sample[(0, 0)] - law).abs() / (law * (2.0 / (n - 1) as f64).sqrt());
    println!("BAOAB, h {h}: {off:.1} standard errors off tau / lambda");
    assert!(off < 5.0, "{sample} {law}");
}

#[test]
fn doubling_solves_the_discrete_equation() {
    let (m, q) = (heavy_ball(RIDGE, FRICTION, 0.4), Matrix2::new(1.0, 0.2, 0.2, 0.5));
    let s = discrete_lyapunov(m, q);
    assert!((m * s * m.transpose() + q - s).norm() < 1e-12);
}
