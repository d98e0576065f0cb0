//! The influence of a neuron on the predictions, at fixed parameters.
//!
//! The weight `(1 + nu_i) / M` of neuron i of a hidden layer of M neurons changes the predictions by `nu_i phi_i / M` to
//! first order:
//!
//! ```text
//! last hidden layer             phi_i = a_i sigma(..)                     the feature; exact
//! first of two hidden layers    phi_i = beta_i sigma1(<w_i, x> + b_i),    beta_i = (1/M2) sum_j a_j sigma2'(H_j) u_ij
//! ```
//!
//! Independent neurons of a layer give the bare fluctuation `g = (1/sqrt M) sum_i nu_i phi_i`, of variance
//! `S^2 = E_x Var phi`.

use super::FluctuationError;
use super::bare::{BareVariance, inner};
use super::columns::NoiseColumns;
use super::gaussian::WeightPurpose;
use crate::network::kernel::activation;
use crate::network::{Network, ThreeLayer};
use faer::{Mat, MatRef, Side};
use ndarray::{Array2, ArrayView2, Axis, s};

/// The influence of every neuron of each hidden layer at inputs (n, d): one matrix (M, n K) per layer, with column
/// `s K + k`, for canonical parameters.
pub(super) fn influences(
    network: &Network,
    width: usize,
    canonical: &[f64],
    x: ArrayView2<'_, f64>,
) -> Vec<Array2<f64>> {
    let a = network.output_weights(width, canonical);
    match network {
        Network::TwoLayer(_) => vec![by_output(&network.hidden(width, canonical, x), a)],
        Network::ThreeLayer(three) => of_two_layers(three, width, canonical, (x, a)).to_vec(),
    }
}

/// `rows[i, s] a[i, k]` in column `s K + k`.
fn by_output(rows: &Array2<f64>, a: ArrayView2<'_, f64>) -> Array2<f64> {
    let outputs = a.ncols();
    Array2::from_shape_fn((rows.nrows(), rows.ncols() * outputs), |(i, column)| {
        rows[[i, column / outputs]] * a[[i, column % outputs]]
    })
}

fn of_two_layers(
    network: &ThreeLayer,
    width: usize,
    canonical: &[f64],
    (x, a): (ArrayView2<'_, f64>, ArrayView2<'_, f64>),
) -> [Array2<f64>; 2] {
    let families = network.families(width);
    let u = families[1].matrix(canonical);
    let [n1, n2] = network.layers(width).map(|n| n as f64);
    let first = network.first_hidden(width, canonical, x);
    let mut z = u.t().dot(&first) / n1;
    if network.bias {
        z += &families[2].matrix(canonical).slice(s![.., ..1]);
    }
    let mut value: Vec<f64> = z.iter().copied().collect();
    let mut slope = vec![0.0; value.len()];
    activation::value_and_derivative(network.activations[1], &mut value, &mut slope);
    let of = |values: Vec<f64>| Array2::from_shape_fn(z.dim(), |(j, s)| values[j * z.ncols() + s]);
    let (value, slope) = (of(value), of(slope));
    let outputs = a.ncols();
    let mut of_first = Array2::zeros((first.nrows(), first.ncols() * outputs));
    for k in 0..outputs {
        let beta = u.dot(&(&slope * &a.slice(s![.., k..=k]))) / n2;
        of_first.slice_mut(s![.., k..;outputs]).assign(&(beta * &first));
    }
    [of_first, by_output(&value, a)]
}

/// Columns of the noise of every hidden layer: orthonormal modes, the leading eigenvectors of the Gram matrix of the
/// influences over the states of a limit and the samples, and random columns on their complement. `states` are state
/// slices.
///
/// # Errors
/// As many modes as neurons; influences that are not finite.
pub fn layer_columns(
    (network, width): (&Network, usize),
    states: &[Vec<f64>],
    x: ArrayView2<'_, f64>,
    (modes, random): (usize, usize),
    seed: u64,
) -> Result<Vec<NoiseColumns>, FluctuationError> {
    let layers = network.hidden_layers(width);
    let mut grams: Vec<Array2<f64>> = layers.iter().map(|&m| Array2::zeros((m, m))).collect();
    for state in states {
        let canonical = network.to_canonical(width, state);
        for (mut phi, gram) in influences(network, width, &canonical, x).into_iter().zip(&mut grams) {
            if let Some(mean) = phi.mean_axis(Axis(0)) {
                phi -= &mean;
            }
            *gram += &phi.dot(&phi.t());
        }
    }
    let purposes = [WeightPurpose::RandomColumns, WeightPurpose::SecondLayerColumns];
    let columns = grams.iter().zip(purposes).map(|(gram, purpose)| {
        let product = |columns: MatRef<'_, f64>| {
            let entry = |i: usize, k: usize| (0..columns.nrows()).map(|j| gram[[i, j]] * columns[(j, k)]).sum::<f64>();
            inner(columns, Mat::from_fn(columns.nrows(), columns.ncols(), entry).as_ref())
        };
        let bare = BareVariance { total: gram.diag().sum(), of: &product };
        Ok(NoiseColumns::on_basis(&leading_eigenvectors(gram, modes)?, random, (purpose, seed), &bare))
    });
    columns.collect()
}

/// Orthonormal eigenvectors of mean zero to the largest eigenvalues of a Gram matrix whose rows have mean zero.
fn leading_eigenvectors(gram: &Array2<f64>, modes: usize) -> Result<Mat<f64>, FluctuationError> {
    let particles = gram.nrows();
    if modes >= particles {
        return Err(FluctuationError::TooManyModes { columns: modes, particles });
    }
    let trace = gram.diag().sum();
    if !trace.is_finite() {
        return Err(FluctuationError::NotFinite { what: "features" });
    }
    // The constant vector gets the lowest eigenvalue, so that all others have mean zero, those of eigenvalue 0 too.
    let lowest = trace.max(1.0) / particles as f64;
    let shifted = Mat::from_fn(particles, particles, |i, j| 0.5 * (gram[[i, j]] + gram[[j, i]]) - lowest);
    let eigen =
        shifted.self_adjoint_eigen(Side::Lower).map_err(|_| FluctuationError::NotFinite { what: "features" })?;
    Ok(Mat::from_fn(particles, modes, |i, k| eigen.U()[(i, particles - 1 - k)]))
}
