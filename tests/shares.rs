//! Sums over neurons that are divided into shares: exact, by the tree that is documented, and with the same bits on any
//! number of threads and ranks.

use crate::common::{Problem, SEED, bits, motion};
use rayon::ThreadPoolBuilder;
use std::ops::Range;
use widelimit::compute::Threads;
use widelimit::dynamics::{BatchSource, Batches, Brownian, Method, Motion, NetworkForce, Scheme, State};
use widelimit::network::{Activation, Loss, Model, Network, Portion, Shares, TwoLayer, Workspace};
use widelimit::ranks::{SingleRank, run_in_process};

/// Neurons with `outputs` outputs; 700 of them are 22 blocks, in superblocks of five.
fn network(outputs: usize, activation: Activation) -> TwoLayer {
    TwoLayer { inputs: 3, outputs, bias: true, activation, fixed_output: false }
}

fn shares(width: usize) -> Shares {
    Shares::of(width, 1).unwrap()
}

fn predict(problem: &Problem, portion: Portion, theta: &[f64], threads: Threads) -> Vec<f64> {
    let model = Model { network: &problem.network, width: problem.width, threads };
    Workspace::over(portion).predict(model, theta, &problem.population.x)
}

/// Neurons whose weights are whole numbers have predictions that are whole numbers over N, whatever the order of sums.
#[test]
fn sums_of_whole_numbers_are_exact() {
    for (width, samples, outputs) in [(700, 37, 2), (200, 2500, 1), (20_000, 3, 1)] {
        let mut problem =
            Problem::random(network(outputs, Activation::Relu), width, samples, Loss::HalfSquared, 0.0, 3);
        problem.population.x.iter_mut().for_each(|x| *x = (8.0 * *x).round());
        let whole: Vec<f64> = problem.random_neurons(1).iter().map(|v| (8.0 * v).round()).collect();
        let found = predict(&problem, Portion::whole(shares(width)), &problem.lay(&whole), Threads::Pool);
        for (s, x) in problem.population.x.chunks_exact(3).enumerate() {
            for k in 0..outputs {
                let neuron = |v: &[f64]| {
                    let z: i64 = (0..3).map(|j| v[j] as i64 * x[j] as i64).sum::<i64>() + v[3] as i64;
                    v[4 + k] as i64 * z.max(0)
                };
                let exact: i64 = whole.chunks_exact(4 + outputs).map(neuron).sum();
                assert_eq!(found[s * outputs + k], exact as f64 / width as f64, "{width} {s} {k}");
            }
        }
    }
}

/// 224 neurons have seven superblocks of one block in shares of 1, 2, 2, 2: the sum is `(p0 + (p1 + p2)) + ((p3 + p4) +
/// (p5 + p6))`, where p are the sums over blocks. A power of two of neurons makes the division by their number exact.
#[test]
fn the_tree_is_the_documented_one() {
    let (width, samples) = (224, 40);
    let problem = Problem::random(network(1, Activation::Tanh), width, samples, Loss::HalfSquared, 0.0, 3);
    let neurons = problem.random_neurons(1);
    let ends: Vec<Range<usize>> = (0..4).map(|share| shares(width).neurons(share..share + 1)).collect();
    assert_eq!(ends, [0..32, 32..96, 96..160, 160..224]);
    let block = |index: usize| -> Vec<f64> {
        let own = problem.network.from_canonical(32, &neurons[index * 32 * 5..(index + 1) * 32 * 5]);
        let f = problem.network.predict(32, &own, &problem.population.x, Threads::One);
        f.into_iter().map(|f| 32.0 * f).collect()
    };
    let p: Vec<Vec<f64>> = (0..7).map(block).collect();
    let expected: Vec<f64> = (0..samples)
        .map(|s| ((p[0][s] + (p[1][s] + p[2][s])) + ((p[3][s] + p[4][s]) + (p[5][s] + p[6][s]))) / 224.0)
        .collect();
    let theta = problem.lay(&neurons);
    let found = predict(&problem, Portion::whole(shares(width)), &theta, Threads::One);
    assert_eq!(bits(&found), bits(&expected));
    // The chain of narrow layers has other bits: the test can tell them apart.
    let chain = problem.network.predict(width, &theta, &problem.population.x, Threads::One);
    assert_ne!(bits(&found), bits(&chain));
}

/// What one rank of a run has at its end: losses, neurons and momenta of its own, and the time.
#[derive(PartialEq, Debug)]
struct Found {
    losses: Vec<u64>,
    theta: Vec<u64>,
    momentum: Vec<u64>,
    time: u64,
    mean_square: u64,
}

/// A dynamics: the method, where batches come from, the temperature, and a number of steps.
struct Dynamics {
    method: Method,
    source: fn() -> BatchSource<'static>,
    temperature: f64,
    steps: usize,
}

fn run(problem: &Problem, portion: Portion, threads: Threads, dynamics: &Dynamics) -> Found {
    let Dynamics { method, source, temperature, steps } = *dynamics;
    let (two, at) = (problem.two(), portion.neurons());
    let whole = problem.random_state(2, 0.3);
    let own = |state: &[f64]| {
        let canonical = problem.network.to_canonical(problem.width, state);
        let p = two.parameters();
        problem.network.from_canonical(at.len(), &canonical[at.start * p..at.end * p])
    };
    let mut state = State { theta: own(&whole.theta), momentum: own(&whole.momentum), step: 0, time: 0.0 };
    let motion = Motion { temperature, tolerance: 1e-6, ..motion(0.02, 1.0) };
    let coordinates = problem.network.coordinates(problem.width);
    let mut integrator = Scheme { method, motion }.integrator_over(portion.clone(), coordinates, state.theta.len());
    let batches = Batches { source: source(), seed: SEED, replica: 3 };
    let ensemble = problem.ensemble::<Network>(&problem.network);
    let mut force = NetworkForce::new(ensemble, batches, threads).over(portion.clone());
    let (network, first) = (problem.network.clone(), at.start as u64);
    let mut noise = Brownian { seed: 1, first, network, width: at.len(), ticks: 1 };
    let losses = (0..steps).map(|_| integrator.step(&mut force, &mut noise, &mut state)).collect::<Vec<f64>>();
    assert!(losses.iter().all(|loss| loss.is_finite()) && losses[steps - 1] != losses[0]);
    let mean_square = two.mean_square_over(&portion, &state.momentum).to_bits();
    let (theta, momentum) = (bits(&state.theta), bits(&state.momentum));
    Found { losses: bits(&losses), theta, momentum, time: state.time.to_bits(), mean_square }
}

/// A run on any number of threads and of ranks has the bits of that on one thread of one rank.
fn divide(outputs: usize, width: usize, samples: usize, dynamics: &Dynamics) {
    let problem = Problem::random(network(outputs, Activation::Tanh), width, samples, Loss::HalfSquared, 0.1, 4);
    let shares = shares(width);
    let expected = run(&problem, Portion::whole(shares), Threads::One, dynamics);
    for threads in 1..=3 {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| run(&problem, Portion::whole(shares), Threads::Pool, dynamics));
        assert_eq!(found, expected, "{threads} threads");
    }
    for size in [2, 3, shares.count()] {
        let parts = run_in_process(size, |ranks| run(&problem, Portion::of(shares, ranks), Threads::One, dynamics));
        let joined = |part: fn(&Found) -> &Vec<u64>| parts.iter().flat_map(part).copied().collect::<Vec<u64>>();
        for part in &parts {
            assert_eq!(part.losses, expected.losses, "{size} ranks");
            assert_eq!((part.time, part.mean_square), (expected.time, expected.mean_square), "{size} ranks");
        }
        assert_eq!(joined(|part| &part.theta), expected.theta, "{size} ranks");
        assert_eq!(joined(|part| &part.momentum), expected.momentum, "{size} ranks");
    }
}

#[test]
fn full_gradients_with_noise() {
    let source = || BatchSource::Full;
    divide(2, 700, 60, &Dynamics { method: Method::HeavyBall, source, temperature: 0.2, steps: 5 });
    divide(1, 700, 60, &Dynamics { method: Method::Baoab, source, temperature: 0.2, steps: 5 });
    divide(1, 700, 60, &Dynamics { method: Method::GradientDescent, source, temperature: 0.0, steps: 5 });
}

/// Batches of one, of two and of more samples have kernels of their own.
#[test]
fn batches() {
    let method = Method::HeavyBall;
    for (size, source) in [1, 2, 20, 40].into_iter().zip([
        (|| BatchSource::Indices { size: 1 }) as fn() -> BatchSource<'static>,
        || BatchSource::Indices { size: 2 },
        || BatchSource::Indices { size: 20 },
        || BatchSource::Indices { size: 40 },
    ]) {
        let width = if size < 20 { 1500 } else { 700 };
        divide(1, width, 60, &Dynamics { method, source, temperature: 0.0, steps: 6 });
    }
}

/// The error norm of adaptive steps is a sum over neurons too.
#[test]
fn adaptive_and_other_steps() {
    let source = || BatchSource::Full;
    divide(2, 700, 60, &Dynamics { method: Method::DormandPrince, source, temperature: 0.0, steps: 4 });
    divide(1, 700, 30, &Dynamics { method: Method::Rk4, source, temperature: 0.0, steps: 3 });
    divide(1, 700, 30, &Dynamics { method: Method::KickDriftKick, source, temperature: 0.0, steps: 3 });
}

/// Layers from 2^20 neurons on are divided without being asked.
#[test]
fn wide_layers_are_divided() {
    let width = Shares::FROM;
    let problem = Problem::random(network(1, Activation::Relu), width, 2, Loss::HalfSquared, 0.0, 3);
    let theta = problem.lay(&problem.random_neurons(1));
    let default = problem.network.predict(width, &theta, &problem.population.x, Threads::One);
    let portion = Portion::of(Shares::of(width, Shares::FROM).unwrap(), SingleRank::ranks());
    assert_eq!(bits(&default), bits(&predict(&problem, portion, &theta, Threads::Pool)));
    let squares = problem.network.mean_square(width, &theta);
    assert!((squares - 5.0).abs() < 0.02, "{squares}");
}
