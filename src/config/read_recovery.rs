//! Reading an experiment of sparse recovery, and the rules between its keys.

use super::allowed::Allowed;
use super::error::KeyErrors;
use super::read::{name, seed, studies};
use super::read_figure;
use super::recovery::*;
use super::section::Section;
use super::study::{RecoveryRequirements, Studies, StudyReader};
use crate::choice::{Choice, choice, quoted};
use crate::population::Split;
use crate::sparse::recovery::instance::{Design, Instance, Signal};
use crate::sparse::recovery::{Damping, MAX_SUPPORTS, RecoveryMethod, SampleLoss};
use std::path::Path;

/// Signal-to-noise ratios: beyond them, noise or signal is below the rounding of their sum.
const DECIBELS: Allowed = Allowed::Between(-300.0, 300.0);

/// Tables of this kind of experiment alone, without those of the studies.
pub(super) const OWN_KEYS: [&str; 2] = ["problem", "solver"];

/// Reads an experiment of sparse recovery from its root table; relative data paths are taken from `base`.
pub(super) fn experiment(
    mut root: Section<'_>,
    base: &Path,
    readers: &[StudyReader<RecoveryExperiment>],
    errors: &KeyErrors,
) -> RecoveryExperiment {
    let (name, title) = (name(&mut root), root.text("title", Some("")));
    let mut experiment = RecoveryExperiment {
        name,
        title,
        seed: seed(&mut root),
        problem: root.section("problem", true).map_or_else(placeholder, |s| problem(s, base)),
        solver: solver(root.section("solver", true)),
        figure: read_figure::figure(&mut root),
        studies: Studies::default(),
    };
    studies(&mut root, readers, &mut experiment);
    root.finish();
    validate(&experiment, errors);
    experiment
}

/// Stands for a problem that could not be read, so that reading continues; it is never used.
fn placeholder() -> ProblemSpec {
    ProblemSpec::File { path: Default::default(), loss: SampleLoss::Squared }
}

choice! {
    /// The kinds of [`ProblemSpec`].
    pub enum ProblemKind: "kind of problem" {
        /// [`ProblemSpec::Drawn`].
        Drawn = "drawn",
        /// [`ProblemSpec::Mnist`].
        Mnist = "mnist",
        /// [`ProblemSpec::File`].
        File = "file",
    }
}

choice! {
    /// The kinds of [`Design`].
    pub enum DesignKind: "law of designs" {
        /// [`Design::Gaussian`].
        Gaussian = "gaussian",
        /// [`Design::Rotated`].
        Rotated = "rotated",
        /// [`Design::Scaled`].
        Scaled = "scaled",
        /// [`Design::SparseSign`].
        SparseSign = "sparse-sign",
    }
}

fn problem(mut s: Section, base: &Path) -> ProblemSpec {
    let known = s.peek("kind").is_none_or(|kind| ProblemKind::from_name(&kind).is_ok());
    let kind = s.choice_of("kind", None);
    let spec = s.by_choice("kind", kind, |s, kind| match kind {
        ProblemKind::Mnist => ProblemSpec::Mnist(MnistSignals {
            n: s.count("n", None, 1),
            snr_db: s.optional_real("snr_db", DECIBELS),
            folder: super::read_population::absolute_path(base, s.path("folder")),
            split: s.choice_of("split", Some(Split::Train)),
        }),
        ProblemKind::File => ProblemSpec::File {
            path: super::read_population::absolute_path(base, s.path("path")),
            loss: s.choice_of("loss", Some(SampleLoss::Squared)),
        },
        ProblemKind::Drawn => ProblemSpec::Drawn(drawn(s)),
    });
    if known {
        s.finish();
    }
    spec
}

fn drawn(s: &mut Section<'_>) -> Instance {
    let loss = s.choice_of("loss", Some(SampleLoss::Squared));
    let (n, d) = (s.count("n", None, 1), s.count("d", None, 1));
    let sparsity = s.count("sparsity", None, 1);
    let kind = s.choice_of("design", Some(DesignKind::Gaussian));
    let condition = |s: &mut Section<'_>| {
        let condition = s.real("condition", None, Allowed::Positive);
        if condition < 1.0 {
            s.reject("condition", Some(condition.to_string()), "expected a number of at least 1");
        }
        condition
    };
    let design = s.by_choice("design", kind, |s, kind| match kind {
        DesignKind::Gaussian => Design::Gaussian,
        DesignKind::Rotated => Design::Rotated { condition: condition(s) },
        DesignKind::Scaled => Design::Scaled { condition: condition(s) },
        DesignKind::SparseSign => {
            let density = s.real("density", None, Allowed::Positive);
            if density > 1.0 {
                s.reject("density", Some(density.to_string()), "expected a number above 0 and at most 1");
            }
            Design::SparseSign { density }
        }
    });
    let signal = s.choice_of("signal", Some(Signal::Gaussian));
    let snr_db = s.optional_real("snr_db", DECIBELS);
    let start_distance = s.optional_real("start_distance", Allowed::NonNegative);
    if sparsity > d && d > 0 {
        s.reject("sparsity", Some(sparsity.to_string()), format!("expected at most d = {d}"));
    }
    if snr_db.is_some() && matches!(loss, SampleLoss::Logistic | SampleLoss::Exponential) {
        s.reject("snr_db", None, "noise is added to real measurements: expected loss = \"squared\" or \"quadratic-measurement\", or no snr_db");
    }
    if loss == SampleLoss::QuadraticMeasurement && start_distance.is_none() {
        s.reject("start_distance", None, "missing; the gradient of quadratic measurements vanishes at 0, where iterations would start: expected a number such as 0.1");
    }
    Instance { loss, n, d, sparsity, design, signal, snr_db, start_distance }
}

fn solver(section: Option<Section>) -> Solver {
    let mut spec = Solver {
        methods: Vec::new(),
        k: None,
        excess: 1.0,
        iterations: 1000,
        step: 1.0,
        damping: Damping::Auto,
        batch: None,
        tolerance: 1e-12,
        success: 1e-6,
    };
    let Some(mut s) = section else { return spec };
    let names = s.texts("methods");
    for name in &names {
        match RecoveryMethod::from_name(name) {
            Ok(method) if spec.methods.contains(&method) => {
                s.reject("methods", Some(format!("\"{name}\"")), "expected every method once");
            }
            Ok(method) => spec.methods.push(method),
            Err(unknown) => {
                let message = format!("expected names among {}", quoted(&unknown.names));
                s.reject("methods", Some(format!("\"{name}\"")), message);
            }
        }
    }
    if names.is_empty() {
        s.reject("methods", None, "missing; expected a list of at least one, such as [\"k-iht\", \"topk-iobs\"]");
    }
    spec.k = s.optional_count("k", 1);
    spec.excess = s.real("excess", Some(1.0), Allowed::Positive);
    if spec.excess < 1.0 {
        s.reject(
            "excess",
            Some(spec.excess.to_string()),
            "expected at least 1: with fewer entries than the true vector has, it cannot be recovered",
        );
    }
    spec.iterations = s.count("iterations", Some(1000), 1);
    spec.step = s.real("step", Some(1.0), Allowed::Positive);
    spec.damping = s.auto_or_real("damping", Allowed::NonNegative).map_or(Damping::Auto, Damping::Relative);
    spec.batch = s.optional_count("batch", 1);
    if spec.batch.is_some() && !spec.methods.contains(&RecoveryMethod::StochasticObs) {
        let message =
            "only the method stochastic-iobs draws mini-batches: expected it among solver.methods, or no batch";
        s.reject("batch", spec.batch.map(|batch| batch.to_string()), message);
    }
    spec.tolerance = s.real("tolerance", Some(1e-12), Allowed::NonNegative);
    spec.success = s.real("success", Some(1e-6), Allowed::Positive);
    s.finish();
    spec
}

/// Adds an error for every broken rule between keys. Placeholders of rejected keys, NaN or 0, break none.
fn validate(e: &RecoveryExperiment, errors: &KeyErrors) {
    let squared = match &e.problem {
        ProblemSpec::Drawn(instance) => instance.loss == SampleLoss::Squared,
        ProblemSpec::File { loss, .. } => *loss == SampleLoss::Squared,
        ProblemSpec::Mnist(_) => true,
    };
    for method in e.solver.methods.iter().filter(|method| method.least_squares_only() && !squared) {
        let message = "is a method of least squares: expected problem.loss = \"squared\", or another method";
        errors.add("solver.methods", Some(format!("\"{}\"", method.name())), message);
    }
    for study in e.studies.iter() {
        let RecoveryRequirements { problems, draws, .. } = study.table.requirements();
        match &e.problem {
            ProblemSpec::Drawn(_) => {}
            ProblemSpec::Mnist(_) | ProblemSpec::File { .. } if draws => {
                errors.add(study.name, None, "draws its problems: expected problem.kind = \"drawn\", or no such table");
            }
            ProblemSpec::File { .. } if problems > 1 => {
                errors.add(&format!("{}.problems", study.name), None, "a file holds one problem: expected 1");
            }
            ProblemSpec::File { .. } | ProblemSpec::Mnist(_) => {}
        }
        study.table.validate(e, errors);
    }
    let ProblemSpec::Drawn(instance) = &e.problem else { return };
    if let Some(k) = e.solver.k.filter(|&k| k > instance.d && instance.d > 0) {
        errors.add("solver.k", Some(k.to_string()), format!("expected at most problem.d = {}", instance.d));
    }
    if let Some(batch) = e.solver.batch.filter(|&batch| batch > instance.n && instance.n > 0) {
        let message = format!("expected at most problem.n = {}", instance.n);
        errors.add("solver.batch", Some(batch.to_string()), message);
    }
    let k = e.solver.kept(instance.sparsity, instance.d.max(1));
    let supports =
        (0..k.min(instance.d.saturating_sub(k))).map(|i| (instance.d - i) as f64 / (i + 1) as f64).product::<f64>();
    if e.solver.methods.contains(&RecoveryMethod::EXACT_OBS) && supports > MAX_SUPPORTS {
        let message = format!(
            "would enumerate {supports:.1e} supports, {k} of {} entries: expected at most {MAX_SUPPORTS:.0e}, or greedy-iobs or swap-iobs",
            instance.d
        );
        errors.add("solver.methods", Some("\"exact-iobs\"".into()), message);
    }
    if e.solver.methods.contains(&RecoveryMethod::CoSaMp)
        && !RecoveryMethod::CoSaMp.applies(instance.n, instance.d, k)
        && e.studies.requirements().all(|requirements| requirements.largest_ratio.is_none())
    {
        let message =
            format!("solves on 3 k = {} columns: expected at most min(n, d) = {}", 3 * k, instance.n.min(instance.d));
        errors.add("solver.methods", Some("\"cosamp\"".into()), message);
    }
}
