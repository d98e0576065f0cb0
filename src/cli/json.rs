//! Answers in JSON on standard output, for other programs. The schema is in `docs/reference/commands.md`.

use super::checks::any_fails;
use super::output::line;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use widelimit::analysis::verdict::{Check, CheckSection, Verdict};
use widelimit::config::{AnyExperiment, builtin};
use widelimit::number::to_json;
use widelimit::record::{Build, CoverageRecord, PhaseTime, ProfileRecord, VaryRecord};
use widelimit::run::Report;
use widelimit::run::coverage::CoverageReport;

/// Version of the schema of all answers. It is raised when a key is removed or changes its meaning; keys may be added.
const VERSION: u32 = 1;

/// An answer with what is common to all.
#[derive(Serialize)]
struct Answer<'a, T> {
    json_version: u32,
    command: &'static str,
    program: Build,
    #[serde(flatten)]
    content: &'a T,
}

/// The answer of a command that fails.
#[derive(Serialize)]
pub struct Failure {
    /// Always `error`.
    pub status: &'static str,
    /// The message.
    pub error: String,
}

/// Prints the answer of a command.
pub fn answer<T: Serialize>(command: &'static str, content: &T) -> anyhow::Result<()> {
    line(to_json(&Answer { json_version: VERSION, command, program: Build::present(), content })?)
}

/// Numbers of checks by verdict.
#[derive(Default, Serialize)]
struct Counts {
    holds: usize,
    fails: usize,
    not_resolved: usize,
}

/// Numbers of checks by section and verdict.
#[derive(Serialize)]
struct Summary {
    theory: Counts,
    program: Counts,
}

impl Summary {
    fn of(checks: &[Check]) -> Self {
        let count = |section: CheckSection| {
            let mut counts = Counts::default();
            for check in checks.iter().filter(|check| check.section == section) {
                *match check.verdict {
                    Verdict::Holds => &mut counts.holds,
                    Verdict::Fails => &mut counts.fails,
                    Verdict::NotResolved => &mut counts.not_resolved,
                } += 1;
            }
            counts
        };
        Summary { theory: count(CheckSection::Theory), program: count(CheckSection::Program) }
    }
}

/// The answers of `run` and `check`.
#[derive(Serialize)]
struct RunAnswer<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    folder: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<bool>,
    summary: Option<Summary>,
    checks: Option<&'a [Check]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<&'a [PathBuf]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phases: Option<&'a [PhaseTime]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a ProfileRecord>,
}

impl<'a> RunAnswer<'a> {
    fn new(status: &'static str, folder: &'a Path) -> Self {
        RunAnswer {
            status,
            name: None,
            folder,
            computed: None,
            summary: None,
            checks: None,
            figures: None,
            phases: None,
            warnings: None,
            profile: None,
        }
    }

    fn with_checks(self, checks: &'a [Check]) -> Self {
        RunAnswer { summary: Some(Summary::of(checks)), checks: Some(checks), ..self }
    }
}

/// Prints the report of a run, with its profile if it has one; returns the exit status of `run`, 1 where a check fails and
/// `strict` is asked for.
pub fn run(name: &str, report: &Report, profile: Option<&ProfileRecord>, strict: bool) -> anyhow::Result<ExitCode> {
    let failed = |checks: &[Check]| u8::from(strict && any_fails(checks));
    let (answered, code) = match report {
        Report::Complete { folder, checks, figures, phases, warnings } => {
            let complete = RunAnswer {
                computed: Some(true),
                figures: Some(figures),
                phases: Some(phases),
                warnings: Some(warnings),
                ..RunAnswer::new("complete", folder)
            };
            (complete.with_checks(checks), failed(checks))
        }
        Report::AlreadyComplete { folder, checks, restored } => {
            let figures = Some(&restored[..]).filter(|files| !files.is_empty());
            let complete = RunAnswer { computed: Some(false), figures, ..RunAnswer::new("complete", folder) };
            (complete.with_checks(checks), failed(checks))
        }
        Report::PartComplete { folder, before, .. } => {
            (RunAnswer { computed: Some(!before), ..RunAnswer::new("part complete", folder) }, 0)
        }
        Report::Interrupted { folder } => (RunAnswer::new("interrupted", folder), 130),
    };
    answer("run", &RunAnswer { name: Some(name), profile, ..answered })?;
    Ok(ExitCode::from(code))
}

/// Prints the checks of a complete run.
pub fn checks(folder: &Path, checks: &[Check]) -> anyhow::Result<()> {
    answer("check", &RunAnswer::new("complete", folder).with_checks(checks))
}

/// The answers of `run` and `check` for a sweep.
#[derive(Serialize)]
struct SweepAnswer<'a> {
    status: &'static str,
    folder: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_points: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<bool>,
    summary: Option<Summary>,
    checks: Option<&'a [Check]>,
    sweep: Option<&'a VaryRecord>,
}

impl<'a> SweepAnswer<'a> {
    fn new(status: &'static str, folder: &'a Path) -> Self {
        SweepAnswer { status, folder, complete_points: None, computed: None, summary: None, checks: None, sweep: None }
    }
}

/// Prints a complete sweep as the answer of `command`.
pub fn sweep(command: &'static str, folder: &Path, record: &VaryRecord, checks: &[Check]) -> anyhow::Result<()> {
    let summary = Some(Summary::of(checks));
    let complete = SweepAnswer::new("complete", folder);
    answer(command, &SweepAnswer { summary, checks: Some(checks), sweep: Some(record), ..complete })
}

/// Prints an interrupted sweep as the answer of `run`, with the number of complete points where it is known.
pub fn interrupted_sweep(folder: &Path, complete_points: Option<usize>) -> anyhow::Result<()> {
    answer("run", &SweepAnswer { complete_points, ..SweepAnswer::new("interrupted", folder) })
}

/// Prints that a part of a sweep is complete, now or `before`, as the answer of `run`.
pub fn sweep_part(folder: &Path, before: bool) -> anyhow::Result<()> {
    answer("run", &SweepAnswer { computed: Some(!before), ..SweepAnswer::new("part complete", folder) })
}

/// The answer of `coverage`, and of `check` on its folder.
#[derive(Serialize)]
struct CoverageAnswer<'a> {
    status: &'static str,
    folder: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_runs: Option<usize>,
    coverage: Option<&'a CoverageRecord>,
}

/// Prints the report of a measurement of coverage; returns the exit status of `coverage`.
pub fn coverage(folder: &Path, report: &CoverageReport) -> anyhow::Result<ExitCode> {
    let (status, complete_runs, record, code) = match report {
        CoverageReport::Complete { record, .. } => ("complete", None, Some(record), 0),
        CoverageReport::Interrupted { complete } => ("interrupted", Some(*complete), None, 130),
    };
    answer("coverage", &CoverageAnswer { status, folder, complete_runs, coverage: record })?;
    Ok(ExitCode::from(code))
}

/// Prints the record of a measurement of coverage for `check`.
pub fn coverage_record(folder: &Path, record: &CoverageRecord) -> anyhow::Result<()> {
    let coverage = Some(record);
    answer("check", &CoverageAnswer { status: "complete", folder, complete_runs: None, coverage })
}

/// A built-in experiment.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    title: String,
    kind: &'static str,
    studies: Vec<&'static str>,
}

/// Prints the built-in experiments.
pub fn experiments() -> anyhow::Result<ExitCode> {
    #[derive(Serialize)]
    struct Experiments {
        experiments: Vec<Entry>,
    }
    let mut experiments = Vec::new();
    for known in builtin::BUILTIN {
        let described = widelimit::describe(known.name, &[], None)?;
        let experiment = described.first();
        let (kind, studies) = match experiment {
            AnyExperiment::Training(e) => ("training", e.studies.iter().map(|study| study.name).collect()),
            AnyExperiment::Recovery(e) => ("recovery", e.studies.iter().map(|study| study.name).collect()),
            AnyExperiment::Pruning(e) => ("pruning", e.studies.iter().map(|study| study.name).collect()),
        };
        experiments.push(Entry { name: known.name, title: experiment.title().into(), kind, studies });
    }
    answer("list", &Experiments { experiments })?;
    Ok(ExitCode::SUCCESS)
}
