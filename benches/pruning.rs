//! Pruning of one layer of 768 inputs and 3072 outputs on one thread: `cargo bench --bench pruning`.
//!
//! Prints the processor time and the rate of H, the inverse factor, the sweep and ten iterations of I-OBS; with `-- --rounds R`
//! the best of R rounds. `benches/peers/numpy_pruning.py` prints the same of NumPy and SciPy.

use faer::{Mat, MatRef};
use std::hint::black_box;
use std::time::Duration;
use widelimit::compute::AlignedAllocator;
use widelimit::prune::layer::{BLOCK, DampedMoment, Iteration, LayerProblem, Step, Zeros, iterate, sweep_from};
use widelimit::sparse::recovery::Interrupt;
use widelimit::sparse::recovery::dense::gram;

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

const INPUTS: usize = 768;
const ROWS: usize = 3072;
const TOKENS: usize = 4096;

/// Numbers between -1 and 1 without pattern.
fn wave(k: usize) -> f64 {
    let k = k as f64;
    (1e-3 * k * k + k).sin()
}

/// The processor time of the process, in seconds.
fn processor_seconds() -> f64 {
    let Ok(line) = std::fs::read_to_string("/proc/self/schedstat") else { return f64::NAN };
    let nanoseconds: u64 = line.split_whitespace().next().and_then(|v| v.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

/// The least processor time of some rounds.
fn best<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let start = processor_seconds();
        black_box(work());
        processor_seconds() - start
    };
    (0..rounds).map(once).fold(f64::INFINITY, f64::min)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments.iter().position(|a| a == "--rounds").and_then(|at| arguments.get(at + 1));
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(3);
    // All work is on this thread, whose time is measured.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    pool.expect("a pool of this thread").install(|| measure(rounds));
}

fn measure(rounds: usize) {
    let mixed = |k: usize| wave(k) + 0.5 * wave(k / INPUTS * 7 + k % 13);
    let x: Vec<f64> = (0..INPUTS * TOKENS).map(mixed).collect();
    let x = MatRef::from_column_major_slice(&x, INPUTS, TOKENS);
    let weights = Mat::from_fn(INPUTS, ROWS, |j, r| wave(j + INPUTS * r + 5));
    let (d, rows, tokens) = (INPUTS as f64, ROWS as f64, TOKENS as f64);
    let print = |what: &str, seconds: f64, operations: f64| {
        println!("{what:<24} {seconds:8.3} s {:8.1} GF/s", operations / seconds / 1e9);
    };
    let h = best(rounds, || gram(x, None, Interrupt::NEVER));
    print("H, n d^2", h, tokens * d * d);
    let moment = faer::Scale(1.0 / tokens) * gram(x, None, Interrupt::NEVER);
    let factored = || DampedMoment::new("layer", moment.clone(), 0.01).expect("a moment of samples");
    print("factor, 4/3 d^3", best(rounds, factored), 4.0 / 3.0 * d * d * d);
    let damped = factored();
    let problem = LayerProblem { weights: weights.as_ref(), moment: &damped, zeros: Zeros::Matrix(INPUTS * ROWS / 2) };
    print("sweep, rows d^2", best(rounds, || sweep_from(&problem, &weights, BLOCK)), rows * d * d);
    let iteration = Iteration { step: Step::RidgeNewton(0.3), length: 1.0, iterations: 10, block: BLOCK, best: true };
    print("i-obs, 10 iterations", best(rounds, || iterate(&problem, &iteration, None)), f64::NAN);
}
