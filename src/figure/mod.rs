//! The drawing layer: charts as data in, publication files out.
//!
//! A kind of figure builds a [`Figure`] - panels, axes, marks, no drawing - and [`write()`] turns it into an SVG, a PNG
//! and a PDF. One description, one layout, one SVG; the other two formats are made from that SVG, so the three agree.
//!
//! ```text
//! chart   what to draw: plain data                     style   sizes, palette
//! axis    value -> place; ranges from data             ticks   where ticks stand and what they say
//! text    sub- and superscripts, measured runs         font    the embedded font: widths, coverage
//! layout  frames and margins from real text extents    legend  legend and notes where they hide nothing
//! pen     points -> a plotters backend                 draw    bands, marks, axes, texts
//! export  SVG page -> PNG, PDF, files                  geometry  clipping, dashes, thinning
//! ```
//!
//! plotters provides the backend; its own charts are not used: its logarithmic labels show rounding errors and overlap,
//! its legends know no dashes, and its whole-pixel coordinates make staircases, which a canvas of 20 units per point
//! avoids. A text with a character the embedded font lacks is an error, not a box on the printed page.
//!
//! ```no_run
//! use widelimit::figure::{Axis, Colour, Dash, Figure, Mark, Panel, write};
//! let panel = Panel::new(Axis::log2("width N"), Axis::log10("gap ‖f_{N} − f_{ρ}‖^{2}"))
//!     .with(Mark::line(vec![16.0, 1024.0], vec![1e-1, 1e-3], Colour::Series(0), Dash::Dashed).label("theory"));
//! write(&Figure::single_column().with(panel), "figures/gap".as_ref())?;
//! # Ok::<(), widelimit::figure::FigureError>(())
//! ```

mod axis;
mod chart;
mod draw;
mod error;
mod export;
mod font;
mod geometry;
mod layout;
mod legend;
mod pen;
pub mod style;
mod text;
mod ticks;

pub use chart::{Axis, Colour, Corner, Dash, Figure, Legend, Mark, Marker, Panel, Scale, Stroke};
pub use error::FigureError;
pub use export::{render, write};

#[cfg(test)]
mod tests;
