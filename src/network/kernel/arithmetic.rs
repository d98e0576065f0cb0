//! The counted work of the passes, for [`crate::compute::profile`].
//!
//! Counted are the operations of the products, 2 for each multiplication with an addition; a bias is one input more. With
//! n samples, N neurons of h inputs (biases included) and K outputs, a forward pass of two layers is `2 n N (h + K)` and a
//! backward pass as many: the gradients of the input and of the output weights. With several outputs the products of
//! residuals and output weights, `2 n N K`, come to the backward pass; with one they are a factor after the sums. For
//! each parameter a gradient that is written has 2 operations, the ridge term; a step in the pass 7, of first order 4, and
//! 2 more with noise. Activations are counted apart, each with its derivative. Bytes are
//! those of the arrays that a pass reads and writes, each once, however often blocks read them again.

use super::layout::TwoLayerLayout;
use super::sweep::kept_rows;
use crate::compute::profile::WorkCounts;
use crate::network::TwoLayer;

/// What is done with a gradient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GradientUse {
    /// It is written.
    Written,
    /// Parameters and momenta take a step.
    Step {
        /// Whether the dynamics are first-order.
        first_order: bool,
        /// Whether the step has noise.
        noise: bool,
    },
}

impl GradientUse {
    /// Operations on so many parameters, and scalars that are read and written. The increment of a step is a product and a
    /// multiply-add, the ridge term among them; then momenta and parameters take a multiply-add each, or the parameters an
    /// addition.
    fn of(self, parameters: usize) -> (usize, usize) {
        match self {
            GradientUse::Written => (2 * parameters, 2 * parameters),
            GradientUse::Step { first_order, noise } => {
                let of_noise = if noise { 2 } else { 0 };
                let (operations, scalars) = if first_order { (4, 2) } else { (7, 4) };
                ((operations + of_noise) * parameters, scalars * parameters)
            }
        }
    }
}

/// A pass of a two-layer network on some samples.
#[derive(Clone, Copy)]
pub(super) struct TwoLayerWork<'a> {
    /// The network.
    pub network: &'a TwoLayer,
    /// The neurons that are present.
    pub layout: TwoLayerLayout,
    /// Number of samples n.
    pub samples: usize,
    /// Whether activations are kept from the forward to the backward pass.
    pub kept: bool,
}

impl TwoLayerWork<'_> {
    /// Inputs of a neuron, with the bias.
    fn inputs(&self) -> usize {
        self.network.inputs + usize::from(self.network.bias)
    }

    fn parameters(&self) -> usize {
        self.layout.width * (self.inputs() + self.network.outputs)
    }

    /// Pairs of a sample and a neuron.
    fn pairs(&self) -> usize {
        self.samples * self.layout.width
    }

    fn kept_scalars(&self) -> usize {
        if self.kept { self.pairs() * kept_rows(self.network.activation) } else { 0 }
    }

    /// The forward pass.
    pub fn forward<R>(self) -> WorkCounts {
        let operations = 2 * self.pairs() * (self.inputs() + self.network.outputs);
        let scalars = self.parameters() + self.samples * self.network.inputs + self.kept_scalars();
        WorkCounts::of::<R>(operations, self.pairs(), scalars)
    }

    /// The backward pass. Where activations were not kept, they are computed again.
    pub fn backward<R>(self, gradient: GradientUse) -> WorkCounts {
        let outputs = self.network.outputs;
        let deltas = if outputs > 1 { outputs } else { 0 };
        let (again, activations) = if self.kept { (0, 0) } else { (2 * self.pairs() * self.inputs(), self.pairs()) };
        let (update, state) = gradient.of(self.parameters());
        let operations = 2 * self.pairs() * (self.inputs() + outputs + deltas) + again + update;
        let scalars = state + self.samples * self.network.inputs + self.kept_scalars();
        WorkCounts::of::<R>(operations, activations, scalars)
    }
}

/// A pass of a three-layer network on some samples.
#[derive(Clone, Copy)]
pub(super) struct ThreeLayerWork {
    /// Inputs d.
    pub inputs: usize,
    /// Outputs K.
    pub outputs: usize,
    /// Whether neurons have biases.
    pub bias: bool,
    /// Sizes N1 and N2 of the hidden layers.
    pub layers: [usize; 2],
    /// Number of samples n.
    pub samples: usize,
}

impl ThreeLayerWork {
    /// Weights of the first hidden layer, between the hidden layers, and of the outputs; with biases.
    fn weights(&self) -> [usize; 3] {
        let ([n1, n2], bias) = (self.layers, usize::from(self.bias));
        [n1 * (self.inputs + bias), n2 * (n1 + bias), n2 * self.outputs]
    }

    /// The forward pass, `2 n` operations for each weight.
    pub fn forward<R>(self) -> WorkCounts {
        let (n, [n1, n2]) = (self.samples, self.layers);
        let weights: usize = self.weights().iter().sum();
        // Values and slopes of both layers, and the packed values of the first, which are written and read.
        let scalars = weights + n * (self.inputs + 2 * (n1 + n2) + 2 * n1);
        WorkCounts::of::<R>(2 * n * weights, n * (n1 + n2), scalars)
    }

    /// The backward pass: the gradient, the products with the output weights and with the transpose of those between the
    /// hidden layers.
    pub fn backward<R>(self, gradient: GradientUse) -> WorkCounts {
        let (n, [n1, n2]) = (self.samples, self.layers);
        let [first, between, last] = self.weights();
        let weights = first + between + last;
        let (update, state) = gradient.of(weights);
        let operations = 2 * n * (weights + last + n1 * n2) + update;
        // Values of both layers, slopes of both, and the packed derivatives of the second, written and read.
        let scalars = state + n * (self.inputs + 2 * n1 + 5 * n2);
        WorkCounts::of::<R>(operations, 0, scalars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;

    fn two_layer(outputs: usize, bias: bool) -> TwoLayer {
        TwoLayer { inputs: 5, outputs, bias, activation: Activation::Tanh, fixed_output: false }
    }

    fn work(network: &TwoLayer, kept: bool) -> TwoLayerWork<'_> {
        TwoLayerWork { network, layout: network.layout(40), samples: 7, kept }
    }

    /// 7 samples, 40 neurons: padding of blocks is not counted.
    #[test]
    fn two_layers_are_counted_without_padding() {
        let network = two_layer(1, true);
        let forward = work(&network, true).forward::<f64>();
        assert_eq!((forward.operations, forward.activations, forward.single), (2 * 7 * 40 * 7, 7 * 40, false));
        assert_eq!(forward.bytes, 8 * (40 * 7 + 7 * 5 + 7 * 40));
        let step = |first_order, noise| GradientUse::Step { first_order, noise };
        let backward = work(&network, true).backward::<f32>(step(false, false));
        assert_eq!((backward.operations, backward.activations), (2 * 7 * 40 * 7 + 7 * 40 * 7, 0));
        let noisy = work(&network, true).backward::<f64>(step(true, true));
        assert_eq!(noisy.operations, 2 * 7 * 40 * 7 + (4 + 2) * 40 * 7);
        assert!(backward.single);
        let again = work(&network, false).backward::<f64>(GradientUse::Written);
        assert_eq!((again.operations, again.activations), (2 * 7 * 40 * (7 + 6) + 2 * 40 * 7, 7 * 40));
    }

    #[test]
    fn several_outputs_have_products_of_residuals() {
        let network = two_layer(3, false);
        let backward = work(&network, true).backward::<f64>(GradientUse::Written);
        assert_eq!(backward.operations, 2 * 7 * 40 * (5 + 3 + 3) + 2 * 40 * 8);
    }

    #[test]
    fn three_layers_have_three_products_with_the_weights_between() {
        let work = ThreeLayerWork { inputs: 5, outputs: 1, bias: true, layers: [10, 20], samples: 7 };
        let (forward, backward) = (work.forward::<f64>(), work.backward::<f64>(GradientUse::Written));
        assert_eq!((forward.operations, forward.activations), (2 * 7 * (10 * 6 + 20 * 11 + 20), 7 * 30));
        let weights = 10 * 6 + 20 * 11 + 20;
        assert_eq!(backward.operations, 2 * 7 * (weights + 20 + 200) + 2 * weights);
    }
}
