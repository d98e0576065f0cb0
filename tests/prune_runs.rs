//! Experiments of pruning are run, interrupted, resumed, refused and recomputed like those that train networks.

use crate::common::experiment::{arrays, files, fine, json, refused, same};
use ndarray::Array1;
use ndarray_npy::write_npy;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use widelimit::prune::bundled::{BundledData, BundledModel};
use widelimit::prune::checkpoint::{ModelCopy, ModelFolder};
use widelimit::prune::layer::{LayerMethod, LayerSettings, Sparsity};
use widelimit::prune::model::{describe, score};
use widelimit::prune::network::{PruneSettings, Quota, prune_network};

/// All three studies, small.
const TINY: &str = r#"
kind = "pruning"
name = "tiny"
title = "a tiny experiment"

[model]
kind = "bundled"
name = "deit-digits"

[calibration]
samples = 40
shuffle = false

[held_out]
samples = 30

[pruning]
methods = ["magnitude", "sparsegpt", "i-obs-dual"]
iterations = 3

[compare]
sparsities = [0.7, "2:4"]

[rounds]
sparsity = 0.8
rounds = 2
batch = 30

[allocation]
sparsities = [0.8]
"#;

fn here() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    here
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/prune").join(name)
}

#[test]
fn from_a_file_to_its_figures_on_any_number_of_threads() {
    let here = here();
    let said = fine(here.path(), &["run", "tiny.toml", "--threads", "1"]);
    let words = [
        "compare-dense",
        "compare-zeros",
        "compare-sweep-identity",
        "compare-best-iterate",
        "compare-refit",
        "compare-i-obs-dual-0.7",
        "compare-i-obs-dual-2-4",
        "rounds-zeros",
        "rounds-gain-fresh",
        "allocation-zeros",
        "allocation-gain-0.8",
        "compare-layers.svg",
    ];
    for word in words {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    let run = here.path().join("runs/tiny");
    for check in json(&run.join("checks.json")).as_array().unwrap() {
        let name = check["name"].as_str().unwrap();
        // The score of all held-out images is known, and not that of thirty.
        let expected = if name == "compare-dense" { "not resolved" } else { "holds" };
        if check["section"] == "program" {
            assert_eq!(check["verdict"], expected, "{check}");
        }
    }
    fine(here.path(), &["run", "tiny.toml", "--threads", "3", "--out", "again", "--quiet"]);
    same(&run, &here.path().join("again"));
    // The resolved experiment is the experiment.
    fine(here.path(), &["run", "again/experiment.toml", "--out", "third", "--quiet"]);
    same(&run, &here.path().join("third"));
    // Nor on the number of processes.
    for part in [["--stage", "limit"], ["--shard", "1/2"], ["--shard", "2/2"], ["--stage", "finish"]] {
        fine(here.path(), &[&["run", "tiny.toml", "--out", "parts", "--quiet"][..], &part].concat());
    }
    same(&run, &here.path().join("parts"));
    let manifest = json(&run.join("manifest.json"));
    assert_eq!((&manifest["status"], &manifest["kind"]), (&"complete".into(), &"pruning".into()));
    let sources = manifest["population"]["sources"].to_string();
    assert!(sources.contains("built-in/deit-digits/model.safetensors") && sources.contains("sha256"), "{sources}");
    assert!(!run.join("checkpoint").exists());
    // The estimate is one, and no less than what was held; both are of a small model.
    let memory = |part: &str| manifest["memory"][part].as_f64().unwrap();
    let parts = ["program", "samples", "features", "block", "moments", "layer", "scores", "records", "figures"];
    let all: f64 = parts.iter().map(|part| memory(part)).sum();
    assert!(memory("peak") < all && all < 4.0 * memory("peak"), "{}", manifest["memory"]);
    let before = files(&run.join("figures"));
    fs::remove_dir_all(run.join("figures")).unwrap();
    fine(here.path(), &["figures", "runs/tiny"]);
    let after = files(&run.join("figures"));
    for stem in ["compare", "compare-layers", "rounds", "allocation"] {
        assert!(before[&format!("{stem}.svg")] == after[&format!("{stem}.svg")], "{stem}");
        let svg = String::from_utf8_lossy(&before[&format!("{stem}.svg")]).into_owned();
        assert!(!svg.contains("NaN") && svg.contains("<text"), "{stem}");
    }
    assert!(fine(here.path(), &["run", "tiny.toml", "--resume"]).contains("nothing to do"));
}

/// The library on the same data, called by hand; numbers of zeros from the sizes of the layers alone.
#[test]
fn records_are_of_models_that_the_library_prunes() {
    let here = here();
    let set = ["--set", "pruning.methods=[\"sparsegpt\"]", "--set", "compare.sparsities=[0.7]"];
    fine(here.path(), &[&["run", "tiny.toml", "--quiet"][..], &set].concat());
    let run = here.path().join("runs/tiny");
    let (found, rounds) = (arrays(&run.join("records/compare.npz")), arrays(&run.join("records/rounds.npz")));
    let folder = here.path().join("model");
    BundledModel::DeitDigits.write(&folder).unwrap();
    let source = ModelFolder::open(&folder).unwrap();
    let calibration = BundledData::Digits.read(false, 0).unwrap().inputs;
    let held_out = BundledData::Digits.read(true, 0).unwrap();
    let settings = |fraction: f64, rounds: usize| PruneSettings {
        quota: Quota::Uniform(Sparsity::Fraction(fraction)),
        layer: LayerSettings { method: LayerMethod::Sweep, refit: false, ..LayerSettings::default() },
        damping: 0.01,
        selected: &|_| true,
        within_block: false,
        rounds,
    };
    let losses = |name: &str, settings: &PruneSettings<'_>, samples: usize| {
        let mut copy = ModelCopy::create(&source, &here.path().join(name)).unwrap();
        let mut batch = |round: usize| Ok(calibration.range(samples * round..samples * (round + 1)));
        prune_network::<f32>(&source, &mut copy, &mut batch, settings, &mut |_| {}).unwrap();
        let written = copy.finish().unwrap();
        let inputs = held_out.inputs.range(0..30);
        let labels = &held_out.labels.as_ref().unwrap()[..30];
        score::<f32>(&written, &describe(&written).unwrap(), &inputs, Some(labels)).unwrap().losses
    };
    assert_eq!(found["losses"].iter().copied().collect::<Vec<_>>(), losses("sweep", &settings(0.7, 0), 40));
    let of_round = |series: usize, round: usize| {
        let losses =
            rounds["losses"].index_axis(ndarray::Axis(0), series).index_axis(ndarray::Axis(0), round).to_owned();
        losses.iter().copied().collect::<Vec<f64>>()
    };
    assert_eq!(of_round(0, 0), losses("first", &settings(0.8, 0), 30));
    assert_eq!(of_round(0, 2), losses("fresh", &settings(0.8, 2), 30));
    assert_eq!(of_round(1, 0), of_round(0, 0));
    assert_ne!(of_round(1, 1), of_round(0, 1));
    for (layer, zeros) in found["zeros"].iter().enumerate() {
        let entries = found["rows"][[layer]] * found["inputs"][[layer]];
        assert_eq!(*zeros, (0.7 * entries).round_ties_even(), "layer {layer}");
        assert_eq!(found["tokens"][[0, 0, layer]], 40.0 * 18.0);
    }
    // Means and the best rounds from the samples.
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let summary = &json(&run.join("records/compare.json"))["summaries"][0];
    let all: Vec<f64> = found["losses"].iter().copied().collect();
    assert!((summary["loss"].as_f64().unwrap() - mean(&all)).abs() < 1e-12);
    assert!((summary["linear_sparsity"].as_f64().unwrap() - 0.7).abs() < 1e-4);
    let series = &json(&run.join("records/rounds.json"))["series"][0];
    let curve: Vec<f64> = (0..3).map(|round| mean(&of_round(0, round))).collect();
    let best = (0..3).min_by(|&a, &b| curve[a].total_cmp(&curve[b])).unwrap();
    assert_eq!(series["best"], best);
    // Measured allocation: zeros of the files, and their sum.
    let allocation = arrays(&run.join("records/allocation.npz"));
    let entries: f64 = allocation["entries"].iter().sum();
    let measured: f64 = allocation["zeros"].index_axis(ndarray::Axis(0), 1).iter().sum();
    assert_eq!(measured, (0.8 * entries).round_ties_even());
    assert_eq!(allocation["zeros"], allocation["quota"]);
}

/// Rounds with training: series of their own beside the same ones without, zeros to the entry, and the same bytes on any
/// number of threads and after a kill.
#[test]
fn kept_weights_are_trained_between_rounds() {
    let here = here();
    let text = TINY.split("[compare]").next().unwrap().to_string()
        + "[rounds]\nsparsity = 0.8\nrounds = 1\nbatch = 40\nbatches = [\"fresh\"]\n";
    fs::write(here.path().join("plain.toml"), &text).unwrap();
    fs::write(here.path().join("adam.toml"), text + "\n[rounds.adam]\nsteps = 20\nbatch = 20\n").unwrap();
    fine(here.path(), &["run", "plain.toml", "--quiet", "--out", "plain"]);
    let said = fine(here.path(), &["run", "adam.toml", "--quiet", "--threads", "1", "--out", "whole"]);
    assert!(said.contains("rounds-adam-fresh") && said.contains("rounds-gain-fresh-adam"), "{said}");
    let (plain, trained) = (here.path().join("plain"), here.path().join("whole"));
    let (before, after) = (arrays(&plain.join("records/rounds.npz")), arrays(&trained.join("records/rounds.npz")));
    let series = |arrays: &std::collections::BTreeMap<String, ndarray::ArrayD<f64>>, name: &str, at: usize| {
        arrays[name].index_axis(ndarray::Axis(0), at).to_owned()
    };
    assert_eq!(series(&before, "losses", 0), series(&after, "losses", 0));
    let loss = |at: usize| series(&after, "losses", at).mean().unwrap();
    assert!(loss(1) < loss(0), "{} {}", loss(1), loss(0));
    assert_eq!(series(&after, "zeros", 1), series(&after, "zeros", 0));
    let record = json(&trained.join("records/rounds.json"));
    assert_eq!((&record["adam"]["steps"], &record["adam"]["rate"]), (&20.into(), &1e-3.into()));
    assert_eq!((&record["series"][0]["trained"], &record["series"][1]["trained"]), (&false.into(), &true.into()));
    let svg = fs::read_to_string(trained.join("figures/rounds.svg")).unwrap();
    assert!(svg.contains("fresh batches, trained") && !svg.contains("NaN"));
    assert!(json(&trained.join("manifest.json"))["memory"]["training"].as_u64().unwrap() > 0);
    let args = ["run", "adam.toml", "--quiet", "--threads", "3", "--out", "out"];
    let mut child = started(here.path(), &args, 2);
    let _ = child.kill();
    child.wait().unwrap();
    fine(here.path(), &[&args[..], &["--resume"]].concat());
    same(&trained, &here.path().join("out"));
    for (set, words) in [
        ("rounds.adam.rate=0", ["rounds.adam.rate = 0", "positive"]),
        ("rounds.adam.step=3", ["rounds.adam.step = 3", "did you mean 'steps'?"]),
        ("rounds.adam.batch=5000", ["rounds.adam.batch = 5000", "expected at most 1437"]),
        ("rounds.adam=3", ["rounds.adam = 3", "expected a table, [rounds.adam]"]),
    ] {
        let said = refused(here.path(), &["run", "adam.toml", "--quiet", "--out", "none", "--set", set]);
        for word in words {
            assert!(said.contains(word), "{set}: {word} is not in: {said}");
        }
    }
}

/// Starts a run and waits for so many finished pieces.
fn started(folder: &Path, args: &[&str], pieces: usize) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_widelimit"))
        .current_dir(folder)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_piece = |name: &str| name.ends_with(".json");
    let done = || {
        let entries = fs::read_dir(folder.join("out/checkpoint")).into_iter().flatten().flatten();
        entries.filter(|entry| is_piece(&entry.file_name().to_string_lossy())).count()
    };
    while done() < pieces && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child
}

#[test]
fn killed_and_interrupted_runs_resume_to_the_same_bytes() {
    let here = here();
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--out", "whole"]);
    let args = ["run", "tiny.toml", "--quiet", "--out", "out"];
    let mut child = started(here.path(), &args, 2);
    let _ = child.kill();
    child.wait().unwrap();
    assert!(here.path().join("out/manifest.json").is_file());
    let resumed = [&args[..], &["--resume"]].concat();
    let child = started(here.path(), &resumed, 6);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 130)), "{:?}", output.status);
    if output.status.code() == Some(130) {
        assert_eq!(json(&here.path().join("out/manifest.json"))["status"], "interrupted");
        let said = refused(here.path(), &[&resumed[..], &["--set", "pruning.damping=0.5"]].concat());
        assert!(said.contains("pruning.damping"), "{said}");
    }
    fine(here.path(), &resumed);
    same(&here.path().join("whole"), &here.path().join("out"));
}

/// Every message names the file, the key and the value, and what would be right.
#[test]
fn what_cannot_be_used_is_refused_with_key_and_value() {
    let here = here();
    for (set, words) in [
        ("model.name=\"deit\"", ["model.name = \"deit\"", "expected one of \"deit-digits\", \"gpt2-shakespeare\""]),
        ("pruning.methods=[\"adam\"]", ["pruning.methods.0 = \"adam\"", "expected one of \"magnitude\""]),
        ("pruning.methods=[\"obc\",\"obc\"]", ["pruning.methods.1 = \"obc\"", "is entry 0 again"]),
        ("pruning.methods=[]", ["pruning.methods", "expected a list of at least one"]),
        ("pruning.damping=-1", ["pruning.damping = -1", "zero or positive"]),
        ("compare.sparsities=[1.0]", ["compare.sparsities.0 = 1.0", "a fraction of zeros from 0 to below 1"]),
        ("compare.sparsities=[0.5,\"4:2\"]", ["compare.sparsities.1 = \"4:2\"", "n:m with 0 < n < m"]),
        ("compare.sparsities=[0.6,0.5,0.50]", ["compare.sparsities.2 = 0.50", "is entry 1 again"]),
        ("compare.sparsities=0.5", ["compare.sparsities = 0.5", "expected a list such as"]),
        ("compare.sparsities=[]", ["compare.sparsities = []", "expected a list such as"]),
        ("allocation.sparsities=[\"2:4\"]", ["allocation.sparsities.0 = \"2:4\"", "expected fractions, such as 0.5"]),
        (
            "rounds.batches=[]",
            ["rounds.batches: missing", "expected a list of at least one, such as [\"fresh\", \"same\"]"],
        ),
        ("rounds.batches=[\"same\",\"new\"]", ["rounds.batches.1 = \"new\"", "\"fresh\", \"same\""]),
        ("rounds.batches=\"same\"", ["rounds.batches = \"same\"", "expected a list of some of"]),
        ("rounds.batch=1438", ["rounds.batch = 1438", "expected at most 1437"]),
        ("rounds.batch=1000000000000", ["rounds.batch = 1000000000000", "expected at most 1437"]),
        ("pruning.sparsity=0.5", ["pruning.sparsity = 0.5", "unknown key"]),
        ("calibration.samples=2000", ["calibration.samples = 2000", "expected at most 1437"]),
        ("held_out.kind=\"tokens\"", ["held_out.path", "missing"]),
        ("pruning.include=[\"no such layer\"]", ["no layer is pruned", "none of the 18 linear layers"]),
        (
            "compare.sparsities=[\"2:5\"]",
            ["pattern 2:5 needs a number of inputs that is divisible by 5", "the layer has 64"],
        ),
        ("kind=\"prune\"", ["kind = \"prune\"", "\"training\", \"recovery\", \"pruning\""]),
    ] {
        let said = refused(here.path(), &["run", "tiny.toml", "--quiet", "--set", set]);
        for word in words {
            assert!(said.contains(word), "{set}: {word} is not in: {said}");
        }
        assert!(!here.path().join("runs").exists(), "{set}");
    }
    let own = "kind=\"folder\"\npath='";
    let model = format!("{own}{}'", data("tiny-bert").display());
    let text = TINY.replace("kind = \"bundled\"\nname = \"deit-digits\"", &model);
    let tokens: Array1<i64> = (0..400).map(|i| i * i % 37).collect();
    write_npy(here.path().join("tokens.npy"), &tokens).unwrap();
    let samples = "kind = \"tokens\"\npath = \"tokens.npy\"\nlength = 8\n";
    let text = text.replace("[calibration]", &format!("[calibration]\n{samples}"));
    fs::write(here.path().join("bert.toml"), text.replace("[held_out]", &format!("[held_out]\n{samples}"))).unwrap();
    let said = refused(here.path(), &["run", "bert.toml", "--quiet"]);
    assert!(said.contains("a model of type bert has no scores to compare"), "{said}");
    let said = refused(here.path(), &["run", "bert.toml", "--quiet", "--set", "calibration.path=\"none.npy\""]);
    assert!(said.contains("none.npy: cannot be read"), "{said}");
    fs::write(here.path().join("none.toml"), TINY.split("[compare]").next().unwrap()).unwrap();
    let said = refused(here.path(), &["run", "none.toml", "--quiet"]);
    assert!(said.contains("expected a study: a table [compare], [rounds] or [allocation]"), "{said}");
}

/// One held-out sample, and models that are the same: nothing is judged, and the reason is said. Losses of 0 are drawn as such.
#[test]
fn single_samples_and_equal_models_are_not_judged() {
    let here = here();
    let run = |set: &[&str]| {
        let _ = fs::remove_dir_all(here.path().join("runs"));
        let sets: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        fine(here.path(), &[&["run", "tiny.toml", "--quiet"][..], &sets].concat());
        let checks = json(&here.path().join("runs/tiny/checks.json"));
        move |name: &str| {
            let check = checks.as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone();
            assert_eq!(check["verdict"], "not resolved", "{check}");
            check["detail"].as_str().unwrap().to_string()
        }
    };
    let detail = run(&["held_out.samples=1", "compare.sparsities=[0.7]"]);
    let one = "1 sample to compare on: an interval needs at least 2";
    assert_eq!(detail("compare-i-obs-dual-0.7"), format!("held-out data: {one}"));
    assert_eq!(detail("allocation-gain-0.8"), format!("held-out data: {one}"));
    assert!(
        detail("rounds-gain-fresh").contains("half are left: no sample to compare on"),
        "{}",
        detail("rounds-gain-fresh")
    );
    fine(here.path(), &["figures", "runs/tiny"]);
    let detail = run(&["compare.sparsities=[0]", "rounds.sparsity=0", "allocation.sparsities=[0]"]);
    let equal = "both have the same loss on every one of 30 samples";
    assert!(detail("compare-i-obs-dual-0").contains(equal), "{}", detail("compare-i-obs-dual-0"));
    assert!(detail("allocation-gain-0").contains(equal));
    assert!(detail("rounds-gain-fresh").contains("round 0, the first, is best"), "{}", detail("rounds-gain-fresh"));
    let svg = fs::read_to_string(here.path().join("runs/tiny/figures/rounds.svg")).unwrap();
    assert!(svg.contains("all values are 0") && !svg.contains("no value is finite"));
    // Patterns alone have entries in the legend.
    let _ = fs::remove_dir_all(here.path().join("runs"));
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--set", "compare.sparsities=[\"2:4\"]"]);
    let svg = fs::read_to_string(here.path().join("runs/tiny/figures/compare.svg")).unwrap();
    assert!(svg.contains(">i-obs-dual<") && svg.contains(">sparsegpt<"));
}
