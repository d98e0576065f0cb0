//! The width that a tolerance needs, from predictions alone.

use super::PredictArrays;
use ndarray::{ArrayView1, Axis};

/// Column of the 95 % quantile among the numbers of a law.
const HIGH: usize = 3;

/// The smallest width of networks whose quantity is at most a tolerance with probability 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SmallestWidth {
    /// This width.
    Exactly(usize),
    /// The narrowest predicted width suffices; a smaller one may.
    AtMost(usize),
    /// The widest predicted width does not suffice.
    MoreThan(usize),
    /// The tolerance is zero or negative.
    None,
}

/// The widths N at which a network with M of its N neurons kept at random meets a tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeptWidths {
    /// Every width.
    All,
    /// Widths up to this one: the more neurons are dropped, the larger is the added loss.
    UpTo(usize),
    /// The predicted widths do not decide.
    Unknown,
}

impl PredictArrays {
    /// The smallest width at which `sup_t |f_N - f_rho|`, over the recording times, is at most `tolerance`: the law of its
    /// square is that of a Gaussian field, divided by N.
    pub fn width_for_gap(&self, tolerance: f64) -> SmallestWidth {
        let width = (self.whole.supremum[HIGH] / (tolerance * tolerance)).ceil();
        if tolerance > 0.0 && width.is_finite() {
            SmallestWidth::Exactly((width as usize).max(1))
        } else {
            SmallestWidth::None
        }
    }

    /// The smallest width at which the loss gap `R(f_N) - R(rho)` at the end is at most `tolerance`.
    pub fn width_for_loss(&self, tolerance: f64) -> SmallestWidth {
        let last = self.times.len() - 1;
        self.width_for(self.whole.gap_high.index_axis(Axis(1), last), tolerance)
    }

    /// The smallest width at which the barrier of the constructive path is at most `tolerance`.
    pub fn width_for_barrier(&self, tolerance: f64) -> SmallestWidth {
        self.width_for(self.whole.barrier.column(HIGH), tolerance)
    }

    /// The smallest width at which the loss added by keeping a random half of the neurons is at most `tolerance`.
    pub fn width_for_half(&self, tolerance: f64) -> SmallestWidth {
        self.width_for(self.whole.dropout_law.column(HIGH), tolerance)
    }

    /// The widths at which the loss added by keeping `kept` random neurons is at most `tolerance`.
    ///
    /// The predictions change by `sqrt(1/M - 1/N)` times a fluctuation of unit size, as where half of
    /// `N' = 1 / (1/M - 1/N)` neurons are kept; the change of the network itself between N and N' is left out.
    pub fn widths_for_kept(&self, tolerance: f64, kept: usize) -> KeptWidths {
        let needed = match self.width_for_half(tolerance) {
            SmallestWidth::Exactly(width) => width,
            SmallestWidth::AtMost(width) if width <= kept => return KeptWidths::All,
            SmallestWidth::AtMost(_) | SmallestWidth::MoreThan(_) | SmallestWidth::None => return KeptWidths::Unknown,
        };
        if needed <= kept {
            return KeptWidths::All;
        }
        // 1 / (1/M - 1/N'), in whole numbers.
        KeptWidths::UpTo(kept.saturating_mul(needed) / (needed - kept))
    }

    /// The smallest width at which a quantile, given at the predicted widths and falling with them, is at most
    /// `tolerance`; between predicted widths it is interpolated as a power of the width.
    fn width_for(&self, quantiles: ArrayView1<f64>, tolerance: f64) -> SmallestWidth {
        if tolerance.is_nan() || tolerance <= 0.0 {
            return SmallestWidth::None;
        }
        // The first width from which on all are within the tolerance.
        let meets = quantiles.iter().rev().take_while(|&&quantile| quantile <= tolerance).count();
        let (widths, first) = (&self.widths, self.widths.len() - meets);
        match (first, meets) {
            (_, 0) => SmallestWidth::MoreThan(widths[widths.len() - 1] as usize),
            (0, _) => SmallestWidth::AtMost(widths[0] as usize),
            _ => {
                let [low, high] = [first - 1, first].map(|w| (widths[w].ln(), quantiles[w].ln()));
                // A quantile that is not positive has no logarithm: the wider of the two widths is safe.
                let share = (tolerance.ln() - low.1) / (high.1 - low.1);
                let log = if share.is_finite() { low.0 + share * (high.0 - low.0) } else { high.0 };
                SmallestWidth::Exactly((log.exp() - 1e-9).ceil() as usize)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::predict::tests::arrays;

    #[test]
    fn widths_by_the_laws() {
        let arrays = arrays();
        assert_eq!(arrays.width_for_gap(0.1), SmallestWidth::Exactly(300));
        assert_eq!(arrays.width_for_gap(0.0), SmallestWidth::None);
        assert_eq!(arrays.width_for_barrier(0.01), SmallestWidth::Exactly(200));
        assert_eq!(arrays.width_for_barrier(0.2), SmallestWidth::AtMost(10));
        assert_eq!(arrays.width_for_barrier(1e-4), SmallestWidth::MoreThan(1000));
        assert_eq!(arrays.width_for_loss(0.05), SmallestWidth::Exactly(400));
        assert_eq!(arrays.width_for_half(0.02), SmallestWidth::Exactly(200));
    }

    #[test]
    fn fewer_kept_neurons_need_a_narrower_network() {
        let arrays = arrays();
        assert_eq!(arrays.widths_for_kept(0.02, 200), KeptWidths::All);
        // 1/150 - 1/600 = 1/200.
        assert_eq!(arrays.widths_for_kept(0.02, 150), KeptWidths::UpTo(600));
        assert_eq!(arrays.widths_for_kept(1e-9, 150), KeptWidths::Unknown);
    }
}
