//! The table `[rates]`.

use crate::config::study::StudyTable;
use crate::config::{RecoveryExperiment, Section};
use crate::record::RunFolder;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::recovery_sizes::{RecoverySizes, RecoveryStudyMemory, figure_bytes};
use crate::run::study::{NamedFigure, RecoverySubject, Study, StudyKind};
use serde::Serialize;

/// The bounds of the theorems on the rates of convergence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Random trials of the statements about thresholding.
    pub trials: usize,
    /// Problems per law.
    pub problems: usize,
}

impl StudyTable<RecoveryExperiment> for Rates {}

impl Study<RecoveryExperiment> for Rates {
    fn memory(&self, _: RecoverySizes<'_>) -> RecoveryStudyMemory {
        let problems = self.problems as f64;
        // Of seven statements three take up to 60 steps on a problem, the others about 6. Their problems have 80 unknowns.
        let steps = problems * (3.0 * 60.0 + 4.0 * 6.0);
        RecoveryStudyMemory {
            problem: 500e3,
            tasks: 7.0 * problems,
            records: 24.0 * steps,
            figures: vec![figure_bytes(6.9, 3.2, 1.7e6 + 1.2e3 * steps)],
        }
    }

    fn run(&self, subject: RecoverySubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<RecoveryExperiment> for Rates {
    const NAME: &'static str = "rates";

    fn read(mut s: Section<'_>, _: &RecoveryExperiment) -> Self {
        let rates = Rates {
            trials: s.count_within("trials", Some(20_000), 100..=10_000_000),
            problems: s.count_within("problems", Some(10), 1..=100_000),
        };
        s.finish();
        rates
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }
}
