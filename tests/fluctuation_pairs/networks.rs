//! Trained networks have the predicted variance and loss gap.

use super::cloud;
use crate::common::{Problem, mean, motion};
use rayon::prelude::*;
use widelimit::compute::Threads;
use widelimit::dynamics::{Method, Scheme, State};
use widelimit::fluctuation::layers::LayerVariances;
use widelimit::fluctuation::pairs::{DrawMean, PairEstimates, PairSettings, amplitude};
use widelimit::network::{Activation, Law, Loss, Start, ThreeLayer, TwoLayer};

const TIMES: [f64; 4] = [0.0, 1.0, 2.0, 4.0];
const SCHEME: Scheme = Scheme {
    method: Method::KickDriftKick,
    motion: widelimit::dynamics::Motion {
        step: 0.1,
        friction: 1.0,
        temperature: 0.0,
        first_order: false,
        tolerance: 0.0,
    },
};

/// Predictions (n, K) and risk of a trained network at every recording time.
type Record = Vec<(Vec<f64>, f64)>;

/// Trains networks of this width from independent starts, without weights.
fn train(problem: &Problem, law: &Start, width: usize, seeds: u64) -> Vec<Record> {
    let small = || Problem {
        network: problem.network.clone(),
        width,
        population: problem.population.clone(),
        loss: problem.loss,
        ridge: problem.ridge,
    };
    let one = |seed: u64| {
        let problem = small();
        let record = |state: &State<f64>| {
            let f = problem.network.predict(width, &state.theta, &problem.population.x, Threads::One);
            (f, problem.risk(&state.theta))
        };
        let mut state = State::at_rest(problem.network.start(law, 10_000 + seed, 0, width));
        let mut records = vec![record(&state)];
        for pair in TIMES.windows(2) {
            state = problem.integrate(SCHEME.method, motion(0.1, 1.0), state, pair[1], |_, _| {});
            records.push(record(&state));
        }
        assert!(state.time == TIMES[3]);
        records
    };
    (0..seeds).into_par_iter().map(one).collect()
}

fn over(values: &[f64]) -> DrawMean {
    let (value, n) = (mean(values), values.len() as f64);
    let spread: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    DrawMean { value, standard_error: (spread / (n * (n - 1.0))).sqrt() }
}

/// Within four standard errors, and resolved: these must be at most `resolution` of the value, 0 for no such demand.
fn agree(what: &str, predicted: DrawMean, measured: DrawMean, resolution: f64) {
    let error = predicted.standard_error.hypot(measured.standard_error);
    assert!((predicted.value - measured.value).abs() < 4.0 * error, "{what}: {predicted:?} {measured:?}");
    assert!(resolution == 0.0 || error < resolution * measured.value.abs(), "{what}: not resolved");
}

fn square(a: &[f64], b: &[f64]) -> f64 {
    mean(&a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).collect::<Vec<f64>>())
}

#[test]
fn relu_networks_fluctuate_as_pairs_of_their_width_do() {
    let (m, n, seeds) = (512, 64, 160);
    let network = TwoLayer { inputs: 3, outputs: 1, bias: true, activation: Activation::Relu, fixed_output: false };
    let problem = Problem::random(network, m, 40, Loss::HalfSquared, 0.02, 7);
    let law = Start {
        w: Law::Gaussian { mean: 0.0, std: 0.8 },
        b: Law::Gaussian { mean: 0.0, std: 0.5 },
        a: Law::Uniform { low: -1.7, high: 1.7 },
        ..Start::default()
    };
    let start = problem.network.low_discrepancy_start(&law, 0.0, (5, 0), m).unwrap();
    let start = State::at_rest(start.theta);
    let settings = PairSettings { amplitude: amplitude(m, n), draws: 64, seed: 12, layer: 0 };
    let pairs = PairEstimates::of(&cloud(&problem, &start, SCHEME, &TIMES), settings).unwrap();
    let trained = train(&problem, &law, n, seeds);
    let limit = |time: usize| &pairs.unweighted.f[time * 40..(time + 1) * 40];
    let scaled = |values: &[f64]| over(&values.iter().map(|v| n as f64 * v).collect::<Vec<f64>>());
    for time in 0..4 {
        let distances: Vec<f64> = trained.iter().map(|r| square(&r[time].0, limit(time))).collect();
        agree(&format!("c at {}", TIMES[time]), pairs.c[time], scaled(&distances), 0.15);
        let gaps: Vec<f64> = trained.iter().map(|r| r[time].1 - pairs.unweighted.risk[time]).collect();
        agree(&format!("mean gap at {}", TIMES[time]), pairs.gap[time], scaled(&gaps), 0.0);
        let gap = over(&gaps);
        let deviation = gap.standard_error * (seeds as f64).sqrt();
        let deviation = DrawMean { value: deviation, standard_error: deviation / (2.0 * seeds as f64).sqrt() };
        agree(&format!("deviation of the gap at {}", TIMES[time]), pairs.gap_deviation(time), deviation, 0.2);
    }
    let most = |r: &Record| (0..4).map(|time| square(&r[time].0, limit(time))).fold(0.0, f64::max);
    agree("sup", pairs.sup, scaled(&trained.iter().map(most).collect::<Vec<f64>>()), 0.15);
}

#[test]
fn three_layer_networks_have_the_predicted_variance() {
    let (m, seeds, draws) = (64, 160, 40);
    let activations = [Activation::Tanh; 2];
    let network =
        ThreeLayer { inputs: 2, outputs: 1, bias: true, activations, fixed_output: false, proportions: [1, 2] };
    let problem = Problem::random(network, m, 24, Loss::HalfSquared, 0.0, 7);
    let gaussian = |mean, std| Law::Gaussian { mean, std };
    let law = Start {
        w: gaussian(0.0, 0.45),
        b: gaussian(0.0, 0.5),
        u: gaussian(1.0, 1.0),
        c: gaussian(0.0, 0.5),
        a: Law::Uniform { low: -1.0, high: 3.0 },
    };
    let at =
        |weights: u64| State::at_rest(problem.network.low_discrepancy_start(&law, 0.0, (5, weights), m).unwrap().theta);
    let start = at(1_000_000);
    let cloud = cloud(&problem, &start, SCHEME, &TIMES);
    let settings = |layer| PairSettings { amplitude: 0.05, draws, seed: 12, layer };
    let single = [0, 1].map(|layer| PairEstimates::of(&cloud, settings(layer)).unwrap());
    let variances = LayerVariances::of(&cloud, settings(0), single.each_ref(), &at).unwrap();
    let width = 16;
    let trained = train(&problem, &law, width, seeds);
    for time in 0..4 {
        let count = trained.len() as f64;
        let center: Vec<f64> = (0..24).map(|s| trained.iter().map(|r| r[time].0[s]).sum::<f64>() / count).collect();
        let distances: Vec<f64> = trained.iter().map(|r| square(&r[time].0, &center) * count / (count - 1.0)).collect();
        let predicted = variances.at(time, [width, 2 * width]);
        agree(&format!("variance at {}", TIMES[time]), predicted, over(&distances), 0.2);
    }
}
