//! The main quantity of the convergence study, which sweeps over other keys show.

use super::ConvergenceArrays;
use crate::analysis::fit::Statistic;
use crate::analysis::trend::{DIVERGED, SeedQuantity};
use crate::record::{Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::records::Records;
use ndarray::{ArrayView1, ArrayView2, Axis, s};

/// The names of the quantities.
pub(super) const NAMES: &[&str] = &["passage-time"];

/// The first passage time to the last level, of every width.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn quantities(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
    let arrays = ConvergenceArrays::read_from(folder)?;
    let Some(last) = arrays.levels.len().checked_sub(1) else { return Ok(Vec::new()) };
    let records = Records::read(folder)?;
    let risks = records.widths().and_then(|group| records.measure(group, Measure::Risk));
    let of_width = |(v, width): (usize, &f64)| {
        let row = arrays.passage.slice(s![v, .., last]);
        let label = "time to the last level of the risk";
        let missing = reason(row, risks.filter(|risks| v < risks.dim().0).map(|risks| risks.index_axis(Axis(0), v)));
        let quantity = SeedQuantity::of_seeds("passage-time", label, Some(*width as usize), Statistic::Mean, row);
        SeedQuantity { missing, ..quantity }
    };
    Ok(arrays.widths.iter().enumerate().map(of_width).collect())
}

/// Why passages (seeds) are missing: a network diverged where its risk (seeds, times) is not finite, and otherwise the level
/// is not reached.
fn reason(passages: ArrayView1<f64>, risks: Option<ArrayView2<f64>>) -> String {
    const NOT_REACHED: &str = "the level is not reached within the horizon";
    let missing = (0..passages.len()).filter(|&seed| !passages[seed].is_finite());
    let diverged = |seed: &usize| {
        risks.is_some_and(|risks| *seed < risks.nrows() && risks.row(*seed).iter().any(|risk| !risk.is_finite()))
    };
    let (diverged, later): (Vec<usize>, Vec<usize>) = missing.partition(diverged);
    match (diverged.is_empty(), later.is_empty()) {
        (true, _) => NOT_REACHED.into(),
        (false, true) => DIVERGED.into(),
        (false, false) => format!("{NOT_REACHED}, or {DIVERGED}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, aview1};

    /// A network that did not diverge and has no passage has not reached the level.
    #[test]
    fn missing_passages_have_their_reason() {
        let risks = array![[1.0, 0.5], [1.0, 0.9], [1.0, f64::NAN]];
        let of = |passages: [f64; 3]| reason(aview1(&passages), Some(risks.view()));
        assert_eq!(of([2.0, f64::NAN, 3.0]), "the level is not reached within the horizon");
        assert_eq!(of([2.0, 1.0, f64::NAN]), DIVERGED);
        assert_eq!(of([2.0, f64::NAN, f64::NAN]), "the level is not reached within the horizon, or networks diverged");
        assert_eq!(reason(aview1(&[f64::NAN]), None), "the level is not reached within the horizon");
    }
}
