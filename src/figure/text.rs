//! Labels with subscripts and superscripts: `f_{N}`, `10^{−2}`.

use super::{error::FigureError, font};

/// Font size of scripts, relative to that of the label.
const SCRIPT_SIZE: f64 = 0.7;
/// Distances of scripts below the baseline, relative to the font size of the label.
const SUPERSCRIPT: f64 = -0.36;
const SUBSCRIPT: f64 = 0.17;

/// A label, divided into runs of equal size and height.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub runs: Vec<Run>,
}

/// Characters of equal size and height; lengths are relative to the font size of the label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// The characters.
    pub text: String,
    /// Font size.
    pub size: f64,
    /// Distance below the baseline.
    pub drop: f64,
    /// Advance width.
    pub width: f64,
}

impl Text {
    /// Parses the markup of a label and measures it. Unclosed braces are plain text.
    ///
    /// # Errors
    /// [`FigureError::MissingGlyph`].
    pub fn new(source: &str) -> Result<Self, FigureError> {
        font::check(source)?;
        let mut runs = Vec::new();
        let mut push = |text: &str, size: f64, drop: f64| {
            if !text.is_empty() {
                runs.push(Run { text: text.into(), size, drop, width: size * font::width(text) });
            }
        };
        let mut rest = source;
        loop {
            let start = rest.find("_{").into_iter().chain(rest.find("^{")).min();
            let Some((start, end)) = start.and_then(|s| Some((s, s + rest[s..].find('}')?))) else {
                push(rest, 1.0, 0.0);
                return Ok(Self { runs });
            };
            push(&rest[..start], 1.0, 0.0);
            let drop = if rest[start..].starts_with('_') { SUBSCRIPT } else { SUPERSCRIPT };
            push(&rest[start + 2..end], SCRIPT_SIZE, drop);
            rest = &rest[end + 1..];
        }
    }

    /// Width of the label at font size 1.
    pub fn width(&self) -> f64 {
        self.runs.iter().map(|run| run.width).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_make_scripts_and_nothing_else_does() {
        let parts = |source: &str| -> Vec<(String, f64)> {
            Text::new(source).unwrap().runs.into_iter().map(|run| (run.text, run.drop)).collect()
        };
        let expected = [("‖f", 0.0), ("N", SUBSCRIPT), ("‖", 0.0), ("2", SUPERSCRIPT)].map(|(t, d)| (t.to_string(), d));
        assert_eq!(parts("‖f_{N}‖^{2}"), expected);
        assert_eq!(parts("batch_size^2"), [("batch_size^2".to_string(), 0.0)]);
        assert_eq!(parts("a_{b"), [("a_{b".to_string(), 0.0)]);
        assert_eq!(parts(""), []);
        assert!((Text::new("00").unwrap().width() - Text::new("0_{}0").unwrap().width()).abs() < 1e-3);
    }
}
