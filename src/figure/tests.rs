//! The files of a figure contain its labels as text in the embedded font and are reproducible byte for byte; a figure
//! that cannot be drawn is an error before any file is written.

use super::*;
use boxes::boxes;
use resvg::usvg;

mod boxes;
mod degenerate;

fn gap() -> Figure {
    let widths: Vec<f64> = (4..=10).map(|k| f64::from(1 << k)).collect();
    let gaps: Vec<f64> = widths.iter().map(|n| 3.0 / n).collect();
    let ends = gaps.iter().map(|g| (0.8 * g, 1.2 * g)).collect();
    let panel = Panel::new(Axis::log2("width N"), Axis::log10("E sup_{t} ‖f_{N} − f_{ρ}‖^{2}"))
        .title("ε = 0.02, full gradient")
        .with(Mark::line(widths.clone(), gaps.clone(), Colour::Series(0), Dash::Dashed).label("theory: slope −1"))
        .with(
            Mark::points(widths, gaps, Colour::Series(1), Marker::Circle).error(ends).label("networks < limit & more"),
        )
        .note("reference's own error 3.4e-9");
    Figure::single_column().with(panel)
}

fn panel(mark: Mark) -> Figure {
    Figure::single_column().with(Panel::new(Axis::linear("x"), Axis::linear("y")).with(mark))
}

/// The texts of an SVG in drawing order, as an XML parser reads them.
fn texts(svg: &str) -> Vec<String> {
    let tree = usvg::roxmltree::Document::parse(svg).unwrap();
    tree.descendants().filter(|n| n.has_tag_name("text")).map(|n| n.text().unwrap_or_default().to_string()).collect()
}

#[test]
fn in_a_page_a_figure_has_a_title_and_no_font_of_its_own() {
    let element = render_inline(&gap(), 1.0, "a", "a < b & \"c\"").unwrap();
    let page = usvg::roxmltree::Document::parse(&element).unwrap();
    let svg = page.root_element();
    let title = svg.first_element_child().unwrap();
    assert_eq!((svg.attribute("role"), svg.attribute("aria-labelledby")), (Some("img"), Some("a")));
    assert_eq!((title.attribute("id"), title.text()), (Some("a"), Some("a < b & \"c\"")));
    // The rest is the figure as in its file, where the font follows the description.
    let (_, drawn) = element.split_once("</desc>\n").unwrap();
    assert!(render(&gap()).unwrap().ends_with(&format!("</style>\n{drawn}\n")));
    assert!(font_face().starts_with("@font-face{") && !element.contains("font-face"));
}

#[test]
fn in_a_page_a_long_figure_is_an_image() {
    let edges: Vec<f64> = (0..=120).map(f64::from).collect();
    let colours = (0..120 * 120).map(|i| Colour::Grey((i % 7 * 30) as u8)).collect();
    let figure = panel(Mark::tiles(edges.clone(), edges, colours));
    let element = render_inline(&figure, 1.0, "a", "a < b").unwrap();
    let page = usvg::roxmltree::Document::parse(&element).unwrap();
    let image = page.root_element();
    assert_eq!((image.tag_name().name(), image.attribute("alt")), ("img", Some("a < b")));
    assert!(image.attribute("src").unwrap().starts_with("data:image/png;base64,iVBOR"));
    assert!(element.len() < render(&figure).unwrap().len() / 2, "{}", element.len());
}

#[test]
fn labels_are_text_with_their_spaces() {
    let texts = texts(&render(&gap()).unwrap());
    for run in
        ["E sup", "t", " ‖", "f", "N", " − ", "ρ", "2", "theory: slope −1", "networks < limit & more", "10⁻²", "1024"]
    {
        assert!(texts.iter().any(|text| text == run), "no run '{run}' in {texts:?}");
    }
}

#[test]
fn spaces_of_texts_are_preserved() {
    let svg = render(&gap()).unwrap();
    // Without the attribute a renderer drops the leading space of a run.
    assert_eq!(svg.matches("<text ").count(), svg.matches("<text xml:space=\"preserve\" ").count());
}

#[test]
fn equal_figures_give_equal_bytes() {
    let first = render(&gap()).unwrap();
    let other_thread = std::thread::spawn(|| render(&gap()).unwrap()).join().unwrap();
    assert_eq!(first, other_thread);
    let folder = tempfile::tempdir().unwrap();
    let bytes = |stem: &str| -> Vec<Vec<u8>> {
        write(&gap(), &folder.path().join(stem)).unwrap().iter().map(|p| std::fs::read(p).unwrap()).collect()
    };
    assert_eq!(bytes("a-0.5"), bytes("deep/b"));
    assert!(folder.path().join("a-0.5.svg").is_file(), "a dot of the stem is kept");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "no temporary file remains");
}

/// A PDF with transparency has a graphics state for every band and dot: their order does not depend on the drawing.
#[test]
fn transparency_is_drawn_in_a_fixed_order() {
    let x = || vec![0.0, 1.0, 2.0];
    let mut panel = Panel::new(Axis::linear("x"), Axis::linear("y"));
    for i in 0..12 {
        let low = f64::from(i);
        panel = panel.with(Mark::band(x(), vec![low; 3], vec![low + 1.5; 3], Colour::Series(i as usize)));
    }
    let figure = Figure::single_column().with(panel);
    let folder = tempfile::tempdir().unwrap();
    let pdf = |stem: &str| std::fs::read(write(&figure, &folder.path().join(stem)).unwrap().pop().unwrap()).unwrap();
    let first = pdf("first");
    for _ in 0..3 {
        assert!(pdf("again") == first);
    }
    // The table of offsets at the end of the file still points at the objects.
    let text = String::from_utf8_lossy(&first);
    let states = text.split_once("/ExtGState <<").and_then(|(_, rest)| rest.split_once(">>")).unwrap().0;
    let names: Vec<&str> = states.split_whitespace().filter(|word| word.starts_with("/gs")).collect();
    assert_eq!(names, (0..12).map(|i| format!("/gs{i}")).collect::<Vec<_>>());
}

/// A ring leaves what is within it, and a legend shows no more samples side by side than fit.
#[test]
fn rings_cover_neither_points_nor_each_other() {
    let colours = [Colour::Series(0), Colour::Series(1), Colour::Series(2)];
    let mut panel = Panel::new(Axis::linear("x"), Axis::linear("y"));
    for (i, colour) in colours.into_iter().enumerate() {
        let at = vec![i as f64];
        let mark = |marker, size_pt, filled, label: &str| Mark::Points {
            x: at.clone(),
            y: at.clone(),
            error: None,
            marker,
            colour,
            filled,
            size_pt,
            label: Some(label.into()),
        };
        panel = panel.with(mark(Marker::Circle, 4.0, true, "points")).with(mark(Marker::Ring, 9.0, false, "best"));
    }
    let svg = render(&Figure::single_column().with(panel)).unwrap();
    let tree = usvg::roxmltree::Document::parse(&svg).unwrap();
    let circles: Vec<(f64, String)> = tree
        .descendants()
        .filter(|node| node.has_tag_name("circle"))
        .map(|node| (node.attribute("r").unwrap().parse().unwrap(), node.attribute("fill").unwrap().to_string()))
        .collect();
    let rings: Vec<&(f64, String)> = circles.iter().filter(|(_, fill)| fill == "none").collect();
    assert!(circles.iter().all(|(_, fill)| fill.to_uppercase() != "#FFFFFF"), "{circles:?}");
    // One in the legend for all rings, and one for every point.
    assert_eq!((rings.len(), circles.len() - rings.len()), (3 + 1, 3 + 3), "{circles:?}");
}

/// Two panels with a description.
fn described() -> Figure {
    let panel = |title: &str| Panel::new(Axis::linear("width N"), Axis::linear("f_{N}")).title(title);
    let mut figure = Figure::double_column().with(panel("first")).with(panel("second"));
    figure.about = FigureDescription { title: "gap < 1".into(), text: "Of ρ & f.".into() };
    figure
}

/// Title and description are in every format, and the offsets of the PDF still point at its objects.
#[test]
fn files_have_titles_and_descriptions() {
    let words = "Of ρ & f. (a) fN against width N: first; (b) fN against width N: second.";
    let folder = tempfile::tempdir().unwrap();
    let paths = write(&described(), &folder.path().join("gap")).unwrap();
    let read = |i: usize| std::fs::read(&paths[i]).unwrap();
    let svg = String::from_utf8(read(0)).unwrap();
    let page = usvg::roxmltree::Document::parse(&svg).unwrap();
    let of = |name: &str| page.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.text());
    assert_eq!((of("title"), of("desc")), (Some("gap < 1"), Some(words)));
    assert_eq!(page.root_element().attribute("role"), Some("img"));

    let png = read(1);
    let mut chunks = Vec::new();
    let mut at = 8;
    while at < png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        let (kind, data) = (&png[at + 4..at + 8], &png[at + 8..at + 8 + length]);
        let mut check = flate2::Crc::new();
        check.update(&png[at + 4..at + 8 + length]);
        assert_eq!(png[at + 8 + length..at + 12 + length], check.sum().to_be_bytes());
        if kind == b"iTXt" {
            chunks.push(String::from_utf8(data.to_vec()).unwrap());
        }
        at += 12 + length;
    }
    assert_eq!(chunks, ["Title\0\0\0\0\0gap < 1".to_string(), format!("Description\0\0\0\0\0{words}")]);

    let pdf = read(2);
    assert!(pdf.starts_with(b"%PDF-1.5\n"));
    let text = String::from_utf8_lossy(&pdf);
    let page = text.split_once("/Type /Page\n").and_then(|(_, rest)| rest.split_once("endobj")).unwrap().0;
    assert!(page.contains("/MediaBox") && !page.contains("/Group"), "{page}");
    let hex: String = words.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
    assert!(text.contains("/Title <FEFF") && text.contains(&format!("/Subject <FEFF{hex}>")));
    let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
    assert!(pdf[start..].starts_with(b"xref\n"));
    let table = String::from_utf8(pdf[start..].to_vec()).unwrap();
    let offsets = table.lines().filter(|line| line.ends_with(" n ") || line.ends_with(" n")).enumerate();
    for (i, line) in offsets {
        let offset: usize = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!(pdf[offset..].starts_with(format!("{} 0 obj", i + 1).as_bytes()), "{line}");
    }
}

/// Every panel of several has its letter, above and to the left of its frame, in rows at one height; a single one has none.
#[test]
fn panels_have_letters_in_their_order() {
    let panel = |title: &str| Panel::new(Axis::linear("x"), Axis::linear("y")).title(title);
    let long = "a title of so many words that it needs a second line above its panel, and no more than that";
    let mut figure = Figure::double_column().with(panel("one")).with(panel(long)).with(panel("")).with(panel("four"));
    figure.height_in *= 2.0;
    let at = |wanted: &str| {
        let placed = boxes(&figure);
        let found: Vec<_> = placed.into_iter().filter(|(text, _)| text == wanted).map(|(_, rect)| rect).collect();
        assert_eq!(found.len(), 1, "{wanted}");
        found[0]
    };
    let [a, b, c, d] = ["(a)", "(b)", "(c)", "(d)"].map(at);
    assert!(a[0] < b[0] && c[0] < d[0] && a[1] < c[1]);
    assert!((a[1] - b[1]).abs() < 0.1 && (c[1] - d[1]).abs() < 0.1);
    let frames: Vec<_> = layout::place(&figure).unwrap().panels.into_iter().map(|at| at.frame).collect();
    for (letter, frame) in [a, b, c, d].iter().zip(frames) {
        assert!(letter[0] < frame.left && letter[3] <= frame.top + 1.0, "{letter:?} {frame:?}");
    }
    let single = Figure::single_column().with(panel("one"));
    assert!(boxes(&single).iter().all(|(text, _)| text != "(a)"));
}

/// A scale of colours has ticks at its ends and a label, within the page and over nothing else.
#[test]
fn colours_have_a_scale_with_numbers() {
    let map = || {
        let tiles = Mark::tiles(vec![0.0, 1.0], vec![0.0, 1.0], vec![Colour::Heat(0.5)]);
        Panel::new(Axis::linear("x"), Axis::linear("y")).legend(Legend::Hidden).with(tiles)
    };
    let colours = (0..8).map(|i| Colour::Heat(f64::from(i) / 7.0)).collect();
    let figure = Figure::double_column().with(map()).with(map()).colour_bar("density", (0.0, 1.0), colours);
    let layout = layout::place(&figure).unwrap();
    let (bar, last) = (layout.bar.unwrap().rect, layout.panels[1].frame);
    assert!(bar.left > last.right && bar.top == last.top && bar.bottom == last.bottom);
    let texts = boxes(&figure);
    for wanted in ["0", "1.0", "density"] {
        assert!(texts.iter().any(|(text, rect)| text == wanted && rect[0] > bar.right), "{wanted}");
    }
    assert!(texts.iter().all(|(_, rect)| rect[2] <= 72.0 * figure.width_in));
    let mut reversed = figure;
    reversed.colour_bar.as_mut().unwrap().range = (1.0, 0.0);
    assert!(matches!(render(&reversed), Err(FigureError::Range { axis: "colour", .. })));
}

#[test]
fn every_file_embeds_the_font() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(&gap(), &folder.path().join("gap")).unwrap();
    let read = |i: usize| std::fs::read(&paths[i]).unwrap();
    let svg = String::from_utf8(read(0)).unwrap();
    assert_eq!(svg.matches("@font-face{font-family:\"Widelimit Sans\"").count(), 2, "upright and italic");
    let pdf = read(2);
    let has = |needle: &[u8]| pdf.windows(needle.len()).any(|window| window == needle);
    assert!(pdf.starts_with(b"%PDF-") && has(b"/FontFile") && has(b"WidelimitSans"));
    assert!(has(b"/ToUnicode"), "the text of the PDF can be selected");
}

#[test]
fn the_page_has_the_given_size() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(&gap(), &folder.path().join("gap")).unwrap();
    let svg = std::fs::read_to_string(&paths[0]).unwrap();
    assert!(svg.starts_with("<svg role=\"img\" width=\"241.2pt\" height=\"180pt\""), "{}", &svg[..60]);
    let png = std::fs::read(&paths[1]).unwrap();
    let word = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((word(16), word(20)), (1005, 750), "3.35 x 2.5 in at 300 dpi");
    assert_eq!((&png[37..41], word(41)), (&b"pHYs"[..], 11811));
    let pdf = std::fs::read(&paths[2]).unwrap();
    let text = String::from_utf8_lossy(&pdf);
    let page = text.split_once("/MediaBox [").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    let corners: Vec<f64> = page.split_whitespace().map(|v| v.parse().unwrap()).collect();
    assert!(corners.iter().zip([0.0, 0.0, 241.2, 180.0]).all(|(a, b)| (a - b).abs() < 0.01), "in points: {page}");
}

#[test]
fn a_cloud_needs_no_transparency_groups() {
    let values: Vec<f64> = (0..50).map(f64::from).collect();
    let svg = render(&panel(Mark::cloud(values.clone(), values, Colour::Series(0)))).unwrap();
    assert_eq!(svg.matches("fill-opacity=\"0.5\"").count(), 50);
    assert!(!svg.contains(" opacity="));
}

#[test]
fn values_that_cannot_be_shown_are_omitted() {
    let (x, y) = (vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![1.0, f64::NAN, -1.0, 0.0, 10.0]);
    let figure = Figure::single_column().with(Panel::new(Axis::linear("x"), Axis::log10("y")).with(Mark::points(
        x,
        y,
        Colour::Series(0),
        Marker::Circle,
    )));
    assert_eq!(render(&figure).unwrap().matches("<circle").count(), 2);
}

#[test]
fn errors_are_specific_and_no_file_is_written() {
    let line = |n: usize, m: usize| Mark::line(vec![1.0; n], vec![1.0; m], Colour::Series(0), Dash::Solid);
    let mut small = panel(line(2, 2));
    small.width_in = 0.6;
    let mut glyph = panel(line(2, 2));
    glyph.panels[0].notes.push("中".into());
    let cases: [(Figure, &str); 3] = [
        (panel(line(3, 2)), "panel 0, mark 0: `y` has 2 values where `x` has 3"),
        (small, "make the figure larger"),
        (glyph, "no glyph for `中` (U+4E2D)"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (figure, words) in cases {
        let error = write(&figure, &folder.path().join("figure")).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A legend whose position is automatic lies over no data: in a corner, in a gap, above an extended range, or below.
#[test]
fn legends_cover_no_data() {
    let x: Vec<f64> = (0..=400).map(|i| f64::from(i) / 400.0).collect();
    let peak = |at: f64, width: f64| -> Vec<f64> { x.iter().map(|x| (-((x - at) / width).powi(2)).exp()).collect() };
    let panel = |peaks: &[(f64, f64)], entries: usize, axis: Axis| {
        let mut panel = Panel::new(Axis::linear("x"), axis);
        for (k, &(at, width)) in peaks.iter().enumerate() {
            panel = panel.with(Mark::line(x.clone(), peak(at, width), Colour::Series(k), Dash::Solid));
        }
        for k in 0..entries {
            panel = panel.with(
                Mark::line(x.clone(), vec![0.0; x.len()], Colour::Series(k), Dash::Solid).label(format!("entry {k}")),
            );
        }
        panel
    };
    let everywhere: Vec<(f64, f64)> = (0..=12).map(|i| (f64::from(i) / 12.0, 0.02)).collect();
    for (peaks, entries) in [
        (&[(0.95, 0.02)][..], 4),
        (&[(0.02, 0.01), (0.5, 0.01), (0.98, 0.01)], 3),
        (&[(0.02, 0.01), (0.5, 0.01), (0.98, 0.01)], 9),
        (&everywhere, 5),
    ] {
        for axis in [Axis::linear("y"), Axis::linear("y").between(0.0, 1.05)] {
            let figure = Figure::double_column().with(panel(peaks, entries, axis.clone())).with(panel(peaks, 1, axis));
            let layout = layout::place(&figure).unwrap();
            for (panel, at) in figure.panels.iter().zip(&layout.panels) {
                let (_, rect) = at.legend.as_ref().expect("a legend");
                let covered = marks::data_points(panel, at).into_iter().filter(|&p| rect.contains(p, 0.0)).count();
                assert_eq!(covered, 0, "{peaks:?}, {entries} entries, outside: {}", at.legend_outside);
            }
        }
    }
}
