//! Records: the run folder, the manifest and the arrays in it.
//!
//! ```text
//! runs/NAME/experiment.toml    the resolved experiment
//! runs/NAME/manifest.json      the provenance of the results, and the contents of the folder
//! runs/NAME/records/*.npz      what was measured: one file per group of runs, one per study
//! runs/NAME/records/*.json     fits and reference errors, one file per study
//! runs/NAME/records/profile.json   where the time went, of a run with `--profile`
//! runs/NAME/population.npz     the samples, where they were given in memory
//! runs/NAME/state/*.npz        the data, and every network's initial and final parameters and momenta
//! runs/NAME/checks.json        the statements of the theory and the measured values
//! runs/NAME/checkpoint/        checkpoints, while the run is unfinished
//! runs/NAME/progress.json      the progress, while the run is unfinished
//! runs/NAME/figures/           drawn from the records
//! runs/NAME/report.html        checks, figures and provenance on one page
//! ```
//!
//! Every file is written under a temporary name and renamed, so that none is ever incomplete. Checkpoints carry a
//! checksum. The records of a study are declared in the study's folder.

mod altered;
mod atomic;
mod axes;
mod axes_comment;
mod checkpoint;
mod coverage;
mod digest;
mod error;
mod fit;
mod folder;
mod groups;
mod lock;
mod manifest;
mod measure;
pub mod npz;
pub mod npz_json;
mod open;
mod open_shard;
mod place;
mod profile;
mod provenance;
mod series;
mod shard;
pub mod state;
mod state_files;
mod unaltered;
mod vary;
mod verify;

pub use altered::{AlteredFile, AlteredFiles};
pub use atomic::{replace_quickly, write_atomically};
pub use checkpoint::{SavedPart, SealedArchive};
pub use coverage::CoverageRecord;
pub(crate) use digest::sha256;
pub use error::RecordError;
pub use fit::FitRecord;
pub use folder::{KEPT_LIMITS, RunFolder, SAMPLES};
pub use groups::{GroupAxis, GroupRecord, GroupsRecord, ReferenceError};
pub use lock::acquire as lock_folder;
pub use manifest::{
    Build, CHECKS, EXPERIMENT, FORMAT, Host, Hyperparameters, Invocation, Manifest, OF_THE_CLOCK, PROFILE, PROGRESS,
    PhaseExchanges, PhaseTime, PopulationRecord, REPORT, RunKind, SWEEP, ShardRecord, Status, TrajectoryRecord,
    WALL_TIMES,
};
pub use measure::{Measure, UnknownMeasure};
pub use open::{FIGURES_ADVICE, OpenRequest, Opened};
pub use place::{POINTS, require_place_of_files, require_place_of_run};
pub use profile::{ByPrecision, MachinePeak, ProfileRecord, ProfiledPhase, ProfiledWork};
pub(crate) use provenance::differing_keys;
pub use series::{GroupSeries, LimitRun, LimitSeries};
pub use shard::{Shard, ShardState};
pub use state_files::{Checksums, is_state_of};
pub use unaltered::of_all;
pub use vary::{PointCheck, PointRecord, QuantityPoint, QuantityRecord, StatementRecord, VaryRecord};
