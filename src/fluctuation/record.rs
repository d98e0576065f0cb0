//! The fluctuation at one recording time.

use super::square_norm::SquareNorm;
use crate::network::Loss;
use ndarray::{Array2, ArrayView1};

/// The fluctuation of a finite network around the limit at one time, as fields over the sample of n points with K
/// outputs (rows `s K + k`) and C columns.
///
/// The predictions of a network of N neurons are `f + G / sqrt N + b / N` to second order, `G = sum_k z_k G^k` with
/// independent standard normals z.
#[derive(Clone, Debug)]
pub struct FluctuationRecord {
    /// The time t.
    pub time: f64,
    /// Predictions f of the limit, (n K).
    pub f: Vec<f64>,
    /// The fluctuation G^k, (n K, C).
    pub field: Array2<f64>,
    /// The fluctuation g^k of independent particles of the limit, (n K, C).
    pub bare: Array2<f64>,
    /// The mean second order b, (n K), where it was computed.
    pub bias: Option<Vec<f64>>,
    /// `S^2 = E_x Var phi`, the bare variance of the cloud.
    pub spread: f64,
    /// `Q = (1/M) sum_i E_x |phi_i|^2`.
    pub square: f64,
    /// The fluctuation of Q in every column through the weights of the particles alone, (C).
    pub square_bare: Vec<f64>,
    /// The fluctuation of Q in every column, (C): `(1/sqrt M) sum_i nu_i E|phi_i|^2 + (2/M) sum_i E[phi_i grad phi_i] . xi_i`.
    pub square_field: Vec<f64>,
    /// N times the mean deviation of Q, where the second order was computed.
    pub square_bias: Option<f64>,
    /// The fluctuation of the mean square of the parameters.
    pub square_norm: SquareNorm,
    /// `E_x |phi_i|^2` of every particle, (M).
    pub particle_squares: Vec<f64>,
    /// `E_x <f, phi_i>` of every particle, (M).
    pub particle_overlaps: Vec<f64>,
    /// `sum_k |xi_i^k|^2` of every particle, (M).
    pub displacements: Vec<f64>,
    /// Features `phi(x; theta_i)`, (M, n K), where they were requested.
    pub features: Option<Array2<f64>>,
}

impl FluctuationRecord {
    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.field.ncols()
    }

    /// `c = sum_k |G^k|^2`: the limit of `N E |f_N - f|^2`, for n samples.
    pub fn variance(&self, samples: usize) -> f64 {
        square_norm(&self.field) / samples as f64
    }

    /// `sum_k |g^k|^2`, equal to [`FluctuationRecord::spread`] where the columns are complete.
    pub fn bare_variance(&self, samples: usize) -> f64 {
        square_norm(&self.bare) / samples as f64
    }

    /// `E |theta_i - theta_i'|^2 N`: the mean over particles of `sum_k |xi_i^k|^2`, with theta' the limit's particle.
    pub fn coupling(&self) -> f64 {
        self.displacements.iter().sum::<f64>() / self.displacements.len() as f64
    }

    /// The share of `sum_i sum_k |xi_i^k|^2` that the largest hundredth of the particles holds (at least one particle).
    pub fn largest_share(&self) -> f64 {
        let mut sorted = self.displacements.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let total: f64 = sorted.iter().sum();
        let top: f64 = sorted[..sorted.len().div_ceil(100)].iter().sum();
        if total > 0.0 { top / total } else { 0.0 }
    }

    /// `<l'' G^k, G^l>`, (C, C), and `<e, G^k>`, (C), for labels y (n, K).
    pub fn loss_moments(&self, loss: Loss, y: &[f64], outputs: usize) -> (Array2<f64>, Vec<f64>) {
        let n = self.f.len() / outputs;
        let columns = self.columns();
        let (mut curved, mut slopes) = (Array2::zeros(self.field.dim()), vec![0.0; columns]);
        let [mut e, mut w, mut v, mut product] = [(); 4].map(|()| vec![0.0; outputs]);
        for s in 0..n {
            let at = s * outputs..(s + 1) * outputs;
            loss.derivative(&self.f[at.clone()], &y[at.clone()], &mut e);
            loss.curvature(&self.f[at.clone()], &y[at.clone()], &mut w);
            for c in 0..columns {
                v.iter_mut().enumerate().for_each(|(k, v)| *v = self.field[(at.start + k, c)]);
                loss.hessian_product(&w, &v, &mut product);
                product.iter().enumerate().for_each(|(k, p)| curved[(at.start + k, c)] = *p);
                slopes[c] += e.iter().zip(&v).map(|(e, v)| e * v).sum::<f64>() / n as f64;
            }
        }
        (self.field.t().dot(&curved) / n as f64, slopes)
    }
}

/// The sum of squares of all entries.
pub(super) fn square_norm(field: &Array2<f64>) -> f64 {
    field.iter().map(|v| v * v).sum()
}

/// `<u, v>`: the mean over n samples of the product, summed over outputs.
pub(super) fn inner(u: &[f64], v: ArrayView1<'_, f64>, samples: usize) -> f64 {
    u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>() / samples as f64
}
