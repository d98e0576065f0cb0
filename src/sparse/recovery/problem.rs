//! The function to be minimised over sparse vectors: `f(w) = sum_i phi(<x_i, w>, y_i)`.

use super::RecoveryError;
use super::dense::{
    self, DotFactor, difference, gram, inner_products, largest_eigenvalue, norm, sample, sum_over_samples,
    symmetric_times,
};
use crate::choice::choice;
use crate::compute::vector::dot;
use faer::{Mat, MatRef};
use std::sync::{Arc, OnceLock};

choice! {
    /// The loss of one sample as a function of `a = <x, w>`.
    pub enum SampleLoss: "loss" {
        /// `(a - y)^2 / 2`: sparse linear regression.
        Squared = "squared",
        /// `log(1 + e^a) - y a`, `y` in [0, 1]: logistic regression; `y` may be a probability.
        Logistic = "logistic",
        /// `e^a - y a`: Poisson regression; with `y = e^{<x, w*>}` the minimum is at `w*`.
        Exponential = "exponential",
        /// `(a^2 - y)^2 / 4`: the quadratic measurements of phase retrieval, which do not determine the sign of `w`.
        QuadraticMeasurement = "quadratic-measurement",
    }
}

impl SampleLoss {
    /// The loss `phi(a, y)`.
    pub fn value(self, a: f64, y: f64) -> f64 {
        match self {
            SampleLoss::Squared => 0.5 * (a - y) * (a - y),
            SampleLoss::Logistic => a.max(0.0) + (-a.abs()).exp().ln_1p() - y * a,
            SampleLoss::Exponential => a.exp() - y * a,
            SampleLoss::QuadraticMeasurement => 0.25 * (a * a - y).powi(2),
        }
    }

    /// `phi'(a, y)`, the derivative in a.
    pub fn slope(self, a: f64, y: f64) -> f64 {
        match self {
            SampleLoss::Squared => a - y,
            SampleLoss::Logistic => sigmoid(a) - y,
            SampleLoss::Exponential => a.exp() - y,
            SampleLoss::QuadraticMeasurement => (a * a - y) * a,
        }
    }

    /// `phi''(a, y)`, the second derivative in a.
    pub fn curvature(self, a: f64, y: f64) -> f64 {
        match self {
            SampleLoss::Squared => 1.0,
            SampleLoss::Logistic => sigmoid(a) * sigmoid(-a),
            SampleLoss::Exponential => a.exp(),
            SampleLoss::QuadraticMeasurement => 3.0 * a * a - y,
        }
    }

    /// An upper bound of `|phi'''|` between `a` and `b`.
    pub fn third_bound(self, a: f64, b: f64) -> f64 {
        match self {
            SampleLoss::Squared => 0.0,
            // The largest slope of sigma (1 - sigma), at sigma = (1 +- 1/sqrt 3) / 2.
            SampleLoss::Logistic => 1.0 / (6.0 * 3f64.sqrt()),
            SampleLoss::Exponential => a.max(b).exp(),
            SampleLoss::QuadraticMeasurement => 6.0 * a.abs().max(b.abs()),
        }
    }

    /// The noiseless measurement y of `a`.
    pub fn measure(self, a: f64) -> f64 {
        match self {
            SampleLoss::Squared => a,
            SampleLoss::Logistic => sigmoid(a),
            SampleLoss::Exponential => a.exp(),
            SampleLoss::QuadraticMeasurement => a * a,
        }
    }
}

/// The logistic function.
fn sigmoid(a: f64) -> f64 {
    1.0 / (1.0 + (-a).exp())
}

/// A problem of sparse recovery: a function on R^d that is a sum over `n` samples, a start, and its sparse minimiser
/// where known.
pub struct SparseProblem {
    /// The transposed design (d, n), one sample per column.
    xt: Mat<f64>,
    /// The measurements (n).
    y: Vec<f64>,
    /// The loss.
    loss: SampleLoss,
    /// The sparse vector behind the measurements (d), where it is known.
    truth: Option<Vec<f64>>,
    /// The first iterate (d).
    start: Vec<f64>,
    gram: OnceLock<Arc<Mat<f64>>>,
    xty: OnceLock<Vec<f64>>,
    smoothness_constant: OnceLock<f64>,
}

impl SparseProblem {
    /// A problem from a transposed design (d, n; one sample per column), measurements (n), and, where known, the truth
    /// (d). The start is 0.
    ///
    /// # Errors
    /// [`RecoveryError`] for an empty design, lengths that do not match, and entries that are not finite.
    pub fn new(xt: Mat<f64>, y: Vec<f64>, loss: SampleLoss, truth: Option<Vec<f64>>) -> Result<Self, RecoveryError> {
        let (d, n) = (xt.nrows(), xt.ncols());
        if n == 0 || d == 0 {
            return Err(RecoveryError::Empty { n, d });
        }
        let length = |name, found: usize, expected, why| {
            if found == expected { Ok(()) } else { Err(RecoveryError::Length { name, found, expected, why }) }
        };
        length("y", y.len(), n, "one per row of x")?;
        if let Some(truth) = &truth {
            length("w_star", truth.len(), d, "one per column of x")?;
            check_finite("w_star", truth)?;
        }
        for i in 0..n {
            let column = sample(&xt.as_ref(), i);
            check_finite("x", column).map_err(|error| match error {
                RecoveryError::NotFinite { name, index, value } => {
                    RecoveryError::NotFinite { name, index: i * d + index, value }
                }
                other => other,
            })?;
        }
        check_finite("y", &y)?;
        let (gram, xty, smoothness_constant) = Default::default();
        Ok(SparseProblem { xt, y, loss, truth, start: vec![0.0; d], gram, xty, smoothness_constant })
    }

    /// The problem with another start (d).
    ///
    /// # Errors
    /// [`RecoveryError`] for a wrong length and for entries that are not finite.
    pub fn with_start(mut self, start: Vec<f64>) -> Result<Self, RecoveryError> {
        let expected = self.unknowns();
        if start.len() != expected {
            let (name, found, why) = ("w0", start.len(), "one per column of x");
            return Err(RecoveryError::Length { name, found, expected, why });
        }
        check_finite("w0", &start)?;
        self.start = start;
        Ok(self)
    }

    /// Number of unknowns d.
    pub fn unknowns(&self) -> usize {
        self.xt.nrows()
    }

    /// Number of samples n.
    pub fn samples(&self) -> usize {
        self.xt.ncols()
    }

    /// The transposed design (d, n).
    pub fn design(&self) -> MatRef<'_, f64> {
        self.xt.as_ref()
    }

    /// The measurements (n).
    pub fn measurements(&self) -> &[f64] {
        &self.y
    }

    /// The loss.
    pub fn loss(&self) -> SampleLoss {
        self.loss
    }

    /// Whether `f` is quadratic, with the constant Hessian `X^T X`.
    pub fn is_quadratic(&self) -> bool {
        self.loss == SampleLoss::Squared
    }

    /// The truth (d), where it is known.
    pub fn truth(&self) -> Option<&[f64]> {
        self.truth.as_deref()
    }

    /// The first iterate (d).
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// `f(w)`.
    pub fn value(&self, w: &[f64]) -> f64 {
        inner_products(self.design(), w).iter().zip(&self.y).map(|(&a, &y)| self.loss.value(a, y)).sum()
    }

    /// `f(w)` and its gradient `sum_i phi'(<x_i, w>, y_i) x_i` (d), in one pass over the samples.
    pub fn value_and_gradient(&self, w: &[f64]) -> (f64, Vec<f64>) {
        let factor = DotFactor::new(w);
        sum_over_samples(self.design(), |i, x| {
            let a = factor.dot(x);
            (self.loss.value(a, self.y[i]), self.loss.slope(a, self.y[i]))
        })
    }

    /// The Gram matrix `X^T X` (d, d), the Hessian for the squared loss; computed on first use.
    pub fn gram(&self) -> MatRef<'_, f64> {
        Mat::as_ref(self.shared_gram())
    }

    /// The Gram matrix, shared.
    fn shared_gram(&self) -> &Arc<Mat<f64>> {
        self.gram.get_or_init(|| Arc::new(gram(self.design(), None)))
    }

    /// `X^T y` (d); computed on first use.
    pub fn xty(&self) -> &[f64] {
        self.xty.get_or_init(|| sum_over_samples(self.design(), |i, _| (0.0, self.y[i])).1)
    }

    /// The gradient `X^T X w - X^T y` (d) for the squared loss, from the Gram matrix: cheaper than a pass over the
    /// samples, as only the columns of the support of `w` are read.
    pub fn gradient_by_gram(&self, w: &[f64]) -> Vec<f64> {
        difference(&symmetric_times(self.gram(), w), self.xty())
    }

    /// Whether the Gram matrix has been formed.
    pub fn gram_is_formed(&self) -> bool {
        self.gram.get().is_some()
    }

    /// The gradient (d) for the squared loss: from the Gram matrix where it has been formed, else by a pass over the
    /// samples.
    pub fn quadratic_gradient(&self, w: &[f64]) -> Vec<f64> {
        if self.gram_is_formed() { self.gradient_by_gram(w) } else { self.value_and_gradient(w).1 }
    }

    /// The Hessian `sum_i phi''(<x_i, w>, y_i) x_i x_i^T` (d, d).
    pub fn hessian(&self, w: &[f64]) -> Arc<Mat<f64>> {
        if self.is_quadratic() {
            return Arc::clone(self.shared_gram());
        }
        let a = inner_products(self.design(), w);
        let scale: Vec<f64> = a.iter().zip(&self.y).map(|(&a, &y)| self.loss.curvature(a, y)).collect();
        Arc::new(gram(self.design(), Some(&scale)))
    }

    /// The smoothness constant `L`: the largest eigenvalue of the Hessian for the squared loss, of its bound `X^T X /
    /// 4` for the logistic loss, and of the Hessian at the start (with absolute curvatures) for the other losses.
    pub fn smoothness(&self) -> f64 {
        let of = |scale: &(dyn Fn(usize) -> f64 + Sync)| {
            largest_eigenvalue(
                self.unknowns(),
                || {
                    if self.is_quadratic() {
                        return Arc::clone(self.shared_gram());
                    }
                    let scale: Vec<f64> = (0..self.samples()).map(scale).collect();
                    Arc::new(gram(self.design(), Some(&scale)))
                },
                |v| {
                    if self.is_quadratic() && self.gram_is_formed() {
                        return symmetric_times(self.gram(), v);
                    }
                    sum_over_samples(self.design(), |i, x| (0.0, scale(i) * dot(x, v))).1
                },
            )
        };
        *self.smoothness_constant.get_or_init(|| match self.loss {
            SampleLoss::Squared => of(&|_| 1.0),
            SampleLoss::Logistic => of(&|_| 0.25),
            SampleLoss::Exponential | SampleLoss::QuadraticMeasurement => {
                let a = inner_products(self.design(), &self.start);
                of(&|i| self.loss.curvature(a[i], self.y[i]).abs())
            }
        })
    }

    /// The relative error `|w - w*| / |w*|`, up to sign as in [`SparseProblem::distance`]; NaN without a truth.
    pub fn relative_error(&self, w: &[f64]) -> f64 {
        let Some(truth) = &self.truth else { return f64::NAN };
        self.distance(w, truth) / norm(truth)
    }

    /// `|a - b|`, or `min(|a - b|, |a + b|)` where the measurements do not determine the sign.
    pub fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        let same = norm(&difference(a, b));
        if self.loss != SampleLoss::QuadraticMeasurement {
            return same;
        }
        let sum: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + b).collect();
        same.min(norm(&sum))
    }

    /// An upper bound of the Lipschitz constant of the Hessian on the segment from `u` to `w`: with `m_i` bounding
    /// `|phi'''|` there, `lambda_max(sum_i m_i |x_i| x_i x_i^T)`.
    pub fn hessian_lipschitz(&self, u: &[f64], w: &[f64]) -> f64 {
        let (a, b) = (inner_products(self.design(), u), inner_products(self.design(), w));
        let scale: Vec<f64> =
            (0..self.samples()).map(|i| self.loss.third_bound(a[i], b[i]) * norm(sample(&self.design(), i))).collect();
        dense::eigenvalues(gram(self.design(), Some(&scale)).as_ref()).last().copied().unwrap_or(0.0)
    }
}

/// Refuses values that are not finite.
fn check_finite(name: &'static str, values: &[f64]) -> Result<(), RecoveryError> {
    match values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        Some((index, &value)) => Err(RecoveryError::NotFinite { name, index, value }),
        None => Ok(()),
    }
}
