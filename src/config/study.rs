//! The interface by which the table of a study is read and validated.
//!
//! Each study implements [`StudyTable`]; the caller passes the list of the studies to the reader, so that this module
//! does not depend on any of them.

use super::{Experiment, KeyErrors, PruningExperiment, RecoveryExperiment, Section, Sweep};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A kind of experiment: of training, of sparse recovery, or of pruning.
pub trait ExperimentKind: Sized + 'static {
    /// What a study of this kind can require of the experiment.
    type Requirements<'a>: Default;

    /// The experiment's studies.
    fn studies(&self) -> &Studies<Self>;

    /// The same, to be filled while the experiment is read.
    fn studies_mut(&mut self) -> &mut Studies<Self>;

    /// The resolved experiment as JSON, as manifests record it.
    ///
    /// # Panics
    /// Never: an experiment has text keys only.
    fn resolved(&self) -> serde_json::Value
    where
        Self: Serialize,
    {
        serde_json::to_value(self).expect("an experiment has text keys only")
    }
}

/// What a study of trained networks requires beyond the networks of `[widths]` and `[[variants]]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrainingRequirements<'a> {
    /// Networks of one width over several steps or batch sizes, each with the limit of its own particles.
    pub sweeps: &'a [Sweep],
    /// Directions of the sliced Wasserstein distance to record during training; 0 for none.
    pub projections: usize,
    /// Whether to record the loss with half of the neurons during training.
    pub dropout: bool,
    /// Whether to train the networks of the widths, which follow mini-batches, also under the full gradient.
    pub full_gradient: bool,
    /// Whether the study can do without networks of the widths.
    pub no_networks: bool,
    /// Pairs of networks of each width, of the seeds 2 j and 2 j + 1, that the study examines together.
    pub pairs: usize,
}

/// What a study of sparse recovery requires.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecoveryRequirements {
    /// Number of problems from the experiment's source.
    pub problems: usize,
    /// Whether the study draws problems from the experiment's law.
    pub draws: bool,
    /// The largest ratio n/d of rows to unknowns, where the study varies the number of rows.
    pub largest_ratio: Option<f64>,
}

impl ExperimentKind for Experiment {
    type Requirements<'a> = TrainingRequirements<'a>;

    fn studies(&self) -> &Studies<Self> {
        &self.studies
    }

    fn studies_mut(&mut self) -> &mut Studies<Self> {
        &mut self.studies
    }
}

impl ExperimentKind for RecoveryExperiment {
    type Requirements<'a> = RecoveryRequirements;

    fn studies(&self) -> &Studies<Self> {
        &self.studies
    }

    fn studies_mut(&mut self) -> &mut Studies<Self> {
        &mut self.studies
    }
}

impl ExperimentKind for PruningExperiment {
    type Requirements<'a> = ();

    fn studies(&self) -> &Studies<Self> {
        &self.studies
    }

    fn studies_mut(&mut self) -> &mut Studies<Self> {
        &mut self.studies
    }
}

/// The table of a study.
pub trait StudyTable<E: ExperimentKind>: Any + fmt::Debug + Send + Sync {
    /// Adds an error for every broken rule between this table and the rest of the experiment. Placeholders of rejected
    /// keys, NaN or 0, must break none.
    fn validate(&self, _experiment: &E, _errors: &KeyErrors) {}

    /// What the study requires.
    fn requirements(&self) -> E::Requirements<'_> {
        Default::default()
    }
}

/// Reads the table of a study.
pub struct StudyReader<E: ExperimentKind> {
    /// The name of the table, of the study's records, and the prefix of its checks and figures.
    pub name: &'static str,
    /// Names of the table in earlier versions, which are still read.
    pub former_names: &'static [&'static str],
    /// Other studies whose records it compares with its own, where the experiment has them.
    pub uses: &'static [&'static str],
    /// Reads the table. The experiment is complete except for this study and those after it in the registry.
    pub read: fn(Section<'_>, &E) -> ReadTable<E>,
}

/// A table that was read, with its resolved form.
pub struct ReadTable<E: ExperimentKind> {
    /// The struct of the study.
    pub table: Arc<dyn StudyTable<E>>,
    /// The same as TOML, with defaults filled in.
    pub resolved: toml::Value,
}

impl<E: ExperimentKind> ReadTable<E> {
    /// A table from the struct of a study.
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
    /// The study of this name, if the experiment has it.
    pub fn find(&self, name: &str) -> Option<&StudyEntry<E>> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// All studies.
    pub fn iter(&self) -> impl Iterator<Item = &StudyEntry<E>> {
        self.entries.iter()
    }

    /// What each study requires.
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

/// The readers of the studies' tables, and the check of memory.
pub struct Readers {
    /// The studies of trained networks.
    pub training: Vec<StudyReader<Experiment>>,
    /// The studies of sparse recovery.
    pub recovery: Vec<StudyReader<RecoveryExperiment>>,
    /// The studies of pruning.
    pub pruning: Vec<StudyReader<PruningExperiment>>,
    /// The error where an experiment needs more memory than this machine has, as far as the file determines it.
    pub exceeds_memory: fn(&Experiment) -> Option<MemoryExcess>,
}

/// The error of an experiment that needs more memory than the machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryExcess {
    /// The key that determines the largest part.
    pub key: String,
    /// Its value, if it is no table.
    pub value: Option<String>,
    /// The memory needed by purpose, and what reduces it.
    pub message: String,
}

impl Readers {
    /// The names of all studies, each with those that it uses.
    pub(super) fn studies(&self) -> Vec<(&'static str, &'static [&'static str])> {
        let training = self.training.iter().map(|reader| (reader.name, reader.uses));
        let recovery = self.recovery.iter().map(|reader| (reader.name, reader.uses));
        let pruning = self.pruning.iter().map(|reader| (reader.name, reader.uses));
        training.chain(recovery).chain(pruning).collect()
    }

    /// Pairs of a former name of a table and its present one.
    pub(super) fn renamed(&self) -> Vec<(&'static str, &'static str)> {
        let training = self.training.iter().map(|reader| (reader.name, reader.former_names));
        let recovery = self.recovery.iter().map(|reader| (reader.name, reader.former_names));
        let pruning = self.pruning.iter().map(|reader| (reader.name, reader.former_names));
        training
            .chain(recovery)
            .chain(pruning)
            .flat_map(|(name, former)| former.iter().map(move |&old| (old, name)))
            .collect()
    }
}
