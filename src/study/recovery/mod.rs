//! Experiments of sparse recovery (WMSKA): problems in, records out. They train nothing, and share with the other kind
//! the run folder, the records, the checks, the figures and the way to stop and go on.
//!
//! | study | question |
//! |---|---|
//! | `curves.rs`, `[recover]` | how fast does each algorithm come to the truth? |
//! | `noise.rs`, `[noise]` | what does noise cost, beside least squares on the true support? |
//! | `rates.rs`, `[rates]` | do the theorems' bounds hold, and how near to them does it come? |
//! | `phase.rs`, `[phase]` | for which n/d and k/n is the truth found? |

mod curves;
mod noise;
mod phase;
mod rates;
mod source;

use super::{Options, Report, RunError, Setting, add_phase, walk};
use crate::analysis::verdict::Check;
use crate::compute::InstructionSet;
use crate::config::{RecoveryExperiment, memory};
use crate::record::npz::Arrays;
use crate::record::{Manifest, PopulationRecord, RecoveryRecord, RunFolder, Status};
use crate::sparse::recovery::{Damping, Problem};
use source::Source;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What every study of a run needs.
struct Subject<'a> {
    experiment: &'a RecoveryExperiment,
    source: &'a Source,
}

/// Checks, and what a person should know.
type Findings = (Vec<Check>, Vec<String>);

/// Runs an experiment of sparse recovery.
///
/// # Errors
/// As [`super::run`].
pub fn run(e: &RecoveryExperiment, options: &Options, interrupt: &AtomicBool) -> Result<Report, RunError> {
    let began = Instant::now();
    let source = Source::new(e)?;
    let first = source.problem(e.seed, 0)?;
    check_kept(e, &first)?;
    let estimate = Estimate::new(e, &first);
    estimate.fits_machine().map_err(RunError::Memory)?;
    let resolved = serde_json::to_value(e).expect("an experiment has text keys only");
    let (folder, earlier) = match walk::open(options, &resolved)? {
        Ok(open) => open,
        Err(complete) => return Ok(complete),
    };
    let mut manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("WIDELIMIT_REVISION").into(),
        status: Status::Running,
        experiment: resolved,
        seed: e.seed,
        clock: None,
        population: PopulationRecord {
            description: source.description(),
            samples: first.samples(),
            inputs: first.unknowns(),
            outputs: 1,
            standardisation: serde_json::Value::Null,
            sources: serde_json::to_value(source.files()).unwrap_or_default(),
        },
        host: walk::host(),
        threads: rayon::current_num_threads(),
        simd: InstructionSet::current().to_string(),
        memory: serde_json::to_value(estimate).unwrap_or_default(),
        resumed: earlier.as_ref().map_or(0, |m| m.resumed + 1),
        phases: earlier.map(|m| m.phases).unwrap_or_default(),
        warnings: Vec::new(),
        trajectories: Vec::new(),
    };
    folder.write_json("manifest.json", &manifest)?;
    if let Ok(text) = toml::to_string(e) {
        folder.write_text("experiment.toml", &text)?;
    }
    write_problem(&folder, &first)?;
    drop(first);
    add_phase(&mut manifest, "problems", began.elapsed().as_secs_f64());

    let setting = Setting { folder: &folder, interrupt, quiet: options.quiet };
    let subject = Subject { experiment: e, source: &source };
    let mut record = RecoveryRecord {
        methods: e.solver.methods.iter().map(|method| method.name().into()).collect(),
        success: e.solver.success,
        image: source.image(),
        summaries: Vec::new(),
    };
    type Study<'s> = Box<dyn FnOnce(&mut RecoveryRecord) -> Result<Option<Findings>, RunError> + 's>;
    let mut studies: Vec<(&str, Study<'_>)> = Vec::new();
    if let Some(terms) = &e.recover {
        studies.push(("recover", Box::new(|record| curves::study(&subject, terms, &setting, record))));
    }
    if let Some(terms) = &e.noise {
        studies.push(("noise", Box::new(|_| noise::study(&subject, terms, &setting))));
    }
    if let Some(terms) = &e.rates {
        studies.push(("rates", Box::new(|_| rates::study(&subject, terms, &setting))));
    }
    if let Some(terms) = &e.phase {
        studies.push(("phase", Box::new(|_| phase::study(&subject, terms, &setting))));
    }
    let mut checks = Vec::new();
    for (name, study) in studies {
        let began = Instant::now();
        let Some((found, warnings)) = study(&mut record)? else { return walk::interrupted(&folder, manifest) };
        checks.extend(found);
        manifest.warnings.extend(warnings);
        add_phase(&mut manifest, &format!("study: {name}"), began.elapsed().as_secs_f64());
    }
    folder.write_json("records/recovery.json", &record)?;
    walk::finish(&folder, manifest, checks)
}

/// What only the problem can tell about k.
fn check_kept(e: &RecoveryExperiment, problem: &Problem) -> Result<(), RunError> {
    let d = problem.unknowns();
    if e.solver.k.is_none() && problem.truth().is_none() {
        return Err(RunError::NothingToKeep);
    }
    match e.solver.k {
        Some(k) if k > d => Err(crate::sparse::recovery::RecoveryError::Sparsity { k, d }.into()),
        _ => Ok(()),
    }
}

/// Entries kept on a problem.
fn kept(e: &RecoveryExperiment, problem: &Problem) -> usize {
    let sparsity = problem.truth().map_or(1, |truth| truth.iter().filter(|w| **w != 0.0).count());
    e.solver.kept(sparsity, problem.unknowns())
}

/// Whether a full second-order step is exact on the problems: a quadratic, no fewer samples than unknowns, no damping.
fn undamped(e: &RecoveryExperiment, problem: &Problem) -> bool {
    problem.is_quadratic()
        && e.solver.damping.of(problem) == 0.0
        && e.solver.step == 1.0
        && (problem.samples() >= problem.unknowns() || e.solver.damping == Damping::Relative(0.0))
}

/// `state/problem.npz`: the first problem, as `problem.kind = "file"` reads it and NumPy can redo it.
fn write_problem(folder: &RunFolder, problem: &Problem) -> Result<(), RunError> {
    let (n, d) = (problem.samples(), problem.unknowns());
    let mut arrays = Arrays::default();
    let design = problem.design();
    arrays.push("X", &[n, d], (0..n).flat_map(|i| (0..d).map(move |j| design[(j, i)])).collect());
    arrays.push("y", &[n], problem.measurements().to_vec());
    if let Some(truth) = problem.truth() {
        arrays.push("w_star", &[d], truth.to_vec());
    }
    arrays.push("w0", &[d], problem.start().to_vec());
    Ok(arrays.write(&folder.file("state/problem.npz"))?)
}

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Estimate {
    /// Designs, one a thread.
    designs: u64,
    /// Hessians, their factors and inverses.
    matrices: u64,
}

impl Estimate {
    /// For the largest problem of the experiment; a problem on every thread.
    fn new(e: &RecoveryExperiment, first: &Problem) -> Self {
        let (mut n, d) = (first.samples() as f64, first.unknowns() as f64);
        if let Some(phase) = &e.phase {
            n = n.max(phase.n_over_d.iter().copied().fold(0.0, f64::max) * d);
        }
        let threads = rayon::current_num_threads() as f64;
        Estimate { designs: (threads * 2.0 * n * d * 8.0) as u64, matrices: (threads * 6.0 * d * d * 8.0) as u64 }
    }

    fn fits_machine(self) -> Result<(), String> {
        let (machine, total) = (memory::machine_memory(), self.designs.saturating_add(self.matrices));
        if machine == 0 || total <= machine {
            return Ok(());
        }
        Err(format!(
            "the run would hold about {} (designs {}, Hessians {}) and this machine has {}: expected a smaller n or d, or fewer --threads",
            memory::bytes(total),
            memory::bytes(self.designs),
            memory::bytes(self.matrices),
            memory::bytes(machine)
        ))
    }
}
