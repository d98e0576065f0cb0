//! The algorithms of sparse recovery by name.

use super::cosamp::CoSaMp;
use super::fisher::Fisher;
use super::htp::Htp;
use super::iht::Iht;
use super::lasso::Lasso;
use super::niht::Niht;
use super::obs::IterativeObs;
use super::omp::Omp;
use super::stochastic::StochasticObs;
use super::{RecoveryAlgorithm, RecoveryError, Selection, Settings, SparseProblem, ValueRule};
use crate::choice::{Choice, by_name, values};

/// An algorithm of sparse recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryMethod {
    /// Iterative hard thresholding with step `1/L`.
    Iht,
    /// Normalised iterative hard thresholding.
    Niht,
    /// Hard thresholding pursuit.
    Htp,
    /// Compressive sampling matching pursuit.
    CoSaMp,
    /// Orthogonal matching pursuit.
    Omp,
    /// The lasso by FISTA on a decreasing path of weights, debiased by least squares.
    Lasso,
    /// Iterative optimal brain surgeon with a selection of the support and a rule for the values on it.
    Obs(Selection, ValueRule),
    /// Iterative optimal brain surgeon with gradients and curvatures of mini-batches.
    StochasticObs,
    /// One-shot pruning by the empirical Fisher matrix, the gradient neglected.
    WoodFisher,
    /// One-shot pruning by the empirical Fisher matrix: one I-OBS step with it as the Hessian.
    WoodTaylor,
}

/// Every method with its name.
const TABLE: [(&str, RecoveryMethod); 18] = [
    ("k-iht", RecoveryMethod::Iht),
    ("niht", RecoveryMethod::Niht),
    ("htp", RecoveryMethod::Htp),
    ("cosamp", RecoveryMethod::CoSaMp),
    ("omp", RecoveryMethod::Omp),
    ("lasso", RecoveryMethod::Lasso),
    ("topk-iobs", RecoveryMethod::Obs(Selection::Magnitude, ValueRule::Keep)),
    ("topk-iobs-compensate", RecoveryMethod::Obs(Selection::Magnitude, ValueRule::Compensate)),
    ("topk-iobs-refit", RecoveryMethod::Obs(Selection::Magnitude, ValueRule::Refit)),
    ("diagonal-iobs", RecoveryMethod::Obs(Selection::Diagonal, ValueRule::Compensate)),
    ("greedy-iobs", RecoveryMethod::Obs(Selection::Greedy, ValueRule::Compensate)),
    ("greedy-iobs-keep", RecoveryMethod::Obs(Selection::Greedy, ValueRule::Keep)),
    ("greedy-iobs-refit", RecoveryMethod::Obs(Selection::Greedy, ValueRule::Refit)),
    ("swap-iobs", RecoveryMethod::Obs(Selection::SwapRefined, ValueRule::Compensate)),
    ("exact-iobs", RecoveryMethod::Obs(Selection::Exact, ValueRule::Compensate)),
    ("wood-fisher", RecoveryMethod::WoodFisher),
    ("wood-taylor", RecoveryMethod::WoodTaylor),
    ("stochastic-iobs", RecoveryMethod::StochasticObs),
];

impl Choice for RecoveryMethod {
    const WHAT: &'static str = "method";
    const ALL: &'static [Self] = &values(&TABLE);

    fn name(self) -> &'static str {
        RecoveryMethod::name(self)
    }
}

by_name!(RecoveryMethod);

impl RecoveryMethod {
    /// I-OBS with the support of least cost.
    pub const EXACT_OBS: RecoveryMethod = RecoveryMethod::Obs(Selection::Exact, ValueRule::Compensate);

    /// The name in experiment files and records; combinations of selection and value rule without a name are `iobs`.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, method)| *method == self).map_or("iobs", |(name, _)| name)
    }

    /// Whether the method applies to the squared loss only.
    pub fn least_squares_only(self) -> bool {
        match self {
            RecoveryMethod::Niht
            | RecoveryMethod::Htp
            | RecoveryMethod::CoSaMp
            | RecoveryMethod::Omp
            | RecoveryMethod::Lasso
            | RecoveryMethod::StochasticObs => true,
            RecoveryMethod::Iht | RecoveryMethod::Obs(..) | RecoveryMethod::WoodFisher | RecoveryMethod::WoodTaylor => {
                false
            }
        }
    }

    /// Whether the method applies to problems of n samples, d unknowns and k entries: CoSaMP solves least-squares
    /// problems on up to `3k` columns, and needs `3k <= min(n, d)`.
    pub fn applies(self, n: usize, d: usize, k: usize) -> bool {
        self != RecoveryMethod::CoSaMp || k <= n.min(d) / 3
    }

    /// The algorithm, initialised for a problem.
    ///
    /// # Errors
    /// [`RecoveryError`] where the method does not apply to the problem, iterations cannot leave its start, or `k` is
    /// out of range.
    pub(super) fn begin<'a>(
        self,
        problem: &SparseProblem,
        settings: &Settings<'a>,
    ) -> Result<Box<dyn RecoveryAlgorithm + 'a>, RecoveryError> {
        let (n, d, k) = (problem.samples(), problem.unknowns(), settings.k);
        if k == 0 || k > d {
            return Err(RecoveryError::Sparsity { k, d });
        }
        if self.least_squares_only() && !problem.is_quadratic() {
            return Err(RecoveryError::LeastSquaresOnly { method: self.name() });
        }
        if !self.applies(n, d, k) {
            return Err(RecoveryError::TooDense { needed: k.saturating_mul(3), most: n.min(d) });
        }
        problem.require_solvable()?;
        Ok(match self {
            RecoveryMethod::Iht => Box::new(Iht::new(problem, settings)),
            RecoveryMethod::Niht => Box::new(Niht::new(settings)),
            RecoveryMethod::Htp => Box::new(Htp::new(problem, settings)),
            RecoveryMethod::CoSaMp => Box::new(CoSaMp::new(settings)),
            RecoveryMethod::Omp => Box::new(Omp::new(settings)),
            RecoveryMethod::Lasso => Box::new(Lasso::new(problem, settings)),
            RecoveryMethod::Obs(selection, values) => Box::new(IterativeObs::new(problem, settings, selection, values)),
            RecoveryMethod::StochasticObs => Box::new(StochasticObs::new(problem, settings)?),
            RecoveryMethod::WoodFisher => Box::new(Fisher::new(settings, false)),
            RecoveryMethod::WoodTaylor => Box::new(Fisher::new(settings, true)),
        })
    }

    /// The first iterate (d): the start of the problem; 0 for OMP and the lasso; the dense minimiser, which is pruned,
    /// for WoodFisher.
    pub(super) fn start(self, problem: &SparseProblem, settings: &Settings<'_>) -> Result<Vec<f64>, RecoveryError> {
        match self {
            RecoveryMethod::Omp | RecoveryMethod::Lasso => Ok(vec![0.0; problem.unknowns()]),
            RecoveryMethod::WoodFisher => super::fisher::dense_minimum(problem, settings),
            RecoveryMethod::Iht
            | RecoveryMethod::Niht
            | RecoveryMethod::Htp
            | RecoveryMethod::CoSaMp
            | RecoveryMethod::Obs(..)
            | RecoveryMethod::StochasticObs
            | RecoveryMethod::WoodTaylor => Ok(problem.start().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `3k <= min(n, d)`, whatever the sizes.
    #[test]
    fn cosamp_applies_up_to_a_third() {
        let applies = |n, d, k| RecoveryMethod::CoSaMp.applies(n, d, k);
        assert!(applies(9, 12, 3) && applies(12, 11, 3) && !applies(8, 12, 3) && !applies(12, 12, 5));
        assert!(!applies(10, usize::MAX, usize::MAX) && !applies(usize::MAX, usize::MAX, usize::MAX / 2));
        assert!(RecoveryMethod::Iht.applies(1, 1, usize::MAX));
    }
}
