//! Numbers as text, equal in tables and in figures.

/// Most significant digits of an `f64`.
const MOST_DIGITS: usize = 17;

/// A measured number in short notation: three decimals, or three significant digits where it is small or large; `-`
/// where it is not a number.
pub fn measured(value: f64) -> String {
    with_digits(value, 0)
}

/// Measured numbers in short notation, with as many more digits as keep different numbers apart.
pub fn measured_apart(values: &[f64]) -> Vec<String> {
    apart(values, with_digits)
}

/// A number that was given, such as a step or a time, with at most six significant digits and no trailing zeros.
pub fn given(value: f64) -> String {
    shortest(value, 0)
}

/// Given numbers, with as many more digits as keep different numbers apart.
pub fn given_apart(values: &[f64]) -> Vec<String> {
    apart(values, shortest)
}

/// The texts of numbers with the fewest additional digits at which different numbers have different texts.
fn apart(values: &[f64], format: fn(f64, usize) -> String) -> Vec<String> {
    let mut texts = Vec::new();
    for extra in 0..=MOST_DIGITS {
        texts = values.iter().map(|&value| format(value, extra)).collect::<Vec<String>>();
        let collide = |i: usize, j: usize| texts[i] == texts[j] && values[i] != values[j];
        if !(0..values.len()).any(|i| (0..i).any(|j| collide(i, j) && !(values[i].is_nan() && values[j].is_nan()))) {
            break;
        }
    }
    texts
}

/// Short notation with additional digits.
fn with_digits(value: f64, extra: usize) -> String {
    match value.abs() {
        size if size.is_nan() => "-".into(),
        0.0 => "0".into(),
        size if (1e-3..1e4).contains(&size) => format!("{value:.*}", 3 + extra),
        _ => format!("{value:.*e}", 2 + extra),
    }
}

/// The shortest notation of the number rounded to six significant digits and additional ones.
fn shortest(value: f64, extra: usize) -> String {
    let digits = (5 + extra).min(MOST_DIGITS - 1);
    let rounded: f64 = format!("{value:.digits$e}").parse().unwrap_or(value);
    match rounded.abs() {
        size if size.is_nan() => "-".into(),
        size if size == 0.0 || (1e-4..1e7).contains(&size) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_have_three_decimals_or_digits() {
        let values = [0.5, -0.4996, 12.0, 1e-3, 9.99e-4, 2.5e5, 0.0, f64::NAN, f64::INFINITY];
        let texts = ["0.500", "-0.500", "12.000", "0.001", "9.99e-4", "2.50e5", "0", "-", "inf"];
        assert_eq!(values.map(measured), texts);
    }

    #[test]
    fn different_numbers_have_different_texts() {
        assert_eq!(measured_apart(&[0.25, 0.5]), ["0.250", "0.500"]);
        assert_eq!(measured_apart(&[1.0001, 1.0002, 1.0001]), ["1.0001", "1.0002", "1.0001"]);
        assert_eq!(measured_apart(&[1.2341e-4, 1.2342e-4]), ["1.2341e-4", "1.2342e-4"]);
        assert_eq!(measured_apart(&[f64::NAN, f64::NAN]), ["-", "-"]);
        assert_eq!(given_apart(&[0.1, 0.1000001]), ["0.1", "0.1000001"]);
        let neighbours = [1.0, 1.0 + f64::EPSILON];
        for texts in [measured_apart(&neighbours), given_apart(&neighbours)] {
            assert_ne!(texts[0], texts[1]);
        }
    }

    #[test]
    fn given_numbers_are_as_short_as_they_were_given() {
        let values = [0.1, 0.1 + 0.2, 4.0, 1e-300, 2.5e7, 1e5, 0.0, 0.031_25];
        assert_eq!(values.map(given), ["0.1", "0.3", "4", "1e-300", "2.5e7", "100000", "0", "0.03125"]);
    }
}
