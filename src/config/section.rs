//! A table of the experiment file, read key by key; errors are collected.
//!
//! Where a value cannot be used a placeholder is returned (NaN, 0, the first choice), so that reading continues and
//! finds the remaining errors. Placeholders are never used: an experiment with errors is not returned.

mod lists;

use super::allowed::{Allowed, Expected, MAX_COUNT, whole_schema};
use super::describe::KeyForm;
use super::error::KeyErrors;
use super::spelling::{Expects, TypedValues};
use super::values::{count, real, sparsity, sparsity_schema};
use crate::choice::{Choice, quoted};
use crate::number::plain;
use crate::population::{PopulationSpec, TestPart};
use crate::prune::layer::{NoSparsity, Sparsity};
use serde_json::{Value as Json, json};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Stands for the index of an entry of a list of tables in descriptions.
pub(super) const ENTRY: &str = "*";

/// A table, with the keys that have been read.
pub struct Section<'p> {
    path: String,
    table: Table,
    known: Vec<String>,
    /// Keys that are read in another situation, each with the situation.
    elsewhere: Vec<(String, String)>,
    errors: &'p KeyErrors,
}

impl<'p> Section<'p> {
    pub(super) fn root(table: Table, errors: &'p KeyErrors) -> Self {
        Section::at(String::new(), table, errors)
    }

    fn at(path: String, table: Table, errors: &'p KeyErrors) -> Self {
        if let Some(description) = errors.description() {
            description.borrow_mut().table(&path);
        }
        Section { path, table, known: Vec::new(), elsewhere: Vec::new(), errors }
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

    /// Whether the table has a key that has not been read. The key is known from then on. Where the readers describe
    /// what they accept, every key is there, or none but those of the situation.
    pub fn has(&mut self, key: &str) -> bool {
        self.known.push(key.into());
        let mut present = self.table.contains_key(key);
        if let Some(description) = self.errors.description() {
            let mut description = description.borrow_mut();
            description.may_be_absent(&self.path, key);
            present |= !description.absent;
        }
        present
    }

    /// Describes a value that is read at a key, where that is asked for.
    fn describe(&self, key: &str, form: KeyForm, required: bool) {
        if let Some(description) = self.errors.description() {
            description.borrow_mut().key(&self.path, key, form, required);
        }
    }

    /// Takes a key whose value has no meaning, as an error was added for another.
    pub(super) fn ignore(&mut self, key: &str) {
        self.take(key);
    }

    /// Declares a key that was read before.
    pub(super) fn also(&mut self, key: &str) {
        self.known.push(key.into());
    }

    /// Declares keys that are read in another situation only, such as `kind = "line"`.
    pub fn elsewhere(&mut self, situation: &str, keys: &[&str]) {
        keys.iter().for_each(|key| self.describe(key, KeyForm::Elsewhere, false));
        self.elsewhere.extend(keys.iter().map(|key| (key.to_string(), situation.to_string())));
    }

    /// Reads by `read` the keys that depend on the choice at `key`, which is `chosen`. Those of the other choices are
    /// known as such: `read` is called for each on an empty table, without errors.
    pub fn by_choice<T: Choice + PartialEq, R>(
        &mut self,
        key: &str,
        chosen: T,
        read: impl Fn(&mut Section<'_>, T) -> R,
    ) -> R {
        let found = read(self, chosen);
        // All choices are described one after the other.
        if self.errors.description().is_some() {
            return found;
        }
        for &other in T::ALL.iter().filter(|&&other| other != chosen) {
            let errors = KeyErrors::new("", &[], TypedValues::default());
            let mut empty = Section::root(Table::new(), &errors);
            read(&mut empty, other);
            let situation = format!("{key} = \"{}\"", other.name());
            let inner = empty.elsewhere.into_iter().map(|(key, inner)| (key, format!("{situation} and {inner}")));
            let own = empty.known.into_iter().map(|key| (key, situation.clone()));
            self.elsewhere.extend(own.chain(inner));
        }
        found
    }

    /// The value of a key, parsed by `read`. Where `read` returns `None`, or the key is missing and has no default,
    /// adds an error that states what is expected, and returns `placeholder`.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        expected: Expected,
        placeholder: T,
        read: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let accepted = KeyForm::Value { schema: expected.schema.clone(), expected: expected.message.clone() };
        self.describe(key, accepted, default.is_none());
        match (self.take(key), default) {
            (Some(value), _) => read(&value).unwrap_or_else(|| {
                self.reject(key, Some(value.to_string()), expected.explain(&value));
                placeholder
            }),
            (None, Some(default)) => default,
            (None, None) => {
                self.reject(key, None, format!("missing; {}", expected.message));
                placeholder
            }
        }
    }

    /// A real number (NaN where wrong).
    pub fn real(&mut self, key: &str, default: Option<f64>, allowed: Allowed) -> f64 {
        let schema = with_default(allowed.schema(), default);
        let expected = Expected::new(Expects::Number, allowed.message()).with_schema(schema);
        self.required(key, default, expected, f64::NAN, |v| real(v).filter(|&v| allowed.contains(v)))
    }

    /// A real number, if the key is present.
    pub fn optional_real(&mut self, key: &str, allowed: Allowed) -> Option<f64> {
        self.has(key).then(|| self.real(key, None, allowed))
    }

    /// A whole number of at least `least` and at most [`MAX_COUNT`] (0 where wrong), for sizes that the estimate of the
    /// memory limits. A number on which only the time of a run depends needs a limit: [`Section::count_within`].
    pub fn count(&mut self, key: &str, default: Option<usize>, least: usize) -> usize {
        self.count_within(key, default, least..=MAX_COUNT)
    }

    /// A whole number in a range (0 where wrong).
    pub fn count_within(&mut self, key: &str, default: Option<usize>, range: RangeInclusive<usize>) -> usize {
        let schema = with_default(whole_schema(&range), default);
        let expected = Expected::whole(&range, |whole| format!("expected a {whole}")).with_schema(schema);
        self.required(key, default, expected, 0, |v| count(v).filter(|v| range.contains(v)))
    }

    /// A whole number of at least `least` and at most [`MAX_COUNT`], if the key is present.
    pub fn optional_count(&mut self, key: &str, least: usize) -> Option<usize> {
        self.has(key).then(|| self.count(key, None, least))
    }

    /// A whole number from `least` to `most`, if the key is present.
    pub fn optional_count_between(&mut self, key: &str, least: usize, most: usize) -> Option<usize> {
        let message = format!("expected a whole number from {least} to {most}");
        let expected = Expected::new(Expects::Whole, message).with_schema(whole_schema(&(least..=most)));
        let read = |v: &Value| count(v).filter(|v| (least..=most).contains(v));
        self.has(key).then(|| self.required(key, None, expected, 0, read))
    }

    /// The text at a key, without reading it.
    pub fn peek(&self, key: &str) -> Option<String> {
        self.table.get(key).and_then(Value::as_str).map(String::from)
    }

    /// A sparsity: a fraction of zeros, or a pattern in quotes. A placeholder where wrong.
    pub fn sparsity(&mut self, key: &str) -> Sparsity {
        let expected = Expected::new(Expects::Number, NoSparsity.to_string()).with_schema(sparsity_schema());
        self.required(key, None, expected, Sparsity::Fraction(0.0), sparsity)
    }

    /// True or false.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let expected = Expected::new(Expects::Flag, "expected true or false")
            .with_schema(json!({ "type": "boolean", "default": default }));
        self.required(key, Some(default), expected, default, Value::as_bool)
    }

    /// Text; empty where wrong.
    pub fn text(&mut self, key: &str, default: Option<&str>) -> String {
        let schema = with_default(json!({ "type": "string" }), default);
        let expected = Expected::new(Expects::Text, "expected text in quotes").with_schema(schema);
        self.required(key, default.map(String::from), expected, String::new(), |v| v.as_str().map(String::from))
    }

    /// A path; empty where wrong. A relative path of the command line is made absolute from the current folder; those of
    /// a file are returned as they are.
    pub fn path(&mut self, key: &str) -> PathBuf {
        let expected = Expected::new(Expects::Text, "expected a path in quotes")
            .with_schema(json!({ "type": "string", "minLength": 1 }));
        let read = |v: &Value| v.as_str().filter(|s| !s.is_empty()).map(PathBuf::from);
        let path = self.required(key, None, expected, PathBuf::new(), read);
        let replaced = !path.as_os_str().is_empty() && self.errors.is_replaced(&self.name(key));
        if replaced { std::path::absolute(&path).unwrap_or(path) } else { path }
    }

    /// A [`Choice`] by its name; the first where wrong.
    pub fn choice_of<T: Choice>(&mut self, key: &str, default: Option<T>) -> T {
        self.choice_among(key, default, T::ALL)
    }

    /// One of some values of a [`Choice`], at least one, by its name; the first where wrong.
    pub fn choice_among<T: Choice>(&mut self, key: &str, default: Option<T>, among: &[T]) -> T {
        let names: Vec<&str> = among.iter().map(|choice| choice.name()).collect();
        let schema = with_default(json!({ "enum": names }), default.map(Choice::name));
        let message = format!("expected one of {}", quoted(&names));
        let expected = Expected::new(Expects::Text, message).with_schema(schema);
        self.required(key, default, expected, among[0], |v| {
            among.iter().copied().find(|choice| v.as_str() == Some(choice.name()))
        })
    }

    /// `"auto"` (`None`, the default) or a real number.
    pub fn auto_or_real(&mut self, key: &str, allowed: Allowed) -> Option<f64> {
        let schema = json!({ "anyOf": [{ "const": "auto" }, allowed.schema()], "default": "auto" });
        let message = format!("{}, or \"auto\"", allowed.message());
        let expected = Expected::new(Expects::Number, message).with_schema(schema);
        self.required(key, Some(None), expected, None, |v| match v.as_str() {
            Some(text) => (text == "auto").then_some(None),
            None => real(v).filter(|&v| allowed.contains(v)).map(Some),
        })
    }

    /// The test part of a population, if the key is present; none where it is wrong. Relative paths are taken from `base`,
    /// those of the command line from the current folder.
    pub(super) fn test_part(&mut self, key: &str, spec: &PopulationSpec, base: &Path) -> Option<TestPart> {
        if !self.has(key) {
            return None;
        }
        let replaced = self.errors.is_replaced(&self.name(key));
        let file = |path: &str| {
            let path = if replaced { PathBuf::from(path) } else { base.join(path) };
            TestPart::File(std::path::absolute(&path).unwrap_or(path))
        };
        let read = |v: &Value| {
            let test = match v {
                Value::String(text) if text == TestPart::T10K && matches!(spec, PopulationSpec::Mnist(_)) => {
                    TestPart::T10k
                }
                Value::String(text) if !text.is_empty() => file(text),
                Value::Float(fraction) => TestPart::Fraction(*fraction),
                v => TestPart::Draws(count(v).filter(|&v| v <= MAX_COUNT)?),
            };
            spec.accepts(&test).then_some(Some(test))
        };
        let drawn = matches!(spec, PopulationSpec::Teacher(_) | PopulationSpec::Mixture(_) | PopulationSpec::Line(_));
        let kind = if drawn { Expects::Whole } else { Expects::Number };
        let expected = Expected::new(kind, format!("expected {}", spec.test_parts()));
        self.required(key, None, expected, None, read)
    }

    /// `"full"` (`None`) or a whole number of at least 1 and at most [`MAX_COUNT`].
    pub fn full_or_count(&mut self, key: &str, default: Option<Option<usize>>) -> Option<usize> {
        let range = 1..=MAX_COUNT;
        let schema = json!({ "anyOf": [{ "const": "full" }, whole_schema(&range)] });
        let expected = Expected::whole(&range, |whole| format!("expected \"full\" or a {whole}")).with_schema(schema);
        self.required(key, default, expected, None, |v| match v.as_str() {
            Some("full") => Some(None),
            Some(_) => None,
            None => count(v).filter(|v| range.contains(v)).map(Some),
        })
    }

    /// A table inside this one.
    pub fn section(&mut self, key: &str, required: bool) -> Option<Section<'p>> {
        let path = self.name(key);
        self.describe(key, KeyForm::Table, required);
        match self.take(key) {
            None if self.errors.description().is_some() => Some(Section::at(path, Table::new(), self.errors)),
            Some(Value::Table(table)) => Some(Section::at(path, table, self.errors)),
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
        self.describe(key, KeyForm::Tables, false);
        let value = self.take(key);
        if self.errors.description().is_some() {
            let first = value.and_then(|v| v.as_array()?.first()?.as_table().cloned()).unwrap_or_default();
            return vec![Section::at(format!("{path}.{ENTRY}"), first, self.errors)];
        }
        let tables: Option<Vec<Table>> = match &value {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_table().cloned()).collect(),
            Some(_) => None,
        };
        let Some(tables) = tables else {
            self.reject(key, value.map(|v| v.to_string()), format!("expected tables, [[{path}]]"));
            return Vec::new();
        };
        let open = |(i, table)| Section::at(format!("{path}.{i}"), table, self.errors);
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
            self.reject("high", Some(plain(high)), format!("expected a number above low = {}", plain(low)));
        }
        (low, high)
    }

    /// Adds an error for every key that has not been read.
    pub fn finish(self) {
        let mut known: Vec<&String> = Vec::new();
        for key in self.known.iter().chain(self.elsewhere.iter().map(|(key, _)| key)) {
            if !known.contains(&key) {
                known.push(key);
            }
        }
        for (key, value) in &self.table {
            let mut situations: Vec<&str> = Vec::new();
            for (_, situation) in self.elsewhere.iter().filter(|(other, _)| other == key) {
                if !situations.contains(&situation.as_str()) {
                    situations.push(situation);
                }
            }
            let nearest = known.iter().map(|k| (strsim::damerau_levenshtein(k, key), k)).min();
            let message = match nearest {
                _ if !situations.is_empty() => {
                    let situations = situations.join(", or ");
                    format!("read only with {situations}; remove it, on the command line by --unset {}", self.name(key))
                }
                Some((distance, known)) if distance <= 1 + known.len() / 4 => {
                    format!("unknown key; did you mean '{known}'?")
                }
                None => "unknown key; this table has no keys".into(),
                Some(_) => {
                    let known: Vec<&str> = known.iter().map(|key| key.as_str()).collect();
                    format!("unknown key; known here are {}", known.join(", "))
                }
            };
            self.reject(key, Some(value.to_string()), message);
        }
    }
}

/// A schema with the value of an absent key.
fn with_default<T: Into<Json>>(mut schema: Json, default: Option<T>) -> Json {
    if let Some(default) = default {
        schema["default"] = default.into();
    }
    schema
}
