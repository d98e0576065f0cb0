//! The layout of the page, in points: a frame for every panel, with margins from the measured extents of its texts.
//!
//! Ticks depend on the length of an axis, and the length depends on the labels of the ticks; a few iterations determine
//! both. Frames of a column have common left and right ends, frames of a row common top and bottom ends.

use super::axis::{self, Domain};
use super::chart::{Figure, Legend, Panel};
use super::error::FigureError;
use super::geometry::{PagePoint, Rect};
use super::legend::{self, LegendBlock};
use super::style::{LABEL_TEXT_PT, TICK_PT, TICK_TEXT_PT};
use super::text::Text;
use super::ticks::{Ticks, ticks};

/// Margin of the page, and the space between panels.
const EDGE_PT: f64 = 3.0;
const GAP_PT: f64 = 9.0;
/// Space between ticks and their labels, and between those and the axis label.
pub(super) const PAD_PT: f64 = 2.5;
/// Smallest side of a frame.
const LEAST_PT: f64 = 24.0;
/// Iterations of the layout.
const ROUNDS: usize = 4;

/// A panel with its position on the page.
#[derive(Clone, Debug)]
pub(super) struct PlacedPanel {
    /// The rectangle spanned by the axes.
    pub frame: Rect,
    /// The frame with its margins.
    pub cell: Rect,
    /// The horizontal axis.
    pub x: Domain,
    /// The vertical axis.
    pub y: Domain,
    /// Ticks of the horizontal axis.
    pub x_ticks: Ticks,
    /// Ticks of the vertical axis.
    pub y_ticks: Ticks,
    /// The legend and its rectangle.
    pub legend: Option<(LegendBlock, Rect)>,
    /// The notes and their rectangle.
    pub notes: Option<(LegendBlock, Rect)>,
}

impl PlacedPanel {
    /// The point of the page at the values (x, y); `None` if a scale cannot show one of them.
    pub fn at(&self, x: f64, y: f64) -> Option<PagePoint> {
        let (tx, ty) = (self.x.position(x)?, self.y.position(y)?);
        Some((self.frame.left + tx * self.frame.width(), self.frame.bottom - ty * self.frame.height()))
    }
}

/// Distances from the frame to the cell.
#[derive(Clone, Copy, Default)]
struct Margins {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Lays out all panels.
///
/// # Errors
/// Texts without glyphs, impossible ranges, and pages too small.
pub(super) fn place(figure: &Figure) -> Result<Vec<PlacedPanel>, FigureError> {
    let (width, height) = (72.0 * figure.width_in, 72.0 * figure.height_in);
    let too_small = |side, left_pt| FigureError::TooSmall {
        width_in: figure.width_in,
        height_in: figure.height_in,
        side,
        left_pt,
        least_pt: LEAST_PT,
    };
    // The upper bound keeps canvas coordinates and pixel counts within the range of their integers.
    for (side, length) in [("width", width), ("height", height)] {
        if !(LEAST_PT..=72.0 * 200.0).contains(&length) {
            return Err(too_small(side, length));
        }
    }
    let columns = figure.columns.clamp(1, figure.panels.len().max(1));
    let rows = figure.panels.len().div_ceil(columns);
    let widths = TextWidths::default();
    let mut placed = Vec::new();
    for (index, panel) in figure.panels.iter().enumerate() {
        let (x, y) = axis::domains(index, panel)?;
        let frame = Rect { left: 0.0, top: 0.0, right: width / columns as f64, bottom: height / rows as f64 };
        let (legend, notes) = (legend::entries(panel)?, legend::notes(panel)?);
        let block = |block: Option<LegendBlock>| block.map(|block| (block, frame));
        let (x_ticks, y_ticks) = (Ticks::default(), Ticks::default());
        let (legend, notes) = (block(legend), block(notes));
        placed.push(PlacedPanel { frame, cell: frame, x, y, x_ticks, y_ticks, legend, notes });
    }
    for round in 0..ROUNDS {
        for (panel, at) in figure.panels.iter().zip(&mut placed) {
            equalise_units(panel, at);
            at.x_ticks = ticks(&at.x, at.frame.width(), &|label| widths.tick_label(label) + 0.9 * TICK_TEXT_PT);
            at.y_ticks = ticks(&at.y, at.frame.height(), &|_| 1.35 * TICK_TEXT_PT);
        }
        let margins: Vec<Margins> =
            figure.panels.iter().zip(&placed).map(|(panel, at)| margins(panel, at, &widths)).collect();
        let most = |members: &dyn Fn(usize) -> bool, side: &dyn Fn(&Margins) -> f64| {
            margins.iter().enumerate().filter(|(i, _)| members(*i)).map(|(_, m)| side(m)).fold(0.0, f64::max)
        };
        let column: Vec<(f64, f64)> = (0..columns)
            .map(|c| (most(&|i| i % columns == c, &|m| m.left), most(&|i| i % columns == c, &|m| m.right)))
            .collect();
        let row: Vec<(f64, f64)> = (0..rows)
            .map(|r| (most(&|i| i / columns == r, &|m| m.top), most(&|i| i / columns == r, &|m| m.bottom)))
            .collect();
        let free = |page: f64, margins: &[(f64, f64)]| {
            let taken: f64 = margins.iter().map(|(a, b)| a + b).sum();
            let count = margins.len() as f64;
            (page - 2.0 * EDGE_PT - GAP_PT * (count - 1.0) - taken) / count
        };
        let (wide, high) = (free(width, &column), free(height, &row));
        for (side, length) in [("width", wide), ("height", high)] {
            if length < LEAST_PT && !placed.is_empty() {
                return Err(too_small(side, length));
            }
        }
        let mut top = EDGE_PT;
        for (r, &(above, below)) in row.iter().enumerate() {
            let mut left = EDGE_PT;
            for (c, &(before, after)) in column.iter().enumerate() {
                let frame = Rect {
                    left: left + before,
                    top: top + above,
                    right: left + before + wide,
                    bottom: top + above + high,
                };
                if let Some(at) = placed.get_mut(r * columns + c) {
                    at.frame = frame;
                    at.cell = Rect { left, top, right: frame.right + after, bottom: frame.bottom + below };
                }
                left = frame.right + after + GAP_PT;
            }
            top += above + high + below + GAP_PT;
        }
        for (panel, at) in figure.panels.iter().zip(&mut placed) {
            equalise_units(panel, at);
            // The range is extended for the legend once only: it changes the ticks, which later iterations adjust.
            legend::place(panel, at, round == 1);
        }
    }
    Ok(placed)
}

/// Widths of tick labels, each measured once.
#[derive(Default)]
struct TextWidths(std::cell::RefCell<std::collections::BTreeMap<String, f64>>);

impl TextWidths {
    fn tick_label(&self, label: &str) -> f64 {
        *self.0.borrow_mut().entry(label.into()).or_insert_with(|| TICK_TEXT_PT * super::font::width(label))
    }
}

/// The margins of a panel from the extents of its texts.
fn margins(panel: &Panel, at: &PlacedPanel, widths: &TextWidths) -> Margins {
    let title = if panel.title.is_some() { 1.3 * LABEL_TEXT_PT } else { 0.0 };
    if panel.bare {
        return Margins { top: 2.0 + title, ..Margins::default() };
    }
    let widest = at.y_ticks.major.iter().map(|(_, label)| widths.tick_label(label)).fold(0.0, f64::max);
    // Lengths by which labels of the x axis extend beyond the frame on either side.
    let overhang = |(u, label): &(f64, String)| {
        let t = (u - at.x.low) / (at.x.high - at.x.low);
        let (half, width) = (widths.tick_label(label) / 2.0, at.frame.width());
        (half - t * width, half - (1.0 - t) * width)
    };
    let (before, after) =
        at.x_ticks.major.iter().map(overhang).fold((0.0f64, 0.0f64), |most, o| (most.0.max(o.0), most.1.max(o.1)));
    let label = |text: &str| if text.is_empty() { 0.0 } else { PAD_PT + 1.25 * LABEL_TEXT_PT };
    let row = if at.x_ticks.factor.is_some() { label("factor") } else { label(&panel.x.label) };
    let head = if at.y_ticks.factor.is_some() { 1.6 * TICK_TEXT_PT } else { 0.5 * TICK_TEXT_PT };
    let outside = match &at.legend {
        Some((block, _)) if panel.legend == Legend::OutsideRight => block.width + legend::INSET_PT,
        Some(_) | None => 0.0,
    };
    Margins {
        left: (TICK_PT + PAD_PT + widest + label(&panel.y.label)).max(before),
        right: after.max(outside).max(2.0),
        top: head + title,
        bottom: TICK_PT + PAD_PT + TICK_TEXT_PT + row,
    }
}

/// Makes units equal on both axes where the panel requires it: extends automatic ranges, otherwise shrinks the frame
/// about its centre.
fn equalise_units(panel: &Panel, at: &mut PlacedPanel) {
    if !panel.equal_aspect {
        return;
    }
    let unit_x = at.frame.width() / (at.x.high - at.x.low);
    let unit_y = at.frame.height() / (at.y.high - at.y.low);
    let (frame, ratio) = (&mut at.frame, unit_x / unit_y);
    if !(ratio.is_finite() && ratio > 0.0) {
        return;
    }
    if ratio > 1.0 && panel.x.range.is_none() {
        at.x.grow(ratio, 0.5);
    } else if ratio < 1.0 && panel.y.range.is_none() {
        at.y.grow(1.0 / ratio, 0.5);
    } else if ratio > 1.0 {
        let excess = frame.width() * (1.0 - 1.0 / ratio) / 2.0;
        (frame.left, frame.right) = (frame.left + excess, frame.right - excess);
    } else {
        let excess = frame.height() * (1.0 - ratio) / 2.0;
        (frame.top, frame.bottom) = (frame.top + excess, frame.bottom - excess);
    }
}

/// A label, and the largest font size up to `size_pt` at which it fits into `available_pt`.
pub(super) fn fitted(source: &str, size_pt: f64, available_pt: f64) -> Result<(Text, f64), FigureError> {
    let text = Text::new(source)?;
    let width = size_pt * text.width();
    let size = if width > available_pt { size_pt * available_pt / width } else { size_pt };
    Ok((text, size))
}
