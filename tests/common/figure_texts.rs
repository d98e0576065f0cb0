//! The texts of a figure, read from its SVG with the embedded fonts: every one lies on the page and over no other.

use resvg::usvg::{self, fontdb};
use std::path::Path;
use std::sync::Arc;

/// A text with its rectangle (left, top, right, bottom) in points.
type Placed = (String, [f64; 4]);

/// The texts of an SVG and the size of its page in points.
fn texts(svg: &[u8]) -> (Vec<Placed>, [f64; 2]) {
    let mut fonts = fontdb::Database::new();
    for font in ["WidelimitSans-Regular.ttf", "WidelimitSans-Italic.ttf"] {
        fonts.load_font_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fonts").join(font)).unwrap();
    }
    let options = usvg::Options { fontdb: Arc::new(fonts), dpi: 72.0, ..Default::default() };
    let tree = usvg::Tree::from_data(svg, &options).unwrap();
    let mut found = Vec::new();
    fn collect(group: &usvg::Group, found: &mut Vec<Placed>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => collect(group, found),
                usvg::Node::Text(text) => {
                    let text_of = text.chunks().iter().map(|chunk| chunk.text()).collect::<String>();
                    let b = text.abs_bounding_box();
                    found.push((text_of, [b.left(), b.top(), b.right(), b.bottom()].map(f64::from)));
                }
                _ => {}
            }
        }
    }
    collect(tree.root(), &mut found);
    (found, [tree.size().width(), tree.size().height()].map(f64::from))
}

/// The rectangle of the characters: the box of a text extends above and below them, and the runs of one label touch.
fn core([left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
    // Texts are 8 or 9 points high; those of the vertical axis are rotated.
    let (along, across) = (0.4, 0.22);
    let rotated = right - left < 14.0 && bottom - top > 14.0;
    let (x, y) = if rotated { (across * (right - left), along) } else { (along, across * (bottom - top)) };
    [left + x, top + y, right - x, bottom - y]
}

/// Checks the texts of a figure, and returns them in drawing order.
pub fn checked_texts(name: &str, svg: &[u8]) -> Vec<String> {
    let (texts, [width, height]) = texts(svg);
    assert!(!texts.is_empty(), "{name}");
    for (i, (text, rect)) in texts.iter().enumerate() {
        for word in ["NaN", "inf", "no data"] {
            assert!(!text.contains(word), "{name}: '{text}'");
        }
        let [left, top, right, bottom] = core(*rect);
        assert!(left >= 0.0 && top >= 0.0 && right <= width && bottom <= height, "{name}: '{text}' at {rect:?}");
        for (other, at) in &texts[..i] {
            let [l, t, r, b] = core(*at);
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "{name}: '{text}' over '{other}'");
        }
    }
    texts.into_iter().map(|(text, _)| text).collect()
}
