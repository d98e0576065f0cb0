//! Losses `loss(f, y)` and their derivatives in the prediction `f`.

use crate::choice::choice;
use serde::Serialize;

choice! {
    /// A loss of a prediction `f` in R^K for a label `y` in R^K.
    pub enum Loss: "loss" {
        /// `|f - y|^2 / 2`, the loss of the theory (WKM).
        HalfSquared = "half-squared",
        /// `log(1 + exp(-y f))`, K = 1 and y = +-1.
        Logistic = "logistic",
        /// `log sum_k exp f_k - <y, f>`, y one-hot.
        Softmax = "softmax",
    }
}

/// The regularised risk `R(f) = E[loss(f(x), y)] + (ridge/2) mean |theta|^2` (`docs/theory.md`, section 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Objective {
    /// The loss.
    pub loss: Loss,
    /// Ridge coefficient lambda of the trained parameters.
    pub ridge: f64,
}

impl Loss {
    /// The loss of one prediction; `f` and `y` have length K.
    pub fn value(self, f: &[f64], y: &[f64]) -> f64 {
        match self {
            Loss::HalfSquared => 0.5 * f.iter().zip(y).map(|(f, y)| (f - y).powi(2)).sum::<f64>(),
            Loss::Logistic => {
                let margin = y[0] * f[0];
                (-margin).max(0.0) + libm::log1p(libm::exp(-margin.abs()))
            }
            Loss::Softmax => {
                let top = f.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = f.iter().map(|f| libm::exp(f - top)).sum();
                top + libm::log(sum) - f.iter().zip(y).map(|(f, y)| f * y).sum::<f64>()
            }
        }
    }

    /// Writes `d loss / d f` of one prediction into `out` (length K).
    pub fn derivative(self, f: &[f64], y: &[f64], out: &mut [f64]) {
        match self {
            Loss::HalfSquared => {
                for ((out, f), y) in out.iter_mut().zip(f).zip(y) {
                    *out = f - y;
                }
            }
            Loss::Logistic => out[0] = -y[0] / (1.0 + libm::exp(y[0] * f[0])),
            Loss::Softmax => {
                let top = f.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for (out, f) in out.iter_mut().zip(f) {
                    *out = libm::exp(f - top);
                    sum += *out;
                }
                for (out, y) in out.iter_mut().zip(y) {
                    *out = *out / sum - y;
                }
            }
        }
    }

    /// Writes weights `w` (length K) that represent the Hessian H of the loss in the prediction: `v^T H v` is
    /// [`Loss::quadratic_form`]`(w, v)`.
    pub fn curvature(self, f: &[f64], y: &[f64], w: &mut [f64]) {
        match self {
            Loss::HalfSquared => w.fill(1.0),
            Loss::Logistic => {
                let p = 1.0 / (1.0 + libm::exp(y[0] * f[0]));
                w[0] = p * (1.0 - p);
            }
            // The weights are the probabilities p, and the derivative is p - y.
            Loss::Softmax => self.derivative(f, &vec![0.0; f.len()], w),
        }
    }

    /// `v^T H v` with H given by the weights of [`Loss::curvature`]: `sum w v^2`, for softmax minus `(sum w v)^2`.
    pub fn quadratic_form(self, w: &[f64], v: &[f64]) -> f64 {
        let squares: f64 = w.iter().zip(v).map(|(w, v)| w * v * v).sum();
        match self {
            Loss::HalfSquared | Loss::Logistic => squares,
            Loss::Softmax => squares - w.iter().zip(v).map(|(w, v)| w * v).sum::<f64>().powi(2),
        }
    }

    /// The mean loss of predictions and labels, (n, K) row-major with K = `outputs`, summed in order of the samples.
    pub fn mean(self, f: &[f64], y: &[f64], outputs: usize) -> f64 {
        let n = f.len() / outputs;
        let total: f64 = f.chunks_exact(outputs).zip(y.chunks_exact(outputs)).map(|(f, y)| self.value(f, y)).sum();
        total / n as f64
    }

    /// Writes the residuals of a batch, `d loss / d f` divided by the batch size, (n, K) row-major.
    pub fn residuals(self, f: &[f64], y: &[f64], outputs: usize, out: &mut [f64]) {
        let weight = outputs as f64 / f.len() as f64;
        for ((f, y), out) in f.chunks_exact(outputs).zip(y.chunks_exact(outputs)).zip(out.chunks_exact_mut(outputs)) {
            self.derivative(f, y, out);
            out.iter_mut().for_each(|e| *e *= weight);
        }
    }
}
