//! Solvers of one layer against their definitions, computed anew with inverses by Gauss's elimination.

use super::layers::{damped, layer};
use faer::Mat;
use widelimit::prune::layer::{
    BLOCK, DampedMoment, Iteration, LayerProblem, Step, Zeros, entries, greedy, iterate, sweep_from,
};

/// The inverse of a positive definite matrix by Gauss's elimination.
fn inverse(mut a: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for (i, row) in a.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for i in 0..n {
        let pivot = a[i][i];
        a[i].iter_mut().for_each(|v| *v /= pivot);
        let of_pivot = a[i].clone();
        for (_, row) in a.iter_mut().enumerate().filter(|(k, _)| *k != i) {
            let factor = row[i];
            row.iter_mut().zip(&of_pivot).for_each(|(v, p)| *v -= factor * p);
        }
    }
    a.into_iter().map(|row| row[n..].to_vec()).collect()
}

/// By the definition: column by column the optimal brain surgeon on the columns that are left, whose inverse is computed anew,
/// and the zeros of a group chosen when its first column is reached. Groups that do not divide a block or a panel of the
/// sweep are chosen from columns that are up to date too.
#[test]
fn sweeps_of_patterns_are_those_of_the_definition() {
    let (d, rows) = (60, 5);
    let (weights, moment) = layer(d, rows, 200, 9);
    let moment = damped(moment, 0.01);
    let inverses: Vec<Vec<Vec<f64>>> = (0..d).map(|first| inverse(rest(&moment, first))).collect();
    for (zeros, of) in [(2, 4), (1, 3), (4, 6), (2, 5), (7, 12), (9, 20)] {
        let mut expected: Vec<Vec<f64>> = (0..rows).map(|r| (0..d).map(|j| weights[(j, r)]).collect()).collect();
        for row in &mut expected {
            let mut dropped = vec![false; d];
            for j in 0..d {
                if j % of == 0 {
                    let mut order: Vec<usize> = (j..j + of).collect();
                    order.sort_by(|a, b| {
                        let cost = |k: usize| row[k] * row[k] / inverses[k][0][0];
                        cost(*a).total_cmp(&cost(*b))
                    });
                    order[..zeros].iter().for_each(|k| dropped[*k] = true);
                }
                if dropped[j] {
                    let (w, of_rest) = (row[j] / inverses[j][0][0], &inverses[j][0]);
                    row[j..].iter_mut().zip(of_rest).for_each(|(v, p)| *v -= w * p);
                    row[j] = 0.0;
                }
            }
        }
        let counts = Zeros::Group { zeros, of };
        let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: counts };
        for block in [8, 16, 24, BLOCK] {
            let found = entries(&sweep_from(&problem, &weights, block).weights.as_ref());
            let difference = found.iter().zip(expected.concat()).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
            assert!(difference < 1e-10, "{zeros}:{of} in blocks of {block}: {difference:e}");
        }
    }
}

/// Rows and columns of the damped moment from `first` on.
fn rest(moment: &DampedMoment, first: usize) -> Vec<Vec<f64>> {
    (first..moment.inputs()).map(|i| (first..moment.inputs()).map(|j| moment.damped(i, j)).collect()).collect()
}

/// The norms of the matrix and of its inverse are sums over all entries of a column, of several blocks of columns.
#[test]
fn condition_numbers_are_products_of_norms() {
    for (d, seed) in [(1, 1), (5, 2), (192, 3), (230, 4)] {
        // Small last inputs, whose columns of the inverse are the largest.
        let (_, mut moment) = layer(d, 1, 2 * d + 3, seed);
        for j in 192..d.max(192) {
            (0..d).for_each(|i| moment[(i, j)] *= 0.2);
            (0..d).for_each(|i| moment[(j, i)] *= 0.2);
        }
        let moment = damped(moment, 1e-3);
        let norm =
            |a: &[Vec<f64>]| (0..d).map(|j| a.iter().map(|row| row[j].abs()).sum::<f64>()).fold(0.0_f64, f64::max);
        let all = rest(&moment, 0);
        let expected = norm(&all) * norm(&inverse(all.clone()));
        assert!((moment.condition() / expected - 1.0).abs() < 1e-9, "{d}: {} {expected}", moment.condition());
    }
}

/// `C^T C H_d = I` with an upper triangle C, of even and odd order.
#[test]
fn factors_are_those_of_the_damped_moment() {
    for d in [1, 2, 7, 40, 129] {
        let (_, moment) = layer(d, 1, 2 * d + 3, 5);
        let mean = (0..d).map(|j| moment[(j, j)]).sum::<f64>() / d as f64;
        let added = Mat::from_fn(d, d, |i, j| moment[(i, j)] + if i == j { 0.1 * mean } else { 0.0 });
        let moment = damped(moment, 0.1);
        let factor = moment.factor();
        let identity = factor.transpose() * factor * &added;
        for i in 0..d {
            for j in 0..d {
                let unit = f64::from(u8::from(i == j));
                assert!((identity[(i, j)] - unit).abs() < 1e-9, "{d}: {i} {j}");
                assert!((moment.damped(i, j) - added[(i, j)]).abs() <= 1e-15 * mean, "{d}: {i} {j}");
                assert!(i <= j || factor[(i, j)] == 0.0, "{d}: {i} {j}");
            }
        }
    }
}

/// Three iterations of `W <- sweep(W - eta (W - W0) H (H + lambda I)^-1)` for steps of several lengths, and the losses of the
/// iterates; where the last is not the best, it is not returned.
#[test]
fn iterations_take_steps_of_their_length() {
    let (d, rows) = (30, 6);
    let (weights, moment) = layer(d, rows, 100, 11);
    let ridge = 0.4 * (0..d).map(|j| moment[(j, j)]).sum::<f64>() / d as f64;
    let ridged = (0..d).map(|i| (0..d).map(|j| moment[(i, j)] + if i == j { ridge } else { 0.0 }).collect()).collect();
    let inverse = inverse(ridged);
    let step = &moment * Mat::from_fn(d, d, |i, j| inverse[i][j]);
    let damped = damped(moment.clone(), 0.01);
    let problem = LayerProblem { weights: weights.as_ref(), moment: &damped, zeros: Zeros::Matrix(120) };
    let loss = |w: &Mat<f64>| {
        let difference = w - &weights;
        let product = &moment * &difference;
        (0..rows).flat_map(|r| (0..d).map(move |j| (j, r))).map(|at| difference[at] * product[at]).sum::<f64>()
    };
    let mut last_is_best = [0, 0];
    for length in [1.0, 0.5, 1.4, 2.1] {
        let mut iterates = vec![sweep_from(&problem, &weights, BLOCK).weights];
        for _ in 0..3 {
            let last = iterates.last().unwrap();
            let point = last - faer::Scale(length) * (step.transpose() * (last - &weights));
            iterates.push(sweep_from(&problem, &point, BLOCK).weights);
        }
        for best in [true, false] {
            let of = |iterations| Iteration { step: Step::RidgeNewton(0.4), length, iterations, block: BLOCK, best };
            let found = iterate(&problem, &of(3), None);
            let expected: Vec<f64> = iterates.iter().map(loss).collect();
            for (found, expected) in found.losses.iter().zip(&expected) {
                assert!((found / expected - 1.0).abs() < 1e-9, "{length}: {found} {expected}");
            }
            let least = (0..4).min_by(|a, b| expected[*a].total_cmp(&expected[*b])).unwrap();
            last_is_best[usize::from(least == 3)] += 1;
            let wanted = &iterates[if best { least } else { 3 }];
            let difference = entries(&(&found.weights - wanted).as_ref()).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(difference < 1e-9, "{length} {best}: {difference:e}");
        }
    }
    assert!(last_is_best[0] > 0, "the last iterate is always the best");
}

/// Weights that are zero before and are kept do not count: the elimination leaves as many zeros as it is asked for.
#[test]
fn kept_zeros_are_not_counted_by_the_elimination() {
    let (mut weights, moment) = layer(20, 4, 100, 12);
    (0..20).step_by(2).for_each(|j| weights.row_mut(j).fill(0.0));
    let moment = damped(moment, 0.01);
    for counts in [Zeros::Matrix(17), Zeros::Row(4), Zeros::Group { zeros: 1, of: 5 }] {
        let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: counts };
        let found = entries(&greedy(&problem).as_ref());
        assert_eq!(found.iter().filter(|w| **w == 0.0).count(), counts.total(4, 20), "{counts:?}");
    }
}
