//! Problems from a file.

use super::{RecoveryError, SampleLoss, SparseProblem};
use crate::population::npz_file::{NpzFault, NpzFile, NpzSamples};
use faer::Mat;
use std::path::Path;

/// The problem in an `.npz` archive (its bytes): `X` or `x` (n, d), `y` (n) or (n, 1), and optionally `w_star` and `w0`,
/// (d) or (d, 1); of numbers or bool, as [`NpzFile`] reads them.
///
/// # Errors
/// [`RecoveryError::File`] for a damaged archive, missing or repeated arrays, other types, shapes that do not match, values
/// that are not finite, measurements that are none of the loss, a design that is zero, and quadratic measurements without
/// a start.
pub fn read_problem(path: &Path, bytes: &[u8], loss: SampleLoss) -> Result<SparseProblem, RecoveryError> {
    let wrong = |message: String| RecoveryError::File { path: path.into(), message };
    let fault = |fault: NpzFault| match fault {
        NpzFault::Missing { .. } => wrong(format!("{fault}; w_star and w0 are optional")),
        other => wrong(other.to_string()),
    };
    let mut file = NpzFile::open(bytes).map_err(fault)?;
    let NpzSamples { x, y } = file.samples().map_err(fault)?;
    if y.ncols() != 1 {
        return Err(wrong(format!("array y has shape {:?}: expected (n) or (n, 1)", y.shape())));
    }
    let (truth, start) = (file.vector("w_star").map_err(fault)?, file.vector("w0").map_err(fault)?);
    let columns = x.ncols().max(1);
    let named = |error: RecoveryError| match error {
        // The position in the design is reported as row and column.
        RecoveryError::NotFinite { name: "x", index, value } => {
            wrong(format!("array X, row {}, column {}: {value} is not finite", index / columns, index % columns))
        }
        RecoveryError::NotFinite { name, index, value } => {
            wrong(format!("array {name}, entry {index}: {value} is not finite"))
        }
        other => wrong(other.to_string()),
    };
    let xt = Mat::from_fn(x.ncols(), x.nrows(), |j, i| x[[i, j]]);
    let problem = SparseProblem::new(xt, y.into_raw_vec_and_offset().0, loss, truth).map_err(named)?;
    let mut problem = problem;
    if let Some(start) = start {
        problem = problem.with_start(start).map_err(named)?;
    }
    problem.require_solvable().map_err(named)?;
    Ok(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder, array};
    use ndarray_npy::NpzWriter;
    use std::io::Cursor;

    /// Integer inputs in Fortran order, booleans as (n, 1) and a truth as (d, 1) are read as by populations.
    #[test]
    fn arrays_of_any_numbers() {
        let mut x = Array2::<i16>::zeros((2, 3).f());
        x.assign(&array![[1, 0, 2], [0, -3, 1]]);
        let mut writer = NpzWriter::new_compressed(Cursor::new(Vec::new()));
        writer.add_array("x", &x).unwrap();
        writer.add_array("y", &array![[true], [false]]).unwrap();
        writer.add_array("w_star", &array![[0_u8], [1], [0]]).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        let problem = read_problem(Path::new("a.npz"), &bytes, SampleLoss::Logistic).unwrap();
        assert_eq!((problem.samples(), problem.unknowns()), (2, 3));
        assert_eq!((problem.design()[(1, 1)], problem.design()[(2, 0)]), (-3.0, 2.0));
        assert_eq!(problem.truth().unwrap(), [0.0, 1.0, 0.0]);
    }
}
