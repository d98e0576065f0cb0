//! Trained networks, read back from `state/` in double precision.

use super::RunError;
use super::problem::Problem;
use crate::config::Precision;
use crate::network::{Real, TwoLayer};
use crate::record::RunFolder;
use crate::record::npz::{Arrays, Table};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

/// Final neurons (N, p) of a run, canonical.
pub fn final_neurons(folder: &RunFolder, problem: &Problem<'_, f64>, id: &str) -> Result<Array2<f64>, RunError> {
    match problem.experiment.precision {
        Precision::F64 => read::<f64>(folder, &problem.network, id),
        Precision::F32 => read::<f32>(folder, &problem.network, id),
    }
}

fn read<R: Real>(folder: &RunFolder, network: &TwoLayer, id: &str) -> Result<Array2<f64>, RunError> {
    let path = folder.file(&format!("state/{id}.npz"));
    let damaged = || RunError::State { path: path.clone() };
    let table = Table::<R>::read(&path)?;
    let mut parts = Vec::new();
    for part in network.parts() {
        let array = table.get(&format!("{}_final", part.name))?;
        parts.push(array.mapv(|v| v.wide()).into_dimensionality::<ndarray::Ix2>().map_err(|_| damaged())?);
    }
    let views: Vec<ArrayView2<f64>> = parts.iter().map(|part| part.view()).collect();
    let neurons = concatenate(Axis(1), &views).map_err(|_| damaged())?;
    if neurons.ncols() == network.parameters() { Ok(neurons) } else { Err(damaged()) }
}

/// Adds neurons (N, p) to an archive, part by part, as in `state/`; `suffix` as in `w_final`.
pub fn push_neurons(arrays: &mut Arrays<f64>, network: &TwoLayer, neurons: ArrayView2<f64>, suffix: &str) {
    for part in network.parts() {
        let values = neurons.slice(s![.., part.rows.clone()]);
        arrays.push(format!("{}_{suffix}", part.name), values.shape(), values.iter().copied().collect());
    }
}
