//! Options, context, outcomes and errors of a run.

use super::journal::Journal;
use super::machine_memory::{MemoryShortage, Shortfall};
use super::shard::{LimitScope, Part, PartError};
use super::shared_limit::{SharedLimitError, SharedLimits};
use crate::analysis::verdict::Check;
use crate::compute::InstructionSet;
use crate::figure::FigureError;
use crate::fluctuation::FluctuationError;
use crate::kinetic::KineticError;
use crate::network::{Activation, LowDiscrepancyError};
use crate::population::PopulationError;
use crate::prune::PruneError;
use crate::ranks::{Agreement, Communicator, Ranks, agree};
use crate::record::npz::NpzError;
use crate::record::{PhaseTime, RecordError, RunFolder};
use crate::sparse::recovery::RecoveryError;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why a run fails.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The population cannot be built.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A part of the run is missing that another part needs.
    #[error(transparent)]
    Part(#[from] PartError),
    /// An array file cannot be read or written.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// A figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] FiguresError),
    /// Samples are given in memory, and the population of the experiment is not a data file.
    #[error("population.kind = \"{kind}\": expected \"file\", as samples are given in memory")]
    NoDataFile {
        /// The kind of population.
        kind: &'static str,
    },
    /// The report of a complete run cannot be written.
    #[error(transparent)]
    Report(Box<dyn std::error::Error + Send + Sync>),
    /// A limit cannot be shared with other runs.
    #[error(transparent)]
    SharedLimit(#[from] SharedLimitError),
    /// A point of a sweep cannot be run.
    #[error("point {point}: {source}")]
    Point {
        /// The point.
        point: String,
        /// The cause.
        source: Box<RunError>,
    },
    /// A statement of a sweep is about a quantity that its runs do not record.
    #[error("vary.fit: no quantity is called \"{name}\" in this experiment; there are {}", .known.join(", "))]
    NoSuchQuantity {
        /// The name.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The loss does not support the number of outputs.
    #[error("network.loss = \"logistic\" needs one output, and the population has {outputs}: expected half-squared")]
    Outputs {
        /// Outputs of the population.
        outputs: usize,
    },
    /// The run needs more memory than the machine has.
    #[error(transparent)]
    Memory(#[from] MemoryShortage),
    /// The draws of a trajectory need more memory than the machine has.
    #[error("the draws would need {0}")]
    DrawsMemory(Shortfall),
    /// The run was started on an instruction set with other rounding.
    #[error(
        "the run was started with --simd {started} and would continue with {now}, which rounds differently: expected --simd {started}"
    )]
    Rounding {
        /// The instruction set at the start.
        started: String,
        /// The present instruction set.
        now: InstructionSet,
    },
    /// The reference cannot be computed on its grid.
    #[error("[reference.grid] {0}")]
    Grid(KineticError),
    /// The iteration of a trajectory map does not converge.
    #[error(
        "the trajectory map of {id} did not converge: after {iterates} iterates, or earlier where they overflow, two still differ by {difference:.1e} in window {} of {windows}; expected a larger reference.picard.windows, such as {}, or reference.picard.iterates", .window + 1, 2 * .windows
    )]
    NotConverged {
        /// The limit.
        id: String,
        /// Index of the window.
        window: usize,
        /// Largest difference of the last two iterates.
        difference: f64,
        /// Number of iterates.
        iterates: usize,
        /// Number of windows.
        windows: usize,
    },
    /// The steps of the adaptive method become too short where the gradient of the networks jumps.
    #[error(
        "{id}: dormand-prince tried {attempts} steps and reached time {time:.3} of {horizon}: the derivative of network.activation = \"{activation}\" jumps, and near a jump its steps are as short as the tolerance; expected a method of fixed step, such as reference.method = \"rk4\" (without reference.tolerance)"
    )]
    TooManySteps {
        /// The limit.
        id: String,
        /// Steps tried, rejected ones included.
        attempts: u64,
        /// Time reached.
        time: f64,
        /// The last recording time.
        horizon: f64,
        /// The activation with a kink.
        activation: Activation,
    },
    /// The kinetic equation cannot be solved on the grid.
    #[error("[kinetic] {0}")]
    Kinetic(#[from] KineticError),
    /// The fluctuations of finite networks cannot be predicted.
    #[error("[predict] {0}")]
    Fluctuation(#[from] FluctuationError),
    /// The cloud of a prediction has no low-discrepancy start.
    #[error("[predict] {0}")]
    LowDiscrepancy(#[from] LowDiscrepancyError),
    /// A problem of sparse recovery cannot be read or solved.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A model cannot be read, pruned or written.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// The number of entries to keep is not given, and the problem has no true vector that determines it.
    #[error("solver.k: missing; the problem has no w_star to take it from: expected a whole number of at least 1")]
    UnknownSparsity,
    /// There is no such trajectory.
    #[error("no trajectory is called '{id}'; there are {}", .known.join(", "))]
    NoSuchTrajectory {
        /// The trajectory.
        id: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The draws would replace a file that does not hold draws.
    #[error(
        "{path} exists and holds no draws of a trajectory: choose another file with --out, or replace it with --force"
    )]
    NotDraws {
        /// The file.
        path: PathBuf,
    },
    /// The run failed on one of several ranks; all have ended.
    #[error("rank {rank}: {message}")]
    Rank {
        /// The first rank on which it failed.
        rank: usize,
        /// The message of its error.
        message: String,
    },
    /// There are more ranks than shares.
    #[error(
        "the neurons of width {width} form {shares} shares, and there are {ranks} ranks: expected at most {shares} ranks, each of which holds whole shares"
    )]
    TooManyRanks {
        /// The width.
        width: usize,
        /// Its shares.
        shares: usize,
        /// The ranks.
        ranks: usize,
    },
    /// The ranks do not run the same thing.
    #[error("rank {rank} has another {what} than rank 0: expected the same program, experiment and data on every rank")]
    DifferentRanks {
        /// The first rank that differs.
        rank: usize,
        /// What differs.
        what: &'static str,
    },
    /// A rank does not see what the first has written.
    #[error(
        "rank {rank} does not find {path}, which another rank has written: expected a run folder (--out) on a file system that all ranks share"
    )]
    NotShared {
        /// The rank.
        rank: usize,
        /// The file.
        path: PathBuf,
    },
    /// Something that runs on one rank was started on several.
    #[error("{what} runs on one rank, and there are {ranks}: expected it to be started without mpirun")]
    OneRankOnly {
        /// What runs on one rank.
        what: &'static str,
        /// The ranks.
        ranks: usize,
    },
    /// Another run of this process is being profiled.
    #[error("another run of this process is being profiled: expected one at a time")]
    AlreadyProfiled,
    /// The trajectory has no random draws.
    #[error("trajectory '{id}' has no random draws: it follows the full gradient at temperature 0")]
    NoDraws {
        /// The trajectory.
        id: String,
    },
}

impl RunError {
    /// Whether all ranks of a run return this error, so that each can end by itself.
    pub fn of_all_ranks(&self) -> bool {
        matches!(
            self,
            RunError::Rank { .. }
                | RunError::DifferentRanks { .. }
                | RunError::TooManyRanks { .. }
                | RunError::OneRankOnly { .. }
                | RunError::TooManySteps { .. }
                | RunError::NotConverged { .. }
        )
    }
}

/// Why the figures of a run cannot be drawn.
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
    /// The run has no such figure.
    #[error("the run has no figure '{name}'; it has {}", .known.join(", "))]
    NoSuchFigure {
        /// The name as given.
        name: String,
        /// The figures of the run.
        known: Vec<String>,
    },
    /// A label is to replace a text that is nowhere.
    #[error(
        "{key}: no title, axis or legend of the figures is '{text}'; expected a text as it is in the figures' SVG, with scripts as in f_{{N}}"
    )]
    NoSuchText {
        /// The table of labels.
        key: &'static str,
        /// The text as given.
        text: String,
    },
}

/// Time after which a file must be visible on all ranks: network file systems may cache for seconds that it is absent.
const MOST_DELAY: Duration = Duration::from_secs(60);

/// See [`RunContext::agree`].
pub(super) fn agree_on(ranks: &dyn Communicator, own: Result<bool, RunError>) -> Result<bool, RunError> {
    if ranks.size() == 1 {
        return own;
    }
    match agree(ranks, own.map_err(|error| error.to_string())) {
        Agreement::Complete => Ok(false),
        Agreement::Interrupted => Ok(true),
        Agreement::Failed { rank, message } => Err(RunError::Rank { rank, message }),
    }
}

/// A value that every rank has, or the error of one on all. Collective.
pub(super) fn on_all_ranks<T>(ranks: &dyn Communicator, own: Result<T, RunError>) -> Result<T, RunError> {
    let (value, message) = match own {
        Ok(value) => (Some(value), Ok(false)),
        Err(error) => (None, Err(error)),
    };
    agree_on(ranks, message)?;
    Ok(value.expect("an error ends all ranks"))
}

/// Waits until `seen` holds of a path that another rank has written.
pub(super) fn await_path(path: &Path, rank: usize, seen: impl Fn(&Path) -> bool) -> Result<(), RunError> {
    let begun = Instant::now();
    while !seen(path) {
        if begun.elapsed() > MOST_DELAY {
            return Err(RunError::NotShared { rank, path: path.into() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The run folder.
    pub out: PathBuf,
    /// Whether to delete a run that is in the folder, and start over.
    pub force: bool,
    /// Whether to continue an unfinished run; where there is none, one is started.
    pub resume: bool,
    /// Whether to continue a run that another version or revision of the program has begun.
    pub accept_revision: bool,
    /// Whether to suppress progress reports.
    pub quiet: bool,
    /// Whether to draw the figures of a complete run.
    pub figures: bool,
}

/// The context of a running experiment.
pub struct RunContext<'a> {
    /// The run folder.
    pub folder: &'a RunFolder,
    /// Set by the caller to interrupt the run.
    pub interrupt: &'a AtomicBool,
    /// Whether to suppress progress reports.
    pub quiet: bool,
    /// The progress in the run folder.
    pub(super) journal: Journal,
    /// Limits that other runs have computed.
    pub(super) shared: Option<&'a SharedLimits>,
    /// The part of the run that this process computes.
    pub part: Part,
    /// Which trajectories are those of the part [`Part::Limit`].
    pub limit_scope: LimitScope,
    /// Notes about damaged parts that were computed again.
    pub(super) repairs: Mutex<Vec<String>>,
    /// The ranks among which the work is divided.
    pub ranks: Ranks,
    /// Whether the ranks have agreed to stop.
    pub(super) stopped: AtomicBool,
}

impl RunContext<'_> {
    /// Whether an interruption was requested.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// Exchanges how a part of the work ended on every rank, as its error or whether it was interrupted; returns whether
    /// it was interrupted on one. Collective.
    ///
    /// # Errors
    /// That of this rank, in a run on one; otherwise [`RunError::Rank`] on all.
    pub fn agree(&self, own: Result<bool, RunError>) -> Result<bool, RunError> {
        let found = agree_on(&*self.ranks, own);
        if matches!(found, Ok(true)) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        found
    }

    /// The outcome of a part of the work that all ranks did, after which all continue or end in the same way. Collective,
    /// but where the ranks have agreed on the end within the part.
    ///
    /// # Errors
    /// As [`RunContext::agree`].
    pub fn settle<T>(&self, own: Result<Outcome<T>, RunError>) -> Result<Outcome<T>, RunError> {
        let agreed = match &own {
            Err(RunError::Rank { .. }) => true,
            Ok(Outcome::Interrupted) => self.stopped.load(Ordering::Relaxed),
            Ok(Outcome::Complete(_)) | Err(_) => false,
        };
        if agreed || self.ranks.size() == 1 {
            return own;
        }
        let (value, message) = match own {
            Ok(Outcome::Complete(value)) => (Some(value), Ok(false)),
            Ok(Outcome::Interrupted) => (None, Ok(true)),
            Err(error) => (None, Err(error)),
        };
        let interrupted = self.agree(message)?;
        Ok(value.filter(|_| !interrupted).map_or(Outcome::Interrupted, Outcome::Complete))
    }

    /// Waits until a file that another rank has written can be seen.
    ///
    /// # Errors
    /// [`RunError::NotShared`] where it is not there after a minute.
    pub fn await_file(&self, name: &str) -> Result<(), RunError> {
        await_path(&self.folder.file(name), self.ranks.rank(), Path::exists)
    }

    /// Path of a file in `records/`.
    pub fn records(&self, name: &str) -> PathBuf {
        self.folder.file(&format!("records/{name}"))
    }
}

/// The outcome of work that can be interrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// The work is complete.
    Complete(T),
    /// The work was interrupted; its checkpoint is read on resume.
    Interrupted,
}

/// The value of a complete [`Outcome`]; returns [`Outcome::Interrupted`] from the enclosing function otherwise.
macro_rules! complete {
    ($outcome:expr) => {
        match $outcome {
            $crate::run::context::Outcome::Complete(value) => value,
            $crate::run::context::Outcome::Interrupted => return Ok($crate::run::context::Outcome::Interrupted),
        }
    };
}
pub(crate) use complete;

/// The results of a study that concern the whole run.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Checks of the theory.
    pub checks: Vec<Check>,
    /// Warnings for readers of the results.
    pub warnings: Vec<String>,
}

impl From<Vec<Check>> for Findings {
    fn from(checks: Vec<Check>) -> Self {
        Findings { checks, warnings: Vec::new() }
    }
}

/// The outcome of a run.
pub enum Report {
    /// The run is complete.
    Complete {
        /// The run folder.
        folder: PathBuf,
        /// The checks of every study.
        checks: Vec<Check>,
        /// The files of the figures.
        figures: Vec<PathBuf>,
        /// Wall time by phase.
        phases: Vec<PhaseTime>,
        /// Warnings for readers of the results.
        warnings: Vec<String>,
    },
    /// The run had been completed before.
    AlreadyComplete {
        /// The run folder.
        folder: PathBuf,
        /// The checks of every study.
        checks: Vec<Check>,
        /// Files of figures and of the report that were missing, and have been written again.
        restored: Vec<PathBuf>,
    },
    /// A part of the run is complete, and others are to be computed.
    PartComplete {
        /// The run folder.
        folder: PathBuf,
        /// The part.
        part: Part,
        /// Whether it had been completed before.
        before: bool,
        /// The ids of the trajectories of a shard.
        trajectories: Vec<String>,
    },
    /// The run was interrupted; it can be resumed.
    Interrupted {
        /// The run folder.
        folder: PathBuf,
    },
}

/// The default folder of a run: `runs/NAME`.
pub fn default_folder(name: &str) -> PathBuf {
    Path::new("runs").join(name)
}
