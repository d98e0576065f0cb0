//! What follows for networks of N neurons.

use super::linear::complete;
use super::nonlinear::{COLUMNS, STEPS};
use super::{CloudCase, relative, scattered_columns};
use crate::compute::Threads;
use crate::fluctuation::{FluctuationError, Fluctuations, LimitFeatures, NoiseColumns, PredictedLaw};
use crate::network::{Activation, Batch, Loss, TwoLayer};

/// The mean and the slopes of the gap are the differences of the risk, with its ridge term, of weighted clouds.
#[test]
fn loss_gap_is_that_of_weighted_clouds() {
    for (loss, outputs) in [(Loss::HalfSquared, 2), (Loss::Logistic, 1), (Loss::Softmax, 3)] {
        let case = CloudCase::new(Activation::Tanh, loss, outputs);
        let columns = scattered_columns(case.width, COLUMNS);
        let gap = case.fluctuations(&columns, true, &STEPS, Threads::One).loss_gap(3).unwrap();
        let m = case.width as f64;
        let risk = |column: usize, s: f64| {
            let weight = |i: usize| (1.0 + s * columns.weights()[i * COLUMNS + column]) / m;
            let p: Vec<f64> = (0..case.width).map(weight).collect();
            let (f, [_, norm]) = case.weighted(&p, &STEPS).swap_remove(3);
            loss.mean(&f, &case.sample.y, outputs) + 0.5 * case.objective.ridge * norm
        };
        let second = |s: f64| -> f64 {
            (0..COLUMNS).map(|c| (risk(c, s) + risk(c, -s) - 2.0 * risk(c, 0.0)) * m / (2.0 * s * s)).sum()
        };
        let expected = (4.0 * second(0.06) - second(0.12)) / 3.0;
        assert!((gap.scaled_mean() / expected - 1.0).abs() < 1e-5, "{loss}: {} {expected}", gap.scaled_mean());
        let slope = |s: f64, c: usize| (risk(c, s) - risk(c, -s)) * m.sqrt() / (2.0 * s);
        let slopes: Vec<f64> = (0..COLUMNS).map(|c| (4.0 * slope(0.06, c) - slope(0.12, c)) / 3.0).collect();
        assert!(relative(&gap.slopes, &slopes) < 1e-6, "{loss}: {:?} {slopes:?}", gap.slopes);
    }
}

/// A tanh cloud of 40 neurons with complete columns.
fn tanh_cloud() -> Fluctuations {
    let network = TwoLayer { inputs: 2, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
    let x: Vec<f64> = (0..40).map(|i| 1.5 * super::scattered(i)).collect();
    let y = x.chunks_exact(2).map(|x| x[0].tanh()).collect();
    let mut case = CloudCase::drawn(network, Batch { x, y }, 40, 1.0);
    case.motion.step = 0.1;
    case.fluctuations(&complete(40), true, &[0, 10, 20], Threads::One)
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!((found / expected - 1.0).abs() < tolerance, "{found} {expected}");
}

#[test]
fn sampled_laws_have_the_predicted_moments() {
    let found = tanh_cloud();
    let gap = found.loss_gap(2).unwrap();
    let law = gap.law(0.01, 20_000, 1);
    assert!((law.mean() - gap.mean(0.01)).abs() < 4.0 * gap.deviation(0.01) / 20_000_f64.sqrt());
    assert_close(law.deviation(), gap.deviation(0.01), 0.03);
    // At one time the supremum is the square itself.
    let mut single = found.clone();
    single.records.truncate(1);
    assert_close(single.supremum(20_000, 1).mean(), single.variance()[0], 0.03);
    // The draws of both are the same.
    assert!(found.supremum(2000, 1).mean() > single.supremum(2000, 1).mean());
}

/// For the half-squared loss the mean costs of dropout are proportional to the spread, whatever the width; with bare
/// fluctuations from features (index 2) and from columns (index 1).
#[test]
fn dropout_and_barrier_have_the_mean_of_the_spread() {
    let found = tanh_cloud();
    for index in [1, 2] {
        let record = &found.records[index];
        if let Some(features) = &record.features {
            let mean = features.mean_axis(ndarray::Axis(0)).unwrap().to_vec();
            assert!(index == 2 && relative(&mean, &record.f) < 1e-12);
        }
        let spread = found.spread(index).unwrap();
        assert_close(spread.limit, record.spread, 1e-14);
        let law = found.dropout_cost(index, (4, 2), 20_000, 3).unwrap();
        assert!(law.deviation() < 4.0 * law.mean());
        assert_close(law.mean(), 0.5 * (1.0 / 2.0 - 1.0 / 4.0) * spread.limit, 0.08);
        assert_close(spread.mean_cost(100_000, 50_000), 0.5e-5 * spread.limit, 1e-3);
        let barrier = found.barrier(index, 4, 20_000, 3).unwrap();
        assert_close(barrier.keep_half.mean(), 0.5 / 4.0 * spread.limit, 0.08);
        assert!(barrier.barrier.draws()[0] >= 0.0 && barrier.barrier.mean() > 0.0);
    }
}

/// With complete columns the variance of the spread is the sum over columns of `(Q_1 - 2 <f, G>)^2`.
#[test]
fn variance_of_the_spread_is_the_sum_over_columns() {
    let found = tanh_cloud();
    for (index, record) in found.records.iter().enumerate() {
        let sum: f64 = (0..record.columns())
            .map(|k| {
                let overlap: f64 = record.f.iter().zip(record.field.column(k)).map(|(f, g)| f * g).sum();
                (record.square_field[k] - 2.0 * overlap / found.samples as f64).powi(2)
            })
            .sum();
        assert_close(found.spread(index).unwrap().variance, sum, 1e-11);
    }
}

/// Linear neurons have one common displacement, the response of the mean.
#[test]
fn coupling_of_linear_neurons() {
    let case = super::linear::case(12);
    let found = case.fluctuations(&complete(12), false, &[0, 30], Threads::One);
    let record = &found.records[1];
    let response = (&record.field - &record.bare).iter().map(|v| v * v).sum::<f64>() / 2.0;
    assert_close(record.coupling(), response, 1e-12);
    assert_close(found.coupling_distance(1, 0.01), (0.01 * response).sqrt(), 1e-12);
    assert_close(record.largest_share(), 1.0 / 12.0, 1e-12);
    let law = found.largest_displacement(12, 20_000, 1).unwrap();
    let square: f64 = law.draws().iter().map(|v| v * v).sum::<f64>() / 20_000.0;
    assert_close(square, response / 12.0, 0.05);
}

/// On the times of their features the bare fields of the modes are orthogonal, so that their coefficients are found.
#[test]
fn one_network_from_its_bare_fluctuation() {
    let network = TwoLayer { inputs: 2, outputs: 2, bias: true, activation: Activation::Erf, fixed_output: false };
    let x: Vec<f64> = (0..40).map(|i| 1.5 * super::scattered(i)).collect();
    let y = x.chunks_exact(2).flat_map(|x| [x[0].tanh(), x[1]]).collect();
    let mut case = CloudCase::drawn(network, Batch { x, y }, 40, 1.0);
    case.motion.step = 0.1;
    let steps = [0, 6, 15];
    let states = super::adjoint::states(&case, 15);
    let states = steps.map(|step| states[step].clone());
    let features = LimitFeatures {
        network: &case.network,
        width: 40,
        population: &case.sample,
        states: &states,
        threads: Threads::One,
    };
    // All particles' modes, so that the subspace is invariant.
    let columns = NoiseColumns::modes_and_complement(&features, 39, 0, 1).unwrap();
    let found = case.fluctuations(&columns, false, &steps, Threads::One);
    let z: Vec<f64> = (0..39).map(|k| if k < 6 { super::scattered(k) } else { 0.0 }).collect();
    let sum = |fields: &ndarray::Array2<f64>| fields.dot(&ndarray::aview1(&z)).to_vec();
    let bare: Vec<Vec<f64>> = found.records.iter().map(|record| sum(&record.bare)).collect();
    let prediction = found.seed_prediction(&bare);
    assert!(relative(&prediction.coefficients[..6], &z[..6]) < 1e-8, "{:?} {z:?}", &prediction.coefficients[..6]);
    for (record, deviation) in found.records.iter().zip(&prediction.deviations) {
        assert!(relative(deviation, &sum(&record.field)) < 1e-7);
    }
}

#[test]
fn guards_of_complete_columns() {
    let found = tanh_cloud();
    let guards = found.guards(2);
    assert_close(guards.bare_ratio, 1.0, 1e-11);
    assert!(guards.column_error > 0.0 && guards.column_error < 1.0 && guards.bias_ratio > 0.0);
    assert!(guards.largest_share > 1.0 / 40.0 && guards.largest_share < 1.0);
    assert!(found.guards(0).bias_ratio == 0.0);
}

#[test]
fn second_order_is_required() {
    let case = super::linear::case(4);
    let found = case.fluctuations(&complete(4), false, &[0], Threads::One);
    assert!(matches!(found.loss_gap(0), Err(FluctuationError::NoSecondOrder { .. })));
    assert!(matches!(found.spread(0), Err(FluctuationError::NoSecondOrder { .. })));
    assert!(matches!(found.barrier(0, 10, 1, 1), Err(FluctuationError::NoSecondOrder { .. })));
}

#[test]
fn quantiles_interpolate() {
    let law = PredictedLaw::new(vec![3.0, 1.0, 2.0]);
    assert_eq!([0.0, 0.25, 0.5, 1.0].map(|level| law.quantile(level)), [1.0, 1.5, 2.0, 3.0]);
    assert_eq!((law.mean(), law.deviation()), (2.0, 1.0));
    assert!(PredictedLaw::new(Vec::new()).quantile(0.5).is_nan());
}
