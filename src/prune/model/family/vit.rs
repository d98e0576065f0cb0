//! Vision Transformers (Dosovitskiy et al. 2021), and DeiT (Touvron et al. 2021), which has a second leading token.

use super::super::super::error::PruneError;
use super::super::architecture::{Architecture, AttentionSpec, BlockSpec, EmbeddingSpec, HeadSpec};
use super::super::config::ModelConfig;
use super::common::{ModelFamily, activation, heads, layer_norm, linear};

pub(super) const VIT: ModelFamily = ModelFamily {
    name: "vit",
    architectures: &["ViTForImageClassification"],
    describe: |config| describe(config, "vit", &["cls_token"]),
    unused: |_| false,
};

pub(super) const DEIT: ModelFamily = ModelFamily {
    name: "deit",
    architectures: &["DeiTForImageClassification"],
    describe: |config| describe(config, "deit", &["cls_token", "distillation_token"]),
    unused: |_| false,
};

fn describe(config: &ModelConfig<'_>, family: &'static str, leading: &[&str]) -> Result<Architecture, PruneError> {
    let (hidden, inner) = (config.size("hidden_size")?, config.size("intermediate_size")?);
    let epsilon = config.positive_or("layer_norm_eps", 1e-12)?;
    let bias = config.flag_or("qkv_bias", true)?;
    let (size, patch) = (config.size("image_size")?, config.size("patch_size")?);
    if !size.is_multiple_of(patch) {
        return Err(config.wrong("patch_size", format!("a divisor of the image size {size}")));
    }
    let block = |index: usize| {
        let name = |part: &str| format!("{family}.encoder.layer.{index}.{part}");
        BlockSpec {
            projections: ["query", "key", "value"]
                .map(|part| linear(name(&format!("attention.attention.{part}")), hidden, hidden, bias))
                .to_vec(),
            attention_output: linear(name("attention.output.dense"), hidden, hidden, true),
            expansions: vec![linear(name("intermediate.dense"), hidden, inner, true)],
            contraction: linear(name("output.dense"), inner, hidden, true),
            attention_norm: layer_norm(name("layernorm_before"), epsilon),
            perceptron_norm: layer_norm(name("layernorm_after"), epsilon),
        }
    };
    let classes = config.checkpoint().shape("classifier.weight")?.first().copied().unwrap_or(0);
    let embeddings = |part: &str| format!("{family}.embeddings.{part}");
    Ok(Architecture {
        family,
        hidden,
        embedding: EmbeddingSpec::Image {
            leading: leading.iter().map(|part| embeddings(part)).collect(),
            projection: embeddings("patch_embeddings.projection"),
            positions: embeddings("position_embeddings"),
            size,
            patch,
            channels: config.size_or("num_channels", 3)?,
        },
        attention: AttentionSpec::new(config, hidden, heads(config, "num_attention_heads")?, false)?,
        post_norm: false,
        activation: activation(config, "hidden_act", "gelu")?,
        blocks: (0..config.size("num_hidden_layers")?).map(block).collect(),
        head: HeadSpec::Classes {
            norm: layer_norm(format!("{family}.layernorm"), epsilon),
            layer: linear("classifier".into(), hidden, classes, true),
        },
    })
}
