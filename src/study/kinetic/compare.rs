//! The grid against the clouds, in units of the clouds' own spread.

use super::Kinetic;
use super::clouds::{CloudSeries, per_bin};
use super::record::CloudArrays;
use super::study::Solved;
use crate::analysis::verdict::Check;
use crate::kinetic::{GridAxis, GridLaw};
use crate::record::npz::shaped;
use crate::run::series::sup;
use ndarray::{Array1, Array2};

/// Root mean square distance of predictions, in standard errors.
const FUNCTION: f64 = 3.0;
/// Standard errors of a moment or of a histogram's chi-square: more than the largest of all of them in a thousand runs.
const MOMENT: f64 = 5.0;
/// `W2` of a cloud over what it is on average for independent draws.
const WASSERSTEIN: f64 = 1.5;
/// Fewest particles expected in a bin that counts.
const EXPECTED: f64 = 50.0;

/// The checks, and the clouds' means and errors.
pub(super) fn compare(terms: &Kinetic, grid: &Solved, clouds: &[CloudSeries], own: f64) -> (Vec<Check>, CloudArrays) {
    let times = grid.limit.times.len();
    let f: Vec<(Vec<f64>, Vec<f64>)> =
        (0..times).map(|t| mean_and_error(clouds.iter().map(|c| c.function[t].clone()).collect())).collect();
    let moments: Vec<(Vec<f64>, Vec<f64>)> =
        (0..times).map(|t| mean_and_error(clouds.iter().map(|c| c.moments[t].to_vec()).collect())).collect();
    let largest = sup((0..times).map(|t| function_distance(&grid.limit.predictions[t], &f[t], own)));
    let mut function = Check::at_most(
        "kinetic-function",
        "grid and particles agree: sup_t |f_grid - f_particles|, in standard errors",
        largest,
        FUNCTION,
    );
    let distance = |t: usize| rms(grid.limit.predictions[t].iter().zip(&f[t].0).map(|(a, b)| a - b));
    function.detail = format!(
        "sup_t |f_grid - f_particles| = {:.2e}, the particles' standard error at most {:.2e}, the grid's own error {own:.1e}",
        sup((0..times).map(distance)),
        sup(f.iter().map(|(_, error)| rms(error.iter().copied())))
    );
    let names = ["mean of theta", "mean of r", "variance of theta", "covariance", "variance of r"];
    let (mut worst, mut where_) = (0.0_f64, String::new());
    for (t, (mean, error)) in moments.iter().enumerate() {
        for k in 0..5 {
            let z = ((grid.moments[t][k] - mean[k]) / error[k].hypot(own)).abs();
            if z > worst || z.is_nan() {
                where_ = format!(
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
        MOMENT,
    );
    moment.detail = where_;
    let momentum = terms.grid(terms.nodes, terms.step).momentum_line();
    let theta = Histogram::of(grid.limit.axis, &grid.limit.laws, clouds.iter().map(|c| &c.theta).collect());
    let momenta = Histogram::of(momentum, &grid.momenta, clouds.iter().map(|c| &c.momentum).collect());
    let (wasserstein, measured, expected) = wasserstein(terms, grid, clouds);
    let checks = vec![
        function,
        moment,
        theta.check("kinetic-histogram-theta", "theta"),
        momenta.check("kinetic-histogram-momentum", "r"),
        wasserstein,
    ];
    let rows = |of: &[(Vec<f64>, Vec<f64>)], part: fn(&(Vec<f64>, Vec<f64>)) -> &Vec<f64>| -> Array2<f64> {
        shaped((of.len(), of[0].0.len()), of.iter().flat_map(|pair| part(pair).clone()).collect())
    };
    let dots = &clouds[0].dots;
    let arrays = CloudArrays {
        wasserstein: Array1::from(measured),
        wasserstein_expected: Array1::from(expected),
        particles_function: rows(&f, |pair| &pair.0),
        particles_function_error: rows(&f, |pair| &pair.1),
        particles_moments: rows(&moments, |pair| &pair.0),
        particles_moments_error: rows(&moments, |pair| &pair.1),
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
fn mean_and_error(rows: Vec<Vec<f64>>) -> (Vec<f64>, Vec<f64>) {
    let n = rows.len() as f64;
    let entries = 0..rows[0].len();
    let mean: Vec<f64> = entries.clone().map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / n).collect();
    let error = entries.map(|i| {
        let square: f64 = rows.iter().map(|row| (row[i] - mean[i]).powi(2)).sum();
        (square / (n - 1.0) / n).sqrt()
    });
    let error = error.collect();
    (mean, error)
}

fn rms(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    (values.map(|v| v * v).sum::<f64>() / n).sqrt()
}

fn function_distance(grid: &[f64], (mean, error): &(Vec<f64>, Vec<f64>), own: f64) -> f64 {
    rms(grid.iter().zip(mean).map(|(a, b)| a - b)) / rms(error.iter().copied()).hypot(own)
}

/// Particles and mass by bins, (times, bins).
struct Histogram {
    bins: usize,
    edges: Vec<f64>,
    counts: Vec<Vec<f64>>,
    masses: Vec<Vec<f64>>,
    particles: f64,
    times: usize,
}

impl Histogram {
    fn of(line: GridAxis, laws: &[Vec<f64>], clouds: Vec<&Vec<Vec<u32>>>) -> Self {
        let per = per_bin(line.nodes);
        let bins = line.nodes / per;
        let edges = (0..=bins).map(|b| line.low + (b * per) as f64 * line.spacing()).collect();
        let masses = laws.iter().map(|law| bin_masses(line, law, per)).collect();
        let count = |t: usize, b: usize| clouds.iter().map(|cloud| f64::from(cloud[t][b])).sum::<f64>();
        let counts: Vec<Vec<f64>> = (0..laws.len()).map(|t| (0..bins).map(|b| count(t, b)).collect()).collect();
        // All are inside the box at time 0, whatever happens to them later.
        let particles = counts[0].iter().sum();
        Histogram { bins, edges, counts, masses, particles, times: laws.len() }
    }

    /// Chi-square over its degrees of freedom less 1, in its own standard deviations; and the bins that count.
    fn excess(&self, t: usize) -> (f64, usize) {
        let terms = self.counts[t].iter().zip(&self.masses[t]).filter(|(_, p)| **p * self.particles >= EXPECTED);
        let (mut chi, mut k) = (0.0, 0);
        for (count, p) in terms {
            chi += (count - p * self.particles).powi(2) / (p * (1.0 - p) * self.particles).max(f64::MIN_POSITIVE);
            k += 1;
        }
        ((chi / k as f64 - 1.0) * (k as f64 / 2.0).sqrt(), k)
    }

    fn check(&self, name: &str, of: &str) -> Check {
        let excess: Vec<f64> = (0..self.times).map(|t| self.excess(t).0).collect();
        let statement = format!(
            "grid and particles agree: histogram of {of}, sup_t of the chi-square's excess, in its standard deviations"
        );
        let mut check = Check::at_most(name, statement, sup(excess), MOMENT);
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

/// `W2` of the clouds to the grid, over its value for independent draws of the grid's law:
/// `E W2^2 ~ (1/M) int F (1 - F) / rho` (Bobkov, Ledoux 2019), in the tails as far as a cloud has particles. Returns
/// the check, the measured and the expected distances (times).
fn wasserstein(terms: &Kinetic, grid: &Solved, clouds: &[CloudSeries]) -> (Check, Vec<f64>, Vec<f64>) {
    let m = (terms.particles / terms.clouds) as f64;
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
        WASSERSTEIN,
    );
    check.detail = format!(
        "at the end {:.2e}, expected {:.2e}; largest ratio {ratio:.3}",
        measured[measured.len() - 1],
        expected[expected.len() - 1]
    );
    (check, measured, expected)
}
