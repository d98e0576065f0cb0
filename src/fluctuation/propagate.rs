//! The tangent system carried along the trajectory of the limit.

use super::FluctuationError;
use super::force::{CloudNoise, SharedForce, TangentForce, TangentSystem, lock};
use super::layout::TangentLayout;
use super::paired_parts::PairedParts;
use super::record::FluctuationRecord;
use crate::dynamics::{NoNoise, Noise, Scheme, Simulation, State, StopReason, TimeLoop};
use crate::network::Loss;
use std::sync::{Arc, Mutex};

/// A tangent system and what determines its trajectory.
pub struct TangentRun<'a> {
    /// The system.
    pub system: TangentSystem<'a>,
    /// Method and constants, with a fixed step.
    pub scheme: Scheme,
    /// The cloud at the start: parameters and momenta.
    pub start: State<f64>,
    /// The noise of the cloud at positive temperature.
    pub noise: Option<Box<dyn Noise<f64> + 'a>>,
    /// Recording times, the first at the start.
    pub times: &'a [f64],
    /// Indices of the times at which the features of all particles are recorded.
    pub features_at: &'a [usize],
}

/// The fluctuations of finite networks around a limit, along its trajectory.
#[derive(Clone, Debug)]
pub struct Fluctuations {
    /// Number of samples n.
    pub samples: usize,
    /// Outputs K.
    pub outputs: usize,
    /// The loss.
    pub loss: Loss,
    /// The coefficient lambda of the ridge term.
    pub ridge: f64,
    /// Labels (n, K).
    pub labels: Vec<f64>,
    /// Leading columns that are orthonormal modes.
    pub modes: usize,
    /// Particles M: neurons of the last hidden layer of the cloud.
    pub particles: usize,
    /// Weights of the columns, (M, C); zero in columns of the first of two hidden layers.
    pub weights: Vec<f64>,
    /// One record for each time that was reached.
    pub records: Vec<FluctuationRecord>,
    /// The state at the end, augmented by tangent vectors where there are any.
    pub end: State<f64>,
    /// Its layout with tangent vectors.
    pub layout: Option<TangentLayout>,
    /// What only pairs of clouds give.
    pub paired: Option<PairedParts>,
}

impl TangentRun<'_> {
    /// Carries the tangent system along with its cloud and records the fluctuations.
    ///
    /// # Errors
    /// Networks that are not linearised; methods that choose their steps; states that stop being finite.
    pub fn propagate(self) -> Result<Fluctuations, FluctuationError> {
        self.propagate_unless(&|_| false)
    }

    /// The same, where `interrupted` is called before every step with the time reached and stops the computation.
    ///
    /// # Errors
    /// Those of [`TangentRun::propagate`]; [`FluctuationError::Interrupted`].
    pub fn propagate_unless(self, interrupted: &dyn Fn(f64) -> bool) -> Result<Fluctuations, FluctuationError> {
        let TangentRun { system, scheme, start, noise, times, features_at } = self;
        if scheme.method.is_adaptive() {
            return Err(FluctuationError::Adaptive { method: scheme.method });
        }
        let network = system.network()?;
        let force = TangentForce::new(system)?;
        let layout = force.layout();
        let force = Arc::new(Mutex::new(force));
        let state = system.start(start)?;
        let cloud_noise: Box<dyn Noise<f64>> = match noise {
            Some(inner) => Box::new(CloudNoise { inner, cloud_len: layout.cloud_len() }),
            None => Box::new(NoNoise),
        };
        let integrator = scheme.integrator_on(system.threads, state.theta.len(), state.theta.len());
        let shared = Box::new(SharedForce(Arc::clone(&force)));
        let mut simulation = Simulation { state, integrator, force: shared, noise: cloud_noise };
        let mut records = Vec::with_capacity(times.len());
        let mut observer = |index: usize, state: &State<f64>| {
            records.push(lock(&force).observe(&system, network, state, features_at.contains(&index)));
            // The sum is not finite where any entry is not.
            records[index].field.sum()
        };
        let Ok(stop) = TimeLoop::over(times).interrupted_when(interrupted).run(&mut simulation, &mut observer);
        if let StopReason::Interrupted { .. } = stop {
            return Err(FluctuationError::Interrupted);
        }
        let finite = |record: &FluctuationRecord| record.field.iter().all(|v| v.is_finite());
        if stop != StopReason::Horizon || !records.iter().all(finite) {
            return Err(FluctuationError::NotFinite { what: "tangent vectors" });
        }
        Ok(Fluctuations {
            samples: system.ensemble.population.y.len() / network.outputs,
            outputs: network.outputs,
            loss: system.ensemble.objective.loss,
            ridge: system.ensemble.objective.ridge,
            labels: system.ensemble.population.y.clone(),
            modes: system.columns.modes(),
            weights: system.columns.weights().to_vec(),
            records,
            particles: layout.cloud.width,
            end: simulation.state,
            layout: Some(layout),
            paired: None,
        })
    }
}
