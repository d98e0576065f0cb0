//! The interface of studies, and the registry that lists them.
//!
//! A study is a folder `study/NAME/`. A struct represents its table of the experiment file and implements
//!
//! | trait | what it provides |
//! |---|---|
//! | [`StudyTable`] | the rules between its keys and those of the experiment, the networks and recordings that it requires |
//! | [`Study`] | its memory, a check before anything is computed, the study itself |
//! | [`StudyKind`] | its name, what it is about, the reading of its table, its figures, its main quantities |
//!
//! The registry has one line per study.

use super::about::About;
use super::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use super::curve::Curve;
use super::plan::Plan;
use super::problem::Problem;
use super::pruning_sizes::{PruningSizes, PruningStudyMemory};
use super::pruning_source::PruningSource;
use super::recovery_sizes::{RecoverySizes, RecoveryStudyMemory};
use super::recovery_source::ProblemSource;
use super::training::Trained;
use crate::analysis::trend::SeedQuantity;
use crate::config::study::{ExperimentKind, ReadTable, StudyEntry, StudyReader, StudyTable};
use crate::config::{Experiment, MemoryExcess, Precision, PruningExperiment, Readers, RecoveryExperiment, Section};
use crate::figure::Figure;
use crate::network::Network;
use crate::prune::model::Scores;
use crate::record::{RunFolder, RunKind};
use serde::Serialize;
use std::any::Any;

/// A kind of experiment whose studies can be run.
pub trait Runnable: ExperimentKind {
    /// The problem on its data, before anything is computed.
    type Posed<'a>;
    /// The input of a study.
    type Subject<'a>: Copy;
    /// The sizes that determine the memory of a study, apart from its table.
    type Sizes<'a>;
    /// The memory of a study.
    type Memory: Default;
}

impl Runnable for Experiment {
    type Posed<'a> = Problem<'a, f64>;
    type Subject<'a> = TrainingSubject<'a>;
    type Sizes<'a> = TrainingSizes<'a>;
    type Memory = StudyMemory;
}

impl Runnable for RecoveryExperiment {
    type Posed<'a> = ProblemSource;
    type Subject<'a> = RecoverySubject<'a>;
    type Sizes<'a> = RecoverySizes<'a>;
    type Memory = RecoveryStudyMemory;
}

impl Runnable for PruningExperiment {
    type Posed<'a> = PruningSource;
    type Subject<'a> = PruningSubject<'a>;
    type Sizes<'a> = PruningSizes<'a>;
    type Memory = PruningStudyMemory;
}

/// Trained networks and their limit.
#[derive(Clone, Copy)]
pub struct TrainingSubject<'a> {
    /// The problem, in double precision, in which all studies compute.
    pub problem: &'a Problem<'a, f64>,
    /// The trajectories that were simulated.
    pub plan: &'a Plan,
    /// Their recorded series.
    pub trained: &'a Trained,
}

/// Problems of sparse recovery.
#[derive(Clone, Copy)]
pub struct RecoverySubject<'a> {
    /// The experiment.
    pub experiment: &'a RecoveryExperiment,
    /// The source of its problems.
    pub source: &'a ProblemSource,
}

/// A model to prune.
#[derive(Clone, Copy)]
pub struct PruningSubject<'a> {
    /// The experiment.
    pub experiment: &'a PruningExperiment,
    /// The model and the data.
    pub source: &'a PruningSource,
    /// The score of the model before pruning.
    pub dense: &'a Scores,
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
    /// Bytes per scalar of the states.
    pub scalar: f64,
}

impl<'a> TrainingSizes<'a> {
    /// The sizes of an experiment on a population of shape (n, d, K).
    pub fn new(experiment: &'a Experiment, network: &'a Network, shape: (usize, usize, usize)) -> Self {
        TrainingSizes {
            experiment,
            network,
            samples: shape.0 as f64,
            inputs: shape.1 as f64,
            outputs: shape.2 as f64,
            scalar: if experiment.precision == Precision::F64 { 8.0 } else { 4.0 },
        }
    }

    /// The largest width of the networks that is at most `most`; `None` where all are wider.
    pub fn widest_up_to(&self, most: usize) -> Option<usize> {
        self.experiment.widths.values.iter().copied().filter(|&width| width <= most).max()
    }
}

/// The work of a study on trained networks, for the prediction of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StudyWork {
    /// Multiplications and additions of networks.
    pub operations: f64,
    /// Operations outside the kernels.
    pub scalar: f64,
    /// Number of its tasks, each of which one rank does.
    pub tasks: f64,
}

/// Bytes that a study holds at one time, in addition to the samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct StudyMemory {
    /// Per thread.
    pub per_thread: f64,
    /// Shared by all threads.
    pub shared: f64,
    /// The keys that determine the largest part of it, with their tables, for messages.
    pub keys: &'static [&'static str],
}

impl StudyMemory {
    /// The keys of the largest of some parts, each with its bytes.
    pub fn keys_of_largest(parts: &[(f64, &'static [&'static str])]) -> &'static [&'static str] {
        parts.iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(&[], |(_, keys)| keys)
    }
}

/// A study of one experiment.
pub trait Study<E: Runnable>: StudyTable<E> {
    /// An estimate of its memory.
    fn memory(&self, _sizes: E::Sizes<'_>) -> E::Memory {
        E::Memory::default()
    }

    /// Its work, where it can be counted before anything is computed.
    fn work(&self, _sizes: E::Sizes<'_>) -> Option<StudyWork> {
        None
    }

    /// Checks, before anything is computed, that the study can be run on the data.
    ///
    /// # Errors
    /// A study that cannot be run on the data.
    fn check(&self, _posed: &E::Posed<'_>) -> Result<(), RunError> {
        Ok(())
    }

    /// The inputs of the task of this name ([`super::tasks::Task::name`]), where its result depends on them, on the study's
    /// table, on the population, the network and the seed, and on nothing else; `None` where it may depend on the whole
    /// run. When a run is extended, a task with equal inputs is not carried out again.
    fn task_inputs(&self, _task: &str, _experiment: &E, _plan: &Plan) -> Option<TaskInputs> {
        None
    }

    /// Whether the study has tasks ([`super::tasks`]) that shards can compute. Then nothing before its first call of tasks may
    /// need more than the limit, and what a call with [`super::tasks::Scope::Networks`] lists; of other networks there may
    /// be no results yet.
    fn has_tasks(&self) -> bool {
        false
    }

    /// Runs the study: writes its records into the folder and returns its checks.
    ///
    /// # Errors
    /// Records that cannot be written, problems that cannot be solved.
    fn run(&self, subject: E::Subject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError>;
}

/// The inputs of a task of a study.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskInputs {
    /// The trajectories whose final states it reads, by id.
    pub trajectories: Vec<String>,
    /// Its place among the networks: indices of width and seed, where the result contains them.
    pub place: Option<(usize, usize)>,
    /// Numbers that follow from other tables than the study's.
    pub numbers: Vec<usize>,
}

/// A figure with the name of its files.
pub type NamedFigure = (String, Figure);

/// The properties of a study that do not depend on an experiment.
pub trait StudyKind<E: Runnable>: Study<E> + Serialize + Sized {
    /// The name of its table, of its records `records/NAME.*`, and the prefix of its checks and figures.
    const NAME: &'static str;
    /// What it is about, for readers of its results.
    const ABOUT: About;
    /// Names of its table in earlier versions, which are still read.
    const FORMER_NAMES: &'static [&'static str] = &[];
    /// Other studies whose records it compares with its own, where the experiment has them.
    const USES: &'static [&'static str] = &[];

    /// The names of its main quantities, which sweeps over other keys show and fit ([`StudyKind::quantities`]).
    const QUANTITIES: &'static [&'static str] = &[];

    /// Reads its table. The experiment is complete except for its studies.
    fn read(section: Section<'_>, experiment: &E) -> Self;

    /// Its figures, from the records of a run.
    ///
    /// # Errors
    /// Records that are missing or damaged.
    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError>;

    /// Whether a task of this name is one of the study's.
    fn owns_task(task: &str) -> bool {
        task.strip_prefix(Self::NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Its main quantities, by which runs are compared.
    ///
    /// # Errors
    /// Records that are missing or damaged.
    fn curves(_folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        Ok(Vec::new())
    }

    /// Its main quantities, from the records of a run; none of other names than [`StudyKind::QUANTITIES`].
    ///
    /// # Errors
    /// Records that are missing or damaged.
    fn quantities(_folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
        Ok(Vec::new())
    }

    /// Adds marks to the figures of others, which it finds by the subjects of their panels.
    ///
    /// # Errors
    /// Records that are missing or damaged.
    fn add_marks(_folder: &RunFolder, _figures: &mut [NamedFigure]) -> Result<(), FiguresError> {
        Ok(())
    }
}

/// A study in the registry.
pub struct RegisteredStudy<E: Runnable> {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static About,
    former_names: &'static [&'static str],
    uses: &'static [&'static str],
    read: fn(Section<'_>, &E) -> ReadTable<E>,
    cast: fn(&dyn StudyTable<E>) -> Option<&dyn Study<E>>,
    /// Whether a task of this name is one of the study's.
    pub owns_task: fn(&str) -> bool,
    /// Draws its figures from the records of a run.
    pub figures: fn(&RunFolder) -> Result<Vec<NamedFigure>, FiguresError>,
    /// Its main quantities, from the records of a run.
    pub curves: fn(&RunFolder) -> Result<Vec<Curve>, FiguresError>,
    /// The names of its main quantities.
    pub quantity_names: &'static [&'static str],
    /// Its main quantities, from the records of a run.
    pub quantities: fn(&RunFolder) -> Result<Vec<SeedQuantity>, FiguresError>,
    /// Adds marks to the figures of others.
    pub add_marks: fn(&RunFolder, &mut [NamedFigure]) -> Result<(), FiguresError>,
}

impl<E: Runnable> RegisteredStudy<E> {
    /// The entry of a study.
    pub const fn of<T: StudyKind<E>>() -> Self {
        RegisteredStudy {
            name: T::NAME,
            about: &T::ABOUT,
            former_names: T::FORMER_NAMES,
            uses: T::USES,
            read: |section, experiment| ReadTable::new(T::read(section, experiment)),
            cast: |table| (table as &dyn Any).downcast_ref::<T>().map(|table| table as &dyn Study<E>),
            owns_task: T::owns_task,
            figures: T::figures,
            curves: T::curves,
            quantity_names: T::QUANTITIES,
            quantities: T::quantities,
            add_marks: T::add_marks,
        }
    }

    fn reader(&self) -> StudyReader<E> {
        StudyReader { name: self.name, former_names: self.former_names, uses: self.uses, read: self.read }
    }
}

/// All studies, in the order in which they run.
pub struct Registry {
    /// Studies of trained networks.
    pub training: &'static [RegisteredStudy<Experiment>],
    /// Studies of sparse recovery.
    pub recovery: &'static [RegisteredStudy<RecoveryExperiment>],
    /// Studies of pruning.
    pub pruning: &'static [RegisteredStudy<PruningExperiment>],
}

impl Registry {
    /// The readers of the studies' tables. `exceeds_memory` returns the error of an experiment that needs more memory
    /// than the machine has, as [`super::memory::exceeds_memory`] does.
    pub fn readers(&self, exceeds_memory: fn(&Experiment) -> Option<MemoryExcess>) -> Readers {
        Readers {
            training: self.training.iter().map(RegisteredStudy::reader).collect(),
            recovery: self.recovery.iter().map(RegisteredStudy::reader).collect(),
            pruning: self.pruning.iter().map(RegisteredStudy::reader).collect(),
            exceeds_memory,
        }
    }

    /// Draws the figures of the study of sparse recovery of this name.
    pub fn recovery_figures(&self, name: &str) -> fn(&RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        figures_of(self.recovery, name)
    }

    /// Draws the figures of the study of pruning of this name.
    pub fn pruning_figures(&self, name: &str) -> fn(&RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        figures_of(self.pruning, name)
    }

    /// The studies of a kind of run, in the order in which they run, each with what it is about.
    pub fn about(&self, kind: RunKind) -> Vec<(&'static str, &'static About)> {
        fn of<E: Runnable>(studies: &[RegisteredStudy<E>]) -> Vec<(&'static str, &'static About)> {
            studies.iter().map(|study| (study.name, study.about)).collect()
        }
        match kind {
            RunKind::Training => of(self.training),
            RunKind::Recovery => of(self.recovery),
            RunKind::Pruning => of(self.pruning),
        }
    }
}

/// Draws the figures of the study of this name; of none where it is not registered.
fn figures_of<E: Runnable>(
    studies: &[RegisteredStudy<E>],
    name: &str,
) -> fn(&RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    studies.iter().find(|study| study.name == name).map_or(|_| Ok(Vec::new()), |study| study.figures)
}

/// The studies of an experiment with their names.
///
/// # Panics
/// If the experiment was read with another registry.
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
