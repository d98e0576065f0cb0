//! Predictions for finite networks: at the start they are those of the law of the start, the ratios are recomputed from
//! the records of the networks, an interrupted study resumes to the same bytes, and no network is needed.

mod common;

use common::experiment::{Run, Shared, TINY, files, parse, program, run_of};
use common::mean;
use ndarray::{ArrayD, Axis, Ix1, Ix2, Ix3};
use std::sync::Arc;
use widelimit::analysis::verdict::Verdict;
use widelimit::record::RunFolder;
use widelimit::study::predict::{PredictArrays, PredictRecord, PredictionRoute};

const PREDICT: &str = "[predict]\nparticles = 128\nmodes = 8\ncolumns = 6\ndraws = 200\n";

/// The tiny experiment without other studies.
fn alone() -> String {
    format!("{}{PREDICT}", TINY.split("[gap]").next().unwrap())
}

static RUN: Shared = Shared::new();

fn run() -> Arc<Run> {
    RUN.get(|| Run::new(&parse(&alone(), &["widths.seeds=4", "widths.values=[4, 16]"]).unwrap()))
}

fn records(run: &Run) -> (PredictArrays, PredictRecord) {
    let folder = RunFolder::existing(&run.path()).unwrap();
    (PredictArrays::read(&folder).unwrap(), PredictRecord::read(&folder).unwrap())
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a / b - 1.0).abs() < tolerance
}

/// At time 0 the variance is that of independent neurons: `E a^2 E tanh^2 z / N` with z of variance `|x|^2 + 1/4`.
#[test]
fn the_start_is_that_of_its_law() {
    let run = run();
    let x = run.arrays("state/data.npz")["x"].clone().into_dimensionality::<Ix2>().unwrap();
    let of_sample = |x: ndarray::ArrayView1<f64>| {
        let std = (x.dot(&x) + 0.25).sqrt();
        // The midpoint rule over 12 standard deviations.
        let nodes = (0..4000).map(|k| 6.0 * ((f64::from(k) + 0.5) / 2000.0 - 1.0));
        let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        nodes.map(|z| density(z) * (std * z).tanh().powi(2)).sum::<f64>() * 12.0 / 4000.0
    };
    let expected = mean(&x.outer_iter().map(of_sample).collect::<Vec<f64>>()) / 3.0;
    let (arrays, _) = records(&run);
    assert!(close(arrays.whole.spread[0], expected, 0.02), "{} {expected}", arrays.whole.spread[0]);
    for cloud in [&arrays.whole, &arrays.half] {
        assert!(close(cloud.variance[0], cloud.spread[0] * cloud.bare_ratio[0], 1e-12));
        assert_eq!(cloud.coupling[0], 0.0);
        // Keeping N/2 of N costs S_N^2 / (2 (N - 1)), and E S_N^2 = (1 - 1/N) S^2 for independent neurons.
        for (w, n) in [4.0, 16.0].into_iter().enumerate() {
            let expected = 0.5 * cloud.spread[0] * (1.0 - cloud.bare_ratio[0] / n) / (n - 1.0);
            assert!(close(cloud.dropout[[w, 0]], expected, 1e-9), "{} {expected}", cloud.dropout[[w, 0]]);
        }
    }
}

#[test]
fn ratios_are_recomputed_from_the_records() {
    let run = run();
    let (arrays, record) = records(&run);
    let widths = run.arrays("records/widths.npz");
    let last = arrays.times.len() - 1;
    let at_end = |name: &str| {
        let cube = widths[name].clone().into_dimensionality::<Ix3>().unwrap();
        cube.index_axis(Axis(2), last).to_owned()
    };
    let limit = |name: &str| {
        let reference = run.arrays("records/reference.npz");
        let series = |array: &ArrayD<f64>| array.clone().into_dimensionality::<Ix1>().unwrap()[last];
        series(&reference[name])
    };
    let function = record.ratio("function").unwrap();
    let step = limit("training_step_function").powi(2);
    let mut logarithm = 0.0;
    for (w, n) in [4.0_f64, 16.0].into_iter().enumerate() {
        let measured = mean(&at_end("function").row(w).iter().map(|v| v * v).collect::<Vec<f64>>());
        let predicted = arrays.whole.variance[last] * (1.0 / n - 1.0 / 64.0) + step;
        assert!(close(function.measured[w], measured, 1e-12) && close(function.predicted[w], predicted, 1e-12));
        logarithm += 0.5 * (predicted / measured).ln();
    }
    assert!(close(function.ratio, logarithm.exp(), 1e-12));
    let check = run.check("predict-function");
    assert!(close(check.measured, function.ratio, 1e-12));
    let (low, high) = check.joint_interval.unwrap();
    assert!(low < check.measured && check.measured < high);
    assert_eq!(run.check("predict-barrier").verdict, Verdict::NotResolved, "there is no study of paths");
}

#[test]
fn without_networks_predictions_are_the_same() {
    let beside = records(&run()).0;
    let set = ["widths.values=[]", "predict.widths=[4, 16]"];
    let run = Run::new(&parse(&alone(), &set).unwrap());
    let (arrays, record) = records(&run);
    assert_eq!(arrays, beside);
    assert!(record.ratios.is_empty());
    assert!(run.file("figures/predict-gap.svg").exists());
}

#[test]
fn experiments_that_cannot_be_predicted_are_refused() {
    let message = |text: &str, set: &[&str]| match parse(text, set) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{set:?} is accepted"),
    };
    for (set, words) in [
        ("predict.amplitude=1.0", "predict.by"),
        ("predict.method=\"dormand-prince\"", "fixed step"),
        ("predict.particles=24", "predict.modes"),
        ("predict.step=0.3", "recording interval"),
    ] {
        let message = message(&alone(), &[set]);
        assert!(message.contains(words), "{set}: {message}");
    }
    for (set, words) in [
        (&["network.activation=\"relu\"", "predict.by=\"tangent\""][..], "has a kink"),
        (&["network.kind=\"three-layer\"", "predict.by=\"tangent\""], "one hidden layer"),
        (&["network.kind=\"three-layer\"", "predict.amplitude=0.5"], "at most 1/6"),
    ] {
        let message = message(&alone(), set);
        assert!(message.contains("predict.") && message.contains(words), "{set:?}: {message}");
    }
    let other = format!("{TINY}{PREDICT}");
    assert!(message(&other, &["widths.values=[]"]).contains("where [predict] is the only study"));
}

/// Keys with which predictions are made by pairs of clouds.
const RELU: [&str; 1] = ["network.activation=\"relu\""];
const DEEP: [&str; 5] = [
    "network.kind=\"three-layer\"",
    "network.start.u={ law = \"gaussian\", mean = 1.0, std = 1.0 }",
    "network.start.c={ law = \"gaussian\", std = 0.5 }",
    "network.proportions=[1, 2]",
    "predict.particles=64",
];

/// Networks that are not linearised are predicted by pairs. At time 0 a ReLU network has the variance of independent
/// neurons, `E a^2 E max(z, 0)^2 / N`, and both layers of a three-layer network add to c.
#[test]
fn kinks_and_three_layers_are_predicted_by_pairs() {
    let of = |set: &[&str]| Run::new(&parse(&alone(), set).unwrap());
    let relu = of(&[&RELU[..], &["predict.columns=16"]].concat());
    let x = relu.arrays("state/data.npz")["x"].clone().into_dimensionality::<Ix2>().unwrap();
    let expected = mean(&x.outer_iter().map(|x| 0.5 * (x.dot(&x) + 0.25)).collect::<Vec<f64>>()) / 3.0;
    let (arrays, record) = records(&relu);
    assert_eq!(record.by, PredictionRoute::Pairs);
    assert_eq!(record.amplitude, Some(0.5));
    assert!(close(arrays.whole.spread[0], expected, 0.03), "{} {expected}", arrays.whole.spread[0]);
    assert!(close(arrays.whole.variance[0], arrays.whole.spread[0] * arrays.whole.bare_ratio[0], 1e-9));
    assert!(arrays.whole.variance_second.iter().all(|v| *v == 0.0));
    let deep = of(&DEEP);
    let (arrays, record) = records(&deep);
    assert!(record.ratio("coupling").is_some_and(|ratio| ratio.measured.len() == 2));
    let whole = &arrays.whole;
    assert_eq!(whole.layer_variance.dim(), (2, 3));
    for t in 0..3 {
        let c = whole.layer_variance[[0, t]] + 0.5 * whole.layer_variance[[1, t]];
        assert!(close(whole.variance[t], c, 1e-9), "{} {c}", whole.variance[t]);
        assert!(close(2.0 * whole.variance_second[t], whole.layer_interaction[t], 1e-12));
    }
    assert!(deep.file("figures/predict-gap.svg").exists());
}

/// By pairs a network without kinks has the predictions of the tangent system, to the order of the amplitude.
#[test]
fn pairs_and_tangent_vectors_agree() {
    let tangent = records(&run()).0;
    let set = ["widths.values=[]", "predict.widths=[4, 16]", "predict.by=\"pairs\"", "predict.amplitude=0.01"];
    let pairs = records(&Run::new(&parse(&alone(), &set).unwrap())).0;
    let (a, b) = (&tangent.whole, &pairs.whole);
    for (what, a, b) in [
        ("c", &a.variance, &b.variance),
        ("mean gap", &a.gap_mean, &b.gap_mean),
        ("variance of the gap", &a.gap_linear, &b.gap_linear),
        ("coupling", &a.coupling, &b.coupling),
        ("bias of the spread", &a.spread_bias, &b.spread_bias),
        ("variance of the spread", &a.spread_variance, &b.spread_variance),
        ("columns", &a.column_change, &b.column_change),
        ("sup", &a.supremum, &b.supremum),
    ] {
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-3 * a.abs().max(1e-3), "{what}: {a} {b}");
        }
    }
}

#[test]
fn an_interrupted_study_resumes_to_the_same_bytes() {
    resumes_to_the_same_bytes(&[]);
    resumes_to_the_same_bytes(&RELU);
    resumes_to_the_same_bytes(&DEEP);
}

/// The resumed run has another number of threads.
fn resumes_to_the_same_bytes(set: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("predict.toml");
    std::fs::write(&file, alone()).unwrap();
    let at = |name: &str| folder.path().join(name);
    let start = |out: &str, resume: bool| {
        let mut command = run_of(&file, &at(out), resume);
        set.iter().for_each(|entry| {
            command.args(["--set", entry]);
        });
        command.args(["--threads", if resume { "3" } else { "1" }]).assert().success()
    };
    start("whole", false);
    start("cut", false);
    let manifest = std::fs::read_to_string(at("cut/manifest.json")).unwrap();
    std::fs::write(at("cut/manifest.json"), manifest.replace("\"complete\"", "\"running\"")).unwrap();
    for name in ["records", "figures", "checkpoint"] {
        let _ = std::fs::remove_dir_all(at("cut").join(name));
    }
    std::fs::remove_file(at("cut/checks.json")).unwrap();
    start("cut", true);
    let kept = |name: &str| {
        let mut kept = files(&at(name));
        kept.retain(|path, _| path.starts_with("records") || path == "checks.json");
        kept
    };
    let (whole, cut) = (kept("whole"), kept("cut"));
    assert!(whole.keys().any(|path| path.contains("predict.npz")));
    assert!(whole == cut, "differs");
    let plan = |tolerance: &str| {
        let mut command = program();
        command.args(["plan", at("whole").to_str().unwrap(), "--gap", tolerance, "--barrier", "0.1"]);
        command
    };
    plan("0.1").assert().success();
    plan("-1").assert().failure();
}
