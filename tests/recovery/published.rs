//! The author mode against the published curves, on the published random stream.

use serde_json::Value;
use widelimit::sparse::recovery::{RecoveryMethod, Selection, Settings, SparseProblem, ValueRule, published, solve};

const STEPS: usize = 750;
const EXPERIMENTS: usize = 20;
/// Largest relative deviation of an entry. The published arrays are in single precision.
const AGREEMENT: f64 = 1e-4;

/// Losses before and distances after every step, (experiments) rows.
struct Curves {
    loss: Vec<Vec<f64>>,
    dist: Vec<Vec<f64>>,
}

/// The published experiments by a method of the author mode, each from the start at this place.
fn curves(method: RecoveryMethod, place: usize) -> Curves {
    let experiments = published::experiments(EXPERIMENTS).unwrap();
    let mut curves = Curves { loss: Vec::new(), dist: Vec::new() };
    for experiment in experiments {
        let problem: SparseProblem = experiment.problem.with_start(experiment.starts[place].clone()).unwrap();
        let settings = Settings { iterations: STEPS, ..Settings::author(published::KEPT, published::ROWS) };
        let found = solve(&problem, method, &settings, |_| {}).unwrap();
        assert_eq!(found.curve.len(), STEPS + 1);
        let length: f64 = problem.truth().unwrap().iter().map(|w| w * w).sum::<f64>().sqrt();
        // The published loss is the mean of squares.
        curves.loss.push(found.curve[..STEPS].iter().map(|p| 2.0 * p.value / published::ROWS as f64).collect());
        curves.dist.push(found.curve[1..].iter().map(|p| p.error * length).collect());
    }
    curves
}

fn reference() -> Value {
    serde_json::from_str(include_str!("published.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The largest relative deviation from the mean, the deviation and the median over experiments at the recorded steps.
fn deviation(rows: &[Vec<f64>], expected: &Value, steps: &[usize]) -> f64 {
    let [mean, std, median] = ["mean", "std", "median"].map(|key| numbers(&expected[key]));
    let mut worst = 0.0_f64;
    for (i, &t) in steps.iter().enumerate() {
        let mut column: Vec<f64> = rows.iter().map(|row| row[t]).collect();
        let count = column.len() as f64;
        let of_mean = column.iter().sum::<f64>() / count;
        let of_std = (column.iter().map(|v| (v - of_mean).powi(2)).sum::<f64>() / count).sqrt();
        column.sort_by(f64::total_cmp);
        let of_median = 0.5 * (column[column.len() / 2 - 1] + column[column.len() / 2]);
        for (found, expected) in [(of_mean, mean[i]), (of_std, std[i]), (of_median, median[i])] {
            worst = worst.max((found / expected - 1.0).abs());
        }
    }
    worst
}

#[test]
fn published_curves() {
    let reference = reference();
    let steps: Vec<usize> = numbers(&reference["steps"]).into_iter().map(|t| t as usize).collect();
    for (name, method, place) in [
        ("topk-I-OBS", RecoveryMethod::Obs(Selection::Magnitude, ValueRule::Keep), 0),
        ("k-IHT", RecoveryMethod::Iht, 1),
    ] {
        let found = curves(method, place);
        let expected = &reference["published"][name];
        for (measure, rows) in [("loss", &found.loss), ("dist", &found.dist)] {
            let worst = deviation(rows, &expected[measure], &steps);
            let finals = numbers(&expected[measure]["final"]);
            let last = rows.iter().zip(finals).map(|(row, end)| (row[STEPS - 1] / end - 1.0).abs()).fold(0.0, f64::max);
            println!("{name} {measure}: curves to {worst:.1e}, last values of the 20 experiments to {last:.1e}");
            assert!(worst < AGREEMENT && last < AGREEMENT, "{name} {measure}: {worst:.2e} {last:.2e}");
        }
    }
}

/// The published OBC curve is of a mask from another iterate and of an inverse that decays; this is what it should have
/// been, by an independent program on the same stream.
#[test]
fn greedy_curves() {
    let reference = reference();
    let steps: Vec<usize> = numbers(&reference["steps"]).into_iter().map(|t| t as usize).collect();
    for (name, values) in [("mask_only", ValueRule::Keep), ("obs_update", ValueRule::Compensate)] {
        let found = curves(RecoveryMethod::Obs(Selection::Greedy, values), 2);
        for (measure, rows) in [("loss", &found.loss), ("dist", &found.dist)] {
            let worst = deviation(rows, &reference["obc"][name][measure], &steps);
            println!("greedy {name} {measure}: {worst:.1e}");
            assert!(worst < AGREEMENT, "greedy {name} {measure}: {worst:.2e}");
        }
    }
}
