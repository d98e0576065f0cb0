//! The canvas of SVG: the backend of plotters, in points instead of pixels.
//!
//! Backends have whole-pixel coordinates; the canvas therefore has 20 units per point, and the page is scaled
//! accordingly. Texts are positioned by their baseline and measured widths, because backends differ in their vertical
//! alignment.

use super::canvas::{Align, Canvas};
use super::chart::Colour;
use super::error::FigureError;
use super::font::FAMILY;
use super::geometry::{PagePoint, Rect};
use super::style;
use super::text::Text;
use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, ShapeStyle, TextStyle};

/// Canvas units per point.
pub(super) const UNITS: f64 = 20.0;
/// Factor by which the SVG backend divides font sizes.
const SIZE_FACTOR: f64 = 1.24;
/// Distance from a top anchor to the baseline in the SVG backend, relative to the font size.
const TOP_TO_BASELINE: f64 = 0.76;

/// A backend that is drawn on in points.
pub(super) struct SvgCanvas<'a, B: DrawingBackend>(pub &'a mut B);

fn units(length_pt: f64) -> i32 {
    (length_pt * UNITS).round() as i32
}

fn canvas_point((x, y): PagePoint) -> (i32, i32) {
    (units(x), units(y))
}

fn paint(colour: Colour, opacity: f64) -> RGBAColor {
    let (r, g, b) = style::rgb(colour);
    let opacity = if opacity.is_finite() { opacity.clamp(0.0, 1.0) } else { 1.0 };
    RGBAColor(r, g, b, opacity)
}

fn shape(colour: Colour, opacity: f64, width_pt: f64) -> ShapeStyle {
    ShapeStyle { color: paint(colour, opacity), filled: true, stroke_width: units(width_pt).max(1) as u32 }
}

/// Converts the result of a backend.
pub(super) fn backend_result<E: std::error::Error>(result: Result<(), E>) -> Result<(), FigureError> {
    result.map_err(|error| FigureError::Backend { reason: error.to_string() })
}

impl<B: DrawingBackend> Canvas for SvgCanvas<'_, B> {
    fn path(&mut self, points: &[PagePoint], colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        let mut points: Vec<(i32, i32)> = points.iter().copied().map(canvas_point).collect();
        points.dedup();
        if points.len() < 2 {
            return Ok(());
        }
        backend_result(self.0.draw_path(points, &shape(colour, 1.0, width_pt)))
    }

    fn segment(&mut self, a: PagePoint, b: PagePoint, colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        backend_result(self.0.draw_line(canvas_point(a), canvas_point(b), &shape(colour, 1.0, width_pt)))
    }

    fn polygon(&mut self, corners: &[PagePoint], colour: Colour, opacity: f64) -> Result<(), FigureError> {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(canvas_point).collect();
        backend_result(self.0.fill_polygon(corners, &paint(colour, opacity)))
    }

    fn rectangle(&mut self, rect: &Rect, colour: Colour, opacity: f64) -> Result<(), FigureError> {
        let (a, b) = (canvas_point((rect.left, rect.top)), canvas_point((rect.right, rect.bottom)));
        backend_result(self.0.draw_rect(a, b, &shape(colour, opacity, 0.0), true))
    }

    fn disc(&mut self, centre: PagePoint, diameter_pt: f64, colour: Colour, opacity: f64) -> Result<(), FigureError> {
        let radius = units(diameter_pt / 2.0).max(1) as u32;
        backend_result(self.0.draw_circle(canvas_point(centre), radius, &shape(colour, opacity, 0.0), true))
    }

    fn ring(&mut self, centre: PagePoint, diameter_pt: f64, colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        let radius = units(diameter_pt / 2.0).max(1) as u32;
        backend_result(self.0.draw_circle(canvas_point(centre), radius, &shape(colour, 1.0, width_pt), false))
    }

    fn text(
        &mut self,
        text: &Text,
        size_pt: f64,
        at: PagePoint,
        align: Align,
        rotated: bool,
        colour: Colour,
    ) -> Result<(), FigureError> {
        let whole = size_pt * text.width();
        let (mut along, single) = match (align, text.runs.len()) {
            // A single run is aligned by the renderer of the SVG, which is correct with any font.
            (_, 1) => (0.0, true),
            (Align::Start, _) => (0.0, false),
            (Align::Middle, _) => (-whole / 2.0, false),
            (Align::End, _) => (-whole, false),
        };
        for run in &text.runs {
            let size = size_pt * run.size * UNITS;
            let below = size_pt * run.drop - TOP_TO_BASELINE * size_pt * run.size;
            let position = if rotated { (at.0 + below, at.1 - along) } else { (at.0 + along, at.1 + below) };
            let anchor = match align {
                Align::Middle if single => HPos::Center,
                Align::End if single => HPos::Right,
                Align::Start | Align::Middle | Align::End => HPos::Left,
            };
            let style = if run.italic { FontStyle::Italic } else { FontStyle::Normal };
            let font = FontDesc::new(FontFamily::Name(FAMILY), size * SIZE_FACTOR, style);
            let font = font.transform(if rotated { FontTransform::Rotate270 } else { FontTransform::None });
            let paint = paint(colour, 1.0);
            let style = TextStyle::from(font).color(&paint).pos(Pos::new(anchor, VPos::Top));
            backend_result(self.0.draw_text(&run.text, &style, canvas_point(position)))?;
            along += size_pt * run.width;
        }
        Ok(())
    }
}
