//! Independent clouds of particles, with which the grid is compared.

use super::Kinetic;
use super::study::GridSolution;
use crate::compute::{Real, Threads};
use crate::config::Route;
use crate::dynamics::{State, StopReason, TimeLoop};
use crate::kinetic::{GridAxis, rows_are};
use crate::run::complete;
use crate::run::context::{Outcome, RunContext, RunError};
use crate::run::plan::{Recording, Trajectory};
use crate::run::planner::Planner;
use crate::run::problem::Problem;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use serde::{Deserialize, Serialize};

/// Number of particles of the first cloud that are recorded at the snapshots, for figures.
const DOTS: usize = 300;

/// Approximate number of bins of a histogram.
const BINS: usize = 64;

/// The recorded series of one cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CloudSeries {
    /// Predictions, (times, n K).
    pub function: Vec<Vec<f64>>,
    /// Means of theta and r, variance of theta, covariance, variance of r (times).
    pub moments: Vec<[f64; 5]>,
    /// Number of particles in every bin of theta (times, bins).
    pub theta: Vec<Vec<u32>>,
    /// Number of particles in every bin of r (times, bins).
    pub momentum: Vec<Vec<u32>>,
    /// `W2` distance of the law of theta from that of the grid (times).
    pub wasserstein: Vec<f64>,
    /// (theta, r) of some particles (snapshots, particles).
    pub dots: Vec<Vec<(f64, f64)>>,
}

/// Number of nodes per bin.
pub(super) fn nodes_per_bin(nodes: usize) -> usize {
    let largest = (nodes / BINS).max(1);
    (1..=largest).rev().find(|per| nodes.is_multiple_of(*per)).unwrap_or(1)
}

/// The clouds of a run.
pub(super) struct Clouds {
    /// Independent clouds.
    pub clouds: Vec<CloudSeries>,
    /// The first of them with half the step, on the same Brownian paths.
    pub half_step: CloudSeries,
}

/// A cloud to be simulated.
struct CloudTask {
    number: usize,
    half_step: bool,
}

impl CloudTask {
    /// Number of its particles that are recorded at the snapshots, of `width`.
    fn dots(&self, width: usize) -> usize {
        if self.number == 0 && !self.half_step { DOTS.min(width) } else { 0 }
    }
}

impl CloudSeries {
    /// Whether this is the shape of the series of a cloud.
    fn fits(&self, problem: &Problem<'_, f64>, spec: &Kinetic, item: &CloudTask) -> bool {
        let (times, bins) = (problem.times.len(), spec.nodes / nodes_per_bin(spec.nodes));
        let dots = item.dots(spec.particles / spec.clouds);
        rows_are(&self.function, times, problem.population.y.len())
            && self.moments.len() == times
            && rows_are(&self.theta, times, bins)
            && rows_are(&self.momentum, times, bins)
            && self.wasserstein.len() == times
            && rows_are(&self.dots, problem.snapshots().len(), dots)
    }
}

/// Simulates the clouds in parallel.
pub(super) fn run(
    problem: &Problem<'_, f64>,
    spec: &Kinetic,
    grid: &GridSolution,
    context: &RunContext<'_>,
) -> Result<Outcome<Clouds>, RunError> {
    let task = |number: usize, half_step: bool| {
        let suffix = if half_step { "-half-step" } else { "" };
        let name = format!("kinetic-cloud-{number}{suffix}");
        Task { name, size: 1 + usize::from(half_step), item: CloudTask { number, half_step } }
    };
    let tasks: Vec<Task<CloudTask>> = (0..spec.clouds).map(|c| task(c, false)).chain([task(0, true)]).collect();
    let work = |item: &CloudTask, handle: &TaskHandle<'_>| Ok(cloud(problem, spec, grid, item, handle));
    let fits = |item: &CloudTask, found: &CloudSeries| found.fits(problem, spec, item);
    let mut clouds = complete!(run_tasks(context, "clouds of particles", &tasks, fits, work)?);
    let Some(half_step) = clouds.pop() else { unreachable!("a task for every cloud and one more") };
    Ok(Outcome::Complete(Clouds { clouds, half_step }))
}

/// Simulates a cloud.
fn cloud(
    problem: &Problem<'_, f64>,
    spec: &Kinetic,
    grid: &GridSolution,
    item: &CloudTask,
    handle: &TaskHandle<'_>,
) -> Outcome<CloudSeries> {
    let e = problem.experiment;
    let CloudTask { number: c, half_step } = *item;
    let width = spec.particles / spec.clouds;
    let planner = Planner::new(e);
    let limit = planner.limit(format!("kinetic-cloud-{c}"), width, (c * width) as u64);
    let limit = if half_step { planner.finer(limit) } else { limit };
    let run = Trajectory { route: Route::Particles, recording: Recording::default(), ..limit };
    let mut simulation = problem.simulation(&run, Threads::One);
    let mut observer = CloudObserver {
        problem,
        width,
        grid,
        momentum: spec.grid(spec.nodes, spec.step).momentum_line(),
        dots: item.dots(width),
        cloud: CloudSeries {
            function: Vec::new(),
            moments: Vec::new(),
            theta: Vec::new(),
            momentum: Vec::new(),
            wasserstein: Vec::new(),
            dots: Vec::new(),
        },
    };
    let interrupted = |time: f64| !handle.advance_to(time / e.horizon.time);
    let time_loop = TimeLoop::over(&problem.times)
        .diverged_above(e.dynamics.diverged_above)
        .risk_scale(problem.risk_scale())
        .exact_loss(true)
        .interrupted_when(&interrupted);
    let mut record = |index: usize, state: &State<f64>| observer.record(index, state);
    let Ok(stop) = time_loop.run(&mut simulation, &mut record);
    if matches!(stop, StopReason::Interrupted { .. }) {
        return Outcome::Interrupted;
    }
    let mut cloud = observer.cloud;
    if stop != StopReason::Horizon {
        // Values at times that were not reached are NaN, and the checks are not resolved.
        let (t, f) = (problem.times.len(), cloud.function[0].len());
        cloud.function.resize(t, vec![f64::NAN; f]);
        cloud.moments.resize(t, [f64::NAN; 5]);
        cloud.wasserstein.resize(t, f64::NAN);
        let (theta, momentum) = (cloud.theta[0].len(), cloud.momentum[0].len());
        cloud.theta.resize(t, vec![0; theta]);
        cloud.momentum.resize(t, vec![0; momentum]);
        cloud.dots.resize(problem.snapshots().len(), vec![(f64::NAN, f64::NAN); observer.dots]);
    }
    Outcome::Complete(cloud)
}

/// Records the series of a cloud.
struct CloudObserver<'a> {
    problem: &'a Problem<'a, f64>,
    width: usize,
    grid: &'a GridSolution,
    momentum: GridAxis,
    dots: usize,
    cloud: CloudSeries,
}

impl CloudObserver<'_> {
    fn record(&mut self, index: usize, state: &State<f64>) -> f64 {
        let network = &self.problem.network;
        let neuron = self.problem.independent();
        let (layout, row) = (neuron.layout(self.width), neuron.trained().start);
        let values =
            |slice: &[f64]| -> Vec<f64> { (0..self.width).map(|i| slice[layout.index(i, row)].to_f64()).collect() };
        let (mut theta, r) = (values(&state.theta), values(&state.momentum));
        let f = network.predict(self.width, &state.theta, &self.problem.population.x, Threads::One);
        let loss = self.problem.experiment.network.loss.mean(&f, &self.problem.population.y, network.outputs());
        self.cloud.function.push(f);
        self.cloud.moments.push(moments(&theta, &r));
        self.cloud.theta.push(histogram(&theta, self.grid.limit.axis));
        self.cloud.momentum.push(histogram(&r, self.momentum));
        if self.problem.snapshots().contains(&index) {
            self.cloud.dots.push(theta.iter().copied().zip(r).take(self.dots).collect());
        }
        theta.sort_unstable_by(f64::total_cmp);
        self.cloud.wasserstein.push(self.grid.limit.law(index).wasserstein_2(&theta).unwrap_or(f64::NAN));
        loss
    }
}

/// Means of theta and r, variance of theta, covariance, variance of r.
fn moments(theta: &[f64], r: &[f64]) -> [f64; 5] {
    let n = theta.len() as f64;
    let (m, p) = (theta.iter().sum::<f64>() / n, r.iter().sum::<f64>() / n);
    let mut second = [0.0; 3];
    for (theta, r) in theta.iter().zip(r) {
        let (a, b) = (theta - m, r - p);
        for (sum, term) in second.iter_mut().zip([a * a, a * b, b * b]) {
            *sum += term;
        }
    }
    // Unbiased estimates.
    let [tt, tr, rr] = second.map(|s| s / (n - 1.0));
    [m, p, tt, tr, rr]
}

/// Number of values in every bin.
fn histogram(values: &[f64], line: GridAxis) -> Vec<u32> {
    let bins = line.nodes / nodes_per_bin(line.nodes);
    let mut counts = vec![0; bins];
    for v in values {
        let place = (v - line.low) / (line.high - line.low) * bins as f64;
        if let Some(count) = (place >= 0.0).then(|| counts.get_mut(place as usize)).flatten() {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cloud that diverges has as many dots at the times that it did not reach.
    #[test]
    fn a_small_cloud_has_no_more_dots_than_particles() {
        let task = |number, half_step| CloudTask { number, half_step };
        assert_eq!([task(0, false).dots(32), task(0, false).dots(5000)], [32, DOTS]);
        assert_eq!([task(1, false).dots(32), task(0, true).dots(32)], [0, 0]);
    }
}
