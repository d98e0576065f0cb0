//! The table `[vary]`: one experiment file, several experiments, its points.
//!
//! ```toml
//! [vary]
//! "dynamics.friction" = [0.3, 1, 3]
//! "dynamics.step" = [0.05, 0.02]
//! combine = "product"
//! ```
//!
//! Every point is the experiment of the file in which each varied key has one of its values, as `--set` replaces keys.
//! All points are read before any is run, and the errors of all of them are reported together.

use super::{ConfigError, Override};
use crate::analysis::estimate::Side;
use crate::analysis::trend::TrendLaw;
use crate::choice::choice;
use crate::number::plain;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

choice! {
    /// How the values of several keys are combined.
    pub enum Combine: "combination" {
        /// Every value of one key with every value of the others; the last key varies fastest.
        Product = "product",
        /// The first values of all keys, the second values, and so on.
        Zip = "zip",
    }
}

/// A varied key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariedKey {
    /// The dotted key.
    pub key: String,
    /// Its values, each once, or in the order of the points under [`Combine::Zip`].
    pub values: Vec<Value>,
}

/// A statement about a quantity over the points: an entry of `[[vary.fit]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendSpec {
    /// Name of its check and figure.
    pub name: String,
    /// The recorded quantity.
    pub quantity: String,
    /// The varied key that is the abscissa.
    pub over: String,
    /// The law that is fitted.
    pub law: TrendLaw,
    /// The relation of the fitted number to the expected one.
    pub relation: Side,
    /// The expected number.
    pub expected: f64,
    /// Largest half-width of the interval that still resolves it.
    pub resolution: f64,
    /// Distance from the expected number that is tolerated.
    pub slack: f64,
    /// The statement in words; empty for one made from the law.
    pub statement: String,
}

/// One point.
#[derive(Clone, Debug, PartialEq)]
pub struct VariedPoint<E> {
    /// Name of its folder, unique and determined by its values.
    pub name: String,
    /// The values of the varied keys, in the order of [`Varied::keys`].
    pub values: Vec<Value>,
    /// The experiment.
    pub experiment: E,
}

/// The experiments of a file with a table `[vary]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied<E> {
    /// The varied keys, in alphabetical order.
    pub keys: Vec<VariedKey>,
    /// How their values are combined.
    pub combine: Combine,
    /// Statements about quantities over the points.
    pub fits: Vec<TrendSpec>,
    /// The points, at least one.
    pub points: Vec<VariedPoint<E>>,
    /// Keys that were read under a former name, each with its present name.
    pub notes: Vec<String>,
}

/// Whether a file, or the command line, varies keys.
pub(super) fn is_varied(table: &Table, overrides: &[Override]) -> bool {
    table.contains_key("vary") || overrides.iter().any(|entry| entry.key[0] == "vary")
}

/// Applies the overrides that remove the whole table `[vary]`, and drops them.
///
/// # Errors
/// No such table.
pub(super) fn remove_whole(table: &mut Table, overrides: &mut Vec<Override>) -> Result<(), ConfigError> {
    let whole = |entry: &Override| entry.value.is_none() && entry.key == ["vary"];
    overrides.iter().filter(|entry| whole(entry)).try_for_each(|entry| entry.apply(table))?;
    overrides.retain(|entry| !whole(entry));
    Ok(())
}

/// A value in the name of a folder.
pub fn label(value: &Value) -> Option<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    match value {
        Value::Integer(value) => Some(value.to_string()),
        Value::Float(value) => Some(plain(*value)),
        Value::Boolean(value) => Some(value.to_string()),
        Value::String(text) => (!text.is_empty() && text.chars().all(safe)).then(|| text.clone()),
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| !item.is_array()) => {
            items.iter().map(label).collect::<Option<Vec<_>>>().map(|labels| labels.join("+"))
        }
        Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
    }
}

/// A value as a number.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}
