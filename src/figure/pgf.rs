//! The canvas of PGF: drawing commands that LaTeX executes, with texts that LaTeX typesets in the font of the document.
//!
//! The file is read by `\input` in a document with the packages `pgf` and `amssymb`. Lengths are in big points
//! (`bp`, 1/72 inch); the origin is the lower left corner.

use super::canvas::{Align, Canvas};
use super::chart::Colour;
use super::error::FigureError;
use super::geometry::{PagePoint, Rect};
use super::latex::latex;
use super::style;
use super::text::Text;

/// Line spacing relative to the font size.
const LEADING: f64 = 1.2;
/// Distance by which rotated labels are moved away from the ticks, whose exponents LaTeX sets wider than the embedded font.
const CLEARANCE: f64 = 0.2;

/// A canvas that writes PGF.
pub(super) struct PgfCanvas {
    commands: String,
    /// Height of the page before it is magnified.
    height_pt: f64,
    scale: f64,
    /// The colour that is defined at present.
    colour: Option<(u8, u8, u8)>,
}

impl PgfCanvas {
    /// A page of this size, which is magnified by `scale`.
    pub fn new(width_pt: f64, height_pt: f64, scale: f64) -> Self {
        let mut canvas = PgfCanvas { commands: String::new(), height_pt, scale, colour: None };
        let (width, height) = (canvas.length(width_pt), canvas.length(height_pt));
        canvas.commands = format!(
            "% A figure of widelimit. Read it with \\input in a document with \\usepackage{{pgf}} and \
             \\usepackage{{amssymb}}.\n\
             \\begingroup\n\\begin{{pgfpicture}}\n\\pgfpathrectangle{{\\pgfpointorigin}}{{\\pgfqpoint{{{width}}}{{{height}}}}}\n\
             \\pgfusepath{{use as bounding box}}\n\\pgfsetroundjoin\n"
        );
        canvas
    }

    /// The whole file.
    pub fn finish(self) -> String {
        self.commands + "\\end{pgfpicture}\n\\endgroup\n"
    }

    fn length(&self, length_pt: f64) -> String {
        let rounded = (length_pt * self.scale * 1000.0).round() / 1000.0;
        // Without the sign of zero.
        format!("{}bp", rounded + 0.0)
    }

    fn point(&self, (x, y): PagePoint) -> String {
        format!("\\pgfqpoint{{{}}}{{{}}}", self.length(x), self.length(self.height_pt - y))
    }

    fn command(&mut self, command: &str) {
        self.commands.push_str(command);
        self.commands.push('\n');
    }

    /// Makes a colour that of lines, areas and texts.
    fn set_colour(&mut self, colour: Colour) {
        let rgb = style::rgb(colour);
        if self.colour != Some(rgb) {
            self.colour = Some(rgb);
            self.command(&format!("\\definecolor{{widelimit}}{{RGB}}{{{},{},{}}}", rgb.0, rgb.1, rgb.2));
            self.command("\\pgfsetcolor{widelimit}");
        }
    }

    fn outline(&mut self, points: &[PagePoint]) {
        for (i, &point) in points.iter().enumerate() {
            let kind = if i == 0 { "moveto" } else { "lineto" };
            let command = format!("\\pgfpath{kind}{{{}}}", self.point(point));
            self.command(&command);
        }
    }

    fn stroke(&mut self, width_pt: f64) {
        let width = self.length(width_pt);
        self.command(&format!("\\pgfsetlinewidth{{{width}}}\\pgfusepath{{stroke}}"));
    }

    fn fill(&mut self, opacity: f64) {
        if opacity < 1.0 {
            self.command(&format!(
                "\\pgfsetfillopacity{{{:.3}}}\\pgfusepath{{fill}}\\pgfsetfillopacity{{1}}",
                opacity.max(0.0)
            ));
        } else {
            self.command("\\pgfusepath{fill}");
        }
    }

    fn circle(&mut self, centre: PagePoint, diameter_pt: f64) {
        let (centre, radius) = (self.point(centre), self.length(diameter_pt / 2.0));
        self.command(&format!("\\pgfpathcircle{{{centre}}}{{{radius}}}"));
    }
}

impl Canvas for PgfCanvas {
    fn path(&mut self, points: &[PagePoint], colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        if points.len() > 1 {
            self.set_colour(colour);
            self.outline(points);
            self.stroke(width_pt);
        }
        Ok(())
    }

    fn segment(&mut self, a: PagePoint, b: PagePoint, colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        self.path(&[a, b], colour, width_pt)
    }

    fn polygon(&mut self, corners: &[PagePoint], colour: Colour, opacity: f64) -> Result<(), FigureError> {
        self.set_colour(colour);
        self.outline(corners);
        self.command("\\pgfpathclose");
        self.fill(opacity);
        Ok(())
    }

    fn rectangle(&mut self, rect: &Rect, colour: Colour, opacity: f64) -> Result<(), FigureError> {
        self.set_colour(colour);
        let (a, b) = (self.point((rect.left, rect.bottom)), self.point((rect.right, rect.top)));
        self.command(&format!("\\pgfpathrectanglecorners{{{a}}}{{{b}}}"));
        self.fill(opacity);
        Ok(())
    }

    fn disc(&mut self, centre: PagePoint, diameter_pt: f64, colour: Colour, opacity: f64) -> Result<(), FigureError> {
        self.set_colour(colour);
        self.circle(centre, diameter_pt);
        self.fill(opacity);
        Ok(())
    }

    fn ring(&mut self, centre: PagePoint, diameter_pt: f64, colour: Colour, width_pt: f64) -> Result<(), FigureError> {
        self.set_colour(colour);
        self.circle(centre, diameter_pt);
        self.stroke(width_pt);
        Ok(())
    }

    fn text(
        &mut self,
        text: &Text,
        size_pt: f64,
        (x, y): PagePoint,
        align: Align,
        rotated: bool,
        colour: Colour,
    ) -> Result<(), FigureError> {
        if text.runs.is_empty() {
            return Ok(());
        }
        self.set_colour(colour);
        let anchor = match align {
            Align::Start => "left,",
            Align::Middle => "",
            Align::End => "right,",
        };
        let rotation = if rotated { ",rotate=90" } else { "" };
        let x = if rotated { x - CLEARANCE * size_pt } else { x };
        let (x, y) = (self.length(x), self.length(self.height_pt - y));
        // In points of TeX, in which fonts have whole sizes.
        let points = |size: f64| (size * self.scale * 1000.0).round() / 1000.0;
        let (size, leading) = (points(size_pt), points(LEADING * size_pt));
        let text = latex(text)?;
        self.command(&format!(
            "\\pgftext[{anchor}base,x={x},y={y}{rotation}]{{\\fontsize{{{size}}}{{{leading}}}\\selectfont\\color{{widelimit}}{text}}}"
        ));
        Ok(())
    }
}
