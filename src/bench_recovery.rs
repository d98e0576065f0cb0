//! Times of sparse recovery on a given problem, for comparisons with other programs on the same file
//! (`docs/recovery_peer.py`).

use crate::sparse::recovery::dense::{gram, sample};
use crate::sparse::recovery::{Cholesky, Method, Problem, RecoveryError, Settings, eliminate, solve, threshold};
use rayon::prelude::*;
use serde::Serialize;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

/// Steps of the elimination are timed on at most so many unknowns.
const ELIMINATED: usize = 2048;

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    what: &'a str,
    seconds: f64,
    iterations: usize,
    error: Option<f64>,
}

/// Prints a JSON line for each method, or, where none is named, for each kernel: the least of `repeats` wall times. Methods
/// start anew each time, from X and y; kernels use what was formed before.
///
/// # Errors
/// Output that cannot be written, methods that do not apply.
pub fn run(
    problem: &dyn Fn() -> Result<Problem, RecoveryError>,
    methods: &[Method],
    settings: &Settings,
    repeats: usize,
    mut out: impl Write,
) -> Result<(), anyhow::Error> {
    let mut say = |line: Line<'_>| -> io::Result<()> {
        serde_json::to_writer(&mut out, &line)?;
        writeln!(out)
    };
    if methods.is_empty() {
        for (what, seconds) in kernels(&problem()?, settings.k, repeats) {
            say(Line { what, seconds, iterations: 1, error: None })?;
        }
    }
    for &method in methods {
        let mut last = None;
        let mut best = f64::INFINITY;
        for _ in 0..repeats {
            let fresh = problem()?;
            let began = Instant::now();
            last = Some(solve(&fresh, method, settings, |_| {})?);
            best = best.min(began.elapsed().as_secs_f64());
        }
        let (iterations, error) =
            last.map_or((0, None), |outcome| (outcome.curve.len() - 1, Some(outcome.point().error)));
        say(Line { what: method.name(), seconds: best, iterations, error })?;
    }
    Ok(())
}

/// Seconds of each kernel.
fn kernels(problem: &Problem, k: usize, repeats: usize) -> Vec<(&'static str, f64)> {
    let xt = problem.design();
    let w = threshold(problem.xty(), k);
    let mut times = Vec::new();
    let mut time = |what, work: &dyn Fn()| {
        let once = |_| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64()
        };
        times.push((what, (0..repeats).map(once).fold(f64::INFINITY, f64::min)));
    };
    // What reading X once costs: one entry of every cache line is added up.
    let touched = |i: usize| sample(&xt, i).iter().step_by(8).sum::<f64>();
    time("read", &|| {
        black_box((0..problem.samples()).into_par_iter().with_min_len(64).map(touched).sum::<f64>());
    });
    time("gradient", &|| {
        black_box(problem.gradient(&w));
    });
    time("gram", &|| {
        black_box(gram(xt, None));
    });
    let h = problem.gram();
    time("factor", &|| {
        black_box(Cholesky::new(h, 0.0).is_ok());
    });
    time("gradient-by-gram", &|| {
        black_box(problem.gradient_by_gram(&w));
    });
    if let Ok(factor) = Cholesky::new(h, 0.0) {
        time("inverse", &|| {
            black_box(factor.inverse());
        });
    }
    let m = problem.unknowns().min(ELIMINATED);
    if let Ok(factor) = Cholesky::new(h.submatrix(0, 0, m, m), 0.0) {
        let inverse = factor.inverse();
        let mut v = problem.xty()[..m].to_vec();
        factor.solve(&mut v);
        time("eliminate", &|| {
            black_box(eliminate(&v, inverse.as_ref(), k.min(m)));
        });
    }
    times
}
