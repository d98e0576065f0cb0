//! Figures of runs in which something cannot be drawn: one width, one seed, one recording time, a risk of zero,
//! diverged networks. Every text lies on the page and over no other, no label has a number that is not finite, and an
//! empty panel says why. Read from the SVG with the embedded font.

use crate::common::experiment::{Run, TINY, files, parse};
use crate::common::figure_texts::checked_texts;
use ndarray::{Array1, Array2};
use ndarray_npy::NpzWriter;
use std::collections::BTreeMap;

/// Convergence, dropout and paths on top of the gap study.
const STUDIES: &str = "\n[convergence]\n\n[dropout]\ndraws = 10\n\n[paths]\npairs = 1\nhalves = 2\npoints = 3\n";

/// Checks every figure of a run; the texts of each.
fn checked(run: &Run) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for (name, svg) in files(&run.path().join("figures")).iter().filter(|(name, _)| name.ends_with(".svg")) {
        let texts = checked_texts(name, svg);
        all.insert(name.trim_end_matches(".svg").into(), texts);
    }
    all
}

fn run(text: &str, set: &[&str]) -> Run {
    Run::new(&parse(text, set).unwrap_or_else(|error| panic!("{error}")))
}

/// The lines of a text, which is wrapped.
fn says(texts: &[String], words: &str) -> bool {
    texts.join(" ").split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
}

#[test]
fn one_width_shows_its_networks_and_why_nothing_was_fitted() {
    let figures = checked(&run(&format!("{TINY}{STUDIES}"), &["widths.values=[8]"]));
    let texts = &figures["gap-widths"];
    assert_eq!(texts.iter().filter(|text| *text == "networks").count(), 1, "the panels share the legend: {texts:?}");
    for letter in ["(a)", "(b)", "(c)", "(d)"] {
        assert_eq!(texts.iter().filter(|text| *text == letter).count(), 1, "{texts:?}");
    }
    assert!(says(texts, "not fitted: 1 of 1 rows usable"), "{texts:?}");
    assert!(says(texts, "full gradient"), "{texts:?}");
}

#[test]
fn one_seed_shows_its_networks_and_why_nothing_was_fitted() {
    let figures = checked(&run(&format!("{TINY}\n[convergence]\n\n[dropout]\ndraws = 10\n"), &["widths.seeds=1"]));
    assert!(says(&figures["gap-widths"], "from single seeds"), "{:?}", figures["gap-widths"]);
    assert!(figures["gap-widths"].iter().any(|text| text == "networks"));
}

/// With one recording interval no law can be fitted to the late risk, and the coupling distance, 0 at the start, has a
/// single value to show.
#[test]
fn one_recording_time_has_no_law_and_a_point() {
    let run = run(&format!("{TINY}\n[convergence]\n"), &["horizon.records=1", "reference.step=0.25"]);
    let figures = checked(&run);
    assert!(says(&figures["convergence"], "not fitted"), "{:?}", figures["convergence"]);
    let svg = String::from_utf8(files(&run.path().join("figures"))["gap-time.svg"].clone()).unwrap();
    assert!(svg.contains("<circle"), "the single value of each width is a dot");
}

/// All outputs and labels are 0: every risk and every distance of predictions is 0.
#[test]
fn a_risk_of_zero_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zero.npz");
    let mut file = NpzWriter::new(std::fs::File::create(&path).unwrap());
    let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j) as f64).sin());
    file.add_array("x", &x).and_then(|()| file.add_array("y", &Array1::<f64>::zeros(40))).unwrap();
    file.finish().unwrap();
    let population = format!("population={{kind=\"file\",path='{}',labels=\"real\"}}", path.display());
    let set = ["network.start.a={law=\"point\",value=0.0}", &population];
    let figures = checked(&run(&format!("{TINY}{STUDIES}"), &set));
    for name in ["convergence", "gap-widths", "paths", "paths-barrier", "gap-time"] {
        let texts = &figures[name];
        assert!(says(texts, "all values are 0") || says(texts, "not fitted"), "{name}: {texts:?}");
    }
}

/// Small risks, whose levels have equal first decimals, have different labels.
#[test]
fn levels_of_small_risks_have_different_labels() {
    let set =
        ["network.start.a={law=\"uniform\",low=-0.02,high=0.02}", "horizon.time=0.0625", "reference.step=0.03125"];
    let figures = checked(&run(&format!("{TINY}\n[convergence]\n"), &set));
    // The variable is a text of its own.
    let texts = figures["convergence"].join(" ").replace("R  = ", "R = ");
    let levels: Vec<&str> = texts.split("R = ").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    assert_eq!(levels.len(), 3, "{texts}");
    assert!((0..3).all(|i| (0..i).all(|j| levels[i] != levels[j])), "{levels:?}");
}

/// Networks that diverge: the panels say that no value is finite.
#[test]
fn diverged_networks_are_named() {
    let set = [
        "network.activation=identity",
        "network.start.w={law=\"gaussian\",std=50}",
        "dynamics.friction=0.0",
        "horizon.time=20.0",
        "dynamics.step=0.125",
        "reference.method=heavy-ball",
        "reference.step=0.125",
        "horizon.records=20",
    ];
    let text = format!("{TINY}\n[dropout]\ndraws = 10\n\n[paths]\npairs = 1\nhalves = 2\npoints = 3\n");
    let figures = checked(&run(&text, &set));
    assert!(figures.values().any(|texts| says(texts, "no value is finite")), "{figures:?}");
}

/// The figure of distances against time belongs to the gap study.
#[test]
fn distances_against_time_are_drawn_with_a_gap_study_only() {
    let text = TINY.split("[gap]").next().unwrap();
    let figures = checked(&run(text, &[]));
    assert_eq!(figures.keys().collect::<Vec<_>>(), ["neurons", "risk"]);
}
