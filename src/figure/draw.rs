//! Drawing of panels that have been laid out: marks, axes, texts, legend.

use super::chart::{Colour, Dash, Figure, Mark, Marker, Panel, Scale, Stroke};
use super::error::FigureError;
use super::font::CAPITAL;
use super::geometry::{PagePoint, Rect, connected_parts};
use super::layout::{PAD_PT, PlacedPanel, fitted};
use super::legend::{self, LEADING, LegendBlock, SAMPLE_GAP_PT, SAMPLE_PT};
use super::pen::{Align, Pen};
use super::style::{AXIS_PT, ERROR_PT, LABEL_TEXT_PT, MINOR_TICK_PT, TICK_PT, TICK_TEXT_PT};
use super::text::Text;
use plotters::backend::DrawingBackend;

/// Colour of axes and texts.
const FOREGROUND: Colour = Colour::Grey(0x1A);
const BACKGROUND: Colour = Colour::Grey(0xFF);

/// Draws a figure on a canvas of [`super::pen::UNITS`] units per point.
pub(super) fn figure<B: DrawingBackend>(
    backend: &mut B,
    figure: &Figure,
    placed: &[PlacedPanel],
) -> Result<(), FigureError> {
    let mut pen = Pen(backend);
    let page = Rect { left: 0.0, top: 0.0, right: 72.0 * figure.width_in, bottom: 72.0 * figure.height_in };
    pen.rectangle(&page, BACKGROUND, 1.0)?;
    for (panel, at) in figure.panels.iter().zip(placed) {
        let is_background = |mark: &&Mark| matches!(mark, Mark::Band { .. } | Mark::Tiles { .. });
        let (below, above): (Vec<_>, Vec<_>) = panel.marks.iter().partition(is_background);
        for mark in below.into_iter().chain(above) {
            draw_mark(&mut pen, mark, at)?;
        }
        draw_axes(&mut pen, panel, at)?;
        let data = legend::data_points(panel, at);
        for block in [&at.legend, &at.notes].into_iter().flatten() {
            draw_block(&mut pen, panel, block, &data)?;
        }
        if data.is_empty() {
            let centre = ((at.frame.left + at.frame.right) / 2.0, (at.frame.top + at.frame.bottom) / 2.0);
            pen.text(&Text::new("no data")?, TICK_TEXT_PT, centre, Align::Middle, false, Colour::Grey(0x70))?;
        }
    }
    Ok(())
}

fn draw_mark<B: DrawingBackend>(pen: &mut Pen<B>, mark: &Mark, at: &PlacedPanel) -> Result<(), FigureError> {
    let frame = &at.frame;
    match mark {
        Mark::Line { x, y, stroke, .. } => {
            let line: Vec<_> = x.iter().zip(y).map(|(&x, &y)| at.at(x, y)).collect();
            for part in connected_parts(&line, frame) {
                draw_line(pen, part, stroke)?;
            }
        }
        Mark::Points { x, y, error, marker: shape, colour, filled, size_pt, .. } => {
            for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
                let Some(centre) = at.at(x, y).filter(|&p| frame.contains(p, 0.01)) else { continue };
                if let Some(&(low, high)) = error.as_ref().and_then(|ends| ends.get(i)) {
                    error_bar(pen, at, centre, x, (low, high), *colour)?;
                }
                draw_marker(pen, *shape, centre, *size_pt, *colour, *filled)?;
            }
        }
        Mark::Band { x, low, high, colour, opacity, .. } => {
            for polygon in legend::band_polygons(at, x, low, high) {
                pen.polygon(&frame.clip_polygon(&polygon), *colour, *opacity)?;
            }
        }
        Mark::Cloud { x, y, colour, size_pt, opacity, .. } => {
            for centre in x.iter().zip(y).filter_map(|(&x, &y)| at.at(x, y)).filter(|&p| frame.contains(p, 0.01)) {
                pen.disc(centre, *size_pt, *colour, *opacity)?;
            }
        }
        Mark::Tiles { x, y, colours, .. } => draw_tiles(pen, at, x, y, colours)?,
        Mark::HorizontalLine { y, stroke, .. } => {
            if let Some(t) = at.y.position(*y).filter(|t| (0.0..=1.0).contains(t)) {
                let height = frame.bottom - t * frame.height();
                draw_line(pen, vec![(frame.left, height), (frame.right, height)], stroke)?;
            }
        }
        Mark::VerticalLine { x, stroke, .. } => {
            if let Some(t) = at.x.position(*x).filter(|t| (0.0..=1.0).contains(t)) {
                let place = frame.left + t * frame.width();
                draw_line(pen, vec![(place, frame.bottom), (place, frame.top)], stroke)?;
            }
        }
    }
    Ok(())
}

/// Draws tiles, neighbours of equal colour in a row as one rectangle. Each overlaps the next, which is drawn after it:
/// between rectangles that only touch, antialiasing leaves visible lines.
fn draw_tiles<B: DrawingBackend>(
    pen: &mut Pen<B>,
    at: &PlacedPanel,
    x: &[f64],
    y: &[f64],
    colours: &[Colour],
) -> Result<(), FigureError> {
    const OVERLAP_PT: f64 = 0.3;
    let columns = x.len().saturating_sub(1);
    // From the top row to the bottom row, so that the lower row is drawn over the overlap.
    for row in (0..y.len().saturating_sub(1)).rev() {
        let mut first = 0;
        while first < columns {
            let colour = colours[row * columns + first];
            let run = (first..columns).take_while(|&i| colours[row * columns + i] == colour).count();
            if let Some((a, b)) = at.at(x[first], y[row + 1]).zip(at.at(x[first + run], y[row])) {
                let overlapping = |end: f64, most: f64| if end < most - 0.01 { end + OVERLAP_PT } else { most };
                let rect = Rect {
                    left: a.0.max(at.frame.left),
                    top: a.1.max(at.frame.top),
                    right: overlapping(b.0, at.frame.right),
                    bottom: overlapping(b.1, at.frame.bottom),
                };
                pen.rectangle(&rect, colour, 1.0)?;
            }
            first += run;
        }
    }
    Ok(())
}

fn draw_line<B: DrawingBackend>(pen: &mut Pen<B>, line: Vec<PagePoint>, stroke: &Stroke) -> Result<(), FigureError> {
    pen.line(line, stroke.colour, stroke.dash, stroke.width_pt)
}

/// Draws an error bar; where a logarithmic axis cannot show an end, it extends to the frame without a cap.
fn error_bar<B: DrawingBackend>(
    pen: &mut Pen<B>,
    at: &PlacedPanel,
    centre: PagePoint,
    x: f64,
    (low, high): (f64, f64),
    colour: Colour,
) -> Result<(), FigureError> {
    const CAP_PT: f64 = 1.8;
    for end in [low, high] {
        let logarithmic = at.y.scale != Scale::Linear;
        let below_frame = (logarithmic && end <= 0.0).then_some((centre.0, at.frame.bottom + 1.0));
        let Some(tip) = at.at(x, end).or(below_frame) else { continue };
        if let Some((_, b)) = at.frame.clip(centre, tip) {
            pen.segment(centre, b, colour, ERROR_PT)?;
            if b == tip || at.frame.contains(tip, 1e-9) {
                pen.segment((b.0 - CAP_PT, b.1), (b.0 + CAP_PT, b.1), colour, ERROR_PT)?;
            }
        }
    }
    Ok(())
}

fn draw_marker<B: DrawingBackend>(
    pen: &mut Pen<B>,
    shape: Marker,
    centre: PagePoint,
    size_pt: f64,
    colour: Colour,
    filled: bool,
) -> Result<(), FigureError> {
    let r = size_pt / 2.0;
    let around = |offsets: &[PagePoint]| -> Vec<PagePoint> {
        offsets.iter().map(|&(dx, dy)| (centre.0 + r * dx, centre.1 + r * dy)).collect()
    };
    let corners = match shape {
        Marker::Circle => {
            pen.disc(centre, size_pt, if filled { colour } else { BACKGROUND }, 1.0)?;
            return if filled { Ok(()) } else { pen.ring(centre, size_pt, colour, ERROR_PT) };
        }
        Marker::Cross => {
            for arm in [[(-0.9, -0.9), (0.9, 0.9)], [(-0.9, 0.9), (0.9, -0.9)]] {
                let ends = around(&arm);
                pen.segment(ends[0], ends[1], colour, 1.25 * ERROR_PT)?;
            }
            return Ok(());
        }
        // Sizes are chosen for equal area.
        Marker::Square => around(&[(-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)]),
        Marker::Triangle => around(&[(0.0, -1.35), (1.17, 0.68), (-1.17, 0.68)]),
        Marker::Diamond => around(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
    };
    pen.polygon(&corners, if filled { colour } else { BACKGROUND }, 1.0)?;
    if !filled {
        // One side is repeated, so that the last corner is joined like the others.
        let outline = corners.iter().chain(&corners[..2]).copied();
        let points: Vec<PagePoint> = outline.collect();
        pen.line(points, colour, Dash::Solid, ERROR_PT)?;
    }
    Ok(())
}

fn draw_axes<B: DrawingBackend>(pen: &mut Pen<B>, panel: &Panel, at: &PlacedPanel) -> Result<(), FigureError> {
    let Rect { left, top, right, bottom } = at.frame;
    if panel.bare {
        return draw_title(pen, panel, at);
    }
    pen.line(vec![(left, top), (left, bottom), (right, bottom)], FOREGROUND, Dash::Solid, AXIS_PT)?;
    let (half, tick) = (CAPITAL * TICK_TEXT_PT / 2.0, TICK_PT + PAD_PT);
    let x_at = |u: f64| left + (u - at.x.low) / (at.x.high - at.x.low) * at.frame.width();
    let y_at = |u: f64| bottom - (u - at.y.low) / (at.y.high - at.y.low) * at.frame.height();
    for &u in &at.x_ticks.minor {
        pen.segment((x_at(u), bottom), (x_at(u), bottom + MINOR_TICK_PT), FOREGROUND, 0.75 * AXIS_PT)?;
    }
    for &u in &at.y_ticks.minor {
        pen.segment((left, y_at(u)), (left - MINOR_TICK_PT, y_at(u)), FOREGROUND, 0.75 * AXIS_PT)?;
    }
    let row = bottom + tick + 0.78 * TICK_TEXT_PT;
    for (u, label) in &at.x_ticks.major {
        pen.segment((x_at(*u), bottom), (x_at(*u), bottom + TICK_PT), FOREGROUND, AXIS_PT)?;
        pen.text(&Text::new(label)?, TICK_TEXT_PT, (x_at(*u), row), Align::Middle, false, FOREGROUND)?;
    }
    let mut widest = 0.0f64;
    for (u, label) in &at.y_ticks.major {
        let text = Text::new(label)?;
        widest = widest.max(TICK_TEXT_PT * text.width());
        pen.segment((left, y_at(*u)), (left - TICK_PT, y_at(*u)), FOREGROUND, AXIS_PT)?;
        pen.text(&text, TICK_TEXT_PT, (left - tick, y_at(*u) + half), Align::End, false, FOREGROUND)?;
    }

    let mut end = at.cell.right;
    let row = row + 0.25 * TICK_TEXT_PT + PAD_PT + 0.9 * LABEL_TEXT_PT;
    if let Some(factor) = &at.x_ticks.factor {
        let text = Text::new(factor)?;
        pen.text(&text, TICK_TEXT_PT, (right, row), Align::End, false, FOREGROUND)?;
        end = right - TICK_TEXT_PT * text.width() - 4.0;
    }
    if let Some(factor) = &at.y_ticks.factor {
        pen.text(&Text::new(factor)?, TICK_TEXT_PT, (left, top - 0.8 * TICK_TEXT_PT), Align::Start, false, FOREGROUND)?;
    }
    let (text, size) = fitted(&panel.x.label, LABEL_TEXT_PT, end - at.cell.left)?;
    let middle = centred(left, right, at.cell.left, end, size * text.width());
    pen.text(&text, size, (middle, row), Align::Middle, false, FOREGROUND)?;

    let (text, size) = fitted(&panel.y.label, LABEL_TEXT_PT, at.cell.bottom - at.cell.top)?;
    let middle = centred(top, bottom, at.cell.top, at.cell.bottom, size * text.width());
    pen.text(
        &text,
        size,
        (left - tick - widest - PAD_PT - 0.25 * LABEL_TEXT_PT, middle),
        Align::Middle,
        true,
        FOREGROUND,
    )?;

    draw_title(pen, panel, at)
}

/// Draws the title above a frame, at its left edge.
fn draw_title<B: DrawingBackend>(pen: &mut Pen<B>, panel: &Panel, at: &PlacedPanel) -> Result<(), FigureError> {
    let Rect { left, top, .. } = at.frame;
    if let Some(title) = &panel.title {
        let (text, size) = fitted(title, LABEL_TEXT_PT, at.cell.right - left)?;
        let shown = at.y_ticks.factor.is_some() && !panel.bare;
        let row = if shown { 1.9 * TICK_TEXT_PT } else { 0.9 * TICK_TEXT_PT };
        pen.text(&text, size, (left, top - row), Align::Start, false, FOREGROUND)?;
    }
    Ok(())
}

/// The middle of (a, b), moved as little as necessary to keep a text of `width` between `least` and `most`.
fn centred(a: f64, b: f64, least: f64, most: f64, width: f64) -> f64 {
    ((a + b) / 2.0).min(most - width / 2.0).max(least + width / 2.0)
}

fn draw_block<B: DrawingBackend>(
    pen: &mut Pen<B>,
    panel: &Panel,
    (block, rect): &(LegendBlock, Rect),
    data: &[PagePoint],
) -> Result<(), FigureError> {
    if data.iter().any(|&p| rect.contains(p, 1.0)) {
        pen.rectangle(rect, BACKGROUND, 0.8)?;
    }
    for (i, (text, marks)) in block.lines.iter().enumerate() {
        let middle = rect.top + LEADING * block.size_pt * (i as f64 + 0.5);
        let mut left = rect.left;
        for &mark in marks {
            draw_sample(pen, &panel.marks[mark], left, middle)?;
        }
        if !marks.is_empty() {
            left += SAMPLE_PT + SAMPLE_GAP_PT;
        }
        pen.text(text, block.size_pt, (left, middle + CAPITAL * block.size_pt / 2.0), Align::Start, false, FOREGROUND)?;
    }
    Ok(())
}

/// Draws the sample of a mark in a legend.
fn draw_sample<B: DrawingBackend>(pen: &mut Pen<B>, mark: &Mark, left: f64, middle: f64) -> Result<(), FigureError> {
    let (right, centre) = (left + SAMPLE_PT, (left + SAMPLE_PT / 2.0, middle));
    match mark {
        Mark::Line { stroke, .. } | Mark::HorizontalLine { stroke, .. } | Mark::VerticalLine { stroke, .. } => {
            draw_line(pen, vec![(left, middle), (right, middle)], stroke)
        }
        Mark::Points { marker: shape, colour, filled, size_pt, error, .. } => {
            if error.is_some() {
                pen.segment((centre.0, middle - 3.6), (centre.0, middle + 3.6), *colour, ERROR_PT)?;
            }
            draw_marker(pen, *shape, centre, *size_pt, *colour, *filled)
        }
        Mark::Band { colour, opacity, .. } => {
            pen.rectangle(&Rect { left, top: middle - 3.0, right, bottom: middle + 3.0 }, *colour, *opacity)
        }
        Mark::Tiles { colours, .. } => match colours.first() {
            Some(Colour::Heat(_)) => {
                for i in 0..4 {
                    let at = |i: usize| left + SAMPLE_PT * i as f64 / 4.0;
                    let rect = Rect { left: at(i), top: middle - 3.0, right: at(i + 1), bottom: middle + 3.0 };
                    pen.rectangle(&rect, Colour::Heat((i + 1) as f64 / 4.0), 1.0)?;
                }
                Ok(())
            }
            Some(&colour) => pen.rectangle(&Rect { left, top: middle - 3.0, right, bottom: middle + 3.0 }, colour, 1.0),
            None => Ok(()),
        },
        Mark::Cloud { colour, size_pt, .. } => {
            for (dx, dy) in [(-4.5, 1.2), (-1.5, -1.6), (1.2, 1.5), (4.3, -0.9)] {
                pen.disc((centre.0 + dx, middle + dy), size_pt.max(1.6), *colour, 0.9)?;
            }
            Ok(())
        }
    }
}
