//! Figures as elements of an HTML page, which embeds the font once for all of them.

use super::chart::Figure;
use super::error::FigureError;
use super::export::{base64, font_faces, png, render_scaled};
use super::font;
use super::metadata::{description, escaped};
use resvg::usvg;

/// Longest SVG of a figure in a page; longer ones, of heat maps and many images, are shown as PNG.
const MOST_INLINE: usize = 300_000;
/// Size of such an image relative to that of a file of 300 dpi.
const INLINE_FACTOR: f64 = 0.5;
/// Pixels of a page per inch.
const PAGE_DPI: f64 = 96.0;

/// Renders a figure, magnified by `scale`, as an element of an HTML page: an SVG without the font, which [`font_face`] adds to
/// the style of the page, or a PNG in the page where that would be long. The element is an image with a title and a
/// description for those who do not see it; `id` must be unique in the page.
///
/// # Errors
/// Those of [`render`](super::render).
pub fn render_inline(figure: &Figure, scale: f64, id: &str, title: &str) -> Result<String, FigureError> {
    let (svg, title) = (render_scaled(figure, scale)?, escaped(title));
    // The SVG of a file begins with its size, its title and description, and a style that embeds the font.
    let parts = svg.split_once("\n<title>").and_then(|(head, rest)| Some((head, rest.split_once("</style>\n")?.1)));
    let (head, elements) = parts.unwrap_or_default();
    if elements.len() > MOST_INLINE {
        let image = png(&usvg::Tree::from_str(&svg, &font::options())?, figure, scale * INLINE_FACTOR)?;
        let [width, height] = [figure.width_in, figure.height_in].map(|inches| (PAGE_DPI * scale * inches).round());
        return Ok(format!(
            "<img id=\"{id}\" alt=\"{title}\" width=\"{width}\" height=\"{height}\" src=\"data:image/png;base64,{}\"/>",
            base64(&image)
        ));
    }
    let head = head.replacen("<svg", &format!("<svg aria-labelledby=\"{id}\""), 1);
    let description = escaped(&description(figure));
    Ok(format!("{head}\n<title id=\"{id}\">{title}</title>\n<desc>{description}</desc>\n{}", elements.trim_end()))
}

/// The style rules that embed the font of all figures.
pub fn font_face() -> String {
    font_faces(true)
}
