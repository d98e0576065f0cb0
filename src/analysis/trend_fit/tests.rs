use super::*;
use crate::analysis::estimate::Side;
use crate::analysis::fit::Statistic;
use crate::analysis::verdict::Verdict;
use crate::compute::rng::{Role, stream};
use rand_distr::{Distribution, StandardNormal};

fn statement(law: TrendLaw, side: Side, expected: f64) -> TrendStatement {
    let about = Hypothesis::new(side, expected);
    let (name, over) = ("vary-q".into(), "x".into());
    TrendStatement { name, statement: "s".into(), over, law, about, resolution: law.resolution() }
}

/// Quantities `level(x) exp(noise)` of 12 seeds at one width.
fn measured_at(xs: &[f64], width: Option<usize>, noise: f64, level: impl Fn(f64) -> f64) -> Vec<(f64, SeedQuantity)> {
    let mut rng = stream(4, Role::Start, width.unwrap_or(0) as u64, 0);
    let mut row = |x: f64| -> ndarray::Array1<f64> {
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        (0..12).map(|_| level(x) * (noise * normal()).exp()).collect()
    };
    let quantity = |&x: &f64| (x, SeedQuantity::of_seeds("q", "q", width, Statistic::GeometricMean, row(x).view()));
    xs.iter().map(quantity).collect()
}

fn judged(statement: &TrendStatement, all: &[(f64, SeedQuantity)]) -> (TrendFit, Check) {
    let placed: Vec<(f64, &SeedQuantity)> = all.iter().map(|(x, quantity)| (*x, quantity)).collect();
    fit(statement, &placed, &[], &Bootstrap::new(1, 0))
}

/// Exponents known by construction: at most 1/2 holds for 0, 0.3 and 1/2, and fails for 1; a noisy one is not resolved.
#[test]
fn known_exponents_against_a_bound() {
    let xs = [4.0, 8.0, 16.0, 32.0, 64.0];
    let bound = statement(TrendLaw::Power, Side::AtMost, 0.5);
    for (exponent, noise, verdict) in [
        (0.0, 0.1, Verdict::Holds),
        (0.3, 0.1, Verdict::Holds),
        (0.5, 0.1, Verdict::Holds),
        (0.8, 0.1, Verdict::Fails),
        (1.0, 0.1, Verdict::Fails),
        (0.5, 4.0, Verdict::NotResolved),
    ] {
        let (fit, check) = judged(&bound, &measured_at(&xs, None, noise, |x: f64| 3.0 * x.powf(exponent)));
        assert_eq!(check.verdict, verdict, "{exponent} {noise}: {}", check.detail);
        let (low, high) = fit.interval.unwrap();
        assert!(low <= exponent && exponent <= high, "{exponent}: [{low}, {high}]");
    }
}

/// Curvatures known by construction: an exponential, one that slows down, a power law; and a rate that grows.
#[test]
fn known_curvatures_against_an_exponential() {
    let ts = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0];
    let bound = statement(TrendLaw::Exponential, Side::AtMost, 0.0);
    type TestLaw = fn(f64) -> f64;
    let laws: [(TestLaw, Verdict, &str); 4] = [
        (|t| (0.3 * t).exp(), Verdict::Holds, "an exponential is the closer"),
        (|t| (0.3 * t - 0.02 * t * t).exp(), Verdict::Holds, ""),
        (|t| t * t, Verdict::Holds, "a power law is the closer"),
        (|t| (0.1 * t + 0.05 * t * t).exp(), Verdict::Fails, "excludes change of the rate at most 0"),
    ];
    for (law, verdict, words) in laws {
        let (fit, check) = judged(&bound, &measured_at(&ts, None, 0.03, law));
        assert_eq!(check.verdict, verdict, "{}", check.detail);
        assert!(check.detail.contains(words), "{}", check.detail);
        assert!(fit.exponential.is_some() && fit.power.is_some());
    }
    // The change of the rate from 1 to 8 is 2 * 0.05 * 7.
    let (fit, _) = judged(&bound, &measured_at(&ts, None, 0.03, |t| (0.1 * t + 0.05 * t * t).exp()));
    assert!((fit.number.unwrap().value - 0.7).abs() < 0.1);
}

/// Optima known by construction: at one step for all widths, or moving with the width.
#[test]
fn known_optima_against_the_width() {
    let steps = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6];
    let widths = [16, 64, 256];
    let constant = statement(TrendLaw::Optimum, Side::Equal, 0.0);
    let curves = |optimum: &dyn Fn(f64) -> f64| -> Vec<(f64, SeedQuantity)> {
        let of_width = |&width: &usize| {
            let place = optimum(width as f64).ln();
            measured_at(&steps, Some(width), 0.05, move |x: f64| (0.2 * (x.ln() - place).powi(2)).exp())
        };
        widths.iter().flat_map(of_width).collect()
    };
    let (fit, check) = judged(&constant, &curves(&|_| 0.3));
    assert_eq!(check.verdict, Verdict::Holds, "{}", check.detail);
    for optimum in &fit.optima {
        let (low, high) = optimum.interval.unwrap();
        // Within twice the 95 % interval.
        let (distance, half) = ((optimum.x / 0.3).ln().abs(), 0.5 * (high / low).ln());
        assert!(distance < 2.0 * half && half < 0.1, "{optimum:?}");
    }
    let (_, check) = judged(&constant, &curves(&|n| 0.3 * (n / 64.0).powf(-0.5)));
    assert_eq!(check.verdict, Verdict::Fails, "{}", check.detail);
    assert!((check.measured + 0.5).abs() < 0.1, "{}", check.measured);
    let (_, check) = judged(&constant, &curves(&|_| 0.01));
    assert_eq!(check.verdict, Verdict::NotResolved);
    assert!(check.detail.contains("at an end of the range"), "{}", check.detail);
}

/// Diverged networks are no selection: their point is left out, and said to be.
#[test]
fn points_without_a_value_are_named() {
    let mut all = measured_at(&[1.0, 2.0, 4.0], None, 0.1, |x| x);
    all[2].1.values[[0, 3]] = f64::NAN;
    let (fit, check) = judged(&statement(TrendLaw::Power, Side::Equal, 1.0), &all);
    assert_eq!(fit.points.len(), 2);
    assert!(!check.detail.contains("residual"), "both laws pass through two points: {}", check.detail);
    assert!(check.detail.contains("1 of 3 values left out (1 of 12 values are missing"), "{}", check.detail);
    let (fit, check) = judged(&statement(TrendLaw::Exponential, Side::AtMost, 0.0), &all);
    assert_eq!(check.verdict, Verdict::NotResolved);
    assert!(fit.failure.unwrap().contains("2 points with a value, and the law needs 3"), "{}", check.detail);
}
