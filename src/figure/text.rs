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

    /// The lines of a text, none wider than `available` at font size 1, at most `most` of them. Lines end between
    /// words; a word that is too wide, and the last line of a text that is too long, end with an ellipsis.
    ///
    /// # Errors
    /// [`FigureError::MissingGlyph`].
    pub fn wrapped(source: &str, available: f64, most: usize) -> Result<Vec<Self>, FigureError> {
        let mut lines: Vec<Self> = Vec::new();
        let mut rest: Vec<&str> = words(source);
        while !rest.is_empty() && lines.len() < most.max(1) {
            let last = lines.len() + 1 == most.max(1);
            let mut line = Self::new(rest[0])?;
            let mut count = 1;
            while count < rest.len() {
                let longer = Self::new(&rest[..=count].join(" "))?;
                if longer.width() > available {
                    break;
                }
                (line, count) = (longer, count + 1);
            }
            if line.width() > available || (last && count < rest.len()) {
                let whole = if last { rest.join(" ") } else { rest[..count].join(" ") };
                line = Self::shortened(&whole, available)?;
            }
            lines.push(line);
            rest.drain(..count);
        }
        Ok(lines)
    }

    /// As many characters of a text as fit, with an ellipsis.
    fn shortened(source: &str, available: f64) -> Result<Self, FigureError> {
        for (end, _) in source.char_indices().rev() {
            let start = source[..end].trim_end();
            // A script is kept whole or removed.
            let opened = start.rfind("_{").max(start.rfind("^{")).is_some_and(|at| !start[at..].contains('}'));
            if opened || (start.ends_with(['_', '^']) && source[end..].starts_with('{')) {
                continue;
            }
            let text = Self::new(&format!("{start}…"))?;
            if text.width() <= available {
                return Ok(text);
            }
        }
        Self::new("")
    }
}

/// The words of a text: it can be divided at spaces outside scripts.
fn words(source: &str) -> Vec<&str> {
    let (mut words, mut start, mut depth) = (Vec::new(), 0, 0usize);
    for (at, c) in source.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 || !source[at..].contains('}') => {
                words.push(&source[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&source[start..]);
    words.retain(|word| !word.is_empty());
    words
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

    #[test]
    fn lines_end_between_words_and_keep_every_word() {
        let source = "the quick E sup_{t in T} ‖f_{N}‖^{2} fox";
        let joined = |lines: &[Text]| {
            let line = |text: &Text| text.runs.iter().map(|run| run.text.as_str()).collect::<String>();
            lines.iter().map(line).collect::<Vec<_>>()
        };
        let lines = Text::wrapped(source, 6.0, 9).unwrap();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.width() <= 6.0), "{lines:?}");
        assert_eq!(joined(&lines).join(" "), "the quick E supt in T ‖fN‖2 fox");
        assert_eq!(joined(&Text::wrapped(source, 1e3, 1).unwrap()), ["the quick E supt in T ‖fN‖2 fox"]);
        assert_eq!(Text::wrapped("", 1.0, 3).unwrap(), []);
    }

    #[test]
    fn what_does_not_fit_ends_with_an_ellipsis() {
        for (source, available, most) in
            [("one two three four", 4.5, 1), ("incomprehensibility", 3.0, 2), ("a_{bcdef} g", 1.6, 1)]
        {
            let lines = Text::wrapped(source, available, most).unwrap();
            assert!(lines.len() <= most && lines.iter().all(|line| line.width() <= available), "{lines:?}");
            assert!(lines.last().unwrap().runs.last().unwrap().text.ends_with('…'), "{lines:?}");
        }
        assert_eq!(Text::wrapped("wide", 0.0, 1).unwrap()[0].width(), 0.0);
    }
}
