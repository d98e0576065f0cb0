//! OPT (Zhang et al. 2022). Positions are offset by 2. The variant that normalises after the sums and projects the
//! embedding (350M) is refused.

use super::super::super::error::PruneError;
use super::super::architecture::{Architecture, AttentionSpec, BlockSpec, EmbeddingSpec, HeadSpec};
use super::super::config::ModelConfig;
use super::common::{ModelFamily, activation, heads, layer_norm, linear};

/// Rows of the positions that precede the first.
const POSITION_OFFSET: usize = 2;
/// The epsilon of its layer norms, which no key states.
const EPSILON: f64 = 1e-5;

pub(super) const FAMILY: ModelFamily = ModelFamily {
    name: "opt",
    architectures: &["OPTForCausalLM", "OPTModel"],
    describe,
    unused: |name| name == "lm_head.weight",
};

fn describe(config: &ModelConfig<'_>) -> Result<Architecture, PruneError> {
    let prefix =
        if config.checkpoint().has("model.decoder.embed_tokens.weight") { "model.decoder." } else { "decoder." };
    config.require("do_layer_norm_before", true, true)?;
    config.require("layer_norm_elementwise_affine", true, true)?;
    config.require("_remove_final_layer_norm", false, false)?;
    config.require("tie_word_embeddings", true, true)?;
    let (hidden, inner) = (config.size("hidden_size")?, config.size("ffn_dim")?);
    if config.size_or("word_embed_proj_dim", hidden)? != hidden {
        return Err(config.wrong("word_embed_proj_dim", format!("the {hidden} features of a token")));
    }
    let bias = config.flag_or("enable_bias", true)?;
    let block = |index: usize| {
        let name = |part: &str| format!("{prefix}layers.{index}.{part}");
        BlockSpec {
            projections: ["q", "k", "v"]
                .map(|part| linear(name(&format!("self_attn.{part}_proj")), hidden, hidden, bias))
                .to_vec(),
            attention_output: linear(name("self_attn.out_proj"), hidden, hidden, bias),
            expansions: vec![linear(name("fc1"), hidden, inner, bias)],
            contraction: linear(name("fc2"), inner, hidden, bias),
            attention_norm: layer_norm(name("self_attn_layer_norm"), EPSILON),
            perceptron_norm: layer_norm(name("final_layer_norm"), EPSILON),
        }
    };
    let tokens = format!("{prefix}embed_tokens.weight");
    let positions = config.size("max_position_embeddings")? + POSITION_OFFSET;
    Ok(Architecture {
        family: FAMILY.name,
        hidden,
        embedding: EmbeddingSpec::Tokens {
            tokens: tokens.clone(),
            vocabulary: config.size("vocab_size")?,
            positions: Some((format!("{prefix}embed_positions.weight"), POSITION_OFFSET, positions)),
            kinds: None,
            norm: None,
        },
        attention: AttentionSpec::new(config, hidden, heads(config, "num_attention_heads")?, true)?,
        post_norm: false,
        activation: activation(config, "activation_function", "relu")?,
        blocks: (0..config.size("num_hidden_layers")?).map(block).collect(),
        head: HeadSpec::Language { norm: layer_norm(format!("{prefix}final_layer_norm"), EPSILON), weight: tokens },
    })
}
