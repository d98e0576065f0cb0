//! What the study of the kinetic equation leaves behind.

use crate::number;
use crate::record::npz::{ArrayField, ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
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
    /// Nodes of theta and of the momenta.
    pub nodes: usize,
    /// Particles in all, 0 without; and the clouds that they are in.
    pub particles: usize,
    /// Independent clouds.
    pub clouds: usize,
    /// The grid's own error: sup over time of `|f - f'|` to the grid with half the nodes.
    #[serde(with = "number")]
    pub half_nodes: f64,
    /// The same to the grid with twice the step.
    #[serde(with = "number")]
    pub double_step: f64,
    /// Where it was asked for: the state of rest and the approach to it.
    pub rest: Option<RestRecord>,
}

/// The state of rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RestRecord {
    /// Free energy of the Gibbs law.
    pub free_energy: f64,
    /// `int |G(rho) - rho|` where its fixed point stopped, and after how many iterations.
    #[serde(with = "number")]
    pub residual: f64,
    /// Iterations of the fixed point.
    pub iterations: usize,
    /// `int |mu - mu*|` at the horizon, at twice the step, the step and half of it.
    #[serde(with = "number::list")]
    pub distance: Vec<f64>,
    /// Stiffness k of the harmonic well that comes to rest as slowly at the largest friction.
    #[serde(with = "number")]
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
        pub times: Array1<f64>,
        /// Nodes of theta (nodes).
        pub theta: Array1<f64>,
        /// Nodes of the momenta (nodes).
        pub momentum: Array1<f64>,
        /// Laws of theta (times, nodes).
        pub theta_law: Array2<f64>,
        /// Laws of the momenta (times, nodes).
        pub momentum_law: Array2<f64>,
        /// Inputs of the samples in the experiment's units (n).
        pub x: Array1<f64>,
        /// Labels (n K).
        pub y: Array1<f64>,
        /// Predictions (times, n K).
        pub function: Array2<f64>,
        /// Risk (times).
        pub risk: Array1<f64>,
        /// Kinetic energy (times).
        pub kinetic: Array1<f64>,
        /// Means of theta and r, variance of theta, covariance, variance of r (times, 5).
        pub moments: Array2<f64>,
        /// Times at which densities were kept (snapshots).
        pub snapshot_times: Array1<f64>,
        /// Block means of the density (snapshots, momenta, thetas).
        pub snapshots: Array3<f64>,
    }
}

array_record! {
    /// The clouds of particles beside the grid.
    pub struct CloudArrays {
        /// W2 of theta to the grid, root mean square over the clouds (times).
        pub wasserstein: Array1<f64>,
        /// Its expectation for independent draws of the grid's law (times).
        pub wasserstein_expected: Array1<f64>,
        /// Mean predictions of the clouds (times, n K).
        pub particles_function: Array2<f64>,
        /// Their standard errors.
        pub particles_function_error: Array2<f64>,
        /// Mean moments of the clouds (times, 5).
        pub particles_moments: Array2<f64>,
        /// Their standard errors.
        pub particles_moments_error: Array2<f64>,
        /// (theta, r) of some particles at the snapshots (snapshots, particles, 2).
        pub dots: Array3<f64>,
        /// Edges of the bins of theta (bins + 1).
        pub theta_edges: Array1<f64>,
        /// Densities of theta by bins (times, bins).
        pub theta_histogram: Array2<f64>,
        /// Edges of the bins of the momenta (bins + 1).
        pub momentum_edges: Array1<f64>,
        /// Densities of the momenta by bins (times, bins).
        pub momentum_histogram: Array2<f64>,
    }
}

array_record! {
    /// The free energy at a positive temperature.
    pub struct EnergyArrays {
        /// Times of all steps (steps + 1).
        pub energy_times: Array1<f64>,
        /// Risk, kinetic energy, entropy, free energy, dissipation (steps + 1, 5).
        pub energy: Array2<f64>,
    }
}

array_record! {
    /// The approach to the Gibbs law, where frictions are given.
    pub struct ApproachArrays {
        /// Frictions (frictions).
        pub frictions: Array1<f64>,
        /// Rates of approach (frictions).
        pub rates: Array1<f64>,
        /// The law of theta at the horizon (nodes).
        pub end_law: Array1<f64>,
        /// That of the Gibbs law (nodes).
        pub gibbs_law: Array1<f64>,
        /// Times of all steps (steps + 1).
        pub excess_times: Array1<f64>,
        /// Free energy above that of the Gibbs law (frictions, steps + 1).
        pub excess: Array2<f64>,
    }
}

/// `records/kinetic.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct KineticArrays {
    /// The solution on the grid.
    pub solution: SolutionArrays,
    /// Ends of theta and of the momenta (4), stored as `box`.
    pub ends: Array1<f64>,
    /// The clouds of particles, where there are some.
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
        self.ends.push(ENDS, &mut arrays);
        self.clouds.iter().for_each(|clouds| clouds.push("", &mut arrays));
        self.energy.iter().for_each(|energy| energy.push("", &mut arrays));
        self.approach.iter().for_each(|approach| approach.push("", &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run; which parts there are follows from its record.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, record: &KineticRecord) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let there = |part: bool| part.then_some(&stored);
        Ok(KineticArrays {
            solution: SolutionArrays::load("", &stored)?,
            ends: stored.shaped(ENDS)?,
            clouds: there(record.particles > 0).map(|stored| CloudArrays::load("", stored)).transpose()?,
            energy: there(record.temperature > 0.0).map(|stored| EnergyArrays::load("", stored)).transpose()?,
            approach: there(record.rest.is_some()).map(|stored| ApproachArrays::load("", stored)).transpose()?,
        })
    }
}
