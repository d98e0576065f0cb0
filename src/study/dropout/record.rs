//! The records of the dropout study.

use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{FitRecord, RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// `records/dropout.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropoutRecord {
    /// Whether the closed form is exact (half-squared loss), or of second order only.
    pub exact: bool,
    /// The number of kept neurons at which dependence on the width is tested; 0 where no width allows it.
    pub fixed: usize,
    /// The sets of layers whose neurons are dropped, as in the names of arrays and measures; one with an empty name
    /// where there is one hidden layer.
    pub drops: Vec<String>,
    /// Fits [`DropoutRecord::FIXED`] and [`DropoutRecord::QUANTILE`] for every set of layers.
    pub fits: Vec<FitRecord>,
}

const FILE: &str = "records/dropout.json";

impl DropoutRecord {
    /// Name of the fit of the change of the loss at [`DropoutRecord::fixed`] against the width.
    pub const FIXED: &'static str = "fixed";
    /// Name of the fit of the 95 % quantile of the change against M, at the largest width.
    pub const QUANTILE: &'static str = "quantile";

    /// The measure of a fit in the records, for the set of layers `drop`.
    pub fn measure(drop: &str, fit: &str) -> String {
        if drop.is_empty() { fit.into() } else { format!("{drop}-{fit}") }
    }

    /// Writes the record of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }
}

array_record! {
    /// Changes of the loss when M neurons are kept, by the way to choose them (widths, seeds, sizes); NaN where M >= N.
    pub struct ChangeArrays {
        /// Mean over random sets.
        pub change_mean[widths, seeds, kept]: Array3<f64>,
        /// Its standard error.
        pub change_error[widths, seeds, kept]: Array3<f64>,
        /// Skewness of the mean over random sets.
        pub change_skewness[widths, seeds, kept]: Array3<f64>,
        /// 5 % quantile over random sets.
        pub change_low[widths, seeds, kept]: Array3<f64>,
        /// 95 % quantile over random sets.
        pub change_high[widths, seeds, kept]: Array3<f64>,
        /// The first M neurons.
        pub change_first[widths, seeds, kept]: Array3<f64>,
        /// M neurons chosen greedily.
        pub change_greedy[widths, seeds, kept]: Array3<f64>,
        /// The closed form.
        pub change_predicted[widths, seeds, kept]: Array3<f64>,
    }
}

/// `records/dropout.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropoutArrays {
    /// Widths N (widths).
    pub widths: Array1<f64>,
    /// Numbers of neurons kept, M (sizes).
    pub kept: Array1<f64>,
    /// The changes for every set of layers in [`DropoutRecord::drops`].
    pub changes: Vec<(String, ChangeArrays)>,
    /// Loss of the complete networks (widths, seeds).
    pub loss: Array2<f64>,
    /// Spread `S^2` of their features (widths, seeds).
    pub spread: Array2<f64>,
    /// Recording times (times).
    pub times: Array1<f64>,
    /// Change during training when a random half of the last hidden layer is kept (widths, seeds, times).
    pub half_random: Array3<f64>,
    /// The closed form of that change (widths, seeds, times).
    pub half_predicted: Array3<f64>,
}

/// Prefix of the names of the arrays of a set of layers.
fn prefix(drop: &str) -> String {
    if drop.is_empty() { String::new() } else { format!("{drop}_") }
}

impl DropoutArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        arrays.push_named("widths", ["widths"], &self.widths);
        arrays.push_named("kept", ["kept"], &self.kept);
        self.changes.iter().for_each(|(drop, changes)| changes.push(&prefix(drop), &mut arrays));
        arrays.push_named("loss", ["widths", "seeds"], &self.loss);
        arrays.push_named("spread", ["widths", "seeds"], &self.spread);
        arrays.push_named("times", ["times"], &self.times);
        arrays.push_named("half_random", ["widths", "seeds", "times"], &self.half_random);
        arrays.push_named("half_predicted", ["widths", "seeds", "times"], &self.half_predicted);
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, record: &DropoutRecord) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let changes = |drop: &String| Ok((drop.clone(), ChangeArrays::load(&prefix(drop), &stored)?));
        Ok(DropoutArrays {
            widths: stored.on_axes("widths", &["widths"])?,
            kept: stored.on_axes("kept", &["kept"])?,
            changes: record.drops.iter().map(changes).collect::<Result<_, NpzError>>()?,
            loss: stored.on_axes("loss", &["widths", "seeds"])?,
            spread: stored.on_axes("spread", &["widths", "seeds"])?,
            times: stored.on_axes("times", &["times"])?,
            half_random: stored.on_axes("half_random", &["widths", "seeds", "times"])?,
            half_predicted: stored.on_axes("half_predicted", &["widths", "seeds", "times"])?,
        })
    }
}

const ARRAYS: &str = "records/dropout.npz";
