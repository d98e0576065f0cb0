//! Loss along connecting paths, and the barrier against the width.

use super::RunFiguresError;
use super::dropout::slope;
use super::records::mean_over_seeds;
use crate::figure::{Axis, Figure, Legend, Mark, Panel, style};
use crate::record::npz::Table;
use crate::record::{ConnectRecord, PairRecord, RunFolder};
use ndarray::{Array1, Array2, Axis as Dim};

/// `paths`: loss (and accuracy) along every kind of path, at the widest width where all kinds were walked. `paths-variants`:
/// the same between networks trained in different ways. `barrier`: barriers against the width. Nothing where the study was
/// not run.
pub fn figures(folder: &RunFolder) -> Result<Vec<(String, Figure)>, RunFiguresError> {
    if !folder.file("records/connect.json").is_file() {
        return Ok(Vec::new());
    }
    let record: ConnectRecord = folder.read_json("records/connect.json")?;
    if record.pairs.is_empty() {
        return Ok(Vec::new());
    }
    let paths = Paths { table: Table::read(&folder.file("records/paths.npz"))?, record };
    let mut figures = vec![("paths".to_string(), paths.along()?), ("barrier".into(), paths.barrier()?)];
    figures.extend(paths.variants()?.map(|figure| ("paths-variants".into(), figure)));
    Ok(figures)
}

struct Paths {
    table: Table,
    record: ConnectRecord,
}

/// What a kind of path is called in a legend.
fn words(kind: &str) -> &str {
    match kind {
        "first-half" => "constructive, first halves",
        "best-half" => "constructive, best halves",
        "straight" => "straight line",
        "matched-features" => "straight, matched by features",
        "matched-weights" => "straight, matched by weights",
        "bezier" => "learned Bézier curve",
        other => other,
    }
}

impl Paths {
    /// A measure along a kind of path, mean over the pairs chosen; NaN where none was walked.
    fn mean(
        &self,
        kind: &str,
        measure: &str,
        chosen: impl Fn(&PairRecord) -> bool,
    ) -> Result<Vec<f64>, RunFiguresError> {
        let table: Array2<f64> = self.table.shaped(&format!("{kind}_{measure}"))?;
        let rows: Vec<usize> = (0..self.record.pairs.len()).filter(|&i| chosen(&self.record.pairs[i])).collect();
        Ok(mean_over_seeds(table.select(Dim(0), &rows).view()))
    }

    fn panel(&self, measure: &str, chosen: impl Fn(&PairRecord) -> bool) -> Result<Panel, RunFiguresError> {
        let (label, y): (&str, fn(&'static str) -> Axis) = match measure {
            "accuracy" => ("accuracy", |label| Axis::linear(label)),
            _ => ("loss, mean over pairs", |label| Axis::log10(label)),
        };
        let t = self.table.vector("t")?.to_vec();
        let mut panel = Panel::new(Axis::linear("place on the path t"), y(label));
        for (k, kind) in self.record.kinds.iter().enumerate() {
            let (colour, _, dash) = style::series(k);
            let line = self.mean(kind, measure, &chosen)?;
            if line.iter().any(|v| v.is_finite()) {
                panel = panel.with(Mark::line(t.clone(), line, colour, dash).label(words(kind)));
            }
        }
        Ok(panel)
    }

    fn along(&self) -> Result<Figure, RunFiguresError> {
        let walked = |pair: &PairRecord, kind: &str| -> Result<bool, RunFiguresError> {
            let width = pair.width;
            let line = self.mean(kind, "loss", |other| other.width == width && other.variant.is_none())?;
            Ok(line.iter().any(|v| v.is_finite()))
        };
        let mut chosen = &self.record.pairs[0];
        for pair in self.record.pairs.iter().filter(|pair| pair.variant.is_none()) {
            let mut all = true;
            for kind in &self.record.kinds {
                all &= walked(pair, kind)?;
            }
            if all {
                chosen = pair;
            }
        }
        let width = chosen.width;
        let of_width = |pair: &PairRecord| pair.width == width && pair.variant.is_none();
        let panel = self.panel("loss", of_width)?.title(format!("N = {width}"));
        if self.table.names().any(|name| name.ends_with("_accuracy")) {
            let accuracy = self.panel("accuracy", of_width)?.title(format!("N = {width}"));
            return Ok(Figure::double_column()
                .with(panel.legend(Legend::Hidden))
                .with(accuracy.legend(Legend::OutsideRight)));
        }
        let mut figure = Figure::double_column().with(panel.legend(Legend::OutsideRight));
        figure.columns = 1;
        Ok(figure)
    }

    fn variants(&self) -> Result<Option<Figure>, RunFiguresError> {
        let mut names: Vec<&String> = self.record.pairs.iter().filter_map(|pair| pair.variant.as_ref()).collect();
        names.dedup();
        if names.is_empty() {
            return Ok(None);
        }
        let mut figure = Figure::double_column();
        for (i, name) in names.iter().enumerate() {
            let of_variant = |pair: &PairRecord| pair.variant.as_ref() == Some(*name);
            let width = self.record.pairs.iter().find(|pair| of_variant(pair)).map_or(0, |pair| pair.width);
            let panel = self.panel("loss", of_variant)?.title(format!("from {name} to the main dynamics, N = {width}"));
            figure =
                figure.with(panel.legend(if i + 1 == names.len() { Legend::OutsideRight } else { Legend::Hidden }));
        }
        figure.height_in *= names.len().div_ceil(2) as f64;
        Ok(Some(figure))
    }

    fn barrier(&self) -> Result<Figure, RunFiguresError> {
        let widths: Vec<f64> = self.record.widths.iter().map(|&n| n as f64).collect();
        let mut panel = Panel::new(Axis::log2("width N"), Axis::log10("barrier"))
            .title("max loss on the path − larger end, mean over pairs (0 not shown)");
        for (k, kind) in self.record.kinds.iter().enumerate() {
            let (colour, marker, dash) = style::series(k);
            let values: Array1<f64> = self.table.vector(&format!("{kind}_barrier"))?;
            let of = |n: usize| {
                let pairs = self.record.pairs.iter().zip(&values);
                pairs
                    .filter(move |(pair, _)| pair.width == n && pair.variant.is_none())
                    .map(|(_, &v)| v)
                    .filter(|v| v.is_finite())
            };
            let mean = |n: usize| of(n).sum::<f64>() / of(n).count() as f64;
            let ends = |n: usize| (of(n).fold(f64::INFINITY, f64::min), of(n).fold(f64::NEG_INFINITY, f64::max));
            let fit = self.record.fits.iter().find(|fit| fit.measure == *kind).and_then(|fit| fit.fit.as_ref());
            let y: Vec<f64> = self.record.widths.iter().map(|&n| mean(n)).collect();
            let label = match fit {
                Some(fit) if kind == "first-half" => format!("{}: {}", words(kind), slope(fit)),
                _ => words(kind).to_string(),
            };
            panel = panel.with(Mark::line(widths.clone(), y.clone(), colour, dash));
            let points = Mark::points(widths.clone(), y, colour, marker).label(label);
            // The bars are the least and the largest barrier of a width's pairs, for the path the theory is about.
            panel = panel.with(if kind == "first-half" {
                points.error(self.record.widths.iter().map(|&n| ends(n)).collect())
            } else {
                points
            });
        }
        let mut figure = Figure::double_column().with(panel.legend(Legend::OutsideRight));
        figure.columns = 1;
        Ok(figure)
    }
}
