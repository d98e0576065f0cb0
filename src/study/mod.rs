//! Studies: an experiment in, records out. The only room that joins the others.
//!
//! [`run`] walks the whole way: the population is built, the run folder opened, the [`plan`] made of everything the
//! studies need, the plan carried out once (`training.rs`), the studies evaluated on what was recorded ([`gap`]), the
//! figures drawn, the manifest closed. Nothing is computed before everything has been checked. Experiments of sparse
//! recovery train no networks; their walk is in [`recovery`], and what both walks share in `walk.rs`.

pub mod connect;
pub mod converge;
pub mod draws;
pub mod dropout;
mod fixed_point;
pub mod gap;
mod grid_limit;
pub mod kinetic;
pub mod picard;
mod pieces;
pub mod plan;
mod planner;
pub mod problem;
mod progress;
pub mod radial;
pub mod recovery;
mod routes;
pub mod series;
mod soundness;
mod states;
mod training;
mod trajectory;
mod walk;

use crate::analysis::verdict::Check;
use crate::config::{AnyExperiment, BatchSize, Experiment, Precision, memory};
use crate::figure;
use crate::kinetic::KineticError;
use crate::network::{InstructionSet, Loss};
use crate::population::{Population, PopulationError};
use crate::record::npz::{Arrays, NpzError};
use crate::record::{Clock, Manifest, Phase, PopulationRecord, RecordError, RunFolder, Status, TrajectoryRecord};
use crate::sparse::recovery::RecoveryError;
use plan::{Plan, Trajectory};
use problem::Problem;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use training::Trained;

/// What can go wrong with a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The population cannot be built.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An array file cannot be read or written.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// A figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] figure::RunFiguresError),
    /// The data do not go with the loss.
    #[error("network.loss = \"logistic\" needs one output, and the population has {outputs}: expected half-squared")]
    Outputs { outputs: usize },
    /// The run does not fit.
    #[error("{0}")]
    Memory(String),
    /// The run was begun on instructions that round otherwise.
    #[error(
        "the run was begun with --simd {begun} and would go on with {now}, which rounds otherwise: give --simd {begun}"
    )]
    Rounding { begun: String, now: InstructionSet },
    /// The reference cannot be found on its grid.
    #[error("[reference.grid] {0}")]
    Grid(KineticError),
    /// A trajectory map that does not come to rest.
    #[error(
        "the trajectory map of {id} did not converge: after {iterates} iterates, or earlier where they overflow, two still differ by {difference:.1e} in window {} of {windows}; expected a larger reference.picard.windows, such as {}, or reference.picard.iterates", .window + 1, 2 * .windows
    )]
    NotConverged { id: String, window: usize, difference: f64, iterates: usize, windows: usize },
    /// A checkpoint is not what it should be.
    #[error("{path}: the checkpoint is damaged or of another experiment; start over with --force")]
    Checkpoint { path: PathBuf },
    /// A file in `state/` is not what it should be.
    #[error("{path}: not the parameters of a network of this experiment; start over with --force")]
    State { path: PathBuf },
    /// The kinetic equation cannot be solved on the grid.
    #[error("[kinetic] {0}")]
    Kinetic(#[from] KineticError),
    /// A problem of sparse recovery cannot be had or solved.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Nothing says how many entries to keep.
    #[error("solver.k: missing; the problem has no w_star to take it from: expected a whole number of at least 1")]
    NothingToKeep,
    /// There is no such run of the time loop.
    #[error("no trajectory is called '{id}'; there are {known}")]
    NoSuchTrajectory { id: String, known: String },
    /// A trajectory that draws nothing at random.
    #[error("trajectory '{id}' draws nothing: it has the full gradient and temperature 0")]
    NothingDrawn { id: String },
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The run folder.
    pub out: PathBuf,
    /// Start over where a run is.
    pub force: bool,
    /// Go on with an unfinished run.
    pub resume: bool,
    /// No progress.
    pub quiet: bool,
}

/// What every run of the time loop needs to know about its surroundings.
pub struct Setting<'a> {
    /// The run folder.
    pub folder: &'a RunFolder,
    /// Set when a person asks to stop.
    pub interrupt: &'a AtomicBool,
    /// No progress.
    pub quiet: bool,
}

/// How a run ended.
pub enum Report {
    /// Everything is done.
    Complete { folder: PathBuf, checks: Vec<Check>, figures: Vec<PathBuf>, phases: Vec<Phase>, warnings: Vec<String> },
    /// It was complete before.
    AlreadyComplete { folder: PathBuf, checks: Vec<Check> },
    /// A person asked to stop; `--resume` goes on.
    Interrupted { folder: PathBuf },
}

/// Runs an experiment.
///
/// # Errors
/// Data that cannot be read or do not fit, a folder in use or holding another run, a full disk: see [`RunError`]. The
/// folder is not touched before the data have been read and the memory checked.
pub fn run(experiment: &Experiment, options: &Options, interrupt: &AtomicBool) -> Result<Report, RunError> {
    let began = Instant::now();
    let population = experiment.build_population()?;
    let estimate = check_data(experiment, &population)?;
    if experiment.reference.grid.is_some() {
        grid_limit::check(&Problem::<f64>::new(experiment, &population)).map_err(RunError::Grid)?;
    }
    if let Some(terms) = &experiment.kinetic {
        kinetic::check(&Problem::<f64>::new(experiment, &population), terms)?;
    }
    let plan = Plan::new(experiment);
    let resolved = resolved(experiment);
    let (folder, earlier) = match walk::open(options, &resolved)? {
        Ok(open) => open,
        Err(complete) => return Ok(complete),
    };
    if !options.quiet {
        eprintln!("memory: about {}", memory::bytes(estimate.total()));
    }
    let mut manifest = manifest(experiment, resolved, (&population, &estimate), &plan, earlier);
    folder.write_json("manifest.json", &manifest)?;
    if let Ok(text) = experiment.to_toml() {
        folder.write_text("experiment.toml", &text)?;
    }
    write_data(&folder, &population)?;
    add_phase(&mut manifest, "population", began.elapsed().as_secs_f64());

    let setting = Setting { folder: &folder, interrupt, quiet: options.quiet };
    let trained = match experiment.precision {
        Precision::F64 => training::carry_out(&setting, &Problem::<f64>::new(experiment, &population), &plan),
        Precision::F32 => training::carry_out(&setting, &Problem::<f32>::new(experiment, &population), &plan),
    }?;
    for phase in &trained.phases {
        add_phase(&mut manifest, &phase.name, phase.seconds);
    }
    manifest.trajectories = plan.trajectories().filter_map(|t| trajectory_record(t, &trained)).collect();
    if trained.interrupted {
        return walk::interrupted(&folder, manifest);
    }

    let Some((checks, phases)) = studies(experiment, &population, &plan, &trained, &setting)? else {
        return walk::interrupted(&folder, manifest);
    };
    for phase in phases {
        add_phase(&mut manifest, &phase.name, phase.seconds);
    }
    let (_, inputs, outputs) = population.shape();
    folder.write_json("records/clouds.json", &experiment.network.model(inputs, outputs).clouds())?;
    walk::finish(&folder, manifest, checks)
}

/// Runs an experiment of either kind.
///
/// # Errors
/// As [`run`].
pub fn run_any(experiment: &AnyExperiment, options: &Options, interrupt: &AtomicBool) -> Result<Report, RunError> {
    match experiment {
        AnyExperiment::Training(experiment) => run(experiment, options, interrupt),
        AnyExperiment::Recovery(experiment) => recovery::run(experiment, options, interrupt),
    }
}

/// Checks, and the time each study took.
type Findings = (Vec<Check>, Vec<Phase>);

/// Everything that is asked of the trained networks. Each study writes its records and returns its checks; `None`: a
/// person asked to stop.
fn studies(
    experiment: &Experiment,
    population: &Population,
    plan: &Plan,
    trained: &Trained,
    setting: &Setting<'_>,
) -> Result<Option<Findings>, RunError> {
    // Whatever the states' scalar type, studies compute in double precision.
    let problem = Problem::<f64>::new(experiment, population);
    let mut checks = soundness::checks(experiment, trained);
    let mut phases = Vec::new();
    type Study<'a> = Box<dyn FnOnce() -> Result<Option<Vec<Check>>, RunError> + 'a>;
    let mut all: Vec<(&str, Study<'_>)> =
        vec![("gap", Box::new(|| gap::study(&problem, plan, trained, setting).map(Some)))];
    if let Some(terms) = &experiment.dropout {
        all.push(("dropout", Box::new(|| dropout::study(&problem, terms, plan, trained, setting))));
    }
    if let Some(terms) = &experiment.connect {
        all.push(("connect", Box::new(|| connect::study(&problem, terms, plan, trained, setting))));
    }
    if let Some(terms) = &experiment.converge {
        all.push(("converge", Box::new(|| converge::study(&problem, terms, plan, trained, setting))));
    }
    if let Some(terms) = &experiment.radial {
        all.push(("radial", Box::new(|| radial::study(&problem, terms, plan, trained, setting))));
    }
    if let Some(terms) = &experiment.picard {
        all.push(("picard", Box::new(|| picard::study(&problem, terms, plan, setting))));
    }
    if let Some(terms) = &experiment.kinetic {
        all.push(("kinetic", Box::new(|| kinetic::study(&problem, terms, setting))));
    }
    for (name, study) in all {
        let began = Instant::now();
        let Some(found) = study()? else { return Ok(None) };
        checks.extend(found);
        phases.push(Phase { name: format!("study: {name}"), seconds: began.elapsed().as_secs_f64() });
    }
    Ok(Some((checks, phases)))
}

/// The experiment as it goes into the manifest.
fn resolved(experiment: &Experiment) -> serde_json::Value {
    serde_json::to_value(experiment).expect("an experiment has text keys only")
}

/// What only the data can tell; what the run will hold.
fn check_data(experiment: &Experiment, population: &Population) -> Result<memory::Estimate, RunError> {
    let shape = population.shape();
    if experiment.network.loss == Loss::Logistic && shape.2 != 1 {
        return Err(RunError::Outputs { outputs: shape.2 });
    }
    let estimate = memory::estimate(experiment, shape);
    estimate.fits_machine().map_err(RunError::Memory)?;
    Ok(estimate)
}

fn manifest(
    experiment: &Experiment,
    resolved: serde_json::Value,
    (population, estimate): (&Population, &memory::Estimate),
    plan: &Plan,
    earlier: Option<Box<Manifest>>,
) -> Manifest {
    let (learning_rate, momentum) = experiment.dynamics.learning_rate_and_momentum();
    let (samples, inputs, outputs) = population.shape();
    let json = |value: Result<serde_json::Value, serde_json::Error>| value.unwrap_or(serde_json::Value::Null);
    Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("WIDELIMIT_REVISION").into(),
        status: Status::Running,
        experiment: resolved,
        seed: experiment.seed,
        clock: Some(Clock {
            step: experiment.dynamics.step,
            friction: experiment.dynamics.friction,
            learning_rate,
            momentum,
        }),
        population: PopulationRecord {
            description: population.description.clone(),
            samples,
            inputs,
            outputs,
            standardisation: json(serde_json::to_value(&population.standardisation)),
            sources: json(serde_json::to_value(&population.sources)),
        },
        host: walk::host(),
        threads: rayon::current_num_threads(),
        simd: InstructionSet::current().to_string(),
        memory: json(serde_json::to_value(estimate)),
        resumed: earlier.as_ref().map_or(0, |m| m.resumed + 1),
        phases: earlier.map(|m| m.phases).unwrap_or_default(),
        warnings: plan.warnings.clone(),
        trajectories: Vec::new(),
    }
}

fn add_phase(manifest: &mut Manifest, name: &str, seconds: f64) {
    match manifest.phases.iter_mut().find(|phase| phase.name == name) {
        Some(phase) => phase.seconds += seconds,
        None => manifest.phases.push(Phase { name: name.into(), seconds }),
    }
}

/// `state/data.npz`: x (n, d) and y (n, K), as the networks see them.
fn write_data(folder: &RunFolder, population: &Population) -> Result<(), RunError> {
    let (n, d, outputs) = population.shape();
    let mut arrays = Arrays::default();
    arrays.push("x", &[n, d], population.sample.x.iter().copied().collect());
    arrays.push("y", &[n, outputs], population.sample.y.iter().copied().collect());
    Ok(arrays.write(&folder.file("state/data.npz"))?)
}

fn trajectory_record(t: &Trajectory, trained: &Trained) -> Option<TrajectoryRecord> {
    let (stop, _) = trained.runs.get(&t.id)?;
    let method = crate::dynamics::Method::NAMES.iter().find(|(_, m)| *m == t.method)?.0;
    Some(TrajectoryRecord {
        id: t.id.clone(),
        width: t.width,
        first: t.first,
        replica: t.replica,
        route: t.route.name().into(),
        method: method.into(),
        step: t.motion.step,
        batch: if let BatchSize::Size(size) = t.batch { Some(size) } else { None },
        ticks: t.ticks,
        stop: *stop,
    })
}

/// The folder a run goes to by default: `runs/NAME`.
pub fn default_folder(name: &str) -> PathBuf {
    Path::new("runs").join(name)
}
