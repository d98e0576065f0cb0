//! Folders of models: what is written is the source but for the replaced tensors, and what is damaged or not supported is
//! refused by name.

use super::{data, open};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use widelimit::prune::PruneError;
use widelimit::prune::checkpoint::{ModelCopy, ModelFolder, StoredType};
use widelimit::prune::model::describe;

/// A copy of a tiny model that may be changed.
fn changeable(name: &str) -> TempDir {
    let folder = tempdir().unwrap();
    for file in fs::read_dir(data(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn set(folder: &Path, key: &str, value: serde_json::Value) {
    let path = folder.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs::write(path, config.to_string()).unwrap();
}

fn refusal(folder: &Path) -> String {
    ModelFolder::open(folder).and_then(|checkpoint| describe(&checkpoint)).unwrap_err().to_string()
}

#[test]
fn a_copy_differs_in_the_replaced_tensor_only() {
    for (name, tensor) in [
        ("tiny-gpt2", "h.1.mlp.c_fc.weight"),
        ("tiny-opt", "model.decoder.layers.0.fc1.weight"),
        ("tiny-llama-tied", "model.layers.1.mlp.up_proj.weight"),
    ] {
        let (source, here) = (open(name), tempdir().unwrap());
        let target = here.path().join("new/pruned");
        let mut copy = ModelCopy::create(&source, &target).unwrap();
        let mut weight: Vec<f64> = source.read(tensor).unwrap();
        weight[5] = 0.0;
        weight[7] = 1.0 + 1e-12;
        copy.replace(tensor, &weight).unwrap();
        // Nothing has that name before it is complete.
        assert!(!target.exists());
        let written = copy.finish().unwrap();
        weight[7] = 1.0;
        assert_eq!(written.read::<f64>(tensor).unwrap(), weight);
        let (before, after) = (contents(&data(name)), contents(&target));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        for (file, bytes) in &before {
            let changed = bytes.iter().zip(&after[file]).filter(|(a, b)| a != b).count();
            assert_eq!(bytes.len(), after[file].len());
            assert!(changed <= 8, "{name}/{file}: {changed}");
        }
        for other in source.names().filter(|other| *other != tensor) {
            assert_eq!(source.bytes(other).unwrap(), written.bytes(other).unwrap(), "{other}");
        }
        assert_eq!(fs::read_dir(here.path().join("new")).unwrap().count(), 1);
    }
}

#[test]
fn an_unfinished_copy_leaves_nothing_and_an_existing_folder_is_not_touched() {
    let (source, here) = (open("tiny-llama"), tempdir().unwrap());
    drop(ModelCopy::create(&source, &here.path().join("pruned")).unwrap());
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
    let target = here.path().join("pruned");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine"), "1").unwrap();
    assert!(matches!(ModelCopy::create(&source, &target), Err(PruneError::Exists { .. })));
    assert_eq!(fs::read(target.join("mine")).unwrap(), b"1");
}

/// Weights in other formats would be those before pruning.
#[test]
fn weights_in_other_formats_are_left_out() {
    let folder = changeable("tiny-llama");
    fs::write(folder.path().join("pytorch_model.bin"), "1").unwrap();
    fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    fs::write(folder.path().join("1_Pooling/config.json"), "{}").unwrap();
    let here = tempdir().unwrap();
    let copy = ModelCopy::create(&ModelFolder::open(folder.path()).unwrap(), &here.path().join("out")).unwrap();
    assert_eq!(copy.left_out(), [folder.path().join("pytorch_model.bin")]);
    copy.finish().unwrap();
    assert!(here.path().join("out/1_Pooling/config.json").is_file());
    assert!(here.path().join("out/tokenizer.json").is_file());
    assert!(!here.path().join("out/pytorch_model.bin").exists());
}

/// Ties go to the even neighbour; what is infinite in the type is not written.
#[test]
fn values_are_rounded_to_the_type_of_the_tensor() {
    assert_eq!(StoredType::Bf16.round(1.0 + 2f64.powi(-8)), 1.0);
    assert_eq!(StoredType::Bf16.round(1.0 + 3.0 * 2f64.powi(-8)), 1.0 + 2f64.powi(-6));
    assert_eq!(StoredType::F16.round(1.0 + 2f64.powi(-11)), 1.0);
    assert_eq!(StoredType::F16.round(1.0 + 2f64.powi(-11) + 2f64.powi(-30)), 1.0 + 2f64.powi(-10));
    assert_eq!(StoredType::F32.round(0.1), f64::from(0.1_f32));
    let here = tempdir().unwrap();
    let mut copy = ModelCopy::create(&open("tiny-opt"), &here.path().join("out")).unwrap();
    let error = copy.replace("model.decoder.layers.0.fc1.bias", &[70_000.0; 24]).unwrap_err();
    assert!(matches!(error, PruneError::TensorValue { index: 0, .. }), "{error}");
}

#[test]
fn truncated_and_lying_headers_are_refused() {
    let folder = changeable("tiny-llama");
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in [0, 7, 8, 9, 8 + header - 1, 8 + header, 8 + header + 1, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(refusal(folder.path()).contains("the file is damaged or incomplete"), "{length}");
    }
    fs::write(&path, [whole.as_slice(), b"1"].concat()).unwrap();
    assert!(refusal(folder.path()).contains("the file is damaged or incomplete"));
    // Sizes that no machine has.
    for length in [u64::MAX, 1 << 40, 90_000_000] {
        fs::write(&path, [&length.to_le_bytes()[..], &whole[8..]].concat()).unwrap();
        assert!(refusal(folder.path()).contains(&format!("announces a header of {length} bytes")));
    }
    let with = |header: &str, data: usize| {
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat();
        fs::write(&path, bytes).unwrap();
        refusal(folder.path())
    };
    let entry = |shape: &str, offsets: &str| {
        format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    for (header, data) in [
        (entry("[4]", "[0,1000000000000]"), 16),
        (entry("[250000000000]", "[0,1000000000000]"), 16),
        (entry("[18446744073709551615,2]", "[0,16]"), 16),
        (entry("[4]", "[16,0]"), 16),
        (entry("[4]", "[4,20]"), 20),
        (entry("[3]", "[0,16]"), 16),
        ("{\"a\":{\"dtype\":\"Q9\",\"shape\":[4],\"data_offsets\":[0,16]}}".into(), 16),
        ("[".repeat(10_000), 0),
    ] {
        let message = with(&header, data);
        assert!(message.contains("the file is damaged or incomplete"), "{header:.60}: {message}");
    }
}

#[test]
fn indices_that_contradict_the_files_are_refused() {
    let folder = changeable("tiny-bert");
    let index = folder.path().join("model.safetensors.index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replacen("model-00001-of-00002", "../model-00001-of-00002", 1)).unwrap();
    assert!(refusal(folder.path()).contains("is not the name of a file of this folder"));
    fs::write(&index, text.replacen("model-00001-of-00002", "model-00002-of-00002", 1)).unwrap();
    assert!(refusal(folder.path()).contains("and model.safetensors.index.json names another"));
    fs::write(
        &index,
        text.replacen("\"weight_map\": {", "\"weight_map\": {\"b\": \"model-00001-of-00002.safetensors\",", 1),
    )
    .unwrap();
    assert!(refusal(folder.path()).contains("tensor b: missing"));
    fs::remove_file(&index).unwrap();
    assert!(refusal(folder.path()).contains("neither model.safetensors nor model.safetensors.index.json"));
}

/// The pieces in which a file is read end within rows.
#[test]
fn rows_are_those_of_the_tensor() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let (rows, width) = (1500, 97);
    let header =
        format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":[{rows},{width}],\"data_offsets\":[0,{}]}}}}", 4 * rows * width);
    let data: Vec<u8> = (0..rows * width).flat_map(|k| (k as f32).to_le_bytes()).collect();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    fs::write(folder.path().join("model.safetensors"), file).unwrap();
    let model = ModelFolder::open(folder.path()).unwrap();
    let all: Vec<usize> = (0..rows).collect();
    // 65536 entries of a piece end in row 675.
    for chosen in [vec![], vec![0], vec![675], vec![3, 674, 675, 676, 1351, 1499], all] {
        let expected: Vec<f32> = chosen.iter().flat_map(|r| (r * width..(r + 1) * width).map(|k| k as f32)).collect();
        assert_eq!(model.read_rows::<f32>("a", &chosen).unwrap(), expected);
    }
}

/// What a folder must hold, and what was found in its place.
#[test]
fn what_is_not_the_folder_of_a_model_is_said() {
    let here = tempdir().unwrap();
    let path = |name: &str| here.path().join(name);
    let said = |name: &str, words: &str| {
        let message = refusal(&path(name));
        let start = format!("{}: {words}: expected the folder of a model", path(name).display());
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains("config.json, and model.safetensors or model.safetensors.index.json"), "{message}");
    };
    said("none", "does not exist");
    fs::write(path("file"), "1").unwrap();
    said("file", "is a file and not a folder");
    for name in ["empty", "run", "other", "bare", "torch", "shards", "cache"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("empty/.hidden"), "1").unwrap();
    said("empty", "is an empty folder");
    fs::write(path("run/manifest.json"), "{}").unwrap();
    fs::create_dir(path("run/records")).unwrap();
    said("run", "is the folder of a run and not of a model");
    for name in ["h", "g", "f", "e", "d", "c", "b", "a"] {
        fs::write(path("other").join(name), "1").unwrap();
    }
    said("other", "has no config.json; it holds a, b, c, d, e, f and 2 more");
    fs::write(path("bare/config.json"), "{}").unwrap();
    said(
        "bare",
        "has config.json, but neither model.safetensors nor model.safetensors.index.json; it holds config.json",
    );
    fs::copy(path("bare/config.json"), path("torch/config.json")).unwrap();
    fs::write(path("torch/pytorch_model.bin"), "1").unwrap();
    said(
        "torch",
        "has config.json, but neither model.safetensors nor model.safetensors.index.json; the weights of pytorch_model.bin are in a format that is not read",
    );
    fs::write(path("shards/model.safetensors"), "1").unwrap();
    said("shards", "has weights, but no config.json; it holds model.safetensors");
    fs::create_dir_all(path("cache/snapshots/1f2e")).unwrap();
    fs::create_dir(path("cache/blobs")).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(data("tiny-llama").join(file), path("cache/snapshots/1f2e").join(file)).unwrap();
    }
    said("cache", &format!("has no config.json; the model in it is {}", path("cache/snapshots/1f2e").display()));
    let folder = changeable("tiny-bert");
    fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    let message = refusal(folder.path());
    assert!(message.contains("index.json: it names model-00002-of-00002.safetensors, which is not"), "{message}");
}

#[test]
fn unsupported_models_are_refused_by_name() {
    for (name, key, value, expected) in [
        ("tiny-opt", "do_layer_norm_before", "false".into(), "do_layer_norm_before = false: expected true"),
        ("tiny-opt", "word_embed_proj_dim", 8.into(), "word_embed_proj_dim = 8: expected the 16 features"),
        (
            "tiny-opt",
            "model_type",
            "t5".into(),
            "model_type = \"t5\": expected one of bert, vit, deit, gpt2, opt, llama",
        ),
        ("tiny-gpt2", "architectures", vec!["GPT2ForQuestionAnswering"].into(), "architectures"),
        ("tiny-gpt2", "activation_function", "mish".into(), "activation_function = \"mish\": expected one of gelu"),
        ("tiny-gpt2", "n_layer", 3.into(), "tensor h.2.attn.c_attn.weight: missing"),
        ("tiny-gpt2", "n_layer", 1.into(), "not part of a model of type gpt2"),
        ("tiny-gpt2", "n_head", 3.into(), "n_head = 3: expected a divisor of the 16 features"),
        ("tiny-gpt2", "n_inner", 25.into(), "has shape [16, 24]: expected [16, 25]"),
        ("tiny-gpt2", "n_embd", (-1).into(), "n_embd = -1: expected a positive whole number"),
        ("tiny-llama", "tie_word_embeddings", true.into(), ""),
        ("tiny-llama-tied", "tie_word_embeddings", false.into(), "tensor lm_head.weight: missing"),
        ("tiny-llama", "rope_scaling", serde_json::json!({"factor": 2.0}), "scaled rotary positions"),
    ] {
        let value = if value == "false" { false.into() } else { value };
        let folder = changeable(name);
        set(folder.path(), key, value);
        if expected.is_empty() {
            describe(&ModelFolder::open(folder.path()).unwrap()).unwrap();
            continue;
        }
        let message = refusal(folder.path());
        assert!(message.contains(expected), "{name} {key}: {message}");
    }
}
