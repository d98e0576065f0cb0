//! Drawing of panels that have been laid out: marks, axes, texts, legend.

use super::canvas::{Align, Canvas};
use super::chart::{Colour, Dash, Figure, Mark, Marker, Panel, Stroke};
use super::error::FigureError;
use super::font::CAPITAL;
use super::geometry::{PagePoint, Rect, connected_parts};
use super::layout::{title_left, x_label_end};
use super::legend::SAMPLE_PT;
use super::marks::{band_polygons, data_points, isolated, line_points};
use super::pen::Pen;
use super::placed::{Block, Layout, PlacedPanel};
use super::style::{
    AXIS_PT, ERROR_PT, FOREGROUND, LABEL_TEXT_PT, LINE_STEP_PT, MINOR_TICK_PT, PAD_PT, TICK_PT, TICK_TEXT_PT,
};
use super::text::Text;
use super::ticks::tick_label_width;

const BACKGROUND: Colour = Colour::Grey(0xFF);
/// Diameter of the dot of a single point of a line, relative to the width of the line.
const ISOLATED: f64 = 2.4;
/// Length below which a line is drawn as a dot.
const SHORTEST_PT: f64 = 0.1;
/// Most samples side by side in one entry of a legend.
const MOST_SAMPLES: usize = 4;

/// Draws a figure on a canvas.
pub(super) fn figure<C: Canvas>(canvas: &mut C, figure: &Figure, layout: &Layout) -> Result<(), FigureError> {
    let mut pen = Pen(canvas);
    let page = Rect { left: 0.0, top: 0.0, right: 72.0 * figure.width_in, bottom: 72.0 * figure.height_in };
    pen.rectangle(&page, BACKGROUND, 1.0)?;
    for (panel, at) in figure.panels.iter().zip(&layout.panels) {
        let is_background = |mark: &&Mark| matches!(mark, Mark::Band { .. } | Mark::Tiles { .. });
        let (below, above): (Vec<_>, Vec<_>) = panel.marks.iter().partition(is_background);
        for mark in below.into_iter().chain(above) {
            draw_mark(&mut pen, mark, at)?;
        }
        draw_axes(&mut pen, panel, at)?;
        let data = data_points(panel, at);
        for (block, rect) in [&at.reason, &at.legend, &at.notes].into_iter().flatten() {
            if data.iter().any(|&p| rect.contains(p, 1.0)) {
                pen.rectangle(rect, BACKGROUND, 0.8)?;
            }
            draw_block(&mut pen, figure, block, rect)?;
        }
    }
    if let Some((block, rect)) = &layout.legend {
        draw_block(&mut pen, figure, block, rect)?;
    }
    layout.bar.iter().try_for_each(|bar| bar.draw(&mut pen, figure))
}

fn draw_mark<C: Canvas>(pen: &mut Pen<C>, mark: &Mark, at: &PlacedPanel) -> Result<(), FigureError> {
    let frame = &at.frame;
    match mark {
        Mark::Line { x, y, stroke, .. } => {
            let line = line_points(at, x, y);
            let mut single: Vec<PagePoint> = isolated(&line);
            for part in connected_parts(&line, frame) {
                // A part whose points are all equal has no length.
                let length: f64 = part.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
                if length < SHORTEST_PT {
                    single.extend(part.first());
                } else {
                    draw_line(pen, part, stroke)?;
                }
            }
            for point in single.into_iter().filter(|&p| frame.contains(p, 0.01)) {
                pen.disc(point, ISOLATED * stroke.width_pt, stroke.colour, 1.0)?;
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
            for polygon in band_polygons(at, x, low, high) {
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
fn draw_tiles<C: Canvas>(
    pen: &mut Pen<C>,
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

fn distance(a: PagePoint, b: PagePoint) -> f64 {
    (b.0 - a.0).hypot(b.1 - a.1)
}

fn draw_line<C: Canvas>(pen: &mut Pen<C>, line: Vec<PagePoint>, stroke: &Stroke) -> Result<(), FigureError> {
    pen.line(line, stroke.colour, stroke.dash, stroke.width_pt)
}

/// Draws an error bar. An end in the frame has a cap; where the bar leaves the frame, also because a logarithmic axis
/// cannot show its end, an arrow head.
fn error_bar<C: Canvas>(
    pen: &mut Pen<C>,
    at: &PlacedPanel,
    centre: PagePoint,
    x: f64,
    (low, high): (f64, f64),
    colour: Colour,
) -> Result<(), FigureError> {
    const CAP_PT: f64 = 1.8;
    for tip in [low, high].into_iter().filter_map(|end| at.end_at(x, end)) {
        let Some((_, b)) = at.frame.clip(centre, tip) else { continue };
        pen.segment(centre, b, colour, ERROR_PT)?;
        if at.frame.contains(tip, 1e-9) {
            pen.segment((b.0 - CAP_PT, b.1), (b.0 + CAP_PT, b.1), colour, ERROR_PT)?;
        } else {
            let back = if tip.1 > centre.1 { -1.5 * CAP_PT } else { 1.5 * CAP_PT };
            let head = vec![(b.0 - CAP_PT, b.1 + back), b, (b.0 + CAP_PT, b.1 + back)];
            pen.line(head, colour, Dash::Solid, ERROR_PT)?;
        }
    }
    Ok(())
}

fn draw_marker<C: Canvas>(
    pen: &mut Pen<C>,
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
        Marker::Ring => return pen.ring(centre, size_pt, colour, ERROR_PT),
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

fn draw_axes<C: Canvas>(pen: &mut Pen<C>, panel: &Panel, at: &PlacedPanel) -> Result<(), FigureError> {
    let Rect { left, top, right, bottom } = at.frame;
    if panel.bare {
        return draw_title(pen, at);
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
    let widest = at.y_ticks.major.iter().map(|(_, label)| tick_label_width(label)).fold(0.0, f64::max);
    for (u, label) in &at.y_ticks.major {
        let text = Text::new(label)?;
        pen.segment((left, y_at(*u)), (left - TICK_PT, y_at(*u)), FOREGROUND, AXIS_PT)?;
        pen.text(&text, TICK_TEXT_PT, (left - tick, y_at(*u) + half), Align::End, false, FOREGROUND)?;
    }

    let row = row + 0.25 * TICK_TEXT_PT + PAD_PT + 0.9 * LABEL_TEXT_PT;
    if let Some(factor) = &at.x_ticks.factor {
        pen.text(&Text::new(factor)?, TICK_TEXT_PT, (right, row), Align::End, false, FOREGROUND)?;
    }
    if let Some(factor) = &at.y_ticks.factor {
        pen.text(&Text::new(factor)?, TICK_TEXT_PT, (left, top - 0.8 * TICK_TEXT_PT), Align::Start, false, FOREGROUND)?;
    }
    for (i, text) in at.x_label.iter().enumerate() {
        let middle = centred(left, right, at.cell.left, x_label_end(at), LABEL_TEXT_PT * text.width());
        let place = (middle, row + LINE_STEP_PT * i as f64);
        pen.text(text, LABEL_TEXT_PT, place, Align::Middle, false, FOREGROUND)?;
    }
    let column = left - tick - widest - PAD_PT - 0.25 * LABEL_TEXT_PT;
    for (i, text) in at.y_label.iter().rev().enumerate() {
        let middle = centred(top, bottom, at.cell.top, at.cell.bottom, LABEL_TEXT_PT * text.width());
        let place = (column - LINE_STEP_PT * i as f64, middle);
        pen.text(text, LABEL_TEXT_PT, place, Align::Middle, true, FOREGROUND)?;
    }
    draw_title(pen, at)
}

/// Draws the letter at the upper left corner of a cell, and the title after it: their first lines are at one height in a row
/// of panels.
fn draw_title<C: Canvas>(pen: &mut Pen<C>, at: &PlacedPanel) -> Result<(), FigureError> {
    let row = at.cell.top + LABEL_TEXT_PT;
    if let Some(letter) = &at.letter {
        pen.text(letter, LABEL_TEXT_PT, (at.cell.left, row), Align::Start, false, FOREGROUND)?;
    }
    let first = usize::from(at.letter_above && at.letter.is_some());
    for (i, text) in at.title.iter().enumerate() {
        let place = (title_left(at), row + LINE_STEP_PT * (first + i) as f64);
        pen.text(text, LABEL_TEXT_PT, place, Align::Start, false, FOREGROUND)?;
    }
    Ok(())
}

/// The middle of (a, b), moved as little as necessary to keep a text of `width` between `least` and `most`.
fn centred(a: f64, b: f64, least: f64, most: f64, width: f64) -> f64 {
    ((a + b) / 2.0).min(most - width / 2.0).max(least + width / 2.0)
}

fn draw_block<C: Canvas>(pen: &mut Pen<C>, figure: &Figure, block: &Block, rect: &Rect) -> Result<(), FigureError> {
    for line in &block.lines {
        let middle = rect.top + line.middle;
        let marks: Vec<&Mark> = line.marks.iter().map(|&(panel, mark)| &figure.panels[panel].marks[mark]).collect();
        draw_samples(pen, &marks, rect.left + line.left, middle)?;
        let place = (rect.left + line.text_left, middle + CAPITAL * block.size_pt / 2.0);
        pen.text(&line.text, block.size_pt, place, Align::Start, false, FOREGROUND)?;
    }
    Ok(())
}

/// Draws the sample of an entry of a legend: marks of different kinds over each other, such as a line and its points,
/// and those of one kind that differ in colour side by side.
fn draw_samples<C: Canvas>(pen: &mut Pen<C>, marks: &[&Mark], left: f64, middle: f64) -> Result<(), FigureError> {
    let mut kinds: Vec<Vec<&Mark>> = Vec::new();
    for &mark in marks {
        match kinds.iter_mut().find(|kind| std::mem::discriminant(kind[0]) == std::mem::discriminant(mark)) {
            Some(kind) if kind.iter().any(|known| known.colour() == mark.colour()) => {}
            Some(kind) => kind.push(mark),
            None => kinds.push(vec![mark]),
        }
    }
    for kind in kinds {
        // No more than fit beside each other.
        let widest = kind.iter().map(|mark| sample_width(mark)).fold(0.0, f64::max);
        let fitting = if widest > 0.0 { (SAMPLE_PT / widest) as usize } else { MOST_SAMPLES };
        let count = kind.len().min(fitting.clamp(1, MOST_SAMPLES));
        let width = SAMPLE_PT / count as f64;
        for i in 0..count {
            // Of more marks than samples, the first, the last and some between are shown.
            let mark = kind[if count > 1 { i * (kind.len() - 1) / (count - 1) } else { 0 }];
            let start = left + width * i as f64;
            draw_sample(pen, mark, (start, start + width), middle)?;
        }
    }
    Ok(())
}

/// Width that the sample of a mark needs in a legend; 0 for one that is as wide as its place.
fn sample_width(mark: &Mark) -> f64 {
    match mark {
        Mark::Points { size_pt, filled, .. } => size_pt + if *filled { 0.0 } else { ERROR_PT },
        Mark::Line { .. }
        | Mark::Band { .. }
        | Mark::Cloud { .. }
        | Mark::Tiles { .. }
        | Mark::HorizontalLine { .. }
        | Mark::VerticalLine { .. } => 0.0,
    }
}

/// Draws the sample of a mark in a legend.
fn draw_sample<C: Canvas>(
    pen: &mut Pen<C>,
    mark: &Mark,
    (left, right): (f64, f64),
    middle: f64,
) -> Result<(), FigureError> {
    let centre = ((left + right) / 2.0, middle);
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
                    let at = |i: usize| left + (right - left) * i as f64 / 4.0;
                    let rect = Rect { left: at(i), top: middle - 3.0, right: at(i + 1), bottom: middle + 3.0 };
                    pen.rectangle(&rect, Colour::Heat((i + 1) as f64 / 4.0), 1.0)?;
                }
                Ok(())
            }
            Some(&colour) => pen.rectangle(&Rect { left, top: middle - 3.0, right, bottom: middle + 3.0 }, colour, 1.0),
            None => Ok(()),
        },
        Mark::Cloud { colour, size_pt, .. } => {
            for (dx, dy) in [(-0.25, 1.2), (-0.08, -1.6), (0.07, 1.5), (0.24, -0.9)] {
                pen.disc((centre.0 + dx * (right - left), middle + dy), size_pt.max(1.6), *colour, 0.9)?;
            }
            Ok(())
        }
    }
}
