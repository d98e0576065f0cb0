//! Checksums of records and checkpoints.

use crate::compute::profile::{self, WorkKind};
use crate::population::hexadecimal;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    sha256_of([bytes])
}

/// Bytes of a file that are held at a time.
const BLOCK: usize = 1 << 20;

/// SHA-256 of a file in lower-case hexadecimal, read in blocks.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; BLOCK.min(file.metadata()?.len() as usize + 1)];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            count => hasher.update(&block[..count]),
        }
    }
}

/// SHA-256 of several parts, one after the other, each followed by its length.
pub(super) fn sha256_bound(parts: &[&[u8]]) -> String {
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_le_bytes()).collect();
    sha256_of(parts.iter().zip(&lengths).flat_map(|(part, length)| [*part, length.as_slice()]))
}

fn sha256_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let _timed = profile::time(WorkKind::Files);
    let mut hasher = Sha256::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    hexadecimal(&hasher.finalize())
}
