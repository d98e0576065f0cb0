//! The families of models: a file each, which says what a configuration of that type describes, and a line in the list
//! below.

mod bert;
mod common;
mod gpt2;
mod llama;
mod opt;
mod vit;

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::Architecture;
use super::config::ModelConfig;
use common::ModelFamily;

/// Every family that is read.
const FAMILIES: [ModelFamily; 6] = [bert::FAMILY, vit::VIT, vit::DEIT, gpt2::FAMILY, opt::FAMILY, llama::FAMILY];

/// The architecture of a checkpoint, whose tensors have been checked: all that it needs are there in the right shape, and
/// there are no others that would change its output.
///
/// # Errors
/// Another family or architecture, values of the configuration that are not supported, tensors that are missing, have
/// another shape or are not known.
pub(super) fn describe(checkpoint: &ModelFolder) -> Result<Architecture, PruneError> {
    let config = ModelConfig::of(checkpoint);
    let listed = |names: Vec<&str>| format!("one of {}", names.join(", "));
    let model_type = config.text_or("model_type", "")?;
    let family = FAMILIES.iter().find(|family| family.name == model_type);
    let family = family
        .ok_or_else(|| config.wrong("model_type", listed(FAMILIES.iter().map(|family| family.name).collect())))?;
    let named = checkpoint.config().get("architectures").and_then(|list| list.as_array());
    let known = |name: &serde_json::Value| name.as_str().is_some_and(|name| family.architectures.contains(&name));
    if !named.is_none_or(|names| names.iter().all(known)) {
        return Err(config.wrong("architectures", listed(family.architectures.to_vec())));
    }
    let architecture = (family.describe)(&config)?;
    let path = checkpoint.folder();
    let needed = architecture.tensors();
    for (tensor, expected) in &needed {
        let found = checkpoint.shape(tensor)?;
        if found != expected {
            return Err(PruneError::TensorShape {
                path: path.into(),
                tensor: tensor.clone(),
                found: found.to_vec(),
                expected: expected.clone(),
            });
        }
    }
    let read = |name: &str| needed.iter().any(|(known, _)| known == name);
    if let Some(tensor) = checkpoint.names().find(|name| !read(name) && !(family.unused)(name)) {
        return Err(PruneError::UnknownTensor { path: path.into(), tensor: tensor.into(), family: family.name });
    }
    Ok(architecture)
}
