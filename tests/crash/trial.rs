//! A trial: a run that is stopped at random moments, resumed, and compared with the run that was left alone.

use crate::cases::Case;
use crate::common::experiment::files;
use crate::{compare, damage, setting};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program that is still there after this time is stuck.
const STUCK: Duration = Duration::from_secs(120);

/// The run that is left alone.
pub struct Whole {
    folder: TempDir,
    seconds: f64,
}

impl Whole {
    /// Runs an experiment to its end.
    pub fn new(case: &Case) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.toml"), case.file()).unwrap();
        let started = Instant::now();
        let ended = wait(program(case, folder.path(), "whole", false, 1).spawn().unwrap(), STUCK);
        assert!(ended.status.success(), "{}: {}: {}", case.name, ended.status, ended.said);
        let seconds = started.elapsed().as_secs_f64();
        println!("{}: {seconds:.2} s", case.name);
        Whole { folder, seconds }
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("whole")
    }
}

/// The program, with the experiment of a case in a folder.
fn program(case: &Case, folder: &Path, out: &str, resume: bool, threads: usize) -> Command {
    let program =
        setting::<String>("WIDELIMIT_CRASH_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_widelimit").into());
    let size = setting("WIDELIMIT_CRASH_SIZE").unwrap_or(if cfg!(debug_assertions) { 0.25 } else { 1.0 });
    let mut command = Command::new(program);
    command.current_dir(folder).args(["run", "run.toml", "--quiet", "--out", out, "--threads", &threads.to_string()]);
    for key in case.set(size) {
        command.args(["--set", &key]);
    }
    if resume {
        command.arg("--resume");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// How a process ended.
struct Ended {
    status: ExitStatus,
    said: String,
    /// Time for which it was waited.
    after: Duration,
}

/// Waits for a process, and kills it where it is stuck.
fn wait(mut child: Child, most: Duration) -> Ended {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > most {
            let _ = child.kill();
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let after = started.elapsed();
    let output = child.wait_with_output().unwrap();
    Ended { status: output.status, said: String::from_utf8_lossy(&output.stderr).trim().to_string(), after }
}

/// Trials and what they have counted.
pub struct Trials {
    seed: u64,
    damaged: bool,
    signals: [usize; 4],
    interrupted: usize,
    too_late: usize,
    damages: usize,
    slowest: Duration,
}

/// What is sent, by the names on the command line of `kill`. The second interrupt ends the program at once.
const SIGNALS: [&str; 4] = ["KILL", "INT", "TERM", "INT INT"];
const KILL: usize = 0;
const TWICE: usize = 3;
/// Time between two signals.
const BETWEEN: Duration = Duration::from_millis(5);

impl Trials {
    /// Trials with this seed; with files damaged between a stop and a resumption, or without.
    pub fn new(seed: u64, damaged: bool) -> Self {
        let slowest = Duration::ZERO;
        Trials { seed, damaged, signals: [0; 4], interrupted: 0, too_late: 0, damages: 0, slowest }
    }

    /// The counts.
    pub fn summary(&self) -> String {
        let Trials {
            signals: [kills, interrupts, terminations, twice], interrupted, too_late, damages, slowest, ..
        } = self;
        format!(
            "{kills} KILL, {interrupts} INT, {twice} INT twice, {terminations} TERM; {interrupted} ended with status 130, the \
             slowest after {:.2} s; {too_late} after the end of the run; {damages} files damaged",
            slowest.as_secs_f64()
        )
    }

    /// One trial; the failure says how to repeat it.
    pub fn one(&mut self, index: usize, case: &Case, whole: &Whole) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.toml"), case.file()).unwrap();
        let mut story = String::new();
        self.stopped_and_resumed(index, case, whole, folder.path(), &mut story).map_err(|failure| {
            if let Some(keep) = setting::<PathBuf>("WIDELIMIT_CRASH_KEEP") {
                copy(folder.path(), &keep.join(format!("{}-{}-{index}", case.name, self.seed)));
            }
            let test = if self.damaged { "damaged" } else { "killed" };
            format!(
                "seed {}, trial {index}, {}: {failure}\n  {story}\n  WIDELIMIT_CRASH_SEED={} WIDELIMIT_CRASH_ONLY={index} \
                 cargo test --release --test crash {test}",
                self.seed, case.name, self.seed
            )
        })
    }

    fn stopped_and_resumed(
        &mut self,
        index: usize,
        case: &Case,
        whole: &Whole,
        folder: &Path,
        story: &mut String,
    ) -> Result<(), String> {
        let address = self.seed.wrapping_mul(1_000_003).wrapping_add(2 * index as u64 + u64::from(self.damaged));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(address);
        let run = folder.join("run");
        let mut left = 1.0;
        for _ in 0..random.random_range(1..=4) {
            let moment = random.random_range(0.0..1.0) * f64::max(left, 0.3) * whole.seconds;
            left -= moment / whole.seconds;
            let (threads, signal) = (random.random_range(1..=2), random.random_range(0..SIGNALS.len()));
            let _ = write!(story, "{} after {moment:.3} s on {threads} threads; ", SIGNALS[signal]);
            self.signals[signal] += 1;
            if self.stop(case, folder, threads, signal, moment)? {
                self.too_late += 1;
                break;
            }
            if self.damaged
                && let Some(done) = damage::one(&run, &mut random)
            {
                self.damages += 1;
                let _ = write!(story, "{done}; ");
            }
        }
        let threads = random.random_range(1..=2);
        let resume = run.join("manifest.json").is_file();
        let ended = wait(program(case, folder, "run", resume, threads).spawn().unwrap(), STUCK);
        if !ended.status.success() {
            return Err(format!("the last resumption: {}: {}", ended.status, ended.said));
        }
        compare::same(&run, &whole.run())
    }

    /// Starts or resumes the run, and stops it at a moment; whether it was complete before.
    fn stop(&mut self, case: &Case, folder: &Path, threads: usize, signal: usize, moment: f64) -> Result<bool, String> {
        let run = folder.join("run");
        let before = compare::all_files(&run);
        let resume = before.contains_key("manifest.json");
        let mut child = program(case, folder, "run", resume, threads).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(moment));
        for (sent, name) in SIGNALS[signal].split(' ').enumerate() {
            if sent > 0 {
                std::thread::sleep(BETWEEN);
            }
            // A process that has ended is not waited for elsewhere: its number is not given to another.
            if child.try_wait().unwrap().is_none() {
                let _ = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
            }
        }
        let ended = wait(child, STUCK);
        let limit = setting("WIDELIMIT_CRASH_SECONDS").unwrap_or(20.0);
        if ended.after.as_secs_f64() > limit {
            return Err(format!("{:.1} s after {} it was still running", ended.after.as_secs_f64(), SIGNALS[signal]));
        }
        match (ended.status.code(), ended.status.signal()) {
            (Some(0), _) => match compare::status(&run).as_deref() {
                Some("complete") => Ok(true),
                found => Err(format!("exit status 0 and the status of the run is {found:?}")),
            },
            (Some(130), _) if signal == TWICE => Ok(false),
            (Some(130), _) if signal != KILL => {
                self.interrupted += 1;
                self.slowest = self.slowest.max(ended.after);
                match compare::status(&run).as_deref() {
                    Some("interrupted") => {}
                    found => return Err(format!("exit status 130 and the status of the run is {found:?}")),
                }
                let left = compare::litter(&run);
                if left.is_empty() { Ok(false) } else { Err(format!("left behind: {}", left.join(", "))) }
            }
            // It may have been killed between the end of its run and its own.
            (None, Some(9)) if signal == KILL => Ok(compare::status(&run).as_deref() == Some("complete")),
            // A signal may come before the program has begun to listen, and before it has opened the folder.
            (None, Some(2 | 15)) if signal != KILL => {
                if compare::all_files(&run) == before {
                    Ok(false)
                } else {
                    Err(format!("{}, and files were written", ended.status))
                }
            }
            _ => Err(format!("after {}: {}: {}", SIGNALS[signal], ended.status, ended.said)),
        }
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = std::fs::write(path, bytes);
    }
}
