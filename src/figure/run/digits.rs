//! Recovered images side by side: the true one, then what each method made of it (WMSKA, figure of MNIST digits).

use super::RunFiguresError;
use crate::figure::{Axis, Colour, Figure, Legend, Mark, Panel};
use crate::record::RecoveryRecord;
use crate::record::npz::Table;
use ndarray::{Array1, Array2, ArrayView1};

/// Images and methods shown at most.
const IMAGES: usize = 6;
const METHODS: usize = 6;
/// Side of a picture in inches.
const SIDE_IN: f64 = 0.92;

/// `digits`; nothing where the signals are no images.
pub fn figure(record: &RecoveryRecord, table: &Table) -> Result<Option<Figure>, RunFiguresError> {
    let Some((rows, columns)) = record.image else { return Ok(None) };
    let truth: Array2<f64> = table.shaped("w_star")?;
    let methods: Vec<&String> =
        record.methods.iter().filter(|method| table.get(&format!("{method}_w")).is_ok()).take(METHODS).collect();
    let count = truth.nrows().min(IMAGES);
    let mut figure = Figure::double_column();
    figure.columns = 1 + methods.len();
    figure.width_in = 0.1 + (SIDE_IN + 0.13) * figure.columns as f64;
    figure.height_in = 0.1 + (SIDE_IN + 0.3) * count as f64;
    for i in 0..count {
        let most = truth.row(i).iter().fold(0.0_f64, |most, v| most.max(*v));
        figure.panels.push(picture(truth.row(i), (rows, columns), most).title("true"));
        for method in &methods {
            let w: Array2<f64> = table.shaped(&format!("{method}_w"))?;
            let errors: Array1<f64> = table.vector(&format!("{method}_answer_error"))?;
            let title = format!("{method}: {}", short(errors[i]));
            figure.panels.push(picture(w.row(i), (rows, columns), most).title(title));
        }
    }
    Ok(Some(figure))
}

fn short(error: f64) -> String {
    if error >= 0.01 { format!("{error:.2}") } else { format!("{error:.0e}") }
}

/// An image in grey, ink dark; the first pixel is the upper left.
fn picture(pixels: ArrayView1<f64>, (rows, columns): (usize, usize), most: f64) -> Panel {
    let grey = |v: f64| Colour::Grey((255.0 * (1.0 - (v / most).clamp(0.0, 1.0))).round() as u8);
    let colours = (0..rows).rev().flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| {
        let v = pixels[i * columns + j];
        // What is not a number is no picture.
        if v.is_nan() { Colour::Series(1) } else { grey(v) }
    });
    let edges = |count: usize| (0..=count).map(|i| i as f64).collect::<Vec<f64>>();
    Panel::new(Axis::linear("").between(0.0, columns as f64), Axis::linear("").between(0.0, rows as f64))
        .picture()
        .legend(Legend::Hidden)
        .with(Mark::tiles(edges(columns), edges(rows), colours.collect()))
}
