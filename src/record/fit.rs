//! Fitted exponents in records.

use crate::analysis::fit::{FitFailure, SlopeFit};
use serde::{Deserialize, Serialize};

/// A fitted exponent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FitRecord {
    /// The group of networks, or the study.
    pub group: String,
    /// The fitted quantity.
    pub measure: String,
    /// The exponent that the theory predicts.
    pub expected: f64,
    /// The fit; null where it failed.
    pub fit: Option<SlopeFit>,
    /// Why the fit failed; null where it did not.
    pub failure: Option<String>,
    /// The error of the reference in the fitted quantity (not in its square), where it is known.
    #[serde(default)]
    pub error: Option<f64>,
}

impl FitRecord {
    /// The record of a fit.
    pub fn of(group: &str, measure: &str, expected: f64, fit: &Result<SlopeFit, FitFailure>) -> Self {
        FitRecord {
            group: group.into(),
            measure: measure.into(),
            expected,
            fit: fit.as_ref().ok().cloned(),
            failure: fit.as_ref().err().map(ToString::to_string),
            error: None,
        }
    }

    /// With the error of the reference.
    pub fn with_error(self, error: Option<f64>) -> Self {
        Self { error, ..self }
    }
}
