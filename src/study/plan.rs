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

use crate::config::{BatchSize, Experiment, Over, Precision, Route, Sweep, Variant};
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
        let gradients = match self.method {
            Method::Rk4 => 4.0,
            Method::DormandPrince => 6.0,
            _ => 1.0,
        };
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

fn twin_id(width: usize, first: usize) -> String {
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

/// An experiment, and how its particles are shared out.
struct Planner<'a> {
    e: &'a Experiment,
    widest: usize,
    tick: f64,
}

impl<'a> Planner<'a> {
    fn new(e: &'a Experiment) -> Self {
        let sweeps = e.gap.iter().flat_map(|gap| &gap.sweep).map(|s| s.width);
        let variants = e.variants.iter().map(|v| v.width);
        let widest = sweeps.chain(variants).chain([e.widths.largest()]).max().unwrap_or(1);
        Planner { e, widest, tick: e.tick() }
    }

    /// Distance between the first particles of successive replicas of a group: the widest network of all, so that
    /// groups share windows, or as much as the particles allow.
    fn stride(&self, width: usize, seeds: usize) -> usize {
        let room = self.e.reference.particles.saturating_sub(width);
        if seeds > 1 { (room / (seeds - 1)).min(self.widest) } else { 0 }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let sweeps = self.e.gap.iter().flat_map(|gap| &gap.sweep).map(|s| (s.width, s.seeds));
        let variants = self.e.variants.iter().map(|v| (v.width, v.seeds));
        let overlap = |&(width, seeds): &(usize, usize)| seeds > 1 && self.stride(width, seeds) < width;
        for (width, seeds) in
            sweeps.chain(variants).chain([(self.e.widths.largest(), self.e.widths.seeds)]).filter(overlap)
        {
            warnings.push(format!(
                "the {seeds} replicas of width {width} start from overlapping windows of particles, so intervals over seeds are somewhat too short; disjoint windows need reference.particles = {}",
                width * seeds
            ));
        }
        if self.e.precision == Precision::F32 {
            warnings.push("states are in single precision: gaps below about 1e-6 are rounding".into());
        }
        warnings
    }

    fn ticks(&self, step: f64) -> u64 {
        if self.e.dynamics.temperature > 0.0 { (step / self.tick).round() as u64 } else { 0 }
    }

    fn limit(&self, id: String, width: usize, first: u64) -> Trajectory {
        let reference = &self.e.reference;
        let mut motion = self.e.dynamics.motion(reference.step);
        motion.tolerance = reference.tolerance.unwrap_or(0.0);
        Trajectory {
            id,
            // A grid knows nothing of particles: the limit of some of them is found by moving them.
            route: if reference.kind == Route::Grid { Route::Particles } else { reference.kind },
            width,
            first,
            replica: 0,
            method: reference.method,
            motion,
            batch: BatchSize::Full,
            ticks: self.ticks(reference.step),
            compare: None,
            keep_path: true,
            half_sample: false,
            taken_apart: false,
            start: None,
            cost: self.e.network.work(width),
        }
    }

    /// The limit by another route.
    fn by(&self, route: Route) -> Trajectory {
        let compare = Some((REFERENCE.into(), 0));
        match self.grid(by_route(route)) {
            Some(grid) if route == Route::Grid => Trajectory { compare, ..grid },
            _ => {
                let limit = self.limit(by_route(route), self.e.reference.particles, 0);
                let keep_path = limit.id == self.whole_cloud();
                Trajectory { route, compare, keep_path, ..limit }
            }
        }
    }

    /// The reference itself.
    fn reference(&self) -> Trajectory {
        let by_grid = self.grid(REFERENCE.into()).filter(|_| self.e.reference.kind == Route::Grid);
        by_grid.unwrap_or_else(|| self.limit(REFERENCE.into(), self.e.reference.particles, 0))
    }

    /// Id of the limit by all particles: the reference, or, where that is the grid, a cloud that it is held against. Without one
    /// half the particles are compared with the grid.
    fn whole_cloud(&self) -> String {
        let reference = &self.e.reference;
        let cloud = [Route::Particles, Route::Picard].into_iter().find(|route| reference.against.contains(route));
        match cloud {
            Some(route) if reference.kind == Route::Grid => by_route(route),
            _ => REFERENCE.into(),
        }
    }

    /// The limit by the grid, where there is one.
    fn grid(&self, id: String) -> Option<Trajectory> {
        let grid = self.e.reference.grid.as_ref()?;
        let limit = self.limit(id, grid.nodes, 0);
        let motion = Motion { step: grid.step, ..limit.motion };
        Some(Trajectory { route: Route::Grid, motion, ticks: 0, ..limit })
    }

    /// The grid with half the nodes and with half the step: its own error.
    fn other_grids(&self) -> Vec<Trajectory> {
        let kind = self.e.reference.kind;
        let whole = if kind == Route::Grid { REFERENCE.into() } else { by_route(Route::Grid) };
        let other = |id: &str| {
            let grid = self.grid(id.into())?;
            Some(Trajectory { compare: Some((whole.clone(), 0)), keep_path: false, ..grid })
        };
        let half = other(HALF_NODES).map(|grid| Trajectory { width: grid.width / 2, ..grid });
        let fine = other(GRID_HALF_STEP).map(|mut grid| {
            grid.motion.step /= 2.0;
            grid
        });
        half.into_iter().chain(fine).collect()
    }

    /// Half the step; for the adaptive method the tolerance of half the step, a 32nd.
    fn finer(&self, mut limit: Trajectory) -> Trajectory {
        limit.motion.step /= 2.0;
        limit.motion.tolerance /= 32.0;
        limit.ticks = self.ticks(limit.motion.step);
        limit
    }

    /// The network of replica `s.0` that starts at particle `s.1`.
    fn network(&self, id: &str, width: usize, s: (usize, usize), step: f64, batch: BatchSize) -> Trajectory {
        Trajectory {
            id: id.into(),
            route: Route::Particles,
            width,
            first: s.1 as u64,
            replica: s.0 as u64,
            method: self.e.dynamics.method,
            motion: self.e.dynamics.motion(step),
            batch,
            ticks: self.ticks(step),
            compare: None,
            keep_path: false,
            half_sample: false,
            taken_apart: false,
            start: None,
            cost: self.e.network.work(width),
        }
    }

    fn widths(&self) -> Group {
        let (widths, seeds) = (&self.e.widths.values, self.e.widths.seeds);
        let row = |n: &usize| (0..seeds).map(|s| format!("n{n}-s{s}")).collect();
        Group {
            name: "widths".into(),
            axis: Axis::Width,
            values: widths.iter().map(|&n| n as f64).collect(),
            ids: widths.iter().map(row).collect(),
            batch: self.e.dynamics.batch,
            step: self.e.dynamics.step,
            width: self.e.widths.largest(),
        }
    }

    fn width_networks(&self, group: &Group) -> Vec<Trajectory> {
        let rows = self.e.widths.values.iter().zip(&group.ids);
        let stride = self.stride(self.e.widths.largest(), self.e.widths.seeds);
        rows.flat_map(|(&width, row)| {
            row.iter().enumerate().map(move |(s, id)| {
                let mut network = self.network(id, width, (s, s * stride), group.step, group.batch);
                network.compare = Some((REFERENCE.into(), s * stride));
                network.taken_apart = self.e.dropout.is_some();
                network
            })
        })
        .collect()
    }

    fn sweep(&self, sweep: &Sweep, earlier: &[Group]) -> Group {
        let (step, batch) = sweep.at(sweep.values[0], &self.e.dynamics);
        let stem = match (sweep.over, batch) {
            (Over::Batch, _) => "batches".to_string(),
            (Over::Step, BatchSize::Full) => "steps-full".into(),
            (Over::Step, BatchSize::Size(size)) => format!("steps-b{size}"),
        };
        let twins = earlier.iter().filter(|g| g.name == stem || g.name.starts_with(&format!("{stem}-"))).count();
        let name = if twins == 0 { stem } else { format!("{stem}-{}", twins + 1) };
        let row = |v: &f64| (0..sweep.seeds).map(|s| format!("{name}-{v}-s{s}")).collect();
        Group {
            axis: if sweep.over == Over::Step { Axis::Step } else { Axis::Batch },
            values: sweep.values.clone(),
            ids: sweep.values.iter().map(row).collect(),
            batch,
            step,
            width: sweep.width,
            name,
        }
    }

    fn sweep_networks(&self, sweep: &Sweep, group: &Group) -> Vec<Trajectory> {
        let rows = sweep.values.iter().zip(&group.ids);
        let stride = self.stride(sweep.width, sweep.seeds);
        rows.flat_map(|(&value, row)| {
            let (step, batch) = sweep.at(value, &self.e.dynamics);
            row.iter().enumerate().map(move |(s, id)| {
                let mut network = self.network(id, sweep.width, (s, s * stride), step, batch);
                network.compare = Some((twin_id(sweep.width, s * stride), 0));
                network
            })
        })
        .collect()
    }

    fn variant(&self, variant: &Variant) -> Group {
        let name = variant_group(variant);
        Group {
            axis: Axis::Variant,
            values: vec![variant.width as f64],
            ids: vec![(0..variant.seeds).map(|s| format!("{name}-s{s}")).collect()],
            batch: self.e.dynamics.batch,
            step: variant.step,
            width: variant.width,
            name,
        }
    }

    fn variant_networks(&self, variant: &Variant, group: &Group) -> Vec<Trajectory> {
        let stride = self.stride(variant.width, variant.seeds);
        let network = |id: &str, width: usize, s: usize| {
            let mut network = self.network(id, width, (s, s * stride), variant.step, group.batch);
            network.method = variant.method;
            network.motion.friction = variant.friction;
            network.motion.first_order = variant.method == Method::GradientDescent;
            network.start.clone_from(&variant.start);
            network
        };
        let mut networks: Vec<Trajectory> =
            group.ids[0].iter().enumerate().map(|(s, id)| network(id, variant.width, s)).collect();
        if variant.stalls && variant.start.as_ref().is_some_and(Start::is_point) {
            networks.push(network(&single_neuron(variant), 1, 0));
        }
        networks
    }
}
