//! Problems from a file.

use super::{RecoveryError, SampleLoss, SparseProblem};
use faer::Mat;
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError};
use std::io::Cursor;
use std::path::Path;

/// The problem in an `.npz` archive (its bytes): `X` (n, d), `y` (n), and optionally `w_star` (d) and `w0` (d); float64
/// or float32.
///
/// # Errors
/// [`RecoveryError::File`] for a damaged archive, missing or repeated arrays, other types, shapes that do not match, values
/// that are not finite, measurements that are none of the loss, a design that is zero, and quadratic measurements without
/// a start.
pub fn read_problem(path: &Path, bytes: &[u8], loss: SampleLoss) -> Result<SparseProblem, RecoveryError> {
    let wrong = |message: String| RecoveryError::File { path: path.into(), message };
    let damaged = |error: ReadNpzError| wrong(format!("not a readable .npz archive: {error}"));
    let mut archive = NpzReader::new(Cursor::new(bytes)).map_err(damaged)?;
    let present: Vec<String> =
        archive.names().map_err(damaged)?.iter().map(|name| name.trim_end_matches(".npy").to_string()).collect();
    if let Some(repeated) = (1..present.len()).find(|&i| present[..i].contains(&present[i])) {
        return Err(wrong(format!("array {} occurs more than once", present[repeated])));
    }
    let mut array = |key: &str, axes: usize| -> Result<Option<ArrayD<f64>>, RecoveryError> {
        if !present.iter().any(|name| name == key) {
            return Ok(None);
        }
        let found = match archive.by_name::<OwnedRepr<f64>, IxDyn>(key) {
            Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => {
                match archive.by_name::<OwnedRepr<f32>, IxDyn>(key) {
                    Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(dtype))) => {
                        return Err(wrong(format!("array {key} has dtype {dtype}: expected float64 or float32")));
                    }
                    other => other.map(|array| array.mapv(f64::from)),
                }
            }
            other => other,
        };
        let found = found.map_err(damaged)?;
        if found.ndim() != axes {
            let shape = if axes == 2 { "(n, d), one row per sample" } else { "one axis" };
            return Err(wrong(format!("array {key} has shape {:?}: expected {shape}", found.shape())));
        }
        Ok(Some(found))
    };
    let missing = |key: &str| {
        wrong(format!(
            "no array {key}; the archive holds {}; arrays X and y are required, w_star and w0 are optional",
            present.join(", ")
        ))
    };
    let x = array("X", 2)?.ok_or_else(|| missing("X"))?;
    let y = array("y", 1)?.ok_or_else(|| missing("y"))?;
    let (truth, start) = (array("w_star", 1)?, array("w0", 1)?);
    let flat = |array: ArrayD<f64>| array.iter().copied().collect::<Vec<f64>>();
    let (n, d) = (x.shape()[0], x.shape()[1]);
    let named = |error: RecoveryError| match error {
        // The position in the design is reported as row and column.
        RecoveryError::NotFinite { name: "x", index, value } => {
            wrong(format!("array X, row {}, column {}: {value} is not finite", index / d.max(1), index % d.max(1)))
        }
        RecoveryError::NotFinite { name, index, value } => {
            wrong(format!("array {name}, entry {index}: {value} is not finite"))
        }
        other => wrong(other.to_string()),
    };
    let xt = Mat::from_fn(d, n, |j, i| x[[i, j]]);
    let mut problem = SparseProblem::new(xt, flat(y), loss, truth.map(flat)).map_err(named)?;
    if let Some(start) = start {
        problem = problem.with_start(flat(start)).map_err(named)?;
    }
    problem.require_solvable().map_err(named)?;
    Ok(problem)
}
