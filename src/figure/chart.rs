//! A chart as plain data: what to draw, nothing about how.
//!
//! Lengths ending in `_in` are inches, in `_pt` points (1/72 in). Texts may hold Unicode mathematics and two marks of
//! markup, `_{...}` for a subscript and `^{...}` for a superscript; braces are required, so `batch_size` is plain text.

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
}

/// One pair of axes and what stands in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Text above the panel, at its left edge.
    pub title: Option<String>,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Bands are drawn first, the other marks above them in this order.
    pub marks: Vec<Mark>,
    /// Where the labels of the marks go.
    pub legend: Legend,
    /// Small lines of text in the emptiest corner that the legend leaves.
    pub notes: Vec<String>,
    /// One unit of x is as long as one unit of y: automatic ranges grow, fixed ranges shrink the frame.
    pub equal_aspect: bool,
    /// Without axes, ticks and their margins: for pictures.
    pub bare: bool,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Quantity and unit; empty for none.
    pub label: String,
    /// How values become lengths.
    pub scale: Scale,
    /// First and last value; `None` takes them from the data, with margins.
    pub range: Option<(f64, f64)>,
}

/// How values become lengths. Values that are not positive are dropped from logarithmic axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Proportional.
    Linear,
    /// Logarithmic, decades labelled.
    Log10,
    /// Logarithmic, powers of two labelled: for widths and batch sizes.
    Log2,
}

/// Where the legend stands. Marks of one panel with the same label share one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legend {
    /// The emptiest place; an automatic y range grows upwards when no place is free.
    Automatic,
    /// In this corner, whatever it covers.
    Inside(Corner),
    /// Beside the panel.
    OutsideRight,
    /// Not drawn.
    Hidden,
}

/// A corner of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Corner {
    TopRight,
    TopLeft,
    BottomRight,
    BottomLeft,
}

/// A colour of the house palette.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colour {
    /// The n-th colour of the colour-blind-safe cycle.
    Series(usize),
    /// A shade of an ordered family, from 0 (light) to 1 (dark): widths, times.
    Ramp(f64),
    /// A shade of a heat map, from 0 (white) to 1 (dark).
    Heat(f64),
    /// From 0 (black) to 255 (white).
    Grey(u8),
}

/// The pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
    DashDot,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Colour.
    pub colour: Colour,
    /// Pattern.
    pub dash: Dash,
    /// Width in points.
    pub width_pt: f64,
}

/// Something drawn in a panel. All arrays of one mark but tiles have the length of `x`; values that are not finite break a line
/// or a band, and drop a point.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Mark {
    /// A polyline through `(x[i], y[i])`.
    Line { x: Vec<f64>, y: Vec<f64>, stroke: Stroke, label: Option<String> },
    /// Markers; `error[i]` holds the two ends of the vertical interval at `x[i]`, as values, not as distances.
    Points {
        x: Vec<f64>,
        y: Vec<f64>,
        error: Option<Vec<(f64, f64)>>,
        marker: Marker,
        colour: Colour,
        filled: bool,
        size_pt: f64,
        label: Option<String>,
    },
    /// The region between `low` and `high`; on a logarithmic axis a `low` that is not positive reaches the frame.
    Band { x: Vec<f64>, low: Vec<f64>, high: Vec<f64>, colour: Colour, opacity: f64, label: Option<String> },
    /// Many small dots: one SVG circle of about 100 bytes each, so thin a cloud of more than some thousand.
    Cloud { x: Vec<f64>, y: Vec<f64>, colour: Colour, size_pt: f64, opacity: f64, label: Option<String> },
    /// Tiles between the edges `x` and `y`, increasing, one colour each, row by row from the lowest: a heat map, a picture.
    Tiles { x: Vec<f64>, y: Vec<f64>, colours: Vec<Colour>, label: Option<String> },
    /// A line across the panel at height `y`; automatic ranges include it.
    HorizontalLine { y: f64, stroke: Stroke, label: Option<String> },
    /// A line across the panel at `x`; automatic ranges include it.
    VerticalLine { x: f64, stroke: Stroke, label: Option<String> },
}

impl Figure {
    /// An empty figure of 3.35 x 2.5 in: one column of a two-column page, one panel.
    pub fn single_column() -> Self {
        Self { width_in: 3.35, height_in: 2.5, panels: Vec::new(), columns: 1 }
    }

    /// An empty figure of 6.9 x 2.6 in: the full width of a page, panels in pairs unless `columns` is changed.
    pub fn double_column() -> Self {
        Self { width_in: 6.9, height_in: 2.6, panels: Vec::new(), columns: 2 }
    }

    /// Add a panel.
    pub fn with(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// Give all panels of equal scales the ranges of their common data (with the usual margins); a panel without
    /// data changes nothing.
    pub fn share_ranges(mut self) -> Self {
        super::axis::share(&mut self.panels);
        self
    }
}

impl Panel {
    /// An empty panel with an automatic legend.
    pub fn new(x: Axis, y: Axis) -> Self {
        let (marks, notes) = (Vec::new(), Vec::new());
        Self { title: None, x, y, marks, legend: Legend::Automatic, notes, equal_aspect: false, bare: false }
    }

    /// Add a mark.
    pub fn with(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Set the title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Add a line of small text.
    pub fn note(mut self, line: impl Into<String>) -> Self {
        self.notes.push(line.into());
        self
    }

    /// Leave out axes and ticks, and make units equally long on both sides.
    pub fn picture(self) -> Self {
        Self { bare: true, equal_aspect: true, ..self }
    }

    /// Place the legend.
    pub fn legend(mut self, legend: Legend) -> Self {
        self.legend = legend;
        self
    }
}

impl Axis {
    /// A linear axis with an automatic range.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, range: None }
    }

    /// A logarithmic axis with decades labelled and an automatic range.
    pub fn log10(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log10, range: None }
    }

    /// A logarithmic axis with powers of two labelled and an automatic range.
    pub fn log2(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log2, range: None }
    }

    /// Fix the range.
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }
}

impl Mark {
    /// A heat map of values, (rows from the lowest, columns from the left), in shades from white (0 and less) to the darkest
    /// (`most` and more), between the ends `(first, last)` of `x` and of `y`.
    pub fn heat(x: (f64, f64), y: (f64, f64), values: ArrayView2<f64>, most: f64) -> Self {
        // As many shades as an eye tells apart: neighbours of one shade are one rectangle.
        const SHADES: f64 = 40.0;
        let shade = |&v: &f64| if v.is_finite() { ((v / most).clamp(0.0, 1.0) * SHADES).round() / SHADES } else { 0.0 };
        let edges = |(a, b): (f64, f64), n: usize| (0..=n).map(|i| a + (b - a) * i as f64 / n as f64).collect();
        let colours = values.iter().map(|v| Colour::Heat(shade(v))).collect();
        Mark::Tiles { x: edges(x, values.ncols()), y: edges(y, values.nrows()), colours, label: None }
    }

    /// A line of the house width.
    pub fn line(x: Vec<f64>, y: Vec<f64>, colour: Colour, dash: Dash) -> Self {
        Self::Line { x, y, stroke: Stroke::new(colour, dash), label: None }
    }

    /// Filled markers of the house size, without intervals.
    pub fn points(x: Vec<f64>, y: Vec<f64>, colour: Colour, marker: Marker) -> Self {
        let size_pt = super::style::MARKER_PT;
        Self::Points { x, y, error: None, marker, colour, filled: true, size_pt, label: None }
    }

    /// A band of the house opacity.
    pub fn band(x: Vec<f64>, low: Vec<f64>, high: Vec<f64>, colour: Colour) -> Self {
        Self::Band { x, low, high, colour, opacity: super::style::BAND_OPACITY, label: None }
    }

    /// Dots of the house size.
    pub fn cloud(x: Vec<f64>, y: Vec<f64>, colour: Colour) -> Self {
        Self::Cloud { x, y, colour, size_pt: super::style::DOT_PT, opacity: 0.5, label: None }
    }

    /// Tiles between edges, a colour each, row by row from the lowest.
    pub fn tiles(x: Vec<f64>, y: Vec<f64>, colours: Vec<Colour>) -> Self {
        Self::Tiles { x, y, colours, label: None }
    }

    /// A thin line across the panel at height `y`.
    pub fn horizontal(y: f64, colour: Colour, dash: Dash) -> Self {
        Self::HorizontalLine { y, stroke: Stroke { width_pt: 0.8, ..Stroke::new(colour, dash) }, label: None }
    }

    /// A thin line across the panel at `x`.
    pub fn vertical(x: f64, colour: Colour, dash: Dash) -> Self {
        Self::VerticalLine { x, stroke: Stroke { width_pt: 0.8, ..Stroke::new(colour, dash) }, label: None }
    }

    /// Name the mark in the legend.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        *self.label_slot() = Some(text.into());
        self
    }

    /// Leave the mark out of the legend.
    pub fn unlabelled(mut self) -> Self {
        *self.label_slot() = None;
        self
    }

    fn label_slot(&mut self) -> &mut Option<String> {
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

    /// Give markers their vertical intervals (ends as values, one per point); other marks are left as they are.
    pub fn error(mut self, ends: Vec<(f64, f64)>) -> Self {
        if let Self::Points { error, .. } = &mut self {
            *error = Some(ends);
        }
        self
    }

    /// Draw markers hollow; other marks are left as they are.
    pub fn hollow(mut self) -> Self {
        if let Self::Points { filled, .. } = &mut self {
            *filled = false;
        }
        self
    }

    /// The name in the legend.
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
    /// A stroke of the house width.
    pub fn new(colour: Colour, dash: Dash) -> Self {
        Self { colour, dash, width_pt: super::style::LINE_PT }
    }
}
