//! Studies of trained networks, of algorithms of sparse recovery and of pruning, and the registry that makes them known.
//!
//! Each study is a folder:
//!
//! | file | what |
//! |---|---|
//! | `spec.rs` | its table of the experiment file: keys, rules, requirements |
//! | `study.rs` | the computation and the checks |
//! | `record.rs` | its files in `records/`, one struct per file |
//! | `figure.rs` | its figures, drawn from the records |
//!
//! The name of the folder is that of the table, of the records `records/NAME.*`, and the prefix of the checks and
//! figures. [`REGISTRY`] lists the studies; `docs/extending.md` describes how to add one.
//!
//! | study | question |
//! |---|---|
//! | [`gap`] | how far is a network from the limit, and how does that scale with width, step and batch size? |
//! | [`dropout`] | by how much does the loss rise when `M` of the `N` neurons are kept? |
//! | [`paths`] | by how much must the loss rise on a path between two networks? |
//! | [`predict`] | what does the limit alone predict for networks of finite width, and is it right? |
//! | [`keep`] | what is the loss with M of N neurons, kept at random, by size, or by the optimal brain surgeon? |
//! | [`convergence`] | how fast does the risk fall, and from which starts does it not? |
//! | [`radial`] | do networks in R^d follow the radial kinetic equation? |
//! | [`picard`] | how do Picard's iterates converge, and is their fixed point the limit? |
//! | [`kinetic`] | does the kinetic equation on a grid agree with particles, and how does the free energy fall? |
//! | [`recover`] | sparse recovery: how fast does each algorithm converge to the true vector? |
//! | [`noise`] | how large are the errors under noise, compared with least squares on the true support? |
//! | [`rates`] | do the bounds of the theorems hold, and how sharp are they? |
//! | [`phase`] | for which n/d and k/n is the true vector recovered? |
//! | [`compare`] | pruning: how well does a model do without so many weights, by which method? |
//! | [`rounds`] | pruning: do iterations with fresh data help, and when do they overfit? |
//! | [`allocation`] | pruning: how should zeros be divided between the layers? |

pub mod allocation;
pub mod compare;
pub mod convergence;
pub mod dropout;
pub mod gap;
pub mod keep;
pub mod kinetic;
pub mod noise;
pub mod paths;
pub mod phase;
pub mod picard;
pub mod predict;
pub mod radial;
pub mod rates;
pub mod recover;
pub mod rounds;

use crate::config::{Experiment, PruningExperiment, RecoveryExperiment};
use crate::run::study::{RegisteredStudy, Registry};

/// The studies, in the order in which they run.
pub static REGISTRY: Registry = Registry { training: TRAINING, recovery: RECOVERY, pruning: PRUNING };

static TRAINING: &[RegisteredStudy<Experiment>] = &[
    RegisteredStudy::of::<gap::Gap>(),
    RegisteredStudy::of::<dropout::Dropout>(),
    RegisteredStudy::of::<paths::Paths>(),
    RegisteredStudy::of::<predict::Predict>(),
    RegisteredStudy::of::<keep::Keep>(),
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

static PRUNING: &[RegisteredStudy<PruningExperiment>] = &[
    RegisteredStudy::of::<compare::Compare>(),
    RegisteredStudy::of::<rounds::Rounds>(),
    RegisteredStudy::of::<allocation::Allocation>(),
];
