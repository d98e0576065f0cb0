//! The noise of mini-batches: nonlinear clouds under the same draws, and the linear neuron, whose second moments are known
//! exactly at every step and batch size.

use super::adjoint::batch_variance;
use super::linear::{TEACHER, recursion};
use super::{CloudCase, relative};
use crate::compute::Threads;
use crate::fluctuation::{BatchNoise, NoiseColumns};
use crate::network::{Activation, Batch, Loss};

const COLUMNS: usize = 3;
const STEPS: [usize; 4] = [0, 1, 6, 15];

/// The first order is the derivative, and the mean second order half the sum of second derivatives, of the predictions of
/// clouds under the noise of every column.
#[test]
fn responses_are_those_of_noisy_clouds() {
    for (loss, outputs) in [(Loss::HalfSquared, 1), (Loss::Softmax, 3)] {
        let case = CloudCase::new(Activation::Tanh, loss, outputs);
        let noise = BatchNoise::of_columns(4, COLUMNS, case.motion.step);
        let zero = NoiseColumns::zero(case.width, COLUMNS);
        let found = case.driven(&zero, true, Some(noise), &STEPS, Threads::One);
        let equal = vec![1.0 / case.width as f64; case.width];
        let at = |column: usize, s: f64| case.perturbed(&equal, Some((noise, column, s)), &STEPS);
        let rest = case.weighted(&equal, &STEPS);
        let n = case.sample.y.len();
        for (t, record) in found.records.iter().enumerate().skip(1) {
            let mut second = vec![0.0; n];
            for column in 0..COLUMNS {
                // Two steps of the differences, so that errors are of fourth order.
                let differences = [0.001, 0.002].map(|s| {
                    let (plus, minus) = (&at(column, s)[t].0, &at(column, -s)[t].0);
                    let rows = plus.iter().zip(minus).zip(&rest[t].0);
                    rows.map(|((p, m), f)| [(p - m) / (2.0 * s), (p + m - 2.0 * f) / (2.0 * s * s)]).collect::<Vec<_>>()
                });
                let extrapolated = |row: usize, k: usize| (4.0 * differences[0][row][k] - differences[1][row][k]) / 3.0;
                let first: Vec<f64> = (0..n).map(|row| extrapolated(row, 0)).collect();
                let error = relative(&record.field.column(column).to_vec(), &first);
                assert!(error < 1e-6, "{loss}, column {column}, time {t}: {error:.1e}");
                second.iter_mut().enumerate().for_each(|(row, sum)| *sum += extrapolated(row, 1));
            }
            let error = relative(record.bias.as_ref().unwrap(), &second);
            assert!(error < 1e-5, "{loss}, second order, time {t}: {error:.1e}");
        }
    }
}

/// Inputs of mean square 1, and the variance of their squares.
fn unequal_inputs() -> (Vec<f64>, f64) {
    let x = [0.4_f64, -1.2, 0.9, 1.1, -1.3];
    let scale = (x.iter().map(|x| x * x).sum::<f64>() / 5.0).sqrt();
    let x: Vec<f64> = x.iter().map(|x| x / scale).collect();
    let spread = x.iter().map(|x| (x * x - 1.0).powi(2)).sum::<f64>() / 5.0;
    (x, spread)
}

/// The linear neuron on these inputs with a step, and the number of steps to time 3.
fn linear_case(step: f64) -> (CloudCase, usize) {
    let mut case = super::linear::case(5);
    let (x, _) = unequal_inputs();
    case.objective.ridge = 0.0;
    case.motion.step = step;
    case.sample = Batch { y: x.iter().map(|x| TEACHER * x).collect(), x };
    (case, (3.0 / step).round() as usize)
}

/// Mean of the first parameter, less the teacher's in the case of positions.
fn mean(values: &[f64]) -> f64 {
    values.chunks_exact(2).map(|neuron| neuron[0]).sum::<f64>() / 5.0
}

/// `B / eps Var d` of d, the deviation of the mean from the teacher, after `steps` steps over batches of B, exactly:
/// second moments of (d, p) under the noise of both.
fn exact_variance(case: &CloudCase, steps: usize, batch: f64) -> f64 {
    let (eps, keep) = (case.motion.step, 1.0 - case.motion.friction * case.motion.step);
    let (mut d, mut p) = (mean(&case.theta) - TEACHER, mean(&case.momentum));
    let (mut dd, mut dp, mut pp) = (d * d, d * p, p * p);
    let v = 1.0 + unequal_inputs().1 / batch;
    for _ in 0..steps {
        pp = keep * keep * pp - 2.0 * keep * eps * dp + eps * eps * v * dd;
        dp = keep * dp - eps * dd;
        dd += 2.0 * eps * dp + eps * eps * pp;
        dp += eps * pp;
        p = keep * p - eps * d;
        d += eps * p;
    }
    (dd - d * d) * batch / eps
}

/// Of order `eps / B` the exact variance is c', which is `Var(x^2) int q(t - s)^2 (m(s) - c_0)^2 ds` to first order in eps.
#[test]
fn variance_of_the_linear_neuron_under_batches() {
    let adjoint = |step: f64| {
        let (case, steps) = linear_case(step);
        batch_variance(&case, steps) / step
    };
    let (case, steps) = linear_case(0.05);
    let error = |batch: f64| exact_variance(&case, steps, batch) / adjoint(0.05) - 1.0;
    // The exact variance is a polynomial in 1 / B.
    assert!(error(1e6).abs() < 1e-6, "{}", error(1e6));
    let order = (error(20.0) / error(40.0)).log2();
    assert!((order - 1.0).abs() < 0.05, "{order}");

    // The integral by the midpoint rule on solutions of the recursion with tiny steps.
    let fine = 3.0 / 60_000.0;
    let motion = crate::dynamics::Motion { step: fine, ..case.motion };
    let solution = recursion(motion, 1.0, 60_000);
    let (m, r) = (mean(&case.theta) - TEACHER, mean(&case.momentum));
    let integrand = |k: usize| (solution[60_000 - k][1] * (m * solution[k][0] + r * solution[k][1])).powi(2);
    let integral: f64 = unequal_inputs().1 * fine * (0..60_000).map(integrand).sum::<f64>();
    let order = ((adjoint(0.05) - integral) / (adjoint(0.025) - integral)).log2();
    assert!((order - 1.0).abs() < 0.1, "{order}: {} {integral}", adjoint(0.025));
}

/// Columns have the variance to their sampling error; the mean loss gap is half of it, as b' = 0.
#[test]
fn columns_have_the_variance_of_batches() {
    let (case, steps) = linear_case(0.05);
    let columns = 4000;
    let noise = BatchNoise::of_columns(7, columns, case.motion.step);
    let zero = NoiseColumns::zero(case.width, columns);
    let found = case.driven(&zero, true, Some(noise), &[0, steps], Threads::One);
    let expected = exact_variance(&case, steps, 1e9);
    let sampling = (2.0 / columns as f64).sqrt();
    let error = found.variance()[1] / expected - 1.0;
    assert!(error.abs() < 4.0 * sampling, "{error}");
    assert_eq!(found.variance()[0], 0.0);
    let gap = found.loss_gap(1).unwrap();
    let error = gap.scaled_mean() / (0.5 * expected) - 1.0;
    assert!(error.abs() < 10.0 * sampling, "{error}");
}
