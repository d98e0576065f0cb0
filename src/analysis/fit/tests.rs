use super::*;
use crate::compute::rng::{Role, stream};
use ndarray::{Array2, array};
use rand_distr::{Distribution, StandardNormal};

const WIDTHS: [f64; 5] = [64.0, 128.0, 256.0, 512.0, 1024.0];
const ALL: [Statistic; 6] = [
    Statistic::Mean,
    Statistic::MeanSquare,
    Statistic::RootMeanSquare,
    Statistic::Median,
    Statistic::GeometricMean,
    Statistic::GeometricMeanSquare,
];

/// Table number `table` of `chi-square_dof / dof / x`; `shared` of the degrees of freedom are common to a column.
fn noisy(table: u64, seeds: usize, dof: usize, shared: usize) -> Array2<f64> {
    let square = |_: usize, rng: &mut crate::compute::rng::Stream| {
        let z: f64 = StandardNormal.sample(rng);
        z * z
    };
    let mut rng = stream(17, Role::Start, table, 0);
    let common: Vec<f64> = (0..seeds).map(|_| (0..shared).map(|k| square(k, &mut rng)).sum()).collect();
    Array2::from_shape_fn((5, seeds), |(v, s)| {
        let own: f64 = (shared..dof).map(|k| square(k, &mut rng)).sum();
        (common[s] + own) / dof as f64 / WIDTHS[v]
    })
}

/// Fraction of tables whose interval of the slope contains -1.
fn coverage(statistic: Statistic, seeds: usize, dof: usize, shared: usize, tables: u64) -> f64 {
    let mut slopes = 0;
    for table in 0..tables {
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::new(table, 0) };
        let fit = fit_slope(&WIDTHS, noisy(table, seeds, dof, shared).view(), statistic, &bootstrap).unwrap();
        slopes += u64::from(fit.interval.0 <= -1.0 && -1.0 <= fit.interval.1);
    }
    slopes as f64 / tables as f64
}

#[test]
fn the_interval_covers_a_known_slope() {
    // 2000 tables: binomial standard deviation 0.005, so four of them around 95 %. The values are chi-square with 2
    // degrees of freedom, as the square of a gap in two directions.
    for (seeds, dof, shared) in [(6, 2, 0), (12, 2, 1), (24, 4, 0)] {
        let slope = coverage(Statistic::GeometricMean, seeds, dof, shared, 2000);
        assert!((0.93..=0.97).contains(&slope), "slope {slope} with {seeds} seeds");
    }
    let slope = coverage(Statistic::Mean, 16, 10, 5, 2000);
    assert!((0.93..=0.965).contains(&slope), "slope {slope} of means");
}

#[test]
fn an_exact_power_law_has_no_spread() {
    let table = Array2::from_shape_fn((5, 3), |(v, _)| 3.0 * WIDTHS[v].powf(-0.5));
    for statistic in ALL {
        let Err(FitFailure::NoSpread { slope, intercept }) =
            fit_slope(&WIDTHS, table.view(), statistic, &Bootstrap::new(0, 0))
        else {
            panic!("{statistic:?}: equal seeds must not have an interval");
        };
        let power = if statistic.is_square() { 2.0 } else { 1.0 };
        assert!((slope + 0.5 * power).abs() < 1e-13, "{statistic:?}");
        assert!((intercept - power * 3.0_f64.ln()).abs() < 1e-12);
    }
}

#[test]
fn the_line_of_a_power_law() {
    let factor = [0.9, 1.0, 1.1];
    let table =
        Array2::from_shape_fn((5, 3), |(v, s)| 3.0 * WIDTHS[v].powf(-0.5) * if v == 4 { factor[s] } else { 1.0 });
    let fit = fit_slope(&WIDTHS, table.view(), Statistic::Median, &Bootstrap::new(0, 0)).unwrap();
    assert!((fit.slope + 0.5).abs() < 1e-13 && fit.residual < 1e-13);
    assert!((fit.at(100.0) - 0.3).abs() < 1e-13);
}

#[test]
fn statistics_by_hand() {
    // One row of 1, 2, 4, 9 beside its double: the points are the statistics, the slope is log 2 / log 2 (or
    // twice).
    let table = array![[1.0, 9.0, 2.0, 4.0], [2.0, 18.0, 4.0, 8.0]];
    let expected = [4.0, 25.5, 25.5_f64.sqrt(), 3.0, 72.0_f64.powf(0.25), 72.0_f64.sqrt()];
    for (statistic, expected) in ALL.into_iter().zip(expected) {
        let points = replicated_points(&[1.0, 2.0], table.view(), statistic, &Bootstrap::new(0, 0)).unwrap().points;
        assert!((points[0].y - expected).abs() < 1e-13, "{statistic:?}");
        assert!(points[0].interval.unwrap().1 > 1.1 * expected);
        // Columns move together: a factor common to a column leaves the slope without any spread.
        let fit = fit_slope(&[1.0, 2.0], table.view(), statistic, &Bootstrap::new(0, 0));
        let Err(FitFailure::NoSpread { slope, .. }) = fit else { panic!("{statistic:?}: {fit:?}") };
        assert!((slope - if statistic.is_square() { 2.0 } else { 1.0 }).abs() < 1e-12);
    }
}

#[test]
fn the_geometric_mean_has_students_interval() {
    // log y is linear in the data there, so the classical t interval is known: mean +- t s / sqrt(n).
    let logs = [0.3, -0.4, 0.5, 0.1, -0.5, 0.4];
    let table = Array2::from_shape_fn((2, 6), |(v, s)| if v == 0 { f64::exp(logs[s]) } else { 1.0 });
    let bootstrap = Bootstrap::new(3, 1);
    let fit = fit_slope(&[1.0, 2.0], table.view(), Statistic::GeometricMean, &bootstrap).unwrap();
    let mean = logs.iter().sum::<f64>() / 6.0;
    let variance = logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / 5.0;
    let half = 2.570_581_836 * (variance / 6.0).sqrt();
    let (low, high) = fit.points[0].interval.unwrap();
    assert!((high.ln() - mean - half).abs() < 1e-9 && (mean - low.ln() - half).abs() < 1e-9);
    assert!((fit.half_width() - half / 2.0_f64.ln()).abs() < 1e-9);
}

#[test]
fn heavy_tails_cost_degrees_of_freedom_of_what_is_no_mean() {
    let degrees = |values: [f64; 8], statistic| {
        let table = Array2::from_shape_fn((2, 8), |(v, s)| if v == 0 { values[s] } else { 1.0 });
        fit_slope(&[1.0, 2.0], table.view(), statistic, &Bootstrap::new(0, 0)).unwrap().degrees_of_freedom
    };
    let (light, outlier) = ([0.9, 1.1, 0.9, 1.1, 0.9, 1.1, 0.9, 1.1], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.2]);
    assert_eq!(degrees(light, Statistic::MeanSquare), 7.0);
    // One of eight: the fourth moment over the square of the second is (1 - 3 p (1 - p))/(p (1 - p)) = 6.14 with
    // p = 1/8, for a functional that is nearly linear.
    let expected = 7.0 / (1.0 + (6.142_857 - 3.0) * 7.0 / 16.0);
    let found = degrees(outlier, Statistic::MeanSquare);
    assert!((found - expected).abs() < 0.05, "{found}");
    assert_eq!(degrees(outlier, Statistic::GeometricMean), 7.0);
}

#[test]
fn diverged_networks_are_left_out() {
    let mut table = noisy(0, 8, 4, 0);
    table[(0, 0)] = f64::NAN;
    table[(1, 3)] = f64::INFINITY;
    table.row_mut(2).fill(f64::NAN);
    table.row_mut(3).fill(0.0);
    let fit = fit_slope(&WIDTHS, table.view(), Statistic::Mean, &Bootstrap::new(0, 0)).unwrap();
    assert_eq!(fit.points.iter().map(|p| p.seeds).collect::<Vec<_>>(), [7, 7, 8]);
    assert_eq!(fit.seeds, 7);
    let reasons: Vec<_> = fit.skipped.iter().map(|s| (s.row, s.reason)).collect();
    assert_eq!(reasons, [(2, SkipReason::AllDiverged), (3, SkipReason::NotPositive)]);
    assert!(fit.interval.0 < fit.slope && fit.slope < fit.interval.1);
}

#[test]
fn a_point_with_a_single_survivor_is_shown_and_not_fitted() {
    let factor = |v: usize, s: usize| if v == 0 { [0.5, 1.0, 1.0, 2.0][s] } else { 1.0 };
    let mut table = Array2::from_shape_fn((3, 4), |(v, s)| factor(v, s) / WIDTHS[v]);
    table.row_mut(2).fill(f64::NAN);
    table[(2, 1)] = 1e6;
    let fit = fit_slope(&WIDTHS[..3], table.view(), Statistic::GeometricMean, &Bootstrap::new(0, 0)).unwrap();
    assert!((fit.slope + 1.0).abs() < 1e-12);
    assert_eq!((fit.points[2].seeds, fit.points[2].interval), (1, None));
}

#[test]
fn degenerate_tables_have_typed_outcomes() {
    let fit = |x: &[f64], table: Array2<f64>| fit_slope(x, table.view(), Statistic::Mean, &Bootstrap::new(0, 0));
    let few = |usable, rows| Err(FitFailure::TooFewPoints { usable, rows });
    assert_eq!(fit(&[], Array2::zeros((0, 0))), few(0, 0));
    assert_eq!(fit(&[1.0, 2.0], Array2::zeros((2, 0))), few(0, 2));
    assert_eq!(fit(&WIDTHS, Array2::zeros((5, 8))), few(0, 5));
    assert_eq!(fit(&WIDTHS, Array2::from_elem((5, 8), f64::NAN)), few(0, 5));
    assert_eq!(fit(&[0.0, -1.0, 3.0], Array2::ones((3, 8))), few(1, 3));
    assert_eq!(fit(&[3.0, 3.0], Array2::ones((2, 8))), few(1, 2));
    assert_eq!(fit(&[3.0], Array2::ones((2, 8))), Err(FitFailure::Shape { abscissae: 1, rows: 2 }));
    match fit(&[1.0, 10.0], array![[1.0], [0.1]]) {
        Err(FitFailure::OneSeed { slope, .. }) => assert!((slope + 1.0).abs() < 1e-14),
        other => panic!("{other:?}"),
    }
    let settings = Bootstrap { level: 1.0, ..Bootstrap::new(0, 0) };
    let refused = fit_slope(&WIDTHS, noisy(0, 8, 4, 0).view(), Statistic::Mean, &settings);
    assert_eq!(refused, Err(FitFailure::Settings { resamples: 2000, level: 1.0 }));
}

#[test]
fn an_error_of_the_reference_bends_a_slope_no_further_than_its_bound() {
    // Gaps 1/x measured with an error: of every sign at each point, and in quadrature.
    let (x, error) = ([1.0, 2.0, 4.0], 0.05);
    let spread = [0.999, 1.0, 1.001];
    let fit = |gap: &dyn Fn(usize) -> f64, statistic| {
        let table = Array2::from_shape_fn((3, 3), |(v, s)| gap(v) * if v == 0 { spread[s] } else { 1.0 });
        fit_slope(&x, table.view(), statistic, &Bootstrap::new(0, 0)).unwrap()
    };
    for (statistic, power) in [(Statistic::GeometricMean, 1.0), (Statistic::GeometricMeanSquare, 2.0)] {
        let mut worst: f64 = 0.0;
        for signs in 0..8_u32 {
            let sign = |v: usize| if signs >> v & 1 == 1 { 1.0 } else { -1.0 };
            let measured = fit(&|v| 1.0 / x[v] + error * sign(v), statistic);
            let (down, up) = measured.bend(error, ErrorCombination::Sum);
            let shift = -power - measured.slope;
            assert!(down - 1e-6 <= shift && shift <= up + 1e-6, "{signs}: {shift} of [{down}, {up}]");
            worst = worst.max(shift / up);
        }
        assert!(worst > 0.999, "the bound is reached: {worst}");
        let measured = fit(&|v| (1.0 / x[v]).hypot(error), statistic);
        let (down, up) = measured.bend(error, ErrorCombination::Quadrature);
        let shift = -power - measured.slope;
        assert!(down <= shift && shift <= up && shift < 0.5 * down, "{shift} of [{down}, {up}]");
    }
    let measured = fit(&|v| 1.0 / x[v], Statistic::GeometricMean);
    for error in [0.25, 1.0, f64::NAN] {
        assert_eq!(measured.bend(error, ErrorCombination::Sum), (f64::NEG_INFINITY, f64::INFINITY));
    }
}

#[test]
fn a_correction_of_relative_order_one_over_the_width_is_no_exponent() {
    // log y = 0.3 - 0.5 log x + 4/x exactly, with a factor of each seed at one abscissa: the corrected slope is -1/2,
    // that of the line is not.
    let x: [f64; 4] = [8.0, 16.0, 32.0, 64.0];
    let factor = [0.999, 1.0, 1.001];
    let table = Array2::from_shape_fn((4, 3), |(v, s)| {
        (0.3 + 4.0 / x[v]).exp() * x[v].powf(-0.5) * if v == 3 { factor[s] } else { 1.0 }
    });
    let (statistic, bootstrap) = (Statistic::GeometricMean, Bootstrap::new(0, 0));
    let corrected = fit_corrected_slope(&x, table.view(), statistic, &bootstrap).unwrap();
    assert!((corrected.estimate.value + 0.5).abs() < 1e-6, "{corrected:?}");
    assert!(fit_slope(&x, table.view(), statistic, &bootstrap).unwrap().slope < -0.65);
    // The weights annihilate the constant and 1/x, and give log x the coefficient 1.
    let with = |f: fn(f64) -> f64| dot(&corrected.weights, &x.map(f));
    assert!(with(|_| 1.0).abs() < 1e-12 && with(|x| 1.0 / x).abs() < 1e-12 && (with(f64::ln) - 1.0).abs() < 1e-12);
    // Two abscissae do not determine it.
    assert_eq!(fit_corrected_slope(&x[..2], table.slice(ndarray::s![..2, ..]), statistic, &bootstrap), None);
}

#[test]
fn same_address_same_interval() {
    let fit = |seed, salt| {
        fit_slope(&WIDTHS, noisy(0, 8, 4, 0).view(), Statistic::Median, &Bootstrap::new(seed, salt)).unwrap().interval
    };
    assert_eq!(fit(1, 2), fit(1, 2));
    assert_ne!(fit(1, 2), fit(1, 3));
    assert_ne!(fit(1, 2), fit(2, 2));
}
