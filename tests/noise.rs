//! Brownian paths belong to particles and to the common clock, whatever the width, offset and step of the
//! solver that feels them, so that coupled runs differ by their own errors only.

use crate::common::{Problem, mean, motion, slope, tanh_problem};
use widelimit::dynamics::{Brownian, Method, Motion, Noise, State};
use widelimit::network::{Activation, Loss, Network, ThreeLayer, TwoLayer, TwoLayerLayout};

/// Fixed outputs, so that one row is not trained.
fn network(parameters: usize) -> TwoLayer {
    let (inputs, activation) = (parameters - 1, Activation::Tanh);
    TwoLayer { inputs, outputs: 1, bias: false, activation, fixed_output: true }
}

fn brownian(first: u64, layout: TwoLayerLayout, ticks: u64) -> Brownian {
    let network = network(layout.parameters).into();
    Brownian { seed: 21, first, network, width: layout.width, ticks }
}

fn normals(noise: &mut Brownian, step: u64) -> Vec<f64> {
    let mut out = vec![9.0; noise.network.state_len(noise.width)];
    noise.normals(step, &mut out);
    out
}

#[test]
fn coarse_increments_are_normalised_sums_of_fine_ones() {
    let layout = TwoLayerLayout { width: 19, parameters: 4 };
    let mut fine = brownian(5, layout, 1);
    for ticks in [2, 4] {
        let mut coarse = brownian(5, layout, ticks);
        for step in 0..20 {
            let mut sum = vec![0.0; layout.len()];
            for tick in step * ticks..(step + 1) * ticks {
                sum.iter_mut().zip(normals(&mut fine, tick)).for_each(|(sum, v)| *sum += v);
            }
            for (coarse, sum) in normals(&mut coarse, step).iter().zip(&sum) {
                assert!((coarse - sum / (ticks as f64).sqrt()).abs() < 1e-14);
            }
        }
    }
}

#[test]
fn a_window_of_particles_has_the_noise_of_the_whole() {
    let (whole, part) = (TwoLayerLayout { width: 60, parameters: 3 }, TwoLayerLayout { width: 21, parameters: 3 });
    for (first, step) in [(0, 0), (7, 3), (39, 1000)] {
        let (all, window) = (normals(&mut brownian(0, whole, 2), step), normals(&mut brownian(first, part, 2), step));
        for i in 0..part.width {
            for row in 0..2 {
                let same = all[whole.index(first as usize + i, row)];
                assert_eq!(window[part.index(i, row)].to_bits(), same.to_bits());
                assert_ne!(same, 0.0);
            }
        }
    }
}

#[test]
fn a_window_of_both_indices_has_the_noise_of_the_whole() {
    let (inputs, outputs, bias, fixed_output) = (3, 2, true, true);
    let activations = [Activation::Tanh; 2];
    let network: Network = ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions: [2, 1] }.into();
    let path = |first: u64, width: usize| Brownian { seed: 21, first, network: network.clone(), width, ticks: 2 };
    let canonical = |noise: &mut Brownian| network.to_canonical(noise.width, &normals(noise, 5));
    let (all, part) = (canonical(&mut path(0, 40)), canonical(&mut path(13, 17)));
    assert_eq!(network.subnetwork(40, &all, 13, 17), part);
    // Fixed outputs feel nothing; everything else its own.
    let idle = part.iter().filter(|v| **v == 0.0).count();
    assert_eq!(idle, 17 * 2);
    let distinct: std::collections::HashSet<u64> = part.iter().map(|v| v.to_bits()).collect();
    assert_eq!(distinct.len(), part.len() - idle + 1);
}

#[test]
fn padding_and_fixed_rows_feel_nothing() {
    let layout = TwoLayerLayout { width: 21, parameters: 3 };
    let out = normals(&mut brownian(0, layout, 1), 4);
    let felt: Vec<usize> = (0..21).flat_map(|i| (0..2).map(move |row| layout.index(i, row))).collect();
    assert!(out.iter().enumerate().all(|(k, v)| felt.contains(&k) == (*v != 0.0)));
}

#[test]
fn increments_are_standard_and_independent() {
    let layout = TwoLayerLayout { width: 50, parameters: 3 };
    for ticks in [1, 4] {
        let mut noise = brownian(0, layout, ticks);
        // (particle, row) by step.
        let steps: Vec<Vec<f64>> = (0..1000)
            .map(|step| {
                let out = normals(&mut noise, step);
                (0..50).flat_map(|i| [out[layout.index(i, 0)], out[layout.index(i, 1)]]).collect()
            })
            .collect();
        let all: Vec<f64> = steps.concat();
        let five_sigma = |variance: f64, count: usize| 5.0 * (variance / count as f64).sqrt();
        let n = all.len();
        assert!(mean(&all).abs() < five_sigma(1.0, n), "mean {}", mean(&all));
        let moment = |power: i32| all.iter().map(|v| v.powi(power)).sum::<f64>() / n as f64;
        assert!((moment(2) - 1.0).abs() < five_sigma(2.0, n), "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < five_sigma(96.0, n), "fourth moment {}", moment(4));
        let product = |pairs: Vec<(f64, f64)>| {
            let values: Vec<f64> = pairs.iter().map(|(a, b)| a * b).collect();
            assert!(mean(&values).abs() < five_sigma(1.0, values.len()), "covariance {}", mean(&values));
        };
        product(all.chunks_exact(2).map(|v| (v[0], v[1])).collect());
        product(steps.iter().flat_map(|step| step.windows(3).map(|v| (v[0], v[2]))).collect());
        product(steps.windows(2).flat_map(|pair| pair[0].iter().copied().zip(pair[1].iter().copied())).collect());
    }
}

const HORIZON: f64 = 1.0;
const FINEST: u64 = 2048;

/// The state at the horizon by a step of this many ticks of the finest clock, at temperature 0.4.
fn noisy_end(problem: &Problem, method: Method, ticks: u64) -> State<f64> {
    let step = HORIZON / FINEST as f64 * ticks as f64;
    let mut integrator = problem.integrator(method, Motion { temperature: 0.4, ..motion(step, 1.2) });
    let (network, width) = (problem.network.clone(), problem.width);
    let mut noise = Brownian { seed: 4, first: 0, network, width, ticks };
    let (mut state, mut force) = (problem.random_state(6, 0.5), problem.force());
    for _ in 0..FINEST / ticks {
        integrator.step(&mut force, &mut noise, &mut state);
    }
    state
}

/// Root mean square over all particles of the distance of two states in phase space.
fn rms(problem: &Problem, a: &State<f64>, b: &State<f64>) -> f64 {
    let part = |a: &[f64], b: &[f64]| {
        let apart: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        problem.network.mean_square(problem.width, &apart)
    };
    (part(&a.theta, &b.theta) + part(&a.momentum, &b.momentum)).sqrt()
}

#[test]
fn solvers_on_one_path_converge_strongly() {
    let network = TwoLayer { inputs: 2, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
    let wide = Problem::random(network, 200, 20, Loss::HalfSquared, 0.1, 5);
    for problem in [tanh_problem(), wide] {
        let fine = noisy_end(&problem, Method::Baoab, 1);
        for method in [Method::Baoab, Method::HeavyBall] {
            let ticks = [16, 32, 64, 128, 256];
            let errors = ticks.map(|ticks| rms(&problem, &noisy_end(&problem, method, ticks), &fine));
            let order = slope(&ticks.map(|ticks| ticks as f64), &errors);
            println!("N = {}, {method:?}: strong errors {errors:?}, order {order:.3}", problem.width);
            assert!((0.85..1.3).contains(&order), "{method:?}: strong order {order}: {errors:?}");
            assert!(errors[0] < 0.02, "{method:?}: {errors:?}");
        }
    }
}
