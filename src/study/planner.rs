//! The runs of a plan, one by one: which particles each starts from, and what it is compared with.

use super::plan::{
    GRID_HALF_STEP, Group, HALF_NODES, REFERENCE, Trajectory, by_route, single_neuron, twin_id, variant_group,
};
use crate::config::{BatchSize, Experiment, Over, Precision, Route, Sweep, Variant};
use crate::dynamics::{Method, Motion};
use crate::network::Start;
use crate::record::Axis;

/// An experiment, and how its particles are shared out.
pub(super) struct Planner<'a> {
    e: &'a Experiment,
    widest: usize,
    tick: f64,
}

impl<'a> Planner<'a> {
    pub(super) fn new(e: &'a Experiment) -> Self {
        let sweeps = e.gap.iter().flat_map(|gap| &gap.sweep).map(|s| s.width);
        let variants = e.variants.iter().map(|v| v.width);
        let widest = sweeps.chain(variants).chain([e.widths.largest()]).max().unwrap_or(1);
        Planner { e, widest, tick: e.tick() }
    }

    /// Distance between the first particles of successive replicas of a group: the widest network of all, so that
    /// groups share windows, or as much as the particles allow.
    pub(super) fn stride(&self, width: usize, seeds: usize) -> usize {
        let room = self.e.reference.particles.saturating_sub(width);
        if seeds > 1 { (room / (seeds - 1)).min(self.widest) } else { 0 }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
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

    pub(super) fn limit(&self, id: String, width: usize, first: u64) -> Trajectory {
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
    pub(super) fn by(&self, route: Route) -> Trajectory {
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
    pub(super) fn reference(&self) -> Trajectory {
        let by_grid = self.grid(REFERENCE.into()).filter(|_| self.e.reference.kind == Route::Grid);
        by_grid.unwrap_or_else(|| self.limit(REFERENCE.into(), self.e.reference.particles, 0))
    }

    /// Id of the limit by all particles: the reference, or, where that is the grid, a cloud that it is held against. Without one
    /// half the particles are compared with the grid.
    pub(super) fn whole_cloud(&self) -> String {
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
    pub(super) fn other_grids(&self) -> Vec<Trajectory> {
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
    pub(super) fn finer(&self, mut limit: Trajectory) -> Trajectory {
        limit.motion.step /= 2.0;
        limit.motion.tolerance /= 32.0;
        limit.ticks = self.ticks(limit.motion.step);
        limit
    }

    /// The network of replica `s.0` that starts at particle `s.1`.
    pub(super) fn network(&self, id: &str, width: usize, s: (usize, usize), step: f64, batch: BatchSize) -> Trajectory {
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

    pub(super) fn widths(&self) -> Group {
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

    pub(super) fn width_networks(&self, group: &Group) -> Vec<Trajectory> {
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

    pub(super) fn sweep(&self, sweep: &Sweep, earlier: &[Group]) -> Group {
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

    pub(super) fn sweep_networks(&self, sweep: &Sweep, group: &Group) -> Vec<Trajectory> {
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

    pub(super) fn variant(&self, variant: &Variant) -> Group {
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

    pub(super) fn variant_networks(&self, variant: &Variant, group: &Group) -> Vec<Trajectory> {
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
