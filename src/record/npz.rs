//! Named arrays in `.npz` files that NumPy opens.

use super::write_atomically;
use crate::compute::Real;
use ndarray::{Array1, ArrayD, ArrayViewD, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpzError, WriteNpzError};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with an `.npz` file.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// It cannot be opened or written.
    #[error("{path}")]
    Io { path: PathBuf, source: io::Error },
    /// It is not an `.npz` file, or an array in it has another type.
    #[error("{path}")]
    Read { path: PathBuf, source: ReadNpzError },
    /// An array cannot be written.
    #[error("{path}")]
    Write { path: PathBuf, source: WriteNpzError },
    /// An array is missing, or has another shape than its name promises.
    #[error("{path}: array '{name}': {want}")]
    Array { path: PathBuf, name: String, want: String },
}

/// Arrays waiting to be written, in order.
#[derive(Clone, Debug)]
pub struct Arrays<R = f64> {
    entries: Vec<(String, ArrayD<R>)>,
}

/// Bytes of an array's headers in the archive and of its place in the archive's directory, its name left out.
const ENTRY: usize = 512;

impl<R> Default for Arrays<R> {
    fn default() -> Self {
        Arrays { entries: Vec::new() }
    }
}

impl<R: Real> Arrays<R> {
    /// Adds an array of this shape, row-major.
    ///
    /// # Panics
    /// If the shape does not hold the data.
    pub fn push(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<R>) {
        let array = ArrayD::from_shape_vec(IxDyn(shape), data).expect("a record's shape holds its data");
        self.entries.push((name.into(), array));
    }

    /// Writes everything to `path`, which appears whole or not at all. Equal arrays give equal bytes.
    pub fn write(&self, path: &Path) -> Result<(), NpzError> {
        // The archive needs to seek, which a plain writer cannot: it is built in memory and written at once.
        // Room for all of it at once: a buffer that grows would be copied, and cleared by the system, at every doubling.
        let held: usize =
            self.entries.iter().map(|(name, array)| array.len() * size_of::<R>() + 2 * name.len() + ENTRY).sum();
        let mut bytes = io::Cursor::new(Vec::with_capacity(held));
        let mut writer = NpzWriter::new(&mut bytes);
        let write = |source| NpzError::Write { path: path.into(), source };
        for (name, array) in &self.entries {
            writer.add_array(name.as_str(), array).map_err(write)?;
        }
        writer.finish().map_err(write)?;
        write_atomically(path, |out| io::Write::write_all(out, bytes.get_ref()))
            .map_err(|source| NpzError::Io { path: path.into(), source })
    }
}

/// The arrays of a file, by name.
#[derive(Clone, Debug)]
pub struct Table<R = f64> {
    path: PathBuf,
    arrays: BTreeMap<String, ArrayD<R>>,
}

impl<R: Real> Table<R> {
    /// Reads every array of `path`.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        let file = File::open(path).map_err(|source| NpzError::Io { path: path.into(), source })?;
        let read = |source| NpzError::Read { path: path.into(), source };
        let mut reader = NpzReader::new(io::BufReader::new(file)).map_err(read)?;
        let mut arrays = BTreeMap::new();
        for name in reader.names().map_err(read)? {
            let array = reader.by_name::<ndarray::OwnedRepr<R>, IxDyn>(&name).map_err(read)?;
            arrays.insert(name.trim_end_matches(".npy").to_string(), array);
        }
        Ok(Table { path: path.into(), arrays })
    }

    /// The names of the arrays.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// The array of this name.
    pub fn get(&self, name: &str) -> Result<ArrayViewD<'_, R>, NpzError> {
        let here = || self.names().collect::<Vec<_>>().join(", ");
        self.arrays
            .get(name)
            .map(|array| array.view())
            .ok_or_else(|| self.wrong(name, format!("missing; here are {}", here())))
    }

    /// The array of this name as a vector.
    pub fn vector(&self, name: &str) -> Result<Array1<R>, NpzError> {
        self.get(name)?.to_owned().into_dimensionality().map_err(|_| self.wrong(name, "expected one axis".into()))
    }

    /// The array of this name with a fixed number of axes.
    pub fn shaped<D: ndarray::Dimension>(&self, name: &str) -> Result<ndarray::Array<R, D>, NpzError> {
        let axes = D::NDIM.map_or("other".into(), |n| n.to_string());
        let wrong = |_| self.wrong(name, format!("expected {axes} axes"));
        self.get(name)?.to_owned().into_dimensionality::<D>().map_err(wrong)
    }

    fn wrong(&self, name: &str, want: String) -> NpzError {
        NpzError::Array { path: self.path.clone(), name: name.into(), want }
    }
}
