//! Laws that are sampled from Gaussian fluctuations, and the fluctuation of the predictions.

use super::propagate::Fluctuations;
use super::record::FluctuationRecord;
use crate::compute::profile::{self, WorkKind};
use crate::compute::rng::{Role, Stream, stream};
use ndarray::{Array2, ArrayViewMut1, Axis};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// Draws of one product of matrices.
const DRAWS_AT_ONCE: usize = 64;

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

/// The numbers of all draws, from those of some draws: `work(first, count)`.
pub(super) fn by_chunks<T: Clone + Send>(draws: usize, work: impl Fn(usize, usize) -> Vec<T> + Sync) -> Vec<T> {
    let chunks: Vec<Vec<T>> = (0..draws.div_ceil(DRAWS_AT_ONCE))
        .into_par_iter()
        .map(|chunk| {
            let _timed = profile::time(WorkKind::Columns);
            work(chunk * DRAWS_AT_ONCE, DRAWS_AT_ONCE.min(draws - chunk * DRAWS_AT_ONCE))
        })
        .collect();
    chunks.concat()
}

/// Fills a row with standard normals.
pub(super) fn fill_normals(rng: &mut Stream, mut row: ArrayViewMut1<'_, f64>) {
    row.iter_mut().for_each(|v| *v = rng.sample(StandardNormal));
}

/// Standard normals.
pub(super) fn normals(rng: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
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
        PredictedLaw::new(by_chunks(draws, |first, count| {
            let mut z = Array2::zeros((count, self.columns()));
            for (draw, row) in z.outer_iter_mut().enumerate() {
                fill_normals(&mut draw_stream(seed, SampledQuantity::Supremum, first + draw), row);
            }
            let mut largest = vec![0.0; count];
            for gram in &grams {
                let squares = (z.dot(gram) * &z).sum_axis(Axis(1));
                largest.iter_mut().zip(squares).for_each(|(most, square)| *most = f64::max(*most, square));
            }
            largest
        }))
    }
}
