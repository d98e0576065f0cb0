//! Legend and notes: their size, and the position where they cover the least data.

use super::chart::{Corner, Legend, Mark, Panel};
use super::error::FigureError;
use super::geometry::{PagePoint, Rect};
use super::layout::PlacedPanel;
use super::style::{NOTE_TEXT_PT, TICK_TEXT_PT};
use super::text::Text;

/// Distance from the frame.
pub(super) const INSET_PT: f64 = 4.0;
/// Length of a line sample, and the space after it.
pub(super) const SAMPLE_PT: f64 = 18.0;
pub(super) const SAMPLE_GAP_PT: f64 = 4.0;
/// Line spacing relative to the font size.
pub(super) const LEADING: f64 = 1.3;
/// Least distance between data and text.
const CLEARANCE_PT: f64 = 1.5;
/// Largest extension of an automatic y range for the legend, as a factor.
const MAX_GROWTH: f64 = 1.8;

/// The lines of a legend or of notes.
#[derive(Clone, Debug)]
pub(super) struct LegendBlock {
    /// Lines of text, each with the indices of its marks; none for notes.
    pub lines: Vec<(Text, Vec<usize>)>,
    /// Font size.
    pub size_pt: f64,
    /// Width in points.
    pub width: f64,
    /// Height in points.
    pub height: f64,
}

impl LegendBlock {
    fn new(lines: Vec<(Text, Vec<usize>)>, size_pt: f64, sample_pt: f64) -> Option<Self> {
        let width = sample_pt + lines.iter().map(|(text, _)| size_pt * text.width()).fold(0.0, f64::max);
        let height = LEADING * size_pt * lines.len() as f64;
        (!lines.is_empty()).then_some(Self { lines, size_pt, width, height })
    }
}

/// The legend: one entry per distinct label, in order of first appearance.
///
/// # Errors
/// Labels without glyphs.
pub(super) fn entries(panel: &Panel) -> Result<Option<LegendBlock>, FigureError> {
    let mut labels: Vec<(&str, Vec<usize>)> = Vec::new();
    if panel.legend != Legend::Hidden {
        for (i, label) in panel.marks.iter().enumerate().filter_map(|(i, mark)| Some((i, mark.label_text()?))) {
            match labels.iter_mut().find(|(known, _)| *known == label) {
                Some((_, marks)) => marks.push(i),
                None => labels.push((label, vec![i])),
            }
        }
    }
    let lines = labels.into_iter().map(|(label, marks)| Ok((Text::new(label)?, marks)));
    let lines = lines.collect::<Result<_, FigureError>>()?;
    Ok(LegendBlock::new(lines, TICK_TEXT_PT, SAMPLE_PT + SAMPLE_GAP_PT))
}

/// The notes of a panel.
///
/// # Errors
/// Notes without glyphs.
pub(super) fn notes(panel: &Panel) -> Result<Option<LegendBlock>, FigureError> {
    let lines = panel.notes.iter().map(|line| Ok((Text::new(line)?, Vec::new())));
    Ok(LegendBlock::new(lines.collect::<Result<_, FigureError>>()?, NOTE_TEXT_PT, 0.0))
}

/// Places legend and notes. With `may_grow`, extends an automatic y range if they would cover data.
pub(super) fn place(panel: &Panel, at: &mut PlacedPanel, may_grow: bool) {
    let data = data_points(panel, at);
    let mut taken: Vec<Rect> = Vec::new();
    let mut covered = 0.0f64;
    let frame = at.frame;
    let mut place_block = |placed: &mut Option<(LegendBlock, Rect)>, legend: Legend| {
        let Some((block, rect)) = placed else { return };
        let hidden;
        (*rect, hidden) = match legend {
            Legend::OutsideRight => {
                let (left, top) = (frame.right + INSET_PT + 2.0, frame.top);
                (Rect { left, top, right: left + block.width, bottom: top + block.height }, 0)
            }
            Legend::Inside(corner) => (positions(&frame, block)[corner_index(corner)], 0),
            Legend::Automatic | Legend::Hidden => best(&positions(&frame, block), &data, &taken),
        };
        if hidden > 0 {
            covered = covered.max(block.height);
        }
        taken.push(*rect);
    };
    place_block(&mut at.legend, panel.legend);
    place_block(&mut at.notes, Legend::Automatic);
    if may_grow && covered > 0.0 && panel.y.range.is_none() && !panel.equal_aspect {
        // Space above the data for the tallest block that covers some.
        let highest = data.iter().map(|p| p.1).fold(frame.bottom, f64::min);
        let filled = (frame.bottom - highest) / frame.height();
        let left = 1.0 - (covered + INSET_PT + 2.0 * CLEARANCE_PT) / frame.height();
        let growth = filled / left.max(1e-9);
        if (1.0..=MAX_GROWTH).contains(&growth) {
            at.y.grow(growth, 0.0);
        }
    }
}

/// Index of a corner in [`positions`].
fn corner_index(corner: Corner) -> usize {
    match corner {
        Corner::TopRight => 0,
        Corner::TopLeft => 1,
        Corner::BottomRight => 2,
        Corner::BottomLeft => 3,
    }
}

/// Positions inside a frame in order of preference: the corners, then the middles of the sides.
fn positions(frame: &Rect, block: &LegendBlock) -> [Rect; 8] {
    let (w, h) = (block.width, block.height);
    let (left, right) = (frame.left + INSET_PT, frame.right - INSET_PT - w);
    let (top, bottom) = (frame.top + INSET_PT * 0.5, frame.bottom - INSET_PT - h);
    let (middle, centre) = ((top + bottom) / 2.0, (left + right) / 2.0);
    [
        (right, top),
        (left, top),
        (right, bottom),
        (left, bottom),
        (centre, top),
        (centre, bottom),
        (right, middle),
        (left, middle),
    ]
    .map(|(left, top)| Rect { left, top, right: left + w, bottom: top + h })
}

/// The first position that covers no data, otherwise the one that covers the fewest points; and the number of points
/// covered.
fn best(positions: &[Rect], data: &[PagePoint], taken: &[Rect]) -> (Rect, usize) {
    let score = |position: &Rect| {
        let hidden = data.iter().filter(|&&p| position.contains(p, CLEARANCE_PT)).count();
        hidden + if taken.iter().any(|other| other.overlaps(position)) { 1_000_000_000 } else { 0 }
    };
    let scores: Vec<usize> = positions.iter().map(score).collect();
    let least = (0..positions.len()).min_by_key(|&i| scores[i]).unwrap_or(0);
    (positions[least], scores[least])
}

/// Points of the page that are covered by data, about two points apart.
pub(super) fn data_points(panel: &Panel, at: &PlacedPanel) -> Vec<PagePoint> {
    let frame = at.frame;
    let mut data = Vec::new();
    let segment = |data: &mut Vec<PagePoint>, a: Option<PagePoint>, b: Option<PagePoint>| {
        if let Some((a, b)) = a.zip(b).and_then(|(a, b)| frame.clip(a, b)) {
            let steps = ((b.0 - a.0).hypot(b.1 - a.1) / 2.0).ceil().max(1.0) as usize;
            let step = |i: usize| i as f64 / steps as f64;
            data.extend((0..=steps).map(|i| (a.0 + step(i) * (b.0 - a.0), a.1 + step(i) * (b.1 - a.1))));
        }
    };
    for mark in &panel.marks {
        match mark {
            Mark::Line { x, y, .. } => {
                let line: Vec<_> = x.iter().zip(y).map(|(&x, &y)| at.at(x, y)).collect();
                line.windows(2).for_each(|pair| segment(&mut data, pair[0], pair[1]));
            }
            Mark::Cloud { x, y, .. } => data.extend(x.iter().zip(y).filter_map(|(&x, &y)| at.at(x, y))),
            Mark::Points { x, y, error, size_pt, .. } => {
                for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
                    let Some(p) = at.at(x, y) else { continue };
                    let r = size_pt / 2.0;
                    data.extend([(p.0 - r, p.1), (p.0 + r, p.1), (p.0, p.1 - r), (p.0, p.1 + r)]);
                    if let Some(&(low, high)) = error.as_ref().and_then(|ends| ends.get(i)) {
                        segment(&mut data, Some(p), at.at(x, low));
                        segment(&mut data, Some(p), at.at(x, high));
                    }
                }
            }
            Mark::Band { x, low, high, .. } => {
                for polygon in band_polygons(at, x, low, high) {
                    let half = polygon.len() / 2;
                    for i in 0..half {
                        segment(&mut data, Some(polygon[i]), Some(polygon[polygon.len() - 1 - i]));
                        let next = (i + 1).min(half - 1);
                        segment(&mut data, Some(polygon[i]), Some(polygon[next]));
                        segment(
                            &mut data,
                            Some(polygon[polygon.len() - 1 - i]),
                            Some(polygon[polygon.len() - 1 - next]),
                        );
                    }
                }
            }
            // A heat map may be covered by text, which is drawn on a white background.
            Mark::Tiles { x, y, .. } => {
                for (&x, &y) in x.iter().zip(y) {
                    data.extend(at.at(x, y));
                }
            }
            Mark::HorizontalLine { y, .. } => {
                let height = at.y.position(*y).map(|t| frame.bottom - t * frame.height());
                segment(&mut data, height.map(|h| (frame.left, h)), height.map(|h| (frame.right, h)));
            }
            Mark::VerticalLine { x, .. } => {
                let place = at.x.position(*x).map(|t| frame.left + t * frame.width());
                segment(&mut data, place.map(|p| (p, frame.top)), place.map(|p| (p, frame.bottom)));
            }
        }
    }
    data.retain(|&p| frame.contains(p, 0.01));
    data
}

/// The connected parts of a band as polygons: the upper edge from left to right, then the lower edge from right to
/// left, with equally many points. A lower end that a logarithmic axis cannot show is placed below the frame.
pub(super) fn band_polygons(at: &PlacedPanel, x: &[f64], low: &[f64], high: &[f64]) -> Vec<Vec<PagePoint>> {
    let mut parts: Vec<(Vec<PagePoint>, Vec<PagePoint>)> = vec![Default::default()];
    for ((&x, &low), &high) in x.iter().zip(low).zip(high) {
        let below_frame = |upper: PagePoint| (low <= 0.0).then_some((upper.0, at.frame.bottom + 1.0));
        let ends = at.at(x, high).and_then(|upper| Some((upper, at.at(x, low).or_else(|| below_frame(upper))?)));
        match ends {
            Some((upper, lower)) => {
                if let Some(part) = parts.last_mut() {
                    part.0.push(upper);
                    part.1.push(lower);
                }
            }
            None => parts.push(Default::default()),
        }
    }
    let join =
        |(upper, lower): (Vec<PagePoint>, Vec<PagePoint>)| upper.into_iter().chain(lower.into_iter().rev()).collect();
    parts.into_iter().filter(|part| part.0.len() > 1).map(join).collect()
}
