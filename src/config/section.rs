//! A table of the experiment file that is read key by key; every error is collected.
//!
//! Where a value cannot be used a placeholder is returned (NaN, 0, the first choice), so that reading goes on and finds the
//! remaining errors; the collected errors keep the placeholder from ever being used.

use super::error::KeyErrors;
use crate::choice::{Choice, quoted};
use std::path::PathBuf;
use toml::{Table, Value};

/// Which real numbers are allowed.
#[derive(Clone, Copy)]
pub enum Want {
    /// Every finite number.
    Any,
    /// Above zero.
    Positive,
    /// Zero or above.
    NonNegative,
    /// Strictly between.
    Between(f64, f64),
    /// Zero included, one not.
    Fraction,
}

impl Want {
    fn admits(self, v: f64) -> bool {
        v.is_finite()
            && match self {
                Want::Any => true,
                Want::Positive => v > 0.0,
                Want::NonNegative => v >= 0.0,
                Want::Between(low, high) => v > low && v < high,
                Want::Fraction => (0.0..1.0).contains(&v),
            }
    }

    fn words(self) -> String {
        match self {
            Want::Any => "expected a finite number".into(),
            Want::Positive => "expected a positive number".into(),
            Want::NonNegative => "expected a number that is zero or positive".into(),
            Want::Fraction => "expected a number from 0 up to, and without, 1".into(),
            Want::Between(low, high) => format!("expected a number strictly between {low} and {high}"),
        }
    }
}

/// One table, with the keys that have been asked for.
pub struct Section<'p> {
    path: String,
    table: Table,
    asked: Vec<String>,
    errors: &'p KeyErrors,
}

impl<'p> Section<'p> {
    pub(super) fn root(table: Table, errors: &'p KeyErrors) -> Self {
        Section { path: String::new(), table, asked: Vec::new(), errors }
    }

    /// The full name of a key of this table.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Adds the error that a key has a value where `want` would be right.
    pub fn wrong(&self, key: &str, value: Option<String>, want: impl Into<String>) {
        self.errors.add(&self.name(key), value, want);
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.asked.push(key.into());
        self.table.remove(key)
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A key read by `read`; `want` says what would be right where it answers `None` or the key is missing.
    fn required<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        want: &str,
        empty: T,
        read: impl Fn(&Value) -> Option<T>,
    ) -> T {
        match (self.take(key), default) {
            (Some(value), _) => read(&value).unwrap_or_else(|| {
                self.wrong(key, Some(value.to_string()), want);
                empty
            }),
            (None, Some(default)) => default,
            (None, None) => {
                self.wrong(key, None, format!("missing; {want}"));
                empty
            }
        }
    }

    /// A real number (NaN where wrong).
    pub fn real(&mut self, key: &str, default: Option<f64>, want: Want) -> f64 {
        self.required(key, default, &want.words(), f64::NAN, |v| real(v).filter(|&v| want.admits(v)))
    }

    /// A real number, where the key is there.
    pub fn optional_real(&mut self, key: &str, want: Want) -> Option<f64> {
        self.has(key).then(|| self.real(key, None, want))
    }

    /// A whole number of at least `least` (0 where wrong).
    pub fn count(&mut self, key: &str, default: Option<usize>, least: usize) -> usize {
        let want = format!("expected a whole number of at least {least}");
        self.required(key, default, &want, 0, |v| count(v).filter(|&v| v >= least))
    }

    /// A whole number of at least `least`, where the key is there.
    pub fn optional_count(&mut self, key: &str, least: usize) -> Option<usize> {
        self.has(key).then(|| self.count(key, None, least))
    }

    /// A whole number from `least` to `most`, where the key is there.
    pub fn optional_count_between(&mut self, key: &str, least: usize, most: usize) -> Option<usize> {
        let want = format!("expected a whole number from {least} to {most}");
        let read = |v: &Value| count(v).filter(|v| (least..=most).contains(v));
        self.has(key).then(|| self.required(key, None, &want, 0, read))
    }

    /// The text at a key, which stays in the table.
    pub fn peek(&self, key: &str) -> Option<String> {
        self.table.get(key).and_then(Value::as_str).map(String::from)
    }

    /// A list of at least one number; empty where wrong.
    pub fn reals(&mut self, key: &str, want: Want) -> Vec<f64> {
        let words = format!("expected a list such as [0.1, 0.05]; in it, {}", want.words());
        self.list(key, &words, |v| real(v).filter(|&v| want.admits(v)))
    }

    /// A list of whole numbers of at least `least`; empty where wrong.
    pub fn counts(&mut self, key: &str, least: usize) -> Vec<usize> {
        let words = format!("expected a list of whole numbers of at least {least}, such as [64, 256]");
        self.list(key, &words, |v| count(v).filter(|&v| v >= least))
    }

    /// A list of texts, possibly none; empty where wrong.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.required(key, Some(Vec::new()), "expected a list of names in quotes", Vec::new(), |v| {
            v.as_array().and_then(|a| a.iter().map(|v| v.as_str().map(String::from)).collect())
        })
    }

    fn list<T: Clone>(&mut self, key: &str, words: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        self.required(key, None, words, Vec::new(), |v| {
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
        let want = "expected a path in quotes";
        self.required(key, None, want, PathBuf::new(), |v| v.as_str().filter(|s| !s.is_empty()).map(PathBuf::from))
    }

    /// A [`Choice`] by its name; the first where wrong.
    pub fn choice_of<T: Choice>(&mut self, key: &str, default: Option<T>) -> T {
        self.choice_among(key, default, T::ALL)
    }

    /// One of some values of a [`Choice`], at least one, by its name; the first where wrong.
    pub fn choice_among<T: Choice>(&mut self, key: &str, default: Option<T>, among: &[T]) -> T {
        let names: Vec<&str> = among.iter().map(|choice| choice.name()).collect();
        let want = format!("expected one of {}", quoted(&names));
        self.required(key, default, &want, among[0], |v| {
            among.iter().copied().find(|choice| v.as_str() == Some(choice.name()))
        })
    }

    /// `"auto"` (`None`, the default) or a real number.
    pub fn auto_or_real(&mut self, key: &str, want: Want) -> Option<f64> {
        let words = format!("{}, or \"auto\"", want.words());
        self.required(key, Some(None), &words, None, |v| match v.as_str() {
            Some(text) => (text == "auto").then_some(None),
            None => real(v).filter(|&v| want.admits(v)).map(Some),
        })
    }

    /// A list of [`Choice`]s by their names, each once; absent means none.
    pub fn choices_of<T: Choice + PartialEq>(&mut self, key: &str) -> Vec<T> {
        let want = format!("expected a list of some of {}, each once", quoted(&T::names()));
        self.required(key, Some(Vec::new()), &want, Vec::new(), |v| {
            let one = |v: &Value| T::from_name(v.as_str()?).ok();
            let chosen: Vec<T> = v.as_array()?.iter().map(one).collect::<Option<_>>()?;
            (1..chosen.len()).all(|i| !chosen[..i].contains(&chosen[i])).then_some(chosen)
        })
    }

    /// `"full"` (`None`) or a whole number of at least 1; `Some(None)` is full.
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
            Some(Value::Table(table)) => Some(Section { path, table, asked: Vec::new(), errors: self.errors }),
            Some(other) => {
                self.wrong(key, Some(other.to_string()), format!("expected a table, [{path}]"));
                None
            }
            None if required => {
                self.wrong(key, None, format!("missing; expected a table, [{path}]"));
                None
            }
            None => None,
        }
    }

    /// A list of tables inside this one; absent means none.
    pub fn sections(&mut self, key: &str) -> Vec<Section<'p>> {
        let path = self.name(key);
        let value = self.take(key);
        let tables: Option<Vec<Table>> = match &value {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_table().cloned()).collect(),
            Some(_) => None,
        };
        let Some(tables) = tables else {
            self.wrong(key, value.map(|v| v.to_string()), format!("expected tables, [[{path}]]"));
            return Vec::new();
        };
        let open = |(i, table)| Section { path: format!("{path}.{i}"), table, asked: Vec::new(), errors: self.errors };
        tables.into_iter().enumerate().map(open).collect()
    }

    /// A list in increasing order without repetitions: adds an error where it is not.
    pub fn require_increasing<T: PartialOrd + std::fmt::Debug>(&self, key: &str, values: &[T], what: &str) {
        if values.windows(2).any(|pair| pair[0] >= pair[1]) {
            self.wrong(key, Some(format!("{values:?}")), format!("expected {what} in increasing order, each once"));
        }
    }

    /// The keys `low` and `high` of an interval.
    pub fn interval(&mut self) -> (f64, f64) {
        let (low, high) = (self.real("low", None, Want::Any), self.real("high", None, Want::Any));
        if low >= high {
            self.wrong("high", Some(high.to_string()), format!("expected a number above low = {low}"));
        }
        (low, high)
    }

    /// Ends the reading: keys that were not asked for are unknown.
    pub fn finish(self) {
        for (key, value) in &self.table {
            let near = self.asked.iter().map(|k| (strsim::damerau_levenshtein(k, key), k)).min();
            let hint = match near {
                Some((distance, known)) if distance <= 1 + known.len() / 4 => {
                    format!("unknown key; did you mean '{known}'?")
                }
                _ => format!("unknown key; known here are {}", self.asked.join(", ")),
            };
            self.wrong(key, Some(value.to_string()), hint);
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
