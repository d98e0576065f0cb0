//! What a complete run keeps in `saved/`, so that it can be extended: the series and the end of every trajectory, and the
//! results of the tasks of its studies, all compressed. Every file has a checksum that is bound to the experiment.

use super::checkpoint;
use super::context::RunError;
use super::kept::{KeptTrajectories, SavedEnd};
use super::plan::{Plan, Trajectory};
use super::problem::Problem;
use super::training::Trained;
use super::trajectory::state_checksum;
use crate::config::Route;
use crate::record::npz::{ArrayField, ArrayRecord, Arrays, NpzError, StoredArrays};
use crate::record::{Measure, RecordError, RunFolder, SavedPart};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The ends of the trajectories.
const ENDS: &str = "saved/trajectories.json";

/// Their series.
const SERIES: &str = "saved/series.npz";

/// The folder of the results of tasks while the run is unfinished, and that of a complete run.
pub(super) const TASK_FOLDERS: [&str; 2] = ["checkpoint", "saved"];

/// `saved/trajectories.json`.
#[derive(Serialize, Deserialize)]
struct Ends {
    /// Recording times.
    times: Vec<f64>,
    /// The recorded measures, the rows of every series.
    measures: Vec<Measure>,
    /// By id.
    trajectories: BTreeMap<String, SavedEnd>,
}

/// `saved/series.npz`: the series of every trajectory (measures, times), by id.
struct SeriesArrays(BTreeMap<String, Array2<f64>>);

impl ArrayRecord for SeriesArrays {
    fn push(&self, prefix: &str, arrays: &mut Arrays) {
        self.0.iter().for_each(|(id, series)| series.push(&format!("{prefix}{id}"), arrays));
    }

    fn load(prefix: &str, stored: &StoredArrays) -> Result<Self, NpzError> {
        let own = stored.names().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
        let read = |(name, id): (&str, &str)| Ok((id.to_string(), stored.on_axes(name, &["measures", "times"])?));
        own.map(read).collect::<Result<_, _>>().map(SeriesArrays)
    }
}

/// The results of a complete run.
pub(super) struct Results {
    /// Recording times.
    pub times: Vec<f64>,
    /// The rows of every series.
    pub measures: Vec<Measure>,
    /// The ends of the trajectories, by id.
    pub ends: BTreeMap<String, SavedEnd>,
    /// Their series (measures, times), by id.
    pub series: BTreeMap<String, Array2<f64>>,
}

/// Whether a trajectory of a longer horizon continues from the end of this one: a method without internal variables, step
/// by step, whose path is not kept.
pub(super) fn can_be_continued(run: &Trajectory) -> bool {
    let stepwise = run.route == Route::Particles && !run.integration.scheme.method.is_adaptive();
    stepwise && !run.recording.keep_path
}

/// Writes the results of a complete run, those that it computed and those that it kept.
///
/// # Errors
/// Files that cannot be read or written.
pub(super) fn write(
    folder: &RunFolder,
    problem: &Problem<'_, f64>,
    plan: &Plan,
    trained: &Trained,
    kept: &KeptTrajectories,
) -> Result<(), RunError> {
    let (mut ends, mut series) = (BTreeMap::new(), BTreeMap::new());
    for run in plan.trajectories() {
        let Some(ended) = trained.runs.get(&run.id) else { continue };
        let end = match kept.get(&run.id) {
            Some(kept) => kept.end.clone(),
            None => SavedEnd {
                stop: ended.stop,
                unconverged: trained.unconverged.get(&run.id).copied().unwrap_or(0.0),
                state: state_checksum(folder, run)?,
                clock: if can_be_continued(run) { checkpoint::clock(folder, run)? } else { None },
            },
        };
        ends.insert(run.id.clone(), end);
        series.insert(run.id.clone(), ended.series.values().clone());
    }
    let ends = Ends { times: problem.times.clone(), measures: problem.measures.clone(), trajectories: ends };
    folder.seal_compressed(SERIES, &SeriesArrays(series))?.write()?;
    folder.save_json(ENDS, &ends)?;
    let tasks = task_names(folder, TASK_FOLDERS[0])?;
    for task in &tasks {
        folder.copy_sealed_json(folder, &task_file(TASK_FOLDERS[0], task), &task_file(TASK_FOLDERS[1], task))?;
    }
    let own: BTreeSet<String> = tasks.iter().map(|task| task_file(TASK_FOLDERS[1], task)).collect();
    let results = folder.files_in(TASK_FOLDERS[1])?.into_iter().filter(|name| name.contains("/study-"));
    for stale in results.filter(|name| !own.contains(name)) {
        folder.remove(&stale)?;
    }
    Ok(())
}

/// Reads the results of the complete run of an experiment, to which `folder` is bound; the reason where there are none.
///
/// # Errors
/// Files that are not accessible.
pub(super) fn read(folder: &RunFolder) -> Result<Result<Results, String>, RecordError> {
    let ends = match folder.load_json::<Ends>(ENDS)? {
        SavedPart::Found(ends) => ends,
        SavedPart::Absent => return Ok(Err(format!("{ENDS} is missing"))),
        SavedPart::Damaged(reason) => return Ok(Err(format!("{ENDS}: {reason}"))),
    };
    Ok(match folder.load_arrays::<SeriesArrays>(SERIES)? {
        SavedPart::Found((SeriesArrays(series), _)) => {
            let Ends { times, measures, trajectories: ends } = ends;
            Ok(Results { times, measures, ends, series })
        }
        SavedPart::Absent => Err(format!("{SERIES} is missing")),
        SavedPart::Damaged(reason) => Err(format!("{SERIES}: {reason}")),
    })
}

/// The end of the name of the file of a task's result in one of [`TASK_FOLDERS`].
fn task_suffix(folder: &str) -> &'static str {
    if folder == TASK_FOLDERS[1] { ".json.gz" } else { ".json" }
}

/// The file of the result of a task.
pub(super) fn task_file(folder: &str, task: &str) -> String {
    format!("{folder}/study-{task}{}", task_suffix(folder))
}

/// The names of the tasks whose results are in a folder of the run, in order.
///
/// # Errors
/// A folder that cannot be read.
pub(super) fn task_names(folder: &RunFolder, within: &str) -> Result<Vec<String>, RecordError> {
    let path = folder.file(within);
    let io = |source| RecordError::Io { path: path.clone(), source };
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in path.read_dir().map_err(io)? {
        let file = entry.map_err(io)?.file_name();
        let file = file.to_string_lossy();
        let task = file.strip_prefix("study-").and_then(|rest| rest.strip_suffix(task_suffix(within)));
        names.extend(task.map(String::from));
    }
    names.sort_unstable();
    Ok(names)
}
