//! The ratios of sums of all parts to what networks show whose steps or batches vary.

use super::compare::{RANGE, RatioStatement};
use super::quantity::PredictedQuantity;
use super::record::RatioRecord;
use super::total::NetworkSetting;
use super::trust::Trust;
use crate::analysis::ratio::SeedStatistic;
use crate::analysis::verdict::Check;
use crate::config::BatchSize;
use crate::record::{GroupAxis, GroupSeries, LimitRun, Measure};
use crate::run::groups::group_series;
use crate::run::plan::{Group, finer_id};
use crate::run::study::TrainingSubject;
use ndarray::{Array2, Axis};

/// The quantities of these comparisons, which have no width in common with the others.
const QUANTITIES: [PredictedQuantity; 2] = [PredictedQuantity::Function, PredictedQuantity::FunctionSup];

/// The comparison with networks of one width beside the limits of their own particles, over steps or batch sizes, or with
/// networks of several widths under mini-batches beside the reference.
pub(super) struct GroupComparison<'a> {
    subject: TrainingSubject<'a>,
    trust: &'a Trust<'a>,
    group: &'a Group,
    series: GroupSeries,
}

impl<'a> GroupComparison<'a> {
    /// The comparisons with the groups of a run other than `compared`, whose networks are compared already.
    pub fn all(
        subject: TrainingSubject<'a>,
        trust: &'a Trust<'a>,
        compared: Option<&'a Group>,
    ) -> impl Iterator<Item = GroupComparison<'a>> {
        let sums = move |group: &&'a Group| match group.axis {
            GroupAxis::Step | GroupAxis::Batch => true,
            GroupAxis::Width => group.batch != BatchSize::Full && compared.is_some_and(|other| other != *group),
            GroupAxis::Variant => false,
        };
        subject.plan.groups.iter().filter(sums).map(move |group| GroupComparison {
            subject,
            trust,
            group,
            series: group_series(subject.problem, group, subject.trained),
        })
    }

    /// The setting of a row. Beside the limit of its own particles a network of any width has no part of the width.
    fn setting(&self, row: usize) -> NetworkSetting {
        let (value, Group { axis, batch, step, .. }) = (self.group.values[row], self.group);
        let size = match batch {
            BatchSize::Full => f64::INFINITY,
            BatchSize::Size(size) => *size as f64,
        };
        match axis {
            GroupAxis::Step => NetworkSetting::new(f64::INFINITY, value, size),
            GroupAxis::Batch => NetworkSetting::new(f64::INFINITY, *step, value),
            GroupAxis::Width | GroupAxis::Variant => {
                let coupled = 1.0 / value - 1.0 / self.series.abscissa[row];
                NetworkSetting { coupled, ..NetworkSetting::new(value, *step, size) }
            }
        }
    }

    /// The ratios of the distances of the predictions and their checks.
    pub fn ratios(&self) -> Vec<(RatioRecord, Check)> {
        QUANTITIES.iter().map(|&quantity| self.ratio(quantity)).collect()
    }

    /// The measured squares (rows, seeds).
    fn measured(&self, quantity: PredictedQuantity) -> Option<Array2<f64>> {
        let table = match quantity {
            PredictedQuantity::FunctionSup => self.series.sup(Measure::Function)?.clone(),
            _ => {
                let table = self.series.measure(Measure::Function)?;
                table.index_axis(Axis(2), table.len_of(Axis(2)).checked_sub(1)?).to_owned()
            }
        };
        Some(table.mapv(|v| v * v))
    }

    /// The largest distance of predictions of a limit from that with which it is compared.
    fn distance(&self, id: &str) -> f64 {
        self.subject.trained.series(id).map_or(0.0, |series| series.sup(Measure::Function))
    }

    /// The largest error of the step of the limits beside which the networks were measured, as a square distance.
    fn limit_error(&self) -> f64 {
        let plan = self.subject.plan;
        let limits =
            self.group.ids.iter().flatten().filter_map(|id| Some(&plan.find(id)?.recording.compare.as_ref()?.limit));
        limits.map(|limit| self.distance(&finer_id(limit))).fold(0.0, f64::max).powi(2)
    }

    /// The ratio of a quantity and its check.
    fn ratio(&self, quantity: PredictedQuantity) -> (RatioRecord, Check) {
        let arrays = self.trust.arrays;
        let name = format!("predict-{}-{quantity}", self.group.name);
        let along = match self.group.axis {
            GroupAxis::Step => "over steps",
            GroupAxis::Batch => "over batch sizes",
            GroupAxis::Width | GroupAxis::Variant => "over widths with mini-batches",
        };
        let statement = format!(
            "{} {along}: the sum of all parts, predicted from the limit alone / measured lies within [{}, {}]",
            quantity.words(),
            RANGE.0,
            RANGE.1
        );
        let at = match self.group.axis {
            GroupAxis::Step => "eps",
            GroupAxis::Batch => "B",
            GroupAxis::Width | GroupAxis::Variant => "N",
        };
        let comparison = RatioStatement { quantity, name, statement, along: "values", at };
        let settings: Vec<NetworkSetting> = (0..self.group.values.len()).map(|row| self.setting(row)).collect();
        // The difference of a law from the sample that represents it, from half of the sample: random with this mean, so
        // that it is an error too.
        let sample = self.distance(LimitRun::HalfSample.id()).powi(2);
        let total = |&setting: &NetworkSetting| Some(arrays.total(quantity, setting)).filter(|total| *total > 0.0);
        let predicted: Vec<f64> = settings.iter().map(|s| total(s).map_or(f64::NAN, |total| total + sample)).collect();
        let least = predicted.iter().copied().fold(f64::INFINITY, f64::min);
        let record = RatioRecord {
            group: self.group.name.clone(),
            quantity: quantity.to_string(),
            values: self.group.values.clone(),
            predicted,
            measured: Vec::new(),
            errors: Vec::new(),
            relative_error: self.trust.total_error(quantity, &settings).hypot((self.limit_error() + sample) / least),
            ratio: f64::NAN,
            interval: None,
        };
        let Some(measured) = self.measured(quantity) else {
            return (record, comparison.missing("it was not measured in this run"));
        };
        let broken = self.trust.broken_total(quantity, &settings);
        let dependence = || self.subject.plan.dependence(self.group);
        comparison.judge(record, (measured.view(), SeedStatistic::PositiveMean), broken, dependence)
    }
}
