//! Lists of values in a table of the experiment file.

use super::super::allowed::{Allowed, Expected, MAX_COUNT, list_schema, whole_schema};
use super::super::describe::KeyForm;
use super::super::spelling::Expects;
use super::super::values::{count, real, sparsity, sparsity_schema};
use super::Section;
use crate::choice::{Choice, quoted};
use crate::prune::layer::{NoSparsity, Sparsity};
use serde_json::json;
use toml::Value;

impl Section<'_> {
    /// A list of at least one number; empty where wrong.
    pub fn reals(&mut self, key: &str, allowed: Allowed) -> Vec<f64> {
        let message = format!("expected a list such as [0.1, 0.05]; in it, {}", allowed.message());
        let expected = Expected::new(Expects::List, message).with_schema(list_schema(allowed.schema(), 1));
        self.list(key, expected, |v| real(v).filter(|&v| allowed.contains(v)))
    }

    /// A list of whole numbers of at least `least` and at most [`MAX_COUNT`]; empty where wrong.
    pub fn counts(&mut self, key: &str, least: usize) -> Vec<usize> {
        let range = least..=MAX_COUNT;
        let message = format!("expected a list of whole numbers of at least {least}, such as [64, 256]");
        let schema = list_schema(whole_schema(&range), 1);
        let expected = Expected { message, kind: Expects::List, range: Some(range.clone()), schema };
        self.list(key, expected, |v| count(v).filter(|v| range.contains(v)))
    }

    /// The same, possibly empty.
    pub fn counts_or_none(&mut self, key: &str, least: usize) -> Vec<usize> {
        let schema = list_schema(whole_schema(&(least..=MAX_COUNT)), 0);
        self.describe(key, KeyForm::Value { schema, expected: String::new() }, true);
        let none = self.table.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty);
        if none {
            self.take(key);
            return Vec::new();
        }
        self.counts(key, least)
    }

    /// A list of strings, possibly empty; empty where wrong.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let expected = Expected::new(Expects::List, "expected a list of names in quotes")
            .with_schema(list_schema(json!({ "type": "string" }), 0));
        self.required(key, Some(Vec::new()), expected, Vec::new(), |v| {
            v.as_array().and_then(|a| a.iter().map(|v| v.as_str().map(String::from)).collect())
        })
    }

    /// A list of at least one sparsity, each once; empty where wrong.
    pub fn sparsities(&mut self, key: &str) -> Vec<Sparsity> {
        let message = format!("expected a list such as [0.5, \"2:4\"]; in it, {NoSparsity}, each once");
        let schema = list_schema(sparsity_schema(), 1);
        self.describe(key, KeyForm::Value { schema, expected: message.clone() }, true);
        let Some(items) = self.items(key, message) else { return Vec::new() };
        self.each_once(key, &items, sparsity, &NoSparsity.to_string())
    }

    /// The items of a list of at least one, which is what is `expected`; `None`, with an error, for anything else.
    fn items(&mut self, key: &str, expected: String) -> Option<Vec<Value>> {
        match self.take(key) {
            Some(Value::Array(items)) if !items.is_empty() => Some(items),
            Some(value) => {
                self.reject(key, Some(value.to_string()), expected);
                None
            }
            None => {
                self.reject(key, None, format!("missing; {expected}"));
                None
            }
        }
    }

    /// The values of items, each once; empty where one is wrong, which the error names with its place. `expected` is what an
    /// item must be.
    fn each_once<T: PartialEq>(
        &self,
        key: &str,
        items: &[Value],
        read: impl Fn(&Value) -> Option<T>,
        expected: &str,
    ) -> Vec<T> {
        let mut values: Vec<T> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let message = match read(item) {
                Some(value) => match values.iter().position(|known| *known == value) {
                    None => {
                        values.push(value);
                        continue;
                    }
                    Some(first) => format!("is entry {first} again: expected every one once"),
                },
                None => expected.to_string(),
            };
            self.reject(&format!("{key}.{index}"), Some(item.to_string()), message);
            return Vec::new();
        }
        values
    }

    fn list<T: Clone>(&mut self, key: &str, expected: Expected, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        self.required(key, None, expected, Vec::new(), |v| {
            v.as_array().filter(|a| !a.is_empty()).and_then(|a| a.iter().map(&read).collect())
        })
    }

    /// A list of [`Choice`]s by name, each at most once; empty where the key is absent.
    pub fn choices_of<T: Choice + PartialEq>(&mut self, key: &str) -> Vec<T> {
        self.describe(key, choices_form::<T>(0), false);
        self.distinct_choices(key)
    }

    /// The same, at least one, such as `example`.
    pub fn some_choices_of<T: Choice + PartialEq>(&mut self, key: &str, example: &str) -> Vec<T> {
        self.describe(key, choices_form::<T>(1), true);
        if self.table.get(key).is_none_or(|value| value.as_array().is_some_and(Vec::is_empty)) {
            self.take(key);
            self.reject(key, None, format!("missing; expected a list of at least one, such as {example}"));
            return Vec::new();
        }
        self.distinct_choices(key)
    }

    fn distinct_choices<T: Choice + PartialEq>(&mut self, key: &str) -> Vec<T> {
        let names = quoted(&T::names());
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let one = |v: &Value| T::from_name(v.as_str()?).ok();
                self.each_once(key, &items, one, &format!("expected one of {names}"))
            }
            Some(value) => {
                let expected = Expected::new(Expects::List, format!("expected a list of some of {names}, each once"));
                self.reject(key, Some(value.to_string()), expected.explain(&value));
                Vec::new()
            }
        }
    }
}

/// What a list of different choices with at least `least` items is.
fn choices_form<T: Choice>(least: usize) -> KeyForm {
    let schema = json!({ "type": "array", "items": { "enum": T::names() }, "minItems": least, "uniqueItems": true });
    KeyForm::Value { schema, expected: format!("expected a list of some of {}, each once", quoted(&T::names())) }
}
