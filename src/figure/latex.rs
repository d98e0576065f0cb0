//! Texts of figures as LaTeX: scripts and symbols in mathematics, everything else as text.
//!
//! A text that contains `$` is LaTeX already, as labels of one's own may be.

use super::error::FigureError;
use super::text::{Run, Text};

/// Symbols that stand for themselves or a command in mathematics.
const SYMBOLS: &[(char, &str)] = &[
    ('α', "\\alpha"),
    ('β', "\\beta"),
    ('γ', "\\gamma"),
    ('δ', "\\delta"),
    ('ε', "\\varepsilon"),
    ('ϵ', "\\epsilon"),
    ('ζ', "\\zeta"),
    ('η', "\\eta"),
    ('θ', "\\theta"),
    ('ι', "\\iota"),
    ('κ', "\\kappa"),
    ('λ', "\\lambda"),
    ('μ', "\\mu"),
    ('µ', "\\mu"),
    ('ν', "\\nu"),
    ('ξ', "\\xi"),
    ('π', "\\pi"),
    ('ρ', "\\rho"),
    ('σ', "\\sigma"),
    ('τ', "\\tau"),
    ('υ', "\\upsilon"),
    ('φ', "\\varphi"),
    ('χ', "\\chi"),
    ('ψ', "\\psi"),
    ('ω', "\\omega"),
    ('Γ', "\\Gamma"),
    ('Δ', "\\Delta"),
    ('Θ', "\\Theta"),
    ('Λ', "\\Lambda"),
    ('Ξ', "\\Xi"),
    ('Π', "\\Pi"),
    ('Σ', "\\Sigma"),
    ('Φ', "\\Phi"),
    ('Ψ', "\\Psi"),
    ('Ω', "\\Omega"),
    ('ℓ', "\\ell"),
    ('∞', "\\infty"),
    ('‖', "\\|"),
    ('√', "\\surd"),
    ('∇', "\\nabla"),
    ('−', "-"),
    ('×', "\\times"),
    ('·', "\\cdot"),
    ('≈', "\\approx"),
    ('≤', "\\leq"),
    ('≥', "\\geq"),
    ('±', "\\pm"),
    ('→', "\\to"),
    ('𝔼', "\\mathbb{E}"),
    ('ℝ', "\\mathbb{R}"),
    ('∈', "\\in"),
    ('∂', "\\partial"),
    ('∑', "\\sum"),
    ('∫', "\\int"),
    ('∝', "\\propto"),
    ('½', "\\tfrac12"),
    ('′', "'"),
    ('<', "<"),
    ('>', ">"),
    ('|', "|"),
];

/// Characters of Unicode that are scripts, with what is in the script.
const SUPERSCRIPTS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵀ";
const RAISED: &str = "0123456789-+nT";
const SUBSCRIPTS: &str = "₀₁₂₃₄₅₆₇₈₉₋ₙⱼ";
const LOWERED: &str = "0123456789-nj";

/// Combining marks, and the accents of mathematics.
const ACCENTS: &[(char, &str)] =
    &[('\u{304}', "\\bar"), ('\u{305}', "\\bar"), ('\u{302}', "\\hat"), ('\u{303}', "\\tilde")];

/// The LaTeX of a text.
///
/// # Errors
/// [`FigureError::NoLatex`] for a character without a command.
pub(super) fn latex(text: &Text) -> Result<String, FigureError> {
    if text.runs.iter().any(|run| run.text.contains('$')) {
        return Ok(text.runs.iter().map(verbatim).collect());
    }
    let mut out = String::new();
    // Runs of one height are one script.
    for runs in text.runs.chunk_by(|a, b| a.drop == b.drop) {
        if runs[0].drop != 0.0 {
            out.push_str(&script(runs)?);
            continue;
        }
        for run in runs {
            out.push_str(&if run.italic { variables(&run.text)? } else { plain(&run.text)? });
        }
    }
    // Adjoining pieces of mathematics are one, so that scripts are set at their base.
    Ok(out.replace("$$", ""))
}

/// Letters of variables, in mathematics.
fn variables(text: &str) -> Result<String, FigureError> {
    if text.chars().all(|c| c.is_ascii_alphabetic()) {
        let single = text.chars().count() == 1;
        return Ok(if single { format!("${text}$") } else { format!("$\\mathit{{{text}}}$") });
    }
    let letter =
        |part: &str| if part.chars().all(|c| c.is_ascii_alphabetic()) { format!("${part}$") } else { part.into() };
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let marks = rest[first.len_utf8()..].chars().take_while(|c| ACCENTS.iter().any(|(mark, _)| mark == c));
        let length = first.len_utf8() + marks.map(char::len_utf8).sum::<usize>();
        out.push_str(&letter(&plain(&rest[..length])?));
        rest = &rest[length..];
    }
    Ok(out)
}

/// A part of a text that is LaTeX.
fn verbatim(run: &Run) -> String {
    match run.drop {
        drop if drop > 0.0 => format!("_{{{}}}", run.text),
        drop if drop < 0.0 => format!("^{{{}}}", run.text),
        _ => run.text.clone(),
    }
}

/// A sub- or superscript, in mathematics.
fn script(runs: &[Run]) -> Result<String, FigureError> {
    let mut inner = String::new();
    for run in runs {
        let mut word = String::new();
        let flush = |word: &mut String, inner: &mut String| {
            match (word.chars().count(), run.italic) {
                (0, _) | (1, true) => inner.push_str(word),
                (_, true) => inner.push_str(&format!("\\mathit{{{word}}}")),
                (_, false) => inner.push_str(&format!("\\mathrm{{{word}}}")),
            }
            word.clear();
        };
        for c in run.text.chars() {
            if c.is_ascii_alphabetic() {
                word.push(c);
                continue;
            }
            flush(&mut word, &mut inner);
            match symbol(c) {
                Some(command) => inner.push_str(&format!("{{{command}}}")),
                None if c == ' ' => inner.push_str("\\,"),
                None if c.is_ascii() => inner.push_str(&escaped(c)),
                None => return Err(missing(c, &run.text)),
            }
        }
        flush(&mut word, &mut inner);
    }
    let mark = if runs[0].drop > 0.0 { '_' } else { '^' };
    Ok(format!("${mark}{{{inner}}}$"))
}

/// Text at the baseline, with its symbols in mathematics.
fn plain(text: &str) -> Result<String, FigureError> {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if let Some((_, accent)) = chars.peek().and_then(|next| ACCENTS.iter().find(|(mark, _)| mark == next)) {
            chars.next();
            let base = symbol(c).map_or_else(|| c.to_string(), String::from);
            out.push_str(&format!("${accent}{{{base}}}$"));
        } else if let Some(inner) = translated(c, SUPERSCRIPTS, RAISED) {
            out.push_str(&format!("$^{{{inner}}}$"));
        } else if let Some(inner) = translated(c, SUBSCRIPTS, LOWERED) {
            out.push_str(&format!("$_{{{inner}}}$"));
        } else if let Some(command) = symbol(c) {
            out.push_str(&format!("${{{command}}}$"));
        } else {
            match c {
                '–' => out.push_str("--"),
                '—' => out.push_str("---"),
                '…' => out.push_str("\\ldots{}"),
                '’' => out.push('\''),
                _ if c.is_ascii() => out.push_str(&escaped(c)),
                // Letters with accents, which every LaTeX of today reads as UTF-8.
                _ if c.is_alphabetic() && c < '\u{180}' => out.push(c),
                _ => return Err(missing(c, text)),
            }
        }
    }
    // Digits of one script.
    Ok(out.replace("}$$^{", "").replace("}$$_{", ""))
}

fn symbol(c: char) -> Option<&'static str> {
    SYMBOLS.iter().find(|(known, _)| *known == c).map(|(_, command)| *command)
}

/// The character of `to` at the place that `c` has in `from`.
fn translated(c: char, from: &str, to: &str) -> Option<char> {
    from.chars().position(|known| known == c).and_then(|at| to.chars().nth(at))
}

/// A character of ASCII in text.
fn escaped(c: char) -> String {
    match c {
        '\\' => "\\textbackslash{}".into(),
        '^' => "\\textasciicircum{}".into(),
        '~' => "\\textasciitilde{}".into(),
        '#' | '%' | '&' | '_' | '{' | '}' => format!("\\{c}"),
        _ => c.to_string(),
    }
}

fn missing(char: char, text: &str) -> FigureError {
    FigureError::NoLatex { char, code: char.into(), text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> String {
        latex(&Text::new(source).unwrap()).unwrap()
    }

    #[test]
    fn symbols_and_scripts_are_mathematics() {
        for (source, expected) in [
            ("width N", "width $N$"),
            ("kε and f̂", "$k{\\varepsilon}$ and $\\hat{f}$"),
            ("group \\mathrm{A}, \\mathit{CT}", "group A, $\\mathit{CT}$"),
            ("x_{n−1}", "$x_{n{-}1}$"),
            ("10⁻²", "10$^{-2}$"),
            ("gap ‖f_{N} − f_{ρ}‖^{2}", "gap ${\\|}f_{N}$ ${-}$ $f_{{\\rho}}{\\|}^{2}$"),
            ("50 % & more_less", "50 \\% \\& more\\_less"),
            ("sup_{t}", "sup$_{t}$"),
            ("x_{max i}", "$x_{\\mathrm{max}\\,i}$"),
            ("ρ̄ ≤ 1", "$\\bar{\\rho}$ ${\\leq}$ 1"),
            ("slope $-\\frac{1}{2}_{N}$", "slope $-\\frac{1}{2}_{N}$"),
        ] {
            assert_eq!(of(source), expected, "{source}");
        }
    }

    /// Every character that the font of figures is promised to have can be typeset.
    #[test]
    fn the_mathematics_of_the_paper_is_typeset() {
        let all = "αβγδεζηθικλμνξπρστυφχψωϵΓΔΘΛΞΠΣΦΨΩ ρ̄ f̂ ⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵀ ₀₁₂₃₄₅₆₇₈₉₋ₙⱼ ∞‖√∇ℓ−×·≈≤≥±–—→𝔼ℝ∈∂∑∫∝½";
        assert!(of(all).is_ascii(), "{}", of(all));
        let known: Vec<char> = SYMBOLS.iter().map(|(c, _)| *c).collect();
        assert!((1..known.len()).all(|i| !known[..i].contains(&known[i])));
        assert_eq!(SUPERSCRIPTS.chars().count(), RAISED.len());
        assert_eq!(SUBSCRIPTS.chars().count(), LOWERED.len());
    }

    #[test]
    fn what_cannot_be_typeset_is_named() {
        let text = Text { runs: vec![Run { text: "a漢".into(), size: 1.0, drop: 0.0, italic: false, width: 1.0 }] };
        assert!(matches!(latex(&text), Err(FigureError::NoLatex { char: '漢', .. })));
    }
}
