//! What the study of the trajectory map leaves behind.

use crate::analysis::contraction::Envelope;
use crate::number;
use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array3};
use serde::{Deserialize, Serialize};

/// `records/picard.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PicardRecord {
    /// Particles.
    pub particles: usize,
    /// Horizon T.
    pub time: f64,
    /// When a window was done.
    pub tolerance: f64,
    /// Differences below this are rounding.
    pub floor: f64,
    /// One entry per number of windows, in the order of the arrays' first axis.
    pub runs: Vec<PicardRun>,
    /// `sup_t |f - f'|_{L2}` between the fixed points of two first guesses.
    #[serde(with = "number")]
    pub unique: f64,
    /// Differences of the iterates from the other first guess, over one iteration of the fewest windows.
    pub from_labels: Vec<Vec<f64>>,
    /// `sup_t |f_h - f_{h/2}|_{L2}` of the particle solver.
    #[serde(with = "number")]
    pub step_error: f64,
}

/// An iteration with one number of windows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PicardRun {
    /// Windows.
    pub windows: usize,
    /// Iterates over all windows, each counted as its share of the horizon.
    pub sweeps: f64,
    /// The smallest envelope of the form over the first window's differences; null where there are too few.
    pub envelope: Option<Envelope>,
    /// `sup_t |f - f_M|_{L2}` between the fixed point and the particle solver's trajectory with the same step.
    #[serde(with = "number")]
    pub from_particles: f64,
    /// Whether every window converged.
    pub converged: bool,
}

const FILE: &str = "records/picard.json";

impl PicardRecord {
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
    /// `records/picard.npz`.
    pub struct PicardArrays {
        /// Numbers of windows (iterations).
        pub windows: Array1<f64>,
        /// Differences of successive iterates (iterations, windows, iterates); NaN beyond the last.
        pub differences: Array3<f64>,
    }
}

impl PicardArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder) -> Result<(), NpzError> {
        self.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read_from(folder: &RunFolder) -> Result<Self, NpzError> {
        Self::read(&folder.file(ARRAYS))
    }
}

const ARRAYS: &str = "records/picard.npz";
