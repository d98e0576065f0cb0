//! The main quantities of a run, from its records: the final risk, and those of its studies.

use super::super::context::{FiguresError, RunError};
use super::super::figures::records::Records;
use super::super::study::{RegisteredStudy, Registry, Runnable};
use crate::analysis::fit::Statistic;
use crate::analysis::trend::SeedQuantity;
use crate::config::AnyExperiment;
use crate::config::vary::Varied;
use crate::record::{LimitRun, Manifest, Measure, RunFolder, RunKind};
use ndarray::{Axis, aview1};

/// The final risk of the networks of every width.
pub(super) const FINAL_RISK: &str = "final-risk";
/// The final risk of the limit.
const LIMIT_RISK: &str = "limit-risk";
/// The final risk of the limit under the method and step of the networks, by half of the particles.
pub(super) const STEP_RISK: &str = "limit-risk-step";

/// Checks that the statements are about quantities that the experiment records.
///
/// # Errors
/// [`RunError::NoSuchQuantity`].
pub(super) fn require_known(varied: &Varied<AnyExperiment>, registry: &'static Registry) -> Result<(), RunError> {
    // The points differ in the values of keys; a table that one of them lacks has no values.
    let known = names(&varied.points[0].experiment, registry);
    match varied.fits.iter().find(|fit| !known.contains(&fit.quantity.as_str())) {
        None => Ok(()),
        Some(fit) => Err(RunError::NoSuchQuantity {
            name: fit.quantity.clone(),
            known: known.into_iter().map(String::from).collect(),
        }),
    }
}

/// The names of the quantities of an experiment.
fn names(experiment: &AnyExperiment, registry: &'static Registry) -> Vec<&'static str> {
    fn of_studies<E: Runnable>(registered: &'static [RegisteredStudy<E>], e: &E) -> Vec<&'static str> {
        let studies = registered.iter().filter(|study| e.studies().find(study.name).is_some());
        studies.flat_map(|study| study.quantity_names).copied().collect()
    }
    match experiment {
        AnyExperiment::Training(e) => {
            [vec![FINAL_RISK, LIMIT_RISK, STEP_RISK], of_studies(registry.training, &**e)].concat()
        }
        AnyExperiment::Recovery(e) => of_studies(registry.recovery, &**e),
        AnyExperiment::Pruning(e) => of_studies(registry.pruning, &**e),
    }
}

/// The quantities of a complete run.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn of_run(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<SeedQuantity>, FiguresError> {
    fn of_studies<E: Runnable>(
        registered: &'static [RegisteredStudy<E>],
        folder: &RunFolder,
        manifest: &Manifest,
    ) -> Result<Vec<SeedQuantity>, FiguresError> {
        let ran = registered.iter().filter(|study| manifest.studies.iter().any(|name| name == study.name));
        let found: Vec<_> = ran.map(|study| (study.quantities)(folder)).collect::<Result<_, _>>()?;
        Ok(found.into_iter().flatten().collect())
    }
    let manifest = folder.manifest()?;
    Ok(match manifest.kind {
        RunKind::Training => [risks(folder)?, of_studies(registry.training, folder, &manifest)?].concat(),
        RunKind::Recovery => of_studies(registry.recovery, folder, &manifest)?,
        RunKind::Pruning => of_studies(registry.pruning, folder, &manifest)?,
    })
}

/// The final risks of the networks and of the limit.
fn risks(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
    let records = Records::read(folder)?;
    let mut found = Vec::new();
    if let Some((group, table)) =
        records.widths().and_then(|group| Some((group, records.measure(group, Measure::Risk)?)))
    {
        let last = table.len_of(Axis(2)).saturating_sub(1);
        for (width, row) in group.values.iter().zip(table.index_axis(Axis(2), last).rows()) {
            let label = "risk R(T) of networks";
            found.push(SeedQuantity::of_seeds(FINAL_RISK, label, Some(*width as usize), Statistic::Mean, row));
        }
    }
    let limits = [
        (LimitRun::Reference, LIMIT_RISK, "risk R(T) of the limit"),
        (LimitRun::TrainingStep, STEP_RISK, "risk R(T) of the limit with the networks’ step"),
    ];
    for (run, name, label) in limits {
        if let Some(risk) = records.limit_of(run, Measure::Risk).and_then(|series| series.last()) {
            found.push(SeedQuantity::of_seeds(name, label, None, Statistic::Mean, aview1(&[*risk])));
        }
    }
    Ok(found)
}
