//! The keys of an experiment that a command line replaces and removes.

use widelimit::config::{ConfigError, Override};

/// The overrides of `--unset KEY` and `--set KEY=VALUE`, removals first.
///
/// # Errors
/// A text that is not of this form.
pub fn overrides(removals: &[String], replacements: &[String]) -> Result<Vec<Override>, ConfigError> {
    let removed = removals.iter().map(|key| Override::removal(key));
    removed.chain(replacements.iter().map(|text| text.parse())).collect()
}
