//! With temperature and ridge the linear neurons stay Gaussian. About their empirical mean they do not interact: the
//! covariance S of (theta, r) solves `S' = A S + S A^T + diag(0, 2 gamma tau)`, `A = [[0, 1], [-lambda, -gamma]]`.

use crate::common::{Problem, linear, linear_state, mean, motion, normals, oscillator, weights};
use nalgebra::Matrix2;
use widelimit::dynamics::{Brownian, Method, Motion, State};

const FRICTION: f64 = 0.8;
const TEMPERATURE: f64 = 0.3;
const RIDGE: f64 = 0.6;
const TARGET: f64 = 1.5;
const WIDTH: usize = 20_000;

/// `S(t)` by Runge-Kutta steps so small that their error is rounding.
fn lyapunov(start: Matrix2<f64>, stiffness: f64, noise: f64, t: f64) -> Matrix2<f64> {
    let a = Matrix2::new(0.0, 1.0, -stiffness, -FRICTION);
    let rate = |s: Matrix2<f64>| a * s + s * a.transpose() + Matrix2::new(0.0, 0.0, 0.0, noise);
    let steps = 4000;
    let h = t / f64::from(steps);
    (0..steps).fold(start, |s, _| {
        let k1 = rate(s);
        let k2 = rate(s + k1 * (0.5 * h));
        let k3 = rate(s + k2 * (0.5 * h));
        let k4 = rate(s + k3 * h);
        s + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0)
    })
}

/// The unbiased covariance of (theta, r) over the particles, about their own mean.
pub fn covariance(problem: &Problem, state: &State<f64>) -> Matrix2<f64> {
    let (theta, r) = (weights(problem, &state.theta), weights(problem, &state.momentum));
    let (m, v) = (mean(&theta), mean(&r));
    let sum = |f: &dyn Fn(f64, f64) -> f64| theta.iter().zip(&r).map(|(theta, r)| f(theta - m, r - v)).sum::<f64>();
    let cross = sum(&|u, v| u * v);
    Matrix2::new(sum(&|u, _| u * u), cross, cross, sum(&|_, v| v * v)) / (theta.len() - 1) as f64
}

/// Whether a covariance over n Gaussian particles is within five standard errors of the law's; returns the largest.
pub fn standard_errors(sample: Matrix2<f64>, law: Matrix2<f64>, n: usize) -> f64 {
    (0..4)
        .map(|k| {
            let (i, j) = (k / 2, k % 2);
            let variance = (law[(i, i)] * law[(j, j)] + law[(i, j)].powi(2)) / (n - 1) as f64;
            (sample[(i, j)] - law[(i, j)]).abs() / variance.sqrt()
        })
        .fold(0.0, f64::max)
}

/// Linear neurons from N(0.5, 0.7^2), at rest, and the noise of the trained weights.
pub fn cold_start(ridge: f64) -> (Problem, State<f64>, Brownian) {
    let problem = linear(WIDTH, TARGET, ridge);
    let theta: Vec<f64> = normals(12, 0, WIDTH).iter().map(|z| 0.5 + 0.7 * z).collect();
    let state = linear_state(&problem, &theta, &vec![0.0; WIDTH]);
    let network = problem.network.clone();
    (problem, state, Brownian { seed: 31, first: 0, network, width: WIDTH, ticks: 1 })
}

#[test]
fn covariance_and_mean_follow_their_equations_to_rest() {
    let h = 0.05;
    let (problem, mut state, mut noise) = cold_start(RIDGE);
    let mut integrator = problem.integrator(Method::Baoab, Motion { temperature: TEMPERATURE, ..motion(h, FRICTION) });
    let mut force = problem.force();
    let start = Matrix2::new(0.49, 0.0, 0.0, 0.0);
    let (m, rest) = (mean(&weights(&problem, &state.theta)), TARGET / (1.0 + RIDGE));
    for t in [0.5, 1.0, 2.0, 4.0, 8.0, 25.0] {
        while state.time < t - 0.5 * h {
            integrator.step(&mut force, &mut noise, &mut state);
        }
        let (sample, law) =
            (covariance(&problem, &state), lyapunov(start, RIDGE, 2.0 * FRICTION * TEMPERATURE, state.time));
        let off = standard_errors(sample, law, WIDTH);
        // The mean is an oscillator driven by the mean of N noises.
        let (u, v) = oscillator(1.0 + RIDGE, FRICTION, m - rest, 0.0, state.time);
        let spread = lyapunov(Matrix2::zeros(), 1.0 + RIDGE, 2.0 * FRICTION * TEMPERATURE / WIDTH as f64, state.time);
        let theta_off =
            (mean(&weights(&problem, &state.theta)) - rest - u).abs() / (spread[(0, 0)].sqrt() + h * h / 10.0);
        let r_off = (mean(&weights(&problem, &state.momentum)) - v).abs() / (spread[(1, 1)].sqrt() + h * h / 10.0);
        println!("t = {t}: covariance {off:.1}, mean {theta_off:.1} and {r_off:.1} standard errors off");
        assert!(off < 5.0, "t = {t}: {sample} {law}");
        assert!(theta_off < 5.0 && r_off < 5.0, "t = {t}: mean {theta_off} {r_off}");
    }
    let rest = Matrix2::new(TEMPERATURE / RIDGE, 0.0, 0.0, TEMPERATURE);
    assert!((lyapunov(start, RIDGE, 2.0 * FRICTION * TEMPERATURE, 25.0) - rest).norm() < 1e-6);
    assert!(standard_errors(covariance(&problem, &state), rest, WIDTH) < 5.0);
}
