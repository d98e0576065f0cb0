//! The trajectories of a plan: the particles from which each starts, and the limit with which it is compared.

use super::plan::{
    Comparison, Group, Integration, Particles, Plan, Recording, Stage, Trajectory, finer_id, full_gradient_id,
    limit_by_route, network_id, single_neuron_id, sweep_limit_id, variant_group_name,
};
use crate::config::{BatchSize, Experiment, Over, Precision, Route, Sweep, Variant};
use crate::dynamics::{Method, Scheme};
use crate::network::Start;
use crate::number::plain;
use crate::record::{GroupAxis, GroupsRecord, LimitRun};

impl Plan {
    /// The plan of an experiment.
    pub fn new(e: &Experiment) -> Self {
        let planner = Planner::new(e);
        let half = e.reference.particles / 2;
        let mut limits = vec![planner.reference()];
        let mut groups = vec![planner.widths()];
        let mut networks = planner.width_networks(&groups[0]);
        let mut finer_limits = Vec::new();
        if e.trains_full_gradient() {
            let group = planner.full_gradient_widths();
            networks.extend(planner.width_networks(&group));
            groups.push(group);
        }
        for sweep in e.sweeps() {
            let group = planner.sweep(sweep, &groups);
            networks.extend(planner.sweep_networks(sweep, &group));
            groups.push(group);
            for replica in 0..sweep.seeds {
                let first = replica * planner.stride(sweep.width, sweep.seeds);
                let id = sweep_limit_id(sweep.width, first);
                if limits.iter().all(|limit| limit.id != id) {
                    let limit = planner.limit(id, sweep.width, first as u64);
                    let compare = Comparison::with(limit.id.clone(), 0);
                    let finer = planner.finer(Trajectory { id: finer_id(&limit.id), ..limit.clone() });
                    let recording = Recording { compare, ..Recording::default() };
                    finer_limits.push(Trajectory { recording, ..finer });
                    limits.push(limit);
                }
            }
        }
        for variant in &e.variants {
            let group = planner.variant(variant);
            networks.extend(planner.variant_networks(variant, &group));
            groups.push(group);
        }
        let with_all = Recording {
            compare: Comparison::with(planner.all_particles_id(), 0),
            keep_path: true,
            ..Recording::default()
        };
        let to_half =
            || Recording { compare: Comparison::with(LimitRun::HalfParticles.id(), 0), ..Recording::default() };
        let limit = |run: LimitRun| planner.limit(run.id().into(), half, 0);
        let mut halves = vec![Trajectory { recording: to_half(), ..planner.finer(limit(LimitRun::HalfStep)) }];
        if e.dynamics.batch == BatchSize::Full || e.trains_full_gradient() {
            let training =
                planner.network(LimitRun::TrainingStep.id(), half, Replica::FIRST, e.dynamics.step, BatchSize::Full);
            halves.push(Trajectory { recording: to_half(), ..training });
        }
        if e.population.fresh() {
            let mut sample = Trajectory { recording: to_half(), ..limit(LimitRun::HalfSample) };
            sample.integration.half_sample = true;
            halves.push(sample);
        }
        let half = Trajectory { recording: with_all, ..limit(LimitRun::HalfParticles) };
        let others = e.reference.against.iter().map(|&route| planner.limit_by(route)).collect();
        let stages = [
            Stage { name: "mean-field limit", trajectories: limits },
            Stage { name: "limits of sweeps, half the step", trajectories: finer_limits },
            Stage { name: "limit, other routes", trajectories: others },
            Stage { name: "limit, half the particles", trajectories: vec![half] },
            Stage { name: "limit, other steps", trajectories: halves },
            Stage { name: "limit, other grids", trajectories: planner.other_grids() },
            Stage { name: "networks", trajectories: networks },
        ];
        Plan {
            stages: stages.into_iter().filter(|stage| !stage.trajectories.is_empty()).collect(),
            warnings: planner.warnings(),
            pairs: planner.pairs(&groups[0]),
            groups,
        }
    }
}

/// Assigns particles to the trajectories of an experiment.
pub struct Planner<'a> {
    e: &'a Experiment,
    widest: usize,
    tick: f64,
}

/// A replica of a network: its number, and its first particle.
#[derive(Clone, Copy)]
pub(super) struct Replica {
    number: usize,
    first: usize,
}

impl Replica {
    /// Replica 0, from the first particle on.
    pub const FIRST: Replica = Replica { number: 0, first: 0 };
}

impl<'a> Planner<'a> {
    /// The planner of an experiment.
    pub fn new(e: &'a Experiment) -> Self {
        let sweeps = e.sweeps().map(|s| s.width);
        let variants = e.variants.iter().map(|v| v.width);
        let widest = sweeps.chain(variants).chain([e.widths.largest()]).max().unwrap_or(1);
        Planner { e, widest, tick: e.tick() }
    }

    /// Distance between the first particles of successive replicas of a group: the width of the widest network of the
    /// experiment, so that replicas of all groups start at the same particles, or less where there are too few
    /// particles.
    pub(super) fn stride(&self, width: usize, seeds: usize) -> usize {
        let spare = self.e.reference.particles.saturating_sub(width);
        if seeds > 1 { (spare / (seeds - 1)).min(self.widest) } else { 0 }
    }

    /// The pairs of networks of the widths that a study examines together.
    pub(super) fn pairs(&self, widths: &Group) -> Vec<[String; 2]> {
        let count = self.e.pairs();
        let pairs = widths.ids.iter().flat_map(|row| row.chunks_exact(2).take(count));
        pairs.map(|pair| [pair[0].clone(), pair[1].clone()]).collect()
    }

    /// Warnings for readers of the results.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let sweeps = self.e.sweeps().map(|s| (s.width, s.seeds));
        let variants = self.e.variants.iter().map(|v| (v.width, v.seeds));
        let overlap = |&(width, seeds): &(usize, usize)| seeds > 1 && self.stride(width, seeds) < width;
        for (width, seeds) in
            sweeps.chain(variants).chain([(self.e.widths.largest(), self.e.widths.seeds)]).filter(overlap)
        {
            let warning = format!(
                "the {seeds} replicas of width {width} start from overlapping windows of particles, so intervals over seeds are too short; disjoint windows need reference.particles = {}",
                width * seeds
            );
            // Several sweeps may have networks of one width.
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        if self.e.precision == Precision::F32 {
            warnings.push("states are in single precision: gaps below about 1e-6 are rounding".into());
        }
        warnings
    }

    /// Increments of the common Brownian path per step.
    fn ticks(&self, step: f64) -> u64 {
        if self.e.dynamics.temperature > 0.0 { (step / self.tick).round() as u64 } else { 0 }
    }

    /// The limit of `width` particles from `first` on, by the route, method and step of the reference; its path is
    /// kept.
    pub fn limit(&self, id: String, width: usize, first: u64) -> Trajectory {
        let reference = &self.e.reference;
        let mut motion = self.e.dynamics.motion(reference.step);
        motion.tolerance = reference.tolerance.unwrap_or(0.0);
        Trajectory {
            id,
            // On a grid there are no particles: the limit of given particles is computed step by step.
            route: if reference.kind == Route::Grid { Route::Particles } else { reference.kind },
            particles: Particles { width, first, replica: 0, start: None },
            integration: Integration {
                scheme: Scheme { method: reference.method, motion },
                batch: BatchSize::Full,
                ticks: self.ticks(reference.step),
                half_sample: false,
            },
            recording: Recording { keep_path: true, ..Recording::default() },
            cost: self.e.network.work(width),
        }
    }

    /// The limit by a route other than that of the reference.
    pub(super) fn limit_by(&self, route: Route) -> Trajectory {
        let id = limit_by_route(route).id();
        let compare = Comparison::with(LimitRun::Reference.id(), 0);
        match self.grid(id) {
            Some(mut grid) if route == Route::Grid => {
                grid.recording.compare = compare;
                grid
            }
            _ => {
                let keep_path = id == self.all_particles_id();
                let recording = Recording { compare, keep_path, ..Recording::default() };
                Trajectory { route, recording, ..self.limit(id.into(), self.e.reference.particles, 0) }
            }
        }
    }

    /// The reference.
    pub(super) fn reference(&self) -> Trajectory {
        let id = LimitRun::Reference.id();
        let by_grid = self.grid(id).filter(|_| self.e.reference.kind == Route::Grid);
        by_grid.unwrap_or_else(|| self.limit(id.into(), self.e.reference.particles, 0))
    }

    /// Id of the limit with all particles: the reference, or, where that is on a grid, the limit by particles or Picard
    /// iteration with which it is compared. Without one, the limit with half the particles is compared with the grid.
    pub(super) fn all_particles_id(&self) -> &'static str {
        let reference = &self.e.reference;
        let cloud = [Route::Particles, Route::Picard].into_iter().find(|route| reference.against.contains(route));
        match cloud {
            Some(route) if reference.kind == Route::Grid => limit_by_route(route).id(),
            _ => LimitRun::Reference.id(),
        }
    }

    /// The limit on the grid, if the experiment has one.
    fn grid(&self, id: &str) -> Option<Trajectory> {
        let grid = self.e.reference.grid.as_ref()?;
        let mut limit = self.limit(id.into(), grid.nodes, 0);
        limit.route = Route::Grid;
        limit.integration.scheme.motion.step = grid.step;
        limit.integration.ticks = 0;
        Some(limit)
    }

    /// The grid with half the nodes and with half the step, to estimate its error.
    pub(super) fn other_grids(&self) -> Vec<Trajectory> {
        let whole = if self.e.reference.kind == Route::Grid { LimitRun::Reference } else { LimitRun::ByGrid };
        let other = |run: LimitRun| {
            let compare = Comparison::with(whole.id(), 0);
            Some(Trajectory { recording: Recording { compare, ..Recording::default() }, ..self.grid(run.id())? })
        };
        let half = other(LimitRun::HalfNodes).map(|mut grid| {
            grid.particles.width /= 2;
            grid
        });
        let fine = other(LimitRun::GridHalfStep).map(|mut grid| {
            grid.integration.scheme.motion.step /= 2.0;
            grid
        });
        half.into_iter().chain(fine).collect()
    }

    /// A limit with half the step; for the adaptive method with 1/32 of the tolerance, as its error is of order 5.
    pub fn finer(&self, mut limit: Trajectory) -> Trajectory {
        let Integration { scheme: Scheme { motion, .. }, ticks, .. } = &mut limit.integration;
        motion.step /= 2.0;
        motion.tolerance /= 32.0;
        *ticks = self.ticks(motion.step);
        limit
    }

    /// A network of the main dynamics, with another step and batch size.
    pub(super) fn network(&self, id: &str, width: usize, replica: Replica, step: f64, batch: BatchSize) -> Trajectory {
        let Replica { number, first } = replica;
        Trajectory {
            id: id.into(),
            route: Route::Particles,
            particles: Particles { width, first: first as u64, replica: number as u64, start: None },
            integration: Integration {
                scheme: Scheme { method: self.e.dynamics.method, motion: self.e.dynamics.motion(step) },
                batch,
                ticks: self.ticks(step),
                half_sample: false,
            },
            recording: Recording::default(),
            cost: self.e.network.work(width),
        }
    }

    /// The group of the widths.
    pub(super) fn widths(&self) -> Group {
        let (widths, seeds) = (&self.e.widths.values, self.e.widths.seeds);
        let row = |&n: &usize| (0..seeds).map(|s| network_id(n, s)).collect();
        Group {
            name: GroupsRecord::WIDTHS.into(),
            axis: GroupAxis::Width,
            values: widths.iter().map(|&n| n as f64).collect(),
            ids: widths.iter().map(row).collect(),
            batch: self.e.dynamics.batch,
            step: self.e.dynamics.step,
            width: self.e.widths.largest(),
        }
    }

    /// The networks of the widths again, under the full gradient.
    pub(super) fn full_gradient_widths(&self) -> Group {
        let widths = self.widths();
        let row = |&n: &usize| (0..self.e.widths.seeds).map(|s| full_gradient_id(n, s)).collect();
        let ids = self.e.widths.values.iter().map(row).collect();
        Group { name: format!("{}-full", widths.name), ids, batch: BatchSize::Full, ..widths }
    }

    /// The networks of a group of the widths.
    pub(super) fn width_networks(&self, group: &Group) -> Vec<Trajectory> {
        let rows = self.e.widths.values.iter().zip(&group.ids);
        let stride = self.stride(self.e.widths.largest(), self.e.widths.seeds);
        rows.flat_map(|(&width, row)| {
            row.iter().enumerate().map(move |(s, id)| {
                let mut network =
                    self.network(id, width, Replica { number: s, first: s * stride }, group.step, group.batch);
                network.recording = Recording {
                    compare: Comparison::with(LimitRun::Reference.id(), s * stride),
                    keep_path: false,
                    dropout: self.e.records_dropout(),
                };
                network
            })
        })
        .collect()
    }

    /// The group of a sweep; `earlier` are the groups before it, from which its name must differ.
    pub(super) fn sweep(&self, sweep: &Sweep, earlier: &[Group]) -> Group {
        let (step, batch) = sweep.at(sweep.values[0], &self.e.dynamics);
        let stem = match (sweep.over, batch) {
            (Over::Batch, _) => "batches".to_string(),
            (Over::Step, BatchSize::Full) => "steps-full".into(),
            (Over::Step, BatchSize::Size(size)) => format!("steps-b{size}"),
        };
        let same = earlier.iter().filter(|g| g.name == stem || g.name.starts_with(&format!("{stem}-"))).count();
        let name = if same == 0 { stem } else { format!("{stem}-{}", same + 1) };
        let row = |&v: &f64| (0..sweep.seeds).map(|s| format!("{name}-{}-s{s}", plain(v))).collect();
        Group {
            axis: if sweep.over == Over::Step { GroupAxis::Step } else { GroupAxis::Batch },
            values: sweep.values.clone(),
            ids: sweep.values.iter().map(row).collect(),
            batch,
            step,
            width: sweep.width,
            name,
        }
    }

    /// The networks of the group of a sweep.
    pub(super) fn sweep_networks(&self, sweep: &Sweep, group: &Group) -> Vec<Trajectory> {
        let rows = sweep.values.iter().zip(&group.ids);
        let stride = self.stride(sweep.width, sweep.seeds);
        rows.flat_map(|(&value, row)| {
            let (step, batch) = sweep.at(value, &self.e.dynamics);
            row.iter().enumerate().map(move |(s, id)| {
                let mut network = self.network(id, sweep.width, Replica { number: s, first: s * stride }, step, batch);
                network.recording.compare = Comparison::with(sweep_limit_id(sweep.width, s * stride), 0);
                network
            })
        })
        .collect()
    }

    /// The group of a variant.
    pub(super) fn variant(&self, variant: &Variant) -> Group {
        let name = variant_group_name(&variant.name);
        Group {
            axis: GroupAxis::Variant,
            values: vec![variant.width as f64],
            ids: vec![(0..variant.seeds).map(|s| format!("{name}-s{s}")).collect()],
            batch: self.e.dynamics.batch,
            step: variant.step,
            width: variant.width,
            name,
        }
    }

    /// The networks of the group of a variant, and its network of one neuron where all neurons start at the same point.
    pub(super) fn variant_networks(&self, variant: &Variant, group: &Group) -> Vec<Trajectory> {
        let stride = self.stride(variant.width, variant.seeds);
        let network = |id: &str, width: usize, s: usize| {
            let mut network =
                self.network(id, width, Replica { number: s, first: s * stride }, variant.step, group.batch);
            let scheme = &mut network.integration.scheme;
            scheme.method = variant.method;
            scheme.motion.friction = variant.friction;
            scheme.motion.first_order = variant.method == Method::GradientDescent;
            network.particles.start.clone_from(&variant.start);
            network
        };
        let mut networks: Vec<Trajectory> =
            group.ids[0].iter().enumerate().map(|(s, id)| network(id, variant.width, s)).collect();
        if variant.stalls && variant.start.as_ref().is_some_and(Start::is_point) {
            networks.push(network(&single_neuron_id(&variant.name), 1, 0));
        }
        networks
    }
}
