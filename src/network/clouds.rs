//! Scatter plots of neurons: which arrays of `state/` give the coordinates and the colour.

use super::Network;
use serde::{Deserialize, Serialize};

/// A number, or a vector, per neuron of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinate {
    /// Name of an array of `state/`.
    pub part: String,
    /// The axis that is averaged over: 1 if neurons are the rows of the array, 0 if they are its columns. `None`: the
    /// rows of the array themselves.
    pub mean_over: Option<usize>,
}

/// A scatter plot of the neurons of a layer. `records/clouds.json` lists those of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloud {
    /// Name of the layer; empty if the network has one hidden layer.
    pub layer: String,
    /// The position of a neuron: one vector, or two scalars.
    pub position: Vec<Coordinate>,
    /// The scalar whose sign gives the colour.
    pub sign: Coordinate,
    /// Name of that scalar, for the legend.
    pub sign_of: String,
}

impl Network {
    /// The scatter plots of a network. Two layers: input weights w, coloured by the sign of a. Three layers: input
    /// weights w of the first hidden layer, coloured by the sign of the mean outgoing weight; mean incoming weight and
    /// output weight of the second, coloured by the sign of a.
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
