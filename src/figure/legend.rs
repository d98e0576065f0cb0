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
const MAX_GROWTH: f64 = 1.4;
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
    let labels = match panel.legend {
        Legend::Hidden | Legend::Below => Vec::new(),
        Legend::Automatic | Legend::Inside(_) => labels(std::iter::once((index, panel, &placed[index]))),
    };
    let mut legend = None;
    if !placed[index].legend_outside && !labels.is_empty() {
        let block = column_block(&labels, inside)?;
        if block.height <= frame.height() - 2.0 * INSET_PT {
            legend = Some(block);
        }
    }
    if legend.is_none() && !labels.is_empty() {
        let cell = placed[index].cell;
        legend = Some(row_block(&labels, cell.right - cell.left)?);
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

/// The legend below all panels, of at most this width: the labels of the panels with such a legend or a hidden one, in the
/// order of the panels; not placed. `None` where no panel has such a legend, or nothing to list can be seen.
///
/// # Errors
/// Texts without glyphs.
pub(super) fn shared(
    figure: &Figure,
    placed: &[PlacedPanel],
    width: f64,
) -> Result<Option<(Block, Rect)>, FigureError> {
    if figure.panels.iter().all(|panel| panel.legend != Legend::Below) {
        return Ok(None);
    }
    let all = figure.panels.iter().zip(placed).enumerate().map(|(p, (panel, at))| (p, panel, at));
    let labels = labels(all.filter(|(_, panel, _)| matches!(panel.legend, Legend::Below | Legend::Hidden)));
    let nowhere = Rect { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 };
    Ok(if labels.is_empty() { None } else { Some((row_block(&labels, width)?, nowhere)) })
}

/// A legend of one column of at most this width.
fn column_block(labels: &[(&str, Vec<MarkIndex>)], width: f64) -> Result<Block, FigureError> {
    arranged(&entries(labels, width)?, 1).map_or_else(|| Ok(Block::default()), Ok)
}

/// A legend of at most this width, row by row: as few rows as that allows, and of those as few columns.
fn row_block(labels: &[(&str, Vec<MarkIndex>)], width: f64) -> Result<Block, FigureError> {
    let entries = entries(labels, width)?;
    let fits = |columns: &usize| arranged(&entries, *columns).is_some_and(|block| block.width <= width);
    let most = (1..=entries.len()).rev().find(fits).unwrap_or(1);
    let columns = entries.len().div_ceil(entries.len().div_ceil(most));
    let chosen = if fits(&columns) { columns } else { most };
    Ok(arranged(&entries, chosen).unwrap_or_default())
}

/// An entry of a legend: the lines of its label, and its marks.
type LegendEntry = (Vec<Text>, Vec<MarkIndex>);

/// The entries of a legend with lines of at most this width.
fn entries(labels: &[(&str, Vec<MarkIndex>)], width: f64) -> Result<Vec<LegendEntry>, FigureError> {
    let available = (width - SAMPLE_PT - SAMPLE_GAP_PT).max(0.0) / TICK_TEXT_PT;
    labels.iter().map(|(label, marks)| Ok((Text::wrapped(label, available, ENTRY_LINES)?, marks.clone()))).collect()
}

/// A legend of so many columns, row by row; `None` without entries.
fn arranged(entries: &[LegendEntry], columns: usize) -> Option<Block> {
    let size_pt = TICK_TEXT_PT;
    let (step, text_left) = (LEADING * size_pt, SAMPLE_PT + SAMPLE_GAP_PT);
    let wide = |texts: &[Text]| texts.iter().map(|text| text_left + size_pt * text.width()).fold(0.0, f64::max);
    let column = |c: usize| entries.iter().skip(c).step_by(columns).map(|(texts, _)| wide(texts)).fold(0.0, f64::max);
    let widths: Vec<f64> = (0..columns).map(column).collect();
    let mut block = Block { size_pt, ..Block::default() };
    let mut top = 0.0;
    for row in entries.chunks(columns) {
        let mut left = 0.0;
        for ((texts, marks), width) in row.iter().zip(&widths) {
            for (i, text) in texts.iter().enumerate() {
                let marks = if i == 0 { marks.clone() } else { Vec::new() };
                let middle = top + step * (i as f64 + 0.5);
                block.lines.push(BlockLine { text: text.clone(), left, text_left: left + text_left, middle, marks });
            }
            left += width + COLUMN_GAP_PT;
        }
        top += step * row.iter().map(|(texts, _)| texts.len()).max().unwrap_or(0) as f64;
    }
    block.width = widths.iter().sum::<f64>() + COLUMN_GAP_PT * (columns as f64 - 1.0);
    block.height = top;
    (!entries.is_empty()).then_some(block)
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

/// What may be changed so that texts in the frame cover no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing yet: frames and ticks are not final.
    None,
    /// An automatic y range is extended; where that does not suffice, the legend is marked to be below the panel.
    Range,
    /// The legend is marked to be below the panel.
    Outside,
}

/// Places legend, notes and reason. A legend whose position is automatic covers no data: it is in a corner or at a side of
/// the frame, otherwise in a gap between the data, otherwise below the panel.
pub(super) fn place(panel: &Panel, at: &mut PlacedPanel, remedy: Remedy) {
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
            let left = frame.left.min(at.cell.right - block.width).max(at.cell.left);
            let top = at.cell.bottom - block.height;
            *rect = Rect { left, top, right: left + block.width, bottom: top + block.height };
        } else {
            let hidden;
            (*rect, hidden) = match panel.legend {
                Legend::Inside(corner) => (positions(&frame, block)[corner_index(corner)], 0.0),
                _ => match best(&positions(&frame, block), &data, &taken) {
                    (_, hidden) if hidden > 0.0 && remedy == Remedy::Outside => {
                        best(&grid(&frame, block), &data, &taken)
                    }
                    found => found,
                },
            };
            if hidden > 0.0 {
                covered = block.height;
                legend_hides = true;
            }
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
    if remedy == Remedy::Range && covered > 0.0 && !fixed {
        // Space above the data for the tallest block that covers some.
        let highest = data.iter().map(|p| p.1).fold(frame.bottom, f64::min);
        let filled = (frame.bottom - highest) / frame.height();
        let left = 1.0 - (covered + INSET_PT + 2.0 * CLEARANCE_PT) / frame.height();
        let growth = filled / left.max(1e-9);
        if (1.0..=MAX_GROWTH).contains(&growth) {
            at.y.grow(growth, 0.0);
        }
    }
    if remedy == Remedy::Outside && legend_hides && panel.legend == Legend::Automatic {
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
