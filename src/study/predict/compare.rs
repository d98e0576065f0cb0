//! The ratios of predictions to what trained networks show, and their checks.

use super::quantity::PredictedQuantity;
use super::record::RatioRecord;
use super::total::NetworkSetting;
use super::trust::Trust;
use crate::analysis::ratio::{PredictedRatio, SeedStatistic};
use crate::analysis::verdict::Check;
use crate::choice::Choice;
use crate::config::{BatchSize, Route};
use crate::number::plain;
use crate::record::npz::StoredArrays;
use crate::record::{GroupAxis, GroupSeries, LimitRun, Measure, RunFolder};
use crate::run::context::RunError;
use crate::run::groups::group_series;
use crate::run::plan::{Group, Plan};
use crate::run::study::TrainingSubject;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::Deserialize;

/// The ratios of predicted to measured within which a prediction is right.
pub(super) const RANGE: (f64, f64) = (0.9, 1.1);

/// The networks with which predictions are compared: those of the widths, under the full gradient where there are any.
pub(super) struct NetworkComparison<'a> {
    subject: TrainingSubject<'a>,
    trust: Trust<'a>,
    group: &'a Group,
    series: GroupSeries,
    /// Rows of the group that are compared: N of at least 2, and less than the particles of the reference.
    rows: Vec<usize>,
    /// Barriers of the constructive path (rows, pairs), where paths were computed.
    barriers: Option<Array2<f64>>,
}

/// The networks of the widths, those under the full gradient where there are any; `None` without networks.
pub(super) fn compared_group(plan: &Plan) -> Option<&Group> {
    let full = |group: &&Group| group.axis == GroupAxis::Width && group.batch == BatchSize::Full;
    let group = plan.groups.iter().find(full).or(plan.groups.first());
    group.filter(|group| !group.values.is_empty())
}

/// A measured quantity (rows, seeds) with its statistic over seeds.
struct MeasuredQuantity {
    table: Array2<f64>,
    statistic: SeedStatistic,
    /// What the finite step of the networks adds to it.
    step_offset: f64,
    /// What the difference of a law from the sample that represents it adds, from half of the sample. It is random with
    /// this mean, so that it is an error too.
    sample_offset: f64,
    /// The error of the first term, in units of the quantity.
    step_error: f64,
}

impl<'a> NetworkComparison<'a> {
    /// The comparison with the networks of a run; `None` where it has none. `paths` tells whether the run has the study
    /// of paths, which runs earlier.
    ///
    /// # Errors
    /// Records that cannot be read.
    pub fn new(
        subject: TrainingSubject<'a>,
        trust: Trust<'a>,
        paths: bool,
        folder: &RunFolder,
    ) -> Result<Option<Self>, RunError> {
        let Some(group) = compared_group(subject.plan) else { return Ok(None) };
        let series = group_series(subject.problem, group, subject.trained);
        let compared =
            |&w: &usize| group.values[w] >= 2.0 && series.abscissa[w] > 0.0 && series.abscissa[w].is_finite();
        let rows: Vec<usize> = (0..group.values.len()).filter(compared).collect();
        let barriers = if paths { barriers(folder, &rows, group)? } else { None };
        Ok(Some(NetworkComparison { subject, trust, group, series, rows, barriers }))
    }

    /// The rows of a measure at the last recording time, mapped by `f`.
    fn at_end(&self, measure: Measure, f: impl Fn(f64) -> f64) -> Option<Array2<f64>> {
        let table = self.series.measure(measure)?;
        let last = table.len_of(Axis(2)).checked_sub(1)?;
        Some(table.index_axis(Axis(2), last).select(Axis(0), &self.rows).mapv(f))
    }

    /// A measure of a limit at the last recording time; 0 where that limit was not computed.
    fn limit_at_end(&self, run: LimitRun, measure: Measure) -> f64 {
        let series = self.subject.trained.series(run.id());
        series.and_then(|series| series.row(measure).last().copied()).unwrap_or(0.0)
    }

    /// What the networks show of a quantity; `None` where it was not recorded.
    fn measured(&self, quantity: PredictedQuantity) -> Option<MeasuredQuantity> {
        let square = |v: f64| v * v;
        let training = LimitRun::TrainingStep;
        let plain = |table, statistic| {
            Some(MeasuredQuantity { table, statistic, step_offset: 0.0, sample_offset: 0.0, step_error: 0.0 })
        };
        match quantity {
            PredictedQuantity::Function | PredictedQuantity::Coupling => {
                let measure = match quantity {
                    PredictedQuantity::Coupling => Measure::CouplingRms,
                    _ => Measure::Function,
                };
                let table = self.at_end(measure, square)?;
                let step_offset = square(self.limit_at_end(training, measure));
                let sample_offset = square(self.limit_at_end(LimitRun::HalfSample, measure));
                let statistic = SeedStatistic::PositiveMean;
                Some(MeasuredQuantity { table, statistic, step_offset, sample_offset, step_error: 0.0 })
            }
            PredictedQuantity::FunctionSup => {
                let table = self.series.sup(Measure::Function)?.select(Axis(0), &self.rows).mapv(square);
                // The largest distances of network and step need not be at equal times.
                let of =
                    |run: LimitRun| self.subject.trained.series(run.id()).map_or(0.0, |s| s.sup(Measure::Function));
                let (step_error, sample_offset) = (square(of(training)), square(of(LimitRun::HalfSample)));
                let statistic = SeedStatistic::PositiveMean;
                Some(MeasuredQuantity { table, statistic, step_offset: 0.0, sample_offset, step_error })
            }
            PredictedQuantity::LossMean => {
                let limit = self.limit_at_end(LimitRun::Reference, Measure::Risk);
                let coarse = self.limit_at_end(LimitRun::HalfParticles, Measure::Risk);
                let known = self.subject.trained.series(training.id()).is_some();
                Some(MeasuredQuantity {
                    table: self.at_end(Measure::Risk, |risk| risk - limit)?,
                    statistic: SeedStatistic::SignedMean,
                    step_offset: if known { self.limit_at_end(training, Measure::Risk) - coarse } else { 0.0 },
                    sample_offset: 0.0,
                    step_error: 0.0,
                })
            }
            PredictedQuantity::LossDeviation => {
                plain(self.at_end(Measure::Risk, |risk| risk)?, SeedStatistic::Deviation)
            }
            PredictedQuantity::Dropout => plain(self.at_end(Measure::Dropout, |v| v)?, SeedStatistic::PositiveMean),
            PredictedQuantity::Barrier => plain(self.barriers.clone()?, SeedStatistic::PositiveMean),
        }
    }

    /// The group that is compared.
    pub fn group(&self) -> &'a Group {
        self.group
    }

    /// The setting of the networks of a row of the group that follow mini-batches: the sum of all parts is compared with
    /// them.
    fn setting(&self, row: usize) -> Option<NetworkSetting> {
        let BatchSize::Size(size) = self.group.batch else { return None };
        let n = self.group.values[row];
        let coupled = 1.0 / n - 1.0 / self.series.abscissa[row];
        Some(NetworkSetting { coupled, ..NetworkSetting::new(n, self.group.step, size as f64) })
    }

    /// The ratio of every quantity and its check.
    pub fn ratios(&self) -> Vec<(RatioRecord, Check)> {
        PredictedQuantity::ALL.iter().map(|&quantity| self.ratio(quantity)).collect()
    }

    /// The ratio of one quantity and its check.
    fn ratio(&self, quantity: PredictedQuantity) -> (RatioRecord, Check) {
        let name = format!("predict-{quantity}");
        let statement = format!(
            "{}: predicted from the limit alone / measured lies within [{}, {}]",
            quantity.words(),
            RANGE.0,
            RANGE.1
        );
        let comparison = RatioStatement { quantity, name, statement, along: "widths", at: "N" };
        let all = self.trust.arrays.widths.to_vec();
        let measured = self.measured(quantity);
        let offset = measured.as_ref().map_or(0.0, |measured| measured.step_offset);
        let sample = measured.as_ref().map_or(0.0, |measured| measured.sample_offset);
        // Laws of a width exist where it is among the predicted ones; networks that are too narrow are left out.
        let at = |&w: &usize| {
            let (n, u) = (self.group.values[w], 1.0 / self.series.abscissa[w]);
            let value = match self.setting(w) {
                Some(setting) => self.trust.arrays.total(quantity, setting) + sample,
                None => quantity.predicted(&all, &self.trust.arrays.whole, n, u) + offset,
            };
            if self.trust.predicts_width(quantity, n) { value } else { f64::NAN }
        };
        let predicted: Vec<f64> = self.rows.iter().map(at).collect();
        let mut settings: Vec<NetworkSetting> = self.rows.iter().filter_map(|&row| self.setting(row)).collect();
        let known = predicted.iter().map(|v| v.is_finite());
        if settings.len() == predicted.len() && known.clone().any(|known| known) {
            settings =
                settings.into_iter().zip(known).filter_map(|(setting, known)| known.then_some(setting)).collect();
        }
        let least = predicted.iter().map(|v| v.abs()).fold(f64::INFINITY, f64::min);
        let error = |measured: &MeasuredQuantity| {
            let own = match settings.is_empty() {
                true => self.trust.relative_error(quantity),
                false => self.trust.total_error(quantity, &settings),
            };
            own.hypot((measured.step_error + measured.sample_offset) / least)
        };
        let record = RatioRecord {
            group: self.group.name.clone(),
            quantity: quantity.name().into(),
            values: self.rows.iter().map(|&row| self.group.values[row]).collect(),
            predicted,
            measured: Vec::new(),
            errors: Vec::new(),
            relative_error: measured.as_ref().map_or(f64::NAN, error),
            ratio: f64::NAN,
            interval: None,
        };
        let broken = match self.group.batch {
            BatchSize::Full => self.trust.broken(quantity),
            BatchSize::Size(_) => self.trust.broken_total(quantity, &settings),
        };
        let broken = broken.or_else(|| self.unpredicted(quantity, &record.predicted));
        let by_grid = self.subject.problem.experiment.reference.kind == Route::Grid;
        if quantity == PredictedQuantity::Coupling && by_grid {
            return (record, comparison.missing("networks are not coupled to a grid, which has no particles"));
        }
        let Some(measured) = measured else { return (record, comparison.missing("it was not measured in this run")) };
        let dependence = || self.subject.plan.dependence(self.group);
        comparison.judge(record, (measured.table.view(), measured.statistic), broken, dependence)
    }

    /// Why no width of the networks is predicted, where none is.
    fn unpredicted(&self, quantity: PredictedQuantity, predicted: &[f64]) -> Option<String> {
        if predicted.iter().any(|v| v.is_finite()) {
            return None;
        }
        let widths = || self.rows.iter().map(|&row| self.group.values[row]);
        let least = self.trust.least_width(quantity);
        Some(if self.rows.is_empty() {
            "no network has at least 2 neurons and fewer than the reference".into()
        } else if widths().all(|n| !self.trust.predicts_width(quantity, n)) {
            format!("all networks are narrower than N = {}, below which the second order is not small", least.ceil())
        } else if widths().all(|n| !self.trust.arrays.widths.iter().any(|&width| width == n)) {
            "no network has one of predict.widths".into()
        } else {
            "the prediction is not a number".into()
        })
    }
}

/// The statement that a prediction is right.
pub(super) struct RatioStatement {
    /// The quantity.
    pub quantity: PredictedQuantity,
    /// Name of its check.
    pub name: String,
    /// The statement.
    pub statement: String,
    /// What the ratio is pooled over.
    pub along: &'static str,
    /// The symbol of one of these.
    pub at: &'static str,
}

impl RatioStatement {
    /// The check of what was not measured.
    pub fn missing(&self, why: &str) -> Check {
        Check::not_measured(self.name.clone(), self.statement.clone(), Some(1.0), why)
    }

    /// Completes a record with what was measured (values, seeds), with the statistic over seeds, and judges the ratio, over
    /// the values that are predicted. `broken` is the reason why the prediction is not to be trusted, and `dependence`
    /// why the seeds are not independent.
    pub fn judge(
        &self,
        mut record: RatioRecord,
        (table, statistic): (ArrayView2<f64>, SeedStatistic),
        broken: Option<String>,
        dependence: impl FnOnce() -> Option<String>,
    ) -> (RatioRecord, Check) {
        (record.measured, record.errors) = statistic.of_rows(table);
        let rows: Vec<usize> = (0..record.values.len()).filter(|&row| record.predicted[row].is_finite()).collect();
        let predicted: Vec<f64> = rows.iter().map(|&row| record.predicted[row]).collect();
        let found =
            PredictedRatio::new(&predicted, table.select(Axis(0), &rows).view(), statistic, record.relative_error);
        let broken = broken.map(|why| format!("not predicted: {why}"));
        let found = match found {
            Err(failure) => {
                let at = |row: usize| format!("{} = {}", self.at, plain(record.values[rows[row]]));
                let why = broken.unwrap_or_else(|| failure.words(self.quantity.words(), self.quantity.over(), at));
                return (record, self.missing(&why));
            }
            Ok(found) => found,
        };
        let (low, high) = found.interval();
        (record.ratio, record.interval) = (found.ratio(), Some((low, high)));
        let text = format!(
            "ratio {:.3}, 95 % interval [{low:.3}, {high:.3}] over {} {} and {} {}",
            found.ratio(),
            found.by_width.len(),
            self.along,
            found.seeds,
            self.quantity.over().plural()
        );
        let (name, statement) = (self.name.clone(), self.statement.clone());
        let check = Check::ratio_within(name, statement, 1.0, RANGE, found.logarithm, text);
        (record, check.unless(broken.or_else(dependence)))
    }
}

/// The name of the array of barriers in the record of the study of paths.
const BARRIERS: &str = "first-half_barrier";

/// What `records/paths.json` tells about the pairs of networks.
#[derive(Deserialize)]
struct ConnectedPairs {
    /// The pairs, in the order of the arrays.
    pairs: Vec<ConnectedPair>,
}

/// A pair of networks.
#[derive(Deserialize)]
struct ConnectedPair {
    /// Width of both.
    width: usize,
    /// The variant of the first network, if any.
    variant: Option<String>,
}

/// The barriers of the constructive path through the first halves (rows, pairs) between networks of equal width; `None`
/// without that path, or with unequal numbers of pairs. Records are what studies know of each other.
fn barriers(folder: &RunFolder, rows: &[usize], group: &Group) -> Result<Option<Array2<f64>>, RunError> {
    let record: ConnectedPairs = folder.read_json("records/paths.json")?;
    let arrays = StoredArrays::read(&folder.file("records/paths.npz"))?;
    if !arrays.has(BARRIERS) {
        return Ok(None);
    }
    let barriers: Array1<f64> = arrays.shaped(BARRIERS)?;
    let of_width = |&row: &usize| -> Vec<f64> {
        let own = |pair: &ConnectedPair| pair.variant.is_none() && pair.width as f64 == group.values[row];
        let pairs = record.pairs.iter().zip(&barriers);
        pairs.filter(|(pair, _)| own(pair)).map(|(_, barrier)| *barrier).collect()
    };
    let table: Vec<Vec<f64>> = rows.iter().map(of_width).collect();
    let pairs = table.first().map_or(0, Vec::len);
    let equal = table.iter().all(|row| row.len() == pairs);
    Ok(equal.then(|| Array2::from_shape_fn((rows.len(), pairs), |(row, pair)| table[row][pair])))
}
