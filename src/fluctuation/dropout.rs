//! The cost of keeping some of the neurons of a trained network.

use super::FluctuationError;
use super::law::{PredictedLaw, SampledQuantity, combine, draw_stream, normals};
use super::propagate::Fluctuations;
use super::record::inner;
use crate::compute::rng::Stream;
use ndarray::{ArrayView1, aview1};

/// The spread of the features of a network, `S_N^2 = E_x ( mean_i |phi_i|^2 - |f_N|^2 )`, on which the mean cost of
/// dropout depends for the half-squared loss. N is the number of neurons of the last hidden layer, to which the
/// features belong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpreadPrediction {
    /// `S^2` of the limit.
    pub limit: f64,
    /// `N (E S_N^2 - S^2) = Q_2 - 2 <f, b> - c`, Q_2 the bias of `mean |phi|^2`.
    pub bias: f64,
    /// `N Var S_N^2`.
    pub variance: f64,
}

impl SpreadPrediction {
    /// The mean of `S_N^2` at `u = 1/N`.
    pub fn mean(&self, u: f64) -> f64 {
        self.limit + u * self.bias
    }

    /// The mean over random sets and networks of `R(f_A) - R(f_N)` for the half-squared loss, where `kept` = M of the N
    /// = `width` neurons are kept: `(N - M) S_N^2 / (2 M (N - 1))`. It holds for every network exactly.
    pub fn mean_cost(&self, width: usize, kept: usize) -> f64 {
        let (n, m) = (width as f64, kept as f64);
        0.5 * (n - m) / (m * (n - 1.0)) * self.mean(1.0 / n)
    }
}

impl Fluctuations {
    /// The spread of the features at recording time `index`.
    ///
    /// With p neurons of the last hidden layer per unit of width, bias and variance are p times those per unit of width.
    ///
    /// The fluctuation of `S_N^2` along weights nu is `(1/sqrt M) sum_i beta_i nu_i + R(nu)`, where
    /// `beta_i = E|phi_i|^2 - Q - 2 <f, phi_i - f>` is that of independent particles, and the response is
    /// `R^k = Q_1^k - g-part - 2 <f, G^k - g^k>` on column k. The variance is exact in the first term:
    /// `(1/M) sum_i beta_i^2 + sum_k ( (beta^k + R^k)^2 - (beta^k)^2 )`.
    ///
    /// # Errors
    /// Where the second order was not computed.
    pub fn spread(&self, index: usize) -> Result<SpreadPrediction, FluctuationError> {
        let record = &self.records[index];
        let what = "the bias of the spread";
        let bias = record.bias.as_ref().ok_or(FluctuationError::NoSecondOrder { what })?;
        let square_bias = record.square_bias.ok_or(FluctuationError::NoSecondOrder { what })?;
        let samples = self.samples;
        let norm = inner(&record.f, aview1(&record.f), samples);
        let (m, columns) = (self.particles as f64, self.columns());
        let proportion = self.last_proportion() as f64;
        let particles = record.particle_squares.iter().zip(&record.particle_overlaps);
        let beta: Vec<f64> = particles.map(|(q, overlap)| q - record.square - 2.0 * (overlap - norm)).collect();
        let mut variance = beta.iter().map(|b| b * b).sum::<f64>() / m;
        for k in 0..columns {
            let along = |row: ArrayView1<'_, f64>| inner(&record.f, row, samples);
            let weights = self.weights.iter().skip(k).step_by(columns);
            let bare = beta.iter().zip(weights).map(|(b, nu)| b * nu).sum::<f64>() / m.sqrt();
            let total = record.square_field[k] - 2.0 * along(record.field.column(k));
            let response = proportion.sqrt() * total - (record.square_bare[k] - 2.0 * along(record.bare.column(k)));
            variance += (bare + response).powi(2) - bare * bare;
        }
        Ok(SpreadPrediction {
            limit: record.spread,
            bias: proportion * (square_bias - 2.0 * inner(&record.f, aview1(bias), samples) - record.variance(samples)),
            variance,
        })
    }

    /// The law of `R(f_A) - R(f_N)` over networks with N = `neurons` in the last hidden layer and random sets A of
    /// M = `kept` of them at recording time `index`, for any loss: `f_N = f + G / sqrt N + b / N` and
    /// `f_A - f_N = sqrt(1/M - 1/N) g~` with the bare fluctuation g~ of independent particles, from the features where
    /// they were recorded, otherwise from the columns.
    ///
    /// # Errors
    /// Where the second order was not computed.
    pub fn dropout_cost(
        &self,
        index: usize,
        (neurons, kept): (usize, usize),
        draws: usize,
        seed: u64,
    ) -> Result<PredictedLaw, FluctuationError> {
        let scale = (1.0 / kept as f64 - 1.0 / neurons as f64).sqrt();
        let width = neurons / self.last_proportion();
        let draw = |draw| {
            let mut rng = draw_stream(seed, SampledQuantity::Dropout, draw);
            let network = self.draw_network(index, width, &mut rng)?;
            let dropped = self.draw_bare(index, scale, &mut rng);
            Ok(self.risk(&add(&network, &dropped)) - self.risk(&network))
        };
        Ok(PredictedLaw::new((0..draws).map(draw).collect::<Result<_, FluctuationError>>()?))
    }

    /// One draw of the predictions `f + G / sqrt N + b / N` of a network, (n K).
    pub(super) fn draw_network(
        &self,
        index: usize,
        width: usize,
        rng: &mut Stream,
    ) -> Result<Vec<f64>, FluctuationError> {
        let record = &self.records[index];
        let what = "the law of the predictions";
        let bias = record.bias.as_ref().ok_or(FluctuationError::NoSecondOrder { what })?;
        let field = combine(&record.field, &normals(rng, record.columns()));
        let (u, f) = (1.0 / width as f64, &record.f);
        Ok(f.iter().zip(&field).zip(bias).map(|((f, g), b)| f + u.sqrt() * g + u * b).collect())
    }

    /// One draw of the bare fluctuation times `scale`, (n K).
    pub(super) fn draw_bare(&self, index: usize, scale: f64, rng: &mut Stream) -> Vec<f64> {
        let record = &self.records[index];
        let mut out = match &record.features {
            Some(features) => {
                let mut nu = normals(rng, features.nrows());
                let mean = nu.iter().sum::<f64>() / nu.len() as f64;
                nu.iter_mut().for_each(|v| *v -= mean);
                let root = (nu.len() as f64).sqrt();
                aview1(&nu).dot(features).iter().map(|v| v / root).collect()
            }
            None => combine(&record.bare, &normals(rng, record.columns())),
        };
        out.iter_mut().for_each(|v| *v *= scale);
        out
    }

    /// Neurons of the last hidden layer per unit of width.
    pub(super) fn last_proportion(&self) -> usize {
        let first_layer = self.paired.as_ref().and_then(|parts| parts.first_layer.as_ref());
        first_layer.map_or(1, |layer| layer.proportions[1])
    }

    /// The mean loss of predictions on the sample.
    pub(super) fn risk(&self, f: &[f64]) -> f64 {
        self.loss.mean(f, &self.labels, self.outputs)
    }
}

/// The sum of two fields.
pub(super) fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
