//! Parameters and momenta of a trajectory in `state/`, by part, in canonical order.

use super::npz::{Arrays, NpzError, StoredArrays};
use crate::compute::Real;
use crate::network::{Network, ParameterVector};
use ndarray::{Array2, ArrayD, ArrayViewMut2, Axis, concatenate, s};
use std::collections::BTreeMap;
use std::path::Path;

/// Parameters and momenta in canonical order, each of the network's number of parameters.
#[derive(Clone, Copy, Debug)]
pub struct CanonicalState<'a, R> {
    /// Parameters theta.
    pub parameters: &'a [R],
    /// Momenta r.
    pub momenta: &'a [R],
}

/// Suffixes of array names: the time of the state.
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
    last: CanonicalState<'_, R>,
) -> Result<(), NpzError> {
    let mut arrays = Arrays::default();
    for (when, state) in [(INITIAL, initial), (FINAL, last)] {
        push_parts(&mut arrays, network, width, state.parameters, when);
        push_parts(&mut arrays, network, width, state.momenta, &format!("momentum_{when}"));
    }
    arrays.write_uncompressed(path)
}

/// Writes to the file `to`, compressed, the final parameters alone of the file `from`, which is one of `state/`.
///
/// # Errors
/// Files that cannot be read or written.
pub fn write_final_parameters(from: &Path, to: &Path) -> Result<(), NpzError> {
    match FinalParts::read(from)? {
        FinalParts::F64(stored) => write_final(to, &stored),
        FinalParts::F32(stored) => write_final(to, &stored),
    }
}

fn write_final<R: Real>(path: &Path, stored: &StoredArrays<R>) -> Result<(), NpzError> {
    let (parameters, momenta) = (format!("_{FINAL}"), format!("_momentum_{FINAL}"));
    let mut arrays = Arrays::default();
    for name in stored.names().filter(|name| name.ends_with(&parameters) && !name.ends_with(&momenta)) {
        let array = stored.get(name)?;
        arrays.push(name, array.shape(), array.iter().copied().collect());
    }
    arrays.write(path)
}

/// The final parameters in a file of `state/`, converted to double precision.
#[derive(Clone, Debug)]
pub enum FinalParts {
    /// Stored in double precision.
    F64(StoredArrays<f64>),
    /// Stored in single precision.
    F32(StoredArrays<f32>),
}

impl FinalParts {
    /// Opens `state/ID.npz`, or the files of the folder `state/ID` where a wide network has these instead, one for each
    /// range of its neurons.
    ///
    /// # Errors
    /// A file that cannot be read or has arrays of neither scalar type.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        let parts = path.with_extension("");
        if !path.exists() && parts.is_dir() {
            return Self::read_parts(&parts);
        }
        match StoredArrays::<f64>::read(path) {
            Ok(stored) => Ok(FinalParts::F64(stored)),
            Err(error @ NpzError::Io { .. }) => Err(error),
            // Arrays in single precision cannot be read as f64.
            Err(error) => StoredArrays::<f32>::read(path).map(FinalParts::F32).map_err(|_| error),
        }
    }

    /// Joins the final parameters in the files of a folder, in the order of their names.
    fn read_parts(folder: &Path) -> Result<Self, NpzError> {
        let io = |source| NpzError::Io { path: folder.into(), source };
        let entries = folder.read_dir().map_err(io)?.map(|entry| Ok(entry.map_err(io)?.path()));
        let mut files = entries.collect::<Result<Vec<_>, NpzError>>()?;
        files.retain(|file| file.extension().is_some_and(|kind| kind == "npz"));
        files.sort_unstable();
        let read = |file: &std::path::PathBuf| FinalParts::read(file);
        let parts = files.iter().map(read).collect::<Result<Vec<_>, NpzError>>()?;
        Ok(if parts.iter().all(|part| matches!(part, FinalParts::F32(_))) {
            let of = |part| if let FinalParts::F32(stored) = part { Some(stored) } else { None };
            FinalParts::F32(joined(folder, parts.into_iter().filter_map(of))?)
        } else {
            let of = |part| if let FinalParts::F64(stored) = part { Some(stored) } else { None };
            FinalParts::F64(joined(folder, parts.into_iter().filter_map(of))?)
        })
    }

    /// A part (units, columns).
    ///
    /// # Errors
    /// A part that is missing or is not a matrix.
    pub fn part(&self, part: &str) -> Result<Array2<f64>, NpzError> {
        let name = format!("{part}_{FINAL}");
        match self {
            FinalParts::F64(stored) => stored.shaped(&name),
            FinalParts::F32(stored) => Ok(stored.shaped::<ndarray::Ix2>(&name)?.mapv(f64::from)),
        }
    }

    /// All parts as canonical parameters of a network of this width.
    ///
    /// # Errors
    /// A part that is missing, or of another shape than the network's.
    pub fn canonical(&self, network: &Network, width: usize) -> Result<ParameterVector, NpzError> {
        self.canonical_of("", network, width)
    }

    /// All momenta, in the same order.
    ///
    /// # Errors
    /// As [`FinalParts::canonical`].
    pub fn canonical_momenta(&self, network: &Network, width: usize) -> Result<ParameterVector, NpzError> {
        self.canonical_of("_momentum", network, width)
    }

    /// The arrays of all parts whose names end with `suffix`.
    fn canonical_of(&self, suffix: &str, network: &Network, width: usize) -> Result<ParameterVector, NpzError> {
        let mut point = ParameterVector::zeros(network.parameters(width));
        for family in network.families(width) {
            let mut own = point.slice_mut(s![family.range()]);
            let values = own.as_slice_mut().expect("one axis, contiguous");
            let mut matrix =
                ArrayViewMut2::from_shape((family.rows, family.columns), values).expect("a family's own shape");
            for part in &family.parts {
                let name = format!("{}{suffix}", part.name);
                let found = self.part(&name)?;
                let shape = (family.rows, part.columns.len());
                if found.dim() != shape {
                    let expected = vec![shape.0, shape.1];
                    return Err(self.wrong_shape(&name, expected, found.shape().to_vec()));
                }
                matrix.slice_mut(s![.., part.columns.clone()]).assign(&found);
            }
        }
        Ok(point)
    }

    fn wrong_shape(&self, part: &str, expected: Vec<usize>, found: Vec<usize>) -> NpzError {
        let path = match self {
            FinalParts::F64(stored) => stored.path(),
            FinalParts::F32(stored) => stored.path(),
        };
        NpzError::Shape { path: path.into(), name: format!("{part}_{FINAL}"), expected, found }
    }
}

/// The final arrays of several files, joined along their first axis.
fn joined<R: Real>(folder: &Path, parts: impl Iterator<Item = StoredArrays<R>>) -> Result<StoredArrays<R>, NpzError> {
    let mut all: BTreeMap<String, Vec<ArrayD<R>>> = BTreeMap::new();
    for stored in parts {
        for name in stored.names().filter(|name| name.ends_with(&format!("_{FINAL}"))) {
            all.entry(name.to_string()).or_default().push(stored.get(name)?.to_owned());
        }
    }
    let join = |(name, arrays): (String, Vec<ArrayD<R>>)| {
        let views: Vec<_> = arrays.iter().map(|array| array.view()).collect();
        let differ = |error| NpzError::Sizes { path: folder.into(), reason: format!("{name}: {error}") };
        Ok((name.clone(), concatenate(Axis(0), &views).map_err(differ)?))
    };
    Ok(all.into_iter().map(join).collect::<Result<BTreeMap<_, _>, NpzError>>()?.into())
}
