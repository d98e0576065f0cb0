//! From tokens or pixels to the features of the first block.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::{Architecture, EmbeddingSpec};
use super::inputs::Inputs;
use super::parts::{Linear, Norm};
use super::scalar::ModelReal;

/// The weights of an embedding.
pub struct Embedding<R> {
    hidden: usize,
    kind: EmbeddingKind<R>,
}

enum EmbeddingKind<R> {
    Tokens {
        /// (vocabulary, hidden), or of the tokens in `used` only.
        tokens: Vec<R>,
        /// Indices of tokens, increasing.
        used: Option<Vec<usize>>,
        /// (positions, hidden), from the first position on.
        positions: Option<Vec<R>>,
        /// (hidden), added to every token.
        first_kind: Option<Vec<R>>,
        norm: Option<Norm<R>>,
    },
    Image {
        /// (leading, hidden).
        leading: Vec<R>,
        projection: Linear<R>,
        /// (leading + patches, hidden).
        positions: Vec<R>,
        size: usize,
        patch: usize,
        channels: usize,
    },
}

impl<R: ModelReal> Embedding<R> {
    /// Reads an embedding; with `inputs` the vectors of their tokens only.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub fn read(
        checkpoint: &ModelFolder,
        architecture: &Architecture,
        inputs: Option<&Inputs>,
    ) -> Result<Self, PruneError> {
        let hidden = architecture.hidden;
        let used =
            inputs.and_then(|inputs| if let Inputs::Tokens { ids, .. } = inputs { Some(distinct(ids)) } else { None });
        let kind = match &architecture.embedding {
            EmbeddingSpec::Tokens { tokens, positions, kinds, norm, .. } => EmbeddingKind::Tokens {
                tokens: match &used {
                    Some(rows) => checkpoint.read_rows(tokens, rows)?,
                    None => checkpoint.read(tokens)?,
                },
                used,
                positions: match positions {
                    Some((name, first, _)) => Some(checkpoint.read::<R>(name)?.split_off(first * hidden)),
                    None => None,
                },
                first_kind: match kinds {
                    Some((name, _)) => Some(checkpoint.read::<R>(name)?[..hidden].to_vec()),
                    None => None,
                },
                norm: norm.as_ref().map(|norm| Norm::read(checkpoint, norm)).transpose()?,
            },
            EmbeddingSpec::Image { leading, projection, positions, size, patch, channels } => {
                let mut rows = Vec::new();
                for name in leading {
                    rows.extend(checkpoint.read::<R>(name)?);
                }
                let weight = checkpoint.read(&format!("{projection}.weight"))?;
                let bias = checkpoint.read(&format!("{projection}.bias"))?;
                EmbeddingKind::Image {
                    leading: rows,
                    projection: Linear::of(weight, channels * patch * patch, Some(bias)),
                    positions: checkpoint.read(positions)?,
                    size: *size,
                    patch: *patch,
                    channels: *channels,
                }
            }
        };
        Ok(Embedding { hidden, kind })
    }

    /// The features (samples, length, hidden) of inputs that [`EmbeddingSpec::length`] accepts.
    ///
    /// # Panics
    /// If a token is not one of those that were read.
    pub fn apply(&self, inputs: &Inputs) -> Vec<R> {
        let hidden = self.hidden;
        match (&self.kind, inputs) {
            (
                EmbeddingKind::Tokens { tokens, used, positions, first_kind, norm },
                Inputs::Tokens { ids, length, .. },
            ) => {
                let mut x = Vec::with_capacity(ids.len() * hidden);
                for (at, id) in ids.iter().enumerate() {
                    let start = x.len();
                    let row = match used {
                        Some(used) => used.binary_search(&(*id as usize)).expect("a token that was read"),
                        None => *id as usize,
                    };
                    x.extend_from_slice(&tokens[row * hidden..][..hidden]);
                    let position = positions.as_ref().map(|rows| &rows[at % length * hidden..][..hidden]);
                    for added in position.into_iter().chain(first_kind.as_deref()) {
                        x[start..].iter_mut().zip(added).for_each(|(v, a)| *v += *a);
                    }
                }
                if let Some(norm) = norm {
                    norm.apply_in_place(&mut x);
                }
                x
            }
            (
                EmbeddingKind::Image { leading, projection, positions, size, patch, channels },
                Inputs::Images { pixels, .. },
            ) => {
                let projected = projection.apply(&patches(pixels, *size, *patch, *channels));
                let per_image = (size / patch).pow(2) * hidden;
                let mut x = Vec::with_capacity(positions.len() * inputs.count());
                for image in projected.chunks_exact(per_image) {
                    let start = x.len();
                    x.extend_from_slice(leading);
                    x.extend_from_slice(image);
                    x[start..].iter_mut().zip(positions).for_each(|(v, p)| *v += *p);
                }
                x
            }
            _ => unreachable!("inputs were checked"),
        }
    }
}

/// The different indices, increasing.
fn distinct(ids: &[u32]) -> Vec<usize> {
    let mut rows: Vec<usize> = ids.iter().map(|id| *id as usize).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

impl EmbeddingSpec {
    /// Tokens of a sample.
    ///
    /// # Errors
    /// Inputs of another kind or size than the model reads, token indices beyond the vocabulary, sequences that are longer
    /// than the positions of the model or consist of padding.
    pub fn length(&self, inputs: &Inputs) -> Result<usize, PruneError> {
        let wrong = |reason: String| Err(PruneError::Inputs { what: "inputs".into(), reason });
        match (self, inputs) {
            (EmbeddingSpec::Tokens { vocabulary, positions, .. }, Inputs::Tokens { ids, length, present }) => {
                if let Some(at) = ids.iter().position(|id| *id as usize >= *vocabulary) {
                    let (id, sample, place) = (ids[at], at / length, at % length);
                    return wrong(format!(
                        "token {id} (sample {sample}, position {place}, from 0) is not in the vocabulary of {vocabulary}"
                    ));
                }
                if let Some(rows) = positions.as_ref().map(|(_, first, rows)| rows - first).filter(|n| n < length) {
                    return wrong(format!("samples of {length} tokens, and the model has {rows} positions"));
                }
                if present.iter().flat_map(|p| p.chunks_exact(*length)).any(|sample| !sample.contains(&true)) {
                    return wrong("a sample consists of padding".into());
                }
                Ok(*length)
            }
            (
                EmbeddingSpec::Image { leading, size, patch, channels, .. },
                Inputs::Images { channels: c, size: s, .. },
            ) => {
                if (size, channels) != (s, c) {
                    return wrong(format!(
                        "images of {s} x {s} pixels and {c} channels, and the model reads {size} x {size} and {channels}"
                    ));
                }
                Ok(leading.len() + (size / patch).pow(2))
            }
            (EmbeddingSpec::Tokens { .. }, _) => wrong("images, and the model reads tokens".into()),
            (EmbeddingSpec::Image { .. }, _) => wrong("tokens, and the model reads images".into()),
        }
    }
}

/// The patches (samples, patches, channels * patch * patch) of images, row by row.
fn patches<R: ModelReal>(pixels: &[f64], size: usize, patch: usize, channels: usize) -> Vec<R> {
    let side = size / patch;
    let mut out = Vec::with_capacity(pixels.len());
    for image in pixels.chunks_exact(channels * size * size) {
        for at in 0..side * side {
            let (top, left) = (at / side * patch, at % side * patch);
            for channel in 0..channels {
                for row in top..top + patch {
                    let start = (channel * size + row) * size + left;
                    out.extend(image[start..start + patch].iter().map(|v| R::of(*v)));
                }
            }
        }
    }
    out
}
