//! Independent clouds of particles beside the grid.

use super::Kinetic;
use super::study::Solved;
use crate::compute::{Real, Threads};
use crate::config::Route;
use crate::dynamics::{State, StopReason, TimeLoop};
use crate::kinetic::GridAxis;
use crate::run::context::{Outcome, RunContext, RunError};
use crate::run::plan::{Recording, Trajectory};
use crate::run::planner::Planner;
use crate::run::problem::Problem;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use serde::{Deserialize, Serialize};

/// Particles of the first cloud that are kept at the snapshots, for figures.
const DOTS: usize = 300;

/// Bins of a histogram, about.
const BINS: usize = 64;

/// What is recorded of one cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CloudSeries {
    /// Predictions, (times, n K).
    pub function: Vec<Vec<f64>>,
    /// As those of the grid.
    pub moments: Vec<[f64; 5]>,
    /// Particles in every bin of theta and of r, at every time.
    pub theta: Vec<Vec<u32>>,
    pub momentum: Vec<Vec<u32>>,
    /// `W2` of theta to the grid.
    pub wasserstein: Vec<f64>,
    /// (theta, r) of some particles at the snapshots.
    pub dots: Vec<Vec<(f64, f64)>>,
}

/// Nodes in a bin.
pub(super) fn per_bin(nodes: usize) -> usize {
    let most = (nodes / BINS).max(1);
    (1..=most).rev().find(|per| nodes.is_multiple_of(*per)).unwrap_or(1)
}

/// Runs the clouds, side by side.
pub(super) fn run(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    grid: &Solved,
    context: &RunContext<'_>,
) -> Result<Outcome<Vec<CloudSeries>>, RunError> {
    let tasks: Vec<Task<usize>> =
        (0..terms.clouds).map(|c| Task { name: format!("kinetic-cloud-{c}"), size: 1, item: c }).collect();
    let work = |&c: &usize, handle: &TaskHandle<'_>| Ok(cloud(problem, terms, grid, c, handle));
    run_tasks(context, "clouds of particles", &tasks, work)
}

fn cloud(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    grid: &Solved,
    c: usize,
    handle: &TaskHandle<'_>,
) -> Outcome<CloudSeries> {
    let e = problem.experiment;
    let width = terms.particles / terms.clouds;
    let limit = Planner::new(e).limit(format!("kinetic-cloud-{c}"), width, (c * width) as u64);
    let run = Trajectory { route: Route::Particles, recording: Recording::default(), ..limit };
    let mut simulation = problem.simulation(&run, Threads::One);
    let mut observer = CloudObserver {
        problem,
        width,
        grid,
        momentum: terms.grid(terms.nodes, terms.step).momentum_line(),
        dots: if c == 0 { DOTS } else { 0 },
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
        .exact_loss(true)
        .interrupted_when(&interrupted);
    let mut record = |index: usize, state: &State<f64>| observer.record(index, state);
    let Ok(stop) = time_loop.run(&mut simulation, &mut record);
    if matches!(stop, StopReason::Interrupted { .. }) {
        return Outcome::Interrupted;
    }
    let mut cloud = observer.cloud;
    if stop != StopReason::Horizon {
        // Times that were not reached are NaN, and checks of them are not resolved.
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

/// Records a cloud.
struct CloudObserver<'a> {
    problem: &'a Problem<'a, f64>,
    width: usize,
    grid: &'a Solved,
    momentum: GridAxis,
    dots: usize,
    cloud: CloudSeries,
}

impl CloudObserver<'_> {
    fn record(&mut self, index: usize, state: &State<f64>) -> f64 {
        let network = &self.problem.network;
        let neuron = self.problem.independent();
        let (layout, row) = (neuron.layout(self.width), neuron.trained().start);
        let of =
            |slice: &[f64]| -> Vec<f64> { (0..self.width).map(|i| slice[layout.index(i, row)].to_f64()).collect() };
        let (mut theta, r) = (of(&state.theta), of(&state.momentum));
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
    // Unbiased, as the particles' own mean is subtracted.
    let [tt, tr, rr] = second.map(|s| s / (n - 1.0));
    [m, p, tt, tr, rr]
}

fn histogram(values: &[f64], line: GridAxis) -> Vec<u32> {
    let bins = line.nodes / per_bin(line.nodes);
    let mut counts = vec![0; bins];
    for v in values {
        let place = (v - line.low) / (line.high - line.low) * bins as f64;
        if let Some(count) = (place >= 0.0).then(|| counts.get_mut(place as usize)).flatten() {
            *count += 1;
        }
    }
    counts
}
