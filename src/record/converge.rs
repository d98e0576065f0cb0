//! What the convergence study leaves behind beside its arrays.

use super::FitRecord;
use crate::number;
use serde::{Deserialize, Serialize};

/// `records/convergence.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConvergeRecord {
    /// Levels as fractions of the limit's descent.
    pub fractions: Vec<f64>,
    /// Levels as risks.
    pub levels: Vec<f64>,
    /// Laws of the risk in the second half of the horizon: the limit's, every width's, every variant's.
    pub rates: Vec<RateRecord>,
    /// Variants, and whether they must stall.
    pub variants: Vec<(String, bool)>,
    /// Time to a level against the width.
    pub fits: Vec<FitRecord>,
}

/// `R ~ exp(-rate t)` and `R ~ t^power`, each fitted to the geometric mean over seeds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RateRecord {
    /// Of what.
    pub name: String,
    /// Rate of the exponential.
    #[serde(with = "number")]
    pub rate: f64,
    /// Its 95 % interval over seeds.
    #[serde(with = "number::interval")]
    pub rate_interval: Option<(f64, f64)>,
    /// Root mean square misfit of the logarithm: the law with the smaller one is the better description.
    #[serde(with = "number")]
    pub exponential_residual: f64,
    /// Exponent of the power law.
    #[serde(with = "number")]
    pub power: f64,
    /// Its 95 % interval over seeds.
    #[serde(with = "number::interval")]
    pub power_interval: Option<(f64, f64)>,
    /// Root mean square misfit of the logarithm.
    #[serde(with = "number")]
    pub power_residual: f64,
}
