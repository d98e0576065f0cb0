//! A run folder that was damaged, changed, or left by a process that was killed at any point: `--resume` computes again
//! what is damaged and ends with the bytes of a run that was left alone; what cannot be continued is refused, and
//! nothing outside the folder is touched.
use crate::common::experiment::{OF_THE_CLOCK, TINY, arrays, files, json, program};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Every kind of checkpoint of a run of networks: trajectories, tasks of studies, files of tasks, and, with the keys of
/// [`PICARD_LIMIT`], iterations.
const STUDIES: [&str; 6] = [
    "dropout={draws=20}",
    "paths={pairs=1}",
    "convergence={}",
    "picard={windows=[1, 2]}",
    "reference.particles=32",
    "widths.values=[4, 8]",
];
const PICARD_LIMIT: [&str; 2] = ["reference.kind=picard", "gap.sweep=[]"];

/// A limit that overflows, networks that diverge, and studies of both.
const DIVERGED: [&str; 8] = [
    "network.activation=identity",
    "network.start.w={law=\"gaussian\",std=50}",
    "dynamics.friction=0",
    "horizon.time=20",
    "horizon.records=20",
    "convergence={}",
    "picard={windows=[1]}",
    "reference={particles=32, method=\"heavy-ball\", step=0.0625}",
];

const RECOVERY: &str = r#"
kind = "recovery"
name = "tiny"

[problem]
kind = "drawn"
n = 30
d = 20
sparsity = 3

[solver]
methods = ["k-iht", "topk-iobs"]
iterations = 50

[recover]
problems = 2

[noise]
snr_db = [20.0]
problems = 2

[rates]
trials = 100
problems = 1

[phase]
n_over_d = [0.5, 1.0]
k_over_n = [0.1]
problems = 2
"#;

/// A folder with the experiment in it, and the keys of this case.
struct Case {
    folder: TempDir,
    set: Vec<String>,
}

/// What the program has answered.
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Case {
    fn new(text: &str, set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tiny.toml"), text).unwrap();
        Case { folder, set: set.iter().map(|key| key.to_string()).collect() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, args: &[&str]) -> Answer {
        let output = program().current_dir(self.folder.path()).args(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn try_run(&self, name: &str, extra: &[&str]) -> Answer {
        let mut args = vec!["run", "tiny.toml", "--quiet", "--threads", "1", "--out", name];
        self.set.iter().for_each(|key| args.extend(["--set", key]));
        self.call(&[&args, extra].concat())
    }

    /// Runs to a good end.
    fn run(&self, name: &str, extra: &[&str]) -> Answer {
        let answer = self.try_run(name, extra);
        assert_eq!(answer.code, Some(0), "{name}: {}", answer.err);
        answer
    }

    /// Calls to an error whose message has all of these words.
    fn refused(&self, args: &[&str], words: &[&str]) {
        refused(&self.call(args), words);
    }

    /// A run whose studies are complete and whose checkpoints are all there, as after a kill while figures are drawn.
    fn all_but_figures(&self, name: &str) {
        self.run(name, &[]);
        let run = self.at(name);
        edit(&run, "manifest.json", |manifest| manifest["status"] = "running".into());
        fs::remove_dir_all(run.join("figures")).unwrap();
        fs::write(run.join("figures"), "in the way").unwrap();
        refused(&self.try_run(name, &["--resume"]), &["figures"]);
        fs::remove_file(run.join("figures")).unwrap();
        assert!(run.join("checkpoint").is_dir() && json(&run.join("manifest.json"))["status"] == "running");
    }
}

fn refused(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.code, Some(2), "{}{}", answer.out, answer.err);
    for word in words {
        assert!(answer.err.contains(word), "'{word}' is not in: {}", answer.err);
    }
}

/// Changes a JSON file.
fn edit(run: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let mut content = json(&run.join(name));
    change(&mut content);
    fs::write(run.join(name), content.to_string()).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What a run has computed, without wall times.
fn computed(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = files(run);
    all.retain(|name, _| !OF_THE_CLOCK.contains(&name.as_str()));
    all
}

/// The runs are complete and have computed the same.
fn same(a: &Path, b: &Path) {
    let (left, right) = (computed(a), computed(b));
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    for (name, bytes) in &left {
        assert!(bytes == &right[name], "{name} is another file");
    }
    let manifest = |run: &Path| {
        let mut manifest = json(&run.join("manifest.json"));
        ["resumed", "phases", "warnings", "memory", "invocations"]
            .iter()
            .for_each(|key| drop(manifest.as_object_mut().unwrap().remove(*key)));
        manifest
    };
    assert_eq!(manifest(a), manifest(b));
    assert_eq!(manifest(a)["status"], "complete");
}

fn warnings(run: &Path) -> String {
    json(&run.join("manifest.json"))["warnings"].to_string()
}

/// A way to damage a file.
type Damage = (&'static str, fn(&[u8]) -> Vec<u8>);

const DAMAGES: [Damage; 6] = [
    ("empty", |_| Vec::new()),
    ("truncated", |bytes| bytes[..bytes.len() / 2].to_vec()),
    ("flipped", |bytes| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x01;
        bytes
    }),
    ("digit", |bytes| {
        // The last digit of the value, before what follows it.
        let mut bytes = bytes.to_vec();
        let last = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        bytes[last] = if bytes[last] == b'3' { b'4' } else { b'3' };
        bytes
    }),
    ("list", |_| b"[]".to_vec()),
    ("null", |_| b"{\"sha256\":\"\",\"value\":null}\n".to_vec()),
];

/// The files that resumption relies on: checkpoints, and states of trajectories and paths.
fn relied_on(run: &Path) -> Vec<String> {
    let state = |name: &str| name.starts_with("state/") && !["state/data.npz", "state/problem.npz"].contains(&name);
    files(run).into_keys().filter(|name| name.starts_with("checkpoint/") || state(name)).collect()
}

/// All files that resumption relies on damaged in every way at once, and each of them damaged or missing alone.
fn damage_is_repaired(case: &Case) {
    case.run("whole", &[]);
    case.all_but_figures("saved");
    let (whole, saved) = (case.at("whole"), case.at("saved"));
    let names = relied_on(&saved);
    println!("{names:?}");
    for (how, damage) in DAMAGES {
        let name = format!("all-{how}");
        copy(&saved, &case.at(&name));
        for file in &names {
            let path = case.at(&name).join(file);
            fs::write(&path, damage(&fs::read(&path).unwrap())).unwrap();
        }
        let answer = case.run(&name, &["--resume"]);
        same(&whole, &case.at(&name));
        assert!(answer.err.contains("note: ") && answer.err.contains("checkpoint/"), "{}", answer.err);
        fs::remove_dir_all(case.at(&name)).unwrap();
    }
    for (number, file) in names.iter().enumerate() {
        let name = format!("one-{number}");
        copy(&saved, &case.at(&name));
        let path = case.at(&name).join(file);
        let missing = number % 3 == 0;
        if missing {
            fs::remove_file(&path).unwrap();
        } else {
            let (_, damage) = DAMAGES[number % DAMAGES.len()];
            fs::write(&path, damage(&fs::read(&path).unwrap())).unwrap();
        }
        let answer = case.run(&name, &["--resume"]);
        println!("{file}: {}", answer.err.trim());
        same(&whole, &case.at(&name));
        // Some checkpoints are missing after a kill, and their absence is no damage.
        let notes: Vec<&str> = answer.err.lines().collect();
        let noted = format!("{name}/{file}: ");
        assert!(notes.is_empty() && missing || notes.len() == 1 && notes[0].contains(&noted), "{}", answer.err);
        let warnings = warnings(&case.at(&name));
        assert_eq!(warnings.contains(&format!("{file} was damaged")), !notes.is_empty(), "{warnings}");
        fs::remove_dir_all(case.at(&name)).unwrap();
    }
    // Untouched, nothing is computed again and nothing is noted.
    assert_eq!(case.run("saved", &["--resume"]).err, "");
    same(&whole, &saved);
    assert_eq!(warnings(&saved), warnings(&whole));
}

#[test]
fn damaged_checkpoints_of_networks_are_computed_again() {
    damage_is_repaired(&Case::new(TINY, &STUDIES));
}

#[test]
fn damaged_checkpoints_of_an_iterated_limit_are_computed_again() {
    damage_is_repaired(&Case::new(TINY, &[&STUDIES[4..], &PICARD_LIMIT].concat()));
}

#[test]
fn damaged_checkpoints_of_diverged_networks_are_computed_again() {
    damage_is_repaired(&Case::new(TINY, &DIVERGED));
}

#[test]
fn damaged_checkpoints_of_sparse_recovery_are_computed_again() {
    damage_is_repaired(&Case::new(RECOVERY, &[]));
}

/// The notes outlive a second interruption.
#[test]
fn notes_of_repairs_are_kept() {
    let case = Case::new(TINY, &STUDIES);
    case.all_but_figures("run");
    let run = case.at("run");
    fs::write(run.join("checkpoint/n4-s0.npz"), "[]").unwrap();
    fs::write(run.join("figures"), "in the way").unwrap();
    refused(&case.try_run("run", &["--resume"]), &["n4-s0.npz", "figures"]);
    fs::remove_file(run.join("figures")).unwrap();
    assert_eq!(case.run("run", &["--resume"]).err, "");
    assert!(warnings(&run).contains("checkpoint/n4-s0.npz was damaged"), "{}", warnings(&run));
    assert!(!run.join("checkpoint").exists());
}

/// A checkpoint of another trajectory, or of another run, is not taken for its own.
#[test]
fn checkpoints_belong_to_their_trajectory_and_run() {
    let case = Case::new(TINY, &STUDIES[4..]);
    case.run("whole", &[]);
    case.all_but_figures("run");
    let (run, other) = (case.at("run"), Case::new(TINY, &[&STUDIES[4..], &["seed=7"]].concat()));
    other.all_but_figures("run");
    for (to, from) in [
        ("checkpoint/n4-s0.npz", run.join("checkpoint/n4-s1.npz")),
        ("checkpoint/n8-s0.json", other.at("run").join("checkpoint/n8-s0.json")),
        ("checkpoint/n8-s0.npz", other.at("run").join("checkpoint/n8-s0.npz")),
        ("state/n8-s0.npz", other.at("run").join("state/n8-s0.npz")),
    ] {
        fs::copy(from, run.join(to)).unwrap();
    }
    case.run("run", &["--resume"]);
    same(&case.at("whole"), &run);
}

/// Numbers that are not finite go through every record and checkpoint.
#[test]
fn a_limit_that_diverges_has_checks() {
    let case = Case::new(TINY, &DIVERGED);
    let answer = case.run("run", &[]);
    let run = case.at("run");
    let checks = json(&run.join("checks.json"));
    for study in ["convergence-", "picard-"] {
        let of_study = |check: &&Value| check["name"].as_str().unwrap().starts_with(study);
        let verdicts: Vec<&Value> =
            checks.as_array().unwrap().iter().filter(of_study).map(|check| &check["verdict"]).collect();
        assert!(!verdicts.is_empty(), "{study}: {}", answer.out);
        assert!(verdicts.iter().any(|verdict| *verdict == "not resolved"), "{study}: {verdicts:?}");
    }
    assert!(arrays(&run.join("records/reference.npz"))["risk"].iter().any(|risk| !risk.is_finite()));
    let again = case.run("run", &["--resume"]);
    assert!(again.out.contains("is complete; nothing to do"), "{}", again.out);
    assert_ne!(case.call(&["check", "run"]).code, Some(2));
    assert_eq!(case.call(&["figures", "run"]).code, Some(0));
}

/// Data of the user's, with `y` a multiple of the input.
fn write_data(case: &Case, name: &str, slope: f64) {
    let rows: String = (0..12).map(|i| format!("{},{}\n", i, slope * f64::from(i))).collect();
    fs::write(case.at(name), rows).unwrap();
}

const DATA: &str = "population={kind=\"file\", path=\"data.csv\", labels=\"real\"}";

fn sha256(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), bytes).unwrap();
    let output = std::process::Command::new("sha256sum").arg(folder.path().join("x")).output().unwrap();
    String::from_utf8_lossy(&output.stdout)[..64].to_string()
}

#[test]
fn data_that_changed_are_refused() {
    let case = Case::new(TINY, &[&STUDIES[4..], &[DATA, "dynamics.batch=2"]].concat());
    write_data(&case, "data.csv", 1.0);
    case.run("whole", &[]);
    case.all_but_figures("run");
    let original = fs::read(case.at("data.csv")).unwrap();
    write_data(&case, "data.csv", 2.0);
    let hashes = [sha256(&original), sha256(&fs::read(case.at("data.csv")).unwrap())];
    let words = ["data.csv", &hashes[0], &hashes[1], "--force", "restore"];
    for status in ["running", "interrupted", "complete"] {
        edit(&case.at("run"), "manifest.json", |manifest| manifest["status"] = status.into());
        let before = files(&case.at("run"));
        refused(&case.try_run("run", &["--resume"]), &words);
        refused(&case.call(&["draws", "run", "n4-s0", "--out", "draws.npz"]), &words);
        assert!(files(&case.at("run")) == before && !case.at("draws.npz").exists(), "a refusal has changed a file");
    }
    // The file restored, both work.
    fs::write(case.at("data.csv"), original).unwrap();
    edit(&case.at("run"), "manifest.json", |manifest| manifest["status"] = "running".into());
    case.run("run", &["--resume"]);
    same(&case.at("whole"), &case.at("run"));
    assert_eq!(case.call(&["draws", "run", "n4-s0", "--out", "draws.npz"]).code, Some(0));
    assert_eq!(arrays(&case.at("draws.npz"))["indices"].shape(), [32, 2]);
    // An experiment that was edited is not that of the run.
    let text = fs::read_to_string(case.at("run/experiment.toml")).unwrap();
    fs::write(case.at("run/experiment.toml"), text.replace("seed = 1", "seed = 2")).unwrap();
    case.refused(&["draws", "run", "n4-s0", "--out", "draws.npz"], &["another experiment", "seed"]);
}

#[test]
fn a_problem_that_changed_is_refused() {
    let case = Case::new(RECOVERY, &[]);
    case.run("drawn", &[]);
    case.run("other", &["--set", "seed=2"]);
    let text = RECOVERY.replace("kind = \"drawn\"\nn = 30\nd = 20\nsparsity = 3", "kind = \"file\"\npath = \"p.npz\"");
    let text = text.split("[noise]").next().unwrap().replace("problems = 2", "problems = 1");
    fs::write(case.at("tiny.toml"), text).unwrap();
    let problem = fs::read(case.at("drawn/state/problem.npz")).unwrap();
    fs::write(case.at("p.npz"), &problem).unwrap();
    case.run("run", &[]);
    edit(&case.at("run"), "manifest.json", |manifest| manifest["status"] = "interrupted".into());
    let other = fs::read(case.at("other/state/problem.npz")).unwrap();
    fs::write(case.at("p.npz"), &other).unwrap();
    let hashes = [sha256(&problem), sha256(&other)];
    refused(&case.try_run("run", &["--resume"]), &["p.npz", &hashes[0], &hashes[1], "--force"]);
    fs::write(case.at("p.npz"), &problem).unwrap();
    case.run("run", &["--resume"]);
}

#[test]
fn another_program_is_accepted_only_on_request() {
    let case = Case::new(TINY, &STUDIES[4..]);
    case.run("whole", &[]);
    case.all_but_figures("run");
    let run = case.at("run");
    let own = json(&run.join("manifest.json"))["built_by"].clone();
    assert_eq!(own.as_array().unwrap().len(), 1, "{own}");
    for (key, value) in [("revision", "0123abc"), ("version", "0.0.1")] {
        let real = json(&run.join("manifest.json"))[key].clone();
        edit(&run, "manifest.json", |manifest| manifest[key] = value.into());
        let before = files(&run);
        let words = [value, real.as_str().unwrap(), "--accept-revision", "--force"];
        refused(&case.try_run("run", &["--resume"]), &words);
        assert!(files(&run) == before, "a refusal has changed a file");
        edit(&run, "manifest.json", |manifest| manifest[key] = real);
    }
    edit(&run, "manifest.json", |manifest| {
        manifest["revision"] = "0123abc".into();
        manifest["built_by"] = json!([{"version": "0.1.0", "revision": "0123abc"}]);
    });
    case.run("run", &["--resume", "--accept-revision"]);
    let manifest = json(&run.join("manifest.json"));
    let builds = json!([{"version": "0.1.0", "revision": "0123abc"}, own[0]]);
    assert_eq!((&manifest["built_by"], &manifest["revision"]), (&builds, &own[0]["revision"]));
    // A complete run has nothing left to compute: any program may say so.
    edit(&run, "manifest.json", |manifest| manifest["revision"] = "0123abc".into());
    case.run("run", &["--resume"]);
    edit(&run, "manifest.json", |manifest| {
        manifest["revision"] = own[0]["revision"].clone();
        manifest["built_by"] = own.clone();
    });
    same(&case.at("whole"), &run);
}

#[test]
fn links_are_not_followed() {
    let case = Case::new(TINY, &STUDIES[4..]);
    fs::create_dir_all(case.at("elsewhere")).unwrap();
    let victims = ["precious", "elsewhere/.writing-mine", "elsewhere/data.npz"];
    victims.iter().for_each(|name| fs::write(case.at(name), "mine").unwrap());
    let untouched = || {
        victims.iter().for_each(|name| assert_eq!(fs::read_to_string(case.at(name)).unwrap(), "mine", "{name}"));
        assert_eq!(files(&case.at("elsewhere")).len(), 2);
    };
    // The lock, in an empty folder and in runs of every status.
    fs::create_dir(case.at("empty")).unwrap();
    symlink(case.at("precious"), case.at("empty/.lock")).unwrap();
    refused(&case.try_run("empty", &[]), &["empty/.lock", "symbolic link"]);
    case.all_but_figures("run");
    let run = case.at("run");
    fs::remove_file(run.join(".lock")).unwrap();
    symlink(case.at("precious"), run.join(".lock")).unwrap();
    for extra in [["--resume"], ["--force"]] {
        refused(&case.try_run("run", &extra), &["run/.lock", "symbolic link"]);
        untouched();
    }
    fs::remove_file(run.join(".lock")).unwrap();
    // What is in the file of the lock stays.
    fs::write(run.join(".lock"), "mine").unwrap();
    // Sub-folders.
    for name in ["records", "state", "checkpoint", "figures"] {
        let kept = case.at("kept");
        if run.join(name).exists() {
            fs::rename(run.join(name), &kept).unwrap();
        }
        symlink(case.at("elsewhere"), run.join(name)).unwrap();
        refused(&case.try_run("run", &["--resume"]), &[&format!("run/{name}"), "symbolic link"]);
        untouched();
        fs::remove_file(run.join(name)).unwrap();
        if kept.exists() {
            fs::rename(&kept, run.join(name)).unwrap();
        }
    }
    // Files that are links are replaced, and not what they point to.
    for name in ["manifest.json", "experiment.toml", "checks.json", "records/widths.npz", "state/data.npz"] {
        let path = run.join(name);
        let target = case.at(&format!("target-{}", name.replace('/', "-")));
        fs::rename(&path, &target).unwrap();
        fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
        symlink(&target, &path).unwrap();
    }
    case.run("run", &["--resume"]);
    assert!(files(&run).keys().all(|name| !run.join(name).is_symlink()));
    assert_eq!(fs::read_to_string(run.join(".lock")).unwrap(), "mine");
    assert_eq!(json(&case.at("target-manifest.json"))["status"], "running");
    // Started over, links go and what they point to stays.
    fs::remove_dir_all(run.join("figures")).unwrap();
    symlink(case.at("elsewhere"), run.join("figures")).unwrap();
    case.refused(&["figures", "run"], &["run/figures", "symbolic link"]);
    untouched();
    case.run("run", &["--force"]);
    untouched();
    assert!(!run.join("figures").is_symlink() && run.join("figures/risk.svg").is_file());
}

/// Everything that a kill can leave: temporary files of every folder, and the checkpoints of a complete run.
fn litter(run: &Path) {
    for folder in ["", "records", "state", "figures"] {
        fs::write(run.join(folder).join(".writing-aB3xYz"), "half a fi").unwrap();
    }
    fs::create_dir_all(run.join("checkpoint")).unwrap();
    fs::write(run.join("checkpoint/n4-s0.npz"), "old").unwrap();
    fs::write(run.join("checkpoint/.writing-aB3xYz"), "half a fi").unwrap();
    // Earlier versions wrote figures under this name.
    fs::write(run.join("figures/.tmpaB3xYz"), "half a fi").unwrap();
}

#[test]
fn what_a_kill_leaves_is_removed() {
    let case = Case::new(TINY, &STUDIES[4..]);
    case.run("run", &[]);
    let run = case.at("run");
    let names = |run: &Path| files(run).into_keys().collect::<Vec<_>>();
    let before = names(&run);
    litter(&run);
    assert_eq!(case.call(&["figures", "run"]).code, Some(0));
    assert_eq!(names(&run), before);
    litter(&run);
    case.run("run", &["--resume"]);
    assert_eq!(names(&run), before);
    litter(&run);
    case.run("run", &["--force"]);
    assert_eq!(names(&run), before);
    assert!(!run.join("checkpoint").exists());
    // A kill before the manifest is written leaves nothing that would not be a place for a run.
    fs::create_dir(case.at("new")).unwrap();
    fs::write(case.at("new/.lock"), "").unwrap();
    fs::write(case.at("new/.writing-aB3xYz"), "half a fi").unwrap();
    case.run("new", &["--resume"]);
    assert_eq!(names(&case.at("new")), before);
    // A kill while a run is deleted leaves a run, whose manifest is the last to go.
    for name in ["checks.json", "experiment.toml"] {
        fs::remove_file(run.join(name)).unwrap();
    }
    fs::remove_dir_all(run.join("records")).unwrap();
    edit(&run, "manifest.json", |manifest| manifest["status"] = "running".into());
    case.run("run", &["--force"]);
    assert_eq!(names(&run), before);
}

#[test]
fn a_complete_run_is_read_without_its_lock() {
    let case = Case::new(TINY, &STUDIES[4..]);
    case.run("run", &[]);
    let run = case.at("run");
    // A lock that cannot be taken, as in a folder that cannot be written.
    fs::remove_file(run.join(".lock")).unwrap();
    fs::create_dir(run.join(".lock")).unwrap();
    let answer = case.run("run", &["--resume"]);
    assert!(answer.out.contains("run is complete; nothing to do"), "{}", answer.out);
    assert_ne!(case.call(&["check", "run"]).code, Some(2));
    refused(&case.try_run("run", &[]), &["holds a run already (complete)"]);
    refused(&case.try_run("run", &["--force"]), &["run/.lock"]);
    assert!(run.join("checks.json").is_file());
}

#[test]
fn a_folder_that_cannot_be_read_is_not_called_something_else() {
    let case = Case::new(TINY, &STUDIES[4..]);
    // A name that no file can have stands for any folder that cannot be accessed.
    let long = "x".repeat(300);
    for args in [&["check", &long][..], &["figures", &long], &["draws", &long, "n4-s0", "--out", "d.npz"]] {
        let answer = case.call(args);
        refused(&answer, &["ile name too long"]);
        assert!(!answer.err.contains("not a run"), "{}", answer.err);
    }
    let answer = case.try_run(&long, &[]);
    refused(&answer, &["ile name too long"]);
    assert!(!answer.err.contains("not a run"), "{}", answer.err);
}

#[test]
fn missing_and_damaged_files_are_named_with_the_remedy() {
    let case = Case::new(TINY, &STUDIES[4..]);
    case.run("whole", &[]);
    let whole = case.at("whole");
    let cases: [(&str, &[&str]); 6] = [
        ("manifest.json", &["check", "figures", "resume"]),
        ("checks.json", &["check"]),
        ("records/groups.json", &["figures"]),
        ("records/widths.npz", &["figures"]),
        ("records/reference.npz", &["figures"]),
        ("state/reference.npz", &["figures"]),
    ];
    for (name, commands) in cases {
        for damage in ["truncated", "missing"] {
            let run = format!("{damage}-{}", name.replace('/', "-"));
            copy(&whole, &case.at(&run));
            let path = case.at(&run).join(name);
            match damage {
                "truncated" => fs::write(&path, &fs::read(&path).unwrap()[..20]).unwrap(),
                _ if name == "manifest.json" => continue,
                _ => fs::remove_file(&path).unwrap(),
            }
            for command in commands {
                let answer =
                    if *command == "resume" { case.try_run(&run, &["--resume"]) } else { case.call(&[command, &run]) };
                println!("{command}: {}", answer.err);
                refused(&answer, &[&format!("{run}/{name}: "), "run the experiment again with --force"]);
                assert!(!answer.err.contains("os error"), "{}", answer.err);
            }
        }
    }
}

#[test]
fn figures_are_drawn_of_the_records_that_the_manifest_names() {
    let case = Case::new(TINY, &STUDIES[4..]);
    case.run("run", &[]);
    let run = case.at("run");
    let manifest = json(&run.join("manifest.json"));
    let named: Vec<&String> = manifest["records"].as_object().unwrap().keys().collect();
    assert_eq!(
        named,
        [
            "checks.json",
            "experiment.toml",
            "records/gap.json",
            "records/groups.json",
            "records/reference.npz",
            "records/widths.npz"
        ]
    );
    let refused_with = |change: &dyn Fn(&mut Value), words: &[&str]| {
        edit(&run, "manifest.json", |manifest| change(manifest));
        case.refused(&["figures", "run"], &[&["manifest.json", "--force"], words].concat());
        fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
    };
    refused_with(&|m| m["studies"] = json!([]), &["[gap]", "studies does not name it"]);
    refused_with(&|m| m["studies"] = json!(["gap", "astrology"]), &["'astrology'", "gap, dropout"]);
    refused_with(&|m| m["studies"] = json!(["gap", "paths"]), &["'paths'", "no table [paths]"]);
    refused_with(&|m| m["kind"] = "recovery".into(), &["kind", "Training"]);
    refused_with(&|m| m["trajectories"] = json!([]), &["trajectories is empty"]);
    refused_with(&|m| m["records"] = json!({}), &["records is empty"]);
    // Records that were changed.
    for (name, pointer) in [("groups.json", "/groups"), ("groups.json", "/clouds"), ("gap.json", "/fits")] {
        let file = run.join("records").join(name);
        let before = fs::read(&file).unwrap();
        edit(&run.join("records"), name, |record| *record.pointer_mut(pointer).unwrap() = json!([]));
        case.refused(&["figures", "run"], &[&format!("records/{name}"), "SHA-256", "--force"]);
        // Without checksums, as in runs of earlier versions, an empty group is still noticed.
        if pointer == "/groups" {
            edit(&run, "manifest.json", |manifest| drop(manifest.as_object_mut().unwrap().remove("records")));
            case.refused(&["figures", "run"], &["groups.json", "group of the widths"]);
            fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
        }
        fs::write(&file, before).unwrap();
    }
    assert_eq!(case.call(&["figures", "run"]).code, Some(0));
    let checks = json(&run.join("checks.json"));
    let number = checks.as_array().unwrap().len();
    // So is the file from which the run is repeated; runs of earlier versions have no checksum of it.
    let experiment = fs::read(run.join("experiment.toml")).unwrap();
    let complete = fs::read(run.join("manifest.json")).unwrap();
    for altered in [&b""[..], &[&experiment[..], b"\n"].concat()] {
        fs::write(run.join("experiment.toml"), altered).unwrap();
        for command in ["check", "report"] {
            case.refused(&[command, "run"], &["run/experiment.toml: ", "SHA-256", "--force"]);
        }
        let entries =
            |manifest: &mut Value| drop(manifest["records"].as_object_mut().unwrap().remove("experiment.toml"));
        edit(&run, "manifest.json", entries);
        assert_ne!(case.call(&["check", "run"]).code, Some(2));
        fs::write(run.join("manifest.json"), &complete).unwrap();
    }
    fs::write(run.join("experiment.toml"), experiment).unwrap();
    // A list that was altered is refused by its checksum; in runs of earlier versions, which have none, by its length.
    let whole = fs::read(run.join("checks.json")).unwrap();
    edit(&run, "checks.json", |checks| checks[0]["verdict"] = "not resolved".into());
    case.refused(&["check", "run"], &["checks.json", "SHA-256", "--force"]);
    refused(&case.try_run("run", &["--resume"]), &["checks.json", "SHA-256", "--force"]);
    fs::write(run.join("checks.json"), whole).unwrap();
    edit(&run, "manifest.json", |manifest| drop(manifest["records"].as_object_mut().unwrap().remove("checks.json")));
    for kept in [0, number - 1] {
        fs::write(run.join("checks.json"), json!(checks.as_array().unwrap()[..kept]).to_string()).unwrap();
        let words = [format!("{kept} checks, and the run has {number}")];
        case.refused(&["check", "run"], &["checks.json", &words[0], "--force"]);
    }
    // Runs of earlier versions do not tell the number.
    edit(&run, "manifest.json", |manifest| drop(manifest.as_object_mut().unwrap().remove("checks")));
    assert_ne!(case.call(&["check", "run"]).code, Some(2));
    fs::write(run.join("checks.json"), "[]").unwrap();
    case.refused(&["check", "run"], &["0 checks, and the run has at least one", "--force"]);
    // A run that is not complete has no figures yet.
    for status in ["running", "interrupted"] {
        edit(&run, "manifest.json", |manifest| manifest["status"] = status.into());
        for command in ["figures", "check"] {
            let answer = case.call(&[command, "run"]);
            refused(&answer, &["finish it", "--resume"]);
            assert!(!answer.err.contains("os error"), "{}", answer.err);
        }
    }
}

#[test]
fn draws_replace_draws_only() {
    let case = Case::new(TINY, &[&STUDIES[4..], &["dynamics.batch=2"]].concat());
    case.run("run", &[]);
    let draws = |out: &str, extra: &[&str]| case.call(&[&["draws", "run", "n4-s0", "--out", out], extra].concat());
    assert_eq!(draws("draws.npz", &[]).code, Some(0));
    let written = fs::read(case.at("draws.npz")).unwrap();
    assert_eq!(draws("draws.npz", &[]).code, Some(0));
    fs::write(case.at("thesis.tex"), "mine").unwrap();
    fs::copy(case.at("run/state/data.npz"), case.at("data.npz")).unwrap();
    fs::write(case.at("empty.npz"), "").unwrap();
    symlink(case.at("thesis.tex"), case.at("link.npz")).unwrap();
    for name in ["thesis.tex", "data.npz", "empty.npz", "link.npz", "run/state/data.npz", "run/manifest.json"] {
        let before = fs::read(case.at(name)).unwrap();
        // Among the records of a run nothing is replaced, by --force neither.
        let words: &[&str] =
            if name.contains("state") { &[name, "another run", "--out"] } else { &[name, "--force", "--out"] };
        refused(&draws(name, &[]), words);
        assert!(fs::read(case.at(name)).unwrap() == before, "{name}");
    }
    assert_eq!(draws("link.npz", &["--force"]).code, Some(0));
    assert_eq!(fs::read_to_string(case.at("thesis.tex")).unwrap(), "mine");
    assert_eq!(draws("thesis.tex", &["--force"]).code, Some(0));
    assert!(fs::read(case.at("thesis.tex")).unwrap() == written);
}
