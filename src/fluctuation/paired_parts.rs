//! What pairs of clouds give beyond the fields of the columns.

use ndarray::Array2;

/// What pairs of clouds give beyond the fields of the columns.
#[derive(Clone, Debug)]
pub struct PairedParts {
    /// The parts of second order in 1/N at the recording times.
    pub second: Vec<SecondOrderPart>,
    /// The first of two hidden layers.
    pub first_layer: Option<FirstLayer>,
}

/// `N^2` times what the interaction D of two hidden layers adds to the expectations of networks of width N, at one time;
/// 0 with one hidden layer. Other terms of this order are left out: those of the third cumulants of the starts are not
/// contained in symmetric weights, and `E |J|^2` alone is a worse approximation than zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SecondOrderPart {
    /// Of `E |f_N - f|^2`: `E |D|^2`.
    pub variance: f64,
    /// Of the mean loss gap: half of `E <l'' D, D>`.
    pub gap_mean: f64,
    /// Of the variance of the loss gap, beyond that of `<l'' G, G> / 2`.
    pub gap_variance: f64,
}

/// The first of two hidden layers, and the coefficients of Hoeffding's decomposition.
#[derive(Clone, Debug)]
pub struct FirstLayer {
    /// Neurons of both hidden layers per unit of width.
    pub proportions: [usize; 2],
    /// c1 and c2 at the recording times.
    pub single: [Vec<f64>; 2],
    /// c12 at the recording times.
    pub between: Vec<f64>,
    /// The bare fluctuation of the first layer, (n K, C) at the recording times; columns of the second layer are zero.
    pub bare: Vec<Array2<f64>>,
    /// Its variance `S^2` at the recording times.
    pub spread: Vec<f64>,
    /// N1 times the mean change of the predictions where half of the N1 neurons are kept, (n K), at the last recording
    /// time.
    pub halving: Vec<f64>,
}
