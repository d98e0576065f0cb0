//! Folders of complete runs: manifest, checks, and the records from which figures are drawn.

use super::{Layout, Outcome};
use crate::base::{self, Scratch};
use std::cell::OnceCell;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use widelimit::analysis::verdict::Check;
use widelimit::config::AnyExperiment;
use widelimit::figure::render;
use widelimit::record::{OpenRequest, RecordError, RunFolder, WALL_TIMES};
use widelimit::run::figures::of_run;
use widelimit::run::study::NamedFigure;
use widelimit::run::{FiguresError, Options};
use widelimit::study::REGISTRY;

thread_local! {
    static RUNS: OnceCell<Scratch> = const { OnceCell::new() };
}

/// A folder with the complete run of every base.
///
/// # Panics
/// If a base cannot be run.
pub fn with_runs<T>(work: impl FnOnce(&Path) -> T) -> T {
    RUNS.with(|runs| {
        let runs = runs.get_or_init(|| {
            let scratch = Scratch::new();
            for base in base::BASES {
                let experiment = base.experiment().unwrap_or_else(|error| panic!("{error}"));
                let out = scratch.path().join(base.name);
                let (force, resume, accept_revision, quiet, figures) = (false, false, false, true, false);
                let options = Options { out: out.clone(), force, resume, accept_revision, quiet, figures };
                if let Err(error) = widelimit::run_experiment(&experiment, &options, &AtomicBool::new(false)) {
                    panic!("{}: {error}", base.name);
                }
            }
            scratch
        });
        work(runs.path())
    })
}

/// `manifest.json` or `checks.json`: the status of the run, its checks, and the opening of its folder to resume it.
pub fn manifest(data: &[u8]) -> Outcome {
    let [heading, content] = Layout::Headed.split(data);
    let Some((base, name @ ("manifest.json" | "checks.json"))) = base::of_heading(heading) else {
        return Outcome::Skipped;
    };
    with_runs(|runs| {
        let path = runs.join(base.name);
        let read = || -> Result<(), FiguresError> {
            let folder = RunFolder::existing(&path)?;
            folder.require_format("advice")?;
            let manifest = folder.manifest()?;
            let _: Vec<Check> = folder.read_json("checks.json")?;
            let again = serde_json::to_value(&manifest).expect("a manifest has text keys only");
            let request = OpenRequest {
                experiment: &again["experiment"],
                sources: &again["population"]["sources"],
                build: &manifest.last_build(),
                force: false,
                resume: true,
                accept_revision: false,
            };
            RunFolder::open(&path, &request)?;
            Ok(())
        };
        base::replaced(&path.join(name), content, read).map_or(Outcome::Skipped, Outcome::of)
    })
}

/// A file of `records/` or `state/`, or the manifest: the figures that show it are made, and one of them is rendered,
/// which takes most of the time. A record is refused while its checksum is not that in the manifest, and then drawn with
/// a manifest that has it.
pub fn records(data: &[u8]) -> Outcome {
    let [heading, content] = Layout::Headed.split(data);
    let Some((base, name)) = base::of_heading(heading) else { return Outcome::Skipped };
    if !["records/", "state/", "manifest.json"].iter().any(|part| name.starts_with(part)) || name.contains("..") {
        return Outcome::Skipped;
    }
    // A number that is not finite must not be drawn as text; a name in the record may contain anything.
    let named = content.windows(3).any(|text| text.eq_ignore_ascii_case(b"nan"));
    with_runs(|runs| {
        let path = runs.join(base.name);
        let draw = || -> Result<(), FiguresError> {
            let folder = RunFolder::existing(&path)?;
            let all = figures(base, name, &folder)?;
            let Some((figure, drawn)) = all.get(base::digest(content) % all.len().max(1)) else { return Ok(()) };
            let svg = render(drawn)?;
            let texts = svg.split("<text").skip(1).filter_map(|text| text.split("</text").next());
            for text in texts.map(|text| text.split_once('>').map_or("", |(_, text)| text)) {
                assert!(named || !text.contains("NaN"), "{figure} says: {}", text.trim());
            }
            Ok(())
        };
        let original = std::fs::read(path.join(name)).unwrap_or_default();
        let sealed = name.starts_with("records/") && name != WALL_TIMES;
        let draw_sealed = || -> Result<(), FiguresError> {
            if !sealed {
                return draw();
            }
            let folder = RunFolder::existing(&path)?;
            let refused = matches!(of_run(&folder, &REGISTRY), Err(FiguresError::Record(RecordError::Altered { .. })));
            assert!(refused || content == original, "{name} is drawn, and its checksum is another");
            let manifest = with_checksum(&folder, name)?;
            base::replaced(&path.join("manifest.json"), manifest.as_bytes(), draw).unwrap_or(Ok(()))
        };
        base::replaced(&path.join(name), content, draw_sealed).map_or(Outcome::Skipped, Outcome::of)
    })
}

/// The manifest with the checksum that a record now has.
fn with_checksum(folder: &RunFolder, name: &str) -> Result<String, FiguresError> {
    let mut manifest: serde_json::Value = folder.read_json("manifest.json")?;
    for (name, checksum) in folder.checksums([name.to_string()])? {
        manifest["records"][name.as_str()] = checksum.into();
    }
    Ok(manifest.to_string())
}

/// The figures of the study that wrote a record; all figures for other files.
fn figures(base: &base::Base, name: &str, folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let stem = name.strip_prefix("records/").and_then(|name| name.split('.').next()).unwrap_or_default();
    let recovery = matches!(base.experiment(), Ok(AnyExperiment::Recovery(_)));
    let training = REGISTRY.training.iter().filter(|_| !recovery).map(|study| (study.name, study.figures));
    let sparse = REGISTRY.recovery.iter().filter(|_| recovery).map(|study| (study.name, study.figures));
    match training.chain(sparse).find(|(study, _)| *study == stem) {
        Some((_, figures)) => figures(folder),
        None => of_run(folder, &REGISTRY),
    }
}
