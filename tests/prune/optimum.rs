//! How far the methods are from the best choice of zeros: all choices on small layers, and a lower bound on larger ones.
//! Losses are damped, as the methods minimise them.

use super::layers::{damped, damped_loss, layer};
use super::{array, values};
use faer::{Mat, Side, linalg::solvers::DenseSolveCore};
use widelimit::prune::layer::{
    DampedMoment, LayerMethod, LayerProblem, LayerSettings, Zeros, from_entries, prune_layer, refit,
};

/// The least loss `v_Q^T (P_QQ)^-1 v_Q` over all sets Q of zeros, for every number of zeros, of a row v with inverse
/// moment P: all 2^d sets, by elimination.
fn least_losses(v: &[f64], inverse: &[Vec<f64>]) -> Vec<f64> {
    fn branch(v: &[f64], p: &[Vec<f64>], zeros: usize, loss: f64, best: &mut [f64]) {
        let Some((first, rest)) = v.split_first() else {
            best[zeros] = best[zeros].min(loss);
            return;
        };
        let kept: Vec<Vec<f64>> = p[1..].iter().map(|row| row[1..].to_vec()).collect();
        branch(rest, &kept, zeros, loss, best);
        let pivot = p[0][0];
        let moved: Vec<f64> = rest.iter().zip(&p[0][1..]).map(|(v, p)| v - first * p / pivot).collect();
        let mut reduced = kept;
        for (i, row) in reduced.iter_mut().enumerate() {
            row.iter_mut().zip(&p[0][1..]).for_each(|(e, p0)| *e -= p[i + 1][0] * p0 / pivot);
        }
        branch(&moved, &reduced, zeros + 1, loss + first * first / pivot, best);
    }
    let mut best = vec![f64::INFINITY; v.len() + 1];
    branch(v, inverse, 0, 0.0, &mut best);
    best
}

/// The least loss of a layer for every number of zeros of the matrix: of all divisions of the zeros between the rows.
fn optimum(weights: &Mat<f64>, moment: &DampedMoment) -> Vec<f64> {
    let d = moment.inputs();
    let inverse: Vec<Vec<f64>> = (0..d).map(|i| (0..d).map(|j| moment.inverse()[(i, j)]).collect()).collect();
    let mut total = vec![0.0];
    for r in 0..weights.ncols() {
        let row: Vec<f64> = (0..d).map(|j| weights[(j, r)]).collect();
        let losses = least_losses(&row, &inverse);
        let mut sums = vec![f64::INFINITY; total.len() + d];
        for (zeros, before) in total.iter().enumerate() {
            losses.iter().enumerate().for_each(|(z, loss)| sums[zeros + z] = sums[zeros + z].min(before + loss));
        }
        total = sums;
    }
    total
}

/// A number that no choice of so many zeros of the matrix falls below.
///
/// In inputs scaled to a unit diagonal, `A = S^-1 H_d S^-1` and `b = S w0`, let `0 < t < lambda_min(A)`, so that `A - t I`
/// is positive definite. For any u, completing the square, `x^T (A - t I) x >= 2 u^T x - u^T (A - t I)^-1 u`; hence with
/// `x = S w - b`
///
/// ```text
/// x^T A x >= -u^T (A - t I)^-1 u + sum_j (t x_j^2 + 2 u_j x_j).
/// ```
///
/// A term of the sum is at least `-u_j^2 / t`; where the weight is zero, `x_j = -b_j`, and it is `(t b_j - u_j)^2 / t`
/// more. Of k zeros of the matrix, these excesses add to no less than the sum of the k smallest, so that for any u of every
/// row
///
/// ```text
/// loss >= sum_rows [-u^T (A - t I)^-1 u - u^T u / t] + the k smallest of (t b_j - u_j)^2 / t.
/// ```
///
/// The right side is concave in u; it is increased by preconditioned subgradient steps, and its largest value is returned.
fn lower_bound(weights: &Mat<f64>, moment: &DampedMoment, zeros: usize) -> f64 {
    let (d, rows) = (moment.inputs(), weights.ncols());
    let scale: Vec<f64> = (0..d).map(|j| moment.damped(j, j).sqrt()).collect();
    let a = Mat::from_fn(d, d, |i, j| moment.damped(i, j) / (scale[i] * scale[j]));
    let t = 0.95 * a.self_adjoint_eigenvalues(Side::Lower).unwrap()[0];
    let inverse_of = |shift: f64, a: &Mat<f64>| {
        Mat::from_fn(d, d, |i, j| a[(i, j)] + if i == j { shift } else { 0.0 }).llt(Side::Lower).unwrap().inverse()
    };
    let inverse = inverse_of(-t, &a);
    let precondition = inverse_of(1.0 / t, &inverse);
    let b = Mat::from_fn(d, rows, |j, r| scale[j] * weights[(j, r)]);
    let mut u = Mat::<f64>::zeros(d, rows);
    let mut best = 0.0_f64;
    for step in 0..400 {
        let excess = |j: usize, r: usize| (t * b[(j, r)] - u[(j, r)]).powi(2) / t;
        let mut order: Vec<(usize, usize)> = (0..rows).flat_map(|r| (0..d).map(move |j| (j, r))).collect();
        order.sort_by(|x, y| excess(x.0, x.1).total_cmp(&excess(y.0, y.1)));
        let smallest: f64 = order[..zeros].iter().map(|&(j, r)| excess(j, r)).sum();
        let product = &inverse * &u;
        let entry = |j: usize, r: usize| u[(j, r)] * (product[(j, r)] + u[(j, r)] / t);
        let quadratic: f64 = (0..rows).flat_map(|r| (0..d).map(move |j| (j, r))).map(|(j, r)| entry(j, r)).sum();
        best = best.max(smallest - quadratic);
        let mut gradient = Mat::from_fn(d, rows, |j, r| -product[(j, r)] - u[(j, r)] / t);
        order[..zeros].iter().for_each(|&(j, r)| gradient[(j, r)] -= (t * b[(j, r)] - u[(j, r)]) / t);
        u += faer::Scale(1.0 / (1.0 + step as f64 / 30.0)) * (&precondition * gradient);
    }
    best
}

fn loss_of(weights: &Mat<f64>, moment: &DampedMoment, zeros: usize, (method, refit): (LayerMethod, bool)) -> f64 {
    let problem = LayerProblem { weights: weights.as_ref(), moment, zeros: Zeros::Matrix(zeros) };
    let found = prune_layer(&problem, &LayerSettings { method, refit, ..LayerSettings::default() });
    damped_loss(&found, weights, moment)
}

/// A layer of the classifier of digits: weights (d, rows) and damped moment.
fn known(name: &str) -> (Mat<f64>, DampedMoment) {
    let weights = array("known_layers.npz", &format!("{name}_W0")).unwrap();
    let d = weights.shape()[1];
    let moment = from_entries(&values("known_layers.npz", &format!("{name}_H")), d);
    (from_entries(&weights.iter().copied().collect::<Vec<_>>(), d), damped(moment, 0.01))
}

/// Inputs and rows of a layer from the given ones on.
fn part(layer: &(Mat<f64>, DampedMoment), (d, rows): (usize, usize), first: usize) -> (Mat<f64>, DampedMoment) {
    let (weights, moment) = layer;
    let inner = Mat::from_fn(d, d, |i, j| moment.moment()[(first + i, first + j)]);
    (Mat::from_fn(d, rows, |j, r| weights[(first + j, first % 32 + r)]), damped(inner, 0.01))
}

const FRACTIONS: [f64; 3] = [0.5, 0.7, 0.8];

/// Elimination over all sets agrees with least squares on every set.
#[test]
fn the_best_zeros_of_a_row_are_those_of_least_squares() {
    let (weights, moment) = layer(8, 1, 60, 11);
    let moment = damped(moment, 0.01);
    let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(0) };
    let mut best = [f64::INFINITY; 9];
    for set in 0..256_usize {
        let start = Mat::from_fn(8, 1, |j, _| if set >> j & 1 == 1 { 0.0 } else { weights[(j, 0)] });
        let loss = damped_loss(&refit(&problem, &start), &weights, &moment);
        let zeros = set.count_ones() as usize;
        best[zeros] = best[zeros].min(loss);
    }
    for (found, expected) in optimum(&weights, &moment).iter().zip(best) {
        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
    }
}

/// Parts of two layers of a trained network and random layers, of 16 and 20 inputs: excess over the best of all choices.
#[test]
fn the_default_is_near_the_best_of_all_choices_on_small_layers() {
    let random = (0..4).map(|seed| layer(16, 12, 200, 20 + seed)).map(|(w, h)| (w, damped(h, 0.01)));
    let (proj, down) = (known("proj"), known("down"));
    let trained = [0, 16, 32, 48].map(|first| part(&proj, (16, 12), first));
    let wide = [0, 64, 128, 192].map(|first| part(&down, (16, 12), first));
    let largest = [part(&down, (20, 4), 100)];
    let layers: Vec<(Mat<f64>, DampedMoment)> = random.chain(trained).chain(wide).chain(largest).collect();
    let methods = [(LayerMethod::Dual, true), (LayerMethod::Greedy, true), (LayerMethod::Sweep, true)];
    let mut excesses = vec![vec![Vec::new(); 3]; 3];
    for (weights, moment) in &layers {
        let best = optimum(weights, moment);
        for (at, fraction) in FRACTIONS.iter().enumerate() {
            let zeros = (fraction * (weights.nrows() * weights.ncols()) as f64).round() as usize;
            for (method, excesses) in methods.iter().zip(&mut excesses) {
                let excess = loss_of(weights, moment, zeros, *method) / best[zeros] - 1.0;
                assert!(excess > -1e-9, "{method:?} {fraction}: {excess}");
                excesses[at].push(excess);
            }
            let bound = lower_bound(weights, moment, zeros) / best[zeros];
            assert!(bound > 0.1 && bound < 1.0, "{fraction}: {bound}");
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let summary: Vec<Vec<(f64, f64)>> =
        excesses.iter().map(|one| one.iter().map(|values| (mean(values), worst(values))).collect()).collect();
    for (at, fraction) in FRACTIONS.iter().enumerate() {
        assert!(summary[0][at].0 < 0.15, "{fraction}: {summary:?}");
        assert!(summary[0][at].0 < summary[2][at].0, "{fraction}: {summary:?}");
    }
}

/// Whole layers of a trained network: what the bound leaves open.
#[test]
fn the_lower_bound_is_below_every_method_on_whole_layers() {
    for (name, least) in [("proj", [0.3, 0.2, 0.15]), ("down", [0.3, 0.2, 0.15])] {
        let (weights, moment) = known(name);
        for (fraction, least) in FRACTIONS.iter().zip(least) {
            let zeros = (fraction * (weights.nrows() * weights.ncols()) as f64).round_ties_even() as usize;
            let bound = lower_bound(&weights, &moment, zeros);
            let found = loss_of(&weights, &moment, zeros, (LayerMethod::Dual, true));
            assert!(bound < found && bound > least * found, "{name} {fraction}: {bound} {found}");
        }
    }
}
