//! The main quantities of a run as curves, by which runs are compared.

use super::context::FiguresError;
use super::figures::records::{Records, mean_interval};
use crate::analysis::quantile::quantile;
use crate::figure::Axis;
use crate::record::{Measure, RunFolder};

/// A quantity of a run against a parameter. Curves of one quantity in several runs are drawn in one panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The quantity and its statistic, equal in all runs that have it.
    pub quantity: String,
    /// The axis of the parameter.
    pub x: Axis,
    /// The axis of the quantity.
    pub y: Axis,
    /// Its values, by ascending parameter.
    pub points: Vec<CurvePoint>,
    /// What the number is, where its name does not say it: definition, unit, and when it is missing.
    pub note: &'static str,
}

/// A value of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The parameter.
    pub x: f64,
    /// The quantity; NaN where it is not known.
    pub y: f64,
    /// The 95 % interval of the quantity, where it has one.
    pub interval: Option<(f64, f64)>,
}

impl CurvePoint {
    /// The mean of the finite values with Student's 95 % interval, which needs two of them.
    pub fn mean(x: f64, values: impl IntoIterator<Item = f64>) -> Self {
        let finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        let interval = (finite.len() > 1).then(|| mean_interval(finite.iter().copied()));
        CurvePoint { x, y: finite.iter().sum::<f64>() / finite.len() as f64, interval }
    }

    /// The median of the finite values, without an interval.
    pub fn median(x: f64, values: impl IntoIterator<Item = f64>) -> Self {
        CurvePoint { x, y: quantile(values.into_iter().filter(|v| v.is_finite()), 0.5), interval: None }
    }
}

impl Curve {
    /// A curve of values without intervals.
    pub fn of_values(quantity: impl Into<String>, (x, y): (Axis, Axis), xs: &[f64], ys: &[f64]) -> Self {
        let points = xs.iter().zip(ys).map(|(&x, &y)| CurvePoint { x, y, interval: None }).collect();
        Curve::new(quantity, (x, y), points)
    }

    /// A curve through points.
    pub fn new(quantity: impl Into<String>, (x, y): (Axis, Axis), points: Vec<CurvePoint>) -> Self {
        Curve { quantity: quantity.into(), x, y, points, note: "" }
    }

    /// The same with a note ([`Curve::note`]).
    #[must_use]
    pub fn noted(self, note: &'static str) -> Self {
        Curve { note, ..self }
    }
}

/// The curves of every run of training: the risk of the limit, and that of the networks at the horizon.
///
/// # Errors
/// Records that are missing or damaged.
pub fn of_training(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let records = Records::read(folder)?;
    let mut curves = Vec::new();
    if let Some(risk) = records.limit(Measure::Risk) {
        let axes = (Axis::linear("time t = kε"), Axis::linear("R(ρ)"));
        curves.push(Curve::of_values("risk of the limit", axes, &records.times(), &risk.to_vec()));
    }
    if let Some((group, risk)) =
        records.widths().and_then(|group| Some((group, records.measure(group, Measure::Risk)?)))
    {
        let last = risk.shape()[2].saturating_sub(1);
        let of_width =
            |(v, &n): (usize, &f64)| CurvePoint::mean(n, risk.slice(ndarray::s![v, .., last]).iter().copied());
        curves.push(Curve::new(
            "risk of the networks at the horizon, mean over seeds",
            (Axis::log2("width N"), Axis::linear("R(f_{N})")),
            group.values.iter().enumerate().map(of_width).collect(),
        ));
    }
    Ok(curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_medians_are_those_of_finite_values() {
        let point = CurvePoint::mean(4.0, [1.0, f64::NAN, 3.0]);
        assert_eq!((point.x, point.y), (4.0, 2.0));
        assert!(point.interval.is_some_and(|(low, high)| low < 1.0 && high > 3.0));
        assert_eq!(CurvePoint::mean(4.0, [1.0]).interval, None);
        assert!(CurvePoint::mean(4.0, [f64::NAN]).y.is_nan());
        assert_eq!(CurvePoint::median(4.0, [5.0, f64::INFINITY, 1.0, 2.0]).y, 2.0);
    }
}
