//! The table `[predict]`.

use super::PredictionRoute;
use super::settings::PredictedSettings;
use crate::choice::names_where;
use crate::config::study::{StudyTable, TrainingRequirements};
use crate::config::{
    Allowed, Experiment, KeyErrors, NetworkKind, Route, Section, exceeds_friction, require_divides_interval,
};
use crate::dynamics::Method;
use crate::number::plain;
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// Widths that are predicted where the experiment has none.
const WIDTHS: [usize; 6] = [32, 64, 128, 256, 512, 1024];

/// Longest step of the tangent system by default. The error of the default method is of second order in it.
const LONGEST_STEP: f64 = 0.1;

/// Random columns by default: with the default modes and the two columns of the second order a multiple of the lanes of
/// a pack.
const COLUMNS: usize = 22;

/// The same at a positive temperature, where the fluctuations have more directions.
const COLUMNS_WITH_NOISE: usize = 46;

/// Columns of the noise of mini-batches: the relative error of `c'` is `sqrt(2 / (d C))`, d the effective dimension of the
/// fluctuation. With the two columns of the second order a multiple of the lanes of a pack.
const BATCH_COLUMNS: usize = 254;

/// Shortest default step of the tangent system of mini-batches: `c'` does not depend on the step to leading order.
const SHORTEST_BATCH_STEP: f64 = 0.05;
/// Independent starts by default, for every seed and in all.
const CONTROL_STARTS: (usize, usize) = (64, 4096);

/// Independent starts of each seed by default beside a grid, in units of the largest width.
const STARTS_BESIDE_GRID: usize = 16;

/// Particles and modes by default with two hidden layers, whose cloud has a weight for every pair of particles.
const PARTICLES_OF_LAYERS: usize = 256;
const MODES_OF_LAYERS: usize = 32;

/// Random columns by default with two hidden layers.
const COLUMNS_OF_LAYERS: usize = 16;

/// Amplitude of the weights by default: small enough for the leading order, and large enough for the second order to be
/// smooth where the activation has a kink.
const AMPLITUDE: f64 = 0.5;

/// The same with two hidden layers, of which all weights must be positive.
const AMPLITUDE_OF_LAYERS: f64 = 0.05;

/// Smallest amplitude s: the second order is a difference of order `s^2`, whose rounding error is then 1e-8.
const SMALLEST_AMPLITUDE: f64 = 1e-4;

/// Largest amplitude with two hidden layers: standard normals below -6 do not occur.
const LARGEST_OF_LAYERS: f64 = 1.0 / 6.0;

/// Predictions for networks of finite width, from the limit and its leading fluctuations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Predict {
    /// Widths N for which laws are predicted; those of the networks need not be among them.
    pub widths: Vec<usize>,
    /// How the fluctuations are computed.
    pub by: PredictionRoute,
    /// By pairs, the amplitude s of the weights: they deviate from equal ones as those of networks of width `M / s^2` do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amplitude: Option<f64>,
    /// Particles M of the cloud, with two hidden layers its width.
    pub particles: usize,
    /// Columns of the noise of each hidden layer that are modes of the limit.
    pub modes: usize,
    /// Random columns of each hidden layer on the complement of the modes.
    pub columns: usize,
    /// The method by which clouds and tangent vectors are integrated.
    pub method: Method,
    /// Its step.
    pub step: f64,
    /// Draws from a predicted law.
    pub draws: usize,
    /// Steps of networks for which the part of the step is predicted, beside those of the experiment's networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<f64>,
    /// Batch sizes of networks for which sums of all parts are predicted, beside those of the experiment's networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<usize>,
    /// How the noise of mini-batches is computed; `None` where it is not.
    #[serde(flatten)]
    pub batch_noise: Option<BatchNoiseKeys>,
    /// Independent starts from which the mean of the predictions for single networks is estimated; 0 where single
    /// networks are not predicted.
    pub control_starts: usize,
}

/// The keys of the noise of mini-batches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BatchNoiseKeys {
    /// Draws of the noise, each a column of the tangent system.
    pub batch_columns: usize,
    /// Step of the tangent system that this noise drives, by the networks' method.
    pub batch_step: f64,
}

impl BatchNoiseKeys {
    /// Reads the keys where the noise is computed; `None` where no network follows mini-batches, and by pairs.
    fn read(s: &mut Section<'_>, experiment: &Experiment, by: PredictionRoute, batches: &[usize]) -> Option<Self> {
        if PredictedSettings::new(experiment, by, &[], batches).batches.is_empty() {
            let situation = "by = \"tangent\" and mini-batches (of dynamics.batch, of a sweep, or of predict.batches)";
            s.elsewhere(situation, &["batch_columns", "batch_step"]);
            return None;
        }
        Some(BatchNoiseKeys {
            batch_columns: s.count("batch_columns", Some(BATCH_COLUMNS), 4),
            batch_step: s.real("batch_step", Some(Predict::default_batch_step(experiment)), Allowed::Positive),
        })
    }
}

impl Predict {
    /// The steps and batch sizes for which predictions are made.
    pub(super) fn settings(&self, experiment: &Experiment) -> PredictedSettings {
        PredictedSettings::new(experiment, self.by, &self.steps, &self.batches)
    }

    /// The methods that suit the dynamics of an experiment.
    fn suits(experiment: &Experiment, method: Method) -> bool {
        let first_order = experiment.dynamics.method == Method::GradientDescent;
        let solves = if first_order { method.solves_first_order() } else { method.solves_second_order() };
        solves && !method.is_adaptive() && (method.takes_noise() || experiment.dynamics.temperature == 0.0)
    }

    /// Why there are no tangent vectors, where there are none.
    fn without_tangent(experiment: &Experiment) -> Option<String> {
        if experiment.network.kind == NetworkKind::ThreeLayer {
            return Some("only networks with one hidden layer are linearised".into());
        }
        let kink = experiment.network.activations().find(|activation| activation.has_kink())?;
        Some(format!("network.activation = \"{kink}\" has a kink, at which the limit cannot be linearised"))
    }

    /// The method by default: of second order in the step where there is one.
    fn default_method(experiment: &Experiment) -> Method {
        let noisy = experiment.dynamics.temperature > 0.0;
        match (experiment.dynamics.method == Method::GradientDescent, noisy) {
            (false, false) => Method::KickDriftKick,
            (false, true) => Method::Baoab,
            (true, false) => Method::Rk4,
            (true, true) => Method::GradientDescent,
        }
    }

    /// Independent starts by default; none without networks, and none by pairs.
    fn default_starts(experiment: &Experiment, by: PredictionRoute) -> usize {
        let (for_each, least) = CONTROL_STARTS;
        let widths = &experiment.widths;
        if widths.values.is_empty() || by == PredictionRoute::Pairs {
            return 0;
        }
        // Beside a grid the mean of the predictions is that of as many starts of each seed.
        let by_grid = experiment.reference.kind == Route::Grid;
        let for_each = if by_grid { for_each.max(STARTS_BESIDE_GRID * widths.largest()) } else { for_each };
        least.max(for_each * widths.seeds)
    }

    /// The step by default: the longest that divides the recording interval and exceeds neither [`LONGEST_STEP`] nor the
    /// fixed step of the reference; of a method of first order, not that of the networks either. Beside a grid the longest
    /// of these that is a multiple of its step.
    fn default_step(experiment: &Experiment, method: Method) -> f64 {
        let reference = &experiment.reference;
        let mut longest = if reference.method.is_adaptive() { LONGEST_STEP } else { LONGEST_STEP.min(reference.step) };
        if method.order() == 1 {
            longest = longest.min(experiment.dynamics.step);
        }
        let Some(grid) = reference.grid.as_ref().filter(|_| reference.kind == Route::Grid) else {
            return Self::dividing(experiment, longest);
        };
        // Whole multiples of the grid's step that divide the interval, from the longest on.
        let of_grid = (experiment.horizon.interval() / grid.step).round().max(1.0) as usize;
        let divides = |count: &usize| of_grid.is_multiple_of(*count) && *count as f64 * grid.step <= longest + 1e-9;
        let most = ((longest / grid.step + 1e-9) as usize).min(of_grid);
        (1..=most).rev().find(divides).unwrap_or(1) as f64 * grid.step
    }

    /// The step of the tangent system of mini-batches by default: that of the networks, but no shorter than
    /// [`SHORTEST_BATCH_STEP`].
    fn default_batch_step(experiment: &Experiment) -> f64 {
        let dynamics = &experiment.dynamics;
        // Heavy ball is not defined for longer steps than 1/friction.
        let longest = if dynamics.friction > 0.0 { 1.0 / dynamics.friction } else { f64::INFINITY };
        Self::dividing(experiment, SHORTEST_BATCH_STEP.min(longest).max(dynamics.step))
    }

    /// Adds an error where the amplitude of pairs is too small for their differences, or too large for their weights.
    fn validate_amplitude(&self, e: &Experiment, errors: &KeyErrors) {
        let Some(amplitude) = self.amplitude.filter(|_| self.by == PredictionRoute::Pairs) else { return };
        let value = Some(plain(amplitude));
        let imitated = (0.5 * self.particles as f64).sqrt();
        if amplitude < SMALLEST_AMPLITUDE {
            let least = plain(SMALLEST_AMPLITUDE);
            let message = format!("differences of pairs would be lost in rounding: expected at least {least}");
            errors.add("predict.amplitude", value, message);
        } else if e.network.kind == NetworkKind::ThreeLayer && amplitude > LARGEST_OF_LAYERS {
            let message = "weights of three-layer networks must be positive: expected at most 1/6";
            errors.add("predict.amplitude", value, message);
        } else if self.particles > 0 && amplitude > imitated {
            let message = format!(
                "pairs deviate as networks of particles / amplitude^2 neurons do, of which there are at least 2: expected at most {imitated:.4}"
            );
            errors.add_between("predict.amplitude", value, message, &["predict.particles"]);
        }
    }

    /// The longest step of at most `longest` that divides the recording interval.
    fn dividing(experiment: &Experiment, longest: f64) -> f64 {
        let interval = experiment.horizon.interval();
        interval / (interval / longest - 1e-9).ceil().max(1.0)
    }
}

impl StudyTable<Experiment> for Predict {
    fn validate(&self, e: &Experiment, errors: &KeyErrors) {
        if let (PredictionRoute::Tangent, Some(why)) = (self.by, Self::without_tangent(e)) {
            errors.add("predict.by", Some(format!("\"{}\"", self.by)), format!("{why}: expected \"pairs\""));
        }
        if let (Some(amplitude), PredictionRoute::Tangent) = (self.amplitude, self.by) {
            let message = "it is that of the weights of pairs: expected predict.by = \"pairs\", or no amplitude";
            errors.add_between("predict.amplitude", Some(amplitude.to_string()), message, &["predict.by"]);
        }
        self.validate_amplitude(e, errors);
        if !Self::suits(e, self.method) {
            let message = format!(
                "expected a method of fixed step for these dynamics: {}",
                names_where(|method| Self::suits(e, method))
            );
            errors.add("predict.method", Some(format!("\"{}\"", self.method)), message);
        }
        require_divides_interval(e, "predict.step", self.step, errors);
        let of_batches = self.batch_noise.map(|noise| ("predict.batch_step", noise.batch_step));
        of_batches.iter().for_each(|&(key, step)| require_divides_interval(e, key, step, errors));
        let own = self.steps.iter().map(|&step| ("predict.steps", step)).chain(of_batches);
        let cloud = (self.method == Method::HeavyBall).then_some(("predict.step", self.step));
        let heavy_ball = e.dynamics.method == Method::HeavyBall;
        for (key, step) in own.filter(|_| heavy_ball).chain(cloud) {
            if let Some(message) = exceeds_friction(e.dynamics.friction, step) {
                errors.add_between(key, Some(plain(step)), message, &["dynamics.friction"]);
            }
        }
        self.steps.iter().for_each(|&step| require_divides_interval(e, "predict.steps", step, errors));
        if !self.steps.is_empty() && e.dynamics.temperature > 0.0 {
            let message = "the part of the step is not predicted at a positive temperature: remove the key";
            errors.add("predict.steps", Some(format!("{:?}", self.steps)), message);
        }
        if !self.batches.is_empty() && self.by == PredictionRoute::Pairs {
            let message = "the noise of mini-batches is predicted by tangent vectors: expected predict.by = \"tangent\", or no batches";
            errors.add_between("predict.batches", Some(format!("{:?}", self.batches)), message, &["predict.by"]);
        }
        if let Some(grid) = e.reference.grid.as_ref().filter(|_| e.reference.kind == Route::Grid) {
            let ratio = self.step / grid.step;
            if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 0.5 {
                let message =
                    "the cloud follows the field of the grid: expected a whole multiple of reference.grid.step";
                let value = Some(plain(self.step));
                errors.add_between("predict.step", value, message, &["reference.grid.step"]);
            }
        }
        if self.control_starts > 0 && self.control_starts < 2 * e.widths.seeds {
            let message = format!(
                "expected at least two for each of widths.seeds = {}, or 0 for no prediction of single networks",
                e.widths.seeds
            );
            let value = Some(self.control_starts.to_string());
            errors.add_between("predict.control_starts", value, message, &["widths.seeds"]);
        }
        if e.reference.kind == Route::Grid && self.by == PredictionRoute::Pairs {
            let message =
                "beside a grid the cloud follows its field, which weights do not change: expected \"tangent\"";
            errors.add("predict.by", Some(format!("\"{}\"", self.by)), message);
        }
        // Half of the cloud is used too, and its modes are found among a few more columns.
        if self.particles > 0 && self.particles < 4 * self.modes {
            let message = format!("expected at least four times predict.modes = {}", self.modes);
            errors.add_between("predict.particles", Some(self.particles.to_string()), message, &["predict.modes"]);
        }
        if !self.particles.is_multiple_of(2) {
            errors.add("predict.particles", Some(self.particles.to_string()), "expected an even number");
        }
    }

    fn requirements(&self) -> TrainingRequirements<'_> {
        TrainingRequirements { dropout: true, no_networks: true, ..TrainingRequirements::default() }
    }
}

impl Study<Experiment> for Predict {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        super::study::memory(self, sizes)
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Predict {
    const NAME: &'static str = "predict";
    const ABOUT: About = super::about::ABOUT;
    const USES: &'static [&'static str] = &["gap", "dropout", "paths"];

    fn read(mut s: Section<'_>, experiment: &Experiment) -> Self {
        let trained: Vec<usize> = experiment.widths.values.iter().copied().filter(|&n| n >= 2).collect();
        let widths = match (s.has("widths"), trained.is_empty()) {
            (true, _) => s.counts("widths", 2),
            (false, false) => trained,
            (false, true) => WIDTHS.to_vec(),
        };
        s.require_increasing("widths", &widths, "widths");
        let method = s.choice_of("method", Some(Predict::default_method(experiment)));
        let noisy = experiment.dynamics.temperature > 0.0;
        let layers = experiment.network.kind == NetworkKind::ThreeLayer;
        let linearised = Predict::without_tangent(experiment).is_none();
        let by = s.choice_of("by", Some(if linearised { PredictionRoute::Tangent } else { PredictionRoute::Pairs }));
        let particles = s.count("particles", Some(if layers { PARTICLES_OF_LAYERS } else { 1024 }), 16);
        let amplitude = s.optional_real("amplitude", Allowed::Positive);
        let columns = match (noisy, layers) {
            (true, _) => COLUMNS_WITH_NOISE,
            (false, true) => COLUMNS_OF_LAYERS,
            (false, false) => COLUMNS,
        };
        let batches = if s.has("batches") { s.counts("batches", 1) } else { Vec::new() };
        let predict = Predict {
            by,
            amplitude: match by {
                PredictionRoute::Tangent => amplitude,
                PredictionRoute::Pairs => amplitude.or(Some(if layers { AMPLITUDE_OF_LAYERS } else { AMPLITUDE })),
            },
            widths,
            particles,
            modes: s.count("modes", Some(if layers { MODES_OF_LAYERS } else { 48 }), 0),
            columns: s.count("columns", Some(columns), 4),
            step: s.real("step", Some(Predict::default_step(experiment, method)), Allowed::Positive),
            method,
            draws: s.count_within("draws", Some(2000), 100..=1_000_000),
            steps: if s.has("steps") { s.reals("steps", Allowed::Positive) } else { Vec::new() },
            batch_noise: BatchNoiseKeys::read(&mut s, experiment, by, &batches),
            batches,
            control_starts: s.count("control_starts", Some(Predict::default_starts(experiment, by)), 0),
        };
        s.require_increasing("steps", &predict.steps, "numbers");
        s.require_increasing("batches", &predict.batches, "numbers");
        s.finish();
        predict
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        let mut figures = super::figure::figures(folder)?;
        figures.extend(super::network_figure::figures(folder)?);
        Ok(figures)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }

    fn add_marks(folder: &RunFolder, figures: &mut [NamedFigure]) -> Result<(), FiguresError> {
        super::marks::add_marks(folder, figures)
    }
}
