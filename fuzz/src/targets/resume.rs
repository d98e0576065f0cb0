//! Checkpoints, as the resumption of a run reads them.
//!
//! A trajectory is resumed with the interruption already requested, so that it is read and stops. Results of the tasks
//! of a study are read by the study, which is computed where all results are there.
//!
//! Checkpoints have checksums. An input is the content of a file without its checksum, with which it is written, as if
//! the program had: what is wrong in it must be computed again or refused. The same content without a checksum, or with
//! that of another file, must be seen as damaged.

use super::{Layout, Outcome};
use crate::base::{self, Base, Scratch};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widelimit::compute::{Real, Threads};
use widelimit::config::{AnyExperiment, Experiment, Precision, RecoveryExperiment, Route};
use widelimit::dynamics::StopReason;
use widelimit::population::Population;
use widelimit::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays};
use widelimit::record::{Build, OpenRequest, Opened, RunFolder, SavedPart};
use widelimit::run::kept::KeptTrajectories;
use widelimit::run::plan::{Plan, Trajectory};
use widelimit::run::problem::Problem;
use widelimit::run::progress::Progress;
use widelimit::run::recovery_source::ProblemSource;
use widelimit::run::series::Measurement;
use widelimit::run::study::{RecoverySubject, TrainingSubject, studies_of};
use widelimit::run::training::{Trained, run_plan};
use widelimit::run::trajectory::run_trajectory;
use widelimit::run::{Outcome as RunOutcome, RunContext, RunError};
use widelimit::study::REGISTRY;

thread_local! {
    static RUNS: OnceCell<Vec<Unfinished>> = const { OnceCell::new() };
}

static RUNNING: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: AtomicBool = AtomicBool::new(true);

/// The run of a base with all its checkpoints, as if it had been killed before its completion.
pub struct Unfinished {
    /// The base.
    pub base: &'static Base,
    scratch: Scratch,
    folder: RunFolder,
    subject: Subject,
    /// Every study with the names of the checkpoints of its tasks.
    tasks: Vec<(&'static str, Vec<String>)>,
    /// The file of arrays of every study, as it was written at first.
    records: BTreeMap<&'static str, Vec<u8>>,
}

/// What was made of a checkpoint, and the notes about damaged parts.
type Resumed = (Result<(), RunError>, Vec<String>);

/// What is needed to resume a run.
enum Subject {
    Training { problem: Problems, plan: Plan, trained: Trained },
    Recovery { experiment: RecoveryExperiment, source: ProblemSource },
}

/// A problem in double precision, and in that of the states. Both live as long as the process.
struct Problems {
    double: Problem<'static, f64>,
    single: Option<Problem<'static, f32>>,
}

impl Unfinished {
    fn new(base: &'static Base) -> anyhow::Result<Self> {
        let scratch = Scratch::new();
        let path = scratch.path().join(base.name);
        let nothing = serde_json::Value::Null;
        let request = OpenRequest {
            experiment: &nothing,
            sources: &nothing,
            build: &Build::present(),
            force: false,
            resume: false,
            accept_revision: false,
        };
        let Opened::Fresh(folder) = RunFolder::open(&path, &request)? else {
            anyhow::bail!("a new folder holds a run");
        };
        let subject = match base.experiment()? {
            AnyExperiment::Recovery(experiment) => {
                let source = ProblemSource::new(&experiment)?;
                Subject::Recovery { experiment: *experiment, source }
            }
            AnyExperiment::Pruning(_) => anyhow::bail!("no base is of pruning"),
            AnyExperiment::Training(experiment) => {
                let experiment: &'static Experiment = Box::leak(experiment);
                let population: &'static Population = Box::leak(Box::new(experiment.build_population()?));
                let double = Problem::new(experiment, population);
                let single = (experiment.precision == Precision::F32).then(|| Problem::new(experiment, population));
                let (problem, plan) = (Problems { double, single }, Plan::new(experiment));
                let context = RunContext::new(&folder, &RUNNING, true)?;
                let trained = match &problem.single {
                    Some(single) => run_plan(&context, single, &plan, &KeptTrajectories::new())?,
                    None => run_plan(&context, &problem.double, &plan, &KeptTrajectories::new())?,
                };
                Subject::Training { problem, plan, trained }
            }
        };
        let records = BTreeMap::new();
        let mut run = Unfinished { base, scratch, folder, subject, tasks: Vec::new(), records };
        let mut before = names(&path);
        for name in run.studies() {
            run.study(name).0?;
            let after = names(&path);
            run.tasks.push((name, after.iter().filter(|file| !before.contains(file)).cloned().collect()));
            if let Ok(records) = std::fs::read(run.records_of(name)) {
                run.records.insert(name, records);
            }
            before = after;
        }
        Ok(run)
    }

    fn path(&self) -> PathBuf {
        self.scratch.path().join(self.base.name)
    }

    fn checkpoint(&self, name: &str) -> PathBuf {
        self.path().join("checkpoint").join(name)
    }

    fn records_of(&self, study: &str) -> PathBuf {
        self.path().join(format!("records/{study}.npz"))
    }

    /// The checkpoints of trajectories.
    pub fn trajectories(&self) -> Vec<String> {
        let of_task = |name: &String| self.tasks.iter().any(|(_, names)| names.contains(name));
        names(&self.path()).into_iter().filter(|name| !of_task(name)).collect()
    }

    /// The checkpoints of the tasks of studies.
    pub fn tasks(&self) -> impl Iterator<Item = &String> {
        self.tasks.iter().flat_map(|(_, names)| names)
    }

    /// The content of a checkpoint, without its checksum.
    ///
    /// # Panics
    /// If there is no such checkpoint.
    pub fn read(&self, name: &str) -> Vec<u8> {
        let bytes = std::fs::read(self.checkpoint(name)).expect("a checkpoint of the list");
        RunFolder::contents_of_sealed(&bytes).expect("a checkpoint has a checksum").to_vec()
    }

    /// The file of this name with this content, as the program would write it, and the checksum of an archive; `None`
    /// where the content is no text and should be.
    fn sealed(&self, name: &str, content: &[u8]) -> Option<(Vec<u8>, String)> {
        let file = format!("checkpoint/{name}");
        if name.ends_with(".json") {
            return Some((
                self.folder.seal_text(&file, std::str::from_utf8(content).ok()?).into_bytes(),
                String::new(),
            ));
        }
        let archive = self.folder.seal_bytes(&file, content.to_vec());
        Some((archive.bytes().to_vec(), archive.sha256))
    }

    /// Checks that a content is damaged without a checksum, and with that of a file of another name.
    fn must_be_damaged(&self, name: &str, content: &[u8]) {
        let file = format!("checkpoint/{name}");
        let other = self.sealed(&format!("other-{name}"), content).map(|(bytes, _)| bytes);
        for bytes in [Some(content.to_vec()), other].into_iter().flatten() {
            let _ = std::fs::write(self.checkpoint(name), &bytes);
            let damaged = if name.ends_with(".json") {
                matches!(self.folder.load_json::<serde_json::Value>(&file), Ok(SavedPart::Damaged(_)))
            } else {
                matches!(self.folder.load_arrays::<Unread>(&file), Ok(SavedPart::Damaged(_)))
            };
            assert!(damaged, "{name} is read without its checksum");
        }
    }

    fn studies(&self) -> Vec<&'static str> {
        match &self.subject {
            Subject::Training { problem, .. } => {
                studies_of(REGISTRY.training, problem.double.experiment).map(|(name, _)| name).collect()
            }
            Subject::Recovery { experiment, .. } => {
                studies_of(REGISTRY.recovery, experiment).map(|(name, _)| name).collect()
            }
        }
    }

    /// Runs a study, which reads the results of its tasks where they are there.
    fn study(&self, name: &str) -> Resumed {
        let context = match RunContext::new(&self.folder, &RUNNING, true) {
            Ok(context) => context,
            Err(error) => return (Err(error), Vec::new()),
        };
        (self.study_in(&context, name), context.repairs())
    }

    fn study_in(&self, context: &RunContext<'_>, name: &str) -> Result<(), RunError> {
        match &self.subject {
            Subject::Training { problem, plan, trained } => {
                let subject = TrainingSubject { problem: &problem.double, plan, trained };
                let mut studies = studies_of(REGISTRY.training, problem.double.experiment);
                if let Some((_, study)) = studies.find(|(known, _)| *known == name) {
                    study.run(subject, context)?;
                }
            }
            Subject::Recovery { experiment, source } => {
                let subject = RecoverySubject { experiment, source };
                let mut studies = studies_of(REGISTRY.recovery, experiment);
                if let Some((_, study)) = studies.find(|(known, _)| *known == name) {
                    study.run(subject, context)?;
                }
            }
        }
        Ok(())
    }

    /// Resumes the trajectory to which a checkpoint belongs.
    fn resume(&self, name: &str) -> Option<Resumed> {
        let Subject::Training { problem, plan, .. } = &self.subject else { return None };
        let run = plan.find(id_of(name))?;
        // A solution on a grid is complete, and read to its end.
        let interrupt = if run.route == Route::Grid { &RUNNING } else { &INTERRUPTED };
        let context = match RunContext::new(&self.folder, interrupt, true) {
            Ok(context) => context,
            Err(error) => return Some((Err(error), Vec::new())),
        };
        let found = match &problem.single {
            Some(single) => trajectory_of(&context, single, run),
            None => trajectory_of(&context, &problem.double, run),
        };
        Some((found, context.repairs()))
    }

    /// The files of a trajectory, and the notes about damaged parts.
    fn files_of(&self, id: &str) -> Vec<PathBuf> {
        let ends = [".npz", ".json", "-picard.npz", "-grid.json", "-grid.npz"];
        let checkpoints = ends.iter().map(|end| self.checkpoint(&format!("{id}{end}")));
        checkpoints.chain([self.path().join(format!("state/{id}.npz")), self.checkpoint(REPAIRS)]).collect()
    }

    /// Checks what a study has written: after a part was computed again, what it wrote at first; otherwise arrays of the
    /// same shapes.
    fn check_records(&self, study: &str, again: bool) {
        let Some(first) = self.records.get(study) else { return };
        let path = self.records_of(study);
        if again {
            let now = std::fs::read(&path).unwrap_or_default();
            assert!(now == *first, "the records of {study} are others after a part was computed again");
            return;
        }
        // Numbers of steps and of iterates are results.
        if ["rates", "picard"].contains(&study) {
            return;
        }
        let shapes = || -> Result<BTreeMap<String, Vec<usize>>, NpzError> {
            let stored = StoredArrays::<f64>::read(&path)?;
            stored.names().map(|name| Ok((name.to_string(), stored.get(name)?.shape().to_vec()))).collect()
        };
        let now = shapes().unwrap_or_else(|error| panic!("{study}: {error}"));
        let first = base::replaced(&path, first, shapes).and_then(Result::ok).unwrap_or_default();
        for (name, shape) in now {
            assert!(first.get(&name).is_none_or(|first| *first == shape), "{study}: {name} has the shape {shape:?}");
        }
    }
}

/// The notes about damaged parts, a file of `checkpoint/`.
const REPAIRS: &str = "repairs.json";

/// One in so many inputs without a checksum is resumed from, which takes as long as to compute the part again.
const UNSEALED: usize = 32;

/// The trajectory to which a checkpoint belongs.
fn id_of(name: &str) -> &str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    ["-picard", "-grid"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem)
}

/// An archive of which no array is read.
struct Unread;

impl ArrayRecord for Unread {
    fn push(&self, _: &str, _: &mut Arrays) {}

    fn load(_: &str, _: &StoredArrays) -> Result<Self, NpzError> {
        Ok(Unread)
    }
}

/// The outcome of a resumption: what was computed again was refused.
fn outcome((result, notes): Resumed) -> Outcome {
    match result {
        Ok(()) if notes.is_empty() => Outcome::Accepted,
        Ok(()) => Outcome::Refused(notes.join("; ")),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

fn trajectory_of<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
) -> Result<(), RunError> {
    let progress = Progress::new("", 1.0, true);
    let found = run_trajectory(context, Measurement { problem, run, threads: Threads::One, against: None }, &progress)?;
    if let RunOutcome::Complete(found) = found {
        let (measures, times) = (problem.measures.len(), problem.times.len());
        assert_eq!(found.series.values().dim(), (measures, times), "the shape of a series");
        let whole = found.path.is_none_or(|path| path.len() == times);
        assert!(whole || found.stop != StopReason::Horizon, "a path that ends before the horizon");
    }
    Ok(())
}

/// The names of the checkpoints of a run.
fn names(run: &Path) -> Vec<String> {
    let entries = run.join("checkpoint").read_dir().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != REPAIRS).collect();
    names.sort();
    names
}

/// The unfinished run of every base.
///
/// # Panics
/// If a base cannot be run.
pub fn with_unfinished<T>(work: impl FnOnce(&[Unfinished]) -> T) -> T {
    RUNS.with(|runs| {
        let make = |base| Unfinished::new(base).unwrap_or_else(|error| panic!("{}: {error}", base.name));
        work(runs.get_or_init(|| base::BASES.iter().map(make).collect()))
    })
}

/// A file of `checkpoint/` of a trajectory, without its checksum. The last checkpoint is read once as that of a
/// trajectory that has not ended, and once, where it has, as that of one that has.
pub fn trajectory(data: &[u8]) -> Outcome {
    let [heading, content] = Layout::Headed.split(data);
    let Some((base, name)) = base::of_heading(heading) else { return Outcome::Skipped };
    with_unfinished(|runs| {
        let Some(run) = runs.iter().find(|run| run.base.name == base.name) else { return Outcome::Skipped };
        if !run.trajectories().iter().any(|known| known == name) {
            return Outcome::Skipped;
        }
        let id = id_of(name);
        base::kept(run.files_of(id), || run.must_be_damaged(name, content));
        if base::digest(content).is_multiple_of(UNSEALED) {
            let found = base::kept(run.files_of(id), || {
                let _ = std::fs::write(run.checkpoint(name), content);
                run.resume(name)
            });
            assert!(found.is_none_or(|(result, notes)| result.is_err() || !notes.is_empty()), "{name}: no note");
        }
        let Some((sealed, checksum)) = run.sealed(name, content) else { return Outcome::Skipped };
        // The end of a trajectory names the checksum of its last checkpoint.
        let ended = format!("{id}.json");
        let last = name == format!("{id}.npz") && run.checkpoint(&ended).is_file();
        let end = last.then(|| {
            let mut end: serde_json::Value = serde_json::from_slice(&run.read(&ended)).expect("a checkpoint is JSON");
            end["checkpoint"] = checksum.into();
            run.sealed(&ended, end.to_string().as_bytes()).expect("a text").0
        });
        let resumed = |end: Option<&Vec<u8>>| {
            base::kept(run.files_of(id), || {
                let _ = std::fs::write(run.checkpoint(name), &sealed);
                if last {
                    let ended = run.checkpoint(&ended);
                    let _ = end.map_or_else(|| std::fs::remove_file(&ended), |end| std::fs::write(&ended, end));
                }
                run.resume(name).map_or(Outcome::Skipped, outcome)
            })
        };
        let not_ended = resumed(None);
        end.map_or(not_ended, |end| resumed(Some(&end)))
    })
}

/// A file `checkpoint/study-*.json`, without its checksum; without `files`, the result alone.
pub fn task(data: &[u8]) -> Outcome {
    let [heading, content] = Layout::Headed.split(data);
    let Some((base, name)) = base::of_heading(heading) else { return Outcome::Skipped };
    with_unfinished(|runs| {
        let Some(run) = runs.iter().find(|run| run.base.name == base.name) else { return Outcome::Skipped };
        let Some((study, _)) = run.tasks.iter().find(|(_, names)| names.iter().any(|known| known == name)) else {
            return Outcome::Skipped;
        };
        let waypoints = run.path().join("state/paths").read_dir().into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = waypoints.map(|entry| entry.path()).collect();
        files.extend([run.checkpoint(name), run.checkpoint(REPAIRS)]);
        base::kept(files.clone(), || run.must_be_damaged(name, content));
        if base::digest(content).is_multiple_of(UNSEALED) {
            base::kept(files.clone(), || {
                let _ = std::fs::write(run.checkpoint(name), content);
                let (result, notes) = run.study(study);
                assert!(result.is_ok() && notes.iter().any(|note| note.contains(name)), "{name}: {notes:?}");
                run.check_records(study, true);
            });
        }
        let Ok(text) = std::str::from_utf8(content) else { return Outcome::Skipped };
        let result = if text.contains("\"files\"") {
            text.to_string()
        } else {
            let own: serde_json::Value = serde_json::from_slice(&run.read(name)).expect("a checkpoint is JSON");
            format!("{{\"files\":{},\"value\":{text}}}", own["files"])
        };
        let Some((sealed, _)) = run.sealed(name, result.as_bytes()) else { return Outcome::Skipped };
        base::kept(files, || {
            let _ = std::fs::write(run.checkpoint(name), &sealed);
            let (result, notes) = run.study(study);
            if result.is_ok() {
                run.check_records(study, !notes.is_empty());
            }
            outcome((result, notes))
        })
    })
}
