//! Comparison of the grid with the clouds of particles, in units of the spread of the clouds.

use super::Kinetic;
use super::clouds::{CloudSeries, nodes_per_bin};
use super::record::CloudArrays;
use super::study::GridSolution;
use crate::analysis::verdict::Check;
use crate::kinetic::{GridAxis, GridLaw};
use crate::record::npz::shaped;
use crate::run::series::sup;
use ndarray::{Array1, Array2};

/// Largest root mean square distance of predictions, in standard errors.
const MAX_FUNCTION: f64 = 3.0;
/// Largest deviation of a moment, or of the chi-square of a histogram, in standard errors: more than the largest of all
/// of them in a thousand runs.
const MAX_DEVIATION: f64 = 5.0;
/// Largest `W2` distance of a cloud, relative to its expectation for independent draws.
const MAX_WASSERSTEIN: f64 = 1.5;
/// Bins with a smaller expected number of particles are ignored.
const MIN_EXPECTED: f64 = 50.0;

/// The checks, and the means and standard errors of the clouds. `own` is the estimated error of the grid's predictions.
pub(super) fn compare(
    spec: &Kinetic,
    grid: &GridSolution,
    clouds: &[CloudSeries],
    own: f64,
) -> (Vec<Check>, CloudArrays) {
    let times = grid.limit.times.len();
    let f: Vec<MeanAndError> =
        (0..times).map(|t| MeanAndError::of(clouds.iter().map(|c| c.function[t].clone()).collect())).collect();
    let moments: Vec<MeanAndError> =
        (0..times).map(|t| MeanAndError::of(clouds.iter().map(|c| c.moments[t].to_vec()).collect())).collect();
    let largest = sup((0..times).map(|t| function_distance(&grid.limit.predictions[t], &f[t], own)));
    let mut function = Check::at_most(
        "kinetic-function",
        "grid and particles agree: sup_t |f_grid - f_particles|, in standard errors",
        largest,
        MAX_FUNCTION,
    );
    let distance = |t: usize| rms(grid.limit.predictions[t].iter().zip(&f[t].mean).map(|(a, b)| a - b));
    function.detail = format!(
        "sup_t |f_grid - f_particles| = {:.2e}, the particles' standard error at most {:.2e}, the grid's own error {own:.1e}",
        sup((0..times).map(distance)),
        sup(f.iter().map(|f| rms(f.error.iter().copied())))
    );
    let names = ["mean of theta", "mean of r", "variance of theta", "covariance", "variance of r"];
    let (mut worst, mut location) = (0.0_f64, String::new());
    for (t, MeanAndError { mean, error }) in moments.iter().enumerate() {
        for k in 0..5 {
            let z = ((grid.moments[t][k] - mean[k]) / error[k].hypot(own)).abs();
            if z > worst || z.is_nan() {
                location = format!(
                    "{}: grid {:.6}, particles {:.6} +- {:.1e}, at t = {:.2}",
                    names[k], grid.moments[t][k], mean[k], error[k], grid.limit.times[t]
                );
                worst = if z.is_nan() { z } else { worst.max(z) };
            }
        }
    }
    let mut moment = Check::at_most(
        "kinetic-moments",
        "grid and particles agree: means and covariances of (theta, r), in standard errors",
        worst,
        MAX_DEVIATION,
    );
    moment.detail = location;
    let momentum = spec.grid(spec.nodes, spec.step).momentum_line();
    let theta = Histogram::of(grid.limit.axis, &grid.limit.laws, clouds.iter().map(|c| &c.theta).collect());
    let momenta = Histogram::of(momentum, &grid.momenta, clouds.iter().map(|c| &c.momentum).collect());
    let (wasserstein, measured, expected) = wasserstein(spec, grid, clouds);
    let checks = vec![
        function,
        moment,
        theta.check("kinetic-histogram-theta", "theta"),
        momenta.check("kinetic-histogram-momentum", "r"),
        wasserstein,
    ];
    let rows = |of: &[MeanAndError], part: fn(&MeanAndError) -> &Vec<f64>| -> Array2<f64> {
        shaped((of.len(), of[0].mean.len()), of.iter().flat_map(|value| part(value).clone()).collect())
    };
    let dots = &clouds[0].dots;
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
        momentum_edges: Array1::from(momenta.edges.clone()),
        momentum_histogram: momenta.densities(),
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
fn rms(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    (values.map(|v| v * v).sum::<f64>() / n).sqrt()
}

/// Root mean square distance of predictions, in standard errors, including the error of the grid.
fn function_distance(grid: &[f64], particles: &MeanAndError, own: f64) -> f64 {
    let MeanAndError { mean, error } = particles;
    rms(grid.iter().zip(mean).map(|(a, b)| a - b)) / rms(error.iter().copied()).hypot(own)
}

/// Numbers of particles and masses of the grid by bins.
struct Histogram {
    bins: usize,
    edges: Vec<f64>,
    /// Particles (times, bins).
    counts: Vec<Vec<f64>>,
    /// Masses (times, bins).
    masses: Vec<Vec<f64>>,
    /// Total number of particles.
    particles: f64,
    times: usize,
}

impl Histogram {
    fn of(line: GridAxis, laws: &[Vec<f64>], clouds: Vec<&Vec<Vec<u32>>>) -> Self {
        let per = nodes_per_bin(line.nodes);
        let bins = line.nodes / per;
        let edges = (0..=bins).map(|b| line.low + (b * per) as f64 * line.spacing()).collect();
        let masses = laws.iter().map(|law| bin_masses(line, law, per)).collect();
        let count = |t: usize, b: usize| clouds.iter().map(|cloud| f64::from(cloud[t][b])).sum::<f64>();
        let counts: Vec<Vec<f64>> = (0..laws.len()).map(|t| (0..bins).map(|b| count(t, b)).collect()).collect();
        // At time 0 all particles are inside the grid.
        let particles = counts[0].iter().sum();
        Histogram { bins, edges, counts, masses, particles, times: laws.len() }
    }

    /// Excess of the chi-square over its expectation, in its standard deviations, and the number of bins included.
    fn excess(&self, t: usize) -> (f64, usize) {
        let counted = self.counts[t].iter().zip(&self.masses[t]).filter(|(_, p)| **p * self.particles >= MIN_EXPECTED);
        let (mut chi, mut k) = (0.0, 0);
        for (count, p) in counted {
            chi += (count - p * self.particles).powi(2) / (p * (1.0 - p) * self.particles).max(f64::MIN_POSITIVE);
            k += 1;
        }
        ((chi / k as f64 - 1.0) * (k as f64 / 2.0).sqrt(), k)
    }

    /// Checks that the particles are draws from the law of the grid.
    fn check(&self, name: &str, of: &str) -> Check {
        let excess: Vec<f64> = (0..self.times).map(|t| self.excess(t).0).collect();
        let statement = format!(
            "grid and particles agree: histogram of {of}, sup_t of the chi-square's excess, in its standard deviations"
        );
        let mut check = Check::at_most(name, statement, sup(excess), MAX_DEVIATION);
        check.detail += &format!("; {} particles, {} bins at the end", self.particles, self.excess(self.times - 1).1);
        check
    }

    /// Densities of the particles (times, bins).
    fn densities(&self) -> Array2<f64> {
        let widths: Vec<f64> = self.edges.windows(2).map(|e| e[1] - e[0]).collect();
        let density = |row: &[f64], total: f64| row.iter().zip(&widths).map(|(v, w)| v / total / w).collect::<Vec<_>>();
        shaped((self.times, self.bins), self.counts.iter().flat_map(|row| density(row, self.particles)).collect())
    }
}

/// Masses of bins of `per` nodes, to order 4 in the spacing: the midpoint rule and its first correction.
fn bin_masses(line: GridAxis, law: &[f64], per: usize) -> Vec<f64> {
    let at = |i: isize| law.get(usize::try_from(i).unwrap_or(usize::MAX)).copied().unwrap_or(0.0);
    let cell = |i: usize| {
        let i = i as isize;
        at(i) + (at(i - 1) - 2.0 * at(i) + at(i + 1)) / 24.0
    };
    (0..line.nodes / per).map(|b| (b * per..(b + 1) * per).map(cell).sum::<f64>() * line.spacing()).collect()
}

/// `W2` distance of the clouds from the grid, relative to its expectation for independent draws from the law of the
/// grid, `E W2^2 ~ (1/M) int F (1 - F) / rho` (Bobkov, Ledoux 2019), with tails cut off where a cloud has no particles.
/// Returns the check, the measured and the expected distances (times).
fn wasserstein(spec: &Kinetic, grid: &GridSolution, clouds: &[CloudSeries]) -> (Check, Vec<f64>, Vec<f64>) {
    let m = (spec.particles / spec.clouds) as f64;
    let line = grid.limit.axis;
    let expected: Vec<f64> = (0..grid.limit.times.len())
        .map(|t| {
            let law = GridLaw::new(line, &grid.limit.laws[t]);
            let part = |i: usize| {
                let f = law.mass_between(line.low, line.node(i));
                let rho = grid.limit.laws[t][i];
                if f * m > 0.5 && (1.0 - f) * m > 0.5 { f * (1.0 - f) / rho * line.spacing() } else { 0.0 }
            };
            ((0..line.nodes).map(part).sum::<f64>() / m).sqrt()
        })
        .collect();
    let measured: Vec<f64> = (0..expected.len())
        .map(|t| (clouds.iter().map(|c| c.wasserstein[t].powi(2)).sum::<f64>() / clouds.len() as f64).sqrt())
        .collect();
    let ratio = sup(measured.iter().zip(&expected).map(|(a, b)| a / b));
    let mut check = Check::at_most(
        "kinetic-wasserstein",
        "W2 in theta of a cloud to the grid is that of independent draws (rms over clouds, sup over time, over its expectation)",
        ratio,
        MAX_WASSERSTEIN,
    );
    check.detail = format!(
        "at the end {:.2e}, expected {:.2e}; largest ratio {ratio:.3}",
        measured[measured.len() - 1],
        expected[expected.len() - 1]
    );
    (check, measured, expected)
}
