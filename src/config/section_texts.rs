//! Values that are written as text, and lists and tables of them.

use super::allowed::{Expected, list_schema};
use super::section::Section;
use super::spelling::Expects;
use crate::choice::{Choice, quoted};
use serde_json::json;
use std::collections::BTreeMap;
use toml::Value;

impl Section<'_> {
    /// A list of [`Choice`]s by name; empty where the key is absent.
    pub fn choices_in_order<T: Choice>(&mut self, key: &str) -> Vec<T> {
        let message = format!("expected a list of some of {}", quoted(&T::names()));
        let schema = json!({ "type": "array", "items": { "enum": T::names() } });
        let expected = Expected::new(Expects::List, message).with_schema(schema);
        self.required(key, Some(Vec::new()), expected, Vec::new(), |v| {
            v.as_array()?.iter().map(|v| T::from_name(v.as_str()?).ok()).collect()
        })
    }

    /// A value that `parse` makes of text, which fits the regular expression `pattern`, if the key is present.
    pub fn optional_parsed<T>(
        &mut self,
        key: &str,
        message: &str,
        pattern: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let schema = json!({ "type": "string", "pattern": pattern });
        let expected = Expected::new(Expects::Text, message).with_schema(schema);
        self.required(key, Some(None), expected, None, |v| v.as_str().and_then(&parse).map(Some))
    }

    /// A list of values that `parse` makes of texts, which fit the regular expression `pattern`; empty where the key is
    /// absent.
    pub fn parsed_list<T>(
        &mut self,
        key: &str,
        message: &str,
        pattern: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let schema = list_schema(json!({ "type": "string", "pattern": pattern }), 0);
        let expected = Expected::new(Expects::List, message).with_schema(schema);
        let read = |v: &Value| v.as_array()?.iter().map(|v| v.as_str().and_then(&parse)).collect();
        self.required(key, Some(Vec::new()), expected, Vec::new(), read)
    }

    /// A table of texts whose keys may be any text; empty where the key is absent.
    pub fn texts_by_text(&mut self, key: &str) -> BTreeMap<String, String> {
        let schema = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        let expected = Expected::new(Expects::Text, "expected a table of texts in quotes").with_schema(schema);
        self.required(key, Some(BTreeMap::new()), expected, BTreeMap::new(), |v| {
            v.as_table()?.iter().map(|(key, v)| Some((key.clone(), v.as_str()?.to_string()))).collect()
        })
    }
}
