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

/// Prints a JSON line for each kernel and each method: the least of `repeats` wall times. Methods start anew each time,
/// from X and y; only the kernels use what was formed before.
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
    let base = problem()?;
    let d = base.unknowns();
    let mut say = |what: &str, seconds: f64, iterations: usize, error: Option<f64>| -> io::Result<()> {
        serde_json::to_writer(&mut out, &Line { what, seconds, iterations, error })?;
        writeln!(out)
    };
    let least = |work: &mut dyn FnMut()| {
        let time = |work: &mut dyn FnMut()| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64()
        };
        (0..repeats).map(|_| time(work)).fold(f64::INFINITY, f64::min)
    };
    let xt = base.design();
    let w = threshold(base.moment(), settings.k);
    // What reading X once costs: one entry of every cache line is added up.
    say(
        "read",
        least(&mut || {
            let touched = |i: usize| sample(&xt, i).iter().step_by(8).sum::<f64>();
            black_box((0..base.samples()).into_par_iter().with_min_len(64).map(touched).sum::<f64>());
        }),
        1,
        None,
    )?;
    say(
        "gradient",
        least(&mut || {
            black_box(base.gradient(&w));
        }),
        1,
        None,
    )?;
    say(
        "gram",
        least(&mut || {
            black_box(gram(xt, None));
        }),
        1,
        None,
    )?;
    let h = base.gram();
    say(
        "factor",
        least(&mut || {
            black_box(Cholesky::new(h.as_ref(), 0.0).is_ok());
        }),
        1,
        None,
    )?;
    say(
        "gradient-by-gram",
        least(&mut || {
            black_box(base.gradient_by_gram(&w));
        }),
        1,
        None,
    )?;
    let m = d.min(ELIMINATED);
    if let Ok(factor) = Cholesky::new(h.as_ref().submatrix(0, 0, m, m), 0.0) {
        let inverse = factor.inverse();
        let mut v = base.moment()[..m].to_vec();
        factor.solve(&mut v);
        say(
            "eliminate",
            least(&mut || {
                black_box(eliminate(&v, inverse.as_ref(), settings.k.min(m)));
            }),
            m - settings.k.min(m),
            None,
        )?;
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
        say(method.name(), best, iterations, error)?;
    }
    Ok(())
}
