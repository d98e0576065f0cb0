//! Independent clouds of particles beside the grid.

use super::Solved;
use crate::compute::{Real, Threads};
use crate::config::{BatchSize, Kinetic};
use crate::dynamics::{Observer, State, StopReason, TimeLoop};
use crate::kinetic::Line;
use crate::study::pieces::{Piece, Pulse, work_through_watched};
use crate::study::plan::Trajectory;
use crate::study::problem::Problem;
use crate::study::{RunError, Setting};
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Particles of the first cloud that are kept at the snapshots, for figures.
const DOTS: usize = 300;

/// Bins of a histogram, about.
const BINS: usize = 64;

/// What one cloud did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cloud {
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

/// Runs the clouds, side by side; `None`: a person asked to stop.
pub(super) fn run(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    grid: &Solved,
    setting: &Setting<'_>,
) -> Result<Option<Vec<Cloud>>, RunError> {
    let width = terms.particles / terms.clouds;
    let pieces: Vec<Piece<usize>> =
        (0..terms.clouds).map(|c| Piece { name: format!("kinetic-cloud-{c}"), size: 1, item: c }).collect();
    let cloud = |&c: &usize, pulse: &Pulse<'_>| Ok(cloud(problem, terms, (grid, width, c), setting.interrupt, pulse));
    work_through_watched(setting, "clouds of particles", &pieces, cloud)
}

/// `None`: a person asked to stop.
fn cloud(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    (grid, width, c): (&Solved, usize, usize),
    interrupt: &AtomicBool,
    pulse: &Pulse<'_>,
) -> Option<Cloud> {
    let e = problem.experiment;
    let run = Trajectory {
        id: format!("kinetic-cloud-{c}"),
        route: crate::config::Route::Particles,
        width,
        first: (c * width) as u64,
        replica: 0,
        method: e.reference.method,
        motion: e.dynamics.motion(e.reference.step),
        batch: BatchSize::Full,
        ticks: if e.dynamics.temperature > 0.0 { (e.reference.step / e.tick()).round() as u64 } else { 0 },
        compare: None,
        keep_path: false,
        half_sample: false,
        taken_apart: false,
        start: None,
        cost: e.network.work(width),
    };
    let start: Vec<f64> = problem.network.start(&e.network.start, e.seed, run.first, width);
    let mut state = State { momentum: problem.start_momenta(&run), ..State::at_rest(start) };
    let mut integrator = run.motion.integrator(run.method, width, state.theta.len());
    let mut watcher = Watcher {
        problem,
        width,
        grid,
        momentum: Line { low: -terms.momentum, high: terms.momentum, nodes: terms.nodes },
        dots: if c == 0 { DOTS } else { 0 },
        pulse,
        risk: f64::NAN,
        cloud: Cloud {
            function: Vec::new(),
            moments: Vec::new(),
            theta: Vec::new(),
            momentum: Vec::new(),
            wasserstein: Vec::new(),
            dots: Vec::new(),
        },
    };
    let time_loop = TimeLoop {
        times: &problem.times,
        // A cloud is short: it is done or not done.
        checkpoint_every: Duration::MAX,
        diverged_above: e.dynamics.diverged_above,
        exact_loss: true,
        interrupt,
    };
    let (mut force, mut noise) = (problem.force(&run, Threads::One), problem.noise(&run));
    let stop = time_loop
        .run(&mut state, 0, integrator.as_mut(), &mut force, noise.as_mut(), &mut watcher)
        .unwrap_or_else(|e| match e {});
    if matches!(stop, StopReason::Interrupted { .. }) {
        return None;
    }
    let mut cloud = watcher.cloud;
    if stop != StopReason::Horizon {
        // What was not reached is no number, and checks of it are not resolved.
        let (t, f) = (problem.times.len(), cloud.function[0].len());
        cloud.function.resize(t, vec![f64::NAN; f]);
        cloud.moments.resize(t, [f64::NAN; 5]);
        cloud.wasserstein.resize(t, f64::NAN);
        let (theta, momentum) = (cloud.theta[0].len(), cloud.momentum[0].len());
        cloud.theta.resize(t, vec![0; theta]);
        cloud.momentum.resize(t, vec![0; momentum]);
        cloud.dots.resize(problem.snapshots().len(), vec![(f64::NAN, f64::NAN); watcher.dots]);
    }
    Some(cloud)
}

/// Looks at a cloud at the recording times.
struct Watcher<'a> {
    problem: &'a Problem<'a, f64>,
    width: usize,
    grid: &'a Solved,
    momentum: Line,
    dots: usize,
    pulse: &'a Pulse<'a>,
    risk: f64,
    cloud: Cloud,
}

impl Observer<f64> for Watcher<'_> {
    type Error = std::convert::Infallible;

    fn record(&mut self, index: usize, state: &State<f64>) -> f64 {
        let network = &self.problem.network;
        let neuron = self.problem.independent();
        let (layout, row) = (neuron.layout(self.width), neuron.trained().start);
        let of =
            |slice: &[f64]| -> Vec<f64> { (0..self.width).map(|i| slice[layout.index(i, row)].to_f64()).collect() };
        let (mut theta, r) = (of(&state.theta), of(&state.momentum));
        let f = network.predict(self.width, &state.theta, &self.problem.population.x, Threads::One);
        let loss = self.problem.experiment.network.loss.mean(&f, &self.problem.population.y, network.outputs());
        if index == 0 {
            self.risk = loss;
        }
        self.cloud.function.push(f);
        self.cloud.moments.push(moments(&theta, &r));
        self.cloud.theta.push(histogram(&theta, self.grid.limit.line));
        self.cloud.momentum.push(histogram(&r, self.momentum));
        if self.problem.snapshots().contains(&index) {
            self.cloud.dots.push(theta.iter().copied().zip(r).take(self.dots).collect());
        }
        theta.sort_unstable_by(f64::total_cmp);
        self.cloud.wasserstein.push(self.grid.limit.law(index).wasserstein_2(&theta).unwrap_or(f64::NAN));
        loss
    }

    fn start_risk(&self) -> f64 {
        self.risk
    }

    fn checkpoint(&mut self, _: &State<f64>, _: &[f64], _: usize) -> Result<(), Self::Error> {
        Ok(())
    }

    fn progress(&mut self, time: f64) {
        self.pulse.go_on(time / self.problem.experiment.horizon.time);
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

fn histogram(values: &[f64], line: Line) -> Vec<u32> {
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
