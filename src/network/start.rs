//! Laws of the initial parameters.
//!
//! Every neuron is drawn from the random stream addressed by its particle index, so that the network of width N at
//! offset `first` consists of the particles `first .. first + N` of the limit.

use crate::compute::rng::{Role, Stream, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

/// The law of one part (w, b, u, c or a) of the initial parameters, i.i.d. over units.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "law", rename_all = "kebab-case")]
pub enum Law {
    /// Independent coordinates N(mean, std^2).
    Gaussian {
        /// Mean of each coordinate.
        mean: f64,
        /// Standard deviation of each coordinate, at least 0.
        std: f64,
    },
    /// Independent coordinates, uniform on [low, high).
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Uniform on the sphere of this radius in the space of the part; for a scalar part, +-radius.
    Sphere {
        /// The radius.
        radius: f64,
    },
    /// A point mass, the same for every unit; all coordinates are equal.
    Point {
        /// The value of every coordinate.
        value: f64,
    },
    /// The network has no such part. Draws are 0.
    #[default]
    Nothing,
}

impl Law {
    /// Draws the coordinates of one part into `out`.
    pub fn draw(&self, rng: &mut Stream, out: &mut [f64]) {
        match *self {
            Law::Gaussian { mean, std } => {
                out.iter_mut().for_each(|v| *v = mean + std * rng.sample::<f64, _>(StandardNormal));
            }
            Law::Uniform { low, high } => out.iter_mut().for_each(|v| *v = low + (high - low) * rng.random::<f64>()),
            Law::Sphere { radius } => loop {
                out.iter_mut().for_each(|v| *v = rng.sample(StandardNormal));
                let norm = out.iter().map(|v| v * v).sum::<f64>().sqrt();
                if norm > 0.0 {
                    out.iter_mut().for_each(|v| *v *= radius / norm);
                    break;
                }
            },
            Law::Point { value } => out.fill(value),
            Law::Nothing => out.fill(0.0),
        }
    }

    /// Whether the network has no such part.
    pub fn is_nothing(&self) -> bool {
        *self == Law::Nothing
    }
}

/// The law of the parameters at time 0, by part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Start {
    /// Input weights, in R^d.
    pub w: Law,
    /// Bias, in R; not drawn if the network has no biases.
    pub b: Law,
    /// Weights between two hidden layers, independent of each other; not drawn if there is one hidden layer.
    #[serde(skip_serializing_if = "Law::is_nothing")]
    pub u: Law,
    /// Bias of the second hidden layer, in R; not drawn if there is one hidden layer or the network has no biases.
    #[serde(skip_serializing_if = "Law::is_nothing")]
    pub c: Law,
    /// Output weights, in R^K.
    pub a: Law,
}

impl Start {
    /// Whether all neurons start at the same point.
    pub fn is_point(&self) -> bool {
        let point = |law: &Law| match *law {
            Law::Gaussian { std, .. } => std == 0.0,
            Law::Point { .. } | Law::Nothing => true,
            Law::Uniform { .. } | Law::Sphere { .. } => false,
        };
        [&self.w, &self.b, &self.u, &self.c, &self.a].into_iter().all(point)
    }

    /// Draws the parameters (w, b, a) of particle `index` of a two-layer network with `inputs` = d. The length of `out`
    /// is d + 1 + K with bias, otherwise d + K.
    pub fn particle(&self, seed: u64, index: u64, inputs: usize, bias: bool, out: &mut [f64]) {
        let mut rng = stream(seed, Role::Start, index, 0);
        let (w, rest) = out.split_at_mut(inputs);
        let (b, a) = rest.split_at_mut(usize::from(bias));
        self.w.draw(&mut rng, w);
        self.b.draw(&mut rng, b);
        self.a.draw(&mut rng, a);
    }
}
