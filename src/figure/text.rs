//! Labels with subscripts and superscripts, `f_{N}` and `10^{−2}`, whose variables are italic.

use super::{error::FigureError, font, variables};

/// Font size of scripts, relative to that of the label.
const SCRIPT_SIZE: f64 = 0.7;
/// Distances of scripts below the baseline, relative to the font size of the label.
const SUPERSCRIPT: f64 = -0.36;
const SUBSCRIPT: f64 = 0.17;
/// Space between an italic letter and what is upright after it, relative to the font size: the letter leans over it.
const ITALIC_CORRECTION: f64 = 0.03;
/// Italic letters that extend to the left under what is upright before them, and the space that they are given.
const LEANING: [char; 2] = ['f', 'j'];
const LEANING_SPACE: f64 = 0.08;
/// Commands that determine the style of letters.
const UPRIGHT: &str = "\\mathrm{";
const ITALIC: &str = "\\mathit{";

/// A label, divided into runs of equal size, height and style.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub runs: Vec<Run>,
}

/// Characters of equal size, height and style; lengths are relative to the font size of the label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// The characters.
    pub text: String,
    /// Font size.
    pub size: f64,
    /// Distance below the baseline.
    pub drop: f64,
    /// Whether the letters are italic.
    pub italic: bool,
    /// Advance width.
    pub width: f64,
}

/// A part of a label between two marks of its markup.
struct MarkupPart<'a> {
    text: &'a str,
    size: f64,
    drop: f64,
    /// Whether the letters are italic; `None` where that follows from the text.
    italic: Option<bool>,
}

impl Text {
    /// Parses the markup of a label and measures it. Unclosed braces are plain text.
    ///
    /// # Errors
    /// [`FigureError::MissingGlyph`].
    pub fn new(source: &str) -> Result<Self, FigureError> {
        font::check(source)?;
        // LaTeX is not divided.
        let latex = source.contains('$').then_some(false);
        let mut runs: Vec<Run> = Vec::new();
        for part in parts(source) {
            let pieces = match part.italic.or(latex) {
                Some(italic) => vec![(part.text, italic)],
                None => variables::divided(part.text),
            };
            for (text, italic) in pieces.into_iter().filter(|(text, _)| !text.is_empty()) {
                match runs.last_mut().filter(|last| last.italic == italic && last.drop == part.drop) {
                    Some(last) => last.text.push_str(text),
                    None => runs.push(Run { text: text.into(), size: part.size, drop: part.drop, italic, width: 0.0 }),
                }
            }
        }
        for i in 0..runs.len() {
            let next = runs.get(i + 1).cloned();
            let run = &mut runs[i];
            run.width = run.size * font::width_of(&run.text, run.italic);
            // A subscript is below the top of the letter.
            if run.italic && next.as_ref().is_some_and(|next| next.drop <= run.drop) {
                run.width += ITALIC_CORRECTION * run.size;
            }
            if !run.italic && next.is_some_and(|next| next.italic && next.text.starts_with(LEANING)) {
                run.width += LEANING_SPACE * run.size;
            }
        }
        Ok(Self { runs })
    }

    /// The characters, without markup.
    pub fn plain(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
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
            // A script or a command is kept whole or removed.
            let opening = ["_{", "^{", UPRIGHT, ITALIC].iter().filter_map(|mark| start.rfind(mark)).max();
            let opened = opening.is_some_and(|at| !start[at..].contains('}'));
            let command = start.rfind('\\').is_some_and(|at| !start[at..].contains('{'));
            if opened || command || (start.ends_with(['_', '^']) && source[end..].starts_with('{')) {
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

/// The parts of a label.
fn parts(source: &str) -> Vec<MarkupPart<'_>> {
    let marks = [
        ("_{", SCRIPT_SIZE, SUBSCRIPT, None),
        ("^{", SCRIPT_SIZE, SUPERSCRIPT, None),
        (UPRIGHT, 1.0, 0.0, Some(false)),
        (ITALIC, 1.0, 0.0, Some(true)),
    ];
    let (mut parts, mut rest) = (Vec::new(), source);
    loop {
        let next = marks.iter().filter_map(|mark| Some((rest.find(mark.0)?, mark))).min_by_key(|(at, _)| *at);
        let closed = next.and_then(|(start, mark)| Some((start, mark, start + rest[start..].find('}')?)));
        let Some((start, &(opening, size, drop, italic), end)) = closed else {
            parts.push(MarkupPart { text: rest, size: 1.0, drop: 0.0, italic: None });
            return parts;
        };
        parts.push(MarkupPart { text: &rest[..start], size: 1.0, drop: 0.0, italic: None });
        parts.push(MarkupPart { text: &rest[start + opening.len()..end], size, drop, italic });
        rest = &rest[end + 1..];
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
        let expected = [("‖", 0.0), ("f", 0.0), ("N", SUBSCRIPT), ("‖", 0.0), ("2", SUPERSCRIPT)];
        let expected = expected.map(|(t, d)| (t.to_string(), d));
        assert_eq!(parts("‖f_{N}‖^{2}"), expected);
        assert_eq!(parts("batch_size^2"), [("batch_size^2".to_string(), 0.0)]);
        assert_eq!(Text::new("a_{b").unwrap().plain(), "a_{b");
        assert_eq!(parts(""), []);
        assert!((Text::new("00").unwrap().width() - Text::new("0_{}0").unwrap().width()).abs() < 1e-3);
    }

    #[test]
    fn commands_determine_the_style() {
        let styles = |source: &str| -> Vec<(String, bool)> {
            Text::new(source).unwrap().runs.into_iter().map(|run| (run.text, run.italic)).collect()
        };
        let expected = |parts: &[(&str, bool)]| parts.iter().map(|(t, i)| (t.to_string(), *i)).collect::<Vec<_>>();
        assert_eq!(styles("width N"), expected(&[("width ", false), ("N", true)]));
        assert_eq!(styles("group \\mathrm{A}"), expected(&[("group A", false)]));
        assert_eq!(styles("\\mathit{CT} at n"), expected(&[("CT", true), (" at ", false), ("n", true)]));
        assert_eq!(styles("(\\mathrm{a})"), expected(&[("(a)", false)]));
        assert_eq!(styles("$N$"), expected(&[("$N$", false)]));
        assert_eq!(Text::new("\\mathrm{A").unwrap().plain(), "\\mathrm{A");
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
        for (source, available, most) in [
            ("one two three four", 4.5, 1),
            ("incomprehensibility", 3.0, 2),
            ("a_{bcdef} g", 1.6, 1),
            ("\\mathrm{abcdef} g", 1.6, 1),
        ] {
            let lines = Text::wrapped(source, available, most).unwrap();
            assert!(lines.len() <= most && lines.iter().all(|line| line.width() <= available), "{lines:?}");
            assert!(lines.last().unwrap().runs.last().unwrap().text.ends_with('…'), "{lines:?}");
        }
        assert_eq!(Text::wrapped("wide", 0.0, 1).unwrap()[0].width(), 0.0);
    }
}
