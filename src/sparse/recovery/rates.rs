//! What the theorems bound, measured: for each statement the worst ratio of what was observed to its bound, which must not
//! exceed 1. Formulas are restated from WMSKA and from Shen, Li (JMLR 2018); each has a short proof, in `docs/theory.md`.

use super::dense::{difference, eigenvalues, norm, principal};
use super::threshold::support;
use super::{Damping, Inverse, Method, Problem, RecoveryError, Selection, Settings, Values, solve, threshold};
use crate::compute::rng::{Role, Stream, random_order, stream};
use faer::Mat;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

/// Errors below this part of the truth's length are rounding, and no step of the theory.
const ROUNDING: f64 = 1e-9;

/// A step of an algorithm beside its bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounded {
    /// Error before the step, `|w - w*|`.
    pub before: f64,
    /// Error after it.
    pub after: f64,
    /// The bound of the error after it.
    pub bound: f64,
}

impl Bounded {
    /// What was observed over its bound.
    pub fn ratio(&self) -> f64 {
        self.after / self.bound
    }
}

/// `nu` of Shen and Li: `|T_k(v) - w*|^2 <= nu |v - w*|^2` for every `v` in R^d and every `w*` of `k*` entries, k* <= k.
pub fn expansion(d: usize, k: usize, sparsity: usize) -> f64 {
    let m = sparsity.min(d - k) as f64;
    if m == 0.0 {
        return 1.0;
    }
    let rho = m / (k as f64 - sparsity as f64 + m);
    1.0 + (rho + ((4.0 + rho) * rho).sqrt()) / 2.0
}

/// The worst ratios over random trials of the two statements about hard thresholding: `|T_k(v) - v|^2` to
/// `(d - k)/(d - k*) |v - w*|^2`, and `|T_k(v) - w*|^2` to `nu |v - w*|^2`.
pub fn threshold_ratios(seed: u64, trials: usize) -> (f64, f64) {
    let mut worst = (0.0_f64, 0.0_f64);
    for trial in 0..trials {
        let mut rng = stream(seed, Role::Threshold, trial as u64, 0);
        let (v, truth, k, sparsity) = trial_of(&mut rng);
        let d = v.len();
        let kept = threshold(&v, k);
        let square = |a: &[f64], b: &[f64]| norm(&difference(a, b)).powi(2);
        let around = square(&v, &truth);
        if around == 0.0 {
            continue;
        }
        let first = (d - k) as f64 / (d - sparsity) as f64 * around;
        if first > 0.0 {
            worst.0 = worst.0.max(square(&kept, &v) / first);
        }
        worst.1 = worst.1.max(square(&kept, &truth) / (expansion(d, k, sparsity) * around));
    }
    worst
}

/// A point and a sparse vector. Half of the trials are near the worst case: entries outside the support of equal size, and
/// those on it moved towards them.
fn trial_of(rng: &mut Stream) -> (Vec<f64>, Vec<f64>, usize, usize) {
    let d = rng.random_range(2..40usize);
    let sparsity = rng.random_range(1..d);
    let k = rng.random_range(sparsity..=d);
    let on = random_order(rng, d, sparsity);
    let mut truth = vec![0.0; d];
    let normal = |rng: &mut Stream| rng.sample::<f64, _>(StandardNormal);
    if rng.random_range(0..2) == 0 {
        on.iter().for_each(|&j| truth[j] = normal(rng));
        let spread = 2f64.powi(rng.random_range(-4..3));
        let v = truth.iter().map(|w| w + spread * normal(rng)).collect();
        return (v, truth, k, sparsity);
    }
    on.iter().for_each(|&j| truth[j] = 1.0);
    let part: f64 = rng.random();
    let jitter = 1e-3 * rng.random::<f64>();
    let v =
        truth
            .iter()
            .map(|&w| {
                if w == 0.0 { part + jitter * normal(rng) } else { 1.0 - (1.0 - part) * rng.random_range(0..2) as f64 }
            })
            .collect();
    (v, truth, k, sparsity)
}

/// The iterates of a run.
fn iterates(problem: &Problem, method: Method, settings: &Settings) -> Result<Vec<Vec<f64>>, RecoveryError> {
    let mut seen = Vec::new();
    solve(problem, method, settings, |w| seen.push(w.to_vec()))?;
    Ok(seen)
}

/// The truth with the sign that is nearer to `w`, where the problem is blind to it.
fn nearest(problem: &Problem, truth: &[f64], w: &[f64]) -> Vec<f64> {
    let opposite: Vec<f64> = truth.iter().map(|v| -v).collect();
    let far = norm(&difference(w, truth)) > problem.distance(w, truth);
    if far { opposite } else { truth.to_vec() }
}

/// Steps of a run above rounding: errors before and after, and the iterate before.
fn steps(
    problem: &Problem,
    method: Method,
    settings: &Settings,
    mut bound: impl FnMut(&[f64], &[f64], &[f64]) -> Option<f64>,
) -> Result<Vec<Bounded>, RecoveryError> {
    let Some(truth) = problem.truth().map(<[f64]>::to_vec) else { return Ok(Vec::new()) };
    let seen = iterates(problem, method, settings)?;
    let mut steps = Vec::new();
    for pair in seen.windows(2) {
        let truth = nearest(problem, &truth, &pair[0]);
        let (before, after) = (norm(&difference(&pair[0], &truth)), norm(&difference(&pair[1], &truth)));
        if before <= ROUNDING * norm(&truth) {
            break;
        }
        let Some(factor) = bound(&pair[0], &pair[1], &truth) else { continue };
        // What rounding leaves of an error is no part of the bound.
        let floor = f64::EPSILON * norm(&truth) * problem.unknowns() as f64;
        steps.push(Bounded { before, after: (after - floor).max(0.0), bound: factor });
    }
    Ok(steps)
}

fn union(vectors: [&[f64]; 3]) -> Vec<usize> {
    let mut all: Vec<usize> = vectors.iter().flat_map(|v| support(v)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// k-IHT on a noiseless quadratic: `e+ <= sqrt(nu) |I - H_UU / L| e`, U the union of the three supports.
///
/// # Errors
/// Those of [`solve`].
pub fn contraction(problem: &Problem, k: usize, iterations: usize) -> Result<Vec<Bounded>, RecoveryError> {
    let (d, largest) = (problem.unknowns(), problem.smoothness());
    let settings = Settings { iterations, ..Settings::new(k) };
    steps(problem, Method::Iht, &settings, |w, next, truth| {
        let spectrum = eigenvalues(principal(problem.gram(), &union([w, next, truth])).as_ref());
        let factor = spectrum.iter().fold(0.0_f64, |most, s| most.max((1.0 - s / largest).abs()));
        let nu = expansion(d, k, support(truth).len());
        Some(nu.sqrt() * factor * norm(&difference(w, truth)))
    })
}

/// topk-I-OBS on a noiseless quadratic with damping: `e+ <= sqrt(nu) |P_U (I - B^-1 H) P_U| e` with `B = H + lambda I`.
/// The second part is the bound `sqrt(nu) max lambda / (sigma + lambda) e`, never below the first.
///
/// # Errors
/// Those of [`solve`].
pub fn damped(
    problem: &Problem,
    k: usize,
    damping: f64,
    iterations: usize,
) -> Result<(Vec<Bounded>, Vec<Bounded>), RecoveryError> {
    let d = problem.unknowns();
    let inverse = Inverse::new(problem.hessian(problem.start()), damping)?;
    // I - B^-1 H = lambda B^-1.
    let whole = inverse.shift / (eigenvalues(inverse.hessian())[0].max(0.0) + inverse.shift);
    let settings = Settings { iterations, damping: Damping::Relative(damping), ..Settings::new(k) };
    let root = |truth: &[f64]| expansion(d, k, support(truth).len()).sqrt();
    let method = Method::Obs(Selection::Magnitude, Values::Keep);
    let sharp = steps(problem, method, &settings, |w, next, truth| {
        let spectrum = eigenvalues(principal(inverse.matrix(), &union([w, next, truth])).as_ref());
        let factor = inverse.shift * spectrum.last().copied().unwrap_or(0.0);
        Some(root(truth) * factor * norm(&difference(w, truth)))
    })?;
    let plain = sharp_to_plain(&sharp, whole, problem, k);
    Ok((sharp, plain))
}

fn sharp_to_plain(sharp: &[Bounded], whole: f64, problem: &Problem, k: usize) -> Vec<Bounded> {
    let sparsity = problem.truth().map_or(0, |truth| support(truth).len());
    let factor = expansion(problem.unknowns(), k, sparsity).sqrt() * whole;
    sharp.iter().map(|step| Bounded { bound: factor * step.before, ..*step }).collect()
}

/// I-OBS near a minimum `w*` of a function with an M-Lipschitz Hessian, undamped: `e+ <= (1 + c) M / (2 mu) e^2`, with
/// `c = sqrt((d - k)/(d - k*))` for the magnitude selection that keeps its values, and `c = sqrt(L/mu (d - k)/(d - k*))` for
/// the exact one that compensates; mu and L the ends of the spectrum of the Hessian at `w`, M a bound on the segment to
/// `w*`. Steps from where the Hessian is not positive definite, or was damped, are left out: the theorem is local.
///
/// # Errors
/// Those of [`solve`].
pub fn quadratic_rate(
    problem: &Problem,
    k: usize,
    selection: Selection,
    iterations: usize,
) -> Result<Vec<Bounded>, RecoveryError> {
    let d = problem.unknowns();
    let values = if selection == Selection::Exact { Values::Compensate } else { Values::Keep };
    let settings = Settings { iterations, damping: Damping::Relative(0.0), ..Settings::new(k) };
    steps(problem, Method::Obs(selection, values), &settings, |w, _, truth| {
        let hessian = problem.hessian(w);
        let spectrum = eigenvalues(Mat::as_ref(&hessian));
        let (mu, largest) = (spectrum[0], spectrum[d - 1]);
        if mu <= 0.0 || Inverse::new(hessian, 0.0).ok()?.raised {
            return None;
        }
        let mut ratio = (d - k) as f64 / (d - support(truth).len()) as f64;
        if selection == Selection::Exact {
            ratio *= largest / mu;
        }
        let lipschitz = problem.hessian_lipschitz(w, truth);
        Some((1.0 + ratio.sqrt()) * lipschitz / (2.0 * mu) * norm(&difference(w, truth)).powi(2))
    })
}
