//! Figures of runs in which something cannot be drawn: one width, one seed, one recording time, a risk of zero,
//! diverged networks. Every text lies on the page and over no other, no label has a number that is not finite, and an
//! empty panel says why. Read from the SVG with the embedded font.

use crate::common::experiment::{Run, TINY, files, parse};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzWriter;
use resvg::usvg::{self, fontdb};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Convergence, dropout and paths on top of the gap study.
const STUDIES: &str = "\n[convergence]\n\n[dropout]\ndraws = 10\n\n[paths]\npairs = 1\nhalves = 2\npoints = 3\n";

/// A text with its rectangle (left, top, right, bottom) in points.
type Placed = (String, [f64; 4]);

/// The texts of an SVG and the size of its page in points.
fn texts(svg: &[u8]) -> (Vec<Placed>, [f64; 2]) {
    let mut fonts = fontdb::Database::new();
    for font in ["WidelimitSans-Regular.ttf", "WidelimitSans-Italic.ttf"] {
        fonts.load_font_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fonts").join(font)).unwrap();
    }
    let options = usvg::Options { fontdb: Arc::new(fonts), dpi: 72.0, ..Default::default() };
    let tree = usvg::Tree::from_data(svg, &options).unwrap();
    let mut found = Vec::new();
    fn collect(group: &usvg::Group, found: &mut Vec<Placed>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => collect(group, found),
                usvg::Node::Text(text) => {
                    let text_of = text.chunks().iter().map(|chunk| chunk.text()).collect::<String>();
                    let b = text.abs_bounding_box();
                    found.push((text_of, [b.left(), b.top(), b.right(), b.bottom()].map(f64::from)));
                }
                _ => {}
            }
        }
    }
    collect(tree.root(), &mut found);
    (found, [tree.size().width(), tree.size().height()].map(f64::from))
}

/// The rectangle of the characters: the box of a text extends above and below them, and the runs of one label touch.
fn core([left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
    // Texts are 8 or 9 points high; those of the vertical axis are rotated.
    let (along, across) = (0.4, 0.22);
    let rotated = right - left < 14.0 && bottom - top > 14.0;
    let (x, y) = if rotated { (across * (right - left), along) } else { (along, across * (bottom - top)) };
    [left + x, top + y, right - x, bottom - y]
}

/// Checks every figure of a run; the texts of each.
fn checked(run: &Run) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for (name, svg) in files(&run.path().join("figures")).iter().filter(|(name, _)| name.ends_with(".svg")) {
        let (texts, [width, height]) = texts(svg);
        assert!(!texts.is_empty(), "{name}");
        for (i, (text, rect)) in texts.iter().enumerate() {
            for word in ["NaN", "inf", "no data"] {
                assert!(!text.contains(word), "{name}: '{text}'");
            }
            let [left, top, right, bottom] = core(*rect);
            assert!(left >= 0.0 && top >= 0.0 && right <= width && bottom <= height, "{name}: '{text}' at {rect:?}");
            for (other, at) in &texts[..i] {
                let [l, t, r, b] = core(*at);
                let apart = right <= l || r <= left || bottom <= t || b <= top;
                assert!(apart, "{name}: '{text}' over '{other}'");
            }
        }
        all.insert(name.trim_end_matches(".svg").into(), texts.into_iter().map(|(text, _)| text).collect());
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
