//! Networks of an activation, a loss and an initial law that the program does not have, beside their mean-field limit.
//!
//! An activation of an experiment file is compiled into the kernels, so that a new one is a change of the program
//! (docs/extending.md). From outside, a user implements [`Force`], the gradient of the potential of every neuron; all
//! integrators of the library take it, for networks and for the limit. Here the neuron is `a sin(w x + b)`, the loss is
//! `log cosh (f - y)`, and the parameters at time 0 have Laplace's law.
//!
//! A network of width N starts from N of the limit's particles, and its neurons stay within O(1/sqrt(N)) of them (WKM,
//! theorem 1): the distance, averaged over seeds, is halved where the width is multiplied by four.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::error::Error;
use widelimit::dynamics::{Force, Method, Motion, Scheme, Simulation, State};

const PARTICLES: usize = 4096;
const WIDTHS: [usize; 3] = [16, 64, 256];
const SEEDS: usize = 16;
const HORIZON: f64 = 2.0;
const FRICTION: f64 = 1.0;

/// Parameters of a neuron: w, b and a.
const PARAMETERS: usize = 3;

/// The activation and its derivative.
fn activation(z: f64) -> (f64, f64) {
    z.sin_cos()
}

/// The loss of a prediction f for the label y, and its derivative in f.
fn loss(f: f64, y: f64) -> (f64, f64) {
    ((f - y).cosh().ln(), (f - y).tanh())
}

/// A draw of Laplace's law with mean 0 and this scale, from a number in (0, 1).
fn laplace(uniform: f64, scale: f64) -> f64 {
    let centred = uniform - 0.5;
    -scale * centred.signum() * (1.0 - 2.0 * centred.abs()).ln()
}

/// The sample, and the gradient over it.
#[derive(Clone)]
struct Regression {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Regression {
    /// The prediction for an input: the mean over the neurons.
    fn predict(&self, theta: &[f64], x: f64) -> f64 {
        let neurons = theta.chunks_exact(PARAMETERS);
        let width = neurons.len() as f64;
        neurons.map(|neuron| neuron[2] * activation(neuron[0] * x + neuron[1]).0).sum::<f64>() / width
    }

    /// The mean loss.
    fn risk(&self, theta: &[f64]) -> f64 {
        let losses = self.x.iter().zip(&self.y).map(|(&x, &y)| loss(self.predict(theta, x), y).0);
        losses.sum::<f64>() / self.x.len() as f64
    }
}

impl Force<f64> for Regression {
    /// The gradient of the potential of every neuron, which is N times that of the risk: in these units it does not depend
    /// on the width.
    fn gradient(&mut self, _step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        out.fill(0.0);
        let samples = self.x.len() as f64;
        let mut mean = 0.0;
        for (&x, &y) in self.x.iter().zip(&self.y) {
            let (value, slope) = loss(self.predict(theta, x), y);
            mean += value / samples;
            for (neuron, gradient) in theta.chunks_exact(PARAMETERS).zip(out.chunks_exact_mut(PARAMETERS)) {
                let (sigma, derivative) = activation(neuron[0] * x + neuron[1]);
                let hidden = slope / samples * neuron[2] * derivative;
                gradient[0] += hidden * x;
                gradient[1] += hidden;
                gradient[2] += slope / samples * sigma;
            }
        }
        mean
    }
}

/// The largest relative error of the gradient against central differences of the risk.
fn gradient_error(problem: &Regression, theta: &[f64]) -> f64 {
    let (width, step) = ((theta.len() / PARAMETERS) as f64, 1e-5);
    let mut gradient = vec![0.0; theta.len()];
    problem.clone().gradient(0, theta, &mut gradient);
    let largest = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
    let error = |i: usize| {
        let at = |shift: f64| {
            let mut moved = theta.to_vec();
            moved[i] += shift;
            problem.risk(&moved)
        };
        (width * (at(step) - at(-step)) / (2.0 * step) - gradient[i]).abs()
    };
    (0..theta.len()).map(error).fold(0.0, f64::max) / largest
}

/// The parameters at the horizon from these at time 0.
fn trained(problem: &Regression, start: &[f64], method: Method, step: f64) -> Vec<f64> {
    let motion = Motion { step, friction: FRICTION, temperature: 0.0, first_order: false, tolerance: 0.0 };
    let integrator = Scheme { method, motion }.integrator(start.len(), start.len());
    let mut simulation = Simulation::noise_free(State::at_rest(start.to_vec()), integrator, problem.clone());
    while simulation.state.time < HORIZON - 0.5 * step {
        simulation.step();
    }
    simulation.state.theta
}

/// Trains the networks and the limit and prints their distances.
pub fn main() -> Result<(), Box<dyn Error>> {
    let x: Vec<f64> = (0..20).map(|i| -1.0 + f64::from(i) / 9.5).collect();
    let problem = Regression { y: x.iter().map(|x| 0.8 * (3.0 * x).sin()).collect(), x };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let scales = [1.0, 0.5, 1.0].into_iter().cycle().take(PARAMETERS * PARTICLES);
    let start: Vec<f64> = scales.map(|scale| laplace(random.random_range(1e-9..1.0), scale)).collect();

    let error = gradient_error(&problem, &start[..PARAMETERS * WIDTHS[0]]);
    println!("relative error of the gradient: {error:.1e}");
    assert!(error < 1e-7, "the gradient is that of the risk");

    let limit = trained(&problem, &start, Method::Rk4, 0.125);
    let (first, last) = (problem.risk(&start), problem.risk(&limit));
    println!("risk of the limit: {first:.4} at time 0, {last:.4} at time {HORIZON}");
    assert!(last < 0.8 * first, "training reduces the risk");

    let mut distances = Vec::new();
    for width in WIDTHS {
        let mut square = 0.0;
        for seed in 0..SEEDS {
            let own = PARAMETERS * width * seed..PARAMETERS * width * (seed + 1);
            let network = trained(&problem, &start[own.clone()], Method::HeavyBall, 1.0 / 128.0);
            let squares = network.iter().zip(&limit[own]).map(|(network, limit)| (network - limit).powi(2));
            square += squares.sum::<f64>() / (width * SEEDS) as f64;
        }
        println!("N = {width:>3}: distance {:.4}, times sqrt(N) {:.3}", square.sqrt(), (square * width as f64).sqrt());
        distances.push(square.sqrt());
    }
    for pair in distances.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((1.5..2.6).contains(&ratio), "four times the width halves the distance, and the ratio is {ratio}");
    }
    Ok(())
}
