//! The records of the study of rounds.

use crate::prune::training::TrainingSettings;
use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// `records/rounds.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoundsRecord {
    /// The sparsity.
    pub sparsity: String,
    /// The method of the first round.
    pub first: String,
    /// Samples of a batch.
    pub batch: usize,
    /// The training of the kept weights after every round, where there is some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adam: Option<TrainingSettings>,
    /// An entry for every rule of batches: without training, then with it where there is some.
    pub series: Vec<SeriesRecord>,
}

/// Rounds with one rule of batches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeriesRecord {
    /// The rule: `fresh` or `same`.
    pub batches: String,
    /// Whether the kept weights were trained after every round.
    #[serde(default)]
    pub trained: bool,
    /// The round of least held-out loss.
    pub best: usize,
    /// Mean cross entropy in nats after that round.
    pub best_loss: f64,
    /// The round of least loss on every second held-out sample, from the first on.
    pub chosen: usize,
    /// The loss of the chosen round minus that of the first round, on the other samples.
    pub gain: f64,
    /// Its 95 % interval by the paired bootstrap; none where all differences are the same.
    pub gain_interval: Option<(f64, f64)>,
}

array_record! {
    /// `records/rounds.npz`. Round 0 is the first.
    pub struct RoundsArrays {
        /// The rounds (rounds).
        pub round[rounds]: Array1<f64>,
        /// Cross entropy in nats of every held-out sample (series, rounds, samples).
        pub losses[series, rounds, samples]: Array3<f64>,
        /// Accuracy (series, rounds), of classifiers.
        pub accuracy[series, rounds]: Option<Array2<f64>>,
        /// Cross entropy in nats of the last tenth of the steps of training after every round (series, rounds), NaN in series
        /// without; where there is training.
        pub training_loss[series, rounds]: Option<Array2<f64>>,
        /// The sum of the layer losses over that of the mean squares of the layers' outputs, on the batch of the round
        /// (series, rounds). As all that is about layers before training, but for their zeros.
        pub relative_loss[series, rounds]: Array2<f64>,
        /// Zeros of the written layers (series, rounds, layers).
        pub zeros[series, rounds, layers]: Array3<f64>,
        /// Mean squared change of the outputs of every layer (series, rounds, layers).
        pub layer_loss[series, rounds, layers]: Array3<f64>,
        /// The same over the mean square of the outputs (series, rounds, layers).
        pub layer_relative_loss[series, rounds, layers]: Array3<f64>,
    }
}

const FILE: &str = "records/rounds.json";
const ARRAYS: &str = "records/rounds.npz";

impl RoundsRecord {
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

impl RoundsArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder) -> Result<(), NpzError> {
        ArrayRecord::write(self, &folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with so many series and layers.
    ///
    /// # Errors
    /// A file that is missing or damaged, or of another run.
    pub fn of_run(folder: &RunFolder, (series, layers): (usize, usize)) -> Result<Self, NpzError> {
        let path = folder.file(ARRAYS);
        let arrays: Self = ArrayRecord::read(&path)?;
        match arrays.zeros.dim() == (series, arrays.round.len(), layers) && !arrays.round.is_empty() {
            true => Ok(arrays),
            false => Err(NpzError::Sizes { path, reason: format!("its sizes are not those of {FILE}") }),
        }
    }
}
