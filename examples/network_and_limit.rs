//! Runs an experiment, written as TOML, that compares networks of three widths with their mean-field limit.
//!
//! A network of width N starts from N of the limit's particles, and its neurons stay within O(1/sqrt(N)) of them (WKM,
//! theorem 1): the distance, averaged over seeds, is halved where the width is multiplied by four.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use widelimit::record::npz::ArrayRecord;
use widelimit::record::{GroupSeries, Measure};
use widelimit::run::Options;

const EXPERIMENT: &str = r#"
name = "network-and-limit"

[population]
kind = "teacher"
dimension = 2
neurons = 2
activation = "tanh"
size = 30

[network]
activation = "tanh"

[network.start]
w = { law = "gaussian", std = 1.0 }
b = { law = "gaussian", std = 0.5 }
a = { law = "uniform", low = -1.0, high = 1.0 }

[dynamics]
step = 0.015625
friction = 1.0

[horizon]
time = 2.0
records = 8

[widths]
values = [16, 64, 256]
seeds = 16

[reference]
particles = 4096
method = "rk4"
step = 0.125
"#;

/// Runs the experiment and prints the distance for each width.
pub fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("run");
    let loaded = widelimit::parse(EXPERIMENT, "the example", Path::new("."), &[])?;
    let options =
        Options { out: out.clone(), force: false, resume: false, accept_revision: false, quiet: true, figures: true };
    widelimit::run_experiment(&loaded.experiment, &options, &AtomicBool::new(false))?;

    let widths = GroupSeries::read(&out.join("records/widths.npz"))?;
    let distances = widths.sup(Measure::CouplingRms).ok_or("no distances were recorded")?;
    let root_mean_square = |row: ndarray::ArrayView1<f64>| row.mapv(|v| v * v).mean().unwrap_or(f64::NAN).sqrt();
    let means: Vec<f64> = distances.rows().into_iter().map(root_mean_square).collect();
    for (width, mean) in widths.values.iter().zip(&means) {
        println!("N = {width:>3}: distance {mean:.4}, times sqrt(N) {:.3}", mean * width.sqrt());
    }
    for pair in means.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((1.5..2.6).contains(&ratio), "four times the width halves the distance, and the ratio is {ratio}");
    }
    Ok(())
}
