//! The table `[rounds]`.

use crate::choice::Choice;
use crate::config::study::StudyTable;
use crate::config::{Allowed, PruningExperiment, Section};
use crate::prune::layer::{PruneMethod, Sparsity};
use crate::prune::network::Quota;
use crate::prune::training::TrainingSettings;
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::pruning_sizes::{PruningSizes, PruningStudyMemory};
use crate::run::pruning_source::{BatchRule, PruningSource};
use crate::run::recovery_sizes::figure_bytes;
use crate::run::study::{NamedFigure, PruningSubject, Study, StudyKind};
use serde::Serialize;

/// Rounds of the iterative optimal brain surgeon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rounds {
    /// The sparsity.
    pub sparsity: Sparsity,
    /// Rounds after the first.
    pub rounds: usize,
    /// The method of the first round.
    pub first: PruneMethod,
    /// Samples of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// The rules of batches that are compared.
    pub batches: Vec<BatchRule>,
    /// Training of the kept weights after every round, beside rounds without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adam: Option<TrainingSettings>,
}

/// Rounds with one rule of batches, with or without training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoundSeries {
    /// The rule of batches.
    pub rule: BatchRule,
    /// Whether the kept weights are trained after every round.
    pub trained: bool,
}

impl RoundSeries {
    /// The name of its task and of its checks.
    pub fn name(self) -> String {
        format!("{}{}", self.rule, if self.trained { "-adam" } else { "" })
    }
}

impl StudyTable<PruningExperiment> for Rounds {}

impl Rounds {
    /// The series in the order of the records: without training, then with it where there is some.
    pub(super) fn series(&self) -> Vec<RoundSeries> {
        let of = |trained| self.batches.iter().map(move |&rule| RoundSeries { rule, trained });
        of(false).chain(of(true).filter(|_| self.adam.is_some())).collect()
    }

    /// Samples of a batch.
    pub fn samples(&self, source: &PruningSource) -> usize {
        self.batch.unwrap_or(source.batch_sizes().0)
    }
}

impl Study<PruningExperiment> for Rounds {
    fn memory(&self, sizes: PruningSizes<'_>) -> PruningStudyMemory {
        let models = (self.series().len() * (self.rounds + 1)) as f64;
        PruningStudyMemory {
            samples: self.batch.unwrap_or(sizes.batch),
            records: models * (9.0 * sizes.held_out as f64 + 160.0 * sizes.layers as f64),
            figure: figure_bytes(6.9, 2.7, 100e3 * models),
            training_batch: self.adam.map_or(0, |adam| adam.batch),
        }
    }

    fn check(&self, source: &PruningSource) -> Result<(), RunError> {
        source.check(&Quota::Uniform(self.sparsity))?;
        source.check_round_batch(self.batch)?;
        self.adam.map_or(Ok(()), |adam| Ok(source.check_training(&adam)?))
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: PruningSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<PruningExperiment> for Rounds {
    const NAME: &'static str = "rounds";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &PruningExperiment) -> Self {
        let chosen = s.has("batches");
        let rounds = Rounds {
            sparsity: s.sparsity("sparsity"),
            rounds: s.count_within("rounds", Some(10), 1..=10_000),
            first: s.choice_of("first", Some(PruneMethod::SWEEP)),
            batch: s.optional_count("batch", 1),
            adam: s.section("adam", false).map(adam),
            batches: match chosen {
                true => s.some_choices_of("batches", "[\"fresh\", \"same\"]"),
                false => BatchRule::ALL.to_vec(),
            },
        };
        s.finish();
        rounds
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}

/// Reads the table `[rounds.adam]`.
fn adam(mut s: Section<'_>) -> TrainingSettings {
    let settings = TrainingSettings {
        steps: s.count_within("steps", None, 1..=10_000_000),
        rate: s.real("rate", Some(1e-3), Allowed::Positive),
        batch: s.count("batch", Some(32), 1),
    };
    s.finish();
    settings
}
