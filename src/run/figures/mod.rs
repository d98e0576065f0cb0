//! The figures of a run, which are functions of its records alone.
//!
//! Every run of training has the figures of this folder; each study adds others (`study/NAME/figure.rs`).
//!
//! | file | figure |
//! |---|---|
//! | `risk` | risk, and accuracy or kinetic energy, of every width and of the limit against time |
//! | `neurons` | the neurons of a network and of the limit |
//! | [`subjects`] | the subjects of panels to which other studies add marks |
//! | [`vary`] | the figures of a sweep over keys |
//! | `belonging` | whether the records are those that the manifest names |
//! | [`records`] | the records that several figures show |
//! | [`lines`], [`labels`] | common lines and labels |

mod belonging;
pub mod coverage;
pub mod labels;
pub mod lines;
mod neurons;
pub mod records;
mod risk;
pub mod subjects;
pub mod vary;

use super::context::FiguresError;
use super::study::{NamedFigure, RegisteredStudy, Registry, Runnable};
use crate::figure::{FigureError, write};
use crate::record::{FIGURES_ADVICE, Manifest, RunFolder, RunKind};
use rayon::prelude::*;
use records::Records;
use std::path::PathBuf;

/// Draws every figure of a run into `figures/` as SVG, PNG and PDF; returns the files in a fixed order.
///
/// # Errors
/// A run of another format, records that are missing or damaged, a folder that cannot be written.
pub fn draw(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<PathBuf>, FiguresError> {
    let figures = of_run(folder, registry)?;
    let drawn: Result<Vec<Vec<PathBuf>>, FigureError> =
        figures.par_iter().map(|(name, figure)| write(figure, &folder.file(&format!("figures/{name}")))).collect();
    Ok(drawn?.into_iter().flatten().collect())
}

/// Every figure of a run with the name of its files, in a fixed order.
///
/// # Errors
/// A run of another format, records that are missing or damaged.
pub fn of_run(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<NamedFigure>, FiguresError> {
    folder.require_format(FIGURES_ADVICE)?;
    let manifest = folder.manifest()?;
    belonging::check(folder, &manifest, registry)?;
    Ok(match manifest.kind {
        RunKind::Training => {
            let common = common_figures(folder, &manifest)?;
            study_figures(registry.training, folder, &manifest, common)?
        }
        RunKind::Recovery => study_figures(registry.recovery, folder, &manifest, Vec::new())?,
        RunKind::Pruning => study_figures(registry.pruning, folder, &manifest, Vec::new())?,
    })
}

/// The common figures, and those of the studies whose records are in the folder, in the order of the registry.
fn study_figures<E: Runnable>(
    registered: &[RegisteredStudy<E>],
    folder: &RunFolder,
    manifest: &Manifest,
    mut figures: Vec<NamedFigure>,
) -> Result<Vec<NamedFigure>, FiguresError> {
    let ran = || registered.iter().filter(|study| manifest.studies.iter().any(|name| name == study.name));
    for study in ran() {
        figures.extend((study.figures)(folder)?);
    }
    for study in ran() {
        (study.add_marks)(folder, &mut figures)?;
    }
    Ok(figures)
}

/// The figures of every run of training.
fn common_figures(folder: &RunFolder, manifest: &Manifest) -> Result<Vec<NamedFigure>, FiguresError> {
    let records = Records::read(folder)?;
    let mut figures = vec![("risk".into(), risk::figure(&records))];
    figures.extend(neurons::figures(&records, folder, manifest)?);
    Ok(figures)
}
