//! A sweep that several processes compute in parts: the bytes of a sweep in one process, whatever the number of shards and
//! wherever they were stopped.

use crate::common::experiment::{OF_THE_CLOCK, TINY, files, fine, json, refused};
use crate::jobs::Case;
use std::fs::{self, File};
use std::path::Path;

impl Case {
    /// [`TINY`] with a table `[vary]`.
    fn tiny(vary: &str) -> Self {
        Self::new(&format!("{TINY}\n[dropout]\ndraws = 20\n[run]\ncheckpoint_seconds = 0.01\n[vary]\n{vary}\n"))
    }

    fn status(&self, out: &str) -> String {
        fine(self.folder.path(), &["status", out])
    }

    /// Two folders hold the same complete sweep, times and threads apart.
    fn same_sweep(&self, one: &str, other: &str) {
        let [a, b] = [one, other].map(|name| files(&self.path(name)));
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
        assert!(a.keys().filter(|name| name.ends_with("records/gap.json")).count() > 1);
        let of_the_clock = |name: &str| OF_THE_CLOCK.iter().any(|file| name.ends_with(file));
        for (name, bytes) in &a {
            assert!(of_the_clock(name) || *bytes == b[name], "{name} is another file");
        }
        assert_eq!(json(&self.path(other).join("vary.json")), json(&self.path(one).join("vary.json")));
    }
}

/// Points with a common limit, which is computed once, and points with limits of their own; fewer shards than points, and
/// more.
#[test]
fn shards_have_the_bytes_of_a_sweep_in_one_process() {
    for (vary, limits, count) in
        [("widths.values = [[4], [8], [4, 8]]", true, 2), ("dynamics.friction = [0.5, 2.0]", false, 5)]
    {
        let case = Case::tiny(vary);
        case.fine("whole", &[]);
        // The reference and that of half the particles, with half the step, with the step of training: at two points they
        // are read.
        let said = case.fine("parts", &["--stage", "limit"]);
        assert_eq!(said.contains("8 solutions of the limit are those of another point"), limits, "{said}");
        assert_eq!(said.contains("solutions"), limits, "{said}");
        let names = files(&case.path("parts/points")).into_keys().filter(|name| name.contains("half-step.npz"));
        assert_eq!(names.filter(|name| name.contains("/state/")).count(), if limits { 3 } else { 0 });
        case.shards_at_once("parts", count);
        case.fine("parts", &["--stage", "finish"]);
        case.same_sweep("whole", "parts");
        assert!(!case.path("parts/checkpoint").exists() && !case.path("parts/shared").exists());
        let before = files(&case.path("parts/records"));
        for part in [&["--shard", "2/2"][..], &["--stage", "finish"]] {
            case.fine("parts", part);
            assert_eq!(before, files(&case.path("parts/records")));
        }
    }
}

/// The trajectories that have ended in every point.
fn ended(run: &Path) -> Vec<String> {
    files(&run.join("points")).into_keys().filter(|name| name.contains("/state/") && name.contains("/n")).collect()
}

/// A shard that was killed is redone, and it alone; what is missing is named with its point.
#[test]
fn a_shard_that_was_stopped_is_redone_alone() {
    let mut stopped = None;
    for power in 9..20 {
        let case = Case::tiny("dynamics.friction = [0.5, 2.0]");
        let set = format!("dynamics.step={}", 2.0_f64.powi(-power));
        case.fine("parts", &["--stage", "limit", "--set", &set]);
        let mut shard = case.spawn("parts", &["--shard", "2/3", "--set", &set]);
        while shard.try_wait().unwrap().is_none() && ended(&case.path("parts")).is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let _ = shard.kill();
        if !shard.wait_with_output().unwrap().status.success() {
            stopped = Some((case, set));
            break;
        }
    }
    let (case, set) = stopped.expect("a shard that takes long enough to be stopped");
    let with = |part: &[&str]| case.fine("parts", &[part, &["--set", &set]].concat());
    let said = case.status("parts");
    assert!(said.contains("2/3") && said.contains("stopped") && said.contains("missing"), "{said}");
    for shard in ["1/3", "3/3"] {
        with(&["--shard", shard]);
    }
    let before = files(&case.path("parts/points"));
    let missing = ["shard 2/3 is not complete (missing: ", " of dynamics.friction=", "--out parts --shard 2/3"];
    case.refused("parts", &["--stage", "finish", "--set", &set], &missing);
    let said = case.status("parts");
    assert!(said.contains("--shard 2/3, then with --stage finish"), "{said}");
    with(&["--shard", "2/3"]);
    let after = files(&case.path("parts/points"));
    let state = |name: &&String| name.contains("/state/");
    assert!(before.keys().filter(state).all(|name| before[name] == after[name]));
    assert!(case.status("parts").contains("all shards are complete"));
    with(&["--stage", "finish"]);
    case.fine("whole", &["--set", &set]);
    case.same_sweep("whole", "parts");
}

/// A network that a complete shard has lost is named with its point, and computed again by its shard.
#[test]
fn a_network_that_was_lost_is_computed_again() {
    let case = Case::tiny("dynamics.friction = [0.5, 2.0]");
    case.fine("whole", &[]);
    case.fine("parts", &["--stage", "limit"]);
    for shard in ["1/2", "2/2"] {
        case.fine("parts", &["--shard", shard]);
    }
    fs::remove_file(case.path("parts/points/dynamics.friction=2/state/n8-s1.npz")).unwrap();
    let message = refused(case.folder.path(), &case.words("parts", &["--stage", "finish"]));
    let at = message.find("shard ").unwrap() + 6;
    let owner = &message[at..at + 3];
    let expected = format!("shard {owner} is not complete (missing: n8-s1 of dynamics.friction=2)");
    assert!(message.contains(&expected) && message.contains(&format!("--shard {owner}")), "{message}");
    case.fine("parts", &["--shard", owner]);
    case.fine("parts", &["--stage", "finish"]);
    let manifest = json(&case.path("parts/points/dynamics.friction=2/manifest.json"));
    assert!(manifest["warnings"].to_string().contains("n8-s1"), "{}", manifest["warnings"]);
}

#[test]
fn parts_are_refused_in_another_order() {
    let case = Case::tiny("dynamics.friction = [0.5, 2.0]");
    let limit = "widelimit run a.toml --out run --stage limit --resume";
    for part in [&["--shard", "1/2"][..], &["--stage", "finish"]] {
        case.refused("run", part, &["holds no run", limit]);
    }
    assert!(!case.path("run").exists());
    let said = case.fine("run", &["--stage", "limit"]);
    assert!(said.contains("the limit of 2 points of run is complete"), "{said}");
    case.refused("run", &["--stage", "limit"], &["holds a run already", "--resume"]);
    case.fine("run", &["--stage", "limit", "--resume"]);
    case.refused("run", &["--stage", "finish"], &["no shard has been computed", "--shard 1/N"]);
    fs::remove_file(case.path("run/points/dynamics.friction=2/checkpoint/reference.json")).unwrap();
    let missing = ["point dynamics.friction=2", "limit is not complete", "missing: reference", limit];
    // The other shard has no piece of this point.
    let said = ["1/2", "2/2"].map(|shard| {
        let output = crate::common::experiment::run(case.folder.path(), &case.words("run", &["--shard", shard]));
        String::from_utf8_lossy(&output.stderr).into_owned()
    });
    assert!(said.iter().any(|said| missing.iter().all(|word| said.contains(word))), "{said:?}");
    case.refused("run", &["--stage", "finish"], &["missing: reference of dynamics.friction=2", limit]);
    case.fine("run", &["--stage", "limit", "--resume"]);
    let other = ["--set", "vary.dynamics.friction=[0.5,2.0,3.0]"];
    for part in [&["--shard", "1/2"][..], &["--stage", "finish"]] {
        case.refused("run", &[part, &other].concat(), &["started with another experiment", "vary"]);
        case.refused("run", &[part, &["--set", "seed=5"]].concat(), &["seed"]);
    }
    case.refused("run", &["--stage", "finish"], &["is not complete", "--shard "]);
    case.refused("run", &["--stage", "finish", "--force"], &["expected one of them"]);
    // One process completes what shards have begun.
    case.fine("run", &["--shard", "1/2"]);
    case.fine("run", &["--resume"]);
    case.fine("whole", &[]);
    case.same_sweep("whole", "run");
}

/// Other processes are represented by the locks that they hold.
#[test]
fn shards_exclude_what_would_disturb_them() {
    let case = Case::tiny("dynamics.friction = [0.5, 2.0]");
    let held = case.first_shard_held();
    let said = case.status("run");
    assert!(said.contains("run: running; 0 of 2 points complete"), "{said}");
    assert!(said.contains("1/2") && said.contains("running"), "{said}");
    case.fine("run", &["--shard", "2/2"]);
    drop(held);
    // The number of shards has changed: all that was computed is kept.
    case.fine("run", &["--shard", "1/3"]);
    let said = refused(case.folder.path(), &case.words("run", &["--stage", "finish"]));
    assert!(said.contains("/3 is not complete"), "{said}");
    for shard in ["2/3", "3/3"] {
        case.fine("run", &["--shard", shard]);
    }
    case.fine("run", &["--stage", "finish"]);
    case.fine("whole", &[]);
    case.same_sweep("whole", "run");
}

#[test]
fn sweeps_of_sparse_recovery_have_shards() {
    let case = Case::new(&format!("{}\n[vary]\nseed = [1, 2, 3]\n", include_str!("../fuzz/bases/recovery.toml")));
    case.fine("whole", &[]);
    case.fine("parts", &["--stage", "limit"]);
    case.shards_at_once("parts", 2);
    case.fine("parts", &["--stage", "finish"]);
    let records = |out: &str| {
        let all = files(&case.path(out)).into_iter();
        all.filter(|(name, _)| !OF_THE_CLOCK.iter().any(|file| name.ends_with(file))).collect::<Vec<_>>()
    };
    assert_eq!(records("whole"), records("parts"));
}

/// The status of a sharded run of one experiment shows its shards too.
#[test]
fn the_status_of_a_run_shows_its_shards() {
    let case = Case::new(TINY);
    case.fine("run", &["--stage", "limit"]);
    assert!(case.status("run").contains("with --resume"));
    case.fine("run", &["--shard", "1/3"]);
    let text = fine(case.folder.path(), &["status", "run", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let states: Vec<&str> =
        answer["shards"].as_array().unwrap().iter().map(|shard| shard["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["complete", "missing", "missing"]);
    assert_eq!(answer["state"], "interrupted");
    let lock = case.path("run/checkpoint/shard-2-of-3.lock");
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();
    let said = case.status("run");
    assert!(said.starts_with("run: running") && said.contains("2/3"), "{said}");
    drop(lock);
    let said = case.status("run");
    assert!(
        said.contains("stopped") && said.contains("--shard 2/3 (and 1 others), then with --stage finish"),
        "{said}"
    );
}

#[test]
fn the_commands_size_follow_and_report_a_sweep() {
    let case = Case::tiny(
        "dynamics.friction = [0.5, 2.0]\n[[vary.fit]]\nquantity = \"final-risk\"\nlaw = \"power\"\nexpected = 0.5",
    );
    let said = fine(case.folder.path(), &["estimate", "a.toml", "--rate", "10"]);
    for word in ["dynamics.friction=0.5", "dynamics.friction=2", "of the largest point"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    let text = fine(case.folder.path(), &["estimate", "a.toml", "--rate", "10", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let points = answer["of_points"].as_array().unwrap();
    let sum: f64 = points.iter().map(|point| point["seconds"].as_f64().unwrap()).sum();
    assert_eq!(points.len(), 2);
    assert!((sum / answer["seconds"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{text}");
    case.fine("run", &["--stage", "limit"]);
    assert!(refused(case.folder.path(), &["report", "run"]).contains("--resume"));
    case.fine("run", &["--resume"]);
    let said = case.status("run");
    assert!(said.contains("run: complete; 2 of 2 points complete") && said.contains("dynamics.friction=0.5"), "{said}");
    let page = fs::read_to_string(case.path("run/report.html")).unwrap();
    for word in [
        "<a href=\"points/dynamics.friction=0.5/report.html\"",
        "Figure vary-final-risk-power",
        "vary-final-risk-power-n8",
        "gap-widths-function",
    ] {
        assert!(page.contains(word), "{word} is not in the page");
    }
    assert!(page.matches("<svg").count() == 2 && !page.contains("<script"));
    fine(case.folder.path(), &["report", "run"]);
    assert_eq!(fs::read_to_string(case.path("run/report.html")).unwrap(), page);
    let said = fine(case.folder.path(), &["report", "run", "--out", "other.html"]);
    assert_eq!(said.trim(), "other.html");
    let other = fs::read_to_string(case.path("other.html")).unwrap();
    assert!(other.contains("<a href=\"run/points/dynamics.friction=2/report.html\""));
}
