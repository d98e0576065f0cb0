//! The records of the study of allocation.

use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// `records/allocation.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllocationRecord {
    /// The method.
    pub method: String,
    /// An entry for every sparsity, with the uniform and the measured allocation.
    pub summaries: Vec<AllocationSummary>,
}

/// Both allocations at a sparsity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllocationSummary {
    /// The sparsity.
    pub sparsity: String,
    /// Mean cross entropy in nats with the same sparsity in every layer, and with the measured allocation.
    pub loss: [f64; 2],
    /// Accuracies, of classifiers.
    pub accuracy: [Option<f64>; 2],
    /// Zeros over the entries of all linear layers of the blocks.
    pub linear_sparsity: [f64; 2],
    /// The difference of the losses, measured minus uniform, and its 95 % interval by the paired bootstrap.
    pub gain: f64,
    /// The interval; none where all differences are the same.
    pub gain_interval: Option<(f64, f64)>,
}

array_record! {
    /// `records/allocation.npz`. The first of two allocations is the uniform one.
    pub struct AllocationArrays {
        /// Fractions of zeros (sparsities).
        pub fraction[sparsities]: Array1<f64>,
        /// Entries of the layers (layers).
        pub entries[layers]: Array1<f64>,
        /// Zeros of the points of the loss curves (layers, points).
        pub curve_zeros[layers, points]: Array2<f64>,
        /// Relative layer losses of the sweep there, on the model before pruning (layers, points).
        pub curve_loss[layers, points]: Array2<f64>,
        /// Zeros that the layers are given (2, sparsities, layers).
        pub quota[2, sparsities, layers]: Array3<f64>,
        /// Zeros of the written layers (2, sparsities, layers).
        pub zeros[2, sparsities, layers]: Array3<f64>,
        /// The relative layer losses (2, sparsities, layers).
        pub layer_relative_loss[2, sparsities, layers]: Array3<f64>,
        /// Cross entropy in nats of every held-out sample (2, sparsities, samples).
        pub losses[2, sparsities, samples]: Array3<f64>,
    }
}

const FILE: &str = "records/allocation.json";
const ARRAYS: &str = "records/allocation.npz";

impl AllocationRecord {
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

impl AllocationArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder) -> Result<(), NpzError> {
        ArrayRecord::write(self, &folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with so many sparsities and layers.
    ///
    /// # Errors
    /// A file that is missing or damaged, or of another run.
    pub fn of_run(folder: &RunFolder, (sparsities, layers): (usize, usize)) -> Result<Self, NpzError> {
        let path = folder.file(ARRAYS);
        let arrays: Self = ArrayRecord::read(&path)?;
        match arrays.zeros.dim() == (2, sparsities, layers) {
            true => Ok(arrays),
            false => Err(NpzError::Sizes { path, reason: format!("its sizes are not those of {FILE}") }),
        }
    }
}
