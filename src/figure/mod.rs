//! Charts as plain data, and their files.
//!
//! A study describes a [`Figure`] by panels, axes and marks, and [`write()`] renders it as an SVG, from which it makes
//! a PNG and a PDF.
//!
//! ```text
//! chart     the description: plain data                 style     sizes, palette
//! axis      positions of values; automatic ranges       ticks     positions and labels of ticks
//! text      sub- and superscripts, measured runs        font      the embedded font: widths, coverage
//! variables which letters are italic                    metadata  titles and descriptions in files
//! layout    frames and margins from text extents        legend    lines and positions of legend and notes
//! placed    the result of the layout                    marks     places and visibility of marks
//! bar       the scale of the colours                    letters   the letters of panels
//! canvas    the interface of formats                    svg       SVG, by a plotters backend
//! pgf       drawing commands of LaTeX                   latex     texts and symbols in LaTeX
//! pen       primitives on a canvas                      draw      marks, axes, texts
//! export    SVG, PNG, PDF and PGF files                 geometry  clipping, dashes, thinning
//! inline    elements of an HTML page
//! custom    sizes, colours, markers and labels of one's own
//! ```
//!
//! The backend of plotters is used, but not its charts: their logarithmic labels show rounding errors and overlap,
//! their legends do not support dashes, and their coordinates are whole pixels. The canvas has 20 units per point
//! instead. A character that the embedded font lacks is an error.
//!
//! Texts are wrapped, and shortened where two lines do not suffice: none extends over another panel. A panel in which
//! nothing can be seen says why.
//!
//! ```no_run
//! use widelimit::figure::{Axis, Colour, Dash, Figure, Mark, Panel, write};
//! let panel = Panel::new(Axis::log2("width N"), Axis::log10("gap ‖f_{N} − f_{ρ}‖^{2}"))
//!     .with(Mark::line(vec![16.0, 1024.0], vec![1e-1, 1e-3], Colour::Series(0), Dash::Dashed).label("theory"));
//! write(&Figure::single_column().with(panel), "figures/gap".as_ref())?;
//! # Ok::<(), widelimit::figure::FigureError>(())
//! ```

mod axis;
mod bar;
mod canvas;
mod chart;
pub mod custom;
mod draw;
mod error;
mod export;
mod font;
mod geometry;
mod inline;
mod latex;
mod layout;
mod legend;
mod letters;
mod marks;
mod metadata;
mod pen;
mod pgf;
mod placed;
pub mod style;
mod svg;
mod text;
mod ticks;
mod variables;

pub use chart::{
    Axis, Colour, ColourBar, Corner, Dash, Figure, FigureDescription, Legend, Mark, Marker, Panel, Scale, Stroke,
};
pub use custom::FigureStyle;
pub use error::FigureError;
pub use export::{Format, check, render, render_pgf, write, write_formats};
pub use inline::{font_face, render_inline};

#[cfg(test)]
mod tests;
