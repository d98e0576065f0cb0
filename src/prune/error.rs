//! Errors of pruning.

use crate::number::plain;
use crate::population::npz_file::NpyFault;
use std::io;
use std::path::PathBuf;

/// Why a model cannot be read, pruned or written.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("{path}: cannot be written")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The folder for the pruned model is in use.
    #[error("{path}: exists already: give the folder of the pruned model a new name")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file of weights, or the index of such files, contradicts itself.
    #[error("{path}: {reason}: the file is damaged or incomplete; copy or download it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// What was given as a model is not the folder of one.
    #[error(
        "{path}: {found}: expected the folder of a model in the format of Hugging Face: config.json, and model.safetensors or model.safetensors.index.json with the files that it names"
    )]
    NoModel {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A key of the configuration has a value that cannot be used.
    #[error("{path}: {key} = {found}: expected {expected}")]
    Config {
        /// The configuration.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value, or `nothing`.
        found: String,
        /// The values that can be used.
        expected: String,
    },
    /// A tensor that the model needs is not there.
    #[error("{path}: tensor {tensor}: missing, although config.json describes a model with it")]
    MissingTensor {
        /// The folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor is not part of the model that the configuration describes.
    #[error(
        "{path}: tensor {tensor}: not part of a model of type {family}: the forward pass would ignore it, so the model is refused"
    )]
    UnknownTensor {
        /// The folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type of the model.
        family: &'static str,
    },
    /// A tensor has another shape than the configuration implies.
    #[error("{path}: tensor {tensor} has shape {found:?}: expected {expected:?} by config.json")]
    TensorShape {
        /// The folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that follows from the configuration.
        expected: Vec<usize>,
    },
    /// A tensor has elements of a type that is not read.
    #[error("{path}: tensor {tensor} has elements of type {found}: expected F64, F32, F16 or BF16")]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type.
        found: String,
    },
    /// A weight is infinite or NaN.
    #[error("tensor {tensor}: entry {index} is {value}: every weight must be a finite number")]
    TensorValue {
        /// The tensor.
        tensor: String,
        /// Position in row-major order.
        index: usize,
        /// The value.
        value: f64,
    },
    /// An array of inputs cannot be read.
    #[error("{path}: {fault}")]
    InputFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: NpyFault,
    },
    /// Inputs do not fit the model.
    #[error("{what}: {reason}")]
    Inputs {
        /// The inputs.
        what: String,
        /// What does not fit, and what would.
        reason: String,
    },
    /// A loss in the training of the kept weights is infinite or NaN.
    #[error(
        "training of the kept weights: the loss in step {step} of {steps} is {loss}: expected a rate below {}", plain(*.rate)
    )]
    TrainingLoss {
        /// The step, from 1.
        step: usize,
        /// Steps of the training.
        steps: usize,
        /// The first rate.
        rate: f64,
        /// The loss.
        loss: f64,
    },
    /// The input of a layer, or a sum of its squares, is infinite or NaN.
    #[error(
        "layer {layer}: input {feature} of {value}, or a sum of its squares, is not finite in the forward pass on the calibration data: the model overflows in {precision}, or its weights are damaged"
    )]
    LayerInput {
        /// The layer.
        layer: String,
        /// The index of the input feature.
        feature: usize,
        /// The value.
        value: f64,
        /// The precision of the forward pass.
        precision: &'static str,
    },
    /// The second moment of the inputs cannot be factored.
    #[error(
        "layer {layer}: the second moment of its inputs is not positive definite with a damping of {damping} times the mean of its diagonal, the largest that is tried"
    )]
    Indefinite {
        /// The layer.
        layer: String,
        /// The last damping.
        damping: f64,
    },
    /// A sparsity outside its range.
    #[error("sparsity = {value}: expected a number from 0 to below 1")]
    Sparsity {
        /// The value.
        value: f64,
    },
    /// A pattern that cannot be used.
    #[error("pattern {zeros}:{of}: expected n:m with 0 < n < m, as in 2:4: n zeros in every m consecutive inputs")]
    Pattern {
        /// Zeros in a group.
        zeros: usize,
        /// Entries of a group.
        of: usize,
    },
    /// A pattern does not divide the inputs of a layer.
    #[error(
        "layer {layer}: pattern {zeros}:{of} needs a number of inputs that is divisible by {of}, and the layer has {inputs}: use another pattern, or exclude the layer"
    )]
    PatternInputs {
        /// The layer.
        layer: String,
        /// Zeros in a group.
        zeros: usize,
        /// Entries of a group.
        of: usize,
        /// Inputs of the layer.
        inputs: usize,
    },
    /// No layer is left to prune.
    #[error("no layer is pruned: include and exclude leave none of the {layers} linear layers of the blocks")]
    NoLayers {
        /// Linear layers of the model.
        layers: usize,
    },
    /// A file of the model was changed while it was in use.
    #[error(
        "{path}: was changed while the model was read: its parts may not fit each other; wait until nothing writes to the folder, and start again"
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A pruning was begun and is not finished.
    #[error("{path}: holds an unfinished pruning: continue it with --resume, or start over after deleting the folder")]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// A pruning was begun with another request.
    #[error(
        "{path}: was begun with another request (they differ in {}): continue it with the same arguments, or start over after deleting the folder", .keys.join(", ")
    )]
    OtherRequest {
        /// The folder.
        path: PathBuf,
        /// The keys that differ.
        keys: Vec<String>,
    },
    /// A file at the place of the record is not the record of a pruning.
    #[error(
        "{path}: exists, and is not the record of a pruning by this program, which would replace it: move the file, or give the folder of the pruned model another name"
    )]
    ForeignRecord {
        /// The file.
        path: PathBuf,
    },
    /// A folder at the place of an unfinished pruning is not one.
    #[error(
        "{path}: exists, and is not an unfinished pruning by this program, which would be removed at the end: move the folder, or give that of the pruned model another name"
    )]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The folder for the pruned model is within that of the model.
    #[error(
        "{path}: is within the folder of the model, which is copied as a whole: give the pruned model another place"
    )]
    Within {
        /// The folder for the pruned model.
        path: PathBuf,
    },
    /// A stop was requested.
    #[error("interrupted")]
    Interrupted,
    /// What was written does not read back as it was meant.
    #[error("{path}: tensor {tensor}: after writing and reading again, {reason}")]
    ReadBack {
        /// The folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The difference.
        reason: String,
    },
}

impl PruneError {
    /// A file or folder that cannot be read.
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| PruneError::Read { path, source }
    }

    /// A file or folder that cannot be written.
    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| PruneError::Write { path, source }
    }
}
