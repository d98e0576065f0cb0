//! Every command, from `list` to `draws`, does what its help states and returns the documented exit code.

use crate::common::experiment::{Run, Shared, TINY, arrays, files, json, parse, program, tiny};
use resvg::usvg;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use widelimit::config::{AnyExperiment, Description, builtin};
use widelimit::record::FORMAT;
use widelimit::record::npz::StoredArrays;
use widelimit::run::machine_memory;

/// The output of the program, and its exit code.
struct CommandOutput {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the program in a folder.
fn widelimit(folder: &Path, args: &[&str]) -> CommandOutput {
    let output = program().current_dir(folder).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    CommandOutput { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn fine(folder: &Path, args: &[&str]) -> CommandOutput {
    let output = widelimit(folder, args);
    assert_eq!(output.code, Some(0), "{args:?}: {}", output.err);
    output
}

/// A complete run with every kind of group.
fn shared() -> Arc<Run> {
    static COMPLETE: Shared = Shared::new();
    let sweeps = "gap.sweep=[\
        {over=\"step\", values=[0.0625, 0.03125], width=4, seeds=2}, \
        {over=\"step\", values=[0.0625, 0.03125], batch=1, width=4, seeds=2}, \
        {over=\"batch\", values=[1, 2], width=4, seeds=2}]";
    COMPLETE.get(|| Run::new(&tiny(&[sweeps])))
}

/// A copy of it, to be changed.
fn complete() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&shared().path()) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

#[test]
fn every_built_in_is_listed_shown_and_read_back() {
    let here = tempfile::tempdir().unwrap();
    let list = fine(here.path(), &["list"]).out;
    assert_eq!(list.lines().count(), builtin::BUILTIN.len());
    for (line, known) in list.lines().zip(builtin::BUILTIN) {
        let described = widelimit::describe(known.name, &[], None).unwrap_or_else(|error| panic!("{error}"));
        let loaded = match described {
            Description::Single(loaded) => loaded,
            // Those of a table [vary] are in `vary.rs`.
            Description::Varied(_) => continue,
        };
        assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
        let experiment = loaded.experiment;
        let title = experiment.title();
        assert!(line.starts_with(known.name) && line.ends_with(title) && !title.is_empty());
        assert_eq!(experiment.name(), known.name);
        let shown = fine(here.path(), &["show", known.name]).out;
        assert_eq!(widelimit::parse(&shown, "shown", Path::new("."), &[]).unwrap().experiment, experiment);
        let written = experiment.to_toml().unwrap();
        assert_eq!(widelimit::parse(&written, "written", Path::new(""), &[]).unwrap().experiment, experiment);
        // Only experiments with networks can be refused for their size before the data are read.
        let AnyExperiment::Training(experiment) = experiment else { continue };
        // The size of MNIST is not in the experiment.
        let shape = experiment.shape_hint().unwrap_or((1000, 784, 1));
        let needed = widelimit::estimate_memory(&experiment, shape);
        assert_eq!(needed.fits_machine(), Ok(()));
        assert!(needed.total() < 1 << 34, "{}: {}", known.name, machine_memory::bytes(needed.total()));
    }
    let output = widelimit(here.path(), &["show", "digit"]);
    assert_eq!(output.code, Some(2));
    assert!(builtin::names().iter().all(|name| output.err.contains(name)), "{}", output.err);
}

#[test]
fn an_experiment_from_a_file_to_its_figures() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let output = fine(here.path(), &["run", "tiny.toml", "--threads", "1", "--set", "widths.seeds=3"]);
    for word in ["a tiny experiment", "memory: about "] {
        assert!(output.err.contains(word), "{}", output.err);
    }
    for word in [
        "runs-diverged",
        "energy-falls",
        "gap-widths-function",
        "holds",
        "records: runs/tiny/records",
        "gap-widths.svg",
    ] {
        assert!(output.out.contains(word), "{word} is not in: {}", output.out);
    }
    let run = here.path().join("runs/tiny");
    let manifest = json(&run.join("manifest.json"));
    assert_eq!(manifest["status"], "complete");
    assert_eq!(manifest["experiment"]["widths"]["seeds"], 3);
    assert_eq!(manifest["threads"], 1);
    assert!(manifest["trajectories"].as_array().unwrap().iter().all(|run| run["stop"]["reason"] == "horizon"));
    let written = fs::read_to_string(run.join("experiment.toml")).unwrap();
    assert_eq!(parse(&written, &[]).unwrap(), tiny(&["widths.seeds=3"]));
    // With `--quiet` nothing is printed.
    let quiet = fine(here.path(), &["run", "tiny.toml", "--quiet", "--out", "elsewhere"]);
    assert_eq!(quiet.err, "");
    assert!(here.path().join("elsewhere/checks.json").is_file());
    fine(here.path(), &["check", "elsewhere"]);
}

#[test]
fn figures_are_drawn_from_the_records_alone() {
    let run = complete();
    let before = files(&run.path().join("figures"));
    for name in ["figures", "checks.json", "experiment.toml", "state/data.npz", "state/n4-s1.npz"] {
        let path = run.path().join(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    let output = fine(run.path(), &["figures", "."]);
    let after = files(&run.path().join("figures"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert_eq!(output.out.lines().count(), after.len());
    for (name, bytes) in &before {
        assert!(*bytes == after[name], "{name} is another file");
    }
}

#[test]
fn figures_are_well_formed() {
    let figures = files(&shared().path().join("figures"));
    let stems =
        ["gap-widths", "gap-steps-full", "gap-steps-b1", "gap-batches", "gap-bound", "gap-time", "risk", "neurons"];
    assert_eq!(figures.len(), 3 * stems.len());
    for stem in stems {
        let [svg, png, pdf] = ["svg", "png", "pdf"].map(|kind| &figures[&format!("{stem}.{kind}")]);
        let text = std::str::from_utf8(svg).unwrap();
        let tree = usvg::Tree::from_str(text, &usvg::Options::default()).unwrap_or_else(|e| panic!("{stem}: {e}"));
        assert!(tree.size().width() > 100.0 && tree.size().height() > 50.0, "{stem}");
        assert!(text.contains("<text") && !text.contains("NaN") && !text.contains("inf\""), "{stem}");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xaeB`\x82"), "{stem}");
        assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"), "{stem}");
        let holds = |word: &[u8]| pdf.windows(word.len()).any(|part| part == word);
        assert!(holds(b"/FontFile"), "{stem}: no font is embedded");
    }
}

#[test]
fn exit_codes_of_check() {
    let run = complete();
    let path = run.path().join("checks.json");
    let mut checks = json(&path);
    // A list that is not the one that the run wrote is refused where its checksum is known; runs of earlier versions have
    // none.
    let original = fs::read(&path).unwrap();
    fs::write(&path, checks.to_string()).unwrap();
    let output = widelimit(run.path(), &["check", "."]);
    assert_eq!(output.code, Some(2));
    assert!(output.err.contains("checks.json") && output.err.contains("SHA-256"), "{}", output.err);
    fs::write(&path, original).unwrap();
    let manifest = run.path().join("manifest.json");
    let mut without = json(&manifest);
    without["records"].as_object_mut().unwrap().remove("checks.json").unwrap();
    fs::write(&manifest, serde_json::to_string_pretty(&without).unwrap()).unwrap();
    let set = |checks: &mut serde_json::Value, verdict: &str| {
        checks.as_array_mut().unwrap().iter_mut().for_each(|check| check["verdict"] = verdict.into());
        fs::write(&path, checks.to_string()).unwrap();
    };
    for (verdict, code) in [("holds", 0), ("not resolved", 0), ("fails", 1)] {
        set(&mut checks, verdict);
        let output = widelimit(run.path(), &["check", "."]);
        assert_eq!(output.code, Some(code), "{verdict}: {}", output.err);
        assert!(output.out.contains(verdict) && output.out.contains("energy-falls"), "{}", output.out);
    }
    // One failed check is enough, and its detail is printed.
    set(&mut checks, "holds");
    checks[1]["verdict"] = "fails".into();
    checks[1]["detail"] = "the energy rises".into();
    fs::write(&path, checks.to_string()).unwrap();
    let output = widelimit(run.path(), &["check", "."]);
    assert_eq!(output.code, Some(1));
    assert!(output.out.contains("the energy rises"), "{}", output.out);

    let text = fs::read_to_string(&manifest).unwrap();
    for (status, word) in [("running", "unfinished"), ("interrupted", "interrupted")] {
        fs::write(&manifest, text.replace("\"status\": \"complete\"", &format!("\"status\": \"{status}\""))).unwrap();
        let output = widelimit(run.path(), &["check", "."]);
        assert_eq!(output.code, Some(2));
        assert!(output.err.contains(word) && output.err.contains("--resume"), "{}", output.err);
    }
    for command in ["check", "figures"] {
        let output = widelimit(run.path(), &[command, "nowhere"]);
        assert_eq!(output.code, Some(2));
        assert!(output.err.contains("nowhere is not a run"), "{}", output.err);
    }
}

/// Run folders of another format are refused where their layout matters, with advice; their checks are still printed.
#[test]
fn run_folders_of_another_format() {
    let run = complete();
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let (path, file) = (run.path().to_str().unwrap(), run.path().join("manifest.json"));
    let written = json(&file);
    assert_eq!(written["format"], FORMAT);
    // Manifests of the first format have neither the format nor what came with it.
    let mut earlier = written.clone();
    ["format", "kind", "studies"].iter().for_each(|key| drop(earlier.as_object_mut().unwrap().remove(*key)));
    let mut later = written.clone();
    later["format"] = (FORMAT + 1).into();
    later["unheard-of"] = 1.into();
    for (manifest, format) in [(earlier, 1), (later, FORMAT + 1)] {
        for status in ["complete", "interrupted"] {
            let mut manifest = manifest.clone();
            manifest["status"] = status.into();
            fs::write(&file, manifest.to_string()).unwrap();
            let before = files(run.path());
            for (args, advice) in [
                (&["run", "tiny.toml", "--out", path, "--resume"][..], "Start over with --force"),
                (&["run", "tiny.toml", "--out", path], "choose another folder with --out"),
                (&["figures", path], "run it again with --force"),
            ] {
                let output = widelimit(here.path(), args);
                assert_eq!(output.code, Some(2), "{args:?}: {}", output.err);
                let found = format!("have format {format}; this version reads and writes format {FORMAT}");
                for word in [path, &found, advice] {
                    assert!(output.err.contains(word), "'{word}' is not in: {}", output.err);
                }
            }
            let kept = |mut files: BTreeMap<String, Vec<u8>>| {
                files.remove(".lock");
                files
            };
            assert!(kept(files(run.path())) == kept(before), "a refused run is left as it was");
        }
        fs::write(&file, manifest.to_string()).unwrap();
        let output = fine(here.path(), &["check", path]);
        assert!(output.out.contains("energy-falls"), "{}", output.out);
    }
    // A run may be started over in the place of one of another format.
    fine(here.path(), &["run", "tiny.toml", "--out", path, "--force", "--quiet"]);
    assert_eq!(json(&file)["format"], FORMAT);
}

#[test]
fn draws_of_a_trajectory() {
    let shared = shared();
    let run = shared.path();
    let here = tempfile::tempdir().unwrap();
    let of = |id: &str, out: &str| widelimit(here.path(), &["draws", run.to_str().unwrap(), id, "--out", out]);
    let output = of("steps-b1-0.0625-s1", "draws.npz");
    assert_eq!(output.code, Some(0), "{}", output.err);
    let drawn = arrays(&here.path().join("draws.npz"));
    assert_eq!(drawn.keys().collect::<Vec<_>>(), ["indices"]);
    assert_eq!(drawn["indices"].shape(), [16, 1]);
    assert!(drawn["indices"].iter().all(|&i| (0.0..40.0).contains(&i) && i.fract() == 0.0));
    assert!(StoredArrays::<f64>::read(&here.path().join("draws.npz")).is_ok());
    for (id, words) in [
        ("n4-s0", vec!["n4-s0", "no random draws", "full gradient"]),
        ("n5-s0", vec!["no trajectory is called 'n5-s0'", "n4-s0", "reference-half-step", "batches-2-s1"]),
    ] {
        let output = of(id, "none.npz");
        assert_eq!(output.code, Some(2));
        assert!(words.iter().all(|word| output.err.contains(word)), "{}", output.err);
        assert!(!here.path().join("none.npz").exists());
    }
}

#[test]
fn a_step_far_too_large_stops_its_network_and_no_other() {
    // A stiff ridge: steps of 1/2 explode at once, steps of 1/32 do not. Nothing is recorded on the way.
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let stiff = [
        "--set",
        "dynamics.ridge=300",
        "--set",
        "dynamics.friction=0.5",
        "--set",
        "reference.step=0.0078125",
        "--set",
        "horizon.time=4.0",
        "--set",
        "horizon.records=1",
    ];
    let sweep = ["--set", "gap.sweep=[{over=\"step\", values=[0.5, 0.03125, 0.015625], width=4, seeds=2}]"];
    let args = [&["run", "tiny.toml", "--out", "one"][..], &stiff, &sweep].concat();
    let output = fine(here.path(), &args);
    // A cell of the table may be broken into lines.
    let words: Vec<&str> = output.out.split_whitespace().collect();
    assert!(words.join(" ").contains("steps-full-0.5-s0 at step 2 (loss "), "{}", output.out);
    let run = here.path().join("one");
    for trajectory in json(&run.join("manifest.json"))["trajectories"].as_array().unwrap() {
        let id = trajectory["id"].as_str().unwrap();
        let stop = &trajectory["stop"];
        if id.starts_with("steps-full-0.5-") {
            assert_eq!((&stop["reason"], &stop["step"], &stop["time"]), (&"diverged".into(), &2.into(), &1.0.into()));
        } else {
            assert_eq!(stop["reason"], "horizon", "{id}");
        }
    }
    let groups = json(&run.join("records/groups.json"));
    assert_eq!(groups["groups"][1]["diverged"], serde_json::json!(["steps-full-0.5-s0", "steps-full-0.5-s1"]));
    let table = &arrays(&run.join("records/steps-full.npz"))["function"];
    assert!((0..2).all(|s| table[[0, s, 1]].is_nan() && table[[1, s, 1]].is_finite() && table[[2, s, 1]].is_finite()));
    let check = &json(&run.join("checks.json"))[0];
    assert_eq!((&check["name"], &check["verdict"]), (&"runs-diverged".into(), &"fails".into()));
    assert_eq!(widelimit(here.path(), &["check", "one"]).code, Some(1));

    // Where every network of the widths diverges, and the limit with their step beside them, the rest still stands.
    let args = [&["run", "tiny.toml", "--out", "all", "--set", "dynamics.step=0.5"][..], &stiff].concat();
    let output = fine(here.path(), &args);
    assert!(output.out.contains("reference-training-step") || output.out.contains("more, named in"), "{}", output.out);
    let all = here.path().join("all");
    assert_eq!(
        json(&all.join("records/groups.json"))["reference"]["function"]["training_step"],
        serde_json::Value::Null
    );
    assert!(arrays(&all.join("records/reference.npz"))["risk"].iter().all(|risk| risk.is_finite()));
    let verdicts = json(&all.join("checks.json"));
    assert!(verdicts.as_array().unwrap()[2..].iter().all(|check| check["verdict"] == "not resolved"), "{verdicts}");
    assert_eq!(widelimit(here.path(), &["check", "all"]).code, Some(1));
    fine(here.path(), &["figures", "all"]);
}

#[test]
fn both_spellings_of_the_clock_give_the_same_bits() {
    let here = tempfile::tempdir().unwrap();
    let (step, friction) = (0.125, 1.5);
    let clock = |lines: &str| TINY.replace("step = 0.03125\nfriction = 1.0\n", lines);
    fs::write(here.path().join("a.toml"), clock(&format!("step = {step}\nfriction = {friction}\n"))).unwrap();
    let rate = format!("learning_rate = {}\nmomentum = {}\n", step * step, 1.0 - friction * step);
    fs::write(here.path().join("b.toml"), clock(&rate)).unwrap();
    for name in ["a", "b"] {
        let output = fine(here.path(), &["run", &format!("{name}.toml"), "--out", name]);
        let words =
            "heavy ball: step 0.125, friction 1.5 = learning rate 1.562e-2 (on the N-scaled gradient), momentum 0.8125";
        assert!(output.err.contains(words), "{}", output.err);
        let clock = json(&here.path().join(name).join("manifest.json"))["clock"].clone();
        let expected =
            serde_json::json!({"step": 0.125, "friction": 1.5, "learning_rate": 0.015625, "momentum": 0.8125});
        assert_eq!(clock, expected);
    }
    for part in ["records", "state"] {
        let (a, b) = (files(&here.path().join("a").join(part)), files(&here.path().join("b").join(part)));
        assert!(a == b && a.len() > 1, "{part}");
    }
    // Under plain gradient descent the step is the learning rate.
    let set = ["--set", "dynamics={method=\"gradient-descent\", learning_rate=0.125}"];
    let output = fine(here.path(), &[&["run", "a.toml", "--out", "c"][..], &set].concat());
    assert!(
        output.err.contains("gradient descent: step 0.125 (learning rate on the N-scaled gradient)"),
        "{}",
        output.err
    );
}

#[test]
fn flags_are_checked() {
    let here = tempfile::tempdir().unwrap();
    for (args, words) in [
        (&["run", "digits", "--threads", "0"][..], &["--threads", "0", "1.."][..]),
        (&["run", "digits", "--threads", "many"], &["--threads", "many"]),
        (&["run", "digits", "--thread", "2"], &["--thread", "--threads"]),
        (&["run"], &["NAME|FILE"]),
        (&["run", "digits", "--force", "--resume"], &["cannot be used with"]),
        (&["draws", "."], &["TRAJECTORY", "--out"]),
        (&["run", "digits", "--accept-revision"], &["--resume"]),
        (&["draw"], &["draw", "draws"]),
        (&[], &["Usage"]),
    ] {
        let output = widelimit(here.path(), args);
        assert_eq!(output.code, Some(2), "{args:?}");
        assert!(words.iter().all(|word| output.err.contains(word)), "{args:?}: {}", output.err);
    }
    assert!(files(here.path()).is_empty());
    for flag in ["--help", "--version"] {
        fine(here.path(), &[flag]);
    }
    let help = fine(here.path(), &["run", "--help"]).out;
    for flag in ["--out", "--set", "--threads", "--resume", "--accept-revision", "--force", "--quiet"] {
        assert!(help.contains(flag), "{flag}");
    }
}
