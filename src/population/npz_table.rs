//! Tables in NumPy archives: an `.npz` file with arrays `x` (n, d) and `y` (n) or (n, K).

use std::io::Cursor;
use std::path::Path;

use ndarray::{Array2, ArrayD};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError};

use super::table::{RowOrigin, SampleTable};
use super::{FileLocation, PopulationError};

type Archive<'a> = NpzReader<Cursor<&'a [u8]>>;

/// Parses an `.npz` archive: float64, float32 or any integer type, C or Fortran order, compressed or not. Integers
/// beyond 2^53 are rounded to the nearest double.
///
/// # Errors
/// A damaged archive, missing arrays, other types, wrong or mismatched shapes, no rows, values that are not finite.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<SampleTable, PopulationError> {
    let npz = |source| PopulationError::Npz { path: path.to_owned(), source };
    let mut archive = NpzReader::new(Cursor::new(bytes)).map_err(npz)?;
    let present = archive.names().map_err(npz)?;
    for key in ["x", "y"] {
        if !present.iter().any(|name| name == key) {
            return Err(PopulationError::MissingKey { path: path.to_owned(), key, present });
        }
    }
    let (x, y) = (read(path, &mut archive, "x")?, read(path, &mut archive, "y")?);

    let shape = |key, array: &ArrayD<f64>, requirement| PopulationError::Shape {
        path: path.to_owned(),
        key,
        found: array.shape().to_vec(),
        requirement,
    };
    if x.ndim() != 2 || x.shape()[1] == 0 {
        return Err(shape("x", &x, "(n, d) with d at least 1: one row per sample"));
    }
    if !matches!(y.shape(), [_]) && !matches!(y.shape(), [_, columns] if *columns > 0) {
        return Err(shape("y", &y, "(n) or (n, K) with K at least 1"));
    }
    let (x_rows, y_rows) = (x.shape()[0], y.shape()[0]);
    if x_rows != y_rows {
        return Err(PopulationError::RowCount { path: path.to_owned(), x_rows, y_rows });
    }
    if x_rows == 0 {
        return Err(PopulationError::Empty { path: path.to_owned() });
    }
    let (x, y) = (rows(&x, x_rows), rows(&y, y_rows));
    for (key, array) in [("x", &x), ("y", &y)] {
        if let Some(((row, column), value)) = array.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let location = FileLocation::Entry { key, row, column };
            return Err(PopulationError::NotFinite { path: path.to_owned(), location, value: value.to_string() });
        }
    }
    Ok(SampleTable { x, y, rows: RowOrigin::Entries })
}

/// An array of one or two axes as (n, columns) in standard layout.
fn rows(array: &ArrayD<f64>, n: usize) -> Array2<f64> {
    let columns = array.len() / n;
    Array2::from_shape_fn((n, columns), |(i, j)| if array.ndim() == 1 { array[[i]] } else { array[[i, j]] })
}

/// Reads one array of any accepted type.
fn read(path: &Path, archive: &mut Archive<'_>, key: &'static str) -> Result<ArrayD<f64>, PopulationError> {
    // Each attempt reads the header again. The type is reported if the last attempt fails.
    macro_rules! attempt {
        ($Type:ty) => {
            match archive.by_name::<ndarray::OwnedRepr<$Type>, ndarray::IxDyn>(key) {
                Ok(array) => return Ok(array.mapv(|value| value as f64)),
                Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(dtype))) => dtype.to_string(),
                Err(source) => return Err(PopulationError::Npz { path: path.to_owned(), source }),
            }
        };
        ($Type:ty, $($Rest:ty),+) => {{
            attempt!($Type);
            attempt!($($Rest),+)
        }};
    }
    let found = attempt!(f64, f32, i64, i32, i16, i8, u64, u32, u16, u8);
    Err(PopulationError::Dtype { path: path.to_owned(), key, found })
}
