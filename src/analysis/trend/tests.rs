use super::*;
use crate::compute::rng::{Role, stream};
use rand_distr::{Distribution, StandardNormal};

/// Values `level(x) exp(noise)` of `seeds` seeds; a part of the noise is common to all points, as seeds are.
fn quantities(xs: &[f64], seeds: usize, address: u64, level: impl Fn(f64) -> f64) -> Vec<SeedQuantity> {
    let mut rng = stream(9, Role::Start, address, 0);
    let mut normal = move || -> f64 { StandardNormal.sample(&mut rng) };
    let common: Vec<f64> = (0..seeds).map(|_| 0.3 * normal()).collect();
    let mut point = |x: f64| {
        let row: Vec<f64> = common.iter().map(|shared| level(x) * (shared + 0.1 * normal()).exp()).collect();
        SeedQuantity::of_seeds("q", "q", None, Statistic::GeometricMean, ndarray::aview1(&row))
    };
    xs.iter().map(|&x| point(x)).collect()
}

#[test]
fn parabolas_are_exact() {
    let x = [0.5, 1.0, 2.5, 4.0];
    let q = x.map(|x| 3.0 + 0.25 * (x - 1.75) * (x - 1.75));
    let parabola = Parabola::fit(&x, &q);
    assert!((parabola.minimum() - 1.75).abs() < 1e-12);
    // The slope is 0.5 (x - 1.75).
    assert!((parabola.change_of_slope(3.5) - 0.5 * 3.5).abs() < 1e-12);
    assert!(Parabola::fit(&x[..2], &q[..2]).minimum().is_nan(), "two points");
    assert!(Parabola::fit(&x, &q.map(|q| -q)).minimum().is_nan(), "a maximum");
}

#[test]
fn the_window_is_around_the_least_value() {
    assert_eq!(window(&[3.0, 2.0, 1.0, 2.0, 5.0, 9.0]), Some(0..5));
    assert_eq!(window(&[3.0, 1.0, 1.5, 2.0, 5.0]), Some(0..3));
    assert_eq!(window(&[1.0, 2.0, 3.0]), None);
    assert_eq!(window(&[3.0, 2.0, 1.0]), None);
    assert_eq!(window(&[]), None);
}

/// The constant of rows is their mean over the offsets, the exponent the least-squares slope.
#[test]
fn functionals_of_rows() {
    let values = ndarray::array![[2.0, 8.0], [8.0, 32.0]];
    let (weights, offsets) = (vec![0.5, 0.5], vec![0.0, 2.0_f64.ln()]);
    let quantity = SeedQuantity {
        name: "c".into(),
        label: "c".into(),
        width: None,
        exponential: true,
        statistic: Statistic::GeometricMean,
        values: values.clone(),
        missing: DIVERGED.into(),
        weights,
        offsets,
    };
    let bootstrap = Bootstrap::new(1, 0);
    // Geometric means 4 and 16, over 1 and 2: 4 and 8.
    assert!((quantity.measure(&bootstrap).unwrap().value - 32.0_f64.sqrt()).abs() < 1e-12);
    let exponent = SeedQuantity::exponent("k", "k", Statistic::GeometricMeanSquare, &[1.0, 2.0], values).unwrap();
    assert!((exponent.measure(&bootstrap).unwrap().value - 4.0).abs() < 1e-12);
    let one = SeedQuantity::of_seeds("r", "r", None, Statistic::Mean, ndarray::aview1(&[0.25]));
    assert_eq!(one.measure(&bootstrap).unwrap(), SummaryValue { value: 0.25, interval: None });
}

#[test]
fn what_has_no_value() {
    let bootstrap = Bootstrap::new(1, 0);
    let measure = |row: &[f64]| {
        SeedQuantity::of_seeds("r", "r", None, Statistic::Mean, ndarray::aview1(row)).measure(&bootstrap).unwrap_err()
    };
    assert!(measure(&[1.0, f64::NAN]).contains("1 of 2 values are missing"));
    let mut passage = SeedQuantity::of_seeds("r", "r", None, Statistic::Mean, ndarray::aview1(&[1.0, f64::NAN]));
    passage.missing = "the level is not reached".into();
    let reason = passage.measure(&bootstrap).unwrap_err();
    assert!(reason.ends_with("not finite: the level is not reached"), "{reason}");
    assert!(measure(&[-1.0, 0.5]).contains("no logarithm"));
    assert!(measure(&[0.0]).contains("no logarithm"));
    assert!(measure(&[]).contains("nothing"));
    let of = |seeds: usize| quantities(&[1.0], seeds, 0, |_| 1.0).remove(0);
    assert!(JointQuantities::new(&[&of(3), &of(4)], &bootstrap).is_err_and(|reason| reason.contains("differ")));
}

/// Intervals of slopes whose points share their seeds cover, and are much shorter than those of independent points.
#[test]
fn intervals_of_slopes_cover() {
    let xs = [1.0, 2.0, 4.0, 8.0];
    let log_x = xs.map(f64::ln);
    let (mut covered, tables) = (0, 1000);
    for address in 0..tables {
        let all = quantities(&xs, 12, address, |x| x.powf(0.5));
        let joint = JointQuantities::new(&all.iter().collect::<Vec<_>>(), &Bootstrap::new(1, 0)).unwrap();
        let slope = joint.estimate(|q| line(&log_x, q).0);
        let (low, high) = slope.interval(0.95);
        covered += u32::from(low <= 0.5 && 0.5 <= high);
        assert!(high - low < 0.15, "the common part of the noise does not enter: {low} {high}");
    }
    let rate = f64::from(covered) / tables as f64;
    assert!((0.93..=0.97).contains(&rate), "{rate}");
}
