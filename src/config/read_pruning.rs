//! Reading an experiment of pruning, and the rules between its keys.

use super::allowed::{Allowed, MAX_COUNT};
use super::error::KeyErrors;
use super::experiment::Precision;
use super::pruning::*;
use super::read::{name, seed, studies};
use super::read_figure;
use super::read_population::absolute_path;
use super::section::Section;
use super::study::{Studies, StudyReader};
use crate::choice::choice;
use crate::prune::bundled::{BundledData, SHAKESPEARE_LENGTH};
use std::path::Path;

/// Tables of this kind of experiment alone, without those of the studies.
pub(super) const OWN_KEYS: [&str; 4] = ["model", "calibration", "held_out", "pruning"];

/// Reads an experiment of pruning from its root table; relative data paths are taken from `base`.
pub(super) fn experiment(
    mut root: Section<'_>,
    base: &Path,
    readers: &[StudyReader<PruningExperiment>],
    errors: &KeyErrors,
) -> PruningExperiment {
    let (name, title) = (name(&mut root), root.text("title", Some("")));
    let seed = seed(&mut root);
    let precision = root.choice_of("precision", Some(Precision::F32));
    let model = root.section("model", true).map(|s| model(s, base));
    let samples = SampleReader { base, own: model.as_ref().and_then(own_data) };
    // Only a bundled model has data that belong to it.
    let required = matches!(model, Some(ModelSpec::Folder { .. }));
    let mut experiment = PruningExperiment {
        name,
        title,
        seed,
        precision,
        calibration: samples.calibration(root.section("calibration", required)),
        held_out: samples.held_out(root.section("held_out", required)),
        pruning: options(root.section("pruning", true)),
        model: model.unwrap_or(ModelSpec::Folder { path: Default::default() }),
        figure: read_figure::figure(&mut root),
        studies: Studies::default(),
    };
    studies(&mut root, readers, &mut experiment);
    root.finish();
    if experiment.studies.iter().next().is_none() {
        errors.add("compare", None, "missing; expected a study: a table [compare], [rounds] or [allocation]");
    }
    for study in experiment.studies.iter() {
        study.table.validate(&experiment, errors);
    }
    experiment
}

choice! {
    /// The kinds of [`ModelSpec`].
    pub enum ModelKind: "kind of model" {
        /// [`ModelSpec::Bundled`].
        Bundled = "bundled",
        /// [`ModelSpec::Folder`].
        Folder = "folder",
    }
}

choice! {
    /// The kinds of [`SampleSource`].
    pub enum SampleKind: "kind of samples" {
        /// [`SampleSource::Bundled`].
        Bundled = "bundled",
        /// [`SampleSource::Tokens`].
        Tokens = "tokens",
        /// [`SampleSource::Text`].
        Text = "text",
        /// [`SampleSource::Images`].
        Images = "images",
    }
}

fn model(mut s: Section, base: &Path) -> ModelSpec {
    let spec = match s.choice_of("kind", None) {
        ModelKind::Bundled => ModelSpec::Bundled { name: s.choice_of("name", None) },
        ModelKind::Folder => ModelSpec::Folder { path: absolute_path(base, s.path("path")) },
    };
    s.finish();
    spec
}

/// The data that belong to a bundled model.
fn own_data(model: &ModelSpec) -> Option<BundledData> {
    match model {
        ModelSpec::Bundled { name } => Some(name.data()),
        ModelSpec::Folder { .. } => None,
    }
}

/// Reads the tables of samples.
struct SampleReader<'a> {
    base: &'a Path,
    /// The data that belong to a bundled model, the default.
    own: Option<BundledData>,
}

impl SampleReader<'_> {
    fn calibration(&self, section: Option<Section>) -> CalibrationSpec {
        let Some(mut s) = section else {
            return CalibrationSpec { source: self.without_table(), samples: None, shuffle: true };
        };
        let spec = CalibrationSpec {
            source: self.source(&mut s, false),
            samples: s.optional_count("samples", 1),
            shuffle: s.flag("shuffle", true),
        };
        s.finish();
        spec
    }

    fn held_out(&self, section: Option<Section>) -> HeldOutSpec {
        let Some(mut s) = section else { return HeldOutSpec { source: self.without_table(), samples: None } };
        let spec = HeldOutSpec { source: self.source(&mut s, true), samples: s.optional_count("samples", 1) };
        s.finish();
        spec
    }

    /// The samples where there is no table. Where none belong to the model, that is an error already, and they are not used.
    fn without_table(&self) -> SampleSource {
        match self.own {
            Some(name) => SampleSource::Bundled { name },
            None => SampleSource::Tokens { path: Default::default(), length: 0 },
        }
    }

    fn source(&self, s: &mut Section, labelled: bool) -> SampleSource {
        let own = self.own;
        match s.choice_of("kind", own.map(|_| SampleKind::Bundled)) {
            SampleKind::Bundled => SampleSource::Bundled { name: s.choice_of("name", own) },
            SampleKind::Tokens => SampleSource::Tokens {
                path: absolute_path(self.base, s.path("path")),
                length: s.count("length", Some(SHAKESPEARE_LENGTH), 2),
            },
            SampleKind::Text => SampleSource::Text {
                path: absolute_path(self.base, s.path("path")),
                length: s.count("length", Some(SHAKESPEARE_LENGTH), 2),
            },
            SampleKind::Images => SampleSource::Images {
                path: absolute_path(self.base, s.path("path")),
                // Calibration data need labels for training only.
                labels: (labelled || s.has("labels")).then(|| absolute_path(self.base, s.path("labels"))),
            },
        }
    }
}

/// Reads the methods and their parameters.
fn options(section: Option<Section>) -> PruningOptions {
    let mut spec = PruningOptions::default();
    let Some(mut s) = section else { return spec };
    spec.methods = s.some_choices_of("methods", "[\"sparsegpt\", \"i-obs-dual\"]");
    spec.damping = s.real("damping", Some(spec.damping), Allowed::NonNegative);
    spec.iterations = s.count_within("iterations", Some(spec.iterations), 1..=100_000);
    spec.ridge = s.real("ridge", Some(spec.ridge), Allowed::Positive);
    spec.step = s.real("step", Some(spec.step), Allowed::Positive);
    spec.block = s.count_within("block", Some(spec.block), 1..=MAX_COUNT);
    spec.within_block = s.flag("within_block", false);
    spec.include = s.texts("include");
    spec.exclude = s.texts("exclude");
    s.finish();
    spec
}
