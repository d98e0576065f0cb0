//! Every algorithm by name.

use super::cosamp::CoSaMp;
use super::fisher::Fisher;
use super::htp::Htp;
use super::iht::Iht;
use super::lasso::Lasso;
use super::niht::Niht;
use super::obs::IterativeObs;
use super::omp::Omp;
use super::{Iteration, Problem, RecoveryError, Selection, Settings, Values};
use crate::choice::{Choice, by_name};

/// An algorithm of sparse recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
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
    /// The lasso by FISTA along a path, debiased.
    Lasso,
    /// Iterative optimal brain surgeon with this selection and these values.
    Obs(Selection, Values),
    /// One-shot pruning by the empirical Fisher matrix, the gradient neglected.
    WoodFisher,
    /// The same with the gradient: one I-OBS step with the Fisher matrix for the Hessian.
    WoodTaylor,
}

/// Every method with its name.
const TABLE: [(&str, Method); 17] = [
    ("k-iht", Method::Iht),
    ("niht", Method::Niht),
    ("htp", Method::Htp),
    ("cosamp", Method::CoSaMp),
    ("omp", Method::Omp),
    ("lasso", Method::Lasso),
    ("topk-iobs", Method::Obs(Selection::Magnitude, Values::Keep)),
    ("topk-iobs-compensate", Method::Obs(Selection::Magnitude, Values::Compensate)),
    ("topk-iobs-refit", Method::Obs(Selection::Magnitude, Values::Refit)),
    ("diagonal-iobs", Method::Obs(Selection::Diagonal, Values::Compensate)),
    ("greedy-iobs", Method::Obs(Selection::Greedy, Values::Compensate)),
    ("greedy-iobs-keep", Method::Obs(Selection::Greedy, Values::Keep)),
    ("greedy-iobs-refit", Method::Obs(Selection::Greedy, Values::Refit)),
    ("swap-iobs", Method::Obs(Selection::SwapRefined, Values::Compensate)),
    ("exact-iobs", Method::Obs(Selection::Exact, Values::Compensate)),
    ("wood-fisher", Method::WoodFisher),
    ("wood-taylor", Method::WoodTaylor),
];

impl Choice for Method {
    const WHAT: &'static str = "method";
    const ALL: &'static [Self] = &{
        let mut all = [Method::Iht; TABLE.len()];
        let mut i = 0;
        while i < TABLE.len() {
            all[i] = TABLE[i].1;
            i += 1;
        }
        all
    };

    fn name(self) -> &'static str {
        Method::name(self)
    }
}

by_name!(Method);

impl Method {
    /// I-OBS with the best of all supports, by enumeration.
    pub const EXACT_OBS: Method = Method::Obs(Selection::Exact, Values::Compensate);

    /// The name in experiment files and records; combinations of selection and values without one are `iobs`.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, method)| *method == self).map_or("iobs", |(name, _)| name)
    }

    /// Whether it is a method of least squares only.
    pub fn least_squares_only(self) -> bool {
        match self {
            Method::Niht | Method::Htp | Method::CoSaMp | Method::Omp | Method::Lasso => true,
            Method::Iht | Method::Obs(..) | Method::WoodFisher | Method::WoodTaylor => false,
        }
    }

    /// Whether it can be asked for this many entries of this problem size: CoSaMP solves on up to `3k` columns.
    pub fn applies(self, n: usize, d: usize, k: usize) -> bool {
        self != Method::CoSaMp || 3 * k <= n.min(d)
    }

    /// The algorithm, ready for its first step.
    pub(super) fn begin(self, problem: &Problem, settings: &Settings) -> Result<Box<dyn Iteration>, RecoveryError> {
        let (n, d, k) = (problem.samples(), problem.unknowns(), settings.k);
        if k == 0 || k > d {
            return Err(RecoveryError::Sparsity { k, d });
        }
        if self.least_squares_only() && !problem.is_quadratic() {
            return Err(RecoveryError::LeastSquaresOnly { method: self.name() });
        }
        if !self.applies(n, d, k) {
            return Err(RecoveryError::TooDense { needed: 3 * k, most: n.min(d) });
        }
        Ok(match self {
            Method::Iht => Box::new(Iht::new(problem, settings)),
            Method::Niht => Box::new(Niht::new(settings)),
            Method::Htp => Box::new(Htp::new(problem, settings)),
            Method::CoSaMp => Box::new(CoSaMp::new(settings)),
            Method::Omp => Box::new(Omp::new(settings)),
            Method::Lasso => Box::new(Lasso::new(problem, settings)),
            Method::Obs(selection, values) => Box::new(IterativeObs::new(problem, settings, selection, values)),
            Method::WoodFisher => Box::new(Fisher::new(settings, false)),
            Method::WoodTaylor => Box::new(Fisher::new(settings, true)),
        })
    }

    /// Where it starts: the problem's start; pursuits start from nothing, and WoodFisher from the dense minimum, which is
    /// what it prunes.
    pub(super) fn start(self, problem: &Problem, settings: &Settings) -> Result<Vec<f64>, RecoveryError> {
        match self {
            Method::Omp | Method::Lasso => Ok(vec![0.0; problem.unknowns()]),
            Method::WoodFisher => super::fisher::dense_minimum(problem, settings),
            Method::Iht | Method::Niht | Method::Htp | Method::CoSaMp | Method::Obs(..) | Method::WoodTaylor => {
                Ok(problem.start().to_vec())
            }
        }
    }
}
