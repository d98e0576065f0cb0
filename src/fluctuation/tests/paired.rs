//! Pairs of weighted clouds against the tangent system, against single pairs, and against sums that are written out.

use super::{CloudCase, relative, scattered, scattered_columns};
use crate::compute::Threads;
use crate::dynamics::{Ensemble, Method, Motion, NoNoise, Noise, Scheme, State};
use crate::fluctuation::influence::influences;
use crate::fluctuation::pairs::WeightedCloud;
use crate::fluctuation::weighted::CloudWeights;
use crate::fluctuation::{Fluctuations, NoiseColumns, PairedRun, layer_columns};
use crate::network::{Activation, Batch, Law, Loss, Network, Objective, Start, ThreeLayer};
use ndarray::ArrayView2;

const STEPS: [usize; 3] = [0, 4, 12];

fn quiet() -> Box<dyn Noise<f64>> {
    Box::new(NoNoise)
}

/// A cloud with its start.
pub(super) struct PairedCase {
    network: Network,
    width: usize,
    sample: Batch<f64>,
    objective: Objective,
    scheme: Scheme,
    times: Vec<f64>,
    start: State<f64>,
}

impl PairedCase {
    pub(super) fn of(case: &CloudCase, steps: &[usize]) -> Self {
        PairedCase {
            network: Network::from(case.network.clone()),
            width: case.width,
            sample: case.sample.clone(),
            objective: case.objective,
            scheme: case.scheme(),
            times: case.times(steps),
            start: case.start(),
        }
    }

    /// A three-layer network with `proportions` neurons per unit of width in its hidden layers, from rest.
    fn deep(activation: Activation, outputs: usize, proportions: [usize; 2], width: usize) -> Self {
        let three = ThreeLayer {
            inputs: 2,
            outputs,
            bias: true,
            activations: [activation; 2],
            fixed_output: false,
            proportions,
        };
        let gaussian = |mean, std| Law::Gaussian { mean, std };
        let law = Start {
            w: gaussian(0.0, 1.0),
            b: gaussian(0.0, 0.5),
            u: gaussian(1.0, 1.0),
            c: gaussian(0.0, 0.5),
            a: gaussian(1.0, 1.0),
        };
        let samples = 6;
        let x = (0..2 * samples).map(|i| 1.3 * scattered(i)).collect();
        let y = (0..samples * outputs).map(|i| scattered(i + 50)).collect();
        let motion = Motion { step: 0.1, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
        PairedCase {
            start: State::at_rest(three.start(&law, 3, 0, width)),
            network: three.into(),
            width,
            sample: Batch { x, y },
            objective: Objective { loss: Loss::HalfSquared, ridge: 0.1 },
            scheme: Scheme { method: Method::HeavyBall, motion },
            times: STEPS.map(|k| 0.1 * k as f64).to_vec(),
        }
    }

    fn cloud(&self) -> WeightedCloud<'_, f64> {
        let PairedCase { network, width, sample, objective, .. } = self;
        WeightedCloud {
            ensemble: Ensemble { network, width: *width, population: sample, objective: *objective },
            start: &self.start,
            scheme: self.scheme,
            times: &self.times,
            noise: &quiet,
            interrupt: None,
        }
    }

    pub(super) fn fluctuations(&self, columns: &[NoiseColumns], amplitude: f64) -> Fluctuations {
        let redrawn = |_: u64| self.start.clone();
        let run = PairedRun { cloud: self.cloud(), columns, amplitude, seed: 4, redrawn: &redrawn };
        run.propagate(&|_| {}).unwrap()
    }

    fn inputs(&self) -> ArrayView2<'_, f64> {
        let d = self.network.inputs();
        ArrayView2::from_shape((self.sample.x.len() / d, d), &self.sample.x).unwrap()
    }
}

/// Linear neurons, with momenta and ridge: the columns are exact at every amplitude, weights of either sign included.
#[test]
fn linear_neurons_have_the_fields_of_the_tangent_system() {
    let case = super::linear::case(12);
    let columns = super::linear::complete(12);
    let exact = case.fluctuations(&columns, true, &STEPS, Threads::One);
    for amplitude in [0.05, 2.0] {
        let found = PairedCase::of(&case, &STEPS).fluctuations(std::slice::from_ref(&columns), amplitude);
        for (found, exact) in found.records.iter().zip(&exact.records) {
            let of = |field: &ndarray::Array2<f64>| field.iter().copied().collect::<Vec<f64>>();
            assert!(relative(&of(&found.field), &of(&exact.field)) < 1e-11);
            assert!(relative(&of(&found.bare), &of(&exact.bare)) < 1e-12);
            assert!(found.bias.as_ref().unwrap().iter().all(|b| b.abs() < 1e-9), "{:?}", found.bias);
            assert!((found.spread - exact.spread).abs() < 1e-12);
            assert!(relative(&found.displacements, &exact.displacements) < 1e-10 || exact.time == 0.0);
        }
        let parts = found.paired.as_ref().unwrap();
        assert!(parts.second.iter().all(|part| part.variance.abs() < 1e-9 && part.gap_mean.abs() < 1e-9));
    }
}

/// Everything that the tangent system has, with errors of second order in the amplitude.
#[test]
fn pairs_tend_to_the_tangent_system() {
    for (loss, outputs) in [(Loss::HalfSquared, 2), (Loss::Softmax, 3)] {
        let case = CloudCase::new(Activation::Tanh, loss, outputs);
        let columns = scattered_columns(case.width, 3);
        let exact = case.fluctuations(&columns, true, &STEPS, Threads::One);
        let errors = [0.04, 0.02].map(|amplitude| {
            let found = PairedCase::of(&case, &STEPS).fluctuations(std::slice::from_ref(&columns), amplitude);
            let (found, exact) = (&found.records[2], &exact.records[2]);
            [
                relative(found.field.as_slice().unwrap(), exact.field.as_slice().unwrap()),
                relative(found.bias.as_ref().unwrap(), exact.bias.as_ref().unwrap()),
                relative(&found.square_field, &exact.square_field),
                relative(&found.displacements, &exact.displacements),
                (found.square_bias.unwrap() / exact.square_bias.unwrap() - 1.0).abs(),
            ]
        });
        for k in 0..5 {
            let [coarse, fine] = [errors[0][k], errors[1][k]];
            assert!(fine < 2e-3 && (coarse / fine - 4.0).abs() < 0.5, "{loss} {k}: {coarse:.1e} {fine:.1e}");
        }
        // What does not depend on the weights.
        let found = PairedCase::of(&case, &STEPS).fluctuations(std::slice::from_ref(&columns), 0.1);
        for (found, exact) in found.records.iter().zip(&exact.records) {
            assert!(relative(&found.f, &exact.f) < 1e-12);
            assert!(relative(&found.particle_squares, &exact.particle_squares) < 1e-12);
            assert!(relative(&found.particle_overlaps, &exact.particle_overlaps) < 1e-11);
            assert!(relative(&found.square_bare, &exact.square_bare) < 1e-11);
            assert!((found.square / exact.square - 1.0).abs() < 1e-12);
        }
    }
}

/// In three layers a field is that of a pair with weights in one layer only, in units of the width; b is the sum of the
/// even parts of such pairs.
#[test]
fn fields_of_two_layers_are_those_of_single_pairs() {
    let case = PairedCase::deep(Activation::Tanh, 2, [1, 2], 5);
    let columns = [scattered_columns(5, 3), scattered_columns(10, 3)];
    let (cloud, rows) = (case.cloud(), case.sample.y.len());
    let uniform = cloud.run(&CloudWeights::uniform(&case.network, 5)).unwrap();
    let s = 1e-3;
    let mut fields = Vec::new();
    let mut shift = vec![0.0; uniform.f.len()];
    for (layer, columns) in columns.iter().enumerate() {
        for k in 0..3 {
            let run = |sign: f64| {
                let nu: Vec<f64> = columns.weights().iter().skip(k).step_by(3).map(|nu| sign * s * nu).collect();
                cloud.run(&CloudWeights::perturbed(&case.network, 5, &[(layer, &nu)]).unwrap()).unwrap().f
            };
            let (plus, minus) = (run(1.0), run(-1.0));
            // sqrt(M_l) / sqrt(p_l) = sqrt(5).
            let odd = |i: usize| 5.0_f64.sqrt() * (plus[i] - minus[i]) / (2.0 * s);
            fields.push((0..plus.len()).map(odd).collect::<Vec<f64>>());
            (0..plus.len()).for_each(|i| shift[i] += 5.0 * (0.5 * (plus[i] + minus[i]) - uniform.f[i]) / (s * s));
        }
    }
    let found = case.fluctuations(&columns, 0.01);
    let mut layers = [0.0; 2];
    let record = &found.records[2];
    for (layer, variance) in layers.iter_mut().enumerate() {
        for k in 0..3 {
            let expected = &fields[3 * layer + k][2 * rows..];
            let column = record.field.column(2 * k + layer).to_vec();
            assert!(relative(&column, expected) < 1e-3, "{layer} {k}: {}", relative(&column, expected));
            *variance += expected.iter().map(|v| v * v).sum::<f64>() / 6.0;
        }
    }
    assert!(relative(record.bias.as_ref().unwrap(), &shift[2 * rows..]) < 1e-3);
    let first = found.paired.as_ref().unwrap().first_layer.as_ref().unwrap();
    for layer in 0..2 {
        let expected = layers[layer] * [1.0, 2.0][layer];
        assert!((first.single[layer][2] / expected - 1.0).abs() < 1e-3);
    }
    assert!((record.variance(6) / (layers[0] + layers[1]) - 1.0).abs() < 1e-3);
}

/// Bilinear networks at time 0: Hoeffding's coefficients are finite sums over the neurons, where the columns are
/// complete, and for c12 within the error of the mean over draws.
#[test]
fn interaction_of_bilinear_layers() {
    let mut case = PairedCase::deep(Activation::Identity, 1, [1, 2], 8);
    case.times = vec![0.0, 0.1];
    let draws = 600;
    let columns = [NoiseColumns::gaussian(8, draws, 1), NoiseColumns::gaussian(16, draws, 2)];
    let found = case.fluctuations(&columns, 0.05);
    let first = found.paired.as_ref().unwrap().first_layer.as_ref().unwrap();
    let canonical = case.network.to_canonical(8, &case.start.theta);
    let families = case.network.families(8);
    let [w, u, a] = [0, 1, 2].map(|k| families[k].matrix(&canonical).to_owned());
    let mut expected = 0.0;
    for x in case.inputs().outer_iter() {
        let term = |i: usize, j: usize| a[[j, 1]] * u[[i, j]] * (w[[i, 0]] * x[0] + w[[i, 1]] * x[1] + w[[i, 2]]);
        let table = ndarray::Array2::from_shape_fn((8, 16), |(i, j)| term(i, j));
        let (rows, columns, all) = (
            table.mean_axis(ndarray::Axis(1)).unwrap(),
            table.mean_axis(ndarray::Axis(0)).unwrap(),
            table.mean().unwrap(),
        );
        for ((i, j), v) in table.indexed_iter() {
            expected += (v - rows[i] - columns[j] + all).powi(2) / 128.0 / 6.0;
        }
    }
    assert!((first.between[0] / expected - 1.0).abs() < 0.2, "{} {expected}", first.between[0]);
}

/// The influence of a neuron is the derivative of the predictions in its weight.
#[test]
fn influences_are_derivatives_in_the_weights() {
    let two = PairedCase::of(&CloudCase::new(Activation::Relu, Loss::HalfSquared, 2), &STEPS);
    for case in [two, PairedCase::deep(Activation::Gelu, 2, [2, 1], 4)] {
        let PairedCase { network, width, sample, start, .. } = &case;
        let found = influences(network, *width, &network.to_canonical(*width, &start.theta), case.inputs());
        for (layer, influence) in found.iter().enumerate() {
            for i in 0..influence.nrows() {
                let at = |s: f64| {
                    let mut nu = vec![0.0; influence.nrows()];
                    nu[i] = s;
                    let mut weighted = Vec::new();
                    CloudWeights::perturbed(network, *width, &[(layer, &nu)])
                        .unwrap()
                        .apply(&start.theta, &mut weighted);
                    network.predict(*width, &weighted, &sample.x, Threads::One)
                };
                let (plus, minus) = (at(1e-4), at(-1e-4));
                let slope: Vec<f64> =
                    plus.iter().zip(&minus).map(|(p, m)| (p - m) * influence.nrows() as f64 / 2e-4).collect();
                assert!(relative(&influence.row(i).to_vec(), &slope) < 1e-6);
            }
        }
    }
}

/// The modes of a layer are orthonormal and of mean zero, and all of them contain the whole bare variance.
#[test]
fn modes_of_layers_are_complete() {
    let case = PairedCase::deep(Activation::Tanh, 2, [1, 1], 12);
    let states = [case.start.theta.clone()];
    let columns = layer_columns((&case.network, 12), &states, case.inputs(), (11, 4), 3).unwrap();
    let canonical = case.network.to_canonical(12, &case.start.theta);
    for (columns, influence) in columns.iter().zip(influences(&case.network, 12, &canonical, case.inputs())) {
        let weights = ArrayView2::from_shape((12, 15), columns.weights()).unwrap();
        let product = weights.t().dot(&weights);
        assert!(product.indexed_iter().all(|((i, j), v)| (v - f64::from(i == j && i < 11)).abs() < 1e-10));
        assert!(weights.sum_axis(ndarray::Axis(0)).iter().all(|sum| sum.abs() < 1e-10));
        let bare = influence.t().dot(&weights) / 12.0_f64.sqrt();
        let share = bare.iter().map(|v| v * v).sum::<f64>() / influence.var_axis(ndarray::Axis(0), 0.0).sum();
        assert!((share - 1.0).abs() < 1e-10, "{share}");
    }
}

/// The mean change of the predictions by halving the first layer, against all pairs of complementary halves.
#[test]
fn halving_the_first_layer_shifts_the_predictions() {
    let (case, n) = (PairedCase::deep(Activation::Tanh, 1, [1, 1], 12), 12);
    let columns = [(); 2].map(|()| super::linear::complete(n));
    let found = case.fluctuations(&columns, 0.02);
    let halving = &found.paired.as_ref().unwrap().first_layer.as_ref().unwrap().halving;
    let Network::ThreeLayer(three) = &case.network else { panic!("three layers") };
    let canonical = case.network.to_canonical(n, &found.end.theta);
    let all: Vec<usize> = (0..n).collect();
    let mut shift: Vec<f64> = found.records[2].f.iter().map(|f| -f).collect();
    let halves: Vec<u32> = (0..1 << n).filter(|set: &u32| set.count_ones() == 6).collect();
    for set in &halves {
        let kept: Vec<usize> = (0..n).filter(|i| set >> i & 1 == 1).collect();
        let half = three.select_neurons([n, n], &canonical, [&kept, &all]);
        let f = three.predict_with([6, n], &half, &case.sample.x, Threads::One);
        shift.iter_mut().zip(f).for_each(|(shift, f)| *shift += f / halves.len() as f64);
    }
    // A half of 12 neurons deviates as 11 independent neurons do; the fourth order is left out.
    let error = shift.iter().zip(halving).map(|(shift, h)| (shift - h / 11.0).powi(2)).sum::<f64>();
    let norm = shift.iter().map(|shift| shift * shift).sum::<f64>();
    assert!((error / norm).sqrt() < 0.3, "{shift:?} {halving:?}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = PairedCase::deep(Activation::Relu, 1, [1, 1], 8);
    let columns = [scattered_columns(8, 37), scattered_columns(8, 37)];
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| case.fluctuations(&columns, 0.05));
        let first = found.paired.unwrap().first_layer.unwrap();
        let records = found.records.into_iter().map(|r| (r.field, r.bias, r.displacements)).collect::<Vec<_>>();
        (records, first.between, first.halving)
    };
    assert!(run(1) == run(3));
}
