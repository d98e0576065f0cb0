//! Reading the table `[population]`: one function per kind.

use super::allowed::Allowed;
use super::experiment::PopulationTable;
use super::section::Section;
use crate::choice::{Choice, choice};
use crate::population::*;
use std::path::{Path, PathBuf};

/// Stands for a population that could not be read, so that reading continues; it is never used.
pub(super) fn placeholder() -> PopulationTable {
    let spec = DigitsSpec { labels: LabelRule::Parity, limit: None, standardise: Standardise::Global };
    PopulationTable { spec: PopulationSpec::Digits(spec), test: None }
}

/// Reads the population; relative data paths are taken from `base`.
pub(super) fn population(mut s: Section, base: &Path) -> PopulationTable {
    let known = s.peek("kind").is_none_or(|kind| PopulationKind::from_name(&kind).is_ok());
    let kind = s.choice_of("kind", None);
    let spec = s.by_choice("kind", kind, |s, kind| of_kind(s, kind, base));
    let test = if known { s.test_part("test", &spec, base) } else { None };
    // The known keys depend on the kind.
    if known {
        s.finish();
    }
    PopulationTable { spec, test }
}

/// Reads the keys of a kind of population.
fn of_kind(s: &mut Section<'_>, kind: PopulationKind, base: &Path) -> PopulationSpec {
    match kind {
        PopulationKind::Mnist => PopulationSpec::Mnist(MnistSpec {
            folder: absolute_path(base, s.path("folder")),
            split: s.choice_of("split", Some(Split::Train)),
            labels: s.choice_of("labels", None),
            limit: s.optional_count("limit", 1),
            standardise: standardise(s, Standardise::Global),
        }),
        PopulationKind::File => PopulationSpec::File(FileSpec {
            path: absolute_path(base, s.path("path")),
            labels: s.choice_of("labels", None),
            limit: s.optional_count("limit", 1),
            standardise: standardise(s, Standardise::None),
        }),
        PopulationKind::Teacher => teacher(s),
        PopulationKind::Mixture => PopulationSpec::Mixture(MixtureSpec {
            dimension: s.count("dimension", None, 1),
            delta: s.real("delta", None, Allowed::Between(0.0, 1.0)),
            size: s.count("size", None, 1),
            draws: s.choice_of("draws", Some(Draws::Fixed)),
        }),
        PopulationKind::Line => line(s),
        PopulationKind::Digits => PopulationSpec::Digits(DigitsSpec {
            labels: s.choice_of("labels", None),
            limit: s.optional_count_between("limit", 1, DIGITS),
            standardise: standardise(s, Standardise::Global),
        }),
    }
}

fn teacher(s: &mut Section) -> PopulationSpec {
    let spec = TeacherSpec {
        dimension: s.count("dimension", None, 1),
        neurons: s.count("neurons", None, 1),
        activation: s.choice_of("activation", None),
        directions: s.choice_of("directions", Some(TeacherDirections::Random)),
        norm: s.real("norm", Some(1.0), Allowed::Positive),
        outputs: s.choice_of("outputs", Some(TeacherOutputs::Alternating)),
        sum: s.choice_of("sum", Some(TeacherSum::Mean)),
        noise_std: s.real("noise_std", Some(0.0), Allowed::NonNegative),
        size: s.count("size", None, 1),
        draws: s.choice_of("draws", Some(Draws::Fixed)),
    };
    if spec.directions == TeacherDirections::Axes && spec.neurons > spec.dimension && spec.dimension > 0 {
        let message = format!("expected at most dimension = {}, as axes are", spec.dimension);
        s.reject("neurons", Some(spec.neurons.to_string()), message);
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
    let inputs = s.choice_of("inputs", Some(InputLawKind::Uniform));
    let law = s.by_choice("inputs", inputs, |s, inputs| match inputs {
        InputLawKind::Uniform => {
            let (low, high) = s.interval();
            InputLaw::Uniform { low, high }
        }
        InputLawKind::Gaussian => InputLaw::Gaussian {
            mean: s.real("mean", Some(0.0), Allowed::Any),
            std: s.real("std", None, Allowed::Positive),
        },
    });
    let size = s.count("size", None, 1);
    let bump = |mut s: Section| {
        let bump = TargetBump {
            centre: s.real("centre", None, Allowed::Any),
            height: s.real("height", Some(1.0), Allowed::Any),
            width: s.real("width", None, Allowed::Positive),
        };
        s.finish();
        bump
    };
    let bumps: Vec<TargetBump> = s.sections("bumps").into_iter().map(bump).collect();
    if bumps.is_empty() {
        s.reject(
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

/// The absolute path of a data file; relative paths are taken from `base`.
pub(super) fn absolute_path(base: &Path, path: PathBuf) -> PathBuf {
    if path.as_os_str().is_empty() { path } else { std::path::absolute(base.join(&path)).unwrap_or(path) }
}
