//! The plan: every trajectory that the studies of an experiment require.
//!
//! ```text
//! stage 1   the limit (M particles), and the limits of the sweeps' own particles
//!           (the latter also with half the step, in a stage of their own, to estimate their errors)
//! stage 2   the limit by the other routes with which it is compared
//! stage 3   the limit with half the particles, to estimate the error in M
//! stage 4   the same with half the step, to estimate the error of the step; with half the sample where the sample
//!           represents a law, to estimate the error of the sample; and, where networks follow the full gradient, with
//!           their method and step, to estimate the part of their gap that does not vanish with the width
//! stage 5   the grid, if any, with half the nodes and half the step
//! stage 6   every network, compared with a limit that contains its particles
//! ```
//!
//! Replica s of a group starts from consecutive particles of the limit, the first of which is `s * stride`, at every
//! width. The particles of replicas are disjoint where the limit has enough.

use crate::config::{BatchSize, Route};
use crate::dynamics::Scheme;
use crate::network::Start;
use crate::record::{GroupAxis, LimitRun};
use std::ops::Range;

/// Consecutive particles, by index.
#[derive(Clone, Debug, PartialEq)]
pub struct Particles {
    /// Number of neurons N or particles M; on a grid, nodes per axis.
    pub width: usize,
    /// Index of the first particle.
    pub first: u64,
    /// Address of the batches: equal replicas draw equal batches.
    pub replica: u64,
    /// Law of a neuron at time 0, where it differs from that of `[network.start]`.
    pub start: Option<Start>,
}

/// How a trajectory is integrated.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// The integrator and its constants.
    pub scheme: Scheme,
    /// Samples per step.
    pub batch: BatchSize,
    /// Increments of the common Brownian path per step; 0 at temperature 0.
    pub ticks: u64,
    /// Whether expectations are over the first half of the fixed sample only.
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
    /// A comparison with the limit `limit`, whose particle `offset` corresponds to the first neuron.
    pub fn with(limit: impl Into<String>, offset: usize) -> Option<Self> {
        Some(Comparison { limit: limit.into(), offset })
    }
}

/// What is recorded of a trajectory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The limit with which it is compared.
    pub compare: Option<Comparison>,
    /// Whether the path is kept, so that other trajectories can be compared with it.
    pub keep_path: bool,
    /// Whether the loss with half of the neurons is recorded.
    pub dropout: bool,
}

/// A trajectory: one network, or one solution of the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Name of its files in `state/`.
    pub id: String,
    /// The method by which it is computed.
    pub route: Route,
    /// The neurons or particles.
    pub particles: Particles,
    /// The integrator, the batches and the noise.
    pub integration: Integration,
    /// What is recorded.
    pub recording: Recording,
    /// Relative work of a step per sample.
    pub cost: f64,
}

impl Trajectory {
    /// Number of neurons or particles.
    pub fn width(&self) -> usize {
        self.particles.width
    }

    /// Whether it is a solution of the limit, and not a network.
    pub fn is_limit(&self) -> bool {
        LimitRun::ALL.iter().any(|run| run.id() == self.id) || self.id.starts_with(SWEEP_LIMIT)
    }

    /// The trajectory of some of its neurons, as if they were all.
    #[must_use]
    pub fn of_neurons(&self, neurons: Range<usize>) -> Self {
        let first = self.particles.first + neurons.start as u64;
        Trajectory { particles: Particles { first, width: neurons.len(), ..self.particles.clone() }, ..self.clone() }
    }

    /// Relative work up to time `time`: that of a step times the number of steps.
    pub fn work(&self, time: f64) -> f64 {
        let Integration { scheme: Scheme { method, motion }, batch, .. } = &self.integration;
        let gradients = method.gradients_per_step() as f64;
        let samples = if let BatchSize::Size(size) = batch { *size as f64 } else { f64::INFINITY };
        self.cost * time / motion.step * gradients * samples.min(1000.0)
    }
}

/// Trajectories that do not depend on each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Name of the stage in the progress bar and the manifest.
    pub name: &'static str,
    /// The trajectories.
    pub trajectories: Vec<Trajectory>,
}

/// A group of networks: one for each value of a quantity and each seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Name of its record.
    pub name: String,
    /// The quantity that varies.
    pub axis: GroupAxis,
    /// Its values.
    pub values: Vec<f64>,
    /// Ids of the trajectories (values, seeds).
    pub ids: Vec<Vec<String>>,
    /// Samples per step, where it does not vary.
    pub batch: BatchSize,
    /// Step, where it does not vary.
    pub step: f64,
    /// Width, where it does not vary.
    pub width: usize,
}

/// The trajectories to simulate, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The stages.
    pub stages: Vec<Stage>,
    /// The groups; that of the widths is the first.
    pub groups: Vec<Group>,
    /// Ids of the pairs of networks that a study examines together.
    pub pairs: Vec<[String; 2]>,
    /// Warnings for readers of the results.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Every trajectory, in order.
    pub fn trajectories(&self) -> impl Iterator<Item = &Trajectory> {
        self.stages.iter().flat_map(|stage| &stage.trajectories)
    }

    /// Why the seeds of a group are not independent, where they are not: their networks start from overlapping windows of
    /// the limit's particles.
    pub fn dependence(&self, group: &Group) -> Option<String> {
        let row = group.ids.last()?;
        let mut windows: Vec<(u64, u64)> = row
            .iter()
            .filter_map(|id| self.find(id))
            .map(|t| (t.particles.first, t.particles.first + t.particles.width as u64))
            .collect();
        windows.sort_unstable();
        let overlap = windows.windows(2).any(|pair| pair[1].0 < pair[0].1);
        let needed = row.len() as u64 * windows.last().map_or(0, |(low, high)| high - low);
        overlap.then(|| {
            format!(
                "the seeds start from overlapping windows of particles and are not independent: disjoint windows need reference.particles = {needed}"
            )
        })
    }

    /// Width and seed, as indices, of a network of the group of the widths.
    pub fn place(&self, id: &str) -> Option<(usize, usize)> {
        let rows = self.groups.first()?.ids.iter().enumerate();
        rows.filter_map(|(w, row)| Some((w, row.iter().position(|known| known == id)?))).next()
    }

    /// The trajectory of this id.
    pub fn find(&self, id: &str) -> Option<&Trajectory> {
        self.trajectories().find(|t| t.id == id)
    }
}

/// The run of the limit by a route other than that of the reference.
pub fn limit_by_route(route: Route) -> LimitRun {
    match route {
        Route::Particles => LimitRun::ByParticles,
        Route::Picard => LimitRun::ByPicard,
        Route::Grid => LimitRun::ByGrid,
    }
}

/// Start of the ids of the limits of sweeps.
const SWEEP_LIMIT: &str = "limit-n";

/// Id of the limit of `width` particles from `first` on, those of a network of a sweep.
pub(super) fn sweep_limit_id(width: usize, first: usize) -> String {
    format!("{SWEEP_LIMIT}{width}-p{first}")
}

/// Id of the same limit with half the step.
pub fn finer_id(limit: &str) -> String {
    format!("{limit}-half-step")
}

/// Id of the network of this width and seed that follows the full gradient, where those of the widths do not.
pub(super) fn full_gradient_id(width: usize, seed: usize) -> String {
    format!("full-n{width}-s{seed}")
}

/// Id of the network of this width and seed in the group of widths.
pub fn network_id(width: usize, seed: usize) -> String {
    format!("n{width}-s{seed}")
}

/// Name of the group of networks of the variant `name`.
pub fn variant_group_name(name: &str) -> String {
    format!("variant-{name}")
}

/// Id of the network of one neuron of the variant `name`; where all neurons start at the same point, networks of every
/// width are equal to it.
pub fn single_neuron_id(name: &str) -> String {
    format!("variant-{name}-one")
}
