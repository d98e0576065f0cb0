//! The OBS projection in its forms, the elimination against brute force, the search against all subsets.

use faer::Mat;
use faer::prelude::{Solve, SolveLstsq};
use widelimit::choice::Choice;
use widelimit::sparse::recovery::dense::gram;
use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::{
    Cholesky, DampedInverse, Damping, Elimination, Interrupt, RecoveryMethod, SampleLoss, Selection, Settings,
    SparseProblem, ValueRule, best_support, eliminate, projection, refine_by_swaps, solve,
};

const TIGHT: f64 = 1e-10;

fn problem(n: usize, d: usize, condition: f64, snr_db: Option<f64>, index: u64) -> SparseProblem {
    let design = Design::Rotated { condition };
    let law = Instance {
        loss: SampleLoss::Squared,
        n,
        d,
        sparsity: (d / 4).max(1),
        design,
        signal: Signal::Gaussian,
        snr_db,
        start_distance: None,
    };
    law.draw(3, index).unwrap()
}

fn sub(a: &Mat<f64>, rows: &[usize], columns: &[usize]) -> Mat<f64> {
    Mat::from_fn(rows.len(), columns.len(), |i, j| a[(rows[i], columns[j])])
}

fn column(v: &[f64], at: &[usize]) -> Mat<f64> {
    Mat::from_fn(at.len(), 1, |i, _| v[at[i]])
}

fn quadratic(a: &Mat<f64>, v: &Mat<f64>) -> f64 {
    (v.transpose() * a * v)[(0, 0)]
}

/// The inverse by a pivoted LU, which shares nothing with the tiled factor.
fn inverse_of(a: &Mat<f64>) -> Mat<f64> {
    a.partial_piv_lu().solve(Mat::<f64>::identity(a.nrows(), a.nrows()))
}

fn complement(d: usize, support: &[usize]) -> Vec<usize> {
    (0..d).filter(|j| !support.contains(j)).collect()
}

fn close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= TIGHT * (1.0 + b.abs()), "{what}: {a} and {b}");
}

/// The four identities: two forms of the projection, two of its cost, and elimination one by one in any order.
#[test]
fn four_identities_of_the_projection() {
    for (index, (d, k)) in [(12, 3), (12, 9), (30, 10), (30, 29), (30, 1)].into_iter().enumerate() {
        let problem = problem(2 * d, d, 50.0, None, index as u64);
        let v: Vec<f64> = (0..d).map(|j| ((j * j) as f64 + 0.3).sin()).collect();
        for damping in [0.0, 0.05] {
            let inverse =
                DampedInverse::new(problem.hessian(problem.start(), Interrupt::NEVER), damping, Interrupt::NEVER)
                    .unwrap();
            let h = Mat::from_fn(d, d, |i, j| inverse.damped_entry(i, j));
            let p = inverse_of(&h);
            let support: Vec<usize> = (0..d).filter(|j| (j * 7 + 3) % d < k).collect();
            assert_eq!(support.len(), k);
            let dropped = complement(d, &support);
            let projected = projection(&v, &inverse, &support);
            // v - P[:,Q] P_QQ^-1 v_Q
            let part = sub(&p, &dropped, &dropped).partial_piv_lu().solve(column(&v, &dropped));
            let all: Vec<usize> = (0..d).collect();
            let spread = sub(&p, &all, &dropped) * &part;
            // v_S + H_SS^-1 H_SQ v_Q
            let right = sub(&h, &support, &dropped) * column(&v, &dropped);
            let moved = sub(&h, &support, &support).partial_piv_lu().solve(right);
            for (place, &j) in support.iter().enumerate() {
                close(projected[j], v[j] - spread[(j, 0)], "first form");
                close(projected[j], v[j] + moved[(place, 0)], "second form");
            }
            assert!(dropped.iter().all(|&j| projected[j] == 0.0));
            // Costs: by the inverse, by the Schur complement, and by what it is.
            let by_inverse = 0.5 * (column(&v, &dropped).transpose() * &part)[(0, 0)];
            let cross = sub(&h, &dropped, &support);
            let inner = sub(&h, &support, &support).partial_piv_lu().solve(cross.transpose().to_owned());
            let schur = sub(&h, &dropped, &dropped) - &cross * inner;
            close(by_inverse, 0.5 * quadratic(&schur, &column(&v, &dropped)), "Schur complement");
            let gap = Mat::from_fn(d, 1, |j, _| v[j] - projected[j]);
            close(by_inverse, 0.5 * quadratic(&h, &gap), "cost");
            // One at a time, forwards and backwards.
            for order in [dropped.clone(), dropped.iter().rev().copied().collect()] {
                let (mut w, mut p, mut cost) = (v.clone(), p.clone(), 0.0);
                for q in order {
                    cost += 0.5 * w[q] * w[q] / p[(q, q)];
                    let (scale, pivot) = (w[q] / p[(q, q)], p[(q, q)]);
                    let of_q: Vec<f64> = (0..d).map(|i| p[(i, q)]).collect();
                    for i in 0..d {
                        w[i] -= scale * of_q[i];
                        for j in 0..d {
                            p[(i, j)] -= of_q[i] * of_q[j] / pivot;
                        }
                    }
                }
                close(cost, by_inverse, "cost one by one");
                support.iter().for_each(|&j| close(w[j], projected[j], "one by one"));
            }
        }
    }
}

/// The trace of the greedy elimination against brute force: at every drop all remaining candidates are tried, each by a
/// fresh solve. 60 entries, more than wait for one product.
#[test]
fn elimination_against_brute_force() {
    for (d, k, index) in [(60, 4, 0), (17, 5, 1), (53, 52, 2)] {
        let problem = problem(2 * d, d, 20.0, None, index);
        let inverse =
            DampedInverse::new(problem.hessian(problem.start(), Interrupt::NEVER), 0.0, Interrupt::NEVER).unwrap();
        let v: Vec<f64> = (0..d).map(|j| (1.7 * j as f64 + 0.2).cos()).collect();
        let Elimination { support: kept, point, steps: trace } = eliminate(&v, inverse.matrix(), k, Interrupt::NEVER);
        assert_eq!((kept.len(), trace.len()), (k, d - k));
        let h = &problem.hessian(problem.start(), Interrupt::NEVER);
        let mut alive: Vec<usize> = (0..d).collect();
        let mut spent = 0.0;
        for drop in &trace {
            let cost_without = |q: usize| {
                let support: Vec<usize> = alive.iter().copied().filter(|&j| j != q).collect();
                let dropped = complement(d, &support);
                let right = sub(h, &support, &dropped) * column(&v, &dropped);
                let moved = sub(h, &support, &support).llt(faer::Side::Lower).unwrap().solve(right);
                let mut gap = vec![0.0; d];
                dropped.iter().for_each(|&j| gap[j] = v[j]);
                support.iter().enumerate().for_each(|(i, &j)| gap[j] = -moved[(i, 0)]);
                let gap = Mat::from_fn(d, 1, |j, _| gap[j]);
                0.5 * quadratic(h, &gap)
            };
            let costs: Vec<(f64, usize)> = alive.iter().map(|&q| (cost_without(q), q)).collect();
            let best = costs.iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            assert_eq!(best.1, drop.index);
            close(drop.cost, best.0 - spent, "cost of a drop");
            spent = best.0;
            alive.retain(|&j| j != drop.index);
        }
        assert_eq!(alive, kept);
        let projected = projection(&v, &inverse, &kept);
        point.iter().zip(&projected).for_each(|(a, b)| close(*a, *b, "end of the elimination"));
    }
}

/// All subsets of `0..d` of size `k`.
fn subsets(d: usize, k: usize) -> Vec<Vec<usize>> {
    (0..1u32 << d)
        .filter(|m| m.count_ones() as usize == k)
        .map(|m| (0..d).filter(|j| m >> j & 1 == 1).collect())
        .collect()
}

#[test]
fn exact_selection_against_all_subsets() {
    let (mut greedy_missed, mut swaps_missed) = (0, 0);
    for index in 0..12 {
        let problem = problem(26, 13, 1e4, Some(20.0), index);
        let inverse =
            DampedInverse::new(problem.hessian(problem.start(), Interrupt::NEVER), 0.0, Interrupt::NEVER).unwrap();
        let v = inverse.solve(problem.xty());
        for k in [1, 4, 9, 13] {
            let cost = |support: &[usize]| {
                let projected = projection(&v, &inverse, support);
                problem.value(&projected)
            };
            let best = subsets(13, k).into_iter().map(|s| (cost(&s), s)).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            let found = best_support(&v, &inverse, k).unwrap();
            assert_eq!(found, best.1, "problem {index}, k = {k}");
            let greedy = eliminate(&v, inverse.matrix(), k, Interrupt::NEVER).support;
            let swapped = refine_by_swaps(&v, &inverse, greedy.clone());
            assert!(cost(&swapped) <= cost(&greedy) * (1.0 + 1e-12));
            assert_eq!(swapped.len(), k);
            greedy_missed += usize::from(greedy != best.1);
            swaps_missed += usize::from(swapped != best.1);
        }
    }
    println!("of 48: greedy missed {greedy_missed}, with swaps {swaps_missed}");
    assert!(greedy_missed > swaps_missed, "the problems are too easy to tell the three apart");
}

/// The tiled factor, beyond one tile, against products and an LU.
#[test]
fn tiled_cholesky() {
    for d in [1, 5, 256, 257, 700] {
        let xt =
            Mat::from_fn(d, d + 30, |j, i| ((i * 31 + j * 17) as f64 * 0.7).sin() + if i == j { 3.0 } else { 0.0 });
        let a = gram(xt.as_ref(), None, Interrupt::NEVER);
        let expected = &xt * xt.transpose();
        let scale = (0..d).map(|j| expected[(j, j)]).fold(0.0, f64::max);
        assert!((&a - &expected).norm_max() <= 1e-12 * scale, "product of order {d}");
        let factor = Cholesky::new(a.as_ref(), 0.5, Interrupt::NEVER).unwrap();
        let shifted = Mat::from_fn(d, d, |i, j| a[(i, j)] + if i == j { 0.5 } else { 0.0 });
        let b: Vec<f64> = (0..d).map(|j| (j as f64).cos()).collect();
        let mut x = b.clone();
        factor.solve(&mut x);
        let back = &shifted * Mat::from_fn(d, 1, |j, _| x[j]);
        (0..d).for_each(|j| close(back[(j, 0)], b[j], "solve"));
        let inverse = factor.inverse(Interrupt::NEVER);
        let one = &shifted * &inverse - Mat::<f64>::identity(d, d);
        assert!(one.norm_max() < 1e-9, "inverse of order {d}: {}", one.norm_max());
        assert_eq!((&inverse - inverse.transpose()).norm_max(), 0.0);
    }
    let singular = Mat::from_fn(4, 4, |_, _| 1.0);
    assert!(Cholesky::new(singular.as_ref(), 0.0, Interrupt::NEVER).is_err());
    assert!(
        Cholesky::new(Mat::from_fn(2, 2, |i, j| if i == j { -1.0 } else { 0.0 }).as_ref(), 0.0, Interrupt::NEVER)
            .is_err()
    );
}

/// Products, factors and inverses of several blocks and several copied parts: the same bits on any number of threads.
/// `tests/kernels.rs` compares instruction sets.
#[test]
fn bits_of_the_dense_kernels() {
    let (d, n) = (530, 1100);
    let xt = Mat::from_fn(d, n, |j, i| ((i * 37 + j * 11) as f64 * 0.3).sin() + if i == j { 2.0 } else { 0.0 });
    let scale: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * (i as f64).cos()).collect();
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let h = gram(xt.as_ref(), Some(&scale), Interrupt::NEVER);
            let inverse = Cholesky::new(h.as_ref(), 0.1, Interrupt::NEVER).unwrap().inverse(Interrupt::NEVER);
            (h, inverse)
        })
    };
    let one = all(1);
    assert!(one == all(3), "threads");
}

/// Derivatives of every loss against central differences of order four.
#[test]
fn derivatives_of_the_losses() {
    for &loss in SampleLoss::ALL {
        let name = loss.name();
        let law = Instance {
            loss,
            n: 9,
            d: 5,
            sparsity: 2,
            design: Design::Gaussian,
            signal: Signal::Sign,
            snr_db: None,
            start_distance: None,
        };
        let problem = law.draw(1, 0).unwrap();
        let w = [0.4, -0.3, 0.2, 0.7, -0.6];
        let shifted = |j: usize, t: f64| {
            let mut w = w.to_vec();
            w[j] += t;
            w
        };
        let step = 1e-3;
        let slope =
            |f: &dyn Fn(f64) -> f64| (8.0 * (f(step) - f(-step)) - (f(2.0 * step) - f(-2.0 * step))) / (12.0 * step);
        let (value, g) = problem.value_and_gradient(&w);
        assert!((value - problem.value(&w)).abs() < 1e-13 * value.abs().max(1.0));
        let hessian = problem.hessian(&w, Interrupt::NEVER);
        for j in 0..5 {
            let found = slope(&|t| problem.value(&shifted(j, t)));
            assert!((found - g[j]).abs() < 1e-9, "{name}: {found} {}", g[j]);
            for i in 0..5 {
                let found = slope(&|t| problem.value_and_gradient(&shifted(j, t)).1[i]);
                assert!((found - hessian[(i, j)]).abs() < 1e-9, "{name}: {found} {}", hessian[(i, j)]);
            }
        }
        // The bound of the third derivative, on a segment and inside it.
        for (a, b) in [(-0.5, 0.8), (1.2, 0.3), (-2.0, -1.0)] {
            for part in [0.0, 0.3, 0.7, 1.0] {
                let at = a + part * (b - a);
                let third = slope(&|t| loss.curvature(at + t, 0.5));
                assert!(third.abs() <= loss.third_bound(a, b) + 1e-9, "{name} at {at}");
            }
        }
    }
}

/// On a noisy quadratic an undamped pass of each kind is what the theory calls it: hard-thresholded least squares,
/// backward elimination refitted, best subset; and OMP, HTP and refits end at least squares on their support.
#[test]
fn what_the_methods_are_on_a_quadratic() {
    let problem = problem(40, 12, 100.0, Some(10.0), 4);
    let xt = problem.design();
    let x = xt.transpose().to_owned();
    let y = Mat::from_fn(40, 1, |i, _| problem.measurements()[i]);
    let least_squares = |support: &[usize]| {
        let columns = Mat::from_fn(40, support.len(), |i, j| x[(i, support[j])]);
        columns.qr().solve_lstsq(&y)
    };
    let settings = Settings { damping: Damping::Relative(0.0), ..Settings::new(4) };
    let run = |selection, values| solve(&problem, RecoveryMethod::Obs(selection, values), &settings, |_| {}).unwrap();
    let dense = least_squares(&(0..12).collect::<Vec<_>>());
    let topk = run(Selection::Magnitude, ValueRule::Keep);
    assert_eq!(topk.curve.len(), 2);
    topk.support.iter().for_each(|&j| close(topk.w[j], dense[(j, 0)], "thresholded least squares"));
    let mut refitted =
        vec![run(Selection::Greedy, ValueRule::Compensate), run(Selection::Exact, ValueRule::Compensate)];
    refitted.push(run(Selection::Magnitude, ValueRule::Refit));
    for method in [RecoveryMethod::Omp, RecoveryMethod::Htp] {
        refitted.push(solve(&problem, method, &settings, |_| {}).unwrap());
    }
    for found in &refitted {
        let solution = least_squares(&found.support);
        found.support.iter().enumerate().for_each(|(i, &j)| close(found.w[j], solution[(i, 0)], "least squares"));
    }
    let best = subsets(12, 4)
        .into_iter()
        .map(|support| {
            let z = least_squares(&support);
            let mut w = vec![0.0; 12];
            support.iter().enumerate().for_each(|(i, &j)| w[j] = z[(i, 0)]);
            (problem.value(&w), support)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap();
    assert_eq!(refitted[1].support, best.1, "best subset");
}

/// The Fisher matrix of WoodTaylor and WoodFisher, inverted one sample at a time as their paper has it, against what is
/// pruned.
#[test]
fn fisher_by_rank_one_updates() {
    let problem =
        problem(50, 8, 5.0, Some(15.0), 9).with_start((0..8).map(|j| 0.3 - 0.1 * j as f64).collect()).unwrap();
    let damping = 1e-3;
    let settings = Settings { damping: Damping::Relative(damping), ..Settings::new(3) };
    let n = 50.0;
    let x = problem.design().transpose().to_owned();
    let y = Mat::from_fn(50, 1, |i, _| problem.measurements()[i]);
    let minimum: Mat<f64> = x.qr().solve_lstsq(&y);
    let minimum: Vec<f64> = (0..8).map(|j| minimum[(j, 0)]).collect();
    // WoodTaylor goes from the start, WoodFisher prunes the dense minimum as if its gradient were zero.
    for (method, w) in [(RecoveryMethod::WoodTaylor, problem.start().to_vec()), (RecoveryMethod::WoodFisher, minimum)] {
        let mut gradients = Vec::new();
        for i in 0..50 {
            let residual = (0..8).map(|j| x[(i, j)] * w[j]).sum::<f64>() - y[(i, 0)];
            gradients.push((0..8).map(|j| residual * x[(i, j)]).collect::<Vec<f64>>());
        }
        let mean: f64 = gradients.iter().flatten().map(|g| g * g).sum::<f64>() / n / 8.0;
        let mut p = Mat::from_fn(8, 8, |i, j| if i == j { 1.0 / (damping * mean) } else { 0.0 });
        for g in &gradients {
            let g = Mat::from_fn(8, 1, |j, _| g[j]);
            let u = &p * &g;
            let scale = 1.0 / (n + (g.transpose() * &u)[(0, 0)]);
            p = &p - faer::Scale(scale) * (&u * u.transpose());
        }
        let total = Mat::from_fn(8, 1, |j, _| gradients.iter().map(|g| g[j]).sum::<f64>() / n);
        let newton = &p * &total;
        let taylor = if method == RecoveryMethod::WoodTaylor { 1.0 } else { 0.0 };
        let start: Vec<f64> = (0..8).map(|j| w[j] - taylor * newton[(j, 0)]).collect();
        let mut order: Vec<usize> = (0..8).collect();
        order.sort_by(|&a, &b| (start[b].powi(2) / p[(b, b)]).total_cmp(&(start[a].powi(2) / p[(a, a)])));
        let mut support = order[..3].to_vec();
        support.sort_unstable();
        let dropped = complement(8, &support);
        let part = sub(&p, &dropped, &dropped).partial_piv_lu().solve(column(&start, &dropped));
        let spread = sub(&p, &support, &dropped) * part;
        let found = solve(&problem, method, &settings, |_| {}).unwrap();
        assert_eq!(found.support, support);
        support.iter().enumerate().for_each(|(i, &j)| {
            let expected = start[j] - spread[(i, 0)];
            assert!((found.w[j] - expected).abs() < 1e-8 * (1.0 + expected.abs()), "{} {expected}", found.w[j]);
        });
    }
}

/// One step of NIHT and of HTP from plain loops.
#[test]
fn first_steps_by_their_formulas() {
    let problem = problem(30, 12, 20.0, Some(20.0), 5);
    let x = problem.design();
    let times = |w: &[f64]| (0..30).map(|i| (0..12).map(|j| x[(j, i)] * w[j]).sum()).collect::<Vec<f64>>();
    let back = |r: &[f64]| (0..12).map(|j| (0..30).map(|i| x[(j, i)] * r[i]).sum()).collect::<Vec<f64>>();
    let top = |v: &[f64]| {
        let mut order: Vec<usize> = (0..12).collect();
        order.sort_by(|&a, &b| v[b].abs().total_cmp(&v[a].abs()));
        order.truncate(3);
        order.sort_unstable();
        order
    };
    let settings = Settings { iterations: 1, ..Settings::new(3) };
    // NIHT from 0: the support is that of X^T y, and the step |b_S|^2 / |X b_S|^2.
    let b = back(problem.measurements());
    let support = top(&b);
    let on: Vec<f64> = (0..12).map(|j| if support.contains(&j) { b[j] } else { 0.0 }).collect();
    let square = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
    let mu = square(&on) / square(&times(&on));
    let found = solve(&problem, RecoveryMethod::Niht, &settings, |_| {}).unwrap();
    (0..12).for_each(|j| close(found.w[j], mu * on[j], "NIHT"));
    // HTP from elsewhere: the support of w - g / mean H_jj.
    let start: Vec<f64> = (0..12).map(|j| 5.0 * (1.3 * j as f64).cos()).collect();
    let residual: Vec<f64> = times(&start).iter().zip(problem.measurements()).map(|(a, y)| a - y).collect();
    let g = back(&residual);
    let mean = (0..12).map(|j| (0..30).map(|i| x[(j, i)].powi(2)).sum::<f64>()).sum::<f64>() / 12.0;
    let moved: Vec<f64> = (0..12).map(|j| start[j] - g[j] / mean).collect();
    let opposite: Vec<f64> = (0..12).map(|j| start[j] + g[j] / mean).collect();
    assert_ne!(top(&moved), top(&opposite), "the problem does not tell the sign of the step");
    let mut last = Vec::new();
    let problem = problem.with_start(start).unwrap();
    solve(&problem, RecoveryMethod::Htp, &settings, |w| last = w.to_vec()).unwrap();
    let support: Vec<usize> = (0..12).filter(|&j| last[j] != 0.0).collect();
    assert_eq!(support, top(&moved));
}
