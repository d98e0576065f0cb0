//! The test part of a population: samples on which networks and limits are evaluated, and none is trained.
//!
//! Sample i of a data set is in the test part where the uniform number of the stream `(seed, TestPart, i, 0)` is below the
//! fraction, so that the parts depend on the seed and on the index alone. Of a law, sample i of the test part is drawn
//! from that stream. Inputs are standardised with the moments of the training part.

use super::error::require;
use super::{PopulationError, Sample, Standardisation, Standardise};
use crate::compute::rng::{self, Role};
use ndarray::Axis;
use rand::RngExt;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};

/// The test part that an experiment file names, `population.test`.
#[derive(Clone, Debug, PartialEq)]
pub enum TestPart {
    /// A fraction of the samples of a data set, strictly between 0 and 1.
    Fraction(f64),
    /// This many independent draws from a law, at least 1.
    Draws(usize),
    /// All samples of a second data file, of the format of the first.
    File(PathBuf),
    /// The test images of MNIST.
    T10k,
}

impl TestPart {
    /// The value of [`TestPart::T10k`] in experiment files.
    pub const T10K: &'static str = "t10k";

    /// About as many samples as it has, beside a data set of `samples`; 0 for a file, which has to be read.
    pub fn size_hint(&self, samples: usize) -> usize {
        match self {
            Self::Fraction(fraction) => (fraction * samples as f64).ceil() as usize,
            Self::Draws(count) => *count,
            Self::File(_) => 0,
            Self::T10k => 10_000,
        }
    }
}

impl Serialize for TestPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fraction(fraction) => serializer.serialize_f64(*fraction),
            Self::Draws(count) => serializer.serialize_u64(*count as u64),
            Self::File(path) => path.serialize(serializer),
            Self::T10k => serializer.serialize_str(Self::T10K),
        }
    }
}

/// The training part and the test part of a data set.
pub(super) struct DataParts {
    /// The samples of the population.
    pub train: Sample,
    /// The samples of the test part, if there is one.
    pub test: Option<Sample>,
}

impl DataParts {
    /// A data set without a test part.
    pub(super) fn whole(sample: Sample) -> Self {
        DataParts { train: sample, test: None }
    }

    /// A data set of which a fraction is held out.
    ///
    /// # Errors
    /// [`PopulationError::TestFraction`] where one of the parts would be empty.
    pub(super) fn held_out(sample: &Sample, fraction: f64, seed: u64) -> Result<Self, PopulationError> {
        let (n, ..) = sample.shape();
        let numbers: Vec<f64> = (0..n as u64).map(|i| rng::stream(seed, Role::TestPart, i, 0).random()).collect();
        let [test, train] =
            [true, false].map(|part| (0..n).filter(|&i| (numbers[i] < fraction) == part).collect::<Vec<usize>>());
        if test.is_empty() || train.is_empty() {
            let range = |select: fn(f64, f64) -> f64| numbers.iter().copied().reduce(select).unwrap_or(f64::NAN);
            let (above, most) = (range(f64::min), range(f64::max));
            return Err(PopulationError::TestFraction { fraction, samples: n, above, most });
        }
        let part = |rows: &[usize]| Sample { x: sample.x.select(Axis(0), rows), y: sample.y.select(Axis(0), rows) };
        Ok(DataParts { train: part(&train), test: Some(part(&test)) })
    }

    /// A data set with the samples of `test_data` as test part.
    ///
    /// # Errors
    /// [`PopulationError::TestShape`] where the numbers of inputs or outputs differ.
    pub(super) fn beside(train: Sample, test: Sample, test_data: &Path) -> Result<Self, PopulationError> {
        let ((_, d, k), (_, test_d, test_k)) = (train.shape(), test.shape());
        if (d, k) != (test_d, test_k) {
            let path = test_data.to_owned();
            return Err(PopulationError::TestShape { path, found: (test_d, test_k), expected: (d, k) });
        }
        Ok(DataParts { train, test: Some(test) })
    }

    /// Standardises both parts with the moments of the training part; `data` names them in messages.
    ///
    /// # Errors
    /// Moments, or inputs of the test part, that leave the range of double precision.
    pub(super) fn standardise(
        &mut self,
        rule: Standardise,
        data: &str,
    ) -> Result<Option<Standardisation>, PopulationError> {
        let transformation = rule.apply(&mut self.train.x, data)?;
        if let (Some(test), Some(transformation)) = (&mut self.test, &transformation) {
            transformation.transform(&mut test.x);
            let finite = test.x.iter().all(|v| v.is_finite());
            require(finite, "test", data, "inputs of the test part leave the range of double precision: rescale them")?;
        }
        Ok(transformation)
    }

    /// The end of the description of a data set.
    pub(super) fn description(&self) -> String {
        described(self.test.as_ref())
    }
}

/// The end of the description of a population with this test part.
pub(super) fn described(test: Option<&Sample>) -> String {
    test.map_or(String::new(), |test| format!("; test part of {} samples", test.shape().0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn sample(n: usize) -> Sample {
        Sample {
            x: Array2::from_shape_fn((n, 2), |(i, j)| (2 * i + j) as f64),
            y: Array2::from_shape_fn((n, 1), |(i, _)| i as f64),
        }
    }

    /// Rows keep their order, each is in one part, and the part of a row depends neither on the others nor on their
    /// number.
    #[test]
    fn parts_are_a_partition_by_address() {
        let labels = |sample: &Sample| sample.y.column(0).iter().map(|&y| y as usize).collect::<Vec<_>>();
        let of = |n: usize, seed: u64| {
            let DataParts { train, test } = DataParts::held_out(&sample(n), 0.3, seed).unwrap();
            (labels(&train), labels(&test.unwrap()))
        };
        let (train, test) = of(1000, 7);
        let mut all = [train.clone(), test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        assert!(train.is_sorted() && test.is_sorted());
        // 300 +- 5 standard deviations of a binomial law.
        assert!((228..=372).contains(&test.len()), "{}", test.len());
        let first = |rows: &[usize]| rows.iter().copied().filter(|&i| i < 200).collect::<Vec<_>>();
        assert_eq!(of(200, 7), (first(&train), first(&test)));
        assert_ne!(of(1000, 8).1, test);
    }

    #[test]
    fn an_empty_part_is_refused_with_the_range() {
        for (n, fraction) in [(3, 1e-9), (3, 0.999_999), (1, 0.5)] {
            let error = DataParts::held_out(&sample(n), fraction, 1).map(|_| ()).unwrap_err();
            let PopulationError::TestFraction { above, most, .. } = error else { panic!("{error}") };
            if n > 1 {
                for fraction in [above + 1e-12, most] {
                    assert!(DataParts::held_out(&sample(n), fraction, 1).is_ok(), "{fraction}");
                }
                for fraction in [above, most + 1e-12] {
                    assert!(DataParts::held_out(&sample(n), fraction, 1).is_err(), "{fraction}");
                }
            }
        }
        let message = DataParts::held_out(&sample(1), 0.5, 1).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("a single sample"), "{message}");
    }

    /// Training inputs 0 and 2 have mean 1 and scale 1; the second feature is constant.
    #[test]
    fn moments_are_those_of_the_training_part() {
        let train = Sample { x: array![[0.0, 5.0], [2.0, 5.0]], y: array![[0.0], [0.0]] };
        let test = Sample { x: array![[5.0, 7.0]], y: array![[1.0]] };
        let mut parts = DataParts::beside(train, test, Path::new("t.npz")).unwrap();
        parts.standardise(Standardise::PerFeature, "x.npz").unwrap();
        assert_eq!(parts.train.x, array![[-1.0, 0.0], [1.0, 0.0]]);
        assert_eq!(parts.test.unwrap().x, array![[4.0, 2.0]]);
    }
}
