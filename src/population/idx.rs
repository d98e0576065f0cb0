//! The IDX format of MNIST: a magic number whose last byte is the rank, big-endian extents, then the entries.

use std::path::Path;

use super::PopulationError;

/// The shape and the entries of an IDX file of unsigned bytes, already decompressed. `holds` names the expected
/// contents in messages.
///
/// # Errors
/// If the magic number is not that of the type and rank, or the length contradicts the header.
pub(super) fn parse<'a, const RANK: usize>(
    path: &Path,
    bytes: &'a [u8],
    holds: &'static str,
) -> Result<([usize; RANK], &'a [u8]), PopulationError> {
    let header = 4 * (1 + RANK);
    let word = |at: usize| bytes.get(4 * at..4 * at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let expected = 0x0800 + RANK as u32;
    if let Some(found) = word(0).filter(|&found| found != expected) {
        return Err(PopulationError::IdxMagic { path: path.to_owned(), found, expected, holds });
    }
    let length =
        |expected: u64| PopulationError::IdxLength { path: path.to_owned(), found: bytes.len() as u64, expected };
    let mut shape = [0_usize; RANK];
    for (axis, extent) in shape.iter_mut().enumerate() {
        *extent = word(1 + axis).ok_or_else(|| length(header as u64))? as usize;
    }
    // The product of the extents of a damaged header can overflow.
    let body = shape.iter().fold(1_u64, |product, &extent| product.saturating_mul(extent as u64));
    let total = body.saturating_add(header as u64);
    if bytes.len() as u64 != total {
        return Err(length(total));
    }
    Ok((shape, &bytes[header..]))
}
