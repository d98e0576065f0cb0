//! Laws that are sampled from Gaussian fluctuations, and the fluctuation of the predictions.

use super::propagate::Fluctuations;
use super::record::FluctuationRecord;
use crate::compute::rng::{Role, Stream, stream};
use ndarray::Array2;
use rand::RngExt;
use rand_distr::StandardNormal;

/// A law on the line, as sorted draws.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedLaw {
    draws: Vec<f64>,
}

impl PredictedLaw {
    /// The law of these draws.
    pub fn new(mut draws: Vec<f64>) -> Self {
        draws.sort_by(f64::total_cmp);
        PredictedLaw { draws }
    }

    /// The draws in increasing order.
    pub fn draws(&self) -> &[f64] {
        &self.draws
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.draws.iter().sum::<f64>() / self.draws.len() as f64
    }

    /// The standard deviation.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let sum: f64 = self.draws.iter().map(|v| (v - mean).powi(2)).sum();
        (sum / (self.draws.len() as f64 - 1.0)).sqrt()
    }

    /// The quantile of a level between 0 and 1, interpolated linearly between draws; NaN without draws.
    pub fn quantile(&self, level: f64) -> f64 {
        let at = level.clamp(0.0, 1.0) * (self.draws.len() as f64 - 1.0);
        let below = at.floor().max(0.0) as usize;
        match (self.draws.get(below), self.draws.get(below + 1)) {
            (Some(low), Some(high)) => low + (at - below as f64) * (high - low),
            (Some(last), None) => *last,
            (None, _) => f64::NAN,
        }
    }
}

/// The laws that are sampled: the index `a` of [`Role::FluctuationDraw`].
#[derive(Clone, Copy, Debug)]
pub(super) enum SampledQuantity {
    Supremum = 0,
    LossGap = 1,
    Displacement = 2,
    Dropout = 3,
    Barrier = 4,
}

/// The random numbers of one draw.
pub(super) fn draw_stream(seed: u64, quantity: SampledQuantity, draw: usize) -> Stream {
    stream(seed, Role::FluctuationDraw, quantity as u64, draw as u64)
}

/// Standard normals.
pub(super) fn normals(rng: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}

/// `sum_k z_k F^k` for fields F (rows, C).
pub(super) fn combine(fields: &Array2<f64>, z: &[f64]) -> Vec<f64> {
    fields.dot(&ndarray::aview1(z)).to_vec()
}

/// `z' A z`.
pub(super) fn quadratic(a: &Array2<f64>, z: &[f64]) -> f64 {
    let z = ndarray::aview1(z);
    z.dot(&a.dot(&z))
}

impl Fluctuations {
    /// `c = sum_k |G^k|^2` at every recording time: `N E |f_N - f|^2`.
    pub fn variance(&self) -> Vec<f64> {
        self.records.iter().map(|record| record.variance(self.samples)).collect()
    }

    /// Columns C of the noise, those of both hidden layers where there are two.
    pub fn columns(&self) -> usize {
        self.weights.len() / self.particles
    }

    /// `N sup_t |f_N - f|^2` over the recording times: the law of `max_t z' Gram_t z` with `Gram_t = <G^k, G^l>`.
    pub fn supremum(&self, draws: usize, seed: u64) -> PredictedLaw {
        self.largest_square(&self.records, draws, seed)
    }

    /// The law of `N |f_N - f|^2` at recording time `index`.
    pub fn square_distance(&self, index: usize, draws: usize, seed: u64) -> PredictedLaw {
        self.largest_square(&self.records[index..=index], draws, seed)
    }

    /// The law of the largest `z' Gram z` over some records.
    fn largest_square(&self, records: &[FluctuationRecord], draws: usize, seed: u64) -> PredictedLaw {
        let gram = |record: &FluctuationRecord| record.field.t().dot(&record.field) / self.samples as f64;
        let grams: Vec<Array2<f64>> = records.iter().map(gram).collect();
        let columns = self.columns();
        let draw = |index| {
            let z = normals(&mut draw_stream(seed, SampledQuantity::Supremum, index), columns);
            grams.iter().map(|gram| quadratic(gram, &z)).fold(0.0, f64::max)
        };
        PredictedLaw::new((0..draws).map(draw).collect())
    }
}
