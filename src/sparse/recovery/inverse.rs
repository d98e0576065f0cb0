//! The inverse of a damped Hessian, `(H + lambda I)^-1`, with `lambda` relative to the mean of the diagonal of H.

use super::cholesky::Cholesky;
use super::{Interrupt, RecoveryError, SparseProblem};
use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// The largest damping, relative to the mean diagonal.
pub const MAX_DAMPING: f64 = 1.0;
/// The smallest positive damping that is tried.
const MIN_DAMPING: f64 = 1e-8;
/// Automatic damping of problems with a singular Hessian.
const ILL_POSED_DAMPING: f64 = 0.01;

/// The requested damping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Damping {
    /// 0 where there are at least as many samples as unknowns, otherwise 0.01.
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
    /// The multiple of the mean diagonal for a problem.
    pub fn of(self, problem: &SparseProblem) -> f64 {
        match self {
            Damping::Relative(multiple) => multiple,
            Damping::Auto if problem.samples() >= problem.unknowns() => 0.0,
            Damping::Auto => ILL_POSED_DAMPING,
        }
    }
}

/// The factorisation of a damped Hessian `H + lambda I`, and its inverse, which is computed on first use.
pub struct DampedInverse<'a> {
    hessian: Arc<Mat<f64>>,
    /// The request at which work with this inverse stops.
    pub interrupt: Interrupt<'a>,
    /// lambda, absolute.
    pub shift: f64,
    /// lambda over the mean diagonal: the requested damping, or the larger one that was needed.
    pub damping: f64,
    /// Whether a larger damping than requested was needed.
    pub raised: bool,
    factor: Cholesky,
    inverse: OnceLock<Mat<f64>>,
}

impl<'a> DampedInverse<'a> {
    /// Factors `hessian + lambda I`, increasing `lambda` tenfold from `damping` until the matrix is positive definite.
    ///
    /// # Errors
    /// [`RecoveryError::Indefinite`] beyond [`MAX_DAMPING`], [`RecoveryError::Interrupted`].
    pub fn new(hessian: Arc<Mat<f64>>, damping: f64, interrupt: Interrupt<'a>) -> Result<Self, RecoveryError> {
        let d = hessian.nrows();
        let mean = (0..d).map(|j| hessian[(j, j)]).sum::<f64>() / d as f64;
        let mut current = damping;
        loop {
            let shift = current * mean;
            let factor = Cholesky::new(Mat::as_ref(&hessian), shift, interrupt);
            interrupt.check()?;
            if let Ok(factor) = factor {
                let raised = current > damping;
                return Ok(DampedInverse {
                    hessian,
                    interrupt,
                    shift,
                    damping: current,
                    raised,
                    factor,
                    inverse: Default::default(),
                });
            }
            if current >= MAX_DAMPING {
                return Err(RecoveryError::Indefinite { damping: current });
            }
            current = (10.0 * current).clamp(MIN_DAMPING, MAX_DAMPING);
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
        self.inverse.get_or_init(|| self.factor.inverse(self.interrupt)).as_ref()
    }

    /// Entry (i, j) of `H + lambda I`.
    pub fn damped_entry(&self, i: usize, j: usize) -> f64 {
        self.hessian[(i, j)] + if i == j { self.shift } else { 0.0 }
    }
}

/// Solves `(A + lambda I) x = b` for a symmetric matrix, with the smallest `lambda` of [`DampedInverse::new`] from 0;
/// returns the solution and the relative damping.
pub(super) fn solve_damped(a: Mat<f64>, b: &[f64], interrupt: Interrupt<'_>) -> Result<(Vec<f64>, f64), RecoveryError> {
    let inverse = DampedInverse::new(Arc::new(a), 0.0, interrupt)?;
    Ok((inverse.solve(b), inverse.damping))
}
