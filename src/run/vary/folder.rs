//! The folder of a sweep.

use super::super::context::{Options, RunError};
use super::super::shard::{Part, PartError, Shard};
use super::points::point_folder;
use crate::config::AnyExperiment;
use crate::config::vary::{Combine, Varied};
use crate::record::{
    Build, CHECKS, FORMAT, POINTS, REPORT, RecordError, RunFolder, SWEEP, Status, lock_folder, of_all,
    require_place_of_run,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

/// `vary.json`: what is varied, by which program, and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SweepHeader {
    format: u32,
    build: Build,
    pub status: Status,
    pub experiment: String,
    combine: Combine,
    /// The varied keys, each with its values.
    keys: serde_json::Value,
    /// Names of the points, in their order.
    pub points: Vec<String>,
    /// SHA-256 of every file in `records/` and of [`CHECKS`], by name, where the sweep is complete.
    records: Option<BTreeMap<String, String>>,
}

/// What a sweep writes in its folder, apart from the header.
const CONTENTS: [&str; 7] = [POINTS, "shared", "checkpoint", "records", "figures", CHECKS, REPORT];

/// The folder of a sweep that this process writes.
pub(super) struct SweepFolder {
    folder: RunFolder,
    header: SweepHeader,
    /// Held until the sweep ends.
    _lock: File,
}

impl Deref for SweepFolder {
    type Target = RunFolder;

    fn deref(&self) -> &RunFolder {
        &self.folder
    }
}

impl SweepFolder {
    /// Opens the folder for a part of a sweep other than a shard: it starts, or continues with `options.resume` and in its last
    /// part; every point checks for itself that it continues the same experiment with the same program.
    ///
    /// # Errors
    /// A folder in use, or holding something that the options do not allow to replace or continue; the last part of a sweep
    /// that is not begun, or has other points.
    pub fn open(varied: &Varied<AnyExperiment>, options: &Options, part: Part) -> Result<Self, RunError> {
        let path = &options.out;
        require_place_of_run(path)?;
        if part == Part::Finish {
            begun(varied, path)?;
        }
        let io = |source| RecordError::Io { path: path.clone(), source };
        let folder = RunFolder::plain(path);
        let occupied =
            path.exists() && path.read_dir().map_err(io)?.flatten().any(|entry| entry.file_name() != ".lock");
        if occupied && !folder.file(SWEEP).is_file() {
            return Err(RecordError::Foreign { path: path.clone() }.into());
        }
        std::fs::create_dir_all(path).map_err(io)?;
        let lock = lock_folder(path)?;
        if occupied && options.force {
            for name in CONTENTS {
                folder.remove(name)?;
            }
        } else if occupied {
            let earlier: SweepHeader = folder.read_json(SWEEP)?;
            if !options.resume && part != Part::Finish {
                return Err(RecordError::Exists { path: path.clone(), status: earlier.status }.into());
            }
        }
        let header = SweepHeader {
            format: FORMAT,
            build: Build::present(),
            status: Status::Running,
            experiment: varied.points[0].experiment.name().into(),
            combine: varied.combine,
            keys: varied.keys.iter().map(|key| (key.key.clone(), json(&key.values))).collect(),
            points: varied.points.iter().map(|point| point.name.clone()).collect(),
            records: None,
        };
        folder.write_json(SWEEP, &header)?;
        Ok(SweepFolder { folder, header, _lock: lock })
    }

    /// Writes how far the sweep is; of a complete one, the checksums of its records.
    pub fn finish(&self, status: Status) -> Result<(), RunError> {
        let mut header = SweepHeader { status, ..self.header.clone() };
        if status == Status::Complete {
            let names = self.folder.record_names()?.into_iter().chain([CHECKS.into()]);
            header.records = Some(self.folder.checksums(names)?);
        }
        Ok(self.folder.write_json(SWEEP, &header)?)
    }
}

/// The header of the sweep in a folder, which has these points.
fn begun(varied: &Varied<AnyExperiment>, path: &Path) -> Result<SweepHeader, RunError> {
    let Some(folder) = folder_at(path) else { return Err(PartError::NotBegun { path: path.into() }.into()) };
    let header: SweepHeader = folder.read_json(SWEEP)?;
    if !header.points.iter().eq(varied.points.iter().map(|point| &point.name)) {
        return Err(RecordError::Changed { path: path.into(), keys: vec!["vary".into()] }.into());
    }
    Ok(header)
}

/// Opens the folder of a sweep for a shard, beside others; `None` where the sweep is complete.
///
/// # Errors
/// [`PartError::NotBegun`]; a sweep with other points; as [`RunFolder::open_sweep_shard`].
pub(super) fn open_shard(
    varied: &Varied<AnyExperiment>,
    path: &Path,
    shard: Shard,
) -> Result<Option<RunFolder>, RunError> {
    if begun(varied, path)?.status == Status::Complete {
        return Ok(None);
    }
    let folder = RunFolder::open_sweep_shard(path, shard)?;
    // The sweep may have been completed, or begun anew, before the lock was taken.
    Ok((begun(varied, path)?.status != Status::Complete).then_some(folder))
}

/// Values of a key as JSON.
fn json(values: &[toml::Value]) -> serde_json::Value {
    serde_json::to_value(values).unwrap_or_default()
}

/// The folder of a sweep that is at `path`, if there is one.
pub fn folder_at(path: &Path) -> Option<RunFolder> {
    let folder = RunFolder::plain(path);
    folder.file(SWEEP).is_file().then_some(folder)
}

/// The header of the sweep in a folder.
///
/// # Errors
/// A folder without a sweep, a header that is damaged.
pub(super) fn header_at(path: &Path) -> Result<SweepHeader, RecordError> {
    folder_at(path).ok_or_else(|| RecordError::NotARun { path: path.into() })?.read_json(SWEEP)
}

/// The folder of a complete sweep, whose records are those that it wrote, as are those of its points.
///
/// # Errors
/// A sweep that is unfinished, of another format, or damaged; a point that is missing, unfinished or damaged.
pub fn require_complete(path: &Path) -> Result<RunFolder, RecordError> {
    let (folder, header) = (RunFolder::plain(path), header_at(path)?);
    if header.status != Status::Complete {
        return Err(RecordError::Unfinished { path: path.into(), status: header.status });
    }
    if header.format != FORMAT {
        let (version, found) = (format!("version {}", header.build), u64::from(header.format));
        return Err(RecordError::Format { path: path.into(), version, found, advice: crate::record::FIGURES_ADVICE });
    }
    let own = folder.require_unaltered(&header.records.unwrap_or_default());
    let point = |name: &String| RunFolder::plain(&folder.file(&point_folder(name))).verified_checks().map(|_| ());
    of_all(std::iter::once(own).chain(header.points.iter().map(point)))?;
    Ok(folder)
}
