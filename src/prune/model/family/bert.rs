//! BERT (Devlin et al. 2019), with the mean over the tokens as its output, as in sentence encoders.

use super::super::super::error::PruneError;
use super::super::architecture::{Architecture, AttentionSpec, BlockSpec, EmbeddingSpec, HeadSpec};
use super::super::config::ModelConfig;
use super::common::{ModelFamily, activation, heads, layer_norm, linear};

pub(super) const FAMILY: ModelFamily = ModelFamily {
    name: "bert",
    architectures: &["BertModel", "BertForMaskedLM", "BertForPreTraining"],
    describe,
    unused: |name| {
        name.ends_with("embeddings.position_ids") || name.contains("pooler.dense.") || name.starts_with("cls.")
    },
};

fn describe(config: &ModelConfig<'_>) -> Result<Architecture, PruneError> {
    let prefix = if config.checkpoint().has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" };
    if config.text_or("position_embedding_type", "absolute")? != "absolute" {
        return Err(config.wrong("position_embedding_type", "absolute"));
    }
    config.require("is_decoder", false, false)?;
    let (hidden, inner) = (config.size("hidden_size")?, config.size("intermediate_size")?);
    let epsilon = config.positive_or("layer_norm_eps", 1e-12)?;
    let block = |index: usize| {
        let name = |part: &str| format!("{prefix}encoder.layer.{index}.{part}");
        BlockSpec {
            projections: ["query", "key", "value"]
                .map(|part| linear(name(&format!("attention.self.{part}")), hidden, hidden, true))
                .to_vec(),
            attention_output: linear(name("attention.output.dense"), hidden, hidden, true),
            expansions: vec![linear(name("intermediate.dense"), hidden, inner, true)],
            contraction: linear(name("output.dense"), inner, hidden, true),
            attention_norm: layer_norm(name("attention.output.LayerNorm"), epsilon),
            perceptron_norm: layer_norm(name("output.LayerNorm"), epsilon),
        }
    };
    let embeddings = |part: &str| format!("{prefix}embeddings.{part}");
    Ok(Architecture {
        family: FAMILY.name,
        hidden,
        embedding: EmbeddingSpec::Tokens {
            tokens: embeddings("word_embeddings.weight"),
            vocabulary: config.size("vocab_size")?,
            positions: Some((embeddings("position_embeddings.weight"), 0, config.size("max_position_embeddings")?)),
            kinds: Some((embeddings("token_type_embeddings.weight"), config.size_or("type_vocab_size", 2)?)),
            norm: Some(layer_norm(embeddings("LayerNorm"), epsilon)),
        },
        attention: AttentionSpec::new(config, hidden, heads(config, "num_attention_heads")?, false)?,
        post_norm: true,
        activation: activation(config, "hidden_act", "gelu")?,
        blocks: (0..config.size("num_hidden_layers")?).map(block).collect(),
        head: HeadSpec::Mean,
    })
}
