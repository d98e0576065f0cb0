//! Axes: scales, automatic ranges, and positions of values.

use super::chart::{Axis, Mark, Panel, Scale};
use super::error::FigureError;

/// Bound on values of a linear axis: the width of a larger range could overflow.
const MAX_VALUE: f64 = 4e307;
/// Margin of an automatic range at each end, relative to the extent of the data.
const MARGIN: f64 = 0.05;

/// A resolved axis: the scale and the range in the scale's own coordinate (the value, or its logarithm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Domain {
    pub scale: Scale,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether values are counts.
    pub counts: bool,
}

impl Domain {
    /// Position of a value relative to the range, 0 at the lower end and 1 at the upper; `None` if the scale cannot
    /// show it. Clamped to +-1e6, so that far values can be clipped.
    pub fn position(&self, value: f64) -> Option<f64> {
        coordinate(self.scale, value).map(|u| ((u - self.low) / (self.high - self.low)).clamp(-1e6, 1e6))
    }

    /// Extends the range to `factor` times its width about `anchor` (0 the lower end, 0.5 the middle).
    pub fn grow(&mut self, factor: f64, anchor: f64) {
        let extra = (self.high - self.low) * (factor - 1.0);
        self.low -= anchor * extra;
        self.high += (1.0 - anchor) * extra;
    }
}

/// The value in the coordinate of the scale; `None` if the scale cannot show it.
pub(super) fn coordinate(scale: Scale, value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    match scale {
        Scale::Linear => Some(value.clamp(-MAX_VALUE, MAX_VALUE)),
        Scale::Log10 => (value > 0.0).then(|| value.log10()),
        Scale::Log2 => (value > 0.0).then(|| value.log2()),
    }
}

/// Resolves both axes of a panel.
///
/// # Errors
/// [`FigureError::Range`] for a fixed range that is empty, not finite or, on a logarithmic axis, not positive.
pub(super) fn domains(index: usize, panel: &Panel) -> Result<(Domain, Domain), FigureError> {
    let (x, y) = extents(panel);
    Ok((resolve(index, "x", &panel.x, x)?, resolve(index, "y", &panel.y, y)?))
}

fn resolve(panel: usize, name: &'static str, axis: &Axis, extent: Extent) -> Result<Domain, FigureError> {
    let scale = axis.scale;
    let Some((low, high)) = axis.range else {
        return Ok(Domain { counts: axis.counts, ..automatic(scale, extent) });
    };
    match ends(scale, low, high) {
        Some((a, b)) => Ok(Domain { scale, low: a, high: b, counts: axis.counts }),
        None => {
            let (scale, expected) = match scale {
                Scale::Linear => ("linear", "finite ends, the first below the second"),
                Scale::Log10 | Scale::Log2 => ("logarithmic", "finite positive ends, the first below the second"),
            };
            Err(FigureError::Range { panel, axis: name, low, high, scale, expected })
        }
    }
}

/// The coordinates of the ends of a range; `None` if it is empty or the scale cannot show an end.
fn ends(scale: Scale, low: f64, high: f64) -> Option<(f64, f64)> {
    let (a, b) = (coordinate(scale, low)?, coordinate(scale, high)?);
    (b - a > 1e-12 * a.abs().max(b.abs())).then_some((a, b))
}

/// Whether a scale can show a range.
pub(super) fn is_range(scale: Scale, low: f64, high: f64) -> bool {
    ends(scale, low, high).is_some()
}

/// The range of an axis from the extent of its data.
fn automatic(scale: Scale, extent: Extent) -> Domain {
    let Some((low, high)) = extent else {
        let high = if scale == Scale::Log2 { 4.0 } else { 1.0 };
        return Domain { scale, low: 0.0, high, counts: false };
    };
    let (low, high) = if scale == Scale::Linear { (low, high) } else { (low.max(-320.0), high) };
    let width = high - low;
    let pad = match scale {
        // Constant data, up to rounding.
        Scale::Linear if width <= 1e-9 * low.abs().max(high.abs()) => {
            let size = 0.1 * low.abs().max(high.abs());
            if size > 0.0 { size } else { 1.0 }
        }
        Scale::Log10 | Scale::Log2 if width < 0.01 => 0.5,
        Scale::Linear | Scale::Log10 | Scale::Log2 => MARGIN * width,
    };
    Domain { scale, low: low - pad, high: high + pad, counts: false }
}

/// Smallest and largest coordinate; `None` without data.
pub(super) type Extent = Option<(f64, f64)>;

/// Extends an extent to include a coordinate.
fn include(extent: &mut Extent, u: Option<f64>) {
    if let Some(u) = u {
        *extent = Some(extent.map_or((u, u), |(low, high)| (low.min(u), high.max(u))));
    }
}

/// Extents of the data of a panel, in the coordinates of its scales. A point is included if both its values can be
/// shown and, where the range of the other axis is fixed, if it lies in that range.
pub(super) fn extents(panel: &Panel) -> (Extent, Extent) {
    let (mut ex, mut ey, mut bars) = (None, None, None);
    let in_range = |axis: &Axis, v: f64| axis.range.is_none_or(|(low, high)| (low..=high).contains(&v));
    let mut point = |x: f64, y: f64, ends: &[f64]| {
        if let (Some(u), Some(v)) = (coordinate(panel.x.scale, x), coordinate(panel.y.scale, y)) {
            if in_range(&panel.y, y) {
                include(&mut ex, Some(u));
            }
            if in_range(&panel.x, x) {
                include(&mut ey, Some(v));
                ends.iter().for_each(|&end| include(&mut bars, coordinate(panel.y.scale, end)));
            }
        }
    };
    let (mut lines_x, mut lines_y) = (None, None);
    for mark in &panel.marks {
        match mark {
            Mark::Line { x, y, .. } | Mark::Cloud { x, y, .. } | Mark::Points { x, y, error: None, .. } => {
                x.iter().zip(y).for_each(|(&x, &y)| point(x, y, &[]));
            }
            Mark::Points { x, y, error: Some(ends), .. } => {
                x.iter().zip(y).zip(ends).for_each(|((&x, &y), &(low, high))| point(x, y, &[low, high]));
            }
            Mark::Band { x, low, high, .. } => {
                x.iter().zip(low).zip(high).for_each(|((&x, &low), &high)| {
                    point(x, high, &[]);
                    point(x, low, &[]);
                });
            }
            // Automatic ranges add margins around tiles too.
            Mark::Tiles { x, y, .. } => {
                for end in [x.first().zip(y.first()), x.last().zip(y.last())].into_iter().flatten() {
                    point(*end.0, *end.1, &[]);
                }
            }
            Mark::HorizontalLine { y, .. } => include(&mut lines_y, coordinate(panel.y.scale, *y)),
            Mark::VerticalLine { x, .. } => include(&mut lines_x, coordinate(panel.x.scale, *x)),
        }
    }
    if let (Some((low, high)), Some((below, above))) = (ey, bars) {
        let reach = longest_bar(panel.y.scale, low, high);
        include(&mut ey, Some(below.max(low - reach)));
        include(&mut ey, Some(above.min(high + reach)));
    }
    for (extent, lines) in [(&mut ex, lines_x), (&mut ey, lines_y)] {
        if let Some((low, high)) = lines {
            include(extent, Some(low));
            include(extent, Some(high));
        }
    }
    (ex, ey)
}

/// Length by which intervals extend an automatic range on either side of the points from `low` to `high`: the points
/// themselves remain distinguishable. Longer ones leave the frame.
fn longest_bar(scale: Scale, low: f64, high: f64) -> f64 {
    let least = match scale {
        Scale::Linear => low.abs().max(high.abs()),
        Scale::Log10 => 1.0,
        Scale::Log2 => 10f64.log2(),
    };
    (high - low).max(if least > 0.0 { least } else { f64::INFINITY })
}

/// Fixes the ranges of all panels to the extent of their common data with margins, per scale.
pub(super) fn share_ranges(panels: &mut [Panel]) {
    let pick: [fn(&mut Panel) -> &mut Axis; 2] = [|panel| &mut panel.x, |panel| &mut panel.y];
    let each: Vec<(Extent, Extent)> = panels.iter().map(extents).collect();
    for (which, axis) in pick.into_iter().enumerate() {
        for scale in [Scale::Linear, Scale::Log10, Scale::Log2] {
            let mut common = None;
            for (panel, extents) in panels.iter_mut().zip(&each) {
                let extent = if which == 0 { extents.0 } else { extents.1 };
                if let (true, Some((low, high))) = (axis(panel).scale == scale, extent) {
                    include(&mut common, Some(low));
                    include(&mut common, Some(high));
                }
            }
            if common.is_none() {
                continue;
            }
            let Domain { low, high, .. } = automatic(scale, common);
            let value = |u: f64| match scale {
                Scale::Linear => u,
                Scale::Log10 => 10f64.powf(u).clamp(f64::MIN_POSITIVE, f64::MAX),
                Scale::Log2 => u.exp2().clamp(f64::MIN_POSITIVE, f64::MAX),
            };
            for panel in panels.iter_mut().filter(|panel| axis(&mut (*panel).clone()).scale == scale) {
                axis(panel).range = Some((value(low), value(high)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Colour, Dash};

    fn panel(x: Axis, y: Axis, points: &[(f64, f64)]) -> Panel {
        let (xs, ys) = points.iter().copied().unzip();
        Panel::new(x, y).with(Mark::line(xs, ys, Colour::Series(0), Dash::Solid))
    }

    #[test]
    fn automatic_ranges_are_the_data_and_five_percent() {
        let (x, y) = domains(0, &panel(Axis::linear(""), Axis::log10(""), &[(0.0, 1e-4), (10.0, 1.0)])).unwrap();
        assert_eq!((x.low, x.high), (-0.5, 10.5));
        assert!((y.low + 4.2).abs() < 1e-12 && (y.high - 0.2).abs() < 1e-12);
        assert_eq!(y.position(0.0), None);
        assert_eq!(x.position(5.0), Some(0.5));
    }

    #[test]
    fn values_that_cannot_be_shown_do_not_move_the_axes() {
        let bad = [(1.0, 1.0), (2.0, -3.0), (f64::NAN, 9.0), (3.0, f64::INFINITY), (4.0, 100.0)];
        let (x, y) = extents(&panel(Axis::linear(""), Axis::log10(""), &bad));
        assert_eq!((x, y), (Some((1.0, 4.0)), Some((0.0, 2.0))));
    }

    #[test]
    fn constant_and_absent_data_have_a_range() {
        for (axis, expected) in [(Axis::linear(""), (0.0, 1.0)), (Axis::log10(""), (0.0, 1.0))] {
            let (_, y) = domains(0, &panel(Axis::linear(""), axis, &[])).unwrap();
            assert_eq!((y.low, y.high), expected);
        }
        let (x, y) = domains(0, &panel(Axis::linear(""), Axis::log10(""), &[(2.0, 100.0); 3])).unwrap();
        assert_eq!((x.low, x.high), (1.8, 2.2));
        assert_eq!((y.low, y.high), (1.5, 2.5));
    }

    #[test]
    fn long_intervals_leave_the_points_distinguishable() {
        let of = |axis: Axis, ends: (f64, f64)| {
            let points =
                Mark::points(vec![1.0, 2.0], vec![1.0, 100.0], Colour::Series(0), crate::figure::Marker::Circle);
            extents(&Panel::new(Axis::linear(""), axis).with(points.error(vec![ends; 2]))).1
        };
        assert_eq!(of(Axis::log10(""), (0.1, 1e3)), Some((-1.0, 3.0)));
        assert_eq!(of(Axis::log10(""), (1e-30, 1e30)), Some((-2.0, 4.0)));
        assert_eq!(of(Axis::log10(""), (0.0, f64::INFINITY)), Some((0.0, 2.0)));
        assert_eq!(of(Axis::linear(""), (-1e6, 150.0)), Some((-99.0, 150.0)));
    }

    #[test]
    fn impossible_ranges_are_refused_by_name() {
        for (axis, ok) in [
            (Axis::linear("").between(1.0, 1.0), false),
            (Axis::linear("").between(2.0, 1.0), false),
            (Axis::linear("").between(f64::NAN, 1.0), false),
            (Axis::log10("").between(0.0, 1.0), false),
            (Axis::log10("").between(1e-300, 1e300), true),
        ] {
            let result = domains(3, &panel(Axis::linear(""), axis, &[(0.0, 1.0)]));
            assert!(ok == result.is_ok());
            assert!(ok || matches!(result, Err(FigureError::Range { panel: 3, axis: "y", .. })));
        }
    }

    #[test]
    fn shared_ranges_are_those_of_all_panels_of_a_scale() {
        let mut panels = vec![
            panel(Axis::linear(""), Axis::linear(""), &[(0.0, 0.0), (1.0, 1.0)]),
            panel(Axis::linear(""), Axis::linear(""), &[(9.0, 2.0), (10.0, 3.0)]),
        ];
        share_ranges(&mut panels);
        for panel in &panels {
            assert_eq!(panel.x.range, Some((-0.5, 10.5)));
            assert!(panel.y.range.is_some_and(|(a, b)| (a + 0.15).abs() < 1e-12 && (b - 3.15).abs() < 1e-12));
        }
    }
}
