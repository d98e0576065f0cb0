//! Reading experiments and overrides.

use std::path::Path;
use widelimit::config::{ConfigError, Loaded, Override};

/// The origin of an experiment that is given as text, in messages.
const ORIGIN: &str = "config";

/// The overrides: removals, and then replacements, as on the command line.
///
/// # Errors
/// Text that is no override.
pub fn overrides(replaced: &[String], removed: &[String]) -> Result<Vec<Override>, ConfigError> {
    let removed = removed.iter().map(|key| Override::removal(key));
    removed.chain(replaced.iter().map(|text| text.parse())).collect()
}

/// Reads an experiment: TOML text, whose data paths are relative to the current folder, or the name of a built-in
/// experiment or of a file.
///
/// # Errors
/// Those of [`widelimit::load`].
pub fn read(config: &str, is_text: bool, overrides: &[Override]) -> Result<Loaded, ConfigError> {
    if is_text {
        widelimit::parse(config, ORIGIN, Path::new("."), overrides)
    } else {
        widelimit::load(config, overrides)
    }
}
