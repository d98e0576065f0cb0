//! Legend, notes and the reason of an empty panel: their lines, and the position where they cover the least data.

use super::chart::{Corner, Figure, Legend, Panel};
use super::error::FigureError;
use super::geometry::{PagePoint, Rect};
use super::marks::{data_points, reason, shows_data, visible};
use super::placed::{Block, BlockLine, MarkIndex, PlacedPanel};
use super::style::{NOTE_TEXT_PT, TICK_TEXT_PT};
use super::text::Text;

/// Distance from the frame.
pub(super) const INSET_PT: f64 = 4.0;
/// Length of a sample, and the space after it.
pub(super) const SAMPLE_PT: f64 = 18.0;
const SAMPLE_GAP_PT: f64 = 4.0;
/// Line spacing relative to the font size.
const LEADING: f64 = 1.3;
/// Space between the columns of a legend.
const COLUMN_GAP_PT: f64 = 8.0;
/// Least distance between data and text.
const CLEARANCE_PT: f64 = 1.5;
/// Largest extension of an automatic y range for the legend, as a factor.
const MAX_GROWTH: f64 = 1.8;
/// Largest share of the data that a legend in the frame may cover.
const MOST_COVERED: f64 = 0.05;
/// Largest width of a legend beside its panel, relative to the page, and the width that every such legend may have.
const OUTSIDE_SHARE: f64 = 0.24;
const OUTSIDE_LEAST_PT: f64 = 72.0;
/// Most lines of one entry, and of notes.
const ENTRY_LINES: usize = 3;
const NOTE_LINES: usize = 8;

/// The distinct labels of the marks of some panels of which something can be seen, in order of first appearance.
fn labels<'a>(panels: impl Iterator<Item = (usize, &'a Panel, &'a PlacedPanel)>) -> Vec<(&'a str, Vec<MarkIndex>)> {
    let mut labels: Vec<(&str, Vec<MarkIndex>)> = Vec::new();
    for (p, panel, at) in panels {
        for (m, mark) in panel.marks.iter().enumerate() {
            let Some(label) = mark.label_text().filter(|_| visible(mark, at)) else { continue };
            match labels.iter_mut().find(|(known, _)| *known == label) {
                Some((_, marks)) => marks.push((p, m)),
                None => labels.push((label, vec![(p, m)])),
            }
        }
    }
    labels
}

/// Makes the legend, the notes and the reason of panel `index` for its present frame; their rectangles are not placed.
///
/// # Errors
/// Texts without glyphs.
pub(super) fn blocks(figure: &Figure, index: usize, placed: &mut [PlacedPanel]) -> Result<(), FigureError> {
    let panel = &figure.panels[index];
    let frame = placed[index].frame;
    let inside = frame.width() - 2.0 * INSET_PT;
    let first_outside = figure.panels.iter().position(|panel| panel.legend == Legend::OutsideRight) == Some(index);
    let all = || figure.panels.iter().zip(&*placed).enumerate().map(|(p, (panel, at))| (p, panel, at));
    let labels = match panel.legend {
        Legend::Hidden => Vec::new(),
        // Entries of panels without a legend follow the order of the panels.
        Legend::OutsideRight if first_outside => {
            labels(all().filter(|(p, panel, _)| *p == index || panel.legend == Legend::Hidden))
        }
        _ => labels(all().filter(|(p, ..)| *p == index)),
    };
    let outside = panel.legend == Legend::OutsideRight || placed[index].legend_outside;
    let mut legend = None;
    if !outside && !labels.is_empty() {
        let block = column_block(&labels, inside, f64::INFINITY)?;
        if block.height <= frame.height() - 2.0 * INSET_PT {
            legend = Some(block);
        }
    }
    if legend.is_none() && !labels.is_empty() {
        let share = (72.0 * figure.width_in * OUTSIDE_SHARE).max(OUTSIDE_LEAST_PT);
        legend = Some(column_block(&labels, share, frame.height())?);
        placed[index].legend_outside = true;
    } else if labels.is_empty() {
        placed[index].legend_outside = false;
    }
    // No more lines than the frame is high, notes and the reason of an empty panel in one block.
    let plain = |lines: &[&str], size: f64| -> Result<Option<Block>, FigureError> {
        let most = ((frame.height() - 2.0 * INSET_PT) / (LEADING * size)).max(1.0) as usize;
        let mut texts: Vec<Text> = Vec::new();
        for line in lines {
            if texts.len() < most {
                texts.extend(Text::wrapped(line, inside / size, (most - texts.len()).min(NOTE_LINES))?);
            }
        }
        Ok(text_block(texts, size))
    };
    let mut notes: Vec<&str> = panel.notes.iter().map(String::as_str).collect();
    let why = reason(panel);
    let (notes, reason) = if shows_data(panel, &placed[index]) {
        (plain(&notes, NOTE_TEXT_PT)?, None)
    } else {
        notes.insert(0, &why);
        (None, plain(&notes, TICK_TEXT_PT)?)
    };
    let at = &mut placed[index];
    let unplaced = |block: Option<Block>| block.map(|block| (block, frame));
    (at.legend, at.notes, at.reason) = (unplaced(legend), unplaced(notes), unplaced(reason));
    Ok(())
}

/// A legend of at most this width per column; as many columns as the height requires.
fn column_block(labels: &[(&str, Vec<MarkIndex>)], widest: f64, height: f64) -> Result<Block, FigureError> {
    let size_pt = TICK_TEXT_PT;
    let step = LEADING * size_pt;
    let text_left = SAMPLE_PT + SAMPLE_GAP_PT;
    let mut block = Block { size_pt, ..Block::default() };
    let (mut left, mut top, mut column_width) = (0.0, 0.0, 0.0f64);
    for (label, marks) in labels {
        let texts = Text::wrapped(label, (widest - text_left).max(0.0) / size_pt, ENTRY_LINES)?;
        if top > 0.0 && top + step * texts.len() as f64 > height {
            left += column_width + COLUMN_GAP_PT;
            (top, column_width) = (0.0, 0.0);
        }
        for (i, text) in texts.into_iter().enumerate() {
            column_width = column_width.max(text_left + size_pt * text.width());
            let marks = if i == 0 { marks.clone() } else { Vec::new() };
            block.lines.push(BlockLine { text, left, text_left: left + text_left, middle: top + step / 2.0, marks });
            top += step;
            block.height = block.height.max(top);
        }
        block.width = block.width.max(left + column_width);
    }
    Ok(block)
}

/// A block of lines without samples; `None` without lines.
fn text_block(texts: Vec<Text>, size_pt: f64) -> Option<Block> {
    let step = LEADING * size_pt;
    let width = texts.iter().map(|text| size_pt * text.width()).fold(0.0, f64::max);
    let line =
        |(i, text)| BlockLine { text, left: 0.0, text_left: 0.0, middle: step * (i as f64 + 0.5), marks: vec![] };
    let lines: Vec<BlockLine> = texts.into_iter().enumerate().map(line).collect();
    let height = step * lines.len() as f64;
    (!lines.is_empty()).then_some(Block { lines, size_pt, width, height })
}

/// Places legend, notes and reason. With `may_grow`, extends an automatic y range if they would cover data; where that
/// is not possible, the legend is marked to be beside the frame.
pub(super) fn place(panel: &Panel, at: &mut PlacedPanel, may_grow: bool) {
    let data = data_points(panel, at);
    let frame = at.frame;
    let mut taken: Vec<Rect> = Vec::new();
    if let Some((block, rect)) = &mut at.reason {
        let (left, top) =
            ((frame.left + frame.right - block.width) / 2.0, (frame.top + frame.bottom - block.height) / 2.0);
        *rect = Rect { left, top, right: left + block.width, bottom: top + block.height };
        taken.push(*rect);
    }
    let (mut covered, mut legend_hides) = (0.0f64, false);
    if let Some((block, rect)) = &mut at.legend {
        if at.legend_outside {
            let (left, top) = (frame.right + INSET_PT, frame.top);
            *rect = Rect { left, top, right: left + block.width, bottom: top + block.height };
        } else {
            let hidden;
            (*rect, hidden) = match panel.legend {
                Legend::Inside(corner) => (positions(&frame, block)[corner_index(corner)], 0.0),
                _ => best(&positions(&frame, block), &data, &taken),
            };
            if hidden > 0.0 {
                covered = block.height;
            }
            legend_hides = hidden > MOST_COVERED;
            taken.push(*rect);
        }
    }
    if let Some((block, rect)) = &mut at.notes {
        let mut hidden;
        (*rect, hidden) = best(&positions(&frame, block), &data, &taken);
        if hidden > 0.0 {
            // A gap between the data.
            let (inner, least) = best(&grid(&frame, block), &data, &taken);
            if least < hidden {
                (*rect, hidden) = (inner, least);
            }
        }
        // No position is free of the legend: it is moved.
        legend_hides |= hidden > 1.0;
        if hidden > 0.0 {
            covered = covered.max(block.height);
        }
    }
    let fixed = panel.y.range.is_some() || panel.equal_aspect;
    if may_grow && covered > 0.0 && !fixed {
        // Space above the data for the tallest block that covers some.
        let highest = data.iter().map(|p| p.1).fold(frame.bottom, f64::min);
        let filled = (frame.bottom - highest) / frame.height();
        let left = 1.0 - (covered + INSET_PT + 2.0 * CLEARANCE_PT) / frame.height();
        let growth = filled / left.max(1e-9);
        if (1.0..=MAX_GROWTH).contains(&growth) {
            at.y.grow(growth, 0.0);
            return;
        }
    }
    if legend_hides && panel.legend == Legend::Automatic {
        at.legend_outside = true;
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
fn positions(frame: &Rect, block: &Block) -> [Rect; 8] {
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

/// Positions of a grid inside a frame, row by row.
fn grid(frame: &Rect, block: &Block) -> Vec<Rect> {
    const STEPS: usize = 12;
    let [right, left, lowest, ..] = positions(frame, block);
    let at = |from: f64, to: f64, k: usize| from + (to - from) * k as f64 / STEPS as f64;
    let place = |(row, column): (usize, usize)| {
        let (left, top) = (at(left.left, right.left, column), at(right.top, lowest.top, row));
        Rect { left, top, right: left + block.width, bottom: top + block.height }
    };
    (0..=STEPS).flat_map(|row| (0..=STEPS).map(move |column| (row, column))).map(place).collect()
}

/// The first position that covers no data, otherwise the one that covers the fewest points; and the share of points
/// covered, plus 2 where the position overlaps other text.
fn best(positions: &[Rect], data: &[PagePoint], taken: &[Rect]) -> (Rect, f64) {
    let score = |position: &Rect| {
        let hidden = data.iter().filter(|&&p| position.contains(p, CLEARANCE_PT)).count();
        let share = hidden as f64 / data.len().max(1) as f64;
        share + if taken.iter().any(|other| other.overlaps(position)) { 2.0 } else { 0.0 }
    };
    let scores: Vec<f64> = positions.iter().map(score).collect();
    let least = (0..positions.len()).min_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
    (positions[least], scores[least])
}
