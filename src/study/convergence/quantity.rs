//! The main quantity of the convergence study, which sweeps over other keys show.

use super::ConvergenceArrays;
use crate::analysis::fit::Statistic;
use crate::analysis::trend::SeedQuantity;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use ndarray::s;

/// The names of the quantities.
pub(super) const NAMES: &[&str] = &["passage-time"];

/// The first passage time to the last level, of every width.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn quantities(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
    let arrays = ConvergenceArrays::read_from(folder)?;
    let Some(last) = arrays.levels.len().checked_sub(1) else { return Ok(Vec::new()) };
    let of_width = |(v, width): (usize, &f64)| {
        let row = arrays.passage.slice(s![v, .., last]);
        let label = "time to the last level of the risk";
        SeedQuantity::of_seeds("passage-time", label, Some(*width as usize), Statistic::Mean, row)
    };
    Ok(arrays.widths.iter().enumerate().map(of_width).collect())
}
