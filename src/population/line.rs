//! Scalar inputs at quadrature nodes, with a sum of Gaussian bumps as target:
//!
//! ```text
//! x_i = Q((i + 1/2) / n),  i < n,     y(x) = sum_j height_j exp(-(x - centre_j)^2 / (2 width_j^2))
//! ```
//!
//! with Q the quantile function of the law of x, uniform or Gaussian. This is the midpoint rule in the quantile
//! variable, with equal weights. For a uniform law its error is of order `n^(-2)`.

use ndarray::Array2;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::error::require;
use super::{LabelKind, Population, PopulationError, Sample, Sampler, TestPart, sampler, test_part};
use crate::compute::rng;
use rand::RngExt;
use rand_distr::Open01;

/// The law of x.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "inputs", rename_all = "kebab-case")]
pub enum InputLaw {
    /// Uniform on [low, high].
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// N(mean, std^2).
    Gaussian {
        /// Mean.
        mean: f64,
        /// Standard deviation, positive.
        std: f64,
    },
}

/// One bump of the target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TargetBump {
    /// Its centre.
    pub centre: f64,
    /// Its height, of either sign.
    pub height: f64,
    /// Its width, positive.
    pub width: f64,
}

/// Scalar inputs at quadrature nodes, with a sum of bumps as target; d = 1, K = 1, real labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineSpec {
    /// Law of x.
    #[serde(flatten)]
    pub law: InputLaw,
    /// Number of nodes n, at least 1.
    pub size: usize,
    /// The bumps of the target.
    pub bumps: Vec<TargetBump>,
}

impl LineSpec {
    /// Builds the population.
    ///
    /// # Errors
    /// [`PopulationError::OutOfRange`] for a field outside its range.
    pub(super) fn build(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        let n = self.size;
        require((1..=1 << 24).contains(&n), "size", n, "it must be from 1 to 16777216")?;
        sampler::check_test(test, 1)?;
        let quantile: Quantile = match self.law {
            InputLaw::Uniform { low, high } => {
                require(low < high, "high", high, "it must be above low")?;
                Box::new(move |u| low + (high - low) * u)
            }
            InputLaw::Gaussian { mean, std } => {
                let law = Normal::new(mean, std).ok().filter(|_| std > 0.0);
                require(law.is_some(), "std", std, "it must be positive")?;
                Box::new(move |u| law.as_ref().map_or(f64::NAN, |law| law.inverse_cdf(u)))
            }
        };
        require(!self.bumps.is_empty(), "bumps", "[]", "the target needs at least one")?;
        for bump in &self.bumps {
            require(bump.width > 0.0, "bumps.width", bump.width, "it must be positive")?;
        }
        let x = Array2::from_shape_fn((n, 1), |(i, _)| quantile((i as f64 + 0.5) / n as f64));
        let y = x.mapv(|x| self.target(x));
        let law = match self.law {
            InputLaw::Uniform { low, high } => format!("uniform on [{low}, {high}]"),
            InputLaw::Gaussian { mean, std } => format!("N({mean}, {std}^2)"),
        };
        let test = sampler::drawn(&Line { spec: self, quantile }, test, seed);
        Ok(Population {
            sample: Sample { x, y },
            sampler: None,
            labels: LabelKind::Real,
            standardisation: None,
            sources: Vec::new(),
            description: format!(
                "line: x {law} by {n} nodes, target of {} bumps{}",
                self.bumps.len(),
                test_part::described(test.as_ref())
            ),
            test,
        })
    }

    /// The target y(x).
    pub fn target(&self, x: f64) -> f64 {
        let bump = |b: &TargetBump| b.height * libm::exp(-0.5 * ((x - b.centre) / b.width).powi(2));
        self.bumps.iter().map(bump).sum()
    }
}

/// A quantile function.
type Quantile = Box<dyn Fn(f64) -> f64 + Send + Sync>;

/// The law itself, from which a test part is drawn: x is the quantile of a uniform number.
struct Line<'a> {
    spec: &'a LineSpec,
    quantile: Quantile,
}

impl Sampler for Line<'_> {
    fn inputs(&self) -> usize {
        1
    }

    fn outputs(&self) -> usize {
        1
    }

    fn draw(&self, rng: &mut rng::Stream, x: &mut [f64], y: &mut [f64]) {
        assert_eq!((x.len(), y.len()), (1, 1));
        // Strictly between 0 and 1, so that the quantile is finite.
        x[0] = (self.quantile)(rng.sample(Open01));
        y[0] = self.spec.target(x[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::PopulationSpec;

    fn spec(law: InputLaw, size: usize) -> LineSpec {
        LineSpec { law, size, bumps: vec![TargetBump { centre: 0.5, height: 2.0, width: 0.4 }] }
    }

    /// `E y` against its closed form: the error is of order n^(-2) for a uniform law, and about n^(-1) for a Gaussian
    /// law, whose tails the nodes truncate.
    #[test]
    fn expectations_converge() {
        let cdf = |x: f64| 0.5 * libm::erfc(-(x - 0.5) / 0.4 / 2.0_f64.sqrt());
        let uniform = InputLaw::Uniform { low: -1.0, high: 1.5 };
        let exact = 2.0 * 0.4 * (2.0 * std::f64::consts::PI).sqrt() * (cdf(1.5) - cdf(-1.0)) / 2.5;
        let gaussian = InputLaw::Gaussian { mean: 0.0, std: 0.8 };
        let std = (0.64_f64 + 0.16).sqrt();
        let exact_gaussian = 2.0 * 0.4 / std * libm::exp(-0.5 * 0.25 / (std * std));
        for (law, exact, order) in [(uniform, exact, 1.95), (gaussian, exact_gaussian, 0.95)] {
            let error =
                |n| (PopulationSpec::Line(spec(law, n)).build(0).unwrap().sample.y.mean().unwrap() - exact).abs();
            let measured = (error(64) / error(256)).log2() / 2.0;
            assert!(measured > order, "{law:?}: order {measured}");
        }
    }

    #[test]
    fn ranges() {
        let uniform = InputLaw::Uniform { low: 0.0, high: 1.0 };
        for (spec, key) in [
            (spec(InputLaw::Uniform { low: 1.0, high: 1.0 }, 5), "high = 1"),
            (spec(InputLaw::Gaussian { mean: 0.0, std: 0.0 }, 5), "std = 0"),
            (spec(uniform, 0), "size = 0"),
            (LineSpec { bumps: Vec::new(), ..spec(uniform, 5) }, "bumps"),
        ] {
            let message = PopulationSpec::Line(spec).build(0).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    #[test]
    fn the_record_reads_like_the_experiment_file() {
        let json =
            serde_json::to_string(&PopulationSpec::Line(spec(InputLaw::Uniform { low: 0.0, high: 1.0 }, 5))).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"line","inputs":"uniform","low":0.0,"high":1.0,"size":5,"bumps":[{"centre":0.5,"height":2.0,"width":0.4}]}"#
        );
    }
}
