//! The phases of a run: trajectories and studies placed on ranks and threads, with their predicted times.

use super::machine::Machine;
use super::operations::{Sizes, TrajectoryWork};
use crate::config::Experiment;
use crate::network::Shares;
use crate::ranks::assign;
use crate::run::context::RunError;
use crate::run::plan::{Plan, Stage, Trajectory};
use crate::run::study::{Registry, TrainingSizes, studies_of};
use serde::Serialize;

/// The predicted cost of a stage of training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseCost {
    /// Its name.
    pub name: String,
    /// Number of its trajectories.
    pub trajectories: usize,
    /// Number of those whose neurons are divided among the ranks.
    pub divided: usize,
    /// Number of those that are not predicted: by Picard iteration, or on a grid.
    pub not_predicted: usize,
    /// Multiplications and additions of the others, on all ranks together.
    pub operations: f64,
    /// Wall seconds of the busiest rank without exchanges.
    pub compute_seconds: f64,
    /// Wall seconds of exchanges between ranks.
    pub exchange_seconds: f64,
}

impl PhaseCost {
    /// Wall seconds.
    pub fn seconds(&self) -> f64 {
        self.compute_seconds + self.exchange_seconds
    }
}

/// The predicted cost of a study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudyCost {
    /// Its name.
    pub name: &'static str,
    /// Operations of the networks that it evaluates; `None` where they are not counted.
    pub operations: Option<f64>,
    /// Wall seconds; `None` where they are not predicted.
    pub seconds: Option<f64>,
}

/// The predicted cost of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunCost {
    /// The stages of training, in order.
    pub phases: Vec<PhaseCost>,
    /// The studies, in order.
    pub studies: Vec<StudyCost>,
}

impl RunCost {
    /// Wall seconds of all that is predicted.
    pub fn seconds(&self) -> f64 {
        let studies = self.studies.iter().filter_map(|study| study.seconds).sum::<f64>();
        self.phases.iter().map(PhaseCost::seconds).sum::<f64>() + studies
    }

    /// Whether something is not predicted.
    pub fn is_partial(&self) -> bool {
        self.phases.iter().any(|phase| phase.not_predicted > 0) || self.studies.iter().any(|s| s.seconds.is_none())
    }

    /// Adds the cost of another run: phases and studies of equal names are joined.
    pub fn add(&mut self, other: RunCost) {
        for found in other.phases {
            match self.phases.iter_mut().find(|phase| phase.name == found.name) {
                None => self.phases.push(found),
                Some(phase) => {
                    phase.trajectories += found.trajectories;
                    phase.divided += found.divided;
                    phase.not_predicted += found.not_predicted;
                    phase.operations += found.operations;
                    phase.compute_seconds += found.compute_seconds;
                    phase.exchange_seconds += found.exchange_seconds;
                }
            }
        }
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        for found in other.studies {
            match self.studies.iter_mut().find(|study| study.name == found.name) {
                None => self.studies.push(found),
                Some(study) => {
                    study.operations = sum(study.operations, found.operations);
                    study.seconds = sum(study.seconds, found.seconds);
                }
            }
        }
    }
}

/// Predicts the cost of an experiment on a population of shape (n, d, K) with `test` samples in its test part, whose
/// trajectories are those of the plan that `counted` accepts.
///
/// # Errors
/// [`RunError::TooManyRanks`].
pub fn predict(
    (e, shape, test): (&Experiment, (usize, usize, usize), usize),
    plan: &Plan,
    machine: &Machine,
    registry: &'static Registry,
    counted: &mut dyn FnMut(&Trajectory) -> bool,
) -> Result<RunCost, RunError> {
    let network = e.network.model(shape.1, shape.2);
    let training = TrainingSizes::new(e, &network, shape);
    let sizes = Sizes {
        experiment: e,
        network: &network,
        samples: training.samples,
        test: test as f64,
        scalar: training.scalar as usize,
    };
    let phase = |stage: &Stage| {
        let own: Vec<&Trajectory> = stage.trajectories.iter().filter(|run| counted(run)).collect();
        phase_cost(stage.name, &own, sizes, machine)
    };
    let phases = plan.stages.iter().map(phase).collect::<Result<Vec<_>, _>>()?;
    let phases = phases.into_iter().filter(|phase| phase.trajectories > 0).collect();
    let studies = studies_of(registry.training, e).map(|(name, study)| {
        let work = study.work(training);
        let seconds = work.map(|work| {
            // Studies compute in double precision, of which the kernels do half as many operations in a second.
            let rate = machine.full_rate * training.scalar / 8.0;
            let one = work.operations / rate + Machine::scalar_seconds(work.scalar);
            let ranks = (machine.ranks as f64).min(work.tasks.max(1.0));
            one / (ranks * machine.kernel_threads())
        });
        StudyCost { name, operations: work.map(|work| work.operations), seconds }
    });
    Ok(RunCost { phases, studies: studies.collect() })
}

/// A trajectory with its work.
type Item<'a> = (&'a Trajectory, TrajectoryWork);

/// The cost of a stage, whose trajectories are placed as [`crate::run::training`] places them.
fn phase_cost(
    name: &str,
    trajectories: &[&Trajectory],
    sizes: Sizes<'_>,
    machine: &Machine,
) -> Result<PhaseCost, RunError> {
    let ranks = machine.ranks;
    for run in trajectories {
        if let Some(shares) = sizes.shares(run).map(Shares::count).filter(|&shares| ranks > shares) {
            return Err(RunError::TooManyRanks { width: run.width(), shares, ranks });
        }
    }
    let known: Vec<Item<'_>> = trajectories.iter().filter_map(|run| Some((*run, sizes.work(run, ranks)?))).collect();
    let (divided, whole): (Vec<&Item<'_>>, Vec<&Item<'_>>) =
        known.iter().partition(|(run, _)| ranks > 1 && sizes.shares(run).is_some());
    let rate = |run: &Trajectory| machine.rate(run.integration.batch);
    let on_rank = |(run, work): &Item<'_>| work.operations / (machine.kernel_threads() * rate(run)) + work.serial;
    // A thread does whole shares, of which the first rank has as many as any.
    let on_all = |(run, work): &Item<'_>| {
        let shares = sizes.shares(run).map_or(1, Shares::count);
        let rounds = (shares.div_ceil(ranks) as f64 / machine.kernel_threads()).ceil();
        work.operations * rounds / shares as f64 / rate(run) + work.serial
    };
    let time = sizes.experiment.horizon.time;
    let costs: Vec<f64> = whole.iter().map(|(run, _)| run.work(time)).collect();
    let rank_of = assign(&costs, ranks);
    let of_rank = |rank: usize| {
        let own: Vec<&Item<'_>> =
            whole.iter().zip(&rank_of).filter(|(_, of)| **of == rank).map(|(item, _)| *item).collect();
        let share = own.iter().map(|(run, _)| run.work(time)).sum::<f64>() / machine.threads as f64;
        let (large, small): (Vec<&Item<'_>>, Vec<&Item<'_>>) =
            own.into_iter().partition(|(run, _)| run.work(time) > 0.5 * share);
        let alone = |(run, work): &Item<'_>| work.operations / rate(run) + work.serial;
        let side_by_side: Vec<f64> = small.into_iter().map(alone).collect();
        let longest = side_by_side.iter().copied().fold(0.0, f64::max);
        let parallel = (side_by_side.iter().sum::<f64>() / machine.threads as f64).max(longest);
        large.into_iter().map(on_rank).sum::<f64>() + parallel
    };
    let busiest = (0..ranks.min(whole.len())).map(of_rank).fold(0.0, f64::max);
    Ok(PhaseCost {
        name: name.into(),
        trajectories: trajectories.len(),
        divided: divided.len(),
        not_predicted: trajectories.len() - known.len(),
        operations: known.iter().map(|(_, work)| work.operations).sum(),
        compute_seconds: divided.iter().map(|item| on_all(item)).sum::<f64>() + busiest,
        exchange_seconds: divided.iter().map(|(_, work)| work.exchange.seconds(machine)).sum(),
    })
}
