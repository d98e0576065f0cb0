//! A study has one name, in its table, its checks and its figures; tables under former names are still read.

use crate::common::experiment::{TINY, overrides, program};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widelimit::config::builtin::{BUILTIN, Builtin};
use widelimit::config::{AnyExperiment, ConfigError, Loaded};
use widelimit::record::{Manifest, RunFolder};
use widelimit::run::{Options, Report};
use widelimit::study::REGISTRY;

/// Tables that had another name, with the keys of each that the tests set.
const RENAMED: [(&str, &str, &str); 2] =
    [("connect", "paths", "pairs = 1"), ("converge", "convergence", "levels = [0.3]")];

fn read(text: &str, set: &[&str]) -> Result<Loaded, ConfigError> {
    widelimit::parse(text, "tiny.toml", Path::new(""), &overrides(set)?)
}

fn note(old: &str, new: &str) -> String {
    format!("the table [{old}] is now called [{new}]")
}

#[test]
fn tables_under_former_names_are_read_with_a_note() {
    for (old, new, keys) in RENAMED {
        let expected = read(&format!("{TINY}\n[{new}]\n{keys}\n"), &[]).unwrap();
        assert_eq!(expected.notes, Vec::<String>::new());
        let found = read(&format!("{TINY}\n[{old}]\n{keys}\n"), &[]).unwrap();
        assert_eq!(found.experiment, expected.experiment, "[{old}]");
        assert_eq!(found.notes, [note(old, new)]);
        // What is written names the study as it is called now.
        let written = found.experiment.to_toml().unwrap();
        assert!(written.contains(&format!("[{new}]")) && !written.contains(&format!("[{old}]")), "{written}");
        // The same from the command line: one note for any number of keys, and the file may have either name.
        let set = [format!("{old}.{}", keys.replace(' ', ""))];
        let set = [set[0].as_str(), set[0].as_str()];
        for text in [TINY.to_string(), format!("{TINY}\n[{new}]\n"), format!("{TINY}\n[{old}]\n")] {
            let found = read(&text, &set).unwrap();
            assert_eq!(found.experiment, expected.experiment, "--set {set:?}");
            assert_eq!(found.notes, [note(old, new)]);
        }
    }
}

#[test]
fn tables_under_both_names_are_refused() {
    for (old, new, keys) in RENAMED {
        let text = format!("{TINY}\n[{old}]\n{keys}\n[{new}]\n{keys}\n");
        let error = read(&text, &[]).unwrap_err();
        let ConfigError::Invalid { errors } = &error else { panic!("{error}") };
        let [error] = errors.as_slice() else { panic!("{error}") };
        assert_eq!((error.file.as_str(), error.key.as_str()), ("tiny.toml", old));
        assert_eq!(error.message, format!("{}: give one of the two", note(old, new)));
    }
}

/// Errors inside a table of a former name are under the name that the table has now.
#[test]
fn errors_in_renamed_tables_name_the_present_key() {
    let error = read(&format!("{TINY}\n[connect]\npairs = 1\npoints = 1\n"), &[]).unwrap_err().to_string();
    assert!(error.contains("tiny.toml: paths.points = 1"), "{error}");
    assert!(error.contains(&format!("note: {}", note("connect", "paths"))), "{error}");
    let error = read(TINY, &["converge.levels=[2.0]"]).unwrap_err().to_string();
    assert!(error.contains("--set: convergence.levels = [2.0]"), "{error}");
    assert!(error.contains(&format!("note: {}", note("converge", "convergence"))), "{error}");
}

#[test]
fn the_program_prints_the_note() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), format!("{TINY}\n[converge]\n")).unwrap();
    let output = program().current_dir(here.path()).args(["run", "tiny.toml", "--quiet"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("note: {}\n", note("converge", "convergence")));
}

/// Checks that belong to no study: the divergence of runs, the energy balance, and the routes to the limit.
const COMMON_CHECKS: [&str; 3] = ["runs-diverged", "energy-falls", "reference-"];
/// Figures that belong to no study.
const COMMON_FIGURES: [&str; 2] = ["risk", "neurons"];

/// What makes a built-in experiment small.
fn small(name: &str) -> Vec<&'static str> {
    let networks: &[&str] =
        &["widths.values=[4,8]", "widths.seeds=2", "reference.particles=64", "horizon.time=2.0", "horizon.records=2"];
    let recovery: &[&str] = &["problem.n=20", "problem.d=24", "problem.sparsity=3", "solver.iterations=20"];
    let gap: &[&str] = &["gap.resamples=100", "gap.projections=2"];
    let variants = |count: usize| -> &[&str] {
        const WIDTHS: [&str; 5] = [
            "variants.0.width=8",
            "variants.1.width=8",
            "variants.2.width=8",
            "variants.3.width=8",
            "variants.4.width=8",
        ];
        &WIDTHS[..count]
    };
    let sweeps = |count: usize| -> &[&str] {
        const SIZES: [&str; 6] = [
            "gap.sweep.0.width=4",
            "gap.sweep.0.seeds=2",
            "gap.sweep.1.width=4",
            "gap.sweep.1.seeds=2",
            "gap.sweep.2.width=4",
            "gap.sweep.2.seeds=2",
        ];
        &SIZES[..2 * count]
    };
    let (digits, teacher): (&[&str], &[&str]) = (&["population.limit=40"], &["population.size=40"]);
    let dropout: &[&str] = &["dropout.draws=10", "dropout.greedy_up_to=4"];
    let paths: &[&str] = &["paths.pairs=1", "paths.halves=2", "paths.points=3"];
    let curve: &[&str] = &["paths.bezier.steps=3", "paths.bezier.up_to=4"];
    match name {
        "digits" => [networks, digits, gap, sweeps(3), variants(3), dropout, paths, curve].concat(),
        "digits3" => [networks, digits, gap, sweeps(2), variants(3), dropout, paths, curve].concat(),
        "mnist" | "mnist3" => [networks, digits, gap, variants(2), dropout, paths, curve].concat(),
        "digits-classes" => [networks, digits, gap, sweeps(1)].concat(),
        "descent" | "langevin" | "mixture" => [networks, teacher, gap, sweeps(1)].concat(),
        "teacher" => [networks, teacher, gap, sweeps(2), &["horizon.time=1.6"]].concat(),
        "dropout" => [networks, digits, dropout, &["dropout.kept=[1,2]"]].concat(),
        "prune-neurons" => [networks, digits, &["keep.draws=10", "keep.kept=[1,2]"]].concat(),
        "dropout-teacher" => [networks, teacher, &["dropout.draws=10"]].concat(),
        "connect" => [networks, digits, variants(2), paths, curve].concat(),
        "connect-teacher" => [networks, teacher, variants(1), paths, curve].concat(),
        "converge" => [networks, digits, gap, variants(5)].concat(),
        "converge-teacher" => [networks, teacher, gap, variants(5)].concat(),
        "bump" => [networks, &["kinetic.nodes=160", "kinetic.particles=400", "kinetic.clouds=4"]].concat(),
        "gibbs" => [networks, &["kinetic.nodes=96", "kinetic.particles=400", "kinetic.clouds=4"]].concat(),
        "picard" => [networks, teacher, gap, &["picard.particles=32", "picard.windows=[1,2]"]].concat(),
        "radial" => [
            networks,
            teacher,
            gap,
            &["radial.particles=32", "radial.dimensions=[5]", "reference.grid.nodes=384", "horizon.time=1.0"],
        ]
        .concat(),
        "predict" => {
            let own: &[&str] = &[
                "predict.particles=64",
                "predict.modes=8",
                "predict.columns=6",
                "predict.widths=[4,8]",
                "predict.draws=100",
            ];
            [networks, teacher, paths, own].concat()
        }
        "recover" => {
            let own: &[&str] = &["recover.problems=2", "noise.problems=2", "rates.trials=100", "rates.problems=1"];
            [recovery, own].concat()
        }
        "phase" => [recovery, &["phase.n_over_d=[0.5,1.0]", "phase.k_over_n=[0.1,0.5]", "phase.problems=2"]].concat(),
        "prune-digits" | "prune-text" => vec![
            "calibration.samples=20",
            "held_out.samples=10",
            "pruning.methods=[\"sparsegpt\",\"i-obs-dual\"]",
            "compare.sparsities=[0.7]",
            "rounds.rounds=1",
            "rounds.batch=20",
            "allocation.sparsities=[0.7]",
        ],
        "recover-mnist" => vec!["problem.n=100", "solver.iterations=1", "recover.problems=1"],
        other => panic!("{other} has no small size here: add one"),
    }
}

/// A folder with the test part of a data set in the format of MNIST: images of strokes at random positions, all
/// classes.
fn images(folder: &Path) {
    let count = 40_u32;
    let extents = |magic: u32, extents: &[u32]| -> Vec<u8> {
        [&[magic], extents].concat().iter().flat_map(|number| number.to_be_bytes()).collect()
    };
    let pixel = |i: u32, row: u32, column: u32| match (row + 3 * i) % 28 < 6 && (column + 5 * i) % 28 < 9 {
        true => 100 + (row * column % 100) as u8,
        false => 0,
    };
    let mut pictures = extents(0x803, &[count, 28, 28]);
    for i in 0..count {
        pictures.extend((0..28 * 28).map(|k| pixel(i, k / 28, k % 28)));
    }
    let mut labels = extents(0x801, &[count]);
    labels.extend((0..count).map(|i| (i % 10) as u8));
    fs::write(folder.join("t10k-images-idx3-ubyte"), pictures).unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), labels).unwrap();
}

/// Runs an experiment; the names of its checks and of its figures.
fn names_of_run(experiment: &AnyExperiment, out: PathBuf) -> (Vec<String>, BTreeSet<String>, Manifest) {
    let options =
        Options { out: out.clone(), force: false, resume: false, accept_revision: false, quiet: true, figures: true };
    let report = widelimit::run_experiment(experiment, &options, &AtomicBool::new(false));
    let Report::Complete { checks, figures, .. } = report.unwrap_or_else(|error| panic!("{error}")) else {
        panic!("not complete")
    };
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let manifest = RunFolder::existing(&out).unwrap().manifest().unwrap();
    (checks.into_iter().map(|check| check.name).collect(), figures.iter().map(stem).collect(), manifest)
}

#[test]
fn checks_and_figures_begin_with_the_name_of_a_study() {
    let here = tempfile::tempdir().unwrap();
    images(here.path());
    let studies = REGISTRY.training.iter().map(|s| s.name).chain(REGISTRY.recovery.iter().map(|s| s.name));
    let studies = studies.chain(REGISTRY.pruning.iter().map(|s| s.name));
    let studies: BTreeSet<&str> = studies.collect();
    let of_study =
        |name: &str, study: &str| name.strip_prefix(study).is_some_and(|r| r.is_empty() || r.starts_with('-'));
    let mut seen = BTreeSet::new();
    // The checks and figures of a table [vary] are in `vary.rs`.
    let single = |builtin: &&Builtin| !builtin.text.contains("\n[vary]");
    for builtin in BUILTIN.iter().filter(single) {
        let folder = match builtin.name {
            "mnist" | "mnist3" => Some("population.folder"),
            "recover-mnist" => Some("problem.folder"),
            _ => None,
        };
        let folder = folder.map(|key| format!("{key}='{}'", here.path().display()));
        let set: Vec<&str> = small(builtin.name).into_iter().chain(folder.as_deref()).collect();
        let loaded = widelimit::load(builtin.name, &overrides(&set).unwrap());
        let experiment = loaded.unwrap_or_else(|error| panic!("{}: {error}", builtin.name)).experiment;
        let (checks, figures, manifest) = names_of_run(&experiment, here.path().join(builtin.name));
        println!("{}: {checks:?} {figures:?}", builtin.name);
        crate::journals::check(&RunFolder::existing(&here.path().join(builtin.name)).unwrap(), builtin.name);
        let own: Vec<&str> = manifest.studies.iter().map(String::as_str).collect();
        assert!(own.iter().all(|study| studies.contains(study)), "{own:?}");
        seen.extend(own.iter().map(|study| study.to_string()));
        for (names, common, what) in
            [(checks, &COMMON_CHECKS[..], "check"), (figures.into_iter().collect(), &COMMON_FIGURES[..], "figure")]
        {
            let distinct: BTreeSet<&String> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{}: a {what} twice in {names:?}", builtin.name);
            for name in &names {
                let known = own.iter().any(|study| of_study(name, study)) || common.iter().any(|c| name.starts_with(c));
                assert!(known, "{}: the {what} {name} is of none of {own:?}", builtin.name);
            }
            // Every study has a check and a figure.
            for study in &own {
                assert!(names.iter().any(|name| of_study(name, study)), "{}: no {what} of {study}", builtin.name);
            }
        }
    }
    assert_eq!(seen, studies.iter().map(|study| study.to_string()).collect(), "every study is run by some experiment");
}
