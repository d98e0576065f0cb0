//! The fluctuations of finite networks from pairs of weighted clouds, in the form of those of the tangent system.
//!
//! The columns `nu^1 .. nu^C` of the noise are those of the tangent system: modes and a random complement, with
//! `sum_k nu^k nu^kT = 1 - 1 1^T / M`. A random rotation of them, `sqrt C` times, gives C draws of weights that are as
//! large as those of a network's starts, while every sum of quadratic expressions over the columns stays what it is.
//! Each draw is run with the weights `(1 +- s nu_i) / M` of a pair:
//!
//! ```text
//! G^k   sqrt(M) (f_+ - f_-) / (2 s)              the odd part; rotated back, a field for every column
//! J     (M / s^2) ((f_+ + f_-) / 2 - f)          the even part, of mean b
//! xi    sqrt(M) (theta_+ - theta_-) / (2 s)      displacements of the particles
//! ```
//!
//! At a small amplitude s these are the tangent system's, up to terms of order `s^2`. At `s = sqrt(M/N)` the weighted
//! clouds deviate from the limit as networks of width N do, with all orders in 1/N: where tangent vectors grow without
//! bound, these saturate. A kink does no harm, as nothing is differentiated.
//!
//! With two hidden layers every draw has weights for both layers and is run with the four combinations of signs. Fields
//! that are odd in the weights of one layer are the columns of that layer. The part D that is odd in both is the
//! interaction of the layers. In terms of the width N, of which the layers have the multiples `p_1`, `p_2`,
//!
//! ```text
//! E |f_N - E f_N|^2 = c / N + c12 / (p_1 p_2 N^2),       c = c1 / p_1 + c2 / p_2,       c12 = p_1 p_2 E |D|^2
//! ```
//!
//! c1 and c2 of a cloud contain the noise of its weights between the layers, which is subtracted
//! ([`super::layers`]).

use super::FluctuationError;
use super::columns::NoiseColumns;
use super::gaussian::WeightPurpose;
use super::influence::influences;
use super::paired_draw::{DrawProducts, LimitPaths, PairedDraw, PairedDraws, second_order};
use super::paired_parts::{FirstLayer, PairedParts, SecondOrderPart};
use super::pairs::WeightedCloud;
use super::propagate::Fluctuations;
use super::record::{FluctuationRecord, square_norm};
use super::rotation::rotation;
use super::square_norm::SquareNorm;
use super::weighted::CloudWeights;
use crate::dynamics::{Ensemble, State};
use ndarray::{Array2, ArrayView2, Axis, aview1};

/// Pairs of starts that differ in the weights between two hidden layers. Their variance is a correction of a few per
/// cent.
const WEIGHT_PAIRS: usize = 8;

/// A cloud of the limit and the columns of its noise.
pub struct PairedRun<'a> {
    /// The cloud with its integrator, of fixed step.
    pub cloud: WeightedCloud<'a, f64>,
    /// The columns of every hidden layer, equally many modes and random ones.
    pub columns: &'a [NoiseColumns],
    /// Amplitude s.
    pub amplitude: f64,
    /// Seed of the rotations.
    pub seed: u64,
    /// Starts of the cloud that differ in the weights between the hidden layers only, by index. One hidden layer does
    /// not use it.
    pub redrawn: &'a (dyn Fn(u64) -> State<f64> + Sync),
}

impl FirstLayer {
    /// Draws of the change of the predictions at recording time `index` where the first layer of a network of this width
    /// is halved, (draws, n K), from standard normals (draws, C).
    pub(super) fn halvings(&self, index: usize, width: usize, z: &Array2<f64>) -> Array2<f64> {
        let u = 1.0 / (self.proportions[0] * width) as f64;
        u.sqrt() * z.dot(&self.bare[index].t()) + u * &aview1(&self.halving)
    }
}

impl PairedRun<'_> {
    /// Runs the pairs in parallel; results do not depend on the number of threads. `advanced` is called with the
    /// completed fraction.
    ///
    /// # Errors
    /// Weights that are not positive with two hidden layers, runs that diverge, an interrupt.
    pub fn propagate(&self, advanced: &dyn Fn(f64)) -> Result<Fluctuations, FluctuationError> {
        let Ensemble { network, width, population, objective } = self.cloud.ensemble;
        let (count, modes) = (self.columns[0].count(), self.columns[0].modes());
        let purposes = [WeightPurpose::Rotation, WeightPurpose::SecondLayerRotation];
        let rotations: Vec<Array2<f64>> =
            self.columns.iter().zip(purposes).map(|(_, purpose)| rotation(count, (purpose, self.seed))).collect();
        let limit = LimitPaths::of(&self.cloud)?;
        let draws = PairedDraws {
            cloud: &self.cloud,
            limit: &limit,
            columns: self.columns,
            rotations: &rotations,
            amplitude: self.amplitude,
            scale: width as f64 / (self.amplitude * self.amplitude),
        };
        let redraws = if self.columns.len() > 1 { WEIGHT_PAIRS } else { 0 };
        let whole = (count + redraws) as f64;
        let mut sums = PairedSums::new(&limit, self.columns.len(), count);
        self.cloud.over_draws(
            count,
            |draw| draws.run(draw as usize),
            |draw: PairedDraw| {
                sums.add(&limit, draw);
                advanced(sums.draws as f64 / whole);
            },
        )?;
        let weight_noise = if redraws > 0 { self.weight_noise()? } else { vec![0.0; self.cloud.times.len()] };
        let last = self.columns.len() - 1;
        let mut found = Fluctuations {
            samples: population.y.len() / network.outputs(),
            outputs: network.outputs(),
            loss: objective.loss,
            // The ridge term is no part of these fluctuations.
            ridge: 0.0,
            labels: population.y.clone(),
            modes: modes * self.columns.len(),
            particles: self.columns[last].particles(),
            weights: self.layer_weights(last),
            records: Vec::with_capacity(self.cloud.times.len()),
            end: limit.end.clone(),
            layout: None,
            paired: None,
        };
        let mut first_layer = self.first_layer();
        let x = ArrayView2::from_shape((found.samples, network.inputs()), &population.x)
            .expect("inputs are (samples, inputs)");
        for (index, noise) in weight_noise.into_iter().enumerate() {
            let canonical = network.to_canonical(width, &limit.states[index]);
            let influences = influences(network, width, &canonical, x);
            let mut record = self.record(index, &limit, &sums, &influences[last]);
            record.field = self.fields(index, &mut sums, (&rotations, noise), first_layer.as_mut());
            for (layer, rotation) in rotations.iter().enumerate() {
                let odd = aview1(&sums.squares[layer][index]).dot(rotation);
                (0..count).for_each(|k| record.square_field[self.place(layer, k)] = odd[k]);
            }
            if let Some(first) = &mut first_layer {
                let (bare, spread) = self.bare(0, &influences[0]);
                first.bare.push(bare);
                first.spread.push(spread);
            }
            found.records.push(record);
        }
        let second = sums.second(&limit);
        if let Some(first) = &mut first_layer {
            let product = (first.proportions[0] * first.proportions[1]) as f64;
            first.between = second.iter().map(|part| product * part.variance).collect();
            first.halving = draws.halving()?;
        }
        found.paired = Some(PairedParts { second, first_layer });
        Ok(found)
    }

    /// The place of a layer's column among the columns of all layers: all modes, then the random columns, one of each
    /// layer in turn, so that half of them are half of the random columns of either layer.
    fn place(&self, layer: usize, column: usize) -> usize {
        let (layers, modes) = (self.columns.len(), self.columns[0].modes());
        if column < modes { layer * modes + column } else { layers * column + layer }
    }

    /// The weights of a layer's neurons in the columns of all layers, (M, C).
    fn layer_weights(&self, layer: usize) -> Vec<f64> {
        let (columns, layers) = (&self.columns[layer], self.columns.len());
        let (count, all) = (columns.count(), layers * columns.count());
        let mut out = vec![0.0; columns.particles() * all];
        for (i, row) in columns.weights().chunks_exact(count).enumerate() {
            row.iter().enumerate().for_each(|(k, &weight)| out[i * all + self.place(layer, k)] = weight);
        }
        out
    }

    /// The bare fluctuation of a layer in the columns of all layers, from the influence (M, n K) of its neurons, and its
    /// variance `S^2`.
    fn bare(&self, layer: usize, influence: &Array2<f64>) -> (Array2<f64>, f64) {
        let particles = influence.nrows();
        let weights = self.layer_weights(layer);
        let weights = ArrayView2::from_shape((particles, weights.len() / particles), &weights).expect("(M, C)");
        let bare = influence.t().dot(&weights) / (particles as f64).sqrt();
        let samples = influence.ncols() / self.cloud.ensemble.network.outputs();
        (bare, influence.var_axis(Axis(0), 0.0).sum() / samples as f64)
    }

    /// What has still to be filled of two hidden layers.
    fn first_layer(&self) -> Option<FirstLayer> {
        let [p1, p2] = self.cloud.ensemble.network.hidden_layers(1)[..] else { return None };
        Some(FirstLayer {
            proportions: [p1, p2],
            single: [Vec::new(), Vec::new()],
            between: Vec::new(),
            bare: Vec::new(),
            spread: Vec::new(),
            halving: Vec::new(),
        })
    }

    /// The record at one time without the fluctuation of the columns, from the features (M, n K) of the last layer.
    fn record(&self, index: usize, limit: &LimitPaths, sums: &PairedSums, features: &Array2<f64>) -> FluctuationRecord {
        let f = limit.f[index].clone();
        let (particles, columns) = (features.nrows(), self.columns.len() * self.columns[0].count());
        let samples = (f.len() / self.cloud.ensemble.network.outputs()) as f64;
        let draws = sums.draws as f64;
        let squares: Vec<f64> = features.outer_iter().map(|phi| phi.dot(&phi) / samples).collect();
        let (bare, spread) = self.bare(self.columns.len() - 1, features);
        let weights = self.layer_weights(self.columns.len() - 1);
        let along = |k: usize| squares.iter().zip(weights.iter().skip(k).step_by(columns)).map(|(q, nu)| q * nu);
        FluctuationRecord {
            time: self.cloud.times[index],
            field: Array2::zeros((0, 0)),
            bare,
            bias: Some(sums.shift[index].iter().map(|sum| sum / draws).collect()),
            spread,
            square: squares.iter().sum::<f64>() / particles as f64,
            square_bare: (0..columns).map(|k| along(k).sum::<f64>() / (particles as f64).sqrt()).collect(),
            square_field: vec![0.0; columns],
            square_bias: Some(sums.square_shift[index] / draws),
            square_norm: SquareNorm::zero(columns),
            particle_overlaps: features.outer_iter().map(|phi| phi.dot(&aview1(&f)) / samples).collect(),
            particle_squares: squares,
            displacements: sums.displacements[index].iter().map(|sum| sum / draws).collect(),
            features: None,
            f,
        }
    }

    /// The fluctuation of all columns at one time. `noise` is the variance of the predictions over the weights between
    /// the layers, which is contained once in the variance of either.
    fn fields(
        &self,
        index: usize,
        sums: &mut PairedSums,
        (rotations, noise): (&[Array2<f64>], f64),
        mut first_layer: Option<&mut FirstLayer>,
    ) -> Array2<f64> {
        let Ensemble { network, width, .. } = self.cloud.ensemble;
        let (layers, count) = (rotations.len(), rotations[0].ncols());
        let rows = sums.shift[index].len();
        let samples = (rows / network.outputs()) as f64;
        let mut out = Array2::zeros((rows, layers * count));
        for (layer, rotation) in rotations.iter().enumerate() {
            let rotated = std::mem::take(&mut sums.fields[layer][index]);
            let rotated = Array2::from_shape_vec((count, rows), rotated).expect("one row per draw");
            let field = rotated.t().dot(rotation);
            let variance = square_norm(&field) / samples;
            let kept = if variance > 0.0 { (1.0 - width as f64 * noise / variance).max(0.0) } else { 1.0 };
            for k in 0..count {
                out.column_mut(self.place(layer, k)).assign(&(&field.column(k) * kept.sqrt()));
            }
            if let Some(first) = &mut first_layer {
                let coefficient = first.proportions[layer] as f64 * kept * variance;
                first.single[layer].push(coefficient);
            }
        }
        out
    }

    /// The variance of the predictions over the weights between the hidden layers, at the recording times.
    fn weight_noise(&self) -> Result<Vec<f64>, FluctuationError> {
        let Ensemble { network, width, .. } = self.cloud.ensemble;
        let uniform = CloudWeights::uniform(network, width);
        let mut sums = vec![0.0; self.cloud.times.len()];
        let pair = |pair: u64| {
            let run = |index: u64| WeightedCloud { start: &(self.redrawn)(index), ..self.cloud }.run(&uniform);
            let (one, other) = (run(2 * pair)?, run(2 * pair + 1)?);
            Ok(self.cloud.squares(one.f.iter().zip(&other.f).map(|(a, b)| a - b)))
        };
        self.cloud.over_draws(WEIGHT_PAIRS, pair, |squares: Vec<f64>| {
            sums.iter_mut().zip(squares).for_each(|(sum, square)| *sum += 0.5 * square / WEIGHT_PAIRS as f64);
        })?;
        Ok(sums)
    }
}

/// Sums over draws.
pub(super) struct PairedSums {
    /// Draws so far.
    draws: usize,
    /// By layer and recording time the fields of the draws, divided by the root of their number, (C, n K).
    fields: Vec<Vec<Vec<f64>>>,
    /// By layer and recording time the odd part of `mean |phi|^2` of the draws, likewise, (C).
    squares: Vec<Vec<Vec<f64>>>,
    /// The sum of J by recording time, (n K).
    shift: Vec<Vec<f64>>,
    /// The sum of the even part of `mean |phi|^2` by recording time.
    square_shift: Vec<f64>,
    /// The sum of squared displacements by recording time and neuron.
    displacements: Vec<Vec<f64>>,
    /// The products of every draw by recording time.
    products: Vec<Vec<DrawProducts>>,
    count: usize,
}

impl PairedSums {
    fn new(limit: &LimitPaths, layers: usize, count: usize) -> Self {
        let (times, rows) = (limit.f.len(), limit.f[0].len());
        let by_layer = |capacity: usize| vec![vec![Vec::with_capacity(capacity); times]; layers];
        PairedSums {
            draws: 0,
            fields: by_layer(count * rows),
            squares: by_layer(count),
            shift: vec![vec![0.0; rows]; times],
            square_shift: vec![0.0; times],
            displacements: vec![Vec::new(); times],
            products: vec![Vec::with_capacity(count); times],
            count,
        }
    }

    fn add(&mut self, limit: &LimitPaths, draw: PairedDraw) {
        let (times, root) = (limit.f.len(), (self.count as f64).sqrt());
        self.draws += 1;
        for t in 0..times {
            for (layer, parts) in draw.odd.iter().enumerate() {
                self.fields[layer][t].extend(parts.f[t].iter().map(|v| v / root));
                self.squares[layer][t].push(parts.square[t] / root);
            }
            self.shift[t].iter_mut().zip(&draw.shift[t]).for_each(|(sum, v)| *sum += v);
            self.square_shift[t] += draw.square_shift[t];
            self.displacements[t].resize(draw.displacements[t].len(), 0.0);
            self.displacements[t].iter_mut().zip(&draw.displacements[t]).for_each(|(sum, v)| *sum += v);
            self.products[t].push(draw.products[t]);
        }
    }

    /// The parts of second order at the recording times.
    fn second(&self, limit: &LimitPaths) -> Vec<SecondOrderPart> {
        (0..limit.f.len()).map(|t| second_order(&self.products[t])).collect()
    }
}
