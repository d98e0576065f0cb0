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

use super::planner::Planner;
use crate::config::{BatchSize, Experiment, Route, Sweep, Variant};
use crate::dynamics::{Method, Motion};
use crate::network::Start;
use crate::record::Axis;

/// One run of the time loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Name of its files.
    pub id: String,
    /// How it is found.
    pub route: Route,
    /// Neurons.
    pub width: usize,
    /// Index of the first particle.
    pub first: u64,
    /// Address of its batches.
    pub replica: u64,
    /// The integrator.
    pub method: Method,
    /// Its constants.
    pub motion: Motion,
    /// Samples per step.
    pub batch: BatchSize,
    /// Ticks of the Brownian clock per step; 0 at temperature 0.
    pub ticks: u64,
    /// The limit to compare with, and the position of this run's first neuron among its particles.
    pub compare: Option<(String, usize)>,
    /// Whether others are compared with this run.
    pub keep_path: bool,
    /// Whether the force sees the first half of the fixed sample only.
    pub half_sample: bool,
    /// Whether the dropout study follows it along training.
    pub taken_apart: bool,
    /// Law of its neurons at time 0, where it is not the network's own.
    pub start: Option<Start>,
    /// Work of a step on one sample, up to a factor.
    pub cost: f64,
}

impl Trajectory {
    /// A measure of the work: that of a step times the number of steps.
    pub fn work(&self, time: f64) -> f64 {
        let gradients = self.method.gradients_per_step() as f64;
        let samples = if let BatchSize::Size(size) = self.batch { size as f64 } else { f64::INFINITY };
        self.cost * time / self.motion.step * gradients * samples.min(1000.0)
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

/// Networks that are looked at together: values of one axis times seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Name of its record.
    pub name: String,
    /// What varies.
    pub axis: Axis,
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
    /// What a person should know about the plan.
    pub warnings: Vec<String>,
}

/// Id of the reference.
pub const REFERENCE: &str = "reference";
/// Id of the reference with half its particles.
pub const HALF_PARTICLES: &str = "reference-half-particles";
/// Id of the reference with half its particles and a finer step.
pub const HALF_STEP: &str = "reference-half-step";
/// Id of the networks' own method and step with half the reference's particles.
pub const TRAINING_STEP: &str = "reference-training-step";
/// Id of the grid with half its nodes, and with half its step, where a route is the grid's.
pub const HALF_NODES: &str = "grid-half-nodes";
/// Id of the grid with half its step.
pub const GRID_HALF_STEP: &str = "grid-half-step";
/// Id of the reference with half its particles and half the sample.
pub const HALF_SAMPLE: &str = "reference-half-sample";

impl Plan {
    /// The plan of an experiment.
    pub fn new(e: &Experiment) -> Self {
        let planner = Planner::new(e);
        let sweeps: &[Sweep] = e.gap.as_ref().map_or(&[], |gap| &gap.sweep);
        let mut limits = vec![planner.reference()];
        let mut groups = vec![planner.widths()];
        let mut networks = planner.width_networks(&groups[0]);
        for sweep in sweeps {
            let group = planner.sweep(sweep, &groups);
            networks.extend(planner.sweep_networks(sweep, &group));
            groups.push(group);
            for replica in 0..sweep.seeds {
                let first = replica * planner.stride(sweep.width, sweep.seeds);
                let id = twin_id(sweep.width, first);
                if limits.iter().all(|limit| limit.id != id) {
                    limits.push(planner.limit(id, sweep.width, first as u64));
                }
            }
        }
        for variant in &e.variants {
            let group = planner.variant(variant);
            networks.extend(planner.variant_networks(variant, &group));
            groups.push(group);
        }
        let mut half = planner.limit(HALF_PARTICLES.into(), e.reference.particles / 2, 0);
        half.compare = Some((planner.whole_cloud(), 0));
        let mut fine = planner.finer(planner.limit(HALF_STEP.into(), e.reference.particles / 2, 0));
        fine.compare = Some((HALF_PARTICLES.into(), 0));
        fine.keep_path = false;
        let mut halves = vec![fine];
        if e.dynamics.batch == BatchSize::Full {
            let step = e.dynamics.step;
            let mut training = planner.network(TRAINING_STEP, e.reference.particles / 2, (0, 0), step, BatchSize::Full);
            training.compare = Some((HALF_PARTICLES.into(), 0));
            halves.push(training);
        }
        if e.population.fresh() {
            let mut sample = planner.limit(HALF_SAMPLE.into(), e.reference.particles / 2, 0);
            sample.compare = Some((HALF_PARTICLES.into(), 0));
            (sample.keep_path, sample.half_sample) = (false, true);
            halves.push(sample);
        }
        let others = e.reference.against.iter().map(|&route| planner.by(route)).collect();
        let stages = [
            Stage { name: "mean-field limit", trajectories: limits },
            Stage { name: "limit, other routes", trajectories: others },
            Stage { name: "limit, half the particles", trajectories: vec![half] },
            Stage { name: "limit, other steps", trajectories: halves },
            Stage { name: "limit, other grids", trajectories: planner.other_grids() },
            Stage { name: "networks", trajectories: networks },
        ];
        Plan {
            stages: stages.into_iter().filter(|stage| !stage.trajectories.is_empty()).collect(),
            warnings: planner.warnings(),
            groups,
        }
    }

    /// Every run, in order.
    pub fn trajectories(&self) -> impl Iterator<Item = &Trajectory> {
        self.stages.iter().flat_map(|stage| &stage.trajectories)
    }

    /// The run of this id.
    pub fn find(&self, id: &str) -> Option<&Trajectory> {
        self.trajectories().find(|t| t.id == id)
    }
}

/// Id of the limit by another route than the reference's.
pub fn by_route(route: Route) -> String {
    format!("reference-by-{}", route.name())
}

pub(super) fn twin_id(width: usize, first: usize) -> String {
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
