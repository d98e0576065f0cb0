//! Models and data that are part of the program, so that the built-in experiments need no files.
//!
//! | name | what |
//! |---|---|
//! | `deit-digits` | a distilled Vision Transformer for the built-in digits |
//! | `gpt2-shakespeare` | a GPT-2 with a vocabulary of 1024 tokens for texts of Shakespeare |
//! | `digits` | the built-in digits; every fifth image is held out |
//! | `shakespeare` | tokens of the texts; the beginning of The Tempest is held out |

use super::error::PruneError;
use super::model::Inputs;
use crate::choice::choice;
use crate::population::{
    DIGITS_PIXELS, DigitsSpec, LabelRule, PopulationError, PopulationSpec, SourceFile, Standardise,
};
use std::path::Path;

choice! {
    /// A model that is part of the program.
    pub enum BundledModel: "bundled model" {
        /// Classifies the built-in digits.
        DeitDigits = "deit-digits",
        /// Continues texts of Shakespeare.
        Gpt2Shakespeare = "gpt2-shakespeare",
    }
}

choice! {
    /// Data that are part of the program.
    pub enum BundledData: "bundled data" {
        /// Images of digits with labels.
        Digits = "digits",
        /// Tokens of texts of Shakespeare.
        Shakespeare = "shakespeare",
    }
}

/// A file of a model: its name, and its bytes.
type File = (&'static str, &'static [u8]);

macro_rules! files {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_bytes!(concat!("../../assets/prune/", $folder, "/", $name)).as_slice())),+]
    };
}

const DEIT: &[File] = files!("deit-digits": "config.json", "model.safetensors", "preprocessor_config.json");
const GPT2: &[File] = files!("gpt2-shakespeare": "config.json", "model.safetensors", "tokenizer.json");
const CALIBRATION: &[u8] = include_bytes!("../../assets/prune/shakespeare-calibration.npy");
const HELD_OUT: &[u8] = include_bytes!("../../assets/prune/shakespeare-held-out.npy");

/// Largest grey level of a digit; the model reads pixels from -1 to 1.
const GREY_LEVELS: f64 = 16.0;
/// One image in so many is held out.
const HELD_OUT_EVERY: usize = 5;
/// Tokens of a sequence of the bundled text.
pub const SHAKESPEARE_LENGTH: usize = 128;

/// The score of a bundled model on all held-out data that belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownScore {
    /// Held-out samples.
    pub samples: usize,
    /// The mean cross entropy in nats, by a forward pass of other code in single precision.
    pub loss: f64,
}

impl BundledModel {
    fn files(self) -> &'static [File] {
        match self {
            BundledModel::DeitDigits => DEIT,
            BundledModel::Gpt2Shakespeare => GPT2,
        }
    }

    /// The data that belong to the model.
    pub fn data(self) -> BundledData {
        match self {
            BundledModel::DeitDigits => BundledData::Digits,
            BundledModel::Gpt2Shakespeare => BundledData::Shakespeare,
        }
    }

    /// Its score before pruning.
    pub fn known_score(self) -> KnownScore {
        match self {
            BundledModel::DeitDigits => KnownScore { samples: 360, loss: 0.114_159_204 },
            BundledModel::Gpt2Shakespeare => KnownScore { samples: 100, loss: 4.005_872_168 },
        }
    }

    /// Writes its files into a folder.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(self, folder: &Path) -> Result<(), PruneError> {
        std::fs::create_dir_all(folder).map_err(PruneError::write(folder))?;
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(PruneError::write(&path))?;
        }
        Ok(())
    }

    /// Its files with their checksums.
    pub fn sources(self) -> Vec<SourceFile> {
        let path = |name: &str| Path::new("built-in").join(self.to_string()).join(name);
        self.files().iter().map(|(name, bytes)| SourceFile::of(&path(name), bytes)).collect()
    }
}

/// Samples with their labels, where they have some.
pub struct LabelledInputs {
    /// The samples.
    pub inputs: Inputs,
    /// A class for each.
    pub labels: Option<Vec<usize>>,
    /// The files that they are from, with their checksums.
    pub sources: Vec<SourceFile>,
}

impl BundledData {
    /// The calibration or the held-out samples; sequences have `length` tokens.
    ///
    /// # Errors
    /// A length that the text does not have.
    pub fn read(self, held_out: bool, length: usize) -> Result<LabelledInputs, PruneError> {
        match self {
            BundledData::Digits => {
                let spec = DigitsSpec { labels: LabelRule::Classes, limit: None, standardise: Standardise::None };
                let digits = PopulationSpec::Digits(spec).build(0).map_err(|error: PopulationError| {
                    PruneError::Inputs { what: "the built-in digits".into(), reason: error.to_string() }
                })?;
                let (mut pixels, mut labels) = (Vec::new(), Vec::new());
                for (index, (x, y)) in digits.sample.x.rows().into_iter().zip(digits.sample.y.rows()).enumerate() {
                    if index.is_multiple_of(HELD_OUT_EVERY) == held_out {
                        pixels.extend(x.iter().map(|grey| 2.0 * grey / GREY_LEVELS - 1.0));
                        labels.extend(y.iter().position(|label| *label == 1.0));
                    }
                }
                let inputs = Inputs::Images { pixels, channels: 1, size: DIGITS_PIXELS.isqrt() };
                Ok(LabelledInputs { inputs, labels: Some(labels), sources: digits.sources })
            }
            BundledData::Shakespeare => {
                let (name, bytes) = match held_out {
                    true => ("built-in/shakespeare-held-out.npy", HELD_OUT),
                    false => ("built-in/shakespeare-calibration.npy", CALIBRATION),
                };
                let sources = vec![SourceFile::of(Path::new(name), bytes)];
                Ok(LabelledInputs { inputs: Inputs::parse_tokens(name, bytes, length)?, labels: None, sources })
            }
        }
    }
}
