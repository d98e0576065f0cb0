//! The constructive path of two-layer networks: five straight segments (SM; KWL; WKM section 5).
//!
//! A set A of half the neurons is kept in P, its complement B in Q ("keep" = output weights doubled, the others zero):
//!
//! ```text
//! P -> (2 a_A, 0 | w_A, w_B) -> (2 a_A, 0 | w_A, w'_B) -> (0, 2 a'_B | w_A, w'_B) -> (0, 2 a'_B | w'_A, w'_B) -> Q
//! ```
//!
//! Segments 1, 3, 5 change output weights only, segments 2, 4 hidden weights of neurons with zero output weights. Biases
//! belong to w.

use super::constructive::{PathStructure, WaypointArray};
use crate::network::{ParameterVector, TwoLayer};

/// The structure of the path.
pub(super) const STRUCTURE: PathStructure = PathStructure {
    named: &[0, 1, 4, 5],
    silent: &[1, 3],
    segments: 5,
    bound: "max(R(P), R(P keep A), R(Q keep B), R(Q))",
};

/// Whether a neuron's hidden weights at a waypoint are those of Q rather than P; `kept` is whether it is kept in P.
fn hidden_of_q(waypoint: usize, kept: bool) -> bool {
    match waypoint {
        0 | 1 => false,
        2 | 3 => !kept,
        _ => true,
    }
}

/// Output weights (N, K) of a network of which the neurons are kept where `kept` is `side`: doubled there, zero elsewhere.
pub(super) fn kept_outputs(network: &TwoLayer, of: &ParameterVector, kept: &[bool], side: bool) -> Vec<f64> {
    let (parameters, first_output) = (network.parameters(), network.parameters() - network.outputs);
    let outputs = |(i, &kept): (usize, &bool)| {
        let own = i * parameters + first_output..(i + 1) * parameters;
        own.map(move |k| if kept == side { 2.0 * of[k] } else { 0.0 })
    };
    kept.iter().enumerate().flat_map(outputs).collect()
}

/// Canonical parameters of the six waypoints.
pub(super) fn waypoints(
    network: &TwoLayer,
    width: usize,
    p: &ParameterVector,
    q: &ParameterVector,
    kept: &[bool],
) -> Vec<ParameterVector> {
    let parameters = network.parameters();
    let first_output = parameters - network.outputs;
    let at = |waypoint: usize| {
        ParameterVector::from_shape_fn(width * parameters, |k| {
            let kept = kept[k / parameters];
            if k % parameters < first_output {
                return if hidden_of_q(waypoint, kept) { q[k] } else { p[k] };
            }
            match waypoint {
                0 => p[k],
                5 => q[k],
                1 | 2 if kept => 2.0 * p[k],
                3 | 4 if !kept => 2.0 * q[k],
                _ => 0.0,
            }
        })
    };
    (0..=STRUCTURE.segments).map(at).collect()
}

/// Output weights at the waypoints (6, N, K), and whether a neuron's hidden weights are those of Q (6, N).
pub(super) fn waypoint_arrays(
    network: &TwoLayer,
    width: usize,
    waypoints: &[ParameterVector],
    kept: &[bool],
) -> Vec<WaypointArray> {
    let (parameters, outputs) = (network.parameters(), network.outputs);
    let is_output = |&(k, _): &(usize, &f64)| k % parameters >= parameters - outputs;
    let a = waypoints.iter().flat_map(|w| w.iter().enumerate().filter(is_output).map(|(_, &v)| v));
    let of_q = (0..waypoints.len()).flat_map(|k| kept.iter().map(move |&kept| f64::from(hidden_of_q(k, kept))));
    vec![
        WaypointArray { name: "a".into(), shape: vec![waypoints.len(), width, outputs], values: a.collect() },
        WaypointArray { name: "hidden_of_q".into(), shape: vec![waypoints.len(), width], values: of_q.collect() },
    ]
}
