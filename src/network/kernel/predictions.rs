//! Predictions and residuals from the partial sums of a forward pass, for networks of any depth.

use super::samples::Samples;
use super::shares::Portion;
use crate::compute::Real;
use crate::compute::tree::{TreeNode, TreeSum};
use crate::network::Objective;

/// Partial sums, predictions and residuals of the last forward pass.
#[derive(Debug, Default)]
pub(super) struct Predictions<R> {
    /// Sums over the neurons of each part of the network, (parts, n, K).
    pub partial: Vec<f64>,
    /// Predictions, (n, K).
    pub f: Vec<f64>,
    /// Residuals in double precision, (n, K).
    residual_f64: Vec<f64>,
    /// Residuals, (n, K).
    pub residual: Vec<R>,
}

impl<R: Real> Predictions<R> {
    /// Sums the parts in order and divides by `width`; there are `len` = n K predictions.
    pub fn collect(&mut self, len: usize, width: usize) {
        self.f.clear();
        self.f.resize(len, 0.0);
        for partial in self.partial.chunks_exact(len) {
            self.f.iter_mut().zip(partial).for_each(|(f, p)| *f += p);
        }
        let width = width as f64;
        self.f.iter_mut().for_each(|f| *f /= width);
    }

    /// Sums the nodes of a tree over shares, those of all ranks, and divides by the number of neurons. Collective.
    pub fn collect_shares(&mut self, len: usize, portion: &Portion, tasks: &[TreeNode]) {
        let mut own = TreeSum::default();
        for (task, partial) in tasks.iter().zip(self.partial.chunks_exact(len)) {
            own.push_slice(*task, partial);
        }
        self.f = portion.total(&own, len);
        let width = portion.shares().width() as f64;
        self.f.iter_mut().for_each(|f| *f /= width);
    }

    /// Computes the residuals of the predictions for labels (n, K), divided by n; returns the mean loss.
    pub fn residuals(&mut self, objective: Objective, y: &[f64], outputs: usize) -> f64 {
        self.residual_f64.resize(self.f.len(), 0.0);
        objective.loss.residuals(&self.f, y, outputs, &mut self.residual_f64);
        self.residual.clear();
        self.residual.extend(self.residual_f64.iter().map(|&e| R::of(e)));
        objective.loss.mean(&self.f, y, outputs)
    }
}

/// Predictions at inputs (n, d), `chunk` samples at a time, which bounds the memory of a pass. `pass` appends those of
/// the given samples.
pub(super) fn in_chunks<R: Real>(
    x: &[R],
    d: usize,
    chunk: usize,
    mut pass: impl FnMut(&Samples<R>, &mut Vec<f64>),
) -> Vec<f64> {
    let (count, mut predictions) = (x.len() / d, Vec::new());
    let mut samples = Samples::default();
    for x in x.chunks(chunk * d) {
        samples.reset(x.len() / d, d, None);
        samples.fill(|s| &x[s * d..(s + 1) * d]);
        let first = predictions.is_empty();
        pass(&samples, &mut predictions);
        // Those of all samples are reserved after the first chunk, so that they are not copied as they grow.
        if first {
            let outputs = predictions.len() / samples.count().max(1);
            predictions.reserve_exact(count * outputs - predictions.len());
        }
    }
    predictions
}
