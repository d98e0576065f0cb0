//! Transformers: forward passes with taps on the inputs of linear layers.
//!
//! | file | contents |
//! |---|---|
//! | `config.rs` | typed reading of a configuration |
//! | `architecture.rs` | what a configuration describes: tensors, and how they are joined |
//! | `family/` | BERT, ViT, DeiT, GPT-2, OPT, Llama: a file each |
//! | `embedding.rs`, `block.rs`, `head.rs` | the parts of a forward pass, read one at a time |
//! | `block_gradient.rs`, `loss.rs` | the backward pass: gradients of a block, and of the task loss at the last features |
//! | `attention.rs`, `parts.rs`, `elementwise.rs` | attention; linear layers and normalisations; functions of entries |
//! | `inputs.rs` | token indices and images |
//! | `text.rs` | texts as tokens, by the tokenizer of the model |
//! | `overlap.rs` | samples that calibration and held-out data share |
//! | `stream.rs` | the features of all samples, passed through one block at a time |
//! | `score.rs` | cross entropies and hits on held-out data |

mod architecture;
mod attention;
mod block;
mod block_gradient;
mod config;
mod elementwise;
mod embedding;
mod family;
mod head;
mod inputs;
mod loss;
mod overlap;
mod parts;
mod scalar;
mod score;
mod stream;
mod text;

pub use architecture::{Architecture, AttentionSpec, BlockSpec, EmbeddingSpec, HeadSpec, LinearSpec, NormSpec};
pub use block::TransformerBlock;
pub use block_gradient::BlockGradient;
pub use elementwise::ActivationKind;
pub use embedding::Embedding;
pub use head::Head;
pub use inputs::{Inputs, read_labels, require_classes};
pub use loss::Targets;
pub use overlap::overlap;
pub use parts::{Linear, Norm};
pub use scalar::ModelReal;
pub use score::{MeanScores, Scores, score};
pub use stream::{CHUNK_TOKENS, CHUNKS_HELD, FeatureStream, outputs};
pub use text::{TOKENIZER, read_text};

use super::checkpoint::ModelFolder;
use super::error::PruneError;

/// What the configuration of a checkpoint describes; its tensors have been checked.
///
/// # Errors
/// A family or an option that is not supported, tensors that are missing, have another shape or are not known.
pub fn describe(checkpoint: &ModelFolder) -> Result<Architecture, PruneError> {
    family::describe(checkpoint)
}
