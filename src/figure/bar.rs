//! The scale of the colours of a figure: a bar at the right of the panels, with ticks and a label.

use super::axis::Domain;
use super::canvas::{Align, Canvas};
use super::chart::{Colour, ColourBar, Dash, Figure, Scale};
use super::error::FigureError;
use super::font::CAPITAL;
use super::geometry::Rect;
use super::pen::Pen;
use super::style::{AXIS_PT, FOREGROUND, LABEL_TEXT_PT, LINE_STEP_PT, PAD_PT, TICK_PT, TICK_TEXT_PT};
use super::text::Text;
use super::ticks::{Ticks, tick_label_width, ticks};

/// Width of the bar, and its distance from the panels.
const WIDTH_PT: f64 = 9.0;
const GAP_PT: f64 = 8.0;
/// Most lines of the label.
const MOST_LINES: usize = 2;

/// A scale of colours with its position on the page.
#[derive(Clone, Debug)]
pub(super) struct PlacedBar {
    /// The coloured rectangle.
    pub rect: Rect,
    domain: Domain,
    ticks: Ticks,
    label: Vec<Text>,
}

impl PlacedBar {
    /// The scale beside panels whose frames extend from `top` to `bottom`; `right` is the right end of its texts.
    ///
    /// # Errors
    /// Texts without glyphs, a range that is empty or not finite.
    pub fn new(bar: &ColourBar, (top, bottom): (f64, f64), right: f64) -> Result<Self, FigureError> {
        let (low, high) = bar.range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            let expected = "finite ends, the first below the second";
            return Err(FigureError::Range { panel: 0, axis: "colour", low, high, scale: "linear", expected });
        }
        let domain = Domain { scale: Scale::Linear, low, high, counts: false };
        let height = bottom - top;
        let ticks = ticks(&domain, height, &|_| 1.35 * TICK_TEXT_PT);
        let label = Text::wrapped(&bar.label, height / LABEL_TEXT_PT, MOST_LINES)?;
        let mut placed = PlacedBar { rect: Rect { left: 0.0, top, right: 0.0, bottom }, domain, ticks, label };
        let left = right - placed.width() + GAP_PT;
        (placed.rect.left, placed.rect.right) = (left, left + WIDTH_PT);
        Ok(placed)
    }

    /// The width that it takes of the page.
    pub fn width(&self) -> f64 {
        let lines = self.label.len() as f64;
        GAP_PT + WIDTH_PT + TICK_PT + PAD_PT + self.widest() + PAD_PT + LINE_STEP_PT * lines
    }

    fn widest(&self) -> f64 {
        self.ticks.major.iter().map(|(_, label)| tick_label_width(label)).fold(0.0, f64::max)
    }

    /// Draws the scale of a figure.
    ///
    /// # Errors
    /// Those of the canvas.
    pub fn draw<C: Canvas>(&self, pen: &mut Pen<C>, figure: &Figure) -> Result<(), FigureError> {
        let Some(bar) = &figure.colour_bar else { return Ok(()) };
        let Rect { left, top, right, bottom } = self.rect;
        let height = |u: f64| bottom - (u - self.domain.low) / (self.domain.high - self.domain.low) * (bottom - top);
        self.fill(pen, &bar.colours)?;
        for (value, stroke) in &bar.lines {
            pen.line(
                vec![(left, height(*value)), (right, height(*value))],
                stroke.colour,
                stroke.dash,
                stroke.width_pt,
            )?;
        }
        let frame = vec![(left, top), (left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)];
        pen.line(frame, FOREGROUND, Dash::Solid, AXIS_PT)?;
        for (u, label) in &self.ticks.major {
            let (y, place) = (height(*u), right + TICK_PT + PAD_PT);
            pen.segment((right, y), (right + TICK_PT, y), FOREGROUND, AXIS_PT)?;
            let baseline = y + CAPITAL * TICK_TEXT_PT / 2.0;
            pen.text(&Text::new(label)?, TICK_TEXT_PT, (place, baseline), Align::Start, false, FOREGROUND)?;
        }
        if let Some(factor) = &self.ticks.factor {
            let place = (left, top - 0.8 * TICK_TEXT_PT);
            pen.text(&Text::new(factor)?, TICK_TEXT_PT, place, Align::Start, false, FOREGROUND)?;
        }
        let first = right + TICK_PT + PAD_PT + self.widest() + PAD_PT + 0.9 * LABEL_TEXT_PT;
        for (i, text) in self.label.iter().enumerate() {
            let place = (first + LINE_STEP_PT * i as f64, (top + bottom) / 2.0);
            pen.text(text, LABEL_TEXT_PT, place, Align::Middle, true, FOREGROUND)?;
        }
        Ok(())
    }

    /// Fills the bar from below; each colour extends under the next, so that no line is visible between them.
    fn fill<C: Canvas>(&self, pen: &mut Pen<C>, colours: &[Colour]) -> Result<(), FigureError> {
        let Rect { left, top, right, bottom } = self.rect;
        let at = |i: usize| bottom - (bottom - top) * i as f64 / colours.len() as f64;
        for (i, &colour) in colours.iter().enumerate().rev() {
            pen.rectangle(&Rect { left, top: at(i + 1), right, bottom: (at(i) + 0.3).min(bottom) }, colour, 1.0)?;
        }
        Ok(())
    }
}
