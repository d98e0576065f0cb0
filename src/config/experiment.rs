//! A complete, validated experiment of training.

use super::study::{Studies, TrainingRequirements};
use super::sweep::{Sweep, Variant};
use crate::choice::choice;
use crate::dynamics::{Method, Motion};
use crate::figure::FigureStyle;
use crate::network::{Activation, Loss, Network, Shares, Start, ThreeLayer, TwoLayer};
use crate::population::{FileLabels, Population, PopulationError, PopulationSpec, TestPart};
use serde::Serialize;

/// A complete, validated experiment of training. Serialises to TOML from which it can be read again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Experiment {
    /// Name of the run folder.
    pub name: String,
    /// One-line title.
    pub title: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Scalar type of the states.
    pub precision: Precision,
    /// The law of (x, y), and its test part.
    pub population: PopulationTable,
    /// Model, loss and start.
    pub network: NetworkSpec,
    /// The training dynamics.
    pub dynamics: Dynamics,
    /// Final time and recording times.
    pub horizon: Horizon,
    /// Widths and repetitions of the networks.
    pub widths: Widths,
    /// The mean-field solution with which the networks are compared.
    pub reference: Reference,
    /// Options that change no result.
    pub run: RunOptions,
    /// Networks with another method, step, friction or start, for studies that compare them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// Sizes, colours, markers and labels of the figures; changes no result.
    #[serde(skip_serializing_if = "FigureStyle::is_empty")]
    pub figure: FigureStyle,
    /// The studies, each with the name of its table.
    #[serde(flatten)]
    pub studies: Studies<Experiment>,
}

/// The table `[population]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopulationTable {
    /// The law of (x, y).
    #[serde(flatten)]
    pub spec: PopulationSpec,
    /// The test part, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<TestPart>,
}

impl PopulationTable {
    /// The name of the kind.
    pub const fn name(&self) -> &'static str {
        self.spec.name()
    }

    /// Whether mini-batches are fresh draws from the law.
    pub fn fresh(&self) -> bool {
        self.spec.fresh()
    }

    /// The kind of labels, as for a data file.
    pub fn label_kind(&self) -> FileLabels {
        self.spec.label_kind()
    }

    /// About as many samples as the test part has, beside a population of `samples`; 0 without one.
    pub fn test_hint(&self, samples: usize) -> usize {
        self.test.as_ref().map_or(0, |test| test.size_hint(samples))
    }
}

choice! {
    /// Scalar type of the states.
    pub enum Precision: "precision" {
        /// `f64`.
        F64 = "f64",
        /// `f32`.
        F32 = "f32",
    }
}

choice! {
    /// The kind of network.
    pub enum NetworkKind: "kind of network" {
        /// [`TwoLayer`].
        TwoLayer = "two-layer",
        /// [`ThreeLayer`].
        ThreeLayer = "three-layer",
        /// Bump neurons, [`TwoLayer::bump`].
        Bump = "bump",
    }
}

/// Model, loss and start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkSpec {
    /// The kind of network.
    pub kind: NetworkKind,
    /// The activation; of the first hidden layer where [`NetworkSpec::second_activation`] is given.
    pub activation: Activation,
    /// The activation of the second hidden layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_activation: Option<Activation>,
    /// Neurons of each hidden layer per unit of width; empty for one hidden layer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proportions: Vec<usize>,
    /// Whether neurons have a bias.
    pub bias: bool,
    /// Whether output weights are fixed at their initial values.
    pub fixed_output: bool,
    /// The loss.
    pub loss: Loss,
    /// Law of a neuron at time 0; `w` is the centre theta of a bump neuron.
    pub start: Start,
    /// Standard deviation of the Gaussian momenta at time 0; 0 for a start at rest.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_momentum: f64,
    /// Width s of bump neurons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Width from which sums over neurons are divided into shares ([`Shares`]), and networks among ranks.
    #[serde(skip_serializing_if = "is_default_division")]
    pub shares_from: usize,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_default_division(width: &usize) -> bool {
    *width == Shares::FROM
}

impl NetworkSpec {
    /// The model for inputs in R^d and outputs in R^K.
    pub fn model(&self, inputs: usize, outputs: usize) -> Network {
        let NetworkSpec { activation, bias, fixed_output, .. } = *self;
        match self.kind {
            NetworkKind::TwoLayer | NetworkKind::Bump => {
                TwoLayer { inputs, outputs, bias, activation, fixed_output }.into()
            }
            NetworkKind::ThreeLayer => {
                let activations = [activation, self.second_activation.unwrap_or(activation)];
                let per = |layer: usize| self.proportions.get(layer).copied().unwrap_or(1);
                let proportions = [per(0), per(1)];
                ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions }.into()
            }
        }
    }

    /// The activations of the hidden layers.
    pub fn activations(&self) -> impl Iterator<Item = Activation> {
        [self.activation].into_iter().chain(self.second_activation)
    }

    /// Relative work of a step per sample at a width, for scheduling.
    pub fn work(&self, width: usize) -> f64 {
        self.model(1, 1).step_cost(width)
    }
}

/// Samples per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BatchSize {
    /// The whole population.
    Full,
    /// This many draws.
    Size(usize),
}

impl Serialize for BatchSize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BatchSize::Full => serializer.serialize_str("full"),
            BatchSize::Size(size) => serializer.serialize_u64(*size as u64),
        }
    }
}

/// How networks are trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dynamics {
    /// Heavy ball or plain gradient descent.
    pub method: Method,
    /// Step eps; step k ends at time k eps.
    pub step: f64,
    /// Friction gamma; 0 under plain gradient descent.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Ridge lambda.
    pub ridge: f64,
    /// Samples per step.
    pub batch: BatchSize,
    /// A network is stopped as diverged when its loss exceeds this multiple of its initial risk.
    pub diverged_above: f64,
}

impl Dynamics {
    /// The constants of motion with step `step`.
    pub fn motion(&self, step: f64) -> Motion {
        Motion {
            step,
            friction: self.friction,
            temperature: self.temperature,
            first_order: self.method == Method::GradientDescent,
            tolerance: 0.0,
        }
    }

    /// Learning rate on the N-scaled gradient and Polyak momentum of the same iteration.
    pub fn learning_rate_and_momentum(&self) -> (f64, f64) {
        match self.method {
            Method::GradientDescent => (self.step, 0.0),
            Method::HeavyBall | Method::KickDriftKick | Method::Rk4 | Method::DormandPrince | Method::Baoab => {
                (self.step * self.step, 1.0 - self.friction * self.step)
            }
        }
    }
}

/// Final time and recording times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Horizon {
    /// Final time T.
    pub time: f64,
    /// Number of equal intervals between recording times; time 0 is recorded too.
    pub records: usize,
}

impl Horizon {
    /// Time between two recording times, T over the number of intervals.
    pub fn interval(&self) -> f64 {
        self.time / self.records as f64
    }

    /// The recording times, from 0 to T.
    pub fn times(&self) -> Vec<f64> {
        (0..=self.records).map(|i| self.time * i as f64 / self.records as f64).collect()
    }
}

/// The networks: every width with every seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Widths {
    /// Widths N, increasing.
    pub values: Vec<usize>,
    /// Independent repetitions; each starts from a disjoint range of the limit's particles.
    pub seeds: usize,
}

impl Widths {
    /// The largest width; 0 without any.
    pub fn largest(&self) -> usize {
        self.values.iter().copied().max().unwrap_or(0)
    }
}

choice! {
    /// The method by which the mean-field solution is computed.
    #[derive(PartialOrd, Ord)]
    pub enum Route: "route" {
        /// Interacting particles, step by step.
        Particles = "particles",
        /// The same particles, as the fixed point of the trajectory map.
        Picard = "picard",
        /// The kinetic equation on a grid of the phase plane.
        Grid = "grid",
    }
}

/// The mean-field solution: a trajectory of predictions with an error estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// The route to it.
    pub kind: Route,
    /// Other routes, whose solutions must agree with it within the estimated errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Route>,
    /// Number of particles M.
    pub particles: usize,
    /// The integrator of the particles.
    pub method: Method,
    /// The step; the initial step of an adaptive method.
    pub step: f64,
    /// Local error tolerance of Dormand-Prince.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Parameters of the Picard iteration, where a route uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picard: Option<PicardSpec>,
    /// The grid, where a route uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridSpec>,
}

impl Reference {
    /// Whether the solution, or one that it is compared with, is computed by this route.
    pub fn uses(&self, route: Route) -> bool {
        self.kind == route || self.against.contains(&route)
    }
}

/// A grid of the phase plane: theta in [low, high], its momentum in [-momentum, momentum].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GridSpec {
    /// Lower end of theta.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Largest momentum.
    pub momentum: f64,
    /// Nodes per axis.
    pub nodes: usize,
    /// Step h.
    pub step: f64,
}

/// Parameters of the iteration of the trajectory map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PicardSpec {
    /// Number of equal time windows, solved one after the other.
    pub windows: usize,
    /// Largest number of iterates per window.
    pub iterates: usize,
    /// Convergence criterion: the largest difference between two iterates, relative to the larger of 1 and the
    /// predictions.
    pub tolerance: f64,
}

impl PicardSpec {
    /// The defaults for a scalar type; the tolerance is near its rounding.
    pub fn of(precision: Precision) -> Self {
        let tolerance = if precision == Precision::F64 { 1e-11 } else { 1e-5 };
        PicardSpec { windows: 1, iterates: 60, tolerance }
    }
}

/// Options of a run that change no result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunOptions {
    /// Wall seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// What a complete run keeps of the states of its trajectories.
    pub states: KeptStates,
    /// Whether a complete run keeps its limits with their paths, which `extend` then reads.
    pub keep_limits: bool,
}

choice! {
    /// What a complete run keeps of `state/`, apart from the data.
    pub enum KeptStates: "kind of states" {
        /// First and last parameters and momenta of every trajectory, and what defines the paths.
        All = "all",
        /// The last parameters of every network and of the limit.
        Ends = "ends",
        /// Nothing.
        None = "none",
    }
}

impl Experiment {
    /// The population, with the scale of bump neurons as an additional input.
    ///
    /// # Errors
    /// [`PopulationError`]: a population that cannot be built, and bump neurons on more than one input.
    pub fn build_population(&self) -> Result<Population, PopulationError> {
        self.scaled(self.population.spec.build_with(self.population.test.as_ref(), self.seed)?)
    }

    /// A population with the inputs of bump neurons, where the networks have them.
    ///
    /// # Errors
    /// Bump neurons on more than one input.
    pub fn scaled(&self, population: Population) -> Result<Population, PopulationError> {
        match self.network.scale {
            Some(scale) => population.with_scale(scale),
            None => Ok(population),
        }
    }

    /// (n, d, K) of that population with its test part, as far as the file determines it; `None` where data files must be
    /// read.
    pub fn shape_hint(&self) -> Option<(usize, usize, usize)> {
        let (n, inputs, outputs) = self.population.spec.shape_hint()?;
        Some((n, inputs + usize::from(self.network.scale.is_some()), outputs))
    }

    /// The sweeps that the studies require.
    pub fn sweeps(&self) -> impl Iterator<Item = &Sweep> {
        self.studies.requirements().flat_map(|requirements: TrainingRequirements<'_>| requirements.sweeps)
    }

    /// Directions of the sliced Wasserstein distance to record during training; 0 for none.
    pub fn projections(&self) -> usize {
        self.studies.requirements().map(|requirements| requirements.projections).max().unwrap_or(0)
    }

    /// Pairs of networks of each width that a study examines together, as in [`TrainingRequirements::pairs`].
    pub fn pairs(&self) -> usize {
        self.studies.requirements().map(|requirements| requirements.pairs).max().unwrap_or(0)
    }

    /// Whether to train the networks of the widths also under the full gradient.
    pub fn trains_full_gradient(&self) -> bool {
        self.studies.requirements().any(|requirements| requirements.full_gradient)
    }

    /// Whether to record the loss with half of the neurons during training.
    pub fn records_dropout(&self) -> bool {
        self.studies.requirements().any(|requirements| requirements.dropout)
    }

    /// The smallest step in use: the resolution of the common Brownian paths. It is the smallest of the steps of
    /// training, of variants, of sweeps and half the reference's.
    pub fn tick(&self) -> f64 {
        let swept = self.sweeps().flat_map(Sweep::steps).map(|(_, step)| step);
        let variants = self.variants.iter().map(|variant| variant.step);
        let halved = self.reference.step / 2.0;
        swept.chain(variants).chain([self.dynamics.step, halved]).fold(f64::INFINITY, f64::min)
    }

    /// Every fixed step, with its key.
    pub(super) fn fixed_steps(&self) -> Vec<(String, f64)> {
        let mut steps = vec![("dynamics.step".to_string(), self.dynamics.step)];
        if !self.reference.method.is_adaptive() {
            steps.push(("reference.step".into(), self.reference.step));
        }
        steps.extend(self.variants.iter().enumerate().map(|(i, v)| (format!("variants.{i}.step"), v.step)));
        for (sweep, table) in self.sweeps_with_keys() {
            steps.extend(sweep.steps().into_iter().map(|(key, step)| (format!("{table}.{key}"), step)));
        }
        steps
    }

    /// Every sweep, with the key of its table.
    pub(super) fn sweeps_with_keys(&self) -> Vec<(&Sweep, String)> {
        let of_study = |name: &'static str, sweeps: &[Sweep]| -> Vec<String> {
            (0..sweeps.len()).map(|i| format!("{name}.sweep.{i}")).collect()
        };
        self.studies
            .iter()
            .flat_map(|study| {
                let sweeps = study.table.requirements().sweeps;
                sweeps.iter().zip(of_study(study.name, sweeps))
            })
            .collect()
    }

    /// The experiment as TOML from which it can be read again.
    ///
    /// # Errors
    /// A value that TOML cannot represent.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}
