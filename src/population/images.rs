//! Populations of images, common to the built-in digits and MNIST.

use ndarray::Array2;

use super::error::require;
use super::test_part::DataParts;
use super::{LabelRule, Population, PopulationError, Sample, SourceFile, Standardise, TestPart};
use std::path::Path;

/// LabelledSamples images before standardisation.
pub(super) struct Images {
    /// Name of the data set, for descriptions.
    pub name: &'static str,
    /// Rows and columns of an image.
    pub size: (usize, usize),
    /// Pixels (n, rows * columns).
    pub x: Array2<f64>,
    /// Digits 0 to 9 (n).
    pub digits: Vec<u8>,
    /// Files read.
    pub sources: Vec<SourceFile>,
}

/// The test part of a set of images.
pub(super) enum TestImages {
    /// None.
    None,
    /// A fraction of the images, held out with this seed.
    Fraction(f64, u64),
    /// Other images.
    Other(Images),
}

impl TestImages {
    /// The fraction of a test part, or none.
    pub(super) fn held_out(test: Option<&TestPart>, seed: u64) -> Self {
        if let Some(TestPart::Fraction(fraction)) = test { Self::Fraction(*fraction, seed) } else { Self::None }
    }
}

impl Images {
    /// Builds the population.
    ///
    /// # Errors
    /// If the inputs cannot be standardised, or a part would be empty, or images of the test part have another size.
    pub(super) fn population(
        self,
        rule: LabelRule,
        standardise: Standardise,
        test: TestImages,
    ) -> Result<Population, PopulationError> {
        let Images { name, size: (rows, columns), x, digits, mut sources } = self;
        let (y, labels) = rule.apply(&digits);
        let sample = Sample { x, y };
        let mut parts = match test {
            TestImages::None => DataParts::whole(sample),
            TestImages::Fraction(fraction, seed) => DataParts::held_out(&sample, fraction, seed)?,
            TestImages::Other(other) => {
                let test = Sample { x: other.x, y: rule.apply(&other.digits).0 };
                let parts = DataParts::beside(sample, test, Path::new(&other.sources[0].path))?;
                sources.extend(other.sources);
                parts
            }
        };
        let standardisation = parts.standardise(standardise, name)?;
        let description = format!(
            "{name}: {} images of {rows} x {columns} pixels, labels {rule}, standardisation {standardise}{}",
            parts.train.shape().0,
            parts.description()
        );
        let DataParts { train, test } = parts;
        Ok(Population { sample: train, test, sampler: None, labels, standardisation, sources, description })
    }
}

/// An optional number of samples, the first of a data set.
pub(super) trait Limit {
    /// The number of samples to keep out of `available`.
    ///
    /// # Errors
    /// If the limit is 0 or above `available`.
    fn first_of(&self, available: usize, source_name: &str) -> Result<usize, PopulationError>;
}

impl Limit for Option<usize> {
    fn first_of(&self, available: usize, source_name: &str) -> Result<usize, PopulationError> {
        let Some(limit) = *self else { return Ok(available) };
        require(limit >= 1, "limit", limit, "it must be at least 1")?;
        if limit > available {
            return Err(PopulationError::LimitTooLarge { limit, available, source_name: source_name.to_owned() });
        }
        Ok(limit)
    }
}
