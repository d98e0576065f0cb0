//! Pruning of Transformers: forward passes against independent ones, solvers against known answers value by value, whole
//! networks against known scores, and what a model's folder must survive. `tests/data/prune` holds the data.

mod definitions;
mod files;
mod layers;
mod models;
mod network;
mod optimum;
#[cfg(feature = "text")]
mod text;
mod training;

use flate2::read::GzDecoder;
use ndarray::ArrayD;
use std::fs;
use std::path::{Path, PathBuf};
use widelimit::population::npz_file::NpzFile;
use widelimit::prune::checkpoint::ModelFolder;
use widelimit::prune::model::Inputs;

/// A file or folder of the test data.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/prune").join(name)
}

fn open(name: &str) -> ModelFolder {
    ModelFolder::open(&data(name)).unwrap()
}

/// A file or folder of the bundled models and data.
fn assets(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/prune").join(name)
}

fn deit() -> ModelFolder {
    ModelFolder::open(&assets("deit-digits")).unwrap()
}

fn gpt2() -> ModelFolder {
    ModelFolder::open(&assets("gpt2-shakespeare")).unwrap()
}

/// An array of an archive of the test data, if it is there.
fn array(archive: &str, name: &str) -> Option<ArrayD<f64>> {
    let bytes = fs::read(data(archive)).unwrap();
    let array = NpzFile::open(&bytes).unwrap().array(name.to_string().leak());
    array.unwrap()
}

fn values(archive: &str, name: &str) -> Vec<f64> {
    array(archive, name).unwrap_or_else(|| panic!("{archive}: {name}")).iter().copied().collect()
}

/// The largest difference over the largest magnitude of the expected values.
fn relative_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max) / scale
}

/// The digits as `deit-digits` reads them: pixels from -1 to 1. One in five is held out; returns the inputs and labels of
/// either part.
fn digits(held_out: bool) -> (Inputs, Vec<usize>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/population/data/digits.csv.gz");
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).from_reader(GzDecoder::new(fs::File::open(path).unwrap()));
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (index, row) in reader.records().enumerate() {
        let row: Vec<f64> = row.unwrap().iter().map(|cell| cell.parse().unwrap()).collect();
        if (index % 5 == 0) == held_out {
            pixels.extend(row[..64].iter().map(|v| v / 8.0 - 1.0));
            labels.push(row[64] as usize);
        }
    }
    (Inputs::Images { pixels, channels: 1, size: 8 }, labels)
}

/// Batch `round` of 64 blocks of 128 tokens of Shakespeare's texts.
fn shakespeare(round: usize) -> Inputs {
    Inputs::read_tokens(&assets("shakespeare-calibration.npy"), 128).unwrap().range(64 * round..64 * (round + 1))
}
