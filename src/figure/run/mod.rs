//! The figures of a run: pure functions of its records.
//!
//! | file | figure |
//! |---|---|
//! | `scaling.rs` | gap against width, step, batch, with fitted and theoretical slopes |
//! | `bound.rs` | the largest coupling distance under the bound's form |
//! | `time.rs` | gaps against time |
//! | `risk.rs` | risk (and accuracy) of every width and of the limit against time |
//! | `dropout.rs` | what dropping neurons costs |
//! | `paths.rs` | loss along connecting paths, barrier against width |
//! | `convergence.rs` | how the risk falls, across widths, methods and starts |
//! | `picard.rs` | how Picard's iterates come together |
//! | `radial.rs` | the radial reduction: risks, and laws of the neurons' norms |
//! | `kinetic.rs` | the kinetic equation: densities, grid against particles, free energy, approach to rest |
//! | `recovery.rs` | sparse recovery: error curves, noise, rates beside their bounds |
//! | `phase.rs` | phase diagrams of sparse recovery, with the 50 % contour |
//! | `digits.rs` | recovered images side by side |
//! | `cloud.rs` | the neurons of a network and of the limit, side by side |

mod bound;
mod cloud;
mod convergence;
mod digits;
mod dropout;
mod kinetic;
mod paths;
mod phase;
mod picard;
mod radial;
mod records;
mod recovery;
mod risk;
mod scaling;
mod time;

use super::{Figure, FigureError, write};
use crate::record::npz::NpzError;
use crate::record::{RecordError, RunFolder};
use rayon::prelude::*;
use records::Records;
use std::path::PathBuf;

/// What can go wrong when the figures of a run are drawn.
#[derive(Debug, thiserror::Error)]
pub enum RunFiguresError {
    /// The run's records cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An array cannot be read.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// A figure cannot be drawn or written.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

/// Draws every figure of a run into `figures/` as SVG, PNG and PDF; returns the files in a fixed order.
///
/// # Errors
/// Records that are missing or damaged, a folder that cannot be written.
pub fn draw_run(folder: &RunFolder) -> Result<Vec<PathBuf>, RunFiguresError> {
    let figures = if recovery::is_run(folder) { recovery::figures(folder)? } else { of_training(folder)? };
    let drawn: Result<Vec<Vec<PathBuf>>, FigureError> =
        figures.par_iter().map(|(name, figure)| write(figure, &folder.file(&format!("figures/{name}")))).collect();
    Ok(drawn?.into_iter().flatten().collect())
}

/// The figures of networks and their limit.
fn of_training(folder: &RunFolder) -> Result<Vec<(String, Figure)>, RunFiguresError> {
    let records = Records::read(folder)?;
    let mut figures: Vec<(String, Figure)> = Vec::new();
    for group in &records.gap.groups {
        figures.extend(scaling::figure(&records, group));
    }
    figures.extend(bound::figure(&records));
    figures.push(("gap-time".into(), time::figure(&records)));
    figures.push(("risk".into(), risk::figure(&records)));
    figures.extend(cloud::figures(&records, folder)?);
    figures.extend(dropout::figures(folder)?);
    figures.extend(paths::figures(folder)?);
    figures.extend(convergence::figures(&records, folder)?);
    figures.extend(picard::figures(folder)?);
    figures.extend(radial::figures(folder)?);
    figures.extend(kinetic::figures(folder)?);
    Ok(figures)
}
