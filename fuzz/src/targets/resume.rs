//! Checkpoints, as the resumption of a run reads them.
//!
//! A trajectory is resumed with the interruption already requested, so that it is read and stops. Results of the tasks
//! of a study are read by the study, which is computed where all results are there.

use super::{Layout, Outcome};
use crate::base::{self, Base, Scratch};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widelimit::compute::{Real, Threads};
use widelimit::config::{AnyExperiment, Experiment, Precision, RecoveryExperiment, Route};
use widelimit::population::Population;
use widelimit::record::{Opened, RunFolder};
use widelimit::run::plan::{Plan, Trajectory};
use widelimit::run::problem::Problem;
use widelimit::run::progress::Progress;
use widelimit::run::recovery_source::ProblemSource;
use widelimit::run::series::Measurement;
use widelimit::run::study::{RecoverySubject, TrainingSubject, studies_of};
use widelimit::run::training::{Trained, run_plan};
use widelimit::run::trajectory::run_trajectory;
use widelimit::run::{RunContext, RunError};
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
}

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
        let Opened::Fresh(folder) = RunFolder::open(&path, &serde_json::Value::Null, false, false)? else {
            anyhow::bail!("a new folder holds a run");
        };
        let subject = match base.experiment()? {
            AnyExperiment::Recovery(experiment) => {
                let source = ProblemSource::new(&experiment)?;
                Subject::Recovery { experiment: *experiment, source }
            }
            AnyExperiment::Training(experiment) => {
                let experiment: &'static Experiment = Box::leak(experiment);
                let population: &'static Population = Box::leak(Box::new(experiment.build_population()?));
                let double = Problem::new(experiment, population);
                let single = (experiment.precision == Precision::F32).then(|| Problem::new(experiment, population));
                let (problem, plan) = (Problems { double, single }, Plan::new(experiment));
                let context = RunContext { folder: &folder, interrupt: &RUNNING, quiet: true };
                let trained = match &problem.single {
                    Some(single) => run_plan(&context, single, &plan)?,
                    None => run_plan(&context, &problem.double, &plan)?,
                };
                Subject::Training { problem, plan, trained }
            }
        };
        let mut run = Unfinished { base, scratch, folder, subject, tasks: Vec::new() };
        let mut before = names(&path);
        for name in run.studies() {
            run.study(name)?;
            let after = names(&path);
            run.tasks.push((name, after.iter().filter(|file| !before.contains(file)).cloned().collect()));
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

    /// The checkpoints of trajectories.
    pub fn trajectories(&self) -> Vec<String> {
        let of_task = |name: &String| self.tasks.iter().any(|(_, names)| names.contains(name));
        names(&self.path()).into_iter().filter(|name| !of_task(name)).collect()
    }

    /// The checkpoints of the tasks of studies.
    pub fn tasks(&self) -> impl Iterator<Item = &String> {
        self.tasks.iter().flat_map(|(_, names)| names)
    }

    /// The content of a checkpoint.
    ///
    /// # Panics
    /// If there is no such checkpoint.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.checkpoint(name)).expect("a checkpoint of the list")
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
    fn study(&self, name: &str) -> Result<(), RunError> {
        let context = RunContext { folder: &self.folder, interrupt: &RUNNING, quiet: true };
        match &self.subject {
            Subject::Training { problem, plan, trained } => {
                let subject = TrainingSubject { problem: &problem.double, plan, trained };
                let mut studies = studies_of(REGISTRY.training, problem.double.experiment);
                if let Some((_, study)) = studies.find(|(known, _)| *known == name) {
                    study.run(subject, &context)?;
                }
            }
            Subject::Recovery { experiment, source } => {
                let subject = RecoverySubject { experiment, source };
                let mut studies = studies_of(REGISTRY.recovery, experiment);
                if let Some((_, study)) = studies.find(|(known, _)| *known == name) {
                    study.run(subject, &context)?;
                }
            }
        }
        Ok(())
    }

    /// Resumes the trajectory to which a checkpoint belongs.
    fn resume(&self, name: &str) -> Option<Result<(), RunError>> {
        let Subject::Training { problem, plan, .. } = &self.subject else { return None };
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let id = ["-picard", "-grid"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
        let run = plan.find(id)?;
        // A solution on a grid is complete, and read to its end.
        let interrupt = if run.route == Route::Grid { &RUNNING } else { &INTERRUPTED };
        let context = RunContext { folder: &self.folder, interrupt, quiet: true };
        Some(match &problem.single {
            Some(single) => trajectory_of(&context, single, run),
            None => trajectory_of(&context, &problem.double, run),
        })
    }
}

fn trajectory_of<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
) -> Result<(), RunError> {
    let progress = Progress::new("", 1.0, true);
    run_trajectory(context, Measurement { problem, run, threads: Threads::One, against: None }, &progress)?;
    Ok(())
}

/// The names of the checkpoints of a run.
fn names(run: &Path) -> Vec<String> {
    let entries = run.join("checkpoint").read_dir().into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
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

/// A file of `checkpoint/` of a trajectory: read once as that of a trajectory that has ended, where it has, and once as
/// that of one that has not.
pub fn trajectory(data: &[u8]) -> Outcome {
    let [heading, content] = Layout::Headed.split(data);
    let Some((base, name)) = base::of_heading(heading) else { return Outcome::Skipped };
    with_unfinished(|runs| {
        let Some(run) = runs.iter().find(|run| run.base.name == base.name) else { return Outcome::Skipped };
        if !run.trajectories().iter().any(|known| known == name) {
            return Outcome::Skipped;
        }
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let [arrays, ended] = ["npz", "json"].map(|ending| run.checkpoint(&format!("{stem}.{ending}")));
        let read = || run.resume(name);
        let resume = || {
            let Some(outcome) = read() else { return Outcome::Skipped };
            if outcome.is_ok() && name.ends_with(".npz") && ended.is_file() {
                let content = std::fs::read(&ended).unwrap_or_default();
                let _ = std::fs::remove_file(&ended);
                let again = read();
                let _ = std::fs::write(&ended, content);
                return again.map_or(Outcome::Skipped, Outcome::of);
            }
            Outcome::of(outcome)
        };
        // Both files may be written anew where they are not those of a trajectory that has ended.
        let original = std::fs::read(&arrays).unwrap_or_default();
        let outcome = base::replaced(&run.checkpoint(name), content, resume).unwrap_or(Outcome::Skipped);
        if !original.is_empty() {
            let _ = std::fs::write(&arrays, original);
        }
        outcome
    })
}

/// A file `checkpoint/study-*.json`.
pub fn task(data: &[u8]) -> Outcome {
    let [heading, content] = Layout::Headed.split(data);
    let Some((base, name)) = base::of_heading(heading) else { return Outcome::Skipped };
    with_unfinished(|runs| {
        let Some(run) = runs.iter().find(|run| run.base.name == base.name) else { return Outcome::Skipped };
        let Some((study, _)) = run.tasks.iter().find(|(_, names)| names.iter().any(|known| known == name)) else {
            return Outcome::Skipped;
        };
        base::replaced(&run.checkpoint(name), content, || Outcome::of(run.study(study))).unwrap_or(Outcome::Skipped)
    })
}
