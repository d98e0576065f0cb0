//! Errors of experiment files. Reading and validation collect every error instead of stopping at the first.

use super::describe::KeyDescriptions;
use super::spelling::{TypedValues, contains, related};
use super::{Override, builtin};
use std::cell::RefCell;
use std::path::PathBuf;
use toml::Value;

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
    #[error("{file}: not valid TOML{advice}\n{source}")]
    Syntax {
        /// The file.
        file: String,
        /// The key and value at fault with a right form, as far as they are clear.
        advice: String,
        /// The cause.
        source: Box<toml::de::Error>,
    },
    /// The file exists but cannot be read.
    #[error("{file}: cannot be read")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Neither a built-in experiment nor a file.
    #[error("no experiment and no file is called '{name}'; {}built in are {}", did_you_mean(.name), builtin::names().join(", "))]
    NoSuchExperiment {
        /// The name as given.
        name: String,
    },
    /// The file is too large for an experiment.
    #[error("{file}: more than {most} bytes, which no experiment has")]
    TooLong {
        /// The file.
        file: String,
        /// Bytes that are accepted.
        most: u64,
    },
    /// A study is chosen that the experiment does not have.
    #[error("--study {name}: the experiment has no study of this name; {advice}; it has {}", if .known.is_empty() { "none".into() } else { .known.join(", ") })]
    NoSuchStudy {
        /// The name as given.
        name: String,
        /// The studies of the experiment.
        known: Vec<String>,
        /// What would be right.
        advice: String,
    },
    /// An error, and notes on names that have changed.
    #[error("{source}{}", .notes.iter().map(|note| format!("\nnote: {note}")).collect::<String>())]
    Noted {
        /// The error.
        source: Box<ConfigError>,
        /// The notes.
        notes: Vec<String>,
    },
    /// One experiment is wanted, and the file describes several.
    #[error(
        "{file}: the table [vary] describes several experiments: expected a file of one, without it; `widelimit run` runs all of them"
    )]
    Varied {
        /// The file.
        file: String,
    },
    /// A varied key that cannot be applied.
    #[error("{file}: [vary] {key}: {source}")]
    VariedKey {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// The cause.
        source: OverrideError,
    },
    /// An override that cannot be parsed or applied.
    #[error("{text}: {source}")]
    Override {
        /// The override as given, with its option.
        text: String,
        /// The cause.
        source: OverrideError,
    },
    /// Keys that are missing, unknown, or have values that cannot be used: every one of them.
    #[error("{} in the experiment file:\n{}", count(.errors.len()), list(.errors))]
    Invalid {
        /// The errors, in the order of the file.
        errors: Vec<KeyError>,
    },
}

/// Why an override `--set KEY=VALUE` or `--unset KEY` cannot be parsed or applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// There is no equals sign.
    #[error("expected KEY=VALUE, such as dynamics.step=0.01")]
    NoValue,
    /// A key that is to be removed has a value.
    #[error("expected a key alone, such as paths or dynamics.friction")]
    RemovedValue,
    /// A key that is to be removed is not there.
    #[error("the experiment has no key or table '{key}' to remove")]
    NothingToRemove {
        /// The key.
        key: String,
    },
    /// Two dots, or a dot at an end of the key.
    #[error("the key has an empty part; expected something like dynamics.step")]
    EmptyPart,
    /// Far more parts than any key has.
    #[error("the key has {parts} parts: expected at most {most}, something like dynamics.step")]
    TooManyParts {
        /// Parts of the key.
        parts: usize,
        /// Parts that are accepted.
        most: usize,
    },
    /// A line break in the value.
    #[error("the value has more than one line: expected one value on one line, and one --set for each key")]
    SeveralLines,
    /// A list, table or string that is not TOML.
    #[error("the value is not valid TOML: {reason}: expected a value such as {example}")]
    Value {
        /// The cause.
        reason: String,
        /// A value that is TOML.
        example: &'static str,
    },
    /// The key indexes a list that does not exist.
    #[error("there is no list '{list}' with an entry {entry}")]
    NoSuchList {
        /// The list.
        list: String,
        /// The entry.
        entry: String,
    },
    /// The key does not name an entry of a list.
    #[error("'{list}' is {}", match (*.length, .tables) {
        (0, _) => "an empty list; replace it as a whole".to_string(),
        (length, true) => format!("a list of {length} tables; name one as {list}.0.KEY"),
        (length, false) => format!("a list of {length} entries; name one as {list}.0 to {list}.{}", length - 1),
    })]
    NotAnEntry {
        /// The list.
        list: String,
        /// Its length.
        length: usize,
        /// Whether its entries are tables.
        tables: bool,
    },
    /// The key continues below a value that is not a table.
    #[error("'{key}' is a value, not a table")]
    NotATable {
        /// The key.
        key: String,
    },
}

fn count(n: usize) -> String {
    if n == 1 { "1 error".into() } else { format!("{n} errors") }
}

fn list(errors: &[KeyError]) -> String {
    errors.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n")
}

/// The built-in experiment whose name is nearest, as a question; empty where none is near.
pub fn did_you_mean(name: &str) -> String {
    let nearest = builtin::names().into_iter().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 1 + known.len() / 4 => format!("did you mean '{known}'? "),
        _ => String::new(),
    }
}

/// The name that is nearest to one that is unknown, if any is near.
pub(super) fn did_you_mean_of<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let distance = |known: &&'a String| strsim::damerau_levenshtein(known, name);
    known.iter().min_by_key(distance).filter(|known| distance(known) <= 1 + known.len() / 4).map(String::as_str)
}

/// The errors that reading and validation collect.
pub struct KeyErrors {
    file: String,
    /// Keys that were replaced on the command line.
    overridden: Vec<String>,
    typed: TypedValues,
    errors: RefCell<Vec<KeyError>>,
    /// Where the readers describe what they accept.
    description: Option<RefCell<KeyDescriptions>>,
}

impl KeyErrors {
    pub(super) fn new(file: &str, overrides: &[Override], mut typed: TypedValues) -> Self {
        for entry in overrides {
            match entry.value {
                Some(_) => typed.replace(&entry.name(), &entry.typed),
                None => typed.remove(&entry.name()),
            }
        }
        KeyErrors {
            file: file.into(),
            overridden: overrides.iter().map(Override::name).collect(),
            typed,
            errors: RefCell::default(),
            description: None,
        }
    }

    /// Readers with these errors describe what they accept; the errors have no meaning. Keys that may be absent are
    /// there, or `absent`.
    pub(super) fn describing(absent: bool) -> Self {
        let description = KeyDescriptions::new(absent);
        KeyErrors { description: Some(RefCell::new(description)), ..Self::new("", &[], TypedValues::default()) }
    }

    /// The description, while readers describe what they accept.
    pub(super) fn description(&self) -> Option<&RefCell<KeyDescriptions>> {
        self.description.as_ref()
    }

    /// Adds the error of a key that cannot be used, with its value, where it has one that matters, and a message that
    /// states what is expected. The value is shown as it was typed.
    pub fn add(&self, key: &str, value: Option<String>, message: impl Into<String>) {
        // An entry of a list that was replaced changes the list.
        let replaced = |o: &String| contains(o, key) || (value.is_some() && contains(key, o));
        let file = if self.overridden.iter().any(replaced) { "--set".into() } else { self.file.clone() };
        let value = value.map(|value| self.typed.echo(key, value));
        self.errors.borrow_mut().push(KeyError { file, key: key.into(), value, message: message.into() });
    }

    /// Adds the error of a key that does not agree with `others`, as [`KeyErrors::add`]. Where one of these was replaced
    /// on the command line and the key was not, the error is that of the other.
    pub fn add_between(&self, key: &str, value: Option<String>, message: impl Into<String>, others: &[&str]) {
        let replaced = |key: &str| self.overridden.iter().any(|o| related(o, key));
        let Some(other) = others.iter().find(|other| replaced(other) && !replaced(key)) else {
            return self.add(key, value, message);
        };
        let value = value.map(|value| format!(" = {}", self.typed.echo(key, value))).unwrap_or_default();
        self.errors.borrow_mut().push(KeyError {
            file: "--set".into(),
            key: (*other).into(),
            value: self.typed.get(other).map(|typed| match typed.parse::<Value>() {
                Ok(_) => typed.to_string(),
                Err(_) => Value::from(typed).to_string(),
            }),
            message: format!("{key}{value} in {} does not agree with it: {}", self.file, message.into()),
        });
    }

    /// Whether the value of a key was given on the command line.
    pub(super) fn is_replaced(&self, key: &str) -> bool {
        self.overridden.iter().any(|o| contains(o, key))
    }

    /// Whether there is any error.
    pub(super) fn any(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    /// Whether a key has an error.
    pub(super) fn has(&self, key: &str) -> bool {
        self.errors.borrow().iter().any(|error| error.key == key)
    }

    pub(super) fn into_error(self) -> ConfigError {
        ConfigError::Invalid { errors: self.errors.into_inner() }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, ConfigError> {
        let errors = self.errors.into_inner();
        if errors.is_empty() { Ok(value) } else { Err(ConfigError::Invalid { errors }) }
    }
}
