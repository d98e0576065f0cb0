//! The table `[paths]`.

use super::PathKind;
use crate::analysis::paths::path_structure;
use crate::analysis::trend::SeedQuantity;
use crate::choice::Choice;
use crate::config::study::{StudyTable, TrainingRequirements};
use crate::config::{Allowed, BatchSize, Experiment, KeyErrors, MAX_SEEDS, MAX_STEPS, Section, batch};
use crate::number::plain;
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::cost::operations::{forward, gradient};
use crate::run::curve::Curve;
use crate::run::memory::TEXT;
use crate::run::plan::Plan;
use crate::run::study::{
    NamedFigure, Study, StudyKind, StudyMemory, StudyWork, TaskInputs, TrainingSizes, TrainingSubject,
};
use serde::Serialize;

/// Low-loss paths between trained networks (theory section 7).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paths {
    /// Pairs of seeds per width: (0, 1), (2, 3), ...
    pub pairs: usize,
    /// Random halves tried for the better constructive path.
    pub halves: usize,
    /// Points per straight segment, ends included.
    pub points: usize,
    /// Largest width at which neurons are matched.
    pub match_up_to: usize,
    /// Variants whose networks are connected with networks of the same width.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
    /// The learned curve; none without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bezier: Option<Bezier>,
}

/// Training of the middle control point of a quadratic Bezier curve by heavy ball, at one point of the curve per step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bezier {
    /// Number of steps.
    pub steps: usize,
    /// Step eps.
    pub step: f64,
    /// Friction gamma.
    pub friction: f64,
    /// Samples per step.
    pub batch: BatchSize,
    /// Largest width at which curves are trained.
    pub up_to: usize,
}

impl Bezier {
    fn read(mut s: Section<'_>) -> Self {
        let bezier = Bezier {
            steps: s.count_within("steps", Some(300), 0..=MAX_STEPS as usize),
            step: s.real("step", Some(0.2), Allowed::Positive),
            friction: s.real("friction", Some(1.0), Allowed::NonNegative),
            batch: if s.has("batch") { batch(&mut s) } else { BatchSize::Size(100) },
            up_to: s.count("up_to", Some(1024), 0),
        };
        if bezier.friction * bezier.step > 1.0 {
            let message = format!(
                "expected at most 1 / step = {}, or the momentum 1 - friction step is negative",
                plain(1.0 / bezier.step)
            );
            s.reject("friction", Some(plain(bezier.friction)), message);
        }
        s.finish();
        bezier
    }
}

impl StudyTable<Experiment> for Paths {
    fn requirements(&self) -> TrainingRequirements<'_> {
        TrainingRequirements { pairs: self.pairs, ..TrainingRequirements::default() }
    }

    /// The constructive path needs trained output weights, halves, and pairs of seeds.
    fn validate(&self, e: &Experiment, errors: &KeyErrors) {
        if e.network.fixed_output {
            let message = "the paths of [paths] move output weights: expected false, or no table [paths]";
            errors.add("network.fixed_output", Some("true".into()), message);
        }
        let odd: Vec<usize> = e.widths.values.iter().copied().filter(|n| n % 2 == 1).collect();
        if !odd.is_empty() {
            let message = format!("the paths of [paths] need halves: expected even widths, and {odd:?} are odd");
            errors.add("widths.values", Some(format!("{:?}", e.widths.values)), message);
        }
        if e.widths.seeds > 0 && 2 * self.pairs > e.widths.seeds {
            let message =
                format!("expected at most half of widths.seeds = {}, as a network is in one pair only", e.widths.seeds);
            errors.add_between("paths.pairs", Some(self.pairs.to_string()), message, &["widths.seeds"]);
        }
        for name in &self.variants {
            let known = e.variants.iter().find(|variant| variant.name == *name);
            let message = match known {
                None => "expected names of [[variants]]".to_string(),
                Some(variant) if !e.widths.values.contains(&variant.width) => {
                    format!("is connected with a network of its width, and widths.values lacks {}", variant.width)
                }
                Some(_) => continue,
            };
            errors.add_between("paths.variants", Some(format!("\"{name}\"")), message, &["widths.values", "variants"]);
        }
    }
}

impl Study<Experiment> for Paths {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let e = sizes.experiment;
        let widest = e.widths.largest();
        // The waypoints of both constructive paths and interpolated points; predictions with their copies.
        let (parameters, predictions) =
            (20.0 * sizes.network.state_len_f64(widest), 3.0 * sizes.samples * sizes.outputs);
        // Activations of both networks, the costs, and the inner products of a few rows.
        let neurons = |width: usize| sizes.network.hidden_layers(width).iter().map(|&n| n as f64).fold(0.0, f64::max);
        let matched = sizes.widest_up_to(self.match_up_to).map_or(0.0, neurons);
        let matching = 3.0 * matched * sizes.samples + matched * matched + 200.0 * matched;
        let curve = |bezier: &Bezier, width: usize| {
            let samples = if let BatchSize::Size(size) = bezier.batch { size as f64 } else { sizes.samples };
            let pass = sizes.network.work_bytes(width.min(1 << 28), (samples as usize).min(1 << 28), 8) / 8.0;
            pass + 8.0 * sizes.network.state_len_f64(width) + samples * (sizes.inputs + sizes.outputs)
        };
        let learned = self.bezier.as_ref().and_then(|bezier| Some((bezier, sizes.widest_up_to(bezier.up_to)?)));
        let curve = learned.map_or(0.0, |(bezier, width)| curve(bezier, width));
        // Loss and accuracies at every point of every kind of path of every pair, with the copies of their record and
        // the text of the checkpoint.
        let points = path_structure(sizes.network).segments as f64 * (self.points as f64 - 1.0) + 1.0;
        let pairs = self.pairs as f64 * (e.widths.values.len() + self.variants.len()) as f64;
        let profiles = PathKind::ALL.len() as f64 * points * 3.0;
        StudyMemory {
            per_thread: 8.0 * (parameters + predictions + matching.max(curve)) + profiles * TEXT,
            shared: 8.0 * 5.0 * pairs * profiles,
            keys: StudyMemory::keys_of_largest(&[
                (parameters, &["widths.values"]),
                (predictions, &["population"]),
                (matching, &["paths.match_up_to"]),
                (curve, &["paths.bezier.up_to", "paths.bezier.batch"]),
                ((5.0 * pairs + TEXT / 8.0) * profiles, &["paths.points", "paths.pairs"]),
            ]),
        }
    }

    fn work(&self, sizes: TrainingSizes<'_>) -> Option<StudyWork> {
        let e = sizes.experiment;
        let structure = path_structure(sizes.network);
        let points = structure.segments as f64 * (self.points as f64 - 1.0) + 1.0;
        let of_width = |width: usize| {
            let pass = forward(sizes.network, width as f64);
            let kinds = self.kinds(width).len() as f64;
            let named = structure.named.len() as f64;
            // Each half that is tried is judged at its named points.
            let evaluations = kinds * points + (2.0 + self.halves as f64) * named;
            let curve = self.bezier.as_ref().filter(|bezier| width <= bezier.up_to).map_or(0.0, |bezier| {
                let samples = if let BatchSize::Size(size) = bezier.batch { size as f64 } else { sizes.samples };
                bezier.steps as f64 * samples * gradient(sizes.network, width as f64)
            });
            // Inner products of the features of all pairs of neurons.
            let matched = if width <= self.match_up_to { sizes.network.hidden_layers(width) } else { Vec::new() };
            let matching = matched.iter().map(|&n| 2.0 * sizes.samples * (n * n) as f64).sum::<f64>();
            StudyWork { operations: evaluations * sizes.samples * pass + curve, scalar: matching, tasks: 1.0 }
        };
        let pairs = self.pairs as f64;
        let variants = e.variants.iter().filter(|variant| self.variants.contains(&variant.name));
        let widths: Vec<usize> = e.widths.values.iter().copied().chain(variants.map(|variant| variant.width)).collect();
        let sum = |of: fn(StudyWork) -> f64| pairs * widths.iter().map(|&n| of(of_width(n))).sum::<f64>();
        Some(StudyWork { operations: sum(|w| w.operations), scalar: sum(|w| w.scalar), tasks: sum(|w| w.tasks) })
    }

    fn task_inputs(&self, task: &str, e: &Experiment, plan: &Plan) -> Option<TaskInputs> {
        let (width, pair) = task.strip_prefix('n')?.split_once("-p")?;
        let (width, pair): (usize, usize) = (width.parse().ok()?, pair.parse().ok()?);
        let ids = plan.groups.first()?.ids.get(e.widths.values.iter().position(|&n| n == width)?)?;
        let trajectories = ids.get(2 * pair..2 * pair + 2)?.to_vec();
        Some(TaskInputs { trajectories, ..TaskInputs::default() })
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Paths {
    const NAME: &'static str = "paths";
    const ABOUT: About = super::about::ABOUT;
    const FORMER_NAMES: &'static [&'static str] = &["connect"];
    const QUANTITIES: &'static [&'static str] = super::quantity::NAMES;

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let paths = Paths {
            pairs: s.count_within("pairs", Some(4), 1..=MAX_SEEDS),
            halves: s.count_within("halves", Some(16), 0..=1_000_000),
            points: s.count_within("points", Some(9), 3..=100_000),
            match_up_to: s.count("match_up_to", Some(1024), 0),
            variants: s.texts("variants"),
            bezier: s.section("bezier", false).map(Bezier::read),
        };
        s.finish();
        paths
    }

    /// Tasks are named after the pairs: `nWIDTH-pPAIR`, `variant-NAME-pPAIR`.
    fn owns_task(task: &str) -> bool {
        let width = task.strip_prefix('n').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        width || task.starts_with("variant-")
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
