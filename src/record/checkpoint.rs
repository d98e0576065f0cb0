//! Checkpoints with checksums: files in `checkpoint/`, and the files of a run that a checkpoint vouches for.
//!
//! A checksum is that of the run's experiment, of the name of the file, and of its contents, so that neither damage nor
//! a file of another place or run goes unnoticed. A JSON file is the object `{"sha256": ..., "value": ...}`; an archive
//! of arrays is followed by a line with the checksum, which readers of archives ignore.

use super::digest::{sha256_bound, sha256_of_file};
use super::error::RecordError;
use super::folder::RunFolder;
use super::npz::{ArrayRecord, Arrays, NpzError, Storage, StoredArrays};
use super::write_atomically;
use crate::compute::Real;
use crate::compute::profile::{self, WorkKind};
use crate::number;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// A part of a run that may have been saved.
#[derive(Clone, Debug, PartialEq)]
pub enum SavedPart<T> {
    /// Not saved.
    Absent,
    /// Saved, and not as it was written; the reason.
    Damaged(String),
    /// As it was written.
    Found(T),
}

impl<T> SavedPart<T> {
    /// The part after `convert`, which returns a reason where it cannot be that of this run.
    pub fn and_then<U>(self, convert: impl FnOnce(T) -> Result<U, String>) -> SavedPart<U> {
        match self {
            SavedPart::Absent => SavedPart::Absent,
            SavedPart::Damaged(reason) => SavedPart::Damaged(reason),
            SavedPart::Found(value) => match convert(value) {
                Ok(value) => SavedPart::Found(value),
                Err(reason) => SavedPart::Damaged(reason),
            },
        }
    }
}

/// An archive with its checksum, to be written.
#[derive(Clone, Debug)]
pub struct SealedArchive {
    path: PathBuf,
    bytes: Vec<u8>,
    /// The checksum.
    pub sha256: String,
}

impl SealedArchive {
    /// The archive with its checksum.
    #[doc(hidden)]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes the archive atomically.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self) -> Result<(), NpzError> {
        write_atomically(&self.path, |out| out.write_all(&self.bytes))
            .map_err(|source| NpzError::Io { path: self.path.clone(), source })
    }
}

/// Text before and after the checksum of a JSON file, and after its value.
const JSON: [&str; 3] = ["{\"sha256\":\"", "\",\"value\":", "}\n"];

/// Text before and after the checksum of an archive.
const ARCHIVE: [&str; 2] = ["\nsha256 ", "\n"];

/// Length of a checksum in hexadecimal.
const DIGITS: usize = 64;

const NO_CHECKSUM: &str = "it has no checksum, or a part of it is missing";
const WRONG_CHECKSUM: &str = "it is not what was written: its checksum differs";

impl RunFolder {
    /// Writes a value with its checksum.
    ///
    /// # Errors
    /// A value that has no JSON, a file that cannot be written.
    pub fn save_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RecordError> {
        let value = number::to_json_line(value).map_err(|cause| RecordError::Json { path: self.file(name), cause })?;
        self.write_text(name, &self.seal_text(name, &value))
    }

    /// The file of a value, given as JSON text, with its checksum. The text is not examined, so that checks beyond the
    /// checksum can be tested.
    #[doc(hidden)]
    pub fn seal_text(&self, name: &str, value: &str) -> String {
        [JSON[0], &self.checksum(name, value.as_bytes()), JSON[1], value, JSON[2]].concat()
    }

    /// Reads a value that [`RunFolder::save_json`] wrote.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn load_json<T: DeserializeOwned>(&self, name: &str) -> Result<SavedPart<T>, RecordError> {
        let bytes = self.bytes(name)?;
        Ok(bytes.and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|_| WRONG_CHECKSUM.to_string())?;
            let (checksum, value) = split_json(&text).ok_or(NO_CHECKSUM)?;
            if checksum != self.checksum(name, value.as_bytes()) {
                return Err(WRONG_CHECKSUM.into());
            }
            number::from_json(value).map_err(|error| format!("it is not of this run: {error}"))
        }))
    }

    /// Copies a value that [`RunFolder::save_json`] wrote into `from` under the name `source` to this folder under another
    /// name, with its checksum there. A file whose name ends with `.gz` is compressed. Returns false where there is
    /// none that is as it was written.
    ///
    /// # Errors
    /// Files that are not accessible.
    pub fn copy_sealed_json(&self, from: &RunFolder, source: &str, name: &str) -> Result<bool, RecordError> {
        let SavedPart::Found(bytes) = from.bytes(source)? else { return Ok(false) };
        let text = if source.ends_with(COMPRESSED) { unpacked(&bytes) } else { String::from_utf8(bytes).ok() };
        let Some((checksum, value)) = text.as_deref().and_then(split_json) else { return Ok(false) };
        if checksum != from.checksum(source, value.as_bytes()) {
            return Ok(false);
        }
        let sealed = self.seal_text(name, value);
        if name.ends_with(COMPRESSED) {
            let io = |source| RecordError::Io { path: self.file(name), source };
            self.write_bytes(name, &packed(sealed.as_bytes()).map_err(io)?)?;
        } else {
            self.write_text(name, &sealed)?;
        }
        Ok(true)
    }

    /// An archive of arrays with its checksum.
    ///
    /// # Errors
    /// An array that cannot be written.
    pub fn seal_arrays(&self, name: &str, record: &impl ArrayRecord) -> Result<SealedArchive, NpzError> {
        let mut arrays = Arrays::default();
        record.push("", &mut arrays);
        self.seal_named(name, &arrays)
    }

    /// The same, compressed: for archives that are kept.
    ///
    /// # Errors
    /// An array that cannot be written.
    pub fn seal_compressed(&self, name: &str, record: &impl ArrayRecord) -> Result<SealedArchive, NpzError> {
        let mut arrays = Arrays::default();
        record.push("", &mut arrays);
        Ok(self.seal_bytes(name, arrays.archive(Storage::Deflated, &self.file(name))?))
    }

    /// An archive of arrays of any scalar type with its checksum.
    ///
    /// # Errors
    /// An array that cannot be written.
    pub fn seal_named<R: Real>(&self, name: &str, arrays: &Arrays<R>) -> Result<SealedArchive, NpzError> {
        Ok(self.seal_bytes(name, arrays.archive(Storage::Plain, &self.file(name))?))
    }

    /// The bytes of an archive with their checksum. They are not examined, so that checks beyond the checksum can be
    /// tested.
    #[doc(hidden)]
    pub fn seal_bytes(&self, name: &str, mut bytes: Vec<u8>) -> SealedArchive {
        let sha256 = self.checksum(name, &bytes);
        bytes.extend([ARCHIVE[0], &sha256, ARCHIVE[1]].concat().bytes());
        SealedArchive { path: self.file(name), bytes, sha256 }
    }

    /// The contents of a file with a checksum, which need not be right: the text of a value, or the bytes of an archive.
    /// `None` where it has none.
    #[doc(hidden)]
    pub fn contents_of_sealed(bytes: &[u8]) -> Option<&[u8]> {
        let json = std::str::from_utf8(bytes).ok().and_then(split_json);
        json.map(|(_, value)| value.as_bytes()).or_else(|| split_archive(bytes).map(|(archive, _)| archive))
    }

    /// The contents of a file with a checksum: the text of a value, or the bytes of an archive.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn load_contents(&self, name: &str) -> Result<SavedPart<Vec<u8>>, RecordError> {
        Ok(self.bytes(name)?.and_then(|bytes| {
            let json = std::str::from_utf8(&bytes).ok().and_then(split_json);
            let json = json.map(|(checksum, value)| (checksum, value.as_bytes()));
            let archive = || split_archive(&bytes).map(|(archive, checksum)| (checksum, archive));
            let (checksum, contents) = json.or_else(archive).ok_or(NO_CHECKSUM)?;
            if checksum == self.checksum(name, contents) { Ok(contents.to_vec()) } else { Err(WRONG_CHECKSUM.into()) }
        }))
    }

    /// The bytes of a file without a checksum of its own.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn load_bytes(&self, name: &str) -> Result<SavedPart<Vec<u8>>, RecordError> {
        self.bytes(name)
    }

    /// The checksum of arrays that [`RunFolder::seal_arrays`] sealed, where they are as they were written. The arrays are not
    /// read.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn archive_checksum(&self, name: &str) -> Result<SavedPart<String>, RecordError> {
        Ok(self.bytes(name)?.and_then(|bytes| {
            let (archive, checksum) = split_archive(&bytes).ok_or(NO_CHECKSUM)?;
            if checksum == self.checksum(name, archive) { Ok(checksum.into()) } else { Err(WRONG_CHECKSUM.into()) }
        }))
    }

    /// Reads arrays that [`RunFolder::seal_arrays`] sealed, with their checksum.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn load_arrays<T: ArrayRecord>(&self, name: &str) -> Result<SavedPart<(T, String)>, RecordError> {
        Ok(self.load_named(name)?.and_then(|(stored, checksum)| {
            let record = T::load("", &stored);
            Ok((record.map_err(|error| format!("it is not of this run: {error}"))?, checksum))
        }))
    }

    /// Reads arrays that [`RunFolder::seal_named`] sealed, with their checksum.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn load_named<R: Real>(&self, name: &str) -> Result<SavedPart<(StoredArrays<R>, String)>, RecordError> {
        let bytes = self.bytes(name)?;
        Ok(bytes.and_then(|bytes| {
            let (archive, checksum) = split_archive(&bytes).ok_or(NO_CHECKSUM)?;
            if checksum != self.checksum(name, archive) {
                return Err(WRONG_CHECKSUM.into());
            }
            let stored = StoredArrays::from_archive(&self.file(name), Cursor::new(archive));
            Ok((stored.map_err(|error| format!("it is not of this run: {error}"))?, checksum.to_string()))
        }))
    }

    /// The names of the files of a sub-folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn files_in(&self, folder: &str) -> Result<Vec<String>, RecordError> {
        let path = self.file(folder);
        let io = |source| RecordError::Io { path: path.clone(), source };
        let entries = match path.read_dir() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io)?,
        };
        let name = |entry: std::io::Result<std::fs::DirEntry>| Ok(entry.map_err(io)?.file_name());
        let names: Vec<_> = entries.map(name).collect::<Result<_, RecordError>>()?;
        let mut names: Vec<String> = names.iter().map(|name| format!("{folder}/{}", name.to_string_lossy())).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The checksums of files of the run, by name.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn checksums(&self, names: impl IntoIterator<Item = String>) -> Result<BTreeMap<String, String>, RecordError> {
        let checksum = |name: String| match self.file_checksum(&name)? {
            SavedPart::Found(sha256) => Ok((name, sha256)),
            SavedPart::Absent | SavedPart::Damaged(_) => Err(RecordError::Missing { path: self.file(&name) }),
        };
        names.into_iter().map(checksum).collect()
    }

    /// The names of the files in `records/`, except for those that measure time.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn record_names(&self) -> Result<Vec<String>, RecordError> {
        let folder = self.file("records");
        let io = |source| RecordError::Io { path: folder.clone(), source };
        let mut names = Vec::new();
        for entry in folder.read_dir().map_err(io)? {
            let name = format!("records/{}", entry.map_err(io)?.file_name().to_string_lossy());
            if !super::manifest::OF_THE_CLOCK.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn bytes(&self, name: &str) -> Result<SavedPart<Vec<u8>>, RecordError> {
        self.read_by(name, |path| std::fs::read(path))
    }

    /// SHA-256 of a file.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn file_checksum(&self, name: &str) -> Result<SavedPart<String>, RecordError> {
        self.read_by(name, sha256_of_file)
    }

    fn read_by<T>(&self, name: &str, read: impl FnOnce(&Path) -> io::Result<T>) -> Result<SavedPart<T>, RecordError> {
        let _timed = profile::time(WorkKind::Files);
        let path = self.file(name);
        if path.is_dir() {
            return Ok(SavedPart::Damaged("it is a folder".into()));
        }
        match read(&path) {
            Ok(found) => Ok(SavedPart::Found(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(SavedPart::Absent),
            Err(source) => Err(RecordError::Io { path, source }),
        }
    }

    fn checksum(&self, name: &str, contents: &[u8]) -> String {
        sha256_bound(&[self.identity.as_bytes(), name.as_bytes(), contents])
    }
}

/// The end of the names of files that are compressed by gzip.
pub const COMPRESSED: &str = ".gz";

/// Bytes as a file of gzip, without a time.
fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The text in a file of gzip; `None` where it is none.
fn unpacked(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The checksum and the value of a JSON file.
fn split_json(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(JSON[0])?.strip_suffix(JSON[2])?;
    let (checksum, rest) = rest.split_at_checked(DIGITS)?;
    Some((checksum, rest.strip_prefix(JSON[1])?))
}

/// The archive and the checksum of its file.
fn split_archive(bytes: &[u8]) -> Option<(&[u8], &str)> {
    let rest = bytes.strip_suffix(ARCHIVE[1].as_bytes())?;
    let (rest, checksum) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    Some((rest.strip_suffix(ARCHIVE[0].as_bytes())?, std::str::from_utf8(checksum).ok()?))
}

#[cfg(test)]
mod tests;
