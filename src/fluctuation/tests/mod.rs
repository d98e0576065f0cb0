//! Tests of the tangent system by mathematics: weighted nonlinear clouds, exactly solvable neurons, identities.

mod adjoint;
mod batches;
mod columns;
mod deviation;
mod given_field;
mod laws;
mod linear;
mod network_deviation;
mod nonlinear;
mod paired;
mod passes;
mod product;

use super::{BatchNoise, Fluctuations, NoiseColumns, TangentRun, TangentSystem};
use crate::compute::Threads;
use crate::dynamics::{Brownian, Ensemble, Force, Method, Motion, NoNoise, Noise, Scheme, Simulation, State};
use crate::network::{Activation, Batch, Law, Loss, Network, Objective, Start, TwoLayer};

/// A small problem: a network, a sample, an objective and a cloud.
#[derive(Clone)]
struct CloudCase {
    network: TwoLayer,
    sample: Batch<f64>,
    objective: Objective,
    width: usize,
    method: Method,
    motion: Motion,
    /// Canonical parameters and momenta (M, p).
    theta: Vec<f64>,
    momentum: Vec<f64>,
}

/// Numbers between -1 and 1 without pattern.
fn scattered(i: usize) -> f64 {
    let x = (i as f64 * 0.754_877_666 + 0.1).fract() + (i as f64 * 0.569_840_29 + 0.7).fract();
    x - 1.0
}

impl CloudCase {
    fn new(activation: Activation, loss: Loss, outputs: usize) -> CloudCase {
        let inputs = 2;
        let network =
            TwoLayer { inputs, outputs, bias: activation != Activation::Bump, activation, fixed_output: false };
        let network = if activation == Activation::Bump { TwoLayer::bump(outputs) } else { network };
        let (samples, width) = (11, 7);
        let mut x: Vec<f64> = (0..samples * inputs).map(|i| 1.3 * scattered(i)).collect();
        if activation == Activation::Bump {
            x.chunks_exact_mut(2).for_each(|x| x[1] = 1.0);
        }
        let y = (0..samples)
            .flat_map(|s| {
                (0..outputs).map(move |k| match loss {
                    Loss::HalfSquared => scattered(3 * s + k + 50),
                    Loss::Logistic => scattered(s + 50).signum(),
                    Loss::Softmax => f64::from(u8::from((s * 7 + 1) % outputs == k)),
                })
            })
            .collect();
        let p = network.parameters();
        let mut theta: Vec<f64> = (0..width * p).map(|i| 0.9 * scattered(i + 200)).collect();
        let mut momentum: Vec<f64> = (0..width * p).map(|i| 0.4 * scattered(i + 900)).collect();
        for (theta, momentum) in theta.chunks_exact_mut(p).zip(momentum.chunks_exact_mut(p)) {
            theta[..network.fixed_inputs()].fill(-1.0);
            momentum[..network.fixed_inputs()].fill(0.0);
            momentum[network.trained().end..].fill(0.0);
        }
        let motion = Motion { step: 0.15, friction: 0.8, temperature: 0.0, first_order: false, tolerance: 0.0 };
        CloudCase {
            network,
            sample: Batch { x, y },
            objective: Objective { loss, ridge: 0.05 },
            width,
            method: Method::HeavyBall,
            motion,
            theta,
            momentum,
        }
    }

    /// A cloud drawn from a law, at rest.
    fn drawn(network: TwoLayer, sample: Batch<f64>, width: usize, std: f64) -> CloudCase {
        let gaussian = Law::Gaussian { mean: 0.0, std };
        let start = Start { w: gaussian.clone(), b: gaussian.clone(), a: gaussian, ..Start::default() };
        let general = Network::from(network.clone());
        let theta = general.to_canonical(width, &network.start::<f64>(&start, 7, 0, width));
        CloudCase {
            momentum: vec![0.0; theta.len()],
            theta,
            sample,
            width,
            objective: Objective { loss: Loss::HalfSquared, ridge: 0.0 },
            method: Method::HeavyBall,
            motion: Motion { step: 0.02, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 },
            network,
        }
    }

    fn scheme(&self) -> Scheme {
        Scheme { method: self.method, motion: self.motion }
    }

    fn start(&self) -> State<f64> {
        let network = Network::from(self.network.clone());
        State {
            theta: network.from_canonical(self.width, &self.theta),
            momentum: network.from_canonical(self.width, &self.momentum),
            step: 0,
            time: 0.0,
        }
    }

    fn times(&self, steps: &[usize]) -> Vec<f64> {
        steps.iter().map(|&k| k as f64 * self.motion.step).collect()
    }

    fn fluctuations(
        &self,
        columns: &NoiseColumns,
        second_order: bool,
        steps: &[usize],
        threads: Threads,
    ) -> Fluctuations {
        self.driven(columns, second_order, None, steps, threads)
    }

    /// The same under the noise of mini-batches.
    fn driven(
        &self,
        columns: &NoiseColumns,
        second_order: bool,
        batch_noise: Option<BatchNoise>,
        steps: &[usize],
        threads: Threads,
    ) -> Fluctuations {
        let network = Network::from(self.network.clone());
        let system = TangentSystem {
            ensemble: self.ensemble(&network),
            columns,
            second_order,
            batch_noise,
            given: None,
            threads,
        };
        self.run(system, None, steps)
    }

    /// The first order along Brownian paths of the neurons.
    fn heated(&self, columns: &NoiseColumns, noise: &Brownian, steps: &[usize]) -> Fluctuations {
        let ensemble = self.ensemble(&noise.network);
        let threads = Threads::One;
        let system = TangentSystem { ensemble, columns, second_order: false, batch_noise: None, given: None, threads };
        self.run(system, Some(Box::new(noise.clone())), steps)
    }

    fn ensemble<'a>(&'a self, network: &'a Network) -> Ensemble<'a, f64> {
        Ensemble { network, width: self.width, population: &self.sample, objective: self.objective }
    }

    fn run(&self, system: TangentSystem<'_>, noise: Option<Box<dyn Noise<f64>>>, steps: &[usize]) -> Fluctuations {
        let (scheme, start, times) = (self.scheme(), self.start(), self.times(steps));
        let run = TangentRun { system, scheme, start, noise, times: &times, features_at: &[2] };
        run.propagate().unwrap()
    }

    /// Predictions (n, K), and `E|phi|^2` and `|theta|^2`, averaged with `weights`, of canonical parameters.
    fn averages(&self, weights: &[f64], theta: &[f64]) -> (Vec<f64>, [f64; 2]) {
        let TwoLayer { inputs, outputs, .. } = self.network;
        let (mut f, mut square, mut norm) = (vec![0.0; self.sample.y.len()], 0.0, 0.0);
        let n = self.sample.x.len() / inputs;
        for (neuron, p) in theta.chunks_exact(self.network.parameters()).zip(weights) {
            norm += p * neuron[self.network.trained()].iter().map(|v| v * v).sum::<f64>();
            for (s, x) in self.sample.x.chunks_exact(inputs).enumerate() {
                let value = self.network.activation.value(pre_activation(&self.network, neuron, x));
                for k in 0..outputs {
                    let phi = neuron[neuron.len() - outputs + k] * value;
                    f[s * outputs + k] += p * phi;
                    square += p * phi * phi / n as f64;
                }
            }
        }
        (f, [square, norm])
    }

    /// The averages of a nonlinear cloud with these weights after each number of steps.
    fn weighted(&self, weights: &[f64], steps: &[usize]) -> Vec<(Vec<f64>, [f64; 2])> {
        self.perturbed(weights, None, steps)
    }

    /// The same under the noise of a column of mini-batches, times an amplitude.
    fn perturbed(
        &self,
        weights: &[f64],
        noise: Option<(BatchNoise, usize, f64)>,
        steps: &[usize],
    ) -> Vec<(Vec<f64>, [f64; 2])> {
        let state = State { theta: self.theta.clone(), momentum: self.momentum.clone(), step: 0, time: 0.0 };
        let integrator = self.scheme().integrator(state.theta.len(), state.theta.len());
        let force = PlainWeightedForce { case: self.clone(), weights: weights.to_vec(), noise };
        let mut simulation = Simulation { state, integrator, force: Box::new(force), noise: Box::new(NoNoise) };
        let mut out = Vec::new();
        for step in 0..=*steps.last().unwrap() {
            if steps.contains(&step) {
                out.push(self.averages(weights, &simulation.state.theta));
            }
            simulation.step();
        }
        out
    }
}

fn pre_activation(network: &TwoLayer, neuron: &[f64], x: &[f64]) -> f64 {
    let d = network.inputs;
    neuron[..d].iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + if network.bias { neuron[d] } else { 0.0 }
}

/// The gradient of the potential in the field of a cloud with unequal weights, by plain loops.
struct PlainWeightedForce {
    case: CloudCase,
    weights: Vec<f64>,
    noise: Option<(BatchNoise, usize, f64)>,
}

impl Force<f64> for PlainWeightedForce {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        let CloudCase { network, sample, objective, .. } = &self.case;
        let (d, outputs, p) = (network.inputs, network.outputs, network.parameters());
        let f = self.case.averages(&self.weights, theta).0;
        let mut e = vec![0.0; f.len()];
        objective.loss.residuals(&f, &sample.y, outputs, &mut e);
        if let Some((noise, column, amplitude)) = self.noise {
            let mut w = vec![0.0; e.len() / outputs];
            noise.draw(column, step, &mut w);
            e.iter_mut().enumerate().for_each(|(at, e)| *e *= 1.0 + amplitude * w[at / outputs]);
        }
        out.fill(0.0);
        for (neuron, out) in theta.chunks_exact(p).zip(out.chunks_exact_mut(p)) {
            let a = &neuron[p - outputs..];
            for (x, e) in sample.x.chunks_exact(d).zip(e.chunks_exact(outputs)) {
                let z = pre_activation(network, neuron, x);
                let ea: f64 = e.iter().zip(a).map(|(e, a)| e * a).sum();
                let delta = ea * network.activation.derivative(z);
                (0..d).for_each(|j| out[j] += delta * x[j]);
                if network.bias {
                    out[d] += delta;
                }
                (0..outputs).for_each(|k| out[p - outputs + k] += e[k] * network.activation.value(z));
            }
            let trained = network.trained();
            for (row, out) in out.iter_mut().enumerate() {
                *out = if trained.contains(&row) { *out + objective.ridge * neuron[row] } else { 0.0 };
            }
        }
        objective.loss.mean(&f, &sample.y, outputs)
    }
}

/// Centred weights of a few columns without pattern, (M, C).
fn scattered_columns(particles: usize, columns: usize) -> NoiseColumns {
    let mut weights: Vec<f64> = (0..particles * columns).map(|i| scattered(i + 31)).collect();
    for c in 0..columns {
        let mean = (0..particles).map(|i| weights[i * columns + c]).sum::<f64>() / particles as f64;
        (0..particles).for_each(|i| weights[i * columns + c] -= mean);
    }
    NoiseColumns::given(particles, weights)
}

/// The largest difference of two slices divided by the largest entry of the second.
fn relative(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let difference = found.iter().zip(expected).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    if difference == 0.0 { 0.0 } else { difference / scale }
}
