//! A table `[vary]`: every point is the run that it would be alone, and what the points show together.

use crate::common::experiment::{TINY, arrays, files, fine, json, overrides, refused, run, same};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use widelimit::analysis::verdict::{Check, Verdict};
use widelimit::config::builtin::BUILTIN;
use widelimit::config::vary::Varied;
use widelimit::config::{AnyExperiment, ConfigError, Description};
use widelimit::record::VaryRecord;
use widelimit::run::Options;
use widelimit::run::vary::{VaryReport, folder_at};

fn described(text: &str, set: &[&str]) -> Result<Description, ConfigError> {
    widelimit::describe_text(text, "tiny.toml", Path::new(""), &overrides(set)?)
}

fn varied(text: &str, set: &[&str]) -> Varied<AnyExperiment> {
    match described(text, set).unwrap_or_else(|error| panic!("{error}")) {
        Description::Varied(varied) => *varied,
        Description::Single(_) => panic!("one experiment"),
    }
}

fn message(vary: &str, set: &[&str]) -> String {
    let Err(error) = described(&format!("{TINY}\n[vary]\n{vary}\n"), set) else { panic!("{vary} is accepted") };
    error.to_string()
}

fn options(out: PathBuf, resume: bool) -> Options {
    Options { out, force: false, resume, accept_revision: false, quiet: true, figures: true }
}

fn complete(varied: &Varied<AnyExperiment>, out: &Path, resume: bool) -> (VaryRecord, Vec<Check>, usize) {
    let report = widelimit::run_varied(varied, &options(out.into(), resume), &AtomicBool::new(false));
    match report.unwrap_or_else(|error| panic!("{error}")) {
        VaryReport::Complete { record, checks, shared, .. } => (*record, checks, shared),
        VaryReport::PartComplete { .. } | VaryReport::Interrupted { .. } => panic!("not complete"),
    }
}

/// Runs every point alone, and compares it with the folder of the sweep.
fn same_as_alone(varied: &Varied<AnyExperiment>, sweep: &Path) {
    for point in &varied.points {
        let alone = tempfile::tempdir().unwrap();
        let out = alone.path().join("run");
        widelimit::run_experiment(&point.experiment, &options(out.clone(), false), &AtomicBool::new(false)).unwrap();
        let of_sweep = sweep.join("points").join(&point.name);
        same(&out, &of_sweep);
        // What was copied is taken for undamaged.
        let warnings = |run: &Path| json(&run.join("manifest.json"))["warnings"].clone();
        assert_eq!(warnings(&out), warnings(&of_sweep));
    }
}

#[test]
fn points_are_the_combinations_of_the_values() {
    let names = |vary: &str, set: &[&str]| -> Vec<String> {
        varied(&format!("{TINY}\n[vary]\n{vary}\n"), set).points.into_iter().map(|point| point.name).collect()
    };
    let product = "\"dynamics.step\" = [0.03125, 0.0625]\n\"dynamics.friction\" = [1, 0.5]";
    let expected = [
        "dynamics.friction=1,dynamics.step=0.03125",
        "dynamics.friction=1,dynamics.step=0.0625",
        "dynamics.friction=0.5,dynamics.step=0.03125",
        "dynamics.friction=0.5,dynamics.step=0.0625",
    ];
    assert_eq!(names(product, &[]), expected);
    assert_eq!(names(&product.replace('"', ""), &[]), expected, "unquoted dotted keys");
    let zip = format!("{product}\ncombine = \"zip\"");
    assert_eq!(names(&zip, &[]), [expected[0], expected[3]]);
    assert_eq!(names("widths.values = [[4, 8], [8]]", &[]), ["widths.values=4+8", "widths.values=8"]);
    let laws = "network.start.w = [{law = \"gaussian\", std = 1.0}, {law = \"gaussian\", std = 2.0}]";
    assert_eq!(names(laws, &[]), ["point-1", "point-2"]);
    // The command line replaces the values, and may vary a file that varies nothing.
    assert_eq!(names("dynamics.friction = [1, 2]", &["vary.dynamics.friction=[3]"]), ["dynamics.friction=3"]);
    let from_command_line = varied(TINY, &["vary.seed=[1,2]", "dynamics.friction=2.0"]);
    let resolved: Vec<_> = from_command_line.points.iter().map(|point| point.experiment.resolved()).collect();
    assert_eq!((resolved[0]["seed"].as_u64(), resolved[1]["seed"].as_u64()), (Some(1), Some(2)));
    assert!(resolved.iter().all(|resolved| resolved["dynamics"]["friction"] == 2.0), "--set applies to all points");
    // An entry of a list.
    let sweep = "[[gap.sweep]]\nover = \"step\"\nvalues = [0.0625, 0.03125]\nwidth = 4\nseeds = 2\n";
    let of_list = varied(&format!("{TINY}\n{sweep}\n[vary]\n\"gap.sweep.0.width\" = [4, 8]\n"), &[]);
    let width = |i: usize| of_list.points[i].experiment.resolved()["gap"]["sweep"][0]["width"].as_u64();
    assert_eq!([width(0), width(1)], [Some(4), Some(8)]);
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    for (vary, set, words) in [
        ("dynamics.friction = []", &[][..], "vary.dynamics.friction = []: expected a list of at least one value"),
        ("dynamics.friction = 2", &[], "expected a list of at least one value"),
        ("dynamics.friction = [1, 1.0]", &[], "expected every value once"),
        (
            "dynamics.friction = [1, 2]",
            &["dynamics.friction=3"],
            "the key is varied and given by --set dynamics.friction",
        ),
        ("\"widths.seeds\" = [2]\n\"widths\" = [{values=[4]}]", &[], "vary one of the two"),
        ("\"vary.seed\" = [1]", &[], "a point has no table [vary] of its own"),
        ("name = [\"a\", \"b\"]", &[], "cannot be varied"),
        ("seed = [1, 2]\nwidths.seeds = [2]\ncombine = \"zip\"", &[], "1 values; combine = \"zip\" needs as many"),
        ("combine = \"all\"\nseed = [1]", &[], "expected one of \"product\", \"zip\""),
        ("combine = \"zip\"", &[], "expected at least one key"),
        ("seed = [1, 2]\n[[vary.fit]]\nquantity = \"q\"\nlaw = \"power\"", &[], "vary.fit.0.expected: missing"),
        ("seed = [1, 2]\n[[vary.fit]]\nquantity = \"q\"\nlaw = \"optimum\"", &[], "needs at least 3 values"),
        (
            "network.activation = [\"tanh\", \"erf\"]\n[[vary.fit]]\nquantity = \"q\"\nlaw = \"optimum\"",
            &[],
            "whose values are numbers",
        ),
        ("gap.sweep.0.width = [4, 8]", &[], "[vary] gap.sweep.0.width: there is no list"),
        // Errors of some points name them; those of all points do not.
        ("dynamics.friction = [1, -1]", &[], "tiny.toml, point dynamics.friction=-1: dynamics.friction = -1"),
        ("dynamics.frction = [1, 2]", &[], "did you mean 'friction'?"),
        ("seed = [1, 2]", &["dynamics.step=-1.0"], "1 error in the experiment file:\n  --set: dynamics.step = -1.0"),
    ] {
        let found = message(vary, set);
        assert!(found.contains(words), "{vary} {set:?}: {found}");
    }
    // One experiment is wanted where there are several.
    let text = format!("{TINY}\n[vary]\nseed = [1, 2]\n");
    let error = widelimit::parse(&text, "tiny.toml", Path::new(""), &[]).unwrap_err().to_string();
    assert!(error.contains("[vary] describes several experiments"), "{error}");
    // What only the data or the studies tell, before any folder is made.
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), &text).unwrap();
    let fit = "vary.fit=[{quantity=\"barrier\",law=\"power\",expected=1.0}]";
    let refusal = refused(here.path(), &["run", "tiny.toml", "--set", fit, "--out", "out"]);
    assert!(refusal.contains("no quantity is called \"barrier\"") && refusal.contains("gap-constant"), "{refusal}");
    let logistic =
        ["vary.network.loss=[\"half-squared\",\"logistic\"]", "population={kind=\"digits\",labels=\"classes\"}"];
    let refusal =
        refused(here.path(), &["run", "tiny.toml", "--set", logistic[0], "--set", logistic[1], "--out", "out"]);
    assert!(refusal.contains("logistic"), "{refusal}");
    assert!(!here.path().join("out").exists());
    assert!(refused(here.path(), &["coverage", "tiny.toml", "--seeds", "2"]).contains("several experiments"));
}

/// Every point has the bytes of the run alone, also where its limit is that of another point, by every route.
#[test]
fn points_with_a_common_limit_are_those_of_runs_alone() {
    let sweep = "gap.sweep=[{over=\"step\", values=[0.0625, 0.03125], width=4, seeds=2}]";
    let bump = fs::read_to_string("experiments/bump.toml").unwrap();
    let small = [
        "widths.values=[4]",
        "reference.particles=64",
        "horizon.time=2.0",
        "horizon.records=2",
        "kinetic.nodes=160",
        "kinetic.particles=400",
        "kinetic.clouds=4",
        "vary.widths.seeds=[2,3]",
    ];
    for (text, set, limits) in [
        (TINY, &["vary.widths.values=[[4],[4,8]]", sweep][..], 5),
        (TINY, &["vary.widths.seeds=[2,3]", "reference.kind=picard"], 4),
        (bump.as_str(), &small, 4),
        (TINY, &["vary.dynamics.ridge=[0.0,0.5]"], 0),
    ] {
        let here = tempfile::tempdir().unwrap();
        let varied = varied(text, set);
        let (_, _, shared) = complete(&varied, here.path(), false);
        println!("{set:?}: {shared}");
        assert!(if limits == 0 { shared == 0 } else { shared >= limits }, "{set:?}: {shared}");
        assert!(!here.path().join("shared").exists());
        same_as_alone(&varied, here.path());
    }
}

/// An interrupted sweep continues to the same bytes; a complete one is not run again; a damaged shared limit is computed.
#[test]
fn an_interrupted_sweep_continues() {
    let varied = varied(TINY, &["vary.widths.values=[[4],[8],[4,8],[16]]"]);
    let here = tempfile::tempdir().unwrap();
    let (whole, parts) = (here.path().join("whole"), here.path().join("parts"));
    complete(&varied, &whole, false);

    let interrupt = AtomicBool::new(false);
    let first = parts.join("points").join(&varied.points[0].name).join("manifest.json");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let ended = || fs::read_to_string(&first).is_ok_and(|text| text.contains("\"complete\""));
            while !ended() && !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            interrupt.store(true, Ordering::Relaxed);
        });
        let report = widelimit::run_varied(&varied, &options(parts.clone(), false), &interrupt).unwrap();
        done.store(true, Ordering::Relaxed);
        let VaryReport::Interrupted { complete } = report else { panic!("not interrupted") };
        assert!((1..4).contains(&complete), "{complete}");
    });
    let status = |folder: &Path| json(&folder.join("vary.json"))["status"].as_str().map(String::from);
    assert_eq!(status(&parts).as_deref(), Some("interrupted"));
    // What is kept of the limit is damaged.
    for (name, bytes) in files(&parts.join("shared")) {
        fs::write(parts.join("shared").join(name), &bytes[..bytes.len() / 2]).unwrap();
    }
    assert!(widelimit::run_varied(&varied, &options(parts.clone(), false), &AtomicBool::new(false)).is_err());
    complete(&varied, &parts, true);
    let record = |folder: &Path| fs::read(folder.join("records/vary.json")).unwrap();
    assert_eq!(record(&parts), record(&whole));
    assert_eq!(status(&parts).as_deref(), Some("complete"));
    for point in &varied.points {
        let of = |folder: &Path| folder.join("points").join(&point.name);
        same(&of(&whole), &of(&parts));
    }
    assert_eq!(complete(&varied, &parts, true).2, 0, "nothing is run again");
}

/// The commands on the folder of a sweep, and its records.
#[test]
fn the_commands_know_the_folder_of_a_sweep() {
    let here = tempfile::tempdir().unwrap();
    let fits = "[[vary.fit]]\nquantity = \"final-risk\"\nlaw = \"power\"\nover = \"dynamics.friction\"\nexpected = 0.5\n\
                [[vary.fit]]\nname = \"steps\"\nquantity = \"gap-constant\"\nlaw = \"exponential\"\nover = \"dynamics.friction\"\n";
    let text =
        format!("{TINY}\n[vary]\ndynamics.friction = [0.5, 1.0, 2.0]\ndynamics.step = [0.03125, 0.0625]\n{fits}");
    fs::write(here.path().join("tiny.toml"), text).unwrap();
    let printed = fine(here.path(), &["run", "tiny.toml"]);
    for words in ["Points", "Verdicts", "gap-widths-function", "figures/vary.svg", "figures/vary-steps.svg"] {
        assert!(printed.contains(words), "{words} is not in {printed}");
    }
    let sweep = here.path().join("runs/tiny");
    assert!(folder_at(&sweep).is_some());
    let record: VaryRecord = widelimit::number::from_json_value(json(&sweep.join("records/vary.json"))).unwrap();
    assert_eq!(record.points.len(), 6);
    let risk = record.quantities.iter().find(|q| q.name == "final-risk" && q.width == Some(8)).unwrap();
    let npz = arrays(&sweep.join("records/vary.npz"));
    assert_eq!(npz["key_dynamics.friction"].as_slice().unwrap(), [0.5, 0.5, 1.0, 1.0, 2.0, 2.0]);
    for (i, point) in record.points.iter().enumerate() {
        let widths = arrays(&sweep.join("points").join(&point.name).join("records/widths.npz"));
        let last = widths["risk"].shape()[2] - 1;
        let mean = (0..2).map(|seed| widths["risk"][[1, seed, last]]).sum::<f64>() / 2.0;
        assert!((risk.points[i].value - mean).abs() < 1e-12 * mean);
        assert_eq!(npz["final-risk_n8"].as_slice().unwrap()[i], risk.points[i].value);
    }
    // Two widths, two steps; and the constant at two steps.
    assert_eq!(record.fits.len(), 6);
    let checks: Vec<Check> = widelimit::number::from_json_value(json(&sweep.join("checks.json"))).unwrap();
    assert_eq!(checks.len(), 6);
    for name in ["vary-final-risk-power-n8-dynamics.step=0.0625", "vary-steps-dynamics.step=0.03125"] {
        assert!(checks.iter().any(|check| check.name == name), "{checks:?}");
    }
    let fails =
        checks.iter().map(|check| check.verdict).chain(record.points.iter().flat_map(|p| &p.checks).map(|c| c.verdict));
    let expected = i32::from(fails.into_iter().any(|verdict| verdict == Verdict::Fails));
    let output = run(here.path(), &["check", "runs/tiny"]);
    assert_eq!(output.status.code(), Some(expected));
    assert!(String::from_utf8_lossy(&output.stdout).contains("vary-steps"));
    let before = files(&sweep.join("figures"));
    let drawn = fine(here.path(), &["figures", "runs/tiny"]);
    assert!(drawn.contains("vary-steps.svg") && drawn.contains("points"), "{drawn}");
    assert_eq!(files(&sweep.join("figures")), before);
    assert!(refused(here.path(), &["run", "tiny.toml"]).contains("holds a run already"));
    // A record that is another is noticed.
    let file = sweep.join("records/vary.json");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("tiny", "TINY")).unwrap();
    assert!(refused(here.path(), &["check", "runs/tiny"]).contains("SHA-256"));
    fine(
        here.path(),
        &["run", "tiny.toml", "--force", "--quiet", "--set", "vary.dynamics.friction=[1.0]", "--set", "vary.fit=[]"],
    );
    assert_eq!(fs::read_dir(sweep.join("points")).unwrap().count(), 2);
    // A folder with something else is left alone.
    fs::create_dir(here.path().join("other")).unwrap();
    fs::write(here.path().join("other/notes.txt"), "notes").unwrap();
    let refusal = refused(here.path(), &["run", "tiny.toml", "--force", "--out", "other"]);
    assert!(refusal.contains("other"), "{refusal}");
    assert!(here.path().join("other/notes.txt").is_file());
}

/// A point that is damaged is found by the commands on the sweep.
#[test]
fn the_points_of_a_sweep_are_verified() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), format!("{TINY}\n[vary]\ndynamics.friction = [0.5, 1.0]\n")).unwrap();
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--out", "x"]);
    let point = here.path().join("x/points/dynamics.friction=1");
    let refuse = |words: &str| {
        for command in ["check", "figures"] {
            let refusal = refused(here.path(), &[command, "x"]);
            assert!(refusal.contains("dynamics.friction=1") && refusal.contains(words), "{command}: {refusal}");
        }
    };
    for name in ["records/widths.npz", "state/n4-s0.npz"] {
        let file = point.join(name);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, [&whole[..], b" "].concat()).unwrap();
        refuse(name);
        fs::write(&file, whole).unwrap();
    }
    let checks = fs::read(point.join("checks.json")).unwrap();
    fs::remove_file(point.join("checks.json")).unwrap();
    refuse("checks.json");
    fs::write(point.join("checks.json"), checks).unwrap();
    assert!(fine(here.path(), &["figures", "x"]).contains("vary.svg"));
    // Commands on a run say what the folder is.
    for args in [
        &["export", "x", "--csv"][..],
        &["extend", "x", "--set", "widths.seeds=3"],
        &["plan", "x", "--gap", "0.1"],
        &["compare", "x", "x"],
    ] {
        let refusal = refused(here.path(), args);
        assert!(refusal.contains("x is a sweep: name a run in x/points/"), "{args:?}: {refusal}");
    }
    fs::remove_dir_all(&point).unwrap();
    refuse("manifest.json");
}

/// Sparse recovery varies too.
#[test]
fn recovery_varies() {
    let here = tempfile::tempdir().unwrap();
    let set = [
        "problem.n=20",
        "problem.d=24",
        "problem.sparsity=3",
        "recover.problems=2",
        "noise.problems=2",
        "rates.trials=100",
        "rates.problems=1",
    ];
    let mut args = vec!["run", "recover", "--quiet", "--out", "out", "--set", "vary.solver.iterations=[5,10]"];
    set.iter().for_each(|set| args.extend(["--set", set]));
    let printed = fine(here.path(), &args);
    assert!(printed.contains("Verdicts") && printed.contains("recover"), "{printed}");
    assert!(here.path().join("out/points/solver.iterations=5/checks.json").is_file());
}

/// The built-in experiments with a table `[vary]`, at a small size.
#[test]
fn built_in_sweeps() {
    let networks = [
        "widths.values=[4,8]",
        "widths.seeds=2",
        "reference.particles=64",
        "population.size=40",
        "reference.step=0.25",
    ];
    let mut seen = 0;
    for builtin in BUILTIN.iter().filter(|builtin| builtin.text.contains("\n[vary]")) {
        let own: &[&str] = match builtin.name {
            "bound-dimension" => &["vary.population.dimension=[4,8]", "horizon.time=1.0", "horizon.records=2"],
            "bound-horizon" => &["vary.horizon.time=[1.0,2.0,3.0]", "vary.horizon.records=[2,4,6]"],
            "learning-rate" => &["vary.dynamics.step=[0.1,0.2,0.4]", "vary.horizon.time=[2,4,8]"],
            other => panic!("{other} has no small size here: add one"),
        };
        let set: Vec<&str> = networks.iter().copied().chain(own.iter().copied()).collect();
        let Description::Varied(varied) = widelimit::describe(builtin.name, &overrides(&set).unwrap(), None)
            .unwrap_or_else(|error| panic!("{error}"))
        else {
            panic!("one experiment")
        };
        let here = tempfile::tempdir().unwrap();
        let (record, checks, _) = complete(&varied, here.path(), false);
        assert!(!checks.is_empty() && checks.iter().all(|check| check.name.starts_with("vary-")), "{checks:?}");
        assert_eq!(record.points.len(), varied.points.len());
        assert!(here.path().join(format!("figures/vary-{}.svg", varied.fits[0].name)).is_file());
        // The whole experiment can be read, and fits the machine.
        assert!(matches!(widelimit::describe(builtin.name, &[], None), Ok(Description::Varied(_))));
        seen += 1;
    }
    assert_eq!(seen, 3);
}
