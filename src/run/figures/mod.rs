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
//! | [`vary`] | the figures of a sweep over keys |
//! | `describe` | titles and descriptions in files |
//! | `belonging` | whether the records are those that the manifest names |
//! | [`records`] | the records that several figures show |
//! | [`lines`], [`labels`] | common lines and labels |

pub mod about;
mod belonging;
pub mod coverage;
mod describe;
pub mod labels;
pub mod lines;
mod neurons;
pub mod records;
mod risk;
pub mod subjects;
pub mod vary;

use super::context::FiguresError;
use super::curve::{self, Curve};
use super::kept_states::kept;
use super::study::{NamedFigure, RegisteredStudy, Registry, Runnable};
use crate::compute::profile::{self, WorkKind};
use crate::config::KeptStates;
use crate::figure::{Figure, FigureError, FigureStyle, Format, check, write_formats};
use crate::record::{FIGURES_ADVICE, Manifest, RecordError, RunFolder, RunKind, Status};
use rayon::prelude::*;
use records::Records;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Draws every figure of a run into `figures/` as SVG, PNG and PDF; returns the files in a fixed order.
///
/// # Errors
/// A run of another format, records that are missing or damaged, a folder that cannot be written.
pub fn draw(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<PathBuf>, FiguresError> {
    let style = style_of_run(folder)?;
    let (out, none) = (folder.file("figures"), FigureStyle::default());
    draw_in(folder, registry, &style, &Drawing { names: &[], style: &none, formats: &STANDARD, out: &out })
}

/// Draws every figure at the end of a run. Labels that replace a text that no figure has are left out; where the style of
/// the experiment cannot be used, as on a page that is too small, the figures have the standard one. Returns the warnings.
///
/// # Errors
/// Those of [`draw`] in the standard style.
pub(super) fn draw_at_end(
    folder: &RunFolder,
    registry: &'static Registry,
) -> Result<(Vec<PathBuf>, Vec<String>), FiguresError> {
    draw_named(folder, registry, &[])
}

/// Draws the figures of a complete run of which a file is missing; returns their files. Others, which may have been drawn in
/// another style since, are left as they are.
///
/// # Errors
/// Those of [`draw`].
pub fn draw_missing(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<PathBuf>, FiguresError> {
    let file = |name: &str, format: &Format| folder.file(&format!("figures/{name}.{}", format.name()));
    let missing = |name: &String| STANDARD.iter().any(|format| !file(name, format).exists());
    let names: Vec<String> = of_run(folder, registry)?.into_iter().map(|(name, _)| name).filter(missing).collect();
    if names.is_empty() { Ok(Vec::new()) } else { Ok(draw_named(folder, registry, &names)?.0) }
}

/// Draws the named figures, all where there are none, as [`draw_at_end`].
fn draw_named(
    folder: &RunFolder,
    registry: &'static Registry,
    names: &[String],
) -> Result<(Vec<PathBuf>, Vec<String>), FiguresError> {
    let _timed = profile::region(WorkKind::Figures);
    let (out, mut style, mut warnings) = (folder.file("figures"), style_of_run(folder)?, Vec::new());
    let none = FigureStyle::default();
    let drawing = Drawing { names, style: &none, formats: &STANDARD, out: &out };
    loop {
        match draw_in(folder, registry, &style, &drawing) {
            Err(FiguresError::NoSuchText { key, text }) => {
                style.labels.remove(&text);
                warnings.push(FiguresError::NoSuchText { key, text }.to_string());
            }
            Err(FiguresError::Figure(error)) if !style.is_empty() => {
                let drawn = draw_in(folder, registry, &none, &drawing)?;
                warnings.push(format!("the figures have the standard style, as [figure] cannot be used: {error}"));
                return Ok((drawn, warnings));
            }
            drawn => return Ok((drawn?, warnings)),
        }
    }
}

/// The formats of the figures in a run folder.
const STANDARD: [Format; 3] = [Format::Svg, Format::Png, Format::Pdf];

/// What is drawn, how and where.
pub struct Drawing<'a> {
    /// The names of the figures; all where there are none.
    pub names: &'a [String],
    /// The style, in place of that of the experiment where it says something.
    pub style: &'a FigureStyle,
    /// The formats.
    pub formats: &'a [Format],
    /// The folder.
    pub out: &'a Path,
}

/// Draws figures of a run into a folder; returns the files in a fixed order.
///
/// # Errors
/// Those of [`draw`]; figures that the run does not have, and labels that replace a text that no figure has.
pub fn draw_chosen(
    folder: &RunFolder,
    registry: &'static Registry,
    drawing: &Drawing<'_>,
) -> Result<Vec<PathBuf>, FiguresError> {
    draw_in(folder, registry, &style_of_run(folder)?.overlaid(drawing.style), drawing)
}

/// The same in a style that is complete.
fn draw_in(
    folder: &RunFolder,
    registry: &'static Registry,
    style: &FigureStyle,
    drawing: &Drawing<'_>,
) -> Result<Vec<PathBuf>, FiguresError> {
    let mut figures = of_run(folder, registry)?;
    let known: Vec<String> = figures.iter().map(|(name, _)| name.clone()).collect();
    if let Some(unknown) = drawing.names.iter().find(|name| !known.contains(name)) {
        return Err(FiguresError::NoSuchFigure { name: unknown.clone(), known });
    }
    let mut used = BTreeSet::new();
    let mut styled: Vec<(String, (Figure, f64))> =
        figures.drain(..).map(|(name, figure)| (name, style.apply(figure, &mut used))).collect();
    if let Some(text) = style.labels.keys().find(|text| !used.contains(*text)) {
        let key = if drawing.style.labels.contains_key(text) { "labels" } else { "figure.labels of the experiment" };
        return Err(FiguresError::NoSuchText { key, text: text.clone() });
    }
    styled.retain(|(name, _)| drawing.names.is_empty() || drawing.names.contains(name));
    let one = |(name, (figure, scale)): &(String, (Figure, f64))| {
        write_formats(figure, *scale, &drawing.out.join(name), drawing.formats)
    };
    let drawn: Result<Vec<Vec<PathBuf>>, FigureError> = styled.par_iter().map(one).collect();
    Ok(drawn?.into_iter().flatten().collect())
}

/// The first figure of a run of training, which needs no study.
///
/// # Errors
/// Records that are missing or damaged.
pub fn first(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    Ok(vec![("risk".into(), risk::figure(&Records::read(folder)?))])
}

/// The style in the experiment of a run.
fn style_of_run(folder: &RunFolder) -> Result<FigureStyle, FiguresError> {
    let Some(style) = folder.manifest()?.experiment.get("figure").cloned() else { return Ok(FigureStyle::default()) };
    let damaged = |cause| RecordError::Json { path: folder.file("manifest.json"), cause };
    Ok(serde_json::from_value(style).map_err(damaged)?)
}

/// Every figure of a run with the name of its files, in a fixed order.
///
/// # Errors
/// A run of another format, records that are missing or damaged.
pub fn of_run(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<NamedFigure>, FiguresError> {
    folder.require_format(FIGURES_ADVICE)?;
    let manifest = folder.manifest()?;
    belonging::check(folder, &manifest, registry)?;
    let mut figures = match manifest.kind {
        RunKind::Training => {
            let common = common_figures(folder, &manifest)?;
            study_figures(registry.training, folder, &manifest, common)?
        }
        RunKind::Recovery => study_figures(registry.recovery, folder, &manifest, Vec::new())?,
        RunKind::Pruning => study_figures(registry.pruning, folder, &manifest, Vec::new())?,
    };
    describe::describe(&mut figures, &manifest, registry);
    Ok(figures)
}

/// A figure in the style of its run.
#[derive(Clone, Debug)]
pub struct StyledFigure {
    /// The name of its files.
    pub name: String,
    /// The figure.
    pub figure: Figure,
    /// The factor by which it is magnified when it is drawn.
    pub scale: f64,
}

/// Every figure of a run in the style of its experiment, in a fixed order; all in the standard style where one of them
/// cannot be drawn in that of the experiment.
///
/// # Errors
/// Those of [`of_run`].
pub fn styled(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<StyledFigure>, FiguresError> {
    let (style, figures) = (style_of_run(folder)?, of_run(folder, registry)?);
    let in_style = |(name, figure): &NamedFigure| {
        let (figure, scale) = style.apply(figure.clone(), &mut BTreeSet::new());
        StyledFigure { name: name.clone(), figure, scale }
    };
    let styled: Vec<StyledFigure> = figures.iter().map(in_style).collect();
    if style.is_empty() || styled.iter().all(|styled| check(&styled.figure).is_ok()) {
        return Ok(styled);
    }
    Ok(figures.into_iter().map(|(name, figure)| StyledFigure { name, figure, scale: 1.0 }).collect())
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
    // A complete run may have kept no states; the figure that was drawn of them before remains.
    if manifest.status != Status::Complete || kept(manifest) != KeptStates::None {
        figures.extend(neurons::figures(&records, folder, manifest)?);
    }
    Ok(figures)
}
