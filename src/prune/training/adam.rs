//! Adam (Kingma, Ba 2015, algorithm 1) on the entries of a weight that are not zero.

use super::super::model::ModelReal;

/// Decay of the mean of the gradients.
const DECAY: f64 = 0.9;
/// Decay of the mean of their squares.
const SQUARE_DECAY: f64 = 0.999;
/// Added to the root of the mean square.
const EPSILON: f64 = 1e-8;

/// The moments of the gradients of a weight.
#[derive(Clone, Debug)]
pub struct AdamMoments<R> {
    mean: Vec<R>,
    square: Vec<R>,
}

impl<R: ModelReal> AdamMoments<R> {
    /// Zero, for a weight with so many entries.
    pub fn new(entries: usize) -> Self {
        AdamMoments { mean: vec![R::zero(); entries], square: vec![R::zero(); entries] }
    }

    /// Step `t`, from 1, of length `rate`:
    ///
    /// ```text
    /// m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
    /// w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)      where w is not zero
    /// ```
    ///
    /// with `b1 = 0.9`, `b2 = 0.999`, `epsilon = 1e-8`. Entries that are zero do not change.
    pub fn step(&mut self, weight: &mut [R], gradient: &[R], t: usize, rate: f64) {
        let power = i32::try_from(t).unwrap_or(i32::MAX);
        let (unbias, unbias_square) = (1.0 / (1.0 - DECAY.powi(power)), 1.0 / (1.0 - SQUARE_DECAY.powi(power)));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((w, g), (mean, square)) in weight.iter_mut().zip(gradient).zip(moments) {
            if *w == R::zero() {
                continue;
            }
            let g = g.to_f64();
            let m = DECAY * mean.to_f64() + (1.0 - DECAY) * g;
            let v = SQUARE_DECAY * square.to_f64() + (1.0 - SQUARE_DECAY) * g * g;
            (*mean, *square) = (R::of(m), R::of(v));
            *w = R::of(w.to_f64() - rate * m * unbias / ((v * unbias_square).sqrt() + EPSILON));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first step is `rate sign(g)`, whatever the gradient. Under a constant gradient every step is, as the corrected
    /// moments are exactly g and g^2.
    #[test]
    fn constant_gradients_give_steps_of_the_rate() {
        let mut weight = vec![1.0, -2.0, 0.0, 0.5];
        let mut moments = AdamMoments::<f64>::new(4);
        for t in 1..=50 {
            moments.step(&mut weight, &[3.0, -0.2, 5.0, 1e-2], t, 0.01);
            let moved = 0.01 * t as f64;
            for (found, expected) in weight.iter().zip([1.0 - moved, -2.0 + moved, 0.0, 0.5 - moved]) {
                assert!((found - expected).abs() < 1e-5 * moved, "{t}: {found} {expected}");
            }
        }
        assert_eq!(weight[2].to_bits(), 0);
    }

    /// Two steps with gradients 1 and -1 by hand: `m = 0.09 - 0.1 = -0.01`, over `1 - 0.81`; `v = 0.001 (0.999 + 1)`, over
    /// `1 - 0.998001`.
    #[test]
    fn the_moments_are_corrected_for_their_start() {
        let mut weight = vec![1.0];
        let mut moments = AdamMoments::<f64>::new(1);
        moments.step(&mut weight, &[1.0], 1, 0.1);
        moments.step(&mut weight, &[-1.0], 2, 0.1);
        let second = 0.1 * (-0.01 / 0.19) / (0.001_999_f64 / 0.001_999).sqrt();
        assert!((weight[0] - (0.9 - second)).abs() < 1e-8, "{}", weight[0]);
    }
}
