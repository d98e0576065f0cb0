//! The page, written to a file.

use super::ReportError;
use super::comparison::{ComparedRow, RunComparison};
use super::run_view::{ReadRun, RunView, read_runs};
use super::sections::{FigureView, capitalised, theory_id};
use crate::compute::profile::{self, WorkKind};
use crate::figure::{font_face, render_inline};
use crate::record::{Build, REPORT, RunFolder, write_atomically};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// What every report contains near its beginning; a file without it is not replaced.
const GENERATOR: &str = "name=\"generator\" content=\"widelimit";
/// Bytes at the beginning of a file in which it is looked for.
const BEGINNING: u64 = 1024;
/// The repository of the program; empty where it has no address.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

const TEMPLATES: [(&str, &str); 5] = [
    ("report.html.jinja", include_str!("report.html.jinja")),
    ("run.html.jinja", include_str!("run.html.jinja")),
    ("checks.html.jinja", include_str!("checks.html.jinja")),
    ("comparison.html.jinja", include_str!("comparison.html.jinja")),
    ("sweep.html.jinja", include_str!("sweep.html.jinja")),
];
const STYLE: &str = include_str!("style.css");

/// What the templates show.
#[derive(Clone, Debug, Serialize)]
struct Page {
    title: String,
    /// Whether the page has one run.
    single: bool,
    comparison: Option<ComparisonView>,
    runs: Vec<RunView>,
    theory: Vec<Theory>,
    style: String,
    version: String,
}

/// The statements of a study.
#[derive(Clone, Debug, Serialize)]
struct Theory {
    id: String,
    name: String,
    question: String,
    statement: String,
    /// Where they are derived, as a path in the repository.
    place: String,
    /// Where its checks are described.
    checks: String,
    /// The beginning of an address of both; empty where the repository has none.
    base: String,
}

/// The comparison of several runs, as the template shows it.
#[derive(Clone, Debug, Serialize)]
struct ComparisonView {
    figure: FigureView,
    labels: Vec<String>,
    rows: Vec<ComparedRow>,
    /// What the numbers are.
    notes: Vec<&'static str>,
    /// The settings in which the runs differ, each with its values.
    settings: Vec<(String, Vec<String>)>,
}

/// Writes the report of a run into its folder, as `report.html`; returns the file.
///
/// # Errors
/// Those of [`write_to`].
pub fn write(folder: RunFolder) -> Result<PathBuf, ReportError> {
    let _timed = profile::region(WorkKind::Figures);
    let path = folder.file(REPORT);
    write_to(vec![folder], &path)?;
    Ok(path)
}

/// Writes the report of some runs to a file, which appears whole or not at all.
///
/// # Errors
/// Runs that are unfinished, records that are missing or damaged, a file that is not a report or cannot be written.
pub fn write_to(folders: Vec<RunFolder>, path: &Path) -> Result<(), ReportError> {
    require_report(path)?;
    let runs = read_runs(folders)?;
    let text = html(&runs, path)?;
    let io = |source| ReportError::Io { path: path.into(), source };
    write_atomically(path, |out| out.write_all(text.as_bytes())).map_err(io)
}

/// Checks that a file is a report, if it exists.
pub(super) fn require_report(path: &Path) -> Result<(), ReportError> {
    let io = |source| ReportError::Io { path: path.into(), source };
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file.map_err(io)?,
    };
    let mut beginning = Vec::new();
    file.take(BEGINNING).read_to_end(&mut beginning).map_err(io)?;
    let found = String::from_utf8_lossy(&beginning).contains(GENERATOR);
    if found { Ok(()) } else { Err(ReportError::Foreign { path: path.into() }) }
}

/// The page of some runs, to be written to `path`.
///
/// # Errors
/// Records that are missing or damaged, figures that cannot be drawn.
pub fn html(runs: &[ReadRun], path: &Path) -> Result<String, ReportError> {
    let single = runs.len() == 1;
    let views: Vec<RunView> = runs
        .iter()
        .enumerate()
        .map(|(i, run)| run.view(&if single { String::new() } else { format!("run{}-", i + 1) }, &place(run, path)))
        .collect::<Result<_, _>>()?;
    let comparison = if single { None } else { Some(comparison(runs)?) };
    let title = match &views[..] {
        [run] => run.name.clone(),
        _ => format!("{} runs", views.len()),
    };
    let environment = environment()?;
    let template = environment.get_template("report.html.jinja")?;
    let page = Page {
        title,
        single,
        comparison,
        runs: views,
        theory: theory(runs),
        style: style(),
        version: Build::present().version,
    };
    Ok(template.render(Value::from(Serde(page)))?)
}

/// The templates.
pub(super) fn environment() -> Result<Environment<'static>, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// The style of every page, with the font of the figures.
pub(super) fn style() -> String {
    format!("{}\n{STYLE}", font_face())
}

/// The path of a run's folder as the page names it: `.` where the page is in the folder.
fn place(run: &ReadRun, path: &Path) -> String {
    let folder = run.folder.path();
    if path.parent() == Some(folder) { ".".into() } else { folder.display().to_string() }
}

fn comparison(runs: &[ReadRun]) -> Result<ComparisonView, ReportError> {
    let comparison = RunComparison::of(runs)?;
    let caption = "The quantities that the runs have in common, with 95 % intervals where there are some. \
                   The legend is what differs in their settings, or the experiments where these differ.";
    let id = "figure-comparison";
    let image = render_inline(&comparison.figure(), 1.0, &format!("{id}-title"), &format!("Comparison. {caption}"))?;
    let of_key = |(k, key): (usize, &String)| {
        (key.clone(), comparison.differences.values.iter().map(|values| values[k].clone()).collect())
    };
    Ok(ComparisonView {
        figure: FigureView { id: id.into(), name: "comparison".into(), caption: caption.into(), image },
        rows: comparison.rows(),
        notes: comparison.notes(),
        settings: comparison.differences.keys.iter().enumerate().map(of_key).collect(),
        labels: comparison.labels,
    })
}

/// The statements of the studies of all runs, each once.
fn theory(runs: &[ReadRun]) -> Vec<Theory> {
    let mut found: Vec<Theory> = Vec::new();
    for topic in runs.iter().flat_map(ReadRun::topics) {
        if found.iter().all(|known| known.name != topic.name) {
            found.push(Theory {
                id: theory_id(topic.name),
                name: topic.name.into(),
                question: capitalised(topic.about.question),
                statement: topic.about.statement.into(),
                place: format!("docs/{}", topic.about.theory),
                checks: format!("docs/reference/checks.md#{}", topic.about.checks),
                base: base(REPOSITORY),
            });
        }
    }
    found
}

/// The beginning of the addresses of the files of a repository; empty where it has no address.
fn base(repository: &str) -> String {
    let repository = repository.trim_end_matches('/');
    if repository.is_empty() { String::new() } else { format!("{repository}/blob/main/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_repository_if_it_has_one() {
        assert_eq!(base(""), "");
        assert_eq!(base("https://example.org/a/b/"), "https://example.org/a/b/blob/main/");
    }

    #[test]
    fn only_reports_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.html");
        assert!(require_report(&path).is_ok());
        std::fs::write(&path, "<html>").unwrap();
        assert!(matches!(require_report(&path), Err(ReportError::Foreign { .. })));
        std::fs::write(&path, format!("<html><meta {GENERATOR} 0.1\"/>")).unwrap();
        assert!(require_report(&path).is_ok());
    }
}
