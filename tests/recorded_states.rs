//! What is recorded of a state is recorded of the right state: final states are those at the horizon, accuracies count
//! signs and classes, and an adaptive method that cannot proceed says why.

use crate::common::experiment::{Run, TINY, parse};
use ndarray::{ArrayD, Axis, Ix2};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use widelimit::config::AnyExperiment;
use widelimit::run::Options;

type Arrays = BTreeMap<String, ArrayD<f64>>;

/// Predictions (n, K) of a two-layer tanh network with bias from the parts of its state, by the formula.
fn predictions(data: &Arrays, state: &Arrays) -> ndarray::Array2<f64> {
    predictions_at(&data["x"], state)
}

/// The same at other inputs (n, d).
fn predictions_at(x: &ArrayD<f64>, state: &Arrays) -> ndarray::Array2<f64> {
    let matrix = |array: &ArrayD<f64>| array.clone().into_dimensionality::<Ix2>().unwrap();
    let [w, b, a] = ["w_final", "b_final", "a_final"].map(|part| matrix(&state[part]));
    let hidden = (matrix(x).dot(&w.t()) + b.t()).mapv(f64::tanh);
    hidden.dot(&a) / w.nrows() as f64
}

/// The share of samples both of whose signs are predicted, and the share of signs.
fn right_of_two(f: &ndarray::Array2<f64>, y: &ArrayD<f64>) -> (f64, f64) {
    let right: Vec<bool> = f.iter().zip(y).map(|(f, y)| f * y > 0.0).collect();
    let samples = right.chunks(2).filter(|pair| pair[0] && pair[1]).count() as f64 / f.nrows() as f64;
    (samples, right.iter().filter(|right| **right).count() as f64 / right.len() as f64)
}

#[test]
fn the_final_state_of_an_adaptive_method_is_the_state_at_the_horizon() {
    let set = ["reference.method=dormand-prince", "reference.tolerance=1e-3", "reference.step=0.5"];
    let run = Run::new(&parse(TINY, &set).unwrap());
    let (data, series) = (run.arrays("state/data.npz"), run.arrays("records/reference.npz"));
    for (id, prefix) in [("reference", ""), ("reference-half-particles", "half_particles_")] {
        let state = run.arrays(&format!("state/{id}.npz"));
        let y = data["y"].clone().into_dimensionality::<Ix2>().unwrap();
        let risk = (predictions(&data, &state) - y).mapv(|e| 0.5 * e * e).mean().unwrap();
        let recorded = series[&format!("{prefix}risk")].iter().last().copied().unwrap();
        assert!(
            (risk - recorded).abs() < 1e-11 * recorded,
            "{id}: risk {risk} of the final state, {recorded} recorded"
        );
        let momenta: f64 =
            ["w", "b", "a"].iter().map(|part| state[&format!("{part}_momentum_final")].mapv(|r| r * r).sum()).sum();
        let kinetic = 0.5 * momenta / state["w_final"].len_of(Axis(0)) as f64;
        let recorded = series[&format!("{prefix}kinetic")].iter().last().copied().unwrap();
        assert!((kinetic - recorded).abs() < 1e-11 * recorded, "{id}: kinetic energy {kinetic}, {recorded} recorded");
    }
}

/// [`TINY`] on a file of data beside it.
fn on_file(folder: &std::path::Path, csv: &str, labels: &str) -> String {
    std::fs::write(folder.join("data.csv"), csv).unwrap();
    let (start, end) = (TINY.find("[population]").unwrap(), TINY.find("[network]").unwrap());
    let path = folder.join("data.csv");
    let population = format!("[population]\nkind = \"file\"\npath = '{}'\nlabels = \"{labels}\"\n\n", path.display());
    format!("{}{population}{}", &TINY[..start], &TINY[end..])
}

#[test]
fn several_signs_have_an_accuracy_of_samples_and_of_signs() {
    let folder = tempfile::tempdir().unwrap();
    let sign = |k: usize| if (k * k + k / 3).is_multiple_of(2) { 1 } else { -1 };
    let row =
        |i: usize| format!("{},{},{},{}\n", (i * 7 % 11) as f64 - 5.0, (i * 5 % 13) as f64 - 6.0, sign(i), sign(i + 5));
    let csv: String = std::iter::once("x0,x1,y0,y1\n".to_string()).chain((0..30).map(row)).collect();
    let text = on_file(folder.path(), &csv, "sign");
    let run = Run::new(&parse(&text, &["paths={}", "paths.pairs=1", "population.test=0.3"]).unwrap());
    let (data, series, paths) =
        (run.arrays("state/data.npz"), run.arrays("records/widths.npz"), run.arrays("records/paths.npz"));
    let (mut samples, mut signs) = (Vec::new(), Vec::new());
    for (v, width) in [4, 8].into_iter().enumerate() {
        for seed in 0..2 {
            let state = run.arrays(&format!("state/n{width}-s{seed}.npz"));
            let (share_of_samples, share_of_signs) = right_of_two(&predictions(&data, &state), &data["y"]);
            let last = |name: &str| series[name][[v, seed, 2]];
            assert_eq!((last("accuracy"), last("sign_accuracy")), (share_of_samples, share_of_signs));
            let of_test = right_of_two(&predictions_at(&data["x_test"], &state), &data["y_test"]);
            assert_eq!((last("test_accuracy"), last("test_sign_accuracy")), of_test);
            // The ends of a path are the two networks.
            let end = if seed == 0 { 0 } else { paths["straight_accuracy"].len_of(Axis(1)) - 1 };
            assert_eq!(paths["straight_accuracy"][[v, end]], share_of_samples);
            assert_eq!(paths["straight_sign_accuracy"][[v, end]], share_of_signs);
            samples.push(share_of_samples);
            signs.push(share_of_signs);
        }
    }
    assert!(samples.iter().zip(&signs).any(|(a, b)| a < b), "samples {samples:?}, signs {signs:?}");
}

#[test]
fn an_adaptive_method_at_a_kink_names_the_activation_and_a_fixed_step() {
    let folder = tempfile::tempdir().unwrap();
    // The potential (|w| + 1)^2 / 4 of one neuron has a kink at its minimum.
    let text = on_file(folder.path(), "x0,y\n1,-1\n-1,-1\n", "real")
        .replace("friction = 1.0", "method = \"gradient-descent\"");
    let set = [
        "network.activation=relu",
        "network.bias=false",
        "network.fixed_output=true",
        "network.start={w={law=\"gaussian\",std=1.0},a={law=\"point\",value=1.0}}",
        "horizon.time=4.0",
        "reference.method=dormand-prince",
    ];
    let run = |set: &[&str]| {
        let options = Options {
            out: folder.path().join("run"),
            force: true,
            resume: false,
            accept_revision: false,
            quiet: true,
            figures: true,
        };
        let experiment = AnyExperiment::Training(Box::new(parse(&text, set).unwrap()));
        widelimit::run_experiment(&experiment, &options, &AtomicBool::new(false)).err().map(|error| error.to_string())
    };
    let message = run(&set).expect("a limit that stays at a kink");
    for fragment in
        ["reference: dormand-prince tried", "of 4", "network.activation = \"relu\"", "reference.method = \"rk4\""]
    {
        assert!(message.contains(fragment), "'{fragment}' is not in: {message}");
    }
    let advised = [&set[..5], &["reference.method=rk4"]].concat();
    assert_eq!(run(&advised), None);
}
