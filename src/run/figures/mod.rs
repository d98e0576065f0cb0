//! The figures of a run: pure functions of its records.
//!
//! Every run of networks has the figures of this folder; each study adds its own (`study/NAME/figure.rs`).
//!
//! | file | figure |
//! |---|---|
//! | `time.rs` | `gap-time`: distances from the limit against time |
//! | `risk.rs` | `risk`: risk (and accuracy) of every width and of the limit against time |
//! | `neurons.rs` | `neurons`: the neurons of a network and of the limit, side by side |
//! | [`records`] | the records that several figures are drawn from |
//! | [`lines`], [`labels`] | lines and labels that several figures share |

pub mod labels;
pub mod lines;
mod neurons;
pub mod records;
mod risk;
mod time;

use super::context::FiguresError;
use super::study::{NamedFigure, RegisteredStudy, Registry, Runnable};
use crate::figure::{FigureError, write};
use crate::record::{Manifest, RunFolder, RunKind};
use rayon::prelude::*;
use records::Records;
use std::path::PathBuf;

/// Draws every figure of a run into `figures/` as SVG, PNG and PDF; returns the files in a fixed order.
///
/// # Errors
/// A run of another format, records that are missing or damaged, a folder that cannot be written.
pub fn draw(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<PathBuf>, FiguresError> {
    folder.require_format("Draw its figures with that version, or run it again with --force")?;
    let manifest = folder.manifest()?;
    let figures = match manifest.kind {
        RunKind::Training => {
            let mut figures = of_every_run(folder, &manifest)?;
            figures.extend(of_studies(registry.training, folder, &manifest)?);
            figures
        }
        RunKind::Recovery => of_studies(registry.recovery, folder, &manifest)?,
    };
    let drawn: Result<Vec<Vec<PathBuf>>, FigureError> =
        figures.par_iter().map(|(name, figure)| write(figure, &folder.file(&format!("figures/{name}")))).collect();
    Ok(drawn?.into_iter().flatten().collect())
}

/// The figures of the studies whose records are in the folder, in the order of the registry.
fn of_studies<E: Runnable>(
    registered: &[RegisteredStudy<E>],
    folder: &RunFolder,
    manifest: &Manifest,
) -> Result<Vec<NamedFigure>, FiguresError> {
    let mut figures = Vec::new();
    for study in registered.iter().filter(|study| manifest.studies.iter().any(|name| name == study.name)) {
        figures.extend((study.figures)(folder)?);
    }
    Ok(figures)
}

/// The figures of every run of networks.
fn of_every_run(folder: &RunFolder, manifest: &Manifest) -> Result<Vec<NamedFigure>, FiguresError> {
    let records = Records::read(folder)?;
    let mut figures = vec![("gap-time".into(), time::figure(&records)), ("risk".into(), risk::figure(&records))];
    figures.extend(neurons::figures(&records, folder, manifest)?);
    Ok(figures)
}
