//! The parts common to runs of all kinds: opening the folder, the manifest, the studies, interruption, completion.

use super::context::{FiguresError, Findings, Options, Outcome, Report, RunContext, RunError, agree_on, await_path};
use super::figures;
use super::invocation;
use super::kept_states;
use super::machine_memory::{machine_memory, peak_memory};
use super::profile::begin_phase;
use super::progress::note;
use super::shard::{Part, PartError};
use super::study::{NamedFigure, RegisteredStudy, Registry, Runnable, studies_of};
use crate::analysis::verdict::{Check, judge};
use crate::compute::profile::{self, WorkKind};
use crate::compute::{InstructionSet, return_freed_memory};
use crate::figure::write;
use crate::ranks::{Communicator, Ranks};
use crate::record::{
    Build, CHECKS, EXPERIMENT, FORMAT, Host, Manifest, OpenRequest, Opened, PROFILE, PROGRESS, PhaseTime,
    PopulationRecord, RecordError, RunFolder, RunKind, Status, sha256,
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

/// Opens the folder of a run for the resolved experiment and its data files, to compute a part of the run.
///
/// # Errors
/// Those of [`RunFolder::open`] and [`RunFolder::open_shard`], a part before which none was computed, and a resumed run with
/// other rounding.
pub(super) fn open(
    (options, part): (&Options, Part),
    ranks: &Ranks,
    resolved: &serde_json::Value,
    sources: &serde_json::Value,
) -> Result<Opening, RunError> {
    if ranks.size() == 1 {
        return open_first((options, part), resolved, sources);
    }
    require_same(&**ranks, resolved, sources)?;
    let (first, failed) = match ranks.is_first().then(|| open_first((options, part), resolved, sources)) {
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
            Ok(Opening::Complete(Report::AlreadyComplete { folder: path, checks: Vec::new(), restored: Vec::new() }))
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
    (options, part): (&Options, Part),
    resolved: &serde_json::Value,
    sources: &serde_json::Value,
) -> Result<Opening, RunError> {
    let path = &options.out;
    let request = OpenRequest {
        experiment: resolved,
        sources,
        build: &Build::present(),
        force: options.force,
        resume: options.resume || part == Part::Finish,
        accept_revision: options.accept_revision,
    };
    let opened = match part {
        Part::Whole | Part::Limit => RunFolder::open(path, &request),
        Part::Shard(shard) => RunFolder::open_shard(path, &request, shard),
        Part::Finish => RunFolder::existing(path).and_then(|_| RunFolder::open(path, &request)),
    };
    let opened = opened.map_err(|error| match error {
        RecordError::NotARun { path } => PartError::NotBegun { path }.into(),
        error => RunError::Record(error),
    });
    Ok(match opened? {
        Opened::Complete(folder, manifest) => {
            let none = BTreeMap::new();
            let (records, states) = (manifest.records.as_ref(), manifest.states.as_ref());
            folder.require_unaltered_files(records.unwrap_or(&none), states.unwrap_or(&none))?;
            let checks = folder.read_json(CHECKS)?;
            Opening::Complete(Report::AlreadyComplete { folder: path.clone(), checks, restored: Vec::new() })
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
pub(super) fn require_same_rounding(started: &str) -> Result<(), RunError> {
    let (now, portable) = (InstructionSet::current(), InstructionSet::Portable.to_string());
    if (started == portable) == (now == InstructionSet::Portable) {
        return Ok(());
    }
    Err(RunError::Rounding { started: started.into(), now })
}

/// A description of this machine.
pub(super) fn host() -> Host {
    Host {
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: machine_memory(),
    }
}

/// The manifest of a run that starts or is resumed. The last part of a run continues the first as planned, and is not
/// counted as a resumption.
pub(super) fn manifest(
    kind: RunKind,
    part: Part,
    experiment: serde_json::Value,
    seed: u64,
    population: PopulationRecord,
    memory: serde_json::Value,
    earlier: Option<Box<Manifest>>,
) -> Manifest {
    let build = Build::present();
    let built_by = earlier.as_ref().map_or_else(|| vec![build.clone()], |earlier| earlier.builds_with(&build));
    let mut invocations = earlier.as_ref().map(|earlier| earlier.invocations.clone()).unwrap_or_default();
    invocations.push(invocation::present());
    // Those of the run before an extension, by which its states are known.
    let states = earlier.as_ref().and_then(|earlier| earlier.states.clone());
    Manifest {
        format: FORMAT,
        kind,
        studies: Vec::new(),
        version: build.version,
        revision: build.revision,
        built_by,
        invocations,
        status: Status::Running,
        experiment,
        seed,
        hyperparameters: None,
        population,
        host: host(),
        threads: rayon::current_num_threads(),
        simd: InstructionSet::current().to_string(),
        memory,
        extends: earlier.as_ref().map(|m| m.extends.clone()).unwrap_or_default(),
        resumed: earlier.as_ref().map_or(0, |m| m.resumed + u32::from(part != Part::Finish)),
        exchanges: earlier.as_ref().map(|m| m.exchanges.clone()).unwrap_or_default(),
        phases: earlier.map(|m| m.phases).unwrap_or_default(),
        warnings: Vec::new(),
        trajectories: Vec::new(),
        shards: Vec::new(),
        checks: None,
        records: None,
        states,
    }
}

/// Draws a first figure as soon as its records exist, and tells its path. The figure is drawn again with all others when the
/// run is complete, with what the studies add to it. Nothing is drawn where nobody is told.
pub(super) fn first_figure(
    options: &Options,
    context: &RunContext<'_>,
    figures: impl FnOnce(&RunFolder) -> Result<Vec<NamedFigure>, FiguresError>,
) -> Result<(), RunError> {
    if !options.figures || options.quiet {
        return Ok(());
    }
    let _timed = profile::region(WorkKind::Figures);
    if let Some((name, figure)) = figures(context.folder)?.into_iter().next() {
        let stem = context.folder.file(&format!("figures/{name}"));
        let files = write(&figure, &stem).map_err(FiguresError::from)?;
        if let Some(svg) = files.first() {
            note(format!("first figure: {}", svg.display()));
        }
    }
    Ok(())
}

/// Enters the present time as the end of the present invocation.
fn end_invocation(manifest: &mut Manifest) {
    if let Some(last) = manifest.invocations.last_mut() {
        last.ended = Some(invocation::now());
    }
}

/// Runs every study of an experiment, in the order of the registry; returns their checks. `after_first` is called with the
/// name of the first when its records are written.
///
/// # Errors
/// Those of the studies.
pub(super) fn run_studies<E: Runnable>(
    registered: &'static [RegisteredStudy<E>],
    experiment: &E,
    subject: E::Subject<'_>,
    context: &RunContext<'_>,
    manifest: &mut Manifest,
    after_first: impl Fn(&'static str) -> Result<(), RunError>,
) -> Result<Outcome<Vec<Check>>, RunError> {
    let mut checks = Vec::new();
    for (name, study) in studies_of(registered, experiment) {
        let started = Instant::now();
        let phase = format!("study: {name}");
        begin_phase(&phase);
        context.journal.begin_study(name);
        match context.settle(study.run(subject, context))? {
            Outcome::Complete(Findings { checks: found, warnings }) => {
                checks.extend(found);
                manifest.warnings.extend(warnings);
            }
            Outcome::Interrupted => return Ok(Outcome::Interrupted),
        }
        return_freed_memory();
        manifest.add_study(name);
        if manifest.studies.len() == 1 {
            after_first(name)?;
        }
        manifest.add_phase(&phase, started.elapsed().as_secs_f64());
    }
    Ok(Outcome::Complete(checks))
}

/// Writes the manifest of an interrupted run.
pub(super) fn interrupted(context: &RunContext<'_>, mut manifest: Manifest) -> Result<Report, RunError> {
    let folder = context.folder;
    context.journal.close();
    manifest.status = Status::Interrupted;
    end_invocation(&mut manifest);
    manifest.warnings.extend(context.all_repairs());
    folder.write_json("manifest.json", &manifest)?;
    Ok(Report::Interrupted { folder: folder.path().into() })
}

/// What a process has done of its part.
pub(super) struct PartWork {
    /// Wall time of each phase.
    pub phases: Vec<PhaseTime>,
    /// Whether the part is complete; otherwise it was interrupted.
    pub complete: bool,
}

/// Writes the manifest of a run after the work on its limit. Where that is complete, shards can be computed.
pub(super) fn limit_done(context: &RunContext<'_>, mut manifest: Manifest, work: PartWork) -> Result<Report, RunError> {
    work.phases.iter().for_each(|phase| manifest.add_phase(&phase.name, phase.seconds));
    let stopped = interrupted(context, manifest)?;
    let folder = context.folder.path().into();
    let done = Report::PartComplete { folder, part: Part::Limit, before: false, trajectories: Vec::new() };
    Ok(if work.complete { done } else { stopped })
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
    add_shards(folder, &mut manifest)?;
    folder.write_json(CHECKS, &checks)?;
    folder.write_json("manifest.json", &manifest)?;
    begin_phase("figures");
    let drawing = Instant::now();
    let draws = options.figures && context.ranks.is_first();
    let (figures, warnings) = if draws { figures::draw_at_end(folder, registry)? } else { Default::default() };
    manifest.warnings.extend(warnings);
    manifest.add_phase("figures", drawing.elapsed().as_secs_f64());
    manifest.checks = Some(checks.len());
    // That of an earlier process, which was interrupted.
    folder.remove(PROFILE)?;
    let experiment = folder.file(EXPERIMENT).is_file().then(|| EXPERIMENT.to_string());
    let names = folder.record_names()?.into_iter().chain([CHECKS.into()]).chain(experiment);
    manifest.records = Some(folder.checksums(names)?);
    if context.ranks.is_first() {
        manifest.states = Some(kept_states::stage(folder, &manifest)?);
    }
    if let (Some(memory), Some(peak)) = (manifest.memory.as_object_mut(), peak_memory()) {
        memory.insert("peak".into(), peak.into());
    }
    manifest.status = Status::Complete;
    end_invocation(&mut manifest);
    folder.write_json("manifest.json", &manifest)?;
    context.ranks.barrier();
    if context.ranks.is_first() {
        folder.settle_states(&manifest)?;
        folder.remove("checkpoint")?;
    }
    context.journal.close();
    folder.remove(PROGRESS)?;
    let Manifest { phases, warnings, .. } = manifest;
    Ok(Report::Complete { folder: folder.path().into(), checks, figures, phases, warnings })
}

/// Adds to the manifest what the shards have recorded: their times and programs.
///
/// # Errors
/// Files that are not accessible.
fn add_shards(folder: &RunFolder, manifest: &mut Manifest) -> Result<(), RecordError> {
    for shard in folder.recorded_shards()? {
        let Some(record) = folder.shard_record(shard)? else { continue };
        record.phases.iter().for_each(|phase| manifest.add_phase(&phase.name, phase.seconds));
        if !manifest.built_by.contains(&record.build) {
            manifest.built_by.push(record.build.clone());
        }
        manifest.shards.push(record);
    }
    Ok(())
}
