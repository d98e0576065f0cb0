//! Reads the arrays of a run folder without the library's readers and fits the exponent of the gap again.
//!
//! Records are `.npz` files that NumPy opens too. `records/widths.npz` holds, among others, `abscissa` (the effective
//! widths) and `sup_function` (widths, seeds), the largest `L^2` distance over time of a network's predictions from the
//! limit's. The recorded exponent is the least-squares slope of the logarithm of its mean square over seeds.

use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widelimit::run::Options;

/// A run of the built-in experiment `descent` at a small size.
fn small_run(out: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    let set = [
        "population.size=50",
        "widths.values=[16,32,64]",
        "widths.seeds=4",
        "reference.particles=512",
        "horizon.time=1.0",
        "horizon.records=5",
        "gap.sweep=[]",
        "gap.resamples=200",
    ];
    let overrides = set.iter().map(|entry| entry.parse()).collect::<Result<Vec<_>, _>>()?;
    let experiment = widelimit::load("descent", &overrides)?.experiment;
    let options =
        Options { out: out.clone(), force: false, resume: false, accept_revision: false, quiet: true, figures: true };
    widelimit::run_experiment(&experiment, &options, &AtomicBool::new(false))?;
    Ok(out)
}

/// Slope of the least-squares line through `(log x, log y)`.
fn exponent(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let (x, y) = (x.mapv(f64::ln), y.mapv(f64::ln));
    let (x, y) = (&x - x.sum() / x.len() as f64, &y - y.sum() / y.len() as f64);
    x.dot(&y) / x.dot(&x)
}

/// The exponent from the arrays of a run.
fn fitted(run: &Path) -> Result<f64, Box<dyn Error>> {
    let mut records = NpzReader::new(File::open(run.join("records/widths.npz"))?)?;
    let widths: Array1<f64> = records.by_name("abscissa")?;
    let gaps: Array2<f64> = records.by_name("sup_function")?;
    // The geometric mean over seeds of the squares.
    let squares: Array1<f64> =
        gaps.rows().into_iter().map(|row| (2.0 * row.mapv(f64::ln).sum() / row.len() as f64).exp()).collect();
    Ok(exponent(&widths, &squares))
}

/// The exponent that the run recorded.
fn recorded(run: &Path) -> Result<f64, Box<dyn Error>> {
    let record: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(run.join("records/gap.json"))?)?;
    let fits = record["fits"].as_array().ok_or("no fits in records/gap.json")?;
    let of_widths = fits.iter().find(|fit| fit["group"] == "widths" && fit["measure"] == "function");
    let slope = of_widths.and_then(|fit| fit["fit"]["slope"].as_f64());
    Ok(slope.ok_or("the run has no fitted exponent of the distance in function space")?)
}

/// Runs the experiment and fits the exponent to its records.
pub fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let run = small_run(folder.path().join("run"))?;
    let (fitted, recorded) = (fitted(&run)?, recorded(&run)?);
    println!("sup_t |f_N - f|^2 ~ N^{fitted:.4}; the run recorded {recorded:.4}, and the exponent of the theory is -1");
    assert!((fitted - recorded).abs() < 1e-10, "the same exponent up to rounding");
    Ok(())
}
