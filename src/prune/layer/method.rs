//! The methods by name, and the pruning of a layer by any of them.

use super::dual::{DualSchedule, dual_iterate};
use super::greedy::greedy;
use super::iterate::{Iteration, Step, iterate};
use super::problem::{LayerProblem, entries, from_entries};
use super::refit::refit;
use super::select::{drop_lowest, drop_lowest_evenly};
use super::sparsity::Zeros;
use super::sweep::{BLOCK, sweep_from};
use crate::choice::{Choice, by_name, choice, values};
use faer::Mat;

choice! {
    /// A method of pruning a layer.
    pub enum LayerMethod: "method" {
        /// The entries of least magnitude.
        Magnitude = "magnitude",
        /// The entries of least `|w_j| sqrt(H_jj)` of every row (Sun et al. 2024).
        Wanda = "wanda",
        /// The column sweep of SparseGPT.
        Sweep = "sparsegpt",
        /// The iterative optimal brain surgeon: an inexact step, then the sweep.
        Iterative = "i-obs",
        /// The same step with a multiplier.
        Dual = "i-obs-dual",
        /// Greedy elimination, row by row.
        Greedy = "obc",
    }
}

/// A method with or without a refit, as experiment files and records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruneMethod {
    /// The method.
    pub method: LayerMethod,
    /// Whether the values are refitted on the support.
    pub refit: bool,
}

/// The names. The values of `i-obs-dual` and `obc` are always refitted.
const TABLE: [(&str, PruneMethod); 10] = [
    ("magnitude", PruneMethod { method: LayerMethod::Magnitude, refit: false }),
    ("magnitude-refit", PruneMethod { method: LayerMethod::Magnitude, refit: true }),
    ("wanda", PruneMethod { method: LayerMethod::Wanda, refit: false }),
    ("wanda-refit", PruneMethod { method: LayerMethod::Wanda, refit: true }),
    ("sparsegpt", PruneMethod { method: LayerMethod::Sweep, refit: false }),
    ("sparsegpt-refit", PruneMethod { method: LayerMethod::Sweep, refit: true }),
    ("i-obs", PruneMethod { method: LayerMethod::Iterative, refit: false }),
    ("i-obs-refit", PruneMethod { method: LayerMethod::Iterative, refit: true }),
    ("i-obs-dual", PruneMethod::DUAL),
    ("obc", PruneMethod { method: LayerMethod::Greedy, refit: true }),
];

impl PruneMethod {
    /// The step of the iterative optimal brain surgeon with a multiplier, the default.
    pub const DUAL: PruneMethod = PruneMethod { method: LayerMethod::Dual, refit: true };
    /// The column sweep of SparseGPT, to which others are compared.
    pub const SWEEP: PruneMethod = PruneMethod { method: LayerMethod::Sweep, refit: false };

    /// Whether it is one of the iterative optimal brain surgeon.
    pub fn is_iterative(self) -> bool {
        matches!(self.method, LayerMethod::Iterative | LayerMethod::Dual)
    }
}

impl Choice for PruneMethod {
    const WHAT: &'static str = "method";
    const ALL: &'static [Self] = &values(&TABLE);

    fn name(self) -> &'static str {
        // The two that are always refitted have one name.
        let always = matches!(self.method, LayerMethod::Dual | LayerMethod::Greedy);
        let named = PruneMethod { refit: self.refit || always, ..self };
        TABLE.iter().find(|(_, method)| *method == named).map_or("", |(name, _)| name)
    }
}

by_name!(PruneMethod);

/// How a layer is pruned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerSettings {
    /// The method.
    pub method: LayerMethod,
    /// Whether the values are refitted on the support by least squares. The values of [`LayerMethod::Dual`] and
    /// [`LayerMethod::Greedy`] always are.
    pub refit: bool,
    /// The step of [`LayerMethod::Iterative`].
    pub step: Step,
    /// Its length.
    pub length: f64,
    /// Its number.
    pub iterations: usize,
    /// The schedule of [`LayerMethod::Dual`].
    pub schedule: DualSchedule,
    /// Columns of a block of the sweep.
    pub block: usize,
}

impl Default for LayerSettings {
    fn default() -> Self {
        LayerSettings {
            method: LayerMethod::Dual,
            refit: true,
            step: Step::RidgeNewton(0.3),
            length: 1.0,
            iterations: 10,
            schedule: DualSchedule::default(),
            block: BLOCK,
        }
    }
}

/// Prunes a layer: the weights (d, rows).
pub fn prune_layer(problem: &LayerProblem<'_>, settings: &LayerSettings) -> Mat<f64> {
    let d = problem.inputs();
    let masked = |score: &dyn Fn(usize, f64) -> f64, by_row: bool| {
        let weights = entries(&problem.weights);
        let scores: Vec<f64> = weights.iter().enumerate().map(|(at, w)| score(at % d, *w)).collect();
        let mut dropped = vec![false; weights.len()];
        match problem.zeros {
            Zeros::Matrix(zeros) if by_row => drop_lowest_evenly(&scores, d, zeros, &mut dropped),
            zeros => drop_lowest(&scores, d, zeros, &mut dropped),
        }
        let kept: Vec<f64> = weights.iter().zip(dropped).map(|(w, dropped)| if dropped { 0.0 } else { *w }).collect();
        from_entries(&kept, d)
    };
    let weights = match settings.method {
        LayerMethod::Magnitude => masked(&|_, w| w.abs(), false),
        LayerMethod::Wanda => {
            let moment = problem.moment.moment();
            // Wanda compares the entries of a row only.
            masked(&|j, w| w.abs() * moment[(j, j)].max(0.0).sqrt(), true)
        }
        LayerMethod::Sweep => sweep_from(problem, &problem.weights.to_owned(), settings.block).weights,
        LayerMethod::Iterative => {
            let LayerSettings { step, length, iterations, block, .. } = *settings;
            iterate(problem, &Iteration { step, length, iterations, block, best: true }, None).weights
        }
        LayerMethod::Dual => dual_iterate(problem, &settings.schedule),
        LayerMethod::Greedy => greedy(problem),
    };
    let always = matches!(settings.method, LayerMethod::Dual | LayerMethod::Greedy);
    if settings.refit || always { refit(problem, &weights) } else { weights }
}

/// One iteration of the iterative optimal brain surgeon from pruned weights (d, rows), as a round with a fresh batch takes
/// it.
pub fn continue_layer(problem: &LayerProblem<'_>, settings: &LayerSettings, weights: &Mat<f64>) -> Mat<f64> {
    let LayerSettings { step, length, block, .. } = *settings;
    let weights =
        iterate(problem, &Iteration { step, length, iterations: 1, block, best: false }, Some(weights)).weights;
    if settings.refit { refit(problem, &weights) } else { weights }
}

#[cfg(test)]
mod tests {
    use super::super::moment::DampedMoment;
    use super::*;
    use crate::compute::profile::{self, WorkKind, counted_here};

    /// A factor, a sweep and a loss of a layer of d inputs and as many rows: d^3/3 for each of the Cholesky factor and its
    /// inverse, rows d^2, and as many for the loss, a product with a triangle.
    #[test]
    fn a_sweep_is_counted_in_closed_form() {
        profile::start();
        let (d, rows) = (12, 5);
        let counted = || {
            [WorkKind::Factors, WorkKind::Sweeps, WorkKind::MomentProducts].map(|kind| counted_here(kind).operations[1])
        };
        let before = counted();
        let moment = Mat::from_fn(d, d, |i, j| if i == j { 2.0 } else { 0.1 });
        let moment = DampedMoment::new("layer", moment, 0.01).unwrap();
        let weights = Mat::from_fn(d, rows, |j, r| (j * rows + r) as f64 - 20.0);
        let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(30) };
        let pruned = sweep_from(&problem, &weights, BLOCK).weights;
        problem.loss(&pruned);
        let found: Vec<u64> = counted().iter().zip(before).map(|(now, then)| now - then).collect();
        let (d, rows) = (d as u64, rows as u64);
        assert_eq!(found, [2 * d * d * d / 3, rows * d * d, rows * d * d]);
    }

    #[test]
    fn every_method_has_a_name() {
        for &method in LayerMethod::ALL {
            for refit in [false, true] {
                let named = PruneMethod { method, refit };
                let found: PruneMethod = named.name().parse().unwrap();
                assert_eq!((found.method, found.name()), (method, named.name()));
                assert!(found.refit == refit || matches!(method, LayerMethod::Dual | LayerMethod::Greedy));
            }
        }
        assert_eq!(PruneMethod::ALL.len(), 2 * LayerMethod::ALL.len() - 2);
    }
}
