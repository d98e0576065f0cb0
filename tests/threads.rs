//! The number of threads changes no bit of a prediction, a gradient or a run.

mod common;

use common::{Problem, bits, motion};
use rayon::ThreadPoolBuilder;
use widelimit::choice::Choice;
use widelimit::compute::Threads;
use widelimit::dynamics::{BatchSource, Brownian, Method, Motion};
use widelimit::network::{Activation, Batch, Loss, Objective, ThreeLayer, TwoLayer};

/// What `work` gives on one thread, then inside pools of 1, 2 and 3 threads.
fn on_every_pool<T: Send>(work: impl Fn(Threads) -> T + Sync) -> Vec<T> {
    let mut results = vec![work(Threads::One)];
    for threads in 1..=3 {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        results.push(pool.install(|| work(Threads::Pool)));
    }
    results
}

fn all_equal<T: PartialEq>(results: &[T]) -> bool {
    results.windows(2).all(|pair| pair[0] == pair[1])
}

/// 530 neurons in five superblocks, of which the last is partial: 530 * 100 * 12 multiply-adds, three times the work
/// from which a pass uses the pool.
fn large() -> Problem {
    let network = TwoLayer { inputs: 9, outputs: 2, bias: true, activation: Activation::Tanh, fixed_output: false };
    Problem::random(network, 530, 100, Loss::HalfSquared, 0.1, 4)
}

/// 150 and 300 neurons in hidden layers of five and ten blocks, the last of each partial.
fn deep() -> Problem {
    let activations = [Activation::Tanh, Activation::Gelu];
    let (inputs, outputs, bias, fixed_output) = (9, 2, true, false);
    let network = ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions: [1, 2] };
    Problem::random(network, 150, 60, Loss::HalfSquared, 0.1, 4)
}

#[test]
fn passes_of_three_layers() {
    let problem = deep();
    let theta = problem.lay(&problem.random_neurons(1));
    let narrow: Vec<f32> = theta.iter().map(|&v| v as f32).collect();
    let (net, population) = (&problem.network, &problem.population);
    let x = population.x.iter().map(|&x| x as f32).collect();
    let batch = Batch { x, y: population.y.clone() };
    let objective = Objective { loss: problem.loss, ridge: 0.1 };
    let results = on_every_pool(|threads| {
        let f = net.predict(150, &theta, &population.x, threads);
        let (mut g, mut h) = (vec![1.0; theta.len()], vec![1.0_f32; theta.len()]);
        let mean = net.potential_gradient(150, &theta, population, objective, threads, &mut g);
        net.potential_gradient(150, &narrow, &batch, objective, threads, &mut h);
        (bits(&f), mean.to_bits(), bits(&g), h.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    });
    assert!(all_equal(&results));
}

#[test]
fn steps_of_three_layers() {
    run(&deep(), Method::HeavyBall, || BatchSource::Indices { size: 30 }, 0.0, 100);
    run(&deep(), Method::Baoab, || BatchSource::Full, 0.2, 4);
    run(&deep(), Method::Rk4, || BatchSource::Full, 0.0, 10);
}

#[test]
fn passes_in_double_precision() {
    for (loss, outputs) in [(Loss::HalfSquared, 1), (Loss::Softmax, 3)] {
        for &activation in Activation::ALL {
            let name = activation.name();
            let network = TwoLayer { inputs: 9, outputs, bias: true, activation, fixed_output: false };
            let problem = Problem::random(network, 530, 101, loss, 0.1, 4);
            let theta = problem.lay(&problem.random_neurons(1));
            let (net, population) = (&problem.network, &problem.population);
            let results = on_every_pool(|threads| {
                let f = net.predict(530, &theta, &population.x, threads);
                let mut g = vec![1.0; theta.len()];
                let mean =
                    net.potential_gradient(530, &theta, population, Objective { loss, ridge: 0.1 }, threads, &mut g);
                (bits(&f), mean.to_bits(), bits(&g))
            });
            assert!(all_equal(&results), "{name}");
        }
    }
}

#[test]
fn passes_in_single_precision() {
    let problem = large();
    let theta: Vec<f32> = problem.lay(&problem.random_neurons(1)).iter().map(|&v| v as f32).collect();
    let x = problem.population.x.iter().map(|&x| x as f32).collect();
    let batch = Batch { x, y: problem.population.y.clone() };
    let results = on_every_pool(|threads| {
        let f = problem.network.predict(530, &theta, &batch.x, threads);
        let mut g = vec![1.0_f32; theta.len()];
        problem.network.potential_gradient(
            530,
            &theta,
            &batch,
            Objective { loss: problem.loss, ridge: 0.1 },
            threads,
            &mut g,
        );
        (bits(&f), g.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    });
    assert!(all_equal(&results));
}

/// Bits of the state after this many steps.
fn run(problem: &Problem, method: Method, source: fn() -> BatchSource<'static>, temperature: f64, steps: u64) {
    let results = on_every_pool(|threads| {
        let mut state = problem.random_state(2, 0.3);
        let mut integrator = problem.integrator(method, Motion { temperature, tolerance: 1e-6, ..motion(0.02, 1.0) });
        let mut force = problem.force_from(source(), threads);
        let (network, width) = (problem.network.clone(), problem.width);
        let mut noise = Brownian { seed: 1, first: 0, network, width, ticks: 1 };
        let mut losses = Vec::new();
        for _ in 0..steps {
            losses.push(integrator.step(&mut force, &mut noise, &mut state));
        }
        assert!(losses.iter().all(|loss| loss.is_finite()) && losses[losses.len() - 1] != losses[0]);
        (bits(&losses), bits(&state.theta), bits(&state.momentum), state.time.to_bits())
    });
    assert!(all_equal(&results), "{method:?}");
}

#[test]
fn five_hundred_steps_of_stochastic_heavy_ball() {
    run(&large(), Method::HeavyBall, || BatchSource::Indices { size: 40 }, 0.2, 500);
}

#[test]
fn five_hundred_steps_of_the_noisy_limit() {
    run(&large(), Method::Baoab, || BatchSource::Full, 0.2, 500);
}

#[test]
fn adaptive_steps() {
    run(&large(), Method::DormandPrince, || BatchSource::Full, 0.0, 40);
}

#[test]
fn kick_drift_kick_and_runge_kutta() {
    run(&large(), Method::KickDriftKick, || BatchSource::Full, 0.0, 100);
    run(&large(), Method::Rk4, || BatchSource::Full, 0.0, 50);
}
