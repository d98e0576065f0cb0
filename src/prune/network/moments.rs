//! Second moments of the inputs of linear layers.
//!
//! Products of inputs, and their sums over 256 tokens, have the precision of the forward pass, as the inputs themselves
//! have; those sums are added in double precision. With unit roundoff u an entry of the sum is wrong by at most
//! `256 u sum |x_i x_j|`, in single precision 1.5e-5 of the geometric mean of the two diagonal entries, and by the
//! square root of 256 times u, 1e-6, where roundings are independent: as much as the forward pass itself.

use super::super::error::PruneError;
use super::super::model::ModelReal;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::sparse::recovery::dense::{PanelCopies, add_gram, mirror};
use faer::{Mat, MatRef};

/// Tokens whose products are summed at a time, a multiple of 256.
pub const MOMENT_TOKENS: usize = 1024;
/// Inputs that are examined together for numbers that are not finite.
const EXAMINED: usize = 1024;

/// The sum of `x x^T` over tokens.
pub(super) struct MomentSum<R> {
    layer: String,
    /// The lower triangle.
    sum: Mat<f64>,
    tokens: usize,
    /// (tokens, inputs), row-major, not yet in the sum.
    pending: Vec<R>,
    copies: PanelCopies<R>,
}

impl<R: ModelReal> MomentSum<R> {
    /// Of no tokens, of a layer with this number of inputs; its name is for messages.
    pub fn new(layer: &str, inputs: usize) -> Self {
        let (sum, copies) = (Mat::zeros(inputs, inputs), PanelCopies::kept());
        MomentSum { layer: layer.into(), sum, tokens: 0, pending: Vec::new(), copies }
    }

    /// Adds the inputs (tokens, inputs) of a layer.
    ///
    /// # Errors
    /// [`PruneError::LayerInput`].
    pub fn add(&mut self, inputs: &[R]) -> Result<(), PruneError> {
        let d = self.sum.nrows();
        self.require_finite(inputs)?;
        self.pending.reserve_exact(MOMENT_TOKENS * d - self.pending.len());
        let mut rest = inputs;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(MOMENT_TOKENS * d - self.pending.len()));
            self.pending.extend_from_slice(now);
            if self.pending.len() == MOMENT_TOKENS * d {
                self.flush();
            }
            rest = later;
        }
        Ok(())
    }

    /// Checks that inputs, and sums of 256 of their squares, are finite.
    fn require_finite(&self, inputs: &[R]) -> Result<(), PruneError> {
        let is_finite = |v: &R| (*v * *v * R::of(256.0)).to_f64().is_finite();
        let finite = |values: &[R]| {
            // The product of a number and zero is zero, unless the number is not finite.
            let mut zeros = [R::zero(); 16];
            let add = |zero: &mut R, v: R| {
                let square = v * v * R::of(256.0);
                *zero += square * R::zero();
            };
            let (chunks, rest) = values.as_chunks::<16>();
            chunks.iter().for_each(|chunk| zeros.iter_mut().zip(chunk).for_each(|(zero, v)| add(zero, *v)));
            rest.iter().for_each(|v| add(&mut zeros[0], *v));
            zeros.iter().all(|zero| *zero == R::zero())
        };
        let Some(part) = inputs.chunks(EXAMINED).position(|values| !finite(values)) else { return Ok(()) };
        let first = part * EXAMINED;
        let at = first + inputs[first..].iter().take_while(|v| is_finite(v)).count();
        Err(PruneError::LayerInput {
            layer: self.layer.clone(),
            feature: at % self.sum.nrows(),
            value: inputs[at].to_f64(),
            precision: R::NAME,
        })
    }

    fn flush(&mut self) {
        let d = self.sum.nrows();
        let tokens = self.pending.len() / d;
        if tokens > 0 {
            let _timed = profile::region(WorkKind::MomentProducts);
            profile::count(WorkKind::MomentProducts, || WorkCounts::of::<R>(tokens * d * d, 0, d * (tokens + d)));
            let inputs = MatRef::from_column_major_slice(&self.pending, d, tokens);
            add_gram(&mut self.sum, inputs, &mut self.copies);
            self.tokens += tokens;
            self.pending.clear();
        }
    }

    /// The mean of `x x^T` (d, d), and the number of tokens.
    pub fn finish(mut self) -> (Mat<f64>, usize) {
        self.flush();
        self.sum *= faer::Scale(1.0 / self.tokens.max(1) as f64);
        mirror(&mut self.sum);
        (self.sum, self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens with a common mean, so that all products of a pair of inputs have the same sign.
    fn tokens(count: usize, inputs: usize) -> Vec<f32> {
        (0..count * inputs).map(|k| 1.0 + (k as f32 * 0.618_034).fract()).collect()
    }

    fn moment<R: ModelReal>(x: &[f32], inputs: usize, part: usize) -> Mat<f64> {
        let mut sum = MomentSum::<R>::new("layer", inputs);
        for part in x.chunks(part * inputs) {
            sum.add(&part.iter().map(|v| R::of(f64::from(*v))).collect::<Vec<_>>()).unwrap();
        }
        let (moment, tokens) = sum.finish();
        assert_eq!(tokens, x.len() / inputs);
        moment
    }

    /// Against sums in double precision, in an order of their own; entries far from the diagonal block included.
    #[test]
    fn moments_in_single_precision_are_within_the_bound_of_their_rounding() {
        let (inputs, count) = (230, 3000);
        let x = tokens(count, inputs);
        let (single, double) = (moment::<f32>(&x, inputs, count), moment::<f64>(&x, inputs, count));
        let mut worst = 0.0_f64;
        for (i, j) in [(0, 0), (3, 200), (200, 3), (229, 229), (100, 229), (97, 95), (191, 193)] {
            let exact = x.chunks(inputs).map(|row| f64::from(row[i]) * f64::from(row[j])).sum::<f64>() / count as f64;
            assert!((double[(i, j)] / exact - 1.0).abs() < 1e-14, "{i} {j}");
            worst = worst.max((single[(i, j)] / exact - 1.0).abs());
        }
        // It is rounded, and by less than 256 u.
        assert!(worst > 1e-10 && worst < 256.0 * f64::powi(2.0, -24), "{worst:e}");
    }

    #[test]
    fn moments_do_not_depend_on_the_division_of_the_tokens() {
        let x = tokens(2500, 97);
        let whole = moment::<f32>(&x, 97, 2500);
        for part in [1, 700, 1024, 1025] {
            assert!(moment::<f32>(&x, 97, part) == whole, "{part}");
        }
    }

    #[test]
    fn an_input_that_is_not_finite_is_named() {
        let mut x = vec![1.0_f32; 5 * 1000];
        x[4 * 1000 + 77] = f32::INFINITY;
        let error = MomentSum::new("some.layer", 1000).add(&x).unwrap_err().to_string();
        assert!(error.contains("some.layer") && error.contains("77") && error.contains("inf"), "{error}");
        x[4 * 1000 + 77] = 1e-3;
        MomentSum::new("some.layer", 1000).add(&x).unwrap();
        // Its square is beyond the largest number.
        x[5] = -1e20;
        let error = MomentSum::new("some.layer", 1000).add(&x).unwrap_err().to_string();
        assert!(error.contains("input 5 of -1"), "{error}");
    }
}
