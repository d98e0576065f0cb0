//! The main quantities of several runs, in one figure and one table.

use super::ReportError;
use super::differences::{Differences, labels};
use super::run_view::{ReadRun, read_runs};
use crate::analysis::verdict_counts::verdict_line;
use crate::figure::{Figure, Legend, Mark, Panel, style, write};
use crate::number::text::{given, measured};
use crate::record::{RunFolder, write_atomically};
use crate::run::curve::{Curve, CurvePoint};
use crate::run::figures;
use crate::study::REGISTRY;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Name of the files of a comparison.
pub const NAME: &str = "comparison";
/// Most points of a curve that are drawn with markers and intervals.
const MOST_MARKERS: usize = 24;
/// What is in the place of a value that is missing.
const MISSING: &str = "-";
/// Height of a row of panels in inches.
const ROW_IN: f64 = 2.3;
/// Height of an entry of the legend below the panels in inches.
const ENTRY_IN: f64 = 0.15;

/// Several runs, and the quantities that two of them have at least.
pub struct RunComparison {
    /// The folders of the runs, as they were given.
    pub names: Vec<String>,
    /// A label for every run ([`labels`]).
    pub labels: Vec<String>,
    /// The settings in which they differ.
    pub differences: Differences,
    /// The counts of verdicts of every run.
    pub verdicts: Vec<String>,
    /// The quantities.
    pub quantities: Vec<ComparedQuantity>,
}

/// A quantity of several runs.
pub struct ComparedQuantity {
    /// The quantity and its statistic.
    pub name: String,
    /// Its curve in every run that has it.
    pub curves: Vec<Option<Curve>>,
}

/// The values of a quantity at one place.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ComparedRow {
    /// The quantity.
    pub quantity: String,
    /// The parameter.
    pub at: String,
    /// The value in every run, with its interval; `-` where it has none.
    pub values: Vec<String>,
}

impl RunComparison {
    /// Compares complete runs.
    ///
    /// # Errors
    /// Fewer than two runs, runs without a common quantity, records that are missing or damaged.
    pub fn of(runs: &[ReadRun]) -> Result<Self, ReportError> {
        if runs.len() < 2 {
            return Err(ReportError::TooFewRuns { given: runs.len() });
        }
        let names: Vec<String> = runs.iter().map(|run| run.folder.path().display().to_string()).collect();
        let experiments: Vec<_> = runs.iter().map(|run| &run.manifest.experiment).collect();
        let differences = Differences::between(&experiments);
        let curves: Vec<Vec<Curve>> =
            runs.iter().map(|run| figures::curves(&run.folder, &REGISTRY)).collect::<Result<_, _>>()?;
        let quantities = common(&curves);
        if quantities.is_empty() {
            let listed = |(name, curves): (&String, &Vec<Curve>)| {
                let known: Vec<&str> = curves.iter().map(|curve| curve.quantity.as_str()).collect();
                format!("{name}: {}", if known.is_empty() { "none".into() } else { known.join(", ") })
            };
            return Err(ReportError::NothingInCommon { found: names.iter().zip(&curves).map(listed).collect() });
        }
        Ok(RunComparison {
            labels: labels(&experiments, &names),
            names,
            differences,
            verdicts: runs.iter().map(|run| verdict_line(&run.checks)).collect(),
            quantities,
        })
    }

    /// What the numbers of [`RunComparison::rows`] are, where their names do not say it.
    pub fn notes(&self) -> Vec<&'static str> {
        let mut notes: Vec<&'static str> = Vec::new();
        for note in self.quantities.iter().flat_map(|quantity| &quantity.curves).flatten().map(|curve| curve.note) {
            if !note.is_empty() && !notes.contains(&note) {
                notes.push(note);
            }
        }
        if self.rows().iter().any(|row| row.values.iter().any(|value| value == MISSING)) {
            notes.push("-: the run has no such value");
        }
        notes
    }

    /// One panel for every quantity, with a line for every run.
    pub fn figure(&self) -> Figure {
        let mut figure = Figure::double_column();
        let rows = self.quantities.len().div_ceil(figure.columns) as f64;
        figure.height_in = ROW_IN * rows + ENTRY_IN * self.labels.len() as f64;
        figure.about.title = NAME.into();
        figure.about.text = format!("The quantities that the runs {} have in common.", self.names.join(", "));
        for note in self.notes() {
            figure.about.text += &format!(" {note}.");
        }
        let labels: Vec<String> = self.labels.iter().map(|label| printable(label)).collect();
        for quantity in &self.quantities {
            let Some(first) = quantity.curves.iter().flatten().next() else { continue };
            let mut panel = Panel::new(first.x.clone(), first.y.clone()).title(&quantity.name).legend(Legend::Below);
            for (run, curve) in quantity.curves.iter().enumerate() {
                for mark in curve.iter().flat_map(|curve| marks(curve, run)) {
                    panel = panel.with(mark.label(&labels[run]));
                }
            }
            figure = figure.with(panel);
        }
        figure
    }

    /// For every quantity its values at the largest parameter that all curves of it have; where there is none, at the
    /// last of each.
    pub fn rows(&self) -> Vec<ComparedRow> {
        self.quantities.iter().map(row).collect()
    }

    /// Every value in long format, as comma-separated values.
    ///
    /// # Errors
    /// Never: memory is written to.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(["quantity", "run", "settings", "parameter", "x", "y", "low", "high"])?;
        for quantity in &self.quantities {
            for (run, curve) in quantity.curves.iter().enumerate() {
                for (curve, point) in
                    curve.iter().flat_map(|curve| curve.points.iter().map(move |point| (curve, point)))
                {
                    let end =
                        |end: fn((f64, f64)) -> f64| point.interval.map(|i| end(i).to_string()).unwrap_or_default();
                    table.write_record([
                        &quantity.name,
                        &self.names[run],
                        &self.labels[run],
                        &curve.x.label,
                        &point.x.to_string(),
                        &point.y.to_string(),
                        &end(|(low, _)| low),
                        &end(|(_, high)| high),
                    ])?;
                }
            }
        }
        Ok(table.into_inner().map_err(|error| error.into_error())?)
    }

    /// Writes the figure as SVG, PNG and PDF, and the table, into a folder; returns the files.
    ///
    /// # Errors
    /// Figures that cannot be drawn, files that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
        let stem = folder.join(NAME);
        let mut files = write(&self.figure(), &stem)?;
        let path = stem.with_extension("csv");
        let io = |source| ReportError::Io { path: path.clone(), source };
        let table = self.csv().map_err(|error| io(error.into()))?;
        write_atomically(&path, |out| out.write_all(&table)).map_err(io)?;
        files.push(path);
        Ok(files)
    }
}

/// Reads runs and compares them.
///
/// # Errors
/// See [`RunComparison::of`].
pub fn compare(folders: Vec<RunFolder>) -> Result<RunComparison, ReportError> {
    RunComparison::of(&read_runs(folders)?)
}

/// The quantities that at least two runs have, in the order in which they are found.
fn common(runs: &[Vec<Curve>]) -> Vec<ComparedQuantity> {
    let mut known = BTreeSet::new();
    let names = runs.iter().flatten().map(|curve| &curve.quantity).filter(|name| known.insert(name.as_str()));
    let of = |name: &String| ComparedQuantity {
        name: name.clone(),
        curves: runs.iter().map(|curves| curves.iter().find(|curve| curve.quantity == *name).cloned()).collect(),
    };
    names.map(of).filter(|quantity| quantity.curves.iter().flatten().count() > 1).collect()
}

/// A curve as a line, with points where they are few.
fn marks(curve: &Curve, run: usize) -> Vec<Mark> {
    let (colour, marker, dash) = style::series(run);
    let column = |f: fn(&CurvePoint) -> f64| -> Vec<f64> { curve.points.iter().map(f).collect() };
    let (x, y) = (column(|point| point.x), column(|point| point.y));
    let mut marks = vec![Mark::line(x.clone(), y.clone(), colour, dash)];
    if curve.points.len() <= MOST_MARKERS {
        let ends = curve.points.iter().map(|point| point.interval.unwrap_or((point.y, point.y))).collect();
        marks.push(Mark::points(x, y, colour, marker).error(ends));
    }
    marks
}

/// A text of which the font of the figures has every character.
fn printable(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_graphic() || c == ' ' || c == '…' { c } else { '?' }).collect()
}

fn row(quantity: &ComparedQuantity) -> ComparedRow {
    let curves: Vec<&Curve> = quantity.curves.iter().flatten().collect();
    let has = |curve: &Curve, x: f64| curve.points.iter().find(|point| point.x == x && point.y.is_finite()).copied();
    let shared = curves[0]
        .points
        .iter()
        .rev()
        .map(|point| point.x)
        .find(|&x| curves.iter().all(|curve| has(curve, x).is_some()));
    let value = |curve: &Option<Curve>| {
        let point = curve.as_ref().and_then(|curve| match shared {
            Some(x) => has(curve, x),
            None => curve.points.iter().rev().find(|point| point.y.is_finite()).copied(),
        });
        let Some(CurvePoint { x, y, interval }) = point else { return MISSING.into() };
        let interval =
            interval.map(|(low, high)| format!(" [{}, {}]", measured(low), measured(high))).unwrap_or_default();
        let place = if shared.is_none() { format!(" at {}", given(x)) } else { String::new() };
        format!("{}{interval}{place}", measured(y))
    };
    ComparedRow {
        quantity: quantity.name.clone(),
        at: match shared {
            Some(x) => format!("{} = {}", curves[0].x.label, given(x)),
            None => format!("{}: the last of each", curves[0].x.label),
        },
        values: quantity.curves.iter().map(value).collect(),
    }
}
