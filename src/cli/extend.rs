//! `widelimit extend`: extends a complete run.

use super::checks::any_fails;
use super::output::line;
use super::overrides::overrides;
use super::run::{INTERRUPT, handle_signals, print_report};
use super::simd::{SimdChoice, choose, instruction_set};
use super::threads::ThreadCount;
use std::path::PathBuf;
use std::process::ExitCode;
use widelimit::run::{Options, Report};

/// Arguments of `widelimit extend`.
#[derive(Debug, clap::Args)]
pub struct ExtendArgs {
    /// Folder of a complete run, or of an extension that was interrupted
    run: PathBuf,
    /// Extend a copy of the run in this folder, and leave the run as it is
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a key of the run's experiment, such as widths.seeds=32; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Remove a key, or a table with all its keys, such as paths; may be repeated; before --set
    #[arg(long = "unset", value_name = "KEY")]
    removals: Vec<String>,
    #[command(flatten)]
    threads: ThreadCount,
    /// Instruction set: auto, portable, avx2 or avx512; the last two give the same bits
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: SimdChoice,
    /// Extend a run that another version or revision of widelimit has computed
    #[arg(long)]
    accept_revision: bool,
    /// No notes on what is kept, no progress bars
    #[arg(long)]
    quiet: bool,
    /// Exit status 1 where a check fails
    #[arg(long)]
    strict: bool,
}

/// Extends a run. Exit status as that of `widelimit run`.
pub fn run(args: ExtendArgs) -> anyhow::Result<ExitCode> {
    let overrides = overrides(&args.removals, &args.overrides)?;
    args.threads.set()?;
    choose(args.simd)?;
    handle_signals()?;
    let options = Options {
        out: args.out.unwrap_or_else(|| args.run.clone()),
        force: false,
        resume: true,
        accept_revision: args.accept_revision,
        quiet: args.quiet,
        figures: true,
    };
    let (experiment, report) = widelimit::extend_run(&args.run, &overrides, &options, &INTERRUPT)?;
    if let Report::AlreadyComplete { folder, checks, .. } = report {
        line(format!(
            "nothing to extend: {} is complete, and no result of it depends on what these settings change",
            folder.display()
        ))?;
        if overrides.is_empty() {
            line("expected --set KEY=VALUE or --unset KEY, such as --set widths.seeds=32")?;
        }
        return Ok(ExitCode::from(u8::from(args.strict && any_fails(&checks))));
    }
    print_report(&experiment, report, "run the same command again", args.strict)
}
