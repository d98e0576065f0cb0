//! The radial reduction by particles: the same two quadratures, with particles on the real line, moved by any
//! integrator.

use super::{Radial, RadialNodes};
use crate::dynamics::Force;
use crate::network::Objective;
use rayon::prelude::*;

/// Entries of the table of `k`.
const ENTRIES: usize = 1 << 14;

/// Number of particles in a partial sum: a constant, so that results do not depend on the number of threads.
const CHUNK: usize = 256;

/// A table of `k` and `k'` up to a largest argument, interpolated by cubic Hermite polynomials.
#[derive(Clone, Debug)]
pub struct FeatureTable {
    spacing: f64,
    entries: Vec<(f64, f64)>,
}

impl FeatureTable {
    /// The table of a reduction for |z| up to `largest`.
    pub fn new(radial: &Radial, largest: f64) -> Self {
        let spacing = largest / (ENTRIES - 2) as f64;
        let entries = (0..ENTRIES).into_par_iter().map(|i| radial.mean_feature(i as f64 * spacing)).collect();
        FeatureTable { spacing, entries }
    }

    /// `(k(z), k'(z))`; extrapolated linearly beyond the largest argument.
    pub fn at(&self, z: f64) -> (f64, f64) {
        let position = z.abs() / self.spacing;
        let first = (position as usize).min(self.entries.len() - 2);
        let ((a, da), (b, db)) = (self.entries[first], self.entries[first + 1]);
        let (s, h) = (position - first as f64, self.spacing);
        let (value, slope) = if s > 1.0 {
            (b + (s - 1.0) * h * db, db)
        } else {
            let (start_excess, end_excess) = (h * da - (b - a), (b - a) - h * db);
            let cubic = (1.0 - s) * start_excess + s * end_excess;
            let value = a + s * (b - a) + s * (1.0 - s) * cubic;
            (value, (b - a + (1.0 - 2.0 * s) * cubic + s * (1.0 - s) * (end_excess - start_excess)) / h)
        };
        (value, if z < 0.0 { -slope } else { slope })
    }
}

/// The force `Psi'(q; rho_M)` of M particles in the radial reduction: the parameters of a state are the q, its momenta
/// the velocities dq/dt.
pub struct RadialForce<'a> {
    radial: &'a Radial,
    nodes: RadialNodes,
    table: &'a FeatureTable,
    objective: Objective,
}

impl<'a> RadialForce<'a> {
    /// The force of a reduction, on its quadrature nodes.
    pub fn new(radial: &'a Radial, table: &'a FeatureTable, objective: Objective) -> Self {
        RadialForce { radial, nodes: radial.nodes(), table, objective }
    }

    /// The force on other nodes of (|x|, y).
    pub fn with_nodes(self, nodes: RadialNodes) -> Self {
        RadialForce { nodes, ..self }
    }

    /// Predictions `f(s)` of the particles `q` at the nodes s of |x|.
    pub fn predictions(&self, q: &[f64]) -> Vec<f64> {
        let of_chunk = |q: &[f64]| {
            let at = |s: &f64| q.iter().map(|q| self.table.at(q * s).0).sum::<f64>();
            self.nodes.radius.iter().map(at).collect::<Vec<f64>>()
        };
        let sums: Vec<Vec<f64>> = q.par_chunks(CHUNK).map(of_chunk).collect();
        let mut f = vec![0.0; self.nodes.radius.len()];
        for sum in sums {
            f.iter_mut().zip(&sum).for_each(|(f, sum)| *f += sum);
        }
        f.iter_mut().for_each(|f| *f *= self.radial.output() / q.len() as f64);
        f
    }

    /// The mean loss of predictions `f` at the nodes.
    pub fn loss(&self, f: &[f64]) -> f64 {
        let one = |(f, (y, w)): (&f64, (&f64, &f64))| w * self.objective.loss.value(&[*f], &[*y]);
        f.iter().zip(self.nodes.label.iter().zip(&self.nodes.weight)).map(one).sum()
    }
}

impl Force<f64> for RadialForce<'_> {
    fn gradient(&mut self, _step: u64, q: &[f64], out: &mut [f64]) -> f64 {
        let f = self.predictions(q);
        let mut residual = vec![0.0; f.len()];
        let nodes = &self.nodes;
        for (j, e) in residual.iter_mut().enumerate() {
            let mut derivative = [0.0];
            self.objective.loss.derivative(&f[j..=j], &nodes.label[j..=j], &mut derivative);
            *e = nodes.weight[j] * derivative[0] * self.radial.output() * nodes.radius[j];
        }
        let ridge = self.objective.ridge;
        out.par_chunks_mut(CHUNK).zip(q.par_chunks(CHUNK)).for_each(|(out, q)| {
            for (out, q) in out.iter_mut().zip(q) {
                let slope = |(s, e): (&f64, &f64)| e * self.table.at(q * s).1;
                *out = nodes.radius.iter().zip(&residual).map(slope).sum::<f64>() + ridge * q;
            }
        });
        self.loss(&f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;

    #[test]
    fn the_table_is_the_function() {
        for d in [2, 40, 1000] {
            let radial = Radial::new(d, 0.8, Activation::PiecewiseLinear, 1.0);
            let table = FeatureTable::new(&radial, 150.0);
            for z in [-149.0, -3.3, 0.0, 0.7, 2.0, 17.7, 149.9] {
                let ((a, da), (b, db)) = (table.at(z), radial.mean_feature(z));
                assert!((a - b).abs() < 1e-6 && (da - db).abs() < 1e-4, "d = {d}, z = {z}: {a} {b}, {da} {db}");
            }
        }
    }
}
