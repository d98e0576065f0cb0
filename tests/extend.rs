//! A complete run that is extended ends with the same bytes as a run that asked for everything from the start, and what
//! need not be computed again is not.

use crate::common::experiment::{TINY, files, fine, json, refused, run, same, training};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;
use tempfile::TempDir;
use widelimit::config::Override;
use widelimit::run::{Options, Report};

/// Studies whose tasks read single networks, pairs of them, or nothing but the limit.
const STUDIES: &str = "
[dropout]
draws = 20

[paths]
pairs = 1
points = 5
halves = 2
";

/// A folder with an experiment and its complete run `a`.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tiny.toml"), text).unwrap();
        let case = Case { folder };
        case.start("a", &[]);
        case
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at().join(name)
    }

    /// A run from the start.
    fn start(&self, name: &str, set: &[&str]) {
        fine(self.at(), &[&["run", "tiny.toml", "--quiet", "--out", name], set].concat());
    }

    /// Extends `a`; returns the notes on what is kept.
    fn extend(&self, args: &[&str]) -> String {
        let output = run(self.at(), &[&["extend", "a"], args].concat());
        let notes = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{notes}");
        notes
    }

    /// The times at which states of `a` were written.
    fn written(&self, ids: &[&str]) -> Vec<SystemTime> {
        let time = |id: &&str| self.path(&format!("a/state/{id}.npz")).metadata().unwrap().modified().unwrap();
        ids.iter().map(time).collect()
    }

    /// Extends `a` by `set`, and compares it with a run from the start; returns the notes.
    fn is_the_same(&self, set: &[&str]) -> String {
        let notes = self.extend(set);
        self.start("b", set);
        same(&self.path("a"), &self.path("b"));
        let manifest = json(&self.path("a/manifest.json"));
        assert_eq!((&manifest["status"], manifest["extends"].as_array().unwrap().len()), (&"complete".into(), 1));
        fs::remove_dir_all(self.path("b")).unwrap();
        notes
    }

    /// Extends `a` through the library, interrupted before anything is computed.
    fn interrupted(&self, set: &[&str]) {
        let overrides: Vec<Override> = set.iter().map(|text| text.parse().unwrap()).collect();
        let (resume, accept_revision, figures) = (true, false, true);
        let options = Options { out: self.path("a"), force: false, resume, accept_revision, quiet: true, figures };
        let report = widelimit::extend_run(&self.path("a"), &overrides, &options, &AtomicBool::new(true));
        let (experiment, report) = report.unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(report, Report::Interrupted { .. }));
        assert_eq!(training(experiment).name, "tiny");
        assert_eq!(json(&self.path("a/manifest.json"))["status"], "interrupted");
    }
}

/// The tasks of dropout do not depend on the number of seeds, nor do the pairs of networks.
#[test]
fn more_seeds() {
    let case = Case::new(&[TINY, STUDIES].concat());
    let old = ["n4-s0", "n4-s1", "n8-s0", "n8-s1", "reference-half-step"];
    let before = case.written(&old);
    let notes = case.is_the_same(&["--set", "widths.seeds=4"]);
    assert_eq!(case.written(&old), before, "{notes}");
    assert!(notes.contains("6 results of studies are kept"), "{notes}");
    assert!(notes.contains("computed: 1 (reference): trajectories that are computed are compared"), "{notes}");
    assert!(notes.contains("computed: 4 (n4-s2, n4-s3, n8-s2, n8-s3): not in the run so far"), "{notes}");
    // And once more, beyond an extension.
    let notes = case.extend(&["--set", "widths.seeds=5"]);
    assert!(notes.contains("computed: 2 (n4-s4, n8-s4)"), "{notes}");
    case.start("b", &["--set", "widths.seeds=5"]);
    same(&case.path("a"), &case.path("b"));
}

#[test]
fn more_widths() {
    let case = Case::new(&[TINY, STUDIES].concat());
    let before = case.written(&["n4-s0", "n8-s1"]);
    case.is_the_same(&["--set", "widths.values=[2,4,8]"]);
    assert_eq!(case.written(&["n4-s0", "n8-s1"]), before);
    // A wider network moves the particles of the second seed: what starts from others is computed again.
    let notes = case.extend(&["--set", "widths.values=[2,4,8,16]"]);
    assert!(notes.contains("it starts from other particles"), "{notes}");
    case.start("b", &["--set", "widths.values=[2,4,8,16]"]);
    same(&case.path("a"), &case.path("b"));
}

#[test]
fn another_study() {
    let case = Case::new(&[TINY, "\n[dropout]\ndraws = 20\n"].concat());
    let ids = ["n4-s0", "n8-s1", "reference", "reference-half-particles"];
    let before = case.written(&ids);
    let notes = case.is_the_same(&["--set", "paths={pairs=1,points=5,halves=2}"]);
    assert_eq!(case.written(&ids), before);
    assert!(!notes.contains("computed") && notes.contains("4 results of studies are kept"), "{notes}");
    // Removed again.
    let notes = case.extend(&["--unset", "paths"]);
    assert!(!notes.contains("computed"), "{notes}");
    case.start("b", &[]);
    same(&case.path("a"), &case.path("b"));
}

/// States that were reduced to the last parameters are kept; where more is needed, the trajectory is computed.
#[test]
fn reduced_states_are_kept() {
    let ends = ["--set", "run.states=ends"];
    let case = Case::new(&[TINY, STUDIES].concat());
    fs::remove_dir_all(case.path("a")).unwrap();
    case.start("a", &ends);
    let notes = case.extend(&["--set", "widths.seeds=4"]);
    // The two results of paths have files that were not kept, which is no damage.
    assert!(notes.contains("4 results of studies are kept") && !notes.contains("missing"), "{notes}");
    assert!(
        notes.contains("computed: 2 (reference-half-particles, reference-training-step): its state was not kept"),
        "{notes}"
    );
    assert!(notes.contains("computed: 4 (n4-s2, n4-s3, n8-s2, n8-s3): not in the run so far"), "{notes}");
    assert!(notes.contains("extended: 5 trajectories"), "{notes}");
    case.start("b", &[&ends[..], &["--set", "widths.seeds=4"]].concat());
    same(&case.path("a"), &case.path("b"));
    // The horizon needs momenta, and all states need the first ones.
    for (set, words) in
        [("horizon.time=2.0", "its momenta were not kept"), ("run.states=all", "its first state was not kept")]
    {
        let times = if set.starts_with("horizon") { "horizon.records=4" } else { "widths.seeds=5" };
        let notes = case.extend(&["--set", set, "--set", times, "--out", "copy"]);
        assert!(notes.contains(words), "{notes}");
        let set = [&ends[..], &["--set", "widths.seeds=4", "--set", set, "--set", times]].concat();
        fs::remove_dir_all(case.path("b")).unwrap();
        case.start("b", &set);
        same(&case.path("copy"), &case.path("b"));
        fs::remove_dir_all(case.path("copy")).unwrap();
    }
}

/// Limits that are kept are read, whether their states are reduced or not.
#[test]
fn limits_that_are_kept_are_not_computed_again() {
    for states in ["all", "ends", "none"] {
        let set = ["--set", "run.keep_limits=true", "--set", &format!("run.states={states}")];
        let case = Case::new(&[TINY, STUDIES].concat());
        fs::remove_dir_all(case.path("a")).unwrap();
        case.start("a", &set);
        let notes = case.extend(&["--set", "widths.seeds=4"]);
        let read = notes.contains("solutions of the limit are read");
        assert!(read && !notes.contains("(reference"), "{states}: {notes}");
        case.start("b", &[&set[..], &["--set", "widths.seeds=4"]].concat());
        same(&case.path("a"), &case.path("b"));
        // Of another limit nothing is read, and what was kept of the former is removed.
        let notes = case.extend(&["--set", "horizon.time=2.0", "--set", "horizon.records=4"]);
        assert!(!notes.contains("are read"), "{states}: {notes}");
        let set = [&set[..], &["--set", "widths.seeds=4", "--set", "horizon.time=2.0", "--set", "horizon.records=4"]]
            .concat();
        fs::remove_dir_all(case.path("b")).unwrap();
        case.start("b", &set);
        same(&case.path("a"), &case.path("b"));
    }
}

/// Networks under mini-batches and noise continue from their ends where the earlier recording times stay.
#[test]
fn a_longer_horizon() {
    let noisy = ["--set", "dynamics.batch=8", "--set", "dynamics.temperature=0.01", "--set", "reference.method=baoab"];
    let case = Case::new(&[TINY, STUDIES].concat());
    fs::remove_dir_all(case.path("a")).unwrap();
    case.start("a", &noisy);
    let set = ["--set", "horizon.time=2.0", "--set", "horizon.records=4"];
    let notes = case.extend(&set);
    assert!(
        notes.contains("0 trajectories and 0 results of studies are kept, 5 trajectories are continued"),
        "{notes}"
    );
    assert!(notes.contains("the horizon is longer, and it cannot be continued"), "{notes}");
    case.start("b", &[&noisy[..], &set].concat());
    same(&case.path("a"), &case.path("b"));
    let notes = case.extend(&["--set", "horizon.time=3.0"]);
    assert!(notes.contains("the recording times are others"), "{notes}");
    case.start("c", &[&noisy[..], &set[2..], &["--set", "horizon.time=3.0"]].concat());
    same(&case.path("a"), &case.path("c"));
}

#[test]
fn an_interrupted_extension_continues() {
    let case = Case::new(TINY);
    let set = "widths.seeds=3";
    case.start("b", &["--set", set]);
    case.interrupted(&[set]);
    fine(case.at(), &["run", "tiny.toml", "--set", set, "--quiet", "--resume", "--out", "a"]);
    same(&case.path("a"), &case.path("b"));
    // By the same command, and by one without keys.
    for args in [&["--set", "widths.seeds=4"][..], &[]] {
        case.interrupted(&["widths.seeds=4"]);
        let message = refused(case.at(), &["extend", "a", "--set", "widths.seeds=5"]);
        assert!(message.contains("widths.seeds") && message.contains("widelimit extend a without --set"), "{message}");
        assert!(!message.contains("--force"), "{message}");
        let message = refused(case.at(), &["check", "a"]);
        assert!(message.contains("finish it with widelimit extend a") && !message.contains("--resume"), "{message}");
        let said = fine(case.at(), &["status", "a"]);
        assert!(said.contains("run widelimit extend a") && !said.contains("--resume"), "{said}");
        case.extend(args);
        fs::remove_dir_all(case.path("a")).unwrap();
        case.start("a", &["--set", set]);
    }
}

/// What is missing or altered is computed again, with the reason.
#[test]
fn damaged_results_are_computed_again() {
    for (name, words) in [
        ("saved/series.npz", "no saved results: saved/series.npz"),
        ("saved/trajectories.json", "no saved results: saved/trajectories.json"),
        ("state/n4-s1.npz", "state/n4-s1.npz: its SHA-256"),
        ("state/data.npz", ""),
        ("saved/study-dropout-n4-s1.json.gz", "5 results of studies are kept"),
    ] {
        let case = Case::new(&[TINY, STUDIES].concat());
        let file = case.path("a").join(name);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
        let notes = case.is_the_same(&["--set", "widths.seeds=3"]);
        assert!(notes.contains(words), "{notes}");
    }
}

#[test]
fn a_copy_leaves_the_run_as_it_is() {
    let case = Case::new(TINY);
    let before = files(&case.path("a"));
    case.extend(&["--set", "widths.seeds=3", "--out", "copy"]);
    assert_eq!(files(&case.path("a")), before);
    case.start("b", &["--set", "widths.seeds=3"]);
    same(&case.path("copy"), &case.path("b"));
    let message = refused(case.at(), &["extend", "a", "--set", "widths.seeds=4", "--out", "copy"]);
    assert!(message.contains("copy holds a run already"), "{message}");
}

/// Nothing is changed before the new experiment has been checked.
#[test]
fn wrong_extensions_are_refused() {
    let case = Case::new(TINY);
    let before = files(&case.path("a"));
    for (args, words) in [
        (
            &["--set", "horizon.time=0.5"][..],
            "horizon.time = 0.5 is shorter than that of the run, 1: nothing would be kept",
        ),
        (&["--set", "horizon.time=0.5", "--set", "horizon.records=1"], "--out for another folder"),
        (&["--set", "seed=2"], "every number of the run depends on seed"),
        (&["--set", "dynamics.step=0.0625"], "every number of the run depends on dynamics.step"),
        (&["--set", "widths.seeds=0"], "widths.seeds = 0"),
        (&["--set", "widths.values=[4,32]"], "reference.particles"),
        (&["--unset", "dropout"], "no key or table 'dropout'"),
    ] {
        let message = refused(case.at(), &[&["extend", "a"], args].concat());
        assert!(message.contains(words), "{message}");
    }
    assert!(refused(case.at(), &["extend", "none", "--set", "widths.seeds=3"]).contains("not a run"));
    assert_eq!(files(&case.path("a")), before);
    // No copy is left of a run whose extension is refused.
    for set in ["seed=3", "horizon.time=0.5"] {
        refused(case.at(), &["extend", "a", "--set", set, "--out", "copy"]);
        assert!(!case.path("copy").exists(), "{set}");
    }
}

/// An extension by what the run has already says so, and changes nothing.
#[test]
fn nothing_to_extend() {
    let case = Case::new(TINY);
    let before = files(&case.path("a"));
    for (args, more) in
        [(&[][..], true), (&["--set", "widths.seeds=2"], false), (&["--set", "widths.seeds=2", "--out", "copy"], false)]
    {
        let said = fine(case.at(), &[&["extend", "a"], args].concat());
        assert!(said.contains("nothing to extend: a is complete"), "{said}");
        assert_eq!(said.contains("expected --set KEY=VALUE"), more, "{said}");
    }
    assert!(!case.path("copy").exists());
    assert_eq!(files(&case.path("a")), before);
    // An extension in another folder, asked for again.
    let again = ["extend", "a", "--set", "widths.seeds=3", "--out", "copy", "--quiet"];
    fine(case.at(), &again);
    assert!(fine(case.at(), &again).contains("nothing to extend: copy is complete"));
    // A damaged run is not said to be complete.
    fs::write(case.path("a/records/gap.json"), "{}").unwrap();
    assert!(refused(case.at(), &["extend", "a"]).contains("records/gap.json"));
}

/// A kept limit of which a file is damaged or missing is computed again, and said to be.
#[test]
fn a_damaged_limit_is_not_read() {
    let set = ["--set", "run.keep_limits=true"];
    for missing in [false, true] {
        let case = Case::new(TINY);
        fs::remove_dir_all(case.path("a")).unwrap();
        case.start("a", &set);
        let kept = files(&case.path("a/saved/limits"));
        let name = kept.keys().find(|name| name.ends_with("checkpoint-reference.npz")).unwrap();
        let file = case.path("a/saved/limits").join(name);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        if missing { fs::remove_file(&file) } else { fs::write(&file, bytes) }.unwrap();
        let notes = case.extend(&["--set", "widths.seeds=3"]);
        let words = if missing { "it is missing" } else { "checksum" };
        assert!(!notes.contains("are read"), "{notes}");
        assert!(notes.contains("its kept solution is damaged") && notes.contains(words), "{notes}");
        case.start("b", &[&set[..], &["--set", "widths.seeds=3"]].concat());
        same(&case.path("a"), &case.path("b"));
    }
}

/// What is computed again is said with the reason and with what would keep more.
#[test]
fn reasons_are_whole() {
    let case = Case::new(TINY);
    let notes = case.extend(&["--set", "horizon.time=2.0"]);
    let reason =
        "the recording times are others, every 1 and not every 0.5; horizon.records = 4 would keep those of before";
    assert!(notes.contains(reason), "{notes}");
    assert!(notes.contains("nothing is kept: every trajectory is computed again"), "{notes}");
    let notes = case.extend(&["--set", "horizon.time=2.0", "--set", "widths.seeds=12"]);
    assert!(notes.contains("computed: 20 (n4-s2 to n4-s11, n8-s2 to n8-s11): not in the run so far"), "{notes}");
}
