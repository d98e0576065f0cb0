//! The theorems' bounds against what the algorithms do: never above 1, and near it where the proof is sharp.

use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::rates::{
    BoundedStep, DampedRates, ThresholdRatios, contraction, damped_contraction, expansion_factor, quadratic_rate,
    threshold_ratios,
};
use widelimit::sparse::recovery::{SampleLoss, Selection};

fn worst(steps: &[BoundedStep]) -> f64 {
    steps.iter().map(BoundedStep::ratio).fold(0.0, f64::max)
}

fn instance(loss: SampleLoss, n: usize, d: usize, sparsity: usize, start_distance: Option<f64>) -> Instance {
    Instance { loss, n, d, sparsity, design: Design::Gaussian, signal: Signal::Gaussian, snr_db: None, start_distance }
}

#[test]
fn hard_thresholding() {
    let ThresholdRatios { projection: first, expansion: second } = threshold_ratios(1, 40_000);
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
        }
    }
    println!("k-IHT {iht:.3}, damped {sharp:.3}, by lambda/(sigma + lambda) {plain:.3}");
    assert!(iht > 0.5 && iht <= 1.0, "{iht}");
    assert!(sharp > 0.3 && sharp <= 1.0, "{sharp}");
    assert!(plain > 0.0 && plain <= sharp, "{plain}");
}

/// topk-I-OBS squares its error on every loss with a Lipschitz Hessian: the bound holds, and the fitted order is two.
#[test]
fn local_quadratic_rate() {
    for (loss, distance) in
        [(SampleLoss::Logistic, 0.5), (SampleLoss::Exponential, 0.3), (SampleLoss::QuadraticMeasurement, 0.1)]
    {
        let (mut ratio, mut orders) = (0.0_f64, Vec::new());
        for index in 0..8 {
            let problem = instance(loss, 400, 20, 4, Some(distance)).draw(5, index).unwrap();
            let steps = quadratic_rate(&problem, 6, Selection::Magnitude, 12).unwrap();
            assert!(steps.len() >= 2, "{loss:?}: {steps:?}");
            ratio = ratio.max(worst(&steps));
            // The order between the last two steps above rounding.
            let errors: Vec<f64> = steps.iter().map(|s| s.before).collect();
            if let [.., a, b, c] = errors[..] {
                orders.push((c / b).ln() / (b / a).ln());
            }
        }
        orders.sort_by(f64::total_cmp);
        println!("{loss:?}: worst ratio {ratio:.3}, orders {orders:.2?}");
        assert!(ratio > 1e-3 && ratio <= 1.0, "{loss:?}: {ratio}");
        assert!(!orders.is_empty() && orders[orders.len() / 2] > 1.7, "{loss:?}: {orders:?}");
    }
}

#[test]
fn exact_selection_by_enumeration() {
    let mut ratio = 0.0_f64;
    for index in 0..6 {
        let problem = instance(SampleLoss::Exponential, 200, 14, 3, Some(0.3)).draw(6, index).unwrap();
        ratio = ratio.max(worst(&quadratic_rate(&problem, 5, Selection::Exact, 10).unwrap()));
    }
    println!("exact I-OBS: {ratio:.3}");
    assert!(ratio > 1e-3 && ratio <= 1.0, "{ratio}");
}
