//! The adjoint of the tangent system of stochastic heavy ball: variances of given functionals without random columns.

use super::FluctuationError;
use super::columns::NoiseColumns;
use super::features::{cloud_features, tile_groups};
use super::force::{FieldPoint, TangentSystem};
use super::linearisation::Linearisation;
use super::modes::centre;
use crate::compute::Threads;
use crate::dynamics::Ensemble;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::Array2;

/// A cloud trained by heavy ball at temperature 0, `r <- (1 - gamma eps) r - eps grad Psi`, `theta <- theta + eps r`.
#[derive(Clone, Copy)]
pub struct AdjointSystem<'a> {
    /// The cloud.
    pub ensemble: Ensemble<'a, f64>,
    /// Step eps.
    pub step: f64,
    /// Friction gamma.
    pub friction: f64,
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}

/// The sensitivity of functionals `<v_r, G>` after the last step.
///
/// The recursion of the tangent vectors, `eta <- a eta - eps A_k`, `xi <- xi + eps eta` with `a = 1 - gamma eps`,
/// `A_k = H_k xi + E_x[ u_k grad phi ]` and the drive `u_k = l'' G_k`, is transposed. With multipliers Lambda of xi and
/// Pi of eta, zero after the last step K, for k = K .. 0:
///
/// ```text
/// Pi_i     <- eps Lambda_i + a Pi_i
/// psi_k(x) = -(eps / M) sum_i grad phi_i(x) . Pi_i
/// s_k      = l'' psi_k + v [k = K]
/// Lambda_i <- Lambda_i + E_x[ s_k grad phi_i ] - eps H_i Pi_i
/// ```
///
/// Then `<v, G_K> = sum_k <s_k, g_k>`, and an additional drive w_k adds `sum_k <psi_k, w_k>`.
#[derive(Clone, Debug)]
pub struct AdjointSolution {
    /// `s_k` for k = 0 .. K, each (n K, functionals).
    pub sources: Vec<Array2<f64>>,
    /// `psi_k` for k = 0 .. K, each (n K, functionals).
    pub responses: Vec<Array2<f64>>,
    /// `N Var <v, f_N>` of every functional: `(1/M) sum_i ( sum_k <s_k, phi_i,k - f_k> )^2`.
    pub start_variances: Vec<f64>,
    /// `B Var <v, f>` of every functional under batches of B: `sum_k Var_x( psi_k . e_k )`.
    pub batch_variances: Vec<f64>,
}

impl AdjointSystem<'_> {
    /// Solves the adjoint system. `states` are the parameters of the cloud, as state slices, before every step and after
    /// the last; `functionals` are v_r as columns, (n K, functionals).
    ///
    /// # Errors
    /// Networks that are not linearised.
    pub fn solve(&self, states: &[Vec<f64>], functionals: &Array2<f64>) -> Result<AdjointSolution, FluctuationError> {
        let AdjointSystem { ensemble, step, friction, threads } = *self;
        let count = functionals.ncols();
        let columns = NoiseColumns::zero(ensemble.width, count);
        let system =
            TangentSystem { ensemble, columns: &columns, second_order: false, batch_noise: None, given: None, threads };
        let (network, layout) = (system.network()?, system.layout()?);
        let Ensemble { population, objective, width, .. } = ensemble;
        let mut linear =
            Linearisation::new(network, objective.ridge, &population.x, layout, columns.weights(), threads);
        let (n, stride, rows) = (linear.inputs.samples, layout.stride(), functionals.nrows());
        let mut point = FieldPoint::default();
        let [mut lambda, mut pi, mut moved, mut force] = [(); 4].map(|()| vec![0.0; width * layout.particle_len()]);
        let mut influence = Mat::<f64>::zeros(width, count);
        let (mut sources, mut responses) = (Vec::new(), Vec::new());
        let mut batch_variances = vec![0.0; count];
        let keep = 1.0 - friction * step;
        for (k, theta) in states.iter().enumerate().rev() {
            pi.iter_mut().zip(&lambda).for_each(|(pi, lambda)| *pi = step * lambda + keep * *pi);
            moved.iter_mut().zip(&pi).for_each(|(to, pi)| *to = -step * pi);
            point.f = ensemble.network.predict(width, theta, &population.x, threads);
            linear.field(theta, &moved, &mut point.field);
            point.drive(objective.loss, &population.y, &linear);
            let response = Array2::from_shape_fn((rows, count), |(row, r)| point.field[row * stride + r]);
            for (row, v) in functionals.rows().into_iter().enumerate().filter(|_| k + 1 == states.len()) {
                v.iter().enumerate().for_each(|(r, v)| point.drive[row * stride + r] += v / n as f64);
            }
            let source = Array2::from_shape_fn((rows, count), |(row, r)| point.drive[row * stride + r] * n as f64);
            linear.force(theta, &moved, &point.residual, &point.drive, &mut force);
            lambda.iter_mut().zip(&force).for_each(|(lambda, force)| *lambda += force);
            for tiles in tile_groups(&linear.inputs) {
                let first = tiles.start * linear.inputs.tile * network.outputs;
                let mut phi = cloud_features(network, width, theta, &linear.inputs, tiles);
                centre(&mut phi.as_mut());
                let scaled: Vec<f64> =
                    source.rows().into_iter().skip(first).take(phi.ncols()).flatten().map(|s| s / n as f64).collect();
                let scaled = MatRef::from_row_major_slice(&scaled, phi.ncols(), count);
                matmul(influence.as_mut(), Accum::Add, phi.as_ref(), scaled, 1.0, Par::Seq);
            }
            add_batch_variance(&response, &point.residual[..rows], network.outputs, &mut batch_variances);
            sources.push(source);
            responses.push(response);
        }
        sources.reverse();
        responses.reverse();
        let start_variances =
            (0..count).map(|r| influence.col_as_slice(r).iter().map(|v| v * v).sum::<f64>() / width as f64).collect();
        Ok(AdjointSolution { sources, responses, start_variances, batch_variances })
    }
}

/// Adds the variance over the samples of `psi . e`, with residuals divided by n.
fn add_batch_variance(response: &Array2<f64>, residual: &[f64], outputs: usize, out: &mut [f64]) {
    let n = residual.len() / outputs;
    for (r, out) in out.iter_mut().enumerate() {
        let product = |s: usize| -> f64 {
            (s * outputs..(s + 1) * outputs).map(|at| response[(at, r)] * residual[at] * n as f64).sum()
        };
        let values: Vec<f64> = (0..n).map(product).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        *out += values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
    }
}
