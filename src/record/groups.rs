//! The groups of networks of a run, and the error of the limit.

use super::error::RecordError;
use super::folder::RunFolder;
use super::measure::Measure;
use crate::choice::choice;
use crate::network::Cloud;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

choice! {
    /// The quantity that varies within a group of networks.
    pub enum GroupAxis: "axis" {
        /// Width N.
        Width = "width",
        /// Step eps.
        Step = "step",
        /// Batch size B.
        Batch = "batch",
        /// None: networks of one width with another method, step, friction or start.
        Variant = "variant",
    }
}

/// `records/groups.json`: the groups of trained networks, and the error of the limit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupsRecord {
    /// Errors of the reference, by distance.
    pub reference: BTreeMap<Measure, ReferenceError>,
    /// One entry per group of networks; the group of widths is the first.
    pub groups: Vec<GroupRecord>,
    /// Clouds of units that figures show.
    pub clouds: Vec<Cloud>,
}

const FILE: &str = "records/groups.json";

impl GroupsRecord {
    /// Name of the group of the widths.
    pub const WIDTHS: &'static str = "widths";

    /// Writes the record of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&GroupRecord> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Errors of the reference in a distance; zero where none is recorded.
    pub fn error(&self, measure: Measure) -> ReferenceError {
        self.reference.get(&measure).copied().unwrap_or_default()
    }
}

/// Error estimates of the reference: the supremum over time of a distance between the reference and a solution of lower
/// resolution, for each source of error. NaN where one of the two diverged.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ReferenceError {
    /// From half the particles.
    pub particles: f64,
    /// From half the step.
    pub step: f64,
    /// From half the sample; 0 where the sample is the whole law.
    pub sample: f64,
    /// The last difference between iterates; 0 where the reference is not found by iteration.
    pub iteration: f64,
    /// From the method and step of the networks, where they follow the full gradient: not an error of the reference,
    /// but a part of the gap that does not vanish with the width.
    pub training_step: f64,
}

impl ReferenceError {
    /// The error of a gap to the limit of the networks' own particles: step, sample and iteration. Errors of independent
    /// sources add in quadrature.
    pub fn same_particles(&self) -> f64 {
        self.step.hypot(self.sample).hypot(self.iteration)
    }
}

/// A group of networks; its series are in `records/NAME.npz`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Name of the group.
    pub name: String,
    /// The quantity that varies.
    pub axis: GroupAxis,
    /// Its values.
    pub values: Vec<f64>,
    /// Abscissa of fits: effective width, step or batch size.
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
