//! Values that are spelt wrongly: the text of each value as it was typed, and the right spelling of numbers, truth
//! values and text.

use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

/// The texts of values as they were typed, by key, such as `widths.values`, `widths.values.0`, `gap.sweep.1.width`.
#[derive(Clone, Default)]
pub(super) struct TypedValues(BTreeMap<String, String>);

impl TypedValues {
    /// The values of a file; none where it is not TOML.
    pub(super) fn of_file(text: &str) -> Self {
        let mut typed = Self::default();
        if let Ok(document) = DeTable::parse(text) {
            typed.walk_table("", document.get_ref(), text);
        }
        typed
    }

    fn walk_table(&mut self, prefix: &str, table: &DeTable<'_>, text: &str) {
        for (key, value) in table {
            let key = key.get_ref();
            self.walk(&if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") }, value, text);
        }
    }

    fn walk(&mut self, key: &str, value: &Spanned<DeValue<'_>>, text: &str) {
        match value.get_ref() {
            DeValue::Table(table) => return self.walk_table(key, table, text),
            DeValue::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.walk(&format!("{key}.{i}"), item, text));
            }
            _ => {}
        }
        // A value of several lines would not be readable in a message.
        if let Some(typed) = text.get(value.span()).filter(|typed| !typed.contains('\n')) {
            self.0.insert(key.into(), typed.into());
        }
    }

    /// Replaces what was typed at `key`, below it, and in the lists and tables that contain it.
    pub(super) fn replace(&mut self, key: &str, text: &str) {
        self.remove(key);
        match DeValue::parse(text) {
            Ok(value) => self.walk(key, &value, text),
            Err(_) => _ = self.0.insert(key.into(), text.into()),
        }
    }

    /// Forgets what was typed at `key`, below it, and in the lists and tables that contain it.
    pub(super) fn remove(&mut self, key: &str) {
        self.0.retain(|other, _| !related(other, key));
    }

    /// Gives the table `old` the name `new`.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        let inside = |key: &str| key.strip_prefix(old).is_some_and(|rest| rest.starts_with('.'));
        let moved: Vec<String> = self.0.keys().filter(|key| inside(key)).cloned().collect();
        for key in moved {
            let text = self.0.remove(&key).unwrap_or_default();
            self.0.insert(format!("{new}{}", &key[old.len()..]), text);
        }
    }

    /// What was typed at `key`.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A value for a message: as it was typed where that is the same value.
    pub(super) fn echo(&self, key: &str, value: String) -> String {
        let Some(typed) = self.get(key) else { return value };
        let number = |text: &str| text.replace('_', "").parse::<f64>().ok();
        let same_number = number(typed).is_some() && number(typed) == number(&value);
        let same_value = typed.parse::<Value>().is_ok_and(|typed| typed.to_string() == value);
        // A word of the command line is text and is shown in quotes, but not what is meant as a number.
        let misspelt = value == Value::from(typed).to_string() && corrected(typed).is_some();
        if same_number || same_value || misspelt || digits_only(typed) { typed.into() } else { value }
    }
}

/// Whether one key is the other or contains it.
pub(super) fn related(one: &str, other: &str) -> bool {
    contains(one, other) || contains(other, one)
}

/// Whether a key is `outer` or below it.
pub(super) fn contains(outer: &str, key: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

pub(super) fn digits_only(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a key expects.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Expects {
    /// A real number.
    Number,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// Text.
    Text,
    /// A list.
    List,
}

/// How a value of another type would be spelt right, as the end of a message; empty where that is not clear.
pub(super) fn advice(value: &Value, expects: Expects) -> String {
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 2f64.powi(53)).then(|| format!("{number}"));
    let write = match (expects, value) {
        (Expects::Number | Expects::Whole, Value::String(text)) => match (text.parse::<Value>(), corrected(text)) {
            (Ok(Value::Integer(_) | Value::Float(_)), _) => return format!("; in quotes it is text: write {text}"),
            (_, Some(right)) if expects == Expects::Whole => {
                right.parse().ok().and_then(whole).or((!right.contains('.')).then_some(right))
            }
            (_, right) => right,
        },
        (Expects::Whole, Value::Float(number)) => {
            return whole(*number)
                .map(|right| format!("; with a point or an exponent it is a real number: write {right}"))
                .unwrap_or_default();
        }
        (Expects::Flag, Value::String(text)) => flag(text).map(String::from),
        (Expects::Flag, Value::Integer(number @ (0 | 1))) => Some((*number == 1).to_string()),
        (Expects::Text, Value::Integer(_) | Value::Float(_) | Value::Boolean(_)) => Some(format!("\"{value}\"")),
        (Expects::List, Value::Integer(_) | Value::Float(_)) => Some(format!("[{value}]")),
        _ => None,
    };
    write.map(|right| format!("; write {right}")).unwrap_or_default()
}

/// The truth value that is meant by a word.
pub(super) fn flag(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

/// The right spelling of a number that TOML does not accept, such as `0.05` for `.05`; of a truth value in capitals.
/// `None` for anything else.
pub(super) fn corrected(text: &str) -> Option<String> {
    let text = text.trim();
    if text.parse::<Value>().is_ok() {
        return None;
    }
    if matches!(text.to_ascii_lowercase().as_str(), "true" | "false") {
        return Some(text.to_ascii_lowercase());
    }
    let right = computed(text).or_else(|| respelt(text))?;
    matches!(right.parse(), Ok(Value::Integer(_) | Value::Float(_))).then_some(right)
}

/// The value of a fraction or a power, `1/64` or `2^10`.
fn computed(text: &str) -> Option<String> {
    let (operator, value): (&str, fn(f64, f64) -> f64) = match text {
        _ if text.contains("**") => ("**", f64::powf),
        _ if text.contains('^') => ("^", f64::powf),
        _ => ("/", |a, b| a / b),
    };
    let (left, right) = text.split_once(operator)?;
    let value = value(left.trim().parse().ok()?, right.trim().parse().ok()?);
    (value.is_finite() && value.abs() < 2f64.powi(53)).then(|| crate::number::plain(value))
}

/// A number with the digits, the point and the exponent where TOML wants them.
fn respelt(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !matches!(c, '_' | ' ')).collect::<String>().to_ascii_lowercase();
    let (sign, size) = match text.strip_prefix(['+', '-']) {
        Some(size) if text.starts_with('-') => ("-", size),
        Some(size) => ("", size),
        None => ("", text.as_str()),
    };
    if let Some(digits) = size.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().map(|number| format!("{sign}{number}"));
    }
    // A decimal comma, and the exponents of Fortran.
    let size = if size.contains('.') { size.into() } else { size.replacen(',', ".", 1) }.replacen('d', "e", 1);
    let (mantissa, exponent) = size.split_once('e').map_or((size.as_str(), None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = exponent.map(|e| e.strip_prefix(['+', '-']).unwrap_or(e));
    let none = whole.is_empty() && fraction.is_none_or(str::is_empty);
    if none
        || !digits(whole)
        || !fraction.is_none_or(digits)
        || !exponent_digits.is_none_or(|e| digits(e) && !e.is_empty())
    {
        return None;
    }
    let or_zero = |part: &str| if part.is_empty() { "0".to_string() } else { part.to_string() };
    let fraction = fraction.map(|fraction| format!(".{}", or_zero(fraction))).unwrap_or_default();
    let exponent = exponent.map(|exponent| format!("e{exponent}")).unwrap_or_default();
    Some(format!("{sign}{}{fraction}{exponent}", or_zero(whole.trim_start_matches('0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_respelt() {
        for (typed, right) in [
            (".05", "0.05"),
            ("-.5", "-0.5"),
            ("+.5", "0.5"),
            ("5.", "5.0"),
            ("5.e-2", "5.0e-2"),
            ("007", "7"),
            ("1__000", "1000"),
            ("1 000", "1000"),
            ("0,05", "0.05"),
            ("1d-3", "1e-3"),
            ("0X10", "16"),
            ("1/64", "0.015625"),
            ("2^10", "1024"),
            ("2**10", "1024"),
            ("True", "true"),
            ("FALSE", "false"),
        ] {
            assert_eq!(corrected(typed).as_deref(), Some(right), "{typed}");
        }
        // Right as they are, or no numbers.
        for text in
            ["5", "+5", "0x10", "1_000", "1e3", "0.05", "inf", "true", "tanh", "", ".", "e5", "1.2.3", "--5", "digits3"]
        {
            assert_eq!(corrected(text), None, "{text}");
        }
    }

    #[test]
    fn advice_by_type() {
        let of = |text: &str, expects| advice(&text.parse().unwrap(), expects);
        assert_eq!(of("\"0.05\"", Expects::Number), "; in quotes it is text: write 0.05");
        assert_eq!(of("\".05\"", Expects::Number), "; write 0.05");
        assert_eq!(of("\"2^10\"", Expects::Whole), "; write 1024");
        assert!(of("1e3", Expects::Whole).ends_with("write 1000"));
        assert_eq!(of("1.5", Expects::Whole), "");
        assert_eq!(of("\"True\"", Expects::Flag), "; write true");
        assert_eq!(of("1", Expects::Flag), "; write true");
        assert_eq!(of("3", Expects::Text), "; write \"3\"");
        assert_eq!(of("4", Expects::List), "; write [4]");
        assert_eq!(of("\"tanh\"", Expects::Number), "");
    }
}
