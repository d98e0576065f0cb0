//! What has to be simulated: every run of the time loop that the studies of an experiment ask for.
//!
//! ```text
//! stage 1   the limit (M particles), and the limits of the sweeps' own particles
//! stage 2   the limit by the other routes that it is held against
//! stage 3   the limit with half the particles: the reference's own error in M
//! stage 4   the same with half the step, and, where the sample only stands for a law, with half the sample:
//!           its own error in the step and in the sample; and, for networks under the full gradient, with their own
//!           method and step: the part of their gap that no width removes
//! stage 5   the grid, where there is one, with half the nodes and half the step
//! stage 6   every network, compared with a limit that holds its particles
//! ```
//!
//! Replica s of a group starts from the window of particles that begins at `s * stride`; networks of all widths of a
//! replica begin at the same particle. Windows are disjoint where the limit has particles enough.

use crate::config::{BatchSize, Route, Variant};
use crate::dynamics::Scheme;
use crate::network::Start;
use crate::record::{GroupAxis, LimitRun};

/// Particles from a window of the limit's.
#[derive(Clone, Debug, PartialEq)]
pub struct Particles {
    /// Neurons N, or particles M; by the grid, nodes of either line.
    pub width: usize,
    /// Index of the first particle.
    pub first: u64,
    /// Address of the batches.
    pub replica: u64,
    /// Law of a neuron at time 0, where it is not the network's own.
    pub start: Option<Start>,
}

/// How a trajectory is integrated.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// The integrator and its constants.
    pub scheme: Scheme,
    /// Samples per step.
    pub batch: BatchSize,
    /// Ticks of the Brownian clock per step; 0 at temperature 0.
    pub ticks: u64,
    /// Whether expectations are taken over the first half of the fixed sample only.
    pub half_sample: bool,
}

/// A limit that a trajectory is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Id of the limit.
    pub limit: String,
    /// Position of the trajectory's first neuron among the limit's particles.
    pub offset: usize,
}

impl Comparison {
    /// With the limit of this id, from its particle `offset` on.
    pub fn with(limit: impl Into<String>, offset: usize) -> Option<Self> {
        Some(Comparison { limit: limit.into(), offset })
    }
}

/// What is done at the recording times besides measuring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The limit to compare with.
    pub compare: Option<Comparison>,
    /// Whether the path is kept, because others are compared with this trajectory.
    pub keep_path: bool,
    /// Whether the effect of dropping half of the neurons is recorded.
    pub dropout: bool,
}

/// One run of the time loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Name of its files.
    pub id: String,
    /// How it is found.
    pub route: Route,
    /// What moves.
    pub particles: Particles,
    /// How it moves.
    pub integration: Integration,
    /// What is recorded.
    pub recording: Recording,
    /// Work of a step on one sample, up to a factor.
    pub cost: f64,
}

impl Trajectory {
    /// Number of neurons or particles.
    pub fn width(&self) -> usize {
        self.particles.width
    }

    /// A measure of the work: that of a step times the number of steps.
    pub fn work(&self, time: f64) -> f64 {
        let Integration { scheme: Scheme { method, motion }, batch, .. } = &self.integration;
        let gradients = method.gradients_per_step() as f64;
        let samples = if let BatchSize::Size(size) = batch { *size as f64 } else { f64::INFINITY };
        self.cost * time / motion.step * gradients * samples.min(1000.0)
    }
}

/// Runs that do not depend on each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What is done, for the progress bar and the manifest.
    pub name: &'static str,
    /// The runs.
    pub trajectories: Vec<Trajectory>,
}

/// Networks that are evaluated together: values of one axis times seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Name of its record.
    pub name: String,
    /// What varies.
    pub axis: GroupAxis,
    /// Its values.
    pub values: Vec<f64>,
    /// Ids of the runs, one row per value, one column per seed.
    pub ids: Vec<Vec<String>>,
    /// Samples per step, where it does not vary.
    pub batch: BatchSize,
    /// Step, where it does not vary.
    pub step: f64,
    /// Width, where it does not vary.
    pub width: usize,
}

/// Everything to simulate, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The stages.
    pub stages: Vec<Stage>,
    /// The groups; the widths come first.
    pub groups: Vec<Group>,
    /// What a reader of the results should know about the plan.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Every run, in order.
    pub fn trajectories(&self) -> impl Iterator<Item = &Trajectory> {
        self.stages.iter().flat_map(|stage| &stage.trajectories)
    }

    /// The run of this id.
    pub fn find(&self, id: &str) -> Option<&Trajectory> {
        self.trajectories().find(|t| t.id == id)
    }
}

/// The limit by another route than the reference's.
pub fn by_route(route: Route) -> LimitRun {
    match route {
        Route::Particles => LimitRun::ByParticles,
        Route::Picard => LimitRun::ByPicard,
        Route::Grid => LimitRun::ByGrid,
    }
}

/// Id of the limit of exactly the particles that a sweep's networks start from.
pub(super) fn partner_id(width: usize, first: usize) -> String {
    format!("limit-n{width}-p{first}")
}

/// Name of a variant's group of networks.
pub fn variant_group(variant: &Variant) -> String {
    format!("variant-{}", variant.name)
}

/// Id of the single neuron that a variant's networks are equal to when all their neurons start alike.
pub fn single_neuron(variant: &Variant) -> String {
    format!("variant-{}-one", variant.name)
}
