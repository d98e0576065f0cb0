//! The main quantities of the study: risk, kinetic and free energy of the solution on the grid, and rates of approach.

use super::{KineticArrays, KineticRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;

/// Risk and kinetic energy against time; the free energy, at a positive temperature; the distance of grid and particles,
/// where there are some; the rate of approach to the Gibbs law against friction, where frictions are given.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let arrays = KineticArrays::read(folder, &KineticRecord::read(folder)?)?;
    let times = arrays.solution.times.to_vec();
    let against_time = |quantity: &str, y: Axis, x: &[f64], values: Vec<f64>| {
        Curve::of_values(quantity, (Axis::linear("time t"), y), x, &values)
    };
    let (risk, kinetic) = (arrays.solution.risk.to_vec(), arrays.solution.kinetic.to_vec());
    let mut curves = vec![
        against_time("risk by the kinetic equation", Axis::linear("risk R"), &times, risk),
        against_time("kinetic energy by the kinetic equation", Axis::linear("kinetic energy"), &times, kinetic),
    ];
    curves.extend(arrays.energy.as_ref().map(|energy| {
        let (times, free) = (energy.energy_times.to_vec(), energy.energy.column(3).to_vec());
        against_time("free energy by the kinetic equation", Axis::linear("free energy F"), &times, free)
    }));
    curves.extend(arrays.clouds.as_ref().map(|clouds| {
        let axis = Axis::log10("W_{2} in θ of a cloud");
        against_time("distance of grid and particles", axis, &times, clouds.wasserstein.to_vec())
    }));
    curves.extend(arrays.approach.as_ref().map(|approach| {
        let axes = (Axis::log2("friction γ"), Axis::linear("rate of F − F*"));
        let rates = approach.rates.to_vec();
        Curve::of_values("rate of approach to the Gibbs law", axes, &approach.frictions.to_vec(), &rates)
    }));
    Ok(curves)
}
