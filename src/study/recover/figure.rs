//! Error curves, and recovered images side by side (WMSKA, figure of MNIST digits).

use super::RecoverArrays;
use crate::analysis::quantile::quantile;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::recovery_run::RecoveryRecord;
use crate::run::study::NamedFigure;
use ndarray::{Array2, ArrayView1};

/// Errors below this are drawn at it: zero cannot be drawn on a logarithmic axis.
const FLOOR: f64 = 1e-17;
/// Images and methods shown at most.
const IMAGES: usize = 6;
const METHODS: usize = 6;
/// Side of an image in inches.
const SIDE_IN: f64 = 0.92;

/// `recover`; `recover-images` where the signals are images.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = RecoveryRecord::read(folder)?;
    let arrays = RecoverArrays::read(folder, &record.methods)?;
    let mut figures = vec![("recover".into(), curves(&record, &arrays))];
    if let (Some(shape), Some(truth)) = (record.image, &arrays.w_star) {
        figures.push(("recover-images".into(), images(&arrays, truth, shape)));
    }
    Ok(figures)
}

fn spread(table: &Array2<f64>, q: f64, floor: f64) -> Vec<f64> {
    let of = |column: ArrayView1<f64>| quantile(column.iter().copied(), q).max(floor);
    table.columns().into_iter().map(of).collect()
}

/// Left, error against iterations: median over problems, and the quartiles. Right, the value likewise.
fn curves(record: &RecoveryRecord, arrays: &RecoverArrays) -> Figure {
    // Iteration 0 cannot be drawn on a logarithmic axis: iterations are counted from one.
    let x: Vec<f64> = arrays.iterations.iter().map(|t| t + 1.0).collect();
    let axis = || Axis::log10("iteration + 1").between(1.0, x.last().copied().unwrap_or(1.0).max(2.0));
    let mut error = Panel::new(axis(), Axis::log10("relative error |w − w*| / |w*|")).legend(Legend::Hidden);
    let mut value = Panel::new(axis(), Axis::log10("f(w)")).legend(Legend::OutsideRight);
    for (m, (method, own)) in arrays.methods.iter().enumerate() {
        let (colour, _, dash) = style::series(m);
        let errors = |q: f64| spread(&own.error, q, FLOOR);
        error = error.with(Mark::band(x.clone(), errors(0.25), errors(0.75), colour)).with(Mark::line(
            x.clone(),
            errors(0.5),
            colour,
            dash,
        ));
        let values = spread(&own.value, 0.5, FLOOR * FLOOR);
        value = value.with(Mark::line(x.clone(), values, colour, dash).label(method));
    }
    error = error.with(Mark::horizontal(record.success, Colour::Grey(120), Dash::Dotted));
    let mut figure = Figure::double_column().with(error).with(value);
    figure.height_in = 2.8;
    figure
}

/// The true image, then the answer of each method.
fn images(arrays: &RecoverArrays, truth: &Array2<f64>, shape: (usize, usize)) -> Figure {
    let answered = arrays.methods.iter().filter_map(|(method, own)| Some((method, own, own.w.as_ref()?)));
    let methods: Vec<_> = answered.take(METHODS).collect();
    let count = truth.nrows().min(IMAGES);
    let mut figure = Figure::double_column();
    figure.columns = 1 + methods.len();
    figure.width_in = 0.1 + (SIDE_IN + 0.13) * figure.columns as f64;
    figure.height_in = 0.1 + (SIDE_IN + 0.3) * count as f64;
    for i in 0..count {
        let most = truth.row(i).iter().fold(0.0_f64, |most, v| most.max(*v));
        figure.panels.push(picture(truth.row(i), shape, most).title("true"));
        for (method, own, answers) in &methods {
            let title = format!("{method}: {}", short(own.answer_error[i]));
            figure.panels.push(picture(answers.row(i), shape, most).title(title));
        }
    }
    figure
}

fn short(error: f64) -> String {
    if error >= 0.01 { format!("{error:.2}") } else { format!("{error:.0e}") }
}

/// An image in grey, ink dark; the first pixel is the upper left.
fn picture(pixels: ArrayView1<f64>, (rows, columns): (usize, usize), most: f64) -> Panel {
    let grey = |v: f64| Colour::Grey((255.0 * (1.0 - (v / most).clamp(0.0, 1.0))).round() as u8);
    let colours = (0..rows).rev().flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| {
        let v = pixels[i * columns + j];
        if v.is_nan() { Colour::Series(1) } else { grey(v) }
    });
    let edges = |count: usize| (0..=count).map(|i| i as f64).collect::<Vec<f64>>();
    Panel::new(Axis::linear("").between(0.0, columns as f64), Axis::linear("").between(0.0, rows as f64))
        .image()
        .legend(Legend::Hidden)
        .with(Mark::tiles(edges(columns), edges(rows), colours.collect()))
}
