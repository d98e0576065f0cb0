//! The inputs of models: token indices or images.

use super::super::error::PruneError;
use crate::population::npz_file::npy_array;
use ndarray::ArrayD;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

/// Samples for a model, all of one length.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Sequences of token indices.
    Tokens {
        /// Indices (samples, length).
        ids: Vec<u32>,
        /// Tokens of a sequence.
        length: usize,
        /// Whether a token is there, otherwise it is padding (samples, length); all are if there is none.
        present: Option<Vec<bool>>,
    },
    /// Square images.
    Images {
        /// Pixels (samples, channels, size, size), as the model expects them.
        pixels: Vec<f64>,
        /// Channels.
        channels: usize,
        /// Pixels on a side.
        size: usize,
    },
}

impl Inputs {
    /// Number of samples.
    pub fn count(&self) -> usize {
        match self {
            Inputs::Tokens { ids, length, .. } => ids.len() / length,
            Inputs::Images { pixels, channels, size } => pixels.len() / (channels * size * size),
        }
    }

    /// A range of samples.
    ///
    /// # Panics
    /// If the range is not within the samples.
    pub fn range(&self, samples: Range<usize>) -> Inputs {
        let scaled = |entries: usize| samples.start * entries..samples.end * entries;
        match self {
            Inputs::Tokens { ids, length, present } => Inputs::Tokens {
                ids: ids[scaled(*length)].to_vec(),
                length: *length,
                present: present.as_ref().map(|present| present[scaled(*length)].to_vec()),
            },
            Inputs::Images { pixels, channels, size } => Inputs::Images {
                pixels: pixels[scaled(channels * size * size)].to_vec(),
                channels: *channels,
                size: *size,
            },
        }
    }

    /// The samples at these positions, in this order.
    ///
    /// # Panics
    /// If a position is not one of a sample.
    pub fn select(&self, samples: &[usize]) -> Inputs {
        fn of<T: Copy>(values: &[T], entries: usize, samples: &[usize]) -> Vec<T> {
            samples.iter().flat_map(|&sample| &values[sample * entries..][..entries]).copied().collect()
        }
        match self {
            Inputs::Tokens { ids, length, present } => Inputs::Tokens {
                ids: of(ids, *length, samples),
                length: *length,
                present: present.as_ref().map(|present| of(present, *length, samples)),
            },
            Inputs::Images { pixels, channels, size } => {
                Inputs::Images { pixels: of(pixels, channels * size * size, samples), channels: *channels, size: *size }
            }
        }
    }

    /// Reads token indices from an array of NumPy: (samples, length), of which the first `length` of every row are used,
    /// or one long sequence, which is cut into blocks of `length` and a rest that is not used.
    ///
    /// # Errors
    /// A file that cannot be read, values that are no indices, fewer tokens than one block.
    pub fn read_tokens(path: &Path, length: usize) -> Result<Inputs, PruneError> {
        Self::tokens(&path.display().to_string(), read_array(path)?, length)
    }

    /// Token indices from the bytes of such an array; `what` is for messages.
    ///
    /// # Errors
    /// As [`Inputs::read_tokens`].
    pub fn parse_tokens(what: &str, bytes: &[u8], length: usize) -> Result<Inputs, PruneError> {
        let fault = |fault| PruneError::InputFile { path: what.into(), fault };
        Self::tokens(what, npy_array(bytes, bytes.len() as u64).map_err(fault)?, length)
    }

    fn tokens(what: &str, array: ArrayD<f64>, length: usize) -> Result<Inputs, PruneError> {
        let wrong = |reason: String| PruneError::Inputs { what: what.into(), reason };
        let row = match *array.shape() {
            [n] => n,
            [samples, row] if samples > 0 => row,
            ref shape => {
                let expected = "(n) or (samples, length), with at least one sample";
                return Err(wrong(format!("has shape {shape:?}: expected {expected}")));
            }
        };
        if length == 0 || row < length {
            let expected = format!("at least the length {length} of a sample, or a smaller length");
            return Err(wrong(format!("has {row} tokens in a row: expected {expected}")));
        }
        let values: Vec<f64> = array.iter().copied().collect();
        if let Some(at) = values.iter().position(|v| !is_index(*v)) {
            let entry = place(&array, at);
            return Err(wrong(format!("{entry} is {}: expected indices of tokens, whole numbers from 0", values[at])));
        }
        let ids = values.into_iter().map(|v| v as u32);
        let ids = if array.ndim() == 1 {
            ids.take(row / length * length).collect()
        } else {
            ids.enumerate().filter(|(at, _)| at % row < length).map(|(_, id)| id).collect()
        };
        Ok(Inputs::Tokens { ids, length, present: None })
    }

    /// One long sequence of token indices, cut into blocks of `length` and a rest that is not used; `what` is for messages.
    ///
    /// # Errors
    /// Fewer tokens than one block.
    pub fn of_sequence(what: &str, mut ids: Vec<u32>, length: usize) -> Result<Inputs, PruneError> {
        if length == 0 || ids.len() < length {
            let expected = format!("at least the length {length} of a sample, or a smaller length");
            let reason = format!("has {} tokens: expected {expected}", ids.len());
            return Err(PruneError::Inputs { what: what.into(), reason });
        }
        ids.truncate(ids.len() / length * length);
        Ok(Inputs::Tokens { ids, length, present: None })
    }

    /// Reads images from an array of NumPy: (samples, size, size) or (samples, channels, size, size).
    ///
    /// # Errors
    /// A file that cannot be read, another shape, values that are not finite.
    pub fn read_images(path: &Path) -> Result<Inputs, PruneError> {
        let array = read_array(path)?;
        let wrong = |reason: String| PruneError::Inputs { what: path.display().to_string(), reason };
        let (channels, size) = match *array.shape() {
            [samples, height, width] if height == width && samples * width > 0 => (1, width),
            [samples, channels, height, width] if height == width && samples * channels * width > 0 => {
                (channels, width)
            }
            ref shape => {
                let expected = "(samples, size, size) or (samples, channels, size, size), with at least one sample";
                return Err(wrong(format!("has shape {shape:?}: expected {expected}")));
            }
        };
        let pixels: Vec<f64> = array.iter().copied().collect();
        match pixels.iter().position(|v| !v.is_finite()) {
            Some(at) => {
                let reason = format!("{} is {}: every pixel must be a finite number", place(&array, at), pixels[at]);
                Err(wrong(reason))
            }
            None => Ok(Inputs::Images { pixels, channels, size }),
        }
    }
}

/// Reads labels from an array of NumPy: (samples) or (samples, 1), whole numbers from 0.
///
/// # Errors
/// A file that cannot be read, another shape, values that are no labels.
pub fn read_labels(path: &Path) -> Result<Vec<usize>, PruneError> {
    let array = read_array(path)?;
    let wrong = |reason: String| PruneError::Inputs { what: path.display().to_string(), reason };
    if !matches!(array.shape(), [_] | [_, 1]) {
        return Err(wrong(format!("has shape {:?}: expected (samples): a label for every sample", array.shape())));
    }
    match array.iter().position(|v| !is_index(*v)) {
        Some(at) => {
            let value = array.iter().nth(at).copied().unwrap_or(f64::NAN);
            Err(wrong(format!("label {at} (from 0) is {value}: expected labels, whole numbers from 0")))
        }
        None => Ok(array.iter().map(|label| *label as usize).collect()),
    }
}

/// Checks that labels are classes of a classifier; `what` is for messages.
///
/// # Errors
/// [`PruneError::Inputs`] with the first label that is none.
pub fn require_classes(what: &str, labels: &[usize], classes: usize) -> Result<(), PruneError> {
    match labels.iter().position(|label| *label >= classes) {
        None => Ok(()),
        Some(at) => Err(PruneError::Inputs {
            what: what.into(),
            reason: format!("label {at} (from 0) is {}: expected a class from 0 to {}", labels[at], classes - 1),
        }),
    }
}

/// Whether a number is an index.
fn is_index(value: f64) -> bool {
    value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value)
}

/// The place of entry `at`, in row-major order, in an array, in words.
fn place(array: &ArrayD<f64>, at: usize) -> String {
    let mut rest = at;
    let mut indices: Vec<usize> = Vec::new();
    for extent in array.shape().iter().rev() {
        indices.insert(0, rest % extent);
        rest /= extent;
    }
    format!("entry {indices:?} (from 0)")
}

fn read_array(path: &Path) -> Result<ArrayD<f64>, PruneError> {
    let file = File::open(path).map_err(PruneError::read(path))?;
    let size = file.metadata().map_err(PruneError::read(path))?.len();
    npy_array(BufReader::new(file), size).map_err(|fault| PruneError::InputFile { path: path.into(), fault })
}
