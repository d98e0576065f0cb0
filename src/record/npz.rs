//! Named arrays in `.npz` files that NumPy opens.
//!
//! A file is described by one struct, declared with `array_record!`: a field is an array, its name is the array's name, and
//! writing and reading both follow the declaration.

use super::write_atomically;
use crate::compute::Real;
use ndarray::{Array, ArrayD, ArrayViewD, Dimension, IxDyn};
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

/// Bytes of an array's headers in the archive and of its entry in the archive's directory, its name left out.
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
        // The archive needs to seek, which a plain writer cannot: it is built in memory and written at once. Its size is known
        // beforehand: a buffer that grows would be copied, and cleared by the system, at every doubling.
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
pub struct StoredArrays<R = f64> {
    path: PathBuf,
    arrays: BTreeMap<String, ArrayD<R>>,
}

impl<R: Real> StoredArrays<R> {
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
        Ok(StoredArrays { path: path.into(), arrays })
    }

    /// The names of the arrays.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// The array of this name.
    pub fn get(&self, name: &str) -> Result<ArrayViewD<'_, R>, NpzError> {
        let here = || self.names().collect::<Vec<_>>().join(", ");
        self.arrays
            .get(name)
            .map(|array| array.view())
            .ok_or_else(|| self.wrong(name, format!("missing; here are {}", here())))
    }

    /// The array of this name with a fixed number of axes.
    pub fn shaped<D: Dimension>(&self, name: &str) -> Result<Array<R, D>, NpzError> {
        let axes = D::NDIM.map_or("other".into(), |n| n.to_string());
        let wrong = |_| self.wrong(name, format!("expected {axes} axes"));
        self.get(name)?.to_owned().into_dimensionality::<D>().map_err(wrong)
    }

    /// The error of an array that is not what it should be.
    pub fn wrong(&self, name: &str, want: impl Into<String>) -> NpzError {
        NpzError::Array { path: self.path.clone(), name: name.into(), want: want.into() }
    }
}

/// Something that is stored under a name: an array, an optional array, or a group of arrays whose names share a prefix.
pub trait ArrayField: Sized {
    /// Adds it under `name`.
    fn push(&self, name: &str, arrays: &mut Arrays);
    /// Reads what is stored under `name`.
    ///
    /// # Errors
    /// An array that is missing or has another number of axes.
    fn take(name: &str, table: &StoredArrays) -> Result<Self, NpzError>;
}

impl<D: Dimension> ArrayField for Array<f64, D> {
    fn push(&self, name: &str, arrays: &mut Arrays) {
        arrays.push(name, self.shape(), self.iter().copied().collect());
    }

    fn take(name: &str, table: &StoredArrays) -> Result<Self, NpzError> {
        table.shaped(name)
    }
}

impl<D: Dimension> ArrayField for Option<Array<f64, D>> {
    fn push(&self, name: &str, arrays: &mut Arrays) {
        if let Some(array) = self {
            array.push(name, arrays);
        }
    }

    fn take(name: &str, table: &StoredArrays) -> Result<Self, NpzError> {
        if table.has(name) { table.shaped(name).map(Some) } else { Ok(None) }
    }
}

/// A struct of arrays. Implemented by `array_record!`.
pub trait ArrayRecord: Sized {
    /// Adds every array, each name behind `prefix`.
    fn push(&self, prefix: &str, arrays: &mut Arrays);

    /// Reads every array, each name behind `prefix`.
    ///
    /// # Errors
    /// An array that is missing or has another number of axes.
    fn take(prefix: &str, table: &StoredArrays) -> Result<Self, NpzError>;

    /// Writes the record as a file of its own, which appears whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn write(&self, path: &Path) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.push("", &mut arrays);
        arrays.write(path)
    }

    /// Reads a file that [`ArrayRecord::write`] wrote.
    ///
    /// # Errors
    /// A file that cannot be read, an array that is missing or has another number of axes.
    fn read(path: &Path) -> Result<Self, NpzError> {
        Self::take("", &StoredArrays::read(path)?)
    }
}

/// Declares a struct of arrays with the names of its fields as the names of the arrays, and [`ArrayRecord`] for it.
macro_rules! array_record {
    ($(#[$meta:meta])* pub struct $Name:ident { $($(#[$note:meta])* pub $field:ident : $Type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name { $($(#[$note])* pub $field: $Type),+ }

        impl $crate::record::npz::ArrayRecord for $Name {
            fn push(&self, prefix: &str, arrays: &mut $crate::record::npz::Arrays) {
                use $crate::record::npz::ArrayField;
                $(ArrayField::push(&self.$field, &format!("{prefix}{}", stringify!($field)), arrays);)+
            }

            fn take(
                prefix: &str,
                table: &$crate::record::npz::StoredArrays,
            ) -> Result<Self, $crate::record::npz::NpzError> {
                use $crate::record::npz::ArrayField;
                Ok($Name { $($field: ArrayField::take(&format!("{prefix}{}", stringify!($field)), table)?),+ })
            }
        }
    };
}
pub(crate) use array_record;

/// An array of this shape, row-major.
///
/// # Panics
/// If the shape does not hold the data.
pub fn shaped<D: Dimension>(shape: impl ndarray::IntoDimension<Dim = D>, data: Vec<f64>) -> Array<f64, D> {
    Array::from_shape_vec(shape.into_dimension(), data).expect("a record's shape holds its data")
}

/// Whole numbers as an array of a record: exact below 2^53.
pub fn whole(values: impl IntoIterator<Item = usize>) -> ndarray::Array1<f64> {
    values.into_iter().map(|v| v as f64).collect()
}
