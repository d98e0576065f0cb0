//! What a study is: the one interface behind which every study lives, and the registry that lists them.
//!
//! A study is a folder `study/NAME/`. Its struct is its table of the experiment file; it implements
//!
//! | trait | what it provides |
//! |---|---|
//! | [`StudyTable`] | the rules between its keys and the experiment's, the networks and recordings it needs |
//! | [`Study`] | the memory it takes, the check before anything is computed, the study itself |
//! | [`StudyKind`] | its name, how its table is read, its figures |
//!
//! and one line of the registry makes it known.

use super::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use super::plan::Plan;
use super::problem::Problem;
use super::recovery_source::ProblemSource;
use super::training::Trained;
use crate::config::study::{ExperimentKind, ReadTable, StudyEntry, StudyReader, StudyTable};
use crate::config::{Experiment, Readers, RecoveryExperiment, Section};
use crate::figure::Figure;
use crate::network::Network;
use crate::record::RunFolder;
use serde::Serialize;
use std::any::Any;

/// A kind of experiment whose studies can be run.
pub trait Runnable: ExperimentKind {
    /// The problem that the experiment poses on its data, before anything is computed.
    type Posed<'a>;
    /// What a study works on.
    type Subject<'a>;
    /// What the memory of a study depends on, beside its own table.
    type Sizes<'a>;
}

impl Runnable for Experiment {
    type Posed<'a> = Problem<'a, f64>;
    type Subject<'a> = TrainingSubject<'a>;
    type Sizes<'a> = TrainingSizes<'a>;
}

impl Runnable for RecoveryExperiment {
    type Posed<'a> = ProblemSource;
    type Subject<'a> = RecoverySubject<'a>;
    type Sizes<'a> = ();
}

/// Trained networks beside their limit.
#[derive(Clone, Copy)]
pub struct TrainingSubject<'a> {
    /// The problem. Whatever the states' scalar type, studies compute in double precision.
    pub problem: &'a Problem<'a, f64>,
    /// What was simulated.
    pub plan: &'a Plan,
    /// What was recorded.
    pub trained: &'a Trained,
}

/// Problems of sparse recovery.
#[derive(Clone, Copy)]
pub struct RecoverySubject<'a> {
    /// The experiment.
    pub experiment: &'a RecoveryExperiment,
    /// Where its problems come from.
    pub source: &'a ProblemSource,
}

/// Sizes of a problem of trained networks.
#[derive(Clone, Copy)]
pub struct TrainingSizes<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The model.
    pub network: &'a Network,
    /// Samples n.
    pub samples: f64,
    /// Input dimension d.
    pub inputs: f64,
    /// Output dimension K.
    pub outputs: f64,
    /// Bytes of a scalar of the states.
    pub scalar: f64,
}

/// Bytes that a study holds at one time, beyond the samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct StudyMemory {
    /// On every thread.
    pub per_thread: f64,
    /// Once.
    pub shared: f64,
}

/// A study of one experiment.
pub trait Study<E: Runnable>: StudyTable<E> {
    /// Bytes that it holds, for the estimate before a run.
    fn memory(&self, _sizes: E::Sizes<'_>) -> StudyMemory {
        StudyMemory::default()
    }

    /// Refuses what only the data can tell, before anything is computed.
    ///
    /// # Errors
    /// A study that cannot be run on these data.
    fn check(&self, _posed: &E::Posed<'_>) -> Result<(), RunError> {
        Ok(())
    }

    /// Runs the study: writes its records into the folder and returns its checks.
    ///
    /// # Errors
    /// Records that cannot be written, problems that cannot be solved.
    fn run(&self, subject: E::Subject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError>;
}

/// A figure with the name of its files.
pub type NamedFigure = (String, Figure);

/// What is known of a study without an experiment.
pub trait StudyKind<E: Runnable>: Study<E> + Serialize + Sized {
    /// The name of its table, of its records `records/NAME.*`, and the prefix of its checks and figures.
    const NAME: &'static str;
    /// Names that its table had in earlier versions, still read.
    const FORMER_NAMES: &'static [&'static str] = &[];

    /// Reads its table; the experiment is complete but for its studies.
    fn read(section: Section<'_>, experiment: &E) -> Self;

    /// Its figures, from the records of a run alone.
    ///
    /// # Errors
    /// Records that are missing or damaged.
    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError>;
}

/// A study in the registry.
pub struct RegisteredStudy<E: Runnable> {
    /// Its name.
    pub name: &'static str,
    former_names: &'static [&'static str],
    read: fn(Section<'_>, &E) -> ReadTable<E>,
    cast: fn(&dyn StudyTable<E>) -> Option<&dyn Study<E>>,
    /// Its figures.
    pub figures: fn(&RunFolder) -> Result<Vec<NamedFigure>, FiguresError>,
}

impl<E: Runnable> RegisteredStudy<E> {
    /// The entry of a kind of study.
    pub const fn of<T: StudyKind<E>>() -> Self {
        RegisteredStudy {
            name: T::NAME,
            former_names: T::FORMER_NAMES,
            read: |section, experiment| ReadTable::new(T::read(section, experiment)),
            cast: |table| (table as &dyn Any).downcast_ref::<T>().map(|table| table as &dyn Study<E>),
            figures: T::figures,
        }
    }

    fn reader(&self) -> StudyReader<E> {
        StudyReader { name: self.name, former_names: self.former_names, read: self.read }
    }
}

/// Every study there is, in the order in which they run.
pub struct Registry {
    /// Studies of trained networks.
    pub training: &'static [RegisteredStudy<Experiment>],
    /// Studies of sparse recovery.
    pub recovery: &'static [RegisteredStudy<RecoveryExperiment>],
}

impl Registry {
    /// What reading an experiment file needs to know. `exceeds_memory` says why an experiment does not fit the machine, as
    /// [`super::memory::exceeds_memory`] does.
    pub fn readers(&self, exceeds_memory: fn(&Experiment) -> Option<String>) -> Readers {
        Readers {
            training: self.training.iter().map(RegisteredStudy::reader).collect(),
            recovery: self.recovery.iter().map(RegisteredStudy::reader).collect(),
            exceeds_memory,
        }
    }
}

/// The studies of an experiment as they are run, each with its name.
pub fn studies_of<'e, E: Runnable>(
    registered: &'static [RegisteredStudy<E>],
    experiment: &'e E,
) -> impl Iterator<Item = (&'static str, &'e dyn Study<E>)> {
    let cast = move |entry: &'e StudyEntry<E>| {
        let known = registered.iter().find(|study| study.name == entry.name);
        let study = known.and_then(|known| (known.cast)(entry.table.as_ref()));
        (entry.name, study.expect("an experiment is read with the registry that runs it"))
    };
    experiment.studies().iter().map(cast)
}
