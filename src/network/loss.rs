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
    #[inline]
    pub fn quadratic_form(self, w: &[f64], v: &[f64]) -> f64 {
        let squares: f64 = w.iter().zip(v).map(|(w, v)| w * v * v).sum();
        match self {
            Loss::HalfSquared | Loss::Logistic => squares,
            Loss::Softmax => squares - w.iter().zip(v).map(|(w, v)| w * v).sum::<f64>().powi(2),
        }
    }

    /// Writes `H v` with H given by the weights of [`Loss::curvature`].
    pub fn hessian_product(self, w: &[f64], v: &[f64], out: &mut [f64]) {
        let mean = match self {
            Loss::HalfSquared | Loss::Logistic => 0.0,
            Loss::Softmax => w.iter().zip(v).map(|(w, v)| w * v).sum(),
        };
        for ((out, w), v) in out.iter_mut().zip(w).zip(v) {
            *out = w * (v - mean);
        }
    }

    /// Adds `c T[v, v]` to `out`, where T is the third derivative of the loss in the prediction and `w` are the weights
    /// of [`Loss::curvature`]: component k is `sum_lm (d^3 loss / df_k df_l df_m) v_l v_m`.
    pub fn add_third_derivative(self, (f, y): (&[f64], &[f64]), w: &[f64], v: &[f64], c: f64, out: &mut [f64]) {
        match self {
            Loss::HalfSquared => {}
            // The second derivative is p (1 - p) with p = 1 / (1 + exp(y f)), and dp/df = -y p (1 - p).
            Loss::Logistic => {
                let p = 1.0 / (1.0 + libm::exp(y[0] * f[0]));
                out[0] -= c * y[0] * w[0] * (1.0 - 2.0 * p) * v[0] * v[0];
            }
            // The derivative of p_k (v_k - m), m = <p, v>, along v: dp_k = p_k (v_k - m) and dm = <p, (v - m)^2>.
            Loss::Softmax => {
                let mean: f64 = w.iter().zip(v).map(|(w, v)| w * v).sum();
                let variance: f64 = w.iter().zip(v).map(|(w, v)| w * (v - mean).powi(2)).sum();
                for ((out, w), v) in out.iter_mut().zip(w).zip(v) {
                    *out += c * w * ((v - mean).powi(2) - variance);
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of the derivative along v are `H v`, and those of `H v` are `T[v, v]`.
    #[test]
    fn higher_derivatives_are_those_of_the_first() {
        let (f, v) = ([0.3, -0.8, 1.1], [0.7, 0.2, -0.5]);
        for (loss, y) in [
            (Loss::HalfSquared, vec![0.2, 0.1, -0.4]),
            (Loss::Logistic, vec![-1.0]),
            (Loss::Logistic, vec![1.0]),
            (Loss::Softmax, vec![0.0, 1.0, 0.0]),
        ] {
            let (k, h) = (y.len(), 1e-3);
            let at = |step: f64| -> Vec<f64> { (0..k).map(|i| f[i] + step * v[i]).collect() };
            let slope = |step: f64| {
                let mut out = vec![0.0; k];
                loss.derivative(&at(step), &y, &mut out);
                out
            };
            let product = |step: f64| {
                let (mut w, mut out) = (vec![0.0; k], vec![0.0; k]);
                loss.curvature(&at(step), &y, &mut w);
                loss.hessian_product(&w, &v[..k], &mut out);
                (w, out)
            };
            let (w, first) = product(0.0);
            let mut third = vec![1.0; k];
            loss.add_third_derivative((&at(0.0), &y), &w, &v[..k], 2.0, &mut third);
            for i in 0..k {
                let difference =
                    |f: &dyn Fn(f64) -> f64| (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h);
                assert!((difference(&|t| slope(t)[i]) - first[i]).abs() < 1e-10, "{loss} H v");
                assert!((2.0 * difference(&|t| product(t).1[i]) + 1.0 - third[i]).abs() < 1e-10, "{loss} T[v, v]");
            }
        }
    }
}
