//! Figures of the study of paths: loss along connecting paths, and the barrier against the width.

use super::record::PairRecord;
use super::{PathKind, PathsArrays, PathsRecord};
use crate::figure::{Axis, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::slope;
use crate::run::figures::records::mean_over_seeds;
use crate::run::figures::subjects;
use crate::run::study::NamedFigure;
use ndarray::{Array2, Axis as Dim};

/// `paths`: loss and accuracy along every kind of path, at the largest width with all kinds. `paths-variants`: the same
/// between networks trained in different ways. `paths-barrier`: barriers against the width. None where no pair of
/// networks was connected.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = PathsRecord::read(folder)?;
    if record.pairs.is_empty() {
        return Ok(Vec::new());
    }
    let paths = PathsFigure { arrays: PathsArrays::read(folder, &record)?, record };
    let mut figures = vec![("paths".to_string(), paths.along()), ("paths-barrier".into(), paths.barrier())];
    figures.extend(paths.variants().map(|figure| ("paths-variants".into(), figure)));
    Ok(figures)
}

/// The records of the study.
struct PathsFigure {
    arrays: PathsArrays,
    record: PathsRecord,
}

/// A quantity along a path.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Loss,
    Accuracy,
}

impl PathsFigure {
    /// A quantity along a kind of path, mean over the chosen pairs; NaN where none has such a path.
    fn mean(&self, kind: PathKind, quantity: Quantity, chosen: impl Fn(&PairRecord) -> bool) -> Option<Vec<f64>> {
        let arrays = self.arrays.kind(kind)?;
        let table: &Array2<f64> = match quantity {
            Quantity::Loss => &arrays.loss,
            Quantity::Accuracy => arrays.accuracy.as_ref()?,
        };
        let rows: Vec<usize> = (0..self.record.pairs.len()).filter(|&i| chosen(&self.record.pairs[i])).collect();
        Some(mean_over_seeds(table.select(Dim(0), &rows).view()))
    }

    /// A quantity along every kind of path, mean over the chosen pairs.
    fn panel(&self, quantity: Quantity, chosen: impl Fn(&PairRecord) -> bool) -> Panel {
        let y = match quantity {
            Quantity::Loss => Axis::log10("loss, mean over pairs"),
            Quantity::Accuracy => Axis::linear("accuracy"),
        };
        let mut panel = Panel::new(Axis::linear("path parameter t"), y);
        for (k, &kind) in self.record.kinds.iter().enumerate() {
            let (colour, _, dash) = style::series(k);
            let Some(line) = self.mean(kind, quantity, &chosen) else { continue };
            if line.iter().any(|v| v.is_finite()) {
                panel = panel.with(Mark::line(self.arrays.t.to_vec(), line, colour, dash).label(kind.label()));
            }
        }
        panel
    }

    /// Loss and accuracy along the paths, at the largest width with all kinds.
    fn along(&self) -> Figure {
        let has = |pair: &PairRecord, kind: PathKind| {
            let line = self.mean(kind, Quantity::Loss, |other| other.width == pair.width && other.variant.is_none());
            line.is_some_and(|line| line.iter().any(|v| v.is_finite()))
        };
        let without_variants = self.record.pairs.iter().filter(|pair| pair.variant.is_none());
        let mut complete = without_variants.filter(|pair| self.record.kinds.iter().all(|&kind| has(pair, kind)));
        let width = complete.next_back().unwrap_or(&self.record.pairs[0]).width;
        let of_width = |pair: &PairRecord| pair.width == width && pair.variant.is_none();
        let panel = self.panel(Quantity::Loss, of_width).note(format!("N = {width}"));
        if self.arrays.kinds.iter().any(|(_, arrays)| arrays.accuracy.is_some()) {
            let accuracy = self.panel(Quantity::Accuracy, of_width);
            return Figure::double_column().with(panel.legend(Legend::Hidden)).with(accuracy.legend(Legend::Below));
        }
        let mut figure = Figure::double_column().with(panel.legend(Legend::Below));
        figure.columns = 1;
        figure
    }

    /// Loss along the paths between variants and the main dynamics.
    fn variants(&self) -> Option<Figure> {
        let mut names: Vec<&String> = self.record.pairs.iter().filter_map(|pair| pair.variant.as_ref()).collect();
        names.dedup();
        if names.is_empty() {
            return None;
        }
        let mut figure = Figure::double_column();
        for (i, name) in names.iter().enumerate() {
            let of_variant = |pair: &PairRecord| pair.variant.as_ref() == Some(*name);
            let width = self.record.pairs.iter().find(|pair| of_variant(pair)).map_or(0, |pair| pair.width);
            let title = format!("{name} to main dynamics, N = {width}");
            let panel = self.panel(Quantity::Loss, of_variant).title(title);
            figure = figure.with(panel.legend(if i + 1 == names.len() { Legend::Below } else { Legend::Hidden }));
        }
        figure.height_in *= names.len().div_ceil(2) as f64;
        Some(figure)
    }

    /// Barriers against the width.
    fn barrier(&self) -> Figure {
        let widths: Vec<f64> = self.record.widths.iter().map(|&n| n as f64).collect();
        let mut panel = Panel::new(Axis::log2("width N").counts(), Axis::log10("barrier"))
            .subject(subjects::BARRIER_WIDTH)
            .title("largest loss on the path − loss at the larger end, mean over pairs");
        let mut zeros = 0;
        for (k, (kind, arrays)) in self.arrays.kinds.iter().enumerate() {
            let (colour, marker, dash) = style::series(k);
            let of = |n: usize| {
                let pairs = self.record.pairs.iter().zip(&arrays.barrier);
                pairs
                    .filter(move |(pair, _)| pair.width == n && pair.variant.is_none())
                    .map(|(_, &v)| v)
                    .filter(|v| v.is_finite())
            };
            let mean = |n: usize| of(n).sum::<f64>() / of(n).count() as f64;
            let ends = |n: usize| (of(n).fold(f64::INFINITY, f64::min), of(n).fold(f64::NEG_INFINITY, f64::max));
            let fit = self.record.fits.iter().find(|fit| fit.measure == kind.name()).and_then(|fit| fit.fit.as_ref());
            let y: Vec<f64> = self.record.widths.iter().map(|&n| mean(n)).collect();
            zeros += y.iter().filter(|&&barrier| barrier == 0.0).count();
            let label = kind.label().to_string();
            if let Some(fit) = fit.filter(|_| *kind == PathKind::FirstHalf) {
                panel = panel.note(format!("{label}: {}", slope(fit)));
            }
            panel = panel.with(Mark::line(widths.clone(), y.clone(), colour, dash).label(label.clone()));
            let points = Mark::points(widths.clone(), y, colour, marker).label(label);
            // Error bars, for the path of the theory, extend from the smallest to the largest barrier of the pairs.
            panel = panel.with(if *kind == PathKind::FirstHalf {
                points.error(self.record.widths.iter().map(|&n| ends(n)).collect())
            } else {
                points
            });
        }
        panel = match zeros {
            0 => panel,
            1 => panel.note("1 mean barrier is 0 and not shown"),
            _ => panel.note(format!("{zeros} mean barriers are 0 and not shown")),
        };
        let mut figure = Figure::double_column().with(panel.legend(Legend::Below));
        figure.columns = 1;
        figure
    }
}
