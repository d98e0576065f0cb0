//! The distance of the neurons of a network from their particles of the limit.

use super::FluctuationError;
use super::law::{PredictedLaw, SampledQuantity, draw_stream, normals};
use super::propagate::Fluctuations;
use crate::compute::rng::random_order;
use rand::RngExt;

impl Fluctuations {
    /// The root mean square of `|theta_i - theta_i'|` at recording time `index` and `u = 1/N`:
    /// `sqrt( (u / M) sum_ik |xi_i^k|^2 )`.
    pub fn coupling_distance(&self, index: usize, u: f64) -> f64 {
        (u * self.records[index].coupling()).sqrt()
    }

    /// The law of `max_i |theta_i - theta_i'|` over the N = `width` neurons of a network at the end, from the tangent
    /// vectors `|sum_k z_k xi_i^k| / sqrt N` of N random particles: distinct ones where the cloud has as many.
    ///
    /// # Errors
    /// Where there are no tangent vectors.
    pub fn largest_displacement(
        &self,
        width: usize,
        draws: usize,
        seed: u64,
    ) -> Result<PredictedLaw, FluctuationError> {
        let layout = self.layout.ok_or(FluctuationError::NoTangentVectors { what: "the largest displacement" })?;
        let (columns, stride, particles) = (layout.columns, layout.stride(), self.particles);
        let xi = &self.end.theta[layout.cloud_len()..];
        let draw = |index| {
            let mut rng = draw_stream(seed, SampledQuantity::Displacement, index);
            let z = normals(&mut rng, columns);
            let neurons = if width <= particles {
                random_order(&mut rng, particles, width)
            } else {
                (0..width).map(|_| rng.random_range(0..particles)).collect()
            };
            let square = |i: usize| -> f64 {
                let rows = xi[i * layout.particle_len()..][..layout.particle_len()].chunks_exact(stride);
                rows.map(|row| row.iter().zip(&z).map(|(xi, z)| xi * z).sum::<f64>().powi(2)).sum()
            };
            (neurons.into_iter().map(square).fold(0.0, f64::max) / width as f64).sqrt()
        };
        Ok(PredictedLaw::new((0..draws).map(draw).collect()))
    }
}
