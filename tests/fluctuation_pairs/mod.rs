//! Weighted clouds and pairs of them: the force is the derivative of the weighted risk, predictions are exact where a
//! closed form exists, and trained networks have the predicted variance.

mod equations;
mod exact;
mod forces;
mod networks;

use crate::common::Problem;
use widelimit::dynamics::{Ensemble, NoNoise, Noise, Scheme, State};
use widelimit::fluctuation::pairs::WeightedCloud;
use widelimit::network::Network;

/// No noise.
pub fn quiet() -> Box<dyn Noise<f64>> {
    Box::new(NoNoise)
}

/// The noise-free cloud of a problem.
pub fn cloud<'a>(
    problem: &'a Problem,
    start: &'a State<f64>,
    scheme: Scheme,
    times: &'a [f64],
) -> WeightedCloud<'a, f64> {
    let ensemble: Ensemble<'a, f64, Network> = problem.ensemble(&problem.network);
    WeightedCloud { ensemble, start, scheme, times, noise: &quiet, interrupt: None }
}
