//! The features of the particles of a cloud.

use super::neuron::NeuronParameters;
use crate::network::TwoLayer;
use crate::network::kernel::activation;
use faer::Mat;

/// The features `phi_k(x; theta_i)` of a state slice at inputs (n, d), as a matrix (M, n K) with column `s K + k`.
pub(super) fn cloud_features(network: &TwoLayer, width: usize, theta: &[f64], x: &[f64]) -> Mat<f64> {
    let (d, outputs, layout) = (network.inputs, network.outputs, network.layout(width));
    let n = x.len() / d;
    let mut out = Mat::zeros(width, n * outputs);
    let (mut parameters, mut z) = (NeuronParameters::default(), vec![0.0; n]);
    for i in 0..width {
        parameters.read(network, layout, theta, i);
        let hidden = &parameters.hidden;
        for (z, x) in z.iter_mut().zip(x.chunks_exact(d)) {
            let bias = hidden.get(d).map_or(0.0, |b| b[0]);
            *z = bias + hidden.iter().zip(x).map(|(w, x)| w[0] * x).sum::<f64>();
        }
        activation::value(network.activation, &mut z);
        for (s, z) in z.iter().enumerate() {
            for (k, a) in parameters.outputs.iter().enumerate() {
                out[(i, s * outputs + k)] = a * z;
            }
        }
    }
    out
}
