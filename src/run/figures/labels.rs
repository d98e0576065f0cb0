//! Numbers in labels: as in tables, typeset.
//!
//! A measured number that is not finite has no text, so that none reaches a label: its entry says so or is left out.

use crate::analysis::fit::SlopeFit;
use crate::number::text;

/// A measured number; `None` where it is not finite.
pub fn number(value: f64) -> Option<String> {
    value.is_finite().then(|| typeset(&text::measured(value)))
}

/// Measured numbers of one legend, of which different ones have different texts.
pub fn numbers(values: &[f64]) -> Vec<Option<String>> {
    let texts = text::measured_apart(values);
    values.iter().zip(texts).map(|(value, text)| value.is_finite().then(|| typeset(&text))).collect()
}

/// A parameter of the experiment, such as a step or a time.
pub fn parameter(value: f64) -> String {
    typeset(&text::given(value))
}

/// Parameters of one legend, of which different ones have different texts.
pub fn parameters(values: &[f64]) -> Vec<String> {
    text::given_apart(values).iter().map(|text| typeset(text)).collect()
}

/// A fitted slope with its interval.
pub fn slope(fit: &SlopeFit) -> String {
    match (number(fit.slope), number(fit.interval.0), number(fit.interval.1)) {
        (Some(slope), Some(low), Some(high)) => format!("slope {slope} [{low}, {high}]"),
        (Some(slope), ..) => format!("slope {slope}, no interval"),
        (None, ..) => "slope not fitted".into(),
    }
}

/// Why nothing was fitted, from the reason that was recorded.
pub fn not_fitted(failure: Option<&str>) -> String {
    let reason = failure.unwrap_or("no reason was recorded");
    let minus = |(i, c): (usize, char)| {
        let digit = reason[i + c.len_utf8()..].starts_with(|next: char| next.is_ascii_digit());
        if c == '-' && digit { '−' } else { c }
    };
    format!("not fitted: {}", reason.char_indices().map(minus).collect::<String>())
}

/// The minus sign U+2212, and powers of ten in superscript.
fn typeset(text: &str) -> String {
    let signed = |text: &str| text.replace('-', "−");
    match text.split_once('e') {
        Some(("1", exponent)) => format!("10^{{{}}}", signed(exponent)),
        Some((digits, exponent)) => format!("{}×10^{{{}}}", signed(digits), signed(exponent)),
        None => signed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_tables_and_never_infinite() {
        let texts = [0.25, -3.4e-9, 0.0].map(|value| number(value).unwrap_or_default());
        assert_eq!(texts, ["0.250", "−3.40×10^{−9}", "0"]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(value), None);
        }
        assert_eq!(numbers(&[1e-4, f64::NAN]), [Some("1.00×10^{−4}".to_string()), None]);
        assert_eq!(not_fitted(Some("slope -0.5 of a non-number")), "not fitted: slope −0.5 of a non-number");
        assert_eq!(parameter(1e-300), "10^{−300}");
        assert_eq!(parameters(&[0.25, 1e-9]), ["0.25", "10^{−9}"]);
    }

    /// Numbers in figures have one format: none is given in the source of a figure.
    #[test]
    fn figures_give_no_format_of_their_own() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let studies = root.join("study").read_dir().unwrap().map(|entry| entry.unwrap().path().join("figure.rs"));
        let common = root.join("run/figures").read_dir().unwrap().map(|entry| entry.unwrap().path());
        for path in studies.chain(common).filter(|path| path.is_file()) {
            let source = std::fs::read_to_string(&path).unwrap();
            let wrong = source.split('{').find(|part| {
                let argument = part.split('}').next().unwrap_or_default();
                argument.split_once(':').is_some_and(|(name, spec)| {
                    (spec.starts_with('.') || spec == "e") && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                })
            });
            assert_eq!(wrong, None, "{}", path.display());
        }
    }
}
