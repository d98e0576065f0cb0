//! The letters of panels, (a), (b), ..., by which captions and texts name them.

/// The letter of panel `index` of `count`, with the markup of labels; `None` for the only one.
pub(super) fn letter(index: usize, count: usize) -> Option<String> {
    (count > 1).then(|| format!("(\\mathrm{{{}}})", letters(index)))
}

/// a to z, then aa, ab, and so on.
pub(super) fn letters(index: usize) -> String {
    let own = char::from(b'a' + (index % 26) as u8);
    let before = (index / 26).checked_sub(1).map(letters).unwrap_or_default();
    format!("{before}{own}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_continue_after_z() {
        let found: Vec<String> = [0, 3, 25, 26, 27, 51, 52].into_iter().map(letters).collect();
        assert_eq!(found, ["a", "d", "z", "aa", "ab", "az", "ba"]);
        assert_eq!((letter(1, 2).as_deref(), letter(0, 1)), (Some("(\\mathrm{b})"), None));
    }
}
