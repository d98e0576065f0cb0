//! The barrier of the constructive path between two trained networks.

use super::FluctuationError;
use super::dropout::add;
use super::law::{PredictedLaw, SampledQuantity, draw_stream};
use super::propagate::Fluctuations;

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
        let (mut barrier, mut keep_half) = (Vec::with_capacity(draws), Vec::with_capacity(draws));
        for draw in 0..draws {
            let mut rng = draw_stream(seed, SampledQuantity::Barrier, draw);
            let (mut end, mut most) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
            for network in 0..2 {
                let whole = self.draw_network(index, width, &mut rng)?;
                let half = add(&whole, &self.draw_bare(index, scale, &mut rng));
                let (risk, kept) = (self.risk(&whole), self.risk(&half));
                let both = first_layer.map(|layer| add(&half, &layer.halved(index, width, &mut rng)));
                let both = both.map_or(kept, |both| self.risk(&both));
                (end, most) = (end.max(risk), most.max(risk).max(kept).max(both));
                if network == 0 {
                    keep_half.push(kept - risk);
                }
            }
            barrier.push(most - end);
        }
        Ok(BarrierPrediction { barrier: PredictedLaw::new(barrier), keep_half: PredictedLaw::new(keep_half) })
    }
}
