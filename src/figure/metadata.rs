//! The title and the description of a figure in its files, for those who do not see it, for catalogues and for search.

use super::chart::{Figure, Panel};
use super::letters::letters;
use super::text::Text;

/// The title of a figure; that of one without is general.
pub(super) fn title(figure: &Figure) -> &str {
    if figure.about.title.is_empty() { "Figure" } else { &figure.about.title }
}

/// The description of a figure: its own, then what every panel shows.
pub(super) fn description(figure: &Figure) -> String {
    let several = figure.panels.len() > 1;
    let panels = figure.panels.iter().enumerate().map(|(i, panel)| match several {
        true => format!("({}) {}", letters(i), shown(panel)),
        false => capitalised(&shown(panel)),
    });
    let panels: Vec<String> = panels.collect();
    let own = Some(figure.about.text.trim()).filter(|text| !text.is_empty()).map(String::from);
    let listed = Some(panels.join("; ")).filter(|text| !text.is_empty()).map(|text| format!("{text}."));
    own.into_iter().chain(listed).collect::<Vec<_>>().join(" ")
}

/// What a panel shows: its axes and its title.
fn shown(panel: &Panel) -> String {
    let [x, y, title] = [&panel.x.label, &panel.y.label, panel.title.as_deref().unwrap_or_default()].map(plain);
    let axes = match (x.is_empty(), y.is_empty()) {
        (false, false) => format!("{y} against {x}"),
        _ => format!("{y}{x}"),
    };
    match (axes.is_empty(), title.is_empty()) {
        (true, true) => "image".into(),
        (true, false) => title,
        (false, true) => axes,
        (false, false) => format!("{axes}: {title}"),
    }
}

fn capitalised(text: &str) -> String {
    // A variable at the beginning stays as it is.
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_alphabetic() => {
            first.to_uppercase().chain([second]).chain(letters).collect()
        }
        _ => text.into(),
    }
}

/// A label without markup.
fn plain(label: &str) -> String {
    Text::new(label).map_or_else(|_| label.into(), |text| text.plain())
}

/// The elements of an SVG.
pub(super) fn svg(figure: &Figure) -> String {
    format!("<title>{}</title>\n<desc>{}</desc>", escaped(title(figure)), escaped(&description(figure)))
}

/// A text with the characters escaped that have a meaning in markup.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The entries of the information dictionary of a PDF, as UTF-16 (ISO 32000-1, 7.9.2.2).
pub(super) fn pdf(figure: &Figure) -> String {
    let text = |text: &str| {
        let digits: String = text.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
        format!("<FEFF{digits}>")
    };
    format!("/Title {}\n  /Subject {}", text(title(figure)), text(&description(figure)))
}
