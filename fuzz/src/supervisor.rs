//! The process that starts workers, and reports those that end before their time.

use super::worker::{self, COUNTS, Counts, PRESENT};
use super::{FuzzArgs, Limits};
use anyhow::Context;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;
use tempfile::TempDir;
use widelimit_fuzz::{TARGETS, Target, base};

/// A target is given up after this many workers that ended before their time.
const WORKERS: usize = 10;

/// What became of a target.
struct Summary {
    target: &'static Target,
    counts: Counts,
    seconds: f64,
    /// Workers that ended before their time.
    ended: usize,
}

/// Runs targets; exit status 1 where one fails.
pub fn fuzz(args: &FuzzArgs) -> anyhow::Result<ExitCode> {
    let all: Vec<&'static Target> = TARGETS.iter().collect();
    let targets = if args.targets.is_empty() { &all } else { &args.targets };
    println!("seed {}, {} MiB and {} s for an input", args.seed, args.limits.memory, args.limits.timeout);
    let queue = Mutex::new(targets.iter());
    let summaries = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().map(|mut queue| queue.next().copied());
                    let Ok(Some(target)) = next else { break };
                    let summary = one(args, target);
                    if let Ok(summary) = &summary {
                        println!("{}", line(summary));
                    }
                    if let Ok(mut summaries) = summaries.lock() {
                        summaries.push(summary);
                    }
                }
            });
        }
    });
    let summaries = summaries.into_inner().map_err(|_| anyhow::anyhow!("a thread of the driver failed"))?;
    let summaries: Vec<Summary> = summaries.into_iter().collect::<anyhow::Result<_>>()?;
    let inputs: u64 = summaries.iter().map(|summary| summary.counts.inputs).sum();
    let failures: usize = summaries.iter().map(|summary| summary.ended + summary.counts.panics.len()).sum();
    println!("{inputs} inputs, {failures} kinds of failures");
    for summary in &summaries {
        for (kind, count) in &summary.counts.panics {
            println!("  {}, {count} times: {kind}", summary.target.name);
        }
    }
    Ok(ExitCode::from(u8::from(failures > 0)))
}

fn line(summary: &Summary) -> String {
    let Summary { target, counts, seconds, ended } = summary;
    let share = |count: u64| 100.0 * count as f64 / counts.inputs.max(1) as f64;
    format!(
        "{:<12} {:>9} inputs, {:>7.0} a second, {:>4.1} % accepted, {:>4.1} % none, {} kinds of messages, {} of panics, {ended} ends",
        target.name,
        counts.inputs,
        counts.inputs as f64 / seconds,
        share(counts.accepted),
        share(counts.skipped),
        counts.messages,
        counts.panics.len()
    )
}

/// Runs one target; a worker that ends before its time is reported, and followed by another.
fn one(args: &FuzzArgs, target: &'static Target) -> anyhow::Result<Summary> {
    let scratch = scratch()?;
    let started = Instant::now();
    let (mut from, mut ended) = (0, 0);
    while ended < WORKERS {
        let left = args.seconds - started.elapsed().as_secs_f64();
        let mut command = limited(args.limits, &scratch, "worker")?;
        let numbers = [
            ("--seed", args.seed.to_string()),
            ("--from", from.to_string()),
            ("--to", args.runs.to_string()),
            ("--seconds", left.max(0.0).to_string()),
            ("--timeout", args.limits.timeout.to_string()),
        ];
        for (key, value) in numbers {
            command.args([key, &value]);
        }
        command.args(["--target", target.name]).arg("--corpus").arg(&args.corpus).arg("--findings").arg(&args.findings);
        let output = command.stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::piped()).output()?;
        if output.status.success() {
            break;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let Ok(present) = std::fs::read(scratch.path().join(PRESENT)) else {
            anyhow::bail!("{} did not start: {}: {}", target.name, output.status, said.trim());
        };
        let (index, data) = present.split_first_chunk::<8>().context("the index of the present input")?;
        let path = worker::save(&args.findings, target, data)?;
        // Notes about damaged parts precede the message.
        let message = said.trim().lines().find(|line| !line.starts_with("note: ")).unwrap_or_default();
        println!("{}: {}: {message}", target.name, output.status);
        println!("  {}", worker::repeat_command(target, &path));
        from = u64::from_le_bytes(*index) + 1;
        ended += 1;
    }
    let counts = Counts::read(&scratch.path().join(COUNTS));
    Ok(Summary { target, counts, seconds: started.elapsed().as_secs_f64(), ended })
}

fn scratch() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("widelimit-fuzz-").tempdir_in(base::memory())?)
}

/// This program under a limit of its memory, with this command.
fn limited(limits: Limits, scratch: &TempDir, name: &str) -> anyhow::Result<Command> {
    let program = std::env::current_exe()?;
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &(1024 * limits.memory).to_string()]);
    command.args([program.as_os_str(), OsStr::new(name)]);
    command.env(base::SCRATCH, scratch.path()).env("RAYON_NUM_THREADS", "1").env("RUST_BACKTRACE", "0");
    Ok(command)
}

/// Runs a target on files under the limits.
pub fn replay(target: &Target, files: &[PathBuf], limits: Limits) -> anyhow::Result<ExitCode> {
    let scratch = scratch()?;
    let mut command = limited(limits, &scratch, "repeat")?;
    command.args([target.name, &limits.timeout.to_string()]).args(files);
    let status = command.status()?;
    println!("{status}");
    Ok(ExitCode::from(u8::from(!status.success())))
}
