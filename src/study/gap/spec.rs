//! The table `[gap]`.

use crate::analysis::trend::SeedQuantity;
use crate::config::study::{StudyTable, TrainingRequirements};
use crate::config::{BatchSize, Experiment, Section, Sweep};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// Distances from the limit against width, step and batch size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// Directions of the sliced Wasserstein distance.
    pub projections: usize,
    /// Bootstrap resamples of every interval.
    pub resamples: usize,
    /// Whether the networks of the widths, which follow mini-batches, are trained under the full gradient too: the first
    /// term of the bound is identified on them.
    pub full_gradient: bool,
    /// Sweeps over step or batch size at one width.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<Sweep>,
}

impl StudyTable<Experiment> for Gap {
    fn requirements(&self) -> TrainingRequirements<'_> {
        TrainingRequirements {
            sweeps: &self.sweep,
            projections: self.projections,
            full_gradient: self.full_gradient,
            ..TrainingRequirements::default()
        }
    }
}

impl Study<Experiment> for Gap {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        // A statistic of every value in every resample, and the slopes, sorted.
        let values = sizes.experiment.widths.values.len() as f64;
        let shared = self.resamples as f64 * 8.0 * (values + 3.0);
        StudyMemory { shared, keys: &["gap.resamples"], ..StudyMemory::default() }
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Gap {
    const NAME: &'static str = "gap";
    const ABOUT: About = super::about::ABOUT;
    const QUANTITIES: &'static [&'static str] = super::quantity::NAMES;

    fn read(mut s: Section<'_>, experiment: &Experiment) -> Self {
        let projections = s.count_within("projections", Some(32), 1..=100_000);
        let resamples = s.count_within("resamples", Some(2000), 100..=1_000_000);
        let sweep: Vec<Sweep> = s.sections("sweep").into_iter().map(Sweep::read).collect();
        let batch = experiment.dynamics.batch;
        let possible = batch != BatchSize::Full && !experiment.population.fresh();
        // Without a sweep that identifies the second term, the first one is of no use.
        let identified = sweep
            .iter()
            .any(|sweep| sweep.values.iter().any(|&value| sweep.at(value, &experiment.dynamics).1 == batch));
        let full_gradient = s.flag("full_gradient", possible && identified);
        if full_gradient && !possible {
            let reason = if batch == BatchSize::Full {
                "the networks follow the full gradient already: remove the key"
            } else {
                "a population with draws = \"fresh\" has no full gradient: remove the key"
            };
            s.reject("full_gradient", Some("true".into()), reason);
        }
        let gap = Gap { projections, resamples, full_gradient, sweep };
        s.finish();
        gap
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
