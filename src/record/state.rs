//! Parameters and momenta of a run in `state/`, by part, in canonical order.

use super::npz::{Arrays, NpzError, StoredArrays};
use crate::compute::Real;
use crate::network::{Network, ParameterVector};
use ndarray::{Array2, ArrayViewMut2, s};
use std::path::Path;

/// Parameters and momenta in canonical order, each of the network's number of parameters.
#[derive(Clone, Copy, Debug)]
pub struct CanonicalState<'a, R> {
    /// Parameters theta.
    pub parameters: &'a [R],
    /// Momenta r.
    pub momenta: &'a [R],
}

/// When a state was taken.
const INITIAL: &str = "initial";
const FINAL: &str = "final";

/// Adds canonical parameters to an archive as `PART_SUFFIX`, each (units, columns of the part).
pub fn push_parts<R: Real>(arrays: &mut Arrays<R>, network: &Network, width: usize, canonical: &[R], suffix: &str) {
    for family in network.families(width) {
        for part in &family.parts {
            let values = family.part(part, canonical);
            arrays.push(format!("{}_{suffix}", part.name), values.shape(), values.iter().copied().collect());
        }
    }
}

/// Writes `state/ID.npz`: for every part of the network `PART_initial`, `PART_momentum_initial`, `PART_final` and
/// `PART_momentum_final`, in the states' scalar type.
///
/// # Errors
/// A file that cannot be written.
pub fn write_state<R: Real>(
    path: &Path,
    network: &Network,
    width: usize,
    initial: CanonicalState<'_, R>,
    end: CanonicalState<'_, R>,
) -> Result<(), NpzError> {
    let mut arrays = Arrays::default();
    for (when, state) in [(INITIAL, initial), (FINAL, end)] {
        push_parts(&mut arrays, network, width, state.parameters, when);
        push_parts(&mut arrays, network, width, state.momenta, &format!("momentum_{when}"));
    }
    arrays.write(path)
}

/// The final parameters in a file of `state/`, in double precision.
#[derive(Clone, Debug)]
pub enum FinalParts {
    /// Of states in double precision.
    F64(StoredArrays<f64>),
    /// Of states in single precision.
    F32(StoredArrays<f32>),
}

impl FinalParts {
    /// Opens `state/ID.npz`.
    ///
    /// # Errors
    /// A file that cannot be read or has arrays of neither scalar type.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        match StoredArrays::<f64>::read(path) {
            Ok(table) => Ok(FinalParts::F64(table)),
            Err(error @ NpzError::Io { .. }) => Err(error),
            // Arrays in single precision do not read as doubles.
            Err(error) => StoredArrays::<f32>::read(path).map(FinalParts::F32).map_err(|_| error),
        }
    }

    /// A part (units, columns).
    ///
    /// # Errors
    /// A part that is missing or is not a matrix.
    pub fn part(&self, part: &str) -> Result<Array2<f64>, NpzError> {
        let name = format!("{part}_{FINAL}");
        match self {
            FinalParts::F64(table) => table.shaped(&name),
            FinalParts::F32(table) => Ok(table.shaped::<ndarray::Ix2>(&name)?.mapv(f64::from)),
        }
    }

    /// All parts as canonical parameters of a network of this width.
    ///
    /// # Errors
    /// A part that is missing, or of another shape than the network's.
    pub fn canonical(&self, network: &Network, width: usize) -> Result<ParameterVector, NpzError> {
        let mut point = ParameterVector::zeros(network.parameters(width));
        for family in network.families(width) {
            let mut own = point.slice_mut(s![family.range()]);
            let values = own.as_slice_mut().expect("one axis, contiguous");
            let mut matrix =
                ArrayViewMut2::from_shape((family.rows, family.columns), values).expect("a family's own shape");
            for part in &family.parts {
                let found = self.part(part.name)?;
                let shape = (family.rows, part.columns.len());
                if found.dim() != shape {
                    return Err(self.wrong(part.name, format!("expected shape {shape:?}, found {:?}", found.dim())));
                }
                matrix.slice_mut(s![.., part.columns.clone()]).assign(&found);
            }
        }
        Ok(point)
    }

    fn wrong(&self, part: &str, want: String) -> NpzError {
        let name = format!("{part}_{FINAL}");
        match self {
            FinalParts::F64(table) => table.wrong(&name, want),
            FinalParts::F32(table) => table.wrong(&name, want),
        }
    }
}
