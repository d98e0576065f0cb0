//! A table of the experiment file, read key by key; errors are collected.
//!
//! Where a value cannot be used a placeholder is returned (NaN, 0, the first choice), so that reading continues and
//! finds the remaining errors. Placeholders are never used: an experiment with errors is not returned.

use super::error::KeyErrors;
use crate::choice::{Choice, quoted};
use std::path::PathBuf;
use toml::{Table, Value};

/// The real numbers that a key allows.
#[derive(Clone, Copy)]
pub enum Allowed {
    /// Every finite number.
    Any,
    /// Greater than zero.
    Positive,
    /// Zero or greater.
    NonNegative,
    /// Strictly between two numbers.
    Between(f64, f64),
    /// The interval [0, 1).
    Fraction,
}

impl Allowed {
    fn contains(self, v: f64) -> bool {
        v.is_finite()
            && match self {
                Allowed::Any => true,
                Allowed::Positive => v > 0.0,
                Allowed::NonNegative => v >= 0.0,
                Allowed::Between(low, high) => v > low && v < high,
                Allowed::Fraction => (0.0..1.0).contains(&v),
            }
    }

    fn message(self) -> String {
        match self {
            Allowed::Any => "expected a finite number".into(),
            Allowed::Positive => "expected a positive number".into(),
            Allowed::NonNegative => "expected a number that is zero or positive".into(),
            Allowed::Fraction => "expected a number of at least 0 and less than 1".into(),
            Allowed::Between(low, high) => format!("expected a number strictly between {low} and {high}"),
        }
    }
}

/// A table, with the keys that have been read.
pub struct Section<'p> {
    path: String,
    table: Table,
    known: Vec<String>,
    errors: &'p KeyErrors,
}

impl<'p> Section<'p> {
    pub(super) fn root(table: Table, errors: &'p KeyErrors) -> Self {
        Section { path: String::new(), table, known: Vec::new(), errors }
    }

    /// The full name of a key of this table.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Adds the error of a key that cannot be used; see [`KeyErrors::add`].
    pub fn reject(&self, key: &str, value: Option<String>, message: impl Into<String>) {
        self.errors.add(&self.name(key), value, message);
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.into());
        self.table.remove(key)
    }

    /// Whether the table has a key that has not been read.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key, parsed by `read`. Where `read` returns `None`, or the key is missing and has no default,
    /// adds the error `message` and returns `placeholder`.
    fn required<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        message: &str,
        placeholder: T,
        read: impl Fn(&Value) -> Option<T>,
    ) -> T {
        match (self.take(key), default) {
            (Some(value), _) => read(&value).unwrap_or_else(|| {
                self.reject(key, Some(value.to_string()), message);
                placeholder
            }),
            (None, Some(default)) => default,
            (None, None) => {
                self.reject(key, None, format!("missing; {message}"));
                placeholder
            }
        }
    }

    /// A real number (NaN where wrong).
    pub fn real(&mut self, key: &str, default: Option<f64>, allowed: Allowed) -> f64 {
        self.required(key, default, &allowed.message(), f64::NAN, |v| real(v).filter(|&v| allowed.contains(v)))
    }

    /// A real number, if the key is present.
    pub fn optional_real(&mut self, key: &str, allowed: Allowed) -> Option<f64> {
        self.has(key).then(|| self.real(key, None, allowed))
    }

    /// A whole number of at least `least` (0 where wrong).
    pub fn count(&mut self, key: &str, default: Option<usize>, least: usize) -> usize {
        let message = format!("expected a whole number of at least {least}");
        self.required(key, default, &message, 0, |v| count(v).filter(|&v| v >= least))
    }

    /// A whole number of at least `least`, if the key is present.
    pub fn optional_count(&mut self, key: &str, least: usize) -> Option<usize> {
        self.has(key).then(|| self.count(key, None, least))
    }

    /// A whole number from `least` to `most`, if the key is present.
    pub fn optional_count_between(&mut self, key: &str, least: usize, most: usize) -> Option<usize> {
        let message = format!("expected a whole number from {least} to {most}");
        let read = |v: &Value| count(v).filter(|v| (least..=most).contains(v));
        self.has(key).then(|| self.required(key, None, &message, 0, read))
    }

    /// The text at a key, without reading it.
    pub fn peek(&self, key: &str) -> Option<String> {
        self.table.get(key).and_then(Value::as_str).map(String::from)
    }

    /// A list of at least one number; empty where wrong.
    pub fn reals(&mut self, key: &str, allowed: Allowed) -> Vec<f64> {
        let message = format!("expected a list such as [0.1, 0.05]; in it, {}", allowed.message());
        self.list(key, &message, |v| real(v).filter(|&v| allowed.contains(v)))
    }

    /// A list of whole numbers of at least `least`; empty where wrong.
    pub fn counts(&mut self, key: &str, least: usize) -> Vec<usize> {
        let message = format!("expected a list of whole numbers of at least {least}, such as [64, 256]");
        self.list(key, &message, |v| count(v).filter(|&v| v >= least))
    }

    /// A list of strings, possibly empty; empty where wrong.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.required(key, Some(Vec::new()), "expected a list of names in quotes", Vec::new(), |v| {
            v.as_array().and_then(|a| a.iter().map(|v| v.as_str().map(String::from)).collect())
        })
    }

    fn list<T: Clone>(&mut self, key: &str, message: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        self.required(key, None, message, Vec::new(), |v| {
            v.as_array().filter(|a| !a.is_empty()).and_then(|a| a.iter().map(&read).collect())
        })
    }

    /// True or false.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        self.required(key, Some(default), "expected true or false", default, Value::as_bool)
    }

    /// Text; empty where wrong.
    pub fn text(&mut self, key: &str, default: Option<&str>) -> String {
        self.required(key, default.map(String::from), "expected text in quotes", String::new(), |v| {
            v.as_str().map(String::from)
        })
    }

    /// A path; empty where wrong.
    pub fn path(&mut self, key: &str) -> PathBuf {
        let message = "expected a path in quotes";
        self.required(key, None, message, PathBuf::new(), |v| v.as_str().filter(|s| !s.is_empty()).map(PathBuf::from))
    }

    /// A [`Choice`] by its name; the first where wrong.
    pub fn choice_of<T: Choice>(&mut self, key: &str, default: Option<T>) -> T {
        self.choice_among(key, default, T::ALL)
    }

    /// One of some values of a [`Choice`], at least one, by its name; the first where wrong.
    pub fn choice_among<T: Choice>(&mut self, key: &str, default: Option<T>, among: &[T]) -> T {
        let names: Vec<&str> = among.iter().map(|choice| choice.name()).collect();
        let message = format!("expected one of {}", quoted(&names));
        self.required(key, default, &message, among[0], |v| {
            among.iter().copied().find(|choice| v.as_str() == Some(choice.name()))
        })
    }

    /// `"auto"` (`None`, the default) or a real number.
    pub fn auto_or_real(&mut self, key: &str, allowed: Allowed) -> Option<f64> {
        let message = format!("{}, or \"auto\"", allowed.message());
        self.required(key, Some(None), &message, None, |v| match v.as_str() {
            Some(text) => (text == "auto").then_some(None),
            None => real(v).filter(|&v| allowed.contains(v)).map(Some),
        })
    }

    /// A list of [`Choice`]s by name, each at most once; empty where the key is absent.
    pub fn choices_of<T: Choice + PartialEq>(&mut self, key: &str) -> Vec<T> {
        let message = format!("expected a list of some of {}, each once", quoted(&T::names()));
        self.required(key, Some(Vec::new()), &message, Vec::new(), |v| {
            let one = |v: &Value| T::from_name(v.as_str()?).ok();
            let chosen: Vec<T> = v.as_array()?.iter().map(one).collect::<Option<_>>()?;
            (1..chosen.len()).all(|i| !chosen[..i].contains(&chosen[i])).then_some(chosen)
        })
    }

    /// `"full"` (`None`) or a whole number of at least 1.
    pub fn full_or_count(&mut self, key: &str, default: Option<Option<usize>>) -> Option<usize> {
        self.required(key, default, "expected \"full\" or a whole number of at least 1", None, |v| match v.as_str() {
            Some("full") => Some(None),
            Some(_) => None,
            None => count(v).filter(|&v| v >= 1).map(Some),
        })
    }

    /// A table inside this one.
    pub fn section(&mut self, key: &str, required: bool) -> Option<Section<'p>> {
        let path = self.name(key);
        match self.take(key) {
            Some(Value::Table(table)) => Some(Section { path, table, known: Vec::new(), errors: self.errors }),
            Some(other) => {
                self.reject(key, Some(other.to_string()), format!("expected a table, [{path}]"));
                None
            }
            None if required => {
                self.reject(key, None, format!("missing; expected a table, [{path}]"));
                None
            }
            None => None,
        }
    }

    /// A list of tables inside this one; empty where the key is absent.
    pub fn sections(&mut self, key: &str) -> Vec<Section<'p>> {
        let path = self.name(key);
        let value = self.take(key);
        let tables: Option<Vec<Table>> = match &value {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_table().cloned()).collect(),
            Some(_) => None,
        };
        let Some(tables) = tables else {
            self.reject(key, value.map(|v| v.to_string()), format!("expected tables, [[{path}]]"));
            return Vec::new();
        };
        let open = |(i, table)| Section { path: format!("{path}.{i}"), table, known: Vec::new(), errors: self.errors };
        tables.into_iter().enumerate().map(open).collect()
    }

    /// Adds an error where a list is not strictly increasing.
    pub fn require_increasing<T: PartialOrd + std::fmt::Debug>(&self, key: &str, values: &[T], what: &str) {
        if values.windows(2).any(|pair| pair[0] >= pair[1]) {
            self.reject(key, Some(format!("{values:?}")), format!("expected {what} in increasing order, each once"));
        }
    }

    /// The keys `low` and `high` of an interval.
    pub fn interval(&mut self) -> (f64, f64) {
        let (low, high) = (self.real("low", None, Allowed::Any), self.real("high", None, Allowed::Any));
        if low >= high {
            self.reject("high", Some(high.to_string()), format!("expected a number above low = {low}"));
        }
        (low, high)
    }

    /// Adds an error for every key that has not been read.
    pub fn finish(self) {
        for (key, value) in &self.table {
            let nearest = self.known.iter().map(|k| (strsim::damerau_levenshtein(k, key), k)).min();
            let hint = match nearest {
                Some((distance, known)) if distance <= 1 + known.len() / 4 => {
                    format!("unknown key; did you mean '{known}'?")
                }
                _ => format!("unknown key; known here are {}", self.known.join(", ")),
            };
            self.reject(key, Some(value.to_string()), hint);
        }
    }
}

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Float(v) => Some(*v),
        Value::Integer(v) => Some(*v as f64),
        _ => None,
    }
}

fn count(value: &Value) -> Option<usize> {
    value.as_integer().and_then(|v| usize::try_from(v).ok())
}
