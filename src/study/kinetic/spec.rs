//! The table `[kinetic]`.

use crate::choice::names_where;
use crate::config::study::StudyTable;
use crate::config::{
    Allowed, BatchSize, Experiment, KeyErrors, MAX_NODES, NEEDS_INDEPENDENT_UNITS, NetworkKind, Section,
    require_few_steps,
};
use crate::dynamics::Method;
use crate::network::Law;
use crate::number::plain;
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::grid_limit::{Discretisation, check_nodes, pose_neurons};
use crate::run::memory::{TEXT, grid_solution_bytes};
use crate::run::problem::Problem;
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// The kinetic equation on a grid, compared with particles (theory section 3), for neurons with one trained parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kinetic {
    /// Lower end of theta.
    pub low: f64,
    /// Upper end of theta.
    pub high: f64,
    /// Largest momentum: momenta are in [-momentum, momentum].
    pub momentum: f64,
    /// Nodes per axis.
    pub nodes: usize,
    /// Step h.
    pub step: f64,
    /// Total number of particles; 0 for no comparison.
    pub particles: usize,
    /// Number of independent clouds of the particles.
    pub clouds: usize,
    /// Frictions at which the rate of approach to the Gibbs law is measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frictions: Vec<f64>,
}

impl Kinetic {
    /// The grid with another number of nodes and another step.
    pub fn grid(&self, nodes: usize, step: f64) -> Discretisation {
        Discretisation { theta: (self.low, self.high), momentum: self.momentum, nodes, step }
    }
}

impl StudyTable<Experiment> for Kinetic {
    fn validate(&self, e: &Experiment, errors: &KeyErrors) {
        if e.network.kind == NetworkKind::ThreeLayer {
            errors.add("kinetic", None, NEEDS_INDEPENDENT_UNITS);
        }
        if e.dynamics.method != Method::HeavyBall {
            let message =
                "the kinetic equation is the limit of heavy ball: expected \"heavy-ball\", or no table [kinetic]";
            errors.add("dynamics.method", Some("\"gradient-descent\"".into()), message);
        }
        if e.dynamics.batch != BatchSize::Full {
            let message = "the kinetic equation is compared with particles under the full gradient: expected \"full\"";
            errors.add("dynamics.batch", None, message);
        }
        if !matches!(e.network.start.a, Law::Point { .. }) || !e.network.fixed_output {
            let message =
                "the neurons of [kinetic] differ in one trained parameter: expected fixed output weights at a point";
            errors.add("network.start.a", None, message);
        }
        let suits = |method: Method| method.solves_second_order() && !method.is_adaptive();
        if self.particles > 0 && !suits(e.reference.method) {
            let message = format!("the particles beside the grid take fixed steps: expected {}", names_where(suits));
            errors.add("reference.method", None, message);
        }
        if !self.particles.is_multiple_of(self.clouds.max(1)) {
            let message = format!("expected a multiple of kinetic.clouds = {}", self.clouds);
            errors.add("kinetic.particles", Some(self.particles.to_string()), message);
        }
        let ratio = e.horizon.interval() / self.step;
        if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 1.5 || ratio.round() as usize % 2 == 1 {
            let nearest = e.horizon.interval() / (2.0 * (ratio / 2.0).ceil().max(1.0));
            let message = format!(
                "expected a step of which an even number makes horizon.time / horizon.records = {}, as it is also doubled; {} does",
                plain(e.horizon.interval()),
                plain(nearest)
            );
            let others = ["horizon.time", "horizon.records"];
            errors.add_between("kinetic.step", Some(plain(self.step)), message, &others);
        }
        require_few_steps(e, "kinetic.step", self.step, errors);
        if !self.frictions.is_empty() && e.dynamics.temperature == 0.0 {
            let message =
                "rates of approach are those of the free energy: expected a positive dynamics.temperature, or none";
            errors.add("kinetic.frictions", Some(format!("{:?}", self.frictions)), message);
        }
    }
}

impl Study<Experiment> for Kinetic {
    /// A grid or a cloud on every thread.
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let e = sizes.experiment;
        let (nodes, records) = (self.nodes as f64, e.horizon.records as f64 + 1.0);
        let width = self.particles / self.clouds.max(1);
        let cloud = (6.0 + e.reference.method.work_arrays() as f64) * sizes.network.state_len_f64(width);
        let pass = sizes.network.work_bytes(width.min(1 << 28), (sizes.samples as usize).min(1 << 28), 8);
        // Positions and momenta at a record, sorted; the predictions and histograms of a cloud at all records.
        let observed = 5.0 * width as f64 + records * (sizes.samples * sizes.outputs + 300.0) * 3.0;
        // Densities at four recording times, on a coarser grid, in the results and as text.
        let snapshots = 4.0 * nodes.min(192.0).powi(2);
        let densities = 8.0 * 3.0 * snapshots;
        // The density of the Gibbs law, and the free energy at every half step.
        let gibbs = if self.frictions.is_empty() { 0.0 } else { 8.0 * nodes * nodes };
        let noisy = e.dynamics.temperature > 0.0;
        let steps = if noisy { 2.0 * e.horizon.time / self.step } else { 0.0 };
        let energies = 5.0 * steps * (8.0 + TEXT);
        let grid =
            grid_solution_bytes(nodes, sizes.samples * sizes.outputs, records) + gibbs.max(TEXT * snapshots) + energies;
        let histories = 8.0 * steps * (15.0 + 8.0 * self.frictions.len() as f64);
        let of_cloud = pass + 8.0 * (cloud + observed);
        let keys = StudyMemory::keys_of_largest(&[
            (grid - energies, &["kinetic.nodes"]),
            (energies + histories, &["kinetic.step"]),
            (of_cloud, &["kinetic.particles"]),
        ]);
        StudyMemory { per_thread: grid.max(of_cloud), shared: densities + histories, keys }
    }

    fn check(&self, problem: &Problem<'_, f64>) -> Result<(), RunError> {
        Ok(check_nodes("kinetic.nodes", self.nodes, |nodes| {
            let kinetic = pose_neurons(problem, &self.grid(nodes, self.step))?;
            kinetic.start.check_resolution(&kinetic.field, &kinetic.constants)
        })?)
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject.problem, context)
    }
}

impl StudyKind<Experiment> for Kinetic {
    const NAME: &'static str = "kinetic";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let (low, high) = s.interval();
        let kinetic = Kinetic {
            low,
            high,
            momentum: s.real("momentum", None, Allowed::Positive),
            nodes: s.count_within("nodes", Some(256), 64..=MAX_NODES),
            step: s.real("step", None, Allowed::Positive),
            particles: s.count_within("particles", Some(1_000_000), 0..=1_000_000_000),
            clouds: s.count_within("clouds", Some(16), 4..=100_000),
            frictions: if s.has("frictions") { s.reals("frictions", Allowed::Positive) } else { Vec::new() },
        };
        s.require_increasing("frictions", &kinetic.frictions, "frictions");
        s.finish();
        kinetic
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
