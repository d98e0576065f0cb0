//! `widelimit run`: runs an experiment.

use super::command::RunCommand;
use super::json;
use super::output::{line, note};
use super::overrides::overrides;
use super::profile;
use super::ranks;
use super::simd::{SimdChoice, choose, instruction_set};
use super::threads::ThreadCount;
use super::{checks, vary};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use widelimit::analysis::verdict::Check;
use widelimit::choice::Choice;
use widelimit::config::{
    AnyExperiment, ConfigError, Description, Experiment, NetworkKind, Override, PruningExperiment, RecoveryExperiment,
    Route,
};
use widelimit::dynamics::Method;
use widelimit::number::plain;
use widelimit::ranks::{Agreement, Ranks, agree};
use widelimit::record::{REPORT, RunFolder};
use widelimit::run::{Options, Part, PartError, Report, RunError, Shard, default_folder};
use widelimit::study::recover::RecoverRecord;

/// Arguments of `widelimit run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Name of a built-in experiment, or path of a TOML file
    #[arg(value_name = "NAME|FILE")]
    pub(super) experiment: String,
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
    /// Remove a key, or a table with all its keys, such as paths or variants; may be repeated; before --set
    #[arg(long = "unset", value_name = "KEY")]
    removals: Vec<String>,
    /// Only these studies of the experiment; separated by commas; the others are left out as by --unset
    #[arg(long = "study", value_name = "NAME", value_delimiter = ',')]
    studies: Vec<String>,
    #[command(flatten)]
    threads: ThreadCount,
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
    /// Exit status 1 where a check fails
    #[arg(long)]
    pub(super) strict: bool,
    /// Print the result as JSON on standard output; everything else goes to standard error
    #[arg(long)]
    pub(super) json: bool,
    /// Measure where the time goes, and the share of the machine's peak: a table, and records/profile.json
    #[arg(long, conflicts_with_all = ["shard", "stage"])]
    pub(super) profile: bool,
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
    /// The options of a run into a folder.
    pub(super) fn options(&self, out: PathBuf) -> Options {
        Options {
            out,
            force: self.force,
            resume: self.resume,
            accept_revision: self.accept_revision,
            quiet: self.quiet,
            figures: true,
        }
    }

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
            removals: &self.removals,
            studies: &self.studies,
            out: self.out.as_deref(),
            threads: self.threads.given(),
            simd: self.simd,
        }
    }

    /// The error of a run; where another part is missing, with the commands that compute it.
    pub(super) fn with_commands(&self, error: RunError) -> anyhow::Error {
        let missing = match &error {
            RunError::Part(missing) => missing,
            RunError::Point { source, .. } => match &**source {
                // The shards of a point are not those of the sweep.
                RunError::Part(missing) if !matches!(missing, PartError::Shards { .. }) => missing,
                _ => return error.into(),
            },
            _ => return error.into(),
        };
        let lines = missing.remedies().into_iter().map(|part| self.command().line(part));
        match (missing, lines.collect::<anyhow::Result<Vec<String>>>()) {
            (PartError::NoShards { .. }, _) | (_, Err(_)) => error.into(),
            (_, Ok(lines)) => anyhow::anyhow!("{error}; run first\n  {}", lines.join("\n  ")),
        }
    }
}

/// Set by the signals of Ctrl-C and of termination; the time loops read it after every step.
pub(super) static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Sets threads and instructions, and reads the experiment, or those of a table `[vary]`.
pub(super) fn prepare(args: &RunArgs) -> anyhow::Result<Description> {
    let described = read(args, widelimit::describe)?;
    for text in notes(&described) {
        note(format!("note: {text}"));
    }
    Ok(described)
}

/// How an experiment is read: its name, overrides and chosen studies.
type Reader = fn(&str, &[Override], Option<&[String]>) -> Result<Description, ConfigError>;

fn read(args: &RunArgs, describe: Reader) -> anyhow::Result<Description> {
    let overrides = overrides(&args.removals, &args.overrides)?;
    args.threads.set()?;
    choose(args.simd)?;
    let chosen = Some(args.studies.as_slice()).filter(|chosen| !chosen.is_empty());
    Ok(describe(&args.experiment, &overrides, chosen)?)
}

/// What a reader of an experiment file should know.
fn notes(described: &Description) -> &[String] {
    match described {
        Description::Single(loaded) => &loaded.notes,
        Description::Varied(varied) => &varied.notes,
    }
}

/// Lets the signals of Ctrl-C and of termination interrupt the work; the second ends the program at once.
pub(super) fn handle_signals() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| {
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?)
}

/// Runs an experiment. Exit status: 0 for a complete run (whatever its checks; with `--strict` 1 where one fails), 130 for an
/// interrupted run.
pub fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let connected = ranks::connect()?;
    let ranks = &connected.ranks;
    run_on(args, ranks).or_else(|error| ranks::failed(&**ranks, error))
}

/// Sets threads and instructions, and reads the experiment, on every rank; the first prints notes.
fn prepare_on(args: &RunArgs, ranks: &Ranks) -> anyhow::Result<Description> {
    if ranks.size() == 1 {
        return prepare(args);
    }
    let read = read(args, widelimit::describe_for_ranks);
    let failed = read.as_ref().map(|_| false).map_err(super::message);
    if let Agreement::Failed { rank, message } = agree(&**ranks, failed) {
        return Err(RunError::Rank { rank, message }.into());
    }
    let described = read?;
    let crowded = ranks::oversubscription(&**ranks, rayon::current_num_threads());
    for text in notes(&described).iter().chain(&crowded).filter(|_| ranks.is_first()) {
        note(format!("note: {text}"));
    }
    Ok(described)
}

/// Notes on the division of an experiment among several ranks.
fn note_ranks(experiment: &AnyExperiment, ranks: &Ranks) {
    if ranks.size() == 1 {
        return;
    }
    note(format!("{} ranks", ranks.size()));
    if matches!(experiment, AnyExperiment::Training(e) if e.network.kind == NetworkKind::ThreeLayer) {
        note("note: a network with two hidden layers is computed by one rank, and not divided");
    }
    if matches!(experiment, AnyExperiment::Training(e) if e.reference.uses(Route::Grid)) {
        note("note: a limit on a grid is computed by one rank, and not divided");
    }
}

fn run_on(args: RunArgs, ranks: &Ranks) -> anyhow::Result<ExitCode> {
    let part = args.part();
    if part != Part::Whole {
        ranks::require_one(&**ranks, "a part of a run (--stage, --shard)")?;
    }
    anyhow::ensure!(
        !(part == Part::Finish && args.force),
        "--stage finish continues a run, and --force starts over: expected one of them"
    );
    if args.profile {
        ranks::require_one(&**ranks, "a profile (--profile)")?;
    }
    let described = prepare_on(&args, ranks)?;
    handle_signals()?;
    let experiment = match described {
        Description::Single(loaded) => loaded.experiment,
        Description::Varied(varied) => {
            ranks::require_one(&**ranks, "an experiment with a table [vary]")?;
            anyhow::ensure!(
                !args.profile,
                "--profile is of a single experiment, and this one has a table [vary]: expected one of its points, by --unset vary and --set"
            );
            return vary::run(args, &varied);
        }
    };
    let first = ranks.is_first();
    let out = args.out.clone().unwrap_or_else(|| default_folder(experiment.name()));
    if !args.quiet && first {
        note_ranks(&experiment, ranks);
        if !experiment.title().is_empty() {
            note(format!("{}: {}", experiment.name(), experiment.title()));
        }
        print_questions(&experiment);
        match &experiment {
            AnyExperiment::Training(experiment) => print_training(experiment),
            AnyExperiment::Recovery(experiment) => print_recovery(experiment),
            AnyExperiment::Pruning(experiment) => print_pruning(experiment),
        }
    }
    let options = args.options(out);
    let unprofiled = |report| (report, None);
    let ran = match part {
        Part::Whole if args.profile => widelimit::run_profiled(&experiment, &options, &INTERRUPT),
        Part::Whole => widelimit::run_experiment_on(&experiment, &options, ranks, &INTERRUPT).map(unprofiled),
        part => widelimit::run_part(&experiment, &options, part, &INTERRUPT).map(unprofiled),
    };
    let (report, profile) = ran.map_err(|error| args.with_commands(error))?;
    if !first {
        // The status is that of the first: where another fails before it has printed, mpirun ends it.
        return Ok(ExitCode::SUCCESS);
    }
    if args.json {
        return json::run(experiment.name(), &report, profile.as_ref(), args.strict);
    }
    let advice = match part {
        Part::Whole | Part::Limit => "run the same command with --resume",
        Part::Shard(_) | Part::Finish => "run the same command again",
    };
    let code = print_report(&experiment, report, advice, args.strict)?;
    if args.profile {
        line(profile.as_ref().map_or("profile: nothing was computed".into(), profile::table))?;
    }
    Ok(code)
}

/// Prints how a run has ended; returns the exit status, where `strict` is [`RunArgs::strict`]. `advice` says how an
/// interrupted run is continued.
pub(super) fn print_report(
    experiment: &AnyExperiment,
    report: Report,
    advice: &str,
    strict: bool,
) -> anyhow::Result<ExitCode> {
    match report {
        Report::Interrupted { folder } => {
            note(format!("interrupted; everything so far is saved in {}", folder.display()));
            note(format!("to continue, {advice}"));
            Ok(ExitCode::from(130))
        }
        Report::PartComplete { folder, part, before, trajectories } => {
            let done = if before { "; nothing to do" } else { "" };
            let folder = folder.display();
            line(match part {
                Part::Shard(shard) if networks_are_few(experiment, &trajectories) => {
                    format!("shard {shard} of {folder} is empty: there are fewer trajectories than shards")
                }
                Part::Shard(shard) => format!("shard {shard} of {folder} is complete{done}"),
                _ => format!("the limit of {folder} is complete; shards may be computed: --shard I/N"),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Report::AlreadyComplete { folder, checks, restored } => {
            let left = if restored.is_empty() { "nothing to do" } else { "figures or report were missing" };
            line(format!("{} is complete; {left}", folder.display()))?;
            line(checks::tables(&checks))?;
            for path in &restored {
                line(format!("written again: {}", path.display()))?;
            }
            finish(&folder, &checks, strict)
        }
        Report::Complete { folder, checks, figures, phases, warnings } => {
            line(checks::tables(&checks))?;
            for warning in warnings {
                line(format!("note: {warning}"))?;
            }
            let times: Vec<String> = phases.iter().map(|p| format!("{} {:.1} s", p.name, p.seconds)).collect();
            line(format!("time: {}", times.join(", ")))?;
            line(format!("records: {}", folder.join("records").display()))?;
            if predicts(experiment) {
                let run = folder.display();
                line(format!(
                    "plan: widelimit plan {run} --gap X prints the smallest width whose distance is at most X"
                ))?;
            }
            line("figures:")?;
            for path in figures.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
                line(format!("  {} (and .png, .pdf)", path.display()))?;
            }
            finish(&folder, &checks, strict)
        }
    }
}

/// Prints what was found in one line, and the path of the report; returns the exit status.
fn finish(folder: &Path, checks: &[Check], strict: bool) -> anyhow::Result<ExitCode> {
    line(checks::summary(checks))?;
    if let Some(record) = RecoverRecord::find(&RunFolder::existing(folder)?)?
        && let Some(text) = best_algorithms(&record)
    {
        line(text)?;
    }
    let report = folder.join(REPORT);
    if report.exists() {
        line(format!("report: {}", report.display()))?;
    }
    Ok(ExitCode::from(u8::from(strict && checks::any_fails(checks))))
}

/// Which algorithms recovered the most problems in the fewest iterations; `None` where all failed.
fn best_algorithms(record: &RecoverRecord) -> Option<String> {
    let best = record.best();
    let first = best.first()?;
    let names: Vec<&str> = best.iter().map(|summary| summary.method.as_str()).collect();
    let (successes, problems) = (first.successes, first.problems);
    let how = match successes {
        0 => format!("no problem recovered; smallest median relative error, {:.1e}", first.error),
        _ => {
            format!("{successes} of {problems} problems recovered, in {} iterations (median)", plain(first.iterations))
        }
    };
    Some(format!("best of {} algorithms: {} ({how})", record.summaries.len(), names.join(", ")))
}

/// Prints the questions of the studies.
fn print_questions(experiment: &AnyExperiment) {
    let questions = widelimit::questions(experiment);
    let width = questions.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, question) in questions {
        note(format!("  {name:width$}  {question}"));
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
