//! Formatting of numbers in labels.

use crate::analysis::fit::SlopeFit;

/// A number with two decimals and the minus sign U+2212.
pub fn number(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

/// A fitted slope with its interval.
pub fn slope(fit: &SlopeFit) -> String {
    format!("slope {} [{}, {}]", number(fit.slope), number(fit.interval.0), number(fit.interval.1))
}
