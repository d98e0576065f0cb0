//! A complete, checked experiment of sparse recovery.

use super::study::Studies;
use crate::population::Split;
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{Damping, RecoveryMethod, SampleLoss, Settings};
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// Everything a run of sparse recovery is made from. Serialises to the TOML it can be read from again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename = "recovery")]
pub struct RecoveryExperiment {
    /// Name of the run folder.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Seed of everything random.
    pub seed: u64,
    /// What is to be recovered, from what.
    pub problem: ProblemSpec,
    /// By which algorithms, and how they are run.
    pub solver: Solver,
    /// The studies, each with the name of its table.
    #[serde(flatten)]
    pub studies: Studies<RecoveryExperiment>,
}

/// Where problems come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProblemSpec {
    /// Drawn from a law.
    Drawn(Instance),
    /// Images of MNIST as signals, measured by `n` Gaussian rows.
    Mnist(MnistSignals),
    /// One problem from an `.npz` file.
    File {
        /// The file.
        path: PathBuf,
        /// The loss.
        loss: SampleLoss,
    },
}

/// Images of MNIST as signals: problem `i` is the `i`-th image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MnistSignals {
    /// Rows n of the design, of independent N(0, 1/n).
    pub n: usize,
    /// Signal to noise ratio in decibels; no noise without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snr_db: Option<f64>,
    /// Folder with the IDX files.
    pub folder: PathBuf,
    /// Which part of MNIST.
    pub split: Split,
}

/// By which algorithms, and how they are run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solver {
    /// The algorithms.
    #[serde(serialize_with = "names")]
    pub methods: Vec<RecoveryMethod>,
    /// Entries kept; `excess` times those of the truth without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// Entries kept over entries of the truth.
    pub excess: f64,
    /// Iterations at most.
    pub iterations: usize,
    /// Fraction of each method's own step.
    pub step: f64,
    /// Damping of second-order steps.
    pub damping: Damping,
    /// Relative change that ends a run.
    pub tolerance: f64,
    /// Relative error that counts as recovered, and ends a run.
    pub success: f64,
}

fn names<S: Serializer>(methods: &[RecoveryMethod], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(methods.iter().map(|method| method.name()))
}

impl Solver {
    /// Entries kept for a truth of this many, in d unknowns.
    pub fn kept(&self, sparsity: usize, d: usize) -> usize {
        self.k.unwrap_or(((self.excess * sparsity as f64).ceil() as usize).clamp(1, d))
    }

    /// The settings of a run that keeps `k`.
    pub fn settings(&self, k: usize) -> Settings {
        let Solver { iterations, step, damping, tolerance, success, .. } = *self;
        Settings { k, iterations, step, damping, tolerance, reached: success }
    }
}
