//! The records of a sweep over keys: the quantities and verdicts of every point, and the statements about them.

use super::error::RecordError;
use super::folder::RunFolder;
use super::npz::{Arrays, NpzError};
use crate::analysis::estimate::Side;
use crate::analysis::trend::TrendLaw;
use crate::analysis::trend_fit::TrendFit;
use crate::analysis::verdict::{CheckSection, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `records/vary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VaryRecord {
    /// Name of the experiment.
    pub experiment: String,
    /// The varied keys.
    pub keys: Vec<String>,
    /// The points.
    pub points: Vec<PointRecord>,
    /// The main quantities of the points.
    pub quantities: Vec<QuantityRecord>,
    /// The statements about quantities, with the fitted laws.
    pub fits: Vec<StatementRecord>,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Name of its folder in `points/`.
    pub name: String,
    /// The values of the varied keys.
    pub values: Vec<Value>,
    /// Its checks.
    pub checks: Vec<PointCheck>,
}

/// The verdict of a check of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointCheck {
    /// Name of the check.
    pub name: String,
    /// What it is about.
    pub section: CheckSection,
    /// The measured value.
    pub measured: f64,
    /// The verdict.
    pub verdict: Verdict,
}

/// A quantity at all points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantityRecord {
    /// Its name.
    pub name: String,
    /// Its label in figures.
    pub label: String,
    /// The width of the networks, where every width has the quantity.
    pub width: Option<usize>,
    /// Whether it is a positive quantity, and no exponent.
    pub positive: bool,
    /// One entry per point.
    pub points: Vec<QuantityPoint>,
}

/// A quantity at one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantityPoint {
    /// The value; NaN where there is none.
    pub value: f64,
    /// Its 95 % interval over seeds.
    pub interval: Option<(f64, f64)>,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// A statement about a quantity over the points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementRecord {
    /// Name of its figure; several statements share one, for different widths or values of the other keys.
    pub figure: String,
    /// Name of its check.
    pub check: String,
    /// The quantity.
    pub quantity: String,
    /// The width of the networks, where the statement is about one.
    pub width: Option<usize>,
    /// The key that is the abscissa.
    pub over: String,
    /// The values of the other keys, `KEY=VALUE`.
    pub at: Vec<String>,
    /// The law.
    pub law: TrendLaw,
    /// The relation of the fitted number to the expected one.
    pub relation: Side,
    /// The expected number.
    pub expected: f64,
    /// The fitted law.
    pub fit: TrendFit,
}

const FILE: &str = "records/vary.json";
const ARRAYS: &str = "records/vary.npz";

impl VaryRecord {
    /// Writes `records/vary.json`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Writes `records/vary.npz`, with one entry per point: `key_KEY`, the numbers of a varied key, and `QUANTITY` or
    /// `QUANTITY_nWIDTH` with `_low` and `_high`; NaN where there is no number.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_arrays(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::<f64>::default();
        let points = self.points.len();
        for (k, key) in self.keys.iter().enumerate() {
            let number = |point: &PointRecord| point.values[k].as_f64().unwrap_or(f64::NAN);
            arrays.push(format!("key_{key}"), &[points], self.points.iter().map(number).collect());
        }
        for quantity in &self.quantities {
            let stem = quantity.stem();
            let of = |number: fn(&QuantityPoint) -> f64| quantity.points.iter().map(number).collect::<Vec<f64>>();
            arrays.push(stem.clone(), &[points], of(|point| point.value));
            arrays.push(format!("{stem}_low"), &[points], of(|point| point.interval.map_or(f64::NAN, |i| i.0)));
            arrays.push(format!("{stem}_high"), &[points], of(|point| point.interval.map_or(f64::NAN, |i| i.1)));
        }
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the record.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }

    /// The values of a key as numbers, one per point; `None` where one is no number.
    pub fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        let k = self.keys.iter().position(|other| other == key)?;
        self.points.iter().map(|point| point.values.get(k)?.as_f64()).collect()
    }
}

impl QuantityRecord {
    /// The name of its arrays.
    pub fn stem(&self) -> String {
        self.width.map_or(self.name.clone(), |width| format!("{}_n{width}", self.name))
    }
}
