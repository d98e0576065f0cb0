//! Figures as elements of an HTML page, which embeds the font once for all of them.

use super::chart::Figure;
use super::error::FigureError;
use super::export::{base64, png, render};
use super::font;
use resvg::usvg;

/// Longest SVG of a figure in a page; longer ones, of heat maps and many images, are shown as PNG.
const MOST_INLINE: usize = 300_000;
/// Size of such an image relative to that of a file of 300 dpi.
const INLINE_FACTOR: f64 = 0.5;
/// Pixels of a page per inch.
const PAGE_DPI: f64 = 96.0;

/// Renders a figure as an element of an HTML page: an SVG without the font, which [`font_face`] adds to the style of the
/// page, or a PNG in the page where that would be long. The element is an image with a title for those who do not see it;
/// `id` must be unique in the page.
///
/// # Errors
/// Those of [`render`].
pub fn render_inline(figure: &Figure, id: &str, title: &str) -> Result<String, FigureError> {
    let (svg, title) = (render(figure)?, escaped(title));
    // The SVG of a file begins with its size and a style that embeds the font.
    let parts = svg.split_once("\n<style>").and_then(|(head, rest)| Some((head, rest.split_once("</style>\n")?.1)));
    let (head, elements) = parts.unwrap_or_default();
    if elements.len() > MOST_INLINE {
        let image = png(&usvg::Tree::from_str(&svg, &font::options())?, figure, INLINE_FACTOR)?;
        let [width, height] = [figure.width_in, figure.height_in].map(|inches| (PAGE_DPI * inches).round());
        return Ok(format!(
            "<img id=\"{id}\" alt=\"{title}\" width=\"{width}\" height=\"{height}\" src=\"data:image/png;base64,{}\"/>",
            base64(&image)
        ));
    }
    let head = head.replacen("<svg", &format!("<svg role=\"img\" aria-labelledby=\"{id}\""), 1);
    Ok(format!("{head}\n<title id=\"{id}\">{title}</title>\n{}", elements.trim_end()))
}

/// The style rule that embeds the font of all figures.
pub fn font_face() -> String {
    let (family, data) = (font::FAMILY, base64(font::WOFF2));
    format!("@font-face{{font-family:\"{family}\";src:url(data:font/woff2;base64,{data}) format(\"woff2\")}}")
}

/// A text with the characters escaped that have a meaning in markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
