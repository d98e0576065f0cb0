//! The mean square of the parameters, `Q = (1/N) sum_i |theta_i|^2` over trained parameters, of which the ridge term of
//! the risk is `lambda / 2`.

use super::layout::TangentLayout;
use crate::compute::vector;
use crate::network::TwoLayer;

/// Q of the cloud, and its fluctuation: `Q_N = Q + Q_1 / sqrt N + Q_2 / N` to second order.
#[derive(Clone, Debug, PartialEq)]
pub struct SquareNorm {
    /// Q of the cloud.
    pub mean: f64,
    /// Q_1 in every column through the weights of the particles alone, (C): `(1/sqrt M) sum_i nu_i |theta_i|^2`.
    pub bare: Vec<f64>,
    /// Q_1 in every column, (C): the same with `(2/M) sum_i theta_i . xi_i`.
    pub field: Vec<f64>,
    /// The mean of Q_2, where the second order was computed:
    /// `(1/M) sum_i ( 2 theta_i . zeta_i + sum_k |xi_i^k|^2 ) + (2/sqrt M) sum_ik nu_i^k theta_i . xi_i^k`.
    pub bias: Option<f64>,
}

impl SquareNorm {
    /// That of no parameters.
    pub(super) fn zero(columns: usize) -> Self {
        SquareNorm { mean: 0.0, bare: vec![0.0; columns], field: vec![0.0; columns], bias: None }
    }

    /// Of an augmented state. `weights` are nu, (M, C) row-major.
    pub(super) fn observe(network: &TwoLayer, layout: TangentLayout, weights: &[f64], augmented: &[f64]) -> Self {
        let (columns, particles) = (layout.columns, layout.cloud.width);
        let (m, xi) = (particles as f64, &augmented[layout.cloud_len()..]);
        let mut found = SquareNorm::zero(columns);
        let mut bias = 0.0;
        for i in 0..particles {
            let nu = &weights[i * columns..(i + 1) * columns];
            let mut square = 0.0;
            for row in network.trained() {
                let (theta, xi) = (augmented[layout.cloud.index(i, row)], &xi[layout.row(i, row)]);
                square += theta * theta;
                let of_noise = &xi[..columns];
                vector::axpy(2.0 * theta / m, of_noise, &mut found.field);
                bias += vector::dot(of_noise, of_noise) / m + 2.0 * theta * vector::dot(nu, of_noise) / m.sqrt();
                bias += layout.mean_column().map_or(0.0, |c| 2.0 * theta * xi[c] / m);
            }
            found.mean += square / m;
            found.bare.iter_mut().zip(nu).for_each(|(sum, nu)| *sum += nu * square / m.sqrt());
        }
        found.field.iter_mut().zip(&found.bare).for_each(|(field, bare)| *field += bare);
        found.bias = layout.mean_column().map(|_| bias);
        found
    }
}
