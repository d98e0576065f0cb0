//! Stochastic heavy ball is SGD with Polyak momentum as frameworks write it, with momentum `1 - gamma eps` and
//! learning rate `eps^2` on the N-scaled gradient; plain SGD has learning rate eps. theory.md section 2.

use crate::common::{Problem, REPLICA, SEED, motion, naive};
use widelimit::compute::Threads;
use widelimit::dynamics::batches::batch_indices;
use widelimit::dynamics::{BatchSource, Method, Motion, NoNoise, State};
use widelimit::network::{Activation, Batch, Loss, TwoLayer};

const STEPS: u64 = 200;
const STEP: f64 = 0.05;
const FRICTION: f64 = 1.7;
/// Batch sizes; `None` is the whole population.
const BATCHES: [Option<usize>; 3] = [None, Some(7), Some(1)];

fn problem(loss: Loss, outputs: usize, fixed_output: bool) -> Problem {
    let network = TwoLayer { inputs: 3, outputs, bias: true, activation: Activation::Tanh, fixed_output };
    Problem::random(network, 18, 25, loss, 0.2, 8)
}

fn source(size: Option<usize>) -> BatchSource<'static> {
    size.map_or(BatchSource::Full, |size| BatchSource::Indices { size })
}

/// The samples of a step.
fn batch(problem: &Problem, step: u64, size: Option<usize>) -> Batch<f64> {
    let Some(size) = size else { return problem.population.clone() };
    let (d, k) = (problem.network.inputs(), problem.network.outputs());
    let Batch { x, y } = &problem.population;
    let drawn = batch_indices(SEED, REPLICA, step, y.len() / k, size);
    assert_eq!(drawn.len(), size);
    Batch {
        x: drawn.iter().flat_map(|i| x[i * d..(i + 1) * d].to_vec()).collect(),
        y: drawn.iter().flat_map(|i| y[i * k..(i + 1) * k].to_vec()).collect(),
    }
}

/// Runs the method and `theta <- update(theta, gradient)` side by side; they must agree after every step.
fn side_by_side(
    problem: &Problem,
    method: Method,
    terms: Motion,
    size: Option<usize>,
    mut update: impl FnMut(&mut [f64], &[f64]),
) {
    let mut theta = problem.random_neurons(2);
    let start = theta.clone();
    let mut state = State::at_rest(problem.lay(&theta));
    let mut force = problem.force_from(source(size), Threads::One);
    let mut integrator = problem.integrator(method, terms);
    let mut worst: f64 = 0.0;
    for step in 0..STEPS {
        let (gradient, _) = naive::gradient(problem, &theta, &batch(problem, step, size));
        update(&mut theta, &gradient);
        integrator.step(&mut force, &mut NoNoise, &mut state);
        for (a, b) in problem.network.to_canonical(problem.width, &state.theta).iter().zip(&theta) {
            worst = worst.max((a - b).abs() / b.abs().max(1.0));
        }
    }
    println!("{method:?}, batch {size:?}: {worst:.1e}");
    assert!(worst < 1e-12, "{method:?}, batch {size:?}: {worst}");
    let travelled = theta.iter().zip(&start).fold(0.0_f64, |far, (a, b)| far.max((a - b).abs()));
    assert!(travelled > 0.1, "went nowhere");
}

fn problems() -> [Problem; 3] {
    [problem(Loss::HalfSquared, 2, false), problem(Loss::Softmax, 3, false), problem(Loss::Logistic, 1, true)]
}

#[test]
fn heavy_ball_is_sgd_with_momentum() {
    for problem in problems() {
        for size in BATCHES {
            let (momentum, rate) = (1.0 - FRICTION * STEP, STEP * STEP);
            let mut v = vec![0.0; problem.random_neurons(2).len()];
            side_by_side(&problem, Method::HeavyBall, motion(STEP, FRICTION), size, |theta, gradient| {
                for ((theta, v), g) in theta.iter_mut().zip(&mut v).zip(gradient) {
                    *v = momentum * *v + g;
                    *theta -= rate * *v;
                }
            });
        }
    }
}

#[test]
fn gradient_descent_is_sgd() {
    for problem in problems() {
        for size in BATCHES {
            let terms = Motion { first_order: true, ..motion(STEP, 0.0) };
            side_by_side(&problem, Method::GradientDescent, terms, size, |theta, gradient| {
                theta.iter_mut().zip(gradient).for_each(|(theta, g)| *theta -= STEP * g);
            });
        }
    }
}

#[test]
fn batches_differ_from_step_to_step_and_are_uniform() {
    let (n, size, steps) = (25, 7, 20_000);
    let mut counts = vec![0.0; n];
    for step in 0..steps {
        batch_indices(11, 3, step, n, size).into_iter().for_each(|i| counts[i] += 1.0);
    }
    let draws = steps as f64 * size as f64;
    let (expected, p) = (draws / n as f64, 1.0 / n as f64);
    let sigma = (draws * p * (1.0 - p)).sqrt();
    assert!(counts.iter().all(|c| (c - expected).abs() < 5.0 * sigma), "{counts:?}");
    assert_ne!(batch_indices(11, 3, 0, n, size), batch_indices(11, 3, 1, n, size));
    assert_ne!(batch_indices(11, 3, 0, n, size), batch_indices(11, 4, 0, n, size));
}
