//! Tiny experiments, run through the library or the program, and run folders read without widelimit's own reader.

use assert_cmd::Command;
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::NpzReader;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;
use widelimit::analysis::verdict::Check;
use widelimit::config::{AnyExperiment, ConfigError, Experiment, Override, RecoveryExperiment};
use widelimit::record::GroupsRecord;
use widelimit::run::{Options, Report};
use widelimit::study::gap::GapRecord;

/// A student of a tanh teacher on 40 points: every step a power of two, so that clocks are exact.
pub const TINY: &str = r#"
name = "tiny"
title = "a tiny experiment"

[population]
kind = "teacher"
dimension = 3
neurons = 2
activation = "tanh"
size = 40

[network]
activation = "tanh"

[network.start]
w = { law = "gaussian", std = 1.0 }
b = { law = "gaussian", std = 0.5 }
a = { law = "uniform", low = -1.0, high = 1.0 }

[dynamics]
step = 0.03125
friction = 1.0

[horizon]
time = 1.0
records = 2

[widths]
values = [4, 8]
seeds = 2

[reference]
particles = 64
method = "rk4"
step = 0.125

[gap]
projections = 4
resamples = 200
"#;

/// Keys replaced as on the command line.
pub fn overrides(set: &[&str]) -> Result<Vec<Override>, ConfigError> {
    set.iter().map(|entry| entry.parse()).collect()
}

/// An experiment from text, with keys replaced as on the command line.
pub fn parse(text: &str, set: &[&str]) -> Result<Experiment, ConfigError> {
    widelimit::parse(text, "tiny.toml", Path::new(""), &overrides(set)?).map(|loaded| training(loaded.experiment))
}

/// A built-in experiment that trains networks, with keys replaced.
pub fn builtin(name: &str, set: &[&str]) -> Result<Experiment, ConfigError> {
    widelimit::load(name, &overrides(set)?).map(|loaded| training(loaded.experiment))
}

/// The experiment, which trains networks.
pub fn training(experiment: AnyExperiment) -> Experiment {
    match experiment {
        AnyExperiment::Training(experiment) => *experiment,
        AnyExperiment::Recovery(e) => panic!("{} is of sparse recovery", e.name),
        AnyExperiment::Pruning(e) => panic!("{} is of pruning", e.name),
    }
}

/// The experiment, which is of sparse recovery.
pub fn recovery(experiment: AnyExperiment) -> RecoveryExperiment {
    match experiment {
        AnyExperiment::Recovery(experiment) => *experiment,
        AnyExperiment::Training(e) => panic!("{} trains networks", e.name),
        AnyExperiment::Pruning(e) => panic!("{} is of pruning", e.name),
    }
}

/// [`TINY`] with keys replaced.
pub fn tiny(set: &[&str]) -> Experiment {
    parse(TINY, set).unwrap_or_else(|error| panic!("{error}"))
}

/// A complete run in a folder of its own.
pub struct Run {
    folder: TempDir,
}

impl Run {
    /// Runs an experiment to its end.
    pub fn new(experiment: &Experiment) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            out: folder.path().join("run"),
            force: false,
            resume: false,
            accept_revision: false,
            quiet: true,
            figures: true,
        };
        let experiment = AnyExperiment::Training(Box::new(experiment.clone()));
        match widelimit::run_experiment(&experiment, &options, &AtomicBool::new(false)) {
            Ok(Report::Complete { .. }) => Run { folder },
            Ok(_) => panic!("not complete"),
            Err(error) => panic!("{error}"),
        }
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("run").join(name)
    }

    /// The run's folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// What the gap study found.
    pub fn gap(&self) -> GapRecord {
        widelimit::number::from_json_value(json(&self.file("records/gap.json"))).unwrap()
    }

    /// The groups of networks, and the limit's own error.
    pub fn groups(&self) -> GroupsRecord {
        widelimit::number::from_json_value(json(&self.file("records/groups.json"))).unwrap()
    }

    /// The check of this name.
    pub fn check(&self, name: &str) -> Check {
        let checks: Vec<Check> = widelimit::number::from_json_value(json(&self.file("checks.json"))).unwrap();
        checks.into_iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name}"))
    }

    /// The arrays of a file of the run.
    pub fn arrays(&self, name: &str) -> BTreeMap<String, ArrayD<f64>> {
        arrays(&self.file(name))
    }
}

/// A run shared by the tests of one file; its folder is removed with the last reference.
pub struct Shared(Mutex<Weak<Run>>);

impl Shared {
    pub const fn new() -> Self {
        Shared(Mutex::new(Weak::new()))
    }

    /// The run, made at the first call.
    pub fn get(&self, make: impl FnOnce() -> Run) -> Arc<Run> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = shared.upgrade().unwrap_or_else(|| Arc::new(make()));
        *shared = Arc::downgrade(&run);
        run
    }
}

/// A JSON file.
pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// The arrays of an `.npz` file, by name.
pub fn arrays(path: &Path) -> BTreeMap<String, ArrayD<f64>> {
    let mut reader = NpzReader::new(File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap();
    let names = reader.names().unwrap();
    let mut array = |name: &String| reader.by_name::<OwnedRepr<f64>, IxDyn>(name).unwrap();
    names.iter().map(|name| (name.trim_end_matches(".npy").to_string(), array(name))).collect()
}

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_widelimit"))
}

/// The program, to run the experiment of a file into a folder, or to continue it there.
pub fn run_of(file: &Path, out: &Path, resume: bool) -> Command {
    let mut command = program();
    command.arg("run").arg(file).arg("--quiet").arg("--out").arg(out);
    if resume {
        command.arg("--resume");
    }
    command
}

/// Every file below a folder with its bytes, by path relative to it.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The output of the program, run in a folder.
pub fn run(folder: &Path, args: &[&str]) -> Output {
    program().current_dir(folder).args(args).output().unwrap()
}

/// What the program prints; it succeeds.
pub fn fine(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The message with which the program refuses its input.
pub fn refused(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Files in which equal runs may differ: the lock is empty, wall times are measured, and the report shows them.
pub const OF_THE_CLOCK: [&str; 5] =
    ["manifest.json", "records/timings.json", "records/profile.json", ".lock", "report.html"];

/// Two runs of one experiment left the same, times and threads apart.
pub fn same(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(OF_THE_CLOCK.contains(&name.as_str()) || *bytes == b[name], "{name} is another file");
    }
}
