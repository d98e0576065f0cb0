//! Populations of images, common to the built-in digits and MNIST.

use ndarray::Array2;

use super::error::require;
use super::{LabelRule, Population, PopulationError, Sample, SourceFile, Standardise};

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

impl Images {
    /// Builds the population.
    ///
    /// # Errors
    /// If the inputs cannot be standardised.
    pub(super) fn population(
        mut self,
        rule: LabelRule,
        standardise: Standardise,
    ) -> Result<Population, PopulationError> {
        let standardisation = standardise.apply(&mut self.x, self.name)?;
        let (y, labels) = rule.apply(&self.digits);
        let (rows, columns) = self.size;
        let description = format!(
            "{}: {} images of {rows} x {columns} pixels, labels {rule}, standardisation {standardise}",
            self.name,
            self.digits.len()
        );
        Ok(Population {
            sample: Sample { x: self.x, y },
            sampler: None,
            labels,
            standardisation,
            sources: self.sources,
            description,
        })
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
