//! The problem of an experiment in the scalar type of the states, shared by all trajectories.

use super::plan::Trajectory;
use crate::analysis::dropout::DropoutNetwork;
use crate::compute::{Real, Threads};
use crate::config::{BatchSize, Experiment, Route};
use crate::dynamics::{
    BatchSource, Batches, Brownian, Ensemble, Integrator, NetworkForce, NoNoise, Noise, Simulation, State,
};
use crate::network::{Batch, Network, Objective, Portion, Shares, TwoLayer};
use crate::population::{LabelKind, Population, Sample, Sampler};
use crate::ranks::{Ranks, SingleRank};
use crate::record::Measure;
use std::sync::Arc;

/// Model, population and recording times.
pub struct Problem<'a, R> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The model.
    pub network: Network,
    /// The fixed sample, in double precision.
    pub sample: &'a Sample,
    /// The fixed sample in the scalar type of the states.
    pub population: Batch<R>,
    /// Its first half, to estimate the error of a sample that represents a law; empty where the sample is the whole
    /// law.
    half: Batch<R>,
    /// The test part in the scalar type of the states, if there is one.
    pub test: Option<Batch<R>>,
    /// The test part in double precision, if there is one.
    pub test_sample: Option<&'a Sample>,
    /// The source of fresh draws, if any.
    pub sampler: Option<&'a dyn Sampler>,
    /// The kind of labels; predictions of signs and classes have an accuracy.
    pub labels: LabelKind,
    /// Recording times.
    pub times: Vec<f64>,
    /// The measures recorded at each time.
    pub measures: Vec<Measure>,
    /// The ranks among which wide networks are divided.
    pub ranks: Ranks,
}

impl<'a, R: Real> Problem<'a, R> {
    /// The problem of an experiment on its population.
    pub fn new(experiment: &'a Experiment, population: &'a Population) -> Self {
        let (n, inputs, outputs) = population.shape();
        let batch = |Sample { x, y }: &Sample| -> Batch<R> {
            Batch { x: x.iter().map(|&v| R::of(v)).collect(), y: y.iter().copied().collect() }
        };
        let Batch { x, y } = batch(&population.sample);
        let half = if population.sampler.is_some() { (n / 2).max(1) } else { 0 };
        let network = experiment.network.model(inputs, outputs);
        Problem {
            experiment,
            measures: Measure::of_network(&network, population.labels, population.test.is_some()),
            network,
            sample: &population.sample,
            half: Batch { x: x[..half * inputs].to_vec(), y: y[..half * outputs].to_vec() },
            population: Batch { x, y },
            test: population.test.as_ref().map(batch),
            test_sample: population.test.as_ref(),
            sampler: population.sampler.as_deref(),
            labels: population.labels,
            times: experiment.horizon.times(),
            ranks: SingleRank::ranks(),
        }
    }

    /// The same, with wide networks divided among ranks.
    #[must_use]
    pub fn on(self, ranks: &Ranks) -> Self {
        Problem { ranks: Arc::clone(ranks), ..self }
    }

    /// The shares of a network of this width; `None` where its neurons are not divided.
    pub fn shares(&self, width: usize) -> Option<Shares> {
        self.network.as_two_layer()?;
        Shares::of(width, self.experiment.network.shares_from)
    }

    /// The neurons of this rank of a trajectory that is divided among ranks; `None` where it is not.
    pub fn portion(&self, run: &Trajectory) -> Option<Portion> {
        let shares = self.shares(run.width()).filter(|_| run.route == Route::Particles)?;
        Some(Portion::of(shares, Arc::clone(&self.ranks)))
    }

    /// Indices of the recording times at which whole laws are recorded: at most four, equally spaced.
    pub fn snapshots(&self) -> Vec<usize> {
        let last = self.times.len() - 1;
        let mut kept: Vec<usize> = (0..=3).map(|k| k * last / 3).collect();
        kept.dedup();
        kept
    }

    /// A network of this width and canonical parameters, as dropout is evaluated on it.
    pub fn subject<'n>(&'n self, width: usize, parameters: &'n [f64]) -> DropoutNetwork<'n> {
        let (network, Sample { x, y }) = (&self.network, self.sample);
        DropoutNetwork { network, width, parameters, x: x.view(), y: y.view(), loss: self.experiment.network.loss }
    }

    /// A risk that the problem reaches without diverging: the largest of the loss of the zero predictor, the kinetic
    /// energy of the initial momenta, and that of the noise, `tau / 2` for every trained parameter of a unit.
    pub fn risk_scale(&self) -> f64 {
        let e = self.experiment;
        let zero = e.network.loss.mean(&vec![0.0; self.population.y.len()], &self.population.y, self.network.outputs());
        let coordinates: usize = self.network.families(1).iter().map(|family| family.trained_per_unit()).sum();
        let momentum = if e.dynamics.motion(1.0).first_order { 0.0 } else { e.network.start_momentum };
        let square = e.dynamics.temperature.max(momentum * momentum);
        zero.max(0.5 * square * coordinates as f64)
    }

    /// The objective: loss and ridge.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.experiment.network.loss, ridge: self.experiment.dynamics.ridge }
    }

    /// The fixed sample over which the expectations of a trajectory are taken.
    pub fn population_of(&self, run: &Trajectory) -> &Batch<R> {
        if run.integration.half_sample { &self.half } else { &self.population }
    }

    /// The particles of a trajectory with the sample of its expectations.
    pub fn ensemble(&self, run: &Trajectory) -> Ensemble<'_, R> {
        Ensemble {
            network: &self.network,
            width: run.width(),
            population: self.population_of(run),
            objective: self.objective(),
        }
    }

    /// The same, for a network whose particles evolve independently under given predictions.
    pub fn independent_ensemble(&self, run: &Trajectory) -> Ensemble<'_, R, TwoLayer> {
        let Ensemble { width, population, objective, .. } = self.ensemble(run);
        Ensemble { network: self.independent(), width, population, objective }
    }

    /// The force of a trajectory.
    pub fn force(&self, run: &Trajectory, threads: Threads) -> NetworkForce<'_, R> {
        let source = match (run.integration.batch, self.sampler) {
            (BatchSize::Full, _) => BatchSource::Full,
            (BatchSize::Size(size), None) => BatchSource::Indices { size },
            (BatchSize::Size(size), Some(sampler)) => BatchSource::Fresh { size, sampler },
        };
        let batches = Batches { source, seed: self.experiment.seed, replica: run.particles.replica };
        NetworkForce::new(self.ensemble(run), batches, threads)
    }

    /// A trajectory at time 0, ready to be advanced.
    pub fn simulation(&self, run: &Trajectory, threads: Threads) -> Simulation<'_, R> {
        Simulation {
            state: self.start_state(run),
            integrator: self.integrator(run, threads),
            force: Box::new(self.force(run, threads)),
            noise: self.noise(run),
        }
    }

    /// Initial momenta of a trajectory.
    pub fn start_momenta(&self, run: &Trajectory) -> Vec<R> {
        let std = if run.integration.scheme.motion.first_order { 0.0 } else { self.experiment.network.start_momentum };
        self.network.start_momenta(std, self.experiment.seed, run.particles.first, run.width())
    }

    /// Initial parameters of a trajectory.
    pub fn start(&self, run: &Trajectory) -> Vec<R> {
        let law = run.particles.start.as_ref().unwrap_or(&self.experiment.network.start);
        self.network.start(law, self.experiment.seed, run.particles.first, run.width())
    }

    /// The state of a trajectory at time 0.
    pub fn start_state(&self, run: &Trajectory) -> State<R> {
        State { momentum: self.start_momenta(run), ..State::at_rest(self.start(run)) }
    }

    /// The integrator of a trajectory, whose loops over the state use the given threads.
    pub fn integrator(&self, run: &Trajectory, threads: Threads) -> Box<dyn Integrator<R>> {
        let (coordinates, len) = (self.network.coordinates(run.width()), self.network.state_len(run.width()));
        run.integration.scheme.integrator_on(threads, coordinates, len)
    }

    /// The network, whose particles must evolve independently under given predictions.
    ///
    /// # Panics
    /// For a three-layer network; reading an experiment rejects those where this is needed.
    pub fn independent(&self) -> &TwoLayer {
        self.network.as_two_layer().expect("checked when the experiment was read")
    }

    /// The Brownian path of a trajectory.
    pub fn brownian(&self, run: &Trajectory) -> Brownian {
        Brownian {
            seed: self.experiment.seed,
            first: run.particles.first,
            network: self.network.clone(),
            width: run.width(),
            ticks: run.integration.ticks,
        }
    }

    /// The noise of a trajectory: its Brownian path, or none at temperature 0.
    pub fn noise(&self, run: &Trajectory) -> Box<dyn Noise<R>> {
        if run.integration.scheme.motion.temperature > 0.0 { Box::new(self.brownian(run)) } else { Box::new(NoNoise) }
    }
}
