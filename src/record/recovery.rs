//! What the studies of sparse recovery leave behind beside their arrays.

use crate::number;
use crate::sparse::recovery::Stop;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `records/recovery.json`: written by every run of sparse recovery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// The methods, in the order of the experiment.
    pub methods: Vec<String>,
    /// Relative error that counts as recovered.
    pub success: f64,
    /// Rows and columns of an image, where the signals are images.
    pub image: Option<(usize, usize)>,
    /// What each method did in the study `recover`; empty without it.
    pub summaries: Vec<Summary>,
}

/// A method over the problems of the study `recover`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
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

/// The name of a stop in records.
pub fn stop_name(stop: Stop) -> String {
    serde_json::to_value(stop).ok().and_then(|v| v.as_str().map(String::from)).unwrap_or_default()
}
