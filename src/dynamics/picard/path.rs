//! Predictions frozen on the nodes of a time grid, and the residuals at and between the nodes.

use crate::compute::Real;
use crate::dynamics::StageTime;
use crate::network::Loss;

/// Nodes that a residual is interpolated from: a cubic in time, whose error has the order of classical Runge-Kutta.
const STENCIL: usize = 4;

/// Residuals `dloss(f_t(x), y) / n` of frozen predictions on the nodes `t = k h` of a horizon divided into equal
/// windows.
#[derive(Clone, Debug)]
pub struct FrozenPath<R> {
    /// Numbers per node, n K.
    len: usize,
    /// Steps of a window. Interpolation does not reach beyond its ends: predictions of later windows are not known.
    window: usize,
    residuals: Vec<R>,
    losses: Vec<f64>,
}

impl<R: Real> FrozenPath<R> {
    /// An empty path of `steps` steps, in windows of `window` steps, with `len` = n K numbers per node.
    pub fn new(len: usize, window: usize, steps: usize) -> Self {
        FrozenPath { len, window, residuals: vec![R::zero(); (steps + 1) * len], losses: vec![f64::NAN; steps + 1] }
    }

    /// Sets the residuals of the nodes from `first` on, from predictions (nodes, n, K), a loss and labels `y` (n, K)
    /// with `outputs` = K.
    pub fn freeze(&mut self, first: usize, predictions: &[f64], loss: Loss, y: &[f64], outputs: usize) {
        let mut residual = vec![0.0; self.len];
        for (node, f) in predictions.chunks_exact(self.len).enumerate() {
            loss.residuals(f, y, outputs, &mut residual);
            let at = &mut self.residuals[(first + node) * self.len..][..self.len];
            at.iter_mut().zip(&residual).for_each(|(to, &e)| *to = R::of(e));
            self.losses[first + node] = loss.mean(f, y, outputs);
        }
    }

    /// The mean loss at a node.
    pub fn loss(&self, step: u64) -> f64 {
        self.losses[step as usize]
    }

    /// Writes the residuals (n, K) at a stage's time: those of a node, or between nodes the cubic through the four
    /// nearest nodes of the window (fewer where the window has fewer).
    pub fn residual(&self, at: StageTime, out: &mut Vec<R>) {
        let (step, fraction) = (at.step as usize, at.fraction);
        let node = |k: usize| &self.residuals[k * self.len..][..self.len];
        out.clear();
        if fraction == 0.0 || fraction == 1.0 {
            out.extend_from_slice(node(step + fraction as usize));
            return;
        }
        let start = step / self.window * self.window;
        let points = STENCIL.min(self.window + 1);
        let first = step.saturating_sub(STENCIL / 2 - 1).clamp(start, start + self.window + 1 - points);
        let s = (step - first) as f64 + fraction;
        out.resize(self.len, R::zero());
        for j in 0..points {
            let others = (0..points).filter(|&i| i != j);
            let weight: f64 = others.map(|i| (s - i as f64) / (j as f64 - i as f64)).product();
            let weight = R::of(weight);
            out.iter_mut().zip(node(first + j)).for_each(|(e, &at)| *e += weight * at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cubic in time is reproduced between nodes, up to the ends of every window; a window of one step is linear.
    #[test]
    fn cubics_are_exact_inside_a_window() {
        let cubic = |t: f64| 0.3 - t + 2.0 * t * t - 0.7 * t * t * t;
        for (window, steps) in [(6, 12), (3, 12), (12, 12)] {
            let mut path = FrozenPath::<f64>::new(1, window, steps);
            // Each window has its own cubic. The node between two windows belongs to the later one.
            for k in (0..=steps).rev() {
                path.freeze(k, &[cubic(k as f64)], Loss::HalfSquared, &[0.0], 1);
            }
            let mut e = Vec::new();
            for step in 0..steps as u64 {
                for fraction in [0.0, 0.25, 0.5, 1.0] {
                    path.residual(StageTime { step, fraction }, &mut e);
                    let exact = cubic(step as f64 + fraction);
                    assert!((e[0] - exact).abs() < 1e-9 * (1.0 + exact.abs()), "{window} {step} {fraction}");
                }
            }
        }
        let mut path = FrozenPath::<f64>::new(1, 1, 2);
        path.freeze(0, &[1.0, 3.0, 11.0], Loss::HalfSquared, &[0.0], 1);
        let mut e = Vec::new();
        path.residual(StageTime { step: 1, fraction: 0.5 }, &mut e);
        assert_eq!((e[0], path.loss(1)), (7.0, 4.5));
    }

    #[test]
    fn windows_do_not_look_across_their_ends() {
        let values = |jump: f64| (0..=8).map(|k| if k > 4 { jump } else { f64::from(k) }).collect::<Vec<f64>>();
        let at = |jump: f64, step: u64| {
            let mut path = FrozenPath::<f64>::new(1, 4, 8);
            path.freeze(0, &values(jump), Loss::HalfSquared, &[0.0], 1);
            let mut e = Vec::new();
            path.residual(StageTime { step, fraction: 0.5 }, &mut e);
            e[0]
        };
        assert_eq!(at(100.0, 3), 3.5, "the next window's nodes play no part");
        assert_ne!(at(100.0, 4), at(0.0, 4));
    }
}
