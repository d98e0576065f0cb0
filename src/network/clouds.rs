//! Which clouds of neurons there are to draw, and from which arrays of `state/`.

use super::Network;
use serde::{Deserialize, Serialize};

/// Numbers of every neuron of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinate {
    /// A part, as in `state/`.
    pub part: String,
    /// The axis that is averaged over, where neurons are not simply the part's rows: over its columns (1), or over its rows
    /// (0), when neurons are its columns.
    pub mean_over: Option<usize>,
}

/// A layer's neurons; `records/clouds.json` has the list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloud {
    /// Name of the layer; empty where there is one.
    pub layer: String,
    /// Where a neuron is: in one part's space, or by two numbers.
    pub position: Vec<Coordinate>,
    /// Whose sign gives the colour.
    pub sign: Coordinate,
    /// What that is, for the legend.
    pub sign_of: String,
}

impl Network {
    /// The clouds of neurons to draw: input weights, coloured by the output weight, and of a layer further up its mean
    /// incoming weight against its output weight.
    pub fn clouds(&self) -> Vec<Cloud> {
        let coordinate = |part: &str, mean_over: Option<usize>| Coordinate { part: part.into(), mean_over };
        let cloud = |layer: &str, position: Vec<Coordinate>, sign: Coordinate, sign_of: &str| Cloud {
            layer: layer.into(),
            position,
            sign,
            sign_of: sign_of.into(),
        };
        let (w, a) = (|| coordinate("w", None), || coordinate("a", None));
        match self {
            Network::TwoLayer(_) => vec![cloud("", vec![w()], a(), "a")],
            Network::ThreeLayer(_) => vec![
                cloud("first-layer", vec![w()], coordinate("u", Some(1)), "mean u"),
                cloud("second-layer", vec![coordinate("u", Some(0)), a()], a(), "a"),
            ],
        }
    }
}
