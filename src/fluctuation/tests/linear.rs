//! The linear neuron `phi = theta x` with mean square 1 of x, ridge lambda and labels `c_0 x`.
//!
//! The deviation D of the mean of N neurons obeys `D'' = -gamma D' - (1 + lambda) D`. With `P`, `q` the solutions from
//! (1, 0) and (0, 1) the fluctuation is `c = Var(theta_0) P^2 + Var(r_0) q^2 + 2 gamma tau int q^2`, and b = 0.

use super::{CloudCase, scattered};
use crate::compute::Threads;
use crate::dynamics::{Brownian, Method, Motion};
use crate::fluctuation::{BatchNoise, NoiseColumns};
use crate::network::{Activation, Batch, Loss, Network, Objective, TwoLayer};

const RIDGE: f64 = 0.3;
pub(super) const TEACHER: f64 = 2.0;
const STEPS: [usize; 4] = [0, 10, 40, 90];

/// Neurons with output weight 1 and momenta, on inputs +-1.
pub(super) fn case(width: usize) -> CloudCase {
    let network = TwoLayer { inputs: 1, outputs: 1, bias: false, activation: Activation::Identity, fixed_output: true };
    let mut theta = Vec::new();
    let mut momentum = Vec::new();
    for i in 0..width {
        theta.extend([0.7 * scattered(i), 1.0]);
        momentum.extend([0.5 * scattered(i + 400), 0.0]);
    }
    CloudCase {
        network,
        sample: Batch { x: vec![1.0, -1.0], y: vec![TEACHER, -TEACHER] },
        objective: Objective { loss: Loss::HalfSquared, ridge: RIDGE },
        width,
        method: Method::HeavyBall,
        motion: Motion { step: 0.05, friction: 0.9, temperature: 0.0, first_order: false, tolerance: 0.0 },
        theta,
        momentum,
    }
}

/// The covariance of the start: of (theta, theta), (theta, r), (r, r).
fn covariance(case: &CloudCase) -> [f64; 3] {
    let column = |values: &[f64]| -> Vec<f64> {
        let values: Vec<f64> = values.chunks_exact(2).map(|n| n[0]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| v - mean).collect()
    };
    let (theta, r) = (column(&case.theta), column(&case.momentum));
    let mean = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    [mean(&theta, &theta), mean(&theta, &r), mean(&r, &r)]
}

/// Solutions (1, 0) and (0, 1) of the heavy-ball recursion of an oscillator, by step.
pub(super) fn recursion(motion: Motion, stiffness: f64, steps: usize) -> Vec<[f64; 2]> {
    let (h, keep) = (motion.step, 1.0 - motion.friction * motion.step);
    let (mut x, mut r) = ([1.0, 0.0], [0.0, 1.0]);
    let mut out = vec![x];
    for _ in 0..steps {
        for k in 0..2 {
            r[k] = keep * r[k] - h * stiffness * x[k];
            x[k] += h * r[k];
        }
        out.push(x);
    }
    out
}

/// `[P(t), q(t)]` of the oscillator in continuous time.
fn oscillator(friction: f64, stiffness: f64, t: f64) -> [f64; 2] {
    let w = (stiffness - friction * friction / 4.0).sqrt();
    let decay = (-friction * t / 2.0).exp();
    let sine = (w * t).sin() / w;
    [decay * ((w * t).cos() + friction / 2.0 * sine), decay * sine]
}

/// All orthonormal columns of mean zero.
pub(super) fn complete(width: usize) -> NoiseColumns {
    let mut weights = vec![0.0; width * (width - 1)];
    for k in 1..width {
        let scale = 1.0 / ((k * (k + 1)) as f64).sqrt();
        (0..k).for_each(|i| weights[i * (width - 1) + k - 1] = scale);
        weights[k * (width - 1) + k - 1] = -(k as f64) * scale;
    }
    NoiseColumns::given(width, weights)
}

#[test]
fn variance_with_momenta_is_that_of_the_recursion() {
    let case = case(24);
    let found = case.fluctuations(&complete(24), true, &STEPS, Threads::One);
    let solution = recursion(case.motion, 1.0 + RIDGE, STEPS[3]);
    let bare = recursion(case.motion, RIDGE, STEPS[3]);
    let [xx, xr, rr] = covariance(&case);
    let quadratic = |[p, q]: [f64; 2]| p * p * xx + 2.0 * p * q * xr + q * q * rr;
    for (record, &step) in found.records.iter().zip(&STEPS) {
        assert!((record.variance(2) / quadratic(solution[step]) - 1.0).abs() < 1e-12, "step {step}");
        assert!((record.bare_variance(2) / quadratic(bare[step]) - 1.0).abs() < 1e-12, "bare, step {step}");
        assert!((record.spread / quadratic(bare[step]) - 1.0).abs() < 1e-12, "spread, step {step}");
        assert!(record.bias.as_ref().unwrap().iter().all(|b| b.abs() < 1e-13), "step {step}");
    }
}

/// The error of every method of the limit falls by its order.
#[test]
fn variance_approaches_that_of_continuous_time_by_the_order_of_the_method() {
    for method in [Method::HeavyBall, Method::KickDriftKick, Method::Baoab, Method::Rk4] {
        let error = |step: f64| {
            let mut case = case(12);
            case.method = method;
            case.motion.step = step;
            let steps = (3.0 / step).round() as usize;
            let found = case.fluctuations(&complete(12), false, &[0, steps], Threads::One);
            let [p, q] = oscillator(case.motion.friction, 1.0 + RIDGE, 3.0);
            let [xx, xr, rr] = covariance(&case);
            (found.records[1].variance(2) - (p * p * xx + 2.0 * p * q * xr + q * q * rr)).abs()
        };
        let order = (error(0.05) / error(0.025)).log2();
        assert!((order - f64::from(method.order())).abs() < 0.25, "{method}: {order}");
    }
}

/// At a temperature the noise of the cloud enters through the bare fluctuation alone.
#[test]
fn variance_at_a_temperature() {
    let width = 4000;
    let mut case = case(width);
    case.motion.temperature = 0.4;
    // Equal momenta and parameters: all that fluctuates is the Brownian motion.
    case.theta.chunks_exact_mut(2).for_each(|n| n[0] = 0.5);
    case.momentum.fill(0.0);
    let network = Network::from(case.network.clone());
    let columns = NoiseColumns::gaussian(width, 8, 5);
    let noise = Brownian { seed: 3, first: 0, network, width, ticks: 1 };
    let found = case.heated(&columns, &noise, &STEPS);
    // For these paths exactly: D = sum over steps of the response to the weighted mean of the increments.
    let h = case.motion.step;
    let kick = (2.0 * case.motion.friction * case.motion.temperature * h).sqrt();
    let solution = recursion(case.motion, 1.0 + RIDGE, STEPS[3]);
    for c in 0..8 {
        let mut field = vec![0.0; STEPS[3] + 1];
        for from in 0..STEPS[3] {
            let mut mean = 0.0;
            for i in 0..width {
                let mut xi = [0.0];
                noise.increment(0, i, from as u64, &mut xi);
                mean += columns.weights()[i * 8 + c] * xi[0] / (width as f64).sqrt();
            }
            // A kick r moves theta by h r in its own step; the solution (0, r / keep) one step earlier does the same.
            let keep = 1.0 - case.motion.friction * h;
            for to in from + 1..=STEPS[3] {
                field[to] += kick * mean * solution[to - from][1] / keep;
            }
        }
        for (record, &step) in found.records.iter().zip(&STEPS).skip(1) {
            let found = record.field[(0, c)];
            assert!((found - field[step]).abs() < 1e-11, "step {step}: {found} {}", field[step]);
        }
    }
}

/// The noise of batches on inputs of unequal size: `D'' = -gamma D' - D - (x^2 - 1) w (m - c_0)`.
#[test]
fn batch_noise_drives_the_recursion() {
    let mut case = case(5);
    case.objective.ridge = 0.0;
    let x = [0.4_f64, -1.2, 0.9, 1.1, -1.3];
    let scale = (x.iter().map(|x| x * x).sum::<f64>() / 5.0).sqrt();
    let x = x.map(|x| x / scale);
    case.sample = Batch { x: x.to_vec(), y: x.iter().map(|x| TEACHER * x).collect() };
    let (columns, noise) = (NoiseColumns::zero(5, 6), BatchNoise { seed: 11, scale: 1.0 });
    let found = case.driven(&columns, false, Some(noise), &STEPS, Threads::One);
    let (h, keep) = (case.motion.step, 1.0 - case.motion.friction * case.motion.step);
    for c in 0..6 {
        let mean = |values: &[f64]| values.chunks_exact(2).map(|n| n[0]).sum::<f64>() / 5.0;
        let (mut m, mut r, mut d, mut p) = (mean(&case.theta), mean(&case.momentum), 0.0, 0.0);
        let mut w = vec![0.0; 5];
        for step in 0..=STEPS[3] {
            if let Some(t) = STEPS.iter().position(|&at| at == step) {
                let found = found.records[t].field[(1, c)];
                assert!((found - d * x[1]).abs() < 1e-12, "step {step}: {found} {}", d * x[1]);
            }
            noise.draw(c, step as u64, &mut w);
            let push: f64 = x.iter().zip(&w).map(|(x, w)| x * x * w).sum::<f64>() / 5.0;
            p = keep * p - h * (d + push * (m - TEACHER));
            d += h * p;
            r = keep * r - h * (m - TEACHER);
            m += h * r;
        }
    }
}

/// The noise has mean zero over the sample and the covariance `n delta - 1`.
#[test]
fn batch_noise_has_the_covariance_of_one_index() {
    let (noise, n, draws) = (BatchNoise { seed: 1, scale: 1.0 }, 6, 20_000);
    let (mut w, mut moments) = (vec![0.0; n], [0.0; 2]);
    for step in 0..draws {
        noise.draw(3, step, &mut w);
        assert!(w.iter().sum::<f64>().abs() < 1e-12);
        moments[0] += w[0] * w[0] / draws as f64;
        moments[1] += w[0] * w[1] / draws as f64;
    }
    assert!((moments[0] - 5.0).abs() < 0.2 && (moments[1] + 1.0).abs() < 0.2, "{moments:?}");
}

/// The mean of the square of the neurons is `m_N^2` and their variance, which does not feel the interaction and is
/// smaller by the factor `1 - 1/N`: N times the mean of the ridge term is `lambda/2 (c - S^2)`, that of the loss `c/2`.
/// The variance is over starts with influence `(m - c_0 + lambda m) d + lambda/2 (v^2 - S^2)`, d their response and v
/// their bare deviation.
#[test]
fn risk_with_a_ridge_term() {
    let case = case(24);
    let found = case.fluctuations(&complete(24), true, &STEPS, Threads::One);
    let (solution, bare) = (recursion(case.motion, 1.0 + RIDGE, STEPS[3]), recursion(case.motion, RIDGE, STEPS[3]));
    let column = |values: &[f64]| -> Vec<f64> {
        let values: Vec<f64> = values.chunks_exact(2).map(|n| n[0]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| v - mean).collect()
    };
    let (theta, r) = (column(&case.theta), column(&case.momentum));
    for (index, &step) in STEPS.iter().enumerate() {
        let along = |[p, q]: [f64; 2]| -> Vec<f64> { theta.iter().zip(&r).map(|(x, r)| p * x + q * r).collect() };
        let (d, v) = (along(solution[step]), along(bare[step]));
        let mean_square = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>() / 24.0;
        let (c, spread, gap) = (mean_square(&d), mean_square(&v), found.loss_gap(index).unwrap());
        let expected = 0.5 * c + 0.5 * RIDGE * (c - spread);
        assert!((gap.scaled_mean() - expected).abs() < 1e-12, "step {step}: {} {expected}", gap.scaled_mean());
        let m = found.records[index].f[0];
        let influence = |(d, v): (&f64, &f64)| (m - TEACHER + RIDGE * m) * d + 0.5 * RIDGE * (v * v - spread);
        let influences: Vec<f64> = d.iter().zip(&v).map(influence).collect();
        let variance: f64 = gap.slopes.iter().map(|slope| slope * slope).sum();
        assert!((variance / mean_square(&influences) - 1.0).abs() < 1e-11, "step {step}: {variance}");
    }
}

/// Gradient flow: `D' = -(1 + lambda) D`, with Brownian motion of its own at a temperature tau, whose variance is
/// `tau / (1 + lambda) (1 - exp(-2 (1 + lambda) t))`.
#[test]
fn first_order_dynamics() {
    for method in [Method::GradientDescent, Method::Rk4] {
        let error = |step: f64| {
            let mut case = case(12);
            case.method = method;
            case.motion = Motion { step, first_order: true, ..case.motion };
            case.momentum.fill(0.0);
            let steps = (2.0 / step).round() as usize;
            let found = case.fluctuations(&complete(12), true, &[0, steps], Threads::One);
            let [xx, ..] = covariance(&case);
            assert!(found.records[1].bias.as_ref().unwrap().iter().all(|b| b.abs() < 1e-13));
            (found.records[1].variance(2) / (xx * (-4.0 * (1.0 + RIDGE)).exp()) - 1.0).abs()
        };
        let order = (error(0.1) / error(0.05)).log2();
        assert!((order - f64::from(method.order())).abs() < 0.3, "{method}: {order}");
    }
    let (width, step) = (1000, 0.02);
    let mut case = case(width);
    case.method = Method::GradientDescent;
    case.motion = Motion { step, first_order: true, temperature: 0.4, ..case.motion };
    case.theta.chunks_exact_mut(2).for_each(|n| n[0] = 0.5);
    case.momentum.fill(0.0);
    let network = Network::from(case.network.clone());
    let columns = NoiseColumns::gaussian(width, 64, 5);
    let noise = Brownian { seed: 3, first: 0, network, width, ticks: 1 };
    let found = case.heated(&columns, &noise, &[0, 50]).records[1].variance(2);
    // Of the recursion: sum over steps of 2 tau h (1 - h k)^(2 j). The variance over 64 columns has a relative error of
    // sqrt(2/64).
    let keep = (1.0 - step * (1.0 + RIDGE)).powi(2);
    let exact = 2.0 * 0.4 * step * (1.0 - keep.powi(50)) / (1.0 - keep);
    let continuous = 0.4 / (1.0 + RIDGE) * (1.0 - (-2.0 * (1.0 + RIDGE)).exp());
    assert!((exact / continuous - 1.0).abs() < 0.03, "{exact} {continuous}");
    assert!((found / exact - 1.0).abs() < 0.4, "{found} {exact}");
}
