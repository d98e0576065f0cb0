//! The places of marks on the page: what they cover, and what of them can be seen.

use super::chart::{Mark, Panel, Scale};
use super::geometry::{PagePoint, Rect};
use super::placed::PlacedPanel;

/// Half the width of a band at a single abscissa.
const SINGLE_PT: f64 = 1.5;
/// Least width and height of a band.
const LEAST_BAND_PT: f64 = 0.6;

/// Points of the page that are covered by the data of a panel, about two points apart.
pub(super) fn data_points(panel: &Panel, at: &PlacedPanel) -> Vec<PagePoint> {
    panel.marks.iter().flat_map(|mark| mark_points(mark, at)).collect()
}

/// Whether something of a mark can be seen in the frame.
pub(super) fn visible(mark: &Mark, at: &PlacedPanel) -> bool {
    match mark {
        // The corners of tiles may lie outside a frame that they fill.
        Mark::Tiles { x, y, .. } => {
            let corners = x.first().zip(y.first()).zip(x.last().zip(y.last()));
            corners.is_some_and(|((&left, &low), (&right, &high))| {
                at.at(left, high)
                    .zip(at.at(right, low))
                    .is_some_and(|(a, b)| at.frame.overlaps(&Rect { left: a.0, top: a.1, right: b.0, bottom: b.1 }))
            })
        }
        _ => !mark_points(mark, at).is_empty(),
    }
}

/// Whether a panel shows data; lines across the panel are none.
pub(super) fn shows_data(panel: &Panel, at: &PlacedPanel) -> bool {
    let across = |mark: &Mark| matches!(mark, Mark::HorizontalLine { .. } | Mark::VerticalLine { .. });
    panel.marks.iter().any(|mark| !across(mark) && visible(mark, at))
}

/// Why no data of a panel can be seen.
pub(super) fn reason(panel: &Panel) -> String {
    if let Some(reason) = &panel.empty {
        return reason.clone();
    }
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for mark in &panel.marks {
        match mark {
            Mark::Line { x, y, .. }
            | Mark::Points { x, y, .. }
            | Mark::Cloud { x, y, .. }
            | Mark::Tiles { x, y, .. } => {
                xs.extend(x);
                ys.extend(y);
            }
            Mark::Band { x, high, .. } => {
                xs.extend(x);
                ys.extend(high);
            }
            Mark::HorizontalLine { .. } | Mark::VerticalLine { .. } => {}
        }
    }
    let of_axis = |values: &[f64], scale: Scale| {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        if finite.is_empty() {
            return Some("no value is finite");
        }
        if scale == Scale::Linear || finite.iter().any(|&v| v > 0.0) {
            return None;
        }
        let zero = finite.iter().all(|&v| v == 0.0);
        Some(if zero {
            "all values are 0, which a logarithmic axis cannot show"
        } else {
            "no value is positive, as a logarithmic axis requires"
        })
    };
    if xs.is_empty() || ys.is_empty() {
        return "there are no values to show".into();
    }
    let reason = of_axis(&ys, panel.y.scale).or_else(|| of_axis(&xs, panel.x.scale));
    reason.unwrap_or("no point has two values in the range of the axes").into()
}

/// Points of the page that are covered by a mark, about two points apart.
pub(super) fn mark_points(mark: &Mark, at: &PlacedPanel) -> Vec<PagePoint> {
    let frame = at.frame;
    let mut data = Vec::new();
    let segment = |data: &mut Vec<PagePoint>, a: Option<PagePoint>, b: Option<PagePoint>| {
        if let Some((a, b)) = a.zip(b).and_then(|(a, b)| frame.clip(a, b)) {
            let steps = ((b.0 - a.0).hypot(b.1 - a.1) / 2.0).ceil().max(1.0) as usize;
            let step = |i: usize| i as f64 / steps as f64;
            data.extend((0..=steps).map(|i| (a.0 + step(i) * (b.0 - a.0), a.1 + step(i) * (b.1 - a.1))));
        }
    };
    match mark {
        Mark::Line { x, y, .. } => {
            let line = line_points(at, x, y);
            line.windows(2).for_each(|pair| segment(&mut data, pair[0], pair[1]));
            data.extend(isolated(&line));
        }
        Mark::Cloud { x, y, .. } => data.extend(x.iter().zip(y).filter_map(|(&x, &y)| at.at(x, y))),
        Mark::Points { x, y, error, size_pt, .. } => {
            for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
                // As in drawing, a point whose centre is outside the frame is not shown.
                let Some(p) = at.at(x, y).filter(|&p| frame.contains(p, 0.01)) else { continue };
                let r = size_pt / 2.0;
                data.extend([p, (p.0 - r, p.1), (p.0 + r, p.1), (p.0, p.1 - r), (p.0, p.1 + r)]);
                if let Some(&(low, high)) = error.as_ref().and_then(|ends| ends.get(i)) {
                    segment(&mut data, Some(p), at.end_at(x, low));
                    segment(&mut data, Some(p), at.end_at(x, high));
                }
            }
        }
        Mark::Band { x, low, high, .. } => {
            for polygon in band_polygons(at, x, low, high) {
                let half = polygon.len() / 2;
                for i in 0..half {
                    let (next, last) = ((i + 1).min(half - 1), polygon.len() - 1);
                    segment(&mut data, Some(polygon[i]), Some(polygon[last - i]));
                    segment(&mut data, Some(polygon[i]), Some(polygon[next]));
                    segment(&mut data, Some(polygon[last - i]), Some(polygon[last - next]));
                }
            }
        }
        // A heat map may be covered by text, which is drawn on a white background.
        Mark::Tiles { x, y, .. } => data.extend(x.iter().zip(y).filter_map(|(&x, &y)| at.at(x, y))),
        Mark::HorizontalLine { y, .. } => {
            let height = at.y.position(*y).map(|t| frame.bottom - t * frame.height());
            segment(&mut data, height.map(|h| (frame.left, h)), height.map(|h| (frame.right, h)));
        }
        Mark::VerticalLine { x, .. } => {
            let place = at.x.position(*x).map(|t| frame.left + t * frame.width());
            segment(&mut data, place.map(|p| (p, frame.top)), place.map(|p| (p, frame.bottom)));
        }
    }
    data.retain(|&p| frame.contains(p, 0.01));
    data
}

/// The points of a line on the page, with gaps.
pub(super) fn line_points(at: &PlacedPanel, x: &[f64], y: &[f64]) -> Vec<Option<PagePoint>> {
    x.iter().zip(y).map(|(&x, &y)| at.at(x, y)).collect()
}

/// The points of a line that have a gap on both sides, through which no line can be drawn.
pub(super) fn isolated(line: &[Option<PagePoint>]) -> Vec<PagePoint> {
    let gap = |i: Option<usize>| i.and_then(|i| line.get(i).copied().flatten()).is_none();
    let alone = (0..line.len()).filter(|&i| gap(i.checked_sub(1)) && gap(Some(i + 1)));
    alone.filter_map(|i| line[i]).collect()
}

/// The connected parts of a band as polygons: the upper edge from left to right, then the lower edge from right to
/// left, with equally many points. An end that the axis cannot show is placed outside the frame. A band without width
/// or without height has a small one, so that it can be seen.
pub(super) fn band_polygons(at: &PlacedPanel, x: &[f64], low: &[f64], high: &[f64]) -> Vec<Vec<PagePoint>> {
    let mut parts: Vec<Vec<(PagePoint, PagePoint)>> = vec![Vec::new()];
    for ((&x, &low), &high) in x.iter().zip(low).zip(high) {
        // A band whose upper end a logarithmic axis cannot show is below the axis altogether.
        let least = if at.y.scale == Scale::Linear { f64::NEG_INFINITY } else { 0.0 };
        let shown = high > least && low < f64::INFINITY;
        match (at.end_at(x, high).filter(|_| shown), at.end_at(x, low), parts.last_mut()) {
            (Some(upper), Some(lower), Some(part)) => part.push((upper, lower)),
            _ => parts.push(Vec::new()),
        }
    }
    let polygon = |part: Vec<(PagePoint, PagePoint)>| -> Vec<PagePoint> {
        let thick = |((x, upper), (_, lower)): (PagePoint, PagePoint)| {
            let lacking = (LEAST_BAND_PT - (lower - upper).abs()).max(0.0) / 2.0;
            ((x, upper - lacking), (x, lower + lacking))
        };
        let (mut upper, mut lower): (Vec<PagePoint>, Vec<PagePoint>) = part.into_iter().map(thick).unzip();
        let ends = upper.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p.0), b.max(p.0)));
        if ends.1 - ends.0 < LEAST_BAND_PT {
            let height = |edge: &[PagePoint], pick: fn(f64, f64) -> f64| edge.iter().map(|p| p.1).reduce(pick);
            let (top, bottom) = (height(&upper, f64::min), height(&lower, f64::max));
            let wide = |y: Option<f64>| -> Vec<PagePoint> {
                y.map(|y| vec![(ends.0 - SINGLE_PT, y), (ends.1 + SINGLE_PT, y)]).unwrap_or_default()
            };
            (upper, lower) = (wide(top), wide(bottom));
        }
        upper.into_iter().chain(lower.into_iter().rev()).collect()
    };
    parts.into_iter().filter(|part| !part.is_empty()).map(polygon).collect()
}
