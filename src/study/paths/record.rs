//! The records of the study of paths.

use super::PathKind;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{FitRecord, RecordError, RunFolder};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// `records/paths.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PathsRecord {
    /// Widths of the experiment.
    pub widths: Vec<usize>,
    /// The kinds of paths in the arrays.
    pub kinds: Vec<PathKind>,
    /// The pairs, in the order of the first axis of the arrays.
    pub pairs: Vec<PairRecord>,
    /// Fits of the barrier against the width, by kind of path.
    pub fits: Vec<FitRecord>,
}

/// Two networks that were connected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairRecord {
    /// Name of its file in `state/paths/`.
    pub name: String,
    /// Width of both.
    pub width: usize,
    /// The network at t = 0.
    pub first: String,
    /// The network at t = 1.
    pub second: String,
    /// The variant of the first network, if any.
    pub variant: Option<String>,
}

const FILE: &str = "records/paths.json";

impl PathsRecord {
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
    /// One kind of path; the names of its arrays begin with the name of the kind.
    pub struct KindArrays[networks] {
        /// Loss (pairs, points); NaN where a pair has no such path.
        pub loss[pairs, points]: Array2<f64>,
        /// Share of the samples whose class or signs are right (pairs, points), where labels are classes or signs.
        pub accuracy[pairs, points]: Option<Array2<f64>>,
        /// Share of the signs that are right (pairs, points), where labels are several signs.
        pub sign_accuracy[pairs, points]: Option<Array2<f64>>,
        /// The largest loss (pairs).
        pub maximum[pairs]: Array1<f64>,
        /// Its path parameter (pairs).
        pub maximum_at[pairs]: Array1<f64>,
        /// The largest loss minus that at the worse end (pairs).
        pub barrier[pairs]: Array1<f64>,
        /// Losses of the networks that bound a constructive path (pairs, networks).
        pub named_risks[pairs, networks]: Option<Array2<f64>>,
    }
}

/// `records/paths.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct PathsArrays {
    /// Path parameters of the points (points).
    pub t: Array1<f64>,
    /// Width of the networks (pairs).
    pub width: Array1<f64>,
    /// Every kind of path.
    pub kinds: Vec<(PathKind, KindArrays)>,
}

const ARRAYS: &str = "records/paths.npz";

/// Prefix of the names of the arrays of a kind.
fn prefix(kind: PathKind) -> String {
    format!("{}_", kind.name())
}

impl PathsArrays {
    /// The arrays of a kind of path.
    pub fn kind(&self, kind: PathKind) -> Option<&KindArrays> {
        self.kinds.iter().find(|(k, _)| *k == kind).map(|(_, arrays)| arrays)
    }

    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        arrays.push_named("t", ["points"], &self.t);
        arrays.push_named("width", ["pairs"], &self.width);
        self.kinds.iter().for_each(|(kind, own)| own.push(&prefix(*kind), &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, record: &PathsRecord) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let own = |&kind: &PathKind| Ok((kind, KindArrays::load(&prefix(kind), &stored)?));
        Ok(PathsArrays {
            t: stored.on_axes("t", &["points"])?,
            width: stored.on_axes("width", &["pairs"])?,
            kinds: record.kinds.iter().map(own).collect::<Result<_, NpzError>>()?,
        })
    }
}
