//! The task loss of a model, the cross entropy of the next token or of the label, and its gradient at the last features.

use super::elementwise::exponentials;
use super::head::{Head, HeadKind};
use super::scalar::ModelReal;

/// What the outputs of a model are compared to.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// The tokens themselves (samples, length): each but the first is predicted from those before it.
    Tokens(&'a [u32]),
    /// A class for every sample.
    Labels(&'a [usize]),
}

impl<R: ModelReal> Head<R> {
    /// The sum over samples of their cross entropies in nats (of a text the mean over its tokens but the first) times
    /// `weight`, and its gradient at the features `x` (samples, length, hidden).
    ///
    /// # Panics
    /// If the model has no scores, or the targets are those of another kind of model.
    pub fn loss_gradient(&self, x: &[R], length: usize, targets: Targets<'_>, weight: f64) -> (f64, Vec<R>) {
        let hidden = self.hidden;
        match (&self.kind, targets) {
            (HeadKind::Language { norm, scores: layer }, Targets::Tokens(ids)) => {
                let mut scores = layer.apply(&norm.apply(x));
                let (vocabulary, share) = (scores.len() / ids.len(), weight / (length - 1) as f64);
                let mut total = 0.0;
                for (scores, ids) in scores.chunks_exact_mut(length * vocabulary).zip(ids.chunks_exact(length)) {
                    let mut rows = scores.chunks_exact_mut(vocabulary);
                    for (row, next) in (&mut rows).zip(&ids[1..]) {
                        total += share * replace_by_gradient(row, *next as usize, share);
                    }
                    scores[(length - 1) * vocabulary..].fill(R::zero());
                }
                (total, norm.backward(x, &layer.input_gradient(&scores)))
            }
            (HeadKind::Classes { norm, layer }, Targets::Labels(labels)) => {
                let sample = length * hidden;
                let first: Vec<R> = x.chunks_exact(sample).flat_map(|x| &x[..hidden]).copied().collect();
                let mut scores = layer.apply(&norm.apply(&first));
                let rows = scores.chunks_exact_mut(layer.outputs()).zip(labels);
                let total = rows.map(|(row, label)| weight * replace_by_gradient(row, *label, weight)).sum();
                let of_first = norm.backward(&first, &layer.input_gradient(&scores));
                let mut gradient = vec![R::zero(); x.len()];
                for (gradient, of_first) in gradient.chunks_exact_mut(sample).zip(of_first.chunks_exact(hidden)) {
                    gradient[..hidden].copy_from_slice(of_first);
                }
                (total, gradient)
            }
            _ => panic!("targets of another kind of model"),
        }
    }
}

/// `log sum_i exp(s_i) - s_label` in double precision.
pub(super) fn cross_entropy<R: ModelReal>(scores: &[R], label: usize) -> f64 {
    let (shares, own) = unnormalised(scores, label);
    shares.iter().sum::<f64>().ln() - own
}

/// The same; the scores are replaced by its gradient times `weight`, `weight (softmax(s) - e_label)`.
fn replace_by_gradient<R: ModelReal>(scores: &mut [R], label: usize, weight: f64) -> f64 {
    let (shares, own) = unnormalised(scores, label);
    let total = shares.iter().sum::<f64>();
    for (index, (score, share)) in scores.iter_mut().zip(shares).enumerate() {
        *score = R::of(weight * (share / total - f64::from(u8::from(index == label))));
    }
    total.ln() - own
}

/// The exponentials of the scores minus their largest, and the score of the label minus the largest.
fn unnormalised<R: ModelReal>(scores: &[R], label: usize) -> (Vec<f64>, f64) {
    let mut shifted: Vec<f64> = scores.iter().map(|s| s.to_f64()).collect();
    let most = shifted.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    shifted.iter_mut().for_each(|s| *s -= most);
    let own = shifted[label];
    exponentials(&mut shifted);
    (shifted, own)
}
