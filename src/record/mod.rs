//! Records: the run folder, the manifest and the arrays in it.
//!
//! ```text
//! runs/NAME/experiment.toml    the resolved experiment
//! runs/NAME/manifest.json      where the numbers come from
//! runs/NAME/records/*.npz      what was measured, one file per group of runs
//! runs/NAME/records/*.json     fits and reference errors, one file per study
//! runs/NAME/state/*.npz        the data, and every network's initial and final parameters and momenta
//! runs/NAME/checks.json        what the theory says and what was found
//! runs/NAME/checkpoint/        while the run is unfinished
//! runs/NAME/figures/           drawn from the records
//! ```
//!
//! Every file is written beside its name and renamed, so that none is ever half-written.

mod atomic;
mod connect;
mod converge;
mod dropout;
mod folder;
mod gap;
mod kinetic;
mod manifest;
pub mod npz;
mod picard;
mod radial;
mod recovery;

pub use atomic::write_atomically;
pub use connect::{ConnectRecord, PairRecord};
pub use converge::{ConvergeRecord, RateRecord};
pub use dropout::DropoutRecord;
pub use folder::{Opened, RecordError, RunFolder};
pub use gap::{Axis, FitRecord, GapRecord, GroupRecord, ReferenceError};
pub use kinetic::{KineticRecord, RestRecord};
pub use manifest::{Clock, Host, Manifest, Phase, PopulationRecord, Status, TrajectoryRecord};
pub use picard::{PicardRecord, PicardRun};
pub use radial::RadialRecord;
pub use recovery::{RecoveryRecord, Summary, Timing, stop_name};
