//! A pen on a plotters backend that takes points instead of pixels.
//!
//! Backends count in whole pixels, which would turn curves into staircases; the canvas therefore has 20 units per point
//! and the page scales them back. Texts are set from measured runs with the baseline given, because backends differ
//! in what they call the middle of a text.

use super::chart::{Colour, Dash};
use super::error::FigureError;
use super::font::FAMILY;
use super::geometry::{PagePoint, Rect, dashes, thin};
use super::style;
use super::text::Text;
use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, ShapeStyle, TextStyle};

/// Canvas units per point.
pub(super) const UNITS: f64 = 20.0;
/// Columns in which a line keeps only its extremes.
const COLUMN_PT: f64 = 0.25;
/// The SVG backend divides font sizes by this and puts text 0.76 sizes below a top anchor.
const SIZE_FACTOR: f64 = 1.24;
const TOP_TO_BASELINE: f64 = 0.76;

/// Where a text stands against its point.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Align {
    Start,
    Middle,
    End,
}

pub(super) struct Pen<'a, B: DrawingBackend>(pub &'a mut B);

fn units(length_pt: f64) -> i32 {
    (length_pt * UNITS).round() as i32
}

fn spot((x, y): PagePoint) -> (i32, i32) {
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

pub(super) fn drawn<E: std::error::Error>(result: Result<(), E>) -> Result<(), FigureError> {
    result.map_err(|error| FigureError::Backend { reason: error.to_string() })
}

impl<B: DrawingBackend> Pen<'_, B> {
    /// A connected line, thinned to what can be seen and cut into dashes.
    pub fn line(&mut self, line: Vec<PagePoint>, colour: Colour, dash: Dash, width_pt: f64) -> Result<(), FigureError> {
        let pattern: Vec<f64> = style::pattern(dash).iter().map(|part| part * width_pt.max(0.2)).collect();
        for piece in dashes(thin(line, COLUMN_PT), &pattern) {
            let mut spots: Vec<(i32, i32)> = piece.into_iter().map(spot).collect();
            spots.dedup();
            if spots.len() > 1 {
                drawn(self.0.draw_path(spots, &shape(colour, 1.0, width_pt)))?;
            }
        }
        Ok(())
    }

    pub fn segment(&mut self, a: PagePoint, b: PagePoint, colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        drawn(self.0.draw_line(spot(a), spot(b), &shape(colour, 1.0, width_pt)))
    }

    pub fn polygon(&mut self, corners: &[PagePoint], colour: Colour, opacity: f64) -> Result<(), FigureError> {
        if corners.len() < 3 {
            return Ok(());
        }
        drawn(self.0.fill_polygon(corners.iter().copied().map(spot).collect::<Vec<_>>(), &paint(colour, opacity)))
    }

    pub fn rectangle(&mut self, rect: &Rect, colour: Colour, opacity: f64) -> Result<(), FigureError> {
        let (a, b) = (spot((rect.left, rect.top)), spot((rect.right, rect.bottom)));
        drawn(self.0.draw_rect(a, b, &shape(colour, opacity, 0.0), true))
    }

    pub fn disc(
        &mut self,
        centre: PagePoint,
        diameter_pt: f64,
        colour: Colour,
        opacity: f64,
    ) -> Result<(), FigureError> {
        let radius = units(diameter_pt / 2.0).max(1) as u32;
        drawn(self.0.draw_circle(spot(centre), radius, &shape(colour, opacity, 0.0), true))
    }

    pub fn ring(
        &mut self,
        centre: PagePoint,
        diameter_pt: f64,
        colour: Colour,
        width_pt: f64,
    ) -> Result<(), FigureError> {
        let radius = units(diameter_pt / 2.0).max(1) as u32;
        drawn(self.0.draw_circle(spot(centre), radius, &shape(colour, 1.0, width_pt), false))
    }

    /// Text on a baseline; `upright` texts run from bottom to top.
    pub fn text(
        &mut self,
        text: &Text,
        size_pt: f64,
        at: PagePoint,
        align: Align,
        upright: bool,
        colour: Colour,
    ) -> Result<(), FigureError> {
        let whole = size_pt * text.width();
        let (mut along, single) = match (align, text.runs.len()) {
            // One run is anchored by the reader of the SVG: right even if that lacks the font.
            (_, 1) => (0.0, true),
            (Align::Start, _) => (0.0, false),
            (Align::Middle, _) => (-whole / 2.0, false),
            (Align::End, _) => (-whole, false),
        };
        for run in &text.runs {
            let size = size_pt * run.size * UNITS;
            let below = size_pt * run.drop - TOP_TO_BASELINE * size_pt * run.size;
            let place = if upright { (at.0 + below, at.1 - along) } else { (at.0 + along, at.1 + below) };
            let anchor = match align {
                Align::Middle if single => HPos::Center,
                Align::End if single => HPos::Right,
                _ => HPos::Left,
            };
            let font = FontDesc::new(FontFamily::Name(FAMILY), size * SIZE_FACTOR, FontStyle::Normal);
            let font = font.transform(if upright { FontTransform::Rotate270 } else { FontTransform::None });
            let paint = paint(colour, 1.0);
            let style = TextStyle::from(font).color(&paint).pos(Pos::new(anchor, VPos::Top));
            drawn(self.0.draw_text(&run.text, &style, spot(place)))?;
            along += size_pt * run.width;
        }
        Ok(())
    }
}
