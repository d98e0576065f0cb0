//! The main quantities of the study: the risk by the grid, by particles of the reduction and of networks.

use super::{RadialArrays, RadialRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};

/// The risk against time by the grid, in the dimension of the population and in the others, by particles of the reduction,
/// and of the widest networks.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (record, arrays) = (RadialRecord::read(folder)?, RadialArrays::read_from(folder)?);
    let times = arrays.times.to_vec();
    let axes = || (Axis::linear("time t = kε"), Axis::linear("risk R"));
    let of = |quantity: String, risk: Vec<f64>| Curve::of_values(quantity, axes(), &times, &risk);
    let mut curves = vec![
        of("risk by the radial grid".into(), arrays.grid_risk.to_vec()),
        of("risk by radial particles".into(), arrays.particles_risk.to_vec()),
    ];
    if let Some(others) = &arrays.dimension_risk {
        let rows = record.dimensions.iter().zip(others.rows());
        curves.extend(rows.map(|(d, risk)| of(format!("risk by the radial grid, d = {d}"), risk.to_vec())));
    }
    if let Some(networks) = &arrays.network_risk {
        let columns = times.iter().zip(networks.columns());
        let points = columns.map(|(&t, risks)| CurvePoint::mean(t, risks.iter().copied())).collect();
        curves.push(Curve::new("risk of the widest networks, mean over seeds", axes(), points));
    }
    Ok(curves)
}
