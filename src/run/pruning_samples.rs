//! The samples of a pruning and their labels, as they are asked for.

use super::request_names::{RequestKey, RequestNames};
use crate::config::SampleSource;
use crate::population::SourceFile;
use crate::prune::PruneError;
use crate::prune::bundled::{LabelledInputs, SHAKESPEARE_LENGTH};
use crate::prune::checkpoint::ModelFolder;
use crate::prune::model::{Architecture, HeadSpec, Inputs, read_labels, read_text, require_classes};
use std::path::Path;

/// A file with its checksum.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn checksum(path: &Path) -> Result<SourceFile, PruneError> {
    SourceFile::of_file(path).map_err(|source| PruneError::Read { path: path.into(), source })
}

/// The number of samples that is asked for, at most those that there are; all where none is.
///
/// # Errors
/// [`PruneError::Inputs`] with the name of the value, the value and the bound.
pub(super) fn limited(
    names: RequestNames,
    key: RequestKey,
    wanted: Option<usize>,
    available: usize,
) -> Result<usize, PruneError> {
    match wanted {
        Some(wanted) if wanted > available => Err(PruneError::Inputs {
            what: names.with_value(key, wanted),
            reason: format!("expected at most {available}, the samples that there are"),
        }),
        wanted => Ok(wanted.unwrap_or(available)),
    }
}

/// Reads samples for a model, and their labels, of which there must be one for every sample.
///
/// # Errors
/// Files that cannot be read, are damaged or do not fit each other; labels that are no classes of the model.
pub(super) fn read_samples(
    source: &SampleSource,
    model: &ModelFolder,
    architecture: &Architecture,
    held_out: bool,
) -> Result<LabelledInputs, PruneError> {
    let samples = match source {
        SampleSource::Bundled { name } => name.read(held_out, SHAKESPEARE_LENGTH)?,
        SampleSource::Tokens { path, length } => {
            let inputs = Inputs::read_tokens(path, *length)?;
            LabelledInputs { inputs, labels: None, sources: vec![checksum(path)?] }
        }
        SampleSource::Text { path, length } => {
            let inputs = read_text(path, model.folder(), *length)?;
            LabelledInputs { inputs, labels: None, sources: vec![checksum(path)?] }
        }
        SampleSource::Images { path, labels } => {
            let (inputs, mut sources) = (Inputs::read_images(path)?, vec![checksum(path)?]);
            if let Some(labels) = labels {
                sources.push(checksum(labels)?);
            }
            LabelledInputs { inputs, labels: labels.as_deref().map(read_labels).transpose()?, sources }
        }
    };
    if let (SampleSource::Images { labels: Some(path), .. }, Some(labels)) = (source, &samples.labels) {
        let (what, count) = (path.display().to_string(), samples.inputs.count());
        if labels.len() != count {
            let reason = format!("{} labels for {count} samples of {source}: expected one for each", labels.len());
            return Err(PruneError::Inputs { what, reason });
        }
        if let HeadSpec::Classes { layer, .. } = &architecture.head {
            require_classes(&what, labels, layer.outputs)?;
        }
    }
    Ok(samples)
}
