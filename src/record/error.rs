//! What can go wrong with a run folder.

use super::altered::AlteredFiles;
use super::manifest::{Build, FORMAT, Status};
use super::shard::Shard;
use std::io;
use std::path::PathBuf;

/// What can go wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A folder or file cannot be created, read or written.
    #[error("{path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file of a run is missing.
    #[error("{path}: missing, and the run cannot be read without it; run the experiment again with --force")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is not valid JSON, or not of the expected structure.
    #[error("{path}: not the expected JSON ({cause}); the file is damaged: run the experiment again with --force")]
    Json {
        /// The file or folder.
        path: PathBuf,
        /// The cause, which the message states.
        cause: serde_json::Error,
    },
    /// Records or states are not those that a run wrote.
    #[error("{0}")]
    Altered(AlteredFiles),
    /// The manifest does not fit the experiment that it names.
    #[error("{path}: {problem}; the file is damaged: restore it, or run the experiment again with --force")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// The number of checks is not that of the run.
    #[error(
        "{path}: {found} checks, and the run has {expected}; the file is damaged: run the experiment again with --force"
    )]
    Checks {
        /// The file.
        path: PathBuf,
        /// Their number in the file.
        found: usize,
        /// The number that the run has.
        expected: String,
    },
    /// The folder holds a run, and neither `--resume` nor `--force` was given.
    #[error(
        "{path} holds a run already ({status}); continue it with --resume, start over with --force, or choose another folder with --out"
    )]
    Exists {
        /// The file or folder.
        path: PathBuf,
        /// The state of that run.
        status: Status,
    },
    /// The path exists and is not a run folder.
    #[error("{path} exists and is not a run of widelimit; choose another folder with --out")]
    Foreign {
        /// The file or folder.
        path: PathBuf,
    },
    /// The path is inside a run or a sweep.
    #[error("{path} is inside {run}, which holds another run; choose another folder with --out")]
    Inside {
        /// The path.
        path: PathBuf,
        /// The folder of that run.
        run: PathBuf,
    },
    /// The folder holds no run.
    #[error("{path} is not a run: there is no manifest.json in it")]
    NotARun {
        /// The file or folder.
        path: PathBuf,
    },
    /// The folder holds a sweep.
    #[error("{path} is a sweep: name a run in {path}/points/")]
    Sweep {
        /// The folder.
        path: PathBuf,
    },
    /// The run is not complete, and no process works on it.
    #[error("{path} is {status}: finish it with the command that started it and --resume (widelimit run ... --resume)")]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// Its status.
        status: Status,
    },
    /// An extension of the run is not complete, and no process works on it.
    #[error("the extension of {path} is {status}: finish it with widelimit extend {path}")]
    UnfinishedExtension {
        /// The folder.
        path: PathBuf,
        /// Its status.
        status: Status,
    },
    /// A process is computing the run.
    #[error("{path} is running: another widelimit works on it; wait until it has ended")]
    Running {
        /// The folder.
        path: PathBuf,
    },
    /// The run in the folder was started with another experiment.
    #[error("{path} was started with another experiment (they differ in {}); start over with --force, or choose another folder with --out", .keys.join(", "))]
    Changed {
        /// The file or folder.
        path: PathBuf,
        /// The keys that differ.
        keys: Vec<String>,
    },
    /// A data file is not the one that the run read.
    #[error(
        "{file} is not the data that {path} was run on: SHA-256 {found}, and the manifest of the run has {expected}; restore the file, run again with --force, or choose another folder with --out"
    )]
    Data {
        /// The run.
        path: PathBuf,
        /// The data file.
        file: String,
        /// Its present checksum.
        found: String,
        /// The checksum in the manifest.
        expected: String,
    },
    /// The run was computed so far by another version or revision of the program.
    #[error(
        "{path} was computed so far by widelimit {earlier}, and this is widelimit {present}: their numbers may differ. Continue with that program; accept a run of both with --accept-revision, which the manifest records; start over with --force; or choose another folder with --out"
    )]
    Program {
        /// The run.
        path: PathBuf,
        /// The program that wrote it last.
        earlier: Build,
        /// The present program.
        present: Build,
    },
    /// The run was written with another layout of run folders.
    #[error(
        "{path} was written by {version} of widelimit, whose run folders have format {found}; this version reads and writes format {FORMAT}. {advice}"
    )]
    Format {
        /// The file or folder.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
        /// Its format.
        found: u64,
        /// What to do.
        advice: &'static str,
    },
    /// The run cannot be extended as asked.
    #[error("{path}: {problem}")]
    Extension {
        /// The run.
        path: PathBuf,
        /// Why, and what would be right.
        problem: String,
    },
    /// Another process holds the lock of the folder.
    #[error("{path} is in use by another widelimit; wait for it, or choose another folder with --out")]
    InUse {
        /// The file or folder.
        path: PathBuf,
    },
    /// Another process computes the same shard.
    #[error("{path}: shard {shard} is being computed by another widelimit; wait for it, or compute another shard")]
    ShardInUse {
        /// The folder.
        path: PathBuf,
        /// The shard.
        shard: Shard,
    },
    /// The run is being computed by another number of shards.
    #[error(
        "{path} is being computed by {running} shards, and this is one of {asked}: expected --shard I/{running}; to change the number, wait until no shard runs"
    )]
    ShardCount {
        /// The folder.
        path: PathBuf,
        /// The number of shards by which it is computed.
        running: usize,
        /// The number that was asked for.
        asked: usize,
    },
    /// A file or folder of the run would be written through a link to another place.
    #[error(
        "{path} is a symbolic link, and a run writes into its own folder only; remove the link, or choose another folder with --out"
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The lock is not a file.
    #[error("{path} is not a regular file; remove it, or choose another folder with --out")]
    Lock {
        /// The lock.
        path: PathBuf,
    },
}
