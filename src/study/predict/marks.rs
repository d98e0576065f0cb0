//! Predicted lines in the figures of other studies.

use super::figure::{DASH, PREDICTION};
use super::quantity::PredictedQuantity;
use super::{BatchArrays, NetworkSetting, PredictArrays, PredictRecord, StepTermArrays};
use crate::figure::{Mark, Panel};
use crate::fluctuation::SpreadPrediction;
use crate::record::{Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::records::Records;
use crate::run::figures::subjects;
use crate::run::study::NamedFigure;
use ndarray::{Array1, Array2};
use serde::Deserialize;

/// The part of `records/dropout.json` that is needed here. Records are what studies know of each other.
#[derive(Deserialize)]
struct FixedNumberKept {
    /// The number of neurons kept at all widths.
    fixed: usize,
}

/// What is predicted, beside what the run recorded.
struct PredictedMarks<'a> {
    folder: &'a RunFolder,
    record: PredictRecord,
    arrays: PredictArrays,
    records: Records,
}

/// Adds the predictions to the figures of risk, distance, dropout and barrier.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn add_marks(folder: &RunFolder, figures: &mut [NamedFigure]) -> Result<(), FiguresError> {
    let record = PredictRecord::read(folder)?;
    let (arrays, records) = (PredictArrays::read(folder)?, Records::read(folder)?);
    let predicted = PredictedMarks { folder, record, arrays, records };
    for panel in figures.iter_mut().flat_map(|(_, figure)| &mut figure.panels) {
        let Some(quantity) = panel.subject.and_then(quantity) else { continue };
        // A panel without data says why.
        if panel.marks.is_empty() {
            continue;
        }
        match predicted.record.not_predicted.iter().any(|(name, _)| name == quantity.name()) {
            true => panel.notes.push("not predicted".into()),
            false => panel.marks.extend(predicted.marks(quantity, panel)?),
        }
    }
    Ok(())
}

/// The quantity that a subject shows.
fn quantity(subject: &str) -> Option<PredictedQuantity> {
    Some(match subject {
        subjects::RISK_TIME => PredictedQuantity::LossMean,
        subjects::FUNCTION_TIME => PredictedQuantity::Function,
        subjects::FUNCTION_WIDTH => PredictedQuantity::FunctionSup,
        subjects::COUPLING_TIME => PredictedQuantity::Coupling,
        subjects::DROPOUT_KEPT | subjects::DROPOUT_WIDTH | subjects::DROPOUT_TIME => PredictedQuantity::Dropout,
        subjects::BARRIER_WIDTH => PredictedQuantity::Barrier,
        _ => return None,
    })
}

/// A trained width.
#[derive(Clone, Copy)]
struct TrainedWidth {
    /// Neurons N.
    n: f64,
    /// `1/N - 1/M` beside a reference of M particles.
    u: f64,
    /// Its row among the predicted widths, if it is one of them.
    row: Option<usize>,
}

/// What mini-batches and the step add.
struct OtherParts {
    noise: f64,
    step: f64,
}

impl PredictedMarks<'_> {
    /// The lines of a quantity in a panel.
    fn marks(&self, quantity: PredictedQuantity, panel: &Panel) -> Result<Vec<Mark>, FiguresError> {
        let whole = &self.arrays.whole;
        Ok(match panel.subject {
            Some(subjects::RISK_TIME) => {
                let Some(risk) = self.records.limit(Measure::Risk) else { return Ok(Vec::new()) };
                self.against_time(quantity, "mean", |width, t| {
                    let others = self.others(t, |batch| &batch.gap_mean, |step| &step.loss)?;
                    Some(risk[t] + width.u * whole.gap_mean[t] + others.noise + others.step)
                })
            }
            Some(subjects::FUNCTION_TIME) => self.against_time(quantity, "rms", |width, t| {
                let others = self.others(t, |batch| &batch.variance, |step| &step.function)?;
                Some((width.u * whole.variance[t] + others.noise + others.step.powi(2)).sqrt())
            }),
            Some(subjects::COUPLING_TIME) => self.against_time(quantity, "rms", |width, t| {
                let others = self.others(t, |batch| &batch.coupling, |step| &step.coupling)?;
                Some((width.u * whole.coupling[t] + others.noise + others.step.powi(2)).sqrt())
            }),
            Some(subjects::DROPOUT_TIME) => {
                self.against_time(quantity, "from the limit", |width, t| Some(whole.dropout[[width.row?, t]]))
            }
            Some(subjects::FUNCTION_WIDTH) => self.supremum(),
            Some(subjects::BARRIER_WIDTH) => {
                let least = self.record.least_width;
                let barriers = self.arrays.widths.iter().zip(whole.barrier.column(0));
                let (x, y) = barriers.filter(|(n, _)| **n >= least).map(|(n, barrier)| (*n, *barrier)).unzip();
                vec![line(x, y, "first halves, predicted mean")]
            }
            Some(subjects::DROPOUT_WIDTH | subjects::DROPOUT_KEPT) if !self.has_closed_form() => Vec::new(),
            Some(subjects::DROPOUT_WIDTH) => {
                let FixedNumberKept { fixed } = self.folder.read_json("records/dropout.json")?;
                let m = fixed as f64;
                let scaled = |width: &TrainedWidth| (width.n, self.added_loss(width.n, m) * width.n / (width.n - m));
                let (x, y) = self.trained().iter().filter(|width| width.n > m).map(scaled).unzip();
                vec![line(x, y, "predicted from the limit")]
            }
            Some(subjects::DROPOUT_KEPT) => {
                let kept = |n: f64| (0..).map(|k| 2_f64.powi(k)).take_while(move |m| *m < n);
                let of = |width: &TrainedWidth| {
                    let (x, y) = kept(width.n).map(|m| (m, self.added_loss(width.n, m))).unzip();
                    line(x, y, "predicted from the limit")
                };
                self.trained().iter().map(of).collect()
            }
            _ => Vec::new(),
        })
    }

    /// The trained widths.
    fn trained(&self) -> Vec<TrainedWidth> {
        let Some((group, abscissa)) = self.records.widths().and_then(|g| Some((g, self.records.abscissa(g)?))) else {
            return Vec::new();
        };
        let row = |n: f64| self.arrays.widths.iter().position(|&width| width == n);
        let width = |(&n, &abscissa): (&f64, &f64)| TrainedWidth { n, u: 1.0 / abscissa, row: row(n) };
        group.values.iter().zip(abscissa).map(width).filter(|width| width.n >= 2.0).collect()
    }

    /// A line over the recording times for every trained width at which the quantity is predicted; `value` is `None`
    /// where it is not known. `statistic` says what the lines are.
    fn against_time(
        &self,
        quantity: PredictedQuantity,
        statistic: &str,
        value: impl Fn(TrainedWidth, usize) -> Option<f64>,
    ) -> Vec<Mark> {
        let times = self.arrays.times.to_vec();
        let predicted =
            |width: &TrainedWidth| quantity == PredictedQuantity::Dropout || width.n >= self.record.least_width;
        let of = |width: TrainedWidth| {
            let values: Option<Vec<f64>> = (0..times.len()).map(|t| value(width, t)).collect();
            Some(line(times.clone(), values?, &format!("predicted {statistic}")))
        };
        self.trained().into_iter().filter(predicted).filter_map(of).collect()
    }

    /// The parts of mini-batches and of the step at a recording time; `None` where a part of the networks' own is not
    /// predicted.
    fn others(
        &self,
        time: usize,
        of_batch: impl Fn(&BatchArrays) -> &Array1<f64>,
        of_step: impl Fn(&StepTermArrays) -> &Array2<f64>,
    ) -> Option<OtherParts> {
        let noise = match self.record.trained_batch {
            None => 0.0,
            Some(size) => self.record.trained_step / size as f64 * of_batch(self.arrays.batch.as_ref()?)[time],
        };
        let at = |part: &StepTermArrays| {
            let row = part.values.iter().position(|&step| step == self.record.trained_step)?;
            Some(of_step(part)[(row, time)])
        };
        Some(OtherParts { noise, step: self.arrays.step.as_ref().and_then(at).unwrap_or(0.0) })
    }

    /// The geometric mean of the largest square distance of the predictions, by the law of the sum of all parts, against
    /// the effective width.
    fn supremum(&self) -> Vec<Mark> {
        let Some(draws) = &self.arrays.draws else { return Vec::new() };
        let batch = self.record.trained_batch.map_or(f64::INFINITY, |size| size as f64);
        if batch.is_finite() && self.arrays.batch.is_none() {
            return Vec::new();
        }
        let square = |width: TrainedWidth| {
            let coupled = 1.0 / width.n - width.u;
            let setting = NetworkSetting { coupled, ..NetworkSetting::new(width.n, self.record.trained_step, batch) };
            let law = draws.distance(setting);
            let mean = law.draws().iter().map(|distance| distance.ln()).sum::<f64>() / law.draws().len() as f64;
            (1.0 / width.u, (2.0 * mean).exp())
        };
        let widths = self.trained().into_iter().filter(|width| width.n >= self.record.least_width);
        let (x, y) = widths.map(square).unzip();
        vec![line(x, y, "predicted")]
    }

    /// Whether the mean cost of dropout has a closed form: for the half-squared loss, whose means are known at all times,
    /// and one hidden layer.
    fn has_closed_form(&self) -> bool {
        let whole = &self.arrays.whole;
        whole.layer_variance.nrows() == 1 && whole.dropout.first().is_some_and(|v| v.is_finite())
    }

    /// The mean loss added by keeping `m` of `n` neurons: the closed form with the spread of the limit's features.
    fn added_loss(&self, n: f64, m: f64) -> f64 {
        let (last, whole) = (self.arrays.times.len() - 1, &self.arrays.whole);
        let spread = SpreadPrediction {
            limit: whole.spread[last],
            bias: whole.spread_bias[last],
            variance: whole.spread_variance[last],
        };
        spread.mean_cost(n as usize, m as usize)
    }
}

/// A predicted line.
fn line(x: Vec<f64>, y: Vec<f64>, label: &str) -> Mark {
    Mark::line(x, y, PREDICTION, DASH).label(label)
}
