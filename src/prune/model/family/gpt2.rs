//! GPT-2 (Radford et al. 2019). Its linear layers are stored as (inputs, outputs), and names may lack the prefix
//! `transformer.`.

use super::super::super::error::PruneError;
use super::super::architecture::{Architecture, AttentionSpec, BlockSpec, EmbeddingSpec, HeadSpec, LinearSpec};
use super::super::config::ModelConfig;
use super::common::{ModelFamily, activation, heads, layer_norm};

pub(super) const FAMILY: ModelFamily = ModelFamily {
    name: "gpt2",
    architectures: &["GPT2LMHeadModel", "GPT2Model"],
    describe,
    // Causal masks, and the output weight where it is stored a second time.
    unused: |name| name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name == "lm_head.weight",
};

fn describe(config: &ModelConfig<'_>) -> Result<Architecture, PruneError> {
    let prefix = if config.checkpoint().has("transformer.wte.weight") { "transformer." } else { "" };
    config.require("scale_attn_weights", true, true)?;
    config.require("scale_attn_by_inverse_layer_idx", false, false)?;
    config.require("add_cross_attention", false, false)?;
    config.require("tie_word_embeddings", true, true)?;
    let hidden = config.size("n_embd")?;
    let inner = config.size_or("n_inner", 4 * hidden)?;
    let epsilon = config.positive_or("layer_norm_epsilon", 1e-5)?;
    let block = |index: usize| {
        let name = |part: &str| format!("{prefix}h.{index}.{part}");
        let conv =
            |part, inputs, outputs| LinearSpec { name: name(part), inputs, outputs, bias: true, transposed: true };
        BlockSpec {
            projections: vec![conv("attn.c_attn", hidden, 3 * hidden)],
            attention_output: conv("attn.c_proj", hidden, hidden),
            expansions: vec![conv("mlp.c_fc", hidden, inner)],
            contraction: conv("mlp.c_proj", inner, hidden),
            attention_norm: layer_norm(name("ln_1"), epsilon),
            perceptron_norm: layer_norm(name("ln_2"), epsilon),
        }
    };
    let tokens = format!("{prefix}wte.weight");
    let positions = config.size_or("n_positions", 1024)?;
    Ok(Architecture {
        family: FAMILY.name,
        hidden,
        embedding: EmbeddingSpec::Tokens {
            tokens: tokens.clone(),
            vocabulary: config.size("vocab_size")?,
            positions: Some((format!("{prefix}wpe.weight"), 0, positions)),
            kinds: None,
            norm: None,
        },
        attention: AttentionSpec::new(config, hidden, heads(config, "n_head")?, true)?,
        post_norm: false,
        activation: activation(config, "activation_function", "gelu_new")?,
        blocks: (0..config.size("n_layer")?).map(block).collect(),
        head: HeadSpec::Language { norm: layer_norm(format!("{prefix}ln_f"), epsilon), weight: tokens },
    })
}
