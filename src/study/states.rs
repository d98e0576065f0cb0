//! Trained networks, read back from `state/` in double precision.

use super::RunError;
use super::problem::Problem;
use crate::compute::Real;
use crate::config::Precision;
use crate::network::{Network, Point};
use crate::record::RunFolder;
use crate::record::npz::{Arrays, Table};
use ndarray::{ArrayView2, ArrayViewMut2, s};

/// Final canonical parameters of a run of this width.
pub fn final_point(folder: &RunFolder, problem: &Problem<'_, f64>, id: &str, width: usize) -> Result<Point, RunError> {
    match problem.experiment.precision {
        Precision::F64 => read::<f64>(folder, &problem.network, id, width),
        Precision::F32 => read::<f32>(folder, &problem.network, id, width),
    }
}

fn read<R: Real>(folder: &RunFolder, network: &Network, id: &str, width: usize) -> Result<Point, RunError> {
    let path = folder.file(&format!("state/{id}.npz"));
    let table = Table::<R>::read(&path)?;
    let mut point = Point::zeros(network.parameters(width));
    for family in network.families(width) {
        let mut own = point.slice_mut(s![family.range()]);
        let values = own.as_slice_mut().expect("one axis, contiguous");
        let mut matrix =
            ArrayViewMut2::from_shape((family.rows, family.columns), values).expect("a family's own shape");
        for part in &family.parts {
            let array = table.get(&format!("{}_final", part.name))?;
            let found = array.into_dimensionality::<ndarray::Ix2>().ok();
            let of_shape = found.filter(|found| found.dim() == (family.rows, part.columns.len()));
            let found = of_shape.ok_or_else(|| RunError::State { path: path.clone() })?;
            matrix.slice_mut(s![.., part.columns.clone()]).zip_mut_with(&found, |v, found| *v = found.to_f64());
        }
    }
    Ok(point)
}

/// Adds canonical parameters to an archive, part by part, as in `state/`; `suffix` as in `w_final`.
pub fn push_parts<R: Real>(arrays: &mut Arrays<R>, network: &Network, width: usize, canonical: &[R], suffix: &str) {
    for family in network.families(width) {
        for part in &family.parts {
            let values: ArrayView2<R> = family.part(part, canonical);
            arrays.push(format!("{}_{suffix}", part.name), values.shape(), values.iter().copied().collect());
        }
    }
}
