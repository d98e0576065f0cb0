//! Draws of the deviation by width, step and mini-batches.

use super::{CloudCase, relative, scattered, scattered_columns};
use crate::compute::Threads;
use crate::fluctuation::{BatchNoise, DeviationParts, Fluctuations, NoiseColumns};
use crate::network::{Activation, Loss};
use ndarray::{Axis, s};

const STEPS: [usize; 3] = [0, 5, 12];

/// The fluctuations of the starts and of mini-batches along one cloud.
fn both(loss: Loss, outputs: usize) -> (CloudCase, Fluctuations, Fluctuations) {
    let case = CloudCase::new(Activation::Tanh, loss, outputs);
    let starts = case.fluctuations(&scattered_columns(case.width, 4), true, &STEPS, Threads::One);
    let noise = BatchNoise::of_columns(3, 5, case.motion.step);
    let batches = case.driven(&NoiseColumns::zero(case.width, 5), true, Some(noise), &STEPS, Threads::One);
    (case, starts, batches)
}

/// The draws of the starts are those of the law of the supremum, and the parts are independent.
#[test]
fn products_of_the_parts() {
    let (case, starts, batches) = both(Loss::HalfSquared, 2);
    let step: Vec<Vec<f64>> =
        (0..3).map(|t| (0..case.sample.y.len()).map(|i| scattered(i + 7 * t)).collect()).collect();
    let parts = DeviationParts { starts: &starts, batches: Some(&batches), step: Some(&step), step_norm: 0.0 };
    let draws = 20_000;
    let found = parts.distances(draws, 9);
    let largest = |draw: ndarray::ArrayView2<f64>| draw.column(1).iter().copied().fold(0.0, f64::max);
    let mut suprema: Vec<f64> = found.outer_iter().map(largest).collect();
    suprema.sort_by(f64::total_cmp);
    assert!(relative(&suprema, starts.supremum(draws, 9).draws()) < 1e-12);
    let mean = found.mean_axis(Axis(0)).unwrap();
    let norm = |t: usize| step[t].iter().map(|v| v * v).sum::<f64>() / starts.samples as f64;
    for t in 0..3 {
        assert!((mean[(t, 0)] - norm(t)).abs() < 1e-12);
        for (k, expected) in [(1, starts.variance()[t]), (2, batches.variance()[t])] {
            assert!((mean[(t, k)] - expected).abs() < 0.04 * expected + 1e-15, "{t} {k}: {} {expected}", mean[(t, k)]);
        }
        // <h, G>, <h, G'> and <G, G'> have mean zero.
        for k in 3..6 {
            let square = found.slice(s![.., t, k]).iter().map(|v| v * v).sum::<f64>() / draws as f64;
            assert!(mean[(t, k)].abs() <= 4.0 * (square / draws as f64).sqrt(), "{t} {k}");
        }
    }
    // For the half-squared loss the curvature is the product.
    let responses = parts.responses(2, 10, 9);
    for draw in 0..10 {
        let curvature = responses.curvature.index_axis(Axis(0), draw);
        let products = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)].map(|at| curvature[at]);
        assert!(relative(&products, &found.slice(s![draw, 2, ..]).to_vec()) < 1e-12);
    }
    let alone = DeviationParts { batches: None, step: None, ..parts }.distances(10, 9);
    assert_eq!(alone.slice(s![.., .., 1]), found.slice(s![..10, .., 1]));
    assert!(alone.slice(s![.., .., 2]).iter().all(|v| *v == 0.0));
}

/// Slopes and curvature are the first two derivatives of the loss.
#[test]
fn responses_of_the_loss() {
    for (loss, outputs) in [(Loss::Logistic, 1), (Loss::Softmax, 3)] {
        let (case, starts, batches) = both(loss, outputs);
        let n = case.sample.y.len();
        let field = |shift: usize| -> Vec<f64> { (0..n).map(|i| scattered(i + shift)).collect() };
        let step = vec![field(0), field(1), field(2)];
        let parts = DeviationParts { starts: &starts, batches: Some(&batches), step: Some(&step), step_norm: 0.0 };
        let found = parts.responses(2, 3, 1);
        let record = &starts.records[2];
        let bias = record.bias.as_ref().unwrap();
        let risk = |a: f64, b: f64| {
            let f: Vec<f64> = (0..n).map(|i| record.f[i] + a * step[2][i] + b * bias[i]).collect();
            loss.mean(&f, &case.sample.y, outputs)
        };
        let s = 1e-3;
        let slope = [(risk(s, 0.0) - risk(-s, 0.0)) / (2.0 * s), (risk(0.0, s) - risk(0.0, -s)) / (2.0 * s)];
        let square = (risk(s, 0.0) + risk(-s, 0.0) - 2.0 * risk(0.0, 0.0)) / (s * s);
        let mixed = (risk(s, s) + risk(-s, -s) - risk(s, -s) - risk(-s, s)) / (4.0 * s * s);
        for draw in 0..3 {
            assert!((found.slopes[(draw, 0)] - slope[0]).abs() < 1e-6);
            // The mean shift has a part of the ridge term.
            let shift = slope[1] + 0.5 * starts.ridge * record.square_norm.bias.unwrap();
            assert!((found.slopes[(draw, 4)] - shift).abs() < 1e-6 * shift.abs().max(1.0));
            assert!((found.curvature[(draw, 0, 0)] - square).abs() < 1e-6);
            assert!((found.curvature[(draw, 0, 4)] - mixed).abs() < 1e-5 * mixed.abs().max(1.0));
            assert!((found.curvature[(draw, 1, 3)] - found.curvature[(draw, 3, 1)]).abs() < 1e-12);
        }
    }
}
