//! The layout of the page, in points: a frame for every panel, with margins from the measured extents of its texts.
//!
//! Ticks and the lines of texts depend on the size of a frame, and its size depends on them; a few iterations determine
//! both. The number of lines never decreases, so that the iterations end. Frames of a column have common left and right
//! ends, frames of a row common top and bottom ends.

use super::axis;
use super::bar::PlacedBar;
use super::chart::{Figure, Panel};
use super::error::FigureError;
use super::geometry::Rect;
use super::legend::{self, Remedy};
use super::letters::letter;
use super::placed::{Layout, PlacedPanel};
use super::style::{LABEL_TEXT_PT, LINE_STEP_PT, PAD_PT, TICK_PT, TICK_TEXT_PT};
use super::text::Text;
use super::ticks::{Ticks, tick_label_width, ticks};

/// Margin of the page, and the space between panels.
const EDGE_PT: f64 = 3.0;
const GAP_PT: f64 = 9.0;
/// Extent of the characters of titles and axis labels above and below the baseline.
const LINE_EXTENT_PT: f64 = 1.25 * LABEL_TEXT_PT;
/// Space between the letter of a panel and its title.
const LETTER_GAP_PT: f64 = 5.0;
/// Smallest side of a frame.
const LEAST_PT: f64 = 24.0;
/// Most lines of a title or of an axis label.
const MOST_LINES: usize = 2;
/// Iterations of the layout, and the first one that may extend ranges for the legends.
const ROUNDS: usize = 6;
const GROWING_ROUND: usize = 1;

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
pub(super) fn place(figure: &Figure) -> Result<Layout, FigureError> {
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
    let mut placed = Vec::new();
    for (index, panel) in figure.panels.iter().enumerate() {
        let (x, y) = axis::domains(index, panel)?;
        let frame = Rect { left: 0.0, top: 0.0, right: width / columns as f64, bottom: height / rows as f64 };
        placed.push(PlacedPanel {
            frame,
            cell: frame,
            x,
            y,
            x_ticks: Ticks::default(),
            y_ticks: Ticks::default(),
            letter: letter(index, figure.panels.len()).map(|letter| Text::new(&letter)).transpose()?,
            letter_above: panel.bare,
            title: Vec::new(),
            x_label: Vec::new(),
            y_label: Vec::new(),
            legend: None,
            notes: None,
            reason: None,
            legend_outside: false,
        });
    }
    let mut reserved = vec![Lines::default(); placed.len()];
    let (mut shared, mut bar, mut span) = (None, None, (EDGE_PT, height - EDGE_PT));
    for round in 0..ROUNDS {
        for (panel, at) in figure.panels.iter().zip(&mut placed) {
            equalise_units(panel, at);
            at.x_ticks = ticks(&at.x, at.frame.width(), &|label| tick_label_width(label) + 0.9 * TICK_TEXT_PT);
            at.y_ticks = ticks(&at.y, at.frame.height(), &|_| 1.35 * TICK_TEXT_PT);
        }
        for (index, panel) in figure.panels.iter().enumerate() {
            legend::blocks(figure, index, &mut placed)?;
            wrap(panel, &mut placed[index], MOST_LINES)?;
            reserved[index].include(&placed[index]);
        }
        shared = legend::shared(figure, &placed, width - 2.0 * EDGE_PT)?;
        let below = shared.as_ref().map_or(0.0, |(block, _)| GAP_PT + block.height);
        bar = figure.colour_bar.as_ref().map(|bar| PlacedBar::new(bar, span, width - EDGE_PT)).transpose()?;
        let beside = bar.as_ref().map_or(0.0, PlacedBar::width);
        let margins: Vec<Margins> = figure
            .panels
            .iter()
            .zip(&placed)
            .zip(&reserved)
            .map(|((panel, at), lines)| margins(panel, at, lines))
            .collect();
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
        let (wide, high) = (free(width - beside, &column), free(height - below, &row));
        for (side, length) in [("width", wide), ("height", high)] {
            if length < LEAST_PT && !placed.is_empty() {
                return Err(too_small(side, length));
            }
        }
        let mut top = EDGE_PT;
        for (r, &(above, under)) in row.iter().enumerate() {
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
                    at.cell = Rect { left, top, right: frame.right + after, bottom: frame.bottom + under };
                }
                left = frame.right + after + GAP_PT;
            }
            top += above + high + under + GAP_PT;
        }
        let frames = || placed.iter().map(|at| at.frame);
        if let (Some((block, rect)), Some(first)) = (&mut shared, frames().next()) {
            // Below the first frame, or further to the left where that is too narrow.
            let left = first.left.min(width - EDGE_PT - block.width).max(EDGE_PT);
            let upper = height - EDGE_PT - block.height;
            *rect = Rect { left, top: upper, right: left + block.width, bottom: upper + block.height };
        }
        if let Some((first, last)) = frames().next().zip(frames().next_back()) {
            span = (first.top, last.bottom);
        }
        for (panel, at) in figure.panels.iter().zip(&mut placed) {
            equalise_units(panel, at);
            // The range is extended for the legend once only: it changes the ticks, which later iterations adjust.
            let remedy = match round {
                ..GROWING_ROUND => Remedy::None,
                GROWING_ROUND => Remedy::Range,
                _ => Remedy::Outside,
            };
            legend::place(panel, at, remedy);
        }
    }
    for ((panel, at), lines) in figure.panels.iter().zip(&mut placed).zip(&reserved) {
        wrap_to(panel, at, lines)?;
    }
    if let Some(colours) = &figure.colour_bar {
        bar = Some(PlacedBar::new(colours, span, width - EDGE_PT)?);
    }
    Ok(Layout { panels: placed, legend: shared, bar })
}

/// Numbers of lines for which a panel has space.
#[derive(Clone, Copy, Default)]
struct Lines {
    title: usize,
    x: usize,
    y: usize,
}

impl Lines {
    /// Includes the lines that a panel has now.
    fn include(&mut self, at: &PlacedPanel) {
        self.title = self.title.max(at.title.len());
        self.x = self.x.max(at.x_label.len());
        self.y = self.y.max(at.y_label.len());
    }
}

/// Divides the title and the labels of the axes into lines that fit, of which each has at most `most`.
fn wrap(panel: &Panel, at: &mut PlacedPanel, most: usize) -> Result<(), FigureError> {
    wrap_to(panel, at, &Lines { title: most, x: most, y: most })
}

fn wrap_to(panel: &Panel, at: &mut PlacedPanel, most: &Lines) -> Result<(), FigureError> {
    let lines = |text: &str, available: f64, most: usize| Text::wrapped(text, available / LABEL_TEXT_PT, most);
    at.title = lines(panel.title.as_deref().unwrap_or_default(), at.cell.right - title_left(at), most.title)?;
    if !panel.bare {
        at.x_label = lines(&panel.x.label, x_label_end(at) - at.cell.left, most.x)?;
        at.y_label = lines(&panel.y.label, at.frame.height(), most.y)?;
    }
    Ok(())
}

/// The left end of the title: after the letter, or that of the frame where it is in a line of its own.
pub(super) fn title_left(at: &PlacedPanel) -> f64 {
    match &at.letter {
        Some(letter) if !at.letter_above => at.cell.left + LABEL_TEXT_PT * letter.width() + LETTER_GAP_PT,
        _ => at.frame.left,
    }
}

/// The right end of the space of the label of the horizontal axis, which ends before the factor of its ticks.
pub(super) fn x_label_end(at: &PlacedPanel) -> f64 {
    let before = |factor: &String| at.frame.right - tick_label_width(factor) - 4.0;
    at.x_ticks.factor.as_ref().map_or(at.cell.right, before)
}

/// The margins of a panel from the extents of its texts.
fn margins(panel: &Panel, at: &PlacedPanel, lines: &Lines) -> Margins {
    let outside =
        at.legend.as_ref().filter(|_| at.legend_outside).map_or(0.0, |(legend, _)| legend::INSET_PT + legend.height);
    let letter = usize::from(at.letter.is_some());
    let titled = if at.letter_above { lines.title + letter } else { lines.title.max(letter) };
    let title = if titled > 0 { 1.3 * LABEL_TEXT_PT + LINE_STEP_PT * (titled - 1) as f64 } else { 0.0 };
    if panel.bare {
        return Margins { top: 2.0 + title, bottom: outside, ..Margins::default() };
    }
    let widest = at.y_ticks.major.iter().map(|(_, label)| tick_label_width(label)).fold(0.0, f64::max);
    // Lengths by which labels of the x axis extend beyond the frame on either side.
    let overhang = |(u, label): &(f64, String)| {
        let t = (u - at.x.low) / (at.x.high - at.x.low);
        let (half, width) = (tick_label_width(label) / 2.0, at.frame.width());
        (half - t * width, half - (1.0 - t) * width)
    };
    let (before, after) =
        at.x_ticks.major.iter().map(overhang).fold((0.0f64, 0.0f64), |most, o| (most.0.max(o.0), most.1.max(o.1)));
    let label = |lines: usize| match lines {
        0 => 0.0,
        lines => PAD_PT + LINE_EXTENT_PT + LINE_STEP_PT * (lines - 1) as f64,
    };
    let row = label(lines.x.max(usize::from(at.x_ticks.factor.is_some())));
    let head = if at.y_ticks.factor.is_some() { 1.6 * TICK_TEXT_PT } else { 0.5 * TICK_TEXT_PT };
    Margins {
        left: (TICK_PT + PAD_PT + widest + label(lines.y)).max(before),
        right: after.max(2.0),
        top: head + title,
        bottom: TICK_PT + PAD_PT + TICK_TEXT_PT + row + outside,
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
