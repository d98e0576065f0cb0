//! Named arrays in `.npz` files, the format of NumPy.
//!
//! These are files of the program's own; data files of users are read by the population layer.
//!
//! A file is described by one struct, declared with `array_record!`: a field is an array, its name is the array's name,
//! its axes have names, and writing and reading both follow the declaration. Arrays of a file that share an axis have as
//! many entries along it, or the file is refused. The names of the axes are written into the comment of the archive, so
//! that other programs can read them (`axes_comment`).

use super::axes::AxisSizes;
use super::axes_comment;
use super::write_atomically;
use crate::compute::Real;
use crate::compute::profile::{self, WorkKind};
use crate::population::npz_file::check_announced_sizes;
use ndarray::{Array, ArrayD, ArrayViewD, Dimension, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpzError, WriteNpzError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with an `.npz` file.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The file is no archive of arrays, or an array announces more than it holds.
    #[error("{path}: the file is damaged ({reason}); run the experiment again with --force")]
    Sizes {
        /// The file or folder.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file cannot be opened or written.
    #[error("{path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is no such file.
    #[error("{path}: missing, and the run cannot be read without it; run the experiment again with --force")]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// The file is not an `.npz` file, or an array in it has another type.
    #[error(
        "{path}: not a readable archive of arrays ({source}); the file is damaged: run the experiment again with --force"
    )]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: ReadNpzError,
    },
    /// An array cannot be written.
    #[error("{path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: WriteNpzError,
    },
    /// There is no array of this name.
    #[error("{path}: array '{name}': missing; the file contains {}; the file is damaged: run the experiment again with --force", .known.join(", "))]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// The array.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// An array has another number of axes.
    #[error(
        "{path}: array '{name}': expected {expected} axes, found {found}; the file is damaged: run the experiment again with --force"
    )]
    Axes {
        /// The file or folder.
        path: PathBuf,
        /// The array.
        name: String,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// An array has another shape.
    #[error(
        "{path}: array '{name}': expected shape {expected:?}, found {found:?}; the file is damaged: run the experiment again with --force"
    )]
    Shape {
        /// The file or folder.
        path: PathBuf,
        /// The array.
        name: String,
        /// What was expected.
        expected: Vec<usize>,
        /// What was found.
        found: Vec<usize>,
    },
}

/// How the arrays of an archive are stored. NumPy reads both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// As they are.
    Plain,
    /// Compressed by deflate, without loss.
    Deflated,
}

/// Arrays to be written, in order.
#[derive(Clone, Debug)]
pub struct Arrays<R = f64> {
    entries: Vec<(String, ArrayD<R>)>,
    /// The names of the axes of the arrays whose axes have names.
    axes: BTreeMap<String, Vec<String>>,
}

/// Bytes of an array's headers in the archive and of its entry in the archive's directory, without its name.
const ENTRY_BYTES: usize = 512;

impl<R> Default for Arrays<R> {
    fn default() -> Self {
        Arrays { entries: Vec::new(), axes: BTreeMap::new() }
    }
}

impl<R: Real> Arrays<R> {
    /// Adds an array of this shape, row-major.
    ///
    /// # Panics
    /// If the shape does not hold the data.
    pub fn push(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<R>) {
        let array = ArrayD::from_shape_vec(IxDyn(shape), data).expect("the shape matches the data");
        self.entries.push((name.into(), array));
    }

    /// Names the axes of an array; there may be none of that name. An axis of fixed size has its size for a name.
    pub fn name_axes<A: Into<String>>(&mut self, name: &str, axes: impl IntoIterator<Item = A>) {
        if self.entries.iter().any(|(known, _)| known == name) {
            self.axes.insert(name.into(), axes.into_iter().map(Into::into).collect());
        }
    }

    /// The arrays with their names, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &ArrayD<R>)> {
        self.entries.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Writes the arrays to `path` atomically, compressed, with the names of their axes. Equal arrays give equal bytes.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), NpzError> {
        self.write_as(Storage::Deflated, path)
    }

    /// The same without compression: for states of training, which are large and whose digits are nearly random.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_uncompressed(&self, path: &Path) -> Result<(), NpzError> {
        self.write_as(Storage::Plain, path)
    }

    fn write_as(&self, storage: Storage, path: &Path) -> Result<(), NpzError> {
        let mut bytes = self.archive(storage, path)?;
        axes_comment::append(&mut bytes, &self.axes);
        write_atomically(path, |out| io::Write::write_all(out, &bytes))
            .map_err(|source| NpzError::Io { path: path.into(), source })
    }

    /// The bytes of the archive, without the names of axes; `path` is for messages.
    ///
    /// # Errors
    /// An array that cannot be written.
    pub fn archive(&self, storage: Storage, path: &Path) -> Result<Vec<u8>, NpzError> {
        let _timed = profile::time(WorkKind::Files);
        // The archive is built in memory because the format requires seeking. Its capacity is reserved, so that the
        // buffer is not copied as it grows.
        let capacity: usize =
            self.entries.iter().map(|(name, array)| array.len() * size_of::<R>() + 2 * name.len() + ENTRY_BYTES).sum();
        let mut bytes = io::Cursor::new(Vec::with_capacity(capacity));
        let mut writer = match storage {
            Storage::Plain => NpzWriter::new(&mut bytes),
            Storage::Deflated => NpzWriter::new_compressed(&mut bytes),
        };
        let write = |source| NpzError::Write { path: path.into(), source };
        for (name, array) in &self.entries {
            writer.add_array(name.as_str(), array).map_err(write)?;
        }
        writer.finish().map_err(write)?;
        Ok(bytes.into_inner())
    }
}

impl Arrays {
    /// Adds an array with the names of its axes, as [`Arrays::name_axes`] takes them.
    pub fn push_named<D: Dimension, const N: usize>(&mut self, name: &str, axes: [&str; N], array: &Array<f64, D>) {
        ArrayField::push(array, name, self);
        self.name_axes(name, axes);
    }
}

/// The arrays read from a file, by name.
#[derive(Clone, Debug)]
pub struct StoredArrays<R = f64> {
    path: PathBuf,
    arrays: BTreeMap<String, ArrayD<R>>,
    sizes: AxisSizes,
}

impl<R> From<BTreeMap<String, ArrayD<R>>> for StoredArrays<R> {
    /// Arrays that were not read from an archive.
    fn from(arrays: BTreeMap<String, ArrayD<R>>) -> Self {
        StoredArrays { path: PathBuf::from("arrays"), arrays, sizes: AxisSizes::default() }
    }
}

impl<R: Real> StoredArrays<R> {
    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every array of `path`.
    ///
    /// # Errors
    /// A file that cannot be read, an array of another type.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => NpzError::NoFile { path: path.into() },
            _ => NpzError::Io { path: path.into(), source },
        })?;
        Self::from_archive(path, io::BufReader::new(file))
    }

    /// Reads every array of an archive; `path` is for messages.
    ///
    /// # Errors
    /// Bytes that are no archive, an array of another type.
    pub(super) fn from_archive(path: &Path, mut archive: impl io::Read + io::Seek) -> Result<Self, NpzError> {
        let _timed = profile::time(WorkKind::Files);
        let read = |source| NpzError::Read { path: path.into(), source };
        check_announced_sizes(&mut archive).map_err(|reason| NpzError::Sizes { path: path.into(), reason })?;
        archive.rewind().map_err(|source| NpzError::Io { path: path.into(), source })?;
        let mut reader = NpzReader::new(archive).map_err(read)?;
        let mut arrays = BTreeMap::new();
        for name in reader.names().map_err(read)? {
            let array = reader.by_name::<ndarray::OwnedRepr<R>, IxDyn>(&name).map_err(read)?;
            arrays.insert(name.trim_end_matches(".npy").to_string(), array);
        }
        Ok(StoredArrays { path: path.into(), arrays, sizes: AxisSizes::default() })
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
    ///
    /// # Errors
    /// [`NpzError::Missing`].
    pub fn get(&self, name: &str) -> Result<ArrayViewD<'_, R>, NpzError> {
        let missing = || NpzError::Missing {
            path: self.path.clone(),
            name: name.into(),
            known: self.names().map(String::from).collect(),
        };
        self.arrays.get(name).map(|array| array.view()).ok_or_else(missing)
    }

    /// The array of this name with a fixed number of axes.
    ///
    /// # Errors
    /// [`NpzError::Missing`], [`NpzError::Axes`].
    pub fn shaped<D: Dimension>(&self, name: &str) -> Result<Array<R, D>, NpzError> {
        let array = self.get(name)?;
        let found = array.ndim();
        let axes = |_| NpzError::Axes {
            path: self.path.clone(),
            name: name.into(),
            expected: D::NDIM.unwrap_or(found),
            found,
        };
        array.to_owned().into_dimensionality::<D>().map_err(axes)
    }

    /// The array of this name with these axes, which it shares with the arrays read before it: one name for each, or the
    /// size where that is fixed.
    ///
    /// # Errors
    /// Those of [`StoredArrays::shaped`]; [`NpzError::Sizes`] where an axis has another size than before.
    pub fn on_axes<D: Dimension>(&self, name: &str, axes: &[impl AsRef<str>]) -> Result<Array<R, D>, NpzError> {
        let array = self.shaped::<D>(name)?;
        let damaged = |reason| NpzError::Sizes { path: self.path.clone(), reason };
        self.sizes.compare(name, array.shape(), axes).map_err(damaged)?;
        note_axes(&self.path, name, axes);
        Ok(array)
    }

    /// The error of a file without records.
    ///
    /// # Errors
    /// [`NpzError::Sizes`] where `any` is false.
    pub fn require_records(&self, any: bool) -> Result<(), NpzError> {
        if any { Ok(()) } else { Err(NpzError::Sizes { path: self.path.clone(), reason: "it has no records".into() }) }
    }
}

/// The names of the axes of arrays, by file and array.
pub type AxesByFile = BTreeMap<PathBuf, BTreeMap<String, Vec<String>>>;

thread_local! {
    /// The axes of the arrays that this thread reads, while [`axes_read_by`] runs.
    static AXES_READ: RefCell<Option<AxesByFile>> = const { RefCell::new(None) };
}

/// Calls `read`, and returns the names of the axes of all arrays that it reads on this thread by [`StoredArrays::on_axes`].
/// Which axes an array has is known to the reader of its record alone.
pub fn axes_read_by<T>(read: impl FnOnce() -> T) -> (T, AxesByFile) {
    let before = AXES_READ.replace(Some(AxesByFile::new()));
    let value = read();
    (value, AXES_READ.replace(before).unwrap_or_default())
}

fn note_axes(path: &Path, array: &str, axes: &[impl AsRef<str>]) {
    AXES_READ.with_borrow_mut(|known| {
        if let Some(known) = known {
            let axes = axes.iter().map(|axis| axis.as_ref().to_string()).collect();
            known.entry(path.into()).or_default().insert(array.into(), axes);
        }
    });
}

/// A number as it is recorded. Bits of NaN differ with where it comes from; a record has one NaN.
pub fn one_nan(v: f64) -> f64 {
    if v.is_nan() { f64::NAN } else { v }
}

/// A value stored under a name: an array, an optional array, or a group of arrays whose names share a prefix.
pub trait ArrayField: Sized {
    /// Adds the value under `name`.
    fn push(&self, name: &str, arrays: &mut Arrays);
    /// The value stored under `name`, an array with these axes.
    ///
    /// # Errors
    /// See [`StoredArrays::on_axes`].
    fn load(name: &str, axes: &[String], stored: &StoredArrays) -> Result<Self, NpzError>;
}

impl<D: Dimension> ArrayField for Array<f64, D> {
    fn push(&self, name: &str, arrays: &mut Arrays) {
        arrays.push(name, self.shape(), self.iter().copied().map(one_nan).collect());
    }

    fn load(name: &str, axes: &[String], stored: &StoredArrays) -> Result<Self, NpzError> {
        stored.on_axes(name, axes)
    }
}

impl<D: Dimension> ArrayField for Option<Array<f64, D>> {
    fn push(&self, name: &str, arrays: &mut Arrays) {
        if let Some(array) = self {
            array.push(name, arrays);
        }
    }

    fn load(name: &str, axes: &[String], stored: &StoredArrays) -> Result<Self, NpzError> {
        if stored.has(name) { stored.on_axes(name, axes).map(Some) } else { Ok(None) }
    }
}

/// A struct of arrays; implemented by `array_record!`.
pub trait ArrayRecord: Sized {
    /// Adds every array under `prefix` followed by its name.
    fn push(&self, prefix: &str, arrays: &mut Arrays);

    /// The record whose arrays are stored under `prefix` followed by their names.
    ///
    /// # Errors
    /// An array that is missing or has another number of axes.
    fn load(prefix: &str, stored: &StoredArrays) -> Result<Self, NpzError>;

    /// Writes the record to a file atomically.
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
        Self::load("", &StoredArrays::read(path)?)
    }
}

/// Declares a struct of arrays and implements [`ArrayRecord`] for it; the names of the fields are the names of the
/// arrays. A field is `name[axis, ...]: type`, with one axis for each dimension: a number where the size is fixed. All
/// records of a file share an axis of one name, but for the axes in brackets behind the name of the struct, which are
/// the record's own.
macro_rules! array_record {
    ($(#[$meta:meta])* pub struct $Name:ident $([$($own:ident),+])? {
        $($(#[$note:meta])* pub $field:ident [$($axis:tt),*] : $Type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name { $($(#[$note])* pub $field: $Type),+ }

        impl $crate::record::npz::ArrayRecord for $Name {
            fn push(&self, prefix: &str, arrays: &mut $crate::record::npz::Arrays) {
                use $crate::record::npz::{ArrayField, own_axis};
                let own: &[&str] = &[$($(stringify!($own)),+)?];
                $(
                    let name = format!("{prefix}{}", stringify!($field));
                    ArrayField::push(&self.$field, &name, arrays);
                    arrays.name_axes(&name, [$(own_axis(prefix, own, stringify!($axis))),*]);
                )+
            }

            fn load(
                prefix: &str,
                stored: &$crate::record::npz::StoredArrays,
            ) -> Result<Self, $crate::record::npz::NpzError> {
                use $crate::record::npz::{ArrayField, own_axis};
                let own: &[&str] = &[$($(stringify!($own)),+)?];
                Ok($Name {
                    $($field: {
                        let axes = [$(own_axis(prefix, own, stringify!($axis))),*];
                        ArrayField::load(&format!("{prefix}{}", stringify!($field)), &axes, stored)?
                    }),+
                })
            }
        }
    };
}
pub(crate) use array_record;

/// The name in the file of an axis of a record: with the record's prefix where it is one of its `own`.
pub fn own_axis(prefix: &str, own: &[&str], axis: &str) -> String {
    if own.contains(&axis) { format!("{prefix}{axis}") } else { axis.to_string() }
}

/// An array of this shape, row-major.
///
/// # Panics
/// If the shape does not hold the data.
pub fn shaped<D: Dimension>(shape: impl ndarray::IntoDimension<Dim = D>, data: Vec<f64>) -> Array<f64, D> {
    Array::from_shape_vec(shape.into_dimension(), data).expect("the shape matches the data")
}

/// Whole numbers as an array of a record: exact below 2^53.
pub fn whole(values: impl IntoIterator<Item = usize>) -> ndarray::Array1<f64> {
    values.into_iter().map(|v| v as f64).collect()
}

#[cfg(test)]
mod tests;
