//! The command line: raw flags into requests, requests into calls of the library, results into words.

use crate::analysis::verdict::{Check, Verdict};
use crate::choice::{UnknownName, parse_choice};
use crate::compute::InstructionSet;
use crate::config::{self, AnyExperiment, Experiment, Override, RecoveryExperiment, builtin};
use crate::dynamics;
use crate::figure;
use crate::network::Activation;
use crate::record::{Manifest, RunFolder, Status};
use crate::sparse::recovery::{self, Method, SampleLoss, Settings};
use crate::study::{self, Options, Report};
use crate::{bench, bench_recovery};
use anyhow::Context;
use clap::{Parser, Subcommand};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Wide networks trained by heavy ball beside their mean-field limit: simulate both, measure the gap, draw the figures.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: a built-in one by name, or a TOML file
    Run(RunArgs),
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
    /// Write the random draws of one trajectory of a run to an .npz file, to redo it elsewhere
    Draws {
        /// Folder of the run
        run: PathBuf,
        /// Trajectory, as the manifest and the files in state/ name it
        trajectory: String,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Time the training step
    Bench(BenchArgs),
    /// Time the kernels and algorithms of sparse recovery on a problem from an .npz file
    BenchRecovery(BenchRecoveryArgs),
}

#[derive(Debug, clap::Args)]
struct BenchRecoveryArgs {
    /// The problem: X (n, d), y (n), w_star (d)
    problem: PathBuf,
    /// Entries kept
    #[arg(long)]
    k: usize,
    /// Algorithms to time, by their names in experiment files; may be repeated. Without any, the kernels
    #[arg(long = "method", value_parser = parse_choice::<Method>)]
    methods: Vec<Method>,
    /// Iterations at most
    #[arg(long, default_value_t = 20)]
    iterations: usize,
    /// Times each is timed; the least counts
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Threads to use; 0 = one per processor
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Debug, clap::Args)]
struct BenchArgs {
    /// Neurons N
    #[arg(long, default_value_t = 100_000)]
    n: usize,
    /// Input dimension
    #[arg(long, default_value_t = 10)]
    d: usize,
    /// Batch size
    #[arg(long, default_value_t = 100)]
    b: usize,
    /// Steps per block
    #[arg(long, default_value_t = 10)]
    steps: u64,
    /// Scalar type
    #[arg(long, default_value = "f32", value_parser = ["f32", "f64"])]
    dtype: String,
    /// Activation, by its name in experiment files
    #[arg(long, default_value = "tanh", value_parser = parse_choice::<Activation>)]
    act: Activation,
    /// Threads to use; 0 = one per processor
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Instruction set
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: Simd,
    /// Take turns: run a block for every line read, and answer with its time
    #[arg(long)]
    serve: bool,
    /// Blocks to time
    #[arg(long, default_value_t = 5)]
    repeats: usize,
}

/// An instruction set, or the fastest there is.
type Simd = Option<InstructionSet>;

fn instruction_set(name: &str) -> Result<Simd, String> {
    if name == "auto" {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|_: UnknownName| "expected auto, portable, avx2 or avx512".into())
}

fn choose(simd: Simd) -> anyhow::Result<()> {
    if let Some(set) = simd {
        anyhow::ensure!(
            set.choose(),
            "this processor does not have {set}: leave --simd out to take the fastest it has"
        );
    }
    Ok(())
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Name of a built-in experiment, or path of a TOML file
    #[arg(value_name = "NAME|FILE")]
    experiment: String,
    /// Folder for the run [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a key of the experiment; may be repeated
    #[arg(
        long = "set",
        value_name = "KEY=VALUE",
        help = "Replace a key, such as dynamics.step=0.01 or widths.values=[64,256]; may be repeated"
    )]
    overrides: Vec<String>,
    /// Threads to use [default: one per processor]; results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Instruction set: auto, portable, avx2 or avx512; the last two give the same bits
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: Simd,
    /// Go on with an unfinished run
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Start over where a run is; what it recorded is lost
    #[arg(long)]
    force: bool,
    /// No progress bars
    #[arg(long)]
    quiet: bool,
}

/// Set by Ctrl-C (and by a request to terminate); the time loops look at it after every step.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Carries out the request. Exit status: 0 when it was done (whatever the checks of a run say), 1 when `check` finds a
/// failed check, 2 for misuse, 130 for an interrupted run.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run_experiment(args),
        Command::List => list(),
        Command::Show { name } => show(&name),
        Command::Check { run } => check(&run),
        Command::Figures { run } => {
            for path in figure::draw_run(&RunFolder::existing(&run)?)? {
                println!("{}", path.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Draws { run, trajectory, out } => {
            let folder = RunFolder::existing(&run)?;
            let text = std::fs::read_to_string(folder.file("experiment.toml"))
                .with_context(|| format!("{}", folder.file("experiment.toml").display()))?;
            let experiment = config::parse(&text, "experiment.toml", Path::new("."), &[])?;
            study::draws::write(&experiment, &trajectory, &out)?;
            println!("{}", out.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Bench(args) => run_bench(args),
        Command::BenchRecovery(args) => run_bench_recovery(args),
    }
}

fn run_bench(args: BenchArgs) -> anyhow::Result<ExitCode> {
    rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global()?;
    choose(args.simd)?;
    let BenchArgs { n, d, b, steps, act, serve, repeats, .. } = args;
    anyhow::ensure!(n.min(d).min(b) > 0 && steps > 0, "--n, --d, --b and --steps must be positive");
    let task = bench::Task { width: n, inputs: d, batch: b, steps, activation: act, serve, blocks: repeats };
    let (input, out) = (std::io::stdin().lock(), std::io::stdout().lock());
    match args.dtype.as_str() {
        "f64" => bench::run::<f64>(task, input, out)?,
        _ => bench::run::<f32>(task, input, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run_bench_recovery(args: BenchRecoveryArgs) -> anyhow::Result<ExitCode> {
    rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global()?;
    let path = &args.problem;
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    let problem = || recovery::read(path, &bytes, SampleLoss::Squared);
    let settings = Settings { iterations: args.iterations, reached: 1e-6, ..Settings::new(args.k) };
    bench_recovery::run(&problem, &args.methods, &settings, args.repeats.max(1), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn run_experiment(args: RunArgs) -> anyhow::Result<ExitCode> {
    let overrides: Vec<Override> = args.overrides.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global()?;
    }
    choose(args.simd)?;
    let experiment = config::load_any(&args.experiment, &overrides)?;
    let out = args.out.unwrap_or_else(|| study::default_folder(experiment.name()));
    ctrlc::set_handler(|| {
        // The second time a person asks, they mean it.
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    if !args.quiet {
        if !experiment.title().is_empty() {
            eprintln!("{}: {}", experiment.name(), experiment.title());
        }
        match &experiment {
            AnyExperiment::Training(experiment) => introduce(experiment),
            AnyExperiment::Recovery(experiment) => introduce_recovery(experiment),
        }
    }
    let options = Options { out, force: args.force, resume: args.resume, quiet: args.quiet };
    match study::run_any(&experiment, &options, &INTERRUPT)? {
        Report::Interrupted { folder } => {
            eprintln!("interrupted; everything so far is saved in {}", folder.display());
            eprintln!("go on with the same command and --resume added");
            Ok(ExitCode::from(130))
        }
        Report::AlreadyComplete { folder, checks } => {
            println!("{} is complete; nothing to do", folder.display());
            println!("{}", table(&checks));
            Ok(ExitCode::SUCCESS)
        }
        Report::Complete { folder, checks, figures, phases, warnings } => {
            println!("{}", table(&checks));
            for warning in warnings {
                println!("note: {warning}");
            }
            let spent: Vec<String> = phases.iter().map(|p| format!("{} {:.1} s", p.name, p.seconds)).collect();
            println!("time: {}", spent.join(", "));
            println!("records: {}", folder.join("records").display());
            println!("figures:");
            for path in figures.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
                println!("  {} (and .png, .pdf)", path.display());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What is about to run: both parametrisations of the dynamics.
fn introduce(e: &Experiment) {
    let (rate, momentum) = e.dynamics.learning_rate_and_momentum();
    match e.dynamics.method {
        dynamics::Method::GradientDescent => {
            eprintln!("gradient descent: step {} (learning rate on the N-scaled gradient)", e.dynamics.step)
        }
        _ => eprintln!(
            "heavy ball: step {}, friction {} = learning rate {rate:.3e} (on the N-scaled gradient), momentum {momentum}",
            e.dynamics.step, e.dynamics.friction
        ),
    }
}

/// Which algorithms are about to run.
fn introduce_recovery(e: &RecoveryExperiment) {
    let names: Vec<&str> = e.solver.methods.iter().map(|method| method.name()).collect();
    eprintln!("sparse recovery by {}", names.join(", "));
}

fn list() -> anyhow::Result<ExitCode> {
    let width = builtin::names().iter().map(|name| name.len()).max().unwrap_or(0);
    for experiment in builtin::BUILTIN {
        // The title is read from the text, so that it is written in one place.
        let title =
            experiment.text.parse::<toml::Table>().ok().and_then(|t| t.get("title")?.as_str().map(String::from));
        println!("{:width$}  {}", experiment.name, title.unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

fn show(name: &str) -> anyhow::Result<ExitCode> {
    let experiment = builtin::find(name).with_context(|| {
        format!("no built-in experiment is called '{name}'; there are {}", builtin::names().join(", "))
    })?;
    print!("{}", experiment.text);
    Ok(ExitCode::SUCCESS)
}

fn check(run: &Path) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::existing(run)?;
    let manifest: Manifest = folder.read_json("manifest.json")?;
    anyhow::ensure!(
        manifest.status == Status::Complete,
        "{} is {}; finish it with `widelimit run ... --resume`",
        run.display(),
        manifest.status
    );
    let checks: Vec<Check> = folder.read_json("checks.json")?;
    println!("{}", table(&checks));
    Ok(status(&checks))
}

fn status(checks: &[Check]) -> ExitCode {
    ExitCode::from(u8::from(checks.iter().any(|check| check.verdict == Verdict::Fails)))
}

/// Width of the table where there is no terminal to tell it.
const NARROW: u16 = 110;

/// The checks for people.
fn table(checks: &[Check]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["check", "the theory says", "measured", "expected", "verdict"]);
    if table.width().is_none() {
        table.set_width(NARROW);
    }
    for check in checks {
        let interval = check.interval.map(|(low, high)| format!("\n[{low:.3}, {high:.3}]")).unwrap_or_default();
        let verdict = Cell::new(check.verdict.to_string());
        let mut statement = check.statement.clone();
        if check.verdict != Verdict::Holds {
            statement += &format!("\n-> {}", check.detail);
        }
        table.add_row([
            Cell::new(&check.name),
            Cell::new(statement),
            Cell::new(format!("{}{interval}", short(check.measured))),
            Cell::new(check.expected.map(short).unwrap_or_default()),
            if check.verdict == Verdict::Holds { verdict } else { verdict.add_attribute(Attribute::Bold) },
        ]);
    }
    table
}

/// A number in few characters.
fn short(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "-".into(),
        0.0 => "0".into(),
        size if (1e-3..1e4).contains(&size) => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}
