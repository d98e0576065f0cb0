//! Solvers of one layer: known answers value by value, identities, and agreement with sparse recovery on one row.

use super::{array, values};
use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use widelimit::prune::PruneError;
use widelimit::prune::layer::{
    BLOCK, DampedMoment, DualSchedule, Iteration, LayerMethod, LayerProblem, LayerSettings, Sparsity, Step, Zeros,
    drop_lowest, entries, from_entries, iterate, prune_layer, refit, sweep_from,
};
use widelimit::sparse::recovery::{Interrupt, eliminate};

/// A layer with correlated inputs: weights (d, rows) and H (d, d).
pub(super) fn layer(d: usize, rows: usize, samples: usize, seed: u64) -> (Mat<f64>, Mat<f64>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut x = Mat::from_fn(d, samples, |_, _| rng.random_range(-1.0..1.0));
    for i in 0..samples {
        for j in 1..d {
            x[(j, i)] = 0.3 * x[(j, i)] + 0.8 * x[(j - 1, i)];
        }
    }
    let moment = faer::Scale(1.0 / samples as f64) * (&x * x.transpose());
    (Mat::from_fn(d, rows, |_, _| rng.random_range(-1.0..1.0)), moment)
}

pub(super) fn damped(moment: Mat<f64>, damping: f64) -> DampedMoment {
    DampedMoment::new("layer", moment, damping).unwrap()
}

fn zeros(weights: &Mat<f64>) -> usize {
    entries(&weights.as_ref()).iter().filter(|w| **w == 0.0).count()
}

/// `tr((W - from) H_d (W - from)^T)`, entry by entry.
pub(super) fn damped_loss(weights: &Mat<f64>, from: &Mat<f64>, moment: &DampedMoment) -> f64 {
    let (difference, d) = (weights - from, moment.inputs());
    let entry = |r: usize, i: usize, j: usize| difference[(i, r)] * moment.damped(i, j) * difference[(j, r)];
    (0..weights.ncols()).flat_map(|r| (0..d * d).map(move |k| (r, k / d, k % d))).map(|(r, i, j)| entry(r, i, j)).sum()
}

const ALL: [LayerMethod; 6] = [
    LayerMethod::Magnitude,
    LayerMethod::Wanda,
    LayerMethod::Sweep,
    LayerMethod::Iterative,
    LayerMethod::Dual,
    LayerMethod::Greedy,
];

#[test]
fn known_answers_are_reproduced_value_by_value() {
    let reference = DualSchedule { penalty: 0.1, every: 3, growth: [1.3, 1.2, 1.1], iterations: 300 };
    let of = |method, refit| LayerSettings { method, refit, schedule: reference, ..LayerSettings::default() };
    let gradient = LayerSettings { step: Step::Gradient, ..of(LayerMethod::Iterative, false) };
    let pattern = Sparsity::Pattern { zeros: 2, of: 4 };
    let half = Sparsity::Fraction(0.5);
    let most = Sparsity::Fraction(0.8);
    for layer in ["proj", "down"] {
        let weights = array("known_layers.npz", &format!("{layer}_W0")).unwrap();
        let (rows, d) = (weights.shape()[0], weights.shape()[1]);
        let weights = from_entries(&weights.iter().copied().collect::<Vec<_>>(), d);
        let moment = damped(from_entries(&values("known_layers.npz", &format!("{layer}_H")), d), 0.01);
        for (name, sparsity, settings) in [
            ("magnitude_50", half, of(LayerMethod::Magnitude, false)),
            ("wanda_50", half, of(LayerMethod::Wanda, false)),
            ("sweep_50", half, of(LayerMethod::Sweep, false)),
            ("sweep_80", most, of(LayerMethod::Sweep, false)),
            ("sweep_2of4", pattern, of(LayerMethod::Sweep, false)),
            ("sweep_refit_50", half, of(LayerMethod::Sweep, true)),
            ("iobs_gradient_50", half, gradient),
            ("iobs_newton_50", half, of(LayerMethod::Iterative, false)),
            ("iobs_newton_80", most, of(LayerMethod::Iterative, false)),
            ("iobs_newton_refit_50", half, of(LayerMethod::Iterative, true)),
            ("obc_50", half, of(LayerMethod::Greedy, true)),
            ("obc_80", most, of(LayerMethod::Greedy, true)),
            ("admm_50", half, of(LayerMethod::Dual, true)),
            ("admm_80", most, of(LayerMethod::Dual, true)),
        ] {
            let counts = sparsity.of_matrix(layer, rows, d).unwrap();
            let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: counts };
            let found = prune_layer(&problem, &settings);
            assert_eq!(zeros(&found), counts.total(rows, d), "{layer} {name}");
            let expected = from_entries(&values("known_layers.npz", &format!("{layer}_{name}")), d);
            if name.starts_with("obc") {
                // The reference eliminated in single precision.
                let (found, expected) = (problem.loss(&found), problem.loss(&expected));
                assert!((found / expected - 1.0).abs() < 1e-3, "{layer} {name}: {found} {expected}");
                continue;
            }
            let difference = entries(&(&found - &expected).as_ref()).iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            assert!(difference < 1e-8, "{layer} {name}: {difference:e}");
        }
    }
}

/// `sum e^2` of a sweep is the damped distance of its result from its start; every sweep obeys it, for any block.
#[test]
fn the_errors_of_a_sweep_sum_to_its_damped_loss() {
    let (weights, moment) = layer(40, 7, 200, 1);
    let moment = damped(moment, 0.01);
    for block in [8, 13, BLOCK] {
        for counts in [Zeros::Matrix(150), Zeros::Row(21), Zeros::Group { zeros: 3, of: 5 }] {
            let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: counts };
            let swept = sweep_from(&problem, &weights, block);
            assert_eq!(zeros(&swept.weights), counts.total(7, 40));
            let expected = damped_loss(&swept.weights, &weights, &moment);
            assert!((swept.distance / expected - 1.0).abs() < 1e-10, "{block} {counts:?}");
        }
    }
}

/// With columns that are swept in the order of the elimination both make the same steps; here all but the last are dropped,
/// so that the order does not matter: eliminating one by one is the projection in any order.
#[test]
fn one_row_agrees_with_sparse_recovery() {
    let (weights, moment) = layer(24, 1, 100, 2);
    let moment = damped(moment, 0.01);
    let v = entries(&weights.as_ref());
    for k in [1, 5, 12, 20] {
        let eliminated = eliminate(&v, moment.inverse(), k, Interrupt::NEVER);
        let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(24 - k) };
        let settings = LayerSettings { method: LayerMethod::Greedy, ..LayerSettings::default() };
        let found = entries(&prune_layer(&problem, &settings).as_ref());
        for (found, expected) in found.iter().zip(&eliminated.point) {
            assert!((found - expected).abs() < 1e-10, "{k}: {found} {expected}");
        }
        // The sum of the costs is half the damped loss.
        let costs: f64 = eliminated.steps.iter().map(|step| step.cost).sum();
        let loss = damped_loss(&from_entries(&found, 24), &weights, &moment);
        assert!((2.0 * costs / loss - 1.0).abs() < 1e-10);
    }
}

/// The gradient of the damped loss vanishes on the support, which stays as it was.
#[test]
fn refitted_weights_are_stationary_on_their_support() {
    let (weights, moment) = layer(30, 6, 150, 3);
    let moment = damped(moment, 0.01);
    // Both systems: few zeros, many zeros, none, and all.
    let mut start = weights.clone();
    for (r, count) in [0, 5, 14, 16, 27, 30].into_iter().enumerate() {
        (0..count).for_each(|k| start[((7 * k + r) % 30, r)] = 0.0);
    }
    let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(0) };
    let found = refit(&problem, &start);
    assert!(damped_loss(&found, &weights, &moment) < damped_loss(&start, &weights, &moment));
    for r in 0..6 {
        for j in 0..30 {
            assert_eq!(found[(j, r)] == 0.0, start[(j, r)] == 0.0);
            let gradient: f64 = (0..30).map(|i| moment.damped(j, i) * (found[(i, r)] - weights[(i, r)])).sum();
            assert!(start[(j, r)] == 0.0 || gradient.abs() < 1e-12, "{r} {j}: {gradient:e}");
        }
    }
}

#[test]
fn the_number_of_zeros_is_exact_for_every_method_and_ties_go_to_the_lower_index() {
    let (_, moment) = layer(24, 5, 100, 4);
    let moment = damped(moment, 0.01);
    // Magnitudes with many ties.
    let weights = Mat::from_fn(24, 5, |j, r| [1.0, -1.0, 2.0][(j * 5 + r) % 3]);
    for method in ALL {
        for counts in
            [Zeros::Matrix(37), Zeros::Matrix(0), Zeros::Matrix(119), Zeros::Row(11), Zeros::Group { zeros: 2, of: 4 }]
        {
            let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: counts };
            let found = prune_layer(&problem, &LayerSettings { method, ..LayerSettings::default() });
            assert_eq!(zeros(&found), counts.total(5, 24), "{method} {counts:?}");
            if let (LayerMethod::Wanda, Zeros::Matrix(count)) = (method, counts) {
                // The same number in every row, and one more in the first rows.
                for (row, entries) in entries(&found.as_ref()).chunks(24).enumerate() {
                    let expected = count / 5 + usize::from(row < count % 5);
                    assert_eq!(entries.iter().filter(|w| **w == 0.0).count(), expected, "{count}");
                }
            }
            if let Zeros::Group { zeros: count, of } = counts {
                for group in entries(&found.as_ref()).chunks(of) {
                    assert_eq!(group.iter().filter(|w| **w == 0.0).count(), count, "{method}");
                }
            }
        }
    }
    let mut dropped = [false; 6];
    drop_lowest(&[1.0, 0.5, 1.0, 1.0, 0.5, 2.0], 6, Zeros::Matrix(3), &mut dropped);
    assert_eq!(dropped, [true, true, false, false, true, false]);
    drop_lowest(&[1.0, 1.0, 1.0, 2.0, 0.0, 2.0], 6, Zeros::Group { zeros: 2, of: 3 }, &mut dropped);
    assert_eq!(dropped, [true, true, false, true, true, false]);
    // Against sorting, on scores of all sizes.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let scores: Vec<f64> =
        (0..1000).map(|_| 10f64.powi(rng.random_range(-3..3)) * f64::from(rng.random_range(0..9))).collect();
    let mut order: Vec<usize> = (0..1000).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    for count in [0, 1, 333, 999, 1000] {
        let mut dropped = [false; 1000];
        drop_lowest(&scores, 1000, Zeros::Matrix(count), &mut dropped);
        let mut found: Vec<usize> = (0..1000).filter(|&i| dropped[i]).collect();
        let mut expected = order[..count].to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

/// The order of the methods by their loss on a layer with correlated inputs. Those without compensation have no order.
#[test]
fn each_refinement_lowers_the_loss() {
    let (weights, moment) = layer(96, 32, 500, 6);
    let moment = damped(moment, 0.01);
    let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(96 * 32 * 7 / 10) };
    let loss = |method, refit| {
        problem.loss(&prune_layer(&problem, &LayerSettings { method, refit, ..LayerSettings::default() }))
    };
    let losses = [
        loss(LayerMethod::Magnitude, false),
        loss(LayerMethod::Wanda, false),
        loss(LayerMethod::Sweep, false),
        loss(LayerMethod::Iterative, false),
        loss(LayerMethod::Iterative, true),
        loss(LayerMethod::Dual, true),
    ];
    assert!(losses[2] < 0.7 * losses[0].min(losses[1]), "{losses:?}");
    assert!(losses[2..].windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
}

/// The loss that the iteration states is that of its weights: after a full ridge-Newton step it is found without a product.
#[test]
fn losses_of_iterations_are_those_of_their_weights() {
    let (weights, moment) = layer(60, 130, 90, 8);
    let moment = damped(moment, 0.05);
    let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(60 * 130 * 6 / 10) };
    for (step, length) in [(Step::RidgeNewton(0.3), 1.0), (Step::RidgeNewton(0.3), 0.7), (Step::Gradient, 1.0)] {
        for iterations in 0..4 {
            let iteration = Iteration { step, length, iterations, block: 32, best: false };
            let found = iterate(&problem, &iteration, None);
            assert_eq!(found.losses.len(), iterations + 1);
            let (stated, loss) = (found.losses[iterations], problem.loss(&found.weights));
            assert!((stated - loss).abs() < 1e-12 * loss, "{step:?} {length} {iterations}: {stated} {loss}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (weights, moment) = layer(130, 230, 300, 7);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let moment = damped(moment.clone(), 0.01);
            let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Matrix(15_000) };
            ALL.map(|method| {
                entries(&prune_layer(&problem, &LayerSettings { method, ..LayerSettings::default() }).as_ref())
            })
        })
    };
    assert_eq!(run(1), run(3));
}

/// Fewer samples than inputs, inputs that are always zero, and no damping: the damping is raised and said so.
#[test]
fn singular_moments_are_damped_and_reported() {
    let raised = damped(layer(20, 3, 5, 8).1, 0.0);
    assert!(raised.raised && raised.damping > 0.0 && raised.damping < 1e-3, "{}", raised.damping);
    let (weights, mut moment) = layer(20, 3, 100, 8);
    for j in 0..20 {
        moment[(4, j)] = 0.0;
        moment[(j, 4)] = 0.0;
    }
    let moment = damped(moment, 0.01);
    assert!(!moment.raised);
    assert_eq!(moment.dead_inputs(), 1);
    let problem = LayerProblem { weights: weights.as_ref(), moment: &moment, zeros: Zeros::Row(8) };
    for method in ALL {
        let found = prune_layer(&problem, &LayerSettings { method, ..LayerSettings::default() });
        assert!(entries(&found.as_ref()).iter().all(|w| w.is_finite()), "{method}");
        // Weights without influence go first where influence is what counts.
        assert!(method == LayerMethod::Magnitude || (0..3).all(|r| found[(4, r)] == 0.0), "{method}");
    }
    let error = DampedMoment::new("fc1", Mat::from_fn(3, 3, |i, j| if i == j { f64::NAN } else { 0.0 }), 0.01);
    assert!(matches!(error.err(), Some(PruneError::Indefinite { layer, .. }) if layer == "fc1"));
    // A pivot that is positive, but a rounding error; and eigenvalues 6 and -4, which the largest damping does not lift.
    let nearly = damped(Mat::from_fn(2, 2, |i, j| 1.0 + 4.0 * f64::EPSILON * f64::from(u8::from(i * j == 1))), 0.0);
    assert!(nearly.raised && nearly.damping == 1e-8, "{}", nearly.damping);
    let error = DampedMoment::new("fc2", Mat::from_fn(2, 2, |i, j| if i == j { 1.0 } else { 5.0 }), 0.01);
    assert!(matches!(error.err(), Some(PruneError::Indefinite { damping: 1.0, .. })));
    let zero = damped(Mat::zeros(4, 4), 0.01);
    assert_eq!(zero.dead_inputs(), 4);
}

#[test]
fn patterns_and_fractions_out_of_range_are_refused() {
    let message = Sparsity::Pattern { zeros: 2, of: 4 }.of_matrix("fc1", 3, 10).unwrap_err().to_string();
    assert!(message.starts_with("layer fc1: pattern 2:4 needs a number of inputs that is divisible by 4"), "{message}");
    for sparsity in [
        Sparsity::Fraction(1.0),
        Sparsity::Fraction(-0.1),
        Sparsity::RowFraction(f64::NAN),
        Sparsity::Pattern { zeros: 4, of: 4 },
        Sparsity::Pattern { zeros: 0, of: 4 },
    ] {
        assert!(sparsity.check().is_err(), "{sparsity:?}");
    }
}
