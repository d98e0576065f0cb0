//! The potential's gradient under a frozen path: a force that depends on time and on each particle alone.

use super::FrozenPath;
use crate::compute::{Real, Threads};
use crate::dynamics::{Ensemble, Force, StageTime};
use crate::network::TwoLayer;
use crate::network::kernel::{Samples, TwoLayerModel, TwoLayerWorkspace};

/// `grad Psi^n_t(theta)` for the particles of one state (see [`super`]).
pub struct FrozenForce<'a, R> {
    ensemble: Ensemble<'a, R, TwoLayer>,
    samples: &'a Samples<R>,
    path: &'a FrozenPath<R>,
    threads: Threads,
    workspace: TwoLayerWorkspace<R>,
    residual: Vec<R>,
    sums: Option<PredictionSums<'a>>,
}

/// Sums of the particles' predictions at the nodes of the path.
struct PredictionSums<'a> {
    /// (nodes, n, K), from node `first` on.
    values: &'a mut [f64],
    first: u64,
    /// The next node to be added.
    next: u64,
}

impl<'a, R: Real> FrozenForce<'a, R> {
    /// The force on an ensemble under a path. `samples` are the packed inputs of the ensemble's sample
    /// ([`super::map::pack_inputs`]), which the path belongs to.
    pub fn new(
        ensemble: Ensemble<'a, R, TwoLayer>,
        samples: &'a Samples<R>,
        path: &'a FrozenPath<R>,
        threads: Threads,
    ) -> Self {
        let (workspace, residual) = (TwoLayerWorkspace::default(), Vec::new());
        FrozenForce { ensemble, samples, path, threads, workspace, residual, sums: None }
    }

    /// Adds the sum of the neurons' features at every node, from step `first` on, to `sums` (nodes, n, K) while the
    /// particles are integrated.
    pub(super) fn accumulate_into(mut self, first: u64, sums: &'a mut [f64]) -> Self {
        self.sums = Some(PredictionSums { values: sums, first, next: first });
        self
    }

    /// Adds the node `step` where the integrator did not evaluate the gradient there.
    pub(super) fn finish(&mut self, step: u64, theta: &[R]) {
        if self.sums.as_ref().is_some_and(|sums| sums.next == step) {
            self.gradient(step, theta, &mut vec![R::zero(); theta.len()]);
        }
    }
}

impl<R: Real> Force<R> for FrozenForce<'_, R> {
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64 {
        self.gradient_within(StageTime::start(step), theta, out)
    }

    fn gradient_within(&mut self, at: StageTime, theta: &[R], out: &mut [R]) -> f64 {
        let FrozenForce { ensemble, samples, path, threads, workspace, residual, sums } = self;
        let Ensemble { network, width, objective, .. } = *ensemble;
        path.residual(at, residual);
        let model = TwoLayerModel { network, width, threads: *threads };
        let f = workspace.gradient_for_residuals(model, objective.ridge, theta, samples, residual, out);
        // At a node, fraction 0, `theta` is the integrator's solution; elsewhere it is an intermediate stage.
        if let Some(sums) = sums.as_mut().filter(|sums| at.fraction == 0.0 && sums.next == at.step) {
            let neurons = width as f64;
            let sum = &mut sums.values[(at.step - sums.first) as usize * f.len()..][..f.len()];
            sum.iter_mut().zip(f).for_each(|(sum, f)| *sum += neurons * f);
            sums.next += 1;
        }
        network.zero_fixed_gradient(width, out);
        path.loss(at.step)
    }
}
