//! The table `[recover]`.

use crate::config::study::{RecoveryRequirements, StudyTable};
use crate::config::{RecoveryExperiment, Section};
use crate::record::RunFolder;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::study::{NamedFigure, RecoverySubject, Study, StudyKind};
use serde::Serialize;

/// Error curves of every method on every problem.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recover {
    /// Number of problems.
    pub problems: usize,
}

impl StudyTable<RecoveryExperiment> for Recover {
    fn requirements(&self) -> RecoveryRequirements {
        RecoveryRequirements { problems: self.problems, ..RecoveryRequirements::default() }
    }
}

impl Study<RecoveryExperiment> for Recover {
    fn run(&self, subject: RecoverySubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<RecoveryExperiment> for Recover {
    const NAME: &'static str = "recover";

    fn read(mut s: Section<'_>, _: &RecoveryExperiment) -> Self {
        let recover = Recover { problems: s.count_within("problems", Some(20), 1..=100_000) };
        s.finish();
        recover
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }
}
