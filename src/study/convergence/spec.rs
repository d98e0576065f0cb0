//! The table `[convergence]`.

use crate::analysis::trend::SeedQuantity;
use crate::config::study::StudyTable;
use crate::config::{Allowed, Experiment, Section};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::study::{NamedFigure, Study, StudyKind, TrainingSubject};
use serde::Serialize;

/// Risk against time across widths, starts and methods (theory section 8).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Convergence {
    /// Levels of the risk whose first passage times are measured, as fractions of the decrease of the limit's risk: 1
    /// is the start, 0 the end.
    pub levels: Vec<f64>,
}

impl StudyTable<Experiment> for Convergence {}

impl Study<Experiment> for Convergence {
    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Convergence {
    const NAME: &'static str = "convergence";
    const ABOUT: About = super::about::ABOUT;
    const FORMER_NAMES: &'static [&'static str] = &["converge"];
    const QUANTITIES: &'static [&'static str] = super::quantity::NAMES;

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let levels = if s.has("levels") { s.reals("levels", Allowed::Between(0.0, 1.0)) } else { vec![0.5, 0.2, 0.1] };
        s.finish();
        Convergence { levels }
    }

    fn quantities(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
        super::quantity::quantities(folder)
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
