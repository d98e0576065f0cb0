//! The records of the study of methods.

use crate::prune::network::LayerAudit;
use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array3};
use serde::{Deserialize, Serialize};

/// `records/compare.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompareRecord {
    /// The sparsities, as in the experiment.
    pub sparsities: Vec<String>,
    /// An entry for every method and sparsity, in the order of the methods.
    pub summaries: Vec<CompareSummary>,
    /// What was found of the solvers themselves, by sparsity.
    pub audits: Vec<SparsityAudit>,
}

/// A method at a sparsity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompareSummary {
    /// The method.
    pub method: String,
    /// The sparsity.
    pub sparsity: String,
    /// Mean cross entropy in nats on the held-out data.
    pub loss: f64,
    /// `exp` of it, of language models.
    pub perplexity: Option<f64>,
    /// The accuracy, of classifiers.
    pub accuracy: Option<f64>,
    /// The loss minus that before pruning, and its 95 % interval by the paired bootstrap over samples.
    pub added_loss: f64,
    /// The interval; none where all differences are the same.
    pub added_loss_interval: Option<(f64, f64)>,
    /// The sum of the layer losses over that of the mean squares of the layers' outputs.
    pub relative_loss: f64,
    /// Zeros over the entries of all linear layers of the blocks, those included that were not pruned.
    pub linear_sparsity: f64,
    /// Zeros over all parameters.
    pub model_sparsity: f64,
    /// Zeros that the written layers lack.
    pub missing_zeros: usize,
}

/// The identities of the solvers at a sparsity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SparsityAudit {
    /// The sparsity.
    pub sparsity: String,
    /// An entry for every layer.
    pub layers: Vec<LayerAudit>,
}

array_record! {
    /// `records/compare.npz`.
    pub struct CompareArrays {
        /// Fractions of zeros of the sparsities (sparsities).
        pub fraction[sparsities]: Array1<f64>,
        /// Outputs of the layers (layers).
        pub rows[layers]: Array1<f64>,
        /// Inputs of the layers (layers).
        pub inputs[layers]: Array1<f64>,
        /// Cross entropy in nats of every held-out sample (methods, sparsities, samples).
        pub losses[methods, sparsities, samples]: Array3<f64>,
        /// Whether the label has the largest score (methods, sparsities, samples), of classifiers.
        pub hits[methods, sparsities, samples]: Option<Array3<f64>>,
        /// Zeros of the written layers (methods, sparsities, layers).
        pub zeros[methods, sparsities, layers]: Array3<f64>,
        /// Mean squared change of the outputs of every layer (methods, sparsities, layers).
        pub layer_loss[methods, sparsities, layers]: Array3<f64>,
        /// The same over the mean square of the outputs (methods, sparsities, layers).
        pub layer_relative_loss[methods, sparsities, layers]: Array3<f64>,
        /// Damping over the mean diagonal (methods, sparsities, layers).
        pub damping[methods, sparsities, layers]: Array3<f64>,
        /// 1 where the damping was raised (methods, sparsities, layers).
        pub damping_raised[methods, sparsities, layers]: Array3<f64>,
        /// Inputs that are zero on the calibration data (methods, sparsities, layers).
        pub dead_inputs[methods, sparsities, layers]: Array3<f64>,
        /// Tokens of the calibration data (methods, sparsities, layers).
        pub tokens[methods, sparsities, layers]: Array3<f64>,
        /// Condition number of the damped moment in the 1-norm (methods, sparsities, layers).
        pub condition[methods, sparsities, layers]: Array3<f64>,
    }
}

const FILE: &str = "records/compare.json";
const ARRAYS: &str = "records/compare.npz";

impl CompareRecord {
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

impl CompareArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder) -> Result<(), NpzError> {
        ArrayRecord::write(self, &folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with so many methods, sparsities and layers.
    ///
    /// # Errors
    /// A file that is missing or damaged, or of another run.
    pub fn of_run(folder: &RunFolder, (methods, sparsities, layers): (usize, usize, usize)) -> Result<Self, NpzError> {
        let path = folder.file(ARRAYS);
        let arrays: Self = ArrayRecord::read(&path)?;
        match arrays.zeros.dim() == (methods, sparsities, layers) {
            true => Ok(arrays),
            false => Err(NpzError::Sizes { path, reason: format!("its sizes are not those of {FILE}") }),
        }
    }
}
