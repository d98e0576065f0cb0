//! The process that runs a target on one input after the other.
//!
//! The present input is in a file, from which it is taken where the process ends. Panics are caught, and their inputs
//! written to the folder of findings.

use clap::Args;
use rand::RngExt;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use widelimit_fuzz::mutate::{self, Random};
use widelimit_fuzz::{Outcome, Target, base, corpus};

/// Arguments of a worker.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The target
    #[arg(long, value_parser = super::target)]
    pub target: &'static Target,
    /// Seed of the mutations
    #[arg(long)]
    pub seed: u64,
    /// Index of the first input
    #[arg(long)]
    pub from: u64,
    /// Index after the last input
    #[arg(long)]
    pub to: u64,
    /// Time in seconds
    #[arg(long)]
    pub seconds: f64,
    /// Time of an input in seconds
    #[arg(long)]
    pub timeout: u64,
    /// Folder of the inputs to begin with
    #[arg(long)]
    pub corpus: PathBuf,
    /// Folder for inputs at which the target fails
    #[arg(long)]
    pub findings: PathBuf,
}

/// The file with the index (8 bytes, little-endian) and the bytes of the present input.
pub const PRESENT: &str = "present";
/// The file with what the worker has counted.
pub const COUNTS: &str = "counts.json";

/// Inputs kept for further mutations.
const POOL: usize = 2000;
/// Inputs written for panics that are the same.
const ALIKE: u64 = 2;

/// What was counted, as in the file [`COUNTS`].
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Inputs that were read.
    pub inputs: u64,
    /// Inputs that were accepted.
    pub accepted: u64,
    /// Inputs that were none.
    pub skipped: u64,
    /// Kinds of messages.
    pub messages: u64,
    /// Every kind of panic with its number.
    pub panics: BTreeMap<String, u64>,
}

impl Counts {
    /// The counts in a file; none where it is not there.
    pub fn read(path: &Path) -> Counts {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let number = |key: &str| value[key].as_u64().unwrap_or(0);
        let panics = value["panics"].as_object().into_iter().flatten();
        Counts {
            inputs: number("inputs"),
            accepted: number("accepted"),
            skipped: number("skipped"),
            messages: number("messages"),
            panics: panics.map(|(kind, count)| (kind.clone(), count.as_u64().unwrap_or(0))).collect(),
        }
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let Counts { inputs, accepted, skipped, messages, panics } = self;
        let value = serde_json::json!({
            "inputs": inputs, "accepted": accepted, "skipped": skipped, "messages": messages, "panics": panics
        });
        std::fs::write(path, value.to_string())
    }
}

/// The message of the last panic, with its place.
static PANIC: Mutex<String> = Mutex::new(String::new());
/// When the present input began, in milliseconds since [`BEGIN`]; 0 for none.
static BEGAN: AtomicU64 = AtomicU64::new(0);
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Runs a target on an input under the time limit; returns the message of a panic.
fn attempt(target: &Target, data: &[u8]) -> Result<Outcome, String> {
    BEGAN.store(BEGIN.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
    let found = catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
    BEGAN.store(0, Ordering::Relaxed);
    found.map_err(|_| PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Keeps the messages of panics, and ends the process where an input takes too long.
fn guard(timeout: u64) {
    LazyLock::force(&BEGIN);
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string().replace('\n', " ");
    }));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let (began, now) = (BEGAN.load(Ordering::Relaxed), BEGIN.elapsed().as_millis() as u64);
            if began > 0 && now.saturating_sub(began) > 1000 * timeout {
                eprintln!("the input took longer than {timeout} s");
                std::process::abort();
            }
        }
    });
}

/// Reads mutated inputs until the time or the number of inputs is reached.
pub fn run(args: &WorkerArgs) -> anyhow::Result<ExitCode> {
    let target = args.target;
    let mut pool = corpus::stored(&args.corpus.join(target.name))?;
    pool.extend(corpus::generated(target)?);
    anyhow::ensure!(!pool.is_empty(), "no inputs to begin with for {}", target.name);
    guard(args.timeout);
    let scratch = base::memory();
    let (present, counts_path) = (scratch.join(PRESENT), scratch.join(COUNTS));
    let mut counts = Counts::read(&counts_path);
    let mut kinds = BTreeSet::new();
    let given = pool.len() as u64;
    // Whatever a target prepares at its first input is not counted.
    (target.run)(&pool[0].1);
    let (started, limit) = (Instant::now(), Duration::try_from_secs_f64(args.seconds).unwrap_or(Duration::MAX));
    for index in args.from..args.to {
        if index % 64 == 0 {
            counts.write(&counts_path)?;
            if started.elapsed() >= limit {
                break;
            }
        }
        // The corpus itself comes first.
        let mut random = mutate::random(args.seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let data = match pool.get(index as usize) {
            Some((_, data)) if index < given => data.clone(),
            _ => {
                // Half of the mutations begin with a given input, whatever has been kept since.
                let among = if random.random() { given as usize } else { pool.len() };
                let at = random.random_range(0..among);
                mutate::mutate(target, &pool[at].1, &pool, &mut random)
            }
        };
        std::fs::write(&present, [&index.to_le_bytes(), data.as_slice()].concat())?;
        counts.inputs += 1;
        let kind = match attempt(target, &data) {
            Ok(Outcome::Skipped) => {
                counts.skipped += 1;
                continue;
            }
            Ok(Outcome::Accepted) => {
                counts.accepted += 1;
                // A few accepted inputs are kept, so that mutations accumulate.
                if random.random_range(0..200) == 0 {
                    keep(&mut pool, given, data, &mut random);
                }
                continue;
            }
            Ok(Outcome::Refused(message)) => kind_of(&message, &data),
            Err(message) => {
                let known = counts.panics.entry(kind_of(&message, &[])).or_default();
                *known += 1;
                if *known <= ALIKE {
                    report(args, &data, &message)?;
                }
                continue;
            }
        };
        if kinds.insert(kind) {
            counts.messages += 1;
            keep(&mut pool, given, data, &mut random);
        }
    }
    counts.write(&counts_path)?;
    Ok(ExitCode::SUCCESS)
}

/// Keeps an input in the place of one that was kept before, where there are many.
fn keep(pool: &mut Vec<corpus::Input>, given: u64, data: Vec<u8>, random: &mut Random) {
    if pool.len() < POOL.max(2 * given as usize) {
        pool.push((String::new(), data));
    } else {
        let at = random.random_range(given as usize..pool.len());
        pool[at].1 = data;
    }
}

/// A message without numbers and without what is taken from the input; of a list of errors, the first.
fn kind_of(message: &str, data: &[u8]) -> String {
    let line = message.lines().nth(1).unwrap_or(message);
    let copied = |word: &&str| word.len() > 3 && data.windows(word.len()).any(|part| part == word.as_bytes());
    let words = line.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty() && !copied(word));
    words.take(24).collect::<Vec<_>>().join(" ")
}

/// Writes an input to the folder of findings, and says how to repeat it.
fn report(args: &WorkerArgs, data: &[u8], message: &str) -> std::io::Result<()> {
    let path = save(&args.findings, args.target, data)?;
    let message: String = message.chars().take(600).collect();
    println!("{}: {message}\n  {}", args.target.name, repeat_command(args.target, &path));
    Ok(())
}

/// Writes an input to the folder of findings.
pub fn save(findings: &Path, target: &Target, data: &[u8]) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(findings)?;
    let hash: String = Sha256::digest(data).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let path = findings.join(format!("{}-{hash}", target.name));
    std::fs::write(&path, data)?;
    Ok(path)
}

/// The command that repeats an input.
pub fn repeat_command(target: &Target, path: &Path) -> String {
    format!("cargo run --release --manifest-path fuzz/Cargo.toml -- replay --target {} {}", target.name, path.display())
}

/// Runs a target on files; exit status 1 where it panics.
pub fn repeat(target: &Target, timeout: u64, files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    guard(timeout);
    let mut failed = false;
    for path in files {
        let data = std::fs::read(path)?;
        match attempt(target, &data) {
            Ok(outcome) => println!("{}: {outcome:?}", path.display()),
            Err(message) => {
                failed = true;
                println!("{}: {message}", path.display());
            }
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}
