//! Mutations of texts: TOML, JSON, tables.

use super::bytes::REALS;
use super::{LONGEST, Random, one_in, pick};
use rand::RngExt;
use std::sync::LazyLock;
use widelimit::config::builtin::BUILTIN;

/// Values of every type, and numbers at which programs go wrong.
const VALUES: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "64",
    "1000",
    "65535",
    "4294967296",
    "1000000000000",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "0.0",
    "-0.0",
    "0.5",
    ".5",
    "5.e-2",
    "0.1",
    "1e-9",
    "1e-300",
    "5e-324",
    "1e9",
    "1e12",
    "1e300",
    "-1e300",
    "inf",
    "-inf",
    "nan",
    "0x10",
    "0b1",
    "1_000",
    "true",
    "false",
    "null",
    "\"\"",
    "\"inf\"",
    "\"-inf\"",
    "\"a\"",
    "''",
    "\"\\u0000\"",
    "[]",
    "[[]]",
    "[1, 2]",
    "[0.5]",
    "[\"a\"]",
    "{}",
    "{ a = 1 }",
    "1979-05-27",
    "\"\u{fffd}\u{202e}\"",
];

/// Marks that open, close or separate.
const MARKS: &[&str] = &[
    "[", "]", "{", "}", "[[", "]]", "(", ")", "=", ",", ".", ":", "\"", "'", "\"\"\"", "#", "\n", "\r\n", "\t", " ",
    "\\", "-", "+", "\u{feff}", "\u{0}", ";",
];

/// Words of all built-in experiments.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut words: Vec<&str> = BUILTIN.iter().flat_map(|b| tokens(b.text)).filter(|t| word(t)).collect();
    words.sort_unstable();
    words.dedup();
    words
});

fn word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+'))
}

/// The words, blanks and marks of a text.
fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' | '-' | '+' => 1,
        ' ' | '\t' => 2,
        _ => 0,
    };
    let mut found = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        if at > start && (class(c) == 0 || before != Some(class(c))) {
            found.push(&text[start..at]);
            start = at;
        }
        before = Some(class(c));
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

/// A token to insert or to replace another by.
fn new_token<'a>(other: &'a str, random: &mut Random) -> std::borrow::Cow<'a, str> {
    match random.random_range(0..6) {
        0 | 1 => (*pick(VALUES, random)).into(),
        2 => (*pick(MARKS, random)).into(),
        3 if !other.is_empty() => {
            let at = random.random_range(0..other.len());
            let start = (0..=at).rev().find(|&at| other.is_char_boundary(at)).unwrap_or(0);
            tokens(&other[start..]).into_iter().take(256).nth(random.random_range(0..4)).unwrap_or_default().into()
        }
        4 => format!("{:?}", pick(REALS, random)).into(),
        _ => (*pick(&WORDS, random)).into(),
    }
}

/// A mutation of a text.
pub fn mutate(text: &str, other: &str, random: &mut Random) -> String {
    if random.random() { lines(text, other, random) } else { words(text, other, random) }
}

fn words(text: &str, other: &str, random: &mut Random) -> String {
    let mut all: Vec<std::borrow::Cow<str>> = tokens(text).into_iter().map(Into::into).collect();
    if all.is_empty() {
        return new_token(other, random).into_owned();
    }
    let at = random.random_range(0..all.len());
    // Blanks are replaced less often than words.
    let at = (at..all.len()).find(|&at| !all[at].trim().is_empty()).unwrap_or(at);
    match random.random_range(0..8) {
        0 | 1 => all[at] = new_token(other, random),
        2 => drop(all.remove(at)),
        3 => all.insert(at, new_token(other, random)),
        4 => {
            let end = (at + random.random_range(1..6)).min(all.len());
            let copy = all[at..end].to_vec();
            all.splice(at..at, copy);
        }
        5 => {
            let with = random.random_range(0..all.len());
            all.swap(at, with);
        }
        6 => {
            let words: Vec<usize> = (0..all.len()).filter(|&at| all[at].parse::<f64>().is_ok()).collect();
            let at = if words.is_empty() { at } else { *pick(&words, random) };
            all[at] = number(&all[at], random).into();
        }
        _ => {
            let depth = if one_in(50, random) { random.random_range(1..60_000) } else { random.random_range(1..20) };
            let unit = *pick(&["[", "{", "a.", "[[", "{a=", "(", "{\"a\":", "-", "9", "\"", "\n", "x,", "0,"], random);
            all.insert(at, unit.repeat(depth.min(LONGEST / unit.len())).into());
        }
    }
    all.concat()
}

/// Another number in the place of one.
fn number(token: &str, random: &mut Random) -> String {
    let value = token.parse::<f64>().unwrap_or(1.0);
    match random.random_range(0..7) {
        0 => format!("-{token}"),
        1 => format!("{token}0"),
        2 => format!("{token}.5"),
        3 => format!("{}", value + 1.0),
        4 => format!("{}", value * 0.5),
        5 => format!("{token}e{}", random.random_range(-330..330)),
        _ => (*pick(VALUES, random)).to_string(),
    }
}

fn lines(text: &str, other: &str, random: &mut Random) -> String {
    let mut all: Vec<&str> = text.split_inclusive('\n').collect();
    if all.len() < 2 {
        return words(text, other, random);
    }
    let (at, with) = (random.random_range(0..all.len()), random.random_range(0..all.len()));
    match random.random_range(0..6) {
        0 => drop(all.remove(at)),
        1 => all.insert(with, all[at]),
        2 => all.swap(at, with),
        3 => {
            let from: Vec<&str> = other.split_inclusive('\n').collect();
            if !from.is_empty() {
                let start = random.random_range(0..from.len());
                let end = (start + random.random_range(1..12)).min(from.len());
                all.splice(at..at, from[start..end].iter().copied());
            }
        }
        4 => drop(all.drain(at.min(with)..at.max(with))),
        _ => return words(text, other, random),
    }
    all.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_make_up_the_text() {
        let text = "a.b = [1.5e-3,  \"ü\"]\n";
        assert_eq!(tokens(text), ["a.b", " ", "=", " ", "[", "1.5e-3", ",", "  ", "\"", "ü", "\"", "]", "\n"]);
        assert_eq!(tokens(text).concat(), text);
    }
}
