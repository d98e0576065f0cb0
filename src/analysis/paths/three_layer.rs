//! The constructive path of three-layer networks: nine straight segments (SM; KWL; WKM section 5).
//!
//! Halves I of the first and J of the second hidden layer are kept in P, their complements in Q (primed). "Keep J" has
//! the output weights of J doubled and the others zero; "keep I, J" also has the weights u from I doubled and the
//! others zero.
//!
//! ```text
//! 0  P
//! 1  P keep J                             a changes
//! 2  u into J' := P's kept rows, doubled  silent: J' has no output weights
//! 3  a to J'                              a changes; at the end the network is P keep I, J, its second layer in J'
//! 4  w of I' := Q's; u into J := Q's      silent: weights from I' to J' are zero, J has no output weights
//! 5  a to J                               a changes; at the end the network is Q keep I', J', its second layer in J
//! 6  w of I, u into J' := Q's             silent: weights from I to J are zero, J' has no output weights
//! 7  a to J'                              a changes; at the end the network is Q keep J'
//! 8  u into J := Q's                      silent
//! 9  Q                                    a changes
//! ```
//!
//! Biases belong to the weights into their neuron. The construction of the theory first moves the reduced network of P
//! back into J; here that of Q is written to J directly, which needs four segments fewer and has the same bound.

use super::constructive::{PathStructure, WaypointArray};
use crate::network::{Family, Network, ParameterVector};
use ndarray::{ArrayViewMut2, s};

/// The structure of the path.
pub(super) const STRUCTURE: PathStructure = PathStructure {
    named: &[0, 1, 3, 6, 8, 9],
    silent: &[1, 3, 5, 7],
    segments: 9,
    bound: "max(R(P), R(P keep J), R(P keep I, J), R(Q keep I', J'), R(Q keep J'), R(Q))",
};

/// The second hidden layer of a network.
struct SecondLayer<'a> {
    /// Weights from the first hidden layer (N1, N2).
    u: &'a ndarray::Array2<f64>,
    /// Neurons (c, a), one per row.
    neurons: &'a ndarray::Array2<f64>,
}

/// A network under construction.
struct Draft<'a> {
    families: &'a [Family],
    point: ParameterVector,
}

impl Draft<'_> {
    /// The parameters of a family of units, one unit per row.
    fn matrix(&mut self, family: usize) -> ArrayViewMut2<'_, f64> {
        let family = &self.families[family];
        let values = self.point.as_slice_mut().expect("one axis, contiguous");
        ArrayViewMut2::from_shape((family.rows, family.columns), &mut values[family.range()]).expect("its own shape")
    }
}

/// Canonical parameters of the ten waypoints; `kept` is, for both hidden layers, whether a neuron is kept in P.
pub(super) fn waypoints(
    network: &Network,
    width: usize,
    p: &ParameterVector,
    q: &ParameterVector,
    kept: [&[bool]; 2],
) -> Vec<ParameterVector> {
    let families = network.families(width);
    let outputs = network.outputs();
    let side = |layer: &[bool], of: bool| -> Vec<usize> { (0..layer.len()).filter(|&i| layer[i] == of).collect() };
    let (first, first_rest) = (side(kept[0], true), side(kept[0], false));
    let (second, second_rest) = (side(kept[1], true), side(kept[1], false));
    let matrix = |point: &'_ ParameterVector, f: usize| families[f].matrix(&point.to_vec()).to_owned();
    // Neurons (w, b), weights u, and neurons (c, a) of both ends.
    let ([p1, pu, p2], [q1, qu, q2]) = ([0, 1, 2].map(|f| matrix(p, f)), [0, 1, 2].map(|f| matrix(q, f)));
    let a = p2.ncols() - outputs;

    let mut draft = Draft { families: &families, point: p.clone() };
    let mut waypoints = vec![p.clone()];
    // Sets the output weights of the neurons in `at` to those of `from`, doubled, and all others to zero.
    let set_outputs = |draft: &mut Draft<'_>, of: &ndarray::Array2<f64>, from: &[usize], at: &[usize]| {
        let mut neurons = draft.matrix(2);
        neurons.slice_mut(s![.., a..]).fill(0.0);
        for (&j, &at) in from.iter().zip(at) {
            neurons.slice_mut(s![at, a..]).assign(&(2.0 * &of.slice(s![j, a..])));
        }
    };
    // Sets the incoming weights of the neurons in `at` to those of `from`: doubled for the weights from the neurons
    // `rows` of the first layer, zero for the others.
    let copy = |draft: &mut Draft<'_>, layer: SecondLayer<'_>, rows: &[usize], from: &[usize], at: &[usize]| {
        let SecondLayer { u, neurons } = layer;
        for (&j, &at) in from.iter().zip(at) {
            let mut weights = draft.matrix(1);
            weights.column_mut(at).fill(0.0);
            rows.iter().for_each(|&i| weights[[i, at]] = 2.0 * u[[i, j]]);
            draft.matrix(2).slice_mut(s![at, ..a]).assign(&neurons.slice(s![j, ..a]));
        }
    };
    let move_first = |draft: &mut Draft<'_>, rows: &[usize]| {
        rows.iter().for_each(|&i| draft.matrix(0).row_mut(i).assign(&q1.row(i)));
    };
    let restore = |draft: &mut Draft<'_>, columns: &[usize]| {
        for &j in columns {
            draft.matrix(1).column_mut(j).assign(&qu.column(j));
            draft.matrix(2).slice_mut(s![j, ..a]).assign(&q2.slice(s![j, ..a]));
        }
    };
    debug_assert_eq!(p1.dim(), q1.dim());

    set_outputs(&mut draft, &p2, &second, &second);
    waypoints.push(draft.point.clone());
    copy(&mut draft, SecondLayer { u: &pu, neurons: &p2 }, &first, &second, &second_rest);
    waypoints.push(draft.point.clone());
    set_outputs(&mut draft, &p2, &second, &second_rest);
    waypoints.push(draft.point.clone());
    move_first(&mut draft, &first_rest);
    copy(&mut draft, SecondLayer { u: &qu, neurons: &q2 }, &first_rest, &second_rest, &second);
    waypoints.push(draft.point.clone());
    set_outputs(&mut draft, &q2, &second_rest, &second);
    waypoints.push(draft.point.clone());
    move_first(&mut draft, &first);
    restore(&mut draft, &second_rest);
    waypoints.push(draft.point.clone());
    set_outputs(&mut draft, &q2, &second_rest, &second_rest);
    waypoints.push(draft.point.clone());
    restore(&mut draft, &second);
    waypoints.push(draft.point.clone());
    waypoints.push(q.clone());
    waypoints
}

/// Every part of the network at the waypoints, each (10, rows, columns).
pub(super) fn waypoint_arrays(network: &Network, width: usize, waypoints: &[ParameterVector]) -> Vec<WaypointArray> {
    let points: Vec<Vec<f64>> = waypoints.iter().map(|point| point.to_vec()).collect();
    let families = network.families(width);
    let parts = families.iter().flat_map(|family| family.parts.iter().map(move |part| (family, part)));
    let describe = |(family, part): (&Family, &crate::network::FamilyPart)| {
        let values = points.iter().flat_map(|point| family.part(part, point).iter().copied().collect::<Vec<f64>>());
        let shape = vec![points.len(), family.rows, part.columns.len()];
        WaypointArray { name: part.name.to_string(), shape, values: values.collect() }
    };
    parts.map(describe).collect()
}
