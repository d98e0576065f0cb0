//! The law of theta as a density on nodes: quantiles, and the Wasserstein distance to other laws on the real line.

use super::GridAxis;

/// Why a set of atoms has no distance to a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AtomsError {
    /// There are none.
    #[error("there are no atoms: a law needs at least one")]
    Empty,
    /// One is infinite or NaN.
    #[error("an atom is not finite")]
    NotFinite,
    /// One is below the one before it.
    #[error("the atoms are not in ascending order")]
    NotSorted,
}

/// A probability law on the real line with a piecewise constant density, constant within half a spacing of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct GridLaw {
    axis: GridAxis,
    /// Cumulated mass at the `nodes + 1` edges between nodes, from 0 to 1.
    cumulated: Vec<f64>,
}

impl GridLaw {
    /// The law with the values `density` (nodes) of its density, normalised to mass 1.
    pub fn new(axis: GridAxis, density: &[f64]) -> Self {
        let mut cumulated = vec![0.0];
        let mut sum = 0.0;
        cumulated.extend(density.iter().map(|&v| {
            sum += v;
            sum
        }));
        cumulated.iter_mut().for_each(|c| *c /= sum);
        GridLaw { axis, cumulated }
    }

    /// The quantile of `u` in (0, 1), linear between cell edges.
    pub fn quantile(&self, u: f64) -> f64 {
        let after = self.cumulated.partition_point(|&c| c < u).clamp(1, self.axis.nodes);
        let (a, b) = (self.cumulated[after - 1], self.cumulated[after]);
        let fraction = if b > a { ((u - a) / (b - a)).clamp(0.0, 1.0) } else { 0.5 };
        self.axis.low + (after as f64 - 1.0 + fraction) * self.axis.spacing()
    }

    /// The mass of [a, b].
    pub fn mass_between(&self, a: f64, b: f64) -> f64 {
        self.distribution(b) - self.distribution(a)
    }

    /// The distribution function.
    fn distribution(&self, at: f64) -> f64 {
        let position = ((at - self.axis.low) / self.axis.spacing()).clamp(0.0, self.axis.nodes as f64);
        let below = (position as usize).min(self.axis.nodes - 1);
        let (a, b) = (self.cumulated[below], self.cumulated[below + 1]);
        a + (position - below as f64) * (b - a)
    }

    /// `n` atoms of equal mass that represent the law: its quantiles at `(i + 1/2) / n`, in ascending order.
    pub fn atoms(&self, n: usize) -> Vec<f64> {
        (0..n).map(|i| self.quantile((i as f64 + 0.5) / n as f64)).collect()
    }

    /// The root of the expected `W2^2` of the uniform law on `draws` independent draws from this law, to the first order
    /// in 1 / `draws`: `(1/M) int F (1 - F) / rho` (Bobkov, Ledoux 2019), with tails cut off where half a draw is
    /// expected.
    pub fn expected_wasserstein_2(&self, draws: usize) -> f64 {
        let (m, h) = (draws as f64, self.axis.spacing());
        let part = |pair: &[f64]| {
            let (f, mass) = (0.5 * (pair[0] + pair[1]), pair[1] - pair[0]);
            if f * m > 0.5 && (1.0 - f) * m > 0.5 && mass > 0.0 { f * (1.0 - f) * h * h / mass } else { 0.0 }
        };
        (self.cumulated.windows(2).map(part).sum::<f64>() / m).sqrt()
    }

    /// `W2` to the uniform law on atoms in ascending order. On the real line the optimal coupling is monotone: it
    /// couples each atom with an interval of mass 1/n, over which the squared distance is integrated exactly.
    ///
    /// # Errors
    /// [`AtomsError`] where there are no atoms, or they are not finite or not in ascending order.
    pub fn wasserstein_2(&self, atoms: &[f64]) -> Result<f64, AtomsError> {
        let finite =
            |atoms: &[f64]| atoms.first().is_some_and(|a| a.is_finite()) && atoms.last().is_some_and(|a| a.is_finite());
        if atoms.is_empty() {
            return Err(AtomsError::Empty);
        }
        if !finite(atoms) {
            return Err(AtomsError::NotFinite);
        }
        if !atoms.is_sorted() {
            return Err(AtomsError::NotSorted);
        }
        let atom_mass = 1.0 / atoms.len() as f64;
        let (mut i, mut cell, mut mass, mut sum) = (0, 0, 0.0, 0.0);
        let h = self.axis.spacing();
        while i < atoms.len() && cell < self.axis.nodes {
            let (low, high) = (self.cumulated[cell], self.cumulated[cell + 1]);
            let end_atom = if i + 1 == atoms.len() { 1.0 } else { (i + 1) as f64 * atom_mass };
            let end = end_atom.min(high);
            if end > mass && high > low {
                // The interval of this cell between the cumulated masses `mass` and `end`, relative to the atom.
                let position = |m: f64| self.axis.low + (cell as f64 + (m - low) / (high - low)) * h - atoms[i];
                let (a, b) = (position(mass), position(end));
                sum += (end - mass) * (a * a + a * b + b * b) / 3.0;
            }
            mass = mass.max(end);
            // What rounding leaves of the last cell or of the last atom has no mass.
            if end_atom <= high { i += 1 } else { cell += 1 }
        }
        Ok(sum.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::rng::{Role, stream};
    use rand_distr::{Distribution, StandardNormal};

    fn uniform() -> GridLaw {
        GridLaw::new(GridAxis { low: -1.0, high: 3.0, nodes: 64 }, &[0.3; 64])
    }

    #[test]
    fn quantiles_and_masses_of_a_uniform_law() {
        let law = uniform();
        for u in [0.01, 0.25, 0.5, 0.93] {
            assert!((law.quantile(u) - (-1.0 + 4.0 * u)).abs() < 1e-13);
        }
        assert!((law.mass_between(0.0, 1.0) - 0.25).abs() < 1e-14);
        assert!((law.mass_between(-9.0, 9.0) - 1.0).abs() < 1e-14);
    }

    /// For a uniform law on an interval of length L, `M E W2^2 = L^2 / 6`; of normal draws the expectation is within
    /// 20 % of the mean of 1600 sets: the extreme draws are cut off.
    #[test]
    fn expected_distances_of_draws() {
        let exact = 4.0 * (1.0_f64 / 6.0 / 100.0).sqrt();
        assert!((uniform().expected_wasserstein_2(100) / exact - 1.0).abs() < 0.02);
        let axis = GridAxis { low: -6.0, high: 6.0, nodes: 256 };
        let law = GridLaw::new(axis, &axis.points().iter().map(|q| (-0.5 * q * q).exp()).collect::<Vec<f64>>());
        for m in [100, 1000] {
            let squares = (0..1600).map(|set| {
                let mut rng = stream(5, Role::Start, set, m as u64);
                let mut draws: Vec<f64> = (0..m).map(|_| StandardNormal.sample(&mut rng)).collect();
                draws.sort_by(f64::total_cmp);
                law.wasserstein_2(&draws).unwrap().powi(2)
            });
            let mean = squares.sum::<f64>() / 1600.0;
            let ratio = mean / law.expected_wasserstein_2(m).powi(2);
            assert!((ratio - 1.0).abs() < 0.2, "{m}: {ratio}");
        }
    }

    /// Against one atom, `W2^2` is the mean square distance; against its own quantiles, the variance of one share.
    #[test]
    fn distances_of_a_uniform_law() {
        let law = uniform();
        assert!((law.wasserstein_2(&[0.5]).unwrap().powi(2) - (16.0 / 12.0 + 0.25)).abs() < 1e-13);
        for n in [3, 64, 1000] {
            let got = law.wasserstein_2(&law.atoms(n)).unwrap();
            assert!((got - 4.0 / n as f64 / 12.0_f64.sqrt()).abs() < 1e-12, "{n}: {got}");
        }
        assert!(law.wasserstein_2(&[1.0, 0.0]).is_err() && law.wasserstein_2(&[]).is_err());
    }
}
