//! The report of a run and the comparison of runs: every check once, well formed, one file, the same bytes again.

use crate::common::experiment::{Run, Shared, TINY, files, fine, json, parse, refused, run};
use resvg::usvg::roxmltree::{Document, Node, ParsingOptions};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use widelimit::record::RunKind;
use widelimit::study::REGISTRY;

/// Characters that have a meaning in HTML, in a title.
const TITLE: &str = "a <b>tiny</b> & \"quoted\" experiment";

/// The studies of trained networks whose checks differ most, small.
const STUDIES: &str = "\n[convergence]\n\n[dropout]\ndraws = 10\n\n[paths]\npairs = 1\nhalves = 2\npoints = 3\n";

fn shared() -> Arc<Run> {
    static COMPLETE: Shared = Shared::new();
    COMPLETE.get(|| {
        let text = format!("{TINY}{STUDIES}").replace("a tiny experiment", &TITLE.replace('"', "\\\""));
        Run::new(&parse(&text, &[]).unwrap_or_else(|error| panic!("{error}")))
    })
}

/// A copy of a run, to be changed.
fn copy(run: &Run) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&run.path()) {
        let path = folder.path().join("run").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// Calls `test` with the elements of a page, which must be well-formed XML.
fn with_page(text: &str, test: impl FnOnce(&Document<'_>)) {
    let options = ParsingOptions { allow_dtd: true, ..Default::default() };
    test(&Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}")));
}

fn elements<'a>(page: &'a Document<'a>, tag: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    page.descendants().filter(move |node| node.has_tag_name(tag) || node.tag_name().name() == tag)
}

/// The text of an element and of those in it, with single spaces.
fn text_of(node: Node<'_, '_>) -> String {
    let parts: Vec<&str> = node.descendants().filter_map(|node| node.is_text().then(|| node.text())?).collect();
    parts.concat().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What every page promises: identifiers are unique, links lead somewhere, nothing is loaded, every image has a title.
fn check_page(text: &str) {
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    with_page(text, |page| {
        let ids: Vec<&str> = page.descendants().filter_map(|node| node.attribute("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        let mut counts = BTreeMap::new();
        ids.iter().for_each(|id| *counts.entry(id).or_insert(0) += 1);
        assert_eq!(ids.len(), unique.len(), "{:?}", counts.iter().filter(|(_, n)| **n > 1).collect::<Vec<_>>());
        for node in page.descendants().filter(|node| node.is_element()) {
            assert!(!["script", "link", "iframe", "object", "image", "use"].contains(&node.tag_name().name()));
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(!["srcset", "style"].contains(&name) && !name.starts_with("on"), "{name}={value}");
                assert!(name != "src" || value.starts_with("data:image/png;base64,"), "{name}={value}");
                if name == "href" {
                    assert!(value.strip_prefix('#').is_some_and(|id| unique.contains(id)), "{value}");
                }
                if name == "aria-labelledby" {
                    assert!(unique.contains(value), "{value}");
                }
            }
        }
        let styles: Vec<String> = elements(page, "style").map(text_of).collect();
        assert_eq!(styles.len(), 1, "one style, with the font");
        assert_eq!(styles[0].matches("url(").count(), styles[0].matches("url(data:font/woff2;base64,").count());
        assert_eq!(styles[0].matches("@font-face").count(), 2, "upright and italic");
        for svg in elements(page, "svg") {
            assert_eq!(svg.attribute("role"), Some("img"));
            let title = svg.first_element_child().filter(|node| node.tag_name().name() == "title");
            assert!(title.is_some_and(|title| text_of(title).len() > 40), "a figure has no title");
        }
        for image in elements(page, "img") {
            assert!(image.attribute("alt").is_some_and(|alt| alt.len() > 40), "an image has no text");
        }
        for figure in elements(page, "figure") {
            let caption = figure.children().find(|node| node.has_tag_name("figcaption")).map(text_of);
            assert!(caption.is_some_and(|caption| caption.len() > 40), "{:?} has no caption", figure.attribute("id"));
        }
    });
}

/// Every check of a run is on its page once, with its statement and verdict; so is every figure.
fn check_run(text: &str, folder: &Path, prefix: &str) {
    let checks = json(&folder.join("checks.json"));
    let checks = checks.as_array().unwrap();
    with_page(text, |page| {
        let rows: BTreeMap<&str, Node<'_, '_>> = elements(page, "tr")
            .filter_map(|row| Some((row.attribute("id")?.strip_prefix(prefix)?.strip_prefix("check-")?, row)))
            .collect();
        assert_eq!(rows.len(), checks.len());
        for check in checks {
            let name = check["name"].as_str().unwrap();
            let row = rows.get(name).unwrap_or_else(|| panic!("{name} is not on the page"));
            let cells: Vec<String> = row.children().filter(Node::is_element).map(text_of).collect();
            let statement = check["statement"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(cells[0].starts_with(name) && cells[0].contains(&statement), "{cells:?}");
            assert_eq!(cells.len(), 6);
            assert_eq!(cells[5], check["verdict"].as_str().unwrap(), "{name}");
            assert_eq!(cells[2] == "none", check["interval"].is_null(), "{name}");
            assert_eq!(cells[3] == "none", check["joint_interval"].is_null(), "{name}");
        }
        let drawn: BTreeSet<String> = elements(page, "figure")
            .filter_map(|node| Some(node.attribute("id")?.strip_prefix(prefix)?.strip_prefix("figure-")?.to_string()))
            .collect();
        let files = fs::read_dir(folder.join("figures")).unwrap().map(|entry| entry.unwrap().path());
        let expected = files.filter(|path| path.extension().is_some_and(|e| e == "svg"));
        assert_eq!(drawn, expected.map(|path| path.file_stem().unwrap().to_str().unwrap().into()).collect());
    });
}

fn page_of(run: &Path) -> String {
    fs::read_to_string(run.join("report.html")).unwrap()
}

/// The block of a page in which a check is.
fn beside(text: &str, check: &str) -> String {
    let mut found = String::new();
    with_page(text, |page| {
        let row = page.descendants().find(|node| node.attribute("id") == Some(&format!("check-{check}"))).unwrap();
        let block = row.ancestors().find(|node| node.attribute("class") == Some("block")).unwrap();
        let figure = block.children().find(|node| node.has_tag_name("figure"));
        found = figure.and_then(|figure| figure.attribute("id")).unwrap_or("none").trim_start_matches("figure-").into();
    });
    found
}

#[test]
fn a_run_ends_with_its_report() {
    let run = shared();
    let text = page_of(&run.path());
    check_page(&text);
    check_run(&text, &run.path(), "");
    with_page(&text, |page| {
        let heading = text_of(elements(page, "h1").next().unwrap());
        assert_eq!(heading, format!("tiny: {TITLE}"));
        let checks = json(&run.file("checks.json"));
        let count = |section: &str, verdict: &str| {
            let of = |check: &&Value| check["section"] == section && check["verdict"] == verdict;
            checks.as_array().unwrap().iter().filter(of).count()
        };
        let line = page.descendants().find(|node| node.attribute("class") == Some("verdicts")).map(text_of).unwrap();
        let open = count("theory", "not resolved");
        assert!(line.contains(&format!("{open} not resolved")) && line.contains("Program"), "{line}");
        let manifest = json(&run.file("manifest.json"));
        let all = text_of(page.root_element());
        let start = &manifest["invocations"][0];
        for word in [&manifest["revision"], &start["started"], &start["ended"]].map(|word| word.as_str().unwrap()) {
            assert!(all.contains(word), "{word}");
        }
        for name in ["records/widths.npz", "records/dropout.npz", "records/gap.json", "state/n8-s1.npz"] {
            assert!(all.contains(name), "{name}");
        }
    });
}

#[test]
fn checks_are_beside_the_figures_that_support_them() {
    let text = page_of(&shared().path());
    for (check, figure) in [
        ("runs-diverged", "risk"),
        ("gap-widths-function", "gap-widths"),
        ("gap-widths-bound-form", "gap-bound"),
        ("dropout-closed-form", "dropout"),
        ("dropout-free-of-width", "dropout-scaling"),
        ("paths-bound", "paths"),
        ("paths-barrier-first-half", "paths-barrier"),
        ("convergence-passage-0.5", "convergence"),
    ] {
        assert_eq!(beside(&text, check), figure, "{check}");
    }
}

#[test]
fn a_report_is_made_again_from_the_records_with_the_same_bytes() {
    let folder = copy(&shared());
    let path = folder.path().join("run/report.html");
    let before = fs::read(&path).unwrap();
    for lost in ["figures", "state/n4-s1.npz"] {
        let lost = folder.path().join("run").join(lost);
        if lost.is_dir() { fs::remove_dir_all(lost) } else { fs::remove_file(lost) }.unwrap();
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(fine(folder.path(), &["report", "run"]).trim(), "run/report.html");
    assert!(fs::read(&path).unwrap() == before, "another page");
    assert_eq!(fine(&folder.path().join("run"), &["report", "."]).trim(), "./report.html");
    assert!(fs::read(&path).unwrap() == before, "another page from within the folder");
    // Elsewhere, the page names the folder.
    fine(folder.path(), &["report", "run", "--out", "there.html"]);
    assert!(fs::read_to_string(folder.path().join("there.html")).unwrap().contains("run = &quot;run&quot;"));
}

#[test]
fn damaged_runs_have_no_report_and_keep_the_one_they_have() {
    let folder = copy(&shared());
    let at = |name: &str| folder.path().join("run").join(name);
    let before = fs::read(at("report.html")).unwrap();
    for name in ["records/widths.npz", "records/paths.json", "checks.json", "experiment.toml", "manifest.json"] {
        let whole = fs::read(at(name)).unwrap();
        fs::write(at(name), &whole[..whole.len() / 2]).unwrap();
        let said = refused(folder.path(), &["report", "run"]);
        assert!(said.contains(name) && said.contains("--force"), "{said}");
        fs::remove_file(at(name)).unwrap();
        assert!(refused(folder.path(), &["report", "run"]).contains(if name == "manifest.json" {
            "run"
        } else {
            name
        }));
        fs::write(at(name), whole).unwrap();
    }
    let manifest = json(&at("manifest.json"));
    let with = |key: &str, value: Value| {
        let mut changed = manifest.clone();
        changed[key] = value;
        fs::write(at("manifest.json"), changed.to_string()).unwrap();
        refused(folder.path(), &["report", "run"])
    };
    assert!(with("status", "interrupted".into()).contains("--resume"));
    assert!(with("format", 1.into()).contains("format 1"));
    let mut experiment = manifest["experiment"].clone();
    experiment["dynamics"]["step"] = (-1.0).into();
    let said = with("experiment", experiment);
    assert!(said.contains("manifest.json") && said.contains("dynamics.step"), "{said}");
    assert!(fs::read(at("report.html")).unwrap() == before);
    // What is not a report is not replaced.
    fs::write(at("manifest.json"), manifest.to_string()).unwrap();
    fs::write(folder.path().join("thesis.html"), "<html>").unwrap();
    assert!(refused(folder.path(), &["report", "run", "--out", "thesis.html"]).contains("thesis.html"));
}

/// The keys and values of the settings of a page.
fn settings(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    with_page(text, |page| {
        let section = page.descendants().find(|node| node.attribute("id") == Some("settings")).unwrap();
        for row in section.descendants().filter(|node| node.has_tag_name("tr")).skip(1) {
            let mut cells = row.children().filter(Node::is_element).map(text_of);
            found.push((cells.next().unwrap(), cells.collect()));
        }
    });
    found
}

#[test]
fn settings_that_are_no_defaults_are_listed() {
    let found = settings(&page_of(&shared().path()));
    let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    for key in ["dynamics.step", "widths.values", "gap.projections", "paths.pairs", "convergence"] {
        assert!(keys.contains(&key), "{key} is not in {keys:?}");
    }
    // Written out in the resolved experiment, and equal to the default.
    for key in ["dropout.greedy_up_to", "dynamics.temperature", "seed", "title", "convergence.levels"] {
        assert!(!keys.contains(&key), "{key} is in {keys:?}");
    }
}

#[test]
fn settings_of_a_built_in_are_those_that_differ_from_it() {
    let set = [
        "population.size=60",
        "widths.values=[4,8]",
        "widths.seeds=2",
        "reference.particles=64",
        "horizon.time=0.4",
        "horizon.records=2",
        "gap.sweep=[]",
    ];
    let experiment = crate::common::experiment::builtin("descent", &set).unwrap_or_else(|error| panic!("{error}"));
    let found = settings(&page_of(&Run::new(&experiment).path()));
    let keys: BTreeSet<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    let expected: BTreeSet<&str> = set.iter().map(|entry| entry.split('=').next().unwrap()).collect();
    assert_eq!(keys, expected);
    let (_, values) = found.iter().find(|(key, _)| key == "widths.seeds").unwrap();
    assert_eq!(values[..], ["2", "20"]);
}

/// Two runs that differ in the friction.
fn pair() -> (tempfile::TempDir, [PathBuf; 2]) {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), format!("{TINY}{STUDIES}")).unwrap();
    for friction in ["1.0", "2.0"] {
        let set = format!("dynamics.friction={friction}");
        fine(here.path(), &["run", "tiny.toml", "--quiet", "--set", &set, "--out", &format!("friction-{friction}")]);
    }
    let paths = ["friction-1.0", "friction-2.0"].map(|name| here.path().join(name));
    (here, paths)
}

#[test]
fn runs_are_compared_in_what_they_share() {
    let (here, paths) = pair();
    let said = fine(here.path(), &["compare", "friction-1.0", "friction-2.0", "--out", "both"]);
    for word in ["dynamics.friction = 1.0", "dynamics.friction = 2.0", "risk of the limit", "barrier", "dropout, N = 8"]
    {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    // What a first passage is, in one line, whatever its levels.
    assert_eq!(said.matches("(first passage): the first time t = kε").count(), 1, "{said}");
    let written = files(&here.path().join("both"));
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    assert_eq!(names, ["comparison.csv", "comparison.pdf", "comparison.png", "comparison.svg"]);
    // The legend is what differs.
    let svg = String::from_utf8(written["comparison.svg"].clone()).unwrap();
    assert!(svg.contains("dynamics.friction") && svg.contains("2.0"));
    // Values are those of the records.
    let risk = &shared_risk(&paths[1]);
    let mut table = csv::Reader::from_reader(&written["comparison.csv"][..]);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let of_limit = |row: &&csv::StringRecord| &row[0] == "risk of the limit" && row[1].ends_with("friction-2.0");
    let found: Vec<f64> = rows.iter().filter(of_limit).map(|row| row[5].parse().unwrap()).collect();
    assert_eq!(&found, risk);

    // The same on one page.
    fine(here.path(), &["report", "friction-1.0", "friction-2.0"]);
    let text = fs::read_to_string(here.path().join("report.html")).unwrap();
    check_page(&text);
    assert!(text.contains("id=\"comparison\"") && text.contains("dynamics.friction"));
    for (i, path) in paths.iter().enumerate() {
        check_run(&text, path, &format!("run{}-", i + 1));
    }
}

/// The risk of the limit at all times.
fn shared_risk(run: &Path) -> Vec<f64> {
    crate::common::experiment::arrays(&run.join("records/reference.npz"))["risk"].iter().copied().collect()
}

/// The command of a page is one that a reader in its folder can give, and a page of several runs replaces that of none.
#[test]
fn pages_leave_the_run_they_are_in_alone() {
    let (here, runs) = pair();
    let page = page_of(&runs[0]);
    let text = page.replace("&#x2f;", "/");
    assert!(text.contains("widelimit run ./experiment.toml --out ../again"), "the command");
    let other = runs[1].file_name().unwrap().to_str().unwrap();
    let said = refused(&runs[0], &["report", ".", &format!("../{other}")]);
    assert!(said.contains("--out"), "{said}");
    assert_eq!(page_of(&runs[0]), page);
    fine(here.path(), &["report", runs[0].to_str().unwrap(), runs[1].to_str().unwrap()]);
}

#[test]
fn runs_without_a_common_quantity_are_not_compared() {
    let folder = copy(&shared());
    let recovery = "kind = \"recovery\"\nname = \"sparse\"\n[problem]\nkind = \"drawn\"\nn = 12\nd = 8\nsparsity = 2\n\
                    [solver]\nmethods = [\"k-iht\", \"topk-iobs\"]\niterations = 20\n[recover]\nproblems = 2\n";
    fs::write(folder.path().join("sparse.toml"), recovery).unwrap();
    fine(folder.path(), &["run", "sparse.toml", "--quiet", "--out", "sparse"]);
    let said = refused(folder.path(), &["compare", "run", "sparse"]);
    for word in ["nothing to compare", "risk of the limit", "error of k-iht"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!folder.path().join("comparison").exists());
    assert_eq!(run(folder.path(), &["compare", "run"]).status.code(), Some(2));
    // The other kind has a report too.
    let text = page_of(&folder.path().join("sparse"));
    check_page(&text);
    check_run(&text, &folder.path().join("sparse"), "");
}

#[test]
fn a_run_says_what_it_asks_and_what_it_found() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let output = run(here.path(), &["run", "tiny.toml"]);
    let (said, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(noted.contains("how far is a network from the limit"), "{noted}");
    assert!(noted.contains("first figure: runs/tiny/figures/risk.svg"), "{noted}");
    let end: Vec<&str> = said.trim_end().lines().rev().take(3).collect();
    assert_eq!(end[0], "report: runs/tiny/report.html");
    assert!(end.iter().any(|line| line.starts_with("theory: ") && line.contains("not resolved; program: ")), "{end:?}");
    // A report that a killed process could not write is written by the next call.
    let report = here.path().join("runs/tiny/report.html");
    let before = fs::read(&report).unwrap();
    fs::remove_file(&report).unwrap();
    fine(here.path(), &["run", "tiny.toml", "--resume", "--quiet"]);
    assert!(fs::read(&report).unwrap() == before);
}

#[test]
fn a_strict_run_fails_where_a_check_does() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let status = |args: &[&str]| run(here.path(), &[&["run", "tiny.toml", "--quiet"], args].concat()).status.code();
    assert_eq!(status(&["--strict", "--out", "fine"]), Some(0));
    let steps = ["--set", "network.activation=identity", "--set", "network.start.w={law=\"gaussian\",std=50}"];
    let far = ["--set", "dynamics.friction=0.0", "--set", "horizon.time=20.0", "--set", "dynamics.step=0.125"];
    let diverging = [&steps[..], &far[..], &["--out", "diverged"]].concat();
    assert_eq!(status(&diverging), Some(0));
    assert_eq!(status(&[&diverging[..], &["--resume", "--strict"]].concat()), Some(1));
    let text = page_of(&here.path().join("diverged"));
    check_page(&text);
    assert!(text.contains("<p>Failing: <a href=\"#check-runs-diverged\">"), "the check that fails is named first");
}

/// What a study is about names documents that exist, and every figure of the reference page has a caption.
#[test]
fn every_study_is_described() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let anchors = |page: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(docs.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        let headings = text
            .lines()
            .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
        let kept = |c: &char| c.is_alphanumeric() || *c == ' ' || *c == '-';
        headings
            .map(|heading| heading.chars().filter(kept).collect::<String>().to_lowercase().replace(' ', "-"))
            .collect()
    };
    let page = fs::read_to_string(docs.join("reference/figures.md")).unwrap();
    let mut listed: BTreeSet<String> =
        page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_lowercase())).collect();
    for kind in [RunKind::Training, RunKind::Recovery, RunKind::Pruning] {
        for (name, about) in REGISTRY.about(kind).into_iter().chain([("run", &widelimit::run::figures::about::ABOUT)]) {
            let (theory, anchor) = about.theory.split_once('#').unwrap();
            assert!(anchors(theory).contains(anchor), "{name}: {}", about.theory);
            assert!(anchors("reference/checks.md").contains(about.checks), "{name}: {}", about.checks);
            assert!(about.question.ends_with('?') && about.statement.ends_with('.'), "{name}");
            listed.retain(|figure| about.figure(figure).is_none_or(|about| about.caption.len() < 40));
        }
    }
    // That of a sweep is in no report of a run.
    listed.remove("vary");
    assert!(listed.is_empty(), "without a caption: {listed:?}");
}
