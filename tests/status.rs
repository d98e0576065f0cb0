//! `status` tells what a run does while it runs in another process, after it was interrupted or killed, and after it
//! failed; looking changes nothing.

use crate::common::experiment::{TINY, fine, json, program, run_of, same};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use widelimit::run::status::{self, RunState, RunStatus};

/// A process that is killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, out: &str, extra: &[&str]) -> Running {
    fs::write(folder.join("tiny.toml"), TINY).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_widelimit"));
    command.current_dir(folder).args(["run", "tiny.toml", "--quiet", "--out", out]).args(extra);
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// The status when it is as wanted.
fn wait_for(folder: &Path, wanted: impl Fn(&RunStatus) -> bool) -> RunStatus {
    let start = Instant::now();
    loop {
        if let Ok(status) = status::of(folder)
            && wanted(&status)
        {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", status::of(folder));
        sleep(Duration::from_millis(20));
    }
}

/// Far more work than the test waits for.
const LONG: [&str; 4] = ["--set", "horizon.time=100000", "--set", "run.checkpoint_seconds=0.1"];

#[test]
fn running_then_interrupted_then_killed() {
    let here = tempfile::tempdir().unwrap();
    let out = here.path().join("out");
    let mut process = start(here.path(), "out", &LONG);
    let status = wait_for(&out, |status| status.phases.iter().any(|phase| phase.seconds > 2.5 && phase.done > 0.0));
    assert_eq!((status.state, status.process), (RunState::Running, Some(process.0.id())));
    let [first, .., last] = &status.phases[..] else { panic!("{status:?}") };
    assert!(first.done > 0.0 && last.done < 1.0, "{status:?}");
    assert!(status.left_seconds.is_some_and(|left| left > 0.0), "{status:?}");
    assert_eq!(status.remaining_studies, ["gap"]);
    let text = fine(here.path(), &["status", "out"]);
    assert!(text.contains("out: running") && text.contains("studies to follow: gap"), "{text}");

    Command::new("kill").args(["-INT", &process.0.id().to_string()]).status().unwrap();
    assert_eq!(process.0.wait().unwrap().code(), Some(130));
    let status = status::of(&out).unwrap();
    assert_eq!((status.state, status.left_seconds), (RunState::Interrupted, None));
    assert_eq!(json(&out.join("manifest.json"))["invocations"].as_array().unwrap().len(), 1);

    let extra: Vec<&str> = LONG.into_iter().chain(["--resume"]).collect();
    let mut process = start(here.path(), "out", &extra);
    wait_for(&out, |status| status.state == RunState::Running && status.process == Some(process.0.id()));
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    assert_eq!(status::of(&out).unwrap().state, RunState::Killed);
    let invocations = json(&out.join("manifest.json"))["invocations"].clone();
    let ended: Vec<bool> = invocations.as_array().unwrap().iter().map(|one| one["ended"].is_string()).collect();
    assert_eq!(ended, [true, false]);
}

#[test]
fn a_run_that_is_looked_at_ends_with_the_same_bytes() {
    let here = tempfile::tempdir().unwrap();
    let set = ["--set", "horizon.time=64", "--set", "run.checkpoint_seconds=0.05"];
    let mut process = start(here.path(), "looked-at", &set);
    let mut looks = 0;
    while process.0.try_wait().unwrap().is_none() {
        looks += usize::from(status::of(&here.path().join("looked-at")).is_ok());
        sleep(Duration::from_millis(1));
    }
    assert!(process.0.wait().unwrap().success() && looks > 0);
    assert!(!here.path().join("looked-at/progress.json").exists());
    let mut alone = run_of(&here.path().join("tiny.toml"), &here.path().join("alone"), false);
    assert!(alone.args(set).output().unwrap().status.success());
    same(&here.path().join("looked-at"), &here.path().join("alone"));
    let status = status::of(&here.path().join("alone")).unwrap();
    assert_eq!((status.state, status.process), (RunState::Complete, None));
}

#[test]
fn a_run_that_fails_says_why() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let set = ["reference.kind=picard", "reference.picard.iterates=2", "reference.picard.windows=1", "horizon.time=8"];
    let mut command = program();
    command.current_dir(here.path()).args(["run", "tiny.toml", "--out", "out"]);
    for key in set {
        command.args(["--set", key]);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let status = status::of(&here.path().join("out")).unwrap();
    assert_eq!(status.state, RunState::Failed);
    assert!(status.error.as_deref().is_some_and(|error| error.contains("did not converge")), "{status:?}");
    let text = fine(here.path(), &["status", "out"]);
    assert!(text.contains("failed") && text.contains("did not converge"), "{text}");
}
