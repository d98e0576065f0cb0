//! The memory that a run is said to need is the memory that it takes, and what is not available is refused at once.

mod common;

use common::experiment::{TINY, json, parse, program};
use widelimit::run::machine_memory::{Shortfall, available_memory, machine_memory};

/// The estimate and the measured peak of a run of the program, in bytes.
fn measured(threads: &str, set: &[&str]) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
    let mut command = program();
    command.current_dir(folder.path()).args(["run", "tiny.toml", "--quiet", "--out", "run", "--threads", threads]);
    for key in set {
        command.args(["--set", key]);
    }
    command.assert().success();
    let memory = &json(&folder.path().join("run/manifest.json"))["memory"];
    (memory["total"].as_f64().unwrap(), memory["peak"].as_f64().unwrap())
}

/// In a release build the estimate is 1.0 to 1.15 times the peak (docs/verification.md); the code of a build for tests is
/// larger by some ten mebibytes, which these runs exceed by far.
#[cfg(target_os = "linux")]
#[test]
fn the_estimate_is_the_peak() {
    // The path and the checkpoint of the limit; a large sample; the costs of matching; draws of dropout.
    let short = ["horizon.time=0.25", "horizon.records=1", "reference.step=0.25"];
    let limit = [&short[..], &["reference.particles=300000", "gap.projections=8"]].concat();
    let sample = [&short[..], &["population.size=1000000", "widths.values=[4]", "reference.particles=16"]].concat();
    let matching = [
        &short[..],
        &["widths.values=[2048]", "reference.particles=8192", "paths={match_up_to=2048,pairs=1,halves=0}"],
    ]
    .concat();
    let draws = [&short[..], &["widths={values=[8],seeds=1}", "dropout={draws=1000000}"]].concat();
    for (name, threads, set) in
        [("limit", "1", limit), ("sample", "2", sample), ("matching", "1", matching), ("draws", "1", draws)]
    {
        let (estimate, peak) = measured(threads, &set);
        let ratio = estimate / peak;
        println!(
            "{name}: estimate {:.0} MiB, peak {:.0} MiB, ratio {ratio:.3}",
            estimate / 1048576.0,
            peak / 1048576.0
        );
        assert!(peak > 5e7, "{name}: {peak} bytes");
        assert!((0.85..1.25).contains(&ratio), "{name}: {ratio}");
    }
}

#[test]
fn sizes_that_no_machine_has_are_refused() {
    for set in [
        "paths={points=1000000000000}",
        "dropout={draws=1000000000000}",
        "dropout={draws=9000000000000000000}",
        "gap={resamples=1000000000000}",
        "gap={projections=1000000000000}",
        "horizon.records=1000000000000",
        "reference.particles=9000000000000000000",
        "population.size=1000000000000",
        "widths.seeds=1000000000000",
    ] {
        let Err(error) = parse(TINY, &[set]) else { panic!("{set} is accepted") };
        let message = error.to_string();
        let key = set.split(['.', '=', '{']).next().unwrap();
        assert!(message.contains("would need about") || message.contains(key), "{set}: {message}");
    }
    let bump = ["kinetic.nodes=1000000", "kinetic.nodes=1000000000"];
    for set in bump {
        let Err(error) = common::experiment::builtin("bump", &[set]) else { panic!("{set} is accepted") };
        assert!(
            error.to_string().contains("would need about") || error.to_string().contains("kinetic.nodes"),
            "{error}"
        );
    }
}

/// What is advised is what the largest part depends on.
#[test]
fn advice_is_about_the_largest_part() {
    let matched = "paths={match_up_to=8,pairs=1,points=3,halves=1}";
    let learned = "paths={match_up_to=0,pairs=1,points=3,halves=1,bezier={up_to=8}}";
    for (set, advice) in [
        // Networks that are too wide for matching, for a learned curve, for a greedy choice: those parts do not grow.
        (&["widths.values=[8,2000000000]", "reference.particles=0", matched][..], "widths"),
        (&["widths.values=[8,2000000000]", "reference.particles=0", learned], "widths"),
        (&["widths.values=[8,2000000000]", "reference.particles=0", "dropout={greedy_up_to=16}"], "widths"),
        (
            &["widths.values=[2000000]", "reference.particles=0", "paths={match_up_to=2000000,pairs=1}"],
            "paths.match_up_to",
        ),
        (
            &["widths.values=[2000000]", "reference.particles=0", "dropout={greedy_up_to=2000000}"],
            "dropout.greedy_up_to",
        ),
        (&["reference.particles=4000000000"], "particles"),
        (&["population.size=100000000000"], "population"),
    ] {
        let Err(error) = parse(TINY, set) else { panic!("{set:?} is accepted") };
        let message = error.to_string();
        let Some((_, advised)) = message.rsplit_once("): expected ") else { panic!("{set:?}: {message}") };
        assert!(advised.contains(advice), "{set:?}: {message}");
    }
}

#[test]
fn what_is_available_is_at_most_what_the_machine_has() {
    let (available, machine) = (available_memory(), machine_memory());
    assert!(available > 0 && available <= machine + (1 << 30), "{available} of {machine}");
}

/// A need that exceeds what is available is refused with all three numbers, also where the machine has more.
#[test]
fn a_shortfall_names_what_is_available() {
    let available = available_memory();
    assert_eq!(Shortfall::of(available / 2), None);
    let shortfall = Shortfall::of(available + available / 4).expect("a quarter more than is available");
    assert_eq!(Shortfall::of_machine(machine_memory()), None);
    assert!(Shortfall::of_machine(u64::MAX).is_some());
    let message = shortfall.to_string();
    assert!(message.contains("this machine has") && message.contains("are available"), "{message}");
}
