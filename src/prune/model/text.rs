//! Text as tokens, by the tokenizer of a model.

use super::super::error::PruneError;
use super::inputs::Inputs;
use std::path::Path;

/// The file of a model's tokenizer in its folder.
pub const TOKENIZER: &str = "tokenizer.json";

/// Reads a text in UTF-8 as samples of `length` tokens, by the tokenizer in the folder of a model and without special
/// tokens; a rest that is shorter than a sample is not used. The program must have been built with the feature `text`.
///
/// # Errors
/// A program without the feature; a text or a tokenizer that cannot be read, fewer tokens than one sample.
pub fn read_text(path: &Path, model: &Path, length: usize) -> Result<Inputs, PruneError> {
    let text = std::fs::read(path).map_err(PruneError::read(path))?;
    let what = path.display().to_string();
    let text = String::from_utf8(text).map_err(|error| PruneError::Inputs {
        what: what.clone(),
        reason: format!("byte {} is not UTF-8: expected a text in UTF-8", error.utf8_error().valid_up_to()),
    })?;
    let tokenizer = model.join(TOKENIZER);
    Inputs::of_sequence(&what, token_ids(&what, text, &tokenizer)?, length)
}

/// The token indices of a text.
#[cfg(feature = "text")]
fn token_ids(what: &str, text: String, path: &Path) -> Result<Vec<u32>, PruneError> {
    if !path.is_file() {
        return Err(PruneError::Inputs {
            what: path.display().to_string(),
            reason: "missing: needed to read a text as tokens; expected the tokenizer of the model, or token indices as .npy"
                .into(),
        });
    }
    let wrong = |what: &str| {
        let what = what.to_string();
        move |error: tokenizers::Error| PruneError::Inputs {
            what,
            reason: format!("no tokenizer for this text ({error})"),
        }
    };
    let file = path.display().to_string();
    let mut tokenizer = tokenizers::Tokenizer::from_file(path).map_err(wrong(&file))?;
    // A file may ask to cut texts at the positions of the model, or to fill them.
    tokenizer.with_truncation(None).map_err(wrong(&file))?;
    tokenizer.with_padding(None);
    let encoding = tokenizer.encode(text, false).map_err(wrong(what))?;
    Ok(encoding.get_ids().to_vec())
}

#[cfg(not(feature = "text"))]
fn token_ids(what: &str, _: String, _: &Path) -> Result<Vec<u32>, PruneError> {
    Err(PruneError::Inputs {
        what: what.into(),
        reason:
            "this program was built without tokenizers: build it with `--features text`, or give token indices as .npy"
                .into(),
    })
}
