//! The loss and the accuracy along a path.

use super::{Path, Proceed};
use crate::compute::Threads;
use crate::network::kernel::Samples;
use crate::network::{Accuracy, Loss, Model, Network, ParameterVector, TwoLayer, Workspace};
use crate::population::LabelKind;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Steps of the golden-section search for a maximum between samples; each shrinks the bracket by 0.618.
const SEARCH_STEPS: usize = 12;
/// The reciprocal golden ratio.
const GOLDEN_RATIO: f64 = 0.618_033_988_749_894_8;

/// Evaluates the loss of networks on a fixed sample, without the ridge: the function that is convex or constant on the
/// segments of a constructive path.
pub struct LossEvaluator<'a> {
    network: &'a Network,
    width: usize,
    x: &'a [f64],
    y: &'a [f64],
    loss: Loss,
    labels: LabelKind,
    threads: Threads,
    /// The inputs as the passes read them, unless there are too many.
    packed: Option<Samples<f64>>,
    /// The buffers of the passes.
    workspace: RefCell<Workspace<f64>>,
}

impl<'a> LossEvaluator<'a> {
    /// The loss of networks of one width on inputs (n, d) and labels (n, K), both row-major. `threads` are those of every
    /// evaluation.
    pub fn new(
        (network, width): (&'a Network, usize),
        (x, y): (&'a [f64], &'a [f64]),
        loss: Loss,
        labels: LabelKind,
        threads: Threads,
    ) -> Self {
        let (packed, workspace) = (network.packed(x), RefCell::default());
        LossEvaluator { network, width, x, y, loss, labels, threads, packed, workspace }
    }

    /// Loss and accuracy of a network of canonical parameters; real labels have no accuracy.
    pub fn loss_and_accuracy(&self, point: &ParameterVector) -> (f64, Option<Accuracy>) {
        let canonical = point.as_slice().expect("one axis, contiguous");
        let outputs = self.network.outputs();
        self.predict(self.network, canonical, |f| {
            (self.loss.mean(f, self.y, outputs), Accuracy::of(self.labels, f, self.y, outputs))
        })
    }

    /// Losses of two-layer networks that have the weights and biases of `point` but other output weights, each (N, K). One
    /// pass evaluates the activations for all of them; every loss is that of the single network to the bit.
    pub(super) fn losses_with_outputs(
        &self,
        network: &TwoLayer,
        point: &ParameterVector,
        outputs: Vec<Vec<f64>>,
    ) -> Vec<f64> {
        let (p, k, heads) = (network.parameters(), network.outputs, outputs.len());
        let joint = Network::from(TwoLayer { outputs: heads * k, ..network.clone() });
        let canonical = point.as_slice().expect("one axis, contiguous").chunks_exact(p).enumerate();
        let neuron = |(i, neuron): (usize, &[f64])| {
            let own = outputs.iter().flat_map(move |a| a[i * k..(i + 1) * k].to_vec());
            neuron[..p - k].iter().copied().chain(own).collect::<Vec<f64>>()
        };
        let canonical: Vec<f64> = canonical.flat_map(neuron).collect();
        self.predict(&joint, &canonical, |f| {
            let of_head = |head: usize| {
                let own = f.chunks_exact(heads * k).flat_map(|f| &f[head * k..(head + 1) * k]);
                self.loss.mean(&own.copied().collect::<Vec<f64>>(), self.y, k)
            };
            (0..heads).map(of_head).collect()
        })
    }

    /// Applies a function to the predictions (n, K) of a network with the inputs of the model.
    fn predict<T>(&self, network: &Network, canonical: &[f64], read: impl FnOnce(&[f64]) -> T) -> T {
        let theta = network.from_canonical(self.width, canonical);
        let model = Model { network, width: self.width, threads: self.threads };
        let mut workspace = self.workspace.borrow_mut();
        match &self.packed {
            Some(samples) => read(workspace.predict_packed(model, &theta, samples)),
            None => read(&workspace.predict(model, &theta, self.x)),
        }
    }

    /// Loss of a network of canonical parameters.
    pub fn loss(&self, point: &ParameterVector) -> f64 {
        self.loss_and_accuracy(point).0
    }
}

/// Loss and accuracy at equal steps along a path, and the largest loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Loss at the samples.
    pub loss: Vec<f64>,
    /// Share of right samples; NaN for real labels.
    pub accuracy: Vec<f64>,
    /// Share of right signs; NaN unless labels are several signs.
    pub sign_accuracy: Vec<f64>,
    /// The largest loss, located between samples where the path is curved or the risk not convex.
    pub maximum: f64,
    /// The parameter of the path at the largest loss.
    pub at: f64,
}

impl Profile {
    /// Evaluates a path at `samples` equally spaced parameters. The waypoints of a constructive path must be among them
    /// (`samples - 1` a multiple of the number of segments), so that the maxima on its convex segments, which are at
    /// their ends, are exact. Calls `proceed` before every loss; returns `None` where it was interrupted.
    pub fn of(path: &Path, samples: usize, evaluator: &LossEvaluator<'_>, proceed: &Proceed<'_>) -> Option<Self> {
        let last = (samples - 1) as f64;
        let evaluations = (samples + 2 + SEARCH_STEPS) as f64;
        let at_sample =
            |i: usize| proceed(i as f64 / evaluations).then(|| evaluator.loss_and_accuracy(&path.at(i as f64 / last)));
        let (loss, accuracy): (Vec<f64>, Vec<Option<Accuracy>>) =
            (0..samples).map(at_sample).collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let share =
            |of: fn(Accuracy) -> Option<f64>| accuracy.iter().map(|a| a.and_then(of).unwrap_or(f64::NAN)).collect();
        let (accuracy, sign_accuracy) = (share(|a| Some(a.samples)), share(|a| a.signs));
        let largest = (0..samples).fold(0, |best, i| if loss[i] > loss[best] { i } else { best });
        let (mut maximum, mut at) = (loss[largest], largest as f64 / last);
        if path.segments() == 1 {
            let mut low = largest.saturating_sub(1) as f64 / last;
            let mut high = (largest + 1).min(samples - 1) as f64 / last;
            let value = |step: usize, t: f64| {
                let completed = (samples + step) as f64 / evaluations;
                proceed(completed).then(|| evaluator.loss(&path.at(t)))
            };
            let (mut a, mut b) = (high - GOLDEN_RATIO * (high - low), low + GOLDEN_RATIO * (high - low));
            let (mut at_a, mut at_b) = (value(0, a)?, value(1, b)?);
            for step in 0..SEARCH_STEPS {
                for (t, v) in [(a, at_a), (b, at_b)] {
                    if v > maximum {
                        (maximum, at) = (v, t);
                    }
                }
                if at_a > at_b {
                    (high, b, at_b) = (b, a, at_a);
                    a = high - GOLDEN_RATIO * (high - low);
                    at_a = value(2 + step, a)?;
                } else {
                    (low, a, at_a) = (a, b, at_b);
                    b = low + GOLDEN_RATIO * (high - low);
                    at_b = value(2 + step, b)?;
                }
            }
        }
        Some(Profile { loss, accuracy, sign_accuracy, maximum, at })
    }

    /// The barrier: the largest loss minus the larger loss of the two ends.
    pub fn barrier(&self) -> f64 {
        self.maximum - self.loss[0].max(self.loss[self.loss.len() - 1])
    }
}
