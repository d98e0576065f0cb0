//! Studies of trained networks and of algorithms of sparse recovery, and the registry that makes them known.
//!
//! Each study is a folder:
//!
//! | file | what |
//! |---|---|
//! | `spec.rs` | its table of the experiment file: keys, rules, what it needs |
//! | `study.rs` | the study itself, its checks |
//! | `record.rs` | what it leaves in `records/`, one struct per file |
//! | `figure.rs` | its figures, drawn from the records alone |
//!
//! The name of the folder is that of the table, of the records `records/NAME.*`, and the prefix of the checks and
//! figures. [`REGISTRY`] lists the studies; `docs/extending.md` describes how to add one.
//!
//! | study | question |
//! |---|---|
//! | [`gap`] | how far is a network from the limit, and how does that scale with width, step and batch size? |
//! | [`dropout`] | by how much does the loss rise when `M` of the `N` neurons are kept? |
//! | [`paths`] | by how much must the loss rise on a path between two networks? |
//! | [`convergence`] | how fast does the risk fall, and from which starts does it not? |
//! | [`radial`] | do networks in R^d follow the radial kinetic equation? |
//! | [`picard`] | how do Picard's iterates converge, and is their fixed point the limit? |
//! | [`kinetic`] | does the kinetic equation on a grid agree with particles, and how does the free energy fall? |
//! | [`recover`] | sparse recovery: how fast does each algorithm converge to the truth? |
//! | [`noise`] | what does noise cost, beside least squares on the true support? |
//! | [`rates`] | do the theorems' bounds hold, and how close to them are the errors? |
//! | [`phase`] | for which n/d and k/n is the truth found? |

pub mod convergence;
pub mod dropout;
pub mod gap;
pub mod kinetic;
pub mod noise;
pub mod paths;
pub mod phase;
pub mod picard;
pub mod radial;
pub mod rates;
pub mod recover;

use crate::config::{Experiment, RecoveryExperiment};
use crate::run::study::{RegisteredStudy, Registry};

/// The studies, in the order in which they run.
pub static REGISTRY: Registry = Registry { training: TRAINING, recovery: RECOVERY };

static TRAINING: &[RegisteredStudy<Experiment>] = &[
    RegisteredStudy::of::<gap::Gap>(),
    RegisteredStudy::of::<dropout::Dropout>(),
    RegisteredStudy::of::<paths::Paths>(),
    RegisteredStudy::of::<convergence::Convergence>(),
    RegisteredStudy::of::<radial::RadialReduction>(),
    RegisteredStudy::of::<picard::Picard>(),
    RegisteredStudy::of::<kinetic::Kinetic>(),
];

static RECOVERY: &[RegisteredStudy<RecoveryExperiment>] = &[
    RegisteredStudy::of::<recover::Recover>(),
    RegisteredStudy::of::<noise::NoiseSensitivity>(),
    RegisteredStudy::of::<rates::Rates>(),
    RegisteredStudy::of::<phase::PhaseDiagram>(),
];
