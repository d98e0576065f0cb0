//! What a configuration describes: the tensors of a Transformer, and how they are joined.
//!
//! ```text
//! pre-norm     x <- x + output(attention(norm1(x)));  x <- x + down(act(up(norm2(x))))
//! post-norm    x <- norm1(x + output(attention(x)));  x <- norm2(x + down(act(up(x))))
//! gated        down(act(gate(x)) * up(x))
//! ```

use super::super::error::PruneError;
use super::config::ModelConfig;
use super::elementwise::ActivationKind;

/// A linear layer, `y = W x + b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearSpec {
    /// The name of its tensors, without `.weight` and `.bias`.
    pub name: String,
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// Whether the weight is stored as (inputs, outputs), otherwise as (outputs, inputs).
    pub transposed: bool,
}

impl LinearSpec {
    /// The name of the weight.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// The shape in which the weight is stored.
    fn shape(&self) -> Vec<usize> {
        if self.transposed { vec![self.inputs, self.outputs] } else { vec![self.outputs, self.inputs] }
    }
}

/// A normalisation over the features of a token.
#[derive(Clone, Debug, PartialEq)]
pub struct NormSpec {
    /// The name of its tensors.
    pub name: String,
    /// Whether the mean is subtracted and a bias added (layer norm); otherwise only the root mean square is divided by.
    pub centred: bool,
    /// Added to the mean square.
    pub epsilon: f64,
}

/// The attention of every block.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSpec {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of the keys and values, a divisor of `heads`.
    pub key_value_heads: usize,
    /// Features of a head.
    pub head_size: usize,
    /// Whether a token attends to itself and earlier ones only.
    pub causal: bool,
    /// The base of the rotary positions, if they are used.
    pub rotary: Option<f64>,
}

/// A block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSpec {
    /// Query, key and value, or one layer that computes the three one after the other.
    pub projections: Vec<LinearSpec>,
    /// The output of the attention.
    pub attention_output: LinearSpec,
    /// The first layer of the perceptron; preceded by its gate if there are two.
    pub expansions: Vec<LinearSpec>,
    /// The second layer of the perceptron.
    pub contraction: LinearSpec,
    /// The normalisation of the attention.
    pub attention_norm: NormSpec,
    /// The normalisation of the perceptron.
    pub perceptron_norm: NormSpec,
}

impl BlockSpec {
    /// The linear layers in the order in which they run; layers of one group have the same input.
    pub fn groups(&self) -> [&[LinearSpec]; 4] {
        [
            &self.projections,
            std::slice::from_ref(&self.attention_output),
            &self.expansions,
            std::slice::from_ref(&self.contraction),
        ]
    }
}

/// What a model reads.
#[derive(Clone, Debug, PartialEq)]
pub enum EmbeddingSpec {
    /// Indices of tokens.
    Tokens {
        /// Vectors of the tokens (vocabulary, hidden).
        tokens: String,
        /// Number of tokens.
        vocabulary: usize,
        /// Vectors of the positions, the row of the first position, and the number of rows; none with rotary positions.
        positions: Option<(String, usize, usize)>,
        /// Vectors of kinds of tokens and their number, of which the first is added.
        kinds: Option<(String, usize)>,
        /// The normalisation of the sum.
        norm: Option<NormSpec>,
    },
    /// Images, in square patches.
    Image {
        /// Vectors that precede the patches, (1, 1, hidden) each.
        leading: Vec<String>,
        /// The layer from a patch (hidden, channels, patch, patch).
        projection: String,
        /// Vectors of the positions (1, leading + patches, hidden).
        positions: String,
        /// Pixels on a side.
        size: usize,
        /// Pixels on a side of a patch.
        patch: usize,
        /// Channels.
        channels: usize,
    },
}

/// What a model computes from the last block.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadSpec {
    /// A score for every token of the vocabulary, at every position.
    Language {
        /// The last normalisation.
        norm: NormSpec,
        /// The weight (vocabulary, hidden).
        weight: String,
    },
    /// A score for every class, from the first token.
    Classes {
        /// The last normalisation.
        norm: NormSpec,
        /// The layer.
        layer: LinearSpec,
    },
    /// The mean over the tokens, of length 1.
    Mean,
}

/// A model as its configuration describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// The type of the model.
    pub family: &'static str,
    /// Features of a token between the blocks.
    pub hidden: usize,
    /// What it reads.
    pub embedding: EmbeddingSpec,
    /// The attention of every block.
    pub attention: AttentionSpec,
    /// Whether normalisations follow the sums, otherwise they precede the layers.
    pub post_norm: bool,
    /// The activation of the perceptrons.
    pub activation: ActivationKind,
    /// The blocks.
    pub blocks: Vec<BlockSpec>,
    /// What it computes.
    pub head: HeadSpec,
}

impl Architecture {
    /// Every tensor that the forward pass reads, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Vec::new();
        let hidden = self.hidden;
        let norm = |tensors: &mut Vec<(String, Vec<usize>)>, norm: &NormSpec| {
            tensors.push((format!("{}.weight", norm.name), vec![hidden]));
            if norm.centred {
                tensors.push((format!("{}.bias", norm.name), vec![hidden]));
            }
        };
        let linear = |tensors: &mut Vec<(String, Vec<usize>)>, layer: &LinearSpec| {
            tensors.push((layer.weight(), layer.shape()));
            if layer.bias {
                tensors.push((format!("{}.bias", layer.name), vec![layer.outputs]));
            }
        };
        match &self.embedding {
            EmbeddingSpec::Tokens { tokens, vocabulary, positions, kinds, norm: after } => {
                tensors.push((tokens.clone(), vec![*vocabulary, hidden]));
                tensors.extend(positions.iter().map(|(name, _, rows)| (name.clone(), vec![*rows, hidden])));
                tensors.extend(kinds.iter().map(|(name, rows)| (name.clone(), vec![*rows, hidden])));
                after.iter().for_each(|after| norm(&mut tensors, after));
            }
            EmbeddingSpec::Image { leading, projection, positions, size, patch, channels } => {
                tensors.extend(leading.iter().map(|name| (name.clone(), vec![1, 1, hidden])));
                tensors.push((format!("{projection}.weight"), vec![hidden, *channels, *patch, *patch]));
                tensors.push((format!("{projection}.bias"), vec![hidden]));
                tensors.push((positions.clone(), vec![1, leading.len() + (size / patch).pow(2), hidden]));
            }
        }
        for block in &self.blocks {
            block.groups().concat().iter().for_each(|layer| linear(&mut tensors, layer));
            norm(&mut tensors, &block.attention_norm);
            norm(&mut tensors, &block.perceptron_norm);
        }
        match &self.head {
            HeadSpec::Language { norm: last, weight } => {
                norm(&mut tensors, last);
                if let EmbeddingSpec::Tokens { vocabulary, tokens, .. } = &self.embedding
                    && weight != tokens
                {
                    tensors.push((weight.clone(), vec![*vocabulary, hidden]));
                }
            }
            HeadSpec::Classes { norm: last, layer } => {
                norm(&mut tensors, last);
                linear(&mut tensors, layer);
            }
            HeadSpec::Mean => {}
        }
        tensors
    }
}

impl AttentionSpec {
    /// The attention with these heads on `hidden` features.
    ///
    /// # Errors
    /// Heads that do not divide the features, or each other.
    pub(super) fn new(
        config: &ModelConfig<'_>,
        hidden: usize,
        (heads_key, heads): (&str, usize),
        causal: bool,
    ) -> Result<Self, PruneError> {
        if !hidden.is_multiple_of(heads) {
            return Err(config.wrong(heads_key, format!("a divisor of the {hidden} features")));
        }
        Ok(AttentionSpec { heads, key_value_heads: heads, head_size: hidden / heads, causal, rotary: None })
    }
}
