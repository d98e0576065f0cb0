//! The phase diagram: for which n/d and k/n is a noiseless truth of k entries found, by which algorithm.

use super::super::pieces::{Piece, work_through};
use super::super::{RunError, Setting};
use super::{Findings, Subject};
use crate::analysis::number;
use crate::analysis::proportion::wilson;
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::Check;
use crate::config::Phase;
use crate::record::npz::Arrays;
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{Damping, Method, solve};
use serde::{Deserialize, Serialize};

/// A cell of the diagram.
#[derive(Clone, Copy)]
struct Cell {
    /// Its place along both axes, and its address.
    row: usize,
    column: usize,
    n: usize,
    k: usize,
}

/// What a method did in a cell.
#[derive(Serialize, Deserialize)]
struct Tally {
    successes: usize,
    /// Problems tried; 0 where the method does not apply.
    trials: usize,
    /// Median iterations of the successes.
    #[serde(with = "number")]
    iterations: f64,
}

/// Writes `records/phase.npz`.
pub(super) fn study(subject: &Subject<'_>, terms: &Phase, setting: &Setting<'_>) -> Result<Option<Findings>, RunError> {
    let e = subject.experiment;
    let Some(law) = subject.source.law() else { return Ok(Some(Default::default())) };
    let cells: Vec<Cell> = (0..terms.n_over_d.len())
        .flat_map(|row| (0..terms.k_over_n.len()).map(move |column| (row, column)))
        .map(|(row, column)| {
            let n = ((terms.n_over_d[row] * law.d as f64).round() as usize).max(1);
            let k = ((terms.k_over_n[column] * n as f64).round() as usize).max(1);
            Cell { row, column, n, k }
        })
        .collect();
    let pieces: Vec<Piece<Cell>> = cells
        .iter()
        .map(|&cell| Piece { name: format!("phase-{}-{}", cell.row, cell.column), size: cell.n, item: cell })
        .collect();
    let found = work_through(setting, "phase diagram", &pieces, |cell| {
        tallies(subject, &Instance { n: cell.n, sparsity: cell.k, snr_db: None, ..*law }, terms, cell)
    })?;
    let Some(found) = found else { return Ok(None) };
    let shape = [terms.n_over_d.len(), terms.k_over_n.len()];
    let mut arrays = Arrays::default();
    arrays.push("n_over_d", &shape[..1], terms.n_over_d.clone());
    arrays.push("k_over_n", &shape[1..], terms.k_over_n.clone());
    arrays.push("n", &shape, cells.iter().map(|cell| cell.n as f64).collect());
    arrays.push("k", &shape, cells.iter().map(|cell| cell.k as f64).collect());
    for (m, method) in e.solver.methods.iter().enumerate() {
        let name = method.name();
        let table = |of: &dyn Fn(&Tally) -> f64| found.iter().map(|cell| of(&cell[m])).collect::<Vec<f64>>();
        let rate = |t: &Tally| if t.trials == 0 { f64::NAN } else { t.successes as f64 / t.trials as f64 };
        let end = |t: &Tally, high: bool| {
            let (low, up) = wilson(t.successes, t.trials, 0.95);
            if t.trials == 0 {
                f64::NAN
            } else if high {
                up
            } else {
                low
            }
        };
        arrays.push(format!("{name}_success"), &shape, table(&rate));
        arrays.push(format!("{name}_low"), &shape, table(&|t| end(t, false)));
        arrays.push(format!("{name}_high"), &shape, table(&|t| end(t, true)));
        arrays.push(format!("{name}_trials"), &shape, table(&|t| t.trials as f64));
        arrays.push(format!("{name}_iterations"), &shape, table(&|t| t.iterations));
    }
    arrays.write(&setting.folder.file("records/phase.npz"))?;
    Ok(Some((checks(subject, law, &cells, &found), Vec::new())))
}

fn tallies(subject: &Subject<'_>, law: &Instance, terms: &Phase, cell: &Cell) -> Result<Vec<Tally>, RunError> {
    let e = subject.experiment;
    let mut reached: Vec<Vec<Option<usize>>> = vec![Vec::new(); e.solver.methods.len()];
    if law.sparsity <= law.d {
        for trial in 0..terms.problems {
            let address = ((cell.row * terms.k_over_n.len() + cell.column) as u64 + 1) << 32 | trial as u64;
            let problem = law.draw(e.seed, address)?;
            for (m, &method) in e.solver.methods.iter().enumerate() {
                if !method.applies(law.n, law.d, law.sparsity) {
                    continue;
                }
                // A method that gives up has not found it.
                let outcome = solve(&problem, method, &e.solver.settings(law.sparsity), |_| {});
                reached[m].push(outcome.ok().and_then(|outcome| outcome.iterations_to(e.solver.success)));
            }
        }
    }
    let tally = |reached: Vec<Option<usize>>| Tally {
        successes: reached.iter().flatten().count(),
        trials: reached.len(),
        iterations: quantile(reached.iter().flatten().map(|&t| t as f64), 0.5),
    };
    Ok(reached.into_iter().map(tally).collect())
}

/// With as many samples as unknowns and no damping, one I-OBS pass finds every noiseless truth.
fn checks(subject: &Subject<'_>, law: &Instance, cells: &[Cell], found: &[Vec<Tally>]) -> Vec<Check> {
    let e = subject.experiment;
    let exact = law.loss == crate::sparse::recovery::SampleLoss::Squared
        && e.solver.step == 1.0
        && matches!(e.solver.damping, Damping::Auto | Damping::Relative(0.0));
    let mut checks = Vec::new();
    for (m, method) in e.solver.methods.iter().enumerate().filter(|(_, m)| matches!(m, Method::Obs(..)) && exact) {
        let missed: Vec<usize> = cells
            .iter()
            .zip(found)
            .filter(|(cell, _)| cell.n >= law.d)
            .map(|(_, tallies)| tallies[m].trials - tallies[m].successes)
            .collect();
        if missed.is_empty() {
            continue;
        }
        let name = format!("phase-full-rank-{}", method.name());
        let statement = format!("{}: wherever n >= d every noiseless truth is found: problems missed", method.name());
        let mut check = Check::at_most(name, statement, missed.iter().sum::<usize>() as f64, 0.0);
        check.detail += &format!("; {} cells with n >= d", missed.len());
        checks.push(check);
    }
    checks
}
