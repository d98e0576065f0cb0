//! The forward and backward pass written out: canonical order, plain sums, no blocks.

use super::Problem;
use widelimit::network::{Activation, Batch, Loss, Network, ThreeLayer, TwoLayer};

/// `grad Psi` at canonical parameters, ridge included, and beside every entry the sum of the absolute values of
/// all that was added for it, each with its own sensitivity to rounding: the unit in which rounding is measured.
pub fn gradient(problem: &Problem, theta: &[f64], batch: &Batch<f64>) -> (Vec<f64>, Vec<f64>) {
    let (mut grad, mut size) = match &problem.network {
        Network::TwoLayer(network) => two_layer(problem, network, theta, batch),
        Network::ThreeLayer(network) => three_layer(problem, network, theta, batch),
    };
    for (k, trained) in problem.trained().into_iter().enumerate() {
        let ridge = if trained { problem.ridge } else { 0.0 };
        grad[k] = if trained { grad[k] } else { 0.0 } + ridge * theta[k];
        size[k] += ridge * theta[k].abs();
    }
    (grad, size)
}

fn lipschitz(activation: Activation) -> f64 {
    if activation == Activation::PiecewiseLinear { 10.0 } else { 1.2 }
}

fn two_layer(problem: &Problem, net: &TwoLayer, theta: &[f64], batch: &Batch<f64>) -> (Vec<f64>, Vec<f64>) {
    let (d, k, p) = (net.inputs, net.outputs, net.parameters());
    let n = batch.y.len() / k;
    let lipschitz = lipschitz(net.activation);
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
    (grad, size)
}

/// A number and its size, in the sense of [`gradient`].
type Sized = (f64, f64);

/// `sum_k c_k v_k` with its size.
fn product(c: impl Iterator<Item = f64>, v: impl Iterator<Item = Sized>) -> Sized {
    c.zip(v).fold((0.0, 0.0), |(sum, size), (c, v)| (sum + c * v.0, size + c.abs() * v.1))
}

/// A network of two hidden layers with its parameters, as in theory.md section 4.
struct Deep<'a> {
    net: &'a ThreeLayer,
    layers: [usize; 2],
    theta: &'a [f64],
}

impl Deep<'_> {
    fn new<'a>(problem: &Problem, net: &'a ThreeLayer, theta: &'a [f64]) -> Deep<'a> {
        Deep { net, layers: net.layers(problem.width), theta }
    }

    /// Positions of w_i (and b_i), u_ij, c_j and a_j.
    fn w(&self, i: usize) -> usize {
        i * (self.net.inputs + usize::from(self.net.bias))
    }
    fn u(&self, i: usize, j: usize) -> usize {
        self.w(self.layers[0]) + i * self.layers[1] + j
    }
    fn c(&self, j: usize) -> usize {
        self.u(self.layers[0], 0) + j * (self.net.outputs + usize::from(self.net.bias))
    }
    fn a(&self, j: usize) -> usize {
        self.c(j) + usize::from(self.net.bias)
    }

    /// Pre-activations of either hidden layer at an input, and the prediction.
    fn forward(&self, x: &[f64]) -> [Vec<Sized>; 3] {
        let (net, theta, [n1, n2]) = (self.net, self.theta, self.layers);
        let bias = |at: usize| if net.bias { theta[at] } else { 0.0 };
        let z1: Vec<Sized> = (0..n1)
            .map(|i| {
                let w = &theta[self.w(i)..];
                let (z, size) = product(x.iter().copied(), w.iter().map(|&w| (w, w.abs())));
                let b = bias(self.w(i) + net.inputs);
                (z + b, size + b.abs())
            })
            .collect();
        let value = |activation: Activation, (z, size): Sized| {
            let s = activation.value(z);
            (s, s.abs() + lipschitz(activation) * size)
        };
        let z2: Vec<Sized> = (0..n2)
            .map(|j| {
                let u = (0..n1).map(|i| theta[self.u(i, j)] / n1 as f64);
                let (z, size) = product(u, z1.iter().map(|&z| value(net.activations[0], z)));
                let c = bias(self.c(j));
                (z + c, size + c.abs())
            })
            .collect();
        let f = (0..net.outputs)
            .map(|k| {
                let a = (0..n2).map(|j| theta[self.a(j) + k] / n2 as f64);
                product(a, z2.iter().map(|&z| value(net.activations[1], z)))
            })
            .collect();
        [z1, z2, f]
    }
}

fn three_layer(problem: &Problem, net: &ThreeLayer, theta: &[f64], batch: &Batch<f64>) -> (Vec<f64>, Vec<f64>) {
    let deep = Deep::new(problem, net, theta);
    let ([_, n2], [first, second]) = (deep.layers, net.activations);
    let n = (batch.y.len() / net.outputs) as f64;
    let (mut grad, mut size) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
    let mut add = |at: usize, (term, term_size): Sized| {
        grad[at] += term;
        size[at] += term_size;
    };
    for (x, y) in batch.x.chunks_exact(net.inputs).zip(batch.y.chunks_exact(net.outputs)) {
        let [z1, z2, f] = deep.forward(x);
        let values: Vec<f64> = f.iter().map(|f| f.0).collect();
        let e: Vec<Sized> = residual(problem.loss, &values, y)
            .iter()
            .enumerate()
            .map(|(k, e)| (e / n, (e.abs() + f[k].1 + y[k].abs()) / n))
            .collect();
        let s1: Vec<Sized> =
            z1.iter().map(|&(z, s)| (first.value(z), first.value(z).abs() + lipschitz(first) * s)).collect();
        let mut pulled = Vec::new();
        for (j, &(z, z_size)) in z2.iter().enumerate() {
            let (s, slope) = (second.value(z), second.derivative(z));
            let a = (0..net.outputs).map(|k| theta[deep.a(j) + k]);
            let (pull, pull_size) = product(a, e.iter().copied());
            let d = (pull * slope, pull_size * (slope.abs() + lipschitz(second) * z_size));
            for (k, e) in e.iter().enumerate() {
                add(deep.a(j) + k, (e.0 * s, e.1 * (s.abs() + lipschitz(second) * z_size)));
            }
            if net.bias {
                add(deep.c(j), d);
            }
            for (i, s) in s1.iter().enumerate() {
                add(deep.u(i, j), (d.0 * s.0, d.1 * s.1));
            }
            pulled.push(d);
        }
        for (i, &(z, z_size)) in z1.iter().enumerate() {
            let u = (0..n2).map(|j| theta[deep.u(i, j)] / n2 as f64);
            let (pull, pull_size) = product(u, pulled.iter().copied());
            let slope = first.derivative(z);
            let d = (pull * slope, pull_size * (slope.abs() + lipschitz(first) * z_size));
            for (k, x) in x.iter().enumerate() {
                add(deep.w(i) + k, (d.0 * x, d.1 * x.abs()));
            }
            if net.bias {
                add(deep.w(i) + net.inputs, d);
            }
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

/// `f_N(x)` at canonical parameters, (n, K).
pub fn predict(problem: &Problem, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let net = match &problem.network {
        Network::TwoLayer(net) => net,
        Network::ThreeLayer(net) => {
            let deep = Deep::new(problem, net, theta);
            return x.chunks_exact(net.inputs).flat_map(|x| deep.forward(x)[2].clone()).map(|f| f.0).collect();
        }
    };
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
    let k = problem.network.outputs();
    let y = &problem.population.y;
    let one = |(f, y): (&[f64], &[f64])| match problem.loss {
        Loss::HalfSquared => f.iter().zip(y).map(|(f, y)| 0.5 * (f - y).powi(2)).sum::<f64>(),
        Loss::Logistic => (-y[0] * f[0]).exp().ln_1p(),
        Loss::Softmax => f.iter().map(|f| f.exp()).sum::<f64>().ln() - f.iter().zip(y).map(|(f, y)| f * y).sum::<f64>(),
    };
    f.chunks_exact(k).zip(y.chunks_exact(k)).map(one).sum::<f64>() / (f.len() / k) as f64
}

/// Over families, the sum of the mean over units of `|v|^2`, trained coordinates of canonical parameters.
pub fn mean_square(problem: &Problem, v: &[f64]) -> f64 {
    let mut total = 0.0;
    for family in problem.network.families(problem.width) {
        let units = if family.name == "u" { family.rows * family.columns } else { family.rows };
        let trained = family.trained();
        let own = v[family.range()].iter().enumerate().filter(|(k, _)| trained.contains(&(k % family.columns)));
        total += own.map(|(_, v)| v * v).sum::<f64>() / units as f64;
    }
    total
}
