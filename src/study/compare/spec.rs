//! The table `[compare]`.

use crate::config::study::StudyTable;
use crate::config::{PruningExperiment, Section};
use crate::prune::layer::Sparsity;
use crate::prune::network::Quota;
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::pruning_sizes::{PruningSizes, PruningStudyMemory};
use crate::run::pruning_source::PruningSource;
use crate::run::recovery_sizes::figure_bytes;
use crate::run::study::{NamedFigure, PruningSubject, Study, StudyKind};
use serde::Serialize;

/// Every method at every sparsity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compare {
    /// The sparsities: fractions, and patterns.
    pub sparsities: Vec<Sparsity>,
}

impl StudyTable<PruningExperiment> for Compare {}

impl Study<PruningExperiment> for Compare {
    fn memory(&self, sizes: PruningSizes<'_>) -> PruningStudyMemory {
        let models = (self.sparsities.len() * sizes.experiment.pruning.methods.len()) as f64;
        PruningStudyMemory {
            samples: sizes.batch,
            records: models * (9.0 * sizes.held_out as f64 + 160.0 * sizes.layers as f64),
            figure: figure_bytes(6.9, 2.2 * self.sparsities.len().div_ceil(2) as f64, 100e3 * models),
            training_batch: 0,
        }
    }

    fn check(&self, source: &PruningSource) -> Result<(), RunError> {
        for &sparsity in &self.sparsities {
            let quota = Quota::Uniform(sparsity);
            source.check(&quota)?;
        }
        Ok(())
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: PruningSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<PruningExperiment> for Compare {
    const NAME: &'static str = "compare";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &PruningExperiment) -> Self {
        let compare = Compare { sparsities: s.sparsities("sparsities") };
        s.finish();
        compare
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
