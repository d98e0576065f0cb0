//! What can be wrong with an experiment file. Reading and validation collect every error instead of stopping at the first.

use super::Override;
use std::cell::RefCell;
use std::path::PathBuf;

/// A key whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}{}: {want}", .value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default())]
pub struct KeyError {
    /// The file, the built-in experiment, or `--set`.
    pub file: String,
    /// The full key, such as `dynamics.step`.
    pub key: String,
    /// Its value; `None` where something is missing.
    pub value: Option<String>,
    /// What would be right.
    pub want: String,
}

/// Why there is no experiment.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is not TOML.
    #[error("{file}: not valid TOML\n{message}")]
    Syntax { file: String, message: String },
    /// The file exists and cannot be read.
    #[error("{file}: cannot be read")]
    Unreadable { file: PathBuf, source: std::io::Error },
    /// Neither a built-in experiment nor a file.
    #[error("no experiment and no file is called '{name}'; built in are {}", .builtin.join(", "))]
    NoSuchExperiment { name: String, builtin: Vec<&'static str> },
    /// An override that is not KEY=VALUE, or whose key leads through something that is not a table.
    #[error("--set {text}: {want}")]
    Override { text: String, want: String },
    /// Keys that are missing, unknown, or have values that cannot be used: all of them.
    #[error("{} in the experiment file:\n{}", count(.errors.len()), list(.errors))]
    Invalid { errors: Vec<KeyError> },
}

fn count(n: usize) -> String {
    if n == 1 { "1 error".into() } else { format!("{n} errors") }
}

fn list(errors: &[KeyError]) -> String {
    errors.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n")
}

/// The errors and notes that reading and validation collect.
pub struct KeyErrors {
    file: String,
    overridden: Vec<String>,
    errors: RefCell<Vec<KeyError>>,
}

impl KeyErrors {
    pub(super) fn new(file: &str, overrides: &[Override]) -> Self {
        let overridden = overrides.iter().map(|o| o.key.join(".")).collect();
        KeyErrors { file: file.into(), overridden, errors: RefCell::default() }
    }

    /// Adds the error that `key` has `value` where `want` would be right.
    pub fn add(&self, key: &str, value: Option<String>, want: impl Into<String>) {
        let from_override = self
            .overridden
            .iter()
            .any(|o| key == o || key.strip_prefix(o.as_str()).is_some_and(|r| r.starts_with(['.', '['])));
        let file = if from_override { "--set".into() } else { self.file.clone() };
        self.errors.borrow_mut().push(KeyError { file, key: key.into(), value, want: want.into() });
    }

    pub(super) fn into_error(self) -> ConfigError {
        ConfigError::Invalid { errors: self.errors.into_inner() }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, ConfigError> {
        let errors = self.errors.into_inner();
        if errors.is_empty() { Ok(value) } else { Err(ConfigError::Invalid { errors }) }
    }
}
