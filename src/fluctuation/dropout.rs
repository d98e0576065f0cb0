//! The cost of keeping some of the neurons of a trained network.

use super::FluctuationError;
use super::law::{PredictedLaw, SampledQuantity, by_chunks, draw_stream, fill_normals};
use super::propagate::Fluctuations;
use super::record::inner;
use ndarray::{Array2, ArrayView1, aview1};

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
        let bias = self.bias_at(index)?;
        Ok(PredictedLaw::new(by_chunks(draws, |first, count| {
            let mut normals = [self.columns(), self.bare_normals(index)].map(|columns| Array2::zeros((count, columns)));
            for draw in 0..count {
                let mut rng = draw_stream(seed, SampledQuantity::Dropout, first + draw);
                normals.iter_mut().for_each(|rows| fill_normals(&mut rng, rows.row_mut(draw)));
            }
            let [z, nu] = normals;
            let network = self.networks(index, (width, bias), &z);
            let dropped = &network + &self.bare_fields(index, scale, nu);
            let risks = dropped.outer_iter().zip(network.outer_iter());
            risks.map(|(dropped, network)| self.risk(dropped) - self.risk(network)).collect()
        })))
    }

    /// The mean second order b at recording time `index`.
    pub(super) fn bias_at(&self, index: usize) -> Result<&[f64], FluctuationError> {
        let what = "the law of the predictions";
        self.records[index].bias.as_deref().ok_or(FluctuationError::NoSecondOrder { what })
    }

    /// Draws of the predictions `f + G / sqrt N + b / N` of networks, (draws, n K), from standard normals (draws, C).
    pub(super) fn networks(&self, index: usize, (width, bias): (usize, &[f64]), z: &Array2<f64>) -> Array2<f64> {
        let (record, u) = (&self.records[index], 1.0 / width as f64);
        let mut out = z.dot(&record.field.t());
        for mut row in out.outer_iter_mut() {
            let limit = record.f.iter().zip(bias);
            row.iter_mut().zip(limit).for_each(|(v, (f, b))| *v = f + u.sqrt() * *v + u * b);
        }
        out
    }

    /// Standard normals of a draw of the bare fluctuation.
    pub(super) fn bare_normals(&self, index: usize) -> usize {
        let record = &self.records[index];
        record.features.as_ref().map_or(record.columns(), Array2::nrows)
    }

    /// Draws of the bare fluctuation times `scale`, (draws, n K), from standard normals, one row for each draw.
    pub(super) fn bare_fields(&self, index: usize, scale: f64, mut nu: Array2<f64>) -> Array2<f64> {
        let record = &self.records[index];
        match &record.features {
            Some(features) => {
                for mut row in nu.outer_iter_mut() {
                    let mean = row.sum() / row.len() as f64;
                    row -= mean;
                }
                nu.dot(features) * (scale / (features.nrows() as f64).sqrt())
            }
            None => nu.dot(&record.bare.t()) * scale,
        }
    }

    /// Neurons of the last hidden layer per unit of width.
    pub(super) fn last_proportion(&self) -> usize {
        let first_layer = self.paired.as_ref().and_then(|parts| parts.first_layer.as_ref());
        first_layer.map_or(1, |layer| layer.proportions[1])
    }

    /// The mean loss of predictions (n K) on the sample.
    pub(super) fn risk(&self, f: ArrayView1<'_, f64>) -> f64 {
        match f.as_slice() {
            Some(f) => self.loss.mean(f, &self.labels, self.outputs),
            None => self.loss.mean(&f.to_vec(), &self.labels, self.outputs),
        }
    }
}
