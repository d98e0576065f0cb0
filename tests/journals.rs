//! Every figure of every experiment has what a journal asks for: letters of panels, titles that differ, series that differ
//! without colour, scales of colours, and a place in one column of a page.

use crate::common::figure_texts::checked_texts;
use std::collections::{BTreeMap, BTreeSet};
use widelimit::figure::{Colour, Figure, FigureStyle, Legend, Mark, Panel, render};
use widelimit::record::RunFolder;
use widelimit::run::figures;
use widelimit::study::REGISTRY;

/// Studies that may have no curves: one whose figure shows single steps, which are not compared between runs, and one whose
/// curves are those of fits, of which runs this small may have none.
const WITHOUT_CURVES: [&str; 2] = ["rates", "gap"];

/// Checks the figures of a run, and that its studies have curves by which it is compared.
pub fn check(folder: &RunFolder, run: &str) {
    let style = FigureStyle { width: Some(3.4), font_size: Some(8.0), ..FigureStyle::default() };
    for (name, figure) in figures::of_run(folder, &REGISTRY).unwrap() {
        let what = format!("{run}, {name}");
        assert!(figure.about.title.contains(&name) && figure.about.text.len() > 40, "{what}: {:?}", figure.about);
        letters(&figure, &checked_texts(&what, render(&figure).unwrap().as_bytes()), &what);
        titles(&figure, &what);
        figure.panels.iter().for_each(|panel| series(panel, &what));
        let maps = |panel: &Panel| {
            let heat = |colour: &Colour| matches!(colour, Colour::Heat(_) | Colour::Ramp(_));
            panel.marks.iter().any(|mark| matches!(mark, Mark::Tiles { colours, .. } if colours.iter().any(heat)))
        };
        assert!(figure.colour_bar.is_some() || !figure.panels.iter().any(maps), "{what}: colours without a scale");
        let (narrow, scale) = style.apply(figure, &mut BTreeSet::new());
        assert_eq!((scale, narrow.width_in), (1.0, 3.4));
        let svg = render(&narrow).unwrap_or_else(|error| panic!("{what}: {error}"));
        letters(&narrow, &checked_texts(&format!("{what} in a column"), svg.as_bytes()), &what);
    }
    curves(folder, run);
}

/// (a), (b), ... once each where there are several panels.
fn letters(figure: &Figure, texts: &[String], what: &str) {
    let count = figure.panels.len();
    for (i, letter) in ('a'..='z').enumerate() {
        let found = texts.iter().filter(|text| **text == format!("({letter})")).count();
        assert_eq!(found, usize::from(count > 1 && i < count), "{what}: ({letter}) of {count} panels");
    }
}

/// No two panels have the same title. Images have their errors.
fn titles(figure: &Figure, what: &str) {
    let titles: Vec<&String> =
        figure.panels.iter().filter(|panel| !panel.bare).filter_map(|panel| panel.title.as_ref()).collect();
    let distinct: BTreeSet<&&String> = titles.iter().collect();
    assert_eq!(distinct.len(), titles.len(), "{what}: {titles:?}");
}

/// Entries of a legend differ in dash, marker, filling or shade. Clouds are dots, which differ in colour alone.
fn series(panel: &Panel, what: &str) {
    let mut looks: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for mark in &panel.marks {
        let shade = match mark.colour() {
            Some(colour @ (Colour::Ramp(_) | Colour::Grey(_))) => format!("{colour:?}"),
            _ => String::new(),
        };
        let look = match mark {
            Mark::Line { stroke, .. } | Mark::HorizontalLine { stroke, .. } | Mark::VerticalLine { stroke, .. } => {
                format!("{:?} {shade}", stroke.dash)
            }
            Mark::Points { marker, filled, size_pt, .. } => format!("{marker} {filled} {size_pt} {shade}"),
            Mark::Band { .. } => "band".into(),
            Mark::Cloud { .. } | Mark::Tiles { .. } => continue,
        };
        if let Some(label) = mark.label_text() {
            looks.entry(label).or_default().insert(look);
        }
    }
    let mut seen: BTreeMap<BTreeSet<String>, &str> = BTreeMap::new();
    for (label, look) in looks.into_iter().filter(|_| panel.legend != Legend::Hidden || !panel.marks.is_empty()) {
        let other = seen.insert(look, label);
        assert_eq!(other, None, "{what}: '{label}' looks like another series");
    }
}

/// Every study has curves with values.
fn curves(folder: &RunFolder, run: &str) {
    let manifest = folder.manifest().unwrap();
    let known = REGISTRY.training.iter().map(|study| (study.name, study.curves));
    let known = known.chain(REGISTRY.recovery.iter().map(|study| (study.name, study.curves)));
    let known = known.chain(REGISTRY.pruning.iter().map(|study| (study.name, study.curves)));
    for (name, curves) in known.filter(|(name, _)| manifest.studies.iter().any(|own| own == name)) {
        let curves = curves(folder).unwrap();
        assert!(!curves.is_empty() || WITHOUT_CURVES.contains(&name), "{run}: no curves of {name}");
        let quantities: BTreeSet<&String> = curves.iter().map(|curve| &curve.quantity).collect();
        assert_eq!(quantities.len(), curves.len(), "{run}: a quantity twice in {name}");
        assert!(curves.iter().all(|curve| !curve.points.is_empty()), "{run}: {name}");
    }
}
