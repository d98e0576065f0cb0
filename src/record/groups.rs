//! The groups of networks of a run, and the limit's own error.

use super::measure::Measure;
use crate::choice::choice;
use crate::network::Cloud;
use crate::number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

choice! {
    /// What a group of networks varies.
    pub enum GroupAxis: "axis" {
        /// Width N.
        Width = "width",
        /// Step eps.
        Step = "step",
        /// Batch size B.
        Batch = "batch",
        /// Nothing: networks of one width, trained or started otherwise.
        Variant = "variant",
    }
}

/// `records/groups.json`: what was trained, and how well the limit is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupsRecord {
    /// The reference's own errors, by distance.
    pub reference: BTreeMap<Measure, ReferenceError>,
    /// One entry per group of networks; the widths come first.
    pub groups: Vec<GroupRecord>,
    /// The clouds of units that can be drawn.
    pub clouds: Vec<Cloud>,
}

impl GroupsRecord {
    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&GroupRecord> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The reference's own errors in a distance.
    pub fn error(&self, measure: Measure) -> ReferenceError {
        self.reference.get(&measure).copied().unwrap_or_default()
    }
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
    /// The last difference of the iteration that found the reference, 0 where there was none.
    #[serde(with = "number")]
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

/// A group of networks; its series are in `records/NAME.npz`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Name of the group.
    pub name: String,
    /// What varies.
    pub axis: GroupAxis,
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
