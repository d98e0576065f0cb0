//! What the study of error curves leaves behind.

use crate::number;
use crate::record::npz::{ArrayField, ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `records/recover.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoverRecord {
    /// One entry per method, in the order of the experiment.
    pub summaries: Vec<MethodSummary>,
}

/// A method over all problems.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MethodSummary {
    /// The method.
    pub method: String,
    /// Problems recovered.
    pub successes: usize,
    /// Problems with a known truth.
    pub problems: usize,
    /// Wilson's 95 % interval of the success probability.
    pub interval: (f64, f64),
    /// Median over the problems recovered of the iterations to success.
    #[serde(with = "number")]
    pub iterations: f64,
    /// Median relative error of the answers.
    #[serde(with = "number")]
    pub error: f64,
    /// How runs ended.
    pub stops: BTreeMap<String, usize>,
    /// The largest relative damping in use.
    pub damping: f64,
    /// Problems on which damping had to be raised above what was asked for.
    pub raised: usize,
    /// Problems that the method gave up on, with the first reason.
    pub refused: usize,
    /// That reason.
    pub reason: Option<String>,
}

/// `records/timings.json`: wall seconds, the one record that differs from run to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing {
    /// The method.
    pub method: String,
    /// Median seconds of a whole run.
    #[serde(with = "number")]
    pub seconds: f64,
    /// Median seconds of the runs that succeeded, which end at success.
    #[serde(with = "number")]
    pub seconds_to_success: f64,
    /// Median seconds of an iteration.
    #[serde(with = "number")]
    pub seconds_per_iteration: f64,
}

const FILE: &str = "records/recover.json";
const TIMINGS: &str = "records/timings.json";
const ARRAYS: &str = "records/recover.npz";

impl RecoverRecord {
    /// Writes the record of a run, and the wall times beside it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder, timings: &[Timing]) -> Result<(), RecordError> {
        folder.write_json(TIMINGS, &timings)?;
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
    /// One method; the names of its arrays begin with the method's.
    pub struct MethodArrays {
        /// Relative errors at the recorded iterations (problems, iterations); the last one's is repeated after the end.
        pub error: Array2<f64>,
        /// Values of f likewise.
        pub value: Array2<f64>,
        /// Relative error of the answer (problems).
        pub answer_error: Array1<f64>,
        /// Iterations to success (problems); NaN without success.
        pub iterations_to_success: Array1<f64>,
        /// Iterations in all (problems).
        pub iterations: Array1<f64>,
        /// Relative damping in use (problems).
        pub damping: Array1<f64>,
        /// Answers (problems, d), where the method gave one.
        pub w: Option<Array2<f64>>,
    }
}

/// `records/recover.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoverArrays {
    /// The recorded iterations (iterations).
    pub iterations: Array1<f64>,
    /// The truths (problems, d), where they are known.
    pub w_star: Option<Array2<f64>>,
    /// Every method by name, in the order of the experiment.
    pub methods: Vec<(String, MethodArrays)>,
}

impl RecoverArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.iterations.push("iterations", &mut arrays);
        self.w_star.push("w_star", &mut arrays);
        self.methods.iter().for_each(|(method, own)| own.push(&format!("{method}_"), &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with these methods.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, methods: &[String]) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let own = |method: &String| Ok((method.clone(), MethodArrays::load(&format!("{method}_"), &stored)?));
        Ok(RecoverArrays {
            iterations: stored.shaped("iterations")?,
            w_star: ArrayField::load("w_star", &stored)?,
            methods: methods.iter().map(own).collect::<Result<_, NpzError>>()?,
        })
    }
}
