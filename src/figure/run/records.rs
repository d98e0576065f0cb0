//! The records a run's figures are drawn from.

use super::RunFiguresError;
use crate::analysis::quantile::quantile;
use crate::record::npz::Table;
use crate::record::{GapRecord, GroupRecord, RunFolder};
use ndarray::{Array1, Array3, ArrayView1, ArrayView2, Ix3};
use std::collections::BTreeMap;

/// What was measured.
pub struct Records {
    /// Fits, reference errors, groups.
    pub gap: GapRecord,
    reference: Table,
    groups: BTreeMap<String, Table>,
}

/// The middle and the 5 and 95 % quantiles over seeds at every recording time.
pub struct Spread {
    /// 5 % quantile.
    pub low: Vec<f64>,
    /// Median.
    pub middle: Vec<f64>,
    /// 95 % quantile.
    pub high: Vec<f64>,
}

impl Records {
    /// Reads everything in `records/`.
    pub fn read(folder: &RunFolder) -> Result<Self, RunFiguresError> {
        let gap: GapRecord = folder.read_json("records/gap.json")?;
        let table = |name: &str| Table::read(&folder.file(&format!("records/{name}.npz")));
        let groups = gap.groups.iter().map(|group| Ok((group.name.clone(), table(&group.name)?)));
        Ok(Records { groups: groups.collect::<Result<_, RunFiguresError>>()?, reference: table("reference")?, gap })
    }

    /// The group of widths.
    pub fn widths(&self) -> Option<&GroupRecord> {
        self.gap.groups.iter().find(|group| group.name == "widths")
    }

    /// Recording times.
    pub fn times(&self) -> Vec<f64> {
        self.reference("times").map(|times| times.to_vec()).unwrap_or_default()
    }

    /// A series of the limit.
    pub fn reference(&self, measure: &str) -> Option<Array1<f64>> {
        self.reference.vector(measure).ok()
    }

    /// A measure of a group, (values, seeds, times).
    pub fn measure(&self, group: &GroupRecord, measure: &str) -> Option<Array3<f64>> {
        self.groups.get(&group.name)?.get(measure).ok()?.to_owned().into_dimensionality::<Ix3>().ok()
    }

    /// A measure's spread over the seeds of the `value`-th entry of a group.
    pub fn spread(&self, group: &GroupRecord, measure: &str, value: usize) -> Option<Spread> {
        let table = self.measure(group, measure)?;
        let of_value = table.index_axis(ndarray::Axis(0), value);
        let at = |q: f64| of_value.columns().into_iter().map(|column| quantile(column.iter().copied(), q)).collect();
        Some(Spread { low: at(0.05), middle: at(0.5), high: at(0.95) })
    }
}

/// The mean of the finite values of every column of (seeds, n); NaN where there is none.
pub fn mean_over_seeds(table: ArrayView2<f64>) -> Vec<f64> {
    let mean = |column: ArrayView1<f64>| {
        let finite: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
        finite.iter().sum::<f64>() / finite.len() as f64
    };
    table.columns().into_iter().map(mean).collect()
}
