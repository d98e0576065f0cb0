//! What every part of a run shares: the options, the context, the outcomes and the errors.

use super::machine_memory::{MemoryShortage, Shortfall};
use crate::analysis::verdict::Check;
use crate::compute::InstructionSet;
use crate::figure::FigureError;
use crate::kinetic::KineticError;
use crate::population::PopulationError;
use crate::record::npz::NpzError;
use crate::record::{PhaseTime, RecordError, RunFolder};
use crate::sparse::recovery::RecoveryError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What can go wrong with a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The population cannot be built.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An array file cannot be read or written.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// A figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] FiguresError),
    /// The data do not suit the loss.
    #[error("network.loss = \"logistic\" needs one output, and the population has {outputs}: expected half-squared")]
    Outputs { outputs: usize },
    /// The run needs more memory than the machine has.
    #[error(transparent)]
    Memory(#[from] MemoryShortage),
    /// The draws of a trajectory need more memory than the machine has.
    #[error("the draws would need {0}")]
    DrawsMemory(Shortfall),
    /// The run was begun on instructions that round differently.
    #[error(
        "the run was begun with --simd {begun} and would go on with {now}, which rounds differently: give --simd {begun}"
    )]
    Rounding { begun: String, now: InstructionSet },
    /// The reference cannot be found on its grid.
    #[error("[reference.grid] {0}")]
    Grid(KineticError),
    /// A trajectory map that does not converge.
    #[error(
        "the trajectory map of {id} did not converge: after {iterates} iterates, or earlier where they overflow, two still differ by {difference:.1e} in window {} of {windows}; expected a larger reference.picard.windows, such as {}, or reference.picard.iterates", .window + 1, 2 * .windows
    )]
    NotConverged { id: String, window: usize, difference: f64, iterates: usize, windows: usize },
    /// A checkpoint does not have the expected arrays.
    #[error("{path}: the checkpoint is damaged or of another experiment; start over with --force")]
    Checkpoint { path: PathBuf },
    /// A checkpoint cannot be read.
    #[error("{0}; the checkpoint cannot be used: start over with --force")]
    UnreadableCheckpoint(NpzError),
    /// The kinetic equation cannot be solved on the grid.
    #[error("[kinetic] {0}")]
    Kinetic(#[from] KineticError),
    /// A problem of sparse recovery cannot be read or solved.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The number of entries to keep is not given.
    #[error("solver.k: missing; the problem has no w_star to take it from: expected a whole number of at least 1")]
    NothingToKeep,
    /// There is no such trajectory.
    #[error("no trajectory is called '{id}'; there are {}", .known.join(", "))]
    NoSuchTrajectory { id: String, known: Vec<String> },
    /// A trajectory without random draws.
    #[error("trajectory '{id}' draws nothing: it has the full gradient and temperature 0")]
    NothingDrawn { id: String },
}

/// What can go wrong when the figures of a run are drawn.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    /// The run's records cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An array cannot be read.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// A figure cannot be drawn or written.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The run folder.
    pub out: PathBuf,
    /// Start over where a run is.
    pub force: bool,
    /// Go on with an unfinished run.
    pub resume: bool,
    /// No progress.
    pub quiet: bool,
}

/// The surroundings of a run under way.
pub struct RunContext<'a> {
    /// The run folder.
    pub folder: &'a RunFolder,
    /// Set from outside to interrupt the run.
    pub interrupt: &'a AtomicBool,
    /// No progress.
    pub quiet: bool,
}

impl RunContext<'_> {
    /// Whether the run is to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// A file of the run's records.
    pub fn records(&self, name: &str) -> PathBuf {
        self.folder.file(&format!("records/{name}"))
    }
}

/// The outcome of work that can be interrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// The work is complete.
    Complete(T),
    /// The work was interrupted; what was saved is taken up on resume.
    Interrupted,
}

/// The value of a complete [`Outcome`]; returns from the function where the work was interrupted.
macro_rules! complete {
    ($outcome:expr) => {
        match $outcome {
            $crate::run::context::Outcome::Complete(value) => value,
            $crate::run::context::Outcome::Interrupted => return Ok($crate::run::context::Outcome::Interrupted),
        }
    };
}
pub(crate) use complete;

/// What a study found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Its checks.
    pub checks: Vec<Check>,
    /// What a reader of the results should know.
    pub warnings: Vec<String>,
}

impl From<Vec<Check>> for Findings {
    fn from(checks: Vec<Check>) -> Self {
        Findings { checks, warnings: Vec::new() }
    }
}

/// How a run ended.
pub enum Report {
    /// Everything is done.
    Complete {
        folder: PathBuf,
        checks: Vec<Check>,
        figures: Vec<PathBuf>,
        phases: Vec<PhaseTime>,
        warnings: Vec<String>,
    },
    /// It was complete before.
    AlreadyComplete { folder: PathBuf, checks: Vec<Check> },
    /// It was interrupted; `--resume` goes on.
    Interrupted { folder: PathBuf },
}

/// The folder a run goes to by default: `runs/NAME`.
pub fn default_folder(name: &str) -> PathBuf {
    Path::new("runs").join(name)
}
