//! The records of the study of the radial reduction.

use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// `records/radial.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RadialRecord {
    /// Dimension of the population.
    pub dimension: usize,
    /// Other dimensions in which the equation was solved on the grid, in the order of the arrays.
    pub dimensions: Vec<usize>,
    /// Width of the networks.
    pub width: usize,
    /// Number of networks of that width.
    pub seeds: usize,
    /// Number of particles of the reduction.
    pub particles: usize,
    /// `sup_t |R - R'|` from the grid with half the nodes.
    pub half_nodes: f64,
    /// `sup_t |R - R'|` from the grid with half the step.
    pub half_step: f64,
    /// Indices of the recording times of the recorded laws.
    pub snapshots: Vec<usize>,
}

const FILE: &str = "records/radial.json";

impl RadialRecord {
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
    /// `records/radial.npz`.
    pub struct RadialArrays {
        /// Recording times (times).
        pub times[times]: Array1<f64>,
        /// Times of the recorded laws (snapshots).
        pub snapshots[snapshots]: Array1<f64>,
        /// Risk by the grid (times).
        pub grid_risk[times]: Array1<f64>,
        /// Atoms of |w| by the grid, ascending (snapshots, atoms).
        pub grid_norms[snapshots, atoms]: Array2<f64>,
        /// Risk by the particles of the reduction (times).
        pub particles_risk[times]: Array1<f64>,
        /// |w| of the particles, ascending (snapshots, particles).
        pub particles_norms[snapshots, particles]: Array2<f64>,
        /// Risk by the grid on the networks' sample (times).
        pub grid_sample_risk[times]: Array1<f64>,
        /// Risk by the grid in other dimensions (dimensions, times).
        pub dimension_risk[dimensions, times]: Option<Array2<f64>>,
        /// Atoms of |w| in other dimensions (dimensions, snapshots, atoms).
        pub dimension_norms[dimensions, snapshots, atoms]: Option<Array3<f64>>,
        /// Risk of the networks (seeds, times).
        pub network_risk[seeds, times]: Option<Array2<f64>>,
        /// |w| of the networks, ascending (seeds, snapshots, neurons).
        pub network_norms[seeds, snapshots, neurons]: Option<Array3<f64>>,
    }
}

impl RadialArrays {
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

const ARRAYS: &str = "records/radial.npz";
