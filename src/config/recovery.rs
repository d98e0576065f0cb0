//! A complete, validated experiment of sparse recovery.

use super::study::Studies;
use crate::figure::FigureStyle;
use crate::population::Split;
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{Damping, Interrupt, MiniBatches, RecoveryMethod, SampleLoss, Settings};
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// A complete, validated experiment of sparse recovery. Serialises to TOML from which it can be read again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename = "recovery")]
pub struct RecoveryExperiment {
    /// Name of the run folder.
    pub name: String,
    /// One-line title.
    pub title: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// The source of the problems.
    pub problem: ProblemSpec,
    /// The algorithms and their parameters.
    pub solver: Solver,
    /// Sizes, colours, markers and labels of the figures; changes no result.
    #[serde(skip_serializing_if = "FigureStyle::is_empty")]
    pub figure: FigureStyle,
    /// The studies, each with the name of its table.
    #[serde(flatten)]
    pub studies: Studies<RecoveryExperiment>,
}

/// The source of the problems.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProblemSpec {
    /// Drawn from a law.
    Drawn(Instance),
    /// Images of MNIST as true vectors, with a Gaussian design.
    Mnist(MnistSignals),
    /// One problem from an `.npz` file.
    File {
        /// The file.
        path: PathBuf,
        /// The loss.
        loss: SampleLoss,
    },
}

/// Images of MNIST as true vectors: that of problem `i` is the `i`-th image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MnistSignals {
    /// Rows n of the design, whose entries are independent N(0, 1/n).
    pub n: usize,
    /// Signal to noise ratio in decibels; no noise without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snr_db: Option<f64>,
    /// Folder with the IDX files.
    pub folder: PathBuf,
    /// The part of MNIST.
    pub split: Split,
}

/// The algorithms and their parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solver {
    /// The algorithms.
    #[serde(serialize_with = "names")]
    pub methods: Vec<RecoveryMethod>,
    /// Entries kept; without it `excess` times the number of those of the true vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// Ratio of the entries kept to those of the true vector.
    pub excess: f64,
    /// Largest number of iterations.
    pub iterations: usize,
    /// Factor on each method's step.
    pub step: f64,
    /// Damping of second-order steps.
    pub damping: Damping,
    /// Samples of a mini-batch of stochastic steps; an eighth of all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Relative change below which a run stops.
    pub tolerance: f64,
    /// Relative error (absolute where the true vector is 0) at which the true vector counts as recovered and a run stops.
    pub success: f64,
}

fn names<S: Serializer>(methods: &[RecoveryMethod], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(methods.iter().map(|method| method.name()))
}

impl Solver {
    /// Entries kept where the true vector in R^d has `sparsity` entries.
    pub fn kept(&self, sparsity: usize, d: usize) -> usize {
        self.k.unwrap_or(((self.excess * sparsity as f64).ceil() as usize).clamp(1, d))
    }

    /// The settings of a run that keeps `k` entries and can be stopped. (`seed`, `problem`) is the address of its
    /// mini-batches.
    pub fn settings<'a>(&self, k: usize, (seed, problem): (u64, u64), interrupt: Interrupt<'a>) -> Settings<'a> {
        let Solver { iterations, step, damping, batch, tolerance, success, .. } = *self;
        let batches = MiniBatches { size: batch, seed, problem };
        Settings { k, iterations, step, damping, tolerance, reached: success, batches, interrupt }
    }
}
