//! What can go wrong between a chart description and its files.

use std::path::PathBuf;

/// Why a figure was not drawn or not written. Panels and marks are counted from 0, row by row.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// A text asks for a character that the embedded font cannot draw.
    #[error(
        "the figure's font has no glyph for `{char}` (U+{code:04X}), asked for by the text `{text}`; write it another way"
    )]
    MissingGlyph {
        /// The character.
        char: char,
        /// Its Unicode scalar value.
        code: u32,
        /// The whole text it stands in.
        text: String,
    },
    /// The arrays of one mark do not have the same length.
    #[error("panel {panel}, mark {mark}: `{array}` has {found} values where `x` has {expected}")]
    Lengths {
        /// Index of the panel.
        panel: usize,
        /// Index of the mark in its panel.
        mark: usize,
        /// The array that does not fit.
        array: &'static str,
        /// Its length.
        found: usize,
        /// The length of `x`.
        expected: usize,
    },
    /// An axis range that is empty, not finite, or not positive on a logarithmic axis.
    #[error("panel {panel}: the {axis} range [{low}, {high}] cannot be drawn on a {scale} axis; it needs {needs}")]
    Range {
        /// Index of the panel.
        panel: usize,
        /// `x` or `y`.
        axis: &'static str,
        /// The lower end asked for.
        low: f64,
        /// The upper end asked for.
        high: f64,
        /// `linear` or `logarithmic`.
        scale: &'static str,
        /// What would be right.
        needs: &'static str,
    },
    /// Labels and legend leave no room for the panel, or the figure itself has no size.
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
        /// What is left, in points.
        left_pt: f64,
        /// What is needed, in points.
        least_pt: f64,
    },
    /// The drawing backend refused an element.
    #[error("the drawing backend failed: {reason}")]
    Backend {
        /// What it said.
        reason: String,
    },
    /// The rendered SVG was not read back.
    #[error("the rendered SVG could not be read back")]
    Parse(#[from] resvg::usvg::Error),
    /// The SVG could not be turned into a PDF.
    #[error("the SVG could not be turned into a PDF: {0}")]
    Pdf(svg2pdf::ConversionError),
    /// The raster image could not be made.
    #[error("a raster image of {width} x {height} pixels could not be made")]
    Raster {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The destination has no file name to hang `.svg`, `.png` and `.pdf` on.
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
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
