//! Experiments of sparse recovery are run, interrupted, resumed, refused and recomputed like those that train networks.

use crate::common::experiment::{arrays, files, fine, json, program, refused, run, same};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use widelimit::config::{AnyExperiment, Override};

/// All four studies, small.
const TINY: &str = r#"
kind = "recovery"
name = "tiny"
title = "a tiny experiment"

[problem]
kind = "drawn"
n = 30
d = 20
sparsity = 3

[solver]
methods = ["k-iht", "cosamp", "topk-iobs", "greedy-iobs-refit", "stochastic-iobs"]
iterations = 100

[recover]
problems = 3

[noise]
snr_db = [20.0, 40.0]
problems = 3

[rates]
trials = 200
problems = 2

[phase]
n_over_d = [0.5, 1.0]
k_over_n = [0.1, 0.3, 0.6]
problems = 3
"#;

fn here() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    here
}

#[test]
fn from_a_file_to_its_figures_on_any_number_of_threads() {
    let here = here();
    let said = fine(here.path(), &["run", "tiny.toml", "--threads", "1"]);
    let words = [
        "recover-support",
        "recover-iht-descends",
        "recover-one-pass-topk-iobs",
        "noise-oracle",
        "rates-expansion",
        "rates-quadratic-logistic",
        "phase-full-rank-greedy-iobs-refit",
        "phase.svg",
    ];
    for word in words {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    let run = here.path().join("runs/tiny");
    fine(here.path(), &["check", "runs/tiny"]);
    fine(here.path(), &["run", "tiny.toml", "--threads", "3", "--out", "again", "--quiet"]);
    same(&run, &here.path().join("again"));
    // The resolved experiment is the experiment, and the figures are of the records alone.
    fine(here.path(), &["run", "again/experiment.toml", "--out", "third", "--quiet"]);
    same(&run, &here.path().join("third"));
    let manifest = json(&run.join("manifest.json"));
    assert_eq!((&manifest["status"], manifest.get("clock")), (&"complete".into(), None));
    let before = files(&run.join("figures"));
    let aside = here.path().join("state");
    fs::rename(run.join("state"), &aside).unwrap();
    fs::remove_dir_all(run.join("figures")).unwrap();
    fine(here.path(), &["figures", "runs/tiny"]);
    let after = files(&run.join("figures"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for stem in ["recover", "noise", "rates", "phase"] {
        assert!(before[&format!("{stem}.svg")] == after[&format!("{stem}.svg")], "{stem}");
        let svg = String::from_utf8_lossy(&before[&format!("{stem}.svg")]).into_owned();
        assert!(!svg.contains("NaN") && svg.contains("<text"), "{stem}");
    }
    let message = refused(here.path(), &["run", "tiny.toml", "--resume"]);
    assert!(message.contains("state/problem.npz: it is missing"), "{message}");
    fs::rename(&aside, run.join("state")).unwrap();
    assert!(fine(here.path(), &["run", "tiny.toml", "--resume"]).contains("nothing to do"));
}

/// What was recorded of the first problem, recomputed from its file in plain loops: the values of all recorded answers,
/// and one step of k-IHT.
#[test]
fn records_are_of_the_problem_in_the_folder() {
    let here = here();
    fine(
        here.path(),
        &["run", "tiny.toml", "--quiet", "--set", "solver.iterations=1", "--set", "solver.success=1e-30"],
    );
    let run = here.path().join("runs/tiny");
    let (problem, found) = (arrays(&run.join("state/problem.npz")), arrays(&run.join("records/recover.npz")));
    let (x, y, truth) = (&problem["X"], &problem["y"], &problem["w_star"]);
    let residual = |w: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (0..30).map(|i| (0..20).map(|j| x[[i, j]] * w(j)).sum::<f64>() - y[i]).collect()
    };
    for method in ["k-iht", "topk-iobs", "greedy-iobs-refit"] {
        let w = &found[&format!("{method}_w")];
        let value = 0.5 * residual(&|j| w[[0, j]]).iter().map(|r| r * r).sum::<f64>();
        let recorded = found[&format!("{method}_value")][[0, 1]];
        assert!((value - recorded).abs() < 1e-12 * (1.0 + value), "{method}: {value} {recorded}");
        let (gap, length) = (0..20)
            .fold((0.0, 0.0), |(gap, length), j| (gap + (w[[0, j]] - truth[j]).powi(2), length + truth[j].powi(2)));
        let recorded = found[&format!("{method}_answer_error")][[0]];
        assert!(((gap / length).sqrt() - recorded).abs() < 1e-12, "{method}");
    }
    // From 0 the first iterate of k-IHT is T_k(X^T y) / L, L by power iteration.
    let g: Vec<f64> = (0..20).map(|j| (0..30).map(|i| x[[i, j]] * y[i]).sum()).collect();
    let mut v = vec![1.0; 20];
    let mut largest = 0.0;
    for _ in 0..3000 {
        let xv: Vec<f64> = (0..30).map(|i| (0..20).map(|j| x[[i, j]] * v[j]).sum()).collect();
        v = (0..20).map(|j| (0..30).map(|i| x[[i, j]] * xv[i]).sum()).collect();
        largest = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= largest);
    }
    let mut order: Vec<usize> = (0..20).collect();
    order.sort_by(|&a, &b| g[b].abs().total_cmp(&g[a].abs()));
    for (place, &j) in order.iter().enumerate() {
        let expected = if place < 3 { g[j] / largest } else { 0.0 };
        assert!((found["k-iht_w"][[0, j]] - expected).abs() < 1e-9, "{j}");
    }
    // The problem in the folder is one that a file can hold: it gives the same answers.
    let set = ["--set", "problem={kind=\"file\", path=\"runs/tiny/state/problem.npz\"}", "--set", "recover.problems=1"];
    let text = TINY.split("[noise]").next().unwrap();
    fs::write(here.path().join("file.toml"), text).unwrap();
    let extra = ["--set", "solver.iterations=1", "--set", "solver.success=1e-30", "--out", "file", "--quiet"];
    fine(here.path(), &[&["run", "file.toml"][..], &set, &extra].concat());
    let again = arrays(&here.path().join("file/records/recover.npz"));
    let first = |table: &ndarray::ArrayD<f64>| table.index_axis(ndarray::Axis(0), 0).to_owned();
    for method in ["k-iht", "cosamp", "topk-iobs", "greedy-iobs-refit"] {
        let name = format!("{method}_w");
        assert_eq!(first(&again[&name]), first(&found[&name]), "{method}");
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
    let done = || fs::read_dir(folder.join("out/checkpoint")).map_or(0, |entries| entries.flatten().count());
    while done() < pieces && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child
}

#[test]
fn killed_and_interrupted_runs_resume_to_the_same_bytes() {
    let here = here();
    // Long enough to be caught.
    let set = [
        "--set",
        "solver.iterations=3000",
        "--set",
        "phase.problems=30",
        "--set",
        "problem.d=40",
        "--set",
        "problem.n=40",
    ];
    let run = |out: &str, more: &[&str]| {
        fine(here.path(), &[&["run", "tiny.toml", "--quiet", "--out", out][..], &set, more].concat())
    };
    run("whole", &[]);
    let args = [&["run", "tiny.toml", "--quiet", "--out", "out"][..], &set].concat();
    let mut child = started(here.path(), &args, 3);
    let _ = child.kill();
    child.wait().unwrap();
    assert!(here.path().join("out/manifest.json").is_file());
    let resumed = [&args[..], &["--resume"]].concat();
    let child = started(here.path(), &resumed, 8);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 130)), "{:?}", output.status);
    if output.status.code() == Some(130) {
        assert_eq!(json(&here.path().join("out/manifest.json"))["status"], "interrupted");
        let changed = [&resumed[..], &["--set", "solver.step=0.5"]].concat();
        let refused = program().current_dir(here.path()).args(changed).output().unwrap();
        assert!(String::from_utf8_lossy(&refused.stderr).contains("solver.step"));
    }
    run("out", &["--resume"]);
    same(&here.path().join("whole"), &here.path().join("out"));
}

/// Ctrl-C ends a run within a second wherever it is: in the trials about thresholding, in the iterations of a method
/// that does not converge, in an elimination, in the search over supports, and while the first problem is drawn.
#[test]
fn interrupts_are_seen_within_a_second() {
    let here = here();
    let only = |table: &str, methods: &str, problem: &str| {
        format!(
            "kind = \"recovery\"\nname = \"long\"\n[problem]\nkind = \"drawn\"\n{problem}\n[solver]\nmethods = [\"{methods}\"]\n\
             iterations = 20000000\ntolerance = 0.0\nsuccess = 1e-30\n{table}\n"
        )
    };
    // So ill-conditioned that k-IHT does not come to rest.
    let small = "n = 40\nd = 40\nsparsity = 20\ndesign = \"rotated\"\ncondition = 1e8";
    let wide = "n = 1200\nd = 2400\nsparsity = 40\nsnr_db = 10.0";
    for (name, text) in [
        ("trials", only("[rates]\ntrials = 10000000\nproblems = 1", "omp", small)),
        ("iterations", only("[recover]\nproblems = 1", "k-iht", small)),
        ("noise", only("[noise]\nproblems = 1", "k-iht", small)),
        ("phase", only("[phase]\nn_over_d = [0.5]\nk_over_n = [0.9]\nproblems = 1", "k-iht", small)),
        ("elimination", only("[recover]\nproblems = 9", "greedy-iobs", wide)),
        ("lasso", only("[recover]\nproblems = 9", "lasso", wide)),
    ] {
        fs::write(here.path().join(format!("{name}.toml")), text).unwrap();
        let out = here.path().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_widelimit"))
            .current_dir(here.path())
            .args(["run", &format!("{name}.toml"), "--out", name, "--threads", "1", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !out.join("records/recovery.json").is_file() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "{name} is not long enough");
        let asked = std::time::Instant::now();
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
        // The machine may be busy: the limit is an order of magnitude below the time of what was interrupted.
        let seconds = asked.elapsed().as_secs_f64();
        println!("{name}: {seconds:.2} s");
        assert!(seconds < 20.0, "{name}: {seconds} s");
        assert_eq!(json(&out.join("manifest.json"))["status"], "interrupted", "{name}");
    }
}

/// Sizes that no machine has are refused before anything is drawn or made, with the parts of the estimate; and every run
/// says what it needs.
#[test]
fn memory_is_estimated_before_it_is_taken() {
    let here = here();
    for (set, words) in [
        (&["problem.n=60000000", "problem.d=600000"][..], ["the first problem", "a smaller n or d"]),
        (
            &["problem.n=3", "problem.d=30000000", "solver.methods=[\"topk-iobs\"]"],
            ["problems in solution", "a smaller n or d"],
        ),
        (&["solver.iterations=1000000000000"], ["problems in solution", "iterations"]),
    ] {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        let output = run(here.path(), &[&["run", "tiny.toml", "--threads", "1"][..], &set].concat());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{set:?}: {message}");
        assert!(message.contains("the run would need") && words.iter().all(|word| message.contains(word)), "{message}");
        assert!(!here.path().join("runs").exists());
    }
    let output = run(here.path(), &["run", "tiny.toml", "--threads", "1"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("memory: about "), "{message}");
    let memory = &json(&here.path().join("runs/tiny/manifest.json"))["memory"];
    let parts = ["program", "first_problem", "problems", "records", "figures"];
    assert!(parts.iter().all(|part| memory[part].as_u64().is_some_and(|bytes| bytes > 0)), "{memory}");
}

fn write_problem(path: &Path, arrays: &[(&str, ndarray::ArrayD<f64>)]) {
    let mut writer = ndarray_npy::NpzWriter::new(fs::File::create(path).unwrap());
    arrays.iter().for_each(|(name, array)| writer.add_array(*name, array).unwrap());
    writer.finish().unwrap();
}

/// A problem file is one problem: `[recover]` needs no key. Its truth may be 0, and its units extreme.
#[test]
fn problem_files() {
    let here = tempfile::tempdir().unwrap();
    let text = |loss: &str, methods: &str| {
        format!(
            "kind = \"recovery\"\nname = \"f\"\n[problem]\nkind = \"file\"\npath = \"a.npz\"\nloss = \"{loss}\"\n[solver]\n\
             methods = {methods}\nk = 2\n[recover]\n"
        )
    };
    let entry =
        |(i, j): (usize, usize)| if i % 6 == j { 1.0 } else { 0.1 * ((i * i + 3 * j * j + 5 * i * j) as f64).sin() };
    let x = ndarray::Array2::from_shape_fn((12, 6), entry);
    let truth = ndarray::array![0.0, 2.0, 0.0, 0.0, -1.0, 0.0];
    let write = |x: ndarray::Array2<f64>, y: ndarray::Array1<f64>, truth: Option<ndarray::Array1<f64>>| {
        let mut arrays = vec![("X", x.into_dyn()), ("y", y.into_dyn())];
        arrays.extend(truth.map(|truth| ("w_star", truth.into_dyn())));
        write_problem(&here.path().join("a.npz"), &arrays);
    };
    let file = here.path().join("f.toml");
    let methods = "[\"k-iht\", \"niht\", \"omp\", \"topk-iobs\"]";
    fs::write(&file, text("squared", methods)).unwrap();
    let summaries = || {
        fine(here.path(), &["run", "f.toml", "--force", "--quiet", "--threads", "1"]);
        let summaries = json(&here.path().join("runs/f/records/recover.json"))["summaries"].clone();
        let checks = json(&here.path().join("runs/f/checks.json"));
        for check in checks.as_array().unwrap() {
            assert!(!check["measured"].is_string(), "an infinite measurement: {check}");
            assert_eq!(check["measured"].is_null(), check["verdict"] == "not resolved", "{check}");
        }
        summaries.as_array().unwrap().clone()
    };
    write(x.clone(), x.dot(&truth), Some(truth.clone()));
    for summary in summaries() {
        assert_eq!((&summary["problems"], &summary["successes"]), (&1.into(), &1.into()), "{summary}");
    }
    // In other units the same succeed.
    write(1e-60 * &x, 1e-60 * x.dot(&truth), Some(truth.clone()));
    for summary in summaries() {
        assert_eq!(summary["successes"], 1, "{summary}");
    }
    // A truth of 0: absolute errors, all of them 0.
    write(x.clone(), ndarray::Array1::zeros(12), Some(ndarray::Array1::zeros(6)));
    for summary in summaries() {
        assert_eq!((&summary["successes"], &summary["problems"]), (&1.into(), &1.into()), "{summary}");
        assert_eq!(summary["error"], 0.0, "{summary}");
    }
    let warnings = json(&here.path().join("runs/f/manifest.json"))["warnings"].to_string();
    assert!(warnings.contains("true vector of 1 problems is 0"), "{warnings}");
    // What a loss cannot have.
    let signs = x.dot(&truth).mapv(|a| if a > 0.0 { 1.0 } else { -1.0 });
    for (loss, y, words) in [
        ("logistic", signs, ["(y + 1) / 2", "-1"]),
        ("exponential", x.dot(&truth), ["at least 0", "\"exponential\""]),
        ("quadratic-measurement", x.dot(&truth), ["at least 0", "square"]),
        ("quadratic-measurement", x.dot(&truth).mapv(|a| a * a), ["vanishes at w = 0", "w0"]),
    ] {
        write(x.clone(), y, Some(truth.clone()));
        fs::write(&file, text(loss, "[\"k-iht\"]")).unwrap();
        let output = run(here.path(), &["run", "f.toml", "--out", "none", "--quiet"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{loss}: {message}");
        assert!(message.contains("a.npz") && words.iter().all(|word| message.contains(word)), "{loss}: {message}");
        assert!(!here.path().join("none").exists());
    }
}

fn parse(set: &[&str]) -> Result<AnyExperiment, String> {
    let overrides: Vec<Override> = set.iter().map(|entry| entry.parse().unwrap()).collect();
    let loaded = widelimit::parse(TINY, "tiny.toml", Path::new(""), &overrides).map_err(|error| error.to_string())?;
    Ok(loaded.experiment)
}

#[test]
fn errors_name_key_value_and_what_would_be_right() {
    assert!(parse(&[]).is_ok());
    let rows: &[(&[&str], &[&str])] = &[
        (&["kind=pruned"], &["kind = \"pruned\"", "\"training\", \"recovery\", \"pruning\""]),
        (&["kind=training"], &["population: missing", "problem"]),
        (&["problem.kind=mnist"], &["problem.folder: missing", "noise: draws its problems"]),
        (&["problem.kind=graph"], &["problem.kind = \"graph\"", "\"drawn\", \"mnist\", \"file\""]),
        (&["problem.n=0"], &["problem.n = 0", "at least 1"]),
        (&["problem.sparsity=21"], &["problem.sparsity = 21", "at most d = 20"]),
        (&["problem.design=rotated"], &["problem.condition: missing", "positive"]),
        (&["problem.design=rotated", "problem.condition=0.5"], &["problem.condition = 0.5", "at least 1"]),
        (&["problem.design=sparse-sign", "problem.density=1.5"], &["problem.density = 1.5", "at most 1"]),
        (&["problem.signal=loud"], &["problem.signal = \"loud\"", "\"sign\""]),
        (&["problem.loss=hinge"], &["problem.loss = \"hinge\"", "\"logistic\""]),
        (&["problem.loss=logistic"], &["\"cosamp\"", "least squares", "noise: is about least squares"]),
        (&["problem.loss=logistic", "problem.snr_db=20"], &["problem.snr_db", "real measurements"]),
        (&["problem.loss=quadratic-measurement"], &["problem.start_distance: missing", "vanishes at 0"]),
        (&["problem.noise=3"], &["problem.noise = 3", "unknown key"]),
        (&["solver.methods=[]"], &["solver.methods: missing"]),
        (&["solver.methods=[\"iht\"]"], &["solver.methods = \"iht\"", "\"k-iht\""]),
        (&["solver.methods=[\"omp\", \"omp\"]"], &["solver.methods = \"omp\"", "once"]),
        (&["solver.k=0"], &["solver.k = 0", "at least 1"]),
        (&["solver.k=21"], &["solver.k = 21", "at most problem.d = 20", "phase diagram"]),
        (&["solver.excess=0.5"], &["solver.excess = 0.5", "at least 1"]),
        (&["solver.damping=none"], &["solver.damping = \"none\"", "\"auto\""]),
        (&["solver.damping=-1"], &["solver.damping = -1", "zero or positive"]),
        (&["solver.iterations=0"], &["solver.iterations = 0"]),
        (&["solver.methods=[\"omp\"]", "solver.batch=4"], &["solver.batch = 4", "stochastic-iobs"]),
        (&["solver.methods=[\"stochastic-iobs\"]", "solver.batch=0"], &["solver.batch = 0", "at least 1"]),
        (
            &["solver.methods=[\"stochastic-iobs\"]", "solver.batch=1000"],
            &["solver.batch = 1000", "at most problem.n", "the numbers of rows differ"],
        ),
        (
            &["solver.methods=[\"exact-iobs\"]", "problem.d=100", "problem.sparsity=30"],
            &["\"exact-iobs\"", "supports", "greedy-iobs"],
        ),
        (&["noise.snr_db=[20.0, 10.0]"], &["noise.snr_db = [20.0, 10.0]", "increasing"]),
        (&["phase.k_over_n=[0.5, 1.5]"], &["phase.k_over_n = 1.5", "at most 1"]),
        (&["phase.n_over_d=[]"], &["phase.n_over_d", "expected a list"]),
        (&["rates.trials=5"], &["rates.trials = 5", "at least 100"]),
        (&["recovery.problems=1"], &["recovery", "did you mean 'recover'?"]),
    ];
    for (set, words) in rows {
        let message = parse(set).expect_err(&format!("{set:?}"));
        for word in *words {
            assert!(message.contains(word), "'{word}' is not in: {message}");
        }
    }
}

#[test]
fn files_that_are_wrong_are_named_and_nothing_is_made() {
    let here = tempfile::tempdir().unwrap();
    let text = TINY.split("[noise]").next().unwrap().replace("problems = 3", "problems = 1");
    fs::write(here.path().join("tiny.toml"), text).unwrap();
    let with = |set: &str, words: &[&str]| {
        let output = run(here.path(), &["run", "tiny.toml", "--set", set]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        words.iter().for_each(|word| assert!(message.contains(word), "'{word}' is not in: {message}"));
        assert!(!here.path().join("runs").exists());
    };
    let file = "problem={kind=\"file\", path=\"a.npz\"}";
    with(file, &["a.npz", "cannot read"]);
    fs::write(here.path().join("a.npz"), "nothing").unwrap();
    with(file, &["a.npz: not a readable .npz"]);
    let mut writer = ndarray_npy::NpzWriter::new(fs::File::create(here.path().join("a.npz")).unwrap());
    writer.add_array("X", &ndarray::Array2::<f64>::eye(4)).unwrap();
    writer.add_array("y", &ndarray::Array1::<f64>::ones(4)).unwrap();
    writer.finish().unwrap();
    with(file, &["solver.k: missing", "w_star"]);
    with("problem={kind=\"mnist\", n=10, folder=\"nowhere\"}", &["nowhere does not exist"]);
    let output = run(here.path(), &["run", "tiny.toml", "--set", file, "--set", "solver.k=5"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("d = 4"));
}
