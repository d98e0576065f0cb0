//! The forward and backward pass as on paper: canonical order, plain sums, no blocks.

use super::Problem;
use widelimit::network::{Activation, Batch, Loss};

/// `N dR/dtheta` at canonical neurons, (N, p), ridge included, and beside every entry the sum of the absolute values of
/// all that was added for it, each with its own sensitivity to rounding: the unit in which rounding is measured.
pub fn gradient(problem: &Problem, theta: &[f64], batch: &Batch<f64>) -> (Vec<f64>, Vec<f64>) {
    let net = &problem.network;
    let (d, k, p) = (net.inputs, net.outputs, net.parameters());
    let n = batch.y.len() / k;
    let lipschitz = if net.activation == Activation::PiecewiseLinear { 10.0 } else { 1.2 };
    let (mut grad, mut size) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
    for (x, y) in batch.x.chunks_exact(d).zip(batch.y.chunks_exact(k)) {
        let z = |neuron: &[f64]| {
            let bias = if net.bias { neuron[d] } else { 0.0 };
            let terms = neuron[..d].iter().zip(x).map(|(w, x)| w * x);
            (bias + terms.clone().sum::<f64>(), bias.abs() + terms.map(f64::abs).sum::<f64>())
        };
        let (mut f, mut f_size) = (vec![0.0; k], vec![0.0; k]);
        for neuron in theta.chunks_exact(p) {
            let (z, z_size) = z(neuron);
            let s = net.activation.value(z);
            for (j, a) in neuron[p - k..].iter().enumerate() {
                f[j] += a * s / problem.width as f64;
                f_size[j] += a.abs() * (s.abs() + lipschitz * z_size) / problem.width as f64;
            }
        }
        let e: Vec<f64> = residual(problem.loss, &f, y).iter().map(|e| e / n as f64).collect();
        let e_size: Vec<f64> = (0..k).map(|j| e[j].abs() + (f_size[j] + y[j].abs()) / n as f64).collect();
        for (i, neuron) in theta.chunks_exact(p).enumerate() {
            let (z, z_size) = z(neuron);
            let (s, slope) = (net.activation.value(z), net.activation.derivative(z));
            let a = &neuron[p - k..];
            let pull: f64 = a.iter().zip(&e).map(|(a, e)| a * e).sum();
            let pull_size: f64 = a.iter().zip(&e_size).map(|(a, e)| a.abs() * e).sum();
            for row in net.trained() {
                let (term, term_size) = if row < p - k {
                    let x = if row < d { x[row] } else { 1.0 };
                    (pull * slope * x, pull_size * (slope.abs() + z_size) * x.abs())
                } else {
                    let j = row - (p - k);
                    (e[j] * s, e_size[j] * (s.abs() + lipschitz * z_size))
                };
                grad[i * p + row] += term;
                size[i * p + row] += term_size;
            }
        }
    }
    for i in 0..problem.width {
        for row in net.trained() {
            grad[i * p + row] += problem.ridge * theta[i * p + row];
            size[i * p + row] += problem.ridge * theta[i * p + row].abs();
        }
    }
    (grad, size)
}

/// `d loss / d f` of one prediction.
fn residual(loss: Loss, f: &[f64], y: &[f64]) -> Vec<f64> {
    match loss {
        Loss::HalfSquared => f.iter().zip(y).map(|(f, y)| f - y).collect(),
        Loss::Logistic => vec![-y[0] / (1.0 + (y[0] * f[0]).exp())],
        Loss::Softmax => {
            let sum: f64 = f.iter().map(|f| f.exp()).sum();
            f.iter().zip(y).map(|(f, y)| f.exp() / sum - y).collect()
        }
    }
}

/// `f_N(x)` at canonical neurons, (n, K).
pub fn predict(problem: &Problem, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let net = &problem.network;
    let (d, k, p) = (net.inputs, net.outputs, net.parameters());
    let mut f = vec![0.0; x.len() / d * k];
    for (x, f) in x.chunks_exact(d).zip(f.chunks_exact_mut(k)) {
        for neuron in theta.chunks_exact(p) {
            let bias = if net.bias { neuron[d] } else { 0.0 };
            let z = bias + neuron[..d].iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            let s = net.activation.value(z) / problem.width as f64;
            f.iter_mut().zip(&neuron[p - k..]).for_each(|(f, a)| *f += a * s);
        }
    }
    f
}

/// The mean loss of predictions over the problem's population.
pub fn loss(problem: &Problem, f: &[f64]) -> f64 {
    let k = problem.network.outputs;
    let y = &problem.population.y;
    let one = |(f, y): (&[f64], &[f64])| match problem.loss {
        Loss::HalfSquared => f.iter().zip(y).map(|(f, y)| 0.5 * (f - y).powi(2)).sum::<f64>(),
        Loss::Logistic => (-y[0] * f[0]).exp().ln_1p(),
        Loss::Softmax => f.iter().map(|f| f.exp()).sum::<f64>().ln() - f.iter().zip(y).map(|(f, y)| f * y).sum::<f64>(),
    };
    f.chunks_exact(k).zip(y.chunks_exact(k)).map(one).sum::<f64>() / (f.len() / k) as f64
}

/// `(1/N) sum_i |v_i|^2` over the trained coordinates of canonical neurons.
pub fn mean_square(problem: &Problem, v: &[f64]) -> f64 {
    let trained = problem.network.trained();
    let square = |neuron: &[f64]| neuron[trained.clone()].iter().map(|v| v * v).sum::<f64>();
    v.chunks_exact(problem.network.parameters()).map(square).sum::<f64>() / problem.width as f64
}
