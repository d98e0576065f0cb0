//! Stochastic heavy ball with the full gradient on the linear neuron is a linear recurrence in (theta, r).

use crate::common::{linear, linear_state, mean, motion, weights};
use nalgebra::{Matrix2, Vector2};
use widelimit::dynamics::{Method, Motion};

/// One step on `u'' = -friction u' - stiffness u`: momentum first, then the parameter with the new momentum.
pub fn heavy_ball(stiffness: f64, friction: f64, eps: f64) -> Matrix2<f64> {
    let keep = 1.0 - friction * eps;
    Matrix2::new(1.0 - eps * eps * stiffness, eps * keep, -eps * stiffness, keep)
}

#[test]
fn heavy_ball_is_a_power_of_a_matrix() {
    const TARGET: f64 = -0.8;
    let (theta, r) = ([1.3, -0.2, 0.5, 2.0, -1.7], [0.4, 0.0, -0.9, 1.5, 0.1]);
    for (eps, friction, ridge) in [(0.1, 0.5, 0.0), (0.3, 2.0, 0.25), (0.02, 4.0, 3.0)] {
        let problem = linear(5, TARGET, ridge);
        let start = linear_state(&problem, &theta, &r);
        let rest = TARGET / (1.0 + ridge);
        let (m, v) = (mean(&theta), mean(&r));
        let (of_mean, of_distance) = (heavy_ball(1.0 + ridge, friction, eps), heavy_ball(ridge, friction, eps));
        let mut worst: f64 = 0.0;
        problem.integrate(Method::HeavyBall, motion(eps, friction), start, 400.0 * eps, |_, state| {
            let k = u32::try_from(state.step).unwrap();
            let mean_at = of_mean.pow(k) * Vector2::new(m - rest, v);
            let now = weights(&problem, &state.theta).into_iter().zip(weights(&problem, &state.momentum));
            for ((now, now_r), (theta, r)) in now.zip(theta.iter().zip(&r)) {
                let exact = mean_at + of_distance.pow(k) * Vector2::new(theta - m, r - v) + Vector2::new(rest, 0.0);
                worst = worst.max((now - exact.x).abs()).max((now_r - exact.y).abs());
            }
        });
        println!("eps {eps}, friction {friction}, ridge {ridge}: {worst:.1e}");
        assert!(worst < 1e-12, "{worst}");
    }
}

#[test]
fn gradient_descent_is_a_power_of_a_number() {
    const TARGET: f64 = 2.0;
    let (eps, ridge) = (0.05, 0.4);
    let problem = linear(3, TARGET, ridge);
    let theta = [1.0, -1.0, 3.0];
    let start = linear_state(&problem, &theta, &[0.0; 3]);
    let (m, rest) = (1.0, TARGET / (1.0 + ridge));
    let terms = Motion { first_order: true, ..motion(eps, 0.0) };
    problem.integrate(Method::GradientDescent, terms, start, 300.0 * eps, |_, state| {
        let factor = |stiffness: f64| (1.0 - eps * stiffness).powi(i32::try_from(state.step).unwrap());
        for (now, theta) in weights(&problem, &state.theta).iter().zip(&theta) {
            let exact = rest + factor(1.0 + ridge) * (m - rest) + factor(ridge) * (theta - m);
            assert!((now - exact).abs() < 1e-12);
        }
    });
}
