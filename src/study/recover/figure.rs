//! Figures of the study of error curves: errors against iterations, and recovered images (WMSKA, figure of MNIST
//! digits).

use super::RecoverArrays;
use crate::analysis::quantile::quantile;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::number;
use crate::run::recovery_run::RecoveryRecord;
use crate::run::study::NamedFigure;
use ndarray::{Array2, ArrayView1};

/// Smallest error shown on the logarithmic axis; smaller ones are drawn at this value.
const FLOOR: f64 = 1e-17;
/// Number of markers on a curve.
const MARKERS: usize = 5;
/// Largest number of images.
const MAX_IMAGES: usize = 6;
/// Largest number of methods whose images are shown.
const MAX_METHODS: usize = 6;
/// Side of an image in inches.
const SIDE_IN: f64 = 0.92;

/// `recover`, and `recover-images` where the true vectors are images.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = RecoveryRecord::read(folder)?;
    let arrays = RecoverArrays::read(folder, &record.methods)?;
    let mut figures = vec![("recover".into(), curves(&record, &arrays))];
    if let (Some(shape), Some(truth)) = (record.image, &arrays.w_star) {
        figures.push(("recover-images".into(), images(&arrays, truth, shape)));
    }
    Ok(figures)
}

/// The quantile over problems at every iteration, at least `floor`; NaN where no value is finite.
fn quantiles(table: &Array2<f64>, q: f64, floor: f64) -> Vec<f64> {
    let of = |column: ArrayView1<f64>| {
        let value = quantile(column.iter().copied(), q);
        if value.is_nan() { value } else { value.max(floor) }
    };
    table.columns().into_iter().map(of).collect()
}

/// Error against iterations, median and quartiles over problems; value of the objective against iterations, median.
fn curves(record: &RecoveryRecord, arrays: &RecoverArrays) -> Figure {
    // Iteration 0 cannot be shown on a logarithmic axis.
    let x: Vec<f64> = arrays.iterations.iter().map(|t| t + 1.0).collect();
    let axis = || Axis::log10("iteration + 1").counts().between(1.0, x.last().copied().unwrap_or(1.0).max(2.0));
    let mut error = Panel::new(axis(), Axis::log10("relative error |w − w*| / |w*|")).legend(Legend::Hidden);
    let mut value = Panel::new(axis(), Axis::log10("f(w)")).legend(Legend::Below);
    // Markers at a few iterations, at other ones for every method, distinguish the curves without colour.
    let count = arrays.methods.len();
    let marked = |m: usize| -> Vec<usize> {
        let at = |k: usize| (x.len() as f64).powf((k as f64 + (m + 1) as f64 / (count + 1) as f64) / MARKERS as f64);
        let mut chosen: Vec<usize> = (0..MARKERS).map(|k| (at(k) as usize).min(x.len().saturating_sub(1))).collect();
        chosen.dedup();
        chosen
    };
    for (m, (method, own)) in arrays.methods.iter().enumerate() {
        let (colour, marker, dash) = style::series(m);
        let some = |y: &[f64]| {
            let (x, y) = marked(m).into_iter().filter_map(|i| Some((*x.get(i)?, *y.get(i)?))).unzip();
            Mark::points(x, y, colour, marker)
        };
        let errors = |q: f64| quantiles(&own.error, q, FLOOR);
        error = error
            .with(Mark::band(x.clone(), errors(0.25), errors(0.75), colour))
            .with(Mark::line(x.clone(), errors(0.5), colour, dash).label(method))
            .with(some(&errors(0.5)).label(method));
        let values = quantiles(&own.value, 0.5, FLOOR * FLOOR);
        value = value.with(some(&values).label(method)).with(Mark::line(x.clone(), values, colour, dash).label(method));
    }
    error = error.with(Mark::horizontal(record.success, Colour::Grey(120), Dash::Dotted).label("success"));
    let mut figure = Figure::double_column().with(error).with(value);
    figure.height_in = 3.1;
    figure
}

/// The true image and the solution of each method, one row per problem.
fn images(arrays: &RecoverArrays, truth: &Array2<f64>, shape: (usize, usize)) -> Figure {
    let solved = arrays.methods.iter().filter_map(|(method, own)| Some((method, own, own.w.as_ref()?)));
    let methods: Vec<_> = solved.take(MAX_METHODS).collect();
    let count = truth.nrows().min(MAX_IMAGES);
    let mut figure = Figure::double_column();
    figure.columns = 1 + methods.len();
    figure.width_in = 0.1 + (SIDE_IN + 0.13) * figure.columns as f64;
    figure.height_in = 0.1 + (SIDE_IN + 0.45) * count as f64;
    for i in 0..count {
        let darkest = truth.row(i).iter().fold(0.0_f64, |largest, v| largest.max(*v));
        figure.panels.push(image_panel(truth.row(i), shape, darkest).title("true"));
        for (method, own, solutions) in &methods {
            let error = number(own.answer_error[i]).unwrap_or_else(|| "no solution".into());
            let title = if i == 0 { format!("{method} {error}") } else { error };
            figure.panels.push(image_panel(solutions.row(i), shape, darkest).title(title));
        }
    }
    figure
}

/// A panel with an image, white at 0 and black at `darkest`; the first pixel is at the upper left.
fn image_panel(pixels: ArrayView1<f64>, (rows, columns): (usize, usize), darkest: f64) -> Panel {
    // An image that is 0 is white.
    let share = |v: f64| if darkest > 0.0 { (v / darkest).clamp(0.0, 1.0) } else { 0.0 };
    let grey = |v: f64| Colour::Grey((255.0 * (1.0 - share(v))).round() as u8);
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
