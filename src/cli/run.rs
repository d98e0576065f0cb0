//! `widelimit run`: runs an experiment.

use super::checks;
use super::command::RunCommand;
use super::output::{line, note};
use super::simd::{SimdChoice, choose, instruction_set};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use widelimit::choice::Choice;
use widelimit::config::{AnyExperiment, Experiment, Loaded, Override, PruningExperiment, RecoveryExperiment};
use widelimit::dynamics::Method;
use widelimit::number::plain;
use widelimit::run::{Options, Part, PartError, Report, RunError, Shard, default_folder};

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
    /// Compute one of N parts of the run beside others, after its limit; continues where it was stopped
    #[arg(long, value_name = "I/N", conflicts_with_all = ["force", "stage"])]
    shard: Option<Shard>,
    /// Compute the limit alone, or what depends on all shards
    #[arg(long, value_name = "STAGE")]
    stage: Option<StageChoice>,
}

/// The parts of a run before and after the shards.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum StageChoice {
    /// What the shards need
    Limit,
    /// What depends on all shards
    Finish,
}

impl RunArgs {
    /// The part of the run that is to be computed.
    pub(super) fn part(&self) -> Part {
        match (self.shard, self.stage) {
            (Some(shard), _) => Part::Shard(shard),
            (None, Some(StageChoice::Limit)) => Part::Limit,
            (None, Some(StageChoice::Finish)) => Part::Finish,
            (None, None) => Part::Whole,
        }
    }

    /// The commands of the other parts.
    fn command(&self) -> RunCommand<'_> {
        RunCommand {
            program: "widelimit",
            experiment: &self.experiment,
            overrides: &self.overrides,
            out: self.out.as_deref(),
            threads: self.threads,
            simd: self.simd,
        }
    }

    /// The error of a run; where another part is missing, with the commands that compute it.
    fn with_commands(&self, error: RunError) -> anyhow::Error {
        let RunError::Part(missing) = &error else { return error.into() };
        let lines = missing.remedies().into_iter().map(|part| self.command().line(part));
        match (missing, lines.collect::<anyhow::Result<Vec<String>>>()) {
            (PartError::NoShards { .. }, _) | (_, Err(_)) => error.into(),
            (_, Ok(lines)) => anyhow::anyhow!("{error}; run first\n  {}", lines.join("\n  ")),
        }
    }
}

/// Set by the signals of Ctrl-C and of termination; the time loops read it after every step.
pub(super) static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Sets threads and instructions, and reads the experiment.
pub(super) fn prepare(args: &RunArgs) -> anyhow::Result<Loaded> {
    let overrides: Vec<Override> = args.overrides.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global()?;
    }
    choose(args.simd)?;
    let loaded = widelimit::load(&args.experiment, &overrides)?;
    for text in &loaded.notes {
        note(format!("note: {text}"));
    }
    Ok(loaded)
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
    let part = args.part();
    anyhow::ensure!(
        !(part == Part::Finish && args.force),
        "--stage finish continues a run, and --force starts over: expected one of them"
    );
    let experiment = prepare(&args)?.experiment;
    let out = args.out.clone().unwrap_or_else(|| default_folder(experiment.name()));
    handle_signals()?;
    if !args.quiet {
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
    match widelimit::run_part(&experiment, &options, part, &INTERRUPT).map_err(|error| args.with_commands(error))? {
        Report::Interrupted { folder } => {
            note(format!("interrupted; everything so far is saved in {}", folder.display()));
            note(match part {
                Part::Whole | Part::Limit => "to continue, run the same command with --resume",
                Part::Shard(_) | Part::Finish => "to continue, run the same command again",
            });
            Ok(ExitCode::from(130))
        }
        Report::PartComplete { folder, part, before, trajectories } => {
            let done = if before { "; nothing to do" } else { "" };
            let folder = folder.display();
            line(match part {
                Part::Shard(shard) if networks_are_few(&experiment, &trajectories) => {
                    format!("shard {shard} of {folder} is empty: there are fewer trajectories than shards")
                }
                Part::Shard(shard) => format!("shard {shard} of {folder} is complete{done}"),
                _ => format!("the limit of {folder} is complete; shards may be computed: --shard I/N"),
            })?;
            Ok(ExitCode::SUCCESS)
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

/// Whether a shard has no trajectory of an experiment that has some.
fn networks_are_few(experiment: &AnyExperiment, trajectories: &[String]) -> bool {
    matches!(experiment, AnyExperiment::Training(_)) && trajectories.is_empty()
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
