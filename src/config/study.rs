//! Studies as the experiment file sees them: a table each, read and validated by the study itself.
//!
//! This module defines what a study must provide to be read; which studies exist is decided by the registry that the caller
//! passes in, so that nothing here depends on any of them.

use super::{Experiment, KeyErrors, RecoveryExperiment, Section, Sweep};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A kind of experiment, with studies of its own.
pub trait ExperimentKind: Sized + 'static {
    /// What a study may ask of the experiment that it belongs to.
    type Requirements<'a>: Default;

    /// The experiment's studies.
    fn studies(&self) -> &Studies<Self>;
}

/// What a study of trained networks asks for beyond the networks of `[widths]` and `[[variants]]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrainingRequirements<'a> {
    /// Networks of one width over several steps or batch sizes, each with the limit of its own particles.
    pub sweeps: &'a [Sweep],
    /// Directions of the sliced Wasserstein distance to be recorded along training; 0 for none.
    pub projections: usize,
    /// Whether the effect of dropping half of the neurons is recorded along training.
    pub dropout: bool,
}

/// What a study of sparse recovery asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecoveryRequirements {
    /// Problems that must be available from the experiment's source.
    pub problems: usize,
    /// Whether the study draws its problems from the experiment's law.
    pub draws: bool,
    /// The largest number of rows over unknowns, n/d, where the study chooses the number of rows itself.
    pub largest_ratio: Option<f64>,
}

impl ExperimentKind for Experiment {
    type Requirements<'a> = TrainingRequirements<'a>;

    fn studies(&self) -> &Studies<Self> {
        &self.studies
    }
}

impl ExperimentKind for RecoveryExperiment {
    type Requirements<'a> = RecoveryRequirements;

    fn studies(&self) -> &Studies<Self> {
        &self.studies
    }
}

/// The table of a study, read.
pub trait StudyTable<E: ExperimentKind>: Any + fmt::Debug + Send + Sync {
    /// Adds an error for every broken rule between this table and the rest of the experiment. Values of keys that were
    /// already refused are NaN or 0; rules are written so that those pass.
    fn validate(&self, _experiment: &E, _errors: &KeyErrors) {}

    /// What the study asks for.
    fn requirements(&self) -> E::Requirements<'_> {
        Default::default()
    }
}

/// How the table of a study is read.
pub struct StudyReader<E: ExperimentKind> {
    /// The name of the table, of the study's records, and the prefix of its checks and figures.
    pub name: &'static str,
    /// Names that the table had in earlier versions, still read.
    pub former_names: &'static [&'static str],
    /// Reads the table; the experiment is complete but for its studies.
    pub read: fn(Section<'_>, &E) -> ReadTable<E>,
}

/// A table that was read, and its resolved form.
pub struct ReadTable<E: ExperimentKind> {
    /// The study's own struct.
    pub table: Arc<dyn StudyTable<E>>,
    /// The same as TOML, with defaults filled in.
    pub resolved: toml::Value,
}

impl<E: ExperimentKind> ReadTable<E> {
    /// Of a study's struct.
    pub fn new<T: StudyTable<E> + Serialize>(table: T) -> Self {
        let resolved = toml::Value::try_from(&table).unwrap_or(toml::Value::Table(toml::Table::new()));
        ReadTable { table: Arc::new(table), resolved }
    }
}

/// The studies of an experiment, in the order of the registry.
pub struct Studies<E: ExperimentKind> {
    entries: Vec<StudyEntry<E>>,
}

/// A study of an experiment.
pub struct StudyEntry<E: ExperimentKind> {
    /// The name of its table.
    pub name: &'static str,
    /// The table.
    pub table: Arc<dyn StudyTable<E>>,
    resolved: toml::Value,
}

impl<E: ExperimentKind> Studies<E> {
    /// The study of this name, where the experiment has it.
    pub fn find(&self, name: &str) -> Option<&StudyEntry<E>> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// All studies.
    pub fn iter(&self) -> impl Iterator<Item = &StudyEntry<E>> {
        self.entries.iter()
    }

    /// What the studies ask for.
    pub fn requirements(&self) -> impl Iterator<Item = E::Requirements<'_>> {
        self.entries.iter().map(|entry| entry.table.requirements())
    }

    pub(super) fn push(&mut self, name: &'static str, read: ReadTable<E>) {
        self.entries.push(StudyEntry { name, table: read.table, resolved: read.resolved });
    }
}

impl<E: ExperimentKind> Default for Studies<E> {
    fn default() -> Self {
        Studies { entries: Vec::new() }
    }
}

impl<E: ExperimentKind> Clone for Studies<E> {
    fn clone(&self) -> Self {
        let copy = |entry: &StudyEntry<E>| StudyEntry {
            name: entry.name,
            table: Arc::clone(&entry.table),
            resolved: entry.resolved.clone(),
        };
        Studies { entries: self.entries.iter().map(copy).collect() }
    }
}

impl<E: ExperimentKind> PartialEq for Studies<E> {
    fn eq(&self, other: &Self) -> bool {
        let pairs = |studies: &Self| -> Vec<(&'static str, toml::Value)> {
            studies.entries.iter().map(|entry| (entry.name, entry.resolved.clone())).collect()
        };
        pairs(self) == pairs(other)
    }
}

impl<E: ExperimentKind> fmt::Debug for Studies<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|entry| (entry.name, &entry.table))).finish()
    }
}

impl<E: ExperimentKind> Serialize for Studies<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for entry in &self.entries {
            map.serialize_entry(entry.name, &entry.resolved)?;
        }
        map.end()
    }
}

/// What reading an experiment needs to know beyond this module: the studies there are, and what fits the machine.
pub struct Readers {
    /// The studies of trained networks.
    pub training: Vec<StudyReader<Experiment>>,
    /// The studies of sparse recovery.
    pub recovery: Vec<StudyReader<RecoveryExperiment>>,
    /// Why an experiment does not fit the memory of this machine, as far as the file alone can tell; `None` where it does.
    pub exceeds_memory: fn(&Experiment) -> Option<String>,
}

impl Readers {
    /// Present names of tables, by former name.
    pub(super) fn renamed(&self) -> Vec<(&'static str, &'static str)> {
        let training = self.training.iter().map(|reader| (reader.name, reader.former_names));
        let recovery = self.recovery.iter().map(|reader| (reader.name, reader.former_names));
        training.chain(recovery).flat_map(|(name, former)| former.iter().map(move |&old| (old, name))).collect()
    }
}
