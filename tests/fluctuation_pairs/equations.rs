//! Properties of the estimates of pairs: threads, noise, interrupts, the statistics of the loss gap.

use super::cloud;
use crate::common::{Problem, mean, motion, tanh_problem};
use std::sync::atomic::AtomicBool;
use widelimit::dynamics::{Brownian, Method, Motion, Noise, Scheme, State};
use widelimit::fluctuation::layers::LayerVariances;
use widelimit::fluctuation::pairs::{PairEstimates, PairSettings, PairsError, WeightedCloud, amplitude};
use widelimit::fluctuation::weighted::WeightError;
use widelimit::network::{Activation, Loss, ThreeLayer};

const TIMES: [f64; 3] = [0.0, 1.0, 2.0];

fn scheme(method: Method) -> Scheme {
    Scheme { method, motion: motion(0.1, 1.0) }
}

fn settings(draws: usize) -> PairSettings {
    PairSettings { amplitude: 0.05, draws, seed: 2, layer: 0 }
}

fn deep() -> Problem {
    let activations = [Activation::Tanh; 2];
    let network =
        ThreeLayer { inputs: 2, outputs: 1, bias: true, activations, fixed_output: false, proportions: [1, 1] };
    Problem::random(network, 8, 12, Loss::HalfSquared, 0.1, 5)
}

#[test]
fn estimates_do_not_depend_on_the_number_of_threads() {
    let (two, deep) = (tanh_problem(), deep());
    let (two_start, deep_start) = (two.random_state(1, 0.5), deep.random_state(1, 0.5));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let cloud_two = cloud(&two, &two_start, scheme(Method::HeavyBall), &TIMES);
            let pairs = PairEstimates::of(&cloud_two, PairSettings { amplitude: 1.0, ..settings(37) }).unwrap();
            let cloud_deep = cloud(&deep, &deep_start, scheme(Method::HeavyBall), &TIMES);
            let single =
                [0, 1].map(|layer| PairEstimates::of(&cloud_deep, PairSettings { layer, ..settings(5) }).unwrap());
            let redrawn = |index| deep.random_state(index, 0.5);
            (pairs, LayerVariances::of(&cloud_deep, settings(5), single.each_ref(), &redrawn).unwrap())
        })
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(one, three);
    assert!(one.0.c.iter().all(|c| c.value > 0.0 && c.standard_error > 0.0));
}

/// The runs of a pair have the same noise: their difference is proportional to the amplitude. With different noise c
/// would grow as `1 / s^2`.
#[test]
fn the_runs_of_a_pair_share_their_noise() {
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.5);
    let noise = || -> Box<dyn Noise<f64>> {
        let network = problem.network.clone();
        Box::new(Brownian { seed: 3, first: 0, network, width: problem.width, ticks: 1 })
    };
    for method in [Method::HeavyBall, Method::Baoab] {
        let motion = Motion { temperature: 0.1, ..motion(0.1, 1.0) };
        let at = |amplitude, noise: &(dyn Fn() -> Box<dyn Noise<f64>> + Sync)| {
            let quiet = cloud(&problem, &start, Scheme { method, motion }, &TIMES);
            PairEstimates::of(&WeightedCloud { noise, ..quiet }, PairSettings { amplitude, ..settings(4) }).unwrap()
        };
        let (coarse, fine) = (at(1e-3, &noise), at(1e-5, &noise));
        for (coarse, fine) in coarse.odd.iter().zip(&fine.odd) {
            assert!((coarse.value - fine.value).abs() < 1e-4 * coarse.value, "{coarse:?} {fine:?}");
        }
        assert!((coarse.odd[2].value - at(1e-3, &super::quiet).odd[2].value).abs() > 1e-3 * coarse.odd[2].value);
    }
}

/// c is its odd part plus the square of the even part, and the statistics of the gap are those of the recorded gaps.
#[test]
fn statistics_are_those_of_the_recorded_gaps() {
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.0);
    let amplitude = amplitude(problem.width, 10);
    let draws = 9;
    let settings = PairSettings { amplitude, ..settings(draws) };
    let found = PairEstimates::of(&cloud(&problem, &start, scheme(Method::KickDriftKick), &TIMES), settings).unwrap();
    assert!((found.unweighted.risk[0] - problem.risk(&start.theta)).abs() < 1e-14);
    assert_eq!((found.gaps.len(), found.shift.len()), (draws * 2 * 3, 3 * 30));
    for time in 0..3 {
        let gaps: Vec<f64> = found.gaps.chunks_exact(3).map(|gaps| gaps[time]).collect();
        assert!((found.gap[time].value - 10.0 * mean(&gaps)).abs() < 1e-11);
        let spread = gaps.iter().map(|gap| (gap - mean(&gaps)).powi(2)).sum::<f64>() / (gaps.len() - 1) as f64;
        let deviation = found.gap_deviation(time);
        assert!((deviation.value - spread.sqrt()).abs() < 1e-13);
        // The jackknife leaves out a pair, not one of its two gaps.
        let without = |pair: usize| {
            let kept: Vec<f64> = (0..gaps.len()).filter(|k| k / 2 != pair).map(|k| gaps[k]).collect();
            let squares: f64 = kept.iter().map(|gap| (gap - mean(&kept)).powi(2)).sum();
            (squares / (kept.len() - 1) as f64).sqrt()
        };
        let deviations: Vec<f64> = (0..draws).map(without).collect();
        let squares: f64 = deviations.iter().map(|v| (v - mean(&deviations)).powi(2)).sum();
        let error = (squares * (draws - 1) as f64 / draws as f64).sqrt();
        assert!((deviation.standard_error - error).abs() < 1e-12 && error > 0.0);
        let median = found.gap_quantile(time, 0.5);
        let below = gaps.iter().filter(|gap| **gap < median.value).count();
        assert!(below == draws && median.standard_error > 0.0, "{median:?} {gaps:?}");
        let most = gaps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(found.gap_quantile(time, 1.0).value, most);
        // At time 0 predictions are linear in the weights.
        let even = found.c[time].value - found.odd[time].value;
        assert!(if time == 0 { even.abs() < 1e-12 } else { even > 1e-6 }, "{even}");
        assert!(found.sup.value >= found.c[time].value - 1e-12);
    }
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let (two, deep) = (tanh_problem(), deep());
    let (two_start, deep_start) = (two.random_state(1, 0.5), deep.random_state(1, 0.5));
    let two_cloud = cloud(&two, &two_start, scheme(Method::HeavyBall), &TIMES);
    let deep_cloud = cloud(&deep, &deep_start, scheme(Method::HeavyBall), &TIMES);
    let error = |cloud: &WeightedCloud<'_, f64>, settings| PairEstimates::of(cloud, settings).unwrap_err();
    assert_eq!(error(&two_cloud, settings(1)), PairsError::Draws { draws: 1 });
    let layer = PairsError::Weights(WeightError::Layer { layer: 1 });
    assert_eq!(error(&two_cloud, PairSettings { layer: 1, ..settings(2) }), layer);
    let zero = PairsError::Amplitude { amplitude: 0.0 };
    assert_eq!(error(&two_cloud, PairSettings { amplitude: 0.0, ..settings(2) }), zero);
    let large = error(&deep_cloud, PairSettings { amplitude: 3.0, ..settings(2) });
    assert!(matches!(large, PairsError::Weights(WeightError::Factor { layer: 0, .. })), "{large:?}");
    let pairs = PairEstimates::of(&two_cloud, settings(2)).unwrap();
    let same = |_: u64| two_start.clone();
    let layers = LayerVariances::of(&two_cloud, settings(2), [&pairs, &pairs], &same);
    assert_eq!(layers.unwrap_err(), PairsError::OneLayer);
    let flag = AtomicBool::new(true);
    let interrupted = WeightedCloud { interrupt: Some(&flag), ..two_cloud };
    assert_eq!(error(&interrupted, settings(2)), PairsError::Interrupted);
    // A step far beyond the limit of stability.
    let motion = Motion { step: 50.0, ..motion(0.1, 0.01) };
    let huge: State<f64> = two.random_state(1, 1e200);
    let diverging = cloud(&two, &huge, Scheme { method: Method::Rk4, motion }, &[0.0, 5000.0]);
    assert!(matches!(error(&diverging, settings(2)), PairsError::Diverged { .. }));
}
