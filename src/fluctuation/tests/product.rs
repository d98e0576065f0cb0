//! The product neuron `phi = a w x` with x = +-1, whose predictions depend on two numbers of the start.
//!
//! With `u = (a + w)/sqrt 2`, `v = (a - w)/sqrt 2` and momenta zero, heavy ball preserves `u_i = alpha u_i(0)`,
//! `v_i = beta v_i(0)` for common alpha, beta, and `f = m x`, `m = (U alpha^2 - V beta^2)/2` with `U = mean u(0)^2`,
//! `V = mean v(0)^2`. Hence c and b are derivatives of a recursion in four dimensions with respect to (U, V).

use super::paired::PairedCase;
use super::{CloudCase, relative};
use crate::compute::Threads;
use crate::fluctuation::{LimitFeatures, NoiseColumns};
use crate::network::{Activation, Batch, Network, TwoLayer};

const STEPS: [usize; 5] = [0, 50, 150, 250, 500];
const TEACHER: f64 = 0.8;

fn case() -> CloudCase {
    let network =
        TwoLayer { inputs: 1, outputs: 1, bias: false, activation: Activation::Identity, fixed_output: false };
    CloudCase::drawn(network, Batch { x: vec![1.0, -1.0], y: vec![TEACHER, -TEACHER] }, 300, 0.7)
}

/// `m` after each number of steps of the recursion of (alpha, beta) and their momenta.
fn recursion(case: &CloudCase, u: f64, v: f64) -> Vec<f64> {
    let (h, keep) = (case.motion.step, 1.0 - case.motion.friction * case.motion.step);
    let [mut alpha, mut beta, mut alpha_momentum, mut beta_momentum] = [1.0, 1.0, 0.0, 0.0];
    let mut out = Vec::new();
    for step in 0..=500 {
        let m = 0.5 * (u * alpha * alpha - v * beta * beta);
        if STEPS.contains(&step) {
            out.push(m);
        }
        let e = m - TEACHER;
        alpha_momentum = keep * alpha_momentum - h * e * alpha;
        beta_momentum = keep * beta_momentum + h * e * beta;
        alpha += h * alpha_momentum;
        beta += h * beta_momentum;
    }
    out
}

#[test]
fn variance_and_bias_are_those_of_the_recursion() {
    let case = case();
    let network = Network::from(case.network.clone());
    // Two modes are complete: the features span (u^2, v^2).
    let states = case.times(&STEPS).iter().map(|_| case.start().theta).collect::<Vec<_>>();
    let features = LimitFeatures {
        network: &case.network,
        width: case.width,
        population: &case.sample,
        states: &states[..1],
        threads: Threads::One,
    };
    // At the start all features are a w; a second state separates u^2 from v^2.
    let moved: Vec<f64> = case.theta.chunks_exact(2).flat_map(|n| [n[0] + 0.3 * n[1], n[1] + 0.3 * n[0]]).collect();
    let states = [states[0].clone(), network.from_canonical(case.width, &moved)];
    let features = LimitFeatures { states: &states, ..features };
    let columns = NoiseColumns::modes_and_complement(&features, 2, 0, 3).unwrap();
    let found = case.fluctuations(&columns, true, &STEPS, Threads::One);

    let squares =
        |sign: f64| -> Vec<f64> { case.theta.chunks_exact(2).map(|n| 0.5 * (n[1] + sign * n[0]).powi(2)).collect() };
    let (u, v) = (squares(1.0), squares(-1.0));
    let mean = |a: &[f64]| a.iter().sum::<f64>() / a.len() as f64;
    let (mean_u, mean_v) = (mean(&u), mean(&v));
    let covariance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64 - mean(a) * mean(b);
    let (uu, uv, vv) = (covariance(&u, &u), covariance(&u, &v), covariance(&v, &v));
    // Differences of order 4.
    let d = 0.01;
    let m = |i: i32, j: i32| recursion(&case, mean_u + d * f64::from(i), mean_v + d * f64::from(j));
    let table: Vec<Vec<Vec<f64>>> = (-2..=2).map(|i| (-2..=2).map(|j| m(i, j)).collect()).collect();
    let first = [1.0, -8.0, 0.0, 8.0, -1.0].map(|w| w / (12.0 * d));
    let second = [-1.0, 16.0, -30.0, 16.0, -1.0].map(|w| w / (12.0 * d * d));
    let at = |wu: [f64; 5], wv: [f64; 5], t: usize| -> f64 {
        (0..5).map(|i| (0..5).map(|j| wu[i] * wv[j] * table[i][j][t]).sum::<f64>()).sum()
    };
    let keep = [0.0, 0.0, 1.0, 0.0, 0.0];
    let (mut expected_c, mut expected_b) = (Vec::new(), Vec::new());
    for t in 0..STEPS.len() {
        let (mu, mv) = (at(first, keep, t), at(keep, first, t));
        expected_c.push(mu * mu * uu + 2.0 * mu * mv * uv + mv * mv * vv);
        expected_b.push(0.5 * (at(second, keep, t) * uu + 2.0 * at(first, first, t) * uv + at(keep, second, t) * vv));
    }
    let c: Vec<f64> = found.records.iter().map(|record| record.variance(2)).collect();
    let b: Vec<f64> = found.records.iter().map(|record| record.bias.as_ref().unwrap()[0]).collect();
    assert!(relative(&c, &expected_c) < 1e-6, "{c:?} {expected_c:?}");
    assert!(relative(&b, &expected_b) < 1e-6, "{b:?} {expected_b:?}");
    for (found, expected) in c.iter().zip(&expected_c).skip(1) {
        assert!((found / expected - 1.0).abs() < 1e-5, "{c:?} {expected_c:?}");
    }
    deviation_of_the_loss_by_pairs(&case, &columns, &expected_c);
}

/// With one hidden layer the variance of the loss gap has the parts `(m - c_0)^2 c / N` and `c^2 / (2 N^2)` alone, although
/// the even part of the pairs does not vanish.
fn deviation_of_the_loss_by_pairs(case: &CloudCase, columns: &NoiseColumns, c: &[f64]) {
    let found = PairedCase::of(case, &STEPS).fluctuations(std::slice::from_ref(columns), 0.01);
    for (t, &c) in c.iter().enumerate().skip(1) {
        let gap = found.loss_gap(t).unwrap();
        let (residual, part) = (found.records[t].f[0] - TEACHER, found.paired.as_ref().unwrap().second[t]);
        assert!(found.records[t].bias.as_ref().unwrap()[0].abs() > 1e-3);
        for width in [4.0_f64, 64.0] {
            let variance = gap.deviation(1.0 / width).powi(2) + part.gap_variance / width.powi(2);
            let expected = residual.powi(2) * c / width + 0.5 * (c / width).powi(2);
            assert!((variance / expected - 1.0).abs() < 1e-3, "{t} {width}: {variance:e} {expected:e}");
        }
    }
}
