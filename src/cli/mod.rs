//! The command line, one file per command.

mod bench;
mod bench_recovery;
mod checks;
mod coverage;
mod draws;
mod figures;
mod list;
mod output;
mod plan;
mod prune;
mod ranks;
mod run;
mod simd;
mod workload;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Wide networks trained by heavy ball and their mean-field limit: simulate both, measure the gap, draw the figures.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands; their documentation is the help text.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: a built-in one by name, or a TOML file
    Run(run::RunArgs),
    /// Run an experiment with many seeds, and measure what its intervals and verdicts are worth; continues an interrupted one
    Coverage(coverage::CoverageArgs),
    /// List the built-in experiments
    List,
    /// Print a built-in experiment, to copy and edit
    Show {
        /// Name of the experiment, as `list` gives it
        name: String,
    },
    /// Print the checks of a run; exit status 1 if one fails
    Check {
        /// Folder of the run
        run: PathBuf,
    },
    /// Draw the figures of a run again, from its records alone
    Figures {
        /// Folder of the run
        run: PathBuf,
    },
    /// Print the width that a tolerance needs, from the predictions of a run
    Plan(plan::PlanArgs),
    /// Prune a Transformer into a folder: layer by layer, by the iterative optimal brain surgeon or other methods
    Prune(Box<prune::PruneArgs>),
    /// Write the random draws of one trajectory of a run to an .npz file, to recompute it with other programs
    Draws {
        /// Folder of the run
        run: PathBuf,
        /// Id of the trajectory, as in the manifest and in state/
        trajectory: String,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace the file even if it does not hold draws
        #[arg(long)]
        force: bool,
    },
    /// Time the training step
    Bench(bench::BenchArgs),
    /// Time the kernels and algorithms of sparse recovery on a problem from an .npz file
    BenchRecovery(bench_recovery::BenchRecoveryArgs),
}

/// The command line. Where it asks for the help or the version, or cannot be read, that is printed, and the exit status
/// is the error.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|answer| {
        let code = u8::try_from(answer.exit_code()).unwrap_or(2);
        let printed = answer.print();
        if answer.use_stderr() {
            return ExitCode::from(code);
        }
        output::finished(printed).map_or_else(|error| failed(&error), |()| ExitCode::from(code))
    })
}

/// Prints an error; returns the exit status.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    output::note(format!("widelimit: {}", message(error)));
    ExitCode::from(2)
}

/// The message of an error and its causes, each once: most messages end with that of their cause.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        _ if text.ends_with(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

/// Runs the command. Exit status: 0 for success (whatever the verdicts of a run's checks), 1 when `check` finds a
/// failed check, 2 for an error, 130 for an interrupted run.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Coverage(args) => coverage::run(args),
        Command::List => list::list(),
        Command::Show { name } => list::show(&name),
        Command::Check { run } => checks::run(&run),
        Command::Figures { run } => figures::run(&run),
        Command::Plan(args) => plan::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Draws { run, trajectory, out, force } => draws::run(&run, &trajectory, &out, force),
        Command::Bench(args) => bench::run(&args),
        Command::BenchRecovery(args) => bench_recovery::run(&args),
    }
}
