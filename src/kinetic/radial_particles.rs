//! The radial reduction by particles: the same two quadratures, and neurons as points of a line, moved by any integrator.

use super::{Radial, RadialNodes};
use crate::dynamics::Force;
use crate::network::Objective;
use rayon::prelude::*;

/// Entries of the table of `k`.
const ENTRIES: usize = 1 << 14;

/// Particles that are summed together: a constant, so that no bit depends on threads.
const TOGETHER: usize = 256;

/// `k` and `k'` between 0 and a largest argument, by cubic Hermite interpolation of their exact values.
#[derive(Clone, Debug)]
pub struct FeatureTable {
    spacing: f64,
    entries: Vec<(f64, f64)>,
}

impl FeatureTable {
    /// The table of a reduction up to |z| = `largest`.
    pub fn new(radial: &Radial, largest: f64) -> Self {
        let spacing = largest / (ENTRIES - 2) as f64;
        let entries = (0..ENTRIES).into_par_iter().map(|i| radial.mean_feature(i as f64 * spacing)).collect();
        FeatureTable { spacing, entries }
    }

    /// `(k(z), k'(z))`; beyond the largest argument along the last tangent.
    pub fn at(&self, z: f64) -> (f64, f64) {
        let place = z.abs() / self.spacing;
        let first = (place as usize).min(self.entries.len() - 2);
        let ((a, da), (b, db)) = (self.entries[first], self.entries[first + 1]);
        let (s, h) = (place - first as f64, self.spacing);
        let (value, slope) = if s > 1.0 {
            (b + (s - 1.0) * h * db, db)
        } else {
            let (bow, skew) = (h * da - (b - a), (b - a) - h * db);
            let inside = (1.0 - s) * bow + s * skew;
            let value = a + s * (b - a) + s * (1.0 - s) * inside;
            (value, (b - a + (1.0 - 2.0 * s) * inside + s * (1.0 - s) * (skew - bow)) / h)
        };
        (value, if z < 0.0 { -slope } else { slope })
    }
}

/// `Psi'(q; rho_M)` of particles on the line of q; a state's parameters are the q, its momenta their velocities.
pub struct RadialForce<'a> {
    radial: &'a Radial,
    nodes: RadialNodes,
    table: &'a FeatureTable,
    objective: Objective,
}

impl<'a> RadialForce<'a> {
    /// The force of a reduction.
    pub fn new(radial: &'a Radial, table: &'a FeatureTable, objective: Objective) -> Self {
        RadialForce { radial, nodes: radial.nodes(), table, objective }
    }

    /// The same on other nodes of (|x|, y).
    pub fn on(self, nodes: RadialNodes) -> Self {
        RadialForce { nodes, ..self }
    }

    /// `f(s)` at the nodes of |x|.
    pub fn predictions(&self, q: &[f64]) -> Vec<f64> {
        let of_chunk = |q: &[f64]| {
            let at = |s: &f64| q.iter().map(|q| self.table.at(q * s).0).sum::<f64>();
            self.nodes.radius.iter().map(at).collect::<Vec<f64>>()
        };
        let sums: Vec<Vec<f64>> = q.par_chunks(TOGETHER).map(of_chunk).collect();
        let mut f = vec![0.0; self.nodes.radius.len()];
        for sum in sums {
            f.iter_mut().zip(&sum).for_each(|(f, sum)| *f += sum);
        }
        f.iter_mut().for_each(|f| *f *= self.radial.output() / q.len() as f64);
        f
    }

    /// The mean loss of predictions at the nodes.
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
        out.par_chunks_mut(TOGETHER).zip(q.par_chunks(TOGETHER)).for_each(|(out, q)| {
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
