//! Hidden activations and output weights of single neurons, in canonical order and double precision.

use super::TwoLayer;
use super::kernel::activation;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use ndarray::{Array2, ArrayView2, s};

impl TwoLayer {
    /// Hidden activations `sigma(<w_i, x_s> + b_i)`, (N, n), of neurons (N, p) at inputs (n, d).
    pub fn hidden(&self, neurons: ArrayView2<f64>, x: ArrayView2<f64>) -> Array2<f64> {
        let _timed = profile::pass(WorkKind::Products, || {
            let (pairs, inputs) = (neurons.nrows() * x.nrows(), self.inputs + usize::from(self.bias));
            WorkCounts::of::<f64>(2 * pairs * inputs, pairs, neurons.len() + x.len() + pairs)
        });
        let mut z = neurons.slice(s![.., ..self.inputs]).dot(&x.t());
        if self.bias {
            z += &neurons.slice(s![.., self.inputs..self.inputs + 1]);
        }
        let mut z = z.as_standard_layout().into_owned();
        if let Some(z) = z.as_slice_mut() {
            activation::value(self.activation, z);
        }
        z
    }

    /// Output weights (N, K) of neurons (N, p).
    pub fn output_weights<'a>(&self, neurons: ArrayView2<'a, f64>) -> ArrayView2<'a, f64> {
        neurons.slice_move(s![.., self.parameters() - self.outputs..])
    }
}
