//! What can be wrong with an experiment file, collected rather than thrown one at a time.

use super::Override;
use std::cell::RefCell;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}{}: {want}", .value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default())]
pub struct Problem {
    /// The file, the built-in experiment, or `--set`.
    pub file: String,
    /// The full key, such as `dynamics.step`.
    pub key: String,
    /// What stands there; `None` where something is missing.
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
    Unreadable { file: String, source: std::io::Error },
    /// Neither a built-in experiment nor a file.
    #[error("no experiment and no file is called '{name}'; built in are {}", .builtin.join(", "))]
    NoSuchExperiment { name: String, builtin: Vec<&'static str> },
    /// An override that is not KEY=VALUE, or whose key leads through something that is not a table.
    #[error("--set {text}: {want}")]
    Override { text: String, want: String },
    /// Everything else, all of it.
    #[error("{} to mend before this experiment can run:\n{}", count(.problems.len()), list(.problems))]
    Problems { problems: Vec<Problem> },
}

fn count(n: usize) -> String {
    if n == 1 { "1 thing".into() } else { format!("{n} things") }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n")
}

/// The collection that reading and validation write into.
pub(super) struct Problems {
    file: String,
    overridden: Vec<String>,
    found: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(super) fn new(file: &str, overrides: &[Override]) -> Self {
        let overridden = overrides.iter().map(|o| o.key.join(".")).collect();
        Problems { file: file.into(), overridden, found: RefCell::default() }
    }

    /// Notes that `key` holds `value` where `want` would be right.
    pub(super) fn add(&self, key: &str, value: Option<String>, want: impl Into<String>) {
        let from_override = self
            .overridden
            .iter()
            .any(|o| key == o || key.strip_prefix(o.as_str()).is_some_and(|r| r.starts_with(['.', '['])));
        let file = if from_override { "--set".into() } else { self.file.clone() };
        self.found.borrow_mut().push(Problem { file, key: key.into(), value, want: want.into() });
    }

    pub(super) fn into_error(self) -> ConfigError {
        ConfigError::Problems { problems: self.found.into_inner() }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, ConfigError> {
        let problems = self.found.into_inner();
        if problems.is_empty() { Ok(value) } else { Err(ConfigError::Problems { problems }) }
    }
}
