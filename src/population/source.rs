//! Reading of data files: contents, checksum and decompression, each within a limit.

use std::borrow::Cow;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::PopulationError;
use super::capacity::capacity;

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
        Self { path: path.display().to_string(), sha256: hexadecimal(&Sha256::digest(bytes)) }
    }

    /// The record of bytes that have a name.
    pub fn of_bytes(name: &str, bytes: &[u8]) -> Self {
        Self::of(Path::new(name), bytes)
    }

    /// The record of a file, which is read in parts.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
        let mut part = vec![0; PART];
        loop {
            match file.read(&mut part)? {
                0 => break,
                read => hasher.update(&part[..read]),
            }
        }
        Ok(Self { path: path.display().to_string(), sha256: hexadecimal(&hasher.finalize()) })
    }
}

/// Bytes of a file that are read at a time.
const PART: usize = 1 << 16;

/// The bytes of a checksum in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// Size up to which a compressed file is unpacked whatever its own size.
const SMALL: u64 = 256 << 20;

/// Largest ratio of the contents of a larger compressed file to its size. Tables of numbers are compressed to a tenth
/// or so; what exceeds this ratio is a mistake, and would take long to unpack.
const MAX_RATIO: u64 = 100;

/// Checks that `needed` bytes of a data file fit into memory; `what` names them in the message.
///
/// # Errors
/// [`PopulationError::TooLarge`].
pub(super) fn require_capacity(path: &Path, what: &'static str, needed: u64) -> Result<(), PopulationError> {
    let most = capacity();
    if needed <= most {
        return Ok(());
    }
    Err(PopulationError::TooLarge { path: path.to_owned(), what, needed, most })
}

/// The bytes of a data file.
///
/// # Errors
/// If the file cannot be read, or does not fit into memory.
pub fn read_data_file(path: &Path) -> Result<Vec<u8>, PopulationError> {
    let io = |source| PopulationError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    require_capacity(path, "its contents", size)?;
    // A device has no size, but may have no end either.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size as usize).map_err(|error| io(error.into()))?;
    file.take(capacity().saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    require_capacity(path, "its contents", bytes.len() as u64)?;
    Ok(bytes)
}

/// The decompressed bytes of a gzip file, recognised by its first two bytes; other bytes are returned unchanged.
///
/// # Errors
/// If decompression fails, or the contents are far larger than the file.
pub(super) fn decompress<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, PopulationError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let packed = bytes.len() as u64;
    let most = capacity().min(SMALL.max(MAX_RATIO.saturating_mul(packed)));
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(most.saturating_add(1))
        .read_to_end(&mut plain)
        .map_err(|source| PopulationError::Gzip { path: path.to_owned(), source })?;
    if plain.len() as u64 > most {
        return Err(PopulationError::Expands { path: path.to_owned(), packed, most });
    }
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

    /// 300 MiB of newlines, packed to 0.3 MiB, are refused; a fifth of them is unpacked.
    #[test]
    fn bombs_are_refused() {
        let pack = |size: usize| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            for _ in 0..size >> 20 {
                std::io::Write::write_all(&mut encoder, &vec![b'\n'; 1 << 20]).unwrap();
            }
            encoder.finish().unwrap()
        };
        let path = Path::new("lines.csv.gz");
        let packed = pack(300 << 20);
        let message = decompress(path, &packed).unwrap_err().to_string();
        assert!(message.contains("lines.csv.gz") && message.contains("256.00 MiB"), "{message}");
        assert_eq!(decompress(path, &pack(60 << 20)).unwrap().len(), 60 << 20);
    }

    #[test]
    fn more_than_memory_is_refused() {
        let error = require_capacity(Path::new("a.csv"), "its contents", u64::MAX).unwrap_err().to_string();
        assert!(error.contains("a.csv") && error.contains("a quarter of this machine's memory"), "{error}");
    }
}
