//! The table `[keep]`.

use crate::config::study::StudyTable;
use crate::config::{Allowed, Experiment, KeyErrors, Section};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::plan::Plan;
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TaskInputs, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// Largest number of random sets.
const MOST_DRAWS: usize = 1_000_000;

/// Damping by default, relative to the mean diagonal: below it the moment of hundreds of neurons is singular to rounding.
const DAMPING: f64 = 1e-6;

/// The loss of networks of which M of N neurons are kept (theory section 12).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Keep {
    /// Numbers M of neurons kept; by default powers of two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<usize>,
    /// Random sets per network.
    pub draws: usize,
    /// Those of them whose output weights are refitted.
    pub refit_draws: usize,
    /// Damping of the moment of the activations, relative to its mean diagonal.
    pub damping: f64,
    /// Largest width at which neurons are eliminated and output weights refitted.
    pub eliminate_up_to: usize,
}

impl Keep {
    /// Numbers of neurons kept: those of the experiment, or the powers of two, below the largest width.
    pub fn sizes(&self, largest: usize) -> Vec<usize> {
        let all: Vec<usize> =
            if self.kept.is_empty() { (0..usize::BITS).map(|k| 1 << k).collect() } else { self.kept.clone() };
        all.into_iter().filter(|&m| m < largest).collect()
    }
}

impl StudyTable<Experiment> for Keep {
    fn validate(&self, e: &Experiment, errors: &KeyErrors) {
        let largest = e.widths.values.iter().copied().max().unwrap_or(0);
        if !self.kept.is_empty() && largest > 0 && self.sizes(largest).is_empty() {
            let message = format!("expected a number below the largest width, {largest}");
            errors.add_between("keep.kept", Some(format!("{:?}", self.kept)), message, &["widths.values"]);
        }
    }
}

impl Study<Experiment> for Keep {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let e = sizes.experiment;
        let widest = e.widths.largest();
        let last = |width: usize| sizes.network.hidden_layers(width).last().map_or(0.0, |&n| n as f64);
        let layers: f64 = sizes.network.hidden_layers(widest).iter().map(|&n| n as f64).sum();
        let counts = if self.kept.is_empty() { (widest as f64).log2().ceil() } else { self.kept.len() as f64 };
        // The random sets and their losses; activations and features of two chunks; the network in a few forms.
        let draws = self.draws as f64 * (5.0 + 0.5 * last(widest) + 3.0 * counts);
        let network = 2.0 * 64.0 * (3.0 * layers + sizes.inputs) + 6.0 * sizes.network.state_len_f64(widest);
        // Activations, and once more while they are computed; the moment, its factor and inverse, the eliminated inverse and
        // the next one, and the columns that are pending.
        let n = sizes.widest_up_to(self.eliminate_up_to).map_or(0.0, last);
        let surgeon = 2.0 * n * sizes.samples + 4.75 * n * n;
        // The limit: its parameters in a few forms, activations of a chunk.
        let particles = e.reference.particles;
        let limit = 3.0 * sizes.network.state_len_f64(particles) + 2.0 * 64.0 * last(particles);
        let networks = (e.widths.values.len() * e.widths.seeds) as f64;
        let shared = sizes.samples * (sizes.inputs + sizes.outputs) + 4.0 * 14.0 * networks * counts;
        let per_thread = (draws + network + surgeon).max(limit);
        let keys = StudyMemory::keys_of_largest(&[
            (draws, &["keep.draws"]),
            (network, &["widths.values"]),
            (surgeon, &["keep.eliminate_up_to"]),
            (limit, &["reference.particles"]),
            (sizes.samples * (sizes.inputs + sizes.outputs), &["population"]),
            (56.0 * networks * counts, &["widths.seeds", "keep.kept"]),
        ]);
        StudyMemory { per_thread: 8.0 * per_thread, shared: 8.0 * shared, keys }
    }

    fn task_inputs(&self, task: &str, e: &Experiment, plan: &Plan) -> Option<TaskInputs> {
        let id = task.strip_prefix("keep-")?;
        let place = Some(plan.place(id)?);
        Some(TaskInputs { trajectories: vec![id.into()], place, numbers: self.sizes(e.widths.largest()) })
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Keep {
    const NAME: &'static str = "keep";
    const ABOUT: About = super::about::ABOUT;
    const USES: &'static [&'static str] = &["predict"];

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let kept = if s.has("kept") { s.counts("kept", 1) } else { Vec::new() };
        s.require_increasing("kept", &kept, "numbers");
        let draws = s.count_within("draws", Some(100), 10..=MOST_DRAWS);
        let refit_draws = s.count_within("refit_draws", Some(4), 0..=MOST_DRAWS);
        if refit_draws > draws && draws > 0 {
            let message = format!("those sets are among keep.draws = {draws}: expected at most as many");
            s.reject("refit_draws", Some(refit_draws.to_string()), message);
        }
        let damping = s.real("damping", Some(DAMPING), Allowed::Positive);
        if damping > 1.0 {
            s.reject("damping", Some(damping.to_string()), "expected a number above 0 and at most 1");
        }
        let eliminate_up_to = s.count("eliminate_up_to", Some(1024), 0);
        s.finish();
        Keep { kept, draws, refit_draws, damping, eliminate_up_to }
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
