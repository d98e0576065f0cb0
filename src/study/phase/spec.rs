//! The table `[phase]`.

use crate::config::study::{RecoveryRequirements, StudyTable};
use crate::config::{Allowed, KeyErrors, ProblemSpec, RecoveryExperiment, Section};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::recovery_sizes::{RecoverySizes, RecoveryStudyMemory, figure_bytes};
use crate::run::study::{NamedFigure, RecoverySubject, Study, StudyKind};
use crate::sparse::recovery::RecoveryMethod;
use serde::Serialize;

/// The probability of success over (n/d, k/n), where k entries are kept and the true vector has k entries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseDiagram {
    /// Ratios n/d of samples to unknowns, increasing.
    pub n_over_d: Vec<f64>,
    /// Ratios k/n of entries to samples, increasing.
    pub k_over_n: Vec<f64>,
    /// Problems per cell.
    pub problems: usize,
}

impl StudyTable<RecoveryExperiment> for PhaseDiagram {
    fn validate(&self, e: &RecoveryExperiment, errors: &KeyErrors) {
        if !matches!(e.problem, ProblemSpec::Drawn(_)) {
            return;
        }
        let largest = self.k_over_n.iter().copied().fold(0.0, f64::max);
        if largest > 1.0 {
            errors.add("phase.k_over_n", Some(largest.to_string()), "expected at most 1");
        }
        if let Some(k) = e.solver.k {
            let message = "the phase diagram keeps as many entries as the true vector has: remove it";
            errors.add("solver.k", Some(k.to_string()), message);
        }
        if let Some(batch) = e.solver.batch.filter(|&batch| batch > 0) {
            let message = "the numbers of rows differ: remove it, for an eighth of the rows of each problem";
            errors.add("solver.batch", Some(batch.to_string()), message);
        }
        if e.solver.methods.contains(&RecoveryMethod::EXACT_OBS) {
            let message = "is too slow for a phase diagram: remove it";
            errors.add("solver.methods", Some("\"exact-iobs\"".into()), message);
        }
    }

    fn requirements(&self) -> RecoveryRequirements {
        let largest = self.n_over_d.iter().copied().fold(0.0, f64::max);
        RecoveryRequirements { draws: true, largest_ratio: Some(largest), ..RecoveryRequirements::default() }
    }
}

impl Study<RecoveryExperiment> for PhaseDiagram {
    fn memory(&self, sizes: RecoverySizes<'_>) -> RecoveryStudyMemory {
        let (cells, methods) = ((self.n_over_d.len() * self.k_over_n.len()) as f64, sizes.methods());
        let ratio = self.n_over_d.iter().copied().fold(0.0, f64::max);
        let densest = self.k_over_n.iter().copied().fold(0.0, f64::max);
        let n = (ratio * sizes.d).max(1.0);
        let largest = RecoverySizes { k: (densest * n).min(sizes.d), ..sizes };
        let rows = ((methods + 1.0) / 3.0).ceil();
        RecoveryStudyMemory {
            problem: largest.problem(n) + 16.0 * methods * self.problems as f64,
            tasks: cells,
            records: 8.0 * cells * (8.0 * methods + 4.0),
            figures: vec![figure_bytes(6.9, 2.1 * rows, methods * (240e3 + 2.5e3 * cells))],
        }
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: RecoverySubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<RecoveryExperiment> for PhaseDiagram {
    const NAME: &'static str = "phase";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &RecoveryExperiment) -> Self {
        let (n_over_d, k_over_n) = (s.reals("n_over_d", Allowed::Positive), s.reals("k_over_n", Allowed::Positive));
        s.require_increasing("n_over_d", &n_over_d, "numbers");
        s.require_increasing("k_over_n", &k_over_n, "numbers");
        let phase = PhaseDiagram { n_over_d, k_over_n, problems: s.count_within("problems", Some(20), 1..=100_000) };
        s.finish();
        phase
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
