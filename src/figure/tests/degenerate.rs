//! Panels in which little or nothing can be drawn, and texts that are too long: every text stays in the cell of its
//! panel and over no other text, an empty panel says why, and a legend lists what can be seen.

use super::super::{chart::*, layout, legend, marks, placed::Layout};
use super::*;
use crate::figure::geometry::Rect;

const LONG: &str = "a text of very many words that no panel of a page can show in a single line, nor in two of them, as it \
                    goes on and on about E sup_{t ≤ T} ‖f_{N} − f_{ρ}‖^{2} until nobody reads it any longer";

/// A kind of degenerate data: its name, abscissae, ordinates, and words of the reason, or none if there is a point.
type Case = (&'static str, Vec<f64>, Vec<f64>, Option<&'static str>);

/// The cases on a linear and on a logarithmic axis.
fn cases(scale: Scale) -> Vec<Case> {
    let log = scale != Scale::Linear;
    let on_log = |words| if log { Some(words) } else { None };
    let nan = f64::NAN;
    vec![
        ("no value", vec![], vec![], Some("there are no values to show")),
        ("one point", vec![16.0], vec![0.3], None),
        ("equal values", vec![1.0, 2.0, 3.0], vec![0.3; 3], None),
        ("equal points", vec![2.0; 3], vec![0.3; 3], None),
        ("not numbers", vec![1.0, 2.0], vec![nan; 2], Some("no value is finite")),
        ("infinities", vec![1.0, 2.0], vec![f64::INFINITY, f64::NEG_INFINITY], Some("no value is finite")),
        ("one among others", vec![1.0, 2.0, 3.0], vec![nan, 0.5, nan], None),
        ("zeros", vec![1.0, 2.0], vec![0.0; 2], on_log("all values are 0, which a logarithmic axis cannot show")),
        ("negative", vec![1.0, 2.0], vec![-1.0, -2.0], on_log("no value is positive, as a logarithmic axis requires")),
        ("large", vec![1.0, 2.0], vec![1e300, 3e300], None),
        ("small", vec![1.0, 2.0], vec![1e-300, 3e-300], None),
        ("nearly equal", vec![1.0, 1.0 + 1e-12], vec![1.0, 1.0 + 1e-12], None),
    ]
}

/// Every kind of mark through these values.
fn marks_of(x: &[f64], y: &[f64]) -> Vec<Mark> {
    let (x, y) = (x.to_vec(), y.to_vec());
    let ends = y.iter().map(|y| (0.0 * y, f64::INFINITY)).collect();
    vec![
        Mark::line(x.clone(), y.clone(), Colour::Series(0), Dash::Solid).label("line"),
        Mark::points(x.clone(), y.clone(), Colour::Series(1), Marker::Circle).label("points"),
        Mark::points(x.clone(), y.clone(), Colour::Series(2), Marker::Square).error(ends).label("points with bars"),
        Mark::band(x.clone(), y.clone(), y.clone(), Colour::Series(3)).label("band"),
        Mark::cloud(x, y, Colour::Series(4)).label("cloud"),
    ]
}

fn axis(scale: Scale, label: &str) -> Axis {
    Axis { label: label.into(), scale, range: None, counts: false }
}

/// Checks the texts of a figure, and returns them with its layout.
fn checked(figure: &Figure, what: &str) -> (Vec<String>, Layout) {
    let placed = layout::place(figure).unwrap();
    let texts = boxes(figure);
    let core = |[left, top, right, bottom]: [f64; 4]| {
        // Boxes extend above and below the characters, and the runs of one label touch.
        let rotated = right - left < 14.0 && bottom - top > 14.0;
        let (x, y) = if rotated { (0.22 * (right - left), 0.4) } else { (0.4, 0.22 * (bottom - top)) };
        [left + x, top + y, right - x, bottom - y]
    };
    for (i, (text, rect)) in texts.iter().enumerate() {
        assert!(!text.contains("NaN") && !text.contains("inf"), "{what}: '{text}'");
        let [left, top, right, bottom] = core(*rect);
        let within = |cell: Rect| {
            left >= cell.left - 1.0 && right <= cell.right + 1.0 && top >= cell.top - 1.0 && bottom <= cell.bottom + 1.0
        };
        let places = placed.panels.iter().map(|at| at.cell).chain(placed.legend.iter().map(|(_, rect)| *rect));
        assert_eq!(places.filter(|at| within(*at)).count(), 1, "{what}: '{text}' at {rect:?} in no cell");
        for (other, at) in &texts[..i] {
            let [l, t, r, b] = core(*at);
            assert!(right <= l || r <= left || bottom <= t || b <= top, "{what}: '{text}' over '{other}'");
        }
    }
    (texts.into_iter().map(|(text, _)| text).collect(), placed)
}

#[test]
fn little_or_nothing_to_draw() {
    for (x_scale, y_scale) in
        [(Scale::Linear, Scale::Linear), (Scale::Log2, Scale::Log10), (Scale::Log10, Scale::Linear)]
    {
        for (name, x, y, reason) in cases(y_scale) {
            for (k, mark) in marks_of(&x, &y).into_iter().enumerate() {
                let what = format!("{name}, {x_scale:?} {y_scale:?}, mark {k}");
                let panel = Panel::new(axis(x_scale, "width N"), axis(y_scale, "risk R")).title("a title").with(mark);
                let entry = panel.marks[0].label_text().unwrap().to_string();
                let figure = Figure::double_column().with(panel.clone()).with(panel);
                let (texts, placed) = checked(&figure, &what);
                let said = texts.join(" ");
                assert!(!said.contains("no data"), "{what}");
                assert_eq!(said.contains(&entry), reason.is_none(), "{what}: a legend lists what can be seen: {said}");
                match reason {
                    Some(words) => assert!(said.contains(words), "{what}: {said}"),
                    None => {
                        assert!(placed.panels.iter().all(|at| at.reason.is_none()), "{what}");
                        assert!(
                            placed.panels.iter().zip(&figure.panels).all(|(at, panel)| marks::shows_data(panel, at))
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn long_texts_stay_in_their_panels() {
    for count in [1_i32, 2, 4] {
        let mut figure = Figure::double_column();
        for i in 0..count {
            let y = vec![1.0, 1e-3 * f64::from(i) + 1e-4];
            let mut panel = Panel::new(Axis::log2(LONG), Axis::log10(LONG)).title(LONG).note(LONG);
            panel = panel.with(Mark::line(vec![1.0, 512.0], y, Colour::Series(0), Dash::Solid).label(LONG));
            figure = figure.with(panel);
        }
        figure.height_in = 3.2 * f64::from((count + 1) / 2);
        checked(&figure, &format!("{count} panels"));
        for panel in &mut figure.panels {
            panel.marks.clear();
            panel.empty = Some(LONG.into());
        }
        let (texts, _) = checked(&figure, &format!("{count} empty panels"));
        assert!(texts.join(" ").contains("a text of very many words"));
    }
}

#[test]
fn titles_of_a_figure_have_one_size() {
    let panel = |title: &str| Panel::new(Axis::linear("x"), Axis::linear("y")).title(title);
    let svg = render(&Figure::double_column().with(panel("short")).with(panel(LONG))).unwrap();
    let size = |words: &str| {
        let line = svg.lines().find(|line| line.starts_with("<text") && line.contains(words)).unwrap();
        line.split_once("font-size=\"").unwrap().1.split_once('"').unwrap().0.to_string()
    };
    assert_eq!(size("short"), size("a text of very many"));
}

#[test]
fn a_legend_of_many_entries_has_columns() {
    for place in [Legend::Automatic, Legend::Below] {
        let mut panel = Panel::new(Axis::linear("x"), Axis::linear("y")).legend(place);
        for i in 0..30 {
            let y = vec![f64::from(i), f64::from(i + 1)];
            panel = panel
                .with(Mark::line(vec![0.0, 1.0], y, Colour::Series(i as usize), Dash::Solid).label(format!("N = {i}")));
        }
        let mut figure = Figure::double_column().with(panel);
        figure.columns = 1;
        let (texts, placed) = checked(&figure, "many entries");
        assert_eq!(texts.iter().filter(|text| *text == "N").count(), 30);
        let (block, rect) = placed.panels[0].legend.as_ref().or(placed.legend.as_ref()).unwrap();
        assert!(rect.top >= placed.panels[0].frame.bottom, "below the panel");
        assert!(block.height <= 6.0 * 11.0 && block.width <= 72.0 * 6.9, "{block:?}");
    }
}

/// A legend below the panels lists the marks of the panels with a hidden legend, also where its own panel is empty.
#[test]
fn a_common_legend_lists_the_marks_of_every_panel() {
    let panel = |value: f64, label: &str| {
        let line = Mark::line(vec![0.0, 1.0], vec![value, 2.0 * value], Colour::Series(0), Dash::Solid);
        Panel::new(Axis::linear("x"), Axis::log10("y")).with(line.label(label))
    };
    let figure = Figure::double_column()
        .with(panel(1.0, "seen").legend(Legend::Hidden))
        .with(panel(f64::NAN, "not seen").legend(Legend::Below));
    let (texts, placed) = checked(&figure, "common legend");
    assert!(texts.contains(&"seen".to_string()) && !texts.contains(&"not seen".to_string()), "{texts:?}");
    assert!(placed.panels.iter().all(|at| at.legend.is_none()));
    let (block, rect) = placed.legend.as_ref().unwrap();
    assert!(placed.panels.iter().all(|at| at.cell.bottom <= rect.top));
    assert_eq!(block.lines[0].marks, [(0, 0)]);
}

/// Bars that reach zero or infinity end at the frame with an arrow head, which has one more line than a cap.
#[test]
fn bars_that_leave_the_frame_have_arrow_heads() {
    let figure = |ends: (f64, f64)| {
        let points = Mark::points(vec![1.0, 2.0], vec![1.0, 10.0], Colour::Series(0), Marker::Circle);
        Figure::single_column()
            .with(Panel::new(Axis::linear("x"), Axis::log10("y")).with(points.error(vec![(0.5, 2.0), ends])))
    };
    let count = |figure: Figure, what: &str| render(&figure).unwrap().matches(what).count();
    let inside = (5.0, 20.0);
    let lines = |ends| count(figure(ends), "<line");
    let paths = |ends| count(figure(ends), "<polyline");
    // A bar and its cap are two lines; of a clipped end only the bar is one.
    for ends in [(0.0, 20.0), (-1.0, 20.0), (f64::NEG_INFINITY, 20.0), (5.0, f64::INFINITY)] {
        assert_eq!(paths(ends), paths(inside) + 1, "{ends:?}");
        assert!(lines(ends) < lines(inside) + 3, "{ends:?}");
    }
    assert_eq!(paths((f64::NAN, 20.0)), paths(inside), "an end that is unknown is not drawn");
}

/// As few rows as fit the page, and the page ends three points after the legend.
#[test]
fn a_legend_below_the_panels_has_rows() {
    for (count, rows) in [(1, 1), (7, 1), (10, 2), (24, 4)] {
        let mut panel = Panel::new(Axis::linear("x"), Axis::linear("y")).legend(Legend::Below);
        for i in 0..count {
            let line = Mark::line(vec![0.0, 1.0], vec![0.0, 1.0], Colour::Series(i), Dash::Solid);
            panel = panel.with(line.label(format!("method {i}")));
        }
        let figure = Figure::double_column().with(panel.clone()).with(panel);
        let (_, placed) = checked(&figure, "below");
        let (block, rect) = placed.legend.unwrap();
        let middles: std::collections::BTreeSet<u64> = block.lines.iter().map(|line| line.middle.to_bits()).collect();
        assert_eq!(middles.len(), rows, "{count}");
        assert!((72.0 * figure.height_in - rect.bottom - 3.0).abs() < 1e-9 && rect.left >= legend::INSET_PT - 1.0);
    }
}

/// Points in rows and columns fill the frame but for a gap beside its middle, which holds the note.
#[test]
fn notes_are_placed_in_a_gap_between_the_data() {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (column, row) in (0..=60).flat_map(|column| (0..=60).map(move |row| (column, row))) {
        let (u, v) = (f64::from(column) / 60.0, f64::from(row) / 60.0);
        if !((0.1..0.45).contains(&u) && (0.55..0.75).contains(&v)) {
            x.push(u);
            y.push(v);
        }
    }
    let unit = |label: &str| Axis::linear(label).between(0.0, 1.0);
    let mark = Mark::cloud(x, y, Colour::Series(0));
    let panel = Panel::new(unit("x"), unit("y")).with(mark).note("not predicted");
    let (_, placed) = checked(&Figure::single_column().with(panel.clone()), "gap");
    let (_, rect) = placed.panels[0].notes.as_ref().unwrap();
    let covered = marks::data_points(&panel, &placed.panels[0]).into_iter().filter(|&p| rect.contains(p, 0.0)).count();
    assert_eq!(covered, 0, "{rect:?}");
}
