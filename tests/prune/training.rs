//! Gradients of every family against central differences in double precision, and the training of kept weights.

use super::models::inputs;
use super::{array, deit, digits, gpt2, open, shakespeare};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::path::Path;
use tempfile::tempdir;
use widelimit::prune::PruneError;
use widelimit::prune::checkpoint::{ModelCopy, ModelFolder};
use widelimit::prune::model::{EmbeddingSpec, FeatureStream, Inputs, TransformerBlock, describe, score};
use widelimit::prune::training::{
    LabelledBatch, LoadedNetwork, TrainingSettings, TrainingStreams, require_targets, train_kept,
};

const TINY: [&str; 6] = ["tiny-bert", "tiny-vit", "tiny-gpt2", "tiny-opt", "tiny-llama", "tiny-llama-tied"];
/// Steps of the differences: the square of the first and the rounding error over it are below 1e-9. Where an activation
/// with a kink changes its sign within one step it does not within the next.
const STEPS: [f64; 3] = [1e-5, 3e-6, 1e-6];
const TOLERANCE: f64 = 1e-6;

fn random(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `(f(h) - f(-h)) / 2h` against `expected`, relative to `scale`.
fn differs(f: &mut dyn FnMut(f64) -> f64, expected: f64, scale: f64) -> f64 {
    let mut error = f64::INFINITY;
    for step in STEPS {
        error = error.min(((f(step) - f(-step)) / (2.0 * step) - expected).abs() / scale);
        if error < TOLERANCE {
            break;
        }
    }
    error
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}

/// Every block of every family, with padding where there is some: the gradients of `<g, output>` with a random g.
#[test]
fn gradients_of_blocks_are_those_of_differences() {
    for name in TINY {
        let checkpoint = open(name);
        let architecture = describe(&checkpoint).unwrap();
        let archive = format!("{name}/expected.npz");
        let inputs = inputs(&checkpoint, &archive);
        let present: Option<Vec<bool>> = array(&archive, "mask").map(|mask| mask.iter().map(|m| *m != 0.0).collect());
        let stream = FeatureStream::<f64>::new(&checkpoint, &architecture, &inputs).unwrap();
        let length = stream.tokens().div_ceil(inputs.count());
        let length = if let Inputs::Tokens { length, .. } = &inputs { *length } else { length };
        let entries = inputs.count() * length * architecture.hidden;
        for index in 0..architecture.blocks.len() {
            let mut block = TransformerBlock::<f64>::read(&checkpoint, &architecture, index).unwrap();
            let (mut x, g) = (random(entries, 1), random(entries, 2));
            let value = |block: &TransformerBlock<f64>, x: &[f64]| {
                let mut y = x.to_vec();
                block.apply(&mut y, length, present.as_deref());
                dot(&y, &g)
            };
            let found = block.backward(&x, length, present.as_deref(), g.clone());
            let scale = largest(&found.input);
            for at in (0..entries).step_by(5) {
                let before = x[at];
                let mut moved = |h: f64| {
                    x[at] = before + h;
                    let found = value(&block, &x);
                    x[at] = before;
                    found
                };
                let error = differs(&mut moved, found.input[at], scale);
                assert!(error < TOLERANCE, "{name} block {index} input {at}: {error:e}");
            }
            assert_eq!(found.weights.len(), architecture.blocks[index].groups().concat().len());
            for (layer, gradient) in found.weights.iter().enumerate() {
                let scale = largest(gradient);
                for at in (0..gradient.len()).step_by(7) {
                    let mut moved = |h: f64| {
                        block.layers_mut()[layer].weight_mut()[at] += h;
                        let found = value(&block, &x);
                        block.layers_mut()[layer].weight_mut()[at] -= h;
                        found
                    };
                    let error = differs(&mut moved, gradient[at], scale);
                    assert!(error < TOLERANCE, "{name} block {index} layer {layer} entry {at}: {error:e}");
                }
            }
        }
    }
}

fn gradients(network: &mut LoadedNetwork<f64>, batch: &LabelledBatch) -> (f64, Vec<Vec<Vec<f64>>>) {
    let mut found = vec![Vec::new(); network.blocks.len()];
    let loss = network.backward(batch, &mut |block, _, gradients| found[block] = gradients).unwrap();
    (loss, found)
}

/// The task loss of every family that has one: that of the held-out score, and its gradient.
#[test]
fn gradients_of_the_task_loss_are_those_of_differences() {
    for name in TINY.into_iter().filter(|name| *name != "tiny-bert") {
        let checkpoint = open(name);
        let architecture = describe(&checkpoint).unwrap();
        let inputs = inputs(&checkpoint, &format!("{name}/expected.npz"));
        let labels = matches!(architecture.embedding, EmbeddingSpec::Image { .. }).then(|| vec![0, 2, 1]);
        let batch = LabelledBatch { inputs, labels };
        let mut network = LoadedNetwork::<f64>::read(&checkpoint).unwrap();
        let (loss, found) = gradients(&mut network, &batch);
        let scores = score::<f64>(&checkpoint, &architecture, &batch.inputs, batch.labels.as_deref()).unwrap();
        assert!((loss / scores.loss() - 1.0).abs() < 1e-13, "{name}: {loss} {}", scores.loss());
        for (block, layers) in found.iter().enumerate() {
            for (layer, gradient) in layers.iter().enumerate() {
                let scale = largest(gradient);
                for at in (0..gradient.len()).step_by(29) {
                    let mut moved = |h: f64| {
                        network.blocks[block].layers_mut()[layer].weight_mut()[at] += h;
                        let loss = network.backward(&batch, &mut |_, _, _| {}).unwrap();
                        network.blocks[block].layers_mut()[layer].weight_mut()[at] -= h;
                        loss
                    };
                    let error = differs(&mut moved, gradient[at], scale);
                    assert!(error < TOLERANCE, "{name} block {block} layer {layer} entry {at}: {error:e}");
                }
            }
        }
    }
}

/// Adds `h V` to all weights.
fn shift(network: &mut LoadedNetwork<f64>, directions: &[Vec<Vec<f64>>], h: f64) {
    for (block, directions) in network.blocks.iter_mut().zip(directions) {
        for (layer, v) in block.layers_mut().into_iter().zip(directions) {
            layer.weight_mut().iter_mut().zip(v).for_each(|(w, v)| *w += h * v);
        }
    }
}

/// `d/dt loss(W + t V) = <gradient, V>` in one direction through all weights, on the trained models and in several chunks.
#[test]
fn gradients_are_dual_to_directions() {
    let (images, labels) = digits(false);
    let images = LabelledBatch { inputs: images.range(0..40), labels: Some(labels[..40].to_vec()) };
    let text = LabelledBatch { inputs: shakespeare(0).range(0..5), labels: None };
    for (checkpoint, batch) in [(deit(), images), (gpt2(), text)] {
        let mut network = LoadedNetwork::<f64>::read(&checkpoint).unwrap();
        let (_, found) = gradients(&mut network, &batch);
        let entries = |gradient: &Vec<f64>| gradient.len();
        let directions: Vec<Vec<Vec<f64>>> = found
            .iter()
            .enumerate()
            .map(|(block, layers)| layers.iter().map(|g| random(entries(g), 7 + block as u64)).collect())
            .collect();
        let expected: f64 =
            found.iter().flatten().zip(directions.iter().flatten()).map(|(gradient, v)| dot(gradient, v)).sum();
        let mut moved = |h: f64| {
            shift(&mut network, &directions, h);
            let loss = network.backward(&batch, &mut |_, _, _| {}).unwrap();
            shift(&mut network, &directions, -h);
            loss
        };
        // All entries move: a smaller step.
        let error = differs(&mut |h| moved(0.1 * h), 0.1 * expected, 0.1 * expected.abs());
        assert!(error < 1e-5, "{error:e}");
    }
}

/// A copy of the classifier of digits whose first of every three weights is zero.
fn thinned(source: &ModelFolder, target: &Path) -> ModelCopy {
    let mut copy = ModelCopy::create(source, target).unwrap();
    for layer in describe(source).unwrap().blocks.iter().flat_map(|block| block.groups()).flatten() {
        let mut weight: Vec<f64> = source.read(&layer.weight()).unwrap();
        weight.iter_mut().step_by(3).for_each(|w| *w = 0.0);
        copy.replace(&layer.weight(), &weight).unwrap();
    }
    copy
}

fn trained(
    threads: usize,
    data: &LabelledBatch,
    settings: &TrainingSettings,
    round: usize,
) -> (tempfile::TempDir, ModelFolder, Vec<f64>) {
    let (source, here) = (deit(), tempdir().unwrap());
    let mut copy = thinned(&source, &here.path().join("pruned"));
    let mut losses = Vec::new();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let streams = TrainingStreams { seed: 3, round };
    let selected = |name: &str| !name.contains("query");
    let mut keep = |loss| {
        losses.push(loss);
        Ok(())
    };
    pool.install(|| train_kept::<f32>(&mut copy, data, settings, streams, &selected, &mut keep)).unwrap();
    (here, copy.finish().unwrap(), losses)
}

#[test]
fn zeros_stay_zeros_and_threads_do_not_matter() {
    let (inputs, labels) = digits(false);
    let data = LabelledBatch { inputs, labels: Some(labels) };
    let settings = TrainingSettings { steps: 12, rate: 1e-3, batch: 40 };
    let (_here, found, losses) = trained(1, &data, &settings, 0);
    let (_there, again, same) = trained(3, &data, &settings, 0);
    assert_eq!(losses, same);
    let (_other, _, other) = trained(1, &data, &settings, 1);
    assert_ne!(losses, other);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[8..]) < 0.7 * mean(&losses[..4]), "{losses:?}");
    let source = deit();
    let mut pruned = Vec::new();
    for layer in describe(&source).unwrap().blocks.iter().flat_map(|block| block.groups()).flatten() {
        let (before, after) =
            (source.read::<f64>(&layer.weight()).unwrap(), found.read::<f64>(&layer.weight()).unwrap());
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        for (at, value) in after.iter().enumerate() {
            assert_eq!(value.to_bits() == 0, at % 3 == 0, "{} {at}", layer.name);
        }
        let expected = before.len().div_ceil(3);
        assert!(
            if layer.name.contains("query") { changed == expected } else { changed > 2 * expected },
            "{}",
            layer.name
        );
        pruned.push(layer.weight());
    }
    for name in source.names() {
        assert_eq!(found.bytes(name).unwrap(), again.bytes(name).unwrap(), "{name}");
        if !pruned.iter().any(|pruned| pruned == name) {
            assert_eq!(found.bytes(name).unwrap(), source.bytes(name).unwrap(), "{name}");
        }
    }
}

/// Steps of so low a rate that the gradient of all samples stays what it is: a weight moves by the sum of the rates, which
/// decrease linearly from the first to zero behind the last, against its sign.
#[test]
fn the_rate_decreases_linearly() {
    let (inputs, labels) = digits(false);
    let first: Vec<usize> = (0..64).collect();
    let data = LabelledBatch { inputs: inputs.select(&first), labels: Some(labels[..64].to_vec()) };
    let start = deit();
    for steps in [1, 4] {
        let settings = TrainingSettings { steps, rate: 1e-4, batch: 64 };
        let (_here, found, _) = trained(1, &data, &settings, 0);
        let expected = 1e-4 * (steps + 1) as f64 / 2.0;
        for layer in describe(&start).unwrap().blocks[0].groups().concat() {
            let name = layer.weight();
            if layer.name.contains("query") {
                continue;
            }
            let (before, after) = (start.read::<f64>(&name).unwrap(), found.read::<f64>(&name).unwrap());
            let moved = before.iter().zip(&after).filter(|(_, after)| **after != 0.0);
            let mut moved: Vec<f64> = moved.map(|(before, after)| (after - before).abs()).collect();
            moved.sort_by(f64::total_cmp);
            let median = moved[moved.len() / 2];
            assert!((median / expected - 1.0).abs() < 0.05, "{name}, {steps}: {median:e} {expected:e}");
        }
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let (images, labels) = digits(true);
    let architecture = describe(&deit()).unwrap();
    let refusal = |labels: Option<&[usize]>| require_targets(&architecture, &images, labels).unwrap_err().to_string();
    assert!(refusal(None).contains("the labels of the calibration data: missing: a classifier is trained on labels"));
    assert!(refusal(Some(&labels[1..])).contains("the labels of the calibration data: 359 of them for 360 samples"));
    assert!(refusal(Some(&[10; 360])).contains("label 0 (from 0) is 10: expected a class from 0 to 9"));
    let bert = open("tiny-bert");
    let inputs = inputs(&bert, "tiny-bert/expected.npz");
    let said = require_targets(&describe(&bert).unwrap(), &inputs, None).unwrap_err().to_string();
    assert!(said.contains("a model of type bert has no task loss"), "{said}");
    let here = tempdir().unwrap();
    let mut copy = thinned(&deit(), &here.path().join("pruned"));
    let data = LabelledBatch { inputs: images, labels: Some(labels) };
    let mut train = |settings: TrainingSettings, step: &mut dyn FnMut(f64) -> Result<(), PruneError>| {
        let streams = TrainingStreams { seed: 3, round: 0 };
        train_kept::<f32>(&mut copy, &data, &settings, streams, &|_| true, step).unwrap_err().to_string()
    };
    let said = train(TrainingSettings { steps: 1, rate: 1e-3, batch: 361 }, &mut |_| Ok(()));
    assert!(said.contains("361: expected at most 360"), "{said}");
    let said = train(TrainingSettings { steps: 9, rate: 1e30, batch: 8 }, &mut |_| Ok(()));
    assert!(said.contains("expected a rate below 1e30"), "{said}");
    let said = train(TrainingSettings { steps: 9, rate: 1e-3, batch: 8 }, &mut |_| Err(PruneError::Interrupted));
    assert_eq!(said, "interrupted");
}
