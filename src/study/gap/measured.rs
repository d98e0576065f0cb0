//! The measured gaps of a group of networks.

use crate::analysis::fit::{Bootstrap, FitFailure, SlopeFit, Statistic, fit_slope};
use crate::config::BatchSize;
use crate::record::{GroupAxis, GroupSeries, Measure};
use crate::run::plan::{Group, Plan, finer_id};
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::training::Trained;
use ndarray::{Array2, Axis, s};

/// The recording times over which a gap is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeRange {
    /// The supremum over all times. At time 0 the gap in predictions is that of a sub-sample.
    All,
    /// The supremum over the second half of the horizon.
    Late,
    /// The end of the horizon.
    Final,
}

impl TimeRange {
    /// The first of `times` recording times in the range.
    fn from(self, times: usize) -> usize {
        match self {
            TimeRange::All => 0,
            TimeRange::Late => times / 2,
            TimeRange::Final => times - 1,
        }
    }

    /// The largest value of a series in the range; NaN where one is.
    pub fn sup(self, series: ndarray::ArrayView1<f64>) -> f64 {
        sup(series.iter().skip(self.from(series.len())).copied())
    }

    /// The end of the name of a fit.
    pub fn suffix(self) -> &'static str {
        match self {
            TimeRange::All => "",
            TimeRange::Late => "-late",
            TimeRange::Final => "-final",
        }
    }
}

/// The values of a group that enter a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// All values.
    All,
    /// All but the one farthest from the asymptotic regime.
    WithoutPreAsymptotic,
}

/// A group and its series.
#[derive(Clone, Copy)]
pub(super) struct Measured<'a> {
    /// The group.
    pub group: &'a Group,
    /// Its series.
    pub series: &'a GroupSeries,
    /// The bootstrap of its fits.
    pub bootstrap: Bootstrap,
}

impl Measured<'_> {
    /// The gap per value and seed over a range of times; NaN where the network diverged.
    pub fn table(&self, measure: Measure, range: TimeRange) -> Array2<f64> {
        let whole = self.series.measure(measure).expect("a distance of this network");
        let times = whole.len_of(Axis(2));
        whole.slice(s![.., .., range.from(times)..]).map_axis(Axis(2), |lane| sup(lane.iter().copied()))
    }

    /// Whether a measure was recorded of any network of the group.
    pub fn is_measured(&self, measure: Measure) -> bool {
        self.series.measure(measure).is_some_and(|table| table.iter().any(|v| v.is_finite()))
    }

    /// Abscissa of fits.
    pub fn abscissa(&self) -> &[f64] {
        self.series.abscissa.as_slice().expect("one axis, contiguous")
    }

    /// The exponent of a gap along the group.
    pub fn fit(
        &self,
        measure: Measure,
        range: TimeRange,
        statistic: Statistic,
        rest: Rest,
    ) -> Result<SlopeFit, FitFailure> {
        self.fit_along(self.abscissa(), measure, range, statistic, rest)
    }

    /// The same along other abscissae.
    pub fn fit_along(
        &self,
        x: &[f64],
        measure: Measure,
        range: TimeRange,
        statistic: Statistic,
        rest: Rest,
    ) -> Result<SlopeFit, FitFailure> {
        let table = self.table(measure, range);
        match (rest, self.pre_asymptotic()) {
            (Rest::WithoutPreAsymptotic, Some(left_out)) => {
                let kept: Vec<usize> = (0..x.len()).filter(|&v| v != left_out).collect();
                let x: Vec<f64> = kept.iter().map(|&v| x[v]).collect();
                fit_slope(&x, table.select(Axis(0), &kept).view(), statistic, &self.bootstrap)
            }
            _ => fit_slope(x, table.view(), statistic, &self.bootstrap),
        }
    }

    /// The value farthest from the asymptotic regime: the smallest width or batch size, the largest step.
    pub fn pre_asymptotic(&self) -> Option<usize> {
        let values = &self.group.values;
        let order = (0..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b]));
        match self.group.axis {
            GroupAxis::Step => (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])),
            GroupAxis::Width | GroupAxis::Batch | GroupAxis::Variant => order,
        }
    }

    /// That value in words.
    pub fn pre_asymptotic_value(&self) -> &'static str {
        match self.group.axis {
            GroupAxis::Step => "largest step",
            GroupAxis::Batch => "smallest batch",
            GroupAxis::Width | GroupAxis::Variant => "smallest width",
        }
    }

    /// The quantity that the bound is on: the largest coupling distance, or the risk gap where the limit has no
    /// particles.
    pub fn bounded(&self) -> (Measure, &'static str) {
        if self.is_measured(Measure::CouplingMax) {
            (Measure::CouplingMax, "max coupling distance")
        } else {
            (Measure::RiskGap, "sup_t |R(f_N) - R(rho)|")
        }
    }

    /// The error due to their step of the limits with which the networks of a sweep are compared, as the mean over seeds
    /// of the supremum over time: the distance from the limit with half the step times `2^p/(2^p - 1)`, p the order of the
    /// method (for the adaptive one, whose tolerance is divided by 32, that of its dense output).
    pub fn sweep_step_error(
        &self,
        problem: &Problem<'_, f64>,
        plan: &Plan,
        trained: &Trained,
        measure: Measure,
    ) -> f64 {
        let mut limits: Vec<&str> = self
            .group
            .ids
            .iter()
            .flatten()
            .filter_map(|id| Some(plan.find(id)?.recording.compare.as_ref()?.limit.as_str()))
            .collect();
        limits.sort_unstable();
        limits.dedup();
        let errors = limits.iter().map(|limit| trained.series(&finer_id(limit)).map_or(f64::NAN, |s| s.sup(measure)));
        let refined = 2.0_f64.powi(problem.experiment.reference.method.order() as i32);
        errors.sum::<f64>() / limits.len() as f64 * refined / (refined - 1.0)
    }

    /// The rows of networks that follow `size` samples a step, with their steps.
    pub fn rows_with_batch(&self, size: usize) -> Vec<(usize, f64)> {
        match (self.group.axis, self.group.batch) {
            (GroupAxis::Step, BatchSize::Size(batch)) if batch == size => {
                self.group.values.iter().copied().enumerate().collect()
            }
            (GroupAxis::Batch, _) => {
                let row = self.group.values.iter().position(|&value| value == size as f64);
                row.map(|row| (row, self.group.step)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
