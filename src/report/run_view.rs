//! A run as the templates show it.

use super::sections::{StudySection, Topic, sections, topics};
use super::settings::{self, DifferingSettings};
use super::{ReportError, loading, provenance};
use crate::analysis::family::LEVEL;
use crate::analysis::verdict::{Check, CheckSection, Verdict};
use crate::analysis::verdict_counts::VerdictCounts;
use crate::record::{CHECKS, FIGURES_ADVICE, Invocation, Manifest, RecordError, RunFolder, of_all};
use crate::run::figures;
use crate::study::REGISTRY;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A complete run, read for a report.
pub struct ReadRun {
    /// Its folder.
    pub folder: RunFolder,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// A run of the page.
#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    /// The beginning of its identifiers in the page; empty where the page has one run.
    pub prefix: String,
    /// Name of the experiment.
    pub name: String,
    /// One-line title.
    pub title: String,
    /// The path of the folder, as the page names it.
    pub folder: String,
    /// How many statements of the theory hold, fail and are not resolved.
    pub theory: String,
    /// The same of the statements about the program.
    pub program: String,
    /// The names of the checks that fail.
    pub failing: Vec<String>,
    /// What the joint level means, where it applies.
    pub joint: Option<String>,
    /// Warnings for readers of the results.
    pub warnings: Vec<String>,
    /// The checks and figures.
    pub sections: Vec<StudySection>,
    /// The settings that differ.
    pub settings: DifferingSettings,
    /// Where the numbers come from.
    pub provenance: Vec<(String, String)>,
    /// The command line that started the run.
    pub command: Option<String>,
    /// A command that repeats it from the file of the experiment in the folder.
    pub repeat: String,
    /// How to load the records in Python.
    pub loading: String,
}

impl ReadRun {
    /// Reads a complete run.
    ///
    /// # Errors
    /// A run that is unfinished or of another format; a manifest or checks that are missing or damaged.
    pub fn read(folder: RunFolder) -> Result<Self, RecordError> {
        folder.require_format(FIGURES_ADVICE)?;
        folder.require_complete()?;
        let manifest = folder.manifest()?;
        folder.require_unaltered(manifest.records.as_ref().unwrap_or(&BTreeMap::new()))?;
        let checks: Vec<Check> = folder.read_json(CHECKS)?;
        if let Some(expected) = manifest.checks.filter(|&expected| expected != checks.len()) {
            let problem = format!("{} has {} checks, and the run has {expected}", CHECKS, checks.len());
            return Err(RecordError::Manifest { path: folder.file("manifest.json"), problem });
        }
        Ok(ReadRun { folder, manifest, checks })
    }

    /// What its studies are about.
    pub fn topics(&self) -> Vec<Topic> {
        topics(&REGISTRY, self.manifest.kind, &self.manifest.studies)
    }

    /// A text at the top of the experiment.
    pub fn text(&self, key: &str) -> String {
        self.manifest.experiment.get(key).and_then(Value::as_str).unwrap_or_default().into()
    }

    /// The run as the page shows it. `at` is the path of the folder in the page.
    ///
    /// # Errors
    /// Records that are missing or damaged, figures that cannot be drawn.
    pub fn view(&self, prefix: &str, at: &str) -> Result<RunView, ReportError> {
        let (folder, manifest, checks) = (&self.folder, &self.manifest, &self.checks);
        let failing = checks.iter().filter(|check| check.verdict == Verdict::Fails).map(|check| check.name.clone());
        Ok(RunView {
            prefix: prefix.into(),
            name: self.text("name"),
            title: self.text("title"),
            folder: at.into(),
            theory: VerdictCounts::of(checks, CheckSection::Theory).to_string(),
            program: VerdictCounts::of(checks, CheckSection::Program).to_string(),
            failing: failing.collect(),
            joint: joint(checks),
            warnings: manifest.warnings.clone(),
            sections: sections(&self.topics(), figures::styled(folder, &REGISTRY)?, checks, prefix)?,
            settings: settings::of_run(manifest, &folder.file("manifest.json"))?,
            provenance: provenance::rows(manifest),
            command: manifest.invocations.first().and_then(command_line),
            repeat: repeat(at),
            loading: loading::snippet(folder, manifest, at)?,
        })
    }
}

/// Reads complete runs.
///
/// # Errors
/// See [`ReadRun::read`].
pub fn read_runs(folders: Vec<RunFolder>) -> Result<Vec<ReadRun>, ReportError> {
    Ok(of_all(folders.into_iter().map(ReadRun::read))?)
}

/// What the joint level means, where several checks share it.
pub fn joint(checks: &[Check]) -> Option<String> {
    let joint = checks.iter().filter(|check| check.section == CheckSection::Theory && check.p_value.is_some()).count();
    (joint > 1).then(|| {
        format!(
            "The {joint} checks with a joint interval or a level are judged together: if all their statements are true, any fails with probability at most {:.0} % (Holm).",
            100.0 * LEVEL
        )
    })
}

/// The command line of a start of the program, as a shell reads it.
fn command_line(start: &Invocation) -> Option<String> {
    shlex::try_join(start.command.iter().map(String::as_str)).ok().filter(|line| !line.is_empty())
}

/// The command that repeats a run from the experiment in its folder, beside that folder where the page is in it.
fn repeat(at: &str) -> String {
    let file = format!("{at}/experiment.toml");
    let out = if at == "." { "../again" } else { "again" };
    shlex::try_join(["widelimit", "run", &file, "--out", out]).unwrap_or(file)
}
