//! The mean-field limit of a problem by its kinetic equation, at recording times.

use super::grid::KineticError;
use super::{Density, GridAxis, GridLaw, KineticConstants, MeanField, PhaseGrid, Splitting};
use crate::compute::Threads;
use serde::{Deserialize, Serialize};

/// An initial-value problem of the kinetic equation.
#[derive(Clone, Debug)]
pub struct KineticProblem {
    /// Features, labels, loss and ridge.
    pub field: MeanField,
    /// Friction, temperature and step.
    pub constants: KineticConstants,
    /// The density at time 0; its grid is the grid of the solution.
    pub start: Density,
}

/// The solution of the kinetic equation at recording times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridLimit {
    /// Recording times.
    pub times: Vec<f64>,
    /// Nodes of theta.
    pub axis: GridAxis,
    /// `f_rho(x_s)` at every time, (n K) row-major.
    pub predictions: Vec<Vec<f64>>,
    /// Mean loss and risk (with the ridge) at every time.
    pub losses: Vec<f64>,
    /// Mean loss plus ridge at every time.
    pub risks: Vec<f64>,
    /// `(1/2) int r^2 mu` at every time.
    pub kinetic: Vec<f64>,
    /// The density of theta at every time, (nodes).
    pub laws: Vec<Vec<f64>>,
    /// The largest mass near the edges of the box over the recording times, of theta and of r (see
    /// [`Density::edge_mass`]).
    pub edge_mass: (f64, f64),
}

impl GridLimit {
    /// Whether these are records at the times `times` on the nodes `axis`, with so many predictions at each.
    pub fn is_of(&self, times: &[f64], axis: GridAxis, predictions: usize) -> bool {
        let count = times.len();
        self.times == times
            && self.axis == axis
            && [self.losses.len(), self.risks.len(), self.kinetic.len()] == [count; 3]
            && rows_are(&self.predictions, count, predictions)
            && rows_are(&self.laws, count, axis.nodes)
    }

    /// The law of theta at recording time `index`.
    pub fn law(&self, index: usize) -> GridLaw {
        GridLaw::new(self.axis, &self.laws[index])
    }
}

/// Whether there are so many rows of so many entries.
pub fn rows_are<T>(rows: &[Vec<T>], count: usize, entries: usize) -> bool {
    rows.len() == count && rows.iter().all(|row| row.len() == entries)
}

impl KineticProblem {
    /// Solves up to the last of `times`, which begin at 0 and whose differences are multiples of the step. Calls
    /// `observe(index, density)` at every recording time and `proceed(time)` before every step; returns `None` where
    /// `proceed` returned false.
    ///
    /// # Errors
    /// [`KineticError::NotFinite`] for a density that stops being finite, [`KineticError::Constant`] for a step that
    /// does not divide the intervals between the times.
    pub fn solve(
        &self,
        times: &[f64],
        threads: Threads,
        mut proceed: impl FnMut(f64) -> bool,
        mut observe: impl FnMut(usize, &Density),
    ) -> Result<Option<GridLimit>, KineticError> {
        let mut solution = self.begin();
        observe(0, &solution.density);
        while solution.limit.times.len() < times.len() {
            if !self.next(&mut solution, times, threads, &mut proceed)? {
                return Ok(None);
            }
            observe(solution.limit.times.len() - 1, &solution.density);
        }
        Ok(Some(solution.limit))
    }

    /// The partial solution that holds the record at time 0.
    pub fn begin(&self) -> PartialSolution {
        let density = self.start.clone();
        let mut limit = GridLimit::empty(density.grid);
        limit.record(&self.field, 0.0, &density);
        PartialSolution { limit, density }
    }

    /// Advances `solution` to the next of the times and records there. Returns false, and leaves it unchanged, where
    /// `proceed` returned false.
    ///
    /// # Errors
    /// As [`KineticProblem::solve`].
    pub fn next(
        &self,
        solution: &mut PartialSolution,
        times: &[f64],
        threads: Threads,
        mut proceed: impl FnMut(f64) -> bool,
    ) -> Result<bool, KineticError> {
        let index = solution.limit.times.len();
        let (from, to) = (times[index - 1], times[index]);
        let steps = self.constants.steps(to - from)?;
        let mut splitting = Splitting::new(solution.density.grid, self.constants, threads)?;
        let mut density = solution.density.clone();
        let field = |rho: &[f64], out: &mut [f64]| {
            self.field.gradient(rho, out);
        };
        let step = (to - from) / steps as f64;
        if !splitting.advance_while(&mut density, steps, field, |taken| proceed(from + taken as f64 * step)) {
            return Ok(false);
        }
        if !density.mass().is_finite() {
            return Err(KineticError::NotFinite { time: to });
        }
        solution.limit.record(&self.field, to, &density);
        solution.density = density;
        Ok(true)
    }
}

/// A solution up to some recording time; the contents of a checkpoint.
#[derive(Clone, Debug)]
pub struct PartialSolution {
    /// The records so far.
    pub limit: GridLimit,
    /// The density at the last recording time.
    pub density: Density,
}

impl GridLimit {
    /// No records yet.
    fn empty(grid: PhaseGrid) -> Self {
        GridLimit {
            times: Vec::new(),
            axis: grid.theta,
            predictions: Vec::new(),
            losses: Vec::new(),
            risks: Vec::new(),
            kinetic: Vec::new(),
            laws: Vec::new(),
            edge_mass: (0.0, 0.0),
        }
    }

    /// Appends the record of a density at a time.
    fn record(&mut self, field: &MeanField, time: f64, density: &Density) {
        let rho = density.theta_marginal();
        let f = field.predictions(&rho);
        let loss = field.loss(&f);
        let (theta, r) = density.edge_mass();
        let momenta = density.momentum_marginal();
        let axis = density.grid.momentum;
        let square: f64 = momenta.iter().enumerate().map(|(j, v)| v * axis.node(j).powi(2)).sum();
        self.times.push(time);
        self.losses.push(loss);
        self.risks.push(loss + field.penalty(&rho));
        self.kinetic.push(0.5 * square * axis.spacing());
        self.predictions.push(f);
        self.laws.push(rho);
        self.edge_mass = (self.edge_mass.0.max(theta), self.edge_mass.1.max(r));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_another_shape_are_seen() {
        let axis = GridAxis { low: 0.0, high: 1.0, nodes: 4 };
        let right = || GridLimit {
            times: vec![0.0, 0.5],
            axis,
            predictions: vec![vec![0.0; 3]; 2],
            losses: vec![0.0; 2],
            risks: vec![0.0; 2],
            kinetic: vec![0.0; 2],
            laws: vec![vec![0.25; 4]; 2],
            edge_mass: (0.0, 0.0),
        };
        let fits = |limit: &GridLimit| limit.is_of(&[0.0, 0.5], axis, 3);
        assert!(fits(&right()));
        assert!(!right().is_of(&[0.0, 0.6], axis, 3) && !right().is_of(&[0.0], axis, 3));
        assert!(!right().is_of(&[0.0, 0.5], axis, 2));
        let edits: [fn(&mut GridLimit); 7] = [
            |limit| limit.axis.nodes = 5,
            |limit| limit.predictions[1].truncate(2),
            |limit| limit.losses.push(0.0),
            |limit| limit.risks.clear(),
            |limit| limit.kinetic.truncate(1),
            |limit| limit.laws.truncate(1),
            |limit| limit.laws[0].push(0.0),
        ];
        for edit in edits {
            let mut wrong = right();
            edit(&mut wrong);
            assert!(!fits(&wrong), "{wrong:?}");
        }
    }
}
