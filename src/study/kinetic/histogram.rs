//! Histograms of the particles against the masses of the grid.

use super::Kinetic;
use super::clouds::{CloudSeries, nodes_per_bin};
use super::study::{GridSolution, Grids};
use crate::analysis::threshold::fisher;
use crate::analysis::verdict::Check;
use crate::kinetic::{GridAxis, GridLaw};
use crate::record::npz::shaped;
use ndarray::Array2;

/// Bins with a smaller expected number of particles are ignored: with fewer, a count is not close to normal.
const MIN_EXPECTED: f64 = 50.0;

/// Smallest standard deviation of a law, in bins. Narrower laws, such as that of momenta at rest, have a width on the
/// grid that is one of its nodes and not of the limit.
const MIN_WIDTH: f64 = 2.0;

/// The histograms of theta and of the momenta.
pub(super) struct Histograms {
    pub theta: Histogram,
    pub momentum: Histogram,
}

impl Histograms {
    pub fn new(spec: &Kinetic, grids: Grids<'_>, clouds: &[CloudSeries]) -> Self {
        let line = |nodes: usize| spec.grid(nodes, spec.step).momentum_line();
        let [half, double] = grids.coarser();
        let theta = |s: &GridSolution| Laws { axis: s.limit.axis, densities: s.limit.laws.clone() };
        let momentum = |s: &GridSolution, nodes: usize| Laws { axis: line(nodes), densities: s.momenta.clone() };
        let counts = |of: fn(&CloudSeries) -> &Vec<Vec<u32>>| clouds.iter().map(of).collect::<Vec<_>>();
        Histograms {
            theta: Histogram::of(&theta(grids.whole), &[theta(half), theta(double)], &counts(|c| &c.theta)),
            momentum: Histogram::of(
                &momentum(grids.whole, spec.nodes),
                &[momentum(half, spec.nodes / 2), momentum(double, spec.nodes)],
                &counts(|c| &c.momentum),
            ),
        }
    }
}

/// The laws of one coordinate on a grid.
struct Laws {
    axis: GridAxis,
    /// Densities (times, nodes).
    densities: Vec<Vec<f64>>,
}

/// Numbers of particles and masses of the grid by bins.
pub(super) struct Histogram {
    bins: usize,
    /// Edges of the bins (bins + 1).
    pub edges: Vec<f64>,
    /// Particles of every cloud (clouds, times, bins).
    counts: Vec<Vec<Vec<f64>>>,
    /// Masses of the grid, and their errors (times, bins).
    masses: Vec<Vec<f64>>,
    errors: Vec<Vec<f64>>,
    /// Standard deviation of the law, in bins (times).
    widths: Vec<f64>,
    /// Particles of all clouds.
    particles: f64,
}

/// The excess of a histogram over its expectation.
struct Excess {
    /// Mean square deviation of the bins over that of the clouds from their mean.
    ratio: f64,
    /// Number of bins.
    bins: usize,
}

impl Histogram {
    /// Of the laws of the grid, those of coarser grids, and the counts of clouds (times, bins).
    fn of(laws: &Laws, coarser: &[Laws], clouds: &[&Vec<Vec<u32>>]) -> Self {
        let Laws { axis, densities } = laws;
        let per = nodes_per_bin(axis.nodes);
        let bins = axis.nodes / per;
        let edges: Vec<f64> = (0..=bins).map(|b| axis.low + (b * per) as f64 * axis.spacing()).collect();
        let masses: Vec<Vec<f64>> = densities.iter().map(|law| bin_masses(*axis, law, per)).collect();
        let between = |laws: &Laws, t: usize| -> Vec<f64> {
            let law = GridLaw::new(laws.axis, &laws.densities[t]);
            edges.windows(2).map(|e| law.mass_between(e[0], e[1])).collect()
        };
        let errors = (0..masses.len()).map(|t| {
            let own = between(laws, t);
            let mut errors = vec![0.0; bins];
            for other in coarser {
                let other = between(other, t);
                errors.iter_mut().zip(own.iter().zip(&other)).for_each(|(error, (a, b))| *error += (a - b).abs());
            }
            errors
        });
        let errors: Vec<Vec<f64>> = errors.collect();
        let width = |row: &Vec<f64>| {
            let mean: f64 = row.iter().enumerate().map(|(b, p)| b as f64 * p).sum();
            row.iter().enumerate().map(|(b, p)| (b as f64 - mean).powi(2) * p).sum::<f64>().sqrt()
        };
        let widths = masses.iter().map(width).collect();
        let counts: Vec<Vec<Vec<f64>>> = clouds
            .iter()
            .map(|cloud| cloud.iter().map(|row| row.iter().map(|&c| f64::from(c)).collect()).collect())
            .collect();
        // At time 0 all particles are inside the grid.
        let particles = counts.iter().map(|cloud| cloud[0].iter().sum::<f64>()).sum();
        Histogram { bins, edges, counts, masses, errors, widths, particles }
    }

    fn total(&self, t: usize, b: usize) -> f64 {
        self.counts.iter().map(|cloud| cloud[t][b]).sum()
    }

    /// The chi-square of all particles per bin, over that of the clouds among themselves. The latter is 1 for
    /// independent particles; the interaction of particles through the predictions changes both alike. `None` where no
    /// bin has enough particles, or the law is narrower than the bins.
    fn excess(&self, t: usize) -> Option<Excess> {
        if self.widths[t] < MIN_WIDTH {
            return None;
        }
        let clouds = self.counts.len() as f64;
        let (mut between, mut within, mut bins) = (0.0, 0.0, 0);
        for b in (0..self.bins).filter(|&b| self.masses[t][b] * self.particles >= MIN_EXPECTED) {
            let (p, error, count) = (self.masses[t][b], self.errors[t][b], self.total(t, b));
            let variance = p * (1.0 - p).max(f64::EPSILON);
            let beyond = ((count / self.particles - p).abs() - error).max(0.0);
            between += beyond * beyond * self.particles / variance;
            let spread: f64 = self.counts.iter().map(|cloud| (cloud[t][b] - count / clouds).powi(2)).sum();
            within += spread / (clouds - 1.0) / (variance * self.particles / clouds);
            bins += 1;
        }
        (bins > 0 && within > 0.0).then(|| Excess { ratio: between / within, bins })
    }

    /// Checks that the particles are draws from the law of the grid.
    pub fn check(&self, name: &str, of: &str) -> Check {
        let statement = format!(
            "grid and particles agree: histogram of {of}, sup_t of its chi-square over that of the clouds among themselves, over its threshold"
        );
        let found: Vec<Excess> = (0..self.masses.len()).filter_map(|t| self.excess(t)).collect();
        let freedom = self.counts.len() - 1;
        let relative = |e: &Excess| e.ratio / fisher(found.len(), e.bins, freedom * e.bins);
        let Some(worst) = found.iter().max_by(|a, b| relative(a).total_cmp(&relative(b))) else {
            let reason = "no time at which the law is wider than two bins and a bin has fifty particles";
            return Check::not_measured(name, statement, None, reason);
        };
        let mut check = Check::at_most(name, statement, relative(worst), 1.0);
        check.detail += &format!(
            "; ratio {:.3} with {} bins, {} particles, at {} times",
            worst.ratio,
            worst.bins,
            self.particles,
            found.len()
        );
        check
    }

    /// Densities of the particles (times, bins).
    pub fn densities(&self) -> Array2<f64> {
        let widths: Vec<f64> = self.edges.windows(2).map(|e| e[1] - e[0]).collect();
        let density = |t: usize, b: usize| self.total(t, b) / self.particles / widths[b];
        let (times, bins) = (self.masses.len(), self.bins);
        shaped((times, bins), (0..times).flat_map(|t| (0..bins).map(move |b| density(t, b))).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;
    use crate::compute::rng::{Role, stream};
    use rand_distr::{Distribution, StandardNormal};

    const CLOUDS: usize = 8;

    fn laws(nodes: usize, std: f64) -> Laws {
        let axis = GridAxis { low: -6.0, high: 6.0, nodes };
        let density = axis.points().iter().map(|q| (-0.5 * (q / std).powi(2)).exp()).collect::<Vec<f64>>();
        let mass: f64 = density.iter().sum::<f64>() * axis.spacing();
        Laws { axis, densities: vec![density.iter().map(|v| v / mass).collect()] }
    }

    /// Counts of `particles` normal draws of this standard deviation, over a line with `nodes` nodes.
    fn counts(nodes: usize, particles: usize, std: f64, seed: u64) -> Vec<Vec<Vec<u32>>> {
        let per = nodes_per_bin(nodes);
        let draw = |cloud: u64| {
            let mut rng = stream(seed, Role::Start, cloud, 0);
            let mut row = vec![0; nodes / per];
            for _ in 0..particles {
                let q: f64 = StandardNormal.sample(&mut rng);
                let place = (std * q + 6.0) / 12.0 * row.len() as f64;
                if let Some(count) = row.get_mut(place as usize) {
                    *count += 1;
                }
            }
            vec![row]
        };
        (0..CLOUDS as u64).map(draw).collect()
    }

    fn check(std: f64, seed: u64) -> Check {
        let counts = counts(128, 4000, std, seed);
        let counts: Vec<&Vec<Vec<u32>>> = counts.iter().collect();
        Histogram::of(&laws(128, 1.0), &[laws(64, 1.0)], &counts).check("a", "q")
    }

    #[test]
    fn draws_from_the_law_hold_and_others_fail() {
        for seed in 0..5 {
            let right = check(1.0, seed);
            assert_eq!(right.verdict, Verdict::Holds, "{}", right.detail);
        }
        // A standard deviation that is wrong by 6 %.
        let wrong = check(1.06, 1);
        assert_eq!(wrong.verdict, Verdict::Fails, "{}", wrong.detail);
    }

    #[test]
    fn a_law_narrower_than_the_bins_is_not_resolved() {
        let counts = counts(128, 4000, 0.0, 0);
        let counts: Vec<&Vec<Vec<u32>>> = counts.iter().collect();
        let narrow = Histogram::of(&laws(128, 0.1), &[laws(64, 0.1)], &counts).check("a", "q");
        assert!(narrow.verdict == Verdict::NotResolved && narrow.measured.is_nan(), "{narrow:?}");
    }
}
