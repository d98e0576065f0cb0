//! A run of sparse recovery (WMSKA). The run folder, the records, the checks, the figures, interruption and resumption
//! are as in a run of training.

use super::context::{Options, Outcome, Report, RunContext, RunError};
use super::lifecycle::{self, OpenRun, Opening};
use super::machine_memory::bytes;
use super::parts::{require_shards, run_shard, study_tasks};
use super::profile::begin_phase;
use super::progress::note;
use super::recovery_memory::RecoveryMemory;
use super::recovery_sizes::RecoverySizes;
use super::recovery_source::ProblemSource;
use super::shard::Part;
use super::study::{RecoverySubject, Registry, studies_of};
use crate::config::RecoveryExperiment;
use crate::config::study::ExperimentKind;
use crate::ranks::Ranks;
use crate::record::npz::Arrays;
use crate::record::{EXPERIMENT, PopulationRecord, RunFolder, RunKind};
use crate::sparse::recovery::{Interrupt, RecoveryError, SparseProblem};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// `records/recovery.json`: written by every run of sparse recovery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// The methods, in the order of the experiment.
    pub methods: Vec<String>,
    /// Relative error that counts as recovered.
    pub success: f64,
    /// Rows and columns of an image, where the true vectors are images.
    pub image: Option<(usize, usize)>,
}

impl RecoveryRecord {
    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, crate::record::RecordError> {
        folder.read_json(FILE)
    }
}

const FILE: &str = "records/recovery.json";

/// Runs an experiment of sparse recovery.
///
/// # Errors
/// See [`RunError`]: problems that cannot be read or drawn, a folder in use or holding another run, files that cannot
/// be written.
pub fn run(
    e: &RecoveryExperiment,
    (options, part): (&Options, Part),
    ranks: &Ranks,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    let started = Instant::now();
    begin_phase("problems");
    let source = ProblemSource::new(e)?;
    // Sizes that are known are judged before a problem of this size is drawn.
    if let Some(law) = source.drawn_law() {
        let k = e.solver.kept(law.sparsity, law.d);
        RecoveryMemory::new(e, (law.n, law.d, k), 0, registry).fits_machine()?;
    }
    let first = match source.problem(e.seed, 0, Interrupt::when(interrupt)) {
        Err(RunError::Recovery(RecoveryError::Interrupted)) => {
            return Ok(Report::Interrupted { folder: options.out.clone() });
        }
        first => first?,
    };
    check_kept(e, &first)?;
    let shape = (first.samples(), first.unknowns(), kept(e, &first));
    let estimate = RecoveryMemory::new(e, shape, source.file_bytes(), registry);
    estimate.fits_machine()?;
    if !options.quiet {
        note(format!("memory: about {}", bytes(estimate.total())));
    }
    for (_, study) in studies_of(registry.recovery, e) {
        study.check(&source)?;
    }
    let resolved = e.resolved();
    let sources = serde_json::to_value(source.files()).unwrap_or_default();
    let OpenRun { folder, earlier } = match lifecycle::open((options, part), ranks, &resolved, &sources)? {
        Opening::Open(open) => open,
        Opening::Complete(report) => return Ok(report),
    };
    let context = RunContext::on(Arc::clone(ranks), &folder, interrupt, options.quiet, part)?;
    let subject = RecoverySubject { experiment: e, source: &source };
    let tasks = || study_tasks(&context, registry.recovery, e, |study| study.run(subject, &context));
    match part {
        Part::Shard(shard) => return run_shard(&context, shard, (Vec::new(), false), tasks),
        Part::Finish => require_shards(&folder, |_| Ok(Vec::new()))?,
        Part::Whole | Part::Limit => {}
    }
    let population = PopulationRecord {
        description: source.description(),
        samples: first.samples(),
        inputs: first.unknowns(),
        outputs: 1,
        test_samples: None,
        standardisation: serde_json::Value::Null,
        sources,
    };
    let memory = serde_json::to_value(estimate).unwrap_or_default();
    let mut manifest = lifecycle::manifest(RunKind::Recovery, part, resolved, e.seed, population, memory, earlier);
    folder.write_json("manifest.json", &manifest)?;
    if let Ok(text) = toml::to_string(e) {
        folder.write_text(EXPERIMENT, &text)?;
    }
    if ranks.is_first() {
        write_problem(&folder, &first)?;
    }
    drop(first);
    let record = RecoveryRecord {
        methods: e.solver.methods.iter().map(|method| method.name().into()).collect(),
        success: e.solver.success,
        image: source.image(),
    };
    folder.write_json(FILE, &record)?;
    manifest.add_phase("problems", started.elapsed().as_secs_f64());

    if part == Part::Limit {
        return lifecycle::limit_done(&context, manifest, tasks()?);
    }
    context.journal.plan(Vec::new(), e.studies.iter().map(|study| study.name.to_string()).collect());
    let first = |name| lifecycle::first_figure(options, &context, registry.recovery_figures(name));
    match lifecycle::run_studies(registry.recovery, e, subject, &context, &mut manifest, first)? {
        Outcome::Complete(checks) => lifecycle::finish(options, &context, manifest, checks, registry),
        Outcome::Interrupted => lifecycle::interrupted(&context, manifest),
    }
}

/// Checks all that can be checked before anything is computed, as [`run`] does; returns the estimated memory in bytes.
///
/// # Errors
/// As [`run`], but for the folder.
pub(super) fn require_runnable(
    e: &RecoveryExperiment,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<u64, RunError> {
    let source = ProblemSource::new(e)?;
    let first = source.problem(e.seed, 0, Interrupt::when(interrupt))?;
    check_kept(e, &first)?;
    let shape = (first.samples(), first.unknowns(), kept(e, &first));
    let estimate = RecoveryMemory::new(e, shape, source.file_bytes(), registry);
    estimate.fits_machine()?;
    for (_, study) in studies_of(registry.recovery, e) {
        study.check(&source)?;
    }
    Ok(estimate.total())
}

/// What only the problem can tell about k.
fn check_kept(e: &RecoveryExperiment, problem: &SparseProblem) -> Result<(), RunError> {
    let d = problem.unknowns();
    if e.solver.k.is_none() && problem.truth().is_none() {
        return Err(RunError::UnknownSparsity);
    }
    match e.solver.k {
        Some(k) if k > d => Err(RecoveryError::Sparsity { k, d }.into()),
        _ => Ok(()),
    }
}

/// The estimated memory of the first of some ranks, and the largest number of tasks of a study. A problem file is read.
///
/// # Errors
/// Problems that cannot be read or drawn.
pub(super) fn estimate_memory(
    e: &RecoveryExperiment,
    registry: &'static Registry,
    ranks: usize,
) -> Result<(RecoveryMemory, f64), RunError> {
    let source = ProblemSource::new(e)?;
    let shape = match source.drawn_law() {
        Some(law) => (law.n, law.d, e.solver.kept(law.sparsity, law.d)),
        None => {
            let first = source.problem(e.seed, 0, Interrupt::NEVER)?;
            check_kept(e, &first)?;
            (first.samples(), first.unknowns(), kept(e, &first))
        }
    };
    let [n, d, k] = [shape.0, shape.1, shape.2].map(|size| size as f64);
    let sizes = RecoverySizes { experiment: e, n, d, k };
    let tasks = studies_of(registry.recovery, e).map(|(_, study)| study.memory(sizes).tasks).fold(1.0, f64::max);
    Ok((RecoveryMemory::on_ranks(e, shape, source.file_bytes(), registry, ranks), tasks))
}

/// Entries kept on a problem.
pub fn kept(e: &RecoveryExperiment, problem: &SparseProblem) -> usize {
    let sparsity = problem.truth().map_or(1, |truth| truth.iter().filter(|w| **w != 0.0).count());
    e.solver.kept(sparsity, problem.unknowns())
}

/// Whether a full second-order step is exact on the problems: a quadratic, no fewer samples than unknowns, no damping.
pub fn undamped(e: &RecoveryExperiment, problem: &SparseProblem) -> bool {
    problem.is_quadratic()
        && e.solver.damping.of(problem) == 0.0
        && e.solver.step == 1.0
        && problem.samples() >= problem.unknowns()
}

/// Writes `state/problem.npz`: the first problem, as `problem.kind = "file"` reads it: the design X (n, d), the
/// measurements y (n), the truth `w_star` (d) where it is known, and `w0` (d), where iterations start.
fn write_problem(folder: &RunFolder, problem: &SparseProblem) -> Result<(), RunError> {
    let (n, d) = (problem.samples(), problem.unknowns());
    let design = problem.design();
    let mut arrays = Arrays::default();
    arrays.push("X", &[n, d], (0..n).flat_map(|i| (0..d).map(move |j| design[(j, i)])).collect());
    arrays.push("y", &[n], problem.measurements().to_vec());
    if let Some(truth) = problem.truth() {
        arrays.push("w_star", &[d], truth.to_vec());
    }
    arrays.push("w0", &[d], problem.start().to_vec());
    Ok(arrays.write(&folder.file("state/problem.npz"))?)
}
