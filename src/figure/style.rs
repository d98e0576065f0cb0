//! The style of all figures: sizes in points, the palette, and a colour, marker and dash for every series, so that
//! series are distinguished without colour too.

use super::chart::{Colour, Dash, Marker};

/// Font size of tick labels, legend and axis factors.
pub const TICK_TEXT_PT: f64 = 8.0;
/// Font size of axis labels and titles.
pub const LABEL_TEXT_PT: f64 = 9.0;
/// Font size of notes.
pub const NOTE_TEXT_PT: f64 = 7.5;
/// Width of data lines.
pub const LINE_PT: f64 = 1.1;
/// Width of axes and ticks.
pub const AXIS_PT: f64 = 0.6;
/// Width of error bars and of the outlines of hollow markers.
pub const ERROR_PT: f64 = 0.8;
/// Diameter of markers.
pub const MARKER_PT: f64 = 4.0;
/// Diameter of a cloud's dots.
pub const DOT_PT: f64 = 1.4;
/// Opacity of bands.
pub const BAND_OPACITY: f64 = 0.18;
/// Space between ticks and their labels, and between those and the axis label.
pub(super) const PAD_PT: f64 = 2.5;
/// Line spacing of titles and axis labels.
pub(super) const LINE_STEP_PT: f64 = 1.2 * LABEL_TEXT_PT;
/// Length of labelled ticks.
pub const TICK_PT: f64 = 3.0;
/// Length of unlabelled ticks.
pub const MINOR_TICK_PT: f64 = 1.7;

/// The palette of Okabe and Ito (Color Universal Design, 2008) without yellow, which has little contrast on white; then
/// wine, olive and indigo of the palette of Tol (SRON/EPS/TN/09-002, 2021).
const SERIES: [(u8, u8, u8); 10] = [
    (0x00, 0x72, 0xB2),
    (0xD5, 0x5E, 0x00),
    (0x00, 0x9E, 0x73),
    (0xCC, 0x79, 0xA7),
    (0xE6, 0x9F, 0x00),
    (0x56, 0xB4, 0xE9),
    (0x40, 0x40, 0x40),
    (0x88, 0x22, 0x55),
    (0x99, 0x99, 0x33),
    (0x33, 0x22, 0x88),
];

/// Blues of decreasing lightness, so that the order is preserved in grey.
const RAMP: [(u8, u8, u8); 4] = [(0xA6, 0xCD, 0xE6), (0x56, 0xA0, 0xD0), (0x1C, 0x64, 0xA6), (0x08, 0x26, 0x52)];

/// Colour of axes and texts.
pub(super) const FOREGROUND: Colour = Colour::Grey(0x1A);

/// The dashes of series, in their order.
const DASHES: [Dash; 6] = [Dash::Solid, Dash::Dashed, Dash::DashDot, Dash::Dotted, Dash::LongDash, Dash::DashDotDot];

/// The markers of series, in their order.
pub(super) const MARKERS: [Marker; 5] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross];

/// Colour, marker and dash of series `index`; they repeat with the periods 10, 5 and 6. Two of 30 series differ in the
/// marker or the dash, and so without colour too.
pub fn series(index: usize) -> (Colour, Marker, Dash) {
    (Colour::Series(index), MARKERS[index % MARKERS.len()], DASHES[index % DASHES.len()])
}

/// The shade of member `index` of an ordered family of `count` members.
pub fn ramp(index: usize, count: usize) -> Colour {
    Colour::Ramp(if count < 2 { 1.0 } else { index as f64 / (count - 1) as f64 })
}

/// Red, green and blue from 0 to 255.
pub(super) fn rgb(colour: Colour) -> (u8, u8, u8) {
    match colour {
        Colour::Series(index) => SERIES[index % SERIES.len()],
        Colour::Grey(level) => (level, level, level),
        Colour::Rgb(r, g, b) => (r, g, b),
        Colour::Ramp(at) => interpolate(&RAMP, at),
        Colour::Heat(at) => interpolate(&[(0xFF, 0xFF, 0xFF), RAMP[0], RAMP[1], RAMP[2], RAMP[3]], at),
    }
}

/// Linear interpolation of equally spaced colours at a position from 0 to 1.
pub(super) fn interpolate(colours: &[(u8, u8, u8)], at: f64) -> (u8, u8, u8) {
    let at = if at.is_finite() { at.clamp(0.0, 1.0) } else { 1.0 } * (colours.len() - 1) as f64;
    let below = (at as usize).min(colours.len() - 2);
    let weight = at - below as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + weight * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (colours[below], colours[below + 1]);
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Lengths of dashes and gaps in alternation, for a line of width 1; empty for a solid line.
pub(super) fn pattern(dash: Dash) -> &'static [f64] {
    match dash {
        Dash::Solid => &[],
        Dash::Dashed => &[4.0, 2.0],
        Dash::Dotted => &[1.1, 1.6],
        Dash::DashDot => &[4.4, 1.6, 1.1, 1.6],
        Dash::LongDash => &[8.0, 2.4],
        Dash::DashDotDot => &[6.0, 1.5, 1.1, 1.5, 1.1, 1.5],
        Dash::ShortDash => &[2.2, 1.4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_darkens_in_one_direction() {
        let light = |i: usize| {
            let (r, g, b) = rgb(ramp(i, 12));
            0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
        };
        assert!((1..12).all(|i| light(i) < light(i - 1)));
        assert_eq!(rgb(ramp(0, 5)), RAMP[0]);
        assert_eq!(rgb(ramp(4, 5)), RAMP[3]);
        assert_eq!(rgb(Colour::Ramp(f64::NAN)), RAMP[3]);
    }

    #[test]
    fn neighbouring_series_differ_in_all_three() {
        for i in 0..20 {
            let (a, b) = (series(i), series(i + 1));
            assert!(rgb(a.0) != rgb(b.0) && a.1 != b.1 && a.2 != b.2);
        }
    }

    #[test]
    fn series_differ_without_colour() {
        for i in 0..30 {
            for j in 0..i {
                let (a, b) = (series(i), series(j));
                assert!((a.1, a.2) != (b.1, b.2), "{i} and {j}");
                assert!(i >= 10 || rgb(a.0) != rgb(b.0), "{i} and {j}");
            }
        }
    }
}
