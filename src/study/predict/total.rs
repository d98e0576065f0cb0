//! The sum of all parts of the deviation: width, step and mini-batches.

use super::PredictArrays;
use super::quantity::PredictedQuantity;
use super::record::{DeviationArrays, StepTermArrays, TotalArrays};
use crate::fluctuation::{DeviationResponses, PredictedLaw};
use ndarray::{Array, Array1, Array3, Array4, Axis};

/// How networks are trained, as far as their deviation from the limit is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkSetting {
    /// Width N.
    pub width: f64,
    /// `1/M` where the networks start from particles of a reference of M beside which they are measured, otherwise 0.
    pub coupled: f64,
    /// Step eps; 0 for continuous time.
    pub step: f64,
    /// Batch size B; infinite for the full gradient.
    pub batch: f64,
    /// The step whose part, scaled from the networks' own step, is that of `step`; the same where the part is in
    /// proportion to the step.
    pub offset: f64,
}

impl NetworkSetting {
    /// Networks beside the limit of infinite width.
    pub fn new(width: f64, step: f64, batch: f64) -> Self {
        NetworkSetting { width, coupled: 0.0, step, batch, offset: step }
    }

    /// `1/N - 1/M`.
    fn inverse_width(self) -> f64 {
        1.0 / self.width - self.coupled
    }

    /// `eps / B`.
    fn noise(self) -> f64 {
        self.step / self.batch
    }

    /// The coefficients of the fields of a draw, with g scaled by `bare`.
    fn coefficients(self, bare: f64) -> [f64; DeviationResponses::FIELDS] {
        let (u, w) = (self.inverse_width(), self.noise());
        [self.offset, u.sqrt(), w.sqrt(), bare, u, w]
    }
}

impl DeviationArrays {
    fn draws(&self) -> usize {
        self.slopes.nrows()
    }

    /// The law of the largest distance of the predictions over the recording times.
    pub fn distance(&self, setting: NetworkSetting) -> PredictedLaw {
        let (eps, u, w) = (setting.offset, setting.inverse_width(), setting.noise());
        let cross = [2.0 * eps * u.sqrt(), 2.0 * eps * w.sqrt(), 2.0 * (u * w).sqrt()];
        let factors = [eps * eps, u, w, cross[0], cross[1], cross[2]];
        let square =
            |products: ndarray::ArrayView1<f64>| products.iter().zip(factors).map(|(v, factor)| factor * v).sum();
        let largest = |draw: ndarray::ArrayView2<f64>| draw.outer_iter().map(square).fold(0.0, f64::max).sqrt();
        PredictedLaw::new(self.distances.outer_iter().map(largest).collect())
    }

    /// The loss gap of a draw.
    fn gap(&self, draw: usize, v: &[f64; DeviationResponses::FIELDS]) -> f64 {
        let curvature = self.curvature.index_axis(Axis(0), draw);
        let rows = v.iter().zip(self.slopes.row(draw)).zip(curvature.outer_iter());
        rows.map(|((vi, slope), row)| vi * (slope + 0.5 * row.iter().zip(v).map(|(a, vj)| a * vj).sum::<f64>())).sum()
    }

    /// The law of the loss gap at the end.
    pub fn loss(&self, setting: NetworkSetting) -> PredictedLaw {
        let v = setting.coefficients(0.0);
        PredictedLaw::new((0..self.draws()).map(|draw| self.gap(draw, &v)).collect())
    }

    /// The law of the loss that is added at the end by keeping `kept` random neurons of the network.
    pub fn dropout(&self, setting: NetworkSetting, kept: f64) -> PredictedLaw {
        let (whole, part) = self.kept(setting, kept);
        PredictedLaw::new((0..self.draws()).map(|draw| self.gap(draw, &part) - self.gap(draw, &whole)).collect())
    }

    /// The law of the barrier of the constructive path at the end, between networks with mini-batches of their own.
    pub fn barrier(&self, setting: NetworkSetting) -> PredictedLaw {
        let (whole, part) = self.kept(setting, 0.5 * setting.width);
        let risks: Vec<[f64; 2]> =
            (0..self.draws()).map(|draw| [self.gap(draw, &whole), self.gap(draw, &part)]).collect();
        // Consecutive draws are the two networks.
        let barrier = |draw: usize| {
            let ([p, p_kept], [q, q_kept]) = (risks[draw], risks[(draw + 1) % risks.len()]);
            p.max(q).max(p_kept).max(q_kept) - p.max(q)
        };
        PredictedLaw::new((0..risks.len()).map(barrier).collect())
    }

    /// The coefficients of a network, and those with `kept` random neurons of it.
    fn kept(&self, setting: NetworkSetting, kept: f64) -> ([f64; 6], [f64; 6]) {
        let bare = (1.0 / kept - 1.0 / setting.width).max(0.0).sqrt();
        (setting.coefficients(0.0), setting.coefficients(bare))
    }
}

impl StepTermArrays {
    /// A row of a table at a step; from the step that is nearest in ratio, scaled by `power` of the step, where the step
    /// is not among the predicted ones.
    fn at(&self, step: f64, table: &ndarray::Array2<f64>, time: usize, power: i32) -> f64 {
        if step == 0.0 {
            return 0.0;
        }
        let distance = |row: &usize| (self.values[*row] / step).ln().abs();
        let nearest = (0..self.values.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or(f64::NAN, |row| table[(row, time)] * (step / self.values[row]).powi(power))
    }
}

impl PredictArrays {
    fn last(&self) -> usize {
        self.times.len() - 1
    }

    /// The square distance of the predictions at the end that is due to the step; NaN where it is not predicted.
    pub fn step_square(&self, step: f64) -> f64 {
        self.step.as_ref().map_or(f64::NAN, |part| part.at(step, &part.function, self.last(), 1).powi(2))
    }

    /// The mean square distance of the predictions at the end that is due to mini-batches; NaN where that is not
    /// predicted.
    pub fn batch_square(&self, step: f64, batch: f64) -> f64 {
        let of = || self.batch.as_ref().map_or(f64::NAN, |part| step / batch * part.variance[self.last()]);
        if batch.is_infinite() { 0.0 } else { of() }
    }

    /// The setting with the size of the part of its step as that was computed; draws have its direction for the
    /// networks' own step.
    pub(super) fn resolved(&self, setting: NetworkSetting) -> NetworkSetting {
        let Some(draws) = &self.draws else { return setting };
        let unit = draws.distances[(0, self.last(), 0)];
        let offset = (self.step_square(setting.step) / unit).sqrt();
        // Without a part of the step there is nothing to scale.
        if unit > 0.0 && !offset.is_nan() { NetworkSetting { offset, ..setting } } else { setting }
    }

    /// The mean of a quantity for networks of a setting, the sum of all parts; NaN where a part is not predicted.
    pub fn total(&self, quantity: PredictedQuantity, setting: NetworkSetting) -> f64 {
        let (Some(step), Some(draws)) = (&self.step, &self.draws) else { return f64::NAN };
        let setting = self.resolved(setting);
        let (u, w, last) = (setting.inverse_width(), setting.noise(), self.last());
        if w > 0.0 && self.batch.is_none() {
            return f64::NAN;
        }
        let noise = |of: &dyn Fn(&super::BatchArrays) -> f64| self.batch.as_ref().map_or(0.0, |part| w * of(part));
        match quantity {
            PredictedQuantity::Function => {
                quantity.predicted(&[], &self.whole, setting.width, u)
                    + self.step_square(setting.step)
                    + self.batch_square(setting.step, setting.batch)
            }
            PredictedQuantity::FunctionSup => {
                let law = draws.distance(setting);
                law.draws().iter().map(|v| v * v).sum::<f64>() / law.draws().len() as f64
            }
            PredictedQuantity::LossMean => {
                let step = step.at(setting.step, &step.loss, last, 1);
                quantity.predicted(&[], &self.whole, setting.width, u) + step + noise(&|part| part.gap_mean[last])
            }
            PredictedQuantity::LossDeviation => draws.loss(setting).deviation(),
            PredictedQuantity::Coupling => {
                let step = step.at(setting.step, &step.coupling, last, 1);
                u * self.whole.coupling[last] + step * step + noise(&|part| part.coupling[last])
            }
            PredictedQuantity::Dropout => {
                let row = self.widths.iter().position(|&width| width == setting.width);
                let (n, kept) = (setting.width, (0.5 * setting.width).floor());
                let factor = 0.5 * (n - kept) / (kept * (n - 1.0));
                row.map_or(f64::NAN, |row| {
                    self.whole.dropout[(row, last)] + factor * noise(&|part| part.spread_bias[last])
                })
            }
            // Two networks are compared with each other, not with a reference.
            PredictedQuantity::Barrier => draws.barrier(NetworkSetting { coupled: 0.0, ..setting }).mean(),
        }
    }

    /// The sums of all parts for the predicted widths and steps and these batch sizes; `None` where a part is not
    /// predicted.
    pub(super) fn with_totals(mut self, batches: &[usize]) -> Self {
        let (Some(step), Some(draws)) = (&self.step, &self.draws) else { return self };
        let batches: Array1<f64> = std::iter::once(f64::INFINITY).chain(batches.iter().map(|&b| b as f64)).collect();
        let dim = (self.widths.len(), step.values.len(), batches.len());
        let setting = |w: usize, s: usize, b: usize| {
            self.resolved(NetworkSetting::new(self.widths[w], step.values[s], batches[b]))
        };
        let law = |of: &dyn Fn(NetworkSetting) -> PredictedLaw| -> Array4<f64> {
            let numbers = |w, s, b| {
                let law = of(setting(w, s, b));
                [law.mean(), law.quantile(0.95)]
            };
            let cells = ndarray::indices(dim).into_iter().flat_map(|(w, s, b)| numbers(w, s, b));
            Array::from_iter(cells).into_shape_with_order((dim.0, dim.1, dim.2, 2)).expect("two numbers a cell")
        };
        let function = |(w, s, b)| self.total(PredictedQuantity::Function, setting(w, s, b));
        let totals = TotalArrays {
            function: Array3::from_shape_fn(dim, function),
            supremum: law(&|setting| draws.distance(setting)),
            loss: law(&|setting| draws.loss(setting)),
            dropout: law(&|setting| draws.dropout(setting, (0.5 * setting.width).floor())),
            barrier: law(&|setting| draws.barrier(setting)),
            batches,
        };
        self.totals = Some(totals);
        self
    }
}
