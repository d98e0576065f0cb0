//! The problem in the states' scalar type: what every run of an experiment shares.

use crate::analysis::dropout::Subject;
use crate::compute::{Real, Threads};
use crate::config::{BatchSize, Experiment};
use crate::dynamics::{BatchSource, Brownian, Buffers, NetworkForce, Noise, Still};
use crate::network::{Batch, Network, Objective, TwoLayer};
use crate::population::{LabelKind, Population, Sample, Sampler};
use crate::study::plan::Trajectory;
use crate::study::series::measures;

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
    /// Its first half, which tells how well the sample stands for a law; empty where the sample is the law.
    half: Batch<R>,
    /// Where fresh draws come from, if anywhere.
    pub sampler: Option<&'a dyn Sampler>,
    /// Whether a prediction can be right or wrong.
    pub classes: bool,
    /// Recording times.
    pub times: Vec<f64>,
    /// What is recorded at each, in the order of a series' rows.
    pub measures: Vec<String>,
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
            measures: measures(&network),
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

    /// A network of this width and canonical parameters as the subject of studies that take it apart.
    pub fn subject<'n>(&'n self, width: usize, parameters: &'n [f64]) -> Subject<'n> {
        let (network, Sample { x, y }) = (&self.network, self.sample);
        Subject { network, width, parameters, x: x.view(), y: y.view(), loss: self.experiment.network.loss }
    }

    /// What is minimised.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.experiment.network.loss, ridge: self.experiment.dynamics.ridge }
    }

    /// The fixed sample that a run's expectations are taken over.
    pub fn population_of(&self, run: &Trajectory) -> &Batch<R> {
        if run.half_sample { &self.half } else { &self.population }
    }

    /// The force that drives a run.
    pub fn force(&self, run: &Trajectory, threads: Threads) -> NetworkForce<'_, R> {
        let source = match (run.batch, self.sampler) {
            (BatchSize::Full, _) => BatchSource::Full,
            (BatchSize::Size(size), None) => BatchSource::Indices { size },
            (BatchSize::Size(size), Some(sampler)) => BatchSource::Fresh { size, sampler },
        };
        NetworkForce {
            network: &self.network,
            width: run.width,
            population: self.population_of(run),
            objective: self.objective(),
            source,
            seed: self.experiment.seed,
            replica: run.replica,
            threads,
            buffers: Buffers::default(),
        }
    }

    /// Initial momenta of a run's particles.
    pub fn start_momenta(&self, run: &Trajectory) -> Vec<R> {
        let std = if run.motion.first_order { 0.0 } else { self.experiment.network.start_momentum };
        self.network.start_momenta(std, self.experiment.seed, run.first, run.width)
    }

    /// The network whose particles evolve alone under given predictions: experiments that ask for what needs it on another are
    /// refused when they are read.
    pub fn independent(&self) -> &TwoLayer {
        self.network.independent().expect("checked when the experiment was read")
    }

    /// The Brownian path of a run's particles.
    pub fn brownian(&self, run: &Trajectory) -> Brownian {
        Brownian {
            seed: self.experiment.seed,
            first: run.first,
            network: self.network.clone(),
            width: run.width,
            ticks: run.ticks,
        }
    }

    /// The noise of a run: its Brownian path, or none at temperature 0.
    pub fn noise(&self, run: &Trajectory) -> Box<dyn Noise<R>> {
        if run.motion.temperature > 0.0 { Box::new(self.brownian(run)) } else { Box::new(Still) }
    }
}
