//! What the gap study leaves behind: fits, reference errors, and where the arrays are.

use crate::analysis::bound::BoundBand;
use crate::analysis::fit::{FitFailure, SlopeFit};
use crate::number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a group of networks varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Width N.
    Width,
    /// Step eps.
    Step,
    /// Batch size B.
    Batch,
    /// Nothing: networks of one width, trained or started otherwise.
    Variant,
}

/// Everything the gap study found, `records/gap.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GapRecord {
    /// The reference's own errors, by measure.
    pub reference: BTreeMap<String, ReferenceError>,
    /// One entry per fitted exponent.
    pub fits: Vec<FitRecord>,
    /// The bound's form, fitted to the largest coupling distance along the width.
    pub bound: Option<BoundBand>,
    /// One entry per group of networks.
    pub groups: Vec<GroupRecord>,
}

/// The sup over time of a distance between the reference and itself with half the particles, with half the step, and
/// with half the sample (0 where the sample is the law); and, where networks follow the full gradient, what their step
/// alone does to the reference. NaN where one of the two diverged.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ReferenceError {
    /// Half the particles.
    #[serde(with = "number")]
    pub particles: f64,
    /// Half the step.
    #[serde(with = "number")]
    pub step: f64,
    /// Half the sample.
    #[serde(with = "number")]
    pub sample: f64,
    /// What is left of the iteration that found the reference, 0 where there was none.
    #[serde(default, with = "number")]
    pub iteration: f64,
    /// The networks' own step, at full width: not an error of the reference, but a part of the gap that no width removes.
    #[serde(with = "number")]
    pub training_step: f64,
}

impl ReferenceError {
    /// What blurs the dependence of a gap on the width. Errors of independent causes add in quadrature, as the squared
    /// gaps do that they blur.
    pub fn total(&self) -> f64 {
        self.particles.hypot(self.training_step).hypot(self.same_particles())
    }

    /// The reference's own error: particles, step and sample.
    pub fn own(&self) -> f64 {
        self.particles.hypot(self.same_particles())
    }

    /// What blurs a comparison with the limit of the same particles.
    pub fn same_particles(&self) -> f64 {
        self.step.hypot(self.sample).hypot(self.iteration)
    }
}

/// A group of networks and where its record is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupRecord {
    /// `records/NAME.npz`.
    pub name: String,
    /// What varies.
    pub axis: Axis,
    /// Its values.
    pub values: Vec<f64>,
    /// The abscissa of fits: effective width, step or batch size.
    pub abscissa: Vec<f64>,
    /// Width, where it does not vary.
    pub width: usize,
    /// Step, where it does not vary.
    pub step: f64,
    /// Samples per step where it does not vary; null for the full gradient.
    pub batch: Option<usize>,
    /// Networks that diverged, by value and seed.
    pub diverged: Vec<String>,
}

/// A fitted exponent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FitRecord {
    /// The group.
    pub group: String,
    /// The measure.
    pub measure: String,
    /// The exponent of the theory.
    pub expected: f64,
    /// The fit, or null.
    pub fit: Option<SlopeFit>,
    /// Why there is none.
    pub failure: Option<String>,
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
        }
    }
}
