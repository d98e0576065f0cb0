//! Errors of experiment files. Reading and validation collect every error instead of stopping at the first.

use super::Override;
use std::cell::RefCell;
use std::path::PathBuf;

/// A key whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}{}: {message}", .value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default())]
pub struct KeyError {
    /// Its origin: a file, a built-in experiment, or `--set`.
    pub file: String,
    /// The full key, such as `dynamics.step`.
    pub key: String,
    /// Its value; `None` where the key is missing or the value does not matter.
    pub value: Option<String>,
    /// Why it cannot be used, and what is expected.
    pub message: String,
}

/// Why an experiment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is not TOML.
    #[error("{file}: not valid TOML\n{source}")]
    Syntax {
        /// The file or built-in experiment.
        file: String,
        /// The cause.
        source: Box<toml::de::Error>,
    },
    /// The file exists but cannot be read.
    #[error("{file}: cannot be read")]
    Unreadable {
        /// The file or built-in experiment.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Neither a built-in experiment nor a file.
    #[error("no experiment and no file is called '{name}'; built in are {}", .builtin.join(", "))]
    NoSuchExperiment {
        /// The name that was given.
        name: String,
        /// Names of the built-in experiments.
        builtin: Vec<&'static str>,
    },
    /// An override that cannot be parsed or applied.
    #[error("--set {text}: {source}")]
    Override {
        /// The override as given.
        text: String,
        /// The cause.
        source: OverrideError,
    },
    /// Keys that are missing, unknown, or have values that cannot be used: every one of them.
    #[error("{} in the experiment file:\n{}", count(.errors.len()), list(.errors))]
    Invalid {
        /// The errors, in the order in which they were found.
        errors: Vec<KeyError>,
    },
}

/// Why an override `--set KEY=VALUE` cannot be parsed or applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// There is no equals sign.
    #[error("expected KEY=VALUE, such as dynamics.step=0.01")]
    NoValue,
    /// Two dots, or a dot at an end of the key.
    #[error("the key has an empty part; expected something like dynamics.step")]
    EmptyPart,
    /// A list, table or string that is not TOML.
    #[error("the value is not valid TOML")]
    Value,
    /// The key indexes a list that does not exist.
    #[error("there is no list '{list}' with an entry {entry}")]
    NoSuchList {
        /// The key of the list.
        list: String,
        /// The entry.
        entry: String,
    },
    /// The key does not name an entry of a list of tables.
    #[error("'{list}' is a list of {length} tables; name one as {list}.0.KEY")]
    NotAnEntry {
        /// The key of the list.
        list: String,
        /// Number of its entries.
        length: usize,
    },
    /// The key continues below a value that is not a table.
    #[error("'{key}' is a value, not a table")]
    NotATable {
        /// The key of the value.
        key: String,
    },
}

fn count(n: usize) -> String {
    if n == 1 { "1 error".into() } else { format!("{n} errors") }
}

fn list(errors: &[KeyError]) -> String {
    errors.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n")
}

/// The errors that reading and validation collect.
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

    /// Adds the error of a key that cannot be used, with its value, where it has one that matters, and a message that states what
    /// is expected.
    pub fn add(&self, key: &str, value: Option<String>, message: impl Into<String>) {
        let from_override = self
            .overridden
            .iter()
            .any(|o| key == o || key.strip_prefix(o.as_str()).is_some_and(|r| r.starts_with(['.', '['])));
        let file = if from_override { "--set".into() } else { self.file.clone() };
        self.errors.borrow_mut().push(KeyError { file, key: key.into(), value, message: message.into() });
    }

    pub(super) fn into_error(self) -> ConfigError {
        ConfigError::Invalid { errors: self.errors.into_inner() }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, ConfigError> {
        let errors = self.errors.into_inner();
        if errors.is_empty() { Ok(value) } else { Err(ConfigError::Invalid { errors }) }
    }
}
