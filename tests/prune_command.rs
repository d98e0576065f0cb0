//! `widelimit prune` from the command line: what it writes, how it is interrupted and continued, and what it must survive.

use crate::common::experiment::{files, fine, json, refused, run};
use ndarray::{Array1, Array2};
use ndarray_npy::write_npy;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::{TempDir, tempdir};
use widelimit::prune::PruneError;
use widelimit::prune::bundled::{BundledData, BundledModel};
use widelimit::prune::checkpoint::{ModelCopy, ModelFolder};
use widelimit::prune::layer::{LayerMethod, LayerSettings, Sparsity};
use widelimit::prune::network::{PruneSettings, Quota, prune_network};

/// A folder with copies of some of the test models, with tokens for those that read them and images for the others.
fn here(models: &[&str]) -> TempDir {
    let here = tempdir().unwrap();
    for name in models {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/prune").join(name);
        fs::create_dir(here.path().join(name)).unwrap();
        for file in fs::read_dir(from).unwrap().flatten() {
            if file.file_name() != "expected.npz" {
                fs::copy(file.path(), here.path().join(name).join(file.file_name())).unwrap();
            }
        }
    }
    let ids = |first: i64, count: i64| Array1::from_iter((0..count).map(|k| (first + k * k + k / 7) % 40));
    write_npy(here.path().join("tokens.npy"), &ids(0, 480)).unwrap();
    write_npy(here.path().join("others.npy"), &ids(3000, 120)).unwrap();
    here
}

/// `widelimit prune tiny-X --calibrate tokens.npy` with more arguments, without progress reports.
fn prune<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["prune", model, "--calibrate", "tokens.npy", "--quiet"][..], more].concat()
}

fn zeros(values: &[f64]) -> usize {
    values.iter().filter(|value| **value == 0.0).count()
}

/// Names, types, metadata, shards and side files are those of the source; every weight has its zeros to the entry, and every
/// other tensor its bytes.
#[test]
fn the_folder_is_that_of_the_model_but_for_exact_zeros() {
    let models = ["tiny-gpt2", "tiny-opt", "tiny-llama", "tiny-llama-tied", "tiny-bert"];
    let here = here(&models);
    for name in models {
        let side = here.path().join(name).join("tokenizer.json");
        fs::write(side, "{}").unwrap();
        fs::write(here.path().join(name).join("pytorch_model.bin"), "dense").unwrap();
        let out = format!("{name}-pruned");
        let held: &[&str] = if name == "tiny-bert" { &[] } else { &["--held-out", "others.npy"] };
        let said = fine(
            here.path(),
            &prune(name, &[&["--sparsity", "0.6", "--length", "8", "--out", out.as_str()][..], held].concat()),
        );
        assert!(said.contains("sparsity: ") && said.contains("not copied"), "{said}");
        assert_eq!(said.contains("before pruning: held-out"), name != "tiny-bert", "{said}");
        let (before, after) = (files(&here.path().join(name)), files(&here.path().join(&out)));
        let expected: Vec<&String> = before.keys().filter(|file| *file != "pytorch_model.bin").collect();
        assert_eq!(after.keys().collect::<Vec<_>>(), expected, "{name}");
        let source = ModelFolder::open(&here.path().join(name)).unwrap();
        let written = ModelFolder::open(&here.path().join(&out)).unwrap();
        let record = json(&here.path().join(format!("{out}.pruning.json")));
        let layers = record["record"]["layers"].as_array().unwrap();
        let of_layer =
            |name: &str| layers.iter().find(|layer| format!("{}.weight", layer["layer"].as_str().unwrap()) == name);
        let mut pruned = 0;
        for tensor in source.names() {
            let Some(layer) = of_layer(tensor) else {
                assert!(source.bytes(tensor).unwrap() == written.bytes(tensor).unwrap(), "{name}: {tensor}");
                continue;
            };
            pruned += 1;
            let values: Vec<f64> = written.read(tensor).unwrap();
            assert_eq!(zeros(&values), (0.6 * values.len() as f64).round_ties_even() as usize, "{name}: {tensor}");
            assert_eq!(layer["zeros"], zeros(&values));
        }
        assert_eq!(pruned, layers.len());
        // Nothing is left beside the result.
        assert!(!here.path().join(format!("{out}.unfinished")).exists());
    }
}

#[test]
fn patterns_hold_and_a_second_result_is_refused() {
    let here = here(&["tiny-gpt2"]);
    let args = prune("tiny-gpt2", &["--sparsity", "2:4", "--length", "8", "--method", "sparsegpt", "--out", "out/a"]);
    fine(here.path(), &args);
    let written = ModelFolder::open(&here.path().join("out/a")).unwrap();
    // GPT-2 stores (inputs, outputs).
    let weight = Array2::from_shape_vec((16, 24), written.read::<f64>("h.0.mlp.c_fc.weight").unwrap()).unwrap();
    for output in weight.columns() {
        for group in output.to_vec().chunks(4) {
            assert!(zeros(group) >= 2, "{group:?}");
        }
    }
    let said = refused(here.path(), &args);
    assert!(said.contains("out/a: exists already"), "{said}");
    let said = refused(here.path(), &prune("tiny-gpt2", &["--sparsity", "2:5", "--length", "8", "--out", "b"]));
    assert!(said.contains("layer h.0.attn.c_attn: pattern 2:5 needs"), "{said}");
    assert!(!here.path().join("b").exists() && !here.path().join("b.unfinished").exists());
}

/// Killed, interrupted, damaged and continued, on any number of threads: the same bytes.
#[test]
fn an_unfinished_pruning_is_continued_to_the_same_bytes() {
    let here = tempdir().unwrap();
    let args = |out: &'static str| {
        let data = ["--calibrate", "shakespeare", "--samples", "40", "--held-out", "shakespeare"];
        let how = ["--sparsity", "0.7", "--method", "i-obs-refit", "--out", out];
        [&["prune", "gpt2-shakespeare", "--quiet"][..], &data, &how].concat()
    };
    fine(here.path(), &[&args("whole")[..], &["--threads", "1"]].concat());
    let progress = here.path().join("out.unfinished/progress.json");
    let started = |more: &[&str], blocks: usize| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_widelimit"))
            .current_dir(here.path())
            .args([&args("out")[..], more].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let done = || fs::read_to_string(&progress).map_or(0, |text| text.matches("\"block\":").count() / 4);
        while done() < blocks && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child
    };
    let mut child = started(&[], 1);
    let _ = child.kill();
    child.wait().unwrap();
    assert!(progress.is_file() && !here.path().join("out").exists());
    let said = refused(here.path(), &args("out"));
    assert!(said.contains("out.unfinished: holds an unfinished pruning") && said.contains("--resume"), "{said}");
    let mut other = args("out");
    other.extend(["--damping", "0.02", "--resume"]);
    let said = refused(here.path(), &other);
    assert!(said.contains("they differ in --damping)"), "{said}");
    let child = started(&["--resume"], 2);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait_with_output().unwrap().status;
    assert_eq!(status.code(), Some(130));
    // A weight of the first block is damaged meanwhile: it is pruned again.
    let model = ModelFolder::open(&here.path().join("out.unfinished/model")).unwrap();
    let bytes = model.bytes("transformer.h.0.mlp.c_fc.weight").unwrap();
    let path = here.path().join("out.unfinished/model/model.safetensors");
    let mut whole = fs::read(&path).unwrap();
    let at = whole.windows(bytes.len()).position(|window| window == bytes).unwrap();
    whole[at..at + 4].copy_from_slice(&0.5_f32.to_le_bytes());
    fs::write(&path, whole).unwrap();
    let output = run(here.path(), &[&args("out")[..], &["--resume", "--threads", "2"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("transformer.h.0.mlp.c_fc.weight is not as it was written"), "{said}");
    assert!(files(&here.path().join("whole")) == files(&here.path().join("out")));
    let record = |name: &str| {
        let mut record = json(&here.path().join(format!("{name}.pruning.json")));
        record["record"]["seconds"] = 0.into();
        record["record"]["layers"].as_array_mut().unwrap().iter_mut().for_each(|layer| layer["seconds"] = 0.into());
        record
    };
    assert_eq!(record("whole"), record("out"));
    let dense = record("out")["dense"]["perplexity"].as_f64().unwrap();
    assert!((dense - 54.919_703).abs() < 1e-3, "{dense}");
}

/// Every tensor of a layer is excluded: the sparsity of all layers is reported. Other lengths, shared and scarce data are
/// said.
#[test]
fn what_a_reader_should_know_is_said() {
    let here = here(&["tiny-gpt2"]);
    let said = fine(
        here.path(),
        &prune("tiny-gpt2", &["--sparsity", "0.8", "--length", "8", "--exclude", "mlp", "--out", "half"]),
    );
    // Attention has 1024 of 1792 entries of a block.
    let expected = 100.0 * 0.8 * 1024.0 / 1792.0;
    assert!(said.contains(&format!("sparsity: {expected:.1}")), "{said}");
    assert!(said.contains("note: 4 of 8 linear layers were not pruned"), "{said}");
    assert!(said.contains("calibration samples have 8 tokens, and the model has 12 positions"), "{said}");
    let scarce = ["--sparsity", "0.5", "--length", "8", "--samples", "2", "--damping", "0", "--out", "scarce"];
    let said = fine(here.path(), &prune("tiny-gpt2", &scarce));
    assert!(said.contains("16 tokens for 24 inputs: use more calibration data"), "{said}");
    assert!(said.contains("the damping was raised to"), "{said}");
    let shared = ["--sparsity", "0.5", "--length", "8", "--held-out", "tokens.npy", "--out", "shared"];
    let said = fine(here.path(), &prune("tiny-gpt2", &shared));
    assert!(said.contains("60 of 60 held-out samples are in the calibration data"), "{said}");
}

/// The neurons of a perceptron with a large negative bias are zero on all data.
#[test]
fn dead_inputs_are_reported() {
    let here = here(&["tiny-opt"]);
    let source = ModelFolder::open(&here.path().join("tiny-opt")).unwrap();
    let mut copy = ModelCopy::create(&source, &here.path().join("dead")).unwrap();
    let name = "model.decoder.layers.0.fc1.bias";
    let mut bias: Vec<f64> = source.read(name).unwrap();
    bias[..5].fill(-1000.0);
    copy.replace(name, &bias).unwrap();
    copy.finish().unwrap();
    let said = fine(here.path(), &prune("dead", &["--sparsity", "0.5", "--length", "8", "--out", "out"]));
    let layer = "layer model.decoder.layers.0.fc2: ";
    assert!(
        said.lines().any(|line| line.contains(layer) && line.contains("inputs are zero on the calibration data")),
        "{said}"
    );
    let record = json(&here.path().join("out.pruning.json"));
    let layers = record["record"]["layers"].as_array().unwrap();
    let dead = layers.iter().find(|layer| layer["layer"] == "model.decoder.layers.0.fc2").unwrap();
    assert!(dead["dead_inputs"].as_u64().unwrap() >= 5, "{dead}");
}

#[test]
fn numbers_that_are_not_finite_name_their_place() {
    let here = here(&["tiny-gpt2", "tiny-llama"]);
    let source = ModelFolder::open(&here.path().join("tiny-gpt2")).unwrap();
    let mut copy = ModelCopy::create(&source, &here.path().join("large")).unwrap();
    copy.replace("h.0.mlp.c_fc.bias", &[3e38; 24]).unwrap();
    copy.replace("h.0.mlp.c_proj.bias", &[3e38; 16]).unwrap();
    copy.finish().unwrap();
    let said = refused(here.path(), &prune("large", &["--sparsity", "0.5", "--length", "8", "--out", "out"]));
    assert!(said.contains("layer h.") && said.contains("is not finite in the forward pass"), "{said}");
    assert!(!here.path().join("out").exists());
    // A weight that is no number, in the file.
    let path = here.path().join("tiny-llama/model.safetensors");
    let bytes = ModelFolder::open(path.parent().unwrap()).unwrap().bytes("model.layers.1.mlp.up_proj.weight").unwrap();
    let mut whole = fs::read(&path).unwrap();
    let at = whole.windows(bytes.len()).position(|window| window == bytes).unwrap();
    whole[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, whole).unwrap();
    let said = refused(here.path(), &prune("tiny-llama", &["--sparsity", "0.5", "--length", "8", "--out", "nan"]));
    assert!(said.contains("tensor model.layers.1.mlp.up_proj.weight: entry 0 is NaN"), "{said}");
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let here = here(&["tiny-gpt2", "tiny-vit"]);
    let tail = ["--sparsity", "0.5", "--out", "out"];
    let prune = |args: &[&str]| refused(here.path(), &[&["prune"][..], args, &tail].concat());
    let said = prune(&["no-model", "--calibrate", "tokens.npy"]);
    assert!(said.contains("no folder is called 'no-model'") && said.contains("deit-digits"), "{said}");
    let said = prune(&["tiny-gpt2", "--calibrate", "none.npy"]);
    assert!(said.contains("no file is called 'none.npy'") && said.contains("shakespeare"), "{said}");
    let said = prune(&["tiny-gpt2", "--calibrate", "shakespeare"]);
    assert!(
        said.contains("calibration data, shakespeare: token") && said.contains("not in the vocabulary of 40"),
        "{said}"
    );
    let said = prune(&["tiny-gpt2", "--calibrate", "shakespeare", "--length", "8"]);
    assert!(said.contains("--length 8: bundled data have samples of their own size"), "{said}");
    let said = prune(&["tiny-gpt2", "--calibrate", "digits"]);
    assert!(said.contains("images, and the model reads tokens"), "{said}");
    let said = prune(&["tiny-gpt2", "--calibrate", "tokens.npy", "--length", "13"]);
    assert!(said.contains("samples of 13 tokens, and the model has 12 positions"), "{said}");
    let said = prune(&["tiny-vit", "--calibrate", "tokens.npy", "--held-out", "tokens.npy"]);
    assert!(said.contains("--labels: missing"), "{said}");
    let said = prune(&["tiny-gpt2", "--calibrate", "tokens.npy", "--damping", "-1"]);
    assert!(said.contains("--damping -1"), "{said}");
    fs::write(here.path().join("text.txt"), "To be, or not to be").unwrap();
    let said = prune(&["tiny-gpt2", "--calibrate", "text.txt", "--length", "2"]);
    let words = if cfg!(feature = "text") { "tokenizer.json: missing" } else { "build it with `--features text`" };
    assert!(said.contains(words), "{said}");
    let whole = fs::read(here.path().join("tiny-gpt2/model.safetensors")).unwrap();
    fs::write(here.path().join("tiny-gpt2/model.safetensors"), &whole[..whole.len() - 4]).unwrap();
    let said = prune(&["tiny-gpt2", "--calibrate", "tokens.npy"]);
    assert!(said.contains("model.safetensors") && said.contains("damaged or incomplete"), "{said}");
    for text in ["1.0", "-0.1", "half", "4:2", "0:4"] {
        let said = refused(
            here.path(),
            &["prune", "tiny-gpt2", "--calibrate", "tokens.npy", "--out", "o", "--sparsity", text],
        );
        assert!(said.contains(text) && said.contains("expected a fraction of zeros"), "{text}: {said}");
    }
    assert!(!here.path().join("out").exists());
}

/// A folder that is written to between its opening and its use.
#[test]
fn a_folder_that_changes_while_it_is_read_is_refused() {
    let here = here(&["tiny-llama"]);
    let folder = here.path().join("tiny-llama");
    let source = ModelFolder::open(&folder).unwrap();
    source.require_unchanged().unwrap();
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, bytes).unwrap();
    let error = ModelCopy::create(&source, &here.path().join("out")).unwrap_err();
    assert!(matches!(&error, PruneError::Changed { path: changed } if *changed == path), "{error}");
    assert!(!here.path().join("out").exists());
}

/// A bundled model with its own data, and zeros divided between the layers.
#[test]
fn bundled_models_and_measured_zeros() {
    let here = tempdir().unwrap();
    let data = ["--calibrate", "digits", "--samples", "200", "--held-out", "digits"];
    let said = fine(
        here.path(),
        &[&["prune", "deit-digits", "--quiet", "--sparsity", "0.8", "--measured", "--out", "pruned"][..], &data]
            .concat(),
    );
    assert!(said.contains("accuracy 97.78 %") && said.contains("sparsity: 80.00 %"), "{said}");
    let folder: PathBuf = here.path().join("dense");
    BundledModel::DeitDigits.write(&folder).unwrap();
    let (source, written) =
        (ModelFolder::open(&folder).unwrap(), ModelFolder::open(&here.path().join("pruned")).unwrap());
    let weights: Vec<&str> =
        source.names().filter(|name| source.bytes(name).unwrap() != written.bytes(name).unwrap()).collect();
    assert_eq!(weights.len(), 18);
    let values = |name: &&str| written.read::<f64>(name).unwrap();
    let entries: usize = weights.iter().map(|name| values(name).len()).sum();
    let found: usize = weights.iter().map(|name| zeros(&values(name))).sum();
    assert_eq!(found, (0.8 * entries as f64).round_ties_even() as usize);
}

/// Files and folders that the program has not written are at their places afterwards; its own are replaced.
#[test]
fn files_of_others_are_not_replaced() {
    let here = here(&["tiny-gpt2"]);
    let args = |out: &'static str, more: &[&'static str]| {
        prune(
            "tiny-gpt2",
            &[&["--sparsity", "0.5", "--length", "8", "--method", "wanda", "--out", out][..], more].concat(),
        )
    };
    let record = here.path().join("out.pruning.json");
    for text in ["my notes", "{\"program\": \"other\", \"record\": {\"layers\": 3}}", ""] {
        fs::write(&record, text).unwrap();
        let said = refused(here.path(), &args("out", &[]));
        assert!(said.contains("out.pruning.json: exists, and is not the record of a pruning"), "{said}");
        assert_eq!(fs::read_to_string(&record).unwrap(), text);
        assert!(!here.path().join("out").exists() && !here.path().join("out.unfinished").exists());
    }
    fs::remove_file(&record).unwrap();
    let folder = here.path().join("out.unfinished");
    fs::create_dir(&folder).unwrap();
    for name in ["thesis.tex", "model"] {
        fs::write(folder.join(name), "mine").unwrap();
        for more in [&[][..], &["--resume"]] {
            let said = refused(here.path(), &args("out", more));
            assert!(said.contains("out.unfinished: exists, and is not an unfinished pruning"), "{said}");
        }
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "mine");
        fs::remove_file(folder.join(name)).unwrap();
    }
    // An empty folder, and the record of a result that has been removed.
    fine(here.path(), &args("out", &[]));
    fs::remove_dir_all(here.path().join("out")).unwrap();
    fine(here.path(), &args("out", &[]));
    let said = refused(here.path(), &args("tiny-gpt2/deep/er", &[]));
    assert!(said.contains("tiny-gpt2/deep/er: is within the folder of the model"), "{said}");
}

/// A bundled name is the bundled model or data, whatever is in the folder; a path is the file.
#[test]
fn bundled_names_are_not_shadowed() {
    let here = here(&["tiny-gpt2"]);
    fs::rename(here.path().join("tiny-gpt2"), here.path().join("gpt2-shakespeare")).unwrap();
    fs::rename(here.path().join("tokens.npy"), here.path().join("shakespeare")).unwrap();
    let tail = ["--sparsity", "0.5", "--method", "magnitude", "--samples", "8", "--out"];
    let notes = |args: &[&str], out: &str| {
        let output = run(here.path(), &[args, &tail, &[out]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = notes(&["prune", "gpt2-shakespeare", "--calibrate", "shakespeare", "--quiet"], "a");
    let words =
        "gpt2-shakespeare is the bundled model; to use the file or folder of that name, give ./gpt2-shakespeare";
    assert!(said.contains(words), "{said}");
    assert!(said.contains("shakespeare is the bundled data; to use"), "{said}");
    assert_eq!(json(&here.path().join("a.pruning.json"))["request"]["model"]["kind"], "bundled");
    let paths = ["prune", "./gpt2-shakespeare", "--calibrate", "./shakespeare", "--length", "8", "--quiet"];
    let said = notes(&paths, "b");
    assert!(!said.contains("bundled"), "{said}");
    let request = &json(&here.path().join("b.pruning.json"))["request"];
    assert_eq!((&request["model"]["kind"], &request["calibration"]["kind"]), (&"folder".into(), &"tokens".into()));
}

/// Messages name the options of the command, files, places and ranges.
#[test]
fn messages_name_options_files_and_places() {
    let here = here(&["tiny-gpt2", "tiny-vit"]);
    let tail = ["--sparsity", "0.5", "--out", "out"];
    let prune = |args: &[&str]| refused(here.path(), &[&["prune"][..], args, &tail].concat());
    let gpt2 = |more: &[&'static str]| {
        prune(&[&["tiny-gpt2", "--calibrate", "tokens.npy", "--length", "8"][..], more].concat())
    };
    let said = gpt2(&["--samples", "61"]);
    assert!(said.contains("--samples 61: expected at most 60"), "{said}");
    let said = gpt2(&["--adam-steps", "2", "--adam-batch", "61"]);
    assert!(said.contains("--adam-batch 61: expected at most 60"), "{said}");
    for (option, value, needed) in [
        ("--adam-rate", "0.1", "--adam-steps"),
        ("--adam-batch", "8", "--adam-steps"),
        ("--batches", "same", "--rounds"),
    ] {
        let said = gpt2(&[option, value]);
        assert!(said.contains("required") && said.contains(needed), "{said}");
    }
    let said = gpt2(&["--adam-steps", "2", "--adam-rate=0"]);
    assert!(said.contains("--adam-rate 0: expected a positive number"), "{said}");
    write_npy(here.path().join("none.npy"), &Array2::<i64>::zeros((0, 8))).unwrap();
    for files in [["none.npy", "tokens.npy"], ["tokens.npy", "none.npy"]] {
        let said = prune(&["tiny-gpt2", "--calibrate", files[0], "--held-out", files[1], "--length", "8"]);
        assert!(said.contains("none.npy: has shape [0, 8]") && said.contains("at least one sample"), "{said}");
    }
    write_npy(here.path().join("none.npy"), &ndarray::Array3::<f32>::zeros((0, 8, 8))).unwrap();
    let said = prune(&["tiny-vit", "--calibrate", "none.npy"]);
    assert!(said.contains("none.npy: has shape [0, 8, 8]") && said.contains("at least one sample"), "{said}");
    let said = gpt2(&["--adam-steps", "9", "--adam-rate", "1e38"]);
    assert!(said.contains("--adam-rate 1e38") && said.contains("expected a smaller rate"), "{said}");
    fs::remove_dir_all(here.path().join("out.unfinished")).unwrap();
    let images = ndarray::Array3::<f32>::from_shape_fn((6, 8, 8), |(i, j, k)| (i + j * k) as f32 / 60.0);
    let size = widelimit::prune::model::describe(&ModelFolder::open(&here.path().join("tiny-vit")).unwrap()).unwrap();
    let widelimit::prune::model::EmbeddingSpec::Image { size, channels, .. } = size.embedding else { panic!() };
    let images = ndarray::Array4::from_shape_fn((6, channels, size, size), |(i, _, j, k)| images[[i, j % 8, k % 8]]);
    write_npy(here.path().join("images.npy"), &images).unwrap();
    let vit = |labels: &[i64]| {
        write_npy(here.path().join("labels.npy"), &Array1::from_vec(labels.to_vec())).unwrap();
        prune(&["tiny-vit", "--calibrate", "images.npy", "--held-out", "images.npy", "--labels", "labels.npy"])
    };
    let said = vit(&[0, 1, 0, 1, 77, 0]);
    assert!(said.contains("labels.npy: label 4 (from 0) is 77: expected a class from 0 to "), "{said}");
    let said = vit(&[0, 1, -1, 1, 0, 0]);
    assert!(said.contains("labels.npy: label 2 (from 0) is -1: expected labels, whole numbers from 0"), "{said}");
    for labels in [&[0, 1, 0, 1, 0][..], &[0; 7]] {
        let said = vit(labels);
        assert!(said.contains(&format!("labels.npy: {} labels for 6 samples of ", labels.len())), "{said}");
    }
    let said = prune(&["tiny-vit", "--calibrate", "images.npy", "--adam-steps", "3"]);
    assert!(said.contains("--calibration-labels: missing; a classifier is trained on labels"), "{said}");
    let mut ids: Vec<i64> = (0..64).map(|k| k % 40).collect();
    ids[19] = 40;
    write_npy(here.path().join("tokens.npy"), &Array1::from_vec(ids)).unwrap();
    let said = gpt2(&[]);
    assert!(
        said.contains("tokens.npy: token 40 (sample 2, position 3, from 0) is not in the vocabulary of 40"),
        "{said}"
    );
    let whole = fs::read(here.path().join("tokens.npy")).unwrap();
    fs::write(here.path().join("tokens.npy"), &whole[..whole.len() - 9]).unwrap();
    let said = gpt2(&[]);
    assert!(said.contains("the .npy file is truncated") && !said.contains("archive"), "{said}");
}

/// Rounds with training: the zeros to the entry, the weights those of the library, and the same bytes after a kill in every
/// phase.
#[test]
fn rounds_and_training_are_those_of_the_library_and_continue_to_the_same_bytes() {
    let here = tempdir().unwrap();
    let args = |out: &'static str, more: &[&'static str]| {
        let data = ["--calibrate", "digits", "--samples", "100", "--held-out", "digits", "--sparsity", "0.8"];
        let how = ["--method", "sparsegpt", "--rounds", "2", "--out", out];
        [&["prune", "deit-digits", "--quiet"][..], &data, &how, more].concat()
    };
    let said = fine(here.path(), &args("plain", &["--precision", "f32"]));
    assert!(said.contains("after round 0: held-out") && said.contains("after round 2: held-out"), "{said}");
    let folder = here.path().join("dense");
    BundledModel::DeitDigits.write(&folder).unwrap();
    let source = ModelFolder::open(&folder).unwrap();
    let mut copy = ModelCopy::create(&source, &here.path().join("library")).unwrap();
    let calibration = BundledData::Digits.read(false, 0).unwrap().inputs;
    let order = {
        let mut rng = widelimit::compute::rng::stream(1, widelimit::compute::rng::Role::Calibration, 0, 0);
        widelimit::compute::rng::random_order(&mut rng, calibration.count(), calibration.count())
    };
    let mut batch = |round: usize| Ok(calibration.select(&order[100 * round..100 * (round + 1)]));
    let settings = PruneSettings {
        quota: Quota::Uniform(Sparsity::Fraction(0.8)),
        layer: LayerSettings { method: LayerMethod::Sweep, refit: false, ..LayerSettings::default() },
        damping: 0.01,
        selected: &|_| true,
        within_block: false,
        rounds: 2,
    };
    prune_network::<f32>(&source, &mut copy, &mut batch, &settings, &mut |_| {}).unwrap();
    copy.finish().unwrap();
    assert!(files(&here.path().join("plain")) == files(&here.path().join("library")));
    // With training: better than without, and continued to the same bytes after a kill at many places.
    let adam = ["--adam-steps", "10", "--adam-batch", "40"];
    fine(here.path(), &args("whole", &adam));
    let loss = |name: &str| json(&here.path().join(format!("{name}.pruning.json")))["pruned"]["loss"].as_f64().unwrap();
    assert!(loss("whole") < loss("plain"), "{} {}", loss("whole"), loss("plain"));
    let progress = here.path().join("out.unfinished/progress.json");
    for seen in ["\"block\":", "\"round\":1", "\"trained\":0", "\"round\":2,\"base\""] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_widelimit"))
            .current_dir(here.path())
            .args(args("out", &[&adam[..], &["--resume"]].concat()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !fs::read_to_string(&progress).is_ok_and(|text| text.contains(seen))
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    if !here.path().join("out").exists() {
        fine(here.path(), &args("out", &[&adam[..], &["--resume", "--threads", "3"]].concat()));
    }
    assert!(files(&here.path().join("whole")) == files(&here.path().join("out")));
    let record = |name: &str| {
        let mut record = json(&here.path().join(format!("{name}.pruning.json")));
        record["record"]["seconds"] = 0.into();
        record["record"]["layers"].as_array_mut().unwrap().iter_mut().for_each(|layer| layer["seconds"] = 0.into());
        record
    };
    assert_eq!(record("whole"), record("out"));
    let rounds = record("out")["rounds"].as_array().unwrap().clone();
    assert_eq!(rounds.len(), 3);
    assert_eq!(rounds[2]["scores"], record("out")["pruned"]);
    assert!(!here.path().join("out.unfinished").exists());
}
