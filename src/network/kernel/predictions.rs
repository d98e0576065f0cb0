//! From the parts of a forward pass to predictions and residuals, the same for networks of any depth.

use super::samples::Samples;
use crate::compute::Real;
use crate::network::Objective;

/// Predictions of the last forward pass and what they are made of.
#[derive(Debug, Default)]
pub(super) struct Predictions<R> {
    /// Sums over the neurons of a part of the network, (parts, n, K).
    pub partial: Vec<f64>,
    /// Predictions, (n, K).
    pub f: Vec<f64>,
    wide: Vec<f64>,
    /// Residuals, (n, K).
    pub residual: Vec<R>,
}

impl<R: Real> Predictions<R> {
    /// Sums the parts into `len` predictions of a network of `width` neurons, in order of the parts.
    pub fn collect(&mut self, len: usize, width: usize) {
        self.f.clear();
        self.f.resize(len, 0.0);
        for partial in self.partial.chunks_exact(len) {
            self.f.iter_mut().zip(partial).for_each(|(f, p)| *f += p);
        }
        let width = width as f64;
        self.f.iter_mut().for_each(|f| *f /= width);
    }

    /// The residuals of the predictions beside labels (n, K); returns the mean loss.
    pub fn residuals(&mut self, objective: Objective, y: &[f64], outputs: usize) -> f64 {
        self.wide.resize(self.f.len(), 0.0);
        objective.loss.residuals(&self.f, y, outputs, &mut self.wide);
        self.residual.clear();
        self.residual.extend(self.wide.iter().map(|&e| R::of(e)));
        objective.loss.mean(&self.f, y, outputs)
    }
}

/// Predictions for inputs (n, d), `chunk` samples at a time, which bounds the memory of a pass: `pass` gives those of its samples.
pub(super) fn in_chunks<R: Real>(
    x: &[R],
    d: usize,
    chunk: usize,
    mut pass: impl FnMut(&Samples<R>, &mut Vec<f64>),
) -> Vec<f64> {
    let mut predictions = Vec::new();
    let mut samples = Samples::default();
    for x in x.chunks(chunk * d) {
        samples.reset(x.len() / d, d, None);
        samples.fill(|s| &x[s * d..(s + 1) * d]);
        pass(&samples, &mut predictions);
    }
    predictions
}
