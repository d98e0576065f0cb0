//! A run on several ranks, whole networks and tasks on each or wide networks divided among all, ends with the bits of a
//! run on one; and any number of ranks continues what any other number has begun.

use crate::common::experiment::{TINY, arrays, files, parse, tiny};
use ndarray::{ArrayD, Axis, concatenate};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use widelimit::config::{AnyExperiment, Experiment};
use widelimit::ranks::{Ranks, SingleRank, run_in_process};
use widelimit::run::{Options, Part, Report, RunError, Shard};

/// Networks from 128 neurons on are divided into four shares: those of one width, the limit, and a variant.
const DIVIDED: [&str; 3] = ["network.shares_from=128", "widths.values=[8,128]", "reference.particles=512"];

/// [`TINY`] with a network of 600 neurons, which is wider than the limit and compared with none.
fn with_wide_variant(set: &[&str]) -> Experiment {
    let text = format!("{TINY}\n[[variants]]\nname = \"wide\"\nwidth = 600\nseeds = 1\n");
    parse(&text, &[&DIVIDED, set].concat()).unwrap_or_else(|error| panic!("{error}"))
}

/// How a run ends.
#[derive(Debug, PartialEq)]
enum End {
    Complete,
    Interrupted,
}

fn run_rank(
    experiment: &Experiment,
    out: &Path,
    resume: bool,
    ranks: &Ranks,
    interrupt: &AtomicBool,
) -> Result<End, RunError> {
    let options = Options { resume, ..options(out) };
    let experiment = AnyExperiment::Training(Box::new(experiment.clone()));
    match widelimit::run_experiment_on(&experiment, &options, ranks, interrupt)? {
        Report::Interrupted { .. } => Ok(End::Interrupted),
        Report::Complete { .. } | Report::AlreadyComplete { .. } => Ok(End::Complete),
        Report::PartComplete { .. } => unreachable!("the whole is run"),
    }
}

/// Runs an experiment on this many ranks; all end in the same way.
fn run(experiment: &Experiment, out: &Path, resume: bool, size: usize, interrupt: &AtomicBool) -> End {
    let mut ends = match size {
        1 => vec![run_rank(experiment, out, resume, &SingleRank::ranks(), interrupt).unwrap()],
        _ => run_in_process(size, |ranks| run_rank(experiment, out, resume, &ranks, interrupt).unwrap()),
    };
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    ends.remove(0)
}

/// The arrays of a divided state, joined over its files.
fn joined(folder: &Path) -> BTreeMap<String, ArrayD<f64>> {
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut parts: BTreeMap<String, Vec<ArrayD<f64>>> = BTreeMap::new();
    for (name, array) in names.iter().flat_map(|path| arrays(path)) {
        parts.entry(name).or_default().push(array);
    }
    let join = |parts: &[ArrayD<f64>]| concatenate(Axis(0), &parts.iter().map(|part| part.view()).collect::<Vec<_>>());
    parts.into_iter().map(|(name, parts)| (name, join(&parts).unwrap())).collect()
}

/// Two runs left the same records, checks and states, however the states are divided among files.
fn same(a: &Path, b: &Path) {
    let divided =
        |name: &str| name.starts_with("state/") && name.matches('/').count() == 2 && !name.starts_with("state/paths");
    let (found, expected) = (files(a), files(b));
    let whole =
        |files: &BTreeMap<String, Vec<u8>>| files.keys().filter(|name| !divided(name)).cloned().collect::<Vec<_>>();
    assert_eq!(whole(&found), whole(&expected));
    for name in whole(&found) {
        if !["manifest.json", "records/timings.json", "records/profile.json", ".lock"].contains(&name.as_str()) {
            assert!(found[&name] == expected[&name], "{name} is another file");
        }
    }
    let folders = |files: &BTreeMap<String, Vec<u8>>| {
        let mut folders: Vec<String> =
            files.keys().filter(|name| divided(name)).map(|name| name.rsplit_once('/').unwrap().0.into()).collect();
        folders.dedup();
        folders
    };
    assert_eq!(folders(&found), folders(&expected));
    for folder in folders(&found) {
        assert!(joined(&a.join(&folder)) == joined(&b.join(&folder)), "{folder} has other states");
    }
}

/// A run on each of these numbers of ranks leaves what a run on one leaves.
fn divide(experiment: &Experiment, sizes: &[usize]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (never, one) = (AtomicBool::new(false), folder.path().join("1"));
    assert_eq!(run(experiment, &one, false, 1, &never), End::Complete);
    for size in sizes {
        let several = folder.path().join(size.to_string());
        assert_eq!(run(experiment, &several, false, *size, &never), End::Complete);
        same(&several, &one);
    }
    folder
}

#[test]
fn whole_networks_and_tasks() {
    let text = format!("{TINY}\n[dropout]\ndraws = 10\n\n[paths]\npairs = 1\nhalves = 2\npoints = 3\n");
    divide(&parse(&text, &[]).unwrap_or_else(|error| panic!("{error}")), &[2, 3]);
}

#[test]
fn wide_networks_under_the_full_gradient() {
    let folder = divide(&with_wide_variant(&["dynamics.ridge=0.01"]), &[2, 3, 4]);
    let states = joined(&folder.path().join("3/state/variant-wide-s0"));
    assert_eq!(states["w_final"].shape(), [600, 3]);
    assert_ne!(states["w_final"], states["w_initial"]);
}

#[test]
fn wide_networks_with_noise_on_fresh_draws() {
    let noise = ["dynamics.temperature=0.1", "reference.method=\"baoab\"", "reference.step=0.0625"];
    let fresh = ["population.draws=\"fresh\"", "dynamics.batch=4"];
    divide(&with_wide_variant(&[&noise[..], &fresh].concat()), &[2, 3]);
}

#[test]
fn wide_networks_by_adaptive_steps_and_descent() {
    let descent = ["dynamics={method=\"gradient-descent\",step=0.03125}", "reference.method=\"dormand-prince\""];
    divide(&with_wide_variant(&[&descent[..], &["reference.tolerance=1e-5"]].concat()), &[3]);
}

/// Runs until there is a checkpoint of a divided trajectory, and interrupts; returns whether it was interrupted.
fn interrupt_at_checkpoint(experiment: &Experiment, out: &Path, resume: bool, size: usize) -> bool {
    interrupt_at("-shares.json", experiment, out, resume, size)
}

/// Runs until there is a checkpoint with this ending, and interrupts; returns whether it was interrupted.
fn interrupt_at(ending: &str, experiment: &Experiment, out: &Path, resume: bool, size: usize) -> bool {
    let (interrupt, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let saved = || {
                let entries = out.join("checkpoint").read_dir().into_iter().flatten().flatten();
                entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(ending))
            };
            while !ended.load(Ordering::Relaxed) && !saved() {
                std::thread::sleep(Duration::from_millis(1));
            }
            interrupt.store(true, Ordering::Relaxed);
        });
        let end = run(experiment, out, resume, size, &interrupt);
        ended.store(true, Ordering::Relaxed);
        end == End::Interrupted
    })
}

/// A limit by Picard iteration, beside one by particles, with a study of the iteration.
fn picard(set: &[&str]) -> Experiment {
    let set = [&["reference.particles=200"], set].concat();
    parse(include_str!("../fuzz/bases/picard.toml"), &set).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn iterations_of_a_limit() {
    divide(&picard(&[]), &[2, 3, 5]);
    divide(&picard(&["precision=\"f32\"", "picard={particles=16,windows=[1]}"]), &[2]);
}

/// An iteration that several ranks have begun is continued by another number; one that is damaged is begun again.
#[test]
fn any_number_of_ranks_continues_an_iteration() {
    let experiment = picard(&["run.checkpoint_seconds=0.0001", "horizon.time=16"]);
    let folder = tempfile::tempdir().unwrap();
    let (never, whole) = (AtomicBool::new(false), folder.path().join("whole"));
    assert_eq!(run(&experiment, &whole, false, 1, &never), End::Complete);
    for (name, damaged) in [("parts", false), ("damaged", true)] {
        let parts = folder.path().join(name);
        assert!(interrupt_at("reference-picard.npz", &experiment, &parts, false, 3), "it ended too soon");
        let file = parts.join("checkpoint/reference-picard.npz");
        if damaged {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        } else {
            interrupt_at("reference-half-particles-picard.npz", &experiment, &parts, true, 2);
        }
        assert_eq!(run(&experiment, &parts, true, if damaged { 2 } else { 1 }, &never), End::Complete);
        same(&parts, &whole);
        let manifest = std::fs::read_to_string(parts.join("manifest.json")).unwrap();
        assert_eq!(manifest.contains("reference-picard.npz was damaged"), damaged, "{manifest}");
    }
}

/// Three ranks are interrupted, two continue and are interrupted, one ends the run.
#[test]
fn any_number_of_ranks_continues() {
    let experiment = with_wide_variant(&["run.checkpoint_seconds=0.001", "horizon.time=8", "dynamics.batch=4"]);
    let folder = tempfile::tempdir().unwrap();
    let (never, whole) = (AtomicBool::new(false), folder.path().join("whole"));
    assert_eq!(run(&experiment, &whole, false, 1, &never), End::Complete);
    let parts = folder.path().join("parts");
    assert!(interrupt_at_checkpoint(&experiment, &parts, false, 3), "it ended before its first checkpoint");
    let saved = files(&parts.join("checkpoint"));
    let shares = saved.keys().filter(|name| name.contains("-0000-")).count();
    assert!(shares > 0, "{:?}", saved.keys());
    interrupt_at_checkpoint(&experiment, &parts, true, 2);
    assert_eq!(run(&experiment, &parts, true, 1, &never), End::Complete);
    same(&parts, &whole);
}

/// A damaged file of a checkpoint is noticed on the rank that needs it, and all ranks start the trajectory again.
#[test]
fn damaged_shares_are_computed_again() {
    let experiment = with_wide_variant(&["run.checkpoint_seconds=0.001", "horizon.time=8", "dynamics.batch=4"]);
    let folder = tempfile::tempdir().unwrap();
    let (never, whole) = (AtomicBool::new(false), folder.path().join("whole"));
    assert_eq!(run(&experiment, &whole, false, 1, &never), End::Complete);
    let parts = folder.path().join("parts");
    assert!(interrupt_at_checkpoint(&experiment, &parts, false, 3), "it ended before its first checkpoint");
    let saved = files(&parts.join("checkpoint"));
    let name = saved.keys().rfind(|name| name.contains('/') && name.matches('-').count() >= 2).unwrap();
    let mut bytes = saved[name].clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(parts.join("checkpoint").join(name), bytes).unwrap();
    assert_eq!(run(&experiment, &parts, true, 2, &never), End::Complete);
    same(&parts, &whole);
    let manifest = std::fs::read_to_string(parts.join("manifest.json")).unwrap();
    assert!(manifest.contains("was damaged"), "{manifest}");
}

fn options(out: &Path) -> Options {
    Options { out: out.into(), force: false, resume: false, accept_revision: false, quiet: true, figures: false }
}

/// The parts of a run whose wide networks are in shares leave what one process leaves.
#[test]
fn parts_of_a_run_with_wide_networks() {
    let experiment = with_wide_variant(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (never, whole, parts) = (AtomicBool::new(false), folder.path().join("whole"), folder.path().join("parts"));
    assert_eq!(run(&experiment, &whole, false, 1, &never), End::Complete);
    let experiment = AnyExperiment::Training(Box::new(experiment));
    let shard = |index| Part::Shard(Shard::new(index, 2).unwrap());
    for part in [Part::Limit, shard(1), shard(2), Part::Finish] {
        widelimit::run_part(&experiment, &options(&parts), part, &never).unwrap_or_else(|error| panic!("{error}"));
    }
    same(&parts, &whole);
}

/// An extension computes wide networks again; states of which only the ends are kept are those of every share.
#[test]
fn an_extension_with_wide_networks() {
    let folder = tempfile::tempdir().unwrap();
    let (never, whole, extended) =
        (AtomicBool::new(false), folder.path().join("whole"), folder.path().join("extended"));
    let ends = "run.states=\"ends\"";
    assert_eq!(run(&with_wide_variant(&["widths.seeds=3", ends]), &whole, false, 1, &never), End::Complete);
    assert_eq!(run(&with_wide_variant(&["widths.seeds=2", ends]), &extended, false, 1, &never), End::Complete);
    let overrides = ["widths.seeds=3".parse().unwrap()];
    widelimit::extend_run(&extended, &overrides, &options(&extended), &never).unwrap_or_else(|error| panic!("{error}"));
    same(&extended, &whole);
    let states = joined(&whole.join("state/variant-wide-s0"));
    assert!(states.contains_key("w_final") && !states.contains_key("w_initial"), "{:?}", states.keys());
}

fn refused(experiment: impl Fn(usize) -> Experiment + Sync, size: usize) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (out, never) = (folder.path().join("run"), AtomicBool::new(false));
    run_in_process(size, |ranks| {
        let found = run_rank(&experiment(ranks.rank()), &out, false, &ranks, &never);
        let error = found.expect_err("it must be refused");
        assert!(error.of_all_ranks(), "{error}");
        error.to_string()
    })
}

#[test]
fn ranks_that_differ_are_refused() {
    for message in refused(|rank| tiny(&[if rank == 2 { "seed=2" } else { "seed=1" }]), 3) {
        assert!(message.contains("rank 2") && message.contains("experiment"), "{message}");
    }
}

#[test]
fn an_iteration_that_does_not_converge_is_refused_on_all_ranks() {
    for message in refused(|_| picard(&["horizon.time=64", "reference.picard={windows=1,iterates=3}"]), 3) {
        assert!(message.contains("reference did not converge"), "{message}");
    }
}

#[test]
fn more_ranks_than_shares_are_refused() {
    // 64 neurons have two blocks, each a share.
    let set = ["network.shares_from=64", "widths.values=[8,16]", "reference.particles=64"];
    for message in refused(|_| tiny(&set), 3) {
        assert!(message.contains("2 shares") && message.contains("3 ranks"), "{message}");
    }
}

/// Of a network that is divided and compared with none, parameters and momenta are held once: 9.6 GB in single precision
/// for ten to the eighth neurons, a fiftieth of it here.
#[test]
fn divided_networks_are_held_once() {
    let text = include_str!("../examples/wide-network.toml");
    let estimate = |set: &[&str]| {
        let set = [&["variants.0.width=2000000"], set].concat();
        let experiment = parse(text, &set).unwrap_or_else(|error| panic!("{error}"));
        widelimit::estimate_memory(&experiment, (500, 10, 1)).total() as f64
    };
    let state = 2e6 * 12.0 * 2.0 * 4.0;
    let divided = estimate(&[]);
    assert!((state..1.6 * state).contains(&divided), "{divided:.3e}");
    assert!(estimate(&["network.shares_from=20000000"]) > 4.0 * state);
}
