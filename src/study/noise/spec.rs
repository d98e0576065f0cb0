//! The table `[noise]`.

use crate::config::study::{RecoveryRequirements, StudyTable};
use crate::config::{Allowed, KeyErrors, ProblemSpec, RecoveryExperiment, Section};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::recovery_sizes::{RecoverySizes, RecoveryStudyMemory, figure_bytes};
use crate::run::study::{NamedFigure, RecoverySubject, Study, StudyKind};
use crate::sparse::recovery::SampleLoss;
use serde::Serialize;

/// Median errors, compared with least squares on the true support.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoiseSensitivity {
    /// Signal to noise ratios in decibels, increasing.
    pub snr_db: Vec<f64>,
    /// Problems at each.
    pub problems: usize,
}

impl StudyTable<RecoveryExperiment> for NoiseSensitivity {
    fn validate(&self, e: &RecoveryExperiment, errors: &KeyErrors) {
        if matches!(&e.problem, ProblemSpec::Drawn(law) if law.loss != SampleLoss::Squared) {
            let message = "is about least squares: expected problem.loss = \"squared\", or no table [noise]";
            errors.add("noise", None, message);
        }
    }

    fn requirements(&self) -> RecoveryRequirements {
        RecoveryRequirements { draws: true, ..RecoveryRequirements::default() }
    }
}

impl Study<RecoveryExperiment> for NoiseSensitivity {
    fn memory(&self, sizes: RecoverySizes<'_>) -> RecoveryStudyMemory {
        let (problems, methods) = (self.problems as f64, sizes.methods());
        RecoveryStudyMemory {
            problem: sizes.problem(sizes.n),
            tasks: problems,
            records: 8.0 * problems * self.snr_db.len() as f64 * (methods + 8.0),
            figures: vec![figure_bytes(5.2, 2.6, 60e3 * methods)],
        }
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: RecoverySubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<RecoveryExperiment> for NoiseSensitivity {
    const NAME: &'static str = "noise";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &RecoveryExperiment) -> Self {
        let snr_db = if s.has("snr_db") { s.reals("snr_db", Allowed::Any) } else { vec![10.0, 20.0, 30.0, 40.0, 60.0] };
        s.require_increasing("snr_db", &snr_db, "numbers");
        let noise = NoiseSensitivity { snr_db, problems: s.count_within("problems", Some(20), 1..=100_000) };
        s.finish();
        noise
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
