//! Sparse recovery: error against iterations, error against noise, steps beside their bounds.

use super::RunFiguresError;
use super::{digits, phase};
use crate::analysis::quantile::quantile;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::npz::Table;
use crate::record::{RecoveryRecord, RunFolder};
use ndarray::{Array2, ArrayView1};

/// Errors below this are shown at it: zero has no place on a logarithmic axis.
const FLOOR: f64 = 1e-17;

/// Whether a folder holds a run of sparse recovery.
pub fn is_run(folder: &RunFolder) -> bool {
    folder.file("records/recovery.json").is_file()
}

/// Every figure of such a run.
pub fn figures(folder: &RunFolder) -> Result<Vec<(String, Figure)>, RunFiguresError> {
    let record: RecoveryRecord = folder.read_json("records/recovery.json")?;
    let mut figures = Vec::new();
    let table = |name: &str| {
        let file = folder.file(&format!("records/{name}.npz"));
        file.is_file().then(|| Table::read(&file)).transpose()
    };
    if let Some(table) = table("recover")? {
        figures.push(("recover".into(), curves(&record, &table)?));
        figures.extend(digits::figure(&record, &table)?.map(|figure| ("digits".into(), figure)));
    }
    if let Some(table) = table("noise")? {
        figures.push(("noise".into(), noise(&record, &table)?));
    }
    if let Some(table) = table("rates")? {
        figures.push(("rates".into(), rates(&table)));
    }
    if let Some(table) = table("phase")? {
        figures.push(("phase".into(), phase::figure(&record, &table)?));
    }
    Ok(figures)
}

/// Median over the rows of every column.
fn median(table: &Array2<f64>) -> Vec<f64> {
    table.columns().into_iter().map(|column| quantile(column.iter().copied(), 0.5)).collect()
}

fn spread(table: &Array2<f64>, q: f64) -> Vec<f64> {
    let of = |column: ArrayView1<f64>| quantile(column.iter().copied(), q).max(FLOOR);
    table.columns().into_iter().map(of).collect()
}

/// Left, error against iterations: median over problems, and the quartiles. Right, the value likewise.
fn curves(record: &RecoveryRecord, table: &Table) -> Result<Figure, RunFiguresError> {
    // Iteration 0 has no place on a logarithmic axis: iterations are counted from one.
    let x: Vec<f64> = table.vector("iterations")?.iter().map(|t| t + 1.0).collect();
    let axis = || Axis::log10("iteration + 1").between(1.0, x.last().copied().unwrap_or(1.0).max(2.0));
    let mut error = Panel::new(axis(), Axis::log10("relative error |w − w*| / |w*|")).legend(Legend::Hidden);
    let mut value = Panel::new(axis(), Axis::log10("f(w)")).legend(Legend::OutsideRight);
    for (m, method) in record.methods.iter().enumerate() {
        let (colour, _, dash) = style::series(m);
        let errors: Array2<f64> = table.shaped(&format!("{method}_error"))?;
        let line = median(&errors).into_iter().map(|v| v.max(FLOOR)).collect();
        error = error
            .with(Mark::band(x.clone(), spread(&errors, 0.25), spread(&errors, 0.75), colour))
            .with(Mark::line(x.clone(), line, colour, dash));
        let values: Array2<f64> = table.shaped(&format!("{method}_value"))?;
        let line = median(&values).into_iter().map(|v| v.max(FLOOR * FLOOR)).collect();
        value = value.with(Mark::line(x.clone(), line, colour, dash).label(method));
    }
    error = error.with(Mark::horizontal(record.success, Colour::Grey(120), Dash::Dotted));
    let mut figure = Figure::double_column().with(error).with(value);
    figure.height_in = 2.8;
    Ok(figure)
}

fn noise(record: &RecoveryRecord, table: &Table) -> Result<Figure, RunFiguresError> {
    let x = table.vector("snr_db")?.to_vec();
    let line = |name: &str| -> Result<Vec<f64>, RunFiguresError> {
        let errors: Array2<f64> = table.shaped(&format!("{name}_error"))?;
        Ok(median(&errors.reversed_axes()))
    };
    let mut panel = Panel::new(Axis::linear("signal to noise ratio, dB"), Axis::log10("median relative error"))
        .legend(Legend::OutsideRight);
    for (m, method) in record.methods.iter().enumerate() {
        let (colour, marker, dash) = style::series(m);
        let y = line(method)?;
        panel = panel
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(method))
            .with(Mark::points(x.clone(), y, colour, marker).label(method));
    }
    let oracle = Mark::line(x.clone(), line("oracle")?, Colour::Grey(0), Dash::Dotted).label("true support known");
    let mut figure = Figure::double_column().with(panel.with(oracle));
    figure.width_in = 5.2;
    figure.columns = 1;
    Ok(figure)
}

/// Error after a step against the error before it, and under both the bound.
fn rates(table: &Table) -> Figure {
    let read = |name: &str, part: &str| table.vector(&format!("{name}_{part}")).ok().map(|v| v.to_vec());
    let panel = |title: &str, statements: &[(&str, &str)]| {
        let mut panel = Panel::new(Axis::log10("error before e"), Axis::log10("error after e_{+}"))
            .title(title)
            .legend(Legend::Automatic);
        for (s, (name, label)) in statements.iter().enumerate() {
            let Some(((before, after), bound)) = read(name, "before").zip(read(name, "after")).zip(read(name, "bound"))
            else {
                continue;
            };
            let (colour, marker, _) = style::series(s);
            panel = panel
                .with(Mark::points(before.clone(), after, colour, marker).label(*label))
                .with(Mark::points(before, bound, colour, marker).hollow().label(format!("{label}, bound")));
        }
        panel
    };
    let mut figure = Figure::double_column()
        .with(panel("linear rates, quadratic", &[("iht", "k-IHT"), ("damped", "damped topk-I-OBS")]))
        .with(panel(
            "quadratic rate, near the truth",
            &[
                ("quadratic-logistic", "logistic"),
                ("quadratic-exponential", "exponential"),
                ("quadratic-measurement", "quadratic meas."),
            ],
        ));
    figure.height_in = 3.2;
    figure
}
