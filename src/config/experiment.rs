//! A complete, checked experiment.

use super::study::{Studies, TrainingRequirements};
use super::sweep::{Sweep, Variant};
use crate::choice::choice;
use crate::dynamics::{Method, Motion};
use crate::network::{Activation, Loss, Network, Start, ThreeLayer, TwoLayer};
use crate::population::{Population, PopulationError, PopulationSpec};
use serde::Serialize;

/// Everything a run is made from. Serialises to the TOML it can be read from again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Experiment {
    /// Name of the run folder.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Scalar type of the states.
    pub precision: Precision,
    /// Law of (x, y).
    pub population: PopulationSpec,
    /// Model, loss and start.
    pub network: NetworkSpec,
    /// How networks are trained.
    pub dynamics: Dynamics,
    /// How long, and when to look.
    pub horizon: Horizon,
    /// Which networks.
    pub widths: Widths,
    /// The mean-field solution they are held against.
    pub reference: Reference,
    /// How the computation is carried out; nothing here changes a number.
    pub run: RunOptions,
    /// The same networks trained or started otherwise, for the studies that compare.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// The studies, each with the name of its table.
    #[serde(flatten)]
    pub studies: Studies<Experiment>,
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
    /// Which model. Its own key, so that other depths are a value and not another section.
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
    /// Which model.
    pub kind: NetworkKind,
    /// The nonlinearity, of every hidden layer that has none of its own.
    pub activation: Activation,
    /// That of the second hidden layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_activation: Option<Activation>,
    /// Neurons of the hidden layers per unit of width, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proportions: Vec<usize>,
    /// Whether neurons have a bias.
    pub bias: bool,
    /// Whether output weights stay where they start.
    pub fixed_output: bool,
    /// The loss.
    pub loss: Loss,
    /// Law of a neuron at time 0; of a bump neuron `w` is its centre theta.
    pub start: Start,
    /// Standard deviation of the Gaussian momenta at time 0; 0 is at rest.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_momentum: f64,
    /// Width s of bump neurons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
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

    /// Work of a step on one sample at a width, up to a factor.
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
    /// Step eps, on the clock t = k eps.
    pub step: f64,
    /// Friction gamma; 0 under plain gradient descent.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Ridge lambda.
    pub ridge: f64,
    /// Samples per step.
    pub batch: BatchSize,
    /// A network has diverged when its loss exceeds this multiple of its risk at the start.
    pub diverged_above: f64,
}

impl Dynamics {
    /// The constants of motion at another step.
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
            _ => (self.step * self.step, 1.0 - self.friction * self.step),
        }
    }
}

/// How long, and when to look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Horizon {
    /// Final time T.
    pub time: f64,
    /// Number of equal intervals between recording times; time 0 is recorded too.
    pub records: usize,
}

impl Horizon {
    /// Time between two records.
    pub fn interval(&self) -> f64 {
        self.time / self.records as f64
    }

    /// The recording times, from 0 to T.
    pub fn times(&self) -> Vec<f64> {
        (0..=self.records).map(|i| self.time * i as f64 / self.records as f64).collect()
    }
}

/// Which networks: every width with every seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Widths {
    /// Widths N, increasing.
    pub values: Vec<usize>,
    /// Independent repetitions: each starts from its own window of the limit's particles.
    pub seeds: usize,
}

impl Widths {
    /// The widest network.
    pub fn largest(&self) -> usize {
        self.values.iter().copied().max().unwrap_or(0)
    }
}

choice! {
    /// By which route the mean-field solution is found.
    #[derive(PartialOrd, Ord)]
    pub enum Route: "route" {
        /// A cloud of particles that move together, step by step.
        Particles = "particles",
        /// The same cloud, as the fixed point of the trajectory map.
        Picard = "picard",
        /// The kinetic equation on a grid of the phase plane.
        Grid = "grid",
    }
}

/// The mean-field solution: a trajectory of predictions with a stated error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// The route to it.
    pub kind: Route,
    /// Other routes to the same solution, which must agree with it within the stated errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Route>,
    /// Number of particles M.
    pub particles: usize,
    /// The integrator of particles.
    pub method: Method,
    /// The step; the first step tried where it is adaptive.
    pub step: f64,
    /// Local error tolerance of Dormand-Prince.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// How the trajectory map is iterated, where a route is Picard's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picard: Option<PicardSpec>,
    /// The grid, where a route is the kinetic equation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridSpec>,
}

impl Reference {
    /// Whether the solution, or one that it is held against, is found by this route.
    pub fn takes(&self, route: Route) -> bool {
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
    /// Nodes of either line.
    pub nodes: usize,
    /// Step h.
    pub step: f64,
}

/// How the trajectory map is iterated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PicardSpec {
    /// Equal windows of the horizon, each solved from the end of the one before.
    pub windows: usize,
    /// Most iterates of a window.
    pub iterates: usize,
    /// A window is done when two iterates differ by at most this, relative to the larger of 1 and the predictions.
    pub tolerance: f64,
}

impl PicardSpec {
    /// The defaults for a scalar type: as close as its rounding lets iterates come.
    pub fn of(precision: Precision) -> Self {
        let tolerance = if precision == Precision::F64 { 1e-11 } else { 1e-5 };
        PicardSpec { windows: 1, iterates: 60, tolerance }
    }
}

/// How the computation is carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunOptions {
    /// Wall seconds between checkpoints.
    pub checkpoint_seconds: f64,
}

impl Experiment {
    /// The population as the network sees it.
    ///
    /// # Errors
    /// [`PopulationError`]: a population that cannot be built, and bump neurons on more than one input.
    pub fn build_population(&self) -> Result<Population, PopulationError> {
        let population = self.population.build(self.seed)?;
        match self.network.scale {
            Some(scale) => population.with_scale(scale),
            None => Ok(population),
        }
    }

    /// (n, d, K) of that population before anything is built; `None` where only files can tell.
    pub fn shape_hint(&self) -> Option<(usize, usize, usize)> {
        let (n, inputs, outputs) = self.population.shape_hint()?;
        Some((n, inputs + usize::from(self.network.scale.is_some()), outputs))
    }

    /// The sweeps that the studies ask for.
    pub fn sweeps(&self) -> impl Iterator<Item = &Sweep> {
        self.studies.requirements().flat_map(|asked: TrainingRequirements<'_>| asked.sweeps)
    }

    /// Directions of the sliced Wasserstein distance that is recorded along training; 0 for none.
    pub fn projections(&self) -> usize {
        self.studies.requirements().map(|asked| asked.projections).max().unwrap_or(0)
    }

    /// Whether the effect of dropping half of the neurons is recorded along training.
    pub fn records_dropout(&self) -> bool {
        self.studies.requirements().any(|asked| asked.dropout)
    }

    /// The finest step in use, the tick of the common Brownian clock: trainings, variants, sweeps and the halved reference step.
    pub fn tick(&self) -> f64 {
        let swept = self.sweeps().flat_map(Sweep::steps).map(|(_, step)| step);
        let variants = self.variants.iter().map(|variant| variant.step);
        let halved = self.reference.step / 2.0;
        swept.chain(variants).chain([self.dynamics.step, halved]).fold(f64::INFINITY, f64::min)
    }

    /// Every fixed step in use, with its key.
    pub(super) fn fixed_steps(&self) -> Vec<(String, f64)> {
        let mut steps = vec![("dynamics.step".to_string(), self.dynamics.step)];
        if self.reference.method != Method::DormandPrince {
            steps.push(("reference.step".into(), self.reference.step));
        }
        steps.extend(self.variants.iter().enumerate().map(|(i, v)| (format!("variants.{i}.step"), v.step)));
        for (sweep, table) in self.swept() {
            steps.extend(sweep.steps().into_iter().map(|(key, step)| (format!("{table}.{key}"), step)));
        }
        steps
    }

    /// Every sweep with the key of its table.
    pub(super) fn swept(&self) -> Vec<(&Sweep, String)> {
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

    /// The experiment as TOML that reads back as itself.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}
