//! The shared harness: problems with a network, a population and a loss; the closed form of the linear neuron;
//! a naive gradient; log-log slopes.

// Every test crate compiles its own copy and uses its part.
#![allow(dead_code)]

pub mod experiment;
pub mod figure_texts;
pub mod naive;

use rand::RngExt;
use rand_distr::StandardNormal;
use widelimit::compute::Threads;
use widelimit::compute::rng::{Role, stream};
use widelimit::dynamics::{
    BatchSource, Batches, Ensemble, Integrator, Method, Motion, NetworkForce, NoNoise, Scheme, State,
};
use widelimit::network::{Activation, Batch, Family, Loss, Network, Objective, ThreeLayer, TwoLayer};

/// Address of the batches that problems draw.
pub const SEED: u64 = 11;
pub const REPLICA: u64 = 3;

/// A network of fixed width on a fixed sample.
pub struct Problem {
    pub network: Network,
    pub width: usize,
    pub population: Batch<f64>,
    pub loss: Loss,
    pub ridge: f64,
}

impl Problem {
    /// Standard normal inputs, labels that fit the loss (normal, sign or one-hot).
    pub fn random(
        network: impl Into<Network>,
        width: usize,
        samples: usize,
        loss: Loss,
        ridge: f64,
        seed: u64,
    ) -> Self {
        let network = network.into();
        let x = normals(seed, 1, samples * network.inputs());
        let mut y = normals(seed, 2, samples * network.outputs());
        for row in y.chunks_exact_mut(network.outputs()) {
            match loss {
                Loss::HalfSquared => {}
                Loss::Logistic => row[0] = row[0].signum(),
                Loss::Softmax => {
                    let class = (row[0].to_bits() % row.len() as u64) as usize;
                    row.fill(0.0);
                    row[class] = 1.0;
                }
            }
        }
        Problem { network, width, population: Batch { x, y }, loss, ridge }
    }

    /// The two-layer network, where it is one.
    pub fn two(&self) -> &TwoLayer {
        match &self.network {
            Network::TwoLayer(network) => network,
            Network::ThreeLayer(_) => panic!("a network of three layers"),
        }
    }

    /// Canonical parameters: normal entries.
    pub fn random_neurons(&self, seed: u64) -> Vec<f64> {
        normals(seed, 3, self.network.parameters(self.width))
    }

    /// Whether each canonical parameter is trained.
    pub fn trained(&self) -> Vec<bool> {
        let families = self.network.families(self.width);
        let row = |family: &Family| (0..family.columns).map(|k| family.trained().contains(&k)).collect::<Vec<_>>();
        families.iter().flat_map(|family| row(family).repeat(family.rows)).collect()
    }

    /// The state slice of canonical neurons.
    pub fn lay(&self, canonical: &[f64]) -> Vec<f64> {
        self.network.from_canonical(self.width, canonical)
    }

    /// A state at time 0 with normal parameters, and normal momenta of this size on the trained rows.
    pub fn random_state(&self, seed: u64, momentum: f64) -> State<f64> {
        let mut state = State::at_rest(self.lay(&self.random_neurons(seed)));
        let drawn = normals(seed, 4, state.momentum.len());
        for (place, trained) in self.network.state_indices(self.width).into_iter().zip(self.trained()) {
            if trained {
                state.momentum[place] = momentum * drawn[place];
            }
        }
        state
    }

    /// The full-population gradient on one thread.
    pub fn force(&self) -> NetworkForce<'_, f64> {
        self.force_from(BatchSource::Full, Threads::One)
    }

    /// The gradient under a source of batches.
    pub fn force_from<'a>(&'a self, source: BatchSource<'a>, threads: Threads) -> NetworkForce<'a, f64> {
        NetworkForce::new(self.ensemble(&self.network), Batches { source, seed: SEED, replica: REPLICA }, threads)
    }

    /// The ensemble that it trains, as one of `network`: its own, or the two-layer network that it is.
    pub fn ensemble<'a, N>(&'a self, network: &'a N) -> Ensemble<'a, f64, N> {
        let objective = Objective { loss: self.loss, ridge: self.ridge };
        Ensemble { network, width: self.width, population: &self.population, objective }
    }

    /// The method's integrator for this problem.
    pub fn integrator(&self, method: Method, motion: Motion) -> Box<dyn Integrator<f64>> {
        let (coordinates, len) = (self.network.coordinates(self.width), self.network.state_len(self.width));
        Scheme { method, motion }.integrator(coordinates, len)
    }

    /// The risk `R`, ridge included.
    pub fn risk(&self, theta: &[f64]) -> f64 {
        let f = self.network.predict(self.width, theta, &self.population.x, Threads::One);
        self.loss.mean(&f, &self.population.y, self.network.outputs())
            + 0.5 * self.ridge * self.network.mean_square(self.width, theta)
    }

    /// Noise-free steps from `state` until its clock reaches `horizon`; `each` is called after every step.
    pub fn integrate(
        &self,
        method: Method,
        motion: Motion,
        mut state: State<f64>,
        horizon: f64,
        mut each: impl FnMut(&dyn Integrator<f64>, &State<f64>),
    ) -> State<f64> {
        let mut integrator = self.integrator(method, motion);
        let mut force = self.force();
        while state.time < horizon * (1.0 - 1e-12) {
            integrator.step(&mut force, &mut NoNoise, &mut state);
            each(integrator.as_ref(), &state);
        }
        state
    }
}

/// A two-layer tanh network that fits 30 random points: N = 20, d = 2, bias, trained output, ridge.
pub fn tanh_problem() -> Problem {
    let network = TwoLayer { inputs: 2, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
    Problem::random(network, 20, 30, Loss::HalfSquared, 0.1, 5)
}

/// The same with two hidden layers of 6 and 12 neurons, of different activations.
pub fn deep_problem() -> Problem {
    let activations = [Activation::Tanh, Activation::Gelu];
    let network =
        ThreeLayer { inputs: 2, outputs: 1, bias: true, activations, fixed_output: false, proportions: [1, 2] };
    Problem::random(network, 6, 30, Loss::HalfSquared, 0.1, 5)
}

/// Noise-free second-order motion.
pub fn motion(step: f64, friction: f64) -> Motion {
    Motion { step, friction, temperature: 0.0, first_order: false, tolerance: 0.0 }
}

/// The linear neuron `phi = theta x` with `E x^2 = 1` and `y = target x`; theory.md section 10, item 1.
pub fn linear(width: usize, target: f64, ridge: f64) -> Problem {
    let network = TwoLayer { inputs: 1, outputs: 1, bias: false, activation: Activation::Identity, fixed_output: true };
    let x = vec![0.5_f64.sqrt(), -(1.5_f64.sqrt())];
    let y = x.iter().map(|x| target * x).collect();
    Problem { network: network.into(), width, population: Batch { x, y }, loss: Loss::HalfSquared, ridge }
}

/// A linear neuron's state at time 0 from weights and momenta; output weights are 1.
pub fn linear_state(problem: &Problem, weights: &[f64], momenta: &[f64]) -> State<f64> {
    let canonical: Vec<f64> = weights.iter().flat_map(|&w| [w, 1.0]).collect();
    let momentum: Vec<f64> = momenta.iter().flat_map(|&r| [r, 0.0]).collect();
    State { theta: problem.lay(&canonical), momentum: problem.lay(&momentum), step: 0, time: 0.0 }
}

/// One coordinate of a linear neuron's state slice, neuron by neuron.
pub fn weights(problem: &Problem, slice: &[f64]) -> Vec<f64> {
    problem.network.to_canonical(problem.width, slice).chunks_exact(2).map(|neuron| neuron[0]).collect()
}

/// The exact solution of the linear neuron's noise-free limit at time `t`. The mean is an oscillator of stiffness
/// 1 + lambda about target / (1 + lambda), the distance from the mean one of stiffness lambda about 0.
pub fn linear_exact(problem: &Problem, target: f64, friction: f64, start: &State<f64>, t: f64) -> State<f64> {
    let (theta, r) = (weights(problem, &start.theta), weights(problem, &start.momentum));
    let (m, v) = (mean(&theta), mean(&r));
    let rest = target / (1.0 + problem.ridge);
    let (mean_at, mean_r) = oscillator(1.0 + problem.ridge, friction, m - rest, v, t);
    let (theta, r): (Vec<f64>, Vec<f64>) = theta
        .iter()
        .zip(&r)
        .map(|(&theta, &r)| {
            let (apart, apart_r) = oscillator(problem.ridge, friction, theta - m, r - v, t);
            (rest + mean_at + apart, mean_r + apart_r)
        })
        .unzip();
    State { time: t, ..linear_state(problem, &theta, &r) }
}

/// `(u, u')` at time `t` of `u'' = -friction u' - stiffness u`: under-, critically and over-damped.
pub fn oscillator(stiffness: f64, friction: f64, u: f64, v: f64, t: f64) -> (f64, f64) {
    let (half, square) = (0.5 * friction, 0.25 * friction * friction - stiffness);
    let decay = (-half * t).exp();
    // u = decay (u c + (v + half u) s), with c' = square s and s' = c.
    let (c, s) = if square.abs() < 1e-12 {
        (1.0, t)
    } else if square < 0.0 {
        let w = (-square).sqrt();
        ((w * t).cos(), (w * t).sin() / w)
    } else {
        let w = square.sqrt();
        ((w * t).cosh(), (w * t).sinh() / w)
    };
    (decay * (u * c + (v + half * u) * s), decay * (v * c - (half * v + stiffness * u) * s))
}

/// Largest difference of two states over all parameters and momenta.
pub fn distance(a: &State<f64>, b: &State<f64>) -> f64 {
    let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
    gap(&a.theta, &b.theta).max(gap(&a.momentum, &b.momentum))
}

/// Slope of the least-squares line through `(log x, log y)`.
pub fn slope(x: &[f64], y: &[f64]) -> f64 {
    let (x, y): (Vec<f64>, Vec<f64>) = x.iter().zip(y).map(|(x, y)| (x.ln(), y.ln())).unzip();
    let (mx, my) = (mean(&x), mean(&y));
    let (up, down) =
        x.iter().zip(&y).fold((0.0, 0.0), |(up, down), (x, y)| (up + (x - mx) * (y - my), down + (x - mx).powi(2)));
    up / down
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Independent standard normals at an address.
pub fn normals(seed: u64, address: u64, count: usize) -> Vec<f64> {
    let mut rng = stream(seed, Role::Population, address, 0);
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}

/// The bits of a slice, for exact comparisons that distinguish 0 from -0.
pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}
