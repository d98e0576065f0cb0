//! Which letters of a label are variables, and therefore italic.
//!
//! Journals set variables in italics, and words, operators, units and digits upright. A letter that stands alone is a
//! variable: `N`, `f` in `f_{N}`, `k` and `ε` in `kε`. Letters that follow each other are a word. Capital Greek letters are
//! upright, as LaTeX sets them. Where this is wrong, labels say `\mathrm{A}` or `\mathit{CT}`.

use super::font::ITALIC;

/// Operators of a single letter: the expectation.
const OPERATORS: [char; 1] = ['E'];

/// Divides a text into parts that are italic or not.
pub(super) fn divided(text: &str) -> Vec<(&str, bool)> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let start = |i: usize| chars.get(i).map_or(text.len(), |(at, _)| *at);
    let mut parts: Vec<(usize, usize, bool)> = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i].1;
        let length = chars[i..].iter().take_while(|(_, c)| is_letter(*c)).count().max(1);
        let next = i + length + chars[i + length..].iter().take_while(|(_, c)| is_mark(*c)).count();
        let variable = length == 1 && (is_greek(c) || (is_letter(c) && is_variable(&chars, i, next)));
        let italic = variable && ITALIC.iter().any(|letters| letters.contains(&c));
        match parts.last_mut() {
            Some((_, end, style)) if *style == italic => *end = start(next),
            _ => parts.push((start(i), start(next), italic)),
        }
        i = next;
    }
    parts.into_iter().map(|(from, to, italic)| (&text[from..to], italic)).collect()
}

/// Whether the letter at `i`, beside which there is no other, is a variable. `next` is the place after it and its marks.
fn is_variable(chars: &[(usize, char)], i: usize, next: usize) -> bool {
    let c = chars[i].1;
    let before = |k: usize| i.checked_sub(k).map(|i| chars[i].1);
    let after = |k: usize| chars.get(next + k).map(|(_, c)| *c);
    // The article, as in "of a cloud".
    let word = after(1).is_some_and(|c| c.is_lowercase() && is_letter(c)) && after(2).is_some_and(is_letter);
    let article = c == 'a' && after(0) == Some(' ') && word;
    // The number of a method, as in k-IHT.
    let number = c.is_lowercase() && after(0) == Some('-') && after(1).is_some_and(char::is_uppercase);
    // A part of a name, such as h.0.attn, steps-b1, I-OBS or batch_a; the s of a genitive.
    let joins = |c: Option<char>| c.is_some_and(|c| matches!(c, '-' | '_' | '\'' | '’' | '\\'));
    let dotted = |dot: Option<char>, other: Option<char>| dot == Some('.') && other.is_some_and(char::is_alphanumeric);
    let name = joins(before(1)) || dotted(before(1), before(2)) || dotted(after(0), after(1));
    let name = name || (joins(after(0)) && !number) || after(0).is_some_and(|c| c.is_ascii_digit());
    !(OPERATORS.contains(&c) || article || name)
}

/// Whether a character is a letter of words: neither Greek nor a symbol such as ℓ or ₙ.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || (('\u{C0}'..'\u{250}').contains(&c) && c.is_alphabetic())
}

fn is_greek(c: char) -> bool {
    ('α'..='ω').contains(&c)
}

/// A combining mark, which belongs to the letter before it.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{30C}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The italic parts of a text.
    fn italic(text: &str) -> Vec<&str> {
        divided(text).into_iter().filter(|(_, italic)| *italic).map(|(part, _)| part).collect()
    }

    #[test]
    fn variables_are_italic_and_words_are_not() {
        let cases: [(&str, &[&str]); 16] = [
            ("width N", &["N"]),
            ("time t = kε", &["t", "kε"]),
            ("sup rms coupling distance", &[]),
            ("E |f − g|² at T", &["f", "g", "T"]),
            ("R(f) − R(ρ̄)", &["R", "f", "R", "ρ̄"]),
            ("C (√(log N) + z) / √N, 0 ≤ z ≤ 1.7", &["C", "N", "z", "N", "z"]),
            ("output weight a", &["a"]),
            ("a > 0 of a cloud", &["a"]),
            ("ΔF / h, Ψ", &["F", "h"]),
            ("k-IHT and I-OBS", &["k"]),
            ("h.0.attn, steps-b1, k-iht, 2 s.e.", &[]),
            ("the grid's own error", &[]),
            ("Bézier, −10 dB, 95 %", &[]),
            ("n/d and f̂", &["n", "d", "f̂"]),
            ("ℓ₂ ≤ xₙ", &["x"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(italic(text), expected, "{text}");
            assert_eq!(divided(text).into_iter().map(|(part, _)| part).collect::<String>(), text);
        }
    }
}
