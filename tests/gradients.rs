//! The analytic potential gradient is `N dR/dtheta`, for every activation, loss and shape.

use crate::common::{Problem, naive};
use proptest::prelude::*;
use widelimit::choice::Choice;
use widelimit::compute::Threads;
use widelimit::network::{Activation, Batch, Loss, Objective, ThreeLayer, TwoLayer};

const LOSSES: [(Loss, usize); 4] =
    [(Loss::HalfSquared, 1), (Loss::HalfSquared, 3), (Loss::Logistic, 1), (Loss::Softmax, 3)];
const RIDGE: f64 = 0.3;
/// Step of the central difference of order 4; truncation and rounding both stay near 1e-11.
const H: f64 = 1e-3;

/// Every network of a width, input dimension, loss and number of outputs.
fn networks(inputs: usize, outputs: usize) -> impl Iterator<Item = TwoLayer> {
    Activation::ALL.iter().flat_map(move |&activation| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(bias, fixed_output)| TwoLayer {
            inputs,
            outputs,
            bias,
            activation,
            fixed_output,
        })
    })
}

/// The gradient as a state slice; the output is not zero before, so that zeros must be written.
fn gradient(problem: &Problem, theta: &[f64]) -> Vec<f64> {
    let mut out = vec![7.0; theta.len()];
    let Problem { network, width, population, loss, ridge } = problem;
    network.potential_gradient(
        *width,
        theta,
        population,
        Objective { loss: *loss, ridge: *ridge },
        Threads::One,
        &mut out,
    );
    out
}

/// Whether some sample's pre-activation lies so close to a kink that moving this parameter by `reach` may cross it.
fn near_kink(problem: &Problem, neuron: &[f64], row: usize, reach: f64) -> bool {
    let TwoLayer { inputs: d, bias, activation, .. } = *problem.two();
    let kinks: &[f64] = match activation {
        Activation::Relu => &[0.0],
        Activation::PiecewiseLinear => &[0.5, 1.5],
        _ => &[],
    };
    row < d + usize::from(bias)
        && problem.population.x.chunks_exact(d).any(|x| {
            let z = neuron[..d].iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + if bias { neuron[d] } else { 0.0 };
            let move_of_z = reach * if row < d { x[row].abs() } else { 1.0 };
            kinks.iter().any(|kink| (z - kink).abs() <= move_of_z)
        })
}

fn against_differences(width: usize) {
    let (mut checked, mut skipped) = (0, 0);
    for (inputs, samples) in [(1, 1), (3, 1), (9, 1), (1, 70), (3, 70), (9, 70)] {
        for (loss, outputs) in LOSSES {
            for network in networks(inputs, outputs) {
                let problem = Problem::random(network, width, samples, loss, RIDGE, (width + inputs + samples) as u64);
                let net = problem.two();
                let (layout, p) = (net.layout(width), net.parameters());
                let neurons = problem.random_neurons(1);
                let mut theta = problem.lay(&neurons);
                let analytic = gradient(&problem, &theta);
                let mut chosen = vec![0, width / 2, width - 1];
                chosen.dedup();
                for (i, row) in chosen.into_iter().flat_map(|i| net.trained().map(move |row| (i, row))) {
                    if near_kink(&problem, &neurons[i * p..(i + 1) * p], row, 2.0 * H) {
                        skipped += 1;
                        continue;
                    }
                    checked += 1;
                    let k = layout.index(i, row);
                    let centre = theta[k];
                    let mut moved = |by: f64| {
                        theta[k] = centre + by * H;
                        let risk = width as f64 * problem.risk(&theta);
                        theta[k] = centre;
                        risk
                    };
                    let difference = (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * H);
                    assert!(
                        (difference - analytic[k]).abs() <= 1e-8 * (1.0 + analytic[k].abs()),
                        "{net:?} N={width} B={samples} {loss:?} neuron {i} row {row}: {difference} {}",
                        analytic[k]
                    );
                }
            }
        }
    }
    assert!(skipped * 20 < checked, "{skipped} of {checked} lie near a kink");
}

#[test]
fn one_neuron_against_differences() {
    against_differences(1);
}

#[test]
fn five_neurons_against_differences() {
    against_differences(5);
}

#[test]
fn seventeen_neurons_against_differences() {
    against_differences(17);
}

#[test]
fn a_hundred_and_thirty_neurons_against_differences() {
    against_differences(130);
}

#[test]
fn padding_and_fixed_output_weights_get_exactly_zero() {
    for width in [1, 5, 17, 130] {
        for (loss, outputs) in LOSSES {
            for network in networks(3, outputs) {
                let problem = Problem::random(network, width, 70, loss, RIDGE, 2);
                let (net, layout) = (problem.two(), problem.two().layout(width));
                let out = gradient(&problem, &problem.lay(&problem.random_neurons(1)));
                let mut idle = vec![true; layout.len()];
                (0..width).for_each(|i| net.trained().for_each(|row| idle[layout.index(i, row)] = false));
                assert!(idle.contains(&true) || width % 16 == 0);
                assert!(out.iter().zip(&idle).all(|(v, idle)| !idle || v.to_bits() == 0), "{net:?} N={width}");
            }
        }
    }
}

/// Networks of two hidden layers, smooth enough for differences.
fn deep_networks(inputs: usize, outputs: usize) -> impl Iterator<Item = ThreeLayer> {
    let smooth = [Activation::Tanh, Activation::Erf, Activation::Sigmoid, Activation::Softplus, Activation::Gelu];
    (0..smooth.len()).flat_map(move |k| {
        let activations = [smooth[k], smooth[(k + 2) % smooth.len()]];
        [(false, true, [1, 1]), (true, false, [2, 1]), (true, true, [1, 3]), (false, false, [1, 1])].map(
            |(bias, fixed_output, proportions)| ThreeLayer {
                inputs,
                outputs,
                bias,
                activations,
                fixed_output,
                proportions,
            },
        )
    })
}

#[test]
fn two_hidden_layers_against_differences() {
    for (width, inputs, samples) in [(1, 1, 1), (5, 3, 70), (17, 9, 3), (40, 2, 13)] {
        for (loss, outputs) in LOSSES {
            for network in deep_networks(inputs, outputs) {
                let problem = Problem::random(network, width, samples, loss, RIDGE, (width + samples) as u64);
                let net = &problem.network;
                let mut theta = problem.lay(&problem.random_neurons(1));
                let (analytic, places) = (gradient(&problem, &theta), net.state_indices(width));
                // The padding, and what is fixed.
                let trained = problem.trained();
                let mut idle = vec![true; theta.len()];
                places.iter().zip(&trained).filter(|(_, trained)| **trained).for_each(|(&k, _)| idle[k] = false);
                assert!(analytic.iter().zip(&idle).all(|(v, idle)| !idle || v.to_bits() == 0), "{net:?} N={width}");
                for family in net.families(width) {
                    let units = if family.name == "u" { family.rows * family.columns } else { family.rows };
                    let len = family.range().len();
                    for at in [0, len / 3, len / 2, len - 1].map(|k| family.start + k) {
                        if !trained[at] {
                            continue;
                        }
                        let (k, centre) = (places[at], theta[places[at]]);
                        let mut moved = |by: f64| {
                            theta[k] = centre + by * H;
                            let risk = units as f64 * problem.risk(&theta);
                            theta[k] = centre;
                            risk
                        };
                        let difference = (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * H);
                        // Rounding of the risk is multiplied by the number of units.
                        let room = 1e-8 * (1.0 + analytic[k].abs()) + units as f64 * 1e-12;
                        assert!(
                            (difference - analytic[k]).abs() <= room,
                            "{net:?} N={width} {loss:?} {} {at}: {difference} {}",
                            family.name,
                            analytic[k]
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn two_hidden_layers_in_single_precision() {
    for network in deep_networks(9, 2) {
        let mut problem = Problem::random(network, 33, 70, Loss::HalfSquared, RIDGE, 3);
        let round = |v: Vec<f64>| -> Vec<f64> { v.into_iter().map(|v| f64::from(v as f32)).collect() };
        problem.population.x = round(problem.population.x);
        problem.ridge = f64::from(problem.ridge as f32);
        let neurons = round(problem.random_neurons(4));
        let theta: Vec<f32> = problem.lay(&neurons).iter().map(|&v| v as f32).collect();
        let x = problem.population.x.iter().map(|&x| x as f32).collect();
        let batch = Batch { x, y: problem.population.y.clone() };
        let objective = Objective { loss: problem.loss, ridge: problem.ridge };
        let mut out = vec![7.0_f32; theta.len()];
        problem.network.potential_gradient(33, &theta, &batch, objective, Threads::One, &mut out);
        let (exact, unit) = naive::gradient(&problem, &neurons, &problem.population);
        for ((out, exact), unit) in problem.network.to_canonical(33, &out).iter().zip(&exact).zip(&unit) {
            let error = (f64::from(*out) - exact).abs();
            assert!(error <= 4.0 * f64::from(f32::EPSILON) * unit, "{:?}: {out} {exact}", problem.network);
        }
    }
}

#[test]
fn single_precision_differs_by_its_rounding_only() {
    let mut worst: f64 = 0.0;
    for (width, samples) in [(1, 1), (17, 70), (130, 70)] {
        for (loss, outputs) in LOSSES {
            for network in networks(9, outputs) {
                let mut problem = Problem::random(network, width, samples, loss, RIDGE, 3);
                // The same point in both types: rounded first.
                let round = |v: Vec<f64>| -> Vec<f64> { v.into_iter().map(|v| f64::from(v as f32)).collect() };
                problem.population.x = round(problem.population.x);
                problem.ridge = f64::from(problem.ridge as f32);
                let neurons = round(problem.random_neurons(4));
                let theta = problem.lay(&neurons);
                let narrow: Vec<f32> = theta.iter().map(|&v| v as f32).collect();
                let x = problem.population.x.iter().map(|&x| x as f32).collect();
                let batch = Batch { x, y: problem.population.y.clone() };
                let mut out = vec![7.0_f32; theta.len()];
                let net = &problem.network;
                net.potential_gradient(
                    width,
                    &narrow,
                    &batch,
                    Objective { loss, ridge: problem.ridge },
                    Threads::One,
                    &mut out,
                );
                let (out, wide) = (net.to_canonical(width, &out), net.to_canonical(width, &gradient(&problem, &theta)));
                let (_, unit) = naive::gradient(&problem, &neurons, &problem.population);
                let p = problem.two().parameters();
                for (k, ((narrow, wide), unit)) in out.iter().zip(&wide).zip(&unit).enumerate() {
                    if near_kink(&problem, &neurons[k / p * p..(k / p + 1) * p], 0, 1e-5) {
                        continue;
                    }
                    let error = (f64::from(*narrow) - wide).abs();
                    worst = worst.max(error / unit.max(1e-300));
                    assert!(error <= 4.0 * f64::from(f32::EPSILON) * unit, "{net:?} {loss:?} {k}: {narrow} {wide}");
                }
            }
        }
    }
    println!("f32 against f64: {worst:.2e} of the size of what was added");
    assert!(worst > 1e-9, "single precision was not used");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_is_the_naive_pass_to_rounding(
        shape in (1..300usize, 1..14usize, 1..5usize, 1..150usize),
        kind in (0..Activation::ALL.len(), 0..3usize, any::<bool>(), any::<bool>()),
        seed in any::<u64>(),
    ) {
        let ((width, inputs, outputs, samples), (activation, loss, bias, fixed_output)) = (shape, kind);
        let loss = Loss::ALL[loss];
        let outputs = if loss == Loss::Logistic { 1 } else { outputs };
        let network = TwoLayer { inputs, outputs, bias, activation: Activation::ALL[activation], fixed_output };
        let problem = Problem::random(network, width, samples, loss, RIDGE, seed);
        let neurons = problem.random_neurons(seed);
        let kernel = problem.network.to_canonical(width, &gradient(&problem, &problem.lay(&neurons)));
        let (exact, unit) = naive::gradient(&problem, &neurons, &problem.population);
        for ((kernel, exact), unit) in kernel.iter().zip(&exact).zip(&unit) {
            prop_assert!((kernel - exact).abs() <= 1e-13 * unit, "{} {} unit {}", kernel, exact, unit);
        }
    }
    #[test]
    fn the_kernel_of_two_hidden_layers_is_the_naive_pass_to_rounding(
        shape in (1..40usize, 1..14usize, 1..5usize, 1..150usize),
        kind in (0..Activation::ALL.len(), 0..Activation::ALL.len(), 0..3usize, any::<bool>(), any::<bool>()),
        proportions in 0..4usize,
        seed in any::<u64>(),
    ) {
        let ((width, inputs, outputs, samples), (first, second, loss, bias, fixed_output)) = (shape, kind);
        let loss = Loss::ALL[loss];
        let outputs = if loss == Loss::Logistic { 1 } else { outputs };
        let activations = [first, second].map(|k| Activation::ALL[k]);
        let proportions = [[1, 1], [2, 1], [1, 2], [1, 3]][proportions];
        let network = ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions };
        let problem = Problem::random(network, width, samples, loss, RIDGE, seed);
        let neurons = problem.random_neurons(seed);
        let kernel = problem.network.to_canonical(width, &gradient(&problem, &problem.lay(&neurons)));
        let (exact, unit) = naive::gradient(&problem, &neurons, &problem.population);
        for ((kernel, exact), unit) in kernel.iter().zip(&exact).zip(&unit) {
            prop_assert!((kernel - exact).abs() <= 1e-13 * unit, "{} {} unit {}", kernel, exact, unit);
        }
        let f = problem.network.predict(width, &problem.lay(&neurons), &problem.population.x, Threads::One);
        for (f, exact) in f.iter().zip(naive::predict(&problem, &neurons, &problem.population.x)) {
            prop_assert!((f - exact).abs() <= 1e-11 * (1.0 + exact.abs()), "{} {}", f, exact);
        }
    }
}
