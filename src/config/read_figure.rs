//! Reading the table `[figure]`, and files of a style.

use super::allowed::Allowed;
use super::error::{ConfigError, KeyErrors};
use super::section::Section;
use super::spelling::TypedValues;
use super::syntax;
use crate::figure::FigureStyle;
use crate::figure::custom::{PAGE_LENGTH, Rgb, check_text, page_length};
use std::path::Path;
use toml::Table;

/// Font sizes in points.
const FONT: (f64, f64) = (2.0, 40.0);

/// Reads the table `[figure]`; nothing is replaced where it is absent.
pub(super) fn figure(root: &mut Section) -> FigureStyle {
    root.section("figure", false).map(style).unwrap_or_default()
}

fn style(mut s: Section) -> FigureStyle {
    let style = FigureStyle {
        width: length(&mut s, "width"),
        height: length(&mut s, "height"),
        columns: s.optional_count_between("columns", 1, 16),
        font_size: s.optional_real("font_size", Allowed::Between(FONT.0, FONT.1)),
        colours: colours(&mut s, "colours"),
        ramp: colours(&mut s, "ramp"),
        markers: s.choices_in_order("markers"),
        labels: s.texts_by_text("labels"),
    };
    if style.ramp.len() == 1 {
        s.reject("ramp", None, "expected at least two colours, from the first member of a family to the last");
    }
    for (text, label) in &style.labels {
        if let Err(error) = check_text(label) {
            s.reject(&format!("labels.{text}"), Some(format!("\"{label}\"")), error.to_string());
        }
    }
    s.finish();
    style
}

/// A length in inches, where the key is present.
fn length(s: &mut Section, key: &str) -> Option<f64> {
    s.optional_parsed(key, PAGE_LENGTH, "^[ 0-9.eE+-]+(in|mm|cm|pt|bp)? *$", page_length)
}

/// A list of colours; empty where the key is absent.
fn colours(s: &mut Section, key: &str) -> Vec<Rgb> {
    let message = "expected a list of colours such as [\"#0072B2\", \"#D55E00\"]";
    s.parsed_list(key, message, "^#[0-9A-Fa-f]{6}$", Rgb::parse)
}

/// Reads a style from a TOML file with the keys of `[figure]`.
///
/// # Errors
/// A file that cannot be read or is not TOML, and every key whose value cannot be used.
pub fn figure_style(path: &Path) -> Result<FigureStyle, ConfigError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { file: path.into(), source })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let advice = syntax::syntax_advice(&text, &error);
        ConfigError::Syntax { file: file.clone(), advice, source: Box::new(error) }
    })?;
    let errors = KeyErrors::new(&file, &[], TypedValues::of_file(&text));
    let style = style(Section::root(table, &errors));
    errors.into_result(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Marker;

    fn read(text: &str) -> Result<FigureStyle, String> {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("style.toml");
        std::fs::write(&path, text).unwrap();
        figure_style(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_style_is_read() {
        let style = read(
            "width = \"86mm\"\nfont_size = 7.5\ncolours = [\"#000000\", \"#0072b2\"]\nmarkers = [\"cross\", \"cross\"]\n\
             [labels]\n\"width N\" = \"$N$\"\n",
        )
        .unwrap();
        assert!((style.width.unwrap() - 86.0 / 25.4).abs() < 1e-12);
        assert_eq!((style.font_size, style.colours[1]), (Some(7.5), Rgb(0, 0x72, 0xB2)));
        assert_eq!(style.markers, [Marker::Cross; 2]);
        assert_eq!(style.labels["width N"], "$N$");
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn a_label_that_cannot_be_shown_is_named() {
        let message = read("[labels]\na = \"漢\"\n").unwrap_err();
        assert!(message.contains("labels.a") && message.contains("no glyph"), "{message}");
    }

    #[test]
    fn every_wrong_key_is_named() {
        let message = read(
            "width = 3\nheight = \"3em\"\nfont_size = 90\ncolours = [\"blue\"]\nramp = [\"#000000\"]\nmarkers = [\"star\"]\n\
             labels = { a = 1 }\ncolors = []\n",
        )
        .unwrap_err();
        for key in ["width", "height", "font_size", "colours", "ramp", "markers", "labels", "colors"] {
            assert!(message.contains(&format!("style.toml: {key}")), "{key}: {message}");
        }
        assert!(message.contains("did you mean 'colours'"), "{message}");
    }
}
