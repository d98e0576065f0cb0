//! The table `[rates]`.

use crate::config::study::StudyTable;
use crate::config::{RecoveryExperiment, Section};
use crate::record::RunFolder;
use crate::run::about::About;
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
        // Of nine statements five take up to 60 steps on a problem, the others about 6. The largest problems have 4000 rows
        // and 20 unknowns.
        let steps = problems * (5.0 * 60.0 + 4.0 * 6.0);
        RecoveryStudyMemory {
            problem: 2.5e6,
            tasks: 9.0 * problems,
            records: 40.0 * steps,
            figures: vec![figure_bytes(6.9, 6.2, 2.4e6 + 1.2e3 * steps)],
        }
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: RecoverySubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<RecoveryExperiment> for Rates {
    const NAME: &'static str = "rates";
    const ABOUT: About = super::about::ABOUT;

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
