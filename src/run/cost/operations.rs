//! The operations of networks and of trajectories: multiplications and additions, counted.

use super::exchange::ExchangeWork;
use super::machine::Machine;
use crate::config::{BatchSize, Experiment, Route};
use crate::network::kernel::PREDICTION_CHUNK;
use crate::network::{Network, Shares};
use crate::run::plan::Trajectory;
use crate::run::series::HALVES;

/// Operations of the predictions of a network, per sample: two for each parameter.
pub fn forward(network: &Network, width: f64) -> f64 {
    let (inputs, outputs) = ((network.inputs() + usize::from(network.bias())) as f64, network.outputs() as f64);
    match network {
        Network::TwoLayer(_) => 2.0 * width * (inputs + outputs),
        Network::ThreeLayer(three) => {
            let [first, second] = three.proportions.map(|per| per as f64 * width);
            let bias = f64::from(u8::from(three.bias));
            2.0 * (first * inputs + first * second + second * (bias + outputs))
        }
    }
}

/// Operations of a gradient with its predictions, per sample: four for each parameter, and two more for each weight
/// between hidden layers, through which the error is carried back.
pub fn gradient(network: &Network, width: f64) -> f64 {
    let between = match network {
        Network::TwoLayer(_) => 0.0,
        Network::ThreeLayer(three) => three.proportions.map(|per| per as f64 * width).iter().product(),
    };
    2.0 * forward(network, width) + 2.0 * between
}

/// The sizes of an experiment, from which the work of its trajectories follows.
#[derive(Clone, Copy)]
pub struct Sizes<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The model.
    pub network: &'a Network,
    /// Samples n.
    pub samples: f64,
    /// Samples of the test part.
    pub test: f64,
    /// Bytes of a scalar of the states.
    pub scalar: usize,
}

/// The work of a trajectory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrajectoryWork {
    /// Operations of the kernels, which threads, and ranks where the neurons are divided, share.
    pub operations: f64,
    /// Seconds of what one thread of every rank does: distances of all neurons, at the recording times.
    pub serial: f64,
    /// Exchanges, where the neurons are divided among several ranks.
    pub exchange: ExchangeWork,
}

impl Sizes<'_> {
    /// Whether the neurons of a trajectory are divided into shares.
    pub fn shares(&self, run: &Trajectory) -> Option<Shares> {
        self.network.as_two_layer()?;
        Shares::of(run.width(), self.experiment.network.shares_from).filter(|_| run.route == Route::Particles)
    }

    /// The work of a trajectory on `ranks` ranks, up to the horizon; `None` where the number of its steps is not known: by
    /// Picard iteration, or on a grid. An adaptive method is counted with steps as long as its first.
    pub fn work(&self, run: &Trajectory, ranks: usize) -> Option<TrajectoryWork> {
        if run.route != Route::Particles {
            return None;
        }
        let e = self.experiment;
        let scheme = run.integration.scheme;
        let samples = match run.integration.batch {
            BatchSize::Size(size) => size as f64,
            BatchSize::Full if run.integration.half_sample => (0.5 * self.samples).max(1.0),
            BatchSize::Full => self.samples,
        };
        let width = run.width() as f64;
        let steps = e.horizon.time / scheme.motion.step;
        // Each step ends with the predictions of the next; those of the first are made before.
        let evaluations = steps * scheme.method.gradients_per_step() as f64;
        let records = e.horizon.records as f64 + 1.0;
        let shares = self.shares(run);
        let held = if shares.is_some() { run.width() / ranks } else { run.width() };
        // Predictions that are not kept are made twice.
        let again = if self.network.keeps(held, samples as usize, self.scalar) { 0.0 } else { 1.0 };
        let pass = gradient(self.network, width) + again * forward(self.network, width);
        let evaluated = self.samples + self.test;
        let operations = samples * (evaluations * pass + forward(self.network, width))
            + records * evaluated * forward(self.network, width);
        let exchange = shares.filter(|_| ranks > 1).map_or(ExchangeWork::default(), |shares| {
            let outputs = self.network.outputs() as f64;
            let step = ExchangeWork::sum(shares, ranks, samples * outputs);
            let error =
                ExchangeWork::sum(shares, ranks, 1.0).times(if scheme.method.is_adaptive() { steps } else { 0.0 });
            let of = |part: f64| {
                ExchangeWork::sum(shares, ranks, part.min(PREDICTION_CHUNK as f64) * outputs)
                    .times((part / PREDICTION_CHUNK as f64).max(f64::from(u8::from(part > 0.0))))
            };
            let all = if self.needs_all(run) { self.network.parameters(1) as f64 * width } else { 0.0 };
            let gathered = if all > 0.0 { ExchangeWork::gather(ranks, all) } else { ExchangeWork::default() };
            let record = of(self.samples).and(of(self.test)).and(ExchangeWork::sum(shares, ranks, 1.0)).and(gathered);
            step.times(evaluations + 1.0).and(error).and(record.times(records))
        });
        Some(TrajectoryWork { operations, serial: records * self.record_seconds(run), exchange })
    }

    /// Whether records need the parameters of all neurons.
    fn needs_all(&self, run: &Trajectory) -> bool {
        let recording = &run.recording;
        recording.compare.is_some() || recording.keep_path || recording.dropout
    }

    /// Seconds of a record, apart from predictions: coupling, Wasserstein distances, losses of random halves.
    fn record_seconds(&self, run: &Trajectory) -> f64 {
        let (recording, width) = (&run.recording, run.width() as f64);
        let parameters = self.network.parameters(run.width()) as f64;
        let projected = self.network.projection_count(run.width(), self.experiment.projections() as f64);
        // A set of atoms is projected and sorted: of the network and of its partners, and against the limit.
        let sets = if recording.compare.is_some() { 3.0 } else { 0.0 } + f64::from(u8::from(recording.keep_path));
        let directions = if width > 0.0 { projected / width } else { 0.0 };
        let per_unit = parameters / width.max(1.0);
        let projections =
            sets * (Machine::scalar_seconds(2.0 * per_unit * projected) + Machine::sort_seconds(directions, width));
        let coupling = if recording.compare.is_some() { Machine::scalar_seconds(4.0 * parameters) } else { 0.0 };
        let dropout = if recording.dropout && run.width() > 1 {
            let last = self.network.hidden_layers(run.width()).pop().unwrap_or(0) as f64;
            let outputs = self.network.outputs() as f64;
            let hidden = forward(self.network, width) + HALVES as f64 * last * outputs;
            Machine::scalar_seconds(self.samples * hidden)
        } else {
            0.0
        };
        projections + coupling + dropout
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, ThreeLayer, TwoLayer};

    #[test]
    fn a_gradient_has_four_operations_for_each_parameter() {
        let activation = Activation::Tanh;
        let two: Network = TwoLayer { inputs: 10, outputs: 3, bias: true, activation, fixed_output: false }.into();
        assert_eq!(forward(&two, 100.0), 2.0 * two.parameters(100) as f64);
        assert_eq!(gradient(&two, 100.0), 4.0 * two.parameters(100) as f64);
        let proportions = [2, 1];
        let activations = [activation; 2];
        let three: Network =
            ThreeLayer { inputs: 10, outputs: 3, bias: true, activations, fixed_output: false, proportions }.into();
        assert_eq!(forward(&three, 8.0), 2.0 * three.parameters(8) as f64);
        assert_eq!(gradient(&three, 8.0), 4.0 * three.parameters(8) as f64 + 2.0 * 16.0 * 8.0);
    }
}
