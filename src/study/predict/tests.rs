//! Guards, and what a wrong prediction leads to.

use super::compare::RANGE;
use super::quantity::PredictedQuantity;
use super::trust::Trust;
use super::{BatchArrays, DeviationArrays, NetworkSetting, PredictArrays, PredictedArrays, StepTermArrays};
use crate::analysis::ratio::{PredictedRatio, SeedStatistic};
use crate::analysis::verdict::{Check, Verdict, judge};
use crate::choice::Choice;
use crate::compute::rng::{Role, stream};
use ndarray::{Array1, Array2, Array3, array};
use rand_distr::{Distribution, Exp1};

/// Predictions at widths 10, 100, 1000 of which every quantity is predicted; quantiles of laws are `scale / N`.
pub(super) fn arrays() -> PredictArrays {
    let widths = array![10.0, 100.0, 1000.0];
    let series = |value: f64| Array1::from_elem(2, value);
    let law = |scale: f64| Array2::from_shape_fn((3, 4), |(w, k)| if k == 1 { 0.0 } else { scale / widths[w] });
    let cloud = PredictedArrays {
        variance: series(1.0),
        variance_second: series(0.0),
        layer_variance: Array2::ones((1, 2)),
        layer_interaction: series(0.0),
        spread: series(1.0),
        spread_bias: series(0.1),
        spread_variance: series(1.0),
        gap_bias: series(0.1),
        gap_mean: series(1.0),
        gap_mean_second: series(0.0),
        gap_linear: series(1.0),
        gap_square: series(1.0),
        coupling: series(1.0),
        column_error: series(0.01),
        bias_ratio: series(0.1),
        largest_share: series(0.1),
        bare_ratio: series(1.01),
        supremum: array![1.0, 1.0, 0.5, 3.0],
        function_law: array![1.0, 1.0, 0.5, 2.0],
        gap_low: Array2::zeros((3, 2)),
        gap_high: Array2::from_shape_fn((3, 2), |(w, _)| widths[w].powf(-0.5)),
        dropout: Array2::from_shape_fn((3, 2), |(w, _)| 0.5 / widths[w]),
        dropout_law: law(4.0),
        barrier: law(2.0),
    };
    PredictArrays {
        widths,
        times: array![0.0, 1.0],
        whole: cloud.clone(),
        half: cloud,
        step: None,
        batch: None,
        half_batch: None,
        draws: None,
        totals: None,
        given_distance: array![],
    }
}

/// The same with parts of the step and of mini-batches: `|eps h| = 0.5 eps`, `c' = 2`, and 100 draws that differ in size
/// alone, of which `|G|^2` and `|G'|^2` are `k / 50` and `k / 25` at the end and half of that at the start.
pub(super) fn arrays_with_parts() -> PredictArrays {
    let steps = array![0.01, 0.04];
    let row = |scale: f64| Array2::from_shape_fn((2, 2), |(s, t)| scale * t as f64 * steps[s]);
    let size = |draw: usize| (draw + 1) as f64 / 50.0;
    let products = |draw: usize| [0.25, size(draw), 2.0 * size(draw), 0.0, 0.0, 0.0];
    let batch = BatchArrays {
        variance: array![0.0, 2.0],
        gap_mean: array![0.0, 3.0],
        gap_linear: array![0.0, 0.0],
        coupling: array![0.0, 4.0],
        spread_bias: array![0.0, 0.0],
        error: array![f64::NAN, 0.04],
        supremum: array![2.0, 1.0, 1.0, 4.0],
    };
    let curvature = |draw: usize, i: usize, j: usize| match (i, j) {
        (0, 0) => 0.25,
        (1, 1) => size(draw),
        (2, 2) => 2.0 * size(draw),
        (3, 3) => 4.0 * size(draw),
        _ => 0.0,
    };
    PredictArrays {
        step: Some(StepTermArrays {
            function: row(0.5),
            loss: row(0.1),
            coupling: row(0.2),
            order: array![f64::NAN, 1.0],
            values: steps,
        }),
        half_batch: Some(batch.clone()),
        batch: Some(batch),
        draws: Some(DeviationArrays {
            distances: Array3::from_shape_fn((100, 2, 6), |(draw, t, k)| products(draw)[k] * 0.5 * (1 + t) as f64),
            slopes: Array2::zeros((100, 6)),
            curvature: Array3::from_shape_fn((100, 6, 6), |(draw, i, j)| curvature(draw, i, j)),
        }),
        ..arrays()
    }
}

#[test]
fn every_guard_has_its_reason() {
    let broken = |change: &dyn Fn(&mut PredictArrays), quantity| {
        let mut arrays = arrays();
        change(&mut arrays);
        Trust { arrays: &arrays, draws: 2000, left_out: &[] }.broken(quantity)
    };
    for &quantity in PredictedQuantity::ALL {
        assert_eq!(broken(&|_| {}, quantity), None, "{quantity}");
    }
    let function = |change: &dyn Fn(&mut PredictArrays)| broken(change, PredictedQuantity::Function).unwrap();
    assert!(function(&|arrays| arrays.half.variance[1] = 1.06).contains("half of the particles"));
    assert!(function(&|arrays| arrays.half.variance[1] = f64::NAN).contains("half of the particles"));
    assert!(function(&|arrays| arrays.whole.column_error[1] = 0.06).contains("random columns"));
    assert!(function(&|arrays| arrays.whole.largest_share[1] = 0.6).contains("tangent vectors"));
    // 60 / (0.05 N) is above 1 at N = 1000 and below at N = 1200: no predicted width is left.
    assert!(function(&|arrays| arrays.whole.bias_ratio[1] = 60.0).contains("second order"));
    assert!(function(&|arrays| arrays.whole.bias_ratio[1] = f64::NAN).contains("second order"));
    assert!(function(&|arrays| arrays.whole.bare_ratio[1] = 0.9).contains("bare variance"));
    assert!(function(&|arrays| arrays.given_distance = array![0.06]).contains("field of the grid"));
    assert_eq!(broken(&|arrays| arrays.given_distance = array![0.04], PredictedQuantity::Function), None);
    // What concerns the interaction does not concern the spread of the features.
    assert_eq!(broken(&|arrays| arrays.whole.largest_share[1] = 0.6, PredictedQuantity::Dropout), None);
    assert_eq!(broken(&|arrays| arrays.half.variance[1] = 1.06, PredictedQuantity::Dropout), None);
    assert!(broken(&|arrays| arrays.half.gap_mean[1] = 1.06, PredictedQuantity::LossMean).is_some());
}

#[test]
fn narrow_networks_are_not_predicted() {
    let mut arrays = arrays();
    arrays.whole.bias_ratio[1] = 1.0;
    // A change at a width that is not predicted does not count.
    arrays.half.barrier[[0, 0]] *= 2.0;
    let trust = Trust { arrays: &arrays, draws: 2000, left_out: &[] };
    let least = |quantity| trust.least_width(quantity);
    assert!((least(PredictedQuantity::Barrier) - 20.0).abs() < 1e-12);
    assert!((least(PredictedQuantity::LossDeviation) - 50.0).abs() < 1e-12);
    assert_eq!(trust.broken(PredictedQuantity::Barrier), None);
    let predicts = |quantity| [10.0, 100.0].map(|n| trust.predicts_width(quantity, n));
    assert_eq!(predicts(PredictedQuantity::Barrier), [false, true]);
    assert_eq!(predicts(PredictedQuantity::Dropout), [true, true]);
    arrays.whole.bias_ratio[1] = 0.1;
    assert!(Trust { arrays: &arrays, draws: 2000, left_out: &[] }.broken(PredictedQuantity::Barrier).is_some());
}

#[test]
fn errors_of_a_prediction_add_in_quadrature() {
    let mut arrays = arrays();
    arrays.half.variance[1] = 1.02;
    let error = |quantity| Trust { arrays: &arrays, draws: 400, left_out: &[] }.relative_error(quantity);
    assert!((error(PredictedQuantity::Function) - 0.02_f64.hypot(0.01)).abs() < 1e-12);
    // A law of which the deviation is the mean, from 400 draws.
    assert!((error(PredictedQuantity::FunctionSup) - 0.01_f64.hypot(0.05)).abs() < 1e-12);
    assert_eq!(error(PredictedQuantity::Dropout), 0.0);
}

/// Sums of all parts, for a step and a batch size that are predicted and for some that are not.
#[test]
fn parts_add() {
    let arrays = arrays_with_parts();
    let total =
        |quantity, width: f64, step: f64, batch: f64| arrays.total(quantity, NetworkSetting::new(width, step, batch));
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    for (step, batch) in [(0.04, 2.0), (0.02, 5.0), (0.01, f64::INFINITY)] {
        let w = step / batch;
        let function = 1.0 / 10.0 + (0.5_f64 * step).powi(2) + 2.0 * w;
        close(total(PredictedQuantity::Function, 10.0, step, batch), function);
        close(total(PredictedQuantity::LossMean, 10.0, step, batch), 0.1 + 0.1 * step + 3.0 * w);
        close(total(PredictedQuantity::Coupling, 10.0, step, batch), 0.1 + (0.2_f64 * step).powi(2) + 4.0 * w);
        // The mean of k / 50 is 1.01.
        let supremum = 1.01 / 10.0 + (0.5_f64 * step).powi(2) + 2.02 * w;
        close(total(PredictedQuantity::FunctionSup, 10.0, step, batch), supremum);
    }
    // Beside a reference of 40 particles, and without a part of the width.
    let coupled = NetworkSetting { coupled: 1.0 / 40.0, ..NetworkSetting::new(10.0, 0.01, f64::INFINITY) };
    close(arrays.total(PredictedQuantity::Function, coupled), 0.075 + 0.005_f64.powi(2));
    close(total(PredictedQuantity::Function, f64::INFINITY, 0.01, 1.0), 0.005_f64.powi(2) + 0.02);
    assert!(arrays.total(PredictedQuantity::Barrier, NetworkSetting::new(10.0, 0.01, 1.0)) > 0.0);
    let without = PredictArrays { batch: None, ..arrays.clone() };
    assert!(without.total(PredictedQuantity::Function, NetworkSetting::new(10.0, 0.01, 1.0)).is_nan());
    let totals = arrays.with_totals(&[2]).totals.unwrap();
    assert_eq!(totals.batches, array![f64::INFINITY, 2.0]);
    close(totals.function[(1, 0, 1)], 0.01 + 0.005_f64.powi(2) + 0.01);
}

#[test]
fn errors_of_a_sum_are_those_of_its_parts_by_their_shares() {
    let mut arrays = arrays_with_parts();
    arrays.half.variance[1] = 1.02;
    arrays.half_batch.as_mut().unwrap().variance[1] = 2.06;
    let trust = Trust { arrays: &arrays, draws: 400, left_out: &[] };
    let setting = NetworkSetting::new(10.0, 0.04, 1.0);
    let (total, function) = (0.1 + 0.0004 + 0.08, PredictedQuantity::Function);
    let starts = 0.1 / total * trust.relative_error(function);
    let expected = starts.hypot(0.08 / total * 0.04_f64.hypot(0.03));
    assert!((trust.total_error(function, &[setting]) - expected).abs() < 1e-12);
    assert_eq!(trust.broken_total(function, &[setting]), None);
    let mut noisy = arrays.clone();
    noisy.batch.as_mut().unwrap().error[1] = 0.3;
    let trust = Trust { arrays: &noisy, draws: 400, left_out: &[] };
    assert!(trust.broken_total(function, &[setting]).unwrap().contains("mini-batches"));
    // Under the full gradient there is no such part; beside the limit of the own particles none of the starts.
    assert_eq!(trust.broken_total(function, &[NetworkSetting::new(10.0, 0.04, f64::INFINITY)]), None);
    noisy.half.variance[1] = 2.0;
    let trust = Trust { arrays: &noisy, draws: 400, left_out: &[] };
    let own = NetworkSetting::new(f64::INFINITY, 0.04, f64::INFINITY);
    assert_eq!(trust.broken_total(function, &[own]), None);
    let no_step = PredictArrays { step: None, ..arrays };
    let trust = Trust { arrays: &no_step, draws: 400, left_out: &[] };
    assert!(trust.broken_total(function, &[setting]).unwrap().contains("temperature"));
}

/// Of 400 seeds at three widths, whose squares are exponential of mean `1/N`.
#[test]
fn a_prediction_that_is_wrong_by_half_fails() {
    let widths = [32.0, 64.0, 128.0];
    let measured = Array2::from_shape_fn((3, 400), |(w, seed)| {
        let value: f64 = Exp1.sample(&mut stream(5, Role::Start, w as u64, seed as u64));
        value / widths[w]
    });
    let verdict = |factor: f64, seeds: usize| {
        let predicted = widths.map(|n| factor / n);
        let measured = measured.slice(ndarray::s![.., ..seeds]);
        let ratio = PredictedRatio::new(&predicted, measured, SeedStatistic::PositiveMean, 0.01).unwrap();
        let check = Check::ratio_within("predict-function", "", 1.0, RANGE, ratio.logarithm, "");
        let mut family = vec![check; 7];
        judge(&mut family);
        family[0].verdict
    };
    assert_eq!(verdict(1.0, 400), Verdict::Holds);
    assert_eq!(verdict(1.5, 400), Verdict::Fails);
    assert_eq!(verdict(1.0 / 1.5, 400), Verdict::Fails);
    assert_eq!(verdict(1.0, 10), Verdict::NotResolved);
    assert_eq!(verdict(1.5, 4), Verdict::NotResolved);
}
