//! The radial reduction is the network in R^d. Its particles follow a network that is exactly rotation-invariant, and
//! the grid follows its particles.

use crate::common::slope;
use widelimit::compute::Threads;
use widelimit::dynamics::{Batches, Ensemble, Integrator, Method, Motion, NetworkForce, NoNoise, Scheme, State};
use widelimit::kinetic::{
    FeatureTable, GridAxis, KineticConstants, KineticProblem, PhaseGrid, Radial, RadialForce, RadialNodes,
};
use widelimit::network::{Activation, Batch, Law, Loss, Network, Objective, TwoLayer};

const OBJECTIVE: Objective = Objective { loss: Loss::HalfSquared, ridge: 0.1 };

fn runge_kutta(step: f64, coordinates: usize, len: usize) -> Box<dyn Integrator<f64>> {
    let motion = Motion { step, friction: 0.7, temperature: 0.0, first_order: false, tolerance: 0.0 };
    Scheme { method: Method::Rk4, motion }.integrator(coordinates, len)
}

/// Equal directions in the plane make an empirical measure that is as good as rotation-invariant for smooth neurons:
/// the trapezoidal rule over angles converges beyond all orders. On such neurons and such inputs a network in R^2 is
/// the reduction.
#[test]
fn a_network_on_circles_is_the_reduction() {
    const ANGLES: usize = 48;
    let circle = |radius: f64| {
        (0..ANGLES).map(move |i| {
            let angle = std::f64::consts::TAU * i as f64 / ANGLES as f64;
            [radius * angle.cos(), radius * angle.sin()]
        })
    };
    let (q, radii, labels) = ([0.4, 0.8, 1.3], [0.5, 1.1, 1.9, 2.6], [-1.0, -1.0, 1.0, 1.0]);
    let network = Network::from(TwoLayer {
        inputs: 2,
        outputs: 1,
        bias: false,
        activation: Activation::Softplus,
        fixed_output: true,
    });
    let output = 2.0;
    let neurons: Vec<f64> = q.iter().flat_map(|&q| circle(q)).flat_map(|[a, b]| [a, b, output]).collect();
    let x: Vec<f64> = radii.iter().flat_map(|&s| circle(s)).flatten().collect();
    let y: Vec<f64> = labels.iter().flat_map(|&y| [y; ANGLES]).collect();
    let (population, width) = (Batch { x, y }, q.len() * ANGLES);
    let mut full = State::at_rest(network.from_canonical(width, &neurons));
    let ensemble = Ensemble { network: &network, width, population: &population, objective: OBJECTIVE };
    let mut force = NetworkForce::new(ensemble, Batches::FULL, Threads::One);
    let radial = Radial::new(2, 0.5, Activation::Softplus, output);
    let nodes = RadialNodes { radius: radii.to_vec(), label: labels.to_vec(), weight: vec![0.25; 4] };
    let table = FeatureTable::new(&radial, 20.0);
    let mut reduced = State::at_rest(q.to_vec());
    let mut reduction = RadialForce::new(&radial, &table, OBJECTIVE).with_nodes(nodes);
    let mut one = runge_kutta(0.02, 2 * width, full.theta.len());
    let mut other = runge_kutta(0.02, 3, 3);
    let mut moved = 0.0_f64;
    for _ in 0..100 {
        one.step(&mut force, &mut NoNoise, &mut full);
        other.step(&mut reduction, &mut NoNoise, &mut reduced);
        let canonical = network.to_canonical(width, &full.theta);
        for (i, (neuron, start)) in canonical.chunks_exact(3).zip(neurons.chunks_exact(3)).enumerate() {
            // Along its own direction, which it keeps.
            let unit = [start[0] / q[i / ANGLES], start[1] / q[i / ANGLES]];
            let along = neuron[0] * unit[0] + neuron[1] * unit[1];
            let across = neuron[0] * unit[1] - neuron[1] * unit[0];
            assert!((along - reduced.theta[i / ANGLES]).abs() < 1e-8, "{along} {}", reduced.theta[i / ANGLES]);
            assert!(across.abs() < 1e-10);
        }
        moved = moved.max((reduced.theta[0] - q[0]).abs());
    }
    assert!(moved > 0.05, "the particles move: {moved}");
}

/// The grid's risk comes to the particles' as nodes and steps are refined together. Momenta at rest are a sheet in the
/// phase plane, which is 1.5 spacings wide on any grid, at first a Gaussian whose variance is an error of order 2;
/// later the limiter keeps the sheet about as wide, at the price of some of the order.
#[test]
fn the_grid_comes_to_the_particles() {
    let radial = Radial::new(5, 0.8, Activation::PiecewiseLinear, 1.0);
    let law = Law::Gaussian { mean: 0.0, std: 0.4 };
    let count = 4000;
    let table = FeatureTable::new(&radial, 60.0);
    let objective = Objective { loss: Loss::HalfSquared, ridge: 0.0 };
    let mut force = RadialForce::new(&radial, &table, objective);
    let mut state = State::at_rest(radial.quantiles(&law, count));
    let mut integrator = runge_kutta(0.025, count, count);
    for _ in 0..40 {
        integrator.step(&mut force, &mut NoNoise, &mut state);
    }
    let particles = force.loss(&force.predictions(&state.theta));
    let nodes = [96, 192, 384];
    let errors = nodes.map(|nodes| {
        let line = |high: f64| GridAxis { low: -high, high, nodes };
        let grid = PhaseGrid::new(line(3.5), line(3.5)).unwrap();
        let constants = KineticConstants { friction: 0.7, temperature: 0.0, step: 4.8 / nodes as f64 };
        let problem = KineticProblem {
            field: radial.field(grid.theta, objective),
            constants,
            start: radial.start(grid, &law).unwrap(),
        };
        let limit = problem.solve(&[0.0, 1.0], Threads::Pool, |_| true, |_, _| {}).unwrap().unwrap();
        (limit.risks[1] - particles).abs()
    });
    let order = -slope(&nodes.map(|n| n as f64), &errors);
    println!("risk {particles}, errors {errors:?}, order {order:.2}");
    assert!(order > 1.3, "order {order}: {errors:?}");
    assert!(errors[2] < 2e-4 * particles, "{errors:?}");
}
