//! A panel with its position on the page: the result of the layout, which is drawn.

use super::axis::Domain;
use super::bar::PlacedBar;
use super::geometry::{PagePoint, Rect};
use super::text::Text;
use super::ticks::Ticks;

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
    /// The letter of the panel, if the figure has several.
    pub letter: Option<Text>,
    /// Whether the letter is in a line of its own, as above an image, which is narrow.
    pub letter_above: bool,
    /// Lines of the title.
    pub title: Vec<Text>,
    /// Lines of the label of the horizontal axis.
    pub x_label: Vec<Text>,
    /// Lines of the label of the vertical axis.
    pub y_label: Vec<Text>,
    /// The legend and its rectangle.
    pub legend: Option<(Block, Rect)>,
    /// The notes and their rectangle.
    pub notes: Option<(Block, Rect)>,
    /// Why the panel shows no data, if it does not.
    pub reason: Option<(Block, Rect)>,
    /// Whether the legend is below the panel.
    pub legend_outside: bool,
}

/// A figure with the positions of its parts on the page.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The panels.
    pub panels: Vec<PlacedPanel>,
    /// The legend below all panels and its rectangle.
    pub legend: Option<(Block, Rect)>,
    /// The scale of the colours.
    pub bar: Option<PlacedBar>,
}

impl PlacedPanel {
    /// The point of the page at the values (x, y); `None` if a scale cannot show one of them.
    pub fn at(&self, x: f64, y: f64) -> Option<PagePoint> {
        let (tx, ty) = (self.x.position(x)?, self.y.position(y)?);
        Some((self.frame.left + tx * self.frame.width(), self.frame.bottom - ty * self.frame.height()))
    }

    /// The point of the page at the end of an interval at x. An end that the scale cannot show is outside the frame:
    /// above it for positive infinity, below it for what a logarithmic axis has no place for. `None` for NaN.
    pub fn end_at(&self, x: f64, y: f64) -> Option<PagePoint> {
        const BEYOND_PT: f64 = 1.0;
        if y.is_nan() {
            return None;
        }
        let place = self.frame.left + self.x.position(x)? * self.frame.width();
        let beyond = if y > 0.0 { self.frame.top - BEYOND_PT } else { self.frame.bottom + BEYOND_PT };
        self.at(x, y).or(Some((place, beyond)))
    }
}

/// A mark, by the indices of its panel and in its panel.
pub(super) type MarkIndex = (usize, usize);

/// A block of text: a legend, notes, or the reason why a panel is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Lines of text.
    pub lines: Vec<BlockLine>,
    /// Font size.
    pub size_pt: f64,
    /// Width in points.
    pub width: f64,
    /// Height in points.
    pub height: f64,
}

/// A line of a block.
#[derive(Clone, Debug)]
pub(super) struct BlockLine {
    /// The text.
    pub text: Text,
    /// Left end of the sample, or of the text if there is none, from the left end of the block.
    pub left: f64,
    /// Left end of the text.
    pub text_left: f64,
    /// Middle of the line, from the upper end of the block.
    pub middle: f64,
    /// The marks whose sample is drawn, none for notes and continued entries.
    pub marks: Vec<MarkIndex>,
}
