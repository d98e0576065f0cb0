//! What the walks of all kinds of experiment share: opening the folder, ending in good order, finishing.

use super::{Options, Report, RunError, add_phase};
use crate::analysis::verdict::Check;
use crate::compute::InstructionSet;
use crate::config::memory;
use crate::figure;
use crate::record::{Host, Manifest, Opened, RunFolder, Status};
use std::time::Instant;

/// The folder, and the manifest of the sitting before.
type Open = (RunFolder, Option<Box<Manifest>>);

/// Opens the run's folder for the resolved experiment; the inner `Err` is the report of a run that is complete already.
pub(super) fn open(options: &Options, resolved: &serde_json::Value) -> Result<Result<Open, Report>, RunError> {
    let path = &options.out;
    Ok(match RunFolder::open(path, resolved, options.force, options.resume)? {
        Opened::Complete(folder) => {
            Err(Report::AlreadyComplete { folder: path.clone(), checks: folder.read_json("checks.json")? })
        }
        Opened::Fresh(folder) => Ok((folder, None)),
        Opened::Unfinished(folder, manifest) => {
            same_rounding(&manifest.simd)?;
            Ok((folder, Some(manifest)))
        }
    })
}

/// Refuses to go on with other bits than a run was begun with: AVX2 and AVX-512 agree, the portable path does not.
fn same_rounding(begun: &str) -> Result<(), RunError> {
    let (now, portable) = (InstructionSet::current(), InstructionSet::Portable.to_string());
    if (begun == portable) == (now == InstructionSet::Portable) {
        return Ok(());
    }
    Err(RunError::Rounding { begun: begun.into(), now })
}

/// The machine.
pub(super) fn host() -> Host {
    Host {
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: memory::machine_memory(),
    }
}

/// Ends a sitting that a person interrupted.
pub(super) fn interrupted(folder: &RunFolder, mut manifest: Manifest) -> Result<Report, RunError> {
    manifest.status = Status::Interrupted;
    folder.write_json("manifest.json", &manifest)?;
    Ok(Report::Interrupted { folder: folder.path().into() })
}

/// Writes the checks, draws the figures and closes the manifest.
pub(super) fn finish(folder: &RunFolder, mut manifest: Manifest, checks: Vec<Check>) -> Result<Report, RunError> {
    folder.write_json("checks.json", &checks)?;
    folder.write_json("manifest.json", &manifest)?;
    let drawing = Instant::now();
    let figures = figure::draw_run(folder)?;
    add_phase(&mut manifest, "figures", drawing.elapsed().as_secs_f64());
    manifest.status = Status::Complete;
    folder.write_json("manifest.json", &manifest)?;
    folder.remove("checkpoint")?;
    let Manifest { phases, warnings, .. } = manifest;
    Ok(Report::Complete { folder: folder.path().into(), checks, figures, phases, warnings })
}
