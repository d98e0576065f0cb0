//! Steady-state timing of the training step, on the terms of the peers it is compared with.
//!
//! The step is the one that runs take: batches of a fixed sample drawn afresh every step, stochastic heavy ball with a
//! ridge, `eps = 1e-2`, `gamma = 1`, `lambda = 1e-3`. Times are nanoseconds per neuron and sample, forward, backward and
//! update together. With `--serve` the program prints a line when it is ready, then runs one block of steps for every line it
//! reads and answers with `{"ns": wall, "cpu_ns": processor time of all threads}`; a line that begins with q ends it. So
//! programs can take turns, and a drift of the machine cancels in the ratio.

use crate::compute::rng::{Role, stream};
use crate::compute::{InstructionSet, Real, Threads};
use crate::dynamics::{BatchSource, Buffers, Integrator, Method, Motion, NetworkForce, State, Still};
use crate::network::{Activation, Batch, Loss, Network, Objective, TwoLayer};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::io::{BufRead, Write};
use std::time::Instant;

/// Distinct batches' worth of samples that batches are drawn from, as in the peers.
const POOL: usize = 16;

/// What to time.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Number of neurons N.
    pub width: usize,
    /// Input dimension d.
    pub inputs: usize,
    /// Batch size B.
    pub batch: usize,
    /// Steps per block.
    pub steps: u64,
    /// The nonlinearity.
    pub activation: Activation,
    /// Take turns with other programs.
    pub serve: bool,
    /// Blocks to time without `serve`.
    pub blocks: usize,
}

/// A network in training on the terms of the peers: a pool of Gaussian inputs labelled `sin` of their sum, batches drawn afresh
/// from it every step, stochastic heavy ball with a ridge.
pub struct Workload<R> {
    two_layer: TwoLayer,
    network: Network,
    population: Batch<R>,
    width: usize,
    batch: usize,
}

impl<R: Real> Workload<R> {
    /// `width` neurons of `inputs` inputs on batches of `batch` samples.
    pub fn new(width: usize, inputs: usize, batch: usize, activation: Activation) -> Self {
        let two_layer = TwoLayer { inputs, outputs: 1, bias: true, activation, fixed_output: false };
        let network = Network::from(two_layer.clone());
        let mut rng = stream(0, Role::Population, 0, 0);
        let x: Vec<f64> = (0..POOL * batch * inputs).map(|_| rng.sample(StandardNormal)).collect();
        let y = x.chunks_exact(inputs).map(|x| x.iter().sum::<f64>().sin()).collect();
        let population = Batch { x: x.into_iter().map(R::of).collect(), y };
        Workload { two_layer, network, population, width, batch }
    }

    /// The force on the neurons.
    pub fn force(&self, threads: Threads) -> NetworkForce<'_, R> {
        NetworkForce {
            network: &self.network,
            width: self.width,
            population: &self.population,
            objective: Objective { loss: Loss::HalfSquared, ridge: 1e-3 },
            source: BatchSource::Indices { size: self.batch },
            seed: 0,
            replica: 0,
            threads,
            buffers: Buffers::default(),
        }
    }

    /// The peers' start, smooth functions of the neuron's index, at rest.
    pub fn start(&self) -> State<R> {
        let layout = self.two_layer.layout(self.width);
        let d = self.two_layer.inputs;
        let mut theta = vec![R::zero(); layout.len()];
        for i in 0..self.width {
            let at = i as f64;
            for j in 0..d {
                let w = (0.37 * at + 1.7 * j as f64).cos() / (d as f64).sqrt() * 1.5;
                theta[layout.index(i, j)] = R::of(w);
            }
            theta[layout.index(i, d)] = R::of(0.3 * (0.11 * at).sin());
            theta[layout.index(i, d + 1)] = R::of((1.0 + at).sin());
        }
        State::at_rest(theta)
    }

    /// What takes the steps of `state`.
    pub fn integrator(&self, state: &State<R>) -> Box<dyn Integrator<R>> {
        let motion = Motion { step: 1e-2, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
        motion.integrator(Method::HeavyBall, self.network.coordinates(self.width), state.theta.len())
    }
}

/// Times the task in the scalar type and writes lines of JSON.
///
/// # Errors
/// Where the output or input breaks.
pub fn run<R: Real>(task: Task, input: impl BufRead, mut out: impl Write) -> std::io::Result<()> {
    let Task { width, inputs: d, batch, steps, activation, .. } = task;
    let workload = Workload::<R>::new(width, d, batch, activation);
    let threads = if rayon::current_num_threads() > 1 { Threads::Pool } else { Threads::One };
    let (mut force, mut state) = (workload.force(threads), workload.start());
    let mut integrator = workload.integrator(&state);
    let unit = 1e9 / (steps as f64 * width as f64 * batch as f64);
    let mut block = || {
        let (wall, cpu) = (Instant::now(), processor_seconds());
        for _ in 0..steps {
            integrator.step(&mut force, &mut Still, &mut state);
        }
        (wall.elapsed().as_secs_f64() * unit, (processor_seconds() - cpu) * unit)
    };
    let first = block();
    let simd = InstructionSet::current();
    let text = format!("{} {} threads", simd, rayon::current_num_threads());
    if task.serve {
        writeln!(out, "{}", serde_json::json!({ "ready": true, "variant": text, "first_ns": first.0 }))?;
        out.flush()?;
        for line in input.lines() {
            if line?.starts_with('q') {
                break;
            }
            let (ns, cpu_ns) = block();
            writeln!(out, "{}", serde_json::json!({ "ns": ns, "cpu_ns": cpu_ns }))?;
            out.flush()?;
        }
        return Ok(());
    }
    let mut times: Vec<f64> = (0..task.blocks.max(1)).map(|_| block().0).collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let report = serde_json::json!({
        "n": width, "d": d, "b": batch, "steps": steps, "dtype": R::NAME, "simd": simd.to_string(),
        "threads": rayon::current_num_threads(), "ns_per_particle_sample": median, "ns_min": times[0],
        "gflops": 4.0 * (d + 2) as f64 / median, "us_per_step": median * width as f64 * batch as f64 / 1e3,
        "peak_bytes": peak_memory(),
    });
    writeln!(out, "{report}")
}

/// Processor time of this process over all threads, in seconds; 0 where it cannot be told.
fn processor_seconds() -> f64 {
    // Fields 14 and 15 of the line, counted after the parenthesised name: ticks of 10 ms in user and system mode.
    let Ok(line) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    let fields = line.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Largest resident memory so far in bytes; 0 where it cannot be told.
fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| 1024 * kib)
}
