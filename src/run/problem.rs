//! The problem in the states' scalar type, shared by all runs of an experiment.

use super::plan::Trajectory;
use crate::analysis::dropout::DropoutNetwork;
use crate::compute::{Real, Threads};
use crate::config::{BatchSize, Experiment};
use crate::dynamics::{
    BatchSource, Batches, Brownian, Ensemble, Integrator, NetworkForce, NoNoise, Noise, Simulation, State,
};
use crate::network::{Batch, Network, Objective, TwoLayer};
use crate::population::{LabelKind, Population, Sample, Sampler};
use crate::record::Measure;

/// Model, population and recording times.
pub struct Problem<'a, R> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The model.
    pub network: Network,
    /// The fixed sample, in double precision.
    pub sample: &'a Sample,
    /// The same in the states' scalar type.
    pub population: Batch<R>,
    /// Its first half, from which the error of a sample that represents a law is measured; empty where the sample is the law.
    half: Batch<R>,
    /// The source of fresh draws, where there is one.
    pub sampler: Option<&'a dyn Sampler>,
    /// Whether labels are classes, so that predictions have an accuracy.
    pub classes: bool,
    /// Recording times.
    pub times: Vec<f64>,
    /// What is recorded at each.
    pub measures: Vec<Measure>,
}

impl<'a, R: Real> Problem<'a, R> {
    /// The problem an experiment poses on its population.
    pub fn new(experiment: &'a Experiment, population: &'a Population) -> Self {
        let (n, inputs, outputs) = population.shape();
        let x: Vec<R> = population.sample.x.iter().map(|&v| R::of(v)).collect();
        let y: Vec<f64> = population.sample.y.iter().copied().collect();
        let half = if population.sampler.is_some() { (n / 2).max(1) } else { 0 };
        let network = experiment.network.model(inputs, outputs);
        Problem {
            experiment,
            measures: Measure::of_network(&network),
            network,
            sample: &population.sample,
            half: Batch { x: x[..half * inputs].to_vec(), y: y[..half * outputs].to_vec() },
            population: Batch { x, y },
            sampler: population.sampler.as_deref(),
            classes: !matches!(population.labels, LabelKind::Real),
            times: experiment.horizon.times(),
        }
    }

    /// Indices of the recording times at which whole laws are kept: four at equal distances, or as many as there are.
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

    /// What is minimised.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.experiment.network.loss, ridge: self.experiment.dynamics.ridge }
    }

    /// The fixed sample that a run's expectations are taken over.
    pub fn population_of(&self, run: &Trajectory) -> &Batch<R> {
        if run.integration.half_sample { &self.half } else { &self.population }
    }

    /// The particles of a run on the sample that its expectations are taken over.
    pub fn ensemble(&self, run: &Trajectory) -> Ensemble<'_, R> {
        Ensemble {
            network: &self.network,
            width: run.width(),
            population: self.population_of(run),
            objective: self.objective(),
        }
    }

    /// The same for a network whose particles evolve independently under given predictions.
    pub fn independent_ensemble(&self, run: &Trajectory) -> Ensemble<'_, R, TwoLayer> {
        let Ensemble { width, population, objective, .. } = self.ensemble(run);
        Ensemble { network: self.independent(), width, population, objective }
    }

    /// The force that drives a run.
    pub fn force(&self, run: &Trajectory, threads: Threads) -> NetworkForce<'_, R> {
        let source = match (run.integration.batch, self.sampler) {
            (BatchSize::Full, _) => BatchSource::Full,
            (BatchSize::Size(size), None) => BatchSource::Indices { size },
            (BatchSize::Size(size), Some(sampler)) => BatchSource::Fresh { size, sampler },
        };
        let batches = Batches { source, seed: self.experiment.seed, replica: run.particles.replica };
        NetworkForce::new(self.ensemble(run), batches, threads)
    }

    /// A run at time 0, with what advances it.
    pub fn simulation(&self, run: &Trajectory, threads: Threads) -> Simulation<'_, R> {
        Simulation {
            state: self.start_state(run),
            integrator: self.integrator(run),
            force: Box::new(self.force(run, threads)),
            noise: self.noise(run),
        }
    }

    /// Initial momenta of a run's particles.
    pub fn start_momenta(&self, run: &Trajectory) -> Vec<R> {
        let std = if run.integration.scheme.motion.first_order { 0.0 } else { self.experiment.network.start_momentum };
        self.network.start_momenta(std, self.experiment.seed, run.particles.first, run.width())
    }

    /// Initial parameters of a run's particles.
    pub fn start(&self, run: &Trajectory) -> Vec<R> {
        let law = run.particles.start.as_ref().unwrap_or(&self.experiment.network.start);
        self.network.start(law, self.experiment.seed, run.particles.first, run.width())
    }

    /// The state of a run at time 0.
    pub fn start_state(&self, run: &Trajectory) -> State<R> {
        State { momentum: self.start_momenta(run), ..State::at_rest(self.start(run)) }
    }

    /// The integrator of a run.
    pub fn integrator(&self, run: &Trajectory) -> Box<dyn Integrator<R>> {
        let (coordinates, len) = (self.network.coordinates(run.width()), self.network.state_len(run.width()));
        run.integration.scheme.integrator(coordinates, len)
    }

    /// The network whose particles evolve independently under given predictions. Experiments that need one and have another are
    /// refused when they are read.
    pub fn independent(&self) -> &TwoLayer {
        self.network.as_two_layer().expect("checked when the experiment was read")
    }

    /// The Brownian path of a run's particles.
    pub fn brownian(&self, run: &Trajectory) -> Brownian {
        Brownian {
            seed: self.experiment.seed,
            first: run.particles.first,
            network: self.network.clone(),
            width: run.width(),
            ticks: run.integration.ticks,
        }
    }

    /// The noise of a run: its Brownian path, or none at temperature 0.
    pub fn noise(&self, run: &Trajectory) -> Box<dyn Noise<R>> {
        if run.integration.scheme.motion.temperature > 0.0 { Box::new(self.brownian(run)) } else { Box::new(NoNoise) }
    }
}
