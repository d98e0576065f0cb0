//! Reading of data files: contents, checksum and decompression.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::PopulationError;

/// A data file of a population, for the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// The path as given, or `built-in/NAME` for data of the crate.
    pub path: String,
    /// SHA-256 of the bytes of the file (before decompression), in lower-case hexadecimal.
    pub sha256: String,
}

impl SourceFile {
    /// The record of `bytes` read from `path`.
    pub(crate) fn of(path: &Path, bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
            hex
        });
        Self { path: path.display().to_string(), sha256 }
    }
}

/// The bytes of a file.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, PopulationError> {
    std::fs::read(path).map_err(|source| PopulationError::Io { path: path.to_owned(), source })
}

/// The decompressed bytes of a gzip file, recognised by its first two bytes; other bytes are returned unchanged.
///
/// # Errors
/// If decompression fails.
pub(super) fn decompress<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, PopulationError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .map_err(|source| PopulationError::Gzip { path: path.to_owned(), source })?;
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn checksum_of_abc() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(SourceFile::of(Path::new("f"), b"abc").sha256, expected);
    }
}
