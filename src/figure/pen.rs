//! Drawing primitives on a canvas, in points: lines are thinned and divided into dashes.

use super::canvas::{Align, Canvas};
use super::chart::{Colour, Dash};
use super::error::FigureError;
use super::geometry::{PagePoint, Rect, dashes, thin};
use super::style;
use super::text::Text;

/// Width of the columns in which lines are thinned to their extremes.
const COLUMN_PT: f64 = 0.25;

/// A canvas that is drawn on.
pub(super) struct Pen<'a, C: Canvas>(pub &'a mut C);

impl<C: Canvas> Pen<'_, C> {
    /// Draws a connected line, thinned and divided into dashes.
    pub fn line(&mut self, line: Vec<PagePoint>, colour: Colour, dash: Dash, width_pt: f64) -> Result<(), FigureError> {
        let pattern: Vec<f64> = style::pattern(dash).iter().map(|part| part * width_pt.max(0.2)).collect();
        for dash in dashes(thin(line, COLUMN_PT), &pattern) {
            self.0.path(&dash, colour, width_pt)?;
        }
        Ok(())
    }

    /// Draws a line segment.
    pub fn segment(&mut self, a: PagePoint, b: PagePoint, colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        self.0.segment(a, b, colour, width_pt)
    }

    /// Fills a polygon.
    pub fn polygon(&mut self, corners: &[PagePoint], colour: Colour, opacity: f64) -> Result<(), FigureError> {
        if corners.len() < 3 { Ok(()) } else { self.0.polygon(corners, colour, opacity) }
    }

    /// Fills a rectangle.
    pub fn rectangle(&mut self, rect: &Rect, colour: Colour, opacity: f64) -> Result<(), FigureError> {
        self.0.rectangle(rect, colour, opacity)
    }

    /// Fills a circle.
    pub fn disc(
        &mut self,
        centre: PagePoint,
        diameter_pt: f64,
        colour: Colour,
        opacity: f64,
    ) -> Result<(), FigureError> {
        self.0.disc(centre, diameter_pt, colour, opacity)
    }

    /// Draws a circle.
    pub fn ring(
        &mut self,
        centre: PagePoint,
        diameter_pt: f64,
        colour: Colour,
        width_pt: f64,
    ) -> Result<(), FigureError> {
        self.0.ring(centre, diameter_pt, colour, width_pt)
    }

    /// Draws a text at a point of its baseline, from bottom to top where `rotated`.
    pub fn text(
        &mut self,
        text: &Text,
        size_pt: f64,
        at: PagePoint,
        align: Align,
        rotated: bool,
        colour: Colour,
    ) -> Result<(), FigureError> {
        self.0.text(text, size_pt, at, align, rotated, colour)
    }
}
