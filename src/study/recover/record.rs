//! The records of the study of error curves.

use crate::record::npz::{ArrayField, ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `records/recover.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoverRecord {
    /// One entry per method, in the order of the experiment.
    pub summaries: Vec<MethodSummary>,
}

/// The results of a method on all problems.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MethodSummary {
    /// The method.
    pub method: String,
    /// Number of problems recovered.
    pub successes: usize,
    /// Number of problems with a known true vector.
    pub problems: usize,
    /// 95 % interval of the probability of success (Wilson).
    pub interval: (f64, f64),
    /// Median number of iterations to success.
    pub iterations: f64,
    /// Median relative error of the solutions; absolute where the true vector is 0.
    pub error: f64,
    /// Number of problems by the reason why iterations stopped.
    pub stops: BTreeMap<String, usize>,
    /// Largest relative damping used.
    pub damping: f64,
    /// Number of problems on which the requested damping was increased.
    pub raised: usize,
    /// Number of problems on which the method failed.
    pub refused: usize,
    /// The first reason of a failure.
    pub reason: Option<String>,
}

/// An entry of `records/timings.json`: wall times, the only records that are not reproducible.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing {
    /// The method.
    pub method: String,
    /// Median seconds per problem.
    pub seconds: f64,
    /// Median seconds to success.
    pub seconds_to_success: f64,
    /// Median seconds per iteration.
    pub seconds_per_iteration: f64,
}

const FILE: &str = "records/recover.json";
const TIMINGS: &str = crate::record::WALL_TIMES;
const ARRAYS: &str = "records/recover.npz";

impl RecoverRecord {
    /// Writes the record and the wall times of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder, timings: &[Timing]) -> Result<(), RecordError> {
        folder.write_json(TIMINGS, &timings)?;
        folder.write_json(FILE, self)
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }

    /// The same; `None` where the run has no record of this study.
    ///
    /// # Errors
    /// A record that is damaged.
    pub fn find(folder: &RunFolder) -> Result<Option<Self>, RecordError> {
        if folder.file(FILE).exists() { Self::read(folder).map(Some) } else { Ok(None) }
    }

    /// The methods that recovered the most problems, and of these those with the fewest iterations (median to success);
    /// where no problem was recovered, those with the smallest error. In the order of the experiment; none where every
    /// method failed.
    pub fn best(&self) -> Vec<&MethodSummary> {
        let rank = |summary: &MethodSummary| match summary.successes {
            0 => (0, summary.error),
            successes => (successes, summary.iterations),
        };
        let known = self.summaries.iter().filter(|summary| rank(summary).1.is_finite());
        let better = |a: (usize, f64), b: (usize, f64)| a.0 > b.0 || a.0 == b.0 && a.1 < b.1;
        let best = known.clone().map(rank).reduce(|best, other| if better(other, best) { other } else { best });
        known.filter(|summary| Some(rank(summary)) == best).collect()
    }
}

array_record! {
    /// One method; the names of its arrays begin with the name of the method.
    pub struct MethodArrays {
        /// Relative errors at the recorded iterations (problems, iterations); after the last iteration its error is
        /// repeated.
        pub error[problems, iterations]: Array2<f64>,
        /// Values of the objective f at the recorded iterations (problems, iterations).
        pub value[problems, iterations]: Array2<f64>,
        /// Relative errors of the solutions (problems).
        pub answer_error[problems]: Array1<f64>,
        /// Iterations to success (problems); NaN without success.
        pub iterations_to_success[problems]: Array1<f64>,
        /// Numbers of iterations (problems).
        pub iterations[problems]: Array1<f64>,
        /// Relative damping used (problems).
        pub damping[problems]: Array1<f64>,
        /// Solutions (problems, d), if the method found any.
        pub w[problems, d]: Option<Array2<f64>>,
    }
}

/// `records/recover.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoverArrays {
    /// The recorded iterations (iterations).
    pub iterations: Array1<f64>,
    /// The true vectors (problems, d), if known.
    pub w_star: Option<Array2<f64>>,
    /// Every method by name, in the order of the experiment.
    pub methods: Vec<(String, MethodArrays)>,
}

impl RecoverArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        arrays.push_named("iterations", ["iterations"], &self.iterations);
        self.w_star.push("w_star", &mut arrays);
        arrays.name_axes("w_star", ["problems", "d"]);
        self.methods.iter().for_each(|(method, own)| own.push(&format!("{method}_"), &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with these methods.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, methods: &[String]) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let own = |method: &String| Ok((method.clone(), MethodArrays::load(&format!("{method}_"), &stored)?));
        Ok(RecoverArrays {
            iterations: stored.on_axes("iterations", &["iterations"])?,
            w_star: ArrayField::load("w_star", &["problems", "d"].map(String::from), &stored)?,
            methods: methods.iter().map(own).collect::<Result<_, NpzError>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(results: &[(&str, usize, f64, f64)]) -> RecoverRecord {
        let summary = |&(method, successes, iterations, error): &(&str, usize, f64, f64)| MethodSummary {
            method: method.into(),
            successes,
            problems: 4,
            interval: (0.0, 1.0),
            iterations,
            error,
            stops: BTreeMap::new(),
            damping: 0.0,
            raised: 0,
            refused: 0,
            reason: None,
        };
        RecoverRecord { summaries: results.iter().map(summary).collect() }
    }

    #[test]
    fn the_best_methods() {
        let names = |results: &[(&str, usize, f64, f64)]| {
            record(results).best().iter().map(|summary| summary.method.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&[("a", 3, 1.0, 0.0), ("b", 4, 9.0, 0.1), ("c", 4, 5.0, 0.2), ("d", 4, 5.0, 0.0)]),
            ["c", "d"]
        );
        assert_eq!(names(&[("a", 0, f64::NAN, 0.5), ("b", 0, f64::NAN, 0.25)]), ["b"]);
        assert_eq!(names(&[("a", 0, f64::NAN, f64::NAN)]), Vec::<String>::new());
    }
}
