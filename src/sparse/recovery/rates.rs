//! Measurements of the quantities that the theorems bound: for each statement the largest ratio of the measured error
//! to its bound, which must not exceed 1. The statements are from WMSKA and from Shen, Li (JMLR 2018); `docs/theory.md`
//! proves each.

use super::dense::{difference, eigenvalues, gram, norm, principal, sample};
use super::stochastic::{StochasticGradient, expected_smoothness, stochastic_gradient};
use super::threshold::support;
use super::{
    DampedInverse, Damping, Interrupt, MiniBatches, RecoveryError, RecoveryMethod, Selection, Settings, SparseProblem,
    ValueRule, hard_threshold, solve,
};
use crate::compute::rng::{Role, Stream, random_order, stream};
use faer::Mat;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

/// Errors below this fraction of the norm of the truth are rounding errors, to which the theory does not apply.
const ROUNDING: f64 = 1e-9;

/// The errors before and after a step of an algorithm, and the bound on the latter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundedStep {
    /// Error before the step, `|w - w*|`.
    pub before: f64,
    /// Error after it.
    pub after: f64,
    /// The bound of the error after it.
    pub bound: f64,
    /// The same with the constants of WMSKA, where the statement is one of theirs.
    #[serde(default)]
    pub paper: Option<f64>,
}

impl BoundedStep {
    /// The error after the step over its bound; 0 where there is no error after it.
    pub fn ratio(&self) -> f64 {
        if self.after == 0.0 { 0.0 } else { self.after / self.bound }
    }

    /// The same with the bound of WMSKA; `None` where there is none.
    pub fn paper_ratio(&self) -> Option<f64> {
        self.paper.map(|bound| BoundedStep { bound, ..*self }.ratio())
    }
}

/// The expansion factor `nu` of hard thresholding (Shen, Li 2018): `|T_k(v) - w*|^2 <= nu |v - w*|^2` for every `v` in
/// R^d and every `w*` with k* <= k nonzero entries; `sparsity` is k*.
pub fn expansion_factor(d: usize, k: usize, sparsity: usize) -> f64 {
    let m = sparsity.min(d - k) as f64;
    if m == 0.0 {
        return 1.0;
    }
    let rho = m / (k as f64 - sparsity as f64 + m);
    1.0 + (rho + ((4.0 + rho) * rho).sqrt()) / 2.0
}

/// The largest ratios over random trials of the two statements about hard thresholding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRatios {
    /// `|T_k(v) - v|^2` over `(d - k)/(d - k*) |v - w*|^2`.
    pub projection: f64,
    /// `|T_k(v) - w*|^2` over `nu |v - w*|^2`.
    pub expansion: f64,
}

impl ThresholdRatios {
    /// The larger ratios of two sets of trials.
    pub fn or_worse(self, other: Self) -> Self {
        let (projection, expansion) = (other.projection, other.expansion);
        Self { projection: self.projection.max(projection), expansion: self.expansion.max(expansion) }
    }
}

/// Measures the two statements about hard thresholding on the random trials of these numbers. Trials are independent of
/// the others that are made. Ends early where a stop is requested.
pub fn threshold_ratios(seed: u64, trials: std::ops::Range<u64>, interrupt: Interrupt<'_>) -> ThresholdRatios {
    let mut worst = ThresholdRatios::default();
    for trial in trials {
        if interrupt.requested() {
            break;
        }
        let mut rng = stream(seed, Role::Threshold, trial, 0);
        worst = worst.or_worse(ThresholdTrial::draw(&mut rng).ratios());
    }
    worst
}

/// A trial of the statements about hard thresholding.
struct ThresholdTrial {
    /// A point (d).
    v: Vec<f64>,
    /// A vector (d) with `sparsity` nonzero entries.
    truth: Vec<f64>,
    k: usize,
    sparsity: usize,
}

impl ThresholdTrial {
    /// The ratios of the two sides of both statements; 0 where the right side is 0.
    fn ratios(&self) -> ThresholdRatios {
        let ThresholdTrial { v, truth, k, sparsity } = self;
        let (d, k, sparsity) = (v.len(), *k, *sparsity);
        let kept = hard_threshold(v, k);
        let square = |a: &[f64], b: &[f64]| norm(&difference(a, b)).powi(2);
        let ratio = |left: f64, right: f64| if right > 0.0 { left / right } else { 0.0 };
        let distance = square(v, truth);
        ThresholdRatios {
            projection: ratio(square(&kept, v), (d - k) as f64 / (d - sparsity) as f64 * distance),
            expansion: ratio(square(&kept, truth), expansion_factor(d, k, sparsity) * distance),
        }
    }

    /// Draws a trial. Half of the trials are near the worst case: entries of equal size outside the support, and
    /// entries on it moved towards that size.
    fn draw(rng: &mut Stream) -> Self {
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
            return ThresholdTrial { v, truth, k, sparsity };
        }
        on.iter().for_each(|&j| truth[j] = 1.0);
        let fraction: f64 = rng.random();
        let jitter = 1e-3 * rng.random::<f64>();
        let v = truth
            .iter()
            .map(|&w| {
                if w == 0.0 {
                    fraction + jitter * normal(rng)
                } else {
                    1.0 - (1.0 - fraction) * rng.random_range(0..2) as f64
                }
            })
            .collect();
        ThresholdTrial { v, truth, k, sparsity }
    }
}

/// The iterates of a run.
fn iterates(
    problem: &SparseProblem,
    method: RecoveryMethod,
    settings: &Settings<'_>,
) -> Result<Vec<Vec<f64>>, RecoveryError> {
    let mut iterates_seen = Vec::new();
    solve(problem, method, settings, |w| iterates_seen.push(w.to_vec()))?;
    Ok(iterates_seen)
}

/// The truth, with the sign nearer to `w` where the measurements do not determine it.
fn nearest_sign(problem: &SparseProblem, truth: &[f64], w: &[f64]) -> Vec<f64> {
    let opposite: Vec<f64> = truth.iter().map(|v| -v).collect();
    let far = norm(&difference(w, truth)) > problem.distance(w, truth);
    if far { opposite } else { truth.to_vec() }
}

/// The bounds of the error after a step.
struct StepBound {
    bound: f64,
    /// With the constants of WMSKA, where the statement is one of theirs.
    paper: Option<f64>,
}

impl StepBound {
    /// A bound that is not one of WMSKA.
    fn own(bound: f64) -> Option<Self> {
        Some(StepBound { bound, paper: None })
    }
}

/// The steps of a run whose errors are above rounding. `bound(w, next, truth)` is the bound on the error after a step
/// from `w`; steps without one are left out.
fn steps(
    problem: &SparseProblem,
    method: RecoveryMethod,
    settings: &Settings<'_>,
    mut bound: impl FnMut(&[f64], &[f64], &[f64]) -> Option<StepBound>,
) -> Result<Vec<BoundedStep>, RecoveryError> {
    let Some(truth) = problem.truth().map(<[f64]>::to_vec) else { return Ok(Vec::new()) };
    let iterates_seen = iterates(problem, method, settings)?;
    let mut steps = Vec::new();
    for pair in iterates_seen.windows(2) {
        let truth = nearest_sign(problem, &truth, &pair[0]);
        let (before, after) = (norm(&difference(&pair[0], &truth)), norm(&difference(&pair[1], &truth)));
        if before <= ROUNDING * norm(&truth) {
            break;
        }
        let Some(StepBound { bound, paper }) = bound(&pair[0], &pair[1], &truth) else { continue };
        // The bound does not include the rounding error of a step.
        let floor = f64::EPSILON * norm(&truth) * problem.unknowns() as f64;
        steps.push(BoundedStep { before, after: (after - floor).max(0.0), bound, paper });
    }
    Ok(steps)
}

/// The union of the supports of three vectors, increasing.
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
pub fn contraction(problem: &SparseProblem, k: usize, iterations: usize) -> Result<Vec<BoundedStep>, RecoveryError> {
    let (d, largest) = (problem.unknowns(), problem.smoothness(Interrupt::NEVER));
    let settings = Settings { iterations, ..Settings::new(k) };
    steps(problem, RecoveryMethod::Iht, &settings, |w, next, truth| {
        let spectrum = eigenvalues(principal(problem.gram(), &union([w, next, truth])).as_ref());
        let factor = spectrum.iter().fold(0.0_f64, |most, s| most.max((1.0 - s / largest).abs()));
        let nu = expansion_factor(d, k, support(truth).len());
        StepBound::own(nu.sqrt() * factor * norm(&difference(w, truth)))
    })
}

/// The steps of a damped method with two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct DampedRates {
    /// With the contraction factor on the union of the supports.
    pub sharp: Vec<BoundedStep>,
    /// With the uniform contraction factor.
    pub uniform: Vec<BoundedStep>,
}

/// topk-I-OBS on a noiseless quadratic with damping: `e+ <= sqrt(nu) |P_U (I - B^-1 H) P_U| e` with `B = H + lambda I`.
/// The uniform bound is `sqrt(nu) max lambda / (sigma + lambda) e`, which is never below the sharp one.
///
/// # Errors
/// Those of [`solve`].
pub fn damped_contraction(
    problem: &SparseProblem,
    k: usize,
    damping: f64,
    iterations: usize,
) -> Result<DampedRates, RecoveryError> {
    let d = problem.unknowns();
    let inverse = DampedInverse::new(problem.hessian(problem.start(), Interrupt::NEVER), damping, Interrupt::NEVER)?;
    // I - B^-1 H = lambda B^-1.
    let uniform_factor = inverse.shift / (eigenvalues(inverse.hessian())[0].max(0.0) + inverse.shift);
    let settings = Settings { iterations, damping: Damping::Relative(damping), ..Settings::new(k) };
    let expansion_root = |truth: &[f64]| expansion_factor(d, k, support(truth).len()).sqrt();
    let method = RecoveryMethod::Obs(Selection::Magnitude, ValueRule::Keep);
    let sharp = steps(problem, method, &settings, |w, next, truth| {
        let spectrum = eigenvalues(principal(inverse.matrix(), &union([w, next, truth])).as_ref());
        let factor = inverse.shift * spectrum.last().copied().unwrap_or(0.0);
        StepBound::own(expansion_root(truth) * factor * norm(&difference(w, truth)))
    })?;
    let uniform = with_uniform_factor(&sharp, uniform_factor, problem, k);
    Ok(DampedRates { sharp, uniform })
}

/// The steps with the bound of the uniform contraction factor.
fn with_uniform_factor(
    sharp: &[BoundedStep],
    uniform_factor: f64,
    problem: &SparseProblem,
    k: usize,
) -> Vec<BoundedStep> {
    let sparsity = problem.truth().map_or(0, |truth| support(truth).len());
    let factor = expansion_factor(problem.unknowns(), k, sparsity).sqrt() * uniform_factor;
    sharp.iter().map(|step| BoundedStep { bound: factor * step.before, ..*step }).collect()
}

/// The factors of `M / (2 mu) e^2` in the bounds of the error after a step of I-OBS from error e: here, and in WMSKA.
///
/// | selection | here | WMSKA |
/// |---|---|---|
/// | magnitude, values kept | `sqrt(nu)`, the least factor of hard thresholding | `1 + sqrt(k*/k)` (lemma 3) |
/// | exact, values compensated | `1 + sqrt(L/mu (d - k)/(d - k*))` | `1 + sqrt(L/mu (d - k*)/(d - k))` (theorem 1) |
///
/// Those here are never larger. `condition` is `L/mu`, `sparsity` k*.
pub fn quadratic_factors(selection: Selection, d: usize, k: usize, sparsity: usize, condition: f64) -> [f64; 2] {
    if selection == Selection::Exact {
        // Of k = d all entries are kept, and the factor of the paper is infinite.
        if k == d {
            return [1.0, f64::INFINITY];
        }
        let ratio = (d - k) as f64 / (d - sparsity) as f64;
        return [1.0 + (condition * ratio).sqrt(), 1.0 + (condition / ratio).sqrt()];
    }
    [expansion_factor(d, k, sparsity).sqrt(), 1.0 + (sparsity as f64 / k as f64).sqrt()]
}

/// I-OBS near a minimum `w*` of a function with an M-Lipschitz Hessian, undamped: `e+ <= c M / (2 mu) e^2` with the
/// factor `c` of [`quadratic_factors`]; mu and L the ends of the spectrum of the Hessian at `w`, M a bound on the segment
/// to `w*`. Selections are the magnitude, with values kept, and the exact one, which compensates. Steps from points where
/// the Hessian is not positive definite, or was damped, are left out: the theorem is local.
///
/// # Errors
/// Those of [`solve`].
pub fn quadratic_rate(
    problem: &SparseProblem,
    k: usize,
    selection: Selection,
    iterations: usize,
) -> Result<Vec<BoundedStep>, RecoveryError> {
    let d = problem.unknowns();
    let values = if selection == Selection::Exact { ValueRule::Compensate } else { ValueRule::Keep };
    let settings = Settings { iterations, damping: Damping::Relative(0.0), ..Settings::new(k) };
    steps(problem, RecoveryMethod::Obs(selection, values), &settings, |w, _, truth| {
        let hessian = problem.hessian(w, Interrupt::NEVER);
        let spectrum = eigenvalues(Mat::as_ref(&hessian));
        let (mu, largest) = (spectrum[0], spectrum[d - 1]);
        if mu <= 0.0 || DampedInverse::new(hessian, 0.0, Interrupt::NEVER).ok()?.raised {
            return None;
        }
        let [own, paper] = quadratic_factors(selection, d, k, support(truth).len(), largest / mu);
        let square = problem.hessian_lipschitz(w, truth) / (2.0 * mu) * norm(&difference(w, truth)).powi(2);
        Some(StepBound { bound: own * square, paper: Some(paper * square).filter(|bound| bound.is_finite()) })
    })
}

/// The steps of stochastic I-OBS with two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct StochasticRates {
    /// For each step, from the error before it.
    pub steps: Vec<BoundedStep>,
    /// For each step, from the error of the start; empty where the contraction factor of a step is at least 1.
    pub from_start: Vec<BoundedStep>,
}

/// Stochastic I-OBS on a quadratic, step by step, whatever the batch: with its Hessian `H_B = (n/B) X_B^T X_B` and its
/// noise at the truth `xi = (n/B) X_B^T (y_B - X_B w*)`,
///
/// ```text
/// e+ <= sqrt(nu) ( |I - alpha (H_B)_UU| e + alpha |xi_U| ) = q e + r,   U the union of the three supports
/// ```
///
/// With the largest q < 1 and the largest r of the run, the error falls at least linearly up to a floor:
/// `e_t <= q^t e_0 + r (1 - q^t) / (1 - q)`.
///
/// # Errors
/// Those of [`solve`].
pub fn stochastic_contraction(
    problem: &SparseProblem,
    k: usize,
    batches: MiniBatches,
    iterations: usize,
) -> Result<StochasticRates, RecoveryError> {
    let (d, n) = (problem.unknowns(), problem.samples());
    let size = batches.samples(n)?;
    let lambda = expected_smoothness(problem, size, Interrupt::NEVER);
    let settings = Settings { iterations, batches, ..Settings::new(k) };
    let (mut next, mut factors) = (0, Vec::new());
    let found = steps(problem, RecoveryMethod::StochasticObs, &settings, |w, after, truth| {
        let batch = batches.draw(n, size, next);
        next += 1;
        let StochasticGradient { step, .. } = stochastic_gradient(problem, w, &batch, lambda);
        let xi = stochastic_gradient(problem, truth, &batch, lambda).gradient;
        let chosen = union([w, after, truth]);
        let design = problem.design();
        let columns = Mat::from_fn(chosen.len(), size, |j, i| {
            sample(&design, batch[i])[chosen[j]] * (n as f64 / size as f64).sqrt()
        });
        let spectrum = eigenvalues(gram(columns.as_ref(), None, Interrupt::NEVER).as_ref());
        let contraction = spectrum.iter().fold(0.0_f64, |most, s| most.max((1.0 - step * s).abs()));
        let root = expansion_factor(d, k, support(truth).len()).sqrt();
        let noise = norm(&chosen.iter().map(|&j| xi[j]).collect::<Vec<f64>>());
        factors.push((root * contraction, root * step * noise));
        StepBound::own(root * (contraction * norm(&difference(w, truth)) + step * noise))
    })?;
    let q = factors.iter().map(|(q, _)| *q).fold(0.0, f64::max);
    let r = factors.iter().map(|(_, r)| *r).fold(0.0, f64::max);
    let start = found.first().map_or(0.0, |step| step.before);
    let mut bound = start;
    let unrolled = |step: &BoundedStep| {
        // q^t e_0 + r (1 - q^t) / (1 - q), step by step.
        bound = q * bound + r;
        BoundedStep { bound, ..*step }
    };
    let from_start = if q < 1.0 { found.iter().map(unrolled).collect() } else { Vec::new() };
    Ok(StochasticRates { steps: found, from_start })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both statements are about vectors with k* <= k entries: they fail where there are more.
    #[test]
    fn statements_need_a_sparse_truth() {
        let v: Vec<f64> = (0..20).map(|j| 1.0 + 0.01 * j as f64).collect();
        let mut truth = v.clone();
        truth[0] += 0.1;
        let ThresholdRatios { projection, expansion } = ThresholdTrial { v, truth, k: 5, sparsity: 5 }.ratios();
        assert!(projection > 100.0 && expansion > 100.0, "{projection} {expansion}");
    }

    /// The ratios of a set of trials are the larger ones of its parts.
    #[test]
    fn trials_in_parts() {
        let ratios = |range| threshold_ratios(3, range, Interrupt::NEVER);
        assert_eq!(ratios(0..700), ratios(0..100).or_worse(ratios(100..650)).or_worse(ratios(650..700)));
    }
}
