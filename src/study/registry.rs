//! Every study there is: one line each.

use super::convergence::Convergence;
use super::dropout::Dropout;
use super::gap::Gap;
use super::kinetic::Kinetic;
use super::noise::NoiseSensitivity;
use super::paths::Paths;
use super::phase::PhaseDiagram;
use super::picard::Picard;
use super::radial::RadialReduction;
use super::rates::Rates;
use super::recover::Recover;
use crate::config::{Experiment, RecoveryExperiment};
use crate::run::study::{RegisteredStudy, Registry};

/// The studies, in the order in which they run.
pub static REGISTRY: Registry = Registry { training: TRAINING, recovery: RECOVERY };

static TRAINING: &[RegisteredStudy<Experiment>] = &[
    RegisteredStudy::of::<Gap>(),
    RegisteredStudy::of::<Dropout>(),
    RegisteredStudy::of::<Paths>(),
    RegisteredStudy::of::<Convergence>(),
    RegisteredStudy::of::<RadialReduction>(),
    RegisteredStudy::of::<Picard>(),
    RegisteredStudy::of::<Kinetic>(),
];

static RECOVERY: &[RegisteredStudy<RecoveryExperiment>] = &[
    RegisteredStudy::of::<Recover>(),
    RegisteredStudy::of::<NoiseSensitivity>(),
    RegisteredStudy::of::<Rates>(),
    RegisteredStudy::of::<PhaseDiagram>(),
];
