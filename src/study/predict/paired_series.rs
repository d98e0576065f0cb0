//! What pairs of weighted clouds give beyond the fields of the columns.

use crate::fluctuation::{Fluctuations, SecondOrderPart};

/// What pairs give beyond the fields of the columns, at the recording times.
pub(super) struct PairedSeries {
    /// The parts of second order; 0 by tangent vectors.
    pub parts: Vec<SecondOrderPart>,
    /// The coefficients of every hidden layer; with one, c.
    pub layer_variance: Vec<Vec<f64>>,
    /// The coefficient of their interaction.
    pub layer_interaction: Vec<f64>,
}

impl PairedSeries {
    /// Those of fluctuations at so many recording times.
    pub fn of(found: &Fluctuations, times: usize) -> Self {
        let parts = found.paired.as_ref().map_or_else(|| vec![SecondOrderPart::default(); times], |p| p.second.clone());
        match found.paired.as_ref().and_then(|parts| parts.first_layer.as_ref()) {
            Some(first) => {
                PairedSeries { parts, layer_variance: first.single.to_vec(), layer_interaction: first.between.clone() }
            }
            None => PairedSeries { parts, layer_variance: vec![found.variance()], layer_interaction: vec![0.0; times] },
        }
    }
}
