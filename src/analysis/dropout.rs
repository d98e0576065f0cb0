//! The loss of a network with M of its N neurons, rescaled by N/M: `f_A = (1/M) sum_{i in A} phi_i`.
//!
//! Wu, Kungurtsev, Mondelli (TMLR 2023, section 5); Shevchenko, Mondelli (ICML 2020). For a random set A of M neurons
//! and the half-squared loss,
//!
//! ```text
//! E_A[R(f_A)] - R(f_N) = (1/2) (N - M)/(M (N - 1)) S^2,      S^2 = (1/N) sum_i E_x |phi_i(x) - f_N(x)|^2
//! ```
//!
//! exactly, as `f_A - f_N` is the error of a sample mean without replacement. For another loss the same holds to second
//! order in that error, with `|v|^2` replaced by `v^T H v`, H the loss's second derivative at `f_N(x)`.
//!
//! The sets are the initial segments of *orders* of the neurons: the identity for the first M neurons, as in the paper,
//! a random permutation for random sets, the greedy order for greedy ones. Features are computed once per chunk of
//! samples and are used for every order. Every computation that can take more than a second asks [`MayProceed`] while it
//! runs.

use crate::compute::Threads;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::rng::{self, Role};
use crate::network::{DropoutPattern, Loss, Network};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Number of samples whose features are in memory at one time.
const CHUNK: usize = 64;

/// Rows of a matrix of inner products that are computed between two calls of [`MayProceed`].
const GRAM_ROWS: usize = 64;

/// Returns whether to continue a computation; called from any of its threads.
pub type MayProceed<'a> = dyn Fn() -> bool + Sync + 'a;

/// A network and the fixed sample on which its losses under dropout are evaluated.
#[derive(Clone, Copy)]
pub struct DropoutNetwork<'a> {
    /// The model.
    pub network: &'a Network,
    /// Its width N.
    pub width: usize,
    /// Its canonical parameters.
    pub parameters: &'a [f64],
    /// Inputs (n, d).
    pub x: ArrayView2<'a, f64>,
    /// Labels (n, K).
    pub y: ArrayView2<'a, f64>,
    /// The loss.
    pub loss: Loss,
}

/// Losses with all neurons and with subsets of them.
#[derive(Clone, Debug, PartialEq)]
pub struct DropoutLosses {
    /// `R(f_N)`, without ridge.
    pub full: f64,
    /// `S^2`, in the metric of the loss.
    pub spread: f64,
    /// `R(f_A)` for the first neurons of every order at every size, (orders, sizes).
    pub kept: Array2<f64>,
}

/// The closed form of the expected change of the loss where `m` of `n` neurons are kept at random; `spread` is `S^2`.
pub fn predicted(n: usize, m: usize, spread: f64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    if n <= m { 0.0 } else { 0.5 * (n - m) / (m * (n - 1.0)) * spread }
}

/// The first `count` entries of a random order of `n` neurons; (seed, network, draw) determines the order.
pub fn random_order(seed: u64, network: u64, draw: u64, n: usize, count: usize) -> Vec<usize> {
    rng::random_order(&mut rng::stream(seed, Role::Mask, network, draw), n, count)
}

impl DropoutNetwork<'_> {
    /// Neurons of the last hidden layer, over which the prediction is a mean.
    fn neurons(&self) -> usize {
        self.output_weights().nrows()
    }

    /// Their output weights, (N, K).
    fn output_weights(&self) -> ArrayView2<'_, f64> {
        self.network.output_weights(self.width, self.parameters)
    }

    /// Losses with the first neurons of each order of the last hidden layer, at increasing sizes; each order must be at
    /// least as long as the largest size. The result does not depend on the number of threads; it is `None` where the
    /// computation was interrupted.
    pub fn losses(
        &self,
        orders: &[Vec<usize>],
        sizes: &[usize],
        threads: Threads,
        proceed: &MayProceed<'_>,
    ) -> Option<DropoutLosses> {
        let n = self.x.nrows();
        let chunks: Vec<usize> = (0..n).step_by(CHUNK).collect();
        let mut total = DropoutLosses { full: 0.0, spread: 0.0, kept: Array2::zeros((orders.len(), sizes.len())) };
        let of_chunk = |&first: &usize| {
            let rows = s![first..(first + CHUNK).min(n), ..];
            self.chunk(self.x.slice(rows), self.y.slice(rows), orders, sizes, proceed)
        };
        // Sums are added in the order of the chunks; those of a few chunks are held at one time.
        for some in chunks.chunks(2 * threads.count()) {
            let parts: Option<Vec<DropoutLosses>> = match threads {
                Threads::One => some.iter().map(of_chunk).collect(),
                Threads::Pool => some.par_iter().map(of_chunk).collect(),
            };
            for part in parts? {
                total.full += part.full;
                total.spread += part.spread;
                total.kept += &part.kept;
            }
        }
        let n = n as f64;
        Some(DropoutLosses { full: total.full / n, spread: total.spread / n, kept: total.kept / n })
    }

    /// Sums over the samples of a chunk; `None` where it was interrupted.
    fn chunk(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        orders: &[Vec<usize>],
        sizes: &[usize],
        proceed: &MayProceed<'_>,
    ) -> Option<DropoutLosses> {
        if !proceed() {
            return None;
        }
        let _timed = profile::within(WorkKind::Products);
        let (samples, outputs) = (x.nrows(), self.network.outputs());
        let hidden = self.network.hidden(self.width, self.parameters, x);
        let a = self.output_weights();
        let y: Vec<f64> = y.iter().copied().collect();
        // Predictions of all neurons, (samples, K): the mean feature.
        let f = hidden.t().dot(&a) / self.neurons() as f64;
        let f: Vec<f64> = f.as_standard_layout().iter().copied().collect();
        let sum_of_losses = |f: &[f64]| self.loss.mean(f, &y, outputs) * samples as f64;

        // With one output a feature has the size of an activation: the features are computed once for all orders.
        let features = if outputs == 1 { Some(&hidden * &a) } else { None };
        let spread = match &features {
            Some(features) => self.sum_of_deviations(features.view(), &f, &y),
            None => {
                let mut sum = 0.0;
                self.deviations(&hidden, &f, &y, |_, square| sum += square);
                sum
            }
        };
        let mut kept = Array2::zeros((orders.len(), sizes.len()));
        let (mut sum, mut mean) = (vec![0.0; samples * outputs], vec![0.0; samples * outputs]);
        for (order, mut losses) in orders.iter().zip(kept.rows_mut()) {
            if !proceed() {
                return None;
            }
            sum.fill(0.0);
            let mut included = 0;
            for (&m, loss) in sizes.iter().zip(losses.iter_mut()) {
                match &features {
                    Some(features) => add_feature_rows(&mut sum, features.view(), &order[included..m]),
                    None => order[included..m].iter().for_each(|&i| {
                        add_feature(&mut sum, hidden.row(i).as_slice().unwrap_or(&[]), a.row(i).iter().copied());
                    }),
                }
                included = m;
                mean.iter_mut().zip(&sum).for_each(|(mean, sum)| *mean = sum / m as f64);
                *loss = sum_of_losses(&mean);
            }
        }
        Some(DropoutLosses { full: sum_of_losses(&f), spread: spread / self.neurons() as f64, kept })
    }

    /// The sum over samples and neurons of `|phi_i(x) - f_N(x)|^2`, in the metric of the loss, for features (N, samples)
    /// of one output, predictions and labels (samples): as that of [`Self::deviations`], but read a few samples at a time.
    fn sum_of_deviations(&self, features: ArrayView2<'_, f64>, f: &[f64], y: &[f64]) -> f64 {
        const SAMPLES: usize = 8;
        let neurons = features.nrows();
        let (mut squares, mut sum) = (vec![0.0; SAMPLES * neurons], 0.0);
        for first in (0..f.len()).step_by(SAMPLES) {
            let samples = first..(first + SAMPLES).min(f.len());
            let mut weights = [0.0; SAMPLES];
            for (s, w) in samples.clone().zip(weights.chunks_mut(1)) {
                self.loss.curvature(&f[s..=s], &y[s..=s], w);
            }
            let f = &f[samples.clone()];
            for (i, row) in features.slice(s![.., samples]).rows().into_iter().enumerate() {
                for (k, ((phi, f), w)) in row.iter().zip(f).zip(weights).enumerate() {
                    squares[k * neurons + i] = self.loss.quadratic_form(&[w], &[phi - f]);
                }
            }
            sum = squares[..f.len() * neurons].iter().fold(sum, |sum, square| sum + square);
        }
        sum
    }

    /// Calls `add(i, |phi_i(x) - f_N(x)|^2)`, in the metric of the loss, for every sample and neuron i; activations
    /// `hidden` (N, samples), predictions and labels (samples, K).
    fn deviations(&self, hidden: &Array2<f64>, f: &[f64], y: &[f64], mut add: impl FnMut(usize, f64)) {
        let (outputs, a) = (self.network.outputs(), self.output_weights());
        let (mut w, mut v) = (vec![0.0; outputs], vec![0.0; outputs]);
        for (sample, column) in hidden.axis_iter(Axis(1)).enumerate() {
            let f = &f[sample * outputs..][..outputs];
            self.loss.curvature(f, &y[sample * outputs..][..outputs], &mut w);
            for (i, (&h, a)) in column.iter().zip(a.rows()).enumerate() {
                v.iter_mut().zip(a).zip(f).for_each(|((v, a), f)| *v = a * h - f);
                add(i, self.loss.quadratic_form(&w, &v));
            }
        }
    }

    /// `E_x |phi_i(x) - f_N(x)|^2`, in the metric of the loss, of every neuron i of the last hidden layer; the mean is
    /// `S^2`. `None` where the computation was interrupted.
    pub fn spreads(&self, proceed: &MayProceed<'_>) -> Option<Vec<f64>> {
        let _timed = profile::within(WorkKind::Products);
        let n = self.x.nrows();
        let mut total = vec![0.0; self.neurons()];
        for first in (0..n).step_by(CHUNK) {
            if !proceed() {
                return None;
            }
            let rows = s![first..(first + CHUNK).min(n), ..];
            let hidden = self.network.hidden(self.width, self.parameters, self.x.slice(rows));
            let f = hidden.t().dot(&self.output_weights()) / self.neurons() as f64;
            let [f, y] = [f.view(), self.y.slice(rows)].map(|v| v.iter().copied().collect::<Vec<f64>>());
            self.deviations(&hidden, &f, &y, |i, square| total[i] += square);
        }
        total.iter_mut().for_each(|square| *square /= n as f64);
        Some(total)
    }

    /// Losses when neurons of the layers that `drop` names are dropped: for each set of orders, one order per hidden
    /// layer, its first `size` neurons per unit of width are kept, and all neurons of the other layers; (sets, sizes).
    /// `None` where the computation was interrupted.
    ///
    /// For layers below the last the prediction is not a mean over the dropped neurons: every set needs its own forward
    /// pass.
    pub fn losses_without(
        &self,
        drop: &DropoutPattern,
        orders: &[Vec<Vec<usize>>],
        sizes: &[usize],
        proceed: &MayProceed<'_>,
    ) -> Option<Array2<f64>> {
        let layers = self.network.hidden_layers(self.width);
        let all: Vec<Vec<usize>> = layers.iter().map(|&n| (0..n).collect()).collect();
        let [x, y] = [self.x, self.y].map(|v| v.iter().copied().collect::<Vec<f64>>());
        let loss = |orders: &[Vec<usize>], size: usize| {
            let kept: Vec<&[usize]> = (0..layers.len())
                .map(|l| if drop.layers[l] { &orders[l][..size * (layers[l] / self.width)] } else { &all[l][..] })
                .collect();
            let f = self.network.predict_kept(self.width, self.parameters, &kept, &x, Threads::One);
            self.loss.mean(&f, &y, self.network.outputs())
        };
        let losses: Option<Vec<f64>> = orders
            .par_iter()
            .flat_map_iter(|orders| sizes.iter().map(move |&size| (orders, size)))
            .map(|(orders, size)| proceed().then(|| loss(orders, size)))
            .collect();
        let shape = (orders.len(), sizes.len());
        Some(Array2::from_shape_vec(shape, losses?).expect("one loss for each set and size"))
    }

    /// The first `count` entries of the greedy order: each neuron is the one whose addition to those before it gives
    /// the least loss. `None` where the computation was interrupted.
    pub fn greedy_order(&self, count: usize, proceed: &MayProceed<'_>) -> Option<Vec<usize>> {
        let _timed = profile::within(WorkKind::Products);
        let hidden = self.network.hidden(self.width, self.parameters, self.x);
        match self.loss {
            Loss::HalfSquared => self.greedy_order_by_gram(&hidden, count, proceed),
            Loss::Logistic | Loss::Softmax => self.greedy_order_by_evaluation(&hidden, count, proceed),
        }
    }

    /// For the half-squared loss: `2 R = |s|^2/m^2 - 2 <s, y>/m + |y|^2` with `s` the sum of the features kept, so that
    /// only inner products of features are needed.
    fn greedy_order_by_gram(&self, hidden: &Array2<f64>, count: usize, proceed: &MayProceed<'_>) -> Option<Vec<usize>> {
        let (a, neurons) = (self.output_weights(), self.neurons());
        profile::count(WorkKind::Products, || {
            let terms = self.x.nrows() + self.network.outputs();
            WorkCounts::of::<f64>(2 * neurons * neurons * terms, 0, neurons * (neurons + terms))
        });
        let mut gram = Array2::zeros((neurons, neurons));
        for first in (0..neurons).step_by(GRAM_ROWS) {
            if !proceed() {
                return None;
            }
            let rows = s![first..(first + GRAM_ROWS).min(neurons), ..];
            gram.slice_mut(rows).assign(&(hidden.slice(rows).dot(&hidden.t()) * a.slice(rows).dot(&a.t())));
        }
        let with_y = (hidden.dot(&self.y) * a).sum_axis(Axis(1));
        let (mut square, mut label_product, mut cross) = (0.0, 0.0, vec![0.0; self.neurons()]);
        let mut free: Vec<usize> = (0..self.neurons()).collect();
        let mut order = Vec::with_capacity(count);
        while order.len() < count && !free.is_empty() {
            let m = order.len() as f64 + 1.0;
            let loss =
                |i: usize| (square + 2.0 * cross[i] + gram[[i, i]]) / (m * m) - 2.0 * (label_product + with_y[i]) / m;
            let best = position_of_least(free.iter().map(|&i| loss(i)));
            let i = free.remove(best);
            square += 2.0 * cross[i] + gram[[i, i]];
            label_product += with_y[i];
            cross.iter_mut().zip(gram.row(i)).for_each(|(cross, g)| *cross += g);
            order.push(i);
        }
        Some(order)
    }

    /// For any loss: the loss of every candidate is evaluated.
    fn greedy_order_by_evaluation(
        &self,
        hidden: &Array2<f64>,
        count: usize,
        proceed: &MayProceed<'_>,
    ) -> Option<Vec<usize>> {
        let (a, outputs) = (self.output_weights(), self.network.outputs());
        let y: Vec<f64> = self.y.iter().copied().collect();
        let mut sum = vec![0.0; y.len()];
        let mut free: Vec<usize> = (0..self.neurons()).collect();
        let mut order = Vec::with_capacity(count);
        let plus = |sum: &[f64], i: usize| {
            let mut sum = sum.to_vec();
            add_feature(&mut sum, hidden.row(i).as_slice().unwrap_or(&[]), a.row(i).iter().copied());
            sum
        };
        while order.len() < count && !free.is_empty() {
            let m = order.len() as f64 + 1.0;
            let loss = |&i: &usize| {
                let mut f = plus(&sum, i);
                f.iter_mut().for_each(|f| *f /= m);
                self.loss.mean(&f, &y, outputs)
            };
            let losses: Option<Vec<f64>> = free.par_iter().map(|i| proceed().then(|| loss(i))).collect();
            let i = free.remove(position_of_least(losses?.into_iter()));
            sum = plus(&sum, i);
            order.push(i);
        }
        Some(order)
    }
}

/// Adds the rows `rows` of `features`, in this order, to `sum`; a few columns at a time, whose sums stay in registers.
fn add_feature_rows(sum: &mut [f64], features: ArrayView2<f64>, rows: &[usize]) {
    const COLUMNS: usize = 16;
    for (block, sum) in sum.chunks_mut(COLUMNS).enumerate() {
        let columns = block * COLUMNS..block * COLUMNS + sum.len();
        let row = |i: usize| features.row(i).to_slice().map_or(&[][..], |row| &row[columns.clone()]);
        if let Some(sum) = sum.as_mut_array::<COLUMNS>() {
            let mut registers = *sum;
            for row in rows.iter().filter_map(|&i| row(i).as_array::<COLUMNS>()) {
                registers.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            }
            *sum = registers;
        } else {
            for &i in rows {
                sum.iter_mut().zip(row(i)).for_each(|(sum, v)| *sum += v);
            }
        }
    }
}

/// Adds one neuron's feature, `h` over the samples times `a` over the outputs, to sums (samples, K).
fn add_feature(sum: &mut [f64], h: &[f64], a: impl ExactSizeIterator<Item = f64> + Clone) {
    let outputs = a.len();
    for (sum, h) in sum.chunks_exact_mut(outputs).zip(h) {
        sum.iter_mut().zip(a.clone()).for_each(|(sum, a)| *sum += a * h);
    }
}

/// The position of the least value, the first of equal ones.
fn position_of_least(values: impl Iterator<Item = f64>) -> usize {
    values.enumerate().fold((0, f64::INFINITY), |best, (i, v)| if v < best.1 { (i, v) } else { best }).0
}
