//! The texts of a figure as they are on the page.

use crate::figure::chart::Figure;
use crate::figure::export::render;
use crate::figure::font;
use resvg::usvg;

/// The texts of a figure with their rectangles (left, top, right, bottom) in points.
pub(super) fn boxes(figure: &Figure) -> Vec<(String, [f64; 4])> {
    fn collect(group: &usvg::Group, found: &mut Vec<(String, [f64; 4])>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => collect(group, found),
                usvg::Node::Text(text) => {
                    let b = text.abs_bounding_box();
                    let words = text.chunks().iter().map(|chunk| chunk.text()).collect();
                    // The tree has 96 units per inch.
                    found.push((words, [b.left(), b.top(), b.right(), b.bottom()].map(|v| 0.75 * f64::from(v))));
                }
                _ => {}
            }
        }
    }
    let tree = usvg::Tree::from_str(&render(figure).unwrap(), &font::options()).unwrap();
    let mut found = Vec::new();
    collect(tree.root(), &mut found);
    found
}
