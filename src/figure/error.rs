//! Errors of drawing and writing figures.

use std::path::PathBuf;

/// Why a figure cannot be drawn or written. Panels and marks are counted from 0, row by row.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// A text contains a character that the embedded font lacks.
    #[error("the font of figures has no glyph for `{char}` (U+{code:04X}) in the text `{text}`; replace the character")]
    MissingGlyph {
        /// The character.
        char: char,
        /// Its Unicode scalar value.
        code: u32,
        /// The text that contains it.
        text: String,
    },
    /// The arrays of one mark do not have the same length.
    #[error("panel {panel}, mark {mark}: `{array}` has {found} values where `x` has {expected}")]
    Lengths {
        /// Index of the panel.
        panel: usize,
        /// Index of the mark in its panel.
        mark: usize,
        /// The array of another length.
        array: &'static str,
        /// Its length.
        found: usize,
        /// The length of `x`.
        expected: usize,
    },
    /// An axis range that is empty, not finite, or not positive on a logarithmic axis.
    #[error("panel {panel}: the {axis} range [{low}, {high}] cannot be drawn on a {scale} axis; expected {expected}")]
    Range {
        /// Index of the panel.
        panel: usize,
        /// `x` or `y`.
        axis: &'static str,
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
        /// `linear` or `logarithmic`.
        scale: &'static str,
        /// The expected ends.
        expected: &'static str,
    },
    /// Labels and legend leave too little space for a panel, or the size of the figure is out of range.
    #[error(
        "a figure of {width_in} x {height_in} in leaves {left_pt:.0} pt for the {side} of a panel, less than {least_pt} pt; \
         make the figure larger, its labels shorter, or its columns fewer"
    )]
    TooSmall {
        /// Width of the figure in inches.
        width_in: f64,
        /// Height of the figure in inches.
        height_in: f64,
        /// `width` or `height`.
        side: &'static str,
        /// Remaining length, in points.
        left_pt: f64,
        /// Smallest length, in points.
        least_pt: f64,
    },
    /// A text contains a character for which there is no LaTeX.
    #[error(
        "LaTeX has no command here for `{char}` (U+{code:04X}) in the text `{text}`; replace the text by figure.labels"
    )]
    NoLatex {
        /// The character.
        char: char,
        /// Its Unicode scalar value.
        code: u32,
        /// The text that contains it.
        text: String,
    },
    /// The drawing backend failed.
    #[error("the drawing backend failed: {reason}")]
    Backend {
        /// Message of the backend.
        reason: String,
    },
    /// The rendered SVG could not be parsed.
    #[error("the rendered SVG could not be parsed")]
    Parse(#[from] resvg::usvg::Error),
    /// The SVG could not be converted to PDF.
    #[error("the SVG could not be converted to PDF: {0}")]
    Pdf(svg2pdf::ConversionError),
    /// The raster image could not be created.
    #[error("a raster image of {width} x {height} pixels could not be created")]
    Raster {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The destination has no file name to which `.svg`, `.png` and `.pdf` could be appended.
    #[error("`{path}` has no file name; a figure needs one such as `figures/gap`")]
    Stem {
        /// The destination.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("could not write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}
