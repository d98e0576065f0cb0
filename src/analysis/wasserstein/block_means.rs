//! A large set of sorted atoms beside many smaller ones, on the real line.
//!
//! With the quantile function Q of the large set, `W2^2` to the uniform law on sorted atoms a_0, ..., a_{n-1} is
//!
//! ```text
//! (1/n) sum_i (a_i - q_i)^2 + v
//! ```
//!
//! where q_i is the mean of Q over `[i/n, (i+1)/n]`, and v the mean square of Q about these means. They depend on n
//! alone: one pass over the large set serves all sets of n atoms, each of which then costs O(n).

/// The means q (n) of a quantile function over n blocks of equal mass, and its mean square about them.
#[derive(Debug)]
pub(super) struct BlockMeans {
    means: Vec<f64>,
    spread: f64,
}

impl BlockMeans {
    /// Of the uniform law on `sorted` atoms, at least one, for n `blocks`.
    pub fn new(sorted: &[f64], blocks: usize) -> Self {
        // In units of 1/(n M) of the mass an atom has n, and a block M.
        let (n, m) = (blocks as u64, sorted.len() as u64);
        let block = |i: u64| {
            let (low, high) = (i * m, (i + 1) * m);
            let own = low / n..high.div_ceil(n);
            let atoms = || {
                own.clone().map(|j| {
                    let weight = ((j + 1) * n).min(high) - (j * n).max(low);
                    (weight as f64, sorted[j as usize])
                })
            };
            // About an atom of the block, so that nothing cancels.
            let origin = sorted[own.start as usize];
            let mean = origin + atoms().map(|(weight, atom)| weight * (atom - origin)).sum::<f64>() / m as f64;
            (mean, atoms().map(|(weight, atom)| weight * (atom - mean).powi(2)).sum::<f64>())
        };
        let (means, squares): (Vec<f64>, Vec<f64>) = (0..n).map(block).unzip();
        BlockMeans { means, spread: squares.iter().sum::<f64>() / (n as f64 * m as f64) }
    }

    /// `W2^2` to the uniform law on n atoms in ascending order.
    pub fn squared_distance(&self, sorted: &[f64]) -> f64 {
        let squares = sorted.iter().zip(&self.means).map(|(atom, mean)| (atom - mean).powi(2));
        squares.sum::<f64>() / sorted.len() as f64 + self.spread
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::squared_distance;
    use super::*;
    use crate::compute::rng::{Role, stream};
    use rand_distr::{Distribution, StandardNormal};

    fn sorted_normals(n: usize, shift: f64, block: u64) -> Vec<f64> {
        let mut rng = stream(3, Role::Start, block, 0);
        let mut atoms: Vec<f64> = (0..n).map(|_| shift + rng_normal(&mut rng)).collect();
        atoms.sort_by(f64::total_cmp);
        atoms
    }

    fn rng_normal(rng: &mut impl rand::Rng) -> f64 {
        StandardNormal.sample(rng)
    }

    /// Whether or not blocks end between two atoms, and far from the origin, where squares of atoms would cancel.
    #[test]
    fn the_distance_is_that_of_the_merged_quantiles() {
        for (n, m) in [(1, 1), (3, 7), (4, 20), (16, 1000), (7, 7), (999, 1000), (11, 4)] {
            for shift in [0.0, 1e4] {
                let (few, many) = (sorted_normals(n, shift + 0.3, 1), sorted_normals(m, shift, 2));
                let found = BlockMeans::new(&many, n).squared_distance(&few).sqrt();
                let expected = squared_distance(&few, &many).sqrt();
                let rounding = 1e-13 * expected + 1e-14 * shift;
                assert!((found - expected).abs() <= rounding, "{n} {m} {shift}: {found} and {expected}");
            }
        }
    }
}
