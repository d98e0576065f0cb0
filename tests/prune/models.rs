//! Forward passes against those of `tests/data/prune/reference.py`, and held-out scores.

use super::{array, assets, deit, digits, gpt2, open, relative_difference, values};
use widelimit::prune::checkpoint::{ModelCopy, ModelFolder};
use widelimit::prune::model::{
    EmbeddingSpec, FeatureStream, Inputs, ModelReal, TransformerBlock, describe, outputs, score,
};

const TINY: [&str; 6] = ["tiny-bert", "tiny-vit", "tiny-gpt2", "tiny-opt", "tiny-llama", "tiny-llama-tied"];

pub(super) fn inputs(checkpoint: &ModelFolder, archive: &str) -> Inputs {
    let input = array(archive, "input").unwrap();
    match describe(checkpoint).unwrap().embedding {
        EmbeddingSpec::Tokens { .. } => Inputs::Tokens {
            ids: input.iter().map(|id| *id as u32).collect(),
            length: input.shape()[1],
            present: array(archive, "mask").map(|mask| mask.iter().map(|m| *m != 0.0).collect()),
        },
        EmbeddingSpec::Image { channels, size, .. } => {
            Inputs::Images { pixels: input.iter().copied().collect(), channels, size }
        }
    }
}

/// Outputs, and the second moments of the inputs of every linear layer.
fn agrees<R: ModelReal>(checkpoint: &ModelFolder, archive: &str, tolerance: f64) {
    let architecture = describe(checkpoint).unwrap();
    let inputs = inputs(checkpoint, archive);
    let mut found: Vec<f64> =
        outputs::<R>(checkpoint, &architecture, &inputs).unwrap().iter().map(|v| v.to_f64()).collect();
    let expected = values(archive, "output");
    // Of long sequences only the scores of the last token were kept.
    let (all, kept) = (found.len() / inputs.count(), expected.len() / inputs.count());
    found = found.chunks(all).flat_map(|sample| &sample[all - kept..]).copied().collect();
    let difference = relative_difference(&found, &expected);
    assert!(difference < tolerance, "{archive} {}: {difference:e}", R::NAME);
    let mut stream = FeatureStream::<R>::new(checkpoint, &architecture, &inputs).unwrap();
    let mut compared = 0;
    for (index, spec) in architecture.blocks.iter().enumerate() {
        let block = TransformerBlock::<R>::read(checkpoint, &architecture, index).unwrap();
        let mut tapped = vec![Vec::new(); 4];
        let mut keep = |group: usize, x: &[R]| {
            tapped[group].extend(x.iter().map(|v| v.to_f64()));
            Ok(())
        };
        stream.tap(&block, &mut keep).unwrap();
        for (layers, x) in spec.groups().iter().zip(&tapped) {
            for layer in *layers {
                let (d, n) = (layer.inputs, (x.len() / layer.inputs) as f64);
                let moment = |i: usize, j: usize| x.chunks(d).map(|row| row[i] * row[j]).sum::<f64>() / n;
                let (found, expected): (Vec<f64>, Vec<f64>) =
                    if let Some(whole) = array(archive, &format!("moment.{}", layer.name)) {
                        ((0..d * d).map(|k| moment(k / d, k % d)).collect(), whole.iter().copied().collect())
                    } else {
                        let diagonal = values(archive, &format!("moment_diagonal.{}", layer.name));
                        let row = values(archive, &format!("moment_row0.{}", layer.name));
                        let found = (0..d).map(|j| moment(j, j)).chain((0..d).map(|j| moment(0, j)));
                        (found.collect(), [diagonal, row].concat())
                    };
                let difference = relative_difference(&found, &expected);
                assert!(difference < tolerance, "{archive} {} {}: {difference:e}", R::NAME, layer.name);
                compared += 1;
            }
        }
        stream.pass(&block);
    }
    assert!(compared >= 4 * architecture.blocks.len());
}

#[test]
fn tiny_models_of_every_family_agree_with_independent_passes() {
    for name in TINY {
        let archive = format!("{name}/expected.npz");
        // The constants of the reference are in single precision.
        agrees::<f64>(&open(name), &archive, 1e-6);
        agrees::<f32>(&open(name), &archive, 1e-5);
    }
}

#[test]
fn trained_models_agree_with_independent_passes() {
    for (checkpoint, archive) in [(deit(), "deit-digits-expected.npz"), (gpt2(), "gpt2-shakespeare-expected.npz")] {
        agrees::<f64>(&checkpoint, archive, 1e-5);
        agrees::<f32>(&checkpoint, archive, 1e-5);
    }
}

/// The scores on which the training runs ended.
#[test]
fn held_out_scores_are_those_of_training() {
    let (images, labels) = digits(true);
    let scores = score::<f64>(&deit(), &describe(&deit()).unwrap(), &images, Some(&labels)).unwrap();
    assert_eq!(scores.accuracy(), Some(352.0 / 360.0));
    assert!((scores.loss() - 0.114_159_2).abs() < 1e-6, "{}", scores.loss());
    let gpt2 = gpt2();
    let held_out = Inputs::read_tokens(&assets("shakespeare-held-out.npy"), 128).unwrap();
    let scores = score::<f32>(&gpt2, &describe(&gpt2).unwrap(), &held_out, None).unwrap();
    assert!((scores.perplexity() - 54.919_703).abs() < 1e-4, "{}", scores.perplexity());
}

/// What a sample contains does not depend on those beside it, nor on the padding behind it.
#[test]
fn samples_are_independent() {
    let checkpoint = open("tiny-bert");
    let architecture = describe(&checkpoint).unwrap();
    let Inputs::Tokens { mut ids, length, present } = inputs(&checkpoint, "tiny-bert/expected.npz") else { panic!() };
    let all = |ids: &[u32]| {
        let inputs = Inputs::Tokens { ids: ids.to_vec(), length, present: present.clone() };
        outputs::<f64>(&checkpoint, &architecture, &inputs).unwrap()
    };
    let before = all(&ids);
    // The second sample has four tokens.
    (4..length).for_each(|at| ids[length + at] = 1);
    assert_eq!(all(&ids), before);
    ids[length] = (ids[length] + 1) % 40;
    assert_ne!(all(&ids), before);
    assert_eq!(all(&ids)[..architecture.hidden], before[..architecture.hidden]);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let checkpoint = open("tiny-gpt2");
    let architecture = describe(&checkpoint).unwrap();
    let run = |inputs: Inputs| outputs::<f64>(&checkpoint, &architecture, &inputs).unwrap_err().to_string();
    let tokens = |ids: Vec<u32>, length| Inputs::Tokens { ids, length, present: None };
    assert!(
        run(tokens(vec![0, 40], 2)).contains("token 40 (sample 0, position 1, from 0) is not in the vocabulary of 40")
    );
    assert!(run(tokens(vec![0; 13], 13)).contains("samples of 13 tokens, and the model has 12 positions"));
    assert!(run(Inputs::Images { pixels: vec![0.0; 4], channels: 1, size: 2 }).contains("the model reads tokens"));
    let images = Inputs::Images { pixels: vec![0.0; 64], channels: 1, size: 8 };
    let message = score::<f32>(&deit(), &describe(&deit()).unwrap(), &images, Some(&[10])).unwrap_err().to_string();
    assert!(message.contains("10: expected a class from 0 to 9"), "{message}");
}

/// Scores that overflow have no cross entropy.
#[test]
fn scores_that_are_not_finite_are_refused() {
    let here = tempfile::tempdir().unwrap();
    let source = open("tiny-gpt2");
    let architecture = describe(&source).unwrap();
    let mut copy = ModelCopy::create(&source, &here.path().join("overflowing")).unwrap();
    copy.replace("ln_f.weight", &vec![3e38; architecture.hidden]).unwrap();
    copy.replace("ln_f.bias", &vec![3e38; architecture.hidden]).unwrap();
    let written = copy.finish().unwrap();
    let inputs = Inputs::Tokens { ids: (0..16).collect(), length: 8, present: None };
    score::<f32>(&source, &architecture, &inputs, None).unwrap();
    let message = score::<f32>(&written, &architecture, &inputs, None).unwrap_err().to_string();
    assert!(message.contains("the cross entropy of sample 0 (from 0) is"), "{message}");
}
