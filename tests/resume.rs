//! A run that was interrupted, killed, or both many times over ends with the same bytes as one that was left
//! alone, on any number of threads; and nothing that stands in a folder is lost or mistaken.
//!
//! The program itself is run, stopped and killed. Nothing is timed: a test waits for a checkpoint, and starts again
//! where the program was faster.
use crate::common::experiment::{TINY, files, json};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Tries before a program that always ends first is given up.
const TRIES: usize = 20;

/// A folder with the experiment in it, and the keys that make this case.
struct Case {
    folder: TempDir,
    set: Vec<String>,
}

/// What can be seen of a run's checkpoints: names, times and sizes.
type Checkpoints = BTreeMap<PathBuf, (SystemTime, u64)>;

impl Case {
    fn new(set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
        let set = set.iter().chain(&["run.checkpoint_seconds=0.02"]).map(|key| key.to_string()).collect();
        Case { folder, set }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command that runs the experiment into the folder of this name.
    fn command(&self, name: &str, extra: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_widelimit"));
        command.current_dir(self.folder.path()).args(["run", "tiny.toml", "--quiet", "--out", name]);
        for key in &self.set {
            command.args(["--set", key]);
        }
        command.args(extra).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    fn run(&self, name: &str, extra: &[&str]) -> Output {
        self.command(name, extra).output().unwrap()
    }

    /// Runs to a good end.
    fn complete(&self, name: &str, extra: &[&str]) -> String {
        let output = self.run(name, extra);
        assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs to a refusal, whose message must contain all of these words.
    fn refused(&self, name: &str, extra: &[&str], words: &[&str]) {
        let output = self.run(name, extra);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        for word in words {
            assert!(message.contains(word), "'{word}' is not in: {message}");
        }
    }

    fn checkpoints(&self, name: &str) -> Checkpoints {
        let Ok(entries) = fs::read_dir(self.out(name).join("checkpoint")) else { return Checkpoints::new() };
        let whole = entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
        let seen = |entry: fs::DirEntry| {
            let about = entry.metadata().ok()?;
            Some((entry.path(), (about.modified().ok()?, about.len())))
        };
        whole.filter_map(seen).collect()
    }

    /// Starts the program and waits until it has written checkpoints `writes` times; `Err` where it ended before that.
    fn start(&self, name: &str, extra: &[&str], writes: usize) -> Result<Child, ExitStatus> {
        let mut before = self.checkpoints(name);
        let mut child = self.command(name, extra).spawn().unwrap();
        let mut seen = 0;
        while seen < writes {
            if let Some(status) = child.try_wait().unwrap() {
                return Err(status);
            }
            let now = self.checkpoints(name);
            seen += now.iter().filter(|(path, stamp)| before.get(*path) != Some(stamp)).count();
            before = now;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(child)
    }

    /// Starts the program and kills it after so many checkpoints; whether it was there to be killed.
    fn kill(&self, name: &str, extra: &[&str], writes: usize) -> bool {
        match self.start(name, extra, writes) {
            Ok(mut child) => {
                child.kill().unwrap();
                child.wait().unwrap().signal() == Some(9)
            }
            Err(status) => {
                assert!(status.success(), "{status}");
                false
            }
        }
    }

    /// A run that was killed after so many checkpoints and is not complete.
    fn killed(&self, name: &str, writes: usize) {
        for _ in 0..TRIES {
            if self.kill(name, &[], writes) && status(&self.out(name)) == "running" {
                return;
            }
            let _ = fs::remove_dir_all(self.out(name));
        }
        panic!("the run was always complete before it could be killed");
    }

    /// A run that was interrupted; its message.
    fn interrupted(&self, name: &str, extra: &[&str]) -> String {
        for _ in 0..TRIES {
            if let Ok(child) = self.start(name, extra, 2) {
                let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
                let output = child.wait_with_output().unwrap();
                if sent.success() && output.status.code() == Some(130) {
                    return text(&output.stderr);
                }
                assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stderr));
            }
            fs::remove_dir_all(self.out(name)).unwrap();
        }
        panic!("the run was always complete before it could be interrupted");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn status(run: &Path) -> Value {
    json(&run.join("manifest.json"))["status"].clone()
}

/// The manifest without what may differ between sittings and machines.
fn manifest(run: &Path) -> Value {
    let mut manifest = json(&run.join("manifest.json"));
    for key in ["resumed", "phases", "threads", "memory", "invocations"] {
        assert!(manifest.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    manifest
}

/// Everything else, byte for byte; temporary files that a kill left behind are no part of a run.
fn contents(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = files(run);
    all.retain(|name, _| !["manifest.json", "report.html", ".lock"].contains(&name.as_str()) && !temporary(name));
    all
}

fn temporary(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|name| name.starts_with(".writing-"))
}

/// Both runs are complete and the same.
fn same(a: &Path, b: &Path) {
    assert_eq!((status(a), status(b)), ("complete".into(), "complete".into()));
    let (left, right) = (contents(a), contents(b));
    let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&left), names(&right));
    for name in ["checks.json", "experiment.toml", "records/gap.json", "records/widths.npz", "state/reference.npz"] {
        assert!(left.contains_key(name), "{name}");
    }
    for (name, bytes) in &left {
        assert!(bytes == &right[name], "{name} is another file");
    }
    assert_eq!(manifest(a), manifest(b));
    assert!(!a.join("checkpoint").exists() && !b.join("checkpoint").exists());
}

/// A run left alone, one interrupted once, one killed once, one killed again and again on one and on two threads.
fn every_way(set: &[&str]) {
    let case = Case::new(set);
    case.complete("whole", &[]);
    let whole = case.out("whole");

    let message = case.interrupted("interrupted", &[]);
    let run = case.out("interrupted");
    assert!(message.contains("interrupted") && message.contains("--resume"), "{message}");
    assert_eq!(status(&run), "interrupted");
    case.complete("interrupted", &["--resume"]);
    assert_eq!(json(&run.join("manifest.json"))["resumed"], 1);
    same(&whole, &run);

    case.killed("killed", 3);
    let leftovers: Vec<String> = files(&case.out("killed")).into_keys().filter(|name| temporary(name)).collect();
    println!("left behind by a kill: {leftovers:?}");
    case.complete("killed", &["--resume"]);
    same(&whole, &case.out("killed"));

    case.killed("battered", 1);
    let mut kills = 1;
    for (writes, threads) in [(1, "2"), (3, "1"), (2, "2"), (4, "1"), (6, "2")] {
        if case.kill("battered", &["--resume", "--threads", threads], writes) {
            kills += 1;
        }
    }
    println!("killed {kills} times");
    assert!(kills >= 3);
    case.complete("battered", &["--resume", "--threads", "1"]);
    same(&whole, &case.out("battered"));
}

#[test]
fn heavy_ball_under_mini_batches() {
    every_way(&["dynamics.step=0.000030517578125", "dynamics.batch=4", "horizon.time=8"]);
}

#[test]
fn an_adaptive_limit() {
    // Most of the work is in the limits; networks of a single step per record follow.
    every_way(&[
        "reference.method=dormand-prince",
        "reference.tolerance=1e-13",
        "reference.particles=2048",
        "horizon.time=3",
    ]);
}

#[test]
fn noise() {
    every_way(&[
        "dynamics.temperature=0.1",
        "dynamics.step=0.00048828125",
        "reference.method=baoab",
        "reference.step=0.00048828125",
        "reference.particles=256",
    ]);
}

#[test]
fn three_layers() {
    let law = r#"{law="gaussian", mean=0.5, std=1.0}"#;
    every_way(&[
        r#"network={kind="three-layer", activation="tanh"}"#,
        &format!("network.start={{w={law}, b={law}, u={law}, c={law}, a={law}}}"),
        "dynamics.step=0.00006103515625",
        "dynamics.batch=4",
        "horizon.time=4",
    ]);
}

#[test]
fn single_precision() {
    every_way(&[
        "precision=f32",
        "dynamics.step=0.00006103515625",
        "reference.method=kick-drift-kick",
        "reference.particles=256",
        "gap.sweep=[{over=\"step\", values=[0.00006103515625], width=5, seeds=2, batch=2}]",
    ]);
}

/// Large enough that a single pass spreads over the pool.
#[test]
fn the_number_of_threads_changes_no_byte() {
    let case = Case::new(&["widths.values=[16, 520]", "reference.particles=2080", "population.size=100"]);
    for threads in ["1", "2", "3"] {
        case.complete(threads, &["--threads", threads]);
        assert_eq!(json(&case.out(threads).join("manifest.json"))["threads"].to_string(), threads);
    }
    same(&case.out("1"), &case.out("2"));
    same(&case.out("1"), &case.out("3"));
}

#[test]
fn another_experiment_is_refused() {
    let case = Case::new(&["dynamics.step=0.000030517578125"]);
    case.killed("run", 1);
    let before = files(&case.out("run"));
    let set = ["--set", "dynamics.friction=0.5", "--set", "population.size=39", "--resume"];
    case.refused("run", &set, &["another experiment (they differ in dynamics.friction, population.size)", "--force"]);
    case.refused("run", &["--set", "gap.sweep=[{over=\"batch\", values=[1], width=4}]", "--resume"], &["gap.sweep"]);
    assert!(files(&case.out("run")) == before, "a refusal touched the folder");
    // How often checkpoints are written is nobody's business.
    case.complete("run", &["--set", "run.checkpoint_seconds=3", "--resume"]);
    case.refused("run", &[set[0], set[1], "--resume"], &["another experiment (they differ in dynamics.friction)"]);
}

#[test]
fn instructions_that_round_otherwise_are_refused() {
    let case = Case::new(&["dynamics.step=0.000030517578125"]);
    case.killed("run", 1);
    if widelimit::compute::InstructionSet::fastest() != widelimit::compute::InstructionSet::Portable {
        case.refused("run", &["--simd", "portable", "--resume"], &["--simd avx", "rounds differently"]);
    }
    case.complete("run", &["--resume"]);
}

#[test]
fn a_complete_run_has_nothing_left_to_do() {
    let case = Case::new(&[]);
    case.complete("run", &[]);
    let before = files(&case.out("run"));
    let said = case.complete("run", &["--resume"]);
    assert!(said.contains("run is complete; nothing to do") && said.contains("gap-widths-function"), "{said}");
    assert!(files(&case.out("run")) == before);
}

#[test]
fn folders_are_not_overwritten() {
    let case = Case::new(&[]);
    // Where nothing is, `--resume` starts a run: job scripts need one command.
    case.complete("run", &["--resume"]);
    assert_eq!(json(&case.out("run").join("manifest.json"))["resumed"], 0);
    let before = files(&case.out("run"));
    let ways = ["run holds a run already (complete)", "--resume", "--force", "--out"];
    case.refused("run", &[], &ways);
    assert!(files(&case.out("run")) == before);
    case.refused("run", &["--force", "--resume"], &["--resume", "--force", "cannot be used with"]);

    // Starting over leaves alone what is not the run's.
    fs::write(case.out("run").join("notes.txt"), "mine").unwrap();
    fs::write(case.out("run").join("records/old.npz"), "a record of yesterday").unwrap();
    case.complete("run", &["--force", "--set", "seed=2"]);
    assert_eq!(fs::read_to_string(case.out("run").join("notes.txt")).unwrap(), "mine");
    assert!(!case.out("run").join("records/old.npz").exists());
    assert_eq!(json(&case.out("run").join("manifest.json"))["seed"], 2);

    fs::create_dir(case.out("foreign")).unwrap();
    fs::write(case.out("foreign").join("thesis.tex"), "mine").unwrap();
    // Another program's manifest does not make a folder a run.
    fs::create_dir_all(case.out("web/state")).unwrap();
    fs::write(case.out("web").join("manifest.json"), "{\"name\": \"an application\"}").unwrap();
    fs::write(case.out("web").join("state/mine.txt"), "mine").unwrap();
    fs::write(case.out("file"), "mine").unwrap();
    fs::create_dir(case.out("empty")).unwrap();
    for extra in [&[][..], &["--force"], &["--resume"]] {
        case.refused("foreign", extra, &["foreign exists and is not a run of widelimit", "--out"]);
        case.refused("file", extra, &["file exists and is not a run of widelimit", "--out"]);
        case.refused("web", extra, &["web exists and is not a run of widelimit", "--out"]);
    }
    assert_eq!(fs::read_to_string(case.out("web").join("state/mine.txt")).unwrap(), "mine");
    assert_eq!(files(&case.out("foreign")).into_iter().collect::<Vec<_>>(), [("thesis.tex".into(), b"mine".to_vec())]);
    assert_eq!(fs::read_to_string(case.out("file")).unwrap(), "mine");
    case.complete("empty", &[]);
}

#[test]
fn two_processes_do_not_share_a_folder() {
    // So many steps that the first process is still running when the test ends.
    let case = Case::new(&["dynamics.step=4.76837158203125e-7"]);
    // An exact power of two, and so many steps that the first process is still running when the test ends.
    let case =
        Case { set: vec!["dynamics.step=4.76837158203125e-7".into(), "run.checkpoint_seconds=0.02".into()], ..case };
    let mut first = case.start("run", &[], 1).expect("a long run");
    for extra in [&["--resume"][..], &["--force"], &[]] {
        case.refused("run", extra, &["run is in use by another widelimit", "--out"]);
    }
    assert!(first.try_wait().unwrap().is_none(), "the first process has ended");
    for command in ["check", "figures"] {
        let output = Command::new(env!("CARGO_BIN_EXE_widelimit")).arg(command).arg(case.out("run")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(message.contains("run is running") && !message.contains("--resume"), "{message}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock goes with the process that held it.
    case.refused("run", &[], &["holds a run already (unfinished)"]);
}

#[test]
fn a_damaged_manifest_is_named() {
    let case = Case::new(&["dynamics.step=0.000030517578125"]);
    case.killed("run", 1);
    let manifest = case.out("run").join("manifest.json");
    let before = fs::read(&manifest).unwrap();
    for (bytes, word) in [
        ("{", "EOF"),
        ("{\"version\": \"0.1.0\", \"format\": \"x\"}", "\"x\""),
        ("{\"version\": \"0.1.0\", \"format\": 2}", "missing field"),
    ] {
        fs::write(&manifest, bytes).unwrap();
        let words = ["run/manifest.json: not the expected JSON", word, "with --force"];
        case.refused("run", &["--resume"], &words);
    }
    fs::write(&manifest, before).unwrap();
    case.complete("run", &["--resume"]);
}

#[test]
fn temporary_files_are_not_taken_for_records() {
    let case = Case::new(&["dynamics.step=0.000030517578125"]);
    case.complete("whole", &[]);
    case.killed("run", 2);
    for folder in ["checkpoint", "records", "state", "."] {
        fs::create_dir_all(case.out("run").join(folder)).unwrap();
        fs::write(case.out("run").join(folder).join(".writing-aB3xYz"), "half a fi").unwrap();
    }
    case.complete("run", &["--resume"]);
    same(&case.out("whole"), &case.out("run"));
    let left: Vec<String> = files(&case.out("run")).into_keys().filter(|name| temporary(name)).collect();
    println!("still there: {left:?}");
    for command in ["check", "figures"] {
        let output = Command::new(env!("CARGO_BIN_EXE_widelimit")).arg(command).arg(case.out("run")).output().unwrap();
        assert_ne!(output.status.code(), Some(2), "{command}: {}", text(&output.stderr));
    }
    same(&case.out("whole"), &case.out("run"));
}
