//! The table `[dropout]`.

use crate::analysis::trend::SeedQuantity;
use crate::config::study::{StudyTable, TrainingRequirements};
use crate::config::{Experiment, Section};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::cost::operations::forward;
use crate::run::curve::Curve;
use crate::run::plan::Plan;
use crate::run::study::{
    NamedFigure, Study, StudyKind, StudyMemory, StudyWork, TaskInputs, TrainingSizes, TrainingSubject,
};
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
        let e = sizes.experiment;
        let widest = e.widths.largest();
        let layers: f64 = sizes.network.hidden_layers(widest).iter().map(|&n| n as f64).sum();
        let counts = if self.kept.is_empty() { (widest as f64).log2().ceil() } else { self.kept.len() as f64 };
        // The kept neurons of every draw; losses of the draws, of the chunks that are evaluated at one time, and of the
        // sums; activations and features of a chunk; and the network in a few forms.
        let draws = self.draws as f64 * (5.0 + 0.5 * layers + 3.0 * counts);
        let chunk = 64.0 * (3.0 * layers + sizes.inputs);
        // Greedy choice: activations and their inputs, and inner products.
        let neurons = |width: usize| sizes.network.hidden_layers(width).iter().map(|&n| n as f64).fold(0.0, f64::max);
        let greedy = sizes.widest_up_to(self.greedy_up_to).map_or(0.0, neurons);
        let choice = 2.0 * greedy * sizes.samples + 2.0 * greedy * greedy;
        let per_thread = 8.0 * (draws + 2.0 * chunk + choice + 6.0 * sizes.network.state_len_f64(widest));
        // The inputs and labels of the whole sample, and the changes of all networks with the copies of their record.
        let networks = (e.widths.values.len() * e.widths.seeds) as f64;
        let shared = 8.0 * (sizes.samples * (sizes.inputs + sizes.outputs) + 4.0 * 7.0 * networks * counts);
        let keys = StudyMemory::keys_of_largest(&[
            (draws, &["dropout.draws", "dropout.kept"]),
            (choice, &["dropout.greedy_up_to"]),
            (2.0 * chunk + 6.0 * sizes.network.state_len_f64(widest), &["widths.values"]),
            (sizes.samples * (sizes.inputs + sizes.outputs), &["population"]),
            (28.0 * networks * counts, &["widths.seeds", "dropout.kept"]),
        ]);
        StudyMemory { per_thread, shared, keys }
    }

    fn work(&self, sizes: TrainingSizes<'_>) -> Option<StudyWork> {
        let e = sizes.experiment;
        let kept = super::study::sizes(self, &e.widths.values);
        let of_width = |width: usize| {
            let most = kept.iter().copied().filter(|&m| m < width).max().unwrap_or(0) as f64;
            let counts = kept.iter().filter(|&&m| m < width).count() as f64;
            let layers = sizes.network.hidden_layers(width);
            let last = *layers.last().unwrap_or(&width) as f64;
            let (per, outputs) = (last / width as f64, sizes.outputs);
            let pass = sizes.samples * forward(sizes.network, width as f64);
            // Features of kept neurons are added once for all sizes, the loss is evaluated at every size.
            let draws = self.draws as f64 + 1.0;
            let sums = sizes.samples * outputs * draws * (most * per + counts);
            let greedy = if width <= self.greedy_up_to { sizes.samples * last * last } else { 0.0 };
            // Without a neuron of a lower layer every set needs a pass of its own, of about half of the neurons.
            let others = (sizes.network.dropout_patterns().len() - 1) as f64;
            StudyWork { operations: others * 0.5 * draws * counts * pass, scalar: pass + sums + greedy, tasks: 1.0 }
        };
        let seeds = e.widths.seeds as f64;
        let sum = |of: fn(StudyWork) -> f64| seeds * e.widths.values.iter().map(|&n| of(of_width(n))).sum::<f64>();
        Some(StudyWork { operations: sum(|w| w.operations), scalar: sum(|w| w.scalar), tasks: sum(|w| w.tasks) })
    }

    fn task_inputs(&self, task: &str, e: &Experiment, plan: &Plan) -> Option<TaskInputs> {
        let id = task.strip_prefix("dropout-")?;
        let place = Some(plan.place(id)?);
        Some(TaskInputs { trajectories: vec![id.into()], place, numbers: super::study::sizes(self, &e.widths.values) })
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Dropout {
    const NAME: &'static str = "dropout";
    const ABOUT: About = super::about::ABOUT;
    const QUANTITIES: &'static [&'static str] = super::quantity::NAMES;

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
