//! The force on a cloud together with its tangent vectors.

use super::FluctuationError;
use super::batch_noise::BatchNoise;
use super::columns::NoiseColumns;
use super::given_field::{GivenField, GivenForce};
use super::layout::TangentLayout;
use super::linearisation::Linearisation;
use crate::compute::Threads;
use crate::dynamics::{Batches, Ensemble, Force, NetworkForce, Noise, StageTime, State};
use crate::network::{Loss, Model, TwoLayer, Workspace};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything that determines a tangent system: a cloud of the limit, the columns of the noise of its starts, and the
/// order.
#[derive(Clone, Copy)]
pub struct TangentSystem<'a> {
    /// The cloud: its network, particles M, sample and objective.
    pub ensemble: Ensemble<'a, f64>,
    /// The columns nu^k.
    pub columns: &'a NoiseColumns,
    /// Whether the mean second order is computed.
    pub second_order: bool,
    /// Noise of mini-batches, which then drives the columns; none for the noise of the starts alone.
    pub batch_noise: Option<BatchNoise>,
    /// The predictions of a larger limit that the cloud follows; none where it follows its own average.
    pub given: Option<&'a dyn GivenField>,
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}

impl<'a> TangentSystem<'a> {
    /// The two-layer network.
    ///
    /// # Errors
    /// Networks that are not linearised: three layers, activations with kinks; columns of another cloud.
    pub fn network(&self) -> Result<&'a TwoLayer, FluctuationError> {
        let network = self.ensemble.network.as_two_layer().ok_or(FluctuationError::Depth)?;
        if network.activation.has_kink() {
            return Err(FluctuationError::Kink { activation: network.activation });
        }
        if self.columns.particles() != self.ensemble.width {
            let (found, expected) = (self.columns.particles(), self.ensemble.width);
            return Err(FluctuationError::Particles { found, expected });
        }
        Ok(network)
    }

    /// The layout of the augmented state.
    ///
    /// # Errors
    /// Those of [`TangentSystem::network`].
    pub fn layout(&self) -> Result<TangentLayout, FluctuationError> {
        let network = self.network()?;
        Ok(TangentLayout {
            cloud: network.layout(self.ensemble.width),
            columns: self.columns.count(),
            second_order: self.second_order,
        })
    }

    /// The augmented state at the start of a cloud, with zero tangent vectors.
    ///
    /// # Errors
    /// Those of [`TangentSystem::network`].
    pub fn start(&self, mut cloud: State<f64>) -> Result<State<f64>, FluctuationError> {
        let len = self.layout()?.len();
        cloud.theta.resize(len, 0.0);
        cloud.momentum.resize(len, 0.0);
        Ok(cloud)
    }
}

/// The gradient of the potential of an augmented state `(theta, xi^1 .. xi^C, zeta)`.
///
/// With `G^k = (1/sqrt M) sum_i nu_i^k phi_i + (1/M) sum_i grad phi_i . xi_i^k` it is, for the tangent vectors,
///
/// ```text
/// A_i^k = H_i xi_i^k + E_x[ l''(x) G^k(x) grad phi(x; theta_i) ]
/// ```
///
/// and for `zeta`, whose field is
/// `b = (1/M) sum_i ( grad phi_i . zeta_i + 1/2 sum_k grad^2 phi_i [xi_i^k, xi_i^k] ) + (1/sqrt M) sum_ik nu_i^k grad phi_i . xi_i^k`,
///
/// ```text
/// A_i = H_i zeta_i + E_x[ (l'' b + 1/2 sum_k l''' [G^k, G^k]) grad phi_i ]
///       + sum_k E_x[ l'' G^k grad^2 phi_i xi_i^k ] + 1/2 sum_k E_x[ e grad^3 phi_i [xi_i^k, xi_i^k] ]
/// ```
///
/// An integrator that acts on the augmented state by linear combinations of state and force therefore carries the exact
/// tangent of its own step: the limit is discretised first and then linearised. With noise of batches the drive `l'' G`
/// is `l'' G + e w`, with w the noise of the step.
pub struct TangentForce<'a> {
    system: TangentSystem<'a>,
    inner: Box<dyn Force<f64> + 'a>,
    pub(super) linear: Linearisation,
    workspace: Workspace<f64>,
    pub(super) point: FieldPoint,
    /// Where `point` was evaluated.
    evaluated: Option<EvaluatedAt>,
    /// Whether it was evaluated for a record of the state from which the next step starts.
    observed: bool,
}

/// A state, by the time of its evaluation and the parameters of its cloud.
#[derive(Clone, PartialEq)]
struct EvaluatedAt {
    time: StageTime,
    cloud: Vec<f64>,
}

/// The fields at one state.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldPoint {
    /// Predictions (n, K).
    pub f: Vec<f64>,
    /// Residuals divided by n, (n with padding, K).
    pub residual: Vec<f64>,
    /// G in the columns of the noise, b in that of `zeta`, (n with padding, K, stride).
    pub field: Vec<f64>,
    /// The drive divided by n, in the same layout.
    pub drive: Vec<f64>,
}

impl<'a> TangentForce<'a> {
    /// The force of a tangent system.
    ///
    /// # Errors
    /// Those of [`TangentSystem::network`].
    pub fn new(system: TangentSystem<'a>) -> Result<Self, FluctuationError> {
        let (network, layout) = (system.network()?, system.layout()?);
        let Ensemble { population, objective, .. } = system.ensemble;
        let inner: Box<dyn Force<f64> + 'a> = match system.given {
            Some(field) => Box::new(GivenForce::new(system.ensemble, network, field, system.threads)),
            None => Box::new(NetworkForce::new(system.ensemble, Batches::FULL, system.threads)),
        };
        let weights = system.columns.weights();
        let linear = Linearisation::new(network, objective.ridge, &population.x, layout, weights, system.threads);
        let (workspace, point) = (Workspace::default(), FieldPoint::default());
        Ok(TangentForce { system, inner, linear, workspace, point, evaluated: None, observed: false })
    }

    /// The layout of the augmented state.
    pub fn layout(&self) -> TangentLayout {
        self.linear.layout
    }

    /// Evaluates the fields of an augmented state, unless they were last evaluated there. A method of one gradient per
    /// step evaluates them at the end of a step, where a state is recorded.
    pub(super) fn evaluate_once(&mut self, time: StageTime, augmented: &[f64]) {
        if !self.is_evaluated(time, augmented) {
            self.evaluate(time, augmented);
        }
        self.observed = true;
    }

    /// Whether the fields were last evaluated at this time and this cloud.
    fn is_evaluated(&self, time: StageTime, augmented: &[f64]) -> bool {
        let cloud = &augmented[..self.linear.layout.cloud_len()];
        self.evaluated.as_ref().is_some_and(|last| last.time == time && last.cloud == cloud)
    }

    /// Evaluates the fields of an augmented state.
    pub(super) fn evaluate(&mut self, at: StageTime, augmented: &[f64]) -> &FieldPoint {
        let (theta, xi) = augmented.split_at(self.linear.layout.cloud_len());
        self.evaluated = None;
        let TangentForce { system, linear, workspace, point, .. } = self;
        let Ensemble { network, width, population, objective } = system.ensemble;
        match system.given {
            None => {
                let model = Model { network, width, threads: system.threads };
                point.f = workspace.predict(model, theta, &population.x);
            }
            Some(given) => {
                point.f.resize(population.y.len(), 0.0);
                given.predictions(at, &mut point.f);
            }
        }
        linear.field(theta, xi, &mut point.field);
        point.drive(objective.loss, &population.y, linear);
        if let Some(noise) = system.batch_noise {
            let (rows, stride) = (point.f.len(), linear.layout.stride());
            let (residual, drive) = (&point.residual[..rows], &mut point.drive[..rows * stride]);
            noise.add(at.step, linear.layout, network.outputs(), residual, drive);
        }
        self.evaluated = Some(EvaluatedAt { time: at, cloud: theta.to_vec() });
        &self.point
    }
}

impl FieldPoint {
    /// Residuals and drive from predictions and field.
    pub fn drive(&mut self, loss: Loss, y: &[f64], linear: &Linearisation) {
        let FieldPoint { f, residual, field, drive } = self;
        let (layout, padded) = (linear.layout, linear.inputs.padded());
        let (stride, n) = (layout.stride(), linear.inputs.samples);
        let outputs = f.len() / n;
        residual.clear();
        residual.resize(padded * outputs, 0.0);
        loss.residuals(f, y, outputs, &mut residual[..n * outputs]);
        drive.clear();
        drive.resize(field.len(), 0.0);
        let weight = 1.0 / n as f64;
        let [mut w, mut v, mut product, mut third] = [(); 4].map(|()| vec![0.0; outputs]);
        for s in 0..n {
            let at = s * outputs..(s + 1) * outputs;
            let (f, y) = (&f[at.clone()], &y[at.clone()]);
            loss.curvature(f, y, &mut w);
            third.fill(0.0);
            for c in 0..layout.columns + usize::from(layout.second_order) {
                let index = |k: usize| (at.start + k) * stride + c;
                v.iter_mut().enumerate().for_each(|(k, v)| *v = field[index(k)]);
                loss.hessian_product(&w, &v, &mut product);
                if layout.mean_column() == Some(c) {
                    product.iter_mut().zip(&third).for_each(|(sum, t)| *sum += t);
                } else if layout.second_order {
                    loss.add_third_derivative((f, y), &w, &v, 0.5, &mut third);
                }
                product.iter().enumerate().for_each(|(k, p)| drive[index(k)] = weight * p);
            }
        }
    }
}

impl Force<f64> for TangentForce<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        self.gradient_within(StageTime::start(step), theta, out)
    }

    fn gradient_within(&mut self, at: StageTime, augmented: &[f64], out: &mut [f64]) -> f64 {
        let cloud_len = self.linear.layout.cloud_len();
        let (theta, xi) = augmented.split_at(cloud_len);
        let (gradient, tangent) = out.split_at_mut(cloud_len);
        let loss = self.inner.gradient_within(at, theta, gradient);
        // The stages of a step may have the time and the cloud in common, but not the tangent vectors.
        if !(std::mem::take(&mut self.observed) && self.is_evaluated(at, augmented)) {
            self.evaluate(at, augmented);
        }
        self.linear.force(theta, xi, &self.point.residual, &self.point.drive, tangent);
        loss
    }
}

/// A force that its owner uses between the steps of a simulation.
pub(super) struct SharedForce<'a>(pub Arc<Mutex<TangentForce<'a>>>);

impl Force<f64> for SharedForce<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        self.gradient_within(StageTime::start(step), theta, out)
    }

    fn gradient_within(&mut self, at: StageTime, theta: &[f64], out: &mut [f64]) -> f64 {
        lock(&self.0).gradient_within(at, theta, out)
    }
}

/// Access to a shared force. One that panicked has no evaluated state.
pub(super) fn lock<'a, 'b>(force: &'b Mutex<TangentForce<'a>>) -> MutexGuard<'b, TangentForce<'a>> {
    force.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The noise of the cloud: Brownian increments for its parameters. Tangent vectors have none, as the noise does not
/// depend on the state.
pub struct CloudNoise<'a> {
    /// The noise of the cloud alone.
    pub inner: Box<dyn Noise<f64> + 'a>,
    /// Length of the cloud's part of the state.
    pub cloud_len: usize,
}

impl Noise<f64> for CloudNoise<'_> {
    fn normals(&mut self, step: u64, out: &mut [f64]) {
        let (cloud, tangent) = out.split_at_mut(self.cloud_len);
        self.inner.normals(step, cloud);
        tangent.fill(0.0);
    }

    fn block(&self, step: u64, block: usize, out: &mut [f64]) {
        self.inner.block(step, block, out);
    }
}
