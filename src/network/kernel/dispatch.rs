//! One compiled copy of each pass for every scalar type and instruction set, chosen at run time.

use super::{backward, forward};
use crate::network::Activation;

/// What a pass needs to know besides the state.
#[derive(Clone, Copy)]
pub struct Pass<'a, R> {
    /// Input dimension d.
    pub inputs: usize,
    /// Output dimension K.
    pub outputs: usize,
    /// Whether a neuron has a bias.
    pub bias: bool,
    /// The nonlinearity.
    pub activation: Activation,
    /// Whether output weights are trained.
    pub train_a: bool,
    /// Inputs, (n, d) row-major.
    pub x: &'a [R],
}

impl<R> Pass<'_, R> {
    /// Number of samples n.
    pub fn samples(&self) -> usize {
        self.x.len() / self.inputs
    }

    /// Parameters per neuron.
    pub(super) fn parameters(&self) -> usize {
        self.inputs + usize::from(self.bias) + self.outputs
    }
}

/// The passes over one superblock, compiled per scalar type.
pub trait Kernel: Sized {
    /// Adds the superblock's features to `out`, (n, K).
    fn forward(pass: &Pass<'_, Self>, theta: &[Self], out: &mut [f64]);
    /// Writes the superblock's gradient of `sum_s <e_s, phi(x_s)>`; `residual` e is (n, K).
    fn backward(pass: &Pass<'_, Self>, theta: &[Self], residual: &[Self], out: &mut [Self]);
}

/// Compiles the generic bodies, which are always inlined, once per instruction set.
macro_rules! kernel {
    ($real:ty, $forward:ident, $backward:ident) => {
        #[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
        fn $forward(pass: &Pass<'_, $real>, theta: &[$real], out: &mut [f64]) {
            forward::superblock(pass, theta, out);
        }

        #[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
        fn $backward(pass: &Pass<'_, $real>, theta: &[$real], residual: &[$real], out: &mut [$real]) {
            backward::superblock(pass, theta, residual, out);
        }

        impl Kernel for $real {
            fn forward(pass: &Pass<'_, $real>, theta: &[$real], out: &mut [f64]) {
                $forward(pass, theta, out);
            }
            fn backward(pass: &Pass<'_, $real>, theta: &[$real], residual: &[$real], out: &mut [$real]) {
                $backward(pass, theta, residual, out);
            }
        }
    };
}

kernel!(f64, forward_f64, backward_f64);
kernel!(f32, forward_f32, backward_f32);
