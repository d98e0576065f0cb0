//! Comparison of the grid with the clouds of particles, in units of the spread of the clouds.
//!
//! Every difference is held against a standard error from the C independent clouds, with Student's law of C - 1 degrees
//! of freedom, after the errors of the discretisations have been taken off: of the grid, its differences from half the
//! nodes and from twice the step (errors of order 1 or higher, which are no larger than these differences); of the
//! particles, twice the difference of the first cloud from itself with half the step. The comparisons of one check share
//! its false-alarm probability ([`crate::analysis::threshold`]).

use super::Kinetic;
use super::clouds::{CloudSeries, Clouds};
use super::histogram::Histograms;
use super::record::CloudArrays;
use super::study::{GridSolution, Grids};
use crate::analysis::threshold::student;
use crate::analysis::verdict::{Check, Verdict};
use crate::analysis::wasserstein::wasserstein_2_sorted;
use crate::kinetic::GridLaw;
use crate::record::npz::shaped;
use crate::run::series::sup;
use ndarray::{Array1, Array2};

/// Largest difference, relative to the predictions, that a comparison may allow and still be one.
const RESOLUTION: f64 = 0.1;

/// Relative error of the expected `W2^2` of independent draws, whose formula is the first term in the number of
/// particles.
const EXPECTATION_ERROR: f64 = 0.2;

/// Atoms of a law of the grid in distances between grids.
const ATOMS: usize = 2048;

/// A difference between grid and particles.
#[derive(Clone, Copy, Debug)]
struct Deviation {
    /// Its size.
    difference: f64,
    /// Its standard error.
    error: f64,
    /// The errors of the discretisations.
    bias: f64,
}

impl Deviation {
    /// The part of the difference that the discretisations do not explain, in standard errors; `None` where all clouds
    /// have the same value.
    fn ratio(&self) -> Option<f64> {
        let beyond = self.difference - self.bias;
        (self.error > 0.0 || self.error.is_nan()).then(|| if beyond < 0.0 { 0.0 } else { beyond / self.error })
    }
}

/// The checks, and the means and standard errors of the clouds.
pub(super) fn compare(spec: &Kinetic, grids: Grids<'_>, all: &Clouds) -> (Vec<Check>, CloudArrays) {
    let grid = grids.whole;
    let clouds = &all.clouds[..];
    let times = grid.limit.times.len();
    let f: Vec<MeanAndError> =
        (0..times).map(|t| MeanAndError::of(clouds.iter().map(|c| c.function[t].clone()).collect())).collect();
    let moments: Vec<MeanAndError> =
        (0..times).map(|t| MeanAndError::of(clouds.iter().map(|c| c.moments[t].to_vec()).collect())).collect();
    let histograms = Histograms::new(spec, grids, clouds);
    let (measured, expected) = (measured_wasserstein(clouds), expected_wasserstein(spec, grid));
    let diverged =
        clouds.iter().chain([&all.half_step]).any(|cloud| cloud.moments.iter().flatten().any(|m| m.is_nan()));
    let mut checks = vec![
        function_check(grids, &f, all),
        moments_check(grids, &moments, all),
        histograms.theta.check("kinetic-histogram-theta", "theta"),
        histograms.momentum.check("kinetic-histogram-momentum", "r"),
        wasserstein_check(grids, all, &measured, &expected),
    ];
    if diverged {
        let reason = "a cloud of particles diverged";
        checks = checks.into_iter().map(|c| Check::not_measured(c.name, c.statement, c.expected, reason)).collect();
    }
    let rows = |of: &[MeanAndError], part: fn(&MeanAndError) -> &Vec<f64>| -> Array2<f64> {
        shaped((of.len(), of[0].mean.len()), of.iter().flat_map(|value| part(value).clone()).collect())
    };
    let dots = &clouds[0].dots;
    let Histograms { theta, momentum } = &histograms;
    let arrays = CloudArrays {
        wasserstein: Array1::from(measured),
        wasserstein_expected: Array1::from(expected),
        particles_function: rows(&f, |value| &value.mean),
        particles_function_error: rows(&f, |value| &value.error),
        particles_moments: rows(&moments, |value| &value.mean),
        particles_moments_error: rows(&moments, |value| &value.error),
        dots: shaped(
            (dots.len(), dots[0].len(), 2),
            dots.iter().flatten().flat_map(|&(theta, r)| [theta, r]).collect(),
        ),
        theta_edges: Array1::from(theta.edges.clone()),
        theta_histogram: theta.densities(),
        momentum_edges: Array1::from(momentum.edges.clone()),
        momentum_histogram: momentum.densities(),
    };
    (checks, arrays)
}

/// Means over clouds and their standard errors, entry by entry.
struct MeanAndError {
    mean: Vec<f64>,
    error: Vec<f64>,
}

impl MeanAndError {
    /// Of the values (clouds, entries).
    fn of(rows: Vec<Vec<f64>>) -> Self {
        let n = rows.len() as f64;
        let entries = 0..rows[0].len();
        let mean: Vec<f64> = entries.clone().map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / n).collect();
        let error = entries.map(|i| {
            let square: f64 = rows.iter().map(|row| (row[i] - mean[i]).powi(2)).sum();
            (square / (n - 1.0) / n).sqrt()
        });
        let error = error.collect();
        MeanAndError { mean, error }
    }
}

/// Root mean square.
fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), v| (sum + v * v, count + 1));
    (sum / count as f64).sqrt()
}

/// Root mean square of the difference of two lists.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    rms(a.iter().zip(b).map(|(a, b)| a - b))
}

/// Checks that no deviation exceeds the threshold of as many comparisons. `places` describes them.
fn deviation_check(
    (name, statement): (&str, &str),
    deviations: &[Deviation],
    clouds: usize,
    place: impl Fn(usize) -> String,
) -> Check {
    let ratios: Vec<(usize, f64)> = deviations.iter().enumerate().filter_map(|(k, d)| Some((k, d.ratio()?))).collect();
    let worst = ratios.iter().copied().reduce(|a, b| if b.1.is_nan() || b.1 > a.1 { b } else { a });
    let Some((at, largest)) = worst else {
        return Check::not_measured(
            name,
            statement,
            None,
            "all clouds have the same values: there is no standard error",
        );
    };
    let mut check = Check::at_most(name, statement, largest, student(ratios.len(), clouds - 1));
    let Deviation { difference, error, bias } = deviations[at];
    check.detail += &format!(
        "; {} comparisons, {clouds} clouds; largest {}: {difference:.2e}, standard error {error:.1e}, discretisations {bias:.1e}",
        ratios.len(),
        place(at)
    );
    check
}

/// Compares the predictions over the sample.
fn function_check(grids: Grids<'_>, f: &[MeanAndError], all: &Clouds) -> Check {
    let grid = &grids.whole.limit;
    let deviation = |t: usize| {
        let coarser = |other: &GridSolution| apart(&grid.predictions[t], &other.limit.predictions[t]);
        Deviation {
            difference: apart(&grid.predictions[t], &f[t].mean),
            error: rms(f[t].error.iter().copied()),
            bias: grids.coarser().map(coarser).iter().sum::<f64>()
                + 2.0 * apart(&all.clouds[0].function[t], &all.half_step.function[t]),
        }
    };
    let deviations: Vec<Deviation> = (0..grid.times.len()).map(deviation).collect();
    let statement =
        "grid and particles agree: sup_t |f_grid - f_particles| beyond the discretisations, in standard errors";
    let place = |t: usize| format!("at t = {:.2}", grid.times[t]);
    let mut check = deviation_check(("kinetic-function", statement), &deviations, all.clouds.len(), place);
    let size = sup(grid.predictions.iter().map(|f| rms(f.iter().copied())));
    let threshold = check.expected.unwrap_or(f64::NAN);
    let allowed = sup(deviations.iter().map(|d| d.bias + threshold * d.error));
    if check.verdict == Verdict::Holds && allowed > RESOLUTION * size {
        check.verdict = Verdict::NotResolved;
        check.detail += &format!("; a difference of {allowed:.1e} would not be seen, where predictions are {size:.1e}");
    }
    check
}

/// Compares the means and covariances of (theta, r).
fn moments_check(grids: Grids<'_>, moments: &[MeanAndError], all: &Clouds) -> Check {
    let names = ["mean of theta", "mean of r", "variance of theta", "covariance", "variance of r"];
    let grid = grids.whole;
    let deviation = |(t, k): (usize, usize)| {
        let own = grid.moments[t][k];
        let step = (all.clouds[0].moments[t][k] - all.half_step.moments[t][k]).abs();
        Deviation {
            difference: (own - moments[t].mean[k]).abs(),
            error: moments[t].error[k],
            bias: grids.coarser().map(|other| (own - other.moments[t][k]).abs()).iter().sum::<f64>() + 2.0 * step,
        }
    };
    let entries = (0..moments.len()).flat_map(|t| (0..names.len()).map(move |k| (t, k)));
    let deviations: Vec<Deviation> = entries.map(deviation).collect();
    let statement =
        "grid and particles agree: means and covariances of (theta, r) beyond the discretisations, in standard errors";
    let place = |i: usize| {
        let (t, k) = (i / names.len(), i % names.len());
        format!("{} at t = {:.2}, grid {:.6}", names[k], grid.limit.times[t], grid.moments[t][k])
    };
    deviation_check(("kinetic-moments", statement), &deviations, all.clouds.len(), place)
}

/// `W2` distance of the clouds from the grid, root mean square over clouds (times).
fn measured_wasserstein(clouds: &[CloudSeries]) -> Vec<f64> {
    (0..clouds[0].wasserstein.len()).map(|t| rms(clouds.iter().map(|c| c.wasserstein[t]))).collect()
}

/// Its expectation for independent draws from the law of the grid (times): `E W2^2 ~ (1/M) int F (1 - F) / rho`
/// (Bobkov, Ledoux 2019), with tails cut off where a cloud has no particles.
fn expected_wasserstein(spec: &Kinetic, grid: &GridSolution) -> Vec<f64> {
    let m = spec.particles / spec.clouds;
    let law = |law: &Vec<f64>| GridLaw::new(grid.limit.axis, law);
    grid.limit.laws.iter().map(|density| law(density).expected_wasserstein_2(m)).collect()
}

/// Checks that the clouds are as far from the grid as independent draws from its law. `W2^2` of a cloud is skewed to the
/// right, so that a mean that is large by chance comes with a large standard error, and Student's threshold is exceeded
/// less often than stated.
fn wasserstein_check(grids: Grids<'_>, all: &Clouds, measured: &[f64], expected: &[f64]) -> Check {
    let grid = grids.whole;
    let atoms = |solution: &GridSolution, t: usize| solution.limit.law(t).atoms(ATOMS);
    let deviation = |t: usize| {
        let squares: Vec<Vec<f64>> = all.clouds.iter().map(|c| vec![c.wasserstein[t].powi(2)]).collect();
        let MeanAndError { mean, error } = MeanAndError::of(squares);
        let own = atoms(grid, t);
        let apart = |other: &GridSolution| wasserstein_2_sorted(&own, &atoms(other, t)).unwrap_or(f64::NAN);
        let laws: f64 = grids.coarser().map(apart).iter().sum();
        let step = (all.clouds[0].wasserstein[t].powi(2) - all.half_step.wasserstein[t].powi(2)).abs();
        let square = expected[t].powi(2);
        // A distance to the grid is at most one to the limit and the grid's own.
        let bias = (expected[t] + laws).powi(2) - square + 2.0 * step + EXPECTATION_ERROR * square;
        Deviation { difference: mean[0] - square, error: error[0], bias }
    };
    let deviations: Vec<Deviation> = (0..expected.len()).map(deviation).collect();
    let statement =
        "W2^2 in theta of a cloud to the grid is that of independent draws: its excess, in standard errors over clouds";
    let place =
        |t: usize| format!("at t = {:.2}, W2 {:.2e}, expected {:.2e}", grid.limit.times[t], measured[t], expected[t]);
    deviation_check(("kinetic-wasserstein", statement), &deviations, all.clouds.len(), place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(difference: f64, error: f64, bias: f64) -> Check {
        let all = [Deviation { difference, error, bias }, Deviation { difference: 0.0, error: 1.0, bias: 0.0 }];
        deviation_check(("a", ""), &all, 8, |_| String::new())
    }

    /// Two comparisons, 7 degrees of freedom: the threshold is t(7, 1 - 0.0025) = 4.029.
    #[test]
    fn a_deviation_beyond_the_threshold_fails() {
        assert_eq!(check(4.0, 1.0, 0.0).verdict, Verdict::Holds);
        assert_eq!(check(4.1, 1.0, 0.0).verdict, Verdict::Fails);
        assert_eq!(check(4.1, 1.0, 0.2).verdict, Verdict::Holds);
        assert_eq!(check(f64::NAN, 1.0, 0.0).verdict, Verdict::NotResolved);
    }

    #[test]
    fn clouds_that_are_equal_have_no_standard_error() {
        // Left out beside a comparison that has one, and nothing without.
        assert_eq!(check(1.0, 0.0, 0.0).verdict, Verdict::Holds);
        let all = [Deviation { difference: 1.0, error: 0.0, bias: 0.0 }];
        let alone = deviation_check(("a", ""), &all, 8, |_| String::new());
        assert!(
            alone.verdict == Verdict::NotResolved && alone.measured.is_nan() && alone.detail.contains("same values")
        );
    }

    #[test]
    fn standard_errors() {
        let found = MeanAndError::of(vec![vec![1.0], vec![2.0], vec![3.0], vec![6.0]]);
        assert_eq!(found.mean, [3.0]);
        assert!((found.error[0] - (14.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
    }
}
