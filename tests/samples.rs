//! Runs on samples in memory, and what an observer learns of their progress.

use crate::common::experiment::{TINY, parse};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use widelimit::config::{AnyExperiment, Experiment, Override};
use widelimit::population::Sample;
use widelimit::record::SAMPLES;
use widelimit::run::progress::observe;
use widelimit::run::{Options, Report};

fn sample(shift: f64) -> Sample {
    let x = Array2::from_shape_fn((10, 2), |(s, j)| (s as f64 + shift).sin() + j as f64);
    let y = Array2::from_shape_fn((10, 1), |(s, _)| (s as f64).cos());
    Sample { x, y }
}

/// The tiny experiment on a data file.
fn experiment() -> Experiment {
    let population = "population={kind=\"file\", path=\"unused.npz\", labels=\"real\", standardise=\"global\"}";
    parse(TINY, &[population]).unwrap_or_else(|error| panic!("{error}"))
}

fn options(out: &Path, resume: bool, force: bool) -> Options {
    Options { out: out.into(), force, resume, accept_revision: false, quiet: true, figures: false }
}

/// The bytes of all records and states of a run.
fn contents(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let folders = ["records", "state"].map(|name| run.join(name));
    let files = folders.iter().flat_map(|folder| folder.read_dir().unwrap().flatten().map(|entry| entry.path()));
    let files = files.filter(|path| path.is_file() && !path.ends_with("timings.json"));
    files
        .map(|path| (path.display().to_string().replace(run.to_str().unwrap(), ""), std::fs::read(path).unwrap()))
        .collect()
}

/// A run on a sample in memory keeps it, is made again to the same bytes from its folder alone, and refuses another
/// sample; another experiment in the folder removes it.
#[test]
fn a_run_on_a_sample_in_memory_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let no = AtomicBool::new(false);
    let on =
        |sample: &Sample, resume| widelimit::run_on_sample(&experiment(), sample, &options(&run, resume, false), &no);
    assert!(matches!(on(&sample(0.0), false), Ok(Report::Complete { .. })));
    assert!(matches!(on(&sample(0.0), true), Ok(Report::AlreadyComplete { .. })));
    let message = on(&sample(0.5), true).err().map(|error| error.to_string()).unwrap();
    assert!(message.contains(SAMPLES), "{message}");

    let before = contents(&run);
    let text = std::fs::read_to_string(run.join("experiment.toml")).unwrap();
    let again = widelimit::parse(&text, "experiment.toml", &run, &[]).unwrap().experiment;
    assert!(matches!(widelimit::run_experiment(&again, &options(&run, false, true), &no), Ok(Report::Complete { .. })));
    assert!(contents(&run) == before);
    assert!(run.join(SAMPLES).is_file());

    let other = AnyExperiment::Training(Box::new(parse(TINY, &[]).unwrap()));
    assert!(matches!(widelimit::run_experiment(&other, &options(&run, false, true), &no), Ok(Report::Complete { .. })));
    assert!(!run.join(SAMPLES).exists());
}

/// Samples that cannot be used, and experiments without a data file, are refused before the folder is made.
#[test]
fn samples_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut damaged = sample(0.0);
    damaged.x[[3, 1]] = f64::NAN;
    for (experiment, sample, words) in [
        (experiment(), damaged, "array x, row 3, column 1"),
        (parse(TINY, &[]).unwrap(), sample(0.0), "population.kind = "),
    ] {
        let result =
            widelimit::run_on_sample(&experiment, &sample, &options(&run, false, false), &AtomicBool::new(false));
        let message = result.err().map(|error| error.to_string()).unwrap();
        assert!(message.contains(words), "{message}");
    }
    assert!(!run.exists());
}

/// An observer learns of every stage, of work that grows to all of it, and of nothing after its scope.
#[test]
fn an_observer_sees_the_stages() {
    let folder = tempfile::tempdir().unwrap();
    let set: Vec<Override> = Vec::new();
    let loaded = widelimit::parse(TINY, "tiny.toml", Path::new(""), &set).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = seen.clone();
    let note = Arc::new(move |stage: &str, done: f64, total: f64| {
        observer.lock().unwrap().push((stage.to_string(), done, total))
    });
    let no = AtomicBool::new(false);
    let report = observe(note, || {
        widelimit::run_experiment(&loaded.experiment, &options(&folder.path().join("a"), false, false), &no)
    });
    assert!(matches!(report, Ok(Report::Complete { .. })));
    let reports = std::mem::take(&mut *seen.lock().unwrap());
    let stages: Vec<&str> =
        reports.iter().filter(|(_, done, _)| *done == 0.0).map(|(stage, ..)| stage.as_str()).collect();
    assert!(stages.len() >= 2, "{reports:?}");
    assert!(reports.iter().all(|(_, done, total)| (0.0..=*total).contains(done)), "{reports:?}");
    for stage in stages {
        let last = reports.iter().rfind(|(name, ..)| name == stage).unwrap();
        assert!((last.1 / last.2 - 1.0).abs() < 1e-9, "{last:?}");
    }
    widelimit::run_experiment(&loaded.experiment, &options(&folder.path().join("b"), false, false), &no)
        .map_err(Box::new)
        .unwrap();
    assert!(seen.lock().unwrap().is_empty());
}
