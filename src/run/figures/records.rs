//! The series of a run, read for figures.

use crate::analysis::quantile::quantile;
use crate::record::{GroupRecord, GroupSeries, GroupsRecord, LimitRun, LimitSeries, Measure, RecordError, RunFolder};
use crate::run::context::FiguresError;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// The groups of networks and all series.
pub struct Records {
    /// Groups of networks, and the error of the limit.
    pub groups: GroupsRecord,
    limit: LimitSeries,
    series: BTreeMap<String, GroupSeries>,
}

/// The median and the 5 and 95 % quantiles over seeds at every recording time.
pub struct Spread {
    /// 5 % quantile.
    pub low: Vec<f64>,
    /// Median.
    pub middle: Vec<f64>,
    /// 95 % quantile.
    pub high: Vec<f64>,
}

impl Records {
    /// Reads the series of a run.
    ///
    /// # Errors
    /// Records that are missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, FiguresError> {
        let groups = GroupsRecord::read(folder)?;
        if groups.group(GroupsRecord::WIDTHS).is_none() {
            let problem = "the group of the widths is missing".into();
            return Err(RecordError::Manifest { path: folder.file("records/groups.json"), problem }.into());
        }
        let all =
            groups.groups.iter().map(|group| Ok((group.name.clone(), GroupSeries::read_from(folder, &group.name)?)));
        let series: BTreeMap<String, GroupSeries> = all.collect::<Result<_, FiguresError>>()?;
        let differs = |group: &&GroupRecord| series[&group.name].values.len() != group.values.len();
        if let Some(group) = groups.groups.iter().find(differs) {
            let problem = format!("the values of the group '{}' are not those of its series", group.name);
            return Err(RecordError::Manifest { path: folder.file("records/groups.json"), problem }.into());
        }
        Ok(Records { limit: LimitSeries::read_from(folder)?, series, groups })
    }

    /// The group of the widths.
    pub fn widths(&self) -> Option<&GroupRecord> {
        self.groups.group(GroupsRecord::WIDTHS)
    }

    /// Recording times.
    pub fn times(&self) -> Vec<f64> {
        self.limit.times.to_vec()
    }

    /// The series of a measure of the limit (times).
    pub fn limit(&self, measure: Measure) -> Option<&Array1<f64>> {
        self.limit.of(LimitRun::Reference, measure)
    }

    /// The series of a measure of a run of the limit (times).
    pub fn limit_of(&self, run: LimitRun, measure: Measure) -> Option<&Array1<f64>> {
        self.limit.of(run, measure)
    }

    /// The abscissa of the fits of a group (values).
    pub fn abscissa(&self, group: &GroupRecord) -> Option<&Array1<f64>> {
        self.series.get(&group.name).map(|series| &series.abscissa)
    }

    /// The largest value over time of a distance of a group (values, seeds).
    pub fn sup(&self, group: &GroupRecord, measure: Measure) -> Option<&Array2<f64>> {
        self.series.get(&group.name)?.sup(measure)
    }

    /// A measure of a group, (values, seeds, times).
    pub fn measure(&self, group: &GroupRecord, measure: Measure) -> Option<&Array3<f64>> {
        self.series.get(&group.name)?.measure(measure)
    }

    /// The spread of a measure over the seeds, at entry `value` of a group.
    pub fn spread(&self, group: &GroupRecord, measure: Measure, value: usize) -> Option<Spread> {
        let of_value = self.measure(group, measure)?.index_axis(ndarray::Axis(0), value);
        let at = |q: f64| of_value.columns().into_iter().map(|column| quantile(column.iter().copied(), q)).collect();
        Some(Spread { low: at(0.05), middle: at(0.5), high: at(0.95) })
    }
}

/// The mean of the finite values of every column of (seeds, n); NaN where there is none.
pub fn mean_over_seeds(table: ArrayView2<f64>) -> Vec<f64> {
    let mean = |column: ArrayView1<f64>| {
        let finite: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
        finite.iter().sum::<f64>() / finite.len() as f64
    };
    table.columns().into_iter().map(mean).collect()
}

/// The 95 % interval of the mean of the finite values (Student); their mean twice where there are fewer than two.
pub fn mean_interval(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    let count = finite.len() as f64;
    let mean = finite.iter().sum::<f64>() / count;
    let Ok(student) = StudentsT::new(0.0, 1.0, count - 1.0) else { return (mean, mean) };
    let variance = finite.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let half = student.inverse_cdf(0.975) * (variance / count).sqrt();
    (mean - half, mean + half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_students() {
        // Mean 2, standard deviation 1, the 97.5 % quantile with 2 degrees of freedom is 4.302653.
        let (low, high) = mean_interval([1.0, 2.0, f64::NAN, 3.0]);
        let half = 4.302_653 / 3f64.sqrt();
        assert!((low - (2.0 - half)).abs() < 1e-5 && (high - (2.0 + half)).abs() < 1e-5);
        assert_eq!(mean_interval([5.0]), (5.0, 5.0));
        assert!(mean_interval([]).0.is_nan());
    }
}
