//! Folders of complete runs: manifest, checks, and the records from which figures are drawn.

use super::{Layout, Outcome};
use crate::base::{self, Scratch};
use std::cell::OnceCell;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use widelimit::analysis::verdict::Check;
use widelimit::config::AnyExperiment;
use widelimit::figure::render;
use widelimit::record::RunFolder;
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
                let options = Options { out: out.clone(), force: false, resume: false, quiet: true };
                if let Err(error) = widelimit::run_experiment(&experiment, &options, &AtomicBool::new(false)) {
                    panic!("{}: {error}", base.name);
                }
                let _ = std::fs::remove_dir_all(out.join("figures"));
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
            RunFolder::open(&path, &again["experiment"], false, true)?;
            Ok(())
        };
        base::replaced(&path.join(name), content, read).map_or(Outcome::Skipped, Outcome::of)
    })
}

/// A file of `records/` or `state/`, or the manifest: the figures that show it are made, and one of them is rendered,
/// which takes most of the time.
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
            let sum = content.iter().fold(0_usize, |sum, &byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
            let Some((figure, drawn)) = all.get(sum % all.len().max(1)) else { return Ok(()) };
            let svg = render(drawn)?;
            let texts = svg.split("<text").skip(1).filter_map(|text| text.split("</text").next());
            for text in texts.map(|text| text.split_once('>').map_or("", |(_, text)| text)) {
                assert!(named || !text.contains("NaN"), "{figure} says: {}", text.trim());
            }
            Ok(())
        };
        base::replaced(&path.join(name), content, draw).map_or(Outcome::Skipped, Outcome::of)
    })
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
