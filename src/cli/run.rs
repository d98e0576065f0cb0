//! `widelimit run`: runs an experiment.

use super::checks;
use super::output::{line, note};
use super::ranks;
use super::simd::{SimdChoice, choose, instruction_set};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use widelimit::choice::Choice;
use widelimit::config::{
    AnyExperiment, ConfigError, Experiment, Loaded, NetworkKind, Override, PruningExperiment, RecoveryExperiment,
};
use widelimit::dynamics::Method;
use widelimit::number::plain;
use widelimit::ranks::{Agreement, Ranks, agree};
use widelimit::run::{Options, Report, RunError, default_folder};

/// Arguments of `widelimit run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Name of a built-in experiment, or path of a TOML file
    #[arg(value_name = "NAME|FILE")]
    experiment: String,
    /// Folder for the run [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Replace a key of the experiment; may be repeated
    #[arg(
        long = "set",
        value_name = "KEY=VALUE",
        help = "Replace a key, such as dynamics.step=0.01 or widths.values=[64,256]; may be repeated"
    )]
    overrides: Vec<String>,
    /// Threads to use, at most 1024 [default: one per processor]; results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Instruction set: auto, portable, avx2 or avx512; the last two give the same bits
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: SimdChoice,
    /// Continue an unfinished run; start one where there is none
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// With --resume: continue a run that another version or revision of widelimit has begun
    #[arg(long, requires = "resume")]
    accept_revision: bool,
    /// Start over; deletes the records of a run in the folder
    #[arg(long)]
    pub(super) force: bool,
    /// No progress bars
    #[arg(long)]
    pub(super) quiet: bool,
}

/// Set by the signals of Ctrl-C and of termination; the time loops read it after every step.
pub(super) static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Sets threads and instructions, and reads the experiment.
pub(super) fn prepare(args: &RunArgs) -> anyhow::Result<Loaded> {
    let loaded = read(args, widelimit::load)?;
    for text in &loaded.notes {
        note(format!("note: {text}"));
    }
    Ok(loaded)
}

fn read(args: &RunArgs, load: fn(&str, &[Override]) -> Result<Loaded, ConfigError>) -> anyhow::Result<Loaded> {
    let overrides: Vec<Override> = args.overrides.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global()?;
    }
    choose(args.simd)?;
    Ok(load(&args.experiment, &overrides)?)
}

/// Lets the signals of Ctrl-C and of termination interrupt the work; the second ends the program at once.
pub(super) fn handle_signals() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| {
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?)
}

/// Runs an experiment. Exit status: 0 for a complete run (whatever its checks), 130 for an interrupted run.
pub fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let connected = ranks::connect()?;
    let ranks = &connected.ranks;
    run_on(args, ranks).or_else(|error| ranks::failed(&**ranks, error))
}

/// Sets threads and instructions, and reads the experiment, on every rank; the first prints notes.
fn prepare_on(args: &RunArgs, ranks: &Ranks) -> anyhow::Result<AnyExperiment> {
    if ranks.size() == 1 {
        return Ok(prepare(args)?.experiment);
    }
    let read = read(args, widelimit::load_for_ranks);
    let failed = read.as_ref().map(|_| false).map_err(super::message);
    if let Agreement::Failed { rank, message } = agree(&**ranks, failed) {
        return Err(RunError::Rank { rank, message }.into());
    }
    let loaded = read?;
    let crowded = ranks::oversubscription(&**ranks, rayon::current_num_threads());
    for text in loaded.notes.iter().chain(&crowded).filter(|_| ranks.is_first()) {
        note(format!("note: {text}"));
    }
    if ranks.is_first() && !args.quiet {
        note(format!("{} ranks", ranks.size()));
        if matches!(&loaded.experiment, AnyExperiment::Training(e) if e.network.kind == NetworkKind::ThreeLayer) {
            note("note: a network with two hidden layers is computed by one rank, and not divided");
        }
    }
    Ok(loaded.experiment)
}

fn run_on(args: RunArgs, ranks: &Ranks) -> anyhow::Result<ExitCode> {
    let experiment = prepare_on(&args, ranks)?;
    let first = ranks.is_first();
    let out = args.out.unwrap_or_else(|| default_folder(experiment.name()));
    handle_signals()?;
    if !args.quiet && first {
        if !experiment.title().is_empty() {
            note(format!("{}: {}", experiment.name(), experiment.title()));
        }
        match &experiment {
            AnyExperiment::Training(experiment) => print_training(experiment),
            AnyExperiment::Recovery(experiment) => print_recovery(experiment),
            AnyExperiment::Pruning(experiment) => print_pruning(experiment),
        }
    }
    let options = Options {
        out,
        force: args.force,
        resume: args.resume,
        accept_revision: args.accept_revision,
        quiet: args.quiet,
        figures: true,
    };
    match widelimit::run_experiment_on(&experiment, &options, ranks, &INTERRUPT)? {
        Report::Interrupted { .. } if !first => Ok(ExitCode::from(130)),
        Report::AlreadyComplete { .. } | Report::Complete { .. } if !first => Ok(ExitCode::SUCCESS),
        Report::Interrupted { folder } => {
            note(format!("interrupted; everything so far is saved in {}", folder.display()));
            note("to continue, run the same command with --resume");
            Ok(ExitCode::from(130))
        }
        Report::AlreadyComplete { folder, checks } => {
            line(format!("{} is complete; nothing to do", folder.display()))?;
            line(checks::table(&checks))?;
            Ok(ExitCode::SUCCESS)
        }
        Report::Complete { folder, checks, figures, phases, warnings } => {
            line(checks::table(&checks))?;
            for warning in warnings {
                line(format!("note: {warning}"))?;
            }
            let times: Vec<String> = phases.iter().map(|p| format!("{} {:.1} s", p.name, p.seconds)).collect();
            line(format!("time: {}", times.join(", ")))?;
            line(format!("records: {}", folder.join("records").display()))?;
            if predicts(&experiment) {
                let run = folder.display();
                line(format!(
                    "plan: widelimit plan {run} --gap X prints the smallest width whose distance is at most X"
                ))?;
            }
            line("figures:")?;
            for path in figures.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
                line(format!("  {} (and .png, .pdf)", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Whether an experiment has the predictions on which plans are based.
fn predicts(experiment: &AnyExperiment) -> bool {
    matches!(experiment, AnyExperiment::Training(e) if e.studies.find("predict").is_some())
}

/// Prints the dynamics in both parametrisations.
fn print_training(e: &Experiment) {
    let (rate, momentum) = e.dynamics.learning_rate_and_momentum();
    if e.dynamics.method == Method::GradientDescent {
        let step = plain(e.dynamics.step);
        note(format!("gradient descent: step {step} (learning rate on the N-scaled gradient)"));
    } else {
        note(format!(
            "heavy ball: step {}, friction {} = learning rate {rate:.3e} (on the N-scaled gradient), momentum {momentum}",
            plain(e.dynamics.step),
            plain(e.dynamics.friction)
        ));
    }
}

/// Prints the methods.
fn print_pruning(e: &PruningExperiment) {
    let names: Vec<&str> = e.pruning.methods.iter().map(|method| method.name()).collect();
    note(format!("pruning by {}", names.join(", ")));
}

/// Prints the algorithms.
fn print_recovery(e: &RecoveryExperiment) {
    let names: Vec<&str> = e.solver.methods.iter().map(|method| method.name()).collect();
    note(format!("sparse recovery by {}", names.join(", ")));
}
