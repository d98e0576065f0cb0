//! The random draws of a trajectory as arrays, so that it can be reproduced by other programs.
//!
//! Draws are not stored; they are regenerated from their addresses: batch indices into `state/data.npz`
//! (steps, B), or fresh samples x (steps, B, d) and y (steps, B, K), and at positive temperature the standard normals
//! (steps, N, trained parameters) in canonical order, one array per family of units.

use super::context::RunError;
use super::machine_memory::Shortfall;
use super::plan::{Plan, Trajectory};
use super::problem::Problem;
use crate::config::study::ExperimentKind;
use crate::config::{BatchSize, Experiment};
use crate::dynamics::batches::{batch_indices, fresh_batch};
use crate::population::{Population, Sampler};
use crate::record::npz::{Arrays, StoredArrays};
use crate::record::{FORMAT, Manifest, RunFolder};
use serde_json::Value;
use std::path::Path;

/// Writes the draws of trajectory `id` of a run to `out`. `experiment` is that of `experiment.toml` in its folder. A file
/// that does not hold draws is replaced only with `force`.
///
/// # Errors
/// An experiment or data that are not those of the run; those of [`write()`]; a file that is not to be replaced.
pub fn write_of_run(
    folder: &RunFolder,
    experiment: &Experiment,
    id: &str,
    out: &Path,
    force: bool,
) -> Result<(), RunError> {
    // No option allows to replace a file of the run itself.
    let parent =
        |path: &Path| path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).canonicalize();
    let inside = match (parent(out), folder.path().canonicalize()) {
        (Ok(target), Ok(run)) => target.starts_with(run),
        _ => false,
    };
    if (!force || inside) && !replaceable(out) {
        return Err(RunError::NotDraws { path: out.into() });
    }
    // The manifest may be of any format.
    let manifest: Value = folder.read_json("manifest.json")?;
    if manifest["format"] == FORMAT {
        folder.require_same_experiment(&manifest["experiment"], &experiment.resolved())?;
    }
    find(&Plan::new(experiment), id)?;
    let population = experiment.build_population()?;
    let now = serde_json::to_value(&population.sources).unwrap_or_default();
    folder.require_same_data(&manifest["population"]["sources"], &now)?;
    require_unaltered_states(folder, &manifest, id)?;
    write_on(experiment, &population, id, out)
}

/// Checks the state of a trajectory of a complete run, and the data to which its draws are indices: the draws are of use
/// with both alone.
fn require_unaltered_states(folder: &RunFolder, manifest: &Value, id: &str) -> Result<(), RunError> {
    if manifest["format"] != FORMAT {
        return Ok(());
    }
    let manifest: Manifest = folder.read_json("manifest.json")?;
    folder.require_unaltered_state(&manifest, id)?;
    Ok(folder.require_unaltered_state(&manifest, "data")?)
}

/// Whether there is no file, or one that holds the draws of a trajectory: arrays with the names and the numbers of axes
/// of draws.
fn replaceable(out: &Path) -> bool {
    match out.symlink_metadata() {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(about) if !about.is_file() => false,
        Ok(_) => StoredArrays::<f64>::read(out).is_ok_and(|stored| {
            let axes = |name: &str| match name {
                INDICES => Some(2),
                X | Y => Some(3),
                _ if name.starts_with(NORMALS) => Some(3),
                _ => None,
            };
            let expected = |name| stored.get(name).is_ok_and(|array| axes(name) == Some(array.ndim()));
            stored.names().count() > 0 && stored.names().all(expected)
        }),
    }
}

/// Names of the arrays, and the prefix of those of normals.
const INDICES: &str = "indices";
const X: &str = "x";
const Y: &str = "y";
const NORMALS: &str = "normals";

/// The trajectory of an id.
fn find<'p>(plan: &'p Plan, id: &str) -> Result<&'p Trajectory, RunError> {
    plan.find(id).ok_or_else(|| {
        let known = plan.trajectories().map(|t| t.id.clone()).collect();
        RunError::NoSuchTrajectory { id: id.into(), known }
    })
}

/// Writes the draws of trajectory `id` of an experiment to `out`.
///
/// # Errors
/// No trajectory of that id, one without draws, draws that do not fit into memory, files that cannot be read or
/// written.
pub fn write(experiment: &Experiment, id: &str, out: &Path) -> Result<(), RunError> {
    find(&Plan::new(experiment), id)?;
    write_on(experiment, &experiment.build_population()?, id, out)
}

fn write_on(experiment: &Experiment, population: &Population, id: &str, out: &Path) -> Result<(), RunError> {
    let plan = Plan::new(experiment);
    let run = find(&plan, id)?;
    let problem = Problem::<f64>::new(experiment, population);
    let steps = (experiment.horizon.time / run.integration.scheme.motion.step).round() as u64;
    let mut arrays = Arrays::default();
    let mut any = false;
    if let BatchSize::Size(size) = run.integration.batch {
        any = true;
        match problem.sampler {
            Some(sampler) => push_fresh(&mut arrays, experiment, run, sampler, size, steps)?,
            None => {
                let n = problem.population.y.len() / problem.network.outputs();
                let draw = |step| batch_indices(experiment.seed, run.particles.replica, step, n, size);
                // Indices are stored as floating-point numbers, exact below 2^53.
                let indices = (0..steps).flat_map(draw).map(|i| i as f64).collect();
                arrays.push(INDICES, &[steps as usize, size], indices);
            }
        }
    }
    if run.integration.scheme.motion.temperature > 0.0 {
        any = true;
        let path = problem.brownian(run);
        check_size(steps as usize * problem.network.coordinates(run.width()))?;
        let families = problem.network.families(run.width());
        for (f, family) in families.iter().enumerate() {
            let trained = family.trained().len();
            let mut normals = Vec::with_capacity(steps as usize * family.rows * trained);
            let mut unit = vec![0.0; trained * family.unit / family.columns];
            for step in 0..steps {
                for i in 0..family.units() {
                    path.increment(f, i, step, &mut unit);
                    normals.extend_from_slice(&unit);
                }
            }
            let name = if families.len() == 1 { NORMALS.to_string() } else { format!("{NORMALS}_{}", family.name) };
            arrays.push(name, &[steps as usize, family.rows, trained], normals);
        }
    }
    if !any {
        return Err(RunError::NoDraws { id: id.into() });
    }
    Ok(arrays.write_uncompressed(out)?)
}

/// Adds the fresh samples of every step.
fn push_fresh(
    arrays: &mut Arrays,
    experiment: &Experiment,
    run: &Trajectory,
    sampler: &dyn Sampler,
    size: usize,
    steps: u64,
) -> Result<(), RunError> {
    let (d, outputs) = (sampler.inputs(), sampler.outputs());
    check_size(steps as usize * size * (d + outputs))?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for step in 0..steps {
        let (batch_x, batch_y) = fresh_batch(experiment.seed, run.particles.replica, step, sampler, size);
        x.extend(batch_x);
        y.extend(batch_y);
    }
    arrays.push(X, &[steps as usize, size, d], x);
    arrays.push(Y, &[steps as usize, size, outputs], y);
    Ok(())
}

/// Checks that the draws fit into memory. They are held twice, as the archive is built in memory.
fn check_size(numbers: usize) -> Result<usize, RunError> {
    match Shortfall::of(16 * numbers as u64) {
        None => Ok(numbers),
        Some(shortfall) => Err(RunError::DrawsMemory(shortfall)),
    }
}
