//! The main quantities of the study of paths, which sweeps over other keys show.

use super::{PathKind, PathsArrays, PathsRecord};
use crate::analysis::fit::Statistic;
use crate::analysis::trend::SeedQuantity;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use ndarray::Array1;

/// The names of the quantities.
pub(super) const NAMES: &[&str] = &["barrier", "barrier-straight"];

/// The barriers of the constructive path and of the straight line, of every width; the pairs of networks take the place of
/// the seeds.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn quantities(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
    let record = PathsRecord::read(folder)?;
    let arrays = PathsArrays::read(folder, &record)?;
    let mut found = Vec::new();
    for (kind, name) in [PathKind::FirstHalf, PathKind::Straight].into_iter().zip(NAMES) {
        let Some(own) = arrays.kind(kind) else { continue };
        for &width in &record.widths {
            let same = |(i, _): &(usize, &f64)| {
                record.pairs.get(*i).is_some_and(|pair| pair.width == width && pair.variant.is_none())
            };
            let row: Array1<f64> = own.barrier.iter().enumerate().filter(same).map(|(_, barrier)| *barrier).collect();
            if row.is_empty() {
                continue;
            }
            let label = format!("barrier, {}", kind.label());
            found.push(SeedQuantity::of_seeds(name, &label, Some(width), Statistic::Mean, row.view()));
        }
    }
    Ok(found)
}
