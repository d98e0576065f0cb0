//! Arrays of numbers in NumPy archives (`.npz`), the one reader of data files for both kinds of experiment.
//!
//! Nothing is allocated on the word of a file: the size that a header announces must be that of its entry in the
//! archive, which must be possible for the compressed bytes that are there, and must fit into memory.

use super::capacity::capacity;
use crate::compute::machine::bytes as readable;
use ndarray::{Array2, ArrayD, Ix2, IxDyn, ShapeBuilder};
use num_traits::ToPrimitive;
use py_literal::Value;
use std::fmt;
use std::io::{Cursor, ErrorKind, Read, Seek};
use zip::ZipArchive;

/// Longest header of an array in bytes, as in NumPy.
const MAX_HEADER: usize = 10_000;

/// Most opening brackets of a header, which holds a dictionary with a tuple: the time of its parser doubles with each.
const MAX_NESTING: usize = 4;

/// Largest ratio of a DEFLATE stream's contents to its bytes.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Why an archive cannot be used. Messages do not name the file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NpzFault {
    /// Not a zip archive, or a damaged one.
    #[error("not a readable .npz archive: {0}")]
    Archive(String),
    /// An array cannot be read.
    #[error("array {key}: {why}: the file is damaged, or was not written by NumPy")]
    Damaged {
        /// The array.
        key: &'static str,
        /// The cause.
        why: String,
    },
    /// There is no array of this name.
    #[error("no array {key}; the archive holds {}; arrays x (or X) and y are needed", listed(.present))]
    Missing {
        /// The name.
        key: &'static str,
        /// The names that exist.
        present: Vec<String>,
    },
    /// Both names of one array are present.
    #[error("arrays x and X: expected one of the two")]
    Ambiguous,
    /// The element type is not one of numbers.
    #[error("array {key} has dtype {found}: expected float64, float32, float16, bool or an integer type")]
    Dtype {
        /// The array.
        key: &'static str,
        /// Its type descriptor.
        found: String,
    },
    /// The shape is not the expected one.
    #[error("array {key} has shape {found:?}: expected {expected}")]
    Shape {
        /// The array.
        key: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shapes that are accepted, in words.
        expected: &'static str,
    },
    /// The shape contradicts the bytes that are there.
    #[error(
        "array {key} has shape {shape:?} and dtype {dtype}, {}, but its entry of the archive holds {} (compressed {}): the file is damaged, or was not written by NumPy",
        .announced.map_or("more bytes than any machine has".into(), readable), readable(*.held), readable(*.compressed)
    )]
    Size {
        /// The array.
        key: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Its type descriptor.
        dtype: String,
        /// Bytes that shape and type need; `None` beyond 64 bits.
        announced: Option<u64>,
        /// Bytes of the entry after decompression, as the archive states them.
        held: u64,
        /// Bytes of the entry in the archive.
        compressed: u64,
    },
    /// The array does not fit into memory.
    #[error(
        "array {key} has shape {shape:?}, which takes {} in double precision: expected at most {}, a quarter of this machine's memory",
        readable(*.needed), readable(*.most)
    )]
    TooLarge {
        /// The array.
        key: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        most: u64,
    },
    /// The arrays x and y have different numbers of rows.
    #[error("{x} has {x_rows} rows but y has {y_rows}: expected one row of each per sample")]
    Rows {
        /// Name of the inputs.
        x: &'static str,
        /// Rows of the inputs.
        x_rows: usize,
        /// Rows of y.
        y_rows: usize,
    },
    /// There are no samples.
    #[error("no samples: at least one is needed")]
    Empty,
    /// A value is infinite or NaN.
    #[error(
        "array {key}, row {row}, column {column} (from 0): {value} is not finite; every value must be a finite number"
    )]
    NotFinite {
        /// The array.
        key: &'static str,
        /// Index of the row.
        row: usize,
        /// Index of the column.
        column: usize,
        /// The value.
        value: f64,
    },
}

/// Why an `.npy` file cannot be used. Messages do not name the file.
#[derive(Clone, Debug, PartialEq)]
pub struct NpyFault(NpzFault);

impl fmt::Display for NpyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            NpzFault::Damaged { why, .. } => write!(f, "not a readable .npy file: {why}"),
            NpzFault::Dtype { found, .. } => {
                write!(f, "has dtype {found}: expected float64, float32, float16, bool or an integer type")
            }
            NpzFault::Size { shape, dtype, announced, held, .. } => write!(
                f,
                "has shape {shape:?} and dtype {dtype}, {}, and is {} long: the .npy file is truncated, or was not written by NumPy",
                announced.map_or("more bytes than any machine has".into(), readable),
                readable(*held)
            ),
            NpzFault::TooLarge { shape, needed, most, .. } => write!(
                f,
                "has shape {shape:?}, which takes {} in double precision: expected at most {}, a quarter of this machine's memory",
                readable(*needed),
                readable(*most)
            ),
            other => write!(f, "{other}"),
        }
    }
}

impl std::error::Error for NpyFault {}

/// The names, separated by commas.
fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Inputs and targets of a file. All entries are finite, arrays are in standard layout, and there is at least one row.
#[derive(Clone, Debug, PartialEq)]
pub struct NpzSamples {
    /// Inputs (n, d).
    pub x: Array2<f64>,
    /// Targets (n, K); K = 1 where the file has one axis.
    pub y: Array2<f64>,
}

/// An archive whose arrays are read one by one.
pub struct NpzFile<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Name and index of every entry.
    entries: Vec<(String, usize)>,
}

impl<'a> NpzFile<'a> {
    /// Opens an archive, given its bytes.
    ///
    /// # Errors
    /// [`NpzFault::Archive`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, NpzFault> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| NpzFault::Archive(e.to_string()))?;
        let mut entries = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|e| NpzFault::Archive(e.to_string()))?;
            entries.push((entry.name().strip_suffix(".npy").unwrap_or(entry.name()).to_string(), index));
        }
        Ok(NpzFile { archive, entries })
    }

    /// The names of the arrays.
    pub fn names(&self) -> Vec<String> {
        self.entries.iter().map(|(name, _)| name.clone()).collect()
    }

    fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// The arrays `x` (or `X`) of shape (n, d) and `y` of shape (n) or (n, K).
    ///
    /// # Errors
    /// Arrays that are missing or cannot be read ([`NpzFile::array`]), other shapes, different numbers of rows, no rows,
    /// values that are not finite.
    pub fn samples(&mut self) -> Result<NpzSamples, NpzFault> {
        let name = match (self.has("x"), self.has("X")) {
            (true, true) => return Err(NpzFault::Ambiguous),
            (false, true) => "X",
            (true | false, false) => "x",
        };
        let missing = |key, file: &Self| NpzFault::Missing { key, present: file.names() };
        let x = self.array(name)?.ok_or_else(|| missing("x (or X)", self))?;
        let y = self.array("y")?.ok_or_else(|| missing("y", self))?;
        let found = x.shape().to_vec();
        let x = x.into_dimensionality::<Ix2>().ok().filter(|x| x.ncols() > 0).ok_or(NpzFault::Shape {
            key: name,
            found,
            expected: "(n, d) with d at least 1: one row per sample",
        })?;
        let y = columns(y, "y", "(n) or (n, K) with K at least 1")?;
        if x.nrows() != y.nrows() {
            return Err(NpzFault::Rows { x: name, x_rows: x.nrows(), y_rows: y.nrows() });
        }
        if x.nrows() == 0 {
            return Err(NpzFault::Empty);
        }
        require_finite(name, &x)?;
        require_finite("y", &y)?;
        Ok(NpzSamples { x, y })
    }

    /// The array of this name with shape (d) or (d, 1), if there is one.
    ///
    /// # Errors
    /// An array that cannot be read, another shape, values that are not finite.
    pub fn vector(&mut self, key: &'static str) -> Result<Option<Vec<f64>>, NpzFault> {
        let expected = "(d) or (d, 1)";
        let Some(array) = self.array(key)? else { return Ok(None) };
        let found = array.shape().to_vec();
        let array = columns(array, key, expected)?;
        if array.ncols() != 1 {
            return Err(NpzFault::Shape { key, found, expected });
        }
        require_finite(key, &array)?;
        Ok(Some(array.into_raw_vec_and_offset().0))
    }

    /// The array of this name in standard layout, if there is one: float64, float32, float16, bool or any integer type,
    /// of either byte order, in C or Fortran order, compressed or not. Integers beyond 2^53 are rounded.
    ///
    /// # Errors
    /// [`NpzFault::Damaged`], [`NpzFault::Dtype`], [`NpzFault::Size`], [`NpzFault::TooLarge`].
    pub fn array(&mut self, key: &'static str) -> Result<Option<ArrayD<f64>>, NpzFault> {
        let Some(&(_, index)) = self.entries.iter().find(|(name, _)| name == key) else { return Ok(None) };
        let damaged = |error: zip::result::ZipError| NpzFault::Damaged { key, why: error.to_string() };
        let mut entry = self.archive.by_index(index).map_err(damaged)?;
        let (held, compressed) = (entry.size(), entry.compressed_size());
        numbers(&mut entry, key, held, compressed).map(Some)
    }
}

/// The array of an `.npy` file of `held` bytes, as [`NpzFile::array`] reads it from an archive.
///
/// # Errors
/// As there.
pub fn npy_array(mut file: impl Read, held: u64) -> Result<ArrayD<f64>, NpyFault> {
    numbers(&mut file, "(the only one)", held, held).map_err(NpyFault)
}

/// Reads an array that is `held` bytes long, of which there are `compressed` in the file.
fn numbers(entry: &mut impl Read, key: &'static str, held: u64, compressed: u64) -> Result<ArrayD<f64>, NpzFault> {
    let damaged = |error: &dyn fmt::Display| NpzFault::Damaged { key, why: error.to_string() };
    let Header { dtype, fortran, shape, length } = Header::read(entry).map_err(|why| damaged(&why))?;
    let Some(element) = Element::of(&dtype) else { return Err(NpzFault::Dtype { key, found: dtype }) };

    let count = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    let announced = count.and_then(|count| (count as u64).checked_mul(element.bytes as u64));
    let possible = compressed.saturating_mul(MAX_DEFLATE_RATIO);
    let (Some(count), Some(size)) =
        (count, announced.filter(|size| size.checked_add(length) == Some(held) && held <= possible))
    else {
        return Err(NpzFault::Size { key, shape, dtype, announced, held, compressed });
    };
    let needed = (count as u64).saturating_mul(8);
    if needed.max(size) > capacity() {
        return Err(NpzFault::TooLarge { key, shape, needed: needed.max(size), most: capacity() });
    }
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|e| damaged(&e))?;
    let mut buffer = vec![0; element.bytes * 8192];
    while values.len() < count {
        let part = &mut buffer[..element.bytes * (count - values.len()).min(8192)];
        entry.read_exact(part).map_err(|e| damaged(&e))?;
        values.extend(part.chunks_exact(element.bytes).map(|bytes| element.value(bytes)));
    }
    // The checksum is compared at the end of the entry.
    if entry.read(&mut [0]).map_err(|e| damaged(&e))? != 0 {
        return Err(damaged(&"more bytes than its shape"));
    }
    let array = ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran), values).map_err(|e| damaged(&e))?;
    Ok(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() })
}

/// Checks of every array of an archive that its header announces no more than the archive holds, before a reader that
/// allocates what a header announces is given it.
///
/// # Errors
/// A message for an archive or a header that cannot be read, and for a size that does not fit.
pub fn check_announced_sizes(archive: impl Read + Seek) -> Result<(), String> {
    let mut archive = ZipArchive::new(archive).map_err(|error| error.to_string())?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
        let (name, held, compressed) = (entry.name().to_string(), entry.size(), entry.compressed_size());
        let Header { dtype, shape, length, .. } =
            Header::read(&mut entry).map_err(|why| format!("array {name} {why}"))?;
        let bytes = Element::of(&dtype).map_or(1, |element| element.bytes as u64);
        let announced = shape
            .iter()
            .try_fold(bytes, |product, &extent| product.checked_mul(extent as u64))
            .and_then(|size| size.checked_add(length));
        if announced.is_none_or(|size| size > held) || held > compressed.saturating_mul(MAX_DEFLATE_RATIO) {
            return Err(format!("array {name} has shape {shape:?}, and the archive has {held} bytes for it"));
        }
    }
    Ok(())
}

/// An array of one or two axes as (n, columns).
fn columns(array: ArrayD<f64>, key: &'static str, expected: &'static str) -> Result<Array2<f64>, NpzFault> {
    let found = array.shape().to_vec();
    let array = if array.ndim() == 1 { array.insert_axis(ndarray::Axis(1)) } else { array };
    let array = array.into_dimensionality::<Ix2>().ok().filter(|array| array.ncols() > 0);
    array.ok_or(NpzFault::Shape { key, found, expected })
}

fn require_finite(key: &'static str, array: &Array2<f64>) -> Result<(), NpzFault> {
    match array.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => Err(NpzFault::NotFinite { key, row, column, value }),
    }
}

/// The header of an array.
struct Header {
    /// Type descriptor.
    dtype: String,
    /// Whether the first index varies fastest.
    fortran: bool,
    /// Shape.
    shape: Vec<usize>,
    /// Bytes before the data.
    length: u64,
}

impl Header {
    /// Reads the header at the start of an entry; the error is a message.
    fn read(entry: &mut impl Read) -> Result<Self, String> {
        let mut take = |n: usize| -> Result<Vec<u8>, String> {
            let mut bytes = vec![0; n];
            entry.read_exact(&mut bytes).map(|()| bytes).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => "ends within its header".into(),
                _ => error.to_string(),
            })
        };
        let start = take(8)?;
        if start.starts_with(b"PK") {
            return Err("is a zip archive, such as .npz, and no array of NumPy".into());
        }
        if !start.starts_with(b"\x93NUMPY") {
            return Err("does not start as an array of NumPy".into());
        }
        let (size, start) = match start[6] {
            1 => (take(2)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)), 10),
            2 | 3 => (take(4)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)), 12),
            version => return Err(format!("has format version {version}, and 1 to 3 are known")),
        };
        if size > MAX_HEADER {
            return Err(format!("has a header of {size} bytes, and at most {MAX_HEADER} are accepted"));
        }
        let text = String::from_utf8(take(size)?).map_err(|e| e.to_string())?;
        if text.matches(['(', '[', '{']).count() > MAX_NESTING {
            return Err("has a header with too many brackets".into());
        }
        let header: Value = text.trim().parse().map_err(|_| "has a header that is not a Python dictionary")?;
        let entries = header.as_dict().ok_or("has a header that is not a Python dictionary")?;
        let find = |name: &str| {
            let found = entries.iter().find(|(key, _)| key.as_string().is_some_and(|key| key == name));
            found.map(|(_, value)| value).ok_or_else(|| format!("has a header without {name}"))
        };
        let extent = |value: &Value| value.as_integer().and_then(ToPrimitive::to_usize);
        let shape = find("shape")?.as_tuple().and_then(|axes| axes.iter().map(extent).collect());
        let dtype = find("descr")?;
        Ok(Header {
            dtype: dtype.as_string().cloned().unwrap_or_else(|| dtype.to_string()),
            fortran: find("fortran_order")?.as_boolean().ok_or("has a header whose fortran_order is not a boolean")?,
            shape: shape.ok_or("has a header whose shape is not a tuple of sizes")?,
            length: (start + size) as u64,
        })
    }
}

/// The type of the elements of an array.
#[derive(Clone, Copy)]
struct Element {
    kind: ElementKind,
    bytes: usize,
    big_endian: bool,
}

#[derive(Clone, Copy)]
enum ElementKind {
    Bool,
    Signed,
    Unsigned,
    Float,
}

impl Element {
    /// The type with this descriptor, such as `<f8`, if it is one of numbers.
    fn of(dtype: &str) -> Option<Self> {
        let (order, name) = dtype.split_at_checked(1)?;
        let (kind, bytes) = match name {
            "b1" => (ElementKind::Bool, 1),
            "i1" => (ElementKind::Signed, 1),
            "i2" => (ElementKind::Signed, 2),
            "i4" => (ElementKind::Signed, 4),
            "i8" => (ElementKind::Signed, 8),
            "u1" => (ElementKind::Unsigned, 1),
            "u2" => (ElementKind::Unsigned, 2),
            "u4" => (ElementKind::Unsigned, 4),
            "u8" => (ElementKind::Unsigned, 8),
            "f2" => (ElementKind::Float, 2),
            "f4" => (ElementKind::Float, 4),
            "f8" => (ElementKind::Float, 8),
            _ => return None,
        };
        // Arrays of single bytes have no byte order.
        let known = matches!(order, "<" | ">") || (order == "|" && bytes == 1);
        known.then_some(Element { kind, bytes, big_endian: order == ">" })
    }

    /// The number in the bytes of one element.
    fn value(self, bytes: &[u8]) -> f64 {
        let join = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
        let bits = if self.big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) };
        let unused = 64 - 8 * self.bytes;
        match self.kind {
            ElementKind::Bool => f64::from(bits != 0),
            // Shifting up and down extends the sign.
            ElementKind::Signed => ((bits << unused) as i64 >> unused) as f64,
            ElementKind::Unsigned => bits as f64,
            ElementKind::Float => match self.bytes {
                2 => half_precision(bits as u16),
                4 => f32::from_bits(bits as u32).into(),
                _ => f64::from_bits(bits),
            },
        }
    }
}

/// The number with these bits in half precision (IEEE 754 binary16).
fn half_precision(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    sign * size
}

#[cfg(test)]
mod tests;
