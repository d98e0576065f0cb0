//! The table `[dropout]`.

use crate::config::study::{StudyTable, TrainingRequirements};
use crate::config::{Experiment, Section};
use crate::record::RunFolder;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// The increase of the loss when neurons are dropped (theory section 6).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dropout {
    /// Numbers M of neurons kept; by default powers of two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<usize>,
    /// Random sets per network.
    pub draws: usize,
    /// Largest width at which neurons are also chosen greedily.
    pub greedy_up_to: usize,
}

impl StudyTable<Experiment> for Dropout {
    fn requirements(&self) -> TrainingRequirements<'_> {
        TrainingRequirements { dropout: true, ..TrainingRequirements::default() }
    }
}

impl Study<Experiment> for Dropout {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let widest = sizes.experiment.widths.largest();
        // Greedy choice: features, their inner products, and the products of output weights.
        let greedy = widest.min(self.greedy_up_to) as f64;
        let features = greedy * sizes.samples * sizes.outputs.min(2.0);
        let per_thread = 8.0 * (features + 3.0 * greedy * greedy + self.draws as f64 * widest as f64);
        StudyMemory { per_thread, ..StudyMemory::default() }
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Dropout {
    const NAME: &'static str = "dropout";

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let dropout = Dropout {
            kept: if s.has("kept") { s.counts("kept", 1) } else { Vec::new() },
            draws: s.count_within("draws", Some(100), 10..=1_000_000),
            greedy_up_to: s.count("greedy_up_to", Some(512), 0),
        };
        s.require_increasing("kept", &dropout.kept, "numbers");
        s.finish();
        dropout
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }
}
