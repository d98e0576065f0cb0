//! The table `[recover]`.

use crate::config::study::{RecoveryRequirements, StudyTable};
use crate::config::{ProblemSpec, RecoveryExperiment, Section};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::recovery_sizes::{RecoverySizes, RecoveryStudyMemory, figure_bytes};
use crate::run::study::{NamedFigure, RecoverySubject, Study, StudyKind};
use serde::Serialize;

/// Error curves of every method on every problem.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recover {
    /// Number of problems; 20 by default, 1 for a file.
    pub problems: usize,
}

impl StudyTable<RecoveryExperiment> for Recover {
    fn requirements(&self) -> RecoveryRequirements {
        RecoveryRequirements { problems: self.problems, ..RecoveryRequirements::default() }
    }
}

impl Study<RecoveryExperiment> for Recover {
    fn memory(&self, sizes: RecoverySizes<'_>) -> RecoveryStudyMemory {
        let (problems, methods) = (self.problems as f64, sizes.methods());
        let recorded = super::runs::recorded_iterations(sizes.experiment.solver.iterations).len() as f64;
        // The marks of a method: two lines and a band.
        let mut figures = vec![figure_bytes(6.9, 2.8, 160e3 * methods)];
        if matches!(sizes.experiment.problem, ProblemSpec::Mnist(_)) {
            let (rows, columns) = (problems.min(6.0), 1.0 + methods.min(6.0));
            figures.push(figure_bytes(0.1 + 1.05 * columns, 0.1 + 1.22 * rows, 250.0 * sizes.d * rows * columns));
        }
        RecoveryStudyMemory {
            problem: sizes.problem(sizes.n),
            tasks: problems,
            records: 8.0 * problems * (methods * (2.0 * recorded + sizes.d + 16.0) + sizes.d),
            figures,
        }
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: RecoverySubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<RecoveryExperiment> for Recover {
    const NAME: &'static str = "recover";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, e: &RecoveryExperiment) -> Self {
        // A file holds one problem.
        let default = if matches!(e.problem, ProblemSpec::File { .. }) { 1 } else { 20 };
        let recover = Recover { problems: s.count_within("problems", Some(default), 1..=100_000) };
        s.finish();
        recover
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
