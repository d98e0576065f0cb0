//! Titles and descriptions of the figures of a run, from what its studies are about.

use super::about::ABOUT;
use crate::figure::FigureDescription;
use crate::record::Manifest;
use crate::run::about::FigureAbout;
use crate::run::study::{NamedFigure, Registry};

/// Sets title and description of every figure.
pub(super) fn describe(figures: &mut [NamedFigure], manifest: &Manifest, registry: &Registry) {
    let run = manifest.experiment.get("name").and_then(|name| name.as_str()).unwrap_or_default();
    let topics: Vec<_> = registry.about(manifest.kind).into_iter().map(|(_, about)| about).collect();
    for (name, figure) in figures {
        let known = std::iter::once(&ABOUT).chain(topics.iter().copied()).filter_map(|about| about.figure(name));
        let about: Option<&FigureAbout> = known.max_by_key(|about| about.name.len());
        let text = about.map(|about| about.caption.to_string()).unwrap_or_default();
        figure.about = FigureDescription { title: titled(run, name), text };
    }
}

/// The title of a figure of a run.
pub(super) fn titled(run: &str, name: &str) -> String {
    if run.is_empty() { name.into() } else { format!("{run}: {name}") }
}
