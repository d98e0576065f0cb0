//! The table `[gap]`.

use crate::config::study::{StudyTable, TrainingRequirements};
use crate::config::{Experiment, Section, Sweep};
use crate::record::RunFolder;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// Distances from the limit against width, step and batch size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// Directions of the sliced Wasserstein distance.
    pub projections: usize,
    /// Bootstrap resamples of every interval.
    pub resamples: usize,
    /// Sweeps over step or batch size at one width.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<Sweep>,
}

impl StudyTable<Experiment> for Gap {
    fn requirements(&self) -> TrainingRequirements<'_> {
        TrainingRequirements { sweeps: &self.sweep, projections: self.projections, dropout: false }
    }
}

impl Study<Experiment> for Gap {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        // A statistic of every value in every resample, and the slopes, sorted.
        let values = sizes.experiment.widths.values.len() as f64;
        StudyMemory { shared: self.resamples as f64 * 8.0 * (values + 3.0), ..StudyMemory::default() }
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Gap {
    const NAME: &'static str = "gap";

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let gap = Gap {
            projections: s.count("projections", Some(32), 1),
            resamples: s.count("resamples", Some(2000), 100),
            sweep: s.sections("sweep").into_iter().map(Sweep::read).collect(),
        };
        s.finish();
        gap
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }
}
