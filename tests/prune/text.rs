//! Texts as tokens: the same indices as the library of the tokenizer gives in Python.

use super::assets;
use std::fs;
use tempfile::tempdir;
use widelimit::prune::model::{Inputs, read_text};

fn ids(text: &[u8], length: usize) -> Result<Vec<u32>, String> {
    let here = tempdir().unwrap();
    let path = here.path().join("text.txt");
    fs::write(&path, text).unwrap();
    match read_text(&path, &assets("gpt2-shakespeare"), length) {
        Ok(Inputs::Tokens { ids, .. }) => Ok(ids),
        Ok(Inputs::Images { .. }) => unreachable!(),
        Err(error) => Err(error.to_string()),
    }
}

/// The character that a byte has in a byte-level vocabulary (Radford et al. 2019): itself where it is printable, otherwise
/// those from U+0100 on.
fn byte_of(letter: char) -> u8 {
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let code = letter as u32;
    let hidden = |at: usize| (0..=255).filter(|byte| !printable(*byte)).nth(at).unwrap();
    if code < 256 { code as u8 } else { hidden(code as usize - 256) }
}

/// The text of token indices, by the vocabulary of the file alone.
fn text_of(ids: &[u32]) -> Vec<u8> {
    let file = fs::read(assets("gpt2-shakespeare").join("tokenizer.json")).unwrap();
    let tokenizer: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap();
    let word = |id: &u32| vocabulary.iter().find(|(_, index)| index.as_u64() == Some(u64::from(*id))).unwrap().0;
    ids.iter().flat_map(|id| word(id).chars()).map(byte_of).collect()
}

#[test]
fn indices_are_those_of_the_tokenizer() {
    // By the Python package of the same library.
    let known: [(&str, &[u32]); 2] = [
        (
            "To be, or not to be: that is the question.",
            &[411, 306, 12, 529, 324, 290, 306, 26, 330, 326, 268, 584, 393, 389, 14],
        ),
        (
            "What's past is prologue;\n\n  na\u{ef}ve 123",
            &[
                479, 327, 288, 437, 326, 612, 76, 79, 71, 562, 27, 199, 199, 221, 284, 65, 128, 108, 298, 221, 17, 18,
                19,
            ],
        ),
    ];
    for (text, expected) in known {
        assert_eq!(ids(text.as_bytes(), expected.len()).unwrap(), expected);
        // A rest that is no whole sample is not used.
        assert_eq!(ids(text.as_bytes(), expected.len() - 1).unwrap(), expected[..expected.len() - 1]);
    }
}

/// The bundled held-out tokens were written by the Python package: their text has the same indices again.
#[test]
fn a_long_text_has_its_indices_again() {
    let path = assets("shakespeare-held-out.npy");
    let Inputs::Tokens { ids: expected, length, .. } = Inputs::read_tokens(&path, 128).unwrap() else { unreachable!() };
    assert_eq!(ids(&text_of(&expected), length).unwrap(), expected);
}

#[test]
fn texts_that_cannot_be_read_are_refused() {
    assert!(ids(b"short", 128).unwrap_err().contains("expected at least the length 128"));
    assert!(ids(b"ok \xff", 1).unwrap_err().contains("byte 3 is not UTF-8"));
    let here = tempdir().unwrap();
    let path = here.path().join("text.txt");
    fs::write(&path, "a text").unwrap();
    let said = read_text(&path, here.path(), 1).unwrap_err().to_string();
    assert!(said.contains("tokenizer.json: missing"), "{said}");
    fs::write(here.path().join("tokenizer.json"), "{}").unwrap();
    assert!(read_text(&path, here.path(), 1).is_err());
}
