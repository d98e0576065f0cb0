//! The phase diagram: for which n/d and k/n each algorithm recovers a noiseless vector with k entries.

use super::{MethodCells, PhaseArrays, PhaseDiagram};
use crate::analysis::proportion::wilson_interval;
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::Check;
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::RecoverySubject;
use crate::run::tasks::{Task, run_tasks};
use crate::sparse::recovery::instance::Instance;
use crate::sparse::recovery::{Damping, RecoveryMethod, SampleLoss, solve};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// A cell of the diagram.
#[derive(Clone, Copy)]
struct Cell {
    /// Index of n/d.
    row: usize,
    /// Index of k/n.
    column: usize,
    /// Samples.
    n: usize,
    /// Entries of the true vector.
    k: usize,
}

/// Successes of a method in a cell.
#[derive(Serialize, Deserialize)]
struct Tally {
    /// Number of problems recovered.
    successes: usize,
    /// Number of problems; 0 where the method does not apply.
    trials: usize,
    /// Median number of iterations to success.
    iterations: f64,
}

/// Writes `records/phase.npz`; returns the checks.
pub(super) fn run(
    spec: &PhaseDiagram,
    subject: RecoverySubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let Some(law) = subject.source.law() else { return Ok(Outcome::Complete(Findings::default())) };
    let cells: Vec<Cell> = (0..spec.n_over_d.len())
        .flat_map(|row| (0..spec.k_over_n.len()).map(move |column| (row, column)))
        .map(|(row, column)| {
            let n = ((spec.n_over_d[row] * law.d as f64).round() as usize).max(1);
            let k = ((spec.k_over_n[column] * n as f64).round() as usize).max(1);
            Cell { row, column, n, k }
        })
        .collect();
    let tasks: Vec<Task<Cell>> = cells
        .iter()
        .map(|&cell| Task { name: format!("phase-{}-{}", cell.row, cell.column), size: cell.n, item: cell })
        .collect();
    let found = complete!(run_tasks(context, "phase diagram", &tasks, |cell, _| {
        let law = Instance { n: cell.n, sparsity: cell.k, snr_db: None, ..*law };
        tallies(subject, &law, spec, cell).map(Outcome::Complete)
    })?);
    arrays(spec, subject, &cells, &found).write(context.folder)?;
    Ok(Outcome::Complete(checks(subject, law, &cells, &found).into()))
}

/// The arrays of all cells.
fn arrays(spec: &PhaseDiagram, subject: RecoverySubject<'_>, cells: &[Cell], found: &[Vec<Tally>]) -> PhaseArrays {
    let shape = (spec.n_over_d.len(), spec.k_over_n.len());
    let of_cell = |of: &dyn Fn(&Cell) -> usize| shaped(shape, cells.iter().map(|cell| of(cell) as f64).collect());
    let of_method = |m: usize| {
        let table = |of: &dyn Fn(&Tally) -> f64| -> Array2<f64> {
            let value = |t: &Tally| if t.trials == 0 { f64::NAN } else { of(t) };
            shaped(shape, found.iter().map(|cell| value(&cell[m])).collect())
        };
        MethodCells {
            success: table(&|t| t.successes as f64 / t.trials as f64),
            low: table(&|t| wilson_interval(t.successes, t.trials, 0.95).0),
            high: table(&|t| wilson_interval(t.successes, t.trials, 0.95).1),
            trials: shaped(shape, found.iter().map(|cell| cell[m].trials as f64).collect()),
            iterations: shaped(shape, found.iter().map(|cell| cell[m].iterations).collect()),
        }
    };
    let methods = subject.experiment.solver.methods.iter().enumerate();
    PhaseArrays {
        n_over_d: Array1::from(spec.n_over_d.clone()),
        k_over_n: Array1::from(spec.k_over_n.clone()),
        n: of_cell(&|cell| cell.n),
        k: of_cell(&|cell| cell.k),
        methods: methods.map(|(m, method)| (method.name().into(), of_method(m))).collect(),
    }
}

/// The successes of every method in a cell.
fn tallies(
    subject: RecoverySubject<'_>,
    law: &Instance,
    spec: &PhaseDiagram,
    cell: &Cell,
) -> Result<Vec<Tally>, RunError> {
    let e = subject.experiment;
    let mut reached: Vec<Vec<Option<usize>>> = vec![Vec::new(); e.solver.methods.len()];
    if law.sparsity <= law.d {
        for trial in 0..spec.problems {
            let address = ((cell.row * spec.k_over_n.len() + cell.column) as u64 + 1) << 32 | trial as u64;
            let problem = law.draw(e.seed, address)?;
            for (m, &method) in e.solver.methods.iter().enumerate() {
                if !method.applies(law.n, law.d, law.sparsity) {
                    continue;
                }
                // A method that fails has not succeeded.
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

/// Checks that an iterative optimal brain surgeon without damping recovers every noiseless vector where n >= d.
fn checks(subject: RecoverySubject<'_>, law: &Instance, cells: &[Cell], found: &[Vec<Tally>]) -> Vec<Check> {
    let e = subject.experiment;
    let exact = law.loss == SampleLoss::Squared
        && e.solver.step == 1.0
        && matches!(e.solver.damping, Damping::Auto | Damping::Relative(0.0));
    let mut checks = Vec::new();
    for (m, method) in
        e.solver.methods.iter().enumerate().filter(|(_, m)| matches!(m, RecoveryMethod::Obs(..)) && exact)
    {
        let failures: Vec<usize> = cells
            .iter()
            .zip(found)
            .filter(|(cell, _)| cell.n >= law.d)
            .map(|(_, tallies)| tallies[m].trials - tallies[m].successes)
            .collect();
        if failures.is_empty() {
            continue;
        }
        let name = format!("phase-full-rank-{}", method.name());
        let statement =
            format!("{}: every noiseless problem with n >= d is recovered: number of failures", method.name());
        let mut check = Check::at_most(name, statement, failures.iter().sum::<usize>() as f64, 0.0);
        check.detail += &format!("; {} cells with n >= d", failures.len());
        checks.push(check);
    }
    checks
}
