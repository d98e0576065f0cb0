//! A two-layer teacher on Gaussian inputs:
//!
//! ```text
//! x ~ N(0, I_d),     y = s sum_{j < m} a_j sigma(<v_j, x>) + noise_std xi,     xi ~ N(0, 1) independent of x,
//! s = 1/m (mean) or 1 (sum);   a_j = 1 (ones) or (-1)^j (alternating);   |v_j| = norm;
//! sigma(z) = erf(z / sqrt 2), tanh(z) or max(z, 0).
//! ```
//!
//! The erf is normalised so that `E[sigma(<w, x>) sigma(<v, x>)] = (2/pi) asin(<w, v> / sqrt((1 + |w|^2)(1 + |v|^2)))`.

use crate::choice::choice;
use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

use super::error::require;
use super::sampler::{self, Draws, Sampler};
use super::{LabelKind, Population, PopulationError, TestPart};
use crate::compute::rng::{self, Role};

choice! {
    /// The teacher's activation sigma.
    pub enum TeacherActivation: "teacher activation" {
        /// erf(z / sqrt 2).
        Erf = "erf",
        /// tanh(z).
        Tanh = "tanh",
        /// max(z, 0).
        Relu = "relu",
    }
}

impl TeacherActivation {
    /// sigma(z).
    pub fn value(self, z: f64) -> f64 {
        match self {
            Self::Erf => libm::erf(z * std::f64::consts::FRAC_1_SQRT_2),
            // From libm, so that the law is bitwise equal on all platforms.
            Self::Tanh => libm::tanh(z),
            Self::Relu => z.max(0.0),
        }
    }
}

choice! {
    /// The directions of the input weights v_j of the teacher.
    pub enum TeacherDirections: "kind of teacher directions" {
        /// v_j = norm e_j, orthogonal; needs m <= d.
        Axes = "axes",
        /// Independent and uniform on the sphere of radius `norm`, from the stream `(seed, Teacher, j, 0)`.
        Random = "random",
    }
}

choice! {
    /// The output weights a_j of the teacher.
    pub enum TeacherOutputs: "kind of teacher output weights" {
        /// a_j = 1.
        Ones = "ones",
        /// a_j = (-1)^j: +1, -1, +1, ...
        Alternating = "alternating",
    }
}

choice! {
    /// The prefactor of the sum over the neurons of the teacher.
    pub enum TeacherSum: "teacher sum" {
        /// 1/m, the mean-field scaling.
        Mean = "mean",
        /// 1.
        Sum = "sum",
    }
}

/// A two-layer teacher on Gaussian inputs; K = 1, real labels:
///
/// ```text
/// x ~ N(0, I_d),   y = s sum_{j < m} a_j sigma(<v_j, x>) + noise_std xi,   xi ~ N(0, 1) independent of x
/// ```
///
/// with `s` = 1/m or 1 ([`TeacherSum`]), `a_j` = 1 or (-1)^j ([`TeacherOutputs`]), `|v_j| = norm`
/// ([`TeacherDirections`]) and `sigma` a [`TeacherActivation`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TeacherSpec {
    /// Input dimension d, at least 1.
    pub dimension: usize,
    /// Number of teacher neurons m, at least 1.
    pub neurons: usize,
    /// The activation function sigma.
    pub activation: TeacherActivation,
    /// The directions of the v_j.
    pub directions: TeacherDirections,
    /// Length of every v_j, positive.
    pub norm: f64,
    /// The output weights a_j.
    pub outputs: TeacherOutputs,
    /// The prefactor s, 1/m or 1.
    pub sum: TeacherSum,
    /// Standard deviation of the noise on y, 0 or more.
    pub noise_std: f64,
    /// Number of samples that represent the law, at least 1.
    pub size: usize,
    /// The origin of mini-batches.
    pub draws: Draws,
}

impl TeacherSpec {
    /// Builds the population.
    ///
    /// # Errors
    /// As [`Teacher::new`], and for a size of 0.
    pub(super) fn build(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        sampler::check_size(self.size, self.dimension)?;
        sampler::check_test(test, self.dimension)?;
        let teacher = Teacher::new(self, seed)?;
        let law = format!(
            "{} teacher: d = {}, m = {}, directions {} of norm {}, output weights {}, {}, noise_std = {}",
            self.activation,
            self.dimension,
            self.neurons,
            self.directions,
            self.norm,
            self.outputs,
            self.sum,
            self.noise_std
        );
        Ok(sampler::population(teacher, self.draws, (self.size, test), seed, LabelKind::Real, &law))
    }
}

/// The law of a teacher:
/// `x ~ N(0, I_d)`, `y = s sum_j a_j sigma(<v_j, x>) + noise_std xi`, with `s = 1/m` or 1.
#[derive(Clone, Debug)]
pub struct Teacher {
    v: Array2<f64>,
    a: Vec<f64>,
    activation: TeacherActivation,
    prefactor: f64,
    noise_std: f64,
}

impl Teacher {
    /// The teacher of a specification. Random directions depend on the seed.
    ///
    /// # Errors
    /// [`PopulationError::OutOfRange`] for a field outside its range, or more neurons than dimensions along axes.
    pub fn new(spec: &TeacherSpec, seed: u64) -> Result<Self, PopulationError> {
        let (m, d) = (spec.neurons, spec.dimension);
        require(m >= 1, "neurons", m, "it must be at least 1")?;
        sampler::check_size(m, d)?;
        require(spec.norm > 0.0 && spec.norm.is_finite(), "norm", spec.norm, "it must be positive and finite")?;
        let noise = spec.noise_std;
        require(noise >= 0.0 && noise.is_finite(), "noise_std", noise, "it must be 0 or more, and finite")?;
        let axes = spec.directions == TeacherDirections::Axes;
        require(
            !axes || m <= d,
            "neurons",
            m,
            &format!("there are only dimension = {d} axes: use at most {d}, or random directions"),
        )?;

        let mut v = Array2::zeros((m, d));
        for (j, mut row) in v.rows_mut().into_iter().enumerate() {
            match spec.directions {
                TeacherDirections::Axes => row[j] = spec.norm,
                TeacherDirections::Random => {
                    let mut rng = rng::stream(seed, Role::Teacher, j as u64, 0);
                    row.mapv_inplace(|_| rng.sample(StandardNormal));
                    let length = row.dot(&row).sqrt();
                    row *= spec.norm / length;
                }
            }
        }
        let a = (0..m)
            .map(|j| match spec.outputs {
                TeacherOutputs::Alternating if j % 2 == 1 => -1.0,
                TeacherOutputs::Alternating | TeacherOutputs::Ones => 1.0,
            })
            .collect();
        let prefactor = match spec.sum {
            TeacherSum::Mean => 1.0 / m as f64,
            TeacherSum::Sum => 1.0,
        };
        Ok(Self { v, a, activation: spec.activation, prefactor, noise_std: noise })
    }

    /// Input weights v (m, d) and output weights a (m), without the prefactor s.
    pub fn weights(&self) -> (ArrayView2<'_, f64>, &[f64]) {
        (self.v.view(), &self.a)
    }

    /// The prefactor s, 1/m or 1.
    pub const fn prefactor(&self) -> f64 {
        self.prefactor
    }

    /// The noise-free target `s sum_j a_j sigma(<v_j, x>)` at x (d).
    pub fn target(&self, x: &[f64]) -> f64 {
        let neuron = |v: &[f64]| self.activation.value(v.iter().zip(x).map(|(v, x)| v * x).sum());
        let rows = self.v.rows().into_iter().zip(&self.a);
        self.prefactor * rows.map(|(v, a)| v.to_slice().map_or(0.0, |v| a * neuron(v))).sum::<f64>()
    }
}

impl Sampler for Teacher {
    fn inputs(&self) -> usize {
        self.v.ncols()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn draw(&self, rng: &mut rng::Stream, x: &mut [f64], y: &mut [f64]) {
        assert_eq!((x.len(), y.len()), (self.v.ncols(), 1));
        for x in x.iter_mut() {
            *x = rng.sample(StandardNormal);
        }
        // Drawn also if noise_std is 0, so that laws that differ in noise_std alone have the same inputs.
        let xi: f64 = rng.sample(StandardNormal);
        y[0] = self.target(x) + self.noise_std * xi;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::{PopulationSpec, Sample};
    use std::f64::consts::PI;

    const SPEC: TeacherSpec = TeacherSpec {
        dimension: 5,
        neurons: 4,
        activation: TeacherActivation::Erf,
        directions: TeacherDirections::Random,
        norm: 1.7,
        outputs: TeacherOutputs::Alternating,
        sum: TeacherSum::Sum,
        noise_std: 0.3,
        size: 40_000,
        draws: Draws::Fixed,
    };

    fn sample(spec: &TeacherSpec, seed: u64) -> Sample {
        PopulationSpec::Teacher(spec.clone()).build(seed).unwrap().sample
    }

    /// Asserts that the mean of `values` is `expected` within five standard errors.
    fn assert_mean(values: &[f64], expected: f64, what: &str) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (variance / n).sqrt();
        assert!((mean - expected).abs() < 5.0 * error, "{what}, n = {n}: {mean} not {expected} +- {error}");
    }

    /// E[y^2] = s^2 sum_jk a_j a_k kernel(v_j, v_k) + noise_std^2.
    fn second_moment(spec: &TeacherSpec, seed: u64, kernel: impl Fn(f64, f64, f64) -> f64) -> f64 {
        let teacher = Teacher::new(spec, seed).unwrap();
        let (v, a) = teacher.weights();
        let mut total = 0.0;
        for (j, v_j) in v.rows().into_iter().enumerate() {
            for (k, v_k) in v.rows().into_iter().enumerate() {
                total += a[j] * a[k] * kernel(v_j.dot(&v_j).sqrt(), v_k.dot(&v_k).sqrt(), v_j.dot(&v_k));
            }
        }
        teacher.prefactor().powi(2) * total + spec.noise_std.powi(2)
    }

    /// Within five standard errors, which decrease as 1/sqrt(n), for several sizes and kinds of teachers.
    #[test]
    fn erf_second_moment() {
        let arcsine = |p: f64, q: f64, dot: f64| 2.0 / PI * (dot / ((1.0 + p * p) * (1.0 + q * q)).sqrt()).asin();
        for size in [400, 4_000, 40_000] {
            for (sum, directions, outputs) in [
                (TeacherSum::Sum, TeacherDirections::Random, TeacherOutputs::Alternating),
                (TeacherSum::Mean, TeacherDirections::Random, TeacherOutputs::Ones),
                (TeacherSum::Mean, TeacherDirections::Axes, TeacherOutputs::Alternating),
            ] {
                let spec = TeacherSpec { size, sum, directions, outputs, ..SPEC };
                let squares: Vec<f64> = sample(&spec, 3).y.iter().map(|y| y * y).collect();
                assert_mean(&squares, second_moment(&spec, 3, arcsine), "E y^2");
            }
        }
    }

    /// Stein's lemma: E[y x] = s sum_j a_j sqrt(2/pi) v_j / sqrt(1 + |v_j|^2); E[x x^T] = I; E[y] = 0 by oddness.
    #[test]
    fn erf_covariances() {
        let teacher = Teacher::new(&SPEC, 3).unwrap();
        let (v, a) = teacher.weights();
        let Sample { x, y } = sample(&SPEC, 3);
        assert_mean(&y.column(0).to_vec(), 0.0, "E y");
        for i in 0..SPEC.dimension {
            let slope = (2.0 / PI / (1.0 + SPEC.norm * SPEC.norm)).sqrt();
            let expected: f64 = a.iter().enumerate().map(|(j, a)| a * slope * v[[j, i]]).sum();
            let products: Vec<f64> = x.column(i).iter().zip(&y).map(|(x, y)| x * y).collect();
            assert_mean(&products, expected, "E y x");
            for k in 0..=i {
                let products: Vec<f64> = x.rows().into_iter().map(|x| x[i] * x[k]).collect();
                assert_mean(&products, f64::from(i == k), "E x x");
            }
        }
    }

    /// E[relu relu] = |w||v| (sin h + (pi - h) cos h) / (2 pi), h the angle.
    #[test]
    fn relu_second_moment() {
        let spec = TeacherSpec { activation: TeacherActivation::Relu, ..SPEC };
        let kernel = |p: f64, q: f64, dot: f64| {
            let cosine = (dot / (p * q)).clamp(-1.0, 1.0);
            let angle = cosine.acos();
            p * q / (2.0 * PI) * (angle.sin() + (PI - angle) * cosine)
        };
        let squares: Vec<f64> = sample(&spec, 8).y.iter().map(|y| y * y).collect();
        assert_mean(&squares, second_moment(&spec, 8, kernel), "E y^2");
    }

    /// One tanh neuron: E[y^2] is a one-dimensional Gaussian integral, by the trapezoidal rule (spectrally accurate
    /// here).
    #[test]
    fn tanh_second_moment() {
        let spec = TeacherSpec { activation: TeacherActivation::Tanh, neurons: 1, ..SPEC };
        let (h, mut integral) = (0.01, 0.0);
        for i in -1000..=1000 {
            let z = h * f64::from(i);
            integral += h * (-z * z / 2.0).exp() / (2.0 * PI).sqrt() * (spec.norm * z).tanh().powi(2);
        }
        let squares: Vec<f64> = sample(&spec, 8).y.iter().map(|y| y * y).collect();
        assert_mean(&squares, integral + spec.noise_std.powi(2), "E y^2");
    }

    /// Weights against explicit values; inputs do not depend on the noise or on the number of samples, nor directions
    /// on the number of neurons.
    #[test]
    fn weights_and_invariances() {
        let axes = Teacher::new(&TeacherSpec { directions: TeacherDirections::Axes, ..SPEC }, 0).unwrap();
        let (v, a) = axes.weights();
        assert_eq!(a, [1.0, -1.0, 1.0, -1.0]);
        assert_eq!(v, Array2::from_shape_fn((4, 5), |(j, i)| if i == j { 1.7 } else { 0.0 }));
        let target = axes.target(&[1.0, 2.0, 0.0, 0.0, 9.0]);
        assert!((target - (libm::erf(1.7 / 2f64.sqrt()) - libm::erf(3.4 / 2f64.sqrt()))).abs() < 1e-15);

        let mean = TeacherSpec { directions: TeacherDirections::Axes, sum: TeacherSum::Mean, ..SPEC };
        let mean = Teacher::new(&mean, 0).unwrap().target(&[1.0, 2.0, 0.0, 0.0, 9.0]);
        assert!((4.0 * mean - target).abs() < 1e-15);

        let (few, many) = (TeacherSpec { neurons: 2, ..SPEC }, TeacherSpec { neurons: 9, ..SPEC });
        let (few, many) = (Teacher::new(&few, 4).unwrap(), Teacher::new(&many, 4).unwrap());
        assert_eq!(few.weights().0, many.weights().0.slice(ndarray::s![..2, ..]));
        assert!(many.weights().0.rows().into_iter().all(|v| (v.dot(&v).sqrt() - 1.7).abs() < 1e-14));
        assert_ne!(few.weights().0, Teacher::new(&TeacherSpec { neurons: 2, ..SPEC }, 5).unwrap().weights().0);

        assert_ne!(few.weights().0.row(0), few.weights().0.row(1));

        let noisy = sample(&TeacherSpec { size: 3, ..SPEC }, 4);
        let clean = sample(&TeacherSpec { size: 60, noise_std: 0.0, ..SPEC }, 4);
        assert_eq!(noisy.x, clean.x.slice(ndarray::s![..3, ..]));
        let teacher = Teacher::new(&SPEC, 4).unwrap();
        for (x, y) in clean.x.rows().into_iter().zip(&clean.y) {
            assert_eq!(teacher.target(&x.to_vec()), *y);
        }
    }

    /// The inputs of consecutive draws from one stream do not depend on the noise.
    #[test]
    fn noise_does_not_move_later_inputs() {
        let second = |noise_std| {
            let teacher = Teacher::new(&TeacherSpec { noise_std, ..SPEC }, 4).unwrap();
            let (mut rng, mut x, mut y) = (rng::stream(4, Role::Fresh, 0, 0), [0.0; 5], [0.0]);
            teacher.draw(&mut rng, &mut x, &mut y);
            teacher.draw(&mut rng, &mut x, &mut y);
            x
        };
        assert_eq!(second(0.0), second(0.3));
    }

    #[test]
    fn ranges() {
        for (spec, key) in [
            (TeacherSpec { size: 0, ..SPEC }, "size = 0"),
            (TeacherSpec { dimension: 0, ..SPEC }, "dimension = 0"),
            (TeacherSpec { neurons: 0, ..SPEC }, "neurons = 0"),
            (TeacherSpec { neurons: 6, directions: TeacherDirections::Axes, ..SPEC }, "only dimension = 5 axes"),
            (TeacherSpec { norm: 0.0, ..SPEC }, "norm = 0"),
            (TeacherSpec { norm: f64::INFINITY, ..SPEC }, "norm = inf"),
            (TeacherSpec { noise_std: -1.0, ..SPEC }, "noise_std = -1"),
            (TeacherSpec { noise_std: f64::NAN, ..SPEC }, "noise_std = NaN"),
        ] {
            let message = PopulationSpec::Teacher(spec).build(0).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
