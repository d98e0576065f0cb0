//! The function to be minimised over sparse vectors: `f(w) = sum_i phi(<x_i, w>, y_i)`.

use super::dense::{
    self, DotFactor, difference, gram, inner_products, largest_eigenvalue, norm, sample, sum_over_samples,
    symmetric_times,
};
use super::{Interrupt, RecoveryError, SampleLoss};
use crate::compute::vector::dot;
use faer::{Mat, MatRef};
use std::sync::{Arc, OnceLock};

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
    /// [`RecoveryError`] for an empty design, lengths that do not match, entries that are not finite, and measurements
    /// with which the loss has no lower bound.
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
        if let Some((index, &value)) = y.iter().enumerate().find(|(_, y)| !loss.admits(**y)) {
            return Err(RecoveryError::Measurement { loss, index, value });
        }
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

    /// Checks that iterations can leave the start: the design is not zero, and the start is no stationary point of
    /// quadratic measurements, whose gradient vanishes at 0.
    ///
    /// # Errors
    /// [`RecoveryError::ZeroDesign`] and [`RecoveryError::StationaryStart`].
    pub fn require_solvable(&self) -> Result<(), RecoveryError> {
        let zero = |v: &[f64]| v.iter().all(|v| *v == 0.0);
        if (0..self.samples()).all(|i| zero(sample(&self.design(), i))) {
            return Err(RecoveryError::ZeroDesign);
        }
        if self.loss == SampleLoss::QuadraticMeasurement && zero(&self.start) {
            return Err(RecoveryError::StationaryStart);
        }
        Ok(())
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
        Mat::as_ref(self.gram.get_or_init(|| Arc::new(gram(self.design(), None, Interrupt::NEVER))))
    }

    /// The Gram matrix, shared. It is kept unless a stop was requested while it was formed.
    pub(super) fn shared_gram(&self, interrupt: Interrupt<'_>) -> Arc<Mat<f64>> {
        if let Some(formed) = self.gram.get() {
            return Arc::clone(formed);
        }
        let formed = Arc::new(gram(self.design(), None, interrupt));
        if interrupt.requested() { formed } else { Arc::clone(self.gram.get_or_init(|| formed)) }
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
    pub fn hessian(&self, w: &[f64], interrupt: Interrupt<'_>) -> Arc<Mat<f64>> {
        if self.is_quadratic() {
            return self.shared_gram(interrupt);
        }
        let a = inner_products(self.design(), w);
        let scale: Vec<f64> = a.iter().zip(&self.y).map(|(&a, &y)| self.loss.curvature(a, y)).collect();
        Arc::new(gram(self.design(), Some(&scale), interrupt))
    }

    /// A smoothness constant `L`: the largest eigenvalue of the Hessian for the squared loss, and of its bound `X^T X /
    /// 4` for the logistic loss, so that `f(w + h) <= f(w) + <g, h> + L |h|^2 / 2` everywhere. The curvature of the other
    /// losses has no bound; for them it is the largest eigenvalue of the Hessian at the start with absolute curvatures,
    /// or of `X^T X` where these vanish: a first guess, which k-IHT corrects.
    pub fn smoothness(&self, interrupt: Interrupt<'_>) -> f64 {
        if let Some(&known) = self.smoothness_constant.get() {
            return known;
        }
        let weighted = |scale: &[f64]| {
            // Without scales the curvature is 1.
            let at = |i: usize| scale.get(i).copied().unwrap_or(1.0);
            largest_eigenvalue(
                self.unknowns(),
                || {
                    if self.is_quadratic() {
                        return self.shared_gram(interrupt);
                    }
                    let scale: Vec<f64> = (0..self.samples()).map(at).collect();
                    Arc::new(gram(self.design(), Some(&scale), interrupt))
                },
                |v| {
                    if self.is_quadratic() && self.gram_is_formed() {
                        return symmetric_times(self.gram(), v);
                    }
                    sum_over_samples(self.design(), |i, x| (0.0, at(i) * dot(x, v))).1
                },
                interrupt,
            )
        };
        let constant = match self.loss {
            SampleLoss::Squared => weighted(&[]),
            SampleLoss::Logistic => weighted(&vec![0.25; self.samples()]),
            SampleLoss::Exponential | SampleLoss::QuadraticMeasurement => {
                let a = inner_products(self.design(), &self.start);
                let scale: Vec<f64> = a.iter().zip(&self.y).map(|(&a, &y)| self.loss.curvature(a, y).abs()).collect();
                if scale.iter().any(|c| !c.is_finite()) {
                    f64::INFINITY
                } else {
                    Some(weighted(&scale)).filter(|&constant| constant > 0.0).unwrap_or_else(|| weighted(&[]))
                }
            }
        };
        if interrupt.requested() { constant } else { *self.smoothness_constant.get_or_init(|| constant) }
    }

    /// The relative error `|w - w*| / |w*|`, up to sign as in [`SparseProblem::distance`]; the absolute error `|w|` where
    /// the truth is 0; NaN without a truth.
    pub fn relative_error(&self, w: &[f64]) -> f64 {
        let Some(truth) = &self.truth else { return f64::NAN };
        let length = norm(truth);
        self.distance(w, truth) / if length > 0.0 { length } else { 1.0 }
    }

    /// Whether the truth is known and 0.
    pub fn truth_is_zero(&self) -> bool {
        self.truth.as_ref().is_some_and(|truth| truth.iter().all(|w| *w == 0.0))
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
        dense::eigenvalues(gram(self.design(), Some(&scale), Interrupt::NEVER).as_ref()).last().copied().unwrap_or(0.0)
    }
}

/// Refuses values that are not finite.
fn check_finite(name: &'static str, values: &[f64]) -> Result<(), RecoveryError> {
    match values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        Some((index, &value)) => Err(RecoveryError::NotFinite { name, index, value }),
        None => Ok(()),
    }
}
