//! What is wrong with a text that is not TOML.

use super::spelling::{corrected, digits_only, flag};
use toml::Value;
use toml::de::Error;

/// What is wrong with the value at which a file ceases to be TOML: its key, the value as typed, and a right form. Empty
/// where that is not clear.
pub(super) fn syntax_advice(text: &str, error: &Error) -> String {
    let Some(span) = error.span().filter(|span| span.start <= text.len() && text.is_char_boundary(span.start)) else {
        return String::new();
    };
    if error.message() == "duplicate key" {
        return twice(text, span.start);
    }
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let Some((key, value)) = line.split_once('=') else { return String::new() };
    let key = key.trim();
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.is_empty() || !key.chars().all(name) {
        return String::new();
    }
    // Inside a list or an inline table the value is the word at the error.
    let value_start = line.len() - value.len();
    let delimiter = |c: char| matches!(c, ',' | '[' | ']' | '{' | '}' | '=' | '#') || c.is_whitespace();
    let nested = value.trim_start().starts_with(['[', '{']);
    let value = if nested {
        let at = (span.start - line_start).clamp(value_start, line.len());
        let from = line[..at].rfind(delimiter).map_or(value_start, |at| at + 1).max(value_start);
        line[from..].split(delimiter).next().unwrap_or_default()
    } else {
        value.split('#').next().unwrap_or_default().trim()
    };
    let key = in_section(section(&text[..line_start]), key);
    let right = match corrected(value) {
        Some(right) => format!("write {right}"),
        None if digits_only(value) => format!("whole numbers end at {}", i64::MAX),
        None if !value.is_empty() && value.chars().all(name) && value.parse::<Value>().is_err() => match flag(value) {
            Some(right) => format!("write {right}, or \"{value}\" for text"),
            None => format!("text needs quotes: write \"{value}\""),
        },
        None => return String::new(),
    };
    format!(": {key} = {value}: {right}")
}

/// The name of the last table that a text opens, if any.
fn section(text: &str) -> Option<&str> {
    let line = text.lines().rev().map(str::trim).find(|line| line.starts_with('['))?;
    Some(line.split('#').next().unwrap_or_default().trim().trim_matches(['[', ']']).trim())
}

/// The full name of a key of a table.
fn in_section(section: Option<&str>, key: &str) -> String {
    section.map_or(key.to_string(), |section| format!("{section}.{key}"))
}

/// That the key or table in the line at `at` is given twice, with both lines.
fn twice(text: &str, at: usize) -> String {
    let mut lines = text.lines().scan(None, |open, line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            *open = section(line);
            return Some((*open).map(str::to_string));
        }
        Some(line.split_once('=').map(|(key, _)| in_section(*open, key.trim())))
    });
    let second = text[..at].matches('\n').count();
    let names: Vec<Option<String>> = lines.by_ref().take(second + 1).collect();
    let Some(Some(name)) = names.last() else { return String::new() };
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    if text[line..at].contains('=') {
        // A key of an inline table.
        let inner: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
        return format!(": {name}.{inner} is given twice, in line {}: leave one of them", second + 1);
    }
    match names[..second].iter().position(|other| other.as_ref() == Some(name)) {
        Some(first) => format!(": {name} is given twice, in lines {} and {}: leave one of them", first + 1, second + 1),
        None => format!(": {name} in line {} is given twice: leave one of them", second + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys, tables, dotted keys, and keys of inline tables that are given twice.
    #[test]
    fn a_duplicate_is_named_with_its_lines() {
        for (text, words) in [
            ("seed = 1\n[widths]\nseeds = 12 # few\n\nseeds = 12\n", ": widths.seeds is given twice, in lines 3 and 5"),
            ("seed = 1\nname = \"a\"\nseed = 2\n[gap]\nseed = 1\n", ": seed is given twice, in lines 1 and 3"),
            ("[gap]\nx = 1\n[widths]\nx = 1\n[gap]\n", ": gap is given twice, in lines 1 and 5"),
            ("[gap]\na.b = 1\na.b = 1\n", ": gap.a.b is given twice, in lines 2 and 3"),
            ("w = { std = 1, std = 1 }\n", ": w.std is given twice, in line 1"),
            ("gap = { x = 1 }\n[gap]\n", ": gap is given twice, in lines 1 and 2"),
        ] {
            let error = text.parse::<toml::Table>().unwrap_err();
            let advice = syntax_advice(text, &error);
            assert!(advice.starts_with(words), "{advice}\n{error}");
        }
    }

    /// The key with its table, the value as typed, and the right form.
    #[test]
    fn syntax_errors_name_the_key() {
        for (line, words) in [
            ("step = .05", ": dynamics.step = .05: write 0.05"),
            ("step = 5.e-2  # small", ": dynamics.step = 5.e-2: write 5.0e-2"),
            ("method = adam", ": dynamics.method = adam: text needs quotes: write \"adam\""),
            ("flag = True", ": dynamics.flag = True: write true"),
            ("w = { law = gaussian, std = 0.5 }", ": dynamics.w = gaussian: text needs quotes: write \"gaussian\""),
            ("w = [0.5, .25]", ": dynamics.w = .25: write 0.25"),
            (
                "seed = 9223372036854775808",
                ": dynamics.seed = 9223372036854775808: whole numbers end at 9223372036854775807",
            ),
        ] {
            let text = format!("name = \"a\"\n[dynamics]\n{line}\n");
            let error = text.parse::<toml::Table>().unwrap_err();
            assert_eq!(syntax_advice(&text, &error), words, "{error}");
        }
    }
}
