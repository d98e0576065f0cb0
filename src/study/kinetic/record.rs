//! The records of the study of the kinetic equation.

use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// `records/kinetic.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KineticRecord {
    /// Friction gamma.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Step h of the grid.
    pub step: f64,
    /// Nodes per axis.
    pub nodes: usize,
    /// Total number of particles; 0 without comparison.
    pub particles: usize,
    /// Number of independent clouds of the particles.
    pub clouds: usize,
    /// `sup_t |f - f'|` from the grid with half the nodes.
    pub half_nodes: f64,
    /// `sup_t |f - f'|` from the grid with twice the step.
    pub double_step: f64,
    /// The equilibrium, where frictions are given.
    pub rest: Option<EquilibriumRecord>,
}

/// The equilibrium: the Gibbs law that is the fixed point of its own potential.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EquilibriumRecord {
    /// Free energy of the Gibbs law.
    pub free_energy: f64,
    /// `int |G(rho) - rho|` at the end of the fixed-point iteration.
    pub residual: f64,
    /// Number of fixed-point iterations.
    pub iterations: usize,
    /// `int |mu - mu*|` at the horizon with twice the step, the step and half the step.
    pub distance: Vec<f64>,
    /// Stiffness k of the harmonic well with the same rate of approach at the largest friction.
    pub stiffness: f64,
}

const FILE: &str = "records/kinetic.json";

impl KineticRecord {
    /// Writes the record of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }
}

array_record! {
    /// The solution on the grid.
    pub struct SolutionArrays {
        /// Recording times (times).
        pub times[times]: Array1<f64>,
        /// Nodes of theta (nodes).
        pub theta[nodes]: Array1<f64>,
        /// Nodes of the momenta (nodes).
        pub momentum[momenta]: Array1<f64>,
        /// Laws of theta (times, nodes).
        pub theta_law[times, nodes]: Array2<f64>,
        /// Laws of the momenta (times, nodes).
        pub momentum_law[times, momenta]: Array2<f64>,
        /// Inputs of the samples, before scaling (n).
        pub x[samples]: Array1<f64>,
        /// Labels (n K).
        pub y[outputs]: Array1<f64>,
        /// Predictions (times, n K).
        pub function[times, outputs]: Array2<f64>,
        /// Risk (times).
        pub risk[times]: Array1<f64>,
        /// Kinetic energy (times).
        pub kinetic[times]: Array1<f64>,
        /// Means of theta and r, variance of theta, covariance, variance of r (times, 5).
        pub moments[times, 5]: Array2<f64>,
        /// Times of the recorded densities (snapshots).
        pub snapshot_times[snapshots]: Array1<f64>,
        /// Block means of the density (snapshots, momenta, thetas).
        pub snapshots[snapshots, momentum_blocks, theta_blocks]: Array3<f64>,
    }
}

array_record! {
    /// The clouds of particles.
    pub struct CloudArrays {
        /// `W2` distance of the law of theta from that of the grid, root mean square over clouds (times).
        pub wasserstein[times]: Array1<f64>,
        /// Its expectation for independent draws from the law of the grid (times).
        pub wasserstein_expected[times]: Array1<f64>,
        /// Predictions, mean over clouds (times, n K).
        pub particles_function[times, outputs]: Array2<f64>,
        /// Standard errors of the predictions (times, n K).
        pub particles_function_error[times, outputs]: Array2<f64>,
        /// Moments, mean over clouds (times, 5).
        pub particles_moments[times, 5]: Array2<f64>,
        /// Standard errors of the moments (times, 5).
        pub particles_moments_error[times, 5]: Array2<f64>,
        /// (theta, r) of some particles at the snapshots (snapshots, particles, 2).
        pub dots[snapshots, particles, 2]: Array3<f64>,
        /// Edges of the bins of theta (bins + 1).
        pub theta_edges[theta_edges]: Array1<f64>,
        /// Densities of theta by bins (times, bins).
        pub theta_histogram[times, theta_bins]: Array2<f64>,
        /// Edges of the bins of the momenta (bins + 1).
        pub momentum_edges[momentum_edges]: Array1<f64>,
        /// Densities of the momenta by bins (times, bins).
        pub momentum_histogram[times, momentum_bins]: Array2<f64>,
    }
}

array_record! {
    /// The free energy at a positive temperature.
    pub struct EnergyArrays {
        /// Times of all steps (steps + 1).
        pub energy_times[steps]: Array1<f64>,
        /// Risk, kinetic energy, entropy, free energy, dissipation (steps + 1, 5).
        pub energy[steps, 5]: Array2<f64>,
    }
}

array_record! {
    /// The approach to the Gibbs law, where frictions are given.
    pub struct ApproachArrays {
        /// Frictions (frictions).
        pub frictions[frictions]: Array1<f64>,
        /// Rates of approach (frictions).
        pub rates[frictions]: Array1<f64>,
        /// Density of theta at the horizon (nodes).
        pub end_law[nodes]: Array1<f64>,
        /// Density of theta under the Gibbs law (nodes).
        pub gibbs_law[nodes]: Array1<f64>,
        /// Times of all steps (steps + 1).
        pub excess_times[excess_steps]: Array1<f64>,
        /// Free energy minus that of the Gibbs law (frictions, steps + 1).
        pub excess[frictions, excess_steps]: Array2<f64>,
    }
}

/// `records/kinetic.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct KineticArrays {
    /// The solution on the grid.
    pub solution: SolutionArrays,
    /// Lower and upper ends of theta and of the momenta (4), stored as `box`.
    pub ends: Array1<f64>,
    /// The clouds of particles, if any.
    pub clouds: Option<CloudArrays>,
    /// The free energy, at a positive temperature.
    pub energy: Option<EnergyArrays>,
    /// The approach to the Gibbs law, where frictions are given.
    pub approach: Option<ApproachArrays>,
}

const ARRAYS: &str = "records/kinetic.npz";
const ENDS: &str = "box";

impl KineticArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.solution.push("", &mut arrays);
        arrays.push_named(ENDS, ["4"], &self.ends);
        self.clouds.iter().for_each(|clouds| clouds.push("", &mut arrays));
        self.energy.iter().for_each(|energy| energy.push("", &mut arrays));
        self.approach.iter().for_each(|approach| approach.push("", &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run, whose record determines the optional parts.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, record: &KineticRecord) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let if_present = |present: bool| present.then_some(&stored);
        Ok(KineticArrays {
            solution: SolutionArrays::load("", &stored)?,
            ends: stored.on_axes(ENDS, &["4"])?,
            clouds: if_present(record.particles > 0).map(|stored| CloudArrays::load("", stored)).transpose()?,
            energy: if_present(record.temperature > 0.0).map(|stored| EnergyArrays::load("", stored)).transpose()?,
            approach: if_present(record.rest.is_some()).map(|stored| ApproachArrays::load("", stored)).transpose()?,
        })
    }
}
