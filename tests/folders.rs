//! Run folders of which files are damaged or missing, and folders in which there is no place for a run.

use crate::common::experiment::{TINY, fine, refused, run};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with an experiment and its complete run `runs/tiny`.
fn complete(text: &str) -> TempDir {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), text).unwrap();
    fine(here.path(), &["run", "tiny.toml", "--quiet"]);
    here
}

/// Every command that verifies files names all that are damaged, of all runs.
#[test]
fn every_damaged_file_is_named() {
    let here = complete(TINY);
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--out", "other"]);
    let at = |name: &str| here.path().join(name);
    let records = ["runs/tiny/checks.json", "runs/tiny/records/gap.json", "runs/tiny/records/widths.npz"];
    for name in records {
        fs::write(at(name), "{").unwrap();
    }
    fs::remove_file(at("runs/tiny/state/n4-s0.npz")).unwrap();
    fs::remove_file(at("other/records/groups.json")).unwrap();
    for (args, others) in [
        (&["check", "runs/tiny"][..], &["4 files", "runs/tiny/state/n4-s0.npz: it is missing"][..]),
        (&["run", "tiny.toml", "--resume", "--quiet"], &["4 files", "runs/tiny/state/n4-s0.npz: it is missing"]),
        (&["report", "runs/tiny"], &["3 files"]),
        (&["report", "runs/tiny", "other"], &["4 files", "other/records/groups.json: it is missing"]),
        (&["compare", "runs/tiny", "other"], &["4 files", "other/records/groups.json: it is missing"]),
    ] {
        let said = refused(here.path(), args);
        for words in records.iter().chain(others) {
            assert!(said.contains(words), "{args:?}: {words} is not in {said}");
        }
    }
    // The figures show neither the checks nor the states of narrow networks.
    let said = refused(here.path(), &["figures", "runs/tiny"]);
    assert!(said.contains("2 files") && said.contains(records[1]) && said.contains(records[2]), "{said}");
}

#[test]
fn every_damaged_file_of_a_sweep_is_named() {
    let here = complete(&format!("{TINY}\n[vary]\n\"dynamics.friction\" = [1.0, 2.0]\n"));
    let points = fs::read_dir(here.path().join("runs/tiny/points")).unwrap();
    let mut files: Vec<_> = points.map(|point| point.unwrap().path().join("records/gap.json")).collect();
    files.push(here.path().join("runs/tiny/records/vary.json"));
    files.iter().for_each(|file| fs::write(file, "{").unwrap());
    let said = refused(here.path(), &["check", "runs/tiny"]);
    for file in &files {
        assert!(said.contains(&file.strip_prefix(here.path()).unwrap().display().to_string()), "{file:?}: {said}");
    }
}

/// Figures and a report that were deleted are made again, and nothing else is touched.
#[test]
fn missing_figures_are_drawn_by_resume() {
    let here = complete(TINY);
    let at = |name: &str| here.path().join("runs/tiny").join(name);
    let again = ["run", "tiny.toml", "--resume", "--quiet"];
    let whole = fs::read(at("figures/risk.svg")).unwrap();
    assert!(fine(here.path(), &again).contains("nothing to do"));
    fs::remove_file(at("figures/risk.svg")).unwrap();
    fs::write(at("figures/gap-widths.svg"), "of one's own").unwrap();
    let said = fine(here.path(), &again);
    assert!(said.contains("figures or report were missing"), "{said}");
    assert!(said.contains("written again: runs/tiny/figures/risk.svg") && !said.contains("gap-widths.svg"), "{said}");
    assert_eq!(fs::read(at("figures/risk.svg")).unwrap(), whole);
    assert_eq!(fs::read(at("figures/gap-widths.svg")).unwrap(), b"of one's own");
    fs::remove_dir_all(at("figures")).unwrap();
    fs::remove_file(at("report.html")).unwrap();
    let said = fine(here.path(), &[&again[..], &["--json"]].concat());
    let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(answer["figures"].as_array().is_some_and(|files| files.len() > 3), "{said}");
    for name in ["figures/risk.svg", "figures/gap-widths.pdf", "figures/neurons.png", "report.html"] {
        assert!(at(name).is_file(), "{name}");
    }
    assert!(fine(here.path(), &again).contains("nothing to do"));
}

#[test]
fn missing_figures_of_points_are_drawn_by_resume() {
    let here = complete(&format!("{TINY}\n[vary]\n\"dynamics.friction\" = [1.0, 2.0]\n"));
    let point = fs::read_dir(here.path().join("runs/tiny/points")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(point.join("figures/risk.png")).unwrap();
    fine(here.path(), &["run", "tiny.toml", "--resume", "--quiet"]);
    assert!(point.join("figures/risk.png").is_file());
}

/// A run is not started inside another one, and no command writes among its records.
#[test]
fn there_is_no_place_for_a_run_inside_another() {
    let here = complete(TINY);
    for args in [
        &["run", "tiny.toml", "--out", "runs/tiny/again"][..],
        &["run", "tiny.toml", "--out", "runs/tiny/records/new"],
        &["run", "tiny.toml", "--force", "--out", "runs/tiny/records"],
        &["extend", "runs/tiny", "--set", "widths.seeds=3", "--out", "runs/tiny/more"],
        &["coverage", "tiny.toml", "--seeds", "2", "--out", "runs/tiny/coverage"],
        &["run", "tiny.toml", "--set", "vary.dynamics.friction=[1,2]", "--out", "runs/tiny/sweep"],
        &["figures", "runs/tiny", "--out", "runs/tiny/records"],
        &["export", "runs/tiny", "--csv", "--out", "runs/tiny/state/csv"],
        &["compare", "runs/tiny", "runs/tiny", "--out", "runs/tiny/records"],
        &["report", "runs/tiny", "--out", "runs/tiny/records/report.html"],
        &["draws", "runs/tiny", "n4-s0", "--out", "runs/tiny/state/draws.npz"],
    ] {
        let said = refused(here.path(), args);
        assert!(said.contains("is inside") && said.contains("choose another folder with --out"), "{args:?}: {said}");
    }
    let entries = |name: &str| fs::read_dir(here.path().join(name)).unwrap().count();
    assert_eq!(entries("runs"), 1);
    assert!(
        !["again", "more", "coverage", "sweep"].iter().any(|name| here.path().join("runs/tiny").join(name).exists())
    );
    fine(here.path(), &["check", "runs/tiny"]);
    // Beside the records there is a place for figures.
    fine(here.path(), &["figures", "runs/tiny", "--out", "runs/tiny/paper", "--figure", "risk"]);
    assert!(Path::new(&here.path().join("runs/tiny/paper/risk.svg")).is_file());
}

#[test]
fn sizes_of_no_page_are_refused() {
    let here = complete(TINY);
    for (option, value) in
        [("--width", "400"), ("--width", "3.4em"), ("--height", "0.1mm"), ("--width", "-3in"), ("--width", "1e9cm")]
    {
        let output = run(here.path(), &["figures", "runs/tiny", &format!("{option}={value}")]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("from 0.5 to 40 inches with its unit"), "{said}");
    }
    for (value, points) in [("3.4", "244.8pt"), ("3.4in", "244.8pt"), ("8.636cm", "244.8pt"), ("86.36mm", "244.8pt")] {
        fine(
            here.path(),
            &["figures", "runs/tiny", "--figure", "risk", "--format", "svg", "--width", value, "--out", "paper"],
        );
        let svg = fs::read_to_string(here.path().join("paper/risk.svg")).unwrap();
        assert!(svg.contains(&format!("width=\"{points}\"")), "{value}: {}", &svg[..200]);
    }
}
