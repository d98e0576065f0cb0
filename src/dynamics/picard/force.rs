//! The potential's gradient under a frozen path: a force that depends on time and on the particle alone.

use super::FrozenPath;
use crate::compute::{Real, Threads};
use crate::dynamics::Force;
use crate::network::TwoLayer;
use crate::network::kernel::{Model, Samples, Workspace};

/// `grad Psi^n_t(theta)` for the particles of one state.
pub struct FrozenForce<'a, R> {
    network: &'a TwoLayer,
    width: usize,
    samples: &'a Samples<R>,
    ridge: f64,
    path: &'a FrozenPath<R>,
    threads: Threads,
    workspace: Workspace<R>,
    residual: Vec<R>,
    said: Option<Said<'a>>,
}

/// What the particles predict at the nodes that they pass, added up.
struct Said<'a> {
    /// (nodes, n, K), from `first` on.
    sum: &'a mut [f64],
    first: u64,
    /// The next node to be heard.
    next: u64,
}

impl<'a, R: Real> FrozenForce<'a, R> {
    /// The force on `width` neurons under a path.
    pub fn new(
        network: &'a TwoLayer,
        width: usize,
        samples: &'a Samples<R>,
        ridge: f64,
        path: &'a FrozenPath<R>,
        threads: Threads,
    ) -> Self {
        let (workspace, residual) = Default::default();
        FrozenForce { network, width, samples, ridge, path, threads, workspace, residual, said: None }
    }

    /// Adds the sum of the neurons' features at every node that they pass from step `first` on to `sum`, (nodes, n, K).
    pub(super) fn heard(mut self, first: u64, sum: &'a mut [f64]) -> Self {
        self.said = Some(Said { sum, first, next: first });
        self
    }

    /// Hears the last node, where the integrator did not ask for a gradient there.
    pub(super) fn finish(&mut self, step: u64, theta: &[R]) {
        if self.said.as_ref().is_some_and(|said| said.next == step) {
            self.gradient(step, theta, &mut vec![R::zero(); theta.len()]);
        }
    }
}

impl<R: Real> Force<R> for FrozenForce<'_, R> {
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64 {
        self.gradient_within(step, 0.0, theta, out)
    }

    fn gradient_within(&mut self, step: u64, fraction: f64, theta: &[R], out: &mut [R]) -> f64 {
        let FrozenForce { network, width, samples, ridge, path, threads, workspace, residual, said } = self;
        path.residual(step, fraction, residual);
        let model = Model { network, width: *width, threads: *threads };
        let f = workspace.gradient_under(model, *ridge, theta, (samples, residual), out);
        // At a node, fraction 0, every integrator stands at its solution; elsewhere it is at a stage.
        if let Some(said) = said.as_mut().filter(|said| fraction == 0.0 && said.next == step) {
            let neurons = *width as f64;
            let sum = &mut said.sum[(step - said.first) as usize * f.len()..][..f.len()];
            sum.iter_mut().zip(f).for_each(|(sum, f)| *sum += neurons * f);
            said.next += 1;
        }
        network.hold_fixed(*width, out);
        path.loss(step)
    }
}
