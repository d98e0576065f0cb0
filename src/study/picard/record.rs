//! The records of the study of the Picard iteration.

use crate::analysis::contraction::Envelope;
use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array3};
use serde::{Deserialize, Serialize};

/// `records/picard.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PicardRecord {
    /// Number of particles.
    pub particles: usize,
    /// Horizon T.
    pub time: f64,
    /// Convergence criterion of a window.
    pub tolerance: f64,
    /// Size of differences due to rounding.
    pub floor: f64,
    /// One entry per number of windows, in the order of the first axis of the arrays.
    pub runs: Vec<PicardRun>,
    /// `sup_t |f - f'|_{L2}` between the fixed points from two initial guesses.
    pub unique: f64,
    /// Differences of the iterates from the labels as initial guess (windows, iterates), with the first number of
    /// windows.
    pub from_labels: Vec<Vec<f64>>,
    /// `sup_t |f_h - f_{h/2}|_{L2}` of the particle solver.
    pub step_error: f64,
}

/// An iteration with one number of windows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PicardRun {
    /// Number of windows.
    pub windows: usize,
    /// Number of iterates of all windows over the number of windows.
    pub sweeps: f64,
    /// The smallest envelope of the theoretical form over the differences of the first window; null where there are too
    /// few.
    pub envelope: Option<Envelope>,
    /// `sup_t |f - f_M|_{L2}` between the fixed point and the trajectory of the particle solver with the same step.
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
        let found: Self = folder.read_json(FILE)?;
        if found.runs.is_empty() {
            return Err(RecordError::Manifest { path: folder.file(FILE), problem: "it has no runs".into() });
        }
        Ok(found)
    }
}

array_record! {
    /// `records/picard.npz`.
    pub struct PicardArrays {
        /// Numbers of windows (iterations).
        pub windows[iterations]: Array1<f64>,
        /// Differences of successive iterates (iterations, windows, iterates); NaN beyond the last.
        pub differences[iterations, windows, iterates]: Array3<f64>,
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
