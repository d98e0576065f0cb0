//! The manifest: the provenance of a run's results.

use super::shard::Shard;
use crate::dynamics::StopReason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Whether a run is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Started, and neither finished nor interrupted: still running, or killed.
    Running,
    /// Interrupted; the checkpoint holds its progress.
    Interrupted,
    /// Finished.
    Complete,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Running => "unfinished",
            Status::Interrupted => "interrupted",
            Status::Complete => "complete",
        })
    }
}

/// Version of the layout of run folders: the names of the files, arrays, checks and keys in them.
pub const FORMAT: u32 = 2;

/// Kind of a run's experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Networks and their mean-field limit.
    Training,
    /// Sparse recovery.
    Recovery,
    /// Pruning of Transformers.
    Pruning,
}

/// `manifest.json`: everything needed to reproduce a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the folder's layout, [`FORMAT`].
    pub format: u32,
    /// The kind of experiment.
    pub kind: RunKind,
    /// The studies whose records are in the folder, in the order in which they ran.
    pub studies: Vec<String>,
    /// Version of the program that wrote the manifest.
    pub version: String,
    /// The revision that it was built from.
    pub revision: String,
    /// Every program that computed a part of the run, in the order in which they began.
    #[serde(default)]
    pub built_by: Vec<Build>,
    /// Every start of a program that computed a part of the run, in order. Empty in runs of earlier versions.
    #[serde(default)]
    pub invocations: Vec<Invocation>,
    /// Whether the run is finished.
    pub status: Status,
    /// The resolved experiment.
    pub experiment: serde_json::Value,
    /// The experiments that were complete before the run was extended, the first one first; absent where it was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extends: Vec<serde_json::Value>,
    /// Seed of all random streams.
    pub seed: u64,
    /// Step and friction in both parametrisations; absent where no network is trained.
    #[serde(rename = "clock", default, skip_serializing_if = "Option::is_none")]
    pub hyperparameters: Option<Hyperparameters>,
    /// The data.
    pub population: PopulationRecord,
    /// The machine.
    pub host: Host,
    /// Threads in use.
    pub threads: usize,
    /// Instruction set of the kernels.
    pub simd: String,
    /// Estimated memory in bytes, by purpose.
    pub memory: serde_json::Value,
    /// Number of times the run was resumed.
    pub resumed: u32,
    /// Wall time per phase, summed over interruptions.
    pub phases: Vec<PhaseTime>,
    /// Exchanges between ranks in the phases of training, summed over interruptions; none where the run was on one rank.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<PhaseExchanges>,
    /// Warnings for readers of the results.
    pub warnings: Vec<String>,
    /// Every trajectory, with the addresses of its random streams and the reason why it stopped.
    pub trajectories: Vec<TrajectoryRecord>,
    /// The shards that computed parts of the run; none where it was computed in one process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardRecord>,
    /// Number of checks of a complete run. Absent in an unfinished run, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<usize>,
    /// SHA-256 of every file in `records/` of a complete run except for [`OF_THE_CLOCK`], of [`CHECKS`] and of
    /// [`EXPERIMENT`], by name. Absent in an unfinished run, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<BTreeMap<String, String>>,
    /// SHA-256 of every file in `state/` of a complete run, by name; of a run that is being extended, of the run before.
    /// Absent in other unfinished runs, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<BTreeMap<String, String>>,
}

/// A start of the program for a run: when, how and on what. It differs between equal runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// When it started, in UTC (RFC 3339).
    pub started: String,
    /// When it completed or interrupted the run; absent where it was killed or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The command line, the program first.
    pub command: Vec<String>,
    /// The current folder, from which relative paths of the command line are taken.
    pub working_folder: String,
    /// The name of the processor; empty where the system does not tell.
    pub processor: String,
    /// Version of the program.
    pub version: String,
    /// The revision that it was built from.
    pub revision: String,
    /// Whether the sources differed from that revision when it was built; null where it was built without git.
    pub modified_sources: Option<bool>,
}

/// The progress of an unfinished run.
pub const PROGRESS: &str = "progress.json";

/// The resolved experiment of a run, from which it is repeated.
pub const EXPERIMENT: &str = "experiment.toml";

/// The file by which the folder of a sweep is known.
pub const SWEEP: &str = "vary.json";

/// The checks of a run.
pub const CHECKS: &str = "checks.json";

/// The report of a run.
pub const REPORT: &str = "report.html";

/// The record of wall times of algorithms.
pub const WALL_TIMES: &str = "records/timings.json";

/// The profile of the process that completed a run, where it was asked for.
pub const PROFILE: &str = "records/profile.json";

/// Records that measure time, so that they differ between equal runs: they have no checksum.
pub const OF_THE_CLOCK: [&str; 2] = [WALL_TIMES, PROFILE];

/// A program, by its version and the revision that it was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Version of the package.
    pub version: String,
    /// The git revision, followed by a checksum of the sources where they were changed; outside a repository, the
    /// checksum alone, or behind the revision that the package of cargo was made from.
    pub revision: String,
}

impl Build {
    /// The present program.
    pub fn present() -> Self {
        Build { version: env!("CARGO_PKG_VERSION").into(), revision: env!("WIDELIMIT_REVISION").into() }
    }

    /// Whether the sources differed from the git revision; `None` where the program was built without git and nothing
    /// tells.
    pub fn modified_sources(&self) -> Option<bool> {
        let changed = self.revision.contains('+');
        let unknown = self.revision.starts_with("sources-") || self.revision.contains("-package-");
        (changed || !unknown).then_some(changed)
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.revision)
    }
}

/// Step and friction, and the equivalent learning rate and momentum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyperparameters {
    /// Step eps.
    pub step: f64,
    /// Friction gamma.
    pub friction: f64,
    /// Learning rate on the N-scaled gradient.
    pub learning_rate: f64,
    /// Polyak momentum.
    pub momentum: f64,
}

/// The data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationRecord {
    /// One-line description.
    pub description: String,
    /// Samples n.
    pub samples: usize,
    /// Input dimension d.
    pub inputs: usize,
    /// Output dimension K.
    pub outputs: usize,
    /// Samples of the test part; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_samples: Option<usize>,
    /// The transformation of the inputs.
    pub standardisation: serde_json::Value,
    /// Files that were read, with checksums.
    pub sources: serde_json::Value,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system and architecture.
    pub system: String,
    /// Logical processors.
    pub processors: usize,
    /// Memory in bytes.
    pub memory: u64,
}

/// Wall time of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Name of the phase.
    pub name: String,
    /// Wall seconds.
    pub seconds: f64,
}

/// The exchanges between ranks in a phase of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseExchanges {
    /// Name of the phase.
    pub name: String,
    /// Number of exchanges of the first rank.
    pub count: u64,
    /// Bytes that the first rank has received from others.
    pub bytes: u64,
    /// Wall seconds of the first rank in exchanges, those of waiting for other ranks included.
    pub seconds: f64,
    /// The least of these seconds over all ranks, that of the rank that has waited least.
    pub least_seconds: f64,
}

/// What a shard has done, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// The shard.
    pub shard: Shard,
    /// Whether it has computed all of its part.
    pub complete: bool,
    /// The machine.
    pub host: Host,
    /// Threads in use.
    pub threads: usize,
    /// Instruction set of the kernels.
    pub simd: String,
    /// The program.
    pub build: Build,
    /// Wall time per phase, summed over interruptions.
    pub phases: Vec<PhaseTime>,
}

/// A trajectory: one network, or one solution of the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryRecord {
    /// Name of its file in `state/`.
    pub id: String,
    /// How it was computed: `particles` (a network, or a cloud of particles, step by step), `picard` or `grid`.
    pub route: String,
    /// Number of neurons; on a grid, nodes per axis.
    pub width: usize,
    /// Index of its first particle.
    pub first: u64,
    /// Address of its batches: equal replicas draw equal batches.
    pub replica: u64,
    /// The integrator.
    pub method: String,
    /// Step.
    pub step: f64,
    /// Samples per step; null for the full gradient.
    pub batch: Option<usize>,
    /// Increments of the common Brownian path per step; 0 at temperature 0.
    pub ticks: u64,
    /// Why it stopped.
    pub stop: StopReason,
}

impl Manifest {
    /// The program that wrote the manifest.
    pub fn last_build(&self) -> Build {
        Build { version: self.version.clone(), revision: self.revision.clone() }
    }

    /// Every program that has computed a part of the run, with the present one. Manifests of earlier versions name the
    /// last one only.
    pub fn builds_with(&self, present: &Build) -> Vec<Build> {
        let mut builds = self.built_by.clone();
        for build in [self.last_build(), present.clone()] {
            if !builds.contains(&build) {
                builds.push(build);
            }
        }
        builds
    }

    /// Adds wall time to a phase.
    pub fn add_phase(&mut self, name: &str, seconds: f64) {
        match self.phases.iter_mut().find(|phase| phase.name == name) {
            Some(phase) => phase.seconds += seconds,
            None => self.phases.push(PhaseTime { name: name.into(), seconds }),
        }
    }

    /// Adds the exchanges of a phase.
    pub fn add_exchanges(&mut self, found: PhaseExchanges) {
        let Some(phase) = self.exchanges.iter_mut().find(|phase| phase.name == found.name) else {
            self.exchanges.push(found);
            return;
        };
        phase.count += found.count;
        phase.bytes += found.bytes;
        phase.seconds += found.seconds;
        phase.least_seconds += found.least_seconds;
    }

    /// Adds a study whose records are complete.
    pub fn add_study(&mut self, name: &str) {
        if self.studies.iter().all(|study| study != name) {
            self.studies.push(name.into());
        }
    }

    /// The trajectory of this id.
    pub fn trajectory(&self, id: &str) -> Option<&TrajectoryRecord> {
        self.trajectories.iter().find(|trajectory| trajectory.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_sources_are_told_by_the_revision() {
        for (revision, expected) in [
            ("5e1f", Some(false)),
            ("5e1f+00ff", Some(true)),
            ("5e1f-package-00ff", None),
            ("5e1f+package-00ff", Some(true)),
            ("sources-00ff", None),
        ] {
            let build = Build { version: "0.1.0".into(), revision: revision.into() };
            assert_eq!(build.modified_sources(), expected, "{revision}");
        }
    }
}
