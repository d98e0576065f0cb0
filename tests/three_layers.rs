//! A three-layer network is the model of theory.md section 4: known answers, its start as a sub-sample of the limit's
//! indices, the inputs of its second layer, its gap's exponents, and how the gap depends on the input dimension.

use crate::common::experiment::{Run, TINY, parse};
use crate::common::{Problem, mean, motion};
use ndarray::{Array1, Array2};
use widelimit::analysis::fit::{Bootstrap, Statistic, fit_slope};
use widelimit::analysis::verdict::Verdict;
use widelimit::compute::Threads;
use widelimit::dynamics::{Method, State};
use widelimit::network::{Activation, Batch, Law, Loss, Network, Start, ThreeLayer};

fn gaussian(mean: f64, std: f64) -> Law {
    Law::Gaussian { mean, std }
}

fn start(u_mean: f64) -> Start {
    Start {
        w: gaussian(0.3, 1.0),
        b: gaussian(0.0, 0.5),
        u: gaussian(u_mean, 1.0),
        c: gaussian(0.2, 0.5),
        a: Law::Uniform { low: -1.0, high: 1.0 },
    }
}

fn network(activations: [Activation; 2], proportions: [usize; 2]) -> Network {
    ThreeLayer { inputs: 3, outputs: 1, bias: true, activations, fixed_output: false, proportions }.into()
}

/// Identity on the line, every family equal: f(x) = a u w x, and each of the three numbers follows its own factor of
/// the same error, to a network that fits the target exactly.
#[test]
fn equal_neurons_are_three_numbers() {
    let activations = [Activation::Identity; 2];
    let (inputs, outputs, bias, fixed_output) = (1, 1, false, false);
    let x = vec![0.5_f64.sqrt(), -(1.5_f64.sqrt())];
    let population = Batch { y: x.iter().map(|x| 1.3 * x).collect(), x };
    for proportions in [[1, 1], [3, 1], [1, 2]] {
        let network = ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions }.into();
        let problem =
            Problem { network, width: 20, population: population.clone(), loss: Loss::HalfSquared, ridge: 0.0 };
        let law = |value: f64| Law::Point { value };
        let alike = Start { w: law(0.4), u: law(-0.7), a: law(0.9), ..Start::default() };
        let state = State::at_rest(problem.network.start(&alike, 1, 0, 20));
        let (eps, gamma) = (0.05, 0.6);
        let (mut at, mut r) = ([0.4, -0.7, 0.9], [0.0; 3]);
        let mut worst: f64 = 0.0;
        problem.integrate(Method::HeavyBall, motion(eps, gamma), state, 800.0 * eps, |_, state| {
            let [w, u, a] = at;
            // E x^2 = 1.
            let error = a * u * w - 1.3;
            for (k, other) in [a * u, a * w, u * w].into_iter().enumerate() {
                r[k] = (1.0 - gamma * eps) * r[k] - eps * error * other;
                at[k] += eps * r[k];
            }
            let theta = problem.network.to_canonical(20, &state.theta);
            for (family, value) in problem.network.families(20).iter().zip(at) {
                worst = theta[family.range()].iter().fold(worst, |worst, v| worst.max((v - value).abs()));
            }
        });
        println!("{proportions:?}: {worst:.1e}, at {at:?}");
        assert!(worst < 1e-12);
        // The sign of the product was wrong at the start: one of the factors must have changed its own.
        let product: f64 = at.iter().product();
        assert!((product - 1.3).abs() < 1e-4, "the minimum is at a u w = 1.3, not {product}");
    }
}

#[test]
fn a_network_starts_from_a_sub_sample_of_the_limits_indices() {
    let network = network([Activation::Tanh; 2], [1, 2]);
    let canonical = |first: u64, width: usize| -> Vec<f64> {
        network.to_canonical(width, &network.start::<f64>(&start(1.0), 4, first, width))
    };
    let (whole, part) = (canonical(0, 30), canonical(11, 9));
    assert_eq!(network.subnetwork(30, &whole, 11, 9), part);
    // Written out once: u_ij of the part is u_(11 + i)(22 + j) of the whole.
    let (large, small) = (&network.families(30)[1], &network.families(9)[1]);
    let (large, small) = (large.matrix(&whole), small.matrix(&part));
    assert_eq!((large.dim(), small.dim()), ((30, 60), (9, 18)));
    assert!(small.indexed_iter().all(|((i, j), u)| *u == large[[11 + i, 22 + j]]));
    let distinct: std::collections::HashSet<u64> = whole.iter().map(|v| v.to_bits()).collect();
    assert_eq!(distinct.len(), whole.len(), "every weight has a draw of its own");
}

/// `E tanh(z)^power` for a normal z, by the trapezoidal rule, which is exact beyond all orders here.
fn normal_mean_of_tanh(mean: f64, variance: f64, power: i32) -> f64 {
    let nodes: Vec<f64> = (-400..=400).map(|i| f64::from(i) * 0.02).collect();
    let weight = |t: f64| (-0.5 * t * t).exp();
    let total: f64 = nodes.iter().map(|&t| weight(t)).sum();
    nodes.iter().map(|&t| weight(t) * (mean + variance.sqrt() * t).tanh().powi(power)).sum::<f64>() / total
}

/// H_j - c_j has mean m E sigma and variance std^2 E sigma^2 / N1 over i.i.d. weights of mean m and variance std^2,
/// here 1: with m = 0 the second layer sees a constant in the limit.
#[test]
fn the_second_layer_sees_the_mean_of_its_weights() {
    let x = Array2::from_shape_vec((1, 3), vec![1.0, 1.0, 0.7]).unwrap();
    // The pre-activation of the first layer: w of mean 0.3 and variance 1, b of mean 0 and variance 0.25.
    let (mean, variance) = (0.3 * 2.7, 1.0 + 1.0 + 0.49 + 0.25);
    let [first, second, fourth] = [1, 2, 4].map(|power| normal_mean_of_tanh(mean, variance, power));
    let inputs = |mean_of_u: f64, width: usize| -> Array1<f64> {
        let network = network([Activation::Tanh, Activation::Identity], [1, 1]);
        let Start { w, b, u, a, .. } = start(mean_of_u);
        let laws = Start { w, b, u, a, c: Law::Point { value: 0.0 } };
        let theta = network.to_canonical(width, &network.start::<f64>(&laws, 7, 0, width));
        network.hidden(width, &theta, x.view()).column(0).to_owned()
    };
    for width in [256, 2048] {
        let n = width as f64;
        let (centred, shifted) = (inputs(0.0, width), inputs(1.0, width));
        let square = centred.mapv(|h| h * h).mean().unwrap();
        println!("N1 = {width}: N1 E H^2 = {:.3}, by theory {second:.3}", n * square);
        // Four standard deviations: of a mean of squares of normals, and of a mean over the first layer.
        let spread = 4.0 * ((2.0 + fourth / (second * second) - 1.0) / n).sqrt();
        assert!((n * square / second - 1.0).abs() < spread, "N1 = {width}: {}", n * square / second);
        let mean = shifted.mean().unwrap();
        println!("N1 = {width}: mean of H {mean:.3}, by theory {first:.3}");
        assert!((mean - first).abs() < 4.0 * ((second - first * first) / n).sqrt(), "N1 = {width}: {mean} {first}");
    }
}

#[test]
fn hidden_activations_and_output_weights_make_the_prediction() {
    let network = network([Activation::Gelu, Activation::Tanh], [2, 1]);
    let problem = Problem::random(network, 21, 33, Loss::HalfSquared, 0.0, 2);
    let theta = problem.random_neurons(3);
    let x = Array2::from_shape_vec((33, 3), problem.population.x.clone()).unwrap();
    let (h, a) = (problem.network.hidden(21, &theta, x.view()), problem.network.output_weights(21, &theta));
    let f = problem.network.predict(21, &problem.lay(&theta), &problem.population.x, Threads::One);
    for (f, expected) in f.iter().zip(&(h.t().dot(&a) / h.nrows() as f64)) {
        assert!((f - expected).abs() < 1e-13);
    }
}

/// [`TINY`] with two hidden layers.
fn deep(set: &[&str]) -> Run {
    let keys = [
        "network={kind=\"three-layer\", activation=\"tanh\"}",
        "network.start={w={law=\"gaussian\", std=1.0}, b={law=\"gaussian\", std=0.5}, u={law=\"gaussian\", mean=1.0, std=1.0}, c={law=\"gaussian\", std=0.5}, a={law=\"uniform\", low=-0.5, high=1.5}}",
    ];
    Run::new(&parse(TINY, &[&keys[..], set].concat()).unwrap())
}

#[test]
fn the_gap_has_the_exponents_of_the_theory() {
    let run = deep(&[
        "widths.values=[8, 16, 32, 64]",
        "widths.seeds=16",
        "reference.particles=1024",
        "dynamics.step=0.0078125",
        "gap.resamples=2000",
    ]);
    let record = run.gap();
    for (measure, expected) in [
        ("function", -1.0),
        ("coupling_rms", -0.5),
        ("coupling_rms_w", -0.5),
        ("coupling_rms_u", -0.5),
        ("coupling_rms_a", -0.5),
    ] {
        let fit = record.fits.iter().find(|fit| fit.group == "widths" && fit.measure == measure).unwrap();
        let fit = fit.fit.clone().unwrap();
        // Five intervals together at 95 %.
        let (low, high) = fit.estimate().interval(0.99);
        println!("{measure}: {:.3} in [{low:.3}, {high:.3}]", fit.slope);
        assert!(low <= expected && expected <= high, "{measure}: [{low}, {high}]");
        assert!(high < 0.0, "{measure} cannot tell from no decay: [{low}, {high}]");
    }
    assert_ne!(run.check("gap-widths-function").verdict, Verdict::Fails);
}

#[test]
fn the_squared_gap_grows_at_most_linearly_in_the_input_dimension() {
    // Weights of variance 1/d, so that pre-activations are of order one at every d; the teacher reads the first two
    // inputs.
    let dimensions = [2, 4, 8, 16, 32, 64];
    let gaps: Vec<Vec<f64>> = dimensions
        .iter()
        .map(|d| {
            let (size, std) =
                (format!("population.dimension={d}"), format!("network.start.w.std={}", (1.0 / f64::from(*d)).sqrt()));
            let run = deep(&[
                &size,
                &std,
                "population.directions=axes",
                "widths.values=[16]",
                "widths.seeds=16",
                "reference.particles=256",
                "dynamics.step=0.03125",
            ]);
            run.arrays("records/widths.npz")["sup_function"].iter().copied().collect()
        })
        .collect();
    let table = Array2::from_shape_fn((dimensions.len(), 16), |(d, seed)| gaps[d][seed]);
    let fit =
        fit_slope(&dimensions.map(f64::from), table.view(), Statistic::MeanSquare, &Bootstrap::new(1, 0)).unwrap();
    let typical: Vec<f64> =
        gaps.iter().map(|gaps| mean(&gaps.iter().map(|gap| gap * gap).collect::<Vec<_>>())).collect();
    println!("E sup_t |f_N - f|^2 ~ d^{:.2} [{:.2}, {:.2}]: {typical:?}", fit.slope, fit.interval.0, fit.interval.1);
    assert!(fit.interval.1 < 1.0, "{:?}", fit.interval);
}
