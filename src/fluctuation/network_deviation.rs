//! The deviation of a network as an average over its neurons.
//!
//! The predicted deviation of [`super::SeedPrediction`] is linear in the empirical law of the starts: with the neurons
//! in the field of the limit, without interaction, it is the mean over them of the influence function
//!
//! ```text
//! I(z) = phi(.; theta_T(z)) - f_T + sum_k zeta_k(z) (G^k_T - g^k_T),
//! zeta_k(z) = sum_t <phi(.; theta_t(z)) - f_t, g^k_t> / sum_t |g^k_t|^2
//! ```
//!
//! of their starts z. For independent starts therefore `E |d_N - d_M|^2 = (1/N - 1/M) tr Cov I`, where the N neurons
//! are among the M, whatever the law of I: the mean of the prediction follows from single independent starts.

use super::FluctuationError;
use super::features::{FeatureBuffer, tile_groups};
use super::given_field::{GivenField, GivenForce};
use super::inputs::InputTiles;
use super::propagate::Fluctuations;
use crate::compute::Threads;
use crate::dynamics::{Ensemble, Noise, Scheme, Simulation, State, StopReason, TimeLoop};
use crate::network::{Loss, TwoLayer};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use std::ops::Range;

/// What determines the influence of a start on the predictions and on the risk at the end.
#[derive(Clone, Debug)]
pub struct InfluenceMap {
    outputs: usize,
    loss: Loss,
    ridge: f64,
    /// Recording times at which the modes are compared with the features.
    times: Vec<usize>,
    /// `g^k_t / (n sum_t |g^k_t|^2)` at these times, (n K, modes).
    projections: Vec<Mat<f64>>,
    /// `sum_t <f_t, g^k_t> / sum_t |g^k_t|^2`, (modes).
    centres: Vec<f64>,
    /// `G^k - g^k` at the end, (modes, n K).
    response: Mat<f64>,
    /// The response of `mean |theta|^2` at the end, (modes).
    norm_response: Vec<f64>,
    /// Predictions and labels at the end, (n K).
    f: Vec<f64>,
    labels: Vec<f64>,
    /// `l'(f)` at the end, (n K).
    residual: Vec<f64>,
}

/// Sums over independent starts of their influence.
#[derive(Clone, Debug, PartialEq)]
pub struct InfluenceSums {
    /// Starts.
    pub count: usize,
    /// Sum of I, (n K).
    pub field: Vec<f64>,
    /// Sum of `|I|^2`.
    pub square: f64,
    /// Sum of `<l'' I, I>`.
    pub curved: f64,
    /// Sum of the influence on the risk to first order: `<l', I> + (lambda/2) (|theta|^2 + response)`.
    pub slope: f64,
}

/// The predicted difference of a network and a reference at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkDeviation {
    /// Of the predictions, (n K).
    pub field: Vec<f64>,
    /// Its mean square.
    pub square: f64,
    /// Of the risks: the difference of `<l', d> + <l'' d, d> / 2`, d the deviation of either from the limit, and of the
    /// ridge term to first order.
    pub risk: f64,
}

impl InfluenceMap {
    /// From fluctuations with modes. `times` are the recording times of the features from which the modes were found.
    pub fn new(found: &Fluctuations, times: &[usize]) -> Self {
        let (samples, modes) = (found.samples as f64, found.modes);
        let rows = found.labels.len();
        let scales = found.mode_scales(times);
        let projection =
            |&t: &usize| Mat::from_fn(rows, modes, |row, k| found.records[t].bare[(row, k)] * scales[k] / samples);
        let projections: Vec<Mat<f64>> = times.iter().map(projection).collect();
        let centre = |k: usize| -> f64 {
            let at = |(&t, projection): (&usize, &Mat<f64>)| -> f64 {
                found.records[t].f.iter().enumerate().map(|(row, f)| f * projection[(row, k)]).sum()
            };
            times.iter().zip(&projections).map(at).sum()
        };
        let end = found.records.last().expect("a record at the start");
        let mut residual = vec![0.0; rows];
        let k = found.outputs;
        for ((f, y), e) in end.f.chunks_exact(k).zip(found.labels.chunks_exact(k)).zip(residual.chunks_exact_mut(k)) {
            found.loss.derivative(f, y, e);
        }
        InfluenceMap {
            outputs: found.outputs,
            loss: found.loss,
            ridge: found.ridge,
            times: times.to_vec(),
            centres: (0..modes).map(centre).collect(),
            projections,
            response: Mat::from_fn(modes, rows, |k, row| end.field[(row, k)] - end.bare[(row, k)]),
            norm_response: (0..modes).map(|k| end.square_norm.field[k] - end.square_norm.bare[k]).collect(),
            f: end.f.clone(),
            labels: found.labels.clone(),
            residual,
        }
    }

    /// Number of samples n.
    pub fn samples(&self) -> f64 {
        (self.f.len() / self.outputs) as f64
    }

    /// No starts.
    pub fn nothing(&self) -> InfluenceSums {
        InfluenceSums { count: 0, field: vec![0.0; self.f.len()], square: 0.0, curved: 0.0, slope: 0.0 }
    }

    /// `<c, d>` of fields (n K).
    pub fn inner(&self, c: &[f64], d: &[f64]) -> f64 {
        c.iter().zip(d).map(|(c, d)| c * d).sum::<f64>() / self.samples()
    }

    /// `<l'' c, d>` of fields (n K).
    pub fn curved_inner(&self, c: &[f64], d: &[f64]) -> f64 {
        let k = self.outputs;
        let [mut w, mut product] = [(); 2].map(|()| vec![0.0; k]);
        let mut sum = 0.0;
        for (s, (c, d)) in c.chunks_exact(k).zip(d.chunks_exact(k)).enumerate() {
            self.loss.curvature(&self.f[s * k..(s + 1) * k], &self.labels[s * k..(s + 1) * k], &mut w);
            self.loss.hessian_product(&w, c, &mut product);
            sum += product.iter().zip(d).map(|(p, d)| p * d).sum::<f64>();
        }
        sum / self.samples()
    }

    /// The predicted difference of a network and of a reference, from the starts of both.
    pub fn deviation(&self, network: &InfluenceSums, reference: &InfluenceSums) -> NetworkDeviation {
        let mean = |sums: &InfluenceSums| sums.field.iter().map(|v| v / sums.count as f64).collect::<Vec<f64>>();
        let (own, other) = (mean(network), mean(reference));
        let field: Vec<f64> = own.iter().zip(&other).map(|(a, b)| a - b).collect();
        let slope = network.slope / network.count as f64 - reference.slope / reference.count as f64;
        NetworkDeviation {
            square: self.inner(&field, &field),
            risk: slope + 0.5 * (self.curved_inner(&own, &own) - self.curved_inner(&other, &other)),
            field,
        }
    }

    /// Unbiased estimates of `tr Cov I` and of `E <l'' (I - E I), I - E I>` from independent starts, at least two.
    pub fn covariance(&self, sums: &InfluenceSums) -> (f64, f64) {
        let count = sums.count as f64;
        let mean_square = self.inner(&sums.field, &sums.field) / count;
        let mean_curved = self.curved_inner(&sums.field, &sums.field) / count;
        ((sums.square - mean_square) / (count - 1.0), (sums.curved - mean_curved) / (count - 1.0))
    }
}

impl InfluenceSums {
    /// Adds other starts.
    pub fn add(&mut self, other: &InfluenceSums) {
        self.count += other.count;
        self.field.iter_mut().zip(&other.field).for_each(|(sum, v)| *sum += v);
        self.square += other.square;
        self.curved += other.curved;
        self.slope += other.slope;
    }
}

/// Neurons in the field of the limit, without interaction.
pub struct IndependentNeurons<'a> {
    /// The influence.
    map: &'a InfluenceMap,
    /// Network, sample and objective; its width is not used.
    ensemble: Ensemble<'a, f64>,
    network: &'a TwoLayer,
    inputs: InputTiles,
    /// The predictions of the limit.
    field: &'a dyn GivenField,
    /// Method and constants, with the fixed step of the field.
    scheme: Scheme,
    /// Recording times.
    times: &'a [f64],
}

impl<'a> IndependentNeurons<'a> {
    /// Neurons of the network of an ensemble in a field.
    ///
    /// # Errors
    /// Networks with two hidden layers.
    pub fn new(
        map: &'a InfluenceMap,
        ensemble: Ensemble<'a, f64>,
        field: &'a dyn GivenField,
        scheme: Scheme,
        times: &'a [f64],
    ) -> Result<Self, FluctuationError> {
        let network = ensemble.network.as_two_layer().ok_or(FluctuationError::Depth)?;
        let inputs = InputTiles::new(network, &ensemble.population.x);
        Ok(IndependentNeurons { map, ensemble, network, inputs, field, scheme, times })
    }

    /// Sums over `width` neurons of the influence of their starts, on one thread. `interrupted` is called before every
    /// step.
    ///
    /// # Errors
    /// States that stop being finite; [`FluctuationError::Interrupted`].
    pub fn sums(
        &self,
        width: usize,
        start: State<f64>,
        noise: Box<dyn Noise<f64> + '_>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<InfluenceSums, FluctuationError> {
        let modes = self.map.centres.len();
        let ensemble = Ensemble { width, ..self.ensemble };
        let mut simulation = Simulation {
            integrator: self.scheme.integrator(ensemble.network.coordinates(width), start.theta.len()),
            force: Box::new(GivenForce::new(ensemble, self.network, self.field, Threads::One)),
            noise,
            state: start,
        };
        // The coefficients zeta of every neuron.
        let mut zeta = Mat::from_fn(width, modes, |_, k| -self.map.centres[k]);
        let mut buffer = FeatureBuffer::default();
        let mut observer = |index: usize, state: &State<f64>| {
            if let Some(at) = self.map.times.iter().position(|&t| t == index) {
                for tiles in tile_groups(&self.inputs) {
                    let phi = buffer.evaluate(self.network, width, &state.theta, &self.inputs, tiles.clone());
                    let rows = self.rows(&tiles);
                    let projection = self.map.projections[at].subrows(rows.start, rows.len());
                    matmul(zeta.as_mut(), Accum::Add, phi.as_ref(), projection, 1.0, Par::Seq);
                }
            }
            0.0
        };
        let stop = |_: f64| interrupted();
        let Ok(stop) = TimeLoop::over(self.times).interrupted_when(&stop).run(&mut simulation, &mut observer);
        match stop {
            StopReason::Horizon => {}
            StopReason::Interrupted { .. } => return Err(FluctuationError::Interrupted),
            StopReason::Diverged { .. } | StopReason::TooManySteps { .. } => {
                return Err(FluctuationError::NotFinite { what: "independent neurons" });
            }
        }
        let sums = self.at_end(width, &simulation.state.theta, &zeta, &mut buffer);
        if sums.square.is_finite() {
            Ok(sums)
        } else {
            Err(FluctuationError::NotFinite { what: "independent neurons" })
        }
    }

    /// Rows (sample, output) of some tiles.
    fn rows(&self, tiles: &Range<usize>) -> Range<usize> {
        let (tile, samples, k) = (self.inputs.tile, self.inputs.samples, self.network.outputs);
        tiles.start * tile * k..(tiles.end * tile).min(samples) * k
    }

    fn at_end(&self, width: usize, theta: &[f64], zeta: &Mat<f64>, buffer: &mut FeatureBuffer) -> InfluenceSums {
        let (map, k) = (self.map, self.network.outputs);
        let n = map.samples();
        let mut sums = InfluenceSums { count: width, ..map.nothing() };
        let [mut w, mut v, mut product] = [(); 3].map(|()| vec![0.0; k]);
        for tiles in tile_groups(&self.inputs) {
            let rows = self.rows(&tiles);
            let mut influence = buffer.evaluate(self.network, width, theta, &self.inputs, tiles);
            let response = map.response.subcols(rows.start, rows.len());
            matmul(influence.as_mut(), Accum::Add, zeta.as_ref(), response, 1.0, Par::Seq);
            for s in (0..rows.len()).step_by(k) {
                let at = rows.start + s..rows.start + s + k;
                map.loss.curvature(&map.f[at.clone()], &map.labels[at.clone()], &mut w);
                for i in 0..width {
                    for (o, v) in v.iter_mut().enumerate() {
                        *v = influence[(i, s + o)] - map.f[at.start + o];
                        sums.field[at.start + o] += *v;
                        sums.square += *v * *v / n;
                        sums.slope += *v * map.residual[at.start + o] / n;
                    }
                    map.loss.hessian_product(&w, &v, &mut product);
                    sums.curved += product.iter().zip(&v).map(|(p, v)| p * v).sum::<f64>() / n;
                }
            }
        }
        if map.ridge > 0.0 {
            let squares = width as f64 * self.network.mean_square(width, theta);
            let response: f64 = map
                .norm_response
                .iter()
                .enumerate()
                .map(|(k, response)| response * (0..width).map(|i| zeta[(i, k)]).sum::<f64>())
                .sum();
            sums.slope += 0.5 * map.ridge * (squares + response);
        }
        sums
    }
}
