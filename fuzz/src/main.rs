//! The driver of the fuzz targets on a stable compiler: seeded mutations in processes of limited memory and time.
//!
//! ```text
//! widelimit-fuzz fuzz --seconds 12 --seed 1                       every target
//! widelimit-fuzz fuzz --target csv --runs 1000000                 one target
//! widelimit-fuzz replay --target csv fuzz/findings/csv-0123...    an input once more
//! widelimit-fuzz corpus                                           writes the generated inputs to fuzz/corpus
//! ```

mod supervisor;
mod worker;

use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use widelimit_fuzz::{TARGETS, Target, corpus, find};

/// Fuzz targets of everything that widelimit reads.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run targets on mutated inputs; exit status 1 where one fails
    Fuzz(FuzzArgs),
    /// Run a target on files
    Replay {
        /// The target
        #[arg(long, value_parser = target)]
        target: &'static Target,
        /// Inputs, such as those in fuzz/findings
        files: Vec<PathBuf>,
        #[command(flatten)]
        limits: Limits,
    },
    /// Write the generated inputs to the folder of the corpus, for cargo-fuzz
    Corpus {
        /// The folder
        #[arg(long, default_value = CORPUS)]
        corpus: PathBuf,
    },
    /// The process that runs a target, started by the others
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// The process that repeats inputs, started by `replay`
    #[command(hide = true)]
    Repeat {
        /// The target
        #[arg(value_parser = target)]
        target: &'static Target,
        /// Time limit in seconds
        timeout: u64,
        /// Inputs
        files: Vec<PathBuf>,
    },
}

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
const FINDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/findings");

/// Arguments of `fuzz`.
#[derive(Debug, Args)]
struct FuzzArgs {
    /// A target; may be repeated [default: all]
    #[arg(long = "target", value_parser = target)]
    targets: Vec<&'static Target>,
    /// Time for each target in seconds
    #[arg(long, default_value_t = 12.0)]
    seconds: f64,
    /// Most inputs for each target
    #[arg(long, default_value_t = u64::MAX)]
    runs: u64,
    /// Seed of the mutations
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Targets that run at the same time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Folder of the inputs to begin with
    #[arg(long, default_value = CORPUS)]
    corpus: PathBuf,
    /// Folder for inputs at which a target fails
    #[arg(long, default_value = FINDINGS)]
    findings: PathBuf,
    #[command(flatten)]
    limits: Limits,
}

/// Limits of a process that runs targets.
#[derive(Clone, Copy, Debug, Args)]
struct Limits {
    /// Address space in MiB
    #[arg(long, default_value_t = 2048)]
    memory: u64,
    /// Time of an input in seconds
    #[arg(long, default_value_t = 10)]
    timeout: u64,
}

fn target(name: &str) -> Result<&'static Target, String> {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    find(name).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Fuzz(args) => supervisor::fuzz(&args),
        Command::Replay { target, files, limits } => supervisor::replay(target, &files, limits),
        Command::Corpus { corpus } => write_corpus(&corpus),
        Command::Worker(args) => worker::run(&args),
        Command::Repeat { target, timeout, files } => worker::repeat(target, timeout, &files),
    }
}

/// Inputs above this size are not written to the corpus, which is part of the repository.
const STORED: usize = 4 << 10;

/// Writes the generated inputs that are small; the built-in experiments are in `experiments/`.
fn write_corpus(folder: &Path) -> anyhow::Result<ExitCode> {
    for target in TARGETS.iter().filter(|target| target.name != "experiment") {
        let at = folder.join(target.name);
        std::fs::create_dir_all(&at)?;
        for (name, data) in corpus::generated(target)?.into_iter().filter(|(_, data)| data.len() <= STORED) {
            std::fs::write(at.join(name), data)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
