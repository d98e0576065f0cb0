//! Trains a two-layer network by heavy ball and verifies the energy balance of theory.md section 3.
//!
//! With friction `gamma` the energy `E = R + (1/2) mean |r|^2` satisfies `dE/dt = -gamma mean |r|^2` in continuous
//! time. Heavy ball is of order one in its step, so the largest defect of the balance along training is halved with the
//! step.

use std::error::Error;
use widelimit::compute::Threads;
use widelimit::dynamics::{Batches, Ensemble, Method, Motion, NetworkForce, Scheme, Simulation, State, TimeLoop};
use widelimit::network::{Activation, Batch, Law, Loss, Network, Objective, Start, TwoLayer};

const WIDTH: usize = 100;
const FRICTION: f64 = 1.0;
const HORIZON: f64 = 10.0;

/// What training from time 0 to the horizon gave.
struct Training {
    /// Risk at the start.
    first_risk: f64,
    /// Risk at the end.
    last_risk: f64,
    /// Largest `|E(t) - E(0) + gamma int_0^t mean |r|^2|` over time, which vanishes in continuous time.
    defect: f64,
}

/// Trains on the full gradient, `y = sin(2 x)` on 20 points of [-1, 1], with `steps` steps.
fn train(steps: u16) -> Training {
    let activation = Activation::Tanh;
    let network = Network::from(TwoLayer { inputs: 1, outputs: 1, bias: true, activation, fixed_output: false });
    let normal = Law::Gaussian { mean: 0.0, std: 1.0 };
    let laws = Start { w: normal.clone(), b: normal.clone(), a: normal, ..Start::default() };
    let x: Vec<f64> = (0..20).map(|i| -1.0 + f64::from(i) / 9.5).collect();
    let population = Batch { y: x.iter().map(|x| (2.0 * x).sin()).collect(), x };
    let objective = Objective { loss: Loss::HalfSquared, ridge: 1e-3 };

    let start = State::at_rest(network.start::<f64>(&laws, 1, 0, WIDTH));
    let ensemble = Ensemble { network: &network, width: WIDTH, population: &population, objective };
    let force = NetworkForce::new(ensemble, Batches::FULL, Threads::One);
    let step = HORIZON / f64::from(steps);
    let motion = Motion { step, friction: FRICTION, temperature: 0.0, first_order: false, tolerance: 0.0 };
    let scheme = Scheme { method: Method::HeavyBall, motion };
    let integrator = scheme.integrator(network.coordinates(WIDTH), start.theta.len());

    let mut risks = Vec::new();
    let mut squares = Vec::new();
    let mut record = |_: usize, state: &State<f64>| {
        let f = network.predict(WIDTH, &state.theta, &population.x, Threads::One);
        let ridge = 0.5 * objective.ridge * network.mean_square(WIDTH, &state.theta);
        let risk = objective.loss.mean(&f, &population.y, 1) + ridge;
        risks.push(risk);
        squares.push(network.mean_square(WIDTH, &state.momentum));
        risk
    };
    let times: Vec<f64> = (0..=steps).map(|k| f64::from(k) * step).collect();
    let Ok(_) = TimeLoop::over(&times).run(&mut Simulation::noise_free(start, integrator, force), &mut record);

    let energy = |k: usize| risks[k] + 0.5 * squares[k];
    let (mut dissipated, mut defect) = (0.0, 0.0_f64);
    for k in 1..risks.len() {
        dissipated += 0.5 * FRICTION * step * (squares[k - 1] + squares[k]);
        defect = defect.max((energy(k) - energy(0) + dissipated).abs());
    }
    Training { first_risk: risks[0], last_risk: risks[risks.len() - 1], defect }
}

/// Trains the network and prints its risk.
pub fn main() -> Result<(), Box<dyn Error>> {
    let (coarse, fine) = (train(200), train(400));
    println!("risk {:.4} at the start, {:.4} at time {HORIZON}", fine.first_risk, fine.last_risk);
    println!("defect of the energy balance: {:.3e}, with half the step {:.3e}", coarse.defect, fine.defect);
    assert!(fine.last_risk < 0.1 * fine.first_risk, "training reduces the risk");
    let ratio = coarse.defect / fine.defect;
    assert!(
        (ratio - 2.0).abs() < 0.1,
        "a method of order one halves the defect with the step, and the ratio is {ratio}"
    );
    Ok(())
}
