//! Greedy elimination of single weights (optimal brain compression; Frantar, Alistarh 2022): every row with its own
//! inverse, and the zeros of the matrix shared between the rows by the costs of their eliminations.

use super::problem::{LayerProblem, row};
use super::sparsity::Zeros;
use crate::compute::profile::{self, WorkKind};
use crate::sparse::recovery::{Elimination, GroupLimit, Interrupt, eliminate_within};
use faer::Mat;
use rayon::prelude::*;

/// Fraction of a row by which its elimination goes beyond the mean number of zeros.
const MARGIN: f64 = 0.25;

/// The weights (d, rows) with the support that the eliminations leave. The values are those of W0, to be refitted, but of
/// the smallest number where W0 is zero.
pub fn greedy(problem: &LayerProblem<'_>) -> Mat<f64> {
    let (d, rows) = (problem.inputs(), problem.rows());
    let (drops, limit) = match problem.zeros {
        Zeros::Row(zeros) => (zeros, None),
        Zeros::Group { zeros, of } => (d / of * zeros, Some(GroupLimit { of, most: zeros })),
        Zeros::Matrix(zeros) => (most_drops(d, zeros as f64 / (rows * d) as f64), None),
    };
    let inverse = problem.moment.inverse();
    let _timed = profile::region(WorkKind::Sweeps);
    let traces = (0..rows)
        .into_par_iter()
        .with_max_len(1)
        .map(|r| {
            let Elimination { steps, .. } =
                eliminate_within(row(&problem.weights, r), inverse, d - drops, limit, Interrupt::NEVER);
            steps.iter().map(|step| (step.index, step.cost)).collect()
        })
        .collect();
    dropping(problem, traces)
}

/// The steps of a row of `entries` of which a fraction is to be dropped on average.
fn most_drops(entries: usize, fraction: f64) -> usize {
    ((entries as f64 * (fraction + MARGIN).min(1.0)).round_ties_even() as usize).min(entries)
}

/// The entries, (index, cost), that are dropped from a row, in order.
type Trace = Vec<(usize, f64)>;

/// W0 without the entries that are dropped by the traces of the rows.
fn dropping(problem: &LayerProblem<'_>, traces: Vec<Trace>) -> Mat<f64> {
    let (d, rows) = (problem.inputs(), problem.rows());
    let mut dropped = vec![false; rows * d];
    let counts: Vec<usize> = match problem.zeros {
        Zeros::Matrix(zeros) => share(&traces, zeros),
        _ => traces.iter().map(Vec::len).collect(),
    };
    for (r, (trace, count)) in traces.iter().zip(counts).enumerate() {
        trace[..count].iter().for_each(|(index, _)| dropped[r * d + index] = true);
    }
    Mat::from_fn(d, rows, |j, r| match (dropped[r * d + j], problem.weights[(j, r)]) {
        (true, _) => 0.0,
        (false, 0.0) => f64::MIN_POSITIVE,
        (false, weight) => weight,
    })
}

/// The number of steps of every row such that the sum is `total` and the steps are those of least cost. Where a later step
/// of a row costs less than an earlier one, it is given the cost of the earlier.
fn share(traces: &[Trace], total: usize) -> Vec<usize> {
    let mut all: Vec<(f64, usize)> = Vec::new();
    for (r, trace) in traces.iter().enumerate() {
        let mut most = 0.0_f64;
        for (_, cost) in trace {
            most = most.max(*cost);
            all.push((most, r));
        }
    }
    // Stable: steps of equal cost stay in the order of the rows.
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut counts = vec![0; traces.len()];
    all.iter().take(total).for_each(|(_, r)| counts[*r] += 1);
    counts
}
