//! The inverse of a Hessian with damping: `(H + lambda I)^-1`, `lambda` relative to the mean of H's diagonal.

use super::cholesky::Cholesky;
use super::{Problem, RecoveryError};
use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// The largest damping, relative to the mean diagonal, up to which it is raised.
pub const HIGHEST_DAMPING: f64 = 1.0;
/// Where raising begins from no damping at all.
const LEAST_DAMPING: f64 = 1e-8;
/// Damping of problems that have no inverse of their own.
const ILL_POSED: f64 = 0.01;

/// The damping asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Damping {
    /// None where there are at least as many samples as unknowns, otherwise 0.01.
    #[serde(with = "auto")]
    Auto,
    /// This multiple of the mean of the Hessian's diagonal.
    Relative(f64),
}

mod auto {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("auto")
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(()),
            other => Err(de::Error::invalid_value(de::Unexpected::Str(other), &"auto")),
        }
    }
}

impl Damping {
    /// The multiple for a problem.
    pub fn of(self, problem: &Problem) -> f64 {
        match self {
            Damping::Relative(multiple) => multiple,
            Damping::Auto if problem.samples() >= problem.unknowns() => 0.0,
            Damping::Auto => ILL_POSED,
        }
    }
}

/// A damped Hessian, factored, and its inverse where that is asked for.
pub struct Inverse {
    hessian: Arc<Mat<f64>>,
    /// lambda, absolute.
    pub shift: f64,
    /// lambda over the mean diagonal: what was asked for, or what it was raised to.
    pub damping: f64,
    /// Whether it had to be raised.
    pub raised: bool,
    factor: Cholesky,
    inverse: OnceLock<Mat<f64>>,
}

impl Inverse {
    /// Factors `hessian + lambda I`, raising `lambda` tenfold from `damping` on while it cannot be factored.
    ///
    /// # Errors
    /// [`RecoveryError::Indefinite`] beyond [`HIGHEST_DAMPING`].
    pub fn new(hessian: Arc<Mat<f64>>, damping: f64) -> Result<Self, RecoveryError> {
        let d = hessian.nrows();
        let mean = (0..d).map(|j| hessian[(j, j)]).sum::<f64>() / d as f64;
        let mut tried = damping;
        loop {
            let shift = tried * mean;
            if let Ok(factor) = Cholesky::new(Mat::as_ref(&hessian), shift) {
                let raised = tried > damping;
                return Ok(Inverse { hessian, shift, damping: tried, raised, factor, inverse: Default::default() });
            }
            if tried >= HIGHEST_DAMPING {
                return Err(RecoveryError::Indefinite { damping: tried });
            }
            tried = (10.0 * tried).clamp(LEAST_DAMPING, HIGHEST_DAMPING);
        }
    }

    /// The Hessian without damping (d, d).
    pub fn hessian(&self) -> MatRef<'_, f64> {
        Mat::as_ref(&self.hessian)
    }

    /// `(H + lambda I)^-1 b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        self.factor.solve(&mut x);
        x
    }

    /// `(H + lambda I)^-1` (d, d), computed once.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        self.inverse.get_or_init(|| self.factor.inverse()).as_ref()
    }

    /// Entry (i, j) of `H + lambda I`.
    pub fn damped(&self, i: usize, j: usize) -> f64 {
        self.hessian[(i, j)] + if i == j { self.shift } else { 0.0 }
    }
}

/// Solves `(A + lambda I) x = b` for a small symmetric matrix, raising `lambda` from 0 as in [`Inverse::new`]; returns the
/// solution and the damping.
pub(super) fn solve_raising(a: Mat<f64>, b: &[f64]) -> Result<(Vec<f64>, f64), RecoveryError> {
    let inverse = Inverse::new(Arc::new(a), 0.0)?;
    Ok((inverse.solve(b), inverse.damping))
}
