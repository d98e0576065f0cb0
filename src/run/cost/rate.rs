//! The rate of this machine: operations of the training step per second, measured.

use super::operations::gradient;
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads};
use crate::dynamics::{Batches, Ensemble, Method, Motion, NetworkForce, Scheme, Simulation, State};
use crate::network::{Batch, Loss, Network, Objective, Start};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::time::{Duration, Instant};

/// Wall time of a measurement.
const TIME: Duration = Duration::from_millis(400);

/// Most bytes of the state, which is larger than the caches.
const MOST_BYTES: f64 = (64 << 20) as f64;

/// Most samples: more are evaluated in the same loops.
const MOST_SAMPLES: usize = 512;

/// Most operations of a step: some steps are timed, and the fastest counts.
const MOST_OPERATIONS: f64 = 2e8;

/// Multiplications and additions per second of one thread, in steps of heavy ball of `width` neurons on `samples` samples
/// in the scalar type `R`. Sizes that would take long are reduced. All threads of the present pool are in use.
pub fn measure<R: Real>(network: &Network, width: usize, samples: usize) -> f64 {
    let samples = samples.clamp(1, MOST_SAMPLES);
    let width = bounded_width::<R>(network, width, samples);
    let mut rng = stream(0, Role::Population, 0, 0);
    let x = (0..samples * network.inputs()).map(|_| R::of(rng.sample(StandardNormal))).collect();
    let population = Batch { x, y: vec![0.5; samples * network.outputs()] };
    let objective = Objective { loss: Loss::HalfSquared, ridge: 0.0 };
    let ensemble = Ensemble { network, width, population: &population, objective };
    let threads = if rayon::current_num_threads() > 1 { Threads::Pool } else { Threads::One };
    let motion = Motion { step: 1e-3, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
    let start = State::at_rest(network.start(&Start::default(), 0, 0, width));
    let scheme = Scheme { method: Method::HeavyBall, motion };
    let integrator = scheme.integrator(network.coordinates(width), start.theta.len());
    let mut simulation = Simulation::noise_free(start, integrator, NetworkForce::new(ensemble, Batches::FULL, threads));
    // The first step allocates.
    simulation.step();
    let operations = samples as f64 * gradient(network, width as f64);
    // Steps that are shorter than the clock resolves are timed together.
    let steps = (1e7 / operations).ceil().max(1.0) as usize;
    let (begun, mut fastest) = (Instant::now(), f64::INFINITY);
    while begun.elapsed() < TIME {
        let block = Instant::now();
        for _ in 0..steps {
            simulation.step();
        }
        fastest = fastest.min(block.elapsed().as_secs_f64() / steps as f64);
    }
    operations / fastest / threads.count() as f64
}

/// The largest width up to `width` whose state and step are within the bounds.
fn bounded_width<R: Real>(network: &Network, width: usize, samples: usize) -> usize {
    let fits = |width: usize| {
        2.0 * size_of::<R>() as f64 * network.state_len_f64(width) <= MOST_BYTES
            && samples as f64 * gradient(network, width as f64) <= MOST_OPERATIONS
    };
    let mut width = width.max(1);
    while width > 1 && !fits(width) {
        width /= 2;
    }
    width
}
