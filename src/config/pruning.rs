//! A complete, validated experiment of pruning.

use super::experiment::Precision;
use super::study::Studies;
use crate::choice::Choice;
use crate::figure::FigureStyle;
use crate::prune::bundled::{BundledData, BundledModel};
use crate::prune::layer::{LayerSettings, PruneMethod, Step};
use serde::{Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// A complete, validated experiment of pruning. Serialises to TOML from which it can be read again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename = "pruning")]
pub struct PruningExperiment {
    /// Name of the run folder.
    pub name: String,
    /// One-line title.
    pub title: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Precision of forward passes; layers are pruned in double precision.
    pub precision: Precision,
    /// The model.
    pub model: ModelSpec,
    /// The data on which layers are pruned.
    pub calibration: CalibrationSpec,
    /// The data on which models are scored.
    pub held_out: HeldOutSpec,
    /// The methods and their parameters.
    pub pruning: PruningOptions,
    /// Sizes, colours, markers and labels of the figures; changes no result.
    #[serde(skip_serializing_if = "FigureStyle::is_empty")]
    pub figure: FigureStyle,
    /// The studies, each with the name of its table.
    #[serde(flatten)]
    pub studies: Studies<PruningExperiment>,
}

/// The model to prune.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelSpec {
    /// A model that is part of the program.
    Bundled {
        /// Its name.
        name: BundledModel,
    },
    /// A folder in the format of Hugging Face.
    Folder {
        /// The folder.
        path: PathBuf,
    },
}

/// Samples for a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SampleSource {
    /// Data that are part of the program: the part for calibration, or that held out.
    Bundled {
        /// Their name.
        name: BundledData,
    },
    /// Token indices in an array of NumPy.
    Tokens {
        /// The file.
        path: PathBuf,
        /// Tokens of a sequence.
        length: usize,
    },
    /// A text in UTF-8, read by the tokenizer of the model.
    Text {
        /// The file.
        path: PathBuf,
        /// Tokens of a sequence.
        length: usize,
    },
    /// Images in an array of NumPy, as the model reads them.
    Images {
        /// The file.
        path: PathBuf,
        /// The file of the labels, for scores and training.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<PathBuf>,
    },
}

impl fmt::Display for SampleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SampleSource::Bundled { name } => write!(f, "{name}"),
            SampleSource::Tokens { path, .. } | SampleSource::Text { path, .. } | SampleSource::Images { path, .. } => {
                write!(f, "{}", path.display())
            }
        }
    }
}

/// The data on which layers are pruned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationSpec {
    /// The samples.
    #[serde(flatten)]
    pub source: SampleSource,
    /// Samples of a batch; all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Whether batches are drawn in a random order of the samples, otherwise in theirs.
    pub shuffle: bool,
}

/// The data on which models are scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOutSpec {
    /// The samples.
    #[serde(flatten)]
    pub source: SampleSource,
    /// The number of samples, the first ones; all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
}

/// The methods and their parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PruningOptions {
    /// The methods.
    #[serde(serialize_with = "names")]
    pub methods: Vec<PruneMethod>,
    /// Damping of the second moments, over their mean diagonal.
    pub damping: f64,
    /// Iterations of `i-obs`.
    pub iterations: usize,
    /// The ridge of the step of `i-obs`, over the mean diagonal of the moment.
    pub ridge: f64,
    /// Length of that step.
    pub step: f64,
    /// Columns of a block of the sweep.
    pub block: usize,
    /// Whether the inputs of the later layers of a block follow its earlier layers as they have been pruned.
    pub within_block: bool,
    /// Texts of which a layer's name must contain one; all layers where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Texts of which a layer's name must contain none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

fn names<S: Serializer>(methods: &[PruneMethod], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(methods.iter().map(|method| method.name()))
}

impl Default for PruningOptions {
    fn default() -> Self {
        let LayerSettings { iterations, length, block, .. } = LayerSettings::default();
        PruningOptions {
            methods: vec![PruneMethod::DUAL],
            damping: 0.01,
            iterations,
            ridge: 0.3,
            step: length,
            block,
            within_block: false,
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }
}

impl PruningOptions {
    /// The settings of a method for a layer.
    pub fn layer(&self, method: PruneMethod) -> LayerSettings {
        LayerSettings {
            method: method.method,
            refit: method.refit,
            step: Step::RidgeNewton(self.ridge),
            length: self.step,
            iterations: self.iterations,
            block: self.block,
            ..LayerSettings::default()
        }
    }

    /// Whether a layer of this name is pruned.
    pub fn selects(&self, layer: &str) -> bool {
        let contains = |texts: &[String]| texts.iter().any(|text| layer.contains(text.as_str()));
        (self.include.is_empty() || contains(&self.include)) && !contains(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_selected_by_parts_of_their_names() {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
        let options = PruningOptions {
            include: texts(&["attn", "h.0."]),
            exclude: texts(&["proj"]),
            ..PruningOptions::default()
        };
        let names = ["h.0.attn.c_attn", "h.0.mlp.c_fc", "h.1.mlp.c_fc", "h.1.attn.c_attn", "h.1.attn.c_proj"];
        assert_eq!(names.map(|name| options.selects(name)), [true, true, false, true, false]);
        assert!(PruningOptions::default().selects("h.1.mlp.c_fc"));
    }
}
