//! The barrier of the constructive path between two trained networks.

use super::FluctuationError;
use super::law::{PredictedLaw, SampledQuantity, by_chunks, draw_stream, fill_normals};
use super::propagate::Fluctuations;
use ndarray::Array2;

/// The constructive path between two independent networks P and Q of N neurons: half of the neurons of each are kept,
/// which changes its predictions by `g~ / sqrt N`, g~ a bare fluctuation that is independent of the network's own
/// predictions to leading order, as sums and differences of the two halves are.
///
/// With two hidden layers the path halves the last one first, which changes the predictions by `g2 / sqrt N2`, and then
/// both, `g2 / sqrt N2 + g1 / sqrt N1 + h / N1`. The mean change h is that by the curvature of the second activation.
#[derive(Clone, Debug, PartialEq)]
pub struct BarrierPrediction {
    /// `max( R(P), R(Q), R(P kept), R(Q kept) ) - max( R(P), R(Q) )`, with the networks of which one hidden layer is
    /// halved among the kept ones.
    pub barrier: PredictedLaw,
    /// `R(P kept) - R(P)`, the last hidden layer halved.
    pub keep_half: PredictedLaw,
}

impl Fluctuations {
    /// The law of the barrier at recording time `index` between networks of N = `width` neurons. The loss is evaluated
    /// on sampled predictions.
    ///
    /// # Errors
    /// Where the second order was not computed.
    pub fn barrier(
        &self,
        index: usize,
        width: usize,
        draws: usize,
        seed: u64,
    ) -> Result<BarrierPrediction, FluctuationError> {
        let scale = (1.0 / (self.last_proportion() * width) as f64).sqrt();
        let first_layer = self.paired.as_ref().and_then(|parts| parts.first_layer.as_ref());
        let bias = self.bias_at(index)?;
        let of_layer = first_layer.map_or(0, |layer| layer.bare[index].ncols());
        let drawn = by_chunks(draws, |first, count| {
            let lengths = [self.columns(), self.bare_normals(index), of_layer];
            let mut normals = [0, 1].map(|_| lengths.map(|columns| Array2::zeros((count, columns))));
            for draw in 0..count {
                let mut rng = draw_stream(seed, SampledQuantity::Barrier, first + draw);
                normals.iter_mut().flatten().for_each(|rows| fill_normals(&mut rng, rows.row_mut(draw)));
            }
            let ends = normals.map(|[z, nu, layer]| {
                let whole = self.networks(index, (width, bias), &z);
                let half = &whole + &self.bare_fields(index, scale, nu);
                let both = first_layer.map(|first| &half + &first.halvings(index, width, &layer));
                (whole, half, both)
            });
            (0..count)
                .map(|draw| {
                    let risks = ends.each_ref().map(|(whole, half, both)| {
                        let (risk, kept) = (self.risk(whole.row(draw)), self.risk(half.row(draw)));
                        (risk, kept, both.as_ref().map_or(kept, |both| self.risk(both.row(draw))))
                    });
                    let end = risks.iter().map(|risk| risk.0).fold(f64::NEG_INFINITY, f64::max);
                    let most = risks.iter().map(|risk| risk.0.max(risk.1).max(risk.2)).fold(end, f64::max);
                    (most - end, risks[0].1 - risks[0].0)
                })
                .collect()
        });
        let (barrier, keep_half) = drawn.into_iter().unzip();
        Ok(BarrierPrediction { barrier: PredictedLaw::new(barrier), keep_half: PredictedLaw::new(keep_half) })
    }
}
