//! The command line, one file per command.

mod bench;
mod bench_recovery;
mod checks;
mod command;
mod compare;
mod coverage;
mod draws;
mod estimate;
mod export;
#[cfg(feature = "parquet")]
mod export_parquet;
mod extend;
mod figures;
mod jobs;
mod json;
mod list;
mod manual;
mod output;
mod overrides;
mod plan;
mod profile;
mod prune;
mod ranks;
mod report;
mod run;
mod simd;
mod status;
mod table;
mod threads;
mod vary;
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
    /// Extend a complete run by --set and --unset: what stays valid is kept, the rest is computed
    Extend(extend::ExtendArgs),
    /// Run an experiment with many seeds, and measure what its intervals and verdicts are worth; continues an interrupted one
    Coverage(coverage::CoverageArgs),
    /// Print the memory and the predicted time of a run, on any number of ranks, before anything runs
    Estimate(estimate::EstimateArgs),
    /// Write a script that runs an experiment as several jobs, under Slurm or GNU parallel
    Jobs(jobs::JobsArgs),
    /// List the built-in experiments
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a built-in experiment, to copy and edit
    Show {
        /// Name of the experiment, as `list` gives it
        name: String,
    },
    /// Print the checks of a run; exit status 1 if one fails
    Check {
        /// Folder of the run
        run: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print whether a run is finished, running, interrupted or failed, its progress, and an estimate of the time left
    Status {
        /// Folder of the run, or of a sweep
        run: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the report of a run, of several, or of a sweep, as one HTML page
    Report(report::ReportArgs),
    /// Compare several runs: their main quantities in one figure and one table
    Compare(compare::CompareArgs),
    /// Draw the figures of a run again, from its records alone; in sizes, colours and formats of one's own
    Figures(figures::FiguresArgs),
    /// Write the records of a run as tables, one row a value, for statistical programs
    Export(export::ExportArgs),
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
    /// Print the JSON schema of experiment files, for editors
    Schema,
    /// Print the completions of a shell, to be sourced or installed
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands into a folder
    Man {
        /// Folder for the pages; it is created if it does not exist
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl Command {
    /// The name of a command that is to answer in JSON.
    fn answers_in_json(&self) -> Option<&'static str> {
        match self {
            Command::Run(args) if args.json => Some("run"),
            Command::Coverage(args) if args.json() => Some("coverage"),
            Command::Estimate(args) if args.json => Some("estimate"),
            Command::List { json: true } => Some("list"),
            Command::Check { json: true, .. } => Some("check"),
            Command::Status { json: true, .. } => Some("status"),
            _ => None,
        }
    }
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

/// Runs the command. Exit status: 0 for success (whatever the verdicts of a run's checks), 1 when `check`, or `run --strict`,
/// finds a failed check, 2 for an error, 130 for an interrupted run.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.answers_in_json();
    let result = execute(cli.command);
    if let (Some(command), Err(error)) = (command, &result) {
        json::answer(command, &json::Failure { status: "error", error: message(error) })?;
    }
    result
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Extend(args) => ranks::alone("widelimit extend", || extend::run(args)),
        Command::Coverage(args) => ranks::alone("widelimit coverage", || coverage::run(args)),
        Command::Estimate(args) => estimate::run(&args),
        Command::Jobs(args) => jobs::run(&args),
        Command::List { json } => list::list(json),
        Command::Show { name } => list::show(&name),
        Command::Check { run, json } => checks::run(&run, json),
        Command::Status { run, json } => status::run(&run, json),
        Command::Figures(args) => figures::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Draws { run, trajectory, out, force } => draws::run(&run, &trajectory, &out, force),
        Command::Bench(args) => bench::run(&args),
        Command::BenchRecovery(args) => bench_recovery::run(&args),
        Command::Schema => manual::schema(),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { out } => manual::pages(out.as_deref()),
    }
}
