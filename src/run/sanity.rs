//! Checks of every experiment, whatever its studies: nothing diverged, and the limit loses energy.

use super::series::sup;
use super::training::Trained;
use crate::analysis::verdict::Check;
use crate::config::{Experiment, Precision};
use crate::dynamics::StopReason;
use crate::record::{LimitRun, Measure};

/// Diverged runs that are named in the check itself.
const NAMED: usize = 5;

/// The checks of every experiment.
pub fn checks(e: &Experiment, trained: &Trained) -> Vec<Check> {
    [Some(diverged_check(trained)), energy_check(e, trained)].into_iter().flatten().collect()
}

fn diverged_check(trained: &Trained) -> Check {
    let diverged: Vec<String> = trained
        .runs
        .iter()
        .filter_map(|(id, (stop, _))| match stop {
            StopReason::Diverged { step, loss, .. } => Some(format!("{id} at step {step} (loss {loss:.3e})")),
            _ => None,
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
        n if n <= NAMED => diverged.join("; "),
        n => format!("{}; and {} more, named in manifest.json", diverged[..NAMED].join("; "), n - NAMED),
    };
    check
}

/// Without noise the energy of the limit, risk plus kinetic, never grows (theory section 3, energy balance).
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
