//! OMP: orthogonal matching pursuit (Pati, Rezaiifar, Krishnaprasad 1993). One index per step, that of the largest
//! `|g_j| / sqrt(H_jj)`, then least squares on all chosen indices.

use super::dense::{gram, sum_over_samples};
use super::inverse::solve_damped;
use super::solve::Stop;
use super::values::scatter;
use super::{Interrupt, RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, dense};
use faer::Mat;

/// Orthogonal matching pursuit (Pati, Rezaiifar, Krishnaprasad 1993).
pub(super) struct Omp<'a> {
    k: usize,
    interrupt: Interrupt<'a>,
    chosen: Vec<usize>,
    /// The diagonal `H_jj` (d); empty before the first step.
    diagonal: Vec<f64>,
}

impl<'a> Omp<'a> {
    pub(super) fn new(settings: &Settings<'a>) -> Self {
        Omp { k: settings.k, interrupt: settings.interrupt, chosen: Vec::new(), diagonal: Vec::new() }
    }
}

impl RecoveryAlgorithm for Omp<'_> {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        if self.diagonal.is_empty() {
            let xt = problem.design();
            let mut squares = vec![0.0; problem.unknowns()];
            for i in 0..problem.samples() {
                squares.iter_mut().zip(dense::sample(&xt, i)).for_each(|(sum, x)| *sum += x * x);
            }
            self.diagonal = squares;
        }
        let g = problem.quadratic_gradient(w);
        let mut best: Option<(f64, usize)> = None;
        for (j, (g, h)) in g.iter().zip(&self.diagonal).enumerate() {
            // A zero column is never chosen.
            let score = if *h > 0.0 { g.abs() / h.sqrt() } else { -1.0 };
            if self.chosen.binary_search(&j).is_err() && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, j));
            }
        }
        if let Some((_, j)) = best {
            self.chosen.push(j);
            self.chosen.sort_unstable();
        }
        let mut step = least_squares(problem, &self.chosen, self.interrupt)?;
        if self.chosen.len() >= self.k {
            step.last = Some(Stop::Done);
        }
        Ok(step)
    }

    fn converges_when_stationary(&self) -> bool {
        false
    }
}

/// The least-squares solution on a support (increasing indices). Where the columns are linearly dependent it is damped,
/// and the step reports the damping.
///
/// # Errors
/// [`RecoveryError::Indefinite`] where all columns are zero, [`RecoveryError::Interrupted`].
pub fn least_squares(
    problem: &SparseProblem,
    support: &[usize],
    interrupt: Interrupt<'_>,
) -> Result<RecoveryStep, RecoveryError> {
    let (part, right): (Mat<f64>, Vec<f64>) = if problem.gram_is_formed() {
        (dense::principal(problem.gram(), support), support.iter().map(|&j| problem.xty()[j]).collect())
    } else {
        let xt = problem.design();
        let columns = Mat::from_fn(support.len(), problem.samples(), |j, i| xt[(support[j], i)]);
        (
            gram(columns.as_ref(), None, interrupt),
            sum_over_samples(columns.as_ref(), |i, _| (0.0, problem.measurements()[i])).1,
        )
    };
    let (z, damping) = solve_damped(part, &right, interrupt)?;
    let w = scatter(problem.unknowns(), support, &z);
    Ok(RecoveryStep { w, damping, raised: damping > 0.0, last: None })
}
