//! The parts common to runs of both kinds: opening the folder, the manifest, interruption, completion.

use super::context::{Options, Report, RunContext, RunError, agree_on, await_path};
use super::figures;
use super::machine_memory::{machine_memory, peak_memory};
use super::study::Registry;
use crate::analysis::verdict::{Check, judge};
use crate::compute::InstructionSet;
use crate::ranks::{Communicator, Ranks};
use crate::record::{
    Build, CHECKS, FORMAT, Host, Manifest, OpenRequest, Opened, PopulationRecord, RunFolder, RunKind, Status, sha256,
};
use std::collections::BTreeMap;
use std::time::Instant;

/// A folder that is open for a run.
pub(super) struct OpenRun {
    /// The folder.
    pub folder: RunFolder,
    /// The manifest of the interrupted run that is resumed.
    pub earlier: Option<Box<Manifest>>,
}

/// The result of opening the folder of a run.
pub(super) enum Opening {
    /// A folder in which the run starts or continues.
    Open(OpenRun),
    /// A run that is complete.
    Complete(Report),
}

/// Opens the folder of a run for the resolved experiment and its data files.
///
/// # Errors
/// Those of [`RunFolder::open`], and a resumed run with other rounding.
pub(super) fn open(
    options: &Options,
    ranks: &Ranks,
    resolved: &serde_json::Value,
    sources: &serde_json::Value,
) -> Result<Opening, RunError> {
    if ranks.size() == 1 {
        return open_first(options, resolved, sources);
    }
    require_same(&**ranks, resolved, sources)?;
    let (first, failed) = match ranks.is_first().then(|| open_first(options, resolved, sources)) {
        Some(Ok(opening)) => (Some(opening), Ok(false)),
        Some(Err(error)) => (None, Err(error)),
        None => (None, Ok(false)),
    };
    agree_on(&**ranks, failed)?;
    let (identity, path) = match &first {
        Some(Opening::Open(open)) => (open.folder.identity(), options.out.clone()),
        Some(Opening::Complete(_)) | None => ("", options.out.clone()),
    };
    let identity = String::from_utf8_lossy(&ranks.all_gather_bytes(identity.as_bytes())[0]).into_owned();
    match first {
        Some(Opening::Complete(report)) => Ok(Opening::Complete(report)),
        Some(Opening::Open(open)) => {
            require_shared(&open.folder, &**ranks)?;
            Ok(Opening::Open(open))
        }
        None if identity.is_empty() => {
            Ok(Opening::Complete(Report::AlreadyComplete { folder: path, checks: Vec::new() }))
        }
        None => {
            let folder = RunFolder::of_other_rank(&path, &identity)?;
            require_shared(&folder, &**ranks)?;
            Ok(Opening::Open(OpenRun { folder, earlier: None }))
        }
    }
}

/// Checks that all ranks run the same program on the same experiment and data. Collective.
fn require_same(
    ranks: &dyn Communicator,
    resolved: &serde_json::Value,
    sources: &serde_json::Value,
) -> Result<(), RunError> {
    let build = Build::present();
    let portable = InstructionSet::current() == InstructionSet::Portable;
    let parts = [
        ("program", format!("{} {}", build.version, build.revision)),
        ("rounding (--simd portable)", portable.to_string()),
        ("experiment", resolved.to_string()),
        ("data", sources.to_string()),
    ];
    for (what, own) in parts {
        let all = ranks.all_gather_bytes(sha256(own.as_bytes()).as_bytes());
        if let Some(rank) = all.iter().position(|other| *other != all[0]) {
            return Err(RunError::DifferentRanks { rank, what });
        }
    }
    Ok(())
}

/// A file by which ranks see that their folder is the same.
const SHARED_MARK: &str = "checkpoint/ranks";

/// Checks that all ranks see the same folder. Collective.
fn require_shared(folder: &RunFolder, ranks: &dyn Communicator) -> Result<(), RunError> {
    let own = format!("{} {:?}\n", std::process::id(), std::time::SystemTime::now());
    let mark = ranks.all_gather_bytes(own.as_bytes())[0].clone();
    let written = match ranks.is_first() {
        true => folder.write_text(SHARED_MARK, &String::from_utf8_lossy(&mark)).map_err(RunError::from),
        false => Ok(()),
    };
    agree_on(ranks, written.map(|()| false))?;
    let seen = await_path(&folder.file(SHARED_MARK), ranks.rank(), |path| {
        std::fs::read(path).is_ok_and(|found| found == mark)
    });
    agree_on(ranks, seen.map(|()| false))?;
    Ok(())
}

fn open_first(
    options: &Options,
    resolved: &serde_json::Value,
    sources: &serde_json::Value,
) -> Result<Opening, RunError> {
    let path = &options.out;
    let request = OpenRequest {
        experiment: resolved,
        sources,
        build: &Build::present(),
        force: options.force,
        resume: options.resume,
        accept_revision: options.accept_revision,
    };
    Ok(match RunFolder::open(path, &request)? {
        Opened::Complete(folder, manifest) => {
            folder.require_unaltered(manifest.records.as_ref().unwrap_or(&BTreeMap::new()))?;
            Opening::Complete(Report::AlreadyComplete { folder: path.clone(), checks: folder.read_json(CHECKS)? })
        }
        Opened::Fresh(folder) => {
            if options.resume && !options.quiet {
                eprintln!("{} holds no run to resume; one is started", path.display());
            }
            Opening::Open(OpenRun { folder, earlier: None })
        }
        Opened::Unfinished(folder, manifest) => {
            require_same_rounding(&manifest.simd)?;
            Opening::Open(OpenRun { folder, earlier: Some(manifest) })
        }
    })
}

/// Checks that a run is resumed with the rounding with which it was started: AVX2 and AVX-512 agree, the portable path
/// differs.
fn require_same_rounding(started: &str) -> Result<(), RunError> {
    let (now, portable) = (InstructionSet::current(), InstructionSet::Portable.to_string());
    if (started == portable) == (now == InstructionSet::Portable) {
        return Ok(());
    }
    Err(RunError::Rounding { started: started.into(), now })
}

/// A description of this machine.
fn host() -> Host {
    Host {
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: machine_memory(),
    }
}

/// The manifest of a run that starts or is resumed.
pub(super) fn manifest(
    kind: RunKind,
    experiment: serde_json::Value,
    seed: u64,
    population: PopulationRecord,
    memory: serde_json::Value,
    earlier: Option<Box<Manifest>>,
) -> Manifest {
    let build = Build::present();
    let built_by = earlier.as_ref().map_or_else(|| vec![build.clone()], |earlier| earlier.builds_with(&build));
    Manifest {
        format: FORMAT,
        kind,
        studies: Vec::new(),
        version: build.version,
        revision: build.revision,
        built_by,
        status: Status::Running,
        experiment,
        seed,
        hyperparameters: None,
        population,
        host: host(),
        threads: rayon::current_num_threads(),
        simd: InstructionSet::current().to_string(),
        memory,
        resumed: earlier.as_ref().map_or(0, |m| m.resumed + 1),
        phases: earlier.map(|m| m.phases).unwrap_or_default(),
        warnings: Vec::new(),
        trajectories: Vec::new(),
        checks: None,
        records: None,
    }
}

/// Writes the manifest of an interrupted run.
pub(super) fn interrupted(context: &RunContext<'_>, mut manifest: Manifest) -> Result<Report, RunError> {
    let folder = context.folder;
    manifest.status = Status::Interrupted;
    manifest.warnings.extend(context.all_repairs());
    folder.write_json("manifest.json", &manifest)?;
    Ok(Report::Interrupted { folder: folder.path().into() })
}

/// Judges the checks together and writes them, draws the figures and completes the manifest.
pub(super) fn finish(
    options: &Options,
    context: &RunContext<'_>,
    mut manifest: Manifest,
    mut checks: Vec<Check>,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    judge(&mut checks);
    let folder = context.folder;
    manifest.warnings.extend(context.all_repairs());
    folder.write_json(CHECKS, &checks)?;
    folder.write_json("manifest.json", &manifest)?;
    let drawing = Instant::now();
    let figures =
        if options.figures && context.ranks.is_first() { figures::draw(folder, registry)? } else { Vec::new() };
    manifest.add_phase("figures", drawing.elapsed().as_secs_f64());
    manifest.checks = Some(checks.len());
    manifest.records = Some(folder.checksums(folder.record_names()?.into_iter().chain([CHECKS.into()]))?);
    if let (Some(memory), Some(peak)) = (manifest.memory.as_object_mut(), peak_memory()) {
        memory.insert("peak".into(), peak.into());
    }
    manifest.status = Status::Complete;
    folder.write_json("manifest.json", &manifest)?;
    context.ranks.barrier();
    if context.ranks.is_first() {
        folder.remove("checkpoint")?;
    }
    let Manifest { phases, warnings, .. } = manifest;
    Ok(Report::Complete { folder: folder.path().into(), checks, figures, phases, warnings })
}
