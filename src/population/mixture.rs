//! The isotropic Gaussian mixture of Mei, Montanari, Nguyen (PNAS 2018, arXiv 1804.06561):
//!
//! ```text
//! y = +1 or -1 with probability 1/2 each,     x | y ~ N(0, (1 + y Delta)^2 I_d),     0 < Delta < 1.
//! ```
//!
//! The law is rotation-invariant, so that training preserves a rotation-invariant law of the neurons.

use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

use super::error::require;
use super::sampler::{self, Draws, Sampler};
use super::{LabelKind, Population, PopulationError, TestPart};
use crate::compute::rng;

/// Two centred isotropic Gaussians; K = 1: y = -1 or +1 with probability 1/2, `x | y ~ N(0, (1 + y delta)^2 I_d)`
/// (Mei, Montanari, Nguyen 2018).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MixtureSpec {
    /// Input dimension d, at least 1.
    pub dimension: usize,
    /// Half the difference of the two standard deviations, in (0, 1).
    pub delta: f64,
    /// Number of samples that represent the law, at least 1.
    pub size: usize,
    /// The origin of mini-batches.
    pub draws: Draws,
}

impl MixtureSpec {
    /// Builds the population.
    ///
    /// # Errors
    /// [`PopulationError::OutOfRange`] for a field outside its range.
    pub(super) fn build(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        let Self { dimension, delta, size, draws } = *self;
        sampler::check_size(size, dimension)?;
        sampler::check_test(test, dimension)?;
        require(delta > 0.0 && delta < 1.0, "delta", delta, "it must lie strictly between 0 and 1")?;
        let law = format!("Gaussian mixture: d = {dimension}, Delta = {delta}");
        Ok(sampler::population(Mixture { dimension, delta }, draws, (size, test), seed, LabelKind::Sign, &law))
    }
}

/// The law, as a sampler.
struct Mixture {
    dimension: usize,
    delta: f64,
}

impl Sampler for Mixture {
    fn inputs(&self) -> usize {
        self.dimension
    }

    fn outputs(&self) -> usize {
        1
    }

    fn draw(&self, rng: &mut rng::Stream, x: &mut [f64], y: &mut [f64]) {
        assert_eq!((x.len(), y.len()), (self.dimension, 1));
        y[0] = if rng.random::<bool>() { 1.0 } else { -1.0 };
        let deviation = 1.0 + y[0] * self.delta;
        for x in x {
            *x = deviation * rng.sample::<f64, _>(StandardNormal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::rng::Role;
    use crate::population::PopulationSpec;

    const SPEC: MixtureSpec = MixtureSpec { dimension: 10, delta: 0.4, size: 20_000, draws: Draws::Fixed };

    /// The law of |x|^2 / (1 + y Delta)^2 is chi-squared with d degrees of freedom (mean d, variance 2 d), both labels
    /// have probability 1/2, and the coordinates are uncorrelated.
    #[test]
    fn moments_of_each_class() {
        let sample = PopulationSpec::Mixture(SPEC).build(5).unwrap().sample;
        let (n, d) = (SPEC.size as f64, SPEC.dimension as f64);
        assert!(sample.y.iter().all(|&y| y == 1.0 || y == -1.0));
        assert!((sample.y.sum() / n).abs() < 5.0 / n.sqrt());
        for label in [1.0, -1.0] {
            let class: Vec<_> =
                sample.x.rows().into_iter().zip(&sample.y).filter(|(_, y)| **y == label).map(|(x, _)| x).collect();
            let (count, variance) = (class.len() as f64, (1.0 + label * SPEC.delta).powi(2));
            let square = class.iter().map(|x| x.dot(x)).sum::<f64>() / count;
            assert!((square - variance * d).abs() < 5.0 * variance * (2.0 * d / count).sqrt(), "{label}: {square}");
            let cross = class.iter().map(|x| x[0] * x[1]).sum::<f64>() / count;
            assert!(cross.abs() < 5.0 * variance / count.sqrt(), "{label}: {cross}");
        }
    }

    /// Sample i depends on the seed and i alone, and differs from a fresh draw with the same indices.
    #[test]
    fn samples_do_not_depend_on_the_size() {
        let build =
            |size, draws, seed| PopulationSpec::Mixture(MixtureSpec { size, draws, ..SPEC }).build(seed).unwrap();
        let (small, large) = (build(3, Draws::Fixed, 1), build(50, Draws::Fresh, 1));
        assert_eq!(small.sample.x, large.sample.x.slice(ndarray::s![..3, ..]));
        assert_eq!(small.sample.y, large.sample.y.slice(ndarray::s![..3, ..]));
        assert_ne!(small.sample.x, build(3, Draws::Fixed, 2).sample.x);
        assert!(small.sampler.is_none());

        let sampler = large.sampler.unwrap();
        let (mut x, mut y) = (vec![0.0; sampler.inputs()], vec![0.0; sampler.outputs()]);
        sampler.draw(&mut rng::stream(1, Role::Population, 2, 0), &mut x, &mut y);
        assert_eq!(x, small.sample.x.row(2).to_vec());
        sampler.draw(&mut rng::stream(1, Role::Fresh, 2, 0), &mut x, &mut y);
        assert_ne!(x, small.sample.x.row(2).to_vec());
    }

    #[test]
    fn ranges() {
        for (spec, key) in [
            (MixtureSpec { delta: 0.0, ..SPEC }, "delta = 0"),
            (MixtureSpec { delta: 1.0, ..SPEC }, "delta = 1"),
            (MixtureSpec { delta: f64::NAN, ..SPEC }, "delta = NaN"),
            (MixtureSpec { size: 0, ..SPEC }, "size = 0"),
            (MixtureSpec { size: usize::MAX, ..SPEC }, "size times dimension (10)"),
            (MixtureSpec { dimension: 0, ..SPEC }, "dimension = 0"),
        ] {
            let message = PopulationSpec::Mixture(spec).build(0).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
