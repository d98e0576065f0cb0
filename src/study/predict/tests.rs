//! Guards, and what a wrong prediction leads to.

use super::compare::RANGE;
use super::trust::{PredictedQuantity, Trust};
use super::{PredictArrays, PredictedArrays};
use crate::analysis::ratio::{PredictedRatio, SeedStatistic};
use crate::analysis::verdict::{Check, Verdict, judge};
use crate::choice::Choice;
use crate::compute::rng::{Role, stream};
use ndarray::{Array1, Array2, array};
use rand_distr::{Distribution, Exp1};

/// Predictions at widths 10, 100, 1000 of which every quantity is predicted; quantiles of laws are `scale / N`.
pub(super) fn arrays() -> PredictArrays {
    let widths = array![10.0, 100.0, 1000.0];
    let series = |value: f64| Array1::from_elem(2, value);
    let law = |scale: f64| Array2::from_shape_fn((3, 4), |(w, k)| if k == 1 { 0.0 } else { scale / widths[w] });
    let cloud = PredictedArrays {
        variance: series(1.0),
        spread: series(1.0),
        spread_bias: series(0.1),
        spread_variance: series(1.0),
        gap_bias: series(0.1),
        gap_mean: series(1.0),
        gap_linear: series(1.0),
        gap_square: series(1.0),
        coupling: series(1.0),
        column_change: series(0.01),
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
    PredictArrays { widths, times: array![0.0, 1.0], whole: cloud.clone(), half: cloud, given_distance: array![] }
}

#[test]
fn every_guard_has_its_reason() {
    let broken = |change: &dyn Fn(&mut PredictArrays), quantity| {
        let mut arrays = arrays();
        change(&mut arrays);
        Trust { arrays: &arrays, draws: 2000 }.broken(quantity)
    };
    for &quantity in PredictedQuantity::ALL {
        assert_eq!(broken(&|_| {}, quantity), None, "{quantity}");
    }
    let function = |change: &dyn Fn(&mut PredictArrays)| broken(change, PredictedQuantity::Function).unwrap();
    assert!(function(&|arrays| arrays.half.variance[1] = 1.06).contains("half of the particles"));
    assert!(function(&|arrays| arrays.half.variance[1] = f64::NAN).contains("half of the particles"));
    assert!(function(&|arrays| arrays.whole.column_change[1] = -0.06).contains("random columns"));
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
    let trust = Trust { arrays: &arrays, draws: 2000 };
    assert!((trust.least_width() - 20.0).abs() < 1e-12);
    assert_eq!(trust.broken(PredictedQuantity::Barrier), None);
    let predicts = |quantity| [10.0, 100.0].map(|n| trust.predicts_width(quantity, n));
    assert_eq!(predicts(PredictedQuantity::Barrier), [false, true]);
    assert_eq!(predicts(PredictedQuantity::Dropout), [true, true]);
    arrays.whole.bias_ratio[1] = 0.1;
    assert!(Trust { arrays: &arrays, draws: 2000 }.broken(PredictedQuantity::Barrier).is_some());
}

#[test]
fn errors_of_a_prediction_add_in_quadrature() {
    let mut arrays = arrays();
    arrays.half.variance[1] = 1.02;
    let error = |quantity| Trust { arrays: &arrays, draws: 400 }.relative_error(quantity);
    assert!((error(PredictedQuantity::Function) - 0.02_f64.hypot(0.01)).abs() < 1e-12);
    // A law of which the deviation is the mean, from 400 draws.
    assert!((error(PredictedQuantity::FunctionSup) - 0.01_f64.hypot(0.05)).abs() < 1e-12);
    assert_eq!(error(PredictedQuantity::Dropout), 0.0);
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
