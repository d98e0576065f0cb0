//! Figures in sizes, colours, labels and formats of one's own; studies that are chosen on the command line.

use crate::common::experiment::{TINY, files, fine, json, refused};
use std::fs;

fn here() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    here
}

#[test]
fn figures_for_a_paper() {
    let here = here();
    fine(here.path(), &["run", "tiny.toml", "--quiet"]);
    let before = files(&here.path().join("runs/tiny/figures"));
    let style = "colours = [\"#123456\"]\nmarkers = [\"diamond\"]\n[labels]\n\"time t = kε\" = \"Zeit\"\n";
    fs::write(here.path().join("style.toml"), style).unwrap();
    let args = [
        "figures",
        "runs/tiny",
        "--figure",
        "risk,neurons",
        "--width",
        "3.4in",
        "--font-size",
        "6",
        "--format",
        "svg,pgf",
    ];
    let printed = fine(here.path(), &[&args[..], &["--out", "paper", "--style", "style.toml"]].concat());
    let names = ["paper/risk.svg", "paper/risk.pgf", "paper/neurons.svg", "paper/neurons.pgf"];
    assert_eq!(printed.lines().collect::<Vec<_>>(), names);
    let svg = fs::read_to_string(here.path().join("paper/risk.svg")).unwrap();
    assert!(svg.contains("width=\"244.8pt\""), "{}", &svg[..200]);
    assert!(svg.contains("Zeit") && !svg.contains(">time t = kε<"));
    let pgf = fs::read_to_string(here.path().join("paper/risk.pgf")).unwrap();
    assert!(pgf.contains("\\begin{pgfpicture}") && pgf.contains("\\fontsize{6}") && pgf.contains("Zeit"));
    assert!(pgf.contains("{244.8bp}") && !pgf.contains("NaN"), "{}", &pgf[..300]);
    let neurons = fs::read_to_string(here.path().join("paper/neurons.svg")).unwrap();
    assert!(neurons.contains("#123456"));
    assert!(files(&here.path().join("runs/tiny/figures")) == before, "the figures of the run are other files");

    // The style of the experiment is that of the figures at the end of the run; it changes no record.
    let keys = ["--set", "figure.width=3in", "--set", "figure.colours=[\"#123456\"]", "--out", "styled"];
    fine(here.path(), &[&["run", "tiny.toml", "--quiet"], &keys[..]].concat());
    let styled = fs::read_to_string(here.path().join("styled/figures/risk.svg")).unwrap();
    assert!(styled.contains("width=\"216pt\""), "{}", &styled[..200]);
    // So is the report.
    let report = fs::read_to_string(here.path().join("styled/report.html")).unwrap();
    assert!(report.contains("width=\"216pt\"") && report.contains("#123456") && !report.contains("#0072B2"));
    assert!(files(&here.path().join("styled/records")).iter().all(|(name, bytes)| {
        name.ends_with("timings.json") || *bytes == fs::read(here.path().join("runs/tiny/records").join(name)).unwrap()
    }));
    assert_eq!(json(&here.path().join("styled/manifest.json"))["experiment"]["figure"]["width"], "3in");
}

#[test]
fn what_cannot_be_drawn_is_named() {
    let here = here();
    fine(here.path(), &["run", "tiny.toml", "--quiet"]);
    let message = refused(here.path(), &["figures", "runs/tiny", "--figure", "risk,gaps"]);
    assert!(message.contains("'gaps'") && message.contains("risk"), "{message}");
    fs::write(here.path().join("style.toml"), "[labels]\n\"nothing such\" = \"x\"\n").unwrap();
    let message = refused(here.path(), &["figures", "runs/tiny", "--style", "style.toml"]);
    assert!(message.contains("nothing such") && message.contains("labels"), "{message}");
    // That of the experiment is known when figures are drawn: the run has them without it, and says so.
    let wrong = ["--set", "figure.labels={\"nothing such\" = \"x\", \"time t = kε\" = \"Zeit\"}", "--out", "wrong"];
    fine(here.path(), &[&["run", "tiny.toml", "--quiet"], &wrong[..]].concat());
    let warnings = json(&here.path().join("wrong/manifest.json"))["warnings"].to_string();
    assert!(warnings.contains("figure.labels") && warnings.contains("'nothing such'"), "{warnings}");
    assert!(fs::read_to_string(here.path().join("wrong/figures/risk.svg")).unwrap().contains("Zeit"));
    let message = refused(here.path(), &["figures", "wrong"]);
    assert!(message.contains("figure.labels") && message.contains("'nothing such'"), "{message}");
    assert!(refused(here.path(), &["figures", "runs/tiny", "--width", "3em"]).contains("3.4in"));
    assert!(refused(here.path(), &["figures", "runs/tiny", "--format", "eps"]).contains("pgf"));
    // A page that is too small is known at the end only, when the results are there.
    let small = ["--set", "figure.width=0.6in", "--set", "figure.columns=2", "--out", "small"];
    fine(here.path(), &[&["run", "tiny.toml", "--quiet"], &small[..]].concat());
    assert!(here.path().join("small/figures/risk.svg").is_file());
    assert!(json(&here.path().join("small/manifest.json"))["warnings"].to_string().contains("[figure]"));
    let message = refused(here.path(), &["run", "tiny.toml", "--set", "figure.font_size=100", "--out", "no"]);
    assert!(message.contains("figure.font_size") && !here.path().join("no").exists(), "{message}");
}

#[test]
fn some_studies_of_an_experiment() {
    let here = here();
    let both = ["--set", "dropout.draws=10", "--set", "paths.pairs=1"];
    let run = |extra: &[&str]| fine(here.path(), &[&["run", "tiny.toml", "--quiet"], &both[..], extra].concat());
    run(&["--study", "dropout", "--out", "one"]);
    run(&["--unset", "gap", "--set", "paths.pairs=1", "--out", "by-unset", "--study", "dropout,connect"]);
    let studies = |folder: &str| json(&here.path().join(folder).join("manifest.json"))["studies"].clone();
    assert_eq!(studies("one"), serde_json::json!(["dropout"]));
    assert_eq!(studies("by-unset"), serde_json::json!(["dropout", "paths"]));
    let message = refused(here.path(), &["run", "tiny.toml", "--study", "gaps"]);
    assert!(message.contains("--study gaps") && message.contains("did you mean 'gap'"), "{message}");
    let message = refused(here.path(), &["run", "tiny.toml", "--study", "gap,predict"]);
    assert!(message.contains("no study of this name") && message.contains("[predict]"), "{message}");
}
