//! The interface of canvases: what figures are drawn on, in points from the upper left corner of the page.

use super::chart::Colour;
use super::error::FigureError;
use super::geometry::{PagePoint, Rect};
use super::text::Text;

/// Horizontal alignment of a text at its point.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Align {
    Start,
    Middle,
    End,
}

/// A canvas. Errors are those of its format.
pub(super) trait Canvas {
    /// Draws a connected line.
    fn path(&mut self, points: &[PagePoint], colour: Colour, width_pt: f64) -> Result<(), FigureError>;

    /// Draws a line segment.
    fn segment(&mut self, a: PagePoint, b: PagePoint, colour: Colour, width_pt: f64) -> Result<(), FigureError>;

    /// Fills a polygon of at least three corners.
    fn polygon(&mut self, corners: &[PagePoint], colour: Colour, opacity: f64) -> Result<(), FigureError>;

    /// Fills a rectangle.
    fn rectangle(&mut self, rect: &Rect, colour: Colour, opacity: f64) -> Result<(), FigureError>;

    /// Fills a circle.
    fn disc(&mut self, centre: PagePoint, diameter_pt: f64, colour: Colour, opacity: f64) -> Result<(), FigureError>;

    /// Draws a circle.
    fn ring(&mut self, centre: PagePoint, diameter_pt: f64, colour: Colour, width_pt: f64) -> Result<(), FigureError>;

    /// Draws a text at a point of its baseline, from bottom to top where `rotated`.
    fn text(
        &mut self,
        text: &Text,
        size_pt: f64,
        at: PagePoint,
        align: Align,
        rotated: bool,
        colour: Colour,
    ) -> Result<(), FigureError>;
}
