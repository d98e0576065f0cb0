//! The files of a trajectory whose neurons are divided into shares. Their contents depend neither on the number of ranks
//! nor on the rank that writes them, so that any number of ranks continues a run.
//!
//! | file | contents |
//! |---|---|
//! | `checkpoint/ID/STEP-FIRST-END.npz` | parameters `theta` and momenta `momentum`, (neurons, parameters), of the shares FIRST to END - 1 after step STEP, in the scalar type of the states |
//! | `checkpoint/ID/STEP.npz` | [`CheckpointArrays`] without parameters and momenta: the clock, the integrator's variables, the series, the path |
//! | `checkpoint/ID-shares.json` | [`ShareCheckpoint`]; it is renamed last, and names the other files with their checksums |
//! | `state/ID/FIRST-END.npz` | what `state/ID.npz` has of narrow networks, for the neurons of these shares |
//! | `checkpoint/ID/end.npz`, `checkpoint/ID.json` | as `STEP.npz` and `ID-shares.json` once the trajectory has ended |

use super::checkpoint::{self, Checkpoint, CheckpointArrays, Snapshot};
use super::context::{RunContext, RunError};
use super::plan::Trajectory;
use super::problem::Problem;
use crate::compute::{Real, Threads};
use crate::dynamics::State;
use crate::network::Portion;
use crate::network::kernel::LANES;
use crate::record::npz::{Arrays, StoredArrays};
use crate::record::state::push_parts;
use crate::record::{Build, SavedPart, sha256};
use ndarray::Array1;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Most shares of a file.
const FILE_SHARES: usize = 64;

/// A file with the neurons of some shares.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ShareFile {
    /// Its name in the run folder.
    name: String,
    /// The first share.
    first: usize,
    /// The share after the last one.
    end: usize,
    /// Checksum.
    sha256: String,
}

/// `checkpoint/ID-shares.json`.
#[derive(Serialize, Deserialize)]
struct ShareCheckpoint {
    /// Steps taken.
    step: u64,
    /// Time t.
    time: f64,
    /// Number of neurons N.
    width: usize,
    /// Number of shares S.
    shares: usize,
    /// Checksum of the experiment.
    experiment: String,
    /// Checksum of the fixed sample.
    data: String,
    /// The revision of the program.
    revision: String,
    /// Checksum of `checkpoint/ID/STEP.npz`.
    progress: String,
    /// The files of the shares.
    files: Vec<ShareFile>,
}

/// What was saved of a trajectory, as far as this rank needs it: its own neurons.
pub type SavedShares<R> = SavedPart<Checkpoint<R>>;

/// The folder of the checkpoints of a trajectory.
pub fn folder_name(run: &Trajectory) -> String {
    format!("checkpoint/{}", run.id)
}

/// The index of its last checkpoint.
pub fn index_name(run: &Trajectory) -> String {
    format!("checkpoint/{}-shares.json", run.id)
}

fn progress_name(run: &Trajectory, step: u64) -> String {
    format!("{}/{step}.npz", folder_name(run))
}

/// The folder of its initial and final states.
pub fn state_folder(run: &Trajectory) -> String {
    format!("state/{}", run.id)
}

/// The ranges of shares of the files that this rank writes.
fn file_ranges(portion: &Portion) -> impl Iterator<Item = Range<usize>> {
    let own = portion.own();
    // At multiples of the largest number, so that most files are the same on any number of ranks.
    let next = move |first: usize| ((first / FILE_SHARES + 1) * FILE_SHARES).min(own.end);
    let (start, end) = (portion.own().start, portion.own().end);
    std::iter::successors((start < end).then(|| start..next(start)), move |last| {
        (last.end < end).then(|| last.end..next(last.end))
    })
}

/// The part of a state slice that holds neurons of this rank.
fn state_range(portion: &Portion, parameters: usize, neurons: &Range<usize>) -> Range<usize> {
    let first = portion.neurons().start;
    let index = |neuron: usize| (neuron - first).div_ceil(LANES) * LANES * parameters;
    index(neurons.start)..index(neurons.end)
}

/// Checksum of the fixed sample.
fn data_checksum<R: Real>(problem: &Problem<'_, R>) -> String {
    let values = problem.sample.x.iter().chain(&problem.sample.y);
    sha256(&values.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// Writes a checkpoint. Collective.
///
/// # Errors
/// A file that cannot be written.
pub fn save<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    portion: &Portion,
    snapshot: &Snapshot<'_, R>,
) -> Result<(), RunError> {
    let step = snapshot.state.step;
    let name = |shares: &Range<usize>| format!("{}/{step}-{:04}-{:04}.npz", folder_name(run), shares.start, shares.end);
    let write = |shares: Range<usize>| -> Result<ShareFile, RunError> {
        let neurons = portion.shares().neurons(shares.clone());
        let (network, p) = (&problem.network, problem.network.neuron_parameters());
        let at = state_range(portion, p, &neurons);
        let mut arrays = Arrays::<R>::default();
        for (part, values) in [("theta", &snapshot.state.theta), ("momentum", &snapshot.state.momentum)] {
            arrays.push(part, &[neurons.len(), p], network.to_canonical(neurons.len(), &values[at.clone()]));
        }
        let sealed = context.folder.seal_named(&name(&shares), &arrays)?;
        sealed.write()?;
        Ok(ShareFile { name: name(&shares), first: shares.start, end: shares.end, sha256: sealed.sha256 })
    };
    let files = gather(context, file_ranges(portion).map(write).collect())?;
    let finish = || -> Result<bool, RunError> {
        let progress = seal_progress(context, problem, run, snapshot, &progress_name(run, step))?;
        let shares = portion.shares();
        let index = ShareCheckpoint {
            step,
            time: snapshot.state.time,
            width: shares.width(),
            shares: shares.count(),
            experiment: context.folder.identity().into(),
            data: data_checksum(problem),
            revision: Build::present().revision,
            progress,
            files: files.clone(),
        };
        context.folder.save_json(&index_name(run), &index)?;
        let named: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        remove_others(context, &folder_name(run), &[&named[..], &[&progress_name(run, step)]].concat())?;
        Ok(false)
    };
    context.agree(if context.ranks.is_first() { finish() } else { Ok(false) })?;
    Ok(())
}

/// Seals and writes the part of a checkpoint that all ranks have in common; returns its checksum.
fn seal_progress<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    snapshot: &Snapshot<'_, R>,
    name: &str,
) -> Result<String, RunError> {
    let arrays = checkpoint::arrays(problem, run, snapshot, [Array1::zeros(0), Array1::zeros(0)]);
    let sealed = context.folder.seal_arrays(name, &arrays)?;
    sealed.write()?;
    Ok(sealed.sha256)
}

/// The lists of all ranks, one after the other. Collective.
fn gather<T: Serialize + serde::de::DeserializeOwned>(
    context: &RunContext<'_>,
    own: Result<Vec<T>, RunError>,
) -> Result<Vec<T>, RunError> {
    let (own, failed) = match own {
        Ok(own) => (own, Ok(false)),
        Err(error) => (Vec::new(), Err(error)),
    };
    context.agree(failed)?;
    let text = serde_json::to_vec(&own).unwrap_or_default();
    let all = context.ranks.all_gather_bytes(&text);
    Ok(all.iter().flat_map(|text| serde_json::from_slice::<Vec<T>>(text).unwrap_or_default()).collect())
}

/// Removes the files of a folder that are not among `names`.
fn remove_others(context: &RunContext<'_>, folder: &str, names: &[&str]) -> Result<(), RunError> {
    for name in context.folder.files_in(folder)? {
        if !names.contains(&name.as_str()) {
            context.folder.remove(&name)?;
        }
    }
    Ok(())
}

/// Reads the last checkpoint: the neurons of this rank and what all have in common.
///
/// # Errors
/// A file that is not accessible.
pub fn load<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    portion: &Portion,
    threads: Threads,
) -> Result<SavedShares<R>, RunError> {
    let index: ShareCheckpoint = match context.folder.load_json(&index_name(run))? {
        SavedPart::Absent => return Ok(SavedPart::Absent),
        SavedPart::Damaged(reason) => return Ok(SavedPart::Damaged(reason)),
        SavedPart::Found(index) => index,
    };
    let shares = portion.shares();
    if (index.width, index.shares) != (shares.width(), shares.count()) || index.data != data_checksum(problem) {
        return Ok(SavedPart::Damaged("it is not of this trajectory".into()));
    }
    let progress = progress_name(run, index.step);
    let common = load_progress(context, problem, run, threads, &progress, &index.progress)?;
    let mut found = match common {
        SavedPart::Found(found) if found.state.step == index.step => found,
        SavedPart::Found(_) => return Ok(SavedPart::Damaged(format!("{progress} is of another step"))),
        SavedPart::Absent => return Ok(SavedPart::Damaged(format!("{progress} is missing"))),
        SavedPart::Damaged(reason) => return Ok(SavedPart::Damaged(format!("{progress}: {reason}"))),
    };
    let (p, own) = (problem.network.neuron_parameters(), portion.neurons());
    let len = problem.network.state_len(own.len());
    let State { theta, momentum, .. } = &mut found.state;
    (*theta, *momentum) = (vec![R::zero(); len], vec![R::zero(); len]);
    let mut present = 0;
    for file in &index.files {
        if file.first >= file.end || file.end > shares.count() {
            return Ok(SavedPart::Damaged(format!("it names shares that do not exist, of {}", file.name)));
        }
        let neurons = shares.neurons(file.first..file.end);
        let common = neurons.start.max(own.start)..neurons.end.min(own.end);
        if common.is_empty() {
            continue;
        }
        let stored = match context.folder.load_named::<R>(&file.name)? {
            SavedPart::Found((stored, sha256)) if sha256 == file.sha256 => stored,
            SavedPart::Found(_) => return Ok(SavedPart::Damaged(format!("{} is of another checkpoint", file.name))),
            SavedPart::Absent => return Ok(SavedPart::Damaged(format!("{} is missing", file.name))),
            SavedPart::Damaged(reason) => return Ok(SavedPart::Damaged(format!("{}: {reason}", file.name))),
        };
        let at = state_range(portion, p, &common);
        for (part, out) in [("theta", &mut *theta), ("momentum", &mut *momentum)] {
            let Some(values) =
                rows(&stored, part, [neurons.len(), p], common.start - neurons.start..common.end - neurons.start)
            else {
                return Ok(SavedPart::Damaged(format!("{}: {part} has another shape", file.name)));
            };
            out[at.clone()].copy_from_slice(&problem.network.from_canonical(common.len(), &values));
        }
        present += common.len();
    }
    if present != own.len() {
        return Ok(SavedPart::Damaged("its files do not hold every neuron once".into()));
    }
    Ok(SavedPart::Found(found))
}

/// Some rows of a matrix of this shape; `None` where it has another.
fn rows<R: Real>(stored: &StoredArrays<R>, name: &str, shape: [usize; 2], rows: Range<usize>) -> Option<Vec<R>> {
    let array = stored.get(name).ok().filter(|array| array.shape() == shape)?;
    let values = array.as_slice()?;
    Some(values[rows.start * shape[1]..rows.end * shape[1]].to_vec())
}

fn load_progress<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
    name: &str,
    expected: &str,
) -> Result<SavedPart<Checkpoint<R>>, RunError> {
    Ok(context.folder.load_arrays::<CheckpointArrays>(name)?.and_then(|(arrays, sha256)| {
        if sha256 != expected {
            return Err("it is of another checkpoint".into());
        }
        let own = || "its arrays are not of this trajectory".to_string();
        checkpoint::without_state(arrays, problem, run, threads).ok_or_else(own)
    }))
}

/// The end of a trajectory: `checkpoint/ID/end.npz`, and `state/ID/`.
pub struct EndFiles {
    /// Checksum of `checkpoint/ID/end.npz`.
    pub progress: String,
    /// Checksums of the files of `state/ID/`, by name.
    pub state: BTreeMap<String, String>,
}

/// The file of its series once it has ended.
pub fn end_name(run: &Trajectory) -> String {
    format!("{}/end.npz", folder_name(run))
}

/// Writes the initial and the final state and the series of a trajectory that has ended. Collective.
///
/// # Errors
/// A file that cannot be written.
pub fn write_end<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    portion: &Portion,
    snapshot: &Snapshot<'_, R>,
) -> Result<EndFiles, RunError> {
    let write = |shares: Range<usize>| -> Result<(String, String), RunError> {
        let name = format!("{}/{:04}-{:04}.npz", state_folder(run), shares.start, shares.end);
        let neurons = portion.shares().neurons(shares);
        let (network, count) = (&problem.network, neurons.len());
        let at = state_range(portion, network.neuron_parameters(), &neurons);
        // The start is drawn again, so that it need not be held.
        let start = problem.start_state(&run.of_neurons(neurons));
        let mut arrays = Arrays::<R>::default();
        let end = snapshot.state;
        for (when, theta, momentum) in
            [("initial", &start.theta[..], &start.momentum[..]), ("final", &end.theta[at.clone()], &end.momentum[at])]
        {
            push_parts(&mut arrays, network, count, &network.to_canonical(count, theta), when);
            push_parts(
                &mut arrays,
                network,
                count,
                &network.to_canonical(count, momentum),
                &format!("momentum_{when}"),
            );
        }
        arrays.write_uncompressed(&context.folder.file(&name))?;
        let sums = context.folder.checksums([name.clone()])?;
        Ok((name.clone(), sums[&name].clone()))
    };
    let state: BTreeMap<String, String> =
        gather(context, file_ranges(portion).map(write).collect())?.into_iter().collect();
    let finish = || -> Result<Vec<String>, RunError> {
        let names: Vec<&str> = state.keys().map(String::as_str).collect();
        remove_others(context, &state_folder(run), &names)?;
        Ok(vec![seal_progress(context, problem, run, snapshot, &end_name(run))?])
    };
    let progress = gather(context, if context.ranks.is_first() { finish() } else { Ok(Vec::new()) })?;
    Ok(EndFiles { progress: progress.concat(), state })
}

/// Reads the series of a trajectory that has ended. This rank checks its part of the files of `state/ID/`.
///
/// # Errors
/// A file that is not accessible.
pub fn load_end<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
    files: &EndFiles,
) -> Result<SavedPart<Checkpoint<R>>, RunError> {
    let own = files.state.iter().skip(context.ranks.rank()).step_by(context.ranks.size());
    let own: BTreeMap<String, String> = own.map(|(name, sha256)| (name.clone(), sha256.clone())).collect();
    if let Some((name, reason)) = context.folder.first_altered(&own)? {
        return Ok(SavedPart::Damaged(format!("{name}: {reason}")));
    }
    load_progress(context, problem, run, threads, &end_name(run), &files.progress)
}

/// Removes the last checkpoint of a trajectory that has ended.
///
/// # Errors
/// Files that cannot be removed.
pub fn remove_checkpoint(context: &RunContext<'_>, run: &Trajectory) -> Result<(), RunError> {
    context.folder.remove(&index_name(run))?;
    remove_others(context, &folder_name(run), &[&end_name(run)])
}
