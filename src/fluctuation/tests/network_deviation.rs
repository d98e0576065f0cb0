//! The deviation of a network as an average over its neurons.

use super::linear::{TEACHER, case, recursion};
use super::{CloudCase, relative, scattered};
use crate::compute::Threads;
use crate::dynamics::{Ensemble, NoNoise};
use crate::fluctuation::{
    Fluctuations, IndependentNeurons, InfluenceMap, InfluenceSums, LimitFeatures, NoiseColumns, RecordedField,
};
use crate::network::{Activation, Batch, Loss, Network, TwoLayer};

const LAST: usize = 40;

/// The fluctuations of a cloud with `modes` modes of its features at all steps, and its field.
fn limit(case: &CloudCase, modes: usize) -> (Fluctuations, RecordedField) {
    let states = super::adjoint::states(case, LAST);
    let features = LimitFeatures {
        network: &case.network,
        width: case.width,
        population: &case.sample,
        states: &states,
        threads: Threads::One,
    };
    let columns = NoiseColumns::modes_and_complement(&features, modes, 4, 1).unwrap();
    let steps: Vec<usize> = (0..=LAST).collect();
    let found = case.fluctuations(&columns, true, &steps, Threads::One);
    let nodes = found.records.iter().map(|record| record.f.clone()).collect();
    (found, RecordedField { nodes })
}

/// Sums over the neurons of a case that follows a field.
fn sums(case: &CloudCase, map: &InfluenceMap, field: &RecordedField) -> InfluenceSums {
    let network = Network::from(case.network.clone());
    let ensemble =
        Ensemble { network: &network, width: case.width, population: &case.sample, objective: case.objective };
    let steps: Vec<usize> = (0..=LAST).collect();
    let times = case.times(&steps);
    let neurons = IndependentNeurons::new(map, ensemble, field, case.scheme(), &times).unwrap();
    neurons.sums(case.width, case.start(), Box::new(NoNoise), &|| false).unwrap()
}

/// Other starts of the same problem.
fn others(case: &CloudCase, width: usize, from: usize) -> CloudCase {
    let (mut theta, mut momentum) = (Vec::new(), Vec::new());
    for i in 0..width {
        theta.extend([1.1 * scattered(3 * i + from) + 0.2, 1.0]);
        momentum.extend([0.6 * (0.9 * ((i + from) * i) as f64).cos(), 0.0]);
    }
    CloudCase { width, theta, momentum, ..case.clone() }
}

fn equal_weights(width: usize) -> Vec<f64> {
    vec![1.0 / width as f64; width]
}

/// Two modes, of the start and of the momenta, contain all fluctuations of linear neurons: the prediction for a network
/// is exact, and so is its mean over independent starts.
#[test]
fn of_linear_neurons_it_is_exact() {
    // With more modes than the features have directions, the others are rounding.
    for (ridge, modes) in [(0.0, 2), (0.3, 2), (0.3, 6)] {
        let mut case = case(24);
        case.objective.ridge = ridge;
        // Momenta that are not proportional to the parameters.
        case.momentum = (0..24).flat_map(|i| [0.5 * (1.7 * f64::from(i * i)).sin(), 0.0]).collect();
        let (found, field) = limit(&case, modes);
        let times: Vec<usize> = (0..=LAST).collect();
        let map = InfluenceMap::new(&found, &times);
        let reference = sums(&case, &map, &field);
        let network = others(&case, 5, 11);
        let predicted = map.deviation(&sums(&network, &map, &field), &reference);
        let (f, [_, norm]) = network.weighted(&equal_weights(5), &[LAST]).remove(0);
        let (f_limit, [_, norm_limit]) = case.weighted(&equal_weights(24), &[LAST]).remove(0);
        let deviation: Vec<f64> = f.iter().zip(&f_limit).map(|(a, b)| a - b).collect();
        assert!(relative(&predicted.field, &deviation) < 1e-9, "{:?} {deviation:?}", predicted.field);
        assert!((predicted.square / deviation[0].powi(2) - 1.0).abs() < 1e-9);
        let risk = |f: f64, norm: f64| 0.5 * (f - TEACHER).powi(2) + 0.5 * ridge * norm;
        // The ridge term is predicted to first order in the response s of the mean: g + s is the deviation.
        let bare: f64 = {
            let [p, q] = recursion(case.motion, ridge, LAST)[LAST];
            let mean = |values: &[f64], width: usize| values.iter().step_by(2).sum::<f64>() / width as f64;
            p * (mean(&network.theta, 5) - mean(&case.theta, 24))
                + q * (mean(&network.momentum, 5) - mean(&case.momentum, 24))
        };
        let response = deviation[0] - bare;
        let second = 0.5 * ridge * (response * response + 2.0 * response * bare);
        let gap = risk(f[0], norm) - risk(f_limit[0], norm_limit) - second;
        assert!((predicted.risk - gap).abs() < 1e-10, "ridge {ridge}: {} {gap}", predicted.risk);

        // The covariance of starts, of their responses by the recursion.
        let starts = others(&case, 300, 500);
        let (trace, curved) = map.covariance(&sums(&starts, &map, &field));
        let [p, q] = recursion(case.motion, 1.0 + ridge, LAST)[LAST];
        let d: Vec<f64> = (0..300).map(|i| p * starts.theta[2 * i] + q * starts.momentum[2 * i]).collect();
        let mean = d.iter().sum::<f64>() / 300.0;
        let exact = d.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 299.0;
        assert!((trace / exact - 1.0).abs() < 1e-9 && (curved / exact - 1.0).abs() < 1e-9, "{trace} {exact}");
    }
}

/// The mean over neurons is the prediction from the bare fluctuation of the network as a whole.
#[test]
fn it_is_the_prediction_from_the_bare_fluctuation() {
    for (loss, outputs) in [(Loss::HalfSquared, 2), (Loss::Softmax, 3)] {
        let network = TwoLayer { inputs: 2, outputs, bias: true, activation: Activation::Tanh, fixed_output: false };
        let x: Vec<f64> = (0..40).map(|i| 1.5 * scattered(i)).collect();
        let y = (0..20 * outputs).map(|i| {
            if loss == Loss::Softmax { f64::from(u8::from(i % outputs == i / outputs % outputs)) } else { scattered(i) }
        });
        let mut case = CloudCase::drawn(network, Batch { x, y: y.collect() }, 40, 1.0);
        case.objective.loss = loss;
        case.motion.step = 0.1;
        let (found, field) = limit(&case, 12);
        let times: Vec<usize> = (0..=LAST).collect();
        let map = InfluenceMap::new(&found, &times);
        // The first 9 neurons as a network: with half of the particles of the cloud as a reference.
        let p = case.network.parameters();
        let part = |count: usize| CloudCase {
            width: count,
            theta: case.theta[..count * p].to_vec(),
            momentum: case.momentum[..count * p].to_vec(),
            ..case.clone()
        };
        let [own, reference] = [9, 40].map(|count| sums(&part(count), &map, &field));
        let deviation = map.deviation(&own, &reference);
        // The bare fluctuation of those 9 neurons, from the features of the cloud.
        let bare: Vec<Vec<f64>> = super::adjoint::states(&case, LAST)
            .iter()
            .zip(&field.nodes)
            .map(|(theta, f)| {
                let general = Network::from(case.network.clone());
                let canonical = general.to_canonical(40, theta);
                let own = part(9).averages(&equal_weights(9), &canonical[..9 * p]).0;
                own.iter().zip(f).map(|(own, f)| own - f).collect()
            })
            .collect();
        let predicted = found.seed_prediction(&bare);
        assert!(relative(&deviation.field, &predicted.deviations[LAST]) < 1e-8, "{loss}");
    }
}
