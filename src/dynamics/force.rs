//! Forces: the gradient of the potential as a function of the state.

use super::batches::PackedBatch;
use super::{BatchSource, Batches, Noise, State};
use crate::compute::{Real, Threads};
use crate::network::kernel::LabelledSamples;
use crate::network::{
    Batch, Model, Network, Objective, Portion, RangeUpdate, StepCoefficients, StepRequest, UpdateRequest, Workspace,
};

/// The point in time of an integrator's stage: `fraction`, from 0 to 1, of step `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageTime {
    /// The step.
    pub step: u64,
    /// The fraction of its length.
    pub fraction: f64,
}

impl StageTime {
    /// The start of a step.
    pub fn start(step: u64) -> Self {
        StageTime { step, fraction: 0.0 }
    }
}

/// A gradient and the update of arrays by it, for methods with stages; see [`Force::gradient_update`].
#[derive(Clone, Copy)]
pub struct StageUpdate<'a, R> {
    /// The time of the stage.
    pub time: StageTime,
    /// The array of the parameters at which the gradient is evaluated.
    pub at: usize,
    /// The array that contains the parameters of the next gradient after the update, and its time.
    pub next: Option<(usize, StageTime)>,
    /// The update.
    pub update: &'a RangeUpdate<'a, R>,
}

impl<R: Real> StageUpdate<'_, R> {
    /// Takes the update of a force: by [`Force::gradient_update`] where the force implements it, otherwise from the
    /// gradient, for which `buffer` is resized. The two have the same bits. Returns the mean loss.
    pub fn apply(self, force: &mut dyn Force<R>, arrays: &mut [&mut [R]], buffer: &mut Vec<R>) -> f64 {
        if let Some(loss) = force.gradient_update(self, arrays) {
            return loss;
        }
        buffer.resize(arrays[self.at].len(), R::zero());
        let loss = force.gradient_within(self.time, arrays[self.at], buffer);
        (self.update)(arrays, buffer);
        loss
    }
}

/// `grad Psi(theta; rho)`, possibly over a batch that depends on the step.
pub trait Force<R>: Send {
    /// Writes the gradient at `theta` for step `step` into `out`, both in the layout of the state; returns the mean
    /// loss that it was computed from.
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64;

    /// The same at a stage within a step, for Runge-Kutta methods. Only a force that depends on time explicitly
    /// ([`super::picard::FrozenForce`]) distinguishes stages of one step.
    fn gradient_within(&mut self, at: StageTime, theta: &[R], out: &mut [R]) -> f64 {
        self.gradient(at.step, theta, out)
    }

    /// Takes the step `coefficients` of stochastic heavy ball or gradient descent in one pass over the state, where the
    /// force implements it; step count and time are left to the integrator. Returns the mean loss at the start, or
    /// `None` where nothing was done and the step has to be taken from [`Force::gradient`].
    ///
    /// The force may prepare the next step while it takes one: between two consecutive steps the state must not be
    /// modified.
    fn advance(
        &mut self,
        _coefficients: StepCoefficients,
        _noise: &dyn Noise<R>,
        _state: &mut State<R>,
    ) -> Option<f64> {
        None
    }

    /// Evaluates the gradient of a stage and updates `arrays`, all of the state's length, by it: calls
    /// `stage.update(ranges, gradient)` once for every range of a division of the state, from any thread, while the
    /// gradient is in the cache. Returns the mean loss, or `None` where nothing was done and the update has to be made
    /// from [`Force::gradient_within`].
    ///
    /// The force may prepare the gradient `stage.next`. Where that is the next to be evaluated, its parameters must not be
    /// modified before.
    fn gradient_update(&mut self, _stage: StageUpdate<'_, R>, _arrays: &mut [&mut [R]]) -> Option<f64> {
        None
    }

    /// Predictions of the state on the fixed sample, (n, K) row-major, where the force evaluates them for the next step
    /// in any case; until that step the state must not be modified. `None` where predictions are not part of the work of
    /// a step.
    fn predictions_at(&mut self, _state: &State<R>) -> Option<Vec<f64>> {
        None
    }
}

impl<R, F: Force<R> + ?Sized> Force<R> for &mut F {
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64 {
        (**self).gradient(step, theta, out)
    }

    fn gradient_within(&mut self, at: StageTime, theta: &[R], out: &mut [R]) -> f64 {
        (**self).gradient_within(at, theta, out)
    }

    fn advance(&mut self, coefficients: StepCoefficients, noise: &dyn Noise<R>, state: &mut State<R>) -> Option<f64> {
        (**self).advance(coefficients, noise, state)
    }

    fn gradient_update(&mut self, stage: StageUpdate<'_, R>, arrays: &mut [&mut [R]]) -> Option<f64> {
        (**self).gradient_update(stage, arrays)
    }

    fn predictions_at(&mut self, state: &State<R>) -> Option<Vec<f64>> {
        (**self).predictions_at(state)
    }
}

/// Neurons of a network, the sample that they are trained on and the objective that they minimise.
pub struct Ensemble<'a, R, N = Network> {
    /// The model.
    pub network: &'a N,
    /// Number of neurons: width N of a network, or particles M of a limit.
    pub width: usize,
    /// The fixed sample: inputs (n, d) and labels (n, K).
    pub population: &'a Batch<R>,
    /// Loss and ridge.
    pub objective: Objective,
}

// Derived, these would require `R` and `N` to be `Copy`.
impl<R, N> Clone for Ensemble<'_, R, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, N> Copy for Ensemble<'_, R, N> {}

/// The force on a network of fixed width: the potential's gradient over the batch of a step.
pub struct NetworkForce<'a, R> {
    ensemble: Ensemble<'a, R>,
    batches: Batches<'a>,
    threads: Threads,
    workspace: Workspace<R>,
    current: PackedBatch<R>,
    next: PackedBatch<R>,
    /// The time of the gradient whose forward pass the last pass has done: the start of a step, whose batch is in `next`
    /// (in `current` for the whole population), or a stage on the whole population.
    prepared: Option<StageTime>,
}

impl<'a, R: Real> NetworkForce<'a, R> {
    /// The force on an ensemble. For [`BatchSource::Full`] and [`BatchSource::Indices`] the ensemble's sample is the
    /// population.
    pub fn new(ensemble: Ensemble<'a, R>, batches: Batches<'a>, threads: Threads) -> Self {
        NetworkForce {
            ensemble,
            batches,
            threads,
            workspace: Workspace::default(),
            current: PackedBatch::default(),
            next: PackedBatch::default(),
            prepared: None,
        }
    }

    /// The same for states that consist of the neurons of one rank; the ensemble's width is that of all ranks. Gradients
    /// and steps are collective.
    #[must_use]
    pub fn over(self, portion: Portion) -> Self {
        NetworkForce { workspace: Workspace::over(portion), ..self }
    }
}

impl<R: Real> NetworkForce<'_, R> {
    /// The forward pass on the whole population for the gradient at a time, unless it is done already.
    fn forward_on_all(&mut self, time: StageTime, theta: &[R]) {
        if self.prepared == Some(time) {
            return;
        }
        let Ensemble { network, width, population, .. } = self.ensemble;
        let model = Model { network, width, threads: self.threads };
        self.batches.draw(time.step, network, population, &mut self.current);
        self.workspace.forward(model, theta, &self.current.samples);
        self.prepared = Some(time);
    }
}

impl<R: Real> Force<R> for NetworkForce<'_, R> {
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64 {
        let Ensemble { network, width, population, objective } = self.ensemble;
        let model = Model { network, width, threads: self.threads };
        self.batches.draw(step, network, population, &mut self.current);
        self.prepared = None;
        let batch = LabelledSamples { samples: &self.current.samples, y: &self.current.y };
        let loss = self.workspace.gradient(model, objective, theta, batch, out);
        network.zero_fixed_gradient(width, out);
        loss
    }

    fn advance(&mut self, coefficients: StepCoefficients, noise: &dyn Noise<R>, state: &mut State<R>) -> Option<f64> {
        let Ensemble { network, width, population, objective } = self.ensemble;
        if network.fixed_inputs() > 0 {
            return None;
        }
        let model = Model { network, width, threads: self.threads };
        let NetworkForce { batches, workspace, current, next, prepared, .. } = self;
        let full = matches!(batches.source, BatchSource::Full);
        if *prepared == Some(StageTime::start(state.step)) {
            if !full {
                std::mem::swap(current, next);
            }
        } else {
            batches.draw(state.step, network, population, current);
            workspace.forward(model, &state.theta, &current.samples);
        }
        if !full {
            batches.draw(state.step + 1, network, population, next);
        }
        let step = state.step;
        let normals = |block: usize, out: &mut [R]| noise.block(step, block, out);
        let request = StepRequest {
            objective,
            coefficients,
            batch: LabelledSamples { samples: &current.samples, y: &current.y },
            next_batch: if full { &current.samples } else { &next.samples },
            normals: if coefficients.noise > 0.0 { Some(&normals) } else { None },
        };
        let loss = workspace.step(model, (&mut state.theta, &mut state.momentum), request);
        *prepared = Some(StageTime::start(step + 1));
        Some(loss)
    }

    fn gradient_update(&mut self, stage: StageUpdate<'_, R>, arrays: &mut [&mut [R]]) -> Option<f64> {
        let Ensemble { network, width, objective, .. } = self.ensemble;
        if !matches!(self.batches.source, BatchSource::Full) {
            return None;
        }
        let model = Model { network, width, threads: self.threads };
        self.forward_on_all(stage.time, arrays[stage.at]);
        let batch = LabelledSamples { samples: &self.current.samples, y: &self.current.y };
        let StageUpdate { at, next, update, .. } = stage;
        let request = UpdateRequest { objective, batch, at, next: next.map(|(array, _)| array), update };
        let loss = self.workspace.update(model, arrays, request);
        self.prepared = next.map(|(_, time)| time);
        Some(loss)
    }

    fn predictions_at(&mut self, state: &State<R>) -> Option<Vec<f64>> {
        let Ensemble { network, width, population, .. } = self.ensemble;
        if !matches!(self.batches.source, BatchSource::Full) {
            return None;
        }
        let model = Model { network, width, threads: self.threads };
        self.forward_on_all(StageTime::start(state.step), &state.theta);
        Some(self.workspace.predictions(model, population.y.len() / network.outputs()).to_vec())
    }
}
