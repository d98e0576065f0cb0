//! The font of all figures, which is embedded: no figure depends on the fonts of the machine. Letters of variables are
//! italic.
//!
//! Widths are measured by the text engine that renders (usvg), with kerning and combining marks. The covered characters
//! are those of the font's character map.

use super::error::FigureError;
use resvg::usvg::{self, fontdb};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Family name of the embedded font.
pub(super) const FAMILY: &str = "Widelimit Sans";
/// The same font compressed for browsers.
pub(super) const WOFF2: &[u8] = include_bytes!("../../assets/fonts/WidelimitSans-Regular.woff2");
/// Its italic letters.
pub(super) const ITALIC_WOFF2: &[u8] = include_bytes!("../../assets/fonts/WidelimitSans-Italic.woff2");
/// The letters that there are in italics.
pub(super) const ITALIC: [std::ops::RangeInclusive<char>; 3] = ['A'..='Z', 'a'..='z', 'α'..='ω'];
/// The font for rendering.
const TRUETYPE: &[u8] = include_bytes!("../../assets/fonts/WidelimitSans-Regular.ttf");
const ITALIC_TRUETYPE: &[u8] = include_bytes!("../../assets/fonts/WidelimitSans-Italic.ttf");
/// Height of capitals relative to the font size.
pub(super) const CAPITAL: f64 = 0.714;

/// usvg options with the embedded font only, and 96 units per inch.
pub(super) fn options() -> usvg::Options<'static> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(TRUETYPE.to_vec());
        fonts.load_font_data(ITALIC_TRUETYPE.to_vec());
        fonts.set_sans_serif_family(FAMILY);
        Arc::new(fonts)
    });
    usvg::Options { fontdb: Arc::clone(fonts), font_family: FAMILY.into(), dpi: 96.0, ..Default::default() }
}

/// Checks that the font has every character of a text.
///
/// # Errors
/// [`FigureError::MissingGlyph`] for the first character that it lacks.
pub(super) fn check(text: &str) -> Result<(), FigureError> {
    match text.chars().find(|&c| !covers(c)) {
        None => Ok(()),
        Some(char) => Err(FigureError::MissingGlyph { char, code: char.into(), text: text.into() }),
    }
}

/// Advance width of an upright text at font size 1.
pub(super) fn width(text: &str) -> f64 {
    width_of(text, false)
}

/// Advance width of a text at font size 1. Layout measures the same texts several times: widths are kept per thread.
pub(super) fn width_of(text: &str, italic: bool) -> f64 {
    thread_local! {
        static KNOWN: RefCell<[HashMap<String, f64>; 2]> = RefCell::new([HashMap::new(), HashMap::new()]);
    }
    let style = usize::from(italic);
    if let Some(width) = KNOWN.with_borrow(|known| known[style].get(text).copied()) {
        return width;
    }
    let width = measured(text, italic);
    KNOWN.with_borrow_mut(|known| known[style].insert(text.into(), width));
    width
}

fn measured(text: &str, italic: bool) -> f64 {
    if text.is_empty() {
        return 0.0;
    }
    let mut svg =
        String::from(r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text xml:space="preserve" "#);
    let style = if italic { "italic" } else { "normal" };
    svg.push_str(&format!(r#"font-family="{FAMILY}" font-style="{style}" font-size="1000">"#));
    for c in text.chars() {
        match c {
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '&' => svg.push_str("&amp;"),
            other => svg.push(other),
        }
    }
    svg.push_str("</text></svg>");
    let tree = usvg::Tree::from_str(&svg, &options());
    let widest = |group: &usvg::Group| {
        group.children().iter().map(|node| f64::from(node.bounding_box().width())).fold(0.0, f64::max) / 1000.0
    };
    tree.map_or(0.0, |tree| widest(tree.root()))
}

/// Whether the font has a character.
fn covers(c: char) -> bool {
    static GROUPS: OnceLock<Vec<(u32, u32)>> = OnceLock::new();
    let groups = GROUPS.get_or_init(|| character_groups(TRUETYPE).unwrap_or_default());
    let code = u32::from(c);
    groups.iter().any(|&(first, last)| (first..=last).contains(&code))
}

/// The ranges (first, last) of the font's Unicode character map: `cmap` subtable of format 12 (OpenType 1.9).
fn character_groups(font: &[u8]) -> Option<Vec<(u32, u32)>> {
    let short = |at: usize| Some(usize::from(u16::from_be_bytes(font.get(at..at + 2)?.try_into().ok()?)));
    let long = |at: usize| Some(u32::from_be_bytes(font.get(at..at + 4)?.try_into().ok()?));
    let tables = short(4)?;
    let record = (0..tables).map(|i| 12 + 16 * i).find(|&at| font.get(at..at + 4) == Some(b"cmap"))?;
    let cmap = long(record + 8)? as usize;
    for i in 0..short(cmap + 2)? {
        let subtable = cmap + long(cmap + 4 + 8 * i + 4)? as usize;
        if short(subtable)? == 12 {
            let groups = long(subtable + 12)? as usize;
            return (0..groups).map(|g| subtable + 16 + 12 * g).map(|at| Some((long(at)?, long(at + 4)?))).collect();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mathematics_of_the_paper_is_covered() {
        check("αβγδεζηθικλμνξοπρστυφχψωϵΓΔΘΛΞΠΣΦΨΩ ρ̄ f̂ ⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵀ ₀₁₂₃₄₅₆₇₈₉₋ₙⱼ ∞‖√∇ℓ−×·≈≤≥±–—→𝔼ℝ∈∂∑∫∝½").unwrap();
        for absent in ['漢', '\n', '\u{0}', '😀'] {
            let error = check(&format!("a{absent}b")).unwrap_err();
            assert!(matches!(error, FigureError::MissingGlyph { char, .. } if char == absent));
        }
    }

    #[test]
    fn widths_are_the_fonts_advances() {
        // Noto Sans: digits advance 572 of 1000, the space 260.
        assert!((width("0") - 0.572).abs() < 1e-3, "{}", width("0"));
        assert!((width("00 ") - (2.0 * 0.572 + 0.26)).abs() < 1e-3);
        assert!((width("ρ̄") - width("ρ")).abs() < 1e-3, "a combining mark has no width");
        assert!(width("AV") < width("A") + width("V"), "kerning is included");
        assert_eq!(width(""), 0.0);
        assert!((width_of("a", true) - width("a")).abs() > 1e-3, "italic letters have widths of their own");
        assert!(ITALIC.into_iter().flatten().all(|c| width_of(&c.to_string(), true) > 0.1));
    }
}
