//! Reading the folder of a model.

use super::super::error::PruneError;
use super::contents::{CONFIG, INDEX, SINGLE, require_model};
use super::header::{TensorPlace, read_header};
use super::stored_type::StoredType;
use crate::compute::Real;
use crate::compute::profile::{self, WorkKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The index of weights in several files.
#[derive(Deserialize)]
struct ShardIndex {
    /// The file of every tensor.
    weight_map: BTreeMap<String, String>,
}

/// A model in a folder. Tensors stay in their files until they are read.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    folder: PathBuf,
    config: serde_json::Map<String, serde_json::Value>,
    /// Names of the files of weights.
    shards: Vec<String>,
    tensors: BTreeMap<String, StoredTensor>,
    /// The state of the configuration and of the files of weights when they were opened.
    opened: Vec<(PathBuf, FileState)>,
}

/// Length and time of the last change of a file.
type FileState = (u64, Option<SystemTime>);

fn file_state(path: &Path) -> Result<FileState, PruneError> {
    let about = std::fs::metadata(path).map_err(PruneError::read(path))?;
    Ok((about.len(), about.modified().ok()))
}

/// A tensor, and the file that it is in.
#[derive(Clone, Debug)]
pub(super) struct StoredTensor {
    /// Index of the file.
    pub shard: usize,
    /// The place in the file.
    pub place: TensorPlace,
}

impl ModelFolder {
    /// Opens a folder: reads the configuration and the headers of the files of weights.
    ///
    /// # Errors
    /// [`PruneError::NoModel`]; files that are missing, cannot be read or contradict themselves.
    pub fn open(folder: &Path) -> Result<Self, PruneError> {
        require_model(folder)?;
        let config_path = folder.join(CONFIG);
        let text = std::fs::read(&config_path).map_err(PruneError::read(&config_path))?;
        let config = serde_json::from_slice(&text).map_err(|error| PruneError::Damaged {
            path: config_path,
            reason: format!("not an object in JSON ({error})"),
        })?;
        let (shards, index) = shards(folder)?;
        let files = [CONFIG].into_iter().chain(shards.iter().map(String::as_str)).map(|file| folder.join(file));
        let opened = files.map(|path| Ok((path.clone(), file_state(&path)?))).collect::<Result<_, PruneError>>()?;
        let mut tensors = BTreeMap::new();
        for (shard, file) in shards.iter().enumerate() {
            let path = folder.join(file);
            for (name, place) in read_header(&path)? {
                let here = index.as_ref().is_none_or(|index| index.get(&name) == Some(file));
                if !here || tensors.contains_key(&name) {
                    let reason = format!("tensor {name} is in this file, and {INDEX} names another");
                    return Err(PruneError::Damaged { path, reason });
                }
                tensors.insert(name, StoredTensor { shard, place });
            }
        }
        if let Some(name) = index.iter().flat_map(BTreeMap::keys).find(|name| !tensors.contains_key(*name)) {
            return Err(PruneError::MissingTensor { path: folder.into(), tensor: name.clone() });
        }
        Ok(ModelFolder { folder: folder.into(), config, shards, tensors, opened })
    }

    /// Checks that no file has been changed since the folder was opened, by its length and the time of its last change.
    ///
    /// # Errors
    /// [`PruneError::Changed`], a file that cannot be read.
    pub fn require_unchanged(&self) -> Result<(), PruneError> {
        let changed = |(path, state): &&(PathBuf, FileState)| file_state(path).map_or(true, |now| now != *state);
        match self.opened.iter().find(changed) {
            Some((path, _)) => Err(PruneError::Changed { path: path.clone() }),
            None => Ok(()),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the configuration.
    pub fn config_path(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// The configuration.
    pub fn config(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.config
    }

    /// The names of the files of weights.
    pub fn shards(&self) -> &[String] {
        &self.shards
    }

    /// The names of all tensors, in alphabetic order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// No tensor of this name.
    pub fn shape(&self, name: &str) -> Result<&[usize], PruneError> {
        Ok(&self.stored(name)?.place.shape)
    }

    /// The element type of a tensor.
    ///
    /// # Errors
    /// No tensor of this name, a type that is not read.
    pub fn stored_type(&self, name: &str) -> Result<StoredType, PruneError> {
        let tensor = self.stored(name)?;
        StoredType::of(tensor.place.dtype).ok_or_else(|| PruneError::TensorType {
            path: self.folder.join(&self.shards[tensor.shard]),
            tensor: name.into(),
            found: tensor.place.dtype.to_string(),
        })
    }

    /// Reads a tensor, row-major.
    ///
    /// # Errors
    /// No tensor of this name, a type that is not read, a file that cannot be read, values that are not finite.
    pub fn read<R: Real>(&self, name: &str) -> Result<Vec<R>, PruneError> {
        let mut values: Vec<R> = Vec::with_capacity(self.shape(name)?.iter().product());
        self.read_pieces(name, &mut |_, piece| values.extend_from_slice(piece))?;
        Ok(values)
    }

    /// Reads some rows, increasing, of a tensor (rows, width), which is examined as a whole but not held in memory.
    ///
    /// # Errors
    /// As [`ModelFolder::read`].
    pub fn read_rows<R: Real>(&self, name: &str, rows: &[usize]) -> Result<Vec<R>, PruneError> {
        let width = self.shape(name)?.last().copied().unwrap_or(1);
        let mut values: Vec<R> = Vec::with_capacity(rows.len() * width);
        self.read_pieces(name, &mut |first, piece: &[R]| {
            let end = first + piece.len();
            while let Some(row) = rows.get(values.len() / width) {
                // The row may have begun in the piece before.
                let at = row * width + values.len() % width;
                if at >= end {
                    break;
                }
                values.extend_from_slice(&piece[at - first..end.min((row + 1) * width) - first]);
            }
        })?;
        Ok(values)
    }

    /// Passes the entries of a tensor to `each` in pieces, with the index of the first entry of each.
    fn read_pieces<R: Real>(&self, name: &str, each: &mut dyn FnMut(usize, &[R])) -> Result<(), PruneError> {
        let stored_type = self.stored_type(name)?;
        let (mut first, mut values) = (0, Vec::new());
        let mut reader = self.reader(name)?;
        while let Some(piece) = reader.next()? {
            values.clear();
            stored_type.decode::<R>(piece, &mut values);
            if !values.iter().fold(true, |all, v| all & v.to_f64().is_finite()) {
                let within = values.iter().take_while(|v| v.to_f64().is_finite()).count();
                let (index, value) = (first + within, values[within].to_f64());
                return Err(PruneError::TensorValue { tensor: name.into(), index, value });
            }
            each(first, &values);
            first += values.len();
        }
        Ok(())
    }

    /// Whether a tensor has the bytes that it has in another folder.
    ///
    /// # Errors
    /// No tensor of this name, a file that cannot be read.
    pub fn has_bytes_of(&self, other: &ModelFolder, name: &str) -> Result<bool, PruneError> {
        let _timed = profile::time(WorkKind::Files);
        let (mut here, mut there) = (self.reader(name)?, other.reader(name)?);
        loop {
            match (here.next()?, there.next()?) {
                (None, None) => return Ok(true),
                (a, b) if a != b => return Ok(false),
                _ => {}
            }
        }
    }

    /// A tensor at its place in its file.
    fn reader(&self, name: &str) -> Result<TensorReader, PruneError> {
        let tensor = self.stored(name)?;
        let path = self.folder.join(&self.shards[tensor.shard]);
        let open = || -> std::io::Result<File> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(tensor.place.start))?;
            Ok(file)
        };
        let file = open().map_err(PruneError::read(&path))?;
        Ok(TensorReader { file, path, left: tensor.place.length, buffer: Vec::new() })
    }

    /// The bytes of a tensor as they are stored.
    ///
    /// # Errors
    /// No tensor of this name, a file that cannot be read.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, PruneError> {
        let _timed = profile::time(WorkKind::Files);
        let TensorReader { mut file, path, left, .. } = self.reader(name)?;
        let mut bytes = vec![0; left];
        file.read_exact(&mut bytes).map_err(PruneError::read(&path))?;
        Ok(bytes)
    }

    /// A tensor by name.
    pub(super) fn stored(&self, name: &str) -> Result<&StoredTensor, PruneError> {
        let missing = || PruneError::MissingTensor { path: self.folder.clone(), tensor: name.into() };
        self.tensors.get(name).ok_or_else(missing)
    }
}

/// Bytes of a tensor that are read at a time, a multiple of the bytes of an element.
const PIECE: usize = 1 << 18;

/// Reads a tensor in pieces.
struct TensorReader {
    file: File,
    path: PathBuf,
    /// Bytes that have not been read.
    left: usize,
    buffer: Vec<u8>,
}

impl TensorReader {
    /// The next piece; none behind the last.
    fn next(&mut self) -> Result<Option<&[u8]>, PruneError> {
        let length = self.left.min(PIECE);
        self.buffer.resize(length, 0);
        self.file.read_exact(&mut self.buffer).map_err(PruneError::read(&self.path))?;
        self.left -= length;
        Ok((length > 0).then_some(&self.buffer))
    }
}

/// The files of weights of a folder, and the file of every tensor where there is an index.
type Shards = (Vec<String>, Option<BTreeMap<String, String>>);

fn shards(folder: &Path) -> Result<Shards, PruneError> {
    if folder.join(SINGLE).is_file() {
        return Ok((vec![SINGLE.into()], None));
    }
    let path = folder.join(INDEX);
    let text = std::fs::read(&path).map_err(PruneError::read(&path))?;
    let damaged = |reason| PruneError::Damaged { path: path.clone(), reason };
    let ShardIndex { weight_map } =
        serde_json::from_slice(&text).map_err(|error| damaged(format!("not an index of weights ({error})")))?;
    let mut files: Vec<String> = weight_map.values().cloned().collect();
    files.sort_unstable();
    files.dedup();
    // A name with separators could lead out of the folder.
    if let Some(file) = files.iter().find(|file| Path::new(file).file_name() != Some(file.as_ref())) {
        return Err(damaged(format!("the file name {file:?} is not the name of a file of this folder")));
    }
    if let Some(file) = files.iter().find(|file| !folder.join(file).exists()) {
        return Err(damaged(format!("it names {file}, which is not in the folder")));
    }
    Ok((files, Some(weight_map)))
}
