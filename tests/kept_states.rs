//! What a complete run keeps of its states: all, the final parameters, or nothing; records and figures are the same.

use crate::common::experiment::{TINY, arrays, files, fine, json, refused};
use std::fs;
use std::path::Path;

fn run(folder: &Path, kept: &str) {
    let set = [format!("run.states={kept}"), "paths.pairs=1".into(), "paths.points=5".into()];
    let mut args = vec!["run", "tiny.toml", "--quiet", "--out", kept];
    set.iter().for_each(|key| args.extend(["--set", key]));
    fine(folder, &args);
}

#[test]
fn states_are_kept_as_requested() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    for kept in ["all", "ends", "none"] {
        run(here.path(), kept);
    }
    let state = |kept: &str| files(&here.path().join(kept).join("state"));
    let all = state("all");
    assert_eq!(state("none").keys().collect::<Vec<_>>(), ["data.npz"]);
    let ends = state("ends");
    assert!(all.keys().any(|name| name.starts_with("paths/")) && !ends.keys().any(|name| name.starts_with("paths/")));
    let networks = all.keys().filter(|name| !name.starts_with("paths/") && !name.starts_with("reference-"));
    assert_eq!(ends.keys().collect::<Vec<_>>(), networks.collect::<Vec<_>>());
    for name in ends.keys().filter(|name| *name != "data.npz") {
        let before = arrays(&here.path().join("all/state").join(name));
        let after = arrays(&here.path().join("ends/state").join(name));
        assert_eq!(after.keys().collect::<Vec<_>>(), ["a_final", "b_final", "w_final"], "{name}");
        assert!(after.iter().all(|(part, values)| before[part] == *values), "{name}");
    }
    for kept in ["ends", "none"] {
        for part in ["records", "figures"] {
            let (one, other) = (files(&here.path().join("all").join(part)), files(&here.path().join(kept).join(part)));
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{kept}");
            assert!(one.iter().all(|(name, bytes)| name == "timings.json" || *bytes == other[name]), "{kept} {part}");
        }
        // Figures are drawn again, but for those of states that were not kept.
        let drawn = fine(here.path(), &["figures", kept]);
        assert_eq!(drawn.contains("neurons"), kept == "ends");
        assert!(
            fine(
                here.path(),
                &[
                    "run",
                    "tiny.toml",
                    "--set",
                    &format!("run.states={kept}"),
                    "--set",
                    "paths.pairs=1",
                    "--set",
                    "paths.points=5",
                    "--out",
                    kept,
                    "--resume"
                ]
            )
            .contains("is complete")
        );
    }
}

/// The manifest names every file of `state/` with its checksum.
fn named(run: &Path) -> Vec<String> {
    let manifest = json(&run.join("manifest.json"));
    manifest["states"].as_object().unwrap().keys().cloned().collect()
}

/// Damages a file in one of four ways.
fn damage(path: &Path, way: usize) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    match way {
        0 => bytes[middle] ^= 1,
        1 => bytes.truncate(middle),
        2 => bytes.clear(),
        _ => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

const SET: [&str; 4] = ["--set", "paths.pairs=1", "--set", "paths.points=5"];

/// Every way of damage to every kind of state of a complete run is noticed by every command that reads it.
#[test]
fn damaged_states_are_noticed() {
    let here = tempfile::tempdir().unwrap();
    let at = |name: &str| here.path().join(name);
    fs::write(at("tiny.toml"), TINY).unwrap();
    for kept in ["all", "ends"] {
        run(here.path(), kept);
        let run = at(kept);
        let found: Vec<String> = files(&run.join("state")).into_keys().map(|name| format!("state/{name}")).collect();
        assert_eq!(named(&run), found);
        let set = format!("run.states={kept}");
        let resume = [&["run", "tiny.toml", "--resume", "--out", kept, "--set", &set][..], &SET].concat();
        let pair = found.iter().find(|name| name.starts_with("state/paths/"));
        assert_eq!(pair.is_some(), kept == "all");
        let states = ["state/data.npz", "state/n4-s1.npz", "state/reference.npz"].into_iter();
        for (i, name) in states.chain(pair.map(String::as_str)).enumerate() {
            let whole = fs::read(run.join(name)).unwrap();
            for way in [i % 4, 3] {
                damage(&run.join(name), way);
                let reason = if way == 3 { "it is missing" } else { "its SHA-256 is" };
                for command in [&["check", kept][..], &["check", kept, "--json"], &resume] {
                    let message = refused(here.path(), command);
                    assert!(
                        [name, reason, "--force"].iter().all(|words| message.contains(words)),
                        "{command:?}, {name} damaged by {way}: {message}"
                    );
                }
                let draws = refused_or_fine(here.path(), &["draws", kept, "n4-s1", "--out", "draws.npz"]);
                assert_eq!(draws.contains(name), i < 2, "{name}: {draws}");
                let figures = refused_or_fine(here.path(), &["figures", kept]);
                assert_eq!(figures.contains(&format!("{name}: it")), i == 2, "{name}: {figures}");
                fs::write(run.join(name), &whole).unwrap();
            }
        }
        fine(here.path(), &["check", kept]);
        assert!(fine(here.path(), &resume).contains("is complete"));
        // Runs of earlier versions have no checksums of their states.
        let mut manifest = json(&run.join("manifest.json"));
        manifest.as_object_mut().unwrap().remove("states");
        fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
        damage(&run.join("state/n4-s1.npz"), 0);
        fine(here.path(), &["check", kept]);
    }
}

/// The message of a command that is refused; empty where it is not.
fn refused_or_fine(folder: &Path, args: &[&str]) -> String {
    let output = crate::common::experiment::run(folder, args);
    if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// A process that is killed after the manifest has completed the run, and before its states are reduced, leaves a run whose
/// states are right, and which the next command that writes in the folder ends.
#[test]
fn a_run_that_is_killed_while_states_are_reduced_is_complete() {
    let here = tempfile::tempdir().unwrap();
    let at = |name: &str| here.path().join(name);
    fs::write(at("tiny.toml"), TINY).unwrap();
    run(here.path(), "all");
    for kept in ["ends", "none"] {
        run(here.path(), kept);
        let set = format!("run.states={kept}");
        let resume = [&["run", "tiny.toml", "--resume", "--out", kept, "--set", &set][..], &SET].concat();
        let reduced = files(&at(kept).join("state"));
        for command in [&resume[..], &["figures", kept]] {
            let staged = at(kept).join("checkpoint/kept");
            fs::create_dir_all(&staged).unwrap();
            for name in reduced.keys().filter(|name| *name != "data.npz") {
                fs::rename(at(kept).join("state").join(name), staged.join(name)).unwrap();
            }
            for (name, bytes) in files(&at("all/state")) {
                let path = at(kept).join("state").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            fine(here.path(), &["check", kept]);
            fine(here.path(), command);
            assert_eq!(files(&at(kept).join("state")), reduced);
            assert!(!at(kept).join("checkpoint").exists() && !at(kept).join("state/paths").exists());
            fine(here.path(), &["check", kept]);
        }
    }
}
