//! Positions and labels of ticks.
//!
//! Tick values are integers times a power of ten, and labels are formatted from the integers, so that none shows a
//! rounding error. Of the possible sets of ticks the densest whose labels do not overlap is chosen.

use super::axis::Domain;
use super::chart::Scale;

/// Width of a tick label in points.
pub(super) fn tick_label_width(label: &str) -> f64 {
    super::style::TICK_TEXT_PT * super::font::width(label)
}

/// Largest number of labels on one axis.
const MAX_LABELS: usize = 8;
/// Smallest distance of unlabelled ticks, in points.
const MINOR_SPACING_PT: f64 = 1.5;

/// Ticks of one axis, in the coordinate of its scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ticks {
    /// Labelled ticks.
    pub major: Vec<(f64, String)>,
    /// Unlabelled ticks.
    pub minor: Vec<f64>,
    /// A common factor of all labels, such as `×10⁵`, drawn at the end of the axis.
    pub factor: Option<String>,
}

/// The ticks of an axis of length `length_pt`; `extent` is the length of a label along the axis in points, with its
/// gap.
pub(super) fn ticks(domain: &Domain, length_pt: f64, extent: &dyn Fn(&str) -> f64) -> Ticks {
    let axis = TickAxis { domain, length_pt, extent };
    let ticks = match domain.scale {
        Scale::Linear => linear(&axis, domain.low, domain.high, &|value| value),
        Scale::Log10 => decades(&axis),
        Scale::Log2 => powers_of_two(&axis),
    };
    if domain.counts { of_counts(domain.scale, ticks) } else { ticks }
}

/// The ticks at counts: whole numbers from 0 on.
fn of_counts(scale: Scale, ticks: Ticks) -> Ticks {
    let is_count = |u: f64| {
        let value = match scale {
            Scale::Linear => u,
            Scale::Log10 => 10f64.powf(u),
            Scale::Log2 => u.exp2(),
        };
        value > -0.5 && (value - value.round()).abs() <= 1e-9 * value.abs() + f64::MIN_POSITIVE
    };
    let Ticks { major, minor, factor } = ticks;
    let major = major.into_iter().filter(|(u, _)| is_count(*u)).collect();
    Ticks { major, minor: minor.into_iter().filter(|u| is_count(*u)).collect(), factor }
}

/// An axis to be given ticks.
struct TickAxis<'a> {
    domain: &'a Domain,
    length_pt: f64,
    /// Length of a label along the axis in points, with its gap.
    extent: &'a dyn Fn(&str) -> f64,
}

impl TickAxis<'_> {
    /// Points per unit of the scale's coordinate.
    fn unit_pt(&self) -> f64 {
        self.length_pt / (self.domain.high - self.domain.low)
    }

    /// Whether there are not too many labels and none overlaps the next.
    fn fits(&self, major: &[(f64, String)]) -> bool {
        let extents: Vec<f64> = major.iter().map(|(_, label)| (self.extent)(label)).collect();
        major.len() <= MAX_LABELS
            && (1..major.len())
                .all(|i| (major[i].0 - major[i - 1].0) * self.unit_pt() >= (extents[i] + extents[i - 1]) / 2.0)
    }

    /// Whether a coordinate is in the range, up to rounding.
    fn inside(&self, u: f64) -> bool {
        let slack = 1e-9 * (self.domain.high - self.domain.low);
        (self.domain.low - slack..=self.domain.high + slack).contains(&u)
    }
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten between two values; `coordinate` maps values to the axis.
fn linear(axis: &TickAxis, low: f64, high: f64, coordinate: &dyn Fn(f64) -> f64) -> Ticks {
    let smallest = ((high - low) / 20.0).log10().floor() as i32;
    let largest = low.abs().max(high.abs());
    let mut ticks = Ticks::default();
    // Counts have no fractions.
    let smallest = if axis.domain.counts { smallest.max(0) } else { smallest };
    for power in smallest..smallest + 4 {
        for multiple in [1, 2, 5] {
            let step = number(multiple, power);
            let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
            if step == 0.0 || first.abs() > 1e15 || last.abs() > 1e15 {
                continue;
            }
            let counts = first as i64..=last as i64;
            if counts.clone().count() > 4 * MAX_LABELS {
                continue;
            }
            // A common factor where plain numbers would be long, such as 120000 or 0.0003.
            let magnitude = largest.log10().floor() as i32;
            let shift = if (-3..5).contains(&magnitude) { 0 } else { magnitude };
            let major: Vec<_> = counts
                .map(|i| (coordinate(number(i * multiple, power)), decimal(i * multiple, power - shift)))
                .collect();
            if major.is_empty() && !ticks.major.is_empty() {
                ticks.major.truncate(1);
                return ticks;
            }
            let fits = axis.fits(&major);
            let factor = (shift != 0).then(|| format!("×{}", power_of("10", shift)));
            ticks = Ticks { major, minor: Vec::new(), factor };
            if fits {
                return ticks;
            }
        }
    }
    ticks
}

/// Ticks at powers of ten.
fn decades(axis: &TickAxis) -> Ticks {
    let (low, high) = (axis.domain.low, axis.domain.high);
    let whole = (low - 1e-9).ceil() as i32..=(high + 1e-9).floor() as i32;
    if high - low < 1.5 || whole.clone().count() < 2 {
        return within_decades(axis);
    }
    let label = |k: i32| (f64::from(k), power_of("10", k));
    let (stride, major) = strided(axis, whole.clone(), &label);
    let minor = if stride == 1 && axis.unit_pt() >= 12.0 {
        subdivisions(axis).into_iter().map(|(_, _, u)| u).filter(|u| u.fract() != 0.0).collect()
    } else if stride > 1 && axis.unit_pt() >= MINOR_SPACING_PT {
        whole.filter(|k| k % stride != 0).map(f64::from).collect()
    } else {
        Vec::new()
    };
    Ticks { major, minor, factor: None }
}

/// Ticks at multiples of the smallest stride at which labels do not overlap; and the stride.
fn strided(
    axis: &TickAxis,
    whole: std::ops::RangeInclusive<i32>,
    label: &dyn Fn(i32) -> (f64, String),
) -> (i32, Vec<(f64, String)>) {
    let every = |stride: i32| -> Vec<_> { whole.clone().filter(|k| k % stride == 0).map(label).collect() };
    let strides = [1, 2, 3, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000];
    let stride = strides.into_iter().find(|&stride| axis.fits(&every(stride))).unwrap_or(1000);
    (stride, every(stride))
}

/// (digit, decade, coordinate) of the multiples 1, 2, ... 9 of every power of ten in the range.
fn subdivisions(axis: &TickAxis) -> Vec<(i64, i32, f64)> {
    let (first, last) = (axis.domain.low.floor() as i32 - 1, axis.domain.high.ceil() as i32);
    (first..=last)
        .flat_map(|k| (1..10).map(move |digit| (digit, k, f64::from(k) + (digit as f64).log10())))
        .filter(|&(_, _, u)| axis.inside(u))
        .collect()
}

/// Ticks of a logarithmic axis that contains fewer than two powers of ten.
fn within_decades(axis: &TickAxis) -> Ticks {
    let all = subdivisions(axis);
    let minor: Vec<f64> = all.iter().map(|&(_, _, u)| u).collect();
    let sets: [&[i64]; 6] =
        [&[1, 2, 5], &[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1, 2, 3, 5, 7], &[1, 2, 4, 6, 8], &[1, 3], &[1, 2, 5]];
    for (attempt, digits) in sets.into_iter().enumerate() {
        let major: Vec<_> = all
            .iter()
            .filter(|(digit, _, _)| digits.contains(digit))
            .map(|&(digit, decade, u)| (u, scientific(digit, decade)))
            .collect();
        if axis.fits(&major) && major.len() >= if attempt < 5 { 3 } else { 2 } {
            let minor = minor.into_iter().filter(|u| major.iter().all(|(v, _)| v != u)).collect();
            return Ticks { major, minor, factor: None };
        }
    }
    let value = |u: f64| 10f64.powf(u);
    linear(axis, value(axis.domain.low), value(axis.domain.high), &f64::log10)
}

/// Ticks at powers of two.
fn powers_of_two(axis: &TickAxis) -> Ticks {
    let (low, high) = (axis.domain.low, axis.domain.high);
    let whole = (low - 1e-9).ceil() as i32..=(high + 1e-9).floor() as i32;
    if whole.clone().count() < 2 {
        return linear(axis, low.exp2(), high.exp2(), &f64::log2);
    }
    let label = |k: i32| match k {
        0..=20 => (f64::from(k), (1u64 << k).to_string()),
        _ => (f64::from(k), power_of("2", k)),
    };
    let (stride, major) = strided(axis, whole.clone(), &label);
    let minor = whole.filter(|k| k % stride != 0 && axis.unit_pt() >= MINOR_SPACING_PT).map(f64::from).collect();
    Ticks { major, minor, factor: None }
}

/// The floating-point number nearest to `multiple` x 10^`power`.
fn number(multiple: i64, power: i32) -> f64 {
    format!("{multiple}e{power}").parse().unwrap_or(f64::NAN)
}

/// `multiple` x 10^`power` in decimal notation, with the minus sign U+2212.
fn decimal(multiple: i64, power: i32) -> String {
    if multiple == 0 {
        return "0".into();
    }
    let sign = if multiple < 0 { "−" } else { "" };
    let digits = multiple.unsigned_abs().to_string();
    if power >= 0 {
        return format!("{sign}{digits}{}", "0".repeat(power as usize));
    }
    let places = power.unsigned_abs() as usize;
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{part}")
}

/// A digit times a power of ten, in decimal notation where that is short.
fn scientific(digit: i64, decade: i32) -> String {
    match decade {
        -3..=4 => decimal(digit, decade),
        _ if digit == 1 => power_of("10", decade),
        _ => format!("{digit}×{}", power_of("10", decade)),
    }
}

/// A power in superscript digits.
fn power_of(base: &str, exponent: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raise = |c: char| c.to_digit(10).map_or('⁻', |digit| RAISED[digit as usize]);
    base.chars().chain(exponent.to_string().chars().map(raise)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, low: f64, high: f64, length_pt: f64) -> Vec<String> {
        made(scale, low, high, length_pt).major.into_iter().map(|(_, label)| label).collect()
    }

    fn made(scale: Scale, low: f64, high: f64, length_pt: f64) -> Ticks {
        ticks(&Domain { scale, low, high, counts: false }, length_pt, &|label| 5.0 * label.chars().count() as f64 + 6.0)
    }

    #[test]
    fn linear_labels_are_round_and_exact() {
        use Scale::Linear;
        assert_eq!(labels(Linear, 0.0, 1.0, 200.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(Linear, 0.0, 0.35, 150.0), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(Linear, -1.05, 1.05, 150.0), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(labels(Linear, -0.5, 105.0, 150.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(Linear, 0.0, 1.0, 60.0), ["0", "0.5", "1.0"]);
        assert_eq!(labels(Linear, 1.00001, 1.00003, 130.0), ["1.00001", "1.00002", "1.00003"]);
    }

    #[test]
    fn long_numbers_get_a_common_factor() {
        let ticks = made(Scale::Linear, 0.0, 3.2e5, 120.0);
        assert_eq!(ticks.factor.as_deref(), Some("×10⁵"));
        assert_eq!(ticks.major.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
        assert_eq!(ticks.major[3].0, 3e5);
        assert_eq!(made(Scale::Linear, 0.0, 4e-6, 100.0).factor.as_deref(), Some("×10⁻⁶"));
    }

    #[test]
    fn decades_are_labelled_and_divided() {
        let ticks = made(Scale::Log10, -3.1, 0.1, 120.0);
        assert_eq!(ticks.major.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(ticks.minor.len(), 2 + 8 * 3, "8 and 9 below 10^-3, then 2 to 9 in three decades");
        assert_eq!(labels(Scale::Log10, -12.0, 12.0, 150.0), ["10⁻¹⁰", "10⁻⁵", "10⁰", "10⁵", "10¹⁰"]);
        assert_eq!(labels(Scale::Log10, -300.0, 300.0, 150.0), ["10⁻²⁰⁰", "10⁰", "10²⁰⁰"]);
    }

    #[test]
    fn short_logarithmic_axes_use_digits() {
        assert_eq!(labels(Scale::Log10, -1.1, 0.2, 120.0), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(Scale::Log10, 0.25, 0.8, 120.0), ["2", "3", "4", "5", "6"]);
        assert_eq!(labels(Scale::Log10, -5.0, -4.0, 150.0), ["10⁻⁵", "2×10⁻⁵", "5×10⁻⁵", "10⁻⁴"]);
        assert_eq!(labels(Scale::Log10, 1f64.log10(), 1.4f64.log10(), 150.0), ["1.0", "1.1", "1.2", "1.3", "1.4"]);
    }

    #[test]
    fn widths_are_labelled_by_powers_of_two() {
        assert_eq!(labels(Scale::Log2, 3.8, 10.2, 200.0), ["16", "32", "64", "128", "256", "512", "1024"]);
        let ticks = made(Scale::Log2, 3.8, 10.2, 90.0);
        assert_eq!(ticks.major.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["16", "64", "256", "1024"]);
        assert_eq!(ticks.minor, [5.0, 7.0, 9.0]);
        assert_eq!(labels(Scale::Log2, -4.0, -1.0, 120.0), ["2⁻⁴", "2⁻³", "2⁻²", "2⁻¹"]);
    }

    /// Rounds, layers, neurons: no fraction and no negative number, whatever the range.
    #[test]
    fn counts_are_whole_numbers_from_zero_on() {
        let of = |scale: Scale, low: f64, high: f64| {
            let domain = Domain { scale, low, high, counts: true };
            let Ticks { major, minor, .. } = ticks(&domain, 160.0, &|label| 5.0 * label.chars().count() as f64 + 6.0);
            let minor = minor.iter().map(|u| if scale == Scale::Log2 { u.exp2() } else { 10f64.powf(*u) });
            assert!(minor.map(|v| v.fract()).all(|fraction| !(1e-6..1.0 - 1e-6).contains(&fraction)));
            major.into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(of(Scale::Linear, -0.05, 1.05), ["0", "1"]);
        assert_eq!(of(Scale::Linear, -0.1, 2.1), ["0", "1", "2"]);
        assert_eq!(of(Scale::Linear, -1.0, 1.0), ["0", "1"]);
        assert_eq!(of(Scale::Linear, 0.9, 1.1), ["1"]);
        assert_eq!(of(Scale::Log2, -0.5, 0.5), ["1"]);
        assert_eq!(of(Scale::Log2, 1.9, 2.1), ["4"]);
        assert_eq!(of(Scale::Log10, -0.2, 0.5), ["1", "2", "3"]);
        assert_eq!(labels(Scale::Linear, -0.05, 1.05, 160.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn labels_never_overlap() {
        for scale in [Scale::Linear, Scale::Log10, Scale::Log2] {
            for power in -8..12 {
                for length in [40.0, 90.0, 160.0, 400.0] {
                    let width = 1.7f64.powi(power);
                    let (low, high) = (-0.37 * width, 0.63 * width);
                    let extent = |label: &str| 5.0 * label.chars().count() as f64 + 6.0;
                    let ticks = ticks(&Domain { scale, low, high, counts: false }, length, &extent);
                    for pair in ticks.major.windows(2) {
                        let apart = (pair[1].0 - pair[0].0) / (high - low) * length;
                        assert!(
                            apart >= (extent(&pair[0].1) + extent(&pair[1].1)) / 2.0,
                            "{scale:?} {low} {high} {ticks:?}"
                        );
                    }
                }
            }
        }
    }
}
