//! OMP: orthogonal matching pursuit (Pati, Rezaiifar, Krishnaprasad 1993). One index a step, that of the largest
//! `|g_j| / sqrt(H_jj)`, then least squares on all of them.

use super::dense::{gram, pass};
use super::inverse::solve_raising;
use super::solve::Stop;
use super::values::scatter;
use super::{Iteration, Problem, RecoveryError, Settings, Step, dense};
use faer::Mat;

/// Orthogonal matching pursuit.
pub(super) struct Omp {
    k: usize,
    chosen: Vec<usize>,
    /// `H_jj`, empty before the first step.
    diagonal: Vec<f64>,
}

impl Omp {
    pub(super) fn new(settings: &Settings) -> Self {
        Omp { k: settings.k, chosen: Vec::new(), diagonal: Vec::new() }
    }
}

impl Iteration for Omp {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
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
            // A column of zeros explains nothing.
            let score = if *h > 0.0 { g.abs() / h.sqrt() } else { -1.0 };
            if self.chosen.binary_search(&j).is_err() && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, j));
            }
        }
        if let Some((_, j)) = best {
            self.chosen.push(j);
            self.chosen.sort_unstable();
        }
        let mut step = least_squares(problem, &self.chosen)?;
        if self.chosen.len() >= self.k {
            step.last = Some(Stop::Done);
        }
        Ok(step)
    }

    fn settles(&self) -> bool {
        false
    }
}

/// The least-squares solution on a support. Where the columns depend on each other it is damped, and says so.
///
/// # Errors
/// [`RecoveryError::Indefinite`] for columns of zeros.
pub fn least_squares(problem: &Problem, on: &[usize]) -> Result<Step, RecoveryError> {
    let (part, right): (Mat<f64>, Vec<f64>) = if problem.gram_at_hand() {
        (dense::principal(problem.gram(), on), on.iter().map(|&j| problem.xty()[j]).collect())
    } else {
        let xt = problem.design();
        let columns = Mat::from_fn(on.len(), problem.samples(), |j, i| xt[(on[j], i)]);
        (gram(columns.as_ref(), None), pass(columns.as_ref(), |i, _| (0.0, problem.measurements()[i])).1)
    };
    let (z, damping) = solve_raising(part, &right)?;
    let w = scatter(problem.unknowns(), on, &z);
    Ok(Step { w, damping, raised: damping > 0.0, last: None })
}
