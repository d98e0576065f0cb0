//! The mean-field limit of a problem by its kinetic equation, along recording times.

use super::grid::KineticError;
use super::{Constants, Density, Line, LineLaw, MeanField, PhaseGrid, Splitting};
use crate::compute::Threads;
use serde::{Deserialize, Serialize};

/// What is solved.
#[derive(Clone, Debug)]
pub struct KineticProblem {
    /// Features, labels, loss and ridge.
    pub field: MeanField,
    /// Friction, temperature and step.
    pub constants: Constants,
    /// The density at time 0; its grid is the grid of the solution.
    pub start: Density,
}

/// The limit at recording times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridLimit {
    /// Recording times.
    pub times: Vec<f64>,
    /// Nodes of theta.
    pub line: Line,
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
    /// The largest mass that came near the box's edges, of theta and of r.
    pub edge_mass: (f64, f64),
}

impl GridLimit {
    /// The law of theta at recording time `index`.
    pub fn law(&self, index: usize) -> LineLaw {
        LineLaw::new(self.line, &self.laws[index])
    }
}

impl KineticProblem {
    /// Solves along the times, which begin at 0 and on which the step must land; `watch(index, density)` sees every record.
    /// `go_on(time)` is asked before every step; `None`: it said no.
    ///
    /// # Errors
    /// A density that stops being finite, a step that does not land on the times.
    pub fn solve(
        &self,
        times: &[f64],
        threads: Threads,
        mut go_on: impl FnMut(f64) -> bool,
        mut watch: impl FnMut(usize, &Density),
    ) -> Result<Option<GridLimit>, KineticError> {
        let mut way = self.begin();
        watch(0, &way.density);
        while way.limit.times.len() < times.len() {
            if !self.next(&mut way, times, threads, &mut go_on)? {
                return Ok(None);
            }
            watch(way.limit.times.len() - 1, &way.density);
        }
        Ok(Some(way.limit))
    }

    /// The start, recorded.
    pub fn begin(&self) -> OnTheWay {
        let density = self.start.clone();
        let mut limit = GridLimit::empty(density.grid);
        limit.record(&self.field, 0.0, &density);
        OnTheWay { limit, density }
    }

    /// Goes on to the next of the times and records there; `false`: `go_on` said no, and nothing has changed.
    ///
    /// # Errors
    /// As [`KineticProblem::solve`].
    pub fn next(
        &self,
        way: &mut OnTheWay,
        times: &[f64],
        threads: Threads,
        mut go_on: impl FnMut(f64) -> bool,
    ) -> Result<bool, KineticError> {
        let index = way.limit.times.len();
        let (from, to) = (times[index - 1], times[index]);
        let steps = self.constants.steps(to - from)?;
        let mut splitting = Splitting::new(way.density.grid, self.constants, threads)?;
        let mut density = way.density.clone();
        let field = |rho: &[f64], out: &mut [f64]| {
            self.field.gradient(rho, out);
        };
        let step = (to - from) / steps as f64;
        if !splitting.advance_while(&mut density, steps, field, |taken| go_on(from + taken as f64 * step)) {
            return Ok(false);
        }
        if !density.mass().is_finite() {
            return Err(KineticError::NotFinite { time: to });
        }
        way.limit.record(&self.field, to, &density);
        way.density = density;
        Ok(true)
    }
}

/// A solution as far as it has come.
#[derive(Clone, Debug)]
pub struct OnTheWay {
    /// What is recorded.
    pub limit: GridLimit,
    /// The density at the last record.
    pub density: Density,
}

impl GridLimit {
    fn empty(grid: PhaseGrid) -> Self {
        GridLimit {
            times: Vec::new(),
            line: grid.theta,
            predictions: Vec::new(),
            losses: Vec::new(),
            risks: Vec::new(),
            kinetic: Vec::new(),
            laws: Vec::new(),
            edge_mass: (0.0, 0.0),
        }
    }

    fn record(&mut self, field: &MeanField, time: f64, density: &Density) {
        let rho = density.theta_marginal();
        let f = field.predictions(&rho);
        let loss = field.loss(&f);
        let (theta, r) = density.edge_mass();
        let momenta = density.momentum_marginal();
        let line = density.grid.momentum;
        let square: f64 = momenta.iter().enumerate().map(|(j, v)| v * line.node(j).powi(2)).sum();
        self.times.push(time);
        self.losses.push(loss);
        self.risks.push(loss + field.penalty(&rho));
        self.kinetic.push(0.5 * square * line.spacing());
        self.predictions.push(f);
        self.laws.push(rho);
        self.edge_mass = (self.edge_mass.0.max(theta), self.edge_mass.1.max(r));
    }
}
