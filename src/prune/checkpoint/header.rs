//! Headers of safetensors files: the name, type, shape and place of every tensor.
//!
//! ```text
//! 8 bytes      length n of the header, little-endian
//! n bytes      JSON: name -> { dtype, shape, data_offsets }, and __metadata__
//! the rest     the elements, in the order of their offsets, without gaps
//! ```
//!
//! Nothing is allocated on the word of a file: a header must lie within the file, and the tensors must fill what
//! follows it exactly.

use super::super::error::PruneError;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that hold the length of the header.
const PREFIX: u64 = 8;
/// Longest header in bytes, as in the reference implementation.
const MAX_HEADER: u64 = 100_000_000;

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorPlace {
    /// Element type.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// First byte in the file.
    pub start: u64,
    /// Bytes.
    pub length: usize,
}

/// Reads the header of a file: every tensor by name, in the order of the file.
pub(super) fn read_header(path: &Path) -> Result<Vec<(String, TensorPlace)>, PruneError> {
    let damaged = |reason: String| PruneError::Damaged { path: path.into(), reason };
    let mut file = File::open(path).map_err(PruneError::read(path))?;
    let size = file.metadata().map_err(PruneError::read(path))?.len();
    if size < PREFIX {
        return Err(damaged(format!("{size} bytes, and a safetensors file has at least {PREFIX}")));
    }
    let mut prefix = [0; PREFIX as usize];
    file.read_exact(&mut prefix).map_err(PruneError::read(path))?;
    let length = u64::from_le_bytes(prefix);
    if length > MAX_HEADER || length > size - PREFIX {
        return Err(damaged(format!("announces a header of {length} bytes in a file of {size}")));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(PruneError::read(path))?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| damaged(format!("the header cannot be read ({error})")))?;
    let (held, announced) = (size - PREFIX - length, metadata.data_len() as u64);
    if held != announced {
        return Err(damaged(format!("the header announces {announced} bytes of tensors, and the file holds {held}")));
    }
    let names = metadata.offset_keys().into_iter();
    let places = names.filter_map(|name| {
        let info = metadata.info(&name)?;
        let (start, end) = info.data_offsets;
        let place = TensorPlace {
            dtype: info.dtype,
            shape: info.shape.clone(),
            start: PREFIX + length + start as u64,
            length: end - start,
        };
        Some((name, place))
    });
    Ok(places.collect())
}
