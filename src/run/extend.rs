//! The extension of a complete run to another experiment: what stays valid is kept, and the rest is computed.
//!
//! Whether a part is kept is decided by what it depends on, as the resolved experiments give it. A trajectory is kept where
//! it is planned with the same particles, integrator, batches and recordings in both, where the limit with which it is
//! compared is the same, and where the recording times are; where they go on beyond those of the complete run, a network
//! continues from its state at the end. The path of a limit is on disk only with `run.keep_limits`: without it a limit is
//! computed again where something that is computed is compared with it. The result of a task of a study is kept where its inputs are the same
//! ([`super::study::Study::task_inputs`]).
//!
//! The manifest turns a complete run into an unfinished one of the new experiment ([`RunFolder::open_extension`]), which is
//! then continued like any other: everything below is repeated whenever it is resumed, and gives the same.

use super::checkpoint::{self, seal_continued};
use super::context::{Options, RunContext, RunError};
use super::kept::{KeptTrajectories, KeptTrajectory, SavedEnd};
use super::kept_states::is_network;
use super::lifecycle::{OpenRun, require_same_rounding};
use super::plan::{Plan, Trajectory};
use super::problem::Problem;
use super::progress::note;
use super::results::{self, Results, TASK_FOLDERS, can_be_continued, task_file, task_names};
use super::series::Series;
use super::share_files::state_folder;
use super::study::{Registry, studies_of};
use super::tasks;
use super::trajectory::{last_name, state_name};
use crate::config::study::ExperimentKind;
use crate::config::{AnyExperiment, Experiment, KeptStates, Route, from_resolved};
use crate::dynamics::StopReason;
use crate::number::plain;
use crate::record::{Build, Checksums, LimitRun, OpenRequest, RecordError, RunFolder, SavedPart, differing_keys};
use ndarray::Array2;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Opens the folder of a complete run for its extension to the experiment `resolved` on the data files `sources`.
///
/// # Errors
/// Those of [`RunFolder::open_extension`], and an instruction set with other rounding.
pub(super) fn open(options: &Options, resolved: &Value, sources: &Value) -> Result<OpenRun, RunError> {
    require_same_rounding(&RunFolder::existing(&options.out)?.manifest()?.simd)?;
    let request = OpenRequest {
        experiment: resolved,
        sources,
        build: &Build::present(),
        force: false,
        resume: true,
        accept_revision: options.accept_revision,
    };
    let (folder, manifest) = RunFolder::open_extension(&options.out, &request)?;
    Ok(OpenRun { folder, earlier: Some(manifest) })
}

/// An experiment with its plan.
struct Posed<'a> {
    experiment: &'a Experiment,
    plan: &'a Plan,
    resolved: Value,
}

/// The reason why a part is computed.
type Reason = String;

/// Prepares an extended run: what is kept of the experiment before, the last of `extends`, is returned or put where a
/// resumed run looks for it, and files that the new run has not are removed. Without an experiment before, nothing is
/// done.
///
/// # Errors
/// Files that cannot be read or written; an experiment in the manifest that cannot be read.
pub(super) fn prepare(
    context: &RunContext<'_>,
    (extends, states): (&[Value], Option<&Checksums>),
    problem: &Problem<'_, f64>,
    plan: &Plan,
    registry: &'static Registry,
) -> Result<KeptTrajectories, RunError> {
    let Some(earlier) = extends.last() else { return Ok(KeptTrajectories::new()) };
    let folder = context.folder;
    let now = Posed { experiment: problem.experiment, plan, resolved: problem.experiment.resolved() };
    // A process that was killed at the very end has saved the results of the present experiment already.
    let (source, found) = match results::read(&folder.of_experiment(&now.resolved))? {
        Ok(found) => (now.resolved.clone(), Ok(found)),
        Err(_) => (earlier.clone(), results::read(&folder.of_experiment(earlier))?),
    };
    let experiment = earlier_experiment(folder, &source, registry)?;
    let before = Posed { experiment: &experiment, plan: &Plan::new(&experiment), resolved: source };
    let extension = Extension { folder, before: &before, now: &now, found: found.as_ref(), states };
    let decisions = extension.decisions(problem)?;
    let mut kept = KeptTrajectories::new();
    let (mut continued, mut read, mut computed) = (0, 0, BTreeMap::<Reason, Vec<&str>>::new());
    for (run, decision) in plan.trajectories().zip(decisions) {
        match decision {
            TrajectoryDecision::Keep(trajectory) => {
                kept.insert(run.id.clone(), trajectory);
            }
            TrajectoryDecision::Continue { clock, records, series } => {
                continued += 1;
                if let Some((clock, series)) = clock.zip(series) {
                    seal_continued(folder, &problem.network, run, clock, (records, series))?.write()?;
                }
            }
            TrajectoryDecision::Compute(reason) => {
                // A limit is read where it is kept, if the folder has no file of it.
                if run.is_limit() && !folder.file(&last_name(run)).exists() {
                    folder.remove(&state_name(run))?;
                }
                let kept = context.shared.filter(|_| run.is_limit()).map(|shared| shared.place(problem, run).kept());
                let reason = match kept.transpose()? {
                    Some(SavedPart::Found(())) => {
                        read += 1;
                        continue;
                    }
                    Some(SavedPart::Damaged(damage)) => format!("{reason}, and its kept solution is damaged: {damage}"),
                    Some(SavedPart::Absent) | None => reason,
                };
                computed.entry(reason).or_default().push(&run.id);
            }
        }
    }
    let tasks = extension.keep_tasks(registry)?;
    tidy(folder, plan)?;
    if !context.quiet {
        note(format!(
            "extended: {} trajectories and {tasks} results of studies are kept, {continued} trajectories are continued{}",
            kept.len(),
            if read > 0 { format!(", {read} solutions of the limit are read") } else { String::new() }
        ));
        for (reason, ids) in &computed {
            note(format!("computed: {} ({}): {reason}", ids.len(), listed(ids)));
        }
        if kept.is_empty() && continued == 0 {
            note("nothing is kept: every trajectory is computed again");
        }
    }
    Ok(kept)
}

/// Ids of trajectories; those that differ in a last number and follow each other as a range.
fn listed(ids: &[&str]) -> String {
    let split = |id: &str| -> Option<(String, u64)> {
        let stem = id.trim_end_matches(|c: char| c.is_ascii_digit());
        Some((stem.to_string(), id[stem.len()..].parse().ok()?))
    };
    let follows = |before: &str, after: &str| match (split(before), split(after)) {
        (Some((stem, i)), Some((other, j))) => stem == other && i + 1 == j,
        _ => false,
    };
    let ranges = ids.chunk_by(|before, after| follows(before, after));
    let text = |range: &[&str]| match range {
        [first, .., last] if range.len() > 2 => format!("{first} to {last}"),
        _ => range.join(", "),
    };
    ranges.map(text).collect::<Vec<_>>().join(", ")
}

/// The experiment of the manifest.
fn earlier_experiment(folder: &RunFolder, resolved: &Value, registry: &Registry) -> Result<Experiment, RunError> {
    let refuse = |problem: String| RecordError::Extension { path: folder.path().into(), problem };
    match from_resolved(resolved, "manifest.json", &registry.readers(|_| None)) {
        Ok(AnyExperiment::Training(experiment)) if differing_keys("", &experiment.resolved(), resolved).is_empty() => {
            Ok(*experiment)
        }
        Ok(_) => Err(refuse("this version reads the experiment in its manifest otherwise".into()).into()),
        Err(error) => Err(refuse(format!("the experiment in its manifest cannot be read: {error}")).into()),
    }
}

/// What happens to a trajectory.
enum TrajectoryDecision {
    /// It is kept.
    Keep(KeptTrajectory),
    /// It continues from its end, or from its checkpoint where there is one.
    Continue {
        /// Steps and time at the end.
        clock: Option<(u64, f64)>,
        /// Number of records so far.
        records: usize,
        /// The series so far (measures, times); `None` where there is a checkpoint.
        series: Option<Array2<f64>>,
    },
    /// It is computed from the start, or from its checkpoint.
    Compute(Reason),
}

/// A complete run and the experiment to which it is extended.
struct Extension<'a> {
    folder: &'a RunFolder,
    before: &'a Posed<'a>,
    now: &'a Posed<'a>,
    found: Result<&'a Results, &'a Reason>,
    /// The checksums of the states that the complete run kept.
    states: Option<&'a Checksums>,
}

/// What is left of the state of a trajectory that has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StateLeft {
    /// First and last parameters and momenta, or the trajectory has no state.
    Whole,
    /// The last parameters.
    Final,
    /// Nothing, as the run was not to keep it.
    Nothing,
}

impl Extension<'_> {
    /// What happens to every trajectory of the plan, in its order.
    fn decisions(&self, problem: &Problem<'_, f64>) -> Result<Vec<TrajectoryDecision>, RunError> {
        let runs: Vec<&Trajectory> = self.now.plan.trajectories().collect();
        let mut decisions = Vec::with_capacity(runs.len());
        let mut needed: BTreeSet<&str> = BTreeSet::new();
        // From the networks to the limits with which they are compared.
        for run in runs.iter().rev() {
            let mut decision = self.decision(run, problem)?;
            if run.recording.keep_path
                && needed.contains(run.id.as_str())
                && matches!(decision, TrajectoryDecision::Keep(_))
            {
                decision = TrajectoryDecision::Compute("trajectories that are computed are compared with it".into());
            }
            if !matches!(decision, TrajectoryDecision::Keep(_)) {
                needed.extend(run.recording.compare.as_ref().map(|comparison| comparison.limit.as_str()));
            }
            decisions.push(decision);
        }
        decisions.reverse();
        Ok(decisions)
    }

    fn decision(&self, run: &Trajectory, problem: &Problem<'_, f64>) -> Result<TrajectoryDecision, RunError> {
        let compute = |reason: &str| Ok(TrajectoryDecision::Compute(reason.into()));
        if self.before.plan.find(&run.id).is_none() {
            return compute("not in the run so far");
        }
        if problem.portion(run).is_some() {
            return compute("its neurons are divided into shares, whose files are not kept for an extension");
        }
        let found = match self.found {
            Ok(found) => found,
            Err(reason) => return compute(&format!("no saved results: {reason}")),
        };
        if let Some(reason) = self.difference(run) {
            return compute(&reason);
        }
        let (Some(end), Some(series)) = (found.ends.get(&run.id), found.series.get(&run.id)) else {
            return compute("not among the saved results");
        };
        if found.measures != problem.measures || series.dim() != (found.measures.len(), found.times.len()) {
            return compute("other measures were recorded");
        }
        let (records, times) = (found.times.len(), problem.times.len());
        let same_times = found.times == problem.times;
        let longer = records < times && problem.times[..records] == found.times[..];
        let diverged = matches!(end.stop, StopReason::Diverged { .. });
        let continues = longer && can_be_continued(run);
        if !(same_times || continues) {
            return compute(&if longer { obstacle(run) } else { self.other_times() });
        }
        let extended = || {
            let mut extended = Array2::from_elem((series.nrows(), times), f64::NAN);
            extended.slice_mut(ndarray::s![.., ..records]).assign(series);
            extended
        };
        if continues && !diverged && checkpoint::exists(self.folder, run) {
            return Ok(TrajectoryDecision::Continue { clock: None, records, series: None });
        }
        let left = match self.state_left(run, end)? {
            Ok(left) => left,
            Err(reason) => return compute(&reason),
        };
        if let Some(reason) = self.missing(run, left, continues && !diverged) {
            return compute(reason);
        }
        if continues && !diverged {
            return match end.clock {
                Some(clock) => {
                    Ok(TrajectoryDecision::Continue { clock: Some(clock), records, series: Some(extended()) })
                }
                None => compute("its end is not among the saved results"),
            };
        }
        match Series::from_values(&problem.measures, extended()) {
            Some(series) => Ok(TrajectoryDecision::Keep(KeptTrajectory { end: end.clone(), series })),
            None => compute("other measures were recorded"),
        }
    }

    /// How the recording times differ, with the number of records that would keep those of before.
    fn other_times(&self) -> Reason {
        let (before, now) = (&self.before.experiment.horizon, &self.now.experiment.horizon);
        let records = now.time / before.interval();
        let keeping = if now.time > before.time && (records - records.round()).abs() < 1e-9 {
            format!("; horizon.records = {records:.0} would keep those of before")
        } else {
            String::new()
        };
        format!(
            "the recording times are others, every {} and not every {}{keeping}",
            plain(now.interval()),
            plain(before.interval())
        )
    }

    /// What is left of the state of a trajectory of the complete run; the reason where it was altered.
    fn state_left(&self, run: &Trajectory, end: &SavedEnd) -> Result<Result<StateLeft, Reason>, RunError> {
        let (name, Some(whole)) = (state_name(run), &end.state) else { return Ok(Ok(StateLeft::Whole)) };
        let kept = self.states.map(|states| states.get(&name));
        Ok(match self.folder.file_checksum(&name)? {
            SavedPart::Found(found) if found == *whole => Ok(StateLeft::Whole),
            SavedPart::Found(found) if kept.flatten() == Some(&found) => Ok(StateLeft::Final),
            SavedPart::Found(found) => Err(format!("{name}: its SHA-256 is {found}")),
            SavedPart::Absent if kept == Some(None) => Ok(StateLeft::Nothing),
            SavedPart::Absent => Err(format!("{name}: it is missing")),
            SavedPart::Damaged(reason) => Err(format!("{name}: {reason}")),
        })
    }

    /// Why a trajectory cannot be kept, or continued, with what is left of its state.
    fn missing(&self, run: &Trajectory, left: StateLeft, continues: bool) -> Option<&'static str> {
        let all = self.now.experiment.run.states == KeptStates::All;
        match left {
            StateLeft::Whole => None,
            StateLeft::Final if continues => Some("its momenta were not kept (run.states)"),
            StateLeft::Final if all => Some("its first state was not kept (run.states)"),
            StateLeft::Final => None,
            StateLeft::Nothing if continues || all || is_read(&run.id) => Some("its state was not kept (run.states)"),
            StateLeft::Nothing => None,
        }
    }

    /// Why a trajectory of both plans is another one, apart from recording times; `None` where it is the same.
    fn difference(&self, run: &Trajectory) -> Option<Reason> {
        let (before, now) = (self.before, self.now);
        let Some(earlier) = before.plan.find(&run.id) else { return Some("not in the run so far".into()) };
        if earlier.particles != run.particles {
            return Some("it starts from other particles".into());
        }
        if earlier != run {
            return Some("its integration or its recordings are others".into());
        }
        let reference = |e: &Experiment| match run.route {
            Route::Particles => (None, None),
            Route::Picard => (e.reference.picard, None),
            Route::Grid => (None, e.reference.grid),
        };
        if reference(before.experiment) != reference(now.experiment) {
            return Some("its method has other parameters".into());
        }
        let compared = run.recording.compare.as_ref()?;
        if before.experiment.projections() != now.experiment.projections() {
            return Some("the number of projections is another".into());
        }
        let limit = now.plan.find(&compared.limit)?;
        self.difference(limit).map(|reason| format!("its limit {}: {reason}", limit.id))
    }

    /// Puts the results of tasks that are the same where a resumed run looks for them; returns their number.
    fn keep_tasks(&self, registry: &'static Registry) -> Result<usize, RunError> {
        let (before, now) = (self.before, self.now);
        let source = self.folder.of_experiment(&before.resolved);
        let mut count = 0;
        for task in task_names(self.folder, TASK_FOLDERS[1])? {
            let target = task_file(TASK_FOLDERS[0], &task);
            let Some(study) = registry.training.iter().find(|study| (study.owns_task)(&task)) else { continue };
            if !self.task_is_same(study.name, &task, registry) {
                continue;
            }
            let mut kept = self.folder.file(&target).is_file();
            if !kept && self.folder.copy_sealed_json(&source, &task_file(TASK_FOLDERS[1], &task), &target)? {
                // Files of tasks that the run has not kept are written by tasks that run again.
                kept = tasks::files_are_present(self.folder, &target)?;
                if !kept {
                    self.folder.remove(&target)?;
                }
            }
            count += usize::from(kept && now.resolved.get(study.name).is_some());
        }
        Ok(count)
    }

    fn task_is_same(&self, study: &str, task: &str, registry: &'static Registry) -> bool {
        let (before, now) = (self.before, self.now);
        let table = |posed: &Posed<'_>| posed.resolved.get(study).cloned();
        if table(before).is_none() || table(before) != table(now) || self.found.is_err() {
            return false;
        }
        // Other studies, apart from the trajectories that they require, and names have no effect.
        let no_effect = |key: &String| {
            let table = key.split('.').next().unwrap_or_default();
            ["name", "title"].contains(&table) || registry.training.iter().any(|study| study.name == table)
        };
        let whole = before.plan == now.plan
            && before.experiment.projections() == now.experiment.projections()
            && differing_keys("", &before.resolved, &now.resolved).iter().all(no_effect);
        if whole {
            return true;
        }
        if before.experiment.horizon != now.experiment.horizon {
            return false;
        }
        let inputs = |posed: &Posed<'_>| {
            let mut studies = studies_of(registry.training, posed.experiment);
            studies.find(|(name, _)| *name == study)?.1.task_inputs(task, posed.experiment, posed.plan)
        };
        let same = |id: &String| now.plan.find(id).is_some_and(|run| self.difference(run).is_none());
        inputs(now).is_some_and(|found| inputs(before) == Some(found.clone()) && found.trajectories.iter().all(same))
    }
}

/// Why a trajectory cannot be continued to a longer horizon.
fn obstacle(run: &Trajectory) -> Reason {
    let method = run.integration.scheme.method;
    let why = if run.route != Route::Particles {
        format!("it is computed by {}, for the whole horizon at once", run.route)
    } else if method.is_adaptive() {
        format!("its method, {method}, chooses its steps from those before")
    } else {
        "its path, with which others are compared, is not kept".into()
    };
    format!("the horizon is longer, and it cannot be continued: {why}")
}

/// Whether studies or figures read the state of a trajectory.
fn is_read(id: &str) -> bool {
    let read = [LimitRun::Reference, LimitRun::HalfParticles, LimitRun::TrainingStep];
    is_network(id) || read.iter().any(|run| run.id() == id)
}

/// The names of the files that a task has written, in the file of its result.
#[derive(Deserialize)]
struct TaskFiles {
    files: BTreeMap<String, IgnoredAny>,
}

/// Removes what is made from records, and the records, which are written again, and states that are not of the plan or of a result of a task.
fn tidy(folder: &RunFolder, plan: &Plan) -> Result<(), RunError> {
    for name in ["records", "figures", "checks.json", "report.html", "export"] {
        folder.remove(name)?;
    }
    let mut own: BTreeSet<String> = plan.trajectories().flat_map(|run| [state_name(run), state_folder(run)]).collect();
    own.extend(["state/data.npz".to_string(), "state/paths".to_string()]);
    for task in task_names(folder, TASK_FOLDERS[0])? {
        if let SavedPart::Found(TaskFiles { files }) = folder.load_json(&task_file(TASK_FOLDERS[0], &task))? {
            own.extend(files.into_keys());
        }
    }
    for within in ["state", "state/paths"] {
        for entry in folder.file(within).read_dir().into_iter().flatten().flatten() {
            let name = format!("{within}/{}", entry.file_name().to_string_lossy());
            if !own.contains(&name) {
                folder.remove(&name)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn every_id_is_listed() {
        assert_eq!(
            listed(&["n4-s0", "n4-s1", "n4-s2", "n8-s0", "n8-s1", "reference"]),
            "n4-s0 to n4-s2, n8-s0, n8-s1, reference"
        );
        assert_eq!(listed(&["n4-s9", "n4-s10", "n4-s11", "n4-s13"]), "n4-s9 to n4-s11, n4-s13");
        assert_eq!(listed(&["reference"]), "reference");
    }
}
