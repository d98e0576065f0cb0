//! `widelimit estimate`: the memory is that of the run, the predicted times have the right proportions, and options that
//! cannot be used are refused.

use crate::common::experiment::{TINY, fine, json, refused};
use serde_json::Value;
use std::fs;
use std::path::Path;
use widelimit::config::Override;
use widelimit::run::RunError;
use widelimit::run::cost::{PhaseCost, RunCost};
use widelimit::run::estimate::{Assumptions, RunEstimate};

const ASSUMED: Assumptions = Assumptions { ranks: 1, rate: Some(1e10), latency: 1e-6, bandwidth: 1e10 };

/// [`TINY`] with a network that is compared with no limit: of 2^20 neurons, in 4096 shares.
fn wide() -> String {
    format!("{TINY}\n[[variants]]\nname = \"wide\"\nwidth = 1_048_576\nseeds = 1\n")
}

fn estimate(text: &str, set: &[&str], assumptions: Assumptions) -> Result<RunEstimate, RunError> {
    let set: Vec<Override> = set.iter().map(|set| set.parse().unwrap()).collect();
    let described = widelimit::describe_text(text, "test", Path::new(""), &set);
    widelimit::estimate_run(&described.unwrap_or_else(|error| panic!("{error}")), assumptions)
}

fn cost(text: &str, set: &[&str], assumptions: Assumptions) -> RunCost {
    estimate(text, set, assumptions).unwrap().cost.expect("training is predicted")
}

fn networks(cost: &RunCost) -> &PhaseCost {
    cost.phases.iter().find(|phase| phase.name == "networks").unwrap()
}

fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
}

#[test]
fn the_memory_is_that_of_the_run() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let text = fine(here.path(), &["estimate", "tiny.toml", "--threads", "2", "--rate", "1", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["command"], &answer["name"]), (&"estimate".into(), &"tiny".into()));
    fine(here.path(), &["run", "tiny.toml", "--threads", "2", "--quiet", "--out", "run"]);
    let recorded = &json(&here.path().join("run/manifest.json"))["memory"];
    let purposes = answer["memory"]["purposes"].as_array().unwrap();
    assert!(purposes.len() > 5);
    for part in purposes {
        let name = part["purpose"].as_str().unwrap().replace(' ', "_");
        assert_eq!(part["first"], recorded[&name], "{name}");
    }
    assert_eq!(answer["memory"]["first"], recorded["total"]);
    // Every phase of the run is one of the estimate.
    let phases = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap().to_string()).collect()
    };
    let ran = phases(&json(&here.path().join("run/manifest.json"))["phases"]);
    assert!(phases(&answer["cost"]["phases"]).iter().all(|phase| ran.contains(phase)), "{ran:?}");
}

#[test]
fn times_are_proportional_to_neurons_steps_and_samples() {
    let of = |set: &[&str]| cost(&wide(), set, ASSUMED);
    let base = of(&[]);
    near(networks(&of(&["variants.0.width=2097152"])).operations, 2.0 * networks(&base).operations);
    near(networks(&of(&["variants.0.width=2097152"])).compute_seconds, 2.0 * networks(&base).compute_seconds);
    // The limit: Runge-Kutta takes four gradients a step; forward passes of records are fewer than one in a hundred.
    let limit = |cost: &RunCost| cost.phases[0].operations;
    let without_records = |set: &[&str]| limit(&of(&[&["horizon.time=256.0"][..], set].concat()));
    let whole = without_records(&[]);
    assert!((without_records(&["reference.step=0.0625"]) / whole - 2.0).abs() < 0.01);
    assert!((without_records(&["reference.method=\"kick-drift-kick\""]) / whole - 0.25).abs() < 0.01);
    near(without_records(&["population.size=80"]), 2.0 * whole);
    // At half the rate everything in the kernels takes twice as long.
    let slow = cost(&wide(), &[], Assumptions { rate: Some(5e9), ..ASSUMED });
    near(networks(&slow).compute_seconds, 2.0 * networks(&base).compute_seconds);
}

#[test]
fn ranks_divide_the_computation_and_exchange_sums() {
    // Samples so few that all activations of one rank are kept too.
    let few = &["population.size=20"];
    let on = |ranks: usize| cost(&wide(), few, Assumptions { ranks, ..ASSUMED });
    let [one, two, four, many] = [1, 2, 4, 1024].map(on);
    let (alone, halved) = (networks(&one), networks(&two));
    assert_eq!((alone.exchange_seconds, alone.divided, halved.divided), (0.0, 0, 1));
    near(halved.compute_seconds, 0.5 * alone.compute_seconds);
    near(networks(&four).compute_seconds, 0.25 * alone.compute_seconds);
    // A thread does whole shares: 1024 ranks hold four each, and more threads have nothing to do.
    let on_threads = |threads: usize, ranks: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| networks(&on(ranks)).compute_seconds)
    };
    // The narrow networks of the phase, which are not divided, are less than a hundredth of it.
    let ratio = |a: f64, b: f64, expected: f64| assert!((a / b / expected - 1.0).abs() < 0.02, "{a} {b} {expected}");
    ratio(on_threads(4, 1024), on_threads(8, 1024), 1.0);
    ratio(on_threads(2, 1024), on_threads(4, 1024), 2.0);
    ratio(on_threads(2, 4096), on_threads(1, 4096), 1.0);
    // A sum has log2 R messages, and a record two: 32 steps and the first pass, 3 records.
    let slow = Assumptions { ranks: 4, latency: 1.0, ..ASSUMED };
    let messages = networks(&cost(&wide(), &[], slow)).exchange_seconds;
    near(messages, 2.0 * (33.0 + 3.0 * 2.0));
    assert!(networks(&many).exchange_seconds > networks(&four).exchange_seconds);
    // Numbers are in proportion to the samples.
    let fast = Assumptions { ranks: 2, latency: 1e-15, ..ASSUMED };
    let samples = |size: usize| networks(&cost(&wide(), &[&format!("population.size={size}")], fast)).exchange_seconds;
    assert!((samples(2000) / samples(1000) - 2.0).abs() < 0.01);
    // The share of a rank falls, and the whole network of another width is not divided.
    let memory = |ranks: usize| estimate(&wide(), &[], Assumptions { ranks, ..ASSUMED }).unwrap().memory;
    let networks = |ranks: usize| memory(ranks).purposes.into_iter().find(|part| part.purpose == "networks").unwrap();
    assert!(networks(4).divided && networks(4).first < networks(1).first / 2);
    let population = memory(4).purposes.into_iter().find(|part| part.purpose == "population").unwrap();
    assert!(!population.divided && population.others == population.first);
    let figures = memory(4).purposes.into_iter().find(|part| part.purpose == "figures").unwrap();
    assert!(figures.first > 0 && figures.others == 0);
}

#[test]
fn what_the_run_refuses_is_refused() {
    let error = estimate(&wide(), &[], Assumptions { ranks: 5000, ..ASSUMED }).unwrap_err();
    let expected = RunError::TooManyRanks { width: 1_048_576, shares: 4096, ranks: 5000 };
    assert_eq!(error.to_string(), expected.to_string());
    let here = tempfile::tempdir().unwrap();
    for (options, message) in [
        (&["prune-digits", "--ranks", "2"][..], "an experiment of pruning runs on one rank, and there are 2"),
        (&["learning-rate", "--ranks", "2"], "an experiment with a table [vary] runs on one rank, and there are 2"),
        (&["digits", "--rate", "0"], "expected a positive number"),
        (&["digits", "--latency", "inf"], "expected a positive number"),
        (&["digits", "--bandwidth=-1"], "expected a positive number"),
        (&["digits", "--ranks", "0"], "--ranks"),
        (&["digits", "--threads", "0"], "--threads"),
        (&["digits", "--set", "widths.seeds=x"], "widths.seeds"),
        (&["nothing"], "nothing"),
    ] {
        let text = refused(here.path(), &[&["estimate"], options].concat());
        assert!(text.contains(message), "{options:?}: {text}");
    }
}

#[test]
fn other_kinds_have_a_memory_and_no_time() {
    let here = tempfile::tempdir().unwrap();
    for (name, kind) in [("recover", "sparse recovery"), ("prune-digits", "pruning")] {
        let text = fine(here.path(), &["estimate", name]);
        assert!(text.contains("most at one time") && text.contains(&format!("of {kind} is not predicted")), "{text}");
    }
}

/// Ranks divide the tasks of sparse recovery: the figures are those of the first, and ranks beyond the tasks have nothing to do.
#[test]
fn ranks_of_sparse_recovery_do_whole_tasks() {
    let text = include_str!("../fuzz/bases/recovery.toml");
    let on = |ranks: usize| estimate(text, &[], Assumptions { ranks, ..ASSUMED }).unwrap();
    let [one, four, many] = [1, 4, 1000].map(on);
    let part = |estimate: &RunEstimate, name: &str| {
        estimate.memory.purposes.iter().find(|part| part.purpose == name).unwrap().clone()
    };
    assert!(part(&one, "figures").first > 0 && part(&four, "figures").others == 0);
    assert!(part(&many, "problems").first <= part(&one, "problems").first);
    assert!(four.memory.others < four.memory.first);
    let says = |estimate: &RunEstimate, word: &str| estimate.notes.iter().any(|note| note.contains(word));
    assert!(!says(&one, "whole tasks") && says(&four, "whole tasks") && says(&many, "whole tasks"));
    assert!(!says(&four, "nothing to do") && says(&many, "nothing to do"), "{:?}", many.notes);
    let here = tempfile::tempdir().unwrap();
    let said = fine(here.path(), &["estimate", "recover", "--ranks", "4"]);
    assert!(said.contains("each other") && said.contains("whole tasks"), "{said}");
}

/// The points of a sweep over widths have their limits in common.
#[test]
fn common_limits_of_a_sweep_are_counted_once() {
    let limit = |cost: &RunCost| cost.phases[0].trajectories;
    let one = cost(TINY, &[], ASSUMED);
    let widths = estimate(TINY, &["vary.widths.values=[[4],[8]]"], ASSUMED).unwrap();
    assert_eq!(widths.points, 2);
    let widths = widths.cost.unwrap();
    assert_eq!(limit(&widths), limit(&one));
    assert_eq!((networks(&widths).trajectories, networks(&one).trajectories), (4, 4));
    near(networks(&widths).operations, networks(&one).operations);
    let frictions = cost(TINY, &["vary.dynamics.friction=[1,2]"], ASSUMED);
    assert_eq!(limit(&frictions), 2 * limit(&one));
}

#[test]
fn the_tables_fit_a_terminal() {
    let here = tempfile::tempdir().unwrap();
    for options in [&[][..], &["--ranks", "16"]] {
        let text = fine(here.path(), &[&["estimate", "digits", "--rate", "20"], options].concat());
        assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
        for part in
            ["networks", "study: dropout", "not predicted", "all that is predicted", "in Gflop/s: 20.000; as given."]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.contains("each other"), !options.is_empty());
    }
    // The rate of this machine is measured.
    let text = fine(here.path(), &["estimate", "digits", "--threads", "1", "--set", "population.limit=50"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("measured on this machine. 1 thread."), "{text}");
}
