//! The main quantity of the dropout study, which sweeps over other keys show.

use super::{DropoutArrays, DropoutRecord};
use crate::analysis::fit::Statistic;
use crate::analysis::trend::SeedQuantity;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use ndarray::s;

/// The names of the quantities.
pub(super) const NAMES: &[&str] = &["dropout-cost"];

/// The mean change of the loss when about half of the neurons are kept at random, of every width; with several hidden
/// layers, of the first set of layers.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn quantities(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
    let record = DropoutRecord::read(folder)?;
    let arrays = DropoutArrays::read(folder, &record)?;
    let Some((_, changes)) = arrays.changes.first() else { return Ok(Vec::new()) };
    let of_width = |(v, width): (usize, &f64)| {
        let below = arrays.kept.iter().enumerate().filter(|(_, kept)| **kept < *width);
        let (m, _) = below.min_by(|a, b| (a.1 - width / 2.0).abs().total_cmp(&(b.1 - width / 2.0).abs()))?;
        let row = changes.change_mean.slice(s![v, .., m]);
        let label = "loss added by keeping half of the neurons";
        Some(SeedQuantity::of_seeds("dropout-cost", label, Some(*width as usize), Statistic::Mean, row))
    };
    Ok(arrays.widths.iter().enumerate().filter_map(of_width).collect())
}
