//! Predictions for finite networks: at the start they are those of the law of the start, the ratios are recomputed from
//! the records of the networks, an interrupted study resumes to the same bytes, and no network is needed.

use crate::common::experiment::{Run, Shared, TINY, files, parse, program, run_of};
use crate::common::mean;
use ndarray::{ArrayD, Axis, Ix1, Ix2, Ix3};
use std::sync::Arc;
use widelimit::analysis::verdict::Verdict;
use widelimit::record::RunFolder;
use widelimit::study::predict::{NetworkArrays, NetworkRecord, PredictArrays, PredictRecord, PredictionRoute};

const PREDICT: &str = "[predict]\nparticles = 128\nmodes = 8\ncolumns = 6\ndraws = 200\ncontrol_starts = 256\n";

/// The tiny experiment without other studies.
fn alone() -> String {
    format!("{}{PREDICT}", TINY.split("[gap]").next().unwrap())
}

static RUN: Shared = Shared::new();

fn run() -> Arc<Run> {
    RUN.get(|| Run::new(&parse(&alone(), &["widths.seeds=4", "widths.values=[4, 16]"]).unwrap()))
}

/// Networks that follow single samples, and sweeps over batch sizes and steps.
fn noisy() -> String {
    let sweeps = "\n[[gap.sweep]]\nover = \"batch\"\nvalues = [1, 4]\nwidth = 8\nseeds = 48\n\n[[gap.sweep]]\nover = \"step\"\nvalues = [0.0625, 0.03125]\nbatch = 1\nwidth = 8\nseeds = 3\n";
    format!("{TINY}{sweeps}\n{PREDICT}batch_columns = 94\n").replace("friction = 1.0", "friction = 1.0\nbatch = 1")
}

static NOISY: Shared = Shared::new();

fn noisy_run() -> Arc<Run> {
    let set = [
        "widths.seeds=48",
        "widths.values=[16]",
        "reference.particles=1024",
        "predict.batches=[2]",
        "gap.full_gradient=false",
    ];
    NOISY.get(|| Run::new(&parse(&noisy(), &set).unwrap()))
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

/// The squares of the distances at the end, as means over the seeds of every row of a group.
fn mean_squares(run: &Run, group: &str) -> Vec<f64> {
    let cube = run.arrays(&format!("records/{group}.npz"))["function"].clone().into_dimensionality::<Ix3>().unwrap();
    let last = cube.len_of(Axis(2)) - 1;
    let squares = cube.index_axis(Axis(2), last).mapv(|v| v * v);
    squares.outer_iter().map(|row| mean(&row.to_vec())).collect()
}

/// Under mini-batches the sum of all parts is compared, beside the reference and beside the limits of the networks' own
/// particles, and it is what networks show.
#[test]
fn sums_of_all_parts_are_recomputed_from_the_records() {
    let run = noisy_run();
    let (arrays, record) = records(&run);
    let (step, batch) = (arrays.step.as_ref().unwrap(), arrays.batch.as_ref().unwrap());
    let last = arrays.times.len() - 1;
    assert_eq!(step.values.to_vec(), [0.03125, 0.0625]);
    let order = step.order[last];
    assert!((order - 1.0).abs() < 0.1, "the step's part is of order {order}");
    let (eps, c) = (0.03125, batch.variance[last]);
    let square = |row: usize| step.function[(row, last)].powi(2);
    let function = record.ratio("function").unwrap();
    let predicted = arrays.whole.variance[last] * (1.0 / 16.0 - 1.0 / 1024.0) + square(0) + eps * c;
    assert!(close(function.predicted[0], predicted, 1e-12));
    assert!(close(function.measured[0], mean_squares(&run, "widths")[0], 1e-12));
    assert!((0.75..1.35).contains(&function.ratio), "{}", function.ratio);
    for (group, expected) in [
        ("batches", [square(0) + eps * c, square(0) + eps / 4.0 * c]),
        ("steps-b1", [square(1) + 0.0625 * c, square(0) + eps * c]),
    ] {
        let ratios = record.group_ratios.iter();
        let ratio = ratios.clone().find(|ratio| ratio.group == group && ratio.quantity == "function").unwrap();
        assert!(ratio.predicted.iter().zip(&expected).all(|(a, b)| close(*a, *b, 1e-12)), "{group}");
        let measured = mean_squares(&run, group);
        assert!(ratio.measured.iter().zip(&measured).all(|(a, b)| close(*a, *b, 1e-12)), "{group}");
        let logarithm = expected.iter().zip(&measured).map(|(a, b)| 0.5 * (a / b).ln()).sum::<f64>();
        let check = run.check(&format!("predict-{group}-function"));
        assert!(close(check.measured, logarithm.exp(), 1e-12));
        assert!(group != "batches" || (0.75..1.35).contains(&ratio.ratio), "{}", ratio.ratio);
    }
    // Totals for all widths, steps and batch sizes.
    let totals = arrays.totals.as_ref().unwrap();
    assert_eq!(totals.batches.to_vec(), [f64::INFINITY, 1.0, 2.0, 4.0]);
    assert_eq!(totals.function.dim(), (1, 2, 4));
    let expected = arrays.whole.variance[last] / 16.0 + square(1) + 0.0625 / 2.0 * c;
    assert!(close(totals.function[(0, 1, 2)], expected, 1e-12));
    // The mean square of the largest distance falls with the batch size; for quantiles of few draws that is true of
    // batches that differ much.
    let high = |b: usize| totals.supremum[[0, 0, b, 1]];
    assert!(high(0) < high(1) && high(3) < high(1));
}

#[test]
fn a_plan_seeks_the_width_the_step_or_the_batch() {
    let run = noisy_run();
    let plan = |options: &[&str]| {
        let mut command = program();
        command.args(["plan", run.path().to_str().unwrap()]).args(options);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    let (arrays, _) = records(&run);
    let high = arrays.totals.as_ref().unwrap().supremum[[0, 0, 1, 1]];
    // The tolerance is the quantile of the networks of the run.
    let tolerance = format!("{:.5}", 1.0001 * high);
    let (found, text) = plan(&["--gap", &tolerance]);
    assert!(found && text.contains("at least 16"), "{text}");
    let (found, text) = plan(&["--gap", &tolerance, "--width", "16"]);
    assert!(found && text.contains("at most 3.1") && text.contains("at least 1"), "{text}");
    let (found, text) = plan(&["--gap", "1e-6"]);
    assert!(found && text.contains("none: "), "{text}");
    let (found, text) = plan(&["--gap", "1e-6", "--width", "64"]);
    assert!(found && text.matches("remains").count() == 2, "{text}");
    let (found, text) = plan(&["--gap", &tolerance, "--batch", "full", "--step", "0"]);
    assert!(found && text.contains("full"), "{text}");
    let (found, text) = plan(&["--loss", "0.1", "--barrier", "0.1", "--dropout", "0.5", "--kept", "8"]);
    assert!(found && text.contains("8 kept"), "{text}");
    // Where nothing is to be dropped, and at the ends of the search.
    let (found, text) = plan(&["--dropout", "1e-9", "--kept", "8"]);
    assert!(found && text.contains("none above 8: dropping"), "{text}");
    let alone = ["--batch", "full", "--step", "0"];
    let (found, text) = plan(&[&["--dropout", "1e-16"][..], &alone].concat());
    assert!(found && text.contains("more than 1e12") && !text.contains("e0 remains"), "{text}");
    // A step is one that the experiment could have.
    for (step, words) in [
        ("0.3", "--step 0.3: expected a step that divides the recording interval"),
        ("1e-9", "--step 1e-9: would take 1.0e9 steps"),
        ("inf", "--step inf: expected a step that divides"),
        ("-1", "expected a number of at least 0"),
    ] {
        let (found, text) = plan(&["--gap", "1", &format!("--step={step}")]);
        assert!(!found && text.contains(words), "{text}");
    }
    let (found, text) = plan(&["--gap", "inf"]);
    assert!(!found && text.contains("--gap inf: expected a positive number"), "{text}");
    for wrong in [vec!["--width", "16"], vec!["--gap", "1", "--width", "4", "--step", "0.1", "--batch", "2"]] {
        let (found, text) = plan(&wrong);
        assert!(!found, "{text}");
    }
    assert!(!plan(&["--gap", "1", "--batch", "0"]).0);
}

#[test]
fn without_networks_predictions_are_the_same() {
    let beside = records(&run()).0;
    let set = ["widths.values=[]", "predict.widths=[4, 16]"];
    let run = Run::new(&parse(&alone(), &set).unwrap());
    let (arrays, record) = records(&run);
    // Some numbers are not defined at the start.
    assert_eq!(format!("{arrays:?}"), format!("{beside:?}"));
    assert!(record.ratios.is_empty());
    assert!(run.file("figures/predict-gap.svg").exists());
}

/// What cannot be compared says why, and the networks remain in the record.
#[test]
fn reasons_of_missing_ratios() {
    let reason = |set: &[&str], check: &str| {
        let run = Run::new(&parse(&alone(), set).unwrap());
        (run.check(check).detail.clone(), records(&run).1)
    };
    let (why, _) = reason(&["widths.values=[1]", "predict.widths=[4]"], "predict-function");
    assert!(why.contains("no network has at least 2 neurons"), "{why}");
    let (why, record) = reason(&["widths.values=[4]", "widths.seeds=4", "predict.widths=[8]"], "predict-dropout");
    assert!(why.contains("no network has one of predict.widths"), "{why}");
    let dropout = record.ratio("dropout").unwrap();
    assert!(dropout.predicted[0].is_nan() && dropout.measured[0] > 0.0 && dropout.errors[0] > 0.0, "{dropout:?}");
    let pairs = ["dynamics.batch=2", "predict.by=\"pairs\"", "widths.seeds=4"];
    let (why, record) = reason(&pairs, "predict-function");
    assert!(why.contains("tangent vectors alone, and not by pairs"), "{why}");
    assert!(record.ratio("function").unwrap().measured.iter().all(|v| *v > 0.0));
}

/// All neurons start at one point: nothing fluctuates, and this is said in place of rounding errors.
#[test]
fn a_start_without_spread() {
    let set = [
        "widths.values=[]",
        "network.start.w={ law = \"point\", value = 0.5 }",
        "network.start.b={ law = \"gaussian\", std = 0.0 }",
        "network.start.a={ law = \"point\", value = 1.0 }",
    ];
    let run = Run::new(&parse(&alone(), &set).unwrap());
    let (_, record) = records(&run);
    assert!(record.no_spread && record.not_predicted.len() == 7);
    let figure = std::fs::read_to_string(run.file("figures/predict-gap.svg")).unwrap();
    assert!(!figure.contains("half the particles"), "rounding errors are not drawn");
    assert!(record.not_predicted.iter().all(|(_, why)| why.contains("the start has no spread")));
    let mut plan = program();
    let output = plan.args(["plan", run.path().to_str().unwrap(), "--gap", "0.1"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("no spread"), "{text}");
}

/// Over long times single particles move without bound beside their limit, and few of them hold all displacements.
#[test]
fn long_times_are_not_predicted() {
    let set = ["population.dimension=6", "population.size=60", "population.noise_std=0.5", "widths.values=[]"];
    let cloud = ["predict.widths=[16, 1024]", "predict.modes=24", "predict.columns=14", "horizon.records=4"];
    let at = |time: &str| records(&Run::new(&parse(&alone(), &[&set[..], &cloud, &[time]].concat()).unwrap()));
    let why = |record: &PredictRecord| record.not_predicted.iter().find(|(of, _)| of == "function").cloned();
    let (early, record) = at("horizon.time=4.0");
    assert_eq!(why(&record), None);
    assert!(early.whole.largest_share[4] < 0.05);
    let (late, record) = at("horizon.time=64.0");
    let (_, why) = why(&record).unwrap();
    assert!(late.whole.largest_share[4] > 0.5 && why.contains("1 % of the particles hold"), "{why}");
}

/// Where the sample is interpolated, the fluctuation on it dies out, and what is left of it is an error of the cloud.
#[test]
fn interpolation_is_not_predicted() {
    let set = ["population.size=4", "horizon.time=64.0", "horizon.records=4", "widths.values=[]"];
    let (arrays, record) = records(&Run::new(&parse(&alone(), &set).unwrap()));
    let c = &arrays.whole.variance;
    assert!(c[4] < 1e-6 * c[0] && arrays.whole.spread[4] > 0.1, "c {c}, spread {}", arrays.whole.spread);
    for quantity in ["function", "loss-mean", "loss-deviation"] {
        let (_, why) = record.not_predicted.iter().find(|(of, _)| of == quantity).unwrap();
        assert!(why.contains("half of the particles"), "{quantity}: {why}");
    }
    // The largest distance is that of early times.
    assert!(!record.not_predicted.iter().any(|(of, _)| of == "function-sup"), "{:?}", record.not_predicted);
}

/// The end of a run says what to do with its predictions.
#[test]
fn a_run_with_predictions_points_to_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("predict.toml"), folder.path().join("out"));
    std::fs::write(&file, alone()).unwrap();
    let output = run_of(&file, &out, false).args(["--set", "widths.values=[]"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("widelimit plan {} --gap X", out.display())), "{text}");
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
        ("predict.steps=[0.3]", "recording interval"),
        ("predict.batches=[0]", "whole number"),
        ("predict.control_starts=3", "widths.seeds"),
    ] {
        let message = message(&alone(), &[set]);
        assert!(message.contains(words), "{set}: {message}");
    }
    for (set, words) in [
        (&["network.activation=\"relu\"", "predict.by=\"tangent\""][..], "has a kink"),
        (&["network.kind=\"three-layer\"", "predict.by=\"tangent\""], "one hidden layer"),
        (&["network.kind=\"three-layer\"", "predict.amplitude=0.5"], "at most 1/6"),
        (&["dynamics.batch=2", "predict.batch_step=0.3"], "recording interval"),
        (&["predict.by=\"pairs\"", "predict.amplitude=1e-5"], "lost in rounding: expected at least 0.0001"),
        // The square root of half of 128 particles.
        (&["predict.by=\"pairs\"", "predict.amplitude=8.01"], "expected at most 8.0000"),
        (&["predict.by=\"pairs\"", "predict.amplitude=1e9"], "at least 2"),
    ] {
        let message = message(&alone(), set);
        assert!(message.contains("predict.") && message.contains(words), "{set:?}: {message}");
    }
    let other = format!("{TINY}{PREDICT}");
    let said = message(&other, &["widths.values=[]"]);
    assert!(said.contains("where [predict] is the only study: [gap] would have to go (--unset gap)"), "{said}");
    let paths = format!("{other}\n[paths]\npairs = 1\n");
    let said = message(&paths, &["widths.values=[]"]);
    assert!(said.contains("[gap], [paths] would have to go (--unset gap --unset paths)"), "{said}");
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
    assert!(record.ratio("coupling").is_some());
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
        ("its second part", &a.gap_square, &b.gap_square),
        ("coupling", &a.coupling, &b.coupling),
        ("bias of the spread", &a.spread_bias, &b.spread_bias),
        ("variance of the spread", &a.spread_variance, &b.spread_variance),
        ("columns", &a.column_error, &b.column_error),
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
    // By pairs there is no noise of mini-batches.
    let columns = if set.is_empty() { "batch_columns = 94" } else { "" };
    let text = noisy().replace("seeds = 48", "seeds = 3").replace("batch_columns = 94", columns);
    std::fs::write(&file, text).unwrap();
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
    // By pairs there is no noise of mini-batches, which these networks follow.
    if set.is_empty() {
        plan("0.1").assert().success();
    }
    plan("-1").assert().failure();
}

/// Linear neurons, whose deviation from the limit is that of their starts alone: the prediction for every network is
/// right up to the step, and the corrected means are those of the theory up to the error of the control's mean.
#[test]
fn linear_networks_are_predicted_one_by_one() {
    let set = [
        "widths.seeds=8",
        "widths.values=[4, 16]",
        "reference.particles=128",
        "network.activation=\"identity\"",
        "network.fixed_output=true",
        "network.start.a={ law = \"point\", value = 1.0 }",
        "predict.control_starts=4096",
    ];
    let run = Run::new(&parse(&alone(), &set).unwrap());
    let (arrays, _) = records(&run);
    let folder = RunFolder::existing(&run.path()).unwrap();
    let (networks, record) = (NetworkArrays::read(&folder).unwrap(), NetworkRecord::read(&folder).unwrap().unwrap());
    let c = arrays.whole.variance[arrays.times.len() - 1];
    assert!(record.vector_error.iter().all(|error| *error < 0.02), "{:?}", record.vector_error);
    assert!(close(networks.function_mean.mean().unwrap(), c, 0.1), "{} {c}", networks.function_mean);
    assert!(networks.function_mean.std(1.0) > 0.0, "the mean is estimated, not predicted");
    for (name, mean) in [("function", c), ("loss", arrays.whole.gap_mean[arrays.times.len() - 1])] {
        let found = record.quantity(name).unwrap();
        for w in 0..2 {
            assert!(found.correlation[w] > 0.999, "{name}: {:?}", found.correlation);
            assert!((found.slope[w] - 1.0).abs() < 0.05, "{name}: {:?}", found.slope);
            let reduction = found.plain_error[w] / found.corrected_error[w];
            assert!(reduction > 4.0, "{name}: {reduction}");
            let expected = mean * networks.scales[w];
            let distance = (found.corrected[w] - expected).abs();
            assert!(
                distance < 4.0 * found.corrected_error[w] + 0.02 * expected,
                "{name}: {} {expected}",
                found.corrected[w]
            );
        }
    }
    let check = run.check("predict-corrected-function");
    assert_eq!(check.verdict, Verdict::Holds, "{check:?}");
    assert!((check.measured + 1.0).abs() < 0.05);
    assert!(run.file("figures/predict-networks.svg").exists());
}

/// The corrected values are recomputed from the networks' series and the recorded predictions; plain ratios do not know
/// of them; and nothing depends on threads.
#[test]
fn corrected_means_are_recomputed_from_the_records() {
    let run = run();
    let folder = RunFolder::existing(&run.path()).unwrap();
    let (networks, record) = (NetworkArrays::read(&folder).unwrap(), NetworkRecord::read(&folder).unwrap().unwrap());
    let widths = run.arrays("records/widths.npz");
    let function = widths["function"].clone().into_dimensionality::<Ix3>().unwrap();
    let last = function.len_of(Axis(2)) - 1;
    let reference = run.arrays("records/reference.npz");
    let found = record.quantity("function").unwrap();
    assert!(close(found.step_offset, reference["training_step_function"][[last]].powi(2), 1e-12));
    for w in 0..2 {
        let x: Vec<f64> = function.slice(ndarray::s![w, .., last]).iter().map(|v| v * v).collect();
        let c = networks.function_predicted.row(w).to_vec();
        let corrected = |s: usize| {
            let kept: Vec<usize> = (0..4).filter(|&k| k != s).collect();
            let mean = |v: &[f64]| kept.iter().map(|&k| v[k]).sum::<f64>() / 3.0;
            let (x_mean, c_mean) = (mean(&x), mean(&c));
            let xc: f64 = kept.iter().map(|&k| (x[k] - x_mean) * (c[k] - c_mean)).sum();
            let cc: f64 = kept.iter().map(|&k| (c[k] - c_mean).powi(2)).sum();
            x[s] - xc / cc * (c[s] - networks.scales[w] * networks.function_mean[s])
        };
        let values: Vec<f64> = (0..4).map(corrected).collect();
        for (s, value) in values.iter().enumerate() {
            assert!(close(networks.function_corrected[[w, s]], *value, 1e-9), "{w} {s}");
        }
        assert!(close(found.corrected[w], mean(&values) - found.step_offset, 1e-9));
        // The measured vector is the recorded distance, up to what the step adds.
        let square = mean(&networks.vector_square.row(w).to_vec());
        assert!(close(square, mean(&x), 0.2), "{square} {}", mean(&x));
    }
    let (_, predict) = records(&run);
    let ratio = predict.ratio("function").unwrap();
    for w in 0..2 {
        let plain = mean(&networks.function_measured.row(w).to_vec());
        assert!(close(ratio.measured[w], plain, 1e-12), "ratios are of plain means");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let again = pool.install(|| Run::new(&parse(&alone(), &["widths.seeds=4", "widths.values=[4, 16]"]).unwrap()));
    let folder = RunFolder::existing(&again.path()).unwrap();
    assert_eq!(NetworkArrays::read(&folder).unwrap(), networks);
}

/// Bump neurons with momenta at a temperature: the tangent cloud in the field of the grid, and in its own.
const BUMP: &str = r#"
name = "bump"
population = { kind = "line", inputs = "uniform", low = -1.5, high = 1.5, size = 24, bumps = [{ centre = 0.6, width = 0.4 }] }
network = { kind = "bump", scale = 0.5, start_momentum = 0.4, start = { w = { law = "gaussian", mean = -0.3, std = 0.5 } } }
dynamics = { step = 0.125, friction = 1.0, temperature = 0.02, ridge = 0.2 }
horizon = { time = 2.0, records = 4 }
widths = { values = [8, 16], seeds = 6 }
reference = { particles = 256, method = "baoab", step = 0.125 }
predict = { particles = 1024, modes = 24, columns = 22, draws = 200, step = 0.0625, control_starts = 3000 }
"#;

#[test]
fn the_grid_gives_the_predictions_of_particles() {
    let of_grid = [
        "reference.kind=\"grid\"",
        "reference.grid={ low = -5.0, high = 5.0, momentum = 3.0, nodes = 192, step = 0.0625 }",
    ];
    let (particles, by_grid) = (Run::new(&parse(BUMP, &[]).unwrap()), Run::new(&parse(BUMP, &of_grid).unwrap()));
    let [(own, _), (given, record)] = [&particles, &by_grid].map(records);
    let last = own.times.len() - 1;
    let pairs = |arrays: &PredictArrays| {
        let of = |cloud: &widelimit::study::predict::PredictedArrays| {
            [
                cloud.variance[last],
                cloud.spread[last],
                cloud.gap_mean[last],
                cloud.gap_linear[last].sqrt(),
                cloud.coupling[last],
            ]
        };
        (of(&arrays.whole), of(&arrays.half))
    };
    let ((own, own_half), (found, found_half)) = (pairs(&own), pairs(&given));
    for k in 0..5 {
        let error = ((own[k] - own_half[k]) / own[k]).hypot((found[k] - found_half[k]) / found[k]);
        let distance = (own[k] / found[k] - 1.0).abs();
        assert!(distance < error.max(0.01) && distance < 0.05, "{k}: {own:?} {found:?}, {distance} {error}");
        assert!(distance > 0.0);
    }
    assert!(given.given_distance[0] < 0.05 && given.given_distance[0] > 0.0, "{}", given.given_distance);
    assert!(record.not_predicted.iter().all(|(_, why)| !why.contains("grid")), "{:?}", record.not_predicted);
    // Networks are compared with the grid, which has no particles.
    let folder = RunFolder::existing(&by_grid.path()).unwrap();
    let networks = NetworkRecord::read(&folder).unwrap().unwrap();
    assert!(networks.vector_error.iter().all(|error| *error < 0.6), "{:?}", networks.vector_error);
    assert!(networks.quantity("function").unwrap().correlation.iter().all(|r| *r > 0.6));
    let refused = parse(BUMP, &[of_grid[0], of_grid[1], "predict.step=0.1"]).unwrap_err().to_string();
    assert!(refused.contains("reference.grid.step"), "{refused}");
}

/// With first-order dynamics, with and without noise, linear neurons have their closed forms.
#[test]
fn first_order_networks_are_predicted() {
    let set = |more: &[&str]| -> Run {
        let mut set = vec![
            "dynamics.method=\"gradient-descent\"",
            "network.activation=\"identity\"",
            "network.fixed_output=true",
            "network.bias=false",
            "network.start.a={ law = \"point\", value = 1.0 }",
            "population.dimension=1",
            "population.neurons=1",
            "widths.values=[4, 16]",
            "widths.seeds=8",
            "reference.particles=128",
            "predict.particles=1024",
            "predict.modes=2",
        ];
        set.extend(more);
        // Gradient descent has no friction.
        Run::new(&parse(&alone().replace("friction = 1.0\n", ""), &set).unwrap())
    };
    let mut variances = Vec::new();
    for (more, tau) in [
        (&["dynamics.ridge=0.25"] as &[&str], 0.0),
        (
            &[
                "dynamics.ridge=0.25",
                "dynamics.temperature=0.5",
                "reference.method=\"gradient-descent\"",
                "reference.step=0.03125",
            ],
            0.5,
        ),
    ] {
        let run = set(more);
        let (arrays, record) = records(&run);
        let x = run.arrays("state/data.npz")["x"].clone();
        let q = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let (rate, last) = (q + 0.25, arrays.times.len() - 1);
        let decay = (-2.0 * rate).exp();
        // f = m x: the variance of the start decays, that of the noise grows to its equilibrium.
        let expected = q * (decay + tau / rate * (1.0 - decay));
        let found = arrays.whole.variance[last];
        let tolerance = if tau > 0.0 { 0.25 } else { 0.02 };
        assert!(close(found, expected, tolerance), "tau {tau}: {found} {expected}");
        variances.push(found);
        let networks = NetworkRecord::read(&RunFolder::existing(&run.path()).unwrap()).unwrap().unwrap();
        assert!(networks.vector_error.iter().all(|error| *error < 0.25), "tau {tau}: {:?}", networks.vector_error);
        assert!(networks.quantity("function").unwrap().correlation.iter().all(|r| *r > 0.95));
        assert!(record.ratio("loss-mean").is_some());
    }
    assert!(variances[1] > variances[0]);
}
