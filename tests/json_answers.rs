//! Commands that answer in JSON, completions, manual pages, and what the manifest tells about the machine.

use crate::common::experiment::{TINY, fine, json, program, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use widelimit::config::builtin;

/// The only answer on standard output, and the exit status.
fn answer(folder: &Path, args: &[&str]) -> (Value, Option<i32>) {
    let output = run(folder, args);
    let text = String::from_utf8(output.stdout).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"));
    assert_eq!(answer["json_version"], 1, "{args:?}");
    assert_eq!(answer["command"], args[0], "{args:?}");
    assert_eq!(answer["program"]["version"], env!("CARGO_PKG_VERSION"));
    (answer, output.status.code())
}

fn here() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    here
}

#[test]
fn a_run_and_its_checks_as_json() {
    let here = here();
    let (ran, code) = answer(here.path(), &["run", "tiny.toml", "--json"]);
    assert_eq!((code, &ran["status"], &ran["computed"]), (Some(0), &"complete".into(), &true.into()));
    let checks = json(&here.path().join("runs/tiny/checks.json"));
    assert_eq!(ran["checks"], checks);
    let by_verdict = |section: &str, verdict: &str| {
        let of = |check: &&Value| check["section"] == section && check["verdict"] == verdict;
        checks.as_array().unwrap().iter().filter(of).count()
    };
    for (section, verdicts) in ran["summary"].as_object().unwrap() {
        for (verdict, count) in verdicts.as_object().unwrap() {
            assert_eq!(*count, by_verdict(section, &verdict.replace('_', " ")), "{section} {verdict}");
        }
    }
    for figure in ran["figures"].as_array().unwrap() {
        assert!(here.path().join(figure.as_str().unwrap()).is_file(), "{figure}");
    }
    assert!(ran["phases"].as_array().unwrap().iter().any(|phase| phase["name"] == "networks"));

    let (again, _) = answer(here.path(), &["run", "tiny.toml", "--json", "--resume"]);
    assert_eq!((&again["computed"], &again["checks"]), (&false.into(), &checks));
    let (checked, code) = answer(here.path(), &["check", "runs/tiny", "--json"]);
    let any_fails = by_verdict("theory", "fails") + by_verdict("program", "fails") > 0;
    assert_eq!((code, &checked["checks"]), (Some(i32::from(any_fails)), &checks));
    assert_eq!(checked["summary"], ran["summary"]);
    let (status, _) = answer(here.path(), &["status", "runs/tiny", "--json"]);
    assert_eq!((&status["state"], &status["left_seconds"]), (&"complete".into(), &Value::Null));
}

#[test]
fn errors_as_json_have_the_message_of_standard_error() {
    let here = here();
    let (failed, code) = answer(here.path(), &["run", "tiny.toml", "--json", "--set", "dynamics.step=-1"]);
    assert_eq!((code, &failed["status"]), (Some(2), &"error".into()));
    assert!(failed["error"].as_str().unwrap().contains("dynamics.step"), "{failed}");
    for args in [["check", "nothing", "--json"], ["status", "nothing", "--json"]] {
        assert_eq!(answer(here.path(), &args).1, Some(2));
    }
}

#[test]
fn the_list_as_json_names_kinds_and_studies() {
    let here = here();
    let (list, _) = answer(here.path(), &["list", "--json"]);
    let entries = list["experiments"].as_array().unwrap();
    assert_eq!(entries.len(), builtin::BUILTIN.len());
    let entry = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
    assert_eq!(entry("digits")["kind"], "training");
    assert_eq!(entry("recover")["kind"], "recovery");
    assert_eq!(entry("prune-digits")["kind"], "pruning");
    assert!(entry("digits")["studies"].as_array().unwrap().contains(&"gap".into()));
}

#[test]
fn shells_and_man_know_every_command() {
    let here = here();
    let help = fine(here.path(), &["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).and_then(|rest| rest.split(' ').next())
        })
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"completions") && commands.len() > 10, "{commands:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = fine(here.path(), &["completions", shell]);
        for word in commands.iter().chain(&["accept-revision"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(fine(here.path(), &["man"]).contains(".TH widelimit 1"));
    fine(here.path(), &["man", "--out", "pages"]);
    for command in commands {
        let page = fs::read_to_string(here.path().join(format!("pages/widelimit-{command}.1"))).unwrap();
        assert!(page.contains(".TH"), "{command}");
    }
    let mut parsed = program();
    let output = parsed.args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// The manifest of a run tells when, how and on what each of its processes was started.
#[test]
fn the_manifest_tells_when_and_how() {
    let here = here();
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--set", "widths.seeds=1"]);
    let manifest = json(&here.path().join("runs/tiny/manifest.json"));
    let invocations = manifest["invocations"].as_array().unwrap();
    assert_eq!(invocations.len(), 1);
    let one = &invocations[0];
    let command: Vec<&str> = one["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(command[1..], ["run", "tiny.toml", "--quiet", "--set", "widths.seeds=1"]);
    let (started, ended) = (one["started"].as_str().unwrap(), one["ended"].as_str().unwrap());
    assert!(started <= ended && started.ends_with('Z') && started.len() == 20, "{started} {ended}");
    let revision = manifest["revision"].as_str().unwrap();
    let modified = if revision.contains("sources-") { Value::Null } else { revision.contains('+').into() };
    assert_eq!((&one["modified_sources"], &one["revision"]), (&modified, &manifest["revision"]));
}
