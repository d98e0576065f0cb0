//! Runs that several processes compute in parts: the limit, shards at the same time, the rest. Every record, check and
//! figure has the bytes of a run in one process, whatever the number of shards and wherever they were stopped.
use crate::common::experiment::{TINY, files, fine, json, overrides, refused, run, same};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use widelimit::config::AnyExperiment;
use widelimit::run::plan::Plan;
use widelimit::run::shard::{LimitScope, Shard, shards_of};

const STUDIES: &str = r#"
[[gap.sweep]]
over = "step"
values = [0.0625, 0.03125]
width = 4
seeds = 2

[[variants]]
name = "descent"
method = "gradient-descent"
width = 8
seeds = 2

[dropout]
draws = 20

[keep]
draws = 20

[paths]
pairs = 1
halves = 2
points = 3
variants = ["descent"]

[paths.bezier]
steps = 10

[convergence]

[predict]
particles = 32
modes = 8
columns = 6
step = 0.125
control_starts = 8
"#;

/// A folder with an experiment in it.
pub(crate) struct Case {
    pub(crate) folder: TempDir,
}

impl Case {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.toml"), text).unwrap();
        Case { folder }
    }

    /// An experiment with every study of trained networks.
    fn networks() -> Self {
        Self::new(&(TINY.to_string() + STUDIES))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The words that run the experiment into the folder of this name.
    pub(crate) fn words<'a>(&self, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["run", "a.toml", "--quiet", "--out", out][..], more].concat()
    }

    pub(crate) fn fine(&self, out: &str, more: &[&str]) -> String {
        fine(self.folder.path(), &self.words(out, more))
    }

    pub(crate) fn refused(&self, out: &str, more: &[&str], words: &[&str]) {
        let message = refused(self.folder.path(), &self.words(out, more));
        for word in words {
            assert!(message.contains(word), "{more:?}: '{word}' is not in: {message}");
        }
    }

    pub(crate) fn spawn(&self, out: &str, more: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_widelimit"));
        command.current_dir(self.folder.path()).args(self.words(out, more));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// All shards at the same time.
    pub(crate) fn shards_at_once(&self, out: &str, count: usize) {
        let names: Vec<String> = Shard::all(count).map(|shard| shard.to_string()).collect();
        let shards: Vec<Child> =
            names.iter().map(|name| self.spawn(out, &["--shard", name, "--threads", "1"])).collect();
        for shard in shards {
            let output = shard.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// The limit, all shards at the same time, and the rest.
    fn in_shards(&self, out: &str, count: usize) {
        self.fine(out, &["--stage", "limit"]);
        self.shards_at_once(out, count);
        self.fine(out, &["--stage", "finish"]);
    }

    /// Computes the limit and the first of two shards in the folder `run`, and takes the locks that other processes hold while
    /// they compute that shard: the lock of the folder, and that of the shard. Other parts are refused.
    pub(crate) fn first_shard_held(&self) -> [File; 2] {
        self.fine("run", &["--stage", "limit"]);
        self.fine("run", &["--shard", "1/2"]);
        let open = |name: &str| File::options().read(true).write(true).open(self.path("run").join(name)).unwrap();
        let shared = open(".lock");
        shared.lock_shared().unwrap();
        for whole in [&["--resume"][..], &["--force"], &["--stage", "finish"], &["--stage", "limit", "--resume"]] {
            self.refused("run", whole, &["in use"]);
        }
        let own = open("checkpoint/shard-1-of-2.lock");
        own.lock().unwrap();
        self.refused("run", &["--shard", "1/2"], &["shard 1/2 is being computed"]);
        self.refused("run", &["--shard", "1/3"], &["is being computed by 2 shards", "--shard I/2"]);
        [shared, own]
    }

    /// Two folders hold the same complete run.
    fn same(&self, one: &str, other: &str) {
        let (one, other) = (self.path(one), self.path(other));
        same(&one, &other);
        let manifest = |run: &Path| {
            let mut manifest = json(&run.join("manifest.json"));
            assert_eq!(manifest["status"], "complete");
            for key in ["phases", "threads", "memory", "shards", "host", "invocations"] {
                manifest.as_object_mut().unwrap().remove(key);
            }
            manifest
        };
        assert_eq!(manifest(&one), manifest(&other));
    }
}

#[test]
fn shards_have_the_bytes_of_a_run_in_one_process() {
    let case = Case::networks();
    case.fine("whole", &[]);
    case.in_shards("parts", 3);
    case.same("whole", "parts");
    let manifest = json(&case.path("parts/manifest.json"));
    let shards = manifest["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 3);
    assert!(shards.iter().all(|shard| shard["complete"] == true && shard["host"]["processors"].is_u64()));
    for part in [&["--shard", "2/3"][..], &["--stage", "finish"]] {
        assert!(case.fine("parts", part).contains("is complete; nothing to do"));
    }
}

/// The tasks of a shard are done by it: nothing is left for the last part but those of several shards.
#[test]
fn shards_compute_tasks_of_studies() {
    let case = Case::networks();
    case.fine("run", &["--stage", "limit"]);
    let results = || {
        let all = files(&case.path("run/checkpoint")).into_keys();
        all.filter(|name| name.starts_with("study-")).collect::<Vec<_>>()
    };
    assert!(results().is_empty());
    for shard in ["1/2", "2/2"] {
        case.fine("run", &["--shard", shard]);
    }
    let found = results();
    let has = |name: &str| found.contains(&format!("study-{name}.json"));
    for name in ["dropout-n4-s0", "dropout-n8-s1", "keep-n8-s0", "keep-limit", "n4-p0", "n8-p0", "predict-16"] {
        assert!(has(name), "{name} is not in {found:?}");
    }
    // All networks are measured by it.
    assert!(!has("predict-32"));
}

/// Stops a shard 2/2 of the folder `parts` after two checkpoints, by a signal: the key that makes it long enough, and what it
/// said. `spawn` starts it with that key, after the limit.
fn stopped(case: &Case, signal: &str, spawn: impl Fn(&str) -> Child) -> (String, Output) {
    let checkpoints = || fs::read_dir(case.path("parts/checkpoint")).into_iter().flatten().count();
    for power in 11..24 {
        let set = format!("dynamics.step={}", 2.0_f64.powi(-power));
        let _ = fs::remove_dir_all(case.path("parts"));
        case.fine("parts", &["--stage", "limit", "--set", &set]);
        let begun = checkpoints();
        let mut shard = spawn(&set);
        while shard.try_wait().unwrap().is_none() && checkpoints() < begun + 4 {
            std::thread::sleep(Duration::from_millis(1));
        }
        if shard.try_wait().unwrap().is_none() {
            let _ = Command::new("kill").args([&format!("-{signal}"), &shard.id().to_string()]).status();
        }
        let output = shard.wait_with_output().unwrap();
        if !output.status.success() {
            return (set, output);
        }
    }
    panic!("the shard was always complete before it could be stopped");
}

#[test]
fn a_shard_that_was_stopped_is_redone_alone() {
    let case = Case::new(&(TINY.to_string() + "[dropout]\ndraws = 20\n\n[run]\ncheckpoint_seconds = 0.01\n"));
    for signal in ["KILL", "TERM"] {
        let (set, output) = stopped(&case, signal, |set| case.spawn("parts", &["--shard", "2/2", "--set", set]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if signal == "TERM" {
            assert_eq!(output.status.code(), Some(130), "{said}");
            assert!(said.contains("the same command again"), "{said}");
        }
        let part = |part: &[&'static str]| [part, &["--set"]].concat();
        let with =
            |words: &[&'static str]| -> String { case.fine("parts", &[&part(words)[..], &[set.as_str()]].concat()) };
        with(&["--shard", "1/2"]);
        let before = files(&case.path("parts/state"));
        let missing = ["shard 2/2 is not complete", "missing: ", "widelimit run a.toml", "--out parts --shard 2/2"];
        case.refused("parts", &["--stage", "finish", "--set", &set], &missing);
        with(&["--shard", "2/2"]);
        let after = files(&case.path("parts/state"));
        assert!(before.iter().all(|(name, bytes)| after[name] == *bytes) && after.len() > before.len());
        with(&["--stage", "finish"]);
        let _ = fs::remove_dir_all(case.path("whole"));
        case.fine("whole", &["--set", &set]);
        case.same("whole", "parts");
    }
}

/// A network that a complete shard has lost is missing; the shard computes it again, and it alone.
#[test]
fn a_network_that_was_lost_is_computed_again_by_its_shard() {
    let case = Case::new(TINY);
    case.fine("whole", &[]);
    case.fine("parts", &["--stage", "limit"]);
    for shard in ["1/2", "2/2"] {
        case.fine("parts", &["--shard", shard]);
    }
    fs::write(case.path("parts/state/n8-s1.npz"), "damaged").unwrap();
    let AnyExperiment::Training(experiment) =
        widelimit::parse(TINY, "a.toml", Path::new(""), &overrides(&[]).unwrap()).unwrap().experiment
    else {
        unreachable!("it trains networks")
    };
    let owner =
        shards_of(&Plan::new(&experiment), LimitScope::Compared, experiment.horizon.time, 2)["n8-s1"].to_string();
    let message = format!("shard {owner} is not complete (missing: n8-s1)");
    case.refused("parts", &["--stage", "finish"], &[&message, &format!("--shard {owner}")]);
    case.fine("parts", &["--shard", &owner]);
    case.fine("parts", &["--stage", "finish"]);
    let warnings = json(&case.path("parts/manifest.json"))["warnings"].to_string();
    assert!(warnings.contains("n8-s1") && warnings.contains("was computed again"), "{warnings}");
    same(&case.path("whole"), &case.path("parts"));
}

#[test]
fn parts_are_refused_in_another_order() {
    let case = Case::new(TINY);
    case.refused("run", &["--shard", "1/2"], &["holds no run", "widelimit run a.toml --out run --stage limit"]);
    case.refused("run", &["--stage", "finish"], &["holds no run", "--stage limit"]);
    assert!(!case.path("run").exists());
    case.fine("run", &["--stage", "limit"]);
    case.refused("run", &["--stage", "limit"], &["holds a run already", "--resume"]);
    assert!(case.fine("run", &["--stage", "limit", "--resume"]).contains("limit of run is complete"));
    case.refused("run", &["--stage", "finish"], &["no shard has been computed", "--shard 1/N"]);
    fs::remove_file(case.path("run/checkpoint/reference.json")).unwrap();
    case.refused(
        "run",
        &["--shard", "1/2"],
        &["limit is not complete", "missing: reference", "--stage limit --resume"],
    );
    case.fine("run", &["--stage", "limit", "--resume"]);
    case.fine("run", &["--shard", "1/2"]);
    case.refused("run", &["--shard", "2/2", "--set", "seed=5"], &["started with another experiment", "seed"]);
    case.refused("run", &["--stage", "finish", "--set", "seed=5"], &["started with another experiment", "seed"]);
    case.refused("run", &["--stage", "finish"], &["shard 2/2 is not complete", "--shard 2/2"]);
}

#[test]
fn parts_are_refused_with_wrong_flags() {
    let case = Case::new(TINY);
    let wrong = [
        (&["--shard", "0/3"][..], "a number from 1 to 3"),
        (&["--shard", "4/3"], "a number from 1 to 3"),
        (&["--shard", "2"], "I/N"),
        (&["--shard", "1/2", "--stage", "limit"], "cannot be used with"),
        (&["--shard", "1/2", "--force"], "cannot be used with"),
        (&["--stage", "finish", "--force"], "expected one of them"),
        (&["--stage", "middle"], "limit, finish"),
    ];
    for (flags, word) in wrong {
        case.refused("run", flags, &[word]);
    }
    let message = refused(case.folder.path(), &["coverage", "a.toml", "--seeds", "2", "--shard", "1/2"]);
    assert!(message.contains("coverage has no parts"), "{message}");
}

/// Other processes are represented by the locks that they hold.
#[test]
fn shards_exclude_what_would_disturb_them() {
    let case = Case::new(TINY);
    let [shared, own] = case.first_shard_held();
    case.refused("run", &[], &["in use"]);
    let said = refused(case.folder.path(), &["figures", "run"]);
    assert!(said.contains("is running"), "{said}");
    // Beside the others.
    case.fine("run", &["--shard", "2/2"]);
    drop(own);
    case.fine("run", &["--shard", "1/3"]);
    drop(shared);
    let whole = File::options().read(true).write(true).open(case.path("run/.lock")).unwrap();
    whole.lock().unwrap();
    case.refused("run", &["--shard", "2/3"], &["in use"]);
    drop(whole);
    // The number of shards has changed: all that was computed is kept.
    case.refused("run", &["--stage", "finish"], &["shard 2/3 is not complete", "shard 3/3 is not complete"]);
    for shard in ["2/3", "3/3"] {
        case.fine("run", &["--shard", shard]);
    }
    case.fine("run", &["--stage", "finish"]);
    case.fine("whole", &[]);
    same(&case.path("whole"), &case.path("run"));
}

/// More shards than trajectories: some are empty, and say so.
#[test]
fn empty_shards_say_so() {
    let case = Case::new(TINY);
    case.fine("whole", &[]);
    case.fine("run", &["--stage", "limit"]);
    let said: Vec<String> = Shard::all(9).map(|shard| case.fine("run", &["--shard", &shard.to_string()])).collect();
    // Four networks, and the limits with half the step and with the step of training.
    assert_eq!(said.iter().filter(|text| text.contains("is empty")).count(), 3, "{said:?}");
    case.fine("run", &["--stage", "finish"]);
    case.same("whole", "run");
}

/// A sharded run can also be completed by one process, and an interrupted one by shards.
#[test]
fn one_process_completes_what_shards_have_begun() {
    let case = Case::new(TINY);
    case.fine("whole", &[]);
    case.fine("run", &["--stage", "limit"]);
    case.fine("run", &["--shard", "1/2"]);
    case.fine("run", &["--resume"]);
    same(&case.path("whole"), &case.path("run"));
}

#[test]
fn every_kind_of_experiment_has_shards() {
    let bases = [
        ("recovery", include_str!("../fuzz/bases/recovery.toml")),
        ("kinetic", include_str!("../fuzz/bases/kinetic.toml")),
        ("picard", include_str!("../fuzz/bases/picard.toml")),
        ("radial", include_str!("../fuzz/bases/radial.toml")),
        ("layers", include_str!("../fuzz/bases/layers.toml")),
    ];
    for (name, text) in bases {
        println!("{name}");
        let case = Case::new(text);
        case.fine("whole", &[]);
        case.in_shards("parts", 2);
        case.same("whole", "parts");
    }
}

/// The networks of a pair are in one shard where that does not delay the others, and every trajectory is in one shard.
#[test]
fn the_distribution_is_whole_and_balanced() {
    let text = TINY.to_string() + "[paths]\npairs = 8\n";
    let set = overrides(&["widths.seeds=16", "reference.particles=256"]).unwrap();
    let loaded = widelimit::parse(&text, "a.toml", Path::new(""), &set).unwrap();
    let AnyExperiment::Training(experiment) = loaded.experiment else { unreachable!("it trains networks") };
    let (plan, time) = (Plan::new(&experiment), experiment.horizon.time);
    let limits = LimitScope::Compared.ids(&plan);
    assert_eq!(limits.iter().copied().collect::<Vec<_>>(), ["reference", "reference-half-particles"]);
    for count in [1, 2, 3, 5, 8, 100] {
        let shards = shards_of(&plan, LimitScope::Compared, time, count);
        assert_eq!(shards.len() + limits.len(), plan.trajectories().count());
        assert!(limits.iter().all(|limit| !shards.contains_key(limit)));
        let load = |shard: Shard| -> f64 {
            let own = plan.trajectories().filter(|t| shards.get(t.id.as_str()) == Some(&shard));
            own.map(|t| t.work(time)).sum()
        };
        let most = Shard::all(count).map(load).fold(0.0, f64::max);
        let all: f64 = Shard::all(count).map(load).sum();
        let largest = plan.trajectories().filter(|t| shards.contains_key(t.id.as_str())).map(|t| t.work(time));
        assert!(most <= 1.25 * (all / count as f64 + largest.fold(0.0, f64::max)), "{count}: {most} of {all}");
        let together = plan.pairs.iter().filter(|[p, q]| shards[p.as_str()] == shards[q.as_str()]).count();
        assert!(count > 5 || together == 16, "{count}: {together} of 16 pairs");
    }
}

/// Programs of this name, in a folder that comes first in the path of the scripts.
fn stand_in(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("bin").join(name);
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A command with the stand-ins before other programs, and no variables of a scheduler.
fn bash(folder: &Path, script: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("bash");
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    command.current_dir("/").arg(script).args(words).env("PATH", path);
    for name in ["SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_END_TIME", "PARALLEL"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Submits by running every job at once, and notes the options.
const SBATCH: &str = r#"#!/bin/bash
set -e
here=$(dirname "$0")
echo "$*" >> "$here/submitted"
array=1
while [[ $1 == --* ]]; do
    [[ $1 == --array=1-* ]] && array=${1#--array=1-}
    shift
done
for ((task = 1; task <= array; task++)); do
    SLURM_JOB_ID=$((40 + task)) SLURM_ARRAY_TASK_ID=$task bash "$@" > /dev/null
done
echo "42;cluster"
"#;

#[test]
fn the_script_for_slurm_runs_all_parts() {
    let case = Case::new(TINY);
    // Words that a shell would read otherwise.
    let (folder, script) = (case.path("it's $here"), case.path("jobs of a.sh"));
    fs::create_dir(&folder).unwrap();
    fs::copy(case.path("a.toml"), folder.join("my file.toml")).unwrap();
    stand_in(case.folder.path(), "sbatch", SBATCH);
    stand_in(case.folder.path(), "scontrol", "#!/bin/bash\necho \"$*\" >> \"$(dirname \"$0\")/requeued\"\n");
    let limit = ["--slurm", "3", "--time", "01:00:00", "--threads", "1", "--sbatch=--partition=long"];
    let at = ["--out", "the run", "--script", script.to_str().unwrap()];
    let set = ["--set", "title=\"it's a $title\"", "--set", "run.checkpoint_seconds=0.01"];
    fine(&folder, &[&["jobs", "my file.toml"][..], &limit, &at, &set].concat());
    let text = fs::read_to_string(&script).unwrap();
    for line in ["--time=01:00:00", "--cpus-per-task=1", "--signal=B:TERM@120", "--requeue", "--partition=long"] {
        assert!(text.contains(&format!("#SBATCH {line}\n")), "{line} is not in {text}");
    }
    let output = bash(case.folder.path(), &script, &[]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let submitted = fs::read_to_string(case.path("bin/submitted")).unwrap();
    let jobs: Vec<&str> = submitted.lines().collect();
    assert!(jobs.len() == 3 && jobs[0].ends_with("limit"), "{submitted}");
    assert!(jobs[1].contains("--dependency=afterok:42 --array=1-3") && jobs[1].ends_with("shard"), "{submitted}");
    assert!(jobs[2].contains("--dependency=afterok:42") && jobs[2].ends_with("finish"), "{submitted}");
    fine(&folder, &[&["run", "my file.toml", "--quiet", "--out", "whole"][..], &set].concat());
    same(&folder.join("whole"), &folder.join("the run"));
    assert!(!case.path("bin/requeued").exists());
}

/// A job that is told that its time is over saves its work and is queued again; one that was cancelled is not.
#[test]
fn a_job_of_slurm_is_stopped_and_continued() {
    let case = Case::new(&(TINY.to_string() + "[run]\ncheckpoint_seconds = 0.01\n"));
    let script = case.path("jobs.sh");
    stand_in(case.folder.path(), "scontrol", "#!/bin/bash\necho \"$*\" >> \"$(dirname \"$0\")/requeued\"\n");
    let shard = |set: &str, index: &str, end: Option<&str>| {
        let words = ["jobs", "a.toml", "--slurm", "2", "--threads", "1", "--out", "parts", "--set", set];
        fine(case.folder.path(), &[&words[..], &["--script", "jobs.sh", "--force"]].concat());
        let mut command = bash(case.folder.path(), &script, &["shard"]);
        command.env("SLURM_ARRAY_TASK_ID", index).env("SLURM_JOB_ID", "7");
        if let Some(end) = end {
            command.env("SLURM_JOB_END_TIME", end);
        }
        command
    };
    let requeued = || fs::read_to_string(case.path("bin/requeued")).unwrap_or_default();
    let mut key = String::new();
    for (end, expected) in [(Some("4102444800"), ""), (None, "requeue 7\n")] {
        let (set, output) = stopped(&case, "TERM", |set| shard(set, "2", end).spawn().unwrap());
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(requeued(), expected);
        key = set;
    }
    for index in ["1", "2"] {
        let output = shard(&key, index, None).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(bash(case.folder.path(), &script, &["finish"]).output().unwrap().status.success());
    case.fine("whole", &["--set", &key]);
    case.same("whole", "parts");
    assert_eq!(requeued(), "requeue 7\n");
}

#[test]
fn the_script_for_parallel_runs_all_parts() {
    let case = Case::new(TINY);
    let commands = "#!/bin/bash\ntee \"$(dirname \"$0\")/commands\" | xargs -d '\\n' -P 3 -I{} bash -c '{}'\n";
    stand_in(case.folder.path(), "parallel", &commands.replace("'{}'", "{}"));
    let script = fine(case.folder.path(), &["jobs", "a.toml", "--parallel", "3", "--out", "the parts"]);
    fs::write(case.path("jobs.sh"), script).unwrap();
    let output = bash(case.folder.path(), &case.path("jobs.sh"), &[]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let commands = fs::read_to_string(case.path("bin/commands")).unwrap();
    assert_eq!(commands.lines().count(), 3);
    assert!(commands.lines().all(|line| line.contains("--out 'the parts' --threads 1 --shard ")), "{commands}");
    case.fine("whole", &[]);
    case.same("whole", "the parts");
}

#[test]
fn scripts_are_refused_with_wrong_flags() {
    let case = Case::new(TINY);
    let jobs = |more: &[&str]| run(case.folder.path(), &[&["jobs", "a.toml"], more].concat());
    let wrong = [
        (&[] as &[&str], "--slurm"),
        (&["--slurm", "2", "--parallel", "2"], "cannot be used with"),
        (&["--slurm", "0"], "0"),
        (&["--slurm", "2", "--time", "12"], "HH:MM:SS"),
        (&["--slurm", "2", "--time", "00:01:00"], "expected a longer one"),
        (&["--parallel", "2", "--time", "01:00:00"], "--slurm"),
        (&["--slurm", "2", "--set", "widths.seeds=0"], "widths.seeds"),
        (&["--slurm", "2", "--script", "a.toml"], "a.toml exists"),
    ];
    for (flags, word) in wrong {
        let output = jobs(flags);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {message}");
        assert!(message.contains(word), "{flags:?}: '{word}' is not in: {message}");
    }
}
