//! Wide two- and three-layer networks trained by stochastic heavy ball, beside their mean-field limit.
//!
//! # The question
//!
//! A network of width `N` trained with momentum follows, as `N` grows and the step `eps` falls, a deterministic limit:
//! a law `rho_t` of neurons that moves under its own potential. *What does the network converge to, and how much of a
//! finite network is left once you know?* This crate simulates both from the same neurons and under the same noise,
//! measures the distance between them, and holds its scaling against the theory of Wu, Kungurtsev, Mondelli (TMLR
//! 2023), cited as WKM; it drops neurons of the trained networks, joins them by paths, and follows their risk, as the
//! same theory does. KCH is Krichene, Caluya, Halder (2020) and MMN is Mei, Montanari, Nguyen (PNAS 2018).
//!
//! ```text
//! f_N(x) = (1/N) sum_i a_i sigma(<w_i, x> + b_i)                                     the network
//! f_N(x) = (1/N2) sum_j a_j sigma((1/N1) sum_i u_ij sigma(<w_i, x> + b_i) + c_j)     with one hidden layer more
//! r     <- (1 - gamma eps) r - eps grad Psi(theta; rho_N) + sqrt(2 gamma tau eps) xi     heavy ball
//! theta <- theta + eps r                                                            time t = k eps
//! d theta = r dt,  d r = (-gamma r - grad Psi(theta; rho_t)) dt + sqrt(2 gamma tau) dW   the limit
//! ```
//!
//! # Symbols
//!
//! | symbol | meaning | here |
//! |---|---|---|
//! | `N` | neurons of a network | `width`; [`config::Widths::values`] |
//! | `M` | particles of the limit | [`config::Reference::particles`] |
//! | `eps`, `h` | step of training, of the limit's integrator | [`dynamics::Motion::step`] |
//! | `gamma` | friction | [`dynamics::Motion::friction`] |
//! | `tau` | temperature | [`dynamics::Motion::temperature`] |
//! | `lambda` | ridge | [`network::Objective::ridge`] |
//! | `d`, `K` | input and output dimension | [`network::Network::inputs`], [`network::Network::outputs`] |
//! | `p` | parameters of a neuron | [`network::TwoLayer::parameters`] |
//! | `B` | samples a step | [`config::BatchSize`], [`dynamics::BatchSource`] |
//! | `T` | horizon | [`config::Horizon::time`] |
//! | `theta = (w, b, a)` | neurons | [`dynamics::State::theta`] |
//! | `r` | momenta, `d theta / dt` | [`dynamics::State::momentum`] |
//! | `Psi` | potential; `grad Psi(theta_i) = N dR/dtheta_i` | [`network::Network::potential_gradient`] |
//! | `f_N`, `f_rho` | predictions of a network, of the limit | [`network::Network::predict`] |
//! | `R` | risk: mean loss and ridge term | [`record::Measure::Risk`] |
//! | `A`, `S^2` | neurons kept in dropout, spread of the features | [`analysis::dropout`] |
//! | `P`, `Q` | the networks at the ends of a path | [`analysis::paths`] |
//!
//! # Modules
//!
//! In the order of the layers: each module imports only modules above it in this table. Data flow one way, from an
//! experiment file to records, checks and figures.
//!
//! | module | contents |
//! |---|---|
//! | [`choice`] | enums with fixed names, for experiment files, the command line and records |
//! | [`number`] | floating-point numbers in JSON, NaN and infinities included |
//! | [`compute`] | vector instructions, threads, aligned memory, addressed random streams |
//! | [`ranks`] | the processes among which a run is divided, and exchanges between them |
//! | [`population`] | laws of (x, y): data files, teachers, mixtures |
//! | [`network`] | the two- and the three-layer network, losses, activations, and the kernels that evaluate them |
//! | [`dynamics`] | forces, integrators, noise, the time loop, Picard iteration |
//! | [`kinetic`] | the kinetic equation on a grid, for neurons with one trained parameter; the radial reduction |
//! | [`fluctuation`] | fluctuations of finite networks around the limit, predicted from the limit alone |
//! | [`sparse`] | sparse recovery: hard thresholding, pursuits, the iterative optimal brain surgeon |
//! | [`prune`] | layer-wise pruning of Transformers: models in and out, forward passes, layers, whole networks |
//! | [`analysis`] | exponents with intervals, distances, the form of the bound, dropout, connecting paths, verdicts |
//! | [`record`] | the run folder, the manifest, arrays in `.npz` |
//! | [`figure`] | charts as data, written as SVG, PNG and PDF |
//! | [`config`] | the experiment file: reading, rules, built-in experiments |
//! | [`run`] | an experiment carried out: plan, trajectories, checkpoints, records, the figures of every run |
//! | [`study`] | the studies, one folder each, and their registry |
//! | [`report`] | the report of a run as one HTML page; several runs compared |
//!
//! The functions at the root of the crate, such as [`load`] and [`run_experiment`], join them; the command line is part
//! of the program, not of the library.
//!
//! # Studies
//!
//! The networks of an experiment are trained once ([`run::plan`]); then every study whose table is in the experiment
//! file analyses them.
//!
//! | study | question |
//! |---|---|
//! | [`study::gap`] | how far is a network from the limit, and how does that scale with width, step and batch size? |
//! | [`study::dropout`] | by how much does the loss rise when `M` of the `N` neurons are kept? |
//! | [`study::keep`] | what is the loss with `M` of `N` neurons, kept at random, by size, or by the optimal brain surgeon? |
//! | [`study::paths`] | by how much must the loss rise on a path between two networks? |
//! | [`study::convergence`] | how fast does the risk fall, and from which starts does it not? |
//! | [`study::radial`] | do networks in R^d follow the radial kinetic equation? |
//! | [`study::picard`] | how do Picard's iterates converge, and is their fixed point the limit? |
//! | [`study::kinetic`] | does the kinetic equation on a grid agree with particles, and how does the free energy fall? |
//!
//! Experiments of the other kind are about sparse recovery:
//!
//! | study | question |
//! |---|---|
//! | [`study::recover`] | how fast does each algorithm converge to the true vector? |
//! | [`study::noise`] | how much larger than that of least squares on the true support is the error at each noise level? |
//! | [`study::rates`] | do the bounds of the theorems hold, and how close to them are the errors? |
//! | [`study::phase`] | for which n/d and k/n is the true vector found? |
//!
//! # Design
//!
//! 1. **A network is an empirical measure.** A finite network and a cloud of mean-field particles are one type: a flat
//!    slice of neurons that [`network::Network`] interprets. The average over the last hidden layer, `1/N` or `1/N2`,
//!    is taken where the kernels assemble predictions; that of a three-layer network over its first hidden layer,
//!    `1/N1`, in the forward pass of its kernel ([`network::kernel`]). Gradients are those of the potential, `N
//!    dR/dtheta_i`, and contain no such factor for two layers.
//! 2. **A force is a function of the state.** [`dynamics::Force`] gives `grad Psi` under a batch, fresh draws or the
//!    whole population; an [`dynamics::Integrator`] maps state, force and noise to the next state. Heavy ball is one of
//!    them, so a network and its limit differ only in force and integrator.
//! 3. **There is one time loop,** [`dynamics::TimeLoop`]: it decides when to record, to write a checkpoint and to stop.
//! 4. **Random draws are addressed.** [`compute::rng::stream`] is a pure function of the seed, the role and two
//!    indices. Coupled runs share their draws, and neither the number of threads nor an interruption changes a bit.
//!
//! # Example
//!
//! A network of 64 tanh neurons learns `y = x_1` by heavy ball on four points, on the full gradient:
//!
//! ```
//! use widelimit::dynamics::{Batches, Ensemble, Method, Motion, NetworkForce, Scheme, Simulation, State, TimeLoop};
//! use widelimit::compute::Threads;
//! use widelimit::network::{Activation, Batch, Law, Loss, Network, Objective, Start, TwoLayer};
//!
//! let activation = Activation::Tanh;
//! let network = Network::from(TwoLayer { inputs: 2, outputs: 1, bias: true, activation, fixed_output: false });
//! let start = Start {
//!     w: Law::Gaussian { mean: 0.0, std: 1.0 },
//!     b: Law::Point { value: 0.0 },
//!     a: Law::Uniform { low: -1.0, high: 1.0 },
//!     ..Start::default()
//! };
//! let population = Batch { x: vec![1.0, 0.0, -1.0, 0.0, 0.5, 1.0, -0.5, -1.0], y: vec![1.0, -1.0, 0.5, -0.5] };
//!
//! let width = 64;
//! let start = State::<f64>::at_rest(network.start(&start, 1, 0, width));
//! let objective = Objective { loss: Loss::HalfSquared, ridge: 0.0 };
//! let ensemble = Ensemble { network: &network, width, population: &population, objective };
//! let force = NetworkForce::new(ensemble, Batches::FULL, Threads::One);
//!
//! // Step 0.05 and friction 1: momentum 0.95, learning rate 0.0025 on the N-scaled gradient.
//! let motion = Motion { step: 0.05, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
//! let scheme = Scheme { method: Method::HeavyBall, motion };
//! let integrator = scheme.integrator(network.coordinates(width), start.theta.len());
//! let mut simulation = Simulation::noise_free(start, integrator, force);
//!
//! let mut risks = Vec::new();
//! let mut record = |_: usize, state: &State<f64>| {
//!     let f = network.predict(width, &state.theta, &population.x, Threads::One);
//!     risks.push(objective.loss.mean(&f, &population.y, network.outputs()));
//!     risks[risks.len() - 1]
//! };
//! let Ok(_) = TimeLoop::over(&[0.0, 10.0, 20.0]).run(&mut simulation, &mut record);
//! assert_eq!((simulation.state.step, simulation.state.time), (400, 20.0));
//! assert!(risks[2] < 0.1 * risks[0], "{risks:?}");
//! ```
//!
//! Whole experiments are read by [`load`] and run by [`run_experiment`]:
//!
//! ```
//! use widelimit::config::{AnyExperiment, Override};
//!
//! let overrides: [Override; 2] = ["widths.values=[32,128]".parse()?, Override::removal("paths")?];
//! let loaded = widelimit::load("digits", &overrides)?;
//! let AnyExperiment::Training(experiment) = loaded.experiment else { unreachable!("digits trains networks") };
//! assert_eq!(experiment.widths.values, [32, 128]);
//! assert!(experiment.studies.find("paths").is_none());
//! assert_eq!(experiment.dynamics.learning_rate_and_momentum(), (0.0004, 0.98));
//! # Ok::<(), widelimit::config::ConfigError>(())
//! ```
//!
//! The guide, the map from equations to files, and what the tests compare are in the folder `docs/` of the repository.

pub mod analysis;
pub mod choice;
#[allow(unsafe_code)]
pub mod compute;
pub mod config;
pub mod dynamics;
pub mod figure;
pub mod fluctuation;
pub mod kinetic;
pub mod network;
pub mod number;
pub mod population;
pub mod prune;
pub mod ranks;
pub mod record;
pub mod report;
pub mod run;
pub mod sparse;
pub mod study;

use config::vary::Varied;
use config::{AnyExperiment, ConfigError, Description, Experiment, Loaded, Override};
use network::Activation;
use record::{ProfileRecord, REPORT, RunFolder, RunKind};
use report::ReportError;
use run::profile::Profiler;
use run::vary::VaryReport;
use run::{FiguresError, Options, Report, RunError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use study::REGISTRY;

fn readers() -> config::Readers {
    REGISTRY.readers(|experiment| run::memory::exceeds_memory(experiment, &REGISTRY))
}

/// Reads the experiment called `name`: a built-in one, or a file.
///
/// # Errors
/// No experiment of that name, files that cannot be read, and every key whose value cannot be used.
pub fn load(name: &str, overrides: &[Override]) -> Result<Loaded, ConfigError> {
    config::load(name, overrides, &readers())
}

/// Reads an experiment from TOML text. `origin` names the text in messages; relative data paths are taken from `base`.
///
/// # Errors
/// Text that is not TOML, overrides that cannot be applied, and every key whose value cannot be used.
pub fn parse(text: &str, origin: &str, base: &Path, overrides: &[Override]) -> Result<Loaded, ConfigError> {
    config::parse(text, origin, base, overrides, &readers())
}

/// The JSON schema (draft 7) of experiment files, for editors. It accepts every file that [`parse`] accepts; rules between
/// keys are not in it.
pub fn experiment_schema() -> serde_json::Value {
    config::schema(&readers())
}

/// Reads the experiment called `name`, a built-in one or a file, or all experiments of its table `[vary]`; with the
/// `chosen` studies alone, where there are some.
///
/// # Errors
/// As [`load`], of every point; a chosen study that the experiment does not have.
pub fn describe(name: &str, overrides: &[Override], chosen: Option<&[String]>) -> Result<Description, ConfigError> {
    config::load_description(name, overrides, chosen, &readers())
}

/// As [`describe`], for a run on several ranks: the memory of this machine is compared with the part of a rank when the run
/// starts.
///
/// # Errors
/// As [`describe`].
pub fn describe_for_ranks(
    name: &str,
    overrides: &[Override],
    chosen: Option<&[String]>,
) -> Result<Description, ConfigError> {
    config::load_description(name, overrides, chosen, &REGISTRY.readers(|_| None))
}

/// As [`describe`], from TOML text; `origin` and `base` as in [`parse`].
///
/// # Errors
/// As [`parse`], of every point.
pub fn describe_text(
    text: &str,
    origin: &str,
    base: &Path,
    overrides: &[Override],
) -> Result<Description, ConfigError> {
    config::describe(text, origin, base, overrides, None, &readers())
}

/// As [`run_experiment`], and measures where the time goes, by phase and kind of work, and the share of this machine's peak
/// that it reaches. The results are those of [`run_experiment`], to the bit. The record is written into the folder of a run
/// that was computed, or interrupted after its folder was opened, and returned; a run that had been complete has none.
///
/// # Errors
/// As [`run_experiment`]; another run of this process that is being profiled.
pub fn run_profiled(
    experiment: &AnyExperiment,
    options: &Options,
    interrupt: &AtomicBool,
) -> Result<(Report, Option<ProfileRecord>), RunError> {
    let activations: Vec<Activation> = match experiment {
        AnyExperiment::Training(e) => e.network.activations().collect(),
        AnyExperiment::Recovery(_) | AnyExperiment::Pruning(_) => Vec::new(),
    };
    let profiler = Profiler::begin(&activations)?;
    let report = run_experiment(experiment, options, interrupt)?;
    let (folder, complete) = match &report {
        Report::Complete { folder, .. } => (folder, true),
        Report::Interrupted { folder } => (folder, false),
        Report::AlreadyComplete { .. } | Report::PartComplete { .. } => return Ok((report, None)),
    };
    let Ok(folder) = RunFolder::existing(folder) else { return Ok((report, None)) };
    let profile = profiler.finish(complete);
    profile.write(&folder)?;
    Ok((report, Some(profile)))
}

/// Runs all experiments of a table `[vary]` into a folder, and what they show together.
///
/// # Errors
/// See [`run::vary::run`].
pub fn run_varied(
    varied: &Varied<AnyExperiment>,
    options: &Options,
    interrupt: &AtomicBool,
) -> Result<VaryReport, RunError> {
    run_varied_part(varied, options, run::Part::Whole, interrupt)
}

/// Computes a part of a sweep, which several processes compute together in one folder, as [`run_part`] does for an experiment.
/// The results are those of [`run_varied`], to the bit.
///
/// # Errors
/// As [`run_varied`], and [`run::PartError`] where another part must be computed first.
pub fn run_varied_part(
    varied: &Varied<AnyExperiment>,
    options: &Options,
    part: run::Part,
    interrupt: &AtomicBool,
) -> Result<VaryReport, RunError> {
    let outcome = run::vary::run(varied, (options, part), interrupt, &REGISTRY)?;
    if let (VaryReport::Complete { .. }, true) = (&outcome, options.figures) {
        for point in &varied.points {
            restore(&options.out.join(run::vary::point_folder(&point.name)))?;
        }
        report::sweep_page::write_sweep(&options.out).map_err(|error| RunError::Report(error.into()))?;
    }
    Ok(outcome)
}

/// Draws the figures of a sweep and of all its points from their records.
///
/// # Errors
/// See [`run::vary::draw_figures`].
pub fn draw_varied_figures(path: &Path) -> Result<Vec<PathBuf>, RunError> {
    run::vary::draw_figures(path, &REGISTRY)
}

/// Runs an experiment of any kind into a folder. `interrupt` may be set from another thread to stop it; a run that
/// was interrupted is continued with [`Options::resume`].
///
/// # Errors
/// See [`RunError`]: data that cannot be read or are too large, a folder in use or holding another run, files that
/// cannot be written. The folder is not changed before the data have been read and the memory checked.
pub fn run_experiment(
    experiment: &AnyExperiment,
    options: &Options,
    interrupt: &AtomicBool,
) -> Result<Report, RunError> {
    reported(run::run(experiment, options, interrupt, &REGISTRY)?, options)
}

/// The outcome of a run, whose report is written where it is complete.
fn reported(mut outcome: Report, options: &Options) -> Result<Report, RunError> {
    match &mut outcome {
        Report::Complete { folder, .. } if options.figures => {
            write_report(RunFolder::existing(folder)?).map_err(|error| RunError::Report(error.into()))?;
        }
        Report::AlreadyComplete { folder, restored, .. } if options.figures => *restored = restore(folder)?,
        _ => {}
    }
    Ok(outcome)
}

/// Draws the figures of a complete run that are missing, and writes its report where it is: they were deleted, or the process
/// that completed the run was killed before. A folder that cannot be written is only read. Returns the files.
fn restore(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let Ok(opened) = RunFolder::open_figures(folder) else { return Ok(Vec::new()) };
    let mut restored = run::figures::draw_missing(&opened, &REGISTRY)?;
    if !folder.join(REPORT).exists() {
        restored.push(write_report(opened).map_err(|error| RunError::Report(error.into()))?);
    }
    Ok(restored)
}

/// Writes the report of a complete run into its folder, as `report.html`; returns the file.
///
/// # Errors
/// See [`report::page::write_to`].
pub fn write_report(folder: RunFolder) -> Result<PathBuf, ReportError> {
    report::page::write(folder)
}

/// The questions of the studies of an experiment, each with the name of the study.
pub fn questions(experiment: &AnyExperiment) -> Vec<(&'static str, &'static str)> {
    let (kind, names): (RunKind, Vec<&str>) = match experiment {
        AnyExperiment::Training(e) => (RunKind::Training, e.studies.iter().map(|entry| entry.name).collect()),
        AnyExperiment::Recovery(e) => (RunKind::Recovery, e.studies.iter().map(|entry| entry.name).collect()),
        AnyExperiment::Pruning(e) => (RunKind::Pruning, e.studies.iter().map(|entry| entry.name).collect()),
    };
    let known = REGISTRY.about(kind).into_iter();
    known.filter(|(name, _)| names.contains(name)).map(|(name, about)| (name, about.question)).collect()
}

/// Runs an experiment that trains networks on a sample in memory. The population of the experiment must be a data file, in
/// whose place the sample is used; the run folder holds the sample as `population.npz`, and can be resumed from there.
///
/// # Errors
/// Those of [`run_experiment`]; a population that is not a data file; samples that are not finite, or labels that are not
/// of the population's kind.
pub fn run_on_sample(
    experiment: &Experiment,
    sample: &population::Sample,
    options: &Options,
    interrupt: &AtomicBool,
) -> Result<Report, RunError> {
    reported(run::run_on_sample(experiment, sample, options, interrupt, &REGISTRY)?, options)
}

/// Why a run cannot be extended.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// The experiment to which it is to be extended cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run cannot be extended, or fails.
    #[error(transparent)]
    Run(Box<RunError>),
}

impl From<RunError> for ExtendError {
    fn from(error: RunError) -> Self {
        ExtendError::Run(Box::new(error))
    }
}

/// Extends a complete run of training by overrides of its experiment: what stays valid is kept, and the rest is computed;
/// the records, checks, figures and states are those of a run of the new experiment. The run is extended in the folder of
/// the options; where that is another one than `run`, it is copied there first, and no copy is left where the extension is
/// refused. An extension that was interrupted is
/// continued by the same call, or by one without overrides. Returns the new experiment and the report.
///
/// # Errors
/// An experiment that cannot be used, and the errors of [`run::extend_to`]. The folder is not changed before the experiment
/// and its data have been checked.
pub fn extend_run(
    run: &Path,
    overrides: &[Override],
    options: &Options,
    interrupt: &AtomicBool,
) -> Result<(AnyExperiment, Report), ExtendError> {
    let source = RunFolder::existing(run).map_err(RunError::from)?;
    let elsewhere = options.out != run;
    // What is unfinished in the other folder is what is continued.
    let there = RunFolder::existing(&options.out).ok().filter(|_| elsewhere);
    let continued = there.as_ref().filter(|folder| folder.require_complete().is_err());
    let base = run::extension_folder::base_experiment(continued.unwrap_or(&source), !overrides.is_empty());
    let text = config::resolved_text(&base.map_err(RunError::from)?);
    let experiment =
        parse(&text, &run.join("manifest.json").display().to_string(), Path::new("."), overrides)?.experiment;
    let AnyExperiment::Training(training) = &experiment else {
        let problem = "only runs that train networks can be extended: run the experiment again".into();
        return Err(RunError::from(record::RecordError::Extension { path: run.into(), problem }).into());
    };
    let resolved = experiment.resolved();
    for folder in [Some(&source), there.as_ref()].into_iter().flatten() {
        if let Some(checks) = run::extension_folder::checks_of(folder, &resolved).map_err(RunError::from)? {
            return Ok((
                experiment,
                Report::AlreadyComplete { folder: folder.path().into(), checks, restored: Vec::new() },
            ));
        }
    }
    let copied = elsewhere && run::extension_folder::copy(&source, &options.out).map_err(RunError::from)?;
    let extended = run::extend_to(training, options, interrupt, &REGISTRY);
    if copied && extended.is_err() {
        run::extension_folder::remove_unused_copy(&source, &options.out).map_err(RunError::from)?;
    }
    let report = reported(extended?, options)?;
    Ok((experiment, report))
}

/// Computes a part of a run, which several processes compute together in one folder: the limit, then shards at the same
/// time, then the rest ([`run::shard`]). The results are those of [`run_experiment`], to the bit.
///
/// # Errors
/// As [`run_experiment`], and [`run::PartError`] where another part must be computed first.
pub fn run_part(
    experiment: &AnyExperiment,
    options: &Options,
    part: run::Part,
    interrupt: &AtomicBool,
) -> Result<Report, RunError> {
    reported(run::run_part(experiment, (options, part), interrupt, &REGISTRY)?, options)
}

/// As [`run_experiment`], on several ranks, each of which calls it with the same arguments. The first writes the report.
///
/// # Errors
/// See [`run::run_on`].
pub fn run_experiment_on(
    experiment: &AnyExperiment,
    options: &Options,
    ranks: &ranks::Ranks,
    interrupt: &AtomicBool,
) -> Result<Report, RunError> {
    let outcome = run::run_on(experiment, options, ranks, interrupt, &REGISTRY)?;
    if ranks.is_first() { reported(outcome, options) } else { Ok(outcome) }
}

/// Runs an experiment with many seeds, and measures the coverage of its intervals and the rates of its verdicts.
///
/// # Errors
/// See [`run::coverage::run`].
pub fn measure_coverage(
    experiment: &AnyExperiment,
    options: &run::coverage::CoverageOptions,
    interrupt: &AtomicBool,
) -> Result<run::coverage::CoverageReport, RunError> {
    run::coverage::run(experiment, options, interrupt, &REGISTRY)
}

/// Draws the figures of a run from its records; returns the files in a fixed order.
///
/// # Errors
/// A run of another format, records that are missing or damaged, a folder that cannot be written.
pub fn draw_figures(folder: &RunFolder) -> Result<Vec<PathBuf>, FiguresError> {
    run::figures::draw(folder, &REGISTRY)
}

/// Draws figures of a complete run in a style and in formats of one's own; returns the files in a fixed order.
///
/// # Errors
/// As [`draw_figures`]; figures that the run does not have, labels that replace a text that no figure has.
pub fn draw_chosen_figures(
    folder: &RunFolder,
    drawing: &run::figures::Drawing<'_>,
) -> Result<Vec<PathBuf>, FiguresError> {
    run::figures::draw_chosen(folder, &REGISTRY, drawing)
}

/// The arrays of a complete run as tables, one for each file of `records/`.
///
/// # Errors
/// A run of another format, records that are missing or damaged.
pub fn export_tables(folder: &RunFolder) -> Result<Vec<run::export::RecordTable>, FiguresError> {
    run::export::tables(folder, &REGISTRY)
}

/// Estimates memory and time of an experiment of any kind, or of the points of a sweep, before anything is run. Times are
/// for the threads of the present pool.
///
/// # Errors
/// See [`run::estimate::estimate`].
pub fn estimate_run(
    described: &Description,
    assumptions: run::estimate::Assumptions,
) -> Result<run::estimate::RunEstimate, RunError> {
    let points: Vec<(&str, &AnyExperiment)> = match described {
        Description::Single(loaded) => vec![(loaded.experiment.name(), &loaded.experiment)],
        Description::Varied(varied) => {
            varied.points.iter().map(|point| (point.name.as_str(), &point.experiment)).collect()
        }
    };
    run::estimate::estimate(&points, assumptions, &REGISTRY)
}

/// An estimate of the memory that an experiment needs on a population of shape (n, d, K), by purpose.
pub fn estimate_memory(experiment: &Experiment, shape: (usize, usize, usize)) -> run::memory_estimate::MemoryEstimate {
    run::memory::estimate(experiment, shape, experiment.population.test_hint(shape.0), &REGISTRY)
}
