//! The theorems' bounds against what the algorithms do: never above 1, and near it where the proof is sharp.

use nalgebra::{DMatrix, DVector};
use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::rates::{
    BoundedStep, DampedRates, StochasticRates, ThresholdRatios, contraction, damped_contraction, expansion_factor,
    quadratic_factors, quadratic_rate, stochastic_contraction, threshold_ratios,
};
use widelimit::sparse::recovery::{
    Damping, Interrupt, MiniBatches, RecoveryMethod, SampleLoss, Selection, Settings, SparseProblem, ValueRule, solve,
};

fn worst(steps: &[BoundedStep]) -> f64 {
    steps.iter().map(BoundedStep::ratio).fold(0.0, f64::max)
}

fn instance(loss: SampleLoss, n: usize, d: usize, sparsity: usize, start_distance: Option<f64>) -> Instance {
    Instance { loss, n, d, sparsity, design: Design::Gaussian, signal: Signal::Gaussian, snr_db: None, start_distance }
}

#[test]
fn hard_thresholding() {
    let ThresholdRatios { projection: first, expansion: second } = threshold_ratios(1, 0..40_000, Interrupt::NEVER);
    println!("projection {first:.5}, expansion {second:.5}");
    // Both are attained: a constant that is too large by 2 % would be seen as well as one that is too small.
    assert!((0.98..=1.0 + 1e-12).contains(&first), "{first}");
    assert!((0.96..=1.0 + 1e-12).contains(&second), "{second}");
    // nu is largest, ((1 + sqrt 5)/2)^2, where k = k*, and falls to 1 as k grows.
    assert!((expansion_factor(100, 10, 10).sqrt() - 0.5 * (1.0 + 5f64.sqrt())).abs() < 1e-15);
    assert_eq!(expansion_factor(100, 100, 10), 1.0);
    assert!(expansion_factor(100, 50, 10) < expansion_factor(100, 20, 10));
}

#[test]
fn contraction_of_iht_and_of_damped_steps() {
    let (mut iht, mut sharp, mut plain) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (seed, design) in
        [(1, Design::Gaussian), (2, Design::Rotated { condition: 30.0 }), (3, Design::Scaled { condition: 10.0 })]
    {
        let law = Instance { design, ..instance(SampleLoss::Squared, 120, 60, 6, None) };
        for index in 0..5 {
            let problem = law.draw(seed, index).unwrap();
            for k in [6, 12, 30] {
                iht = iht.max(worst(&contraction(&problem, k, 60).unwrap()));
                let DampedRates { sharp: tight, uniform: loose } = damped_contraction(&problem, k, 0.1, 30).unwrap();
                assert!(tight.iter().zip(&loose).all(|(t, l)| t.bound <= l.bound * (1.0 + 1e-12)));
                (sharp, plain) = (sharp.max(worst(&tight)), plain.max(worst(&loose)));
            }
            // Without thresholding both are linear iterations: errors turn towards the slowest direction, where the
            // bounds are attained.
            let attained = |steps: &[BoundedStep]| {
                let last = steps.last().unwrap().ratio();
                println!("k = d, {design:?}: worst {:.5}, last {last:.5}", worst(steps));
                assert!(worst(steps) <= 1.0 + 1e-9 && last > 0.99, "{design:?}: {last}");
            };
            attained(&contraction(&problem, 60, 400).unwrap());
            let DampedRates { sharp: tight, uniform: loose } = damped_contraction(&problem, 60, 1.0, 400).unwrap();
            attained(&tight);
            attained(&loose);
        }
    }
    println!("k-IHT {iht:.3}, damped {sharp:.3}, by lambda/(sigma + lambda) {plain:.3}");
    assert!(iht > 0.75 && iht <= 1.0, "{iht}");
    assert!(sharp > 0.75 && sharp <= 1.0, "{sharp}");
    assert!(plain > 0.75 && plain <= sharp, "{plain}");
}

/// The second and the third derivative of a loss at `a`, written out, where `y` is the noiseless measurement of `t`.
fn derivatives(loss: SampleLoss, a: f64, t: f64) -> (f64, f64) {
    match loss {
        SampleLoss::Squared => (1.0, 0.0),
        SampleLoss::Logistic => {
            let p = 1.0 / (1.0 + (-a).exp());
            (p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p))
        }
        SampleLoss::Exponential => (a.exp(), a.exp()),
        SampleLoss::QuadraticMeasurement => (3.0 * a * a - t * t, 6.0 * a),
    }
}

/// A problem in matrices of its own: the rows x_i and the truth.
struct Plain {
    loss: SampleLoss,
    x: DMatrix<f64>,
    truth: DVector<f64>,
}

impl Plain {
    fn of(problem: &SparseProblem) -> Self {
        let xt = problem.design();
        let x = DMatrix::from_fn(problem.samples(), problem.unknowns(), |i, j| xt[(j, i)]);
        Plain { loss: problem.loss(), x, truth: DVector::from_column_slice(problem.truth().unwrap()) }
    }

    /// The matrix `sum_i c_i x_i x_i^T`, where c is a function of `<x_i, w>`, `<x_i, w*>` and `|x_i|`.
    fn weighted(&self, w: &DVector<f64>, c: impl Fn(f64, f64, f64) -> f64) -> DMatrix<f64> {
        let (a, t) = (&self.x * w, &self.x * &self.truth);
        let scale = DVector::from_fn(a.len(), |i, _| c(a[i], t[i], self.x.row(i).norm()));
        self.x.transpose() * DMatrix::from_diagonal(&scale) * &self.x
    }

    fn hessian(&self, w: &DVector<f64>) -> DMatrix<f64> {
        self.weighted(w, |a, t, _| derivatives(self.loss, a, t).0)
    }

    /// The error after a step, to second order in the error `e` before it: `P_S H^-1 D^3 f[e, e] / 2` at the truth for
    /// values that are kept, `H_SS^-1 (D^3 f[e, e])_S / 2` for values that are compensated; S the support after the
    /// step.
    fn second_order(&self, e: &DVector<f64>, support: &[usize], values: ValueRule) -> f64 {
        let (t, slopes) = (&self.x * &self.truth, &self.x * e);
        let c = DVector::from_fn(t.len(), |i, _| 0.5 * derivatives(self.loss, t[i], t[i]).1 * slopes[i].powi(2));
        let (force, hessian) = (self.x.transpose() * c, self.hessian(&self.truth));
        let step = match values {
            ValueRule::Keep => hessian.lu().solve(&force).unwrap().select_rows(support),
            _ => {
                let inside = hessian.select_rows(support).select_columns(support);
                inside.lu().solve(&force.select_rows(support)).unwrap()
            }
        };
        step.norm()
    }

    /// The bounds `c M / (2 mu) |e|^2` on the error after a step from `w`: with the least factor of thresholding or the ratio
    /// of the exact selection, and with the constants of the paper.
    fn bounds(&self, w: &DVector<f64>, k: usize, selection: Selection) -> [f64; 2] {
        let spectrum = self.hessian(w).symmetric_eigenvalues();
        let (mu, largest) = (spectrum.min(), spectrum.max());
        let third = |a: f64, t: f64| match self.loss {
            SampleLoss::Squared => 0.0,
            // The largest |sigma (1 - sigma)(1 - 2 sigma)|.
            SampleLoss::Logistic => 3f64.sqrt() / 18.0,
            SampleLoss::Exponential => a.max(t).exp(),
            SampleLoss::QuadraticMeasurement => 6.0 * a.abs().max(t.abs()),
        };
        let lipschitz = self.weighted(w, |a, t, length| third(a, t) * length).symmetric_eigenvalues().max();
        let (d, sparsity) = (self.truth.len(), self.truth.iter().filter(|v| **v != 0.0).count());
        let (d, k, sparsity) = (d as f64, k as f64, sparsity as f64);
        let square = lipschitz / (2.0 * mu) * (w - &self.truth).norm_squared();
        let factors = match selection {
            Selection::Exact => {
                let root = |ratio: f64| 1.0 + (largest / mu * ratio).sqrt();
                [root((d - k) / (d - sparsity)), root((d - sparsity) / (d - k))]
            }
            _ => {
                let m = sparsity.min(d - k);
                let rho = if m == 0.0 { 0.0 } else { m / (k - sparsity + m) };
                [(1.0 + (rho + ((4.0 + rho) * rho).sqrt()) / 2.0).sqrt(), 1.0 + (sparsity / k).sqrt()]
            }
        };
        factors.map(|factor| factor * square)
    }
}

/// Relative errors below which the second-order term describes a step to 1 %, and above which rounding does not matter.
const LOCAL: std::ops::Range<f64> = 1e-5..5e-3;

/// Compares every step of a run with the bound, recomputed, and where the error is small with the second-order term.
/// Returns the largest ratio to the bound, and the number of steps that were compared with the second-order term.
fn compare(problem: &SparseProblem, k: usize, selection: Selection) -> (f64, usize) {
    let plain = Plain::of(problem);
    let values = if selection == Selection::Exact { ValueRule::Compensate } else { ValueRule::Keep };
    let settings = Settings { iterations: 12, damping: Damping::Relative(0.0), ..Settings::new(k) };
    let mut iterates = Vec::new();
    solve(problem, RecoveryMethod::Obs(selection, values), &settings, |w| iterates.push(DVector::from_column_slice(w)))
        .unwrap();
    // Quadratic measurements do not determine the sign: the run may end at the opposite of the truth.
    let sign = if plain.truth.dot(&iterates[iterates.len() - 1]) < 0.0 { -1.0 } else { 1.0 };
    iterates.iter_mut().for_each(|w| *w *= sign);
    let steps = quadratic_rate(problem, k, selection, 12).unwrap();
    let (size, mut compared) = (plain.truth.norm(), 0);
    for step in &steps {
        // Steps from where the Hessian is not positive definite are left out of the list of steps.
        let at = |w: &&[DVector<f64>]| ((&w[0] - &plain.truth).norm() - step.before).abs() <= 1e-12 * size;
        let pair = iterates.windows(2).find(at).expect("a step of the same run");
        let [bound, paper] = plain.bounds(&pair[0], k, selection);
        assert!((step.bound / bound - 1.0).abs() < 1e-6, "bound {:e}, recomputed {bound:e}", step.bound);
        assert!((step.paper.unwrap() / paper - 1.0).abs() < 1e-6, "{:?} {paper:e}", step.paper);
        assert!(step.bound <= paper && step.paper_ratio().unwrap() <= step.ratio());
        let e = &pair[0] - &plain.truth;
        if LOCAL.contains(&(e.norm() / size)) {
            let support: Vec<usize> = (0..e.len()).filter(|&j| pair[1][j] != 0.0).collect();
            let expected = plain.second_order(&e, &support, values);
            assert!((step.after / expected - 1.0).abs() < 0.01, "{:e}, second order {expected:e}", step.after);
            compared += 1;
        }
    }
    (worst(&steps), compared)
}

/// I-OBS squares its error on every loss with a Lipschitz Hessian. Every bound is that of the theorem, none is
/// exceeded, and near the truth the error after a step is the second-order term of the expansion.
#[test]
fn local_quadratic_rate() {
    for (loss, distance, selection) in [
        (SampleLoss::Logistic, 0.5, Selection::Magnitude),
        (SampleLoss::Exponential, 0.3, Selection::Magnitude),
        (SampleLoss::QuadraticMeasurement, 0.1, Selection::Magnitude),
        (SampleLoss::Exponential, 0.3, Selection::Exact),
    ] {
        let (mut ratio, mut compared) = (0.0_f64, 0);
        for index in 0..8 {
            let exact = selection == Selection::Exact;
            let (n, d, sparsity, k) = if exact { (200, 14, 3, 5) } else { (400, 20, 4, 6) };
            let problem = instance(loss, n, d, sparsity, Some(distance)).draw(5, index).unwrap();
            let (worst, steps) = compare(&problem, k, selection);
            (ratio, compared) = (ratio.max(worst), compared + steps);
        }
        println!("{loss:?}, {selection:?}: worst ratio {ratio:.4}, {compared} steps near the truth");
        assert!(ratio <= 1.0, "{loss:?}: {ratio}");
        assert!(compared >= 4, "{loss:?}: too few steps near the truth");
    }
}

/// The bound is attained: on two samples along the axes, where the axis of the error has the least curvature and the
/// largest third derivative, the ratio tends to 1 as the error falls.
#[test]
fn the_quadratic_rate_is_attained() {
    // At this pre-activation the third derivative of the logistic loss is largest.
    let steepest = -(2.0 + 3f64.sqrt()).ln();
    for (loss, t, second) in [(SampleLoss::Logistic, steepest, 0.9), (SampleLoss::Exponential, -1.0, 0.65)] {
        let xt = faer::Mat::from_fn(2, 2, |j, i| if i != j { 0.0 } else { [1.0, second][i] });
        let y = vec![loss.measure(t), loss.measure(0.0)];
        for distance in [1e-2, 1e-3] {
            let problem = SparseProblem::new(xt.clone(), y.clone(), loss, Some(vec![t, 0.0])).unwrap();
            let problem = problem.with_start(vec![t + distance, 0.0]).unwrap();
            let steps = quadratic_rate(&problem, 2, Selection::Magnitude, 1).unwrap();
            let ratio = steps[0].ratio();
            println!("{loss:?} from {distance:e}: {ratio:.5}");
            assert!(ratio <= 1.0 && ratio > 1.0 - 3.0 * distance, "{loss:?} from {distance}: {ratio}");
        }
    }
}

/// The factors here are never above those of the paper, whatever the sizes; at (d, k, k*) = (20, 6, 4), rho = 2/3, they are
/// by hand sqrt(nu) = 1.4883 and 1 + sqrt(2/3) = 1.8165, and with condition 4, 1 + sqrt(4 * 14/16) and 1 + sqrt(4 * 16/14).
#[test]
fn the_constants_and_those_of_the_paper() {
    let close = |found: [f64; 2], expected: [f64; 2]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    let rho = 2.0_f64 / 3.0;
    let nu = 1.0 + 0.5 * (rho + (rho * (4.0 + rho)).sqrt());
    assert!(close(quadratic_factors(Selection::Magnitude, 20, 6, 4, 4.0), [nu.sqrt(), 1.0 + rho.sqrt()]));
    let exact = [1.0 + (4.0 * 14.0 / 16.0_f64).sqrt(), 1.0 + (4.0 * 16.0 / 14.0_f64).sqrt()];
    assert!(close(quadratic_factors(Selection::Exact, 20, 6, 4, 4.0), exact));
    for d in 1..40 {
        for k in 1..=d {
            for sparsity in 1..=k {
                for selection in [Selection::Magnitude, Selection::Exact] {
                    let [own, paper] = quadratic_factors(selection, d, k, sparsity, 1.0);
                    assert!(own <= paper * (1.0 + 1e-14), "{selection:?}, {d}, {k}, {sparsity}: {own} {paper}");
                    // Without thresholding a step is Newton's.
                    assert!(k < d || own == 1.0);
                }
            }
        }
    }
}

fn batches(size: usize) -> MiniBatches {
    MiniBatches { size: Some(size), seed: 9, problem: 3 }
}

/// Steps of stochastic I-OBS by plain loops over the batch that was drawn, in one unknown: with two samples x, one drawn at
/// a time, `e+ = |1 - alpha n x^2| e` exactly, alpha = 1 / (lambda + n x^2 e) as all of the gradient is on the support.
#[test]
fn stochastic_steps_by_hand() {
    let xs = [0.6, -1.1];
    let (n, truth) = (2.0, 0.7);
    let xt = faer::Mat::from_fn(1, 2, |_, i| xs[i]);
    let problem =
        SparseProblem::new(xt, xs.map(|x| truth * x).to_vec(), SampleLoss::Squared, Some(vec![truth])).unwrap();
    let problem = problem.with_start(vec![2.0]).unwrap();
    let draws = batches(1);
    let settings = Settings { iterations: 12, batches: draws, ..Settings::new(1) };
    let mut found = Vec::new();
    solve(&problem, RecoveryMethod::StochasticObs, &settings, |w| found.push(w[0])).unwrap();
    // B = 1: lambda = n max x^2.
    let lambda = n * 1.21;
    let mut w = 2.0;
    for (t, &iterate) in found.iter().enumerate() {
        assert!((iterate - w).abs() < 1e-13, "step {t}: {iterate} {w}");
        let i = draws.draw(2, 1, t as u64)[0];
        let g = n * xs[i] * xs[i] * (w - truth);
        w -= g / (lambda + g.abs());
    }
    // The iteration ends where the error is zero; both samples were drawn before.
    let last = found.last().unwrap();
    assert!(found.len() > 4 && (last - truth).abs() < 0.1 * (found[0] - truth).abs(), "{found:?}");
}

/// Two of three orthogonal samples `c_i e_i`, where all of `L = max c^2` and of the gradient are known: the curvature is that of
/// the gradient on the support of w, which is smaller than the gradient.
#[test]
fn stochastic_steps_count_the_support_only() {
    let (c, truth, start) = ([1.0, 2.0, 3.0], [1.0, -1.0, 0.5], [0.5, 0.0, 0.0]);
    let xt = faer::Mat::from_fn(3, 3, |j, i| if i == j { c[i] } else { 0.0 });
    let y = (0..3).map(|i| c[i] * truth[i]).collect();
    let problem = SparseProblem::new(xt, y, SampleLoss::Squared, None).unwrap().with_start(start.to_vec()).unwrap();
    let draws = batches(2);
    let settings = Settings { iterations: 6, batches: draws, ..Settings::new(2) };
    let mut found = Vec::new();
    solve(&problem, RecoveryMethod::StochasticObs, &settings, |w| found.push(w.to_vec())).unwrap();
    // n = 3, B = 2: n (B - 1) / (B (n - 1)) L + (n - B) / (B (n - 1)) n max |x|^2.
    let lambda = 0.75 * 9.0 + 0.25 * 27.0;
    let mut w = start;
    for (t, iterate) in found.iter().enumerate() {
        assert!((0..3).all(|j| (iterate[j] - w[j]).abs() < 1e-12), "step {t}: {iterate:?} {w:?}");
        let batch = draws.draw(3, 2, t as u64);
        let g = [0, 1, 2].map(|j| if batch.contains(&j) { 1.5 * c[j] * c[j] * (w[j] - truth[j]) } else { 0.0 });
        let length = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        let on_support: f64 = (0..3).filter(|&j| w[j] != 0.0).map(|j| g[j] * g[j]).sum();
        let alpha = 1.0 / (lambda + if length > 0.0 { on_support / length } else { 0.0 });
        (0..3).for_each(|j| w[j] -= alpha * g[j]);
        let least = (0..3).min_by(|a, b| w[*a].abs().total_cmp(&w[*b].abs())).unwrap();
        w[least] = 0.0;
    }
    assert!(found.len() > 4, "{found:?}");
}

/// Every step is within its bound, with noise and without, for batches of all sizes; from the start too where every step
/// contracts. With all samples, no noise and no thresholding the iteration is linear in the end, and the bound attained.
#[test]
fn contraction_of_stochastic_steps() {
    let law = |snr_db| Instance { snr_db, ..instance(SampleLoss::Squared, 400, 12, 2, None) };
    let (mut largest, mut chains) = (0.0_f64, 0);
    for snr_db in [None, Some(20.0)] {
        for index in 0..3 {
            let problem = law(snr_db).draw(4, index).unwrap();
            for (size, k) in [(1, 4), (20, 4), (200, 8), (400, 8), (400, 12)] {
                let StochasticRates { steps, from_start } =
                    stochastic_contraction(&problem, k, batches(size), 80).unwrap();
                largest = largest.max(worst(&steps));
                assert!(worst(&steps) <= 1.0 + 1e-9 && worst(&from_start) <= 1.0 + 1e-9, "B = {size}, k = {k}");
                chains += usize::from(!from_start.is_empty());
                // A bound from the start is never below that from the step before.
                assert!(from_start.iter().zip(&steps).all(|(all, one)| all.bound >= one.bound * (1.0 - 1e-12)));
            }
        }
        let problem = law(None).draw(4, 0).unwrap();
        let all = stochastic_contraction(&problem, 12, batches(400), 200).unwrap().steps;
        let last = all.iter().rev().find(|step| step.before > 1e-6).unwrap().ratio();
        assert!(last > 0.95 && last <= 1.0 + 1e-9, "{last}");
    }
    println!("worst ratio {largest:.3}, {chains} runs in which every step contracts");
    assert!(largest > 0.9 && chains > 6, "{largest} {chains}");
}

/// With noise the error falls linearly to a floor that the noise of the batches sets: without noise it falls to rounding, and
/// a noise that is ten times as large has a floor ten times as high.
#[test]
fn the_floor_is_proportional_to_the_noise() {
    let floor = |snr_db| {
        let law = Instance { snr_db, signal: Signal::Sign, ..instance(SampleLoss::Squared, 1000, 20, 2, None) };
        let late = |index| {
            let problem = law.draw(6, index).unwrap();
            let steps = stochastic_contraction(&problem, 10, batches(100), 300).unwrap().steps;
            let late: Vec<f64> = steps.iter().skip(200).map(|step| step.after).collect();
            if late.is_empty() { 0.0 } else { late.iter().sum::<f64>() / late.len() as f64 }
        };
        (0..4).map(late).sum::<f64>() / 4.0
    };
    let (none, low, high) = (floor(None), floor(Some(60.0)), floor(Some(40.0)));
    println!("floors {none:e}, {low:e}, {high:e}");
    assert!(none < 1e-9, "{none}");
    assert!((high / low - 10.0).abs() < 0.1, "{low} {high}");
}

/// Draws are functions of their address: equal for equal addresses, whatever was drawn before; the sizes that are refused.
#[test]
fn mini_batches_have_addresses() {
    let draws = batches(5);
    let batch = draws.draw(30, 5, 7);
    assert_eq!(batch, draws.draw(30, 5, 7));
    assert!(batch.len() == 5 && batch.iter().all(|&i| i < 30));
    let others = [draws.draw(30, 5, 8), MiniBatches { seed: 10, ..draws }.draw(30, 5, 7)];
    assert!(others.iter().all(|other| *other != batch));
    assert_eq!(MiniBatches { size: None, ..draws }.samples(33), Ok(5));
    for size in [0, 31] {
        let refused = batches(size).samples(30).unwrap_err().to_string();
        assert!(refused.contains(&format!("{size} samples")) && refused.contains("n = 30"), "{refused}");
    }
}
