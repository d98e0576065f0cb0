//! Laws with a sampler, and fixed samples of them.

use crate::choice::choice;
use ndarray::Array2;

use super::error::require;
use super::{LabelKind, Population, PopulationError, Sample, TestPart, test_part};
use crate::compute::rng::{self, Role};

/// A law of (x, y) from which samples can be drawn.
pub trait Sampler: Send + Sync {
    /// Input dimension d.
    fn inputs(&self) -> usize;

    /// Output dimension K.
    fn outputs(&self) -> usize;

    /// Draws one sample: writes x (d) and y (K), which depend on the stream alone.
    ///
    /// # Panics
    /// If a slice has another length.
    fn draw(&self, rng: &mut rng::Stream, x: &mut [f64], y: &mut [f64]);
}

choice! {
    /// The origin of the mini-batches of a law with a sampler.
    pub enum Draws: "kind of draws" {
        /// The fixed sample, whose empirical law is the population.
        Fixed = "fixed",
        /// Fresh draws from the law at every step (the one-pass setting of the theory).
        Fresh = "fresh",
    }
}

/// Most numbers of a fixed sample (32 GiB); more are considered a mistake.
const MOST_NUMBERS: usize = 1 << 32;

/// Checks the sizes of a fixed sample.
///
/// # Errors
/// If a size is 0, or their product is above [`MOST_NUMBERS`].
pub(super) fn check_size(size: usize, dimension: usize) -> Result<(), PopulationError> {
    require(size >= 1, "size", size, "it must be at least 1")?;
    require(dimension >= 1, "dimension", dimension, "it must be at least 1")?;
    let fits = size.checked_mul(dimension).is_some_and(|count| count <= MOST_NUMBERS);
    require(fits, "size", size, &format!("size times dimension ({dimension}) may be at most {MOST_NUMBERS}"))
}

/// Checks the size of a test part.
///
/// # Errors
/// If its product with the dimension is above [`MOST_NUMBERS`].
pub(super) fn check_test(test: Option<&TestPart>, dimension: usize) -> Result<(), PopulationError> {
    let Some(TestPart::Draws(size)) = test else { return Ok(()) };
    let fits = size.checked_mul(dimension).is_some_and(|count| count <= MOST_NUMBERS);
    require(fits, "test", size, &format!("test times dimension ({dimension}) may be at most {MOST_NUMBERS}"))
}

/// The first `size` samples of the law. Sample i is drawn from the stream `(seed, Population, i, 0)` and does not
/// depend on `size`.
pub(super) fn fixed_sample(sampler: &dyn Sampler, size: usize, seed: u64) -> Sample {
    let mut x = Array2::zeros((size, sampler.inputs()));
    let mut y = Array2::zeros((size, sampler.outputs()));
    let rows = x.as_slice_mut().into_iter().flat_map(|x| x.chunks_exact_mut(sampler.inputs()));
    let targets = y.as_slice_mut().into_iter().flat_map(|y| y.chunks_exact_mut(sampler.outputs()));
    for (i, (x, y)) in rows.zip(targets).enumerate() {
        sampler.draw(&mut rng::stream(seed, Role::Population, i as u64, 0), x, y);
    }
    Sample { x, y }
}

/// The test part of a law: independent draws, apart from those of the fixed sample.
pub(super) fn drawn(sampler: &dyn Sampler, test: Option<&TestPart>, seed: u64) -> Option<Sample> {
    let Some(TestPart::Draws(size)) = test else { return None };
    let mut x = Array2::zeros((*size, sampler.inputs()));
    let mut y = Array2::zeros((*size, sampler.outputs()));
    let rows = x.as_slice_mut().into_iter().flat_map(|x| x.chunks_exact_mut(sampler.inputs()));
    let targets = y.as_slice_mut().into_iter().flat_map(|y| y.chunks_exact_mut(sampler.outputs()));
    for (i, (x, y)) in rows.zip(targets).enumerate() {
        sampler.draw(&mut rng::stream(seed, Role::TestPart, i as u64, 0), x, y);
    }
    Some(Sample { x, y })
}

/// The population of a sampler with a fixed sample of `size` and perhaps a test part; `law` describes it.
pub(super) fn population(
    sampler: impl Sampler + 'static,
    draws: Draws,
    (size, test): (usize, Option<&TestPart>),
    seed: u64,
    labels: LabelKind,
    law: &str,
) -> Population {
    let sample = fixed_sample(&sampler, size, seed);
    let test = drawn(&sampler, test, seed);
    let (mut description, sampler): (_, Option<Box<dyn Sampler>>) = match draws {
        Draws::Fixed => (format!("{law}; a fixed sample of {size}"), None),
        Draws::Fresh => {
            (format!("{law}; fresh draws, with a fixed sample of {size} for expectations"), Some(Box::new(sampler)))
        }
    };
    description.push_str(&test_part::described(test.as_ref()));
    Population { sample, test, sampler, labels, standardisation: None, sources: Vec::new(), description }
}
