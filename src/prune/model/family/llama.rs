//! Llama (Touvron et al. 2023): rotary positions, grouped keys and values, gated perceptrons, root mean square norms.

use super::super::super::error::PruneError;
use super::super::architecture::{Architecture, AttentionSpec, BlockSpec, EmbeddingSpec, HeadSpec, NormSpec};
use super::super::config::ModelConfig;
use super::common::{ModelFamily, activation, linear};

pub(super) const FAMILY: ModelFamily = ModelFamily {
    name: "llama",
    architectures: &["LlamaForCausalLM"],
    describe,
    unused: |name| name.ends_with(".rotary_emb.inv_freq") || name == "lm_head.weight",
};

fn describe(config: &ModelConfig<'_>) -> Result<Architecture, PruneError> {
    let hidden = config.size("hidden_size")?;
    let inner = config.size("intermediate_size")?;
    let heads = config.size("num_attention_heads")?;
    let key_value_heads = config.size_or("num_key_value_heads", heads)?;
    if !heads.is_multiple_of(key_value_heads) {
        return Err(config.wrong("num_key_value_heads", format!("a divisor of the {heads} heads")));
    }
    let head_size = config.size_or("head_dim", hidden / heads)?;
    if head_size % 2 != 0 || (!config.has("head_dim") && !hidden.is_multiple_of(heads)) {
        return Err(config.wrong("num_attention_heads", format!("heads of an even number of the {hidden} features")));
    }
    let attention =
        AttentionSpec { heads, key_value_heads, head_size, causal: true, rotary: Some(rotary_base(config)?) };
    let (width, narrow) = (heads * head_size, key_value_heads * head_size);
    let epsilon = config.positive_or("rms_norm_eps", 1e-6)?;
    let norm = |name: String| NormSpec { name, centred: false, epsilon };
    let (attention_bias, bias) = (config.flag_or("attention_bias", false)?, config.flag_or("mlp_bias", false)?);
    let block = |index: usize| {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        BlockSpec {
            projections: [("q", width), ("k", narrow), ("v", narrow)]
                .map(|(part, outputs)| linear(name(&format!("self_attn.{part}_proj")), hidden, outputs, attention_bias))
                .to_vec(),
            attention_output: linear(name("self_attn.o_proj"), width, hidden, attention_bias),
            expansions: ["gate", "up"]
                .map(|part| linear(name(&format!("mlp.{part}_proj")), hidden, inner, bias))
                .to_vec(),
            contraction: linear(name("mlp.down_proj"), inner, hidden, bias),
            attention_norm: norm(name("input_layernorm")),
            perceptron_norm: norm(name("post_attention_layernorm")),
        }
    };
    let tokens = "model.embed_tokens.weight".to_string();
    let tied = config.flag_or("tie_word_embeddings", false)?;
    Ok(Architecture {
        family: FAMILY.name,
        hidden,
        embedding: EmbeddingSpec::Tokens {
            tokens: tokens.clone(),
            vocabulary: config.size("vocab_size")?,
            positions: None,
            kinds: None,
            norm: None,
        },
        attention,
        post_norm: false,
        activation: activation(config, "hidden_act", "silu")?,
        blocks: (0..config.size("num_hidden_layers")?).map(block).collect(),
        head: HeadSpec::Language {
            norm: norm("model.norm".into()),
            weight: if tied { tokens } else { "lm_head.weight".into() },
        },
    })
}

/// The base of the rotary positions; scaled positions are refused.
fn rotary_base(config: &ModelConfig<'_>) -> Result<f64, PruneError> {
    if config.has("rope_scaling") {
        return Err(config.wrong("rope_scaling", "null: scaled rotary positions are not supported"));
    }
    if !config.has("rope_parameters") {
        return config.positive_or("rope_theta", 10_000.0);
    }
    if config.nested("rope_parameters", "rope_type").is_some_and(|kind| kind != "default") {
        return Err(config.wrong("rope_parameters", "rope_type \"default\": scaled rotary positions are not supported"));
    }
    let base = config.nested("rope_parameters", "rope_theta").map_or(Some(10_000.0), serde_json::Value::as_f64);
    base.filter(|base| *base > 0.0).ok_or_else(|| config.wrong("rope_parameters", "a positive rope_theta"))
}
