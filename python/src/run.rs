//! Running an experiment on threads of its own, while the calling thread reports progress and handles signals.

use crate::{error, source};
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use std::any::Any;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use widelimit::config::{AnyExperiment, Loaded};
use widelimit::population::Sample;
use widelimit::run::progress::{ProgressObserver, observe};
use widelimit::run::{Options, Report, RunError, default_folder};

/// Time between two looks at signals and progress.
const POLL: Duration = Duration::from_millis(20);

/// Stack of a thread, as that of a main thread.
const STACK: usize = 8 << 20;

/// Inputs (n, d) and targets (n, K).
type Arrays<'py> = (PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>);

/// Name, work done and all work of the stages that have reported since the last look; of each stage its last report.
type Stages = Arc<Mutex<Vec<(String, f64, f64)>>>;

/// Runs an experiment; returns its folder, and notes on former names in the experiment. See `widelimit.run`.
///
/// # Errors
/// `ConfigError`, `RunError`, `KeyboardInterrupt`, and what `progress` raises.
#[pyfunction]
#[pyo3(signature = (config, is_text, replaced, removed, arrays, out, resume, force, accept_revision, figures, threads, notify, progress))]
#[allow(clippy::too_many_arguments)]
pub fn run(
    py: Python<'_>,
    config: &str,
    is_text: bool,
    replaced: Vec<String>,
    removed: Vec<String>,
    arrays: Option<Arrays<'_>>,
    out: Option<PathBuf>,
    resume: bool,
    force: bool,
    accept_revision: bool,
    figures: bool,
    threads: Option<usize>,
    notify: &Bound<'_, PyAny>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PathBuf> {
    let overrides = source::overrides(&replaced, &removed).map_err(|error| error::config_error(&error))?;
    let Loaded { experiment, notes } =
        source::read(config, is_text, &overrides).map_err(|error| error::config_error(&error))?;
    for note in notes {
        notify.call1((note,))?;
    }
    let out = out.unwrap_or_else(|| default_folder(experiment.name()));
    let options = Options { out: out.clone(), force, resume, accept_revision, quiet: true, figures };
    let sample = arrays.map(|(x, y)| Sample { x: x.as_array().to_owned(), y: y.as_array().to_owned() });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).stack_size(STACK);
    let pool = pool.build().map_err(|error| error::run_error(&error))?;
    match supervised(py, pool, experiment, sample, options, progress)? {
        Report::Complete { .. } | Report::AlreadyComplete { .. } | Report::PartComplete { .. } => Ok(out),
        Report::Interrupted { folder } => {
            Err(error::failed(format!("{}: the run was interrupted; resume=True continues it", folder.display())))
        }
    }
}

/// Runs an experiment on a pool of threads; interrupts it, and waits for its checkpoints, when a signal handler or
/// `progress` raises an exception, which is then raised.
fn supervised(
    py: Python<'_>,
    pool: rayon::ThreadPool,
    experiment: AnyExperiment,
    sample: Option<Sample>,
    options: Options,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Report> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let stages = Stages::default();
    let worker = {
        let (interrupt, stages) = (interrupt.clone(), stages.clone());
        std::thread::spawn(move || {
            let run = || execute(&experiment, sample.as_ref(), &options, &interrupt);
            pool.install(|| observe(observer(stages), run))
        })
    };
    let mut raised = None;
    loop {
        let ended = worker.is_finished();
        if raised.is_none()
            && let Err(exception) = attend(py, &stages, progress)
        {
            interrupt.store(true, Ordering::Relaxed);
            raised = Some(exception);
        }
        if ended {
            break;
        }
        py.detach(|| std::thread::sleep(POLL));
    }
    let ended = worker.join();
    match (ended, raised) {
        (_, Some(exception)) => Err(exception),
        (Ok(report), None) => report.map_err(|error| error::run_error(&*error)),
        (Err(panic), None) => Err(error::failed(format!("a fault of the program: {}", words(&*panic)))),
    }
}

/// Runs an experiment on its own data, or on a sample.
fn execute(
    experiment: &AnyExperiment,
    sample: Option<&Sample>,
    options: &Options,
    interrupt: &AtomicBool,
) -> Result<Report, Box<RunError>> {
    match (experiment, sample) {
        (AnyExperiment::Training(experiment), Some(sample)) => {
            widelimit::run_on_sample(experiment, sample, options, interrupt)
        }
        _ => widelimit::run_experiment(experiment, options, interrupt),
    }
    .map_err(Box::new)
}

/// An observer that keeps the last report of each stage.
fn observer(stages: Stages) -> ProgressObserver {
    Arc::new(move |name, done, total| {
        let mut stages = stages.lock().unwrap_or_else(PoisonError::into_inner);
        match stages.last_mut() {
            Some(last) if last.0 == name => *last = (name.into(), done, total),
            _ => stages.push((name.into(), done, total)),
        }
    })
}

/// Handles signals and reports progress.
///
/// # Errors
/// What a signal handler or `progress` raises.
fn attend(py: Python<'_>, stages: &Stages, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    py.check_signals()?;
    let reports = std::mem::take(&mut *stages.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(progress) = progress else { return Ok(()) };
    for report in reports {
        progress.call1(report)?;
    }
    Ok(())
}

/// The words of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}
