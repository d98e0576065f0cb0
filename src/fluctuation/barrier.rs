//! The barrier of the constructive path between two trained networks.

use super::FluctuationError;
use super::dropout::add;
use super::law::{PredictedLaw, SampledQuantity, draw_stream};
use super::propagate::Fluctuations;

/// The constructive path between two independent networks P and Q of N neurons: half of the neurons of each are kept,
/// which changes its predictions by `g~ / sqrt N`, g~ a bare fluctuation that is independent of the network's own
/// predictions to leading order, as sums and differences of the two halves are.
#[derive(Clone, Debug, PartialEq)]
pub struct BarrierPrediction {
    /// `max( R(P), R(Q), R(P kept), R(Q kept) ) - max( R(P), R(Q) )`.
    pub barrier: PredictedLaw,
    /// `R(P kept) - R(P)`.
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
        let scale = (1.0 / width as f64).sqrt();
        let (mut barrier, mut keep_half) = (Vec::with_capacity(draws), Vec::with_capacity(draws));
        for draw in 0..draws {
            let mut rng = draw_stream(seed, SampledQuantity::Barrier, draw);
            let mut risks = [[0.0; 2]; 2];
            for [whole, kept] in &mut risks {
                let network = self.draw_network(index, width, &mut rng)?;
                let half = self.draw_bare(index, scale, &mut rng);
                (*whole, *kept) = (self.risk(&network), self.risk(&add(&network, &half)));
            }
            let [[p, p_kept], [q, q_kept]] = risks;
            barrier.push(p.max(q).max(p_kept).max(q_kept) - p.max(q));
            keep_half.push(p_kept - p);
        }
        Ok(BarrierPrediction { barrier: PredictedLaw::new(barrier), keep_half: PredictedLaw::new(keep_half) })
    }
}
