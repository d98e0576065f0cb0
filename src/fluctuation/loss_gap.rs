//! The difference of the risks of a network and of its limit.

use super::FluctuationError;
use super::law::{PredictedLaw, SampledQuantity, draw_stream, fill_normals};
use super::propagate::Fluctuations;
use super::record::inner;
use ndarray::{Array1, Array2, Axis, aview1};

/// The gap of the risk, `R(f_N) - R(f)`, to second order in the deviation,
///
/// ```text
/// ( <e, G> + lambda/2 Q_1 ) / sqrt N + ( <e, b> + lambda/2 Q_2 + 1/2 <l'' G, G> ) / N
/// ```
///
/// exact in the deviation for the half-squared loss, as a function of `u = 1/N`, or of `1/N - 1/M` for a network that
/// is coupled to a reference of M particles. Q is the mean square of the parameters ([`super::SquareNorm`]).
#[derive(Clone, Debug)]
pub struct LossGap {
    /// `<e, b> + lambda/2 E Q_2`.
    pub bias: f64,
    /// `<e, G^k> + lambda/2 Q_1^k`, (C).
    pub slopes: Vec<f64>,
    /// `<l'' G^k, G^l>`, (C, C).
    pub curvature: Array2<f64>,
}

impl Fluctuations {
    /// The law of the loss gap at recording time `index`.
    ///
    /// # Errors
    /// Where the second order was not computed: the bias is as large as the term of the curvature.
    pub fn loss_gap(&self, index: usize) -> Result<LossGap, FluctuationError> {
        let record = &self.records[index];
        let bias = record.bias.as_ref().ok_or(FluctuationError::NoSecondOrder { what: "the loss gap" })?;
        let mut e = vec![0.0; bias.len()];
        let pairs = record.f.chunks_exact(self.outputs).zip(self.labels.chunks_exact(self.outputs));
        for ((f, y), e) in pairs.zip(e.chunks_exact_mut(self.outputs)) {
            self.loss.derivative(f, y, e);
        }
        let (curvature, mut slopes) = record.loss_moments(self.loss, &self.labels, self.outputs);
        let (half, norm) = (0.5 * self.ridge, &record.square_norm);
        slopes.iter_mut().zip(&norm.field).for_each(|(slope, q)| *slope += half * q);
        let bias = inner(&e, aview1(bias), self.samples) + half * norm.bias.unwrap_or(0.0);
        Ok(LossGap { bias, slopes, curvature })
    }
}

impl LossGap {
    /// N times the mean: `<e, b> + lambda/2 E Q_2 + 1/2 sum_k <l'' G^k, G^k>`.
    pub fn scaled_mean(&self) -> f64 {
        self.bias + 0.5 * self.curvature.diag().sum()
    }

    /// The mean at `u = 1/N`.
    pub fn mean(&self, u: f64) -> f64 {
        u * self.scaled_mean()
    }

    /// The standard deviation at `u = 1/N`: `sqrt( u sum_k s_k^2 + u^2/2 sum_kl <l'' G^k, G^l>^2 )`, s the slopes. The first term
    /// is the leading one unless the residuals vanish.
    pub fn deviation(&self, u: f64) -> f64 {
        let linear: f64 = self.slopes.iter().map(|v| v * v).sum();
        let square: f64 = self.curvature.iter().map(|v| v * v).sum();
        (u * linear + 0.5 * u * u * square).sqrt()
    }

    /// Draws of the gap; with the same seed those of all times have the same normals.
    pub fn draws(&self, draws: usize, seed: u64) -> LossGapDraws {
        let mut z = Array2::zeros((draws, self.slopes.len()));
        for (index, row) in z.outer_iter_mut().enumerate() {
            fill_normals(&mut draw_stream(seed, SampledQuantity::LossGap, index), row);
        }
        let square = (z.dot(&self.curvature) * &z).sum_axis(Axis(1));
        let linear = z.dot(&aview1(&self.slopes));
        LossGapDraws { linear, quadratic: 0.5 * square + self.bias }
    }

    /// The law at `u = 1/N`.
    pub fn law(&self, u: f64, draws: usize, seed: u64) -> PredictedLaw {
        self.draws(draws, seed).law(u)
    }
}

/// Draws of both parts of the loss gap, from which its law follows for every width.
#[derive(Clone, Debug)]
pub struct LossGapDraws {
    /// `<e, G> + lambda/2 Q_1`.
    linear: Array1<f64>,
    /// `<e, b> + lambda/2 Q_2 + 1/2 <l'' G, G>`.
    quadratic: Array1<f64>,
}

impl LossGapDraws {
    /// The law at `u = 1/N`.
    pub fn law(&self, u: f64) -> PredictedLaw {
        PredictedLaw::new((u.sqrt() * &self.linear + u * &self.quadratic).to_vec())
    }
}
