//! The figures of a run, which are functions of its records alone.
//!
//! Every run of training has the figures of this folder; each study adds others (`study/NAME/figure.rs`).
//!
//! | file | figure |
//! |---|---|
//! | [`about`] | what the checks and the figures of every run are about |
//! | `risk` | risk, and accuracy or kinetic energy, of every width and of the limit against time |
//! | `neurons` | the neurons of a network and of the limit |
//! | [`subjects`] | the subjects of panels to which other studies add marks |
//! | `belonging` | whether the records are those that the manifest names |
//! | [`records`] | the records that several figures show |
//! | [`lines`], [`labels`] | common lines and labels |

pub mod about;
mod belonging;
pub mod coverage;
pub mod labels;
pub mod lines;
mod neurons;
pub mod records;
mod risk;
pub mod subjects;

use super::context::FiguresError;
use super::curve::{self, Curve};
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

/// The first figure of a run of training, which needs no study.
///
/// # Errors
/// Records that are missing or damaged.
pub fn first(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    Ok(vec![("risk".into(), risk::figure(&Records::read(folder)?))])
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

/// The main quantities of a run, by which runs are compared: those of every run of its kind, then those of its studies.
///
/// # Errors
/// A run of another format, records that are missing or damaged.
pub fn curves(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<Curve>, FiguresError> {
    folder.require_format(FIGURES_ADVICE)?;
    let manifest = folder.manifest()?;
    belonging::check(folder, &manifest, registry)?;
    Ok(match manifest.kind {
        RunKind::Training => study_curves(registry.training, folder, &manifest, curve::of_training(folder)?)?,
        RunKind::Recovery => study_curves(registry.recovery, folder, &manifest, Vec::new())?,
        RunKind::Pruning => study_curves(registry.pruning, folder, &manifest, Vec::new())?,
    })
}

/// The common curves, and those of the studies whose records are in the folder, in the order of the registry.
fn study_curves<E: Runnable>(
    registered: &[RegisteredStudy<E>],
    folder: &RunFolder,
    manifest: &Manifest,
    mut curves: Vec<Curve>,
) -> Result<Vec<Curve>, FiguresError> {
    for study in registered.iter().filter(|study| manifest.studies.iter().any(|name| name == study.name)) {
        curves.extend((study.curves)(folder)?);
    }
    Ok(curves)
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
