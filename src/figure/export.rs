//! Rendering of a chart as SVG, conversion of the SVG to PNG and PDF, and rendering as PGF.
//!
//! Texts remain text: the SVG can be searched and edited, and the text of the PDF can be selected. The SVG embeds the
//! font as an `@font-face` of about 35 kB, so that it is rendered equally where the font is not installed.

use super::chart::{Figure, Mark};
use super::error::FigureError;
use super::pgf::PgfCanvas;
use super::svg::{SvgCanvas, UNITS, backend_result};
use super::{draw, font, layout, metadata};
use crate::choice::choice;
use crate::record::write_atomically;
use plotters::backend::{DrawingBackend, SVGBackend};
use resvg::{tiny_skia, usvg};
use std::io::Write;
use std::path::{Path, PathBuf};

const PNG_DPI: f64 = 300.0;

/// Most conversions to PDF until the two fonts are in their order: svg2pdf writes them in that of a hash map, which is another
/// one in every conversion. Each order is as likely as the other.
const FONT_TRIES: usize = 64;

choice! {
    /// A format of figures.
    pub enum Format: "format" {
        /// Scalable Vector Graphics, with the embedded font.
        Svg = "svg",
        /// An image of 300 dpi.
        Png = "png",
        /// Portable Document Format.
        Pdf = "pdf",
        /// Drawing commands of LaTeX, which typesets the texts.
        Pgf = "pgf",
    }
}

/// The formats that every run writes, in the order of its files.
const STANDARD: [Format; 3] = [Format::Svg, Format::Png, Format::Pdf];

/// Renders a figure as a self-contained SVG. Equal figures give equal bytes on every machine.
///
/// # Errors
/// Arrays of different lengths, impossible ranges, characters without a glyph, and pages too small for their labels.
pub fn render(figure: &Figure) -> Result<String, FigureError> {
    render_scaled(figure, 1.0)
}

/// Renders a figure as PGF, magnified by `scale`.
///
/// # Errors
/// Those of [`render`], and characters for which LaTeX has no command.
pub fn render_pgf(figure: &Figure, scale: f64) -> Result<String, FigureError> {
    check_lengths(figure)?;
    let placed = layout::place(figure)?;
    let mut canvas = PgfCanvas::new(72.0 * figure.width_in, 72.0 * figure.height_in, scale);
    draw::figure(&mut canvas, figure, &placed)?;
    Ok(canvas.finish())
}

/// Whether a figure can be drawn.
///
/// # Errors
/// Those of [`render`].
pub fn check(figure: &Figure) -> Result<(), FigureError> {
    check_lengths(figure)?;
    layout::place(figure).map(|_| ())
}

/// Renders a figure as SVG, magnified by `scale`: the texts too.
pub(super) fn render_scaled(figure: &Figure, scale: f64) -> Result<String, FigureError> {
    check_lengths(figure)?;
    let placed = layout::place(figure)?;
    let units = |inches: f64| (72.0 * inches * UNITS).round() as u32;
    let (width, height) = (units(figure.width_in), units(figure.height_in));
    let mut raw = String::new();
    let mut backend = SVGBackend::with_string(&mut raw, (width, height));
    draw::figure(&mut SvgCanvas(&mut backend), figure, &placed)?;
    backend_result(backend.present())?;
    drop(backend);
    Ok(page(&raw, figure, scale, (width, height)))
}

/// Writes a figure to `stem.svg`, `stem.png` (300 dpi) and `stem.pdf`, and returns the three paths in this order. The
/// folder is created if it does not exist. Each file is written under a temporary name and renamed, so that none is
/// ever incomplete; if rendering fails no file is changed.
///
/// # Errors
/// Those of [`render`], and files that cannot be written.
pub fn write(figure: &Figure, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    write_formats(figure, 1.0, stem, &STANDARD)
}

/// Writes a figure, magnified by `scale`, to `stem.FORMAT` for every format, and returns the paths in this order; see
/// [`write()`].
///
/// # Errors
/// Those of [`render`] and [`render_pgf`], and files that cannot be written.
pub fn write_formats(
    figure: &Figure,
    scale: f64,
    stem: &Path,
    formats: &[Format],
) -> Result<Vec<PathBuf>, FigureError> {
    let name = stem.file_name().ok_or_else(|| FigureError::Stem { path: stem.into() })?;
    let rendered = rendered(figure, scale, formats)?;
    let folder = match stem.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|source| FigureError::Write { path: folder.into(), source })?;
    rendered
        .into_iter()
        .map(|(format, bytes)| {
            // `with_extension` would remove part of a stem that contains a dot, as in `gap-0.5`.
            let mut name = name.to_os_string();
            name.push(format!(".{format}"));
            let path = folder.join(name);
            match write_atomically(&path, |out| out.write_all(&bytes)) {
                Ok(()) => Ok(path),
                Err(source) => Err(FigureError::Write { path, source }),
            }
        })
        .collect()
}

/// The contents of the files of a figure.
fn rendered(figure: &Figure, scale: f64, formats: &[Format]) -> Result<Vec<(Format, Vec<u8>)>, FigureError> {
    // PNG and PDF are made of the SVG.
    let drawn = formats.iter().any(|format| *format != Format::Pgf);
    let svg = if drawn { render_scaled(figure, scale)? } else { String::new() };
    let tree = if drawn { Some(usvg::Tree::from_str(&svg, &font::options())?) } else { None };
    let bytes = |format: Format| match (format, &tree) {
        (Format::Png, Some(tree)) => png(tree, figure, scale),
        (Format::Pdf, Some(tree)) => pdf(tree, figure),
        (Format::Svg, _) => Ok(svg.clone().into_bytes()),
        _ => Ok(render_pgf(figure, scale)?.into_bytes()),
    };
    formats.iter().map(|&format| Ok((format, bytes(format)?))).collect()
}

/// Checks that the arrays of every mark have equal lengths.
fn check_lengths(figure: &Figure) -> Result<(), FigureError> {
    for (panel, marks) in figure.panels.iter().enumerate().map(|(i, panel)| (i, &panel.marks)) {
        for (mark, data) in marks.iter().enumerate() {
            let (expected, others): (usize, [Option<(&'static str, usize)>; 2]) = match data {
                Mark::Line { x, y, .. } | Mark::Cloud { x, y, .. } => (x.len(), [Some(("y", y.len())), None]),
                Mark::Points { x, y, error, .. } => {
                    (x.len(), [Some(("y", y.len())), error.as_ref().map(|ends| ("error", ends.len()))])
                }
                Mark::Band { x, low, high, .. } => (x.len(), [Some(("low", low.len())), Some(("high", high.len()))]),
                Mark::Tiles { x, y, colours, .. } => {
                    let tiles = x.len().saturating_sub(1) * y.len().saturating_sub(1);
                    (tiles, [Some(("colours", colours.len())), None])
                }
                Mark::HorizontalLine { .. } | Mark::VerticalLine { .. } => (0, [None, None]),
            };
            for (array, found) in others.into_iter().flatten() {
                if found != expected {
                    return Err(FigureError::Lengths { panel, mark, array, found, expected });
                }
            }
        }
    }
    Ok(())
}

/// Adds the size in points, the title, the description and the font to the SVG of the backend, removes the line breaks around texts, and preserves
/// the spaces at the ends of the runs of a label. Opacity is moved from the element to its fill and stroke: otherwise
/// every dot of a cloud would be a transparency group of the PDF, which is four times as large.
fn page(raw: &str, figure: &Figure, scale: f64, (width, height): (u32, u32)) -> String {
    let italic = raw.contains("font-style=\"italic\"");
    let mut svg = format!(
        "<svg role=\"img\" width=\"{}pt\" height=\"{}pt\" viewBox=\"0 0 {width} {height}\" stroke-linejoin=\"round\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n{}\n<style>{}</style>\n",
        points(scale * figure.width_in),
        points(scale * figure.height_in),
        metadata::svg(figure),
        font_faces(italic),
    );
    let mut lines = raw.lines().skip(1);
    while let Some(line) = lines.next() {
        let line = line.replace(" opacity=\"1\"", "");
        match line.split_once(" opacity=\"").and_then(|(head, rest)| Some((head, rest.split_once('"')?))) {
            Some((head, (opacity, tail))) => {
                svg.push_str(&format!("{head} fill-opacity=\"{opacity}\" stroke-opacity=\"{opacity}\"{tail}"));
            }
            None => svg.push_str(&line.replace("<text ", "<text xml:space=\"preserve\" ")),
        }
        if line.starts_with("<text") {
            svg.push_str(lines.next().unwrap_or_default());
            svg.push_str(lines.next().unwrap_or_default());
        }
        svg.push('\n');
    }
    svg
}

/// The style rules that embed the font of figures, with its italic letters or without.
pub(super) fn font_faces(italic: bool) -> String {
    let face = |style: &str, data: &[u8]| {
        let (family, data) = (font::FAMILY, base64(data));
        format!(
            "@font-face{{font-family:\"{family}\";{style}src:url(data:font/woff2;base64,{data}) format(\"woff2\")}}"
        )
    };
    let italic = italic.then(|| face("font-style:italic;", font::ITALIC_WOFF2));
    std::iter::once(face("", font::WOFF2)).chain(italic).collect()
}

/// Inches as points with at most two decimals: 241.2, not 241.20000000000002.
fn points(inches: f64) -> f64 {
    (72.0 * inches * 100.0).round() / 100.0
}

/// Base64 encoding (RFC 4648).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, i| word << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// An image of 300 dpi, magnified by `factor`.
pub(super) fn png(tree: &usvg::Tree, figure: &Figure, factor: f64) -> Result<Vec<u8>, FigureError> {
    let pixels = |inches: f64| (PNG_DPI * factor * inches).round().max(1.0) as u32;
    let (width, height) = (pixels(figure.width_in), pixels(figure.height_in));
    let failed = || FigureError::Raster { width, height };
    let mut image = tiny_skia::Pixmap::new(width, height).ok_or_else(failed)?;
    image.fill(tiny_skia::Color::WHITE);
    let scale = (width as f32 / tree.size().width(), height as f32 / tree.size().height());
    resvg::render(tree, tiny_skia::Transform::from_scale(scale.0, scale.1), &mut image.as_mut());
    // The page is white, so that no pixel is transparent.
    let rgb: Vec<u8> = image.data().chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
    encoded(&rgb, (width, height), figure).map_err(|_| failed())
}

/// Pixels (height, width, 3) as PNG with its resolution, and the title and the description of the figure. Large areas of
/// one colour compress best without a filter.
fn encoded(rgb: &[u8], (width, height): (u32, u32), figure: &Figure) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Default);
    let per_metre = (PNG_DPI / 0.0254).round() as u32;
    let unit = png::Unit::Meter;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit }));
    encoder.add_itxt_chunk("Title".into(), metadata::title(figure).into())?;
    encoder.add_itxt_chunk("Description".into(), metadata::description(figure))?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

fn pdf(tree: &usvg::Tree, figure: &Figure) -> Result<Vec<u8>, FigureError> {
    // The tree has 96 units per inch.
    let page = svg2pdf::PageOptions { dpi: 96.0 };
    let mut pdf = Vec::new();
    for _ in 0..FONT_TRIES {
        pdf = svg2pdf::to_pdf(tree, svg2pdf::ConversionOptions::default(), page).map_err(FigureError::Pdf)?;
        if has_fonts_in_order(&pdf) {
            break;
        }
    }
    Ok(with_information(without_page_group(with_sorted_resources(pdf)), figure))
}

/// Whether the fonts are in the file in the order in which the texts use them.
fn has_fonts_in_order(pdf: &[u8]) -> bool {
    const FONT: &[u8] = b" 0 obj\n<<\n  /Type /Font\n  /Subtype /Type0";
    let (mut numbers, mut from) = (Vec::new(), 0);
    while let Some(at) = position(&pdf[from..], FONT).map(|at| from + at) {
        let start = pdf[..at].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |before| before + 1);
        numbers.push(std::str::from_utf8(&pdf[start..at]).ok().and_then(|text| text.parse::<usize>().ok()));
        from = at + FONT.len();
    }
    numbers.is_sorted()
}

/// Replaces the transparency group of the page by spaces: of several such files on one page LaTeX warns, as their groups
/// would differ. Groups within the page remain.
fn without_page_group(mut pdf: Vec<u8>) -> Vec<u8> {
    let page = position(&pdf, b"/Type /Page\n");
    let start = page.and_then(|page| Some(page + position(&pdf[page..], b"/Group <<")?));
    if let Some((start, length)) = start.and_then(|start| Some((start, position(&pdf[start..], b">>")? + 2))) {
        pdf[start..start + length].fill(b' ');
    }
    pdf
}

/// Adds title and description, and declares version 1.5, which LaTeX includes without a warning: svg2pdf declares 1.7, and
/// uses nothing that is newer than 1.5 (transparency, ICC profiles, compressed streams). A PDF whose end is not that of
/// svg2pdf is left as it is.
fn with_information(mut pdf: Vec<u8>, figure: &Figure) -> Vec<u8> {
    const PRODUCER: &[u8] = b"/Producer (svg2pdf)";
    const START: &[u8] = b"startxref\n";
    // The information is the last object: what follows is the table of offsets, whose own place is moved.
    let table = position(&pdf, PRODUCER).and_then(|at| Some((at, at + position(&pdf[at..], START)? + START.len())));
    let Some((producer, start)) = table else { return pdf };
    let end = start + pdf[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(offset) = std::str::from_utf8(&pdf[start..end]).ok().and_then(|text| text.parse::<usize>().ok()) else {
        return pdf;
    };
    let entries = format!("\n  {}", metadata::pdf(figure));
    pdf.splice(start..end, (offset + entries.len()).to_string().into_bytes());
    let after = producer + PRODUCER.len();
    pdf.splice(after..after, entries.into_bytes());
    if pdf.starts_with(b"%PDF-1.7") {
        pdf[7] = b'5';
    }
    pdf
}

/// Sorts the entries of the resource dictionaries, which svg2pdf writes in the order of a hash map that differs from
/// one drawing to the next. The length of the file and the offsets of its objects do not change.
fn with_sorted_resources(mut pdf: Vec<u8>) -> Vec<u8> {
    const KINDS: [&[u8]; 6] =
        [b"/ExtGState <<\n", b"/XObject <<\n", b"/Pattern <<\n", b"/Shading <<\n", b"/Font <<\n", b"/ColorSpace <<\n"];
    for kind in KINDS {
        let mut from = 0;
        while let Some(start) = position(&pdf[from..], kind).map(|at| from + at + kind.len()) {
            let Some(length) = position(&pdf[start..], b">>") else { break };
            let entries = &pdf[start..start + length];
            // The last line holds the indentation of the closing bracket.
            let end = start + entries.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let mut lines: Vec<Vec<u8>> =
                pdf[start..end].split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            // In the order in which the names were given: gs2 before gs10.
            lines.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
            pdf[start..end].copy_from_slice(&lines.concat());
            from = start + length;
        }
    }
    pdf
}

/// The first position of a pattern.
fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
