//! `widelimit bench-recovery`: times of sparse recovery on a given problem, for comparisons with other programs on the
//! same file (`docs/recovery_peer.py`).

use super::output::line;
use super::threads::ThreadCount;
use rayon::prelude::*;
use serde::Serialize;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use widelimit::choice::parse_choice;
use widelimit::population::read_data_file;
use widelimit::sparse::recovery::dense::{gram, sample};
use widelimit::sparse::recovery::{
    Cholesky, Interrupt, RecoveryMethod, SampleLoss, Settings, SparseProblem, eliminate, hard_threshold, read_problem,
    solve,
};

/// Most unknowns on which the elimination is timed.
const MAX_ELIMINATED: usize = 2048;

/// One line of output: the least wall time of a kernel or method.
#[derive(Serialize)]
struct BenchLine<'a> {
    what: &'a str,
    seconds: f64,
    iterations: usize,
    error: Option<f64>,
}

/// Arguments of `widelimit bench-recovery`.
#[derive(Debug, clap::Args)]
pub struct BenchRecoveryArgs {
    /// The problem: X (n, d), y (n), w_star (d)
    problem: PathBuf,
    /// Entries kept
    #[arg(long)]
    k: usize,
    /// Algorithms to time, by their names in experiment files; may be repeated. Without any, the kernels
    #[arg(long = "method", value_parser = parse_choice::<RecoveryMethod>)]
    methods: Vec<RecoveryMethod>,
    /// Iterations at most
    #[arg(long, default_value_t = 20)]
    iterations: usize,
    /// Repetitions; the least time is reported
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    #[command(flatten)]
    threads: ThreadCount,
}

/// Prints a JSON line for each method, or, where none is named, for each kernel: the least of several wall times. Every
/// repetition of a method starts from X and y alone; kernels use matrices formed before.
pub fn run(args: &BenchRecoveryArgs) -> anyhow::Result<ExitCode> {
    args.threads.set()?;
    let bytes = read_data_file(&args.problem)?;
    let problem = || read_problem(&args.problem, &bytes, SampleLoss::Squared);
    let settings = Settings { iterations: args.iterations, reached: 1e-6, ..Settings::new(args.k) };
    let repeats = args.repeats.max(1);
    let print = |result: BenchLine<'_>| -> anyhow::Result<()> { line(serde_json::to_string(&result)?) };
    if args.methods.is_empty() {
        for (what, seconds) in kernels(&problem()?, settings.k, repeats) {
            print(BenchLine { what, seconds, iterations: 1, error: None })?;
        }
    }
    for &method in &args.methods {
        let mut last = None;
        let mut best = f64::INFINITY;
        for _ in 0..repeats {
            let fresh = problem()?;
            let start = Instant::now();
            last = Some(solve(&fresh, method, &settings, |_| {})?);
            best = best.min(start.elapsed().as_secs_f64());
        }
        let (iterations, error) =
            last.map_or((0, None), |outcome| (outcome.curve.len() - 1, Some(outcome.point().error)));
        print(BenchLine { what: method.name(), seconds: best, iterations, error })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The least wall time of each kernel, in seconds.
fn kernels(problem: &SparseProblem, k: usize, repeats: usize) -> Vec<(&'static str, f64)> {
    let xt = problem.design();
    let w = hard_threshold(problem.xty(), k);
    let mut times = Vec::new();
    let mut time = |what, work: &dyn Fn()| {
        let once = |_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        };
        times.push((what, (0..repeats).map(once).fold(f64::INFINITY, f64::min)));
    };
    // The cost of reading X once: one entry of every cache line is summed.
    let touched = |i: usize| sample(&xt, i).iter().step_by(8).sum::<f64>();
    time("read", &|| {
        black_box((0..problem.samples()).into_par_iter().with_min_len(64).map(touched).sum::<f64>());
    });
    time("gradient", &|| {
        black_box(problem.value_and_gradient(&w));
    });
    time("gram", &|| {
        black_box(gram(xt, None, Interrupt::NEVER));
    });
    let h = problem.gram();
    time("factor", &|| {
        black_box(Cholesky::new(h, 0.0, Interrupt::NEVER).is_ok());
    });
    time("gradient-by-gram", &|| {
        black_box(problem.gradient_by_gram(&w));
    });
    if let Ok(factor) = Cholesky::new(h, 0.0, Interrupt::NEVER) {
        time("inverse", &|| {
            black_box(factor.inverse(Interrupt::NEVER));
        });
    }
    let m = problem.unknowns().min(MAX_ELIMINATED);
    if let Ok(factor) = Cholesky::new(h.submatrix(0, 0, m, m), 0.0, Interrupt::NEVER) {
        let inverse = factor.inverse(Interrupt::NEVER);
        let mut v = problem.xty()[..m].to_vec();
        factor.solve(&mut v);
        time("eliminate", &|| {
            black_box(eliminate(&v, inverse.as_ref(), k.min(m), Interrupt::NEVER));
        });
    }
    times
}
