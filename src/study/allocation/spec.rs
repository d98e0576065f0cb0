//! The table `[allocation]`.

use crate::config::study::StudyTable;
use crate::config::{PruningExperiment, Section};
use crate::number::plain;
use crate::prune::layer::{PruneMethod, Sparsity};
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

/// Uniform and measured allocation of zeros.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Allocation {
    /// Fractions of zeros of all layers together.
    pub sparsities: Vec<Sparsity>,
    /// The method.
    pub method: PruneMethod,
}

impl StudyTable<PruningExperiment> for Allocation {}

impl Study<PruningExperiment> for Allocation {
    fn memory(&self, sizes: PruningSizes<'_>) -> PruningStudyMemory {
        let models = 2.0 * self.sparsities.len() as f64;
        PruningStudyMemory {
            samples: sizes.batch,
            records: models * (9.0 * sizes.held_out as f64 + 160.0 * sizes.layers as f64),
            figure: figure_bytes(6.9, 2.7, 100e3 * models),
            training_batch: 0,
        }
    }

    fn check(&self, source: &PruningSource) -> Result<(), RunError> {
        for &sparsity in &self.sparsities {
            source.check(&Quota::Uniform(sparsity))?;
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

impl StudyKind<PruningExperiment> for Allocation {
    const NAME: &'static str = "allocation";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &PruningExperiment) -> Self {
        let allocation = Allocation {
            sparsities: s.sparsities("sparsities"),
            method: s.choice_of("method", Some(PruneMethod::DUAL)),
        };
        let is_pattern = |(_, sparsity): &(usize, &Sparsity)| matches!(sparsity, Sparsity::Pattern { .. });
        for (index, pattern) in allocation.sparsities.iter().enumerate().filter(is_pattern) {
            let message = format!(
                "a pattern gives every layer the same sparsity: expected fractions, such as {}",
                plain(pattern.fraction())
            );
            s.reject(&format!("sparsities.{index}"), Some(format!("\"{pattern}\"")), message);
        }
        s.finish();
        allocation
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
