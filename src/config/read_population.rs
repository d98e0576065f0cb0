//! The `[population]` table: one function per kind.

use super::section::{Section, Want};
use crate::choice::{Choice, choice};
use crate::population::*;
use std::path::{Path, PathBuf};

/// A placeholder for a population that could not be read; never used, as the reading has failed.
pub(super) fn placeholder() -> PopulationSpec {
    PopulationSpec::Digits(DigitsSpec { labels: LabelRule::Parity, limit: None, standardise: Standardise::Global })
}

pub(super) fn population(mut s: Section, base: &Path) -> PopulationSpec {
    let known = s.peek("kind").is_none_or(|kind| PopulationKind::from_name(&kind).is_ok());
    let spec = match s.choice_of("kind", None) {
        PopulationKind::Mnist => PopulationSpec::Mnist(MnistSpec {
            folder: from(base, s.path("folder")),
            split: s.choice_of("split", Some(Split::Train)),
            labels: s.choice_of("labels", None),
            limit: s.optional_count("limit", 1),
            standardise: standardise(&mut s, Standardise::Global),
        }),
        PopulationKind::File => PopulationSpec::File(FileSpec {
            path: from(base, s.path("path")),
            labels: s.choice_of("labels", None),
            limit: s.optional_count("limit", 1),
            standardise: standardise(&mut s, Standardise::None),
        }),
        PopulationKind::Teacher => teacher(&mut s),
        PopulationKind::Mixture => PopulationSpec::Mixture(MixtureSpec {
            dimension: s.count("dimension", None, 1),
            delta: s.real("delta", None, Want::Between(0.0, 1.0)),
            size: s.count("size", None, 1),
            draws: s.choice_of("draws", Some(Draws::Fixed)),
        }),
        PopulationKind::Line => line(&mut s),
        PopulationKind::Digits => PopulationSpec::Digits(DigitsSpec {
            labels: s.choice_of("labels", None),
            limit: s.optional_count_between("limit", 1, DIGITS),
            standardise: standardise(&mut s, Standardise::Global),
        }),
    };
    // Which other keys are known depends on the kind.
    if known {
        s.finish();
    }
    spec
}

fn teacher(s: &mut Section) -> PopulationSpec {
    let spec = TeacherSpec {
        dimension: s.count("dimension", None, 1),
        neurons: s.count("neurons", None, 1),
        activation: s.choice_of("activation", None),
        directions: s.choice_of("directions", Some(TeacherDirections::Random)),
        norm: s.real("norm", Some(1.0), Want::Positive),
        outputs: s.choice_of("outputs", Some(TeacherOutputs::Alternating)),
        sum: s.choice_of("sum", Some(TeacherSum::Mean)),
        noise_std: s.real("noise_std", Some(0.0), Want::NonNegative),
        size: s.count("size", None, 1),
        draws: s.choice_of("draws", Some(Draws::Fixed)),
    };
    if spec.directions == TeacherDirections::Axes && spec.neurons > spec.dimension && spec.dimension > 0 {
        let want = format!("expected at most dimension = {}, as axes are", spec.dimension);
        s.wrong("neurons", Some(spec.neurons.to_string()), want);
    }
    PopulationSpec::Teacher(spec)
}

choice! {
    /// The kinds of [`InputLaw`].
    pub enum InputLawKind: "law of inputs" {
        /// [`InputLaw::Uniform`].
        Uniform = "uniform",
        /// [`InputLaw::Gaussian`].
        Gaussian = "gaussian",
    }
}

fn line(s: &mut Section) -> PopulationSpec {
    let law = match s.choice_of("inputs", Some(InputLawKind::Uniform)) {
        InputLawKind::Uniform => {
            let (low, high) = s.interval();
            InputLaw::Uniform { low, high }
        }
        InputLawKind::Gaussian => {
            InputLaw::Gaussian { mean: s.real("mean", Some(0.0), Want::Any), std: s.real("std", None, Want::Positive) }
        }
    };
    let size = s.count("size", None, 1);
    let bump = |mut s: Section| {
        let bump = TargetBump {
            centre: s.real("centre", None, Want::Any),
            height: s.real("height", Some(1.0), Want::Any),
            width: s.real("width", None, Want::Positive),
        };
        s.finish();
        bump
    };
    let bumps: Vec<TargetBump> = s.sections("bumps").into_iter().map(bump).collect();
    if bumps.is_empty() {
        s.wrong(
            "bumps",
            None,
            "expected at least one { centre = ..., width = ... }, or kind = \"file\" for any other target",
        );
    }
    PopulationSpec::Line(LineSpec { law, size, bumps })
}

fn standardise(s: &mut Section, default: Standardise) -> Standardise {
    s.choice_of("standardise", Some(default))
}

/// Relative paths are taken from the folder of the experiment file; what is recorded means the same from anywhere.
pub(super) fn from(base: &Path, path: PathBuf) -> PathBuf {
    if path.as_os_str().is_empty() { path } else { std::path::absolute(base.join(&path)).unwrap_or(path) }
}
