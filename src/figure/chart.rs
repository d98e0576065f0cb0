//! Charts as plain data.
//!
//! Lengths ending in `_in` are inches, in `_pt` points (1/72 in). Texts may contain Unicode mathematics and two kinds
//! of markup, `_{...}` for a subscript and `^{...}` for a superscript; braces are required, so `batch_size` is plain
//! text.

use crate::choice::choice;
use ndarray::ArrayView2;

/// A grid of panels on one page.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Width of the page in inches.
    pub width_in: f64,
    /// Height of the page in inches.
    pub height_in: f64,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Panels per row; 0 counts as 1.
    pub columns: usize,
    /// The scale of the colours, at the right of the panels.
    pub colour_bar: Option<ColourBar>,
    /// What the figure shows, for those who do not see it and for the properties of its files; not drawn.
    pub about: FigureDescription,
}

/// Title and description of a figure, without markup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FigureDescription {
    /// A short title.
    pub title: String,
    /// A description in sentences.
    pub text: String,
}

/// The scale of the colours of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourBar {
    /// Quantity and unit.
    pub label: String,
    /// The values at the ends.
    pub range: (f64, f64),
    /// Colours of equal parts of the range, from its lower end.
    pub colours: Vec<Colour>,
    /// Values at which there are lines, as those of contours.
    pub lines: Vec<(f64, Stroke)>,
}

/// A pair of axes and the marks drawn in it. Where a figure has several, each has a letter from (a) on.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What the panel shows, for those who add marks to it; not drawn.
    pub subject: Option<&'static str>,
    /// Text above the panel, after its letter, in two lines where one is too short; all titles have one size.
    pub title: Option<String>,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Bands are drawn first, the other marks above them in this order.
    pub marks: Vec<Mark>,
    /// Position of the legend, which lists the labels of the marks.
    pub legend: Legend,
    /// Lines of small text, wrapped to the frame and placed where they cover the least data and not the legend.
    pub notes: Vec<String>,
    /// Why no data is shown, for a panel without any; `None` for a reason that is derived from the values.
    pub empty: Option<String>,
    /// Equal units on both axes: automatic ranges are extended, fixed ranges shrink the frame.
    pub equal_aspect: bool,
    /// Whether axes, ticks and their margins are omitted, as around an image.
    pub bare: bool,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Quantity and unit; may be empty.
    pub label: String,
    /// The scale.
    pub scale: Scale,
    /// Lowest and highest value; `None` for the extent of the data with margins.
    pub range: Option<(f64, f64)>,
    /// Whether values are counts: ticks are at whole numbers from 0 on.
    pub counts: bool,
}

/// The scale of an axis. Logarithmic axes omit values that are not positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Linear.
    Linear,
    /// Logarithmic, with labels at powers of ten.
    Log10,
    /// Logarithmic, with labels at powers of two: for widths and batch sizes.
    Log2,
}

/// Position of the legend. Marks with equal labels share one entry, whose sample shows them side by side; a mark of
/// which nothing can be seen has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legend {
    /// Where it covers the least data; an automatic y range is extended upwards if no position is free, and a legend
    /// that has no place in the frame is drawn below the panel.
    Automatic,
    /// In this corner, regardless of the data.
    Inside(Corner),
    /// Below all panels, in one legend with the labels of every other such panel and of those with a hidden legend.
    Below,
    /// Not drawn by itself.
    Hidden,
}

/// A corner of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corner {
    /// Top right.
    TopRight,
    /// Top left.
    TopLeft,
    /// Bottom right.
    BottomRight,
    /// Bottom left.
    BottomLeft,
}

/// A colour of the palette.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colour {
    /// The n-th colour of the colour-blind-safe palette, repeated cyclically.
    Series(usize),
    /// A shade of an ordered family, from 0 (light) to 1 (dark): widths, times.
    Ramp(f64),
    /// A shade of a heat map, from 0 (white) to 1 (dark).
    Heat(f64),
    /// A grey, from 0 (black) to 255 (white).
    Grey(u8),
    /// Red, green and blue, outside the palette.
    Rgb(u8, u8, u8),
}

/// The pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Without gaps.
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// Alternating dashes and dots.
    DashDot,
    /// Long dashes.
    LongDash,
    /// Dashes, each followed by two dots.
    DashDotDot,
    /// Short dashes.
    ShortDash,
}

choice! {
    /// The shape of a point.
    pub enum Marker: "marker" {
        /// Circle.
        Circle = "circle",
        /// Square.
        Square = "square",
        /// Triangle.
        Triangle = "triangle",
        /// Square on its corner.
        Diamond = "diamond",
        /// Diagonal cross.
        Cross = "cross",
        /// Circle without an inside, which covers nothing: around a point of another mark.
        Ring = "ring",
    }
}

/// The style of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Colour.
    pub colour: Colour,
    /// Pattern.
    pub dash: Dash,
    /// Width in points.
    pub width_pt: f64,
}

/// An element of a panel. The arrays of a mark have the length of `x`, except for tiles; a value that is not finite
/// interrupts a line or a band, and removes a point. A value between two interruptions is drawn as a dot of the line.
/// The end of an interval or of a band that the axis cannot show is outside the frame. Every mark has a label, its entry
/// in the legend, or none.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A polyline through `(x[i], y[i])`.
    Line {
        /// Abscissae.
        x: Vec<f64>,
        /// Ordinates.
        y: Vec<f64>,
        /// Style of the line.
        stroke: Stroke,
        /// Legend entry.
        label: Option<String>,
    },
    /// Markers at `(x[i], y[i])`.
    Points {
        /// Abscissae.
        x: Vec<f64>,
        /// Ordinates.
        y: Vec<f64>,
        /// The ends of the vertical interval at each point, as values of the ordinate.
        error: Option<Vec<(f64, f64)>>,
        /// Shape.
        marker: Marker,
        /// Colour.
        colour: Colour,
        /// Whether markers are filled or outlined.
        filled: bool,
        /// Diameter in points.
        size_pt: f64,
        /// Legend entry.
        label: Option<String>,
    },
    /// The region between `low` and `high`. On a logarithmic axis it extends to the frame where `low` is not positive.
    Band {
        /// Abscissae.
        x: Vec<f64>,
        /// Lower ends.
        low: Vec<f64>,
        /// Upper ends.
        high: Vec<f64>,
        /// Colour.
        colour: Colour,
        /// From 0 (transparent) to 1 (opaque).
        opacity: f64,
        /// Legend entry.
        label: Option<String>,
    },
    /// Many small dots. Each takes about 100 bytes of SVG: clouds of more than some thousands should be thinned.
    Cloud {
        /// Abscissae.
        x: Vec<f64>,
        /// Ordinates.
        y: Vec<f64>,
        /// Colour.
        colour: Colour,
        /// Diameter in points.
        size_pt: f64,
        /// From 0 (transparent) to 1 (opaque).
        opacity: f64,
        /// Legend entry.
        label: Option<String>,
    },
    /// Coloured rectangles of a grid: a heat map or an image.
    Tiles {
        /// Edges of the columns, increasing (columns + 1).
        x: Vec<f64>,
        /// Edges of the rows, increasing (rows + 1).
        y: Vec<f64>,
        /// Colours (rows, columns), row by row from the lowest.
        colours: Vec<Colour>,
        /// Legend entry.
        label: Option<String>,
    },
    /// A line across the panel at the ordinate `y`; automatic ranges include it.
    HorizontalLine {
        /// The ordinate.
        y: f64,
        /// Style of the line.
        stroke: Stroke,
        /// Legend entry.
        label: Option<String>,
    },
    /// A line across the panel at the abscissa `x`; automatic ranges include it.
    VerticalLine {
        /// The abscissa.
        x: f64,
        /// Style of the line.
        stroke: Stroke,
        /// Legend entry.
        label: Option<String>,
    },
}

impl Figure {
    /// An empty figure of 3.35 x 2.5 in: one column of a two-column page, one panel.
    pub fn single_column() -> Self {
        Self::empty((3.35, 2.5), 1)
    }

    /// An empty figure of 6.9 x 2.6 in: the full width of a page, panels in pairs unless `columns` is changed.
    pub fn double_column() -> Self {
        Self::empty((6.9, 2.6), 2)
    }

    fn empty((width_in, height_in): (f64, f64), columns: usize) -> Self {
        Self { width_in, height_in, panels: Vec::new(), columns, colour_bar: None, about: FigureDescription::default() }
    }

    /// Adds a panel.
    pub fn with(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// Adds the scale of the colours, from `low` to `high`.
    pub fn colour_bar(mut self, label: impl Into<String>, range: (f64, f64), colours: Vec<Colour>) -> Self {
        self.colour_bar = Some(ColourBar { label: label.into(), range, colours, lines: Vec::new() });
        self
    }

    /// Gives all panels of equal scales the range of their common data, with margins.
    pub fn share_ranges(mut self) -> Self {
        super::axis::share_ranges(&mut self.panels);
        self
    }
}

impl Panel {
    /// An empty panel with an automatic legend.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self {
            subject: None,
            title: None,
            x,
            y,
            marks: Vec::new(),
            legend: Legend::Automatic,
            notes: Vec::new(),
            empty: None,
            equal_aspect: false,
            bare: false,
        }
    }

    /// Adds a mark.
    pub fn with(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Sets what the panel shows, for those who add marks to it.
    pub fn subject(self, subject: &'static str) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// Sets the title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a line of small text.
    pub fn note(mut self, line: impl Into<String>) -> Self {
        self.notes.push(line.into());
        self
    }

    /// Sets the reason that is given in the middle of the panel if no data can be shown.
    pub fn if_empty(mut self, reason: impl Into<String>) -> Self {
        self.empty = Some(reason.into());
        self
    }

    /// Omits axes and ticks, and makes units equal on both axes.
    pub fn image(self) -> Self {
        Self { bare: true, equal_aspect: true, ..self }
    }

    /// Sets the position of the legend.
    pub fn legend(mut self, legend: Legend) -> Self {
        self.legend = legend;
        self
    }
}

impl Axis {
    /// A linear axis with an automatic range.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, range: None, counts: false }
    }

    /// A logarithmic axis with decades labelled and an automatic range.
    pub fn log10(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log10, range: None, counts: false }
    }

    /// A logarithmic axis with powers of two labelled and an automatic range.
    pub fn log2(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log2, range: None, counts: false }
    }

    /// Declares that values are counts, such as rounds: ticks are at whole numbers from 0 on.
    pub fn counts(self) -> Self {
        Self { counts: true, ..self }
    }

    /// Fixes the range.
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Fixes the range to one that was computed; it stays automatic if the scale cannot show it, as for data that are
    /// constant or not finite.
    pub fn within(mut self, low: f64, high: f64) -> Self {
        self.range = super::axis::is_range(self.scale, low, high).then_some((low, high));
        self
    }
}

impl Mark {
    /// A heat map of values (rows from the lowest, columns from the left), in shades from white (at most 0) to the
    /// darkest (at least `most`), over the intervals `x` and `y`.
    pub fn heat(x: (f64, f64), y: (f64, f64), values: ArrayView2<f64>, most: f64) -> Self {
        // The number of shades is limited so that neighbours of equal shade can be drawn as one rectangle.
        const SHADES: f64 = 40.0;
        let shade = |&v: &f64| if v.is_finite() { ((v / most).clamp(0.0, 1.0) * SHADES).round() / SHADES } else { 0.0 };
        let edges = |(a, b): (f64, f64), n: usize| (0..=n).map(|i| a + (b - a) * i as f64 / n as f64).collect();
        let colours = values.iter().map(|v| Colour::Heat(shade(v))).collect();
        Mark::Tiles { x: edges(x, values.ncols()), y: edges(y, values.nrows()), colours, label: None }
    }

    /// A line of default width.
    pub fn line(x: Vec<f64>, y: Vec<f64>, colour: Colour, dash: Dash) -> Self {
        Self::Line { x, y, stroke: Stroke::new(colour, dash), label: None }
    }

    /// Filled markers of default size, without intervals.
    pub fn points(x: Vec<f64>, y: Vec<f64>, colour: Colour, marker: Marker) -> Self {
        let size_pt = super::style::MARKER_PT;
        Self::Points { x, y, error: None, marker, colour, filled: true, size_pt, label: None }
    }

    /// A band of default opacity.
    pub fn band(x: Vec<f64>, low: Vec<f64>, high: Vec<f64>, colour: Colour) -> Self {
        Self::Band { x, low, high, colour, opacity: super::style::BAND_OPACITY, label: None }
    }

    /// Dots of default size and opacity.
    pub fn cloud(x: Vec<f64>, y: Vec<f64>, colour: Colour) -> Self {
        Self::Cloud { x, y, colour, size_pt: super::style::DOT_PT, opacity: 0.5, label: None }
    }

    /// Tiles between increasing edges, with colours row by row from the lowest.
    pub fn tiles(x: Vec<f64>, y: Vec<f64>, colours: Vec<Colour>) -> Self {
        Self::Tiles { x, y, colours, label: None }
    }

    /// A thin line across the panel at the ordinate `y`.
    pub fn horizontal(y: f64, colour: Colour, dash: Dash) -> Self {
        Self::HorizontalLine { y, stroke: Stroke { width_pt: 0.8, ..Stroke::new(colour, dash) }, label: None }
    }

    /// A thin line across the panel at the abscissa `x`.
    pub fn vertical(x: f64, colour: Colour, dash: Dash) -> Self {
        Self::VerticalLine { x, stroke: Stroke { width_pt: 0.8, ..Stroke::new(colour, dash) }, label: None }
    }

    /// Sets the legend entry.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        *self.label_mut() = Some(text.into());
        self
    }

    /// Removes the legend entry.
    pub fn unlabelled(mut self) -> Self {
        *self.label_mut() = None;
        self
    }

    pub(super) fn label_mut(&mut self) -> &mut Option<String> {
        match self {
            Self::Line { label, .. }
            | Self::Points { label, .. }
            | Self::Band { label, .. }
            | Self::Cloud { label, .. }
            | Self::Tiles { label, .. }
            | Self::HorizontalLine { label, .. }
            | Self::VerticalLine { label, .. } => label,
        }
    }

    /// Sets the vertical intervals of points (the ends, as values of the ordinate); other marks are unchanged.
    pub fn error(mut self, ends: Vec<(f64, f64)>) -> Self {
        if let Self::Points { error, .. } = &mut self {
            *error = Some(ends);
        }
        self
    }

    /// Outlines markers instead of filling them; other marks are unchanged.
    pub fn hollow(mut self) -> Self {
        if let Self::Points { filled, .. } = &mut self {
            *filled = false;
        }
        self
    }

    /// The colour, of tiles that of the first one; `None` without tiles.
    pub fn colour(&self) -> Option<Colour> {
        match self {
            Self::Line { stroke, .. } | Self::HorizontalLine { stroke, .. } | Self::VerticalLine { stroke, .. } => {
                Some(stroke.colour)
            }
            Self::Points { colour, .. } | Self::Band { colour, .. } | Self::Cloud { colour, .. } => Some(*colour),
            Self::Tiles { colours, .. } => colours.first().copied(),
        }
    }

    /// The legend entry.
    pub fn label_text(&self) -> Option<&str> {
        match self {
            Self::Line { label, .. }
            | Self::Points { label, .. }
            | Self::Band { label, .. }
            | Self::Cloud { label, .. }
            | Self::Tiles { label, .. }
            | Self::HorizontalLine { label, .. }
            | Self::VerticalLine { label, .. } => label.as_deref(),
        }
    }
}

impl Stroke {
    /// A stroke of default width.
    pub fn new(colour: Colour, dash: Dash) -> Self {
        Self { colour, dash, width_pt: super::style::LINE_PT }
    }
}
