//! The tangent system against differences of nonlinear clouds with weights `(1 +- s nu_i) / M`.

use super::{CloudCase, relative, scattered_columns};
use crate::choice::Choice;
use crate::compute::Threads;
use crate::dynamics::Method;
use crate::network::{Activation, Loss, TwoLayer};

pub(super) const STEPS: [usize; 4] = [0, 1, 4, 12];
pub(super) const COLUMNS: usize = 3;

/// Derivatives of the weighted cloud at amplitude `s / sqrt M` along every column: first (n K + 2, C), and the sum over
/// the columns of half the second (n K + 2), for every recorded step. The last rows are those of `E|phi|^2` and of
/// `|theta|^2`.
pub(super) fn differences(case: &CloudCase, weights: &[f64], s: f64) -> Vec<(Vec<Vec<f64>>, Vec<f64>)> {
    let m = case.width as f64;
    let amplitude = s / m.sqrt();
    let run = |column: Option<usize>, sign: f64| {
        let p: Vec<f64> =
            (0..case.width).map(|i| (1.0 + sign * s * column.map_or(0.0, |c| weights[i * COLUMNS + c])) / m).collect();
        let append = |(mut f, q): (Vec<f64>, [f64; 2])| {
            f.extend(q);
            f
        };
        case.weighted(&p, &STEPS).into_iter().map(append).collect::<Vec<_>>()
    };
    let centre = run(None, 0.0);
    let pairs: Vec<_> = (0..COLUMNS).map(|c| (run(Some(c), 1.0), run(Some(c), -1.0))).collect();
    (0..STEPS.len())
        .map(|t| {
            let rows = 0..centre[t].len();
            let first = |row: usize| pairs.iter().map(|(a, b)| (a[t][row] - b[t][row]) / (2.0 * amplitude)).collect();
            let second = |row: usize| {
                let sum: f64 = pairs.iter().map(|(a, b)| a[t][row] + b[t][row] - 2.0 * centre[t][row]).sum();
                sum / (2.0 * amplitude * amplitude)
            };
            (rows.clone().map(first).collect(), rows.map(second).collect())
        })
        .collect()
}

/// The largest relative errors of G with the fluctuations of `E|phi|^2` and `|theta|^2`, and of b with their biases.
fn errors(case: &CloudCase, order_four: bool) -> [f64; 2] {
    let columns = scattered_columns(case.width, COLUMNS);
    let found = case.fluctuations(&columns, true, &STEPS, Threads::One);
    let s = 0.06;
    let (fine, coarse) = (differences(case, columns.weights(), s), differences(case, columns.weights(), 2.0 * s));
    let extrapolate = |fine: f64, coarse: f64| if order_four { (4.0 * fine - coarse) / 3.0 } else { coarse };
    let mut worst = [0.0_f64; 2];
    for (t, record) in found.records.iter().enumerate() {
        let first: Vec<f64> =
            fine[t].0.iter().flatten().zip(coarse[t].0.iter().flatten()).map(|(f, c)| extrapolate(*f, *c)).collect();
        let second: Vec<f64> = fine[t].1.iter().zip(&coarse[t].1).map(|(f, c)| extrapolate(*f, *c)).collect();
        let field: Vec<f64> =
            record.field.iter().chain(&record.square_field).chain(&record.square_norm.field).copied().collect();
        let mut bias = record.bias.clone().unwrap();
        bias.extend([record.square_bias.unwrap(), record.square_norm.bias.unwrap()]);
        worst[0] = worst[0].max(relative(&field, &first));
        if t > 0 {
            worst[1] = worst[1].max(relative(&bias, &second));
        } else {
            assert!(bias.iter().all(|b| *b == 0.0), "b(0) = 0");
        }
    }
    worst
}

fn assert_tangent(case: &CloudCase, what: &str) {
    let [first, second] = errors(case, true);
    assert!(first < 2e-7 && second < 2e-5, "{what}: G {first:.1e}, b {second:.1e}");
}

#[test]
fn every_smooth_activation() {
    for &activation in Activation::ALL.iter().filter(|activation| !activation.has_kink()) {
        assert_tangent(&CloudCase::new(activation, Loss::HalfSquared, 1), activation.name());
    }
}

#[test]
fn every_loss_and_number_of_outputs() {
    for (loss, outputs) in [(Loss::HalfSquared, 3), (Loss::Logistic, 1), (Loss::Softmax, 3), (Loss::Softmax, 2)] {
        let case = CloudCase::new(Activation::Tanh, loss, outputs);
        assert_tangent(&case, &format!("{loss} {outputs}"));
        assert_tangent(
            &CloudCase { objective: crate::network::Objective { ridge: 0.0, loss }, ..case },
            "without ridge",
        );
    }
    assert_tangent(&CloudCase::new(Activation::Bump, Loss::Softmax, 3), "bump, softmax");
}

#[test]
fn fixed_outputs_and_no_bias() {
    for (bias, fixed_output) in [(false, false), (true, true), (false, true)] {
        let mut case = CloudCase::new(Activation::Softplus, Loss::HalfSquared, 2);
        case.network = TwoLayer { bias, fixed_output, ..case.network };
        let p = case.network.parameters();
        case.theta.truncate(case.width * p);
        case.momentum.truncate(case.width * p);
        for momentum in case.momentum.chunks_exact_mut(p) {
            momentum[case.network.trained().end..].fill(0.0);
        }
        assert_tangent(&case, &format!("bias {bias}, fixed output {fixed_output}"));
    }
}

#[test]
fn every_method_with_a_fixed_step() {
    for &method in Method::ALL.iter().filter(|method| !method.is_adaptive()) {
        for first_order in [false, true] {
            let suits = if first_order { method.solves_first_order() } else { method.solves_second_order() };
            if suits {
                let mut case = CloudCase::new(Activation::Tanh, Loss::Logistic, 1);
                case.method = method;
                case.motion.first_order = first_order;
                if first_order {
                    case.momentum.fill(0.0);
                }
                assert_tangent(&case, &format!("{method}, first order {first_order}"));
            }
        }
    }
}

/// The difference quotient approaches the tangent quadratically in the amplitude.
#[test]
fn differences_are_of_order_two() {
    let case = CloudCase::new(Activation::Tanh, Loss::HalfSquared, 1);
    let columns = scattered_columns(case.width, COLUMNS);
    let found = case.fluctuations(&columns, false, &STEPS, Threads::One);
    let error = |s: f64| {
        let first: Vec<f64> = differences(&case, columns.weights(), s)[3].0.iter().flatten().copied().collect();
        let record = &found.records[3];
        let found = record.field.iter().chain(&record.square_field).chain(&record.square_norm.field);
        relative(&found.copied().collect::<Vec<_>>(), &first)
    };
    let ratio = error(0.2) / error(0.1);
    assert!((ratio - 4.0).abs() < 0.1, "{ratio}");
}
