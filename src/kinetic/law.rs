//! The law of theta as a density on nodes: what other laws on the line are held against.

use super::Line;

/// Atoms that have no distance from a law.
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

/// A probability density on a line, constant within half a spacing of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct LineLaw {
    line: Line,
    /// Cumulated mass at the `nodes + 1` edges between nodes, from 0 to 1.
    cumulated: Vec<f64>,
}

impl LineLaw {
    /// The law with these values (nodes) of its density; they are scaled to mass 1.
    pub fn new(line: Line, density: &[f64]) -> Self {
        let mut cumulated = vec![0.0];
        let mut sum = 0.0;
        cumulated.extend(density.iter().map(|&v| {
            sum += v;
            sum
        }));
        cumulated.iter_mut().for_each(|c| *c /= sum);
        LineLaw { line, cumulated }
    }

    /// The quantile of `u` in (0, 1): linear between edges.
    pub fn quantile(&self, u: f64) -> f64 {
        let after = self.cumulated.partition_point(|&c| c < u).clamp(1, self.line.nodes);
        let (a, b) = (self.cumulated[after - 1], self.cumulated[after]);
        let part = if b > a { ((u - a) / (b - a)).clamp(0.0, 1.0) } else { 0.5 };
        self.line.low + (after as f64 - 1.0 + part) * self.line.spacing()
    }

    /// Mass between `a` and `b`.
    pub fn mass_between(&self, a: f64, b: f64) -> f64 {
        self.distribution(b) - self.distribution(a)
    }

    fn distribution(&self, at: f64) -> f64 {
        let place = ((at - self.line.low) / self.line.spacing()).clamp(0.0, self.line.nodes as f64);
        let below = (place as usize).min(self.line.nodes - 1);
        let (a, b) = (self.cumulated[below], self.cumulated[below + 1]);
        a + (place - below as f64) * (b - a)
    }

    /// `n` atoms of equal mass that stand for the law: its quantiles at `(i + 1/2) / n`, in ascending order.
    pub fn atoms(&self, n: usize) -> Vec<f64> {
        (0..n).map(|i| self.quantile((i as f64 + 0.5) / n as f64)).collect()
    }

    /// `W2` to the uniform law on atoms in ascending order. On the line the optimal coupling is monotone; each atom takes
    /// its share of the density, and the square of the distance is integrated over that share exactly.
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
        let share = 1.0 / atoms.len() as f64;
        let (mut i, mut cell, mut mass, mut sum) = (0, 0, 0.0, 0.0);
        let h = self.line.spacing();
        while i < atoms.len() && cell < self.line.nodes {
            let (low, high) = (self.cumulated[cell], self.cumulated[cell + 1]);
            let end_atom = if i + 1 == atoms.len() { 1.0 } else { (i + 1) as f64 * share };
            let end = end_atom.min(high);
            if end > mass && high > low {
                // The piece of this cell between the masses `mass` and `end`, and its distance from the atom.
                let place = |m: f64| self.line.low + (cell as f64 + (m - low) / (high - low)) * h - atoms[i];
                let (a, b) = (place(mass), place(end));
                sum += (end - mass) * (a * a + a * b + b * b) / 3.0;
            }
            mass = mass.max(end);
            // Rounding may leave a sliver of the last cell or the last atom: it has no mass.
            if end_atom <= high { i += 1 } else { cell += 1 }
        }
        Ok(sum.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform() -> LineLaw {
        LineLaw::new(Line { low: -1.0, high: 3.0, nodes: 64 }, &[0.3; 64])
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
