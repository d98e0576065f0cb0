//! Checks of every run of training: no trajectory diverged, and the energy of the limit does not grow.

use super::series::sup;
use super::training::Trained;
use crate::analysis::verdict::Check;
use crate::config::{Experiment, Precision};
use crate::dynamics::StopReason;
use crate::record::{LimitRun, Measure};

/// Largest number of diverged trajectories that the check lists.
const MAX_LISTED: usize = 5;

/// The checks of every experiment.
pub fn checks(e: &Experiment, trained: &Trained) -> Vec<Check> {
    [Some(diverged_check(trained)), energy_check(e, trained)].into_iter().flatten().collect()
}

fn diverged_check(trained: &Trained) -> Check {
    let diverged: Vec<String> = trained
        .runs
        .iter()
        .filter_map(|(id, run)| match &run.stop {
            StopReason::Diverged { step, loss, .. } => Some(format!("{id} at step {step} (loss {loss:.3e})")),
            StopReason::Horizon | StopReason::Interrupted { .. } | StopReason::TooManySteps { .. } => None,
        })
        .collect();
    let mut check = Check::at_most(
        "runs-diverged",
        "every network and every limit reaches the horizon with a finite loss",
        diverged.len() as f64,
        0.0,
    );
    check.detail = match diverged.len() {
        0 => format!("{} runs", trained.runs.len()),
        n if n <= MAX_LISTED => diverged.join("; "),
        n => format!("{}; and {} more, named in manifest.json", diverged[..MAX_LISTED].join("; "), n - MAX_LISTED),
    };
    check
}

/// Without noise the energy of the limit, risk plus kinetic energy, does not grow (theory section 3, energy balance).
fn energy_check(e: &Experiment, trained: &Trained) -> Option<Check> {
    if e.dynamics.temperature > 0.0 {
        return None;
    }
    let series = trained.series(LimitRun::Reference.id())?;
    let rounding = if e.precision == Precision::F64 { 1e-9 } else { 1e-5 };
    let energy = &series.row(Measure::Risk) + &series.row(Measure::Kinetic);
    let growth = sup(energy.windows(2).into_iter().map(|pair| pair[1] - pair[0]));
    let mut check = Check::at_most(
        "energy-falls",
        "the limit's energy, risk + kinetic, never grows between recording times",
        growth,
        rounding * energy[0],
    );
    check.detail = format!(
        "largest change {growth:.3e}; energy {:.4} at the start, {:.4} at the end",
        energy[0],
        energy[energy.len() - 1]
    );
    Some(check)
}
