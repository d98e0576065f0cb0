//! A step of the tangent system of a two-layer cloud: `cargo bench --bench fluctuation`.
//!
//! With `-- --serve` it takes two steps for every line that it reads, as `widelimit bench --serve` does, and alternates
//! with `benches/peers/jax_tangent.py --serve`, which takes the same step; with `-- --check` it prints `c` after a few
//! steps, which the peer prints too. `--second-order` adds the mean second order, `--all-threads` uses all threads.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};
use widelimit::compute::{AlignedAllocator, InstructionSet, Threads};
use widelimit::dynamics::{Ensemble, Method, Motion, NoNoise, Scheme, Simulation, State};
use widelimit::fluctuation::{NoiseColumns, TangentForce, TangentRun, TangentSystem};
use widelimit::network::{Activation, Batch, Loss, Network, Objective, TwoLayer};

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

/// Samples n, inputs d, particles M and columns of the digits of the experiments.
const SIZES: TangentSizes = TangentSizes { samples: 600, inputs: 64, particles: 1024, columns: 72 };

/// Columns of the system with the second order, which needs two more in memory.
const SECOND_ORDER_COLUMNS: usize = SIZES.columns - 2;

/// Steps of one measurement of `--serve`.
const SERVED_STEPS: u32 = 2;

/// Steps before `--check` prints c.
const CHECKED_STEPS: usize = 3;

#[derive(Clone, Copy)]
struct TangentSizes {
    samples: usize,
    inputs: usize,
    particles: usize,
    columns: usize,
}

/// Numbers between -1 and 1 without pattern.
fn wave(count: usize, shift: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |k| (k + shift) as f64).map(|k| (0.1 * k * k + k).sin())
}

/// A cloud at rest and the columns of its noise.
struct TangentCase {
    network: Network,
    sample: Batch<f64>,
    columns: NoiseColumns,
    start: State<f64>,
    second_order: bool,
}

impl TangentCase {
    fn new(TangentSizes { samples, inputs, particles, columns }: TangentSizes, second_order: bool) -> Self {
        let network = TwoLayer { inputs, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
        let network = Network::from(network);
        let sample = Batch {
            x: wave(samples * inputs, 0).map(|v| 1.5 * v).collect(),
            y: wave(samples, 17).map(f64::signum).collect(),
        };
        let hidden: Vec<f64> = wave(particles * (inputs + 1), 3).map(|v| v / (inputs as f64).sqrt()).collect();
        let outputs = wave(particles, 29).map(|v| 1.7 * v);
        let canonical = hidden.chunks_exact(inputs + 1).zip(outputs);
        let canonical: Vec<f64> = canonical.flat_map(|(hidden, a)| hidden.iter().copied().chain([a])).collect();
        let mut weights: Vec<f64> = wave(particles * columns, 5).collect();
        for c in 0..columns {
            let column = || (0..particles).map(|i| i * columns + c);
            let mean = column().map(|at| weights[at]).sum::<f64>() / particles as f64;
            column().for_each(|at| weights[at] = (weights[at] - mean) / (columns as f64).sqrt());
        }
        let start = State::at_rest(network.from_canonical(particles, &canonical));
        TangentCase { network, sample, columns: NoiseColumns::given(particles, weights), start, second_order }
    }

    fn scheme() -> Scheme {
        let motion = Motion { step: 0.1, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
        Scheme { method: Method::KickDriftKick, motion }
    }

    fn system(&self, threads: Threads) -> TangentSystem<'_> {
        let objective = Objective { loss: Loss::HalfSquared, ridge: 0.0 };
        let width = self.columns.particles();
        TangentSystem {
            ensemble: Ensemble { network: &self.network, width, population: &self.sample, objective },
            columns: &self.columns,
            second_order: self.second_order,
            batch_noise: None,
            given: None,
            threads,
        }
    }

    /// A simulation of the system after one step.
    fn simulation(&self, threads: Threads) -> Simulation<'_, f64> {
        let system = self.system(threads);
        let state = system.start(self.start.clone()).expect("a network that is linearised");
        let len = state.theta.len();
        let force = Box::new(TangentForce::new(system).expect("a network that is linearised"));
        let integrator = Self::scheme().integrator_on(threads, len, len);
        let mut simulation = Simulation { state, integrator, force, noise: Box::new(NoNoise) };
        simulation.step();
        simulation
    }

    /// Floating-point operations of a step that are counted: two products for the tangent, one for the second order.
    fn counted(&self, sizes: TangentSizes) -> u64 {
        let products = if self.second_order { 3 } else { 2 };
        2 * products * (sizes.samples * sizes.particles * (sizes.inputs + 2) * sizes.columns) as u64
    }

    /// c after [`CHECKED_STEPS`] steps.
    fn variance(&self) -> f64 {
        let times = [0.0, CHECKED_STEPS as f64 * Self::scheme().motion.step];
        let (system, scheme) = (self.system(Threads::One), Self::scheme());
        let run =
            TangentRun { system, scheme, start: self.start.clone(), noise: None, times: &times, features_at: &[] };
        run.propagate().expect("a finite trajectory").variance()[1]
    }
}

fn cases() -> [(&'static str, TangentCase); 2] {
    let second = TangentSizes { columns: SECOND_ORDER_COLUMNS, ..SIZES };
    [("c", TangentCase::new(SIZES, false)), ("c and b", TangentCase::new(second, true))]
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("tangent step");
    for (name, case) in cases() {
        let mut simulation = case.simulation(Threads::One);
        group.throughput(Throughput::Elements(case.counted(SIZES)));
        group.bench_function(BenchmarkId::from_parameter(name), |b| b.iter(|| black_box(simulation.step())));
    }
    group.finish();
}

/// Processor time of this process over all threads, in seconds; 0 where it is unknown.
fn processor_seconds() -> f64 {
    // Fields 14 and 15 of the line, counted after the parenthesised name: ticks of 10 ms in user and system mode.
    let Ok(line) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    let fields = line.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Takes [`SERVED_STEPS`] steps for every line read and writes their mean time.
fn serve(case: &TangentCase, threads: Threads) -> std::io::Result<()> {
    let (mut simulation, mut out) = (case.simulation(threads), std::io::stdout().lock());
    writeln!(out, "{}", serde_json::json!({ "variant": format!("{}", InstructionSet::current()) }))?;
    for line in std::io::stdin().lock().lines() {
        if line?.starts_with('q') {
            break;
        }
        let (wall, cpu) = (Instant::now(), processor_seconds());
        (0..SERVED_STEPS).for_each(|_| {
            simulation.step();
        });
        let [ns, cpu_ns] = [wall.elapsed().as_secs_f64(), processor_seconds() - cpu]
            .map(|seconds| 1e9 * seconds / f64::from(SERVED_STEPS));
        writeln!(out, "{}", serde_json::json!({ "ns": ns, "cpu_ns": cpu_ns }))?;
        out.flush()?;
    }
    Ok(())
}

criterion_group! {
    name = fluctuation;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4)).sample_size(10);
    targets = steps
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let [(_, first), (_, second)] = cases();
    let case = if has("--second-order") { second } else { first };
    let threads = if has("--all-threads") { Threads::Pool } else { Threads::One };
    if has("--check") {
        return writeln!(std::io::stdout(), "{}", serde_json::json!({ "c": case.variance() }));
    }
    if has("--serve") {
        return serve(&case, threads);
    }
    fluctuation();
    Criterion::default().configure_from_args().final_summary();
    Ok(())
}
