//! Networks in addition to those of `[widths]`: sweeps over step or batch size, and variants of the training.

use super::allowed::{Allowed, MAX_COUNT};
use super::experiment::{BatchSize, Dynamics, NetworkSpec};
use super::read::{batch, name, start, training_method};
use super::section::Section;
use crate::choice::choice;
use crate::dynamics::Method;
use crate::network::Start;
use serde::Serialize;

choice! {
    /// The quantity that a sweep varies.
    pub enum Over: "sweep" {
        /// The step eps.
        Step = "step",
        /// The batch size B.
        Batch = "batch",
    }
}

/// Most repetitions of a network.
pub const MAX_SEEDS: usize = 100_000;

/// A sweep over step or batch size at one width. Each network is compared with the limit of its own particles, so that
/// the width does not enter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sweep {
    /// The quantity that varies.
    pub over: Over,
    /// Steps, or batch sizes.
    pub values: Vec<f64>,
    /// Width of the networks.
    pub width: usize,
    /// Independent repetitions.
    pub seeds: usize,
    /// Samples per step, in a sweep over steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchSize>,
    /// Step, in a sweep over batch sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
}

impl Sweep {
    /// Reads a table `[[STUDY.sweep]]`.
    pub fn read(mut s: Section) -> Self {
        let over = s.choice_of("over", None);
        let values = s.reals("values", Allowed::Positive);
        if over == Over::Batch && values.iter().any(|&v| v.fract() != 0.0 || v > MAX_COUNT as f64) {
            let message = format!("expected batch sizes, whole numbers of at least 1 and at most {MAX_COUNT}");
            s.reject("values", Some(format!("{values:?}")), message);
        }
        if (1..values.len()).any(|i| values[..i].contains(&values[i])) {
            s.reject("values", Some(format!("{values:?}")), "expected every value once");
        }
        let (width, seeds) = (s.count("width", None, 1), s.count_within("seeds", Some(10), 1..=MAX_SEEDS));
        let (batch, step) = s.by_choice("over", over, |s, over| match over {
            Over::Step => (Some(batch(s)), None),
            Over::Batch => (None, s.optional_real("step", Allowed::Positive)),
        });
        s.finish();
        Sweep { over, values, width, seeds, batch, step }
    }

    /// Step and batch size of the entry `value`.
    pub fn at(&self, value: f64, dynamics: &Dynamics) -> (f64, BatchSize) {
        match self.over {
            Over::Step => (value, self.batch.unwrap_or(BatchSize::Full)),
            Over::Batch => (self.step.unwrap_or(dynamics.step), BatchSize::Size(value as usize)),
        }
    }

    /// The steps of the sweep, each with its key in the sweep's table.
    pub fn steps(&self) -> Vec<(&'static str, f64)> {
        match self.over {
            Over::Step => self.values.iter().map(|&step| ("values", step)).collect(),
            Over::Batch => self.step.iter().map(|&step| ("step", step)).collect(),
        }
    }
}

/// Networks of one width with another method, step, friction or start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variant {
    /// Name of its files, and its label in figures.
    pub name: String,
    /// Heavy ball or plain gradient descent.
    pub method: Method,
    /// Step eps.
    pub step: f64,
    /// Friction gamma; 0 under plain gradient descent.
    pub friction: f64,
    /// Width N.
    pub width: usize,
    /// Independent repetitions.
    pub seeds: usize,
    /// Whether the start violates the support condition of global convergence, so that training is expected to stall.
    pub stalls: bool,
    /// Law of a neuron at time 0, where it differs from that of `[network.start]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
}

impl Variant {
    /// Reads a table `[[variants]]`; omitted keys are as in `[dynamics]`.
    pub(super) fn read(mut s: Section, dynamics: &Dynamics, network: &NetworkSpec) -> Self {
        let name = name(&mut s);
        let method = training_method(&mut s, dynamics.method);
        let friction = if method == Method::GradientDescent {
            Some(0.0)
        } else {
            (dynamics.method != Method::GradientDescent).then_some(dynamics.friction)
        };
        let variant = Variant {
            name,
            method,
            step: s.real("step", Some(dynamics.step), Allowed::Positive),
            friction: s.real("friction", friction, Allowed::NonNegative),
            width: s.count("width", None, 1),
            seeds: s.count_within("seeds", Some(4), 1..=MAX_SEEDS),
            stalls: s.flag("stalls", false),
            start: s.section("start", false).map(|section| start(section, network.kind, network.bias)),
        };
        if method == Method::GradientDescent && variant.friction != 0.0 {
            s.reject("friction", None, "plain gradient descent has no friction; remove it");
        }
        s.finish();
        variant
    }
}
