//! `widelimit bench`: steady-state timing of the training step, under the conditions of the programs it is compared
//! with.
//!
//! The step is that of a run: batches of a fixed sample drawn anew every step, stochastic heavy ball with a ridge, `eps
//! = 1e-2`, `gamma = 1`, `lambda = 1e-3`. Times are nanoseconds per neuron and sample, forward, backward and update
//! together. With `--serve` the program prints a line when it is ready, then runs one block of steps for every line it
//! reads and prints `{"ns": wall, "cpu_ns": processor time of all threads}`; it ends on a line that begins with q. Two
//! programs can thus be timed in alternation, so that drifts of the machine's speed cancel in the ratio.
//!
//! Started by `mpirun`, the neurons are divided among the ranks as in a run, and the time spent in exchanges is printed too.

use super::output::finished;
use super::ranks::{connect, failed};
use super::simd::{SimdChoice, choose, instruction_set};
use super::threads::ThreadCount;
use super::workload::Workload;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use widelimit::choice::parse_choice;
use widelimit::compute::{InstructionSet, Real, Threads};
use widelimit::network::{Activation, Portion, Shares};
use widelimit::ranks::ExchangeTotals;
use widelimit::run::RunError;

/// Arguments of `widelimit bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Neurons N
    #[arg(long, default_value_t = 100_000)]
    n: usize,
    /// Input dimension
    #[arg(long, default_value_t = 10)]
    d: usize,
    /// Batch size
    #[arg(long, default_value_t = 100)]
    b: usize,
    /// Steps per block
    #[arg(long, default_value_t = 10)]
    steps: u64,
    /// Scalar type
    #[arg(long, default_value = "f32", value_parser = ["f32", "f64"])]
    dtype: String,
    /// Activation, by its name in experiment files
    #[arg(long, default_value = "tanh", value_parser = parse_choice::<Activation>)]
    act: Activation,
    #[command(flatten)]
    threads: ThreadCount,
    /// Instruction set
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: SimdChoice,
    /// Run a block of steps for every line read from standard input and print its time, for timing in alternation
    #[arg(long)]
    serve: bool,
    /// Blocks to time
    #[arg(long, default_value_t = 5)]
    repeats: usize,
}

/// Times the training step.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    args.threads.set()?;
    choose(args.simd)?;
    let connected = connect()?;
    let ranks = &connected.ranks;
    let portion = match (ranks.size(), Shares::of(args.n, 1)) {
        (1, _) => None,
        (size, Some(shares)) if size <= shares.count() => Some(Portion::of(shares, Arc::clone(ranks))),
        (size, shares) => {
            let (width, shares) = (args.n, shares.map_or(1, Shares::count));
            return failed(&**ranks, RunError::TooManyRanks { width, shares, ranks: size }.into());
        }
    };
    anyhow::ensure!(portion.is_none() || !args.serve, "--serve runs on one rank, and there are {}", ranks.size());
    anyhow::ensure!(args.n.min(args.d).min(args.b) > 0 && args.steps > 0, "--n, --d, --b and --steps must be positive");
    // Parameters with their gradient and momenta, a batch with what is kept of it, both padded to packs.
    let [n, d, b] = [args.n, args.d, args.b].map(|size| size as f64);
    let needed = 8.0 * (8.0 * n * (d + 2.0) + 4.0 * b * (d + 2.0));
    let available = widelimit::run::machine_memory::available_memory();
    anyhow::ensure!(
        available == 0 || needed < available as f64,
        "--n, --d and --b would need about {:.1} GiB, and {:.1} GiB are available: expected smaller sizes",
        needed / f64::from(1 << 30),
        available as f64 / f64::from(1 << 30)
    );
    let (input, out) = (std::io::stdin().lock(), std::io::stdout().lock());
    finished(match args.dtype.as_str() {
        "f64" => time::<f64>(args, portion.as_ref(), input, out),
        _ => time::<f32>(args, portion.as_ref(), input, out),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The time of a block of steps.
#[derive(Clone, Copy)]
struct BlockTime {
    /// Wall nanoseconds per neuron and sample.
    ns: f64,
    /// The same of all threads of this process.
    cpu_ns: f64,
    /// Microseconds of a step in exchanges between ranks.
    exchange_us: f64,
    /// Exchanges of a step.
    exchanges: f64,
    /// Bytes of a step that are received from other ranks.
    exchange_bytes: f64,
}

/// Times the step in the scalar type `R` and writes lines of JSON; of several ranks the first. Of these the blocks begin
/// together, and the exchanges are those of the fastest.
fn time<R: Real>(
    args: &BenchArgs,
    portion: Option<&Portion>,
    input: impl BufRead,
    mut out: impl Write,
) -> std::io::Result<()> {
    let &BenchArgs { n: width, d, b: batch, steps, act, .. } = args;
    let workload = Workload::<R>::new(width, d, batch, act);
    let threads = if rayon::current_num_threads() > 1 { Threads::Pool } else { Threads::One };
    let mut simulation = workload.simulation(portion, threads);
    let exchanges = || portion.map_or_else(ExchangeTotals::default, |portion| portion.ranks().totals());
    let unit = 1e9 / (steps as f64 * width as f64 * batch as f64);
    let mut block = || {
        if let Some(portion) = portion {
            portion.ranks().barrier();
        }
        let before = exchanges();
        let (wall, cpu) = (Instant::now(), processor_seconds());
        for _ in 0..steps {
            simulation.step();
        }
        let (wall, cpu, after) = (wall.elapsed().as_secs_f64(), processor_seconds() - cpu, exchanges());
        BlockTime {
            ns: wall * unit,
            cpu_ns: cpu * unit,
            exchange_us: (after.seconds - before.seconds) * 1e6 / steps as f64,
            exchanges: (after.count - before.count) as f64 / steps as f64,
            exchange_bytes: (after.bytes - before.bytes) as f64 / steps as f64,
        }
    };
    let first = block();
    let simd = InstructionSet::current();
    let text = format!("{} {} threads", simd, rayon::current_num_threads());
    if args.serve {
        writeln!(out, "{}", serde_json::json!({ "ready": true, "variant": text, "first_ns": first.ns }))?;
        out.flush()?;
        for line in input.lines() {
            if line?.starts_with('q') {
                break;
            }
            let BlockTime { ns, cpu_ns, .. } = block();
            writeln!(out, "{}", serde_json::json!({ "ns": ns, "cpu_ns": cpu_ns }))?;
            out.flush()?;
        }
        return Ok(());
    }
    let mut times: Vec<BlockTime> = (0..args.repeats.max(1)).map(|_| block()).collect();
    times.sort_by(|a, b| a.ns.total_cmp(&b.ns));
    let (median, fastest) = (times[times.len() / 2].ns, times[0]);
    let mut report = serde_json::json!({
        "n": width, "d": d, "b": batch, "steps": steps, "dtype": R::NAME, "simd": simd.to_string(),
        "threads": rayon::current_num_threads(), "ns_per_particle_sample": median, "ns_min": fastest.ns,
        "gflops": 4.0 * (d + 2) as f64 / median, "us_per_step": median * width as f64 * batch as f64 / 1e3,
        "peak_bytes": peak_memory(),
    });
    if let Some(portion) = portion {
        report["ranks"] = portion.ranks().size().into();
        report["us_per_step_min"] = (fastest.ns * width as f64 * batch as f64 / 1e3).into();
        report["exchange_us"] = fastest.exchange_us.into();
        report["exchanges"] = fastest.exchanges.into();
        report["exchange_bytes"] = fastest.exchange_bytes.into();
        if !portion.ranks().is_first() {
            return Ok(());
        }
    }
    writeln!(out, "{report}")
}

/// Processor time of this process over all threads, in seconds; 0 where it is unknown.
fn processor_seconds() -> f64 {
    // Fields 14 and 15 of the line, counted after the parenthesised name: ticks of 10 ms in user and system mode.
    let Ok(line) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    let fields = line.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Largest resident memory so far in bytes; 0 where it is unknown.
fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| 1024 * kib)
}
