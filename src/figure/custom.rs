//! Sizes, colours, markers and labels that replace those of the program, for figures in a paper.

use super::chart::{Axis, Colour, Figure, Legend, Mark, Marker, Panel};
use super::error::FigureError;
use super::style::{MARKERS, TICK_TEXT_PT, interpolate};
use super::{font, layout};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::{BTreeMap, BTreeSet};

/// Least width of a panel in inches, at the standard font size; where panels side by side would be narrower, they are
/// placed in fewer columns.
const LEAST_PANEL_IN: f64 = 2.2;
/// The same of a heat map, which has no legend in its frame.
const LEAST_MAP_IN: f64 = 1.6;
/// Least height of a frame relative to its width, on a page of another width.
const LEAST_ASPECT: f64 = 0.55;
/// Least height of a panel in inches, at the standard font size.
const LEAST_HEIGHT_IN: f64 = 1.9;

/// Red, green and blue; written as `#RRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// What replaces the style of figures; empty lists and absent values leave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FigureStyle {
    /// Width of the page in inches.
    #[serde(skip_serializing_if = "Option::is_none", with = "length")]
    pub width: Option<f64>,
    /// Height of the page in inches.
    #[serde(skip_serializing_if = "Option::is_none", with = "length")]
    pub height: Option<f64>,
    /// Columns of panels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<usize>,
    /// Font size of ticks and legends in points; all other sizes are in proportion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font_size: Option<f64>,
    /// Colours of series, in their order; they are repeated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub colours: Vec<Rgb>,
    /// Colours of ordered families such as widths, from the first member to the last; between them by interpolation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ramp: Vec<Rgb>,
    /// Markers in place of circle, square, triangle, diamond and cross, in this order; they are repeated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<Marker>,
    /// Texts that replace titles, labels of axes and entries of legends, by the text that each replaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl FigureStyle {
    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        *self == FigureStyle::default()
    }

    /// This style, with what `other` gives in place of its own.
    pub fn overlaid(&self, other: &FigureStyle) -> FigureStyle {
        let either = |own: &Vec<Rgb>, other: &Vec<Rgb>| if other.is_empty() { own.clone() } else { other.clone() };
        let mut labels = self.labels.clone();
        labels.extend(other.labels.clone());
        FigureStyle {
            width: other.width.or(self.width),
            height: other.height.or(self.height),
            columns: other.columns.or(self.columns),
            font_size: other.font_size.or(self.font_size),
            colours: either(&self.colours, &other.colours),
            ramp: either(&self.ramp, &other.ramp),
            markers: if other.markers.is_empty() { self.markers.clone() } else { other.markers.clone() },
            labels,
        }
    }

    /// The figure in this style, and the factor by which it is magnified when it is drawn. Labels that were replaced are
    /// added to `used`.
    pub fn apply(&self, mut figure: Figure, used: &mut BTreeSet<String>) -> (Figure, f64) {
        for panel in &mut figure.panels {
            self.relabel(panel, used);
            panel.marks.iter_mut().for_each(|mark| self.recolour(mark));
        }
        if let Some(bar) = &mut figure.colour_bar {
            self.replace(&mut bar.label, used);
            let lines = bar.lines.iter_mut().map(|(_, stroke)| &mut stroke.colour);
            bar.colours.iter_mut().chain(lines).for_each(|colour| *colour = self.colour(*colour));
        }
        let scale = self.font_size.map_or(1.0, |size| size / TICK_TEXT_PT);
        self.resize(&mut figure, scale);
        (figure, scale)
    }

    fn replace(&self, text: &mut String, used: &mut BTreeSet<String>) {
        if let Some(new) = self.labels.get(text.as_str()) {
            used.insert(std::mem::replace(text, new.clone()));
        }
    }

    fn relabel(&self, panel: &mut Panel, used: &mut BTreeSet<String>) {
        let mut replace = |text: &mut String| self.replace(text, used);
        panel.title.iter_mut().for_each(&mut replace);
        for Axis { label, .. } in [&mut panel.x, &mut panel.y] {
            replace(label);
        }
        panel.marks.iter_mut().filter_map(|mark| mark.label_mut().as_mut()).for_each(&mut replace);
    }

    fn recolour(&self, mark: &mut Mark) {
        let new = |colour: &mut Colour| *colour = self.colour(*colour);
        match mark {
            Mark::Line { stroke, .. } | Mark::HorizontalLine { stroke, .. } | Mark::VerticalLine { stroke, .. } => {
                new(&mut stroke.colour);
            }
            Mark::Points { colour, marker, .. } => {
                new(colour);
                let place = MARKERS.iter().position(|known| known == marker).filter(|_| !self.markers.is_empty());
                place.into_iter().for_each(|place| *marker = self.markers[place % self.markers.len()]);
            }
            Mark::Band { colour, .. } | Mark::Cloud { colour, .. } => new(colour),
            Mark::Tiles { colours, .. } => colours.iter_mut().for_each(new),
        }
    }

    fn colour(&self, colour: Colour) -> Colour {
        let rgb = |Rgb(r, g, b): Rgb| Colour::Rgb(r, g, b);
        match colour {
            Colour::Series(index) if !self.colours.is_empty() => rgb(self.colours[index % self.colours.len()]),
            Colour::Ramp(at) if self.ramp.len() > 1 => {
                let colours: Vec<(u8, u8, u8)> = self.ramp.iter().map(|&Rgb(r, g, b)| (r, g, b)).collect();
                let (r, g, b) = interpolate(&colours, at);
                Colour::Rgb(r, g, b)
            }
            other => other,
        }
    }

    /// Changes the size of the page, which is laid out at the standard font size and then magnified by `scale`.
    fn resize(&self, figure: &mut Figure, scale: f64) {
        let (count, columns) = (figure.panels.len().max(1), figure.columns.clamp(1, figure.panels.len().max(1)));
        let width = self.width.unwrap_or(figure.width_in) / scale;
        let all = |is: fn(&Panel) -> bool| !figure.panels.is_empty() && figure.panels.iter().all(is);
        // Images stay beside those of their row.
        let least = if all(is_map) { LEAST_MAP_IN } else { LEAST_PANEL_IN };
        let fitting = if all(|panel| panel.bare) { columns } else { ((width / least) as usize).clamp(1, columns) };
        let chosen = self.columns.unwrap_or(fitting).clamp(1, count);
        let rows = |columns: usize| count.div_ceil(columns) as f64;
        // Panels keep their proportions.
        let (panel_width, panel_height) = (figure.width_in / columns as f64, figure.height_in / rows(columns));
        let proportional = width / chosen as f64 * panel_height / panel_width;
        let least = if least == LEAST_MAP_IN { 0.0 } else { LEAST_HEIGHT_IN.min(panel_height) };
        let standard = proportional.max(least) * rows(chosen);
        let changed = self.width.is_some() || self.columns.is_some() || scale != 1.0;
        figure.height_in = match self.height {
            Some(height) => height / scale,
            None if changed => standard,
            None => figure.height_in,
        };
        let other = (width - figure.width_in).abs() > 1e-9 || chosen != columns;
        (figure.width_in, figure.columns) = (width, if changed { chosen } else { figure.columns });
        if other && self.height.is_none() {
            heighten(figure);
        }
    }
}

/// Makes a page higher where titles and legends, which have more lines on a narrow page, leave flat frames.
fn heighten(figure: &mut Figure) {
    const ROUNDS: usize = 4;
    let rows = figure.panels.len().div_ceil(figure.columns.max(1)) as f64;
    // Frames with equal units have the proportions of their ranges.
    if figure.panels.iter().any(|panel| panel.equal_aspect) {
        return;
    }
    for _ in 0..ROUNDS {
        let lacking = match layout::place(figure) {
            Ok(layout) => layout.panels.first().map_or(0.0, |at| LEAST_ASPECT * at.frame.width() - at.frame.height()),
            // The labels alone do not fit.
            Err(FigureError::TooSmall { side: "height", .. }) => LEAST_ASPECT * 72.0 * LEAST_HEIGHT_IN,
            Err(_) => 0.0,
        };
        if lacking < 0.5 {
            return;
        }
        figure.height_in += rows * lacking / 72.0;
    }
}

/// Whether a panel is a heat map or an image without a legend of its own.
fn is_map(panel: &Panel) -> bool {
    panel.legend == Legend::Hidden && panel.marks.iter().any(|mark| matches!(mark, Mark::Tiles { .. }))
}

impl Rgb {
    /// The colour in `#RRGGBB`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Rgb(part(0)?, part(2)?, part(4)?))
    }
}

impl Serialize for Rgb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("#{:02X}{:02X}{:02X}", self.0, self.1, self.2))
    }
}

impl<'de> Deserialize<'de> for Rgb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Rgb::parse(&text).ok_or_else(|| de::Error::custom("expected a colour such as \"#0072B2\""))
    }
}

/// Checks that figures can show a text.
///
/// # Errors
/// [`FigureError::MissingGlyph`] for the first character that the embedded font lacks.
pub fn check_text(text: &str) -> Result<(), FigureError> {
    font::check(text)
}

/// Lengths as texts, such as `3.4in`.
mod length {
    use super::{Deserialize, Deserializer, Serializer, de, inches};

    pub fn serialize<S: Serializer>(length: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match length {
            Some(length) => serializer.collect_str(&format_args!("{length}in")),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        let text = String::deserialize(deserializer)?;
        inches(&text).map(Some).ok_or_else(|| de::Error::custom("expected a length such as \"3.4in\""))
    }
}

/// Least and largest width and height of a page in inches. A PNG of the largest has 12000 pixels.
const PAGE_IN: (f64, f64) = (0.5, 40.0);

/// What [`page_length`] reads.
pub const PAGE_LENGTH: &str = "expected a length from 0.5 to 40 inches with its unit, such as 3.4in, 86mm, 8.6cm or 246pt; a number alone is inches";

/// A width or height of a page in inches, from a text; `None` for other texts and for sizes of no page.
pub fn page_length(text: &str) -> Option<f64> {
    inches(text).filter(|length| (PAGE_IN.0..=PAGE_IN.1).contains(length))
}

/// A length in inches, from a text such as `3.4in`, `86mm`, `8.6cm` or `246pt` (of TeX, 72.27 to an inch).
fn inches(text: &str) -> Option<f64> {
    let text = text.trim();
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let per_inch = match unit {
        "in" | "" => 1.0,
        "mm" => 25.4,
        "cm" => 2.54,
        "pt" => 72.27,
        "bp" => 72.0,
        _ => return None,
    };
    let length = number.trim().parse::<f64>().ok()? / per_inch;
    (length.is_finite() && length > 0.0).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Dash, render};

    #[test]
    fn lengths_of_pages() {
        for (text, inches) in [
            ("3.4", 3.4),
            ("3.4in", 3.4),
            ("25.4mm", 1.0),
            ("2.54 cm", 1.0),
            ("72.27pt", 1.0),
            ("72bp", 1.0),
            ("40in", 40.0),
        ] {
            assert!(page_length(text).is_some_and(|found| (found - inches).abs() < 1e-12), "{text}");
        }
        for text in ["", "in", "0", "-3in", "0.4in", "41in", "1e9in", "3em", "3 4in", "nan", "NaNin", "inf"] {
            assert_eq!(page_length(text), None, "{text}");
        }
    }

    fn figure() -> Figure {
        let panel = |title: &str| {
            Panel::new(Axis::linear("width N"), Axis::linear("y"))
                .title(title)
                .with(Mark::points(vec![0.0, 1.0], vec![0.0, 1.0], Colour::Series(1), Marker::Square).label("networks"))
                .with(Mark::line(vec![0.0, 1.0], vec![1.0, 0.0], Colour::Ramp(0.5), Dash::Solid))
        };
        Figure::double_column().with(panel("a")).with(panel("b"))
    }

    #[test]
    fn colours_markers_and_labels_are_replaced() {
        let style = FigureStyle {
            colours: vec![Rgb(1, 2, 3), Rgb(0xAA, 0xBB, 0xCC)],
            ramp: vec![Rgb(0, 0, 0), Rgb(100, 200, 50)],
            markers: vec![Marker::Cross],
            labels: BTreeMap::from([("networks".into(), "our networks".into()), ("c".into(), "d".into())]),
            ..FigureStyle::default()
        };
        let mut used = BTreeSet::new();
        let (changed, scale) = style.apply(figure(), &mut used);
        assert_eq!((scale, used.into_iter().collect::<Vec<_>>()), (1.0, vec!["networks".to_string()]));
        let marks = &changed.panels[0].marks;
        assert!(matches!(&marks[0], Mark::Points { colour: Colour::Rgb(0xAA, 0xBB, 0xCC), marker: Marker::Cross, .. }));
        assert_eq!(marks[1].colour(), Some(Colour::Rgb(50, 100, 25)));
        assert!(render(&changed).unwrap().contains("our networks"));
        assert_eq!((changed.width_in, changed.height_in, changed.columns), (6.9, 2.6, 2));
    }

    #[test]
    fn a_narrow_page_has_fewer_columns_and_panels_of_the_same_proportions() {
        let sized = |style: FigureStyle| {
            let (figure, scale) = style.apply(figure(), &mut BTreeSet::new());
            (scale * figure.width_in, scale * figure.height_in, figure.columns)
        };
        let (width, height, columns) = sized(FigureStyle { width: Some(3.45), ..FigureStyle::default() });
        assert!((width - 3.45).abs() < 1e-12 && (height - 5.2).abs() < 1e-12 && columns == 1);
        let half = FigureStyle { width: Some(3.45), font_size: Some(4.0), ..FigureStyle::default() };
        let (width, height, columns) = sized(half);
        assert!((width - 3.45).abs() < 1e-12 && (height - 1.3).abs() < 1e-12 && columns == 2);
        assert_eq!(sized(FigureStyle { height: Some(3.0), ..FigureStyle::default() }), (6.9, 3.0, 2));
        assert_eq!(sized(FigureStyle::default()), (6.9, 2.6, 2));
    }

    #[test]
    fn lengths_and_colours_are_read() {
        for (text, expected) in
            [("3.4in", 3.4), ("25.4mm", 1.0), ("2.54 cm", 1.0), ("72.27pt", 1.0), ("72bp", 1.0), ("2", 2.0)]
        {
            assert!((inches(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for text in ["", "in", "3em", "-1in", "0in", "nanin", "1e999in"] {
            assert_eq!(inches(text), None, "{text}");
        }
        assert_eq!(Rgb::parse("#0072b2"), Some(Rgb(0, 0x72, 0xB2)));
        for text in ["0072B2", "#0072B", "#0072B2F", "#00é2B", "blue"] {
            assert_eq!(Rgb::parse(text), None, "{text}");
        }
    }
}
