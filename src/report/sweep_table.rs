//! The points of a sweep as tables of texts, for the terminal and the page: their quantities, and the verdicts of their checks.

use crate::analysis::verdict::Verdict;
use crate::number::text::{given, measured};
use crate::record::{PointRecord, QuantityRecord, VaryRecord};
use serde::Serialize;
use serde_json::Value;

/// Most points whose verdicts are shown check by check.
const MAX_COLUMNS: usize = 12;

/// A table of texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextTable {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

/// A value of a key.
fn value(value: &Value) -> String {
    value.as_f64().map(given).or(value.as_str().map(String::from)).unwrap_or_else(|| value.to_string())
}

/// One row per point: its number, the values of the keys, and the quantities, of which every width has one, at the largest
/// width; an interval is behind a line break.
pub fn points(record: &VaryRecord) -> TextTable {
    let mut shown: Vec<&QuantityRecord> = Vec::new();
    for quantity in &record.quantities {
        shown.retain(|other| other.name != quantity.name);
        shown.push(quantity);
    }
    let name = |quantity: &&QuantityRecord| match quantity.width {
        Some(width) => format!("{}, N = {width}", quantity.name),
        None => quantity.name.clone(),
    };
    let header = [String::new()].into_iter().chain(record.keys.iter().cloned()).chain(shown.iter().map(name)).collect();
    let row = |(i, point): (usize, &PointRecord)| {
        let quantity = |quantity: &&QuantityRecord| {
            let point = &quantity.points[i];
            let interval = point.interval.map(|(low, high)| format!("\n[{}, {}]", measured(low), measured(high)));
            format!("{}{}", measured(point.value), interval.unwrap_or_default())
        };
        let keys = point.values.iter().map(value);
        [(i + 1).to_string()].into_iter().chain(keys).chain(shown.iter().map(quantity)).collect()
    };
    TextTable { header, rows: record.points.iter().enumerate().map(row).collect() }
}

/// One row per check, one column per point; with many points, their counts.
pub fn verdicts(record: &VaryRecord) -> TextTable {
    let mark = |verdict: Verdict| match verdict {
        Verdict::Holds => "+",
        Verdict::Fails => "!",
        Verdict::NotResolved => ".",
    };
    let of = |point: &PointRecord, name: &str| {
        point.checks.iter().find(|check| check.name == name).map(|check| check.verdict)
    };
    let mut names: Vec<&str> = Vec::new();
    for check in record.points.iter().flat_map(|point| &point.checks) {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    if record.points.len() <= MAX_COLUMNS {
        let numbers = (1..=record.points.len()).map(|i| i.to_string());
        let marks = |name: &str| {
            let marks = record.points.iter().map(|point| of(point, name).map_or("", mark).to_string());
            [name.to_string()].into_iter().chain(marks).collect()
        };
        let header = ["check".to_string()].into_iter().chain(numbers).collect();
        return TextTable { header, rows: names.into_iter().map(marks).collect() };
    }
    let counts = |name: &str| {
        let count = |verdict| record.points.iter().filter(|point| of(point, name) == Some(verdict)).count().to_string();
        let counts = [Verdict::Holds, Verdict::Fails, Verdict::NotResolved].map(count);
        [name.to_string()].into_iter().chain(counts).collect()
    };
    let header = ["check", "holds", "fails", "not resolved"].map(String::from).into();
    TextTable { header, rows: names.into_iter().map(counts).collect() }
}
