//! Laws of the initial parameters.
//!
//! Every neuron is drawn on its own from the stream addressed by its particle index, so that the network of
//! width N that starts at particle `offset` holds exactly the particles `offset .. offset + N` of the limit.

use crate::compute::rng::{Role, Stream, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

/// The law of one part (w, b or a) of a neuron, i.i.d. over neurons.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "law", rename_all = "kebab-case")]
pub enum Law {
    /// Independent coordinates N(mean, std^2).
    Gaussian { mean: f64, std: f64 },
    /// Independent coordinates, uniform on [low, high).
    Uniform { low: f64, high: f64 },
    /// Uniform on the sphere of this radius in the part's space; for a scalar part, +-radius.
    Sphere { radius: f64 },
    /// Every neuron at the same point, all coordinates equal: a start without spread.
    Point { value: f64 },
    /// There is no such part; 0 where it is drawn all the same.
    #[default]
    Nothing,
}

impl Law {
    /// Draws one part into `out`.
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

    /// Whether there is no such part.
    pub fn is_nothing(&self) -> bool {
        *self == Law::Nothing
    }
}

/// The law of a neuron at time 0; momenta start at rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Start {
    /// Input weights, in R^d.
    pub w: Law,
    /// Bias, in R; not drawn where the network has none.
    pub b: Law,
    /// Weights between two hidden layers, each on its own; not drawn where there is one hidden layer.
    #[serde(skip_serializing_if = "Law::is_nothing")]
    pub u: Law,
    /// Bias of the second hidden layer, in R; as `u`.
    #[serde(skip_serializing_if = "Law::is_nothing")]
    pub c: Law,
    /// Output weights, in R^K.
    pub a: Law,
}

impl Start {
    /// Whether all neurons start at one point.
    pub fn is_point(&self) -> bool {
        [&self.w, &self.b, &self.u, &self.c, &self.a].iter().all(|law| matches!(law, Law::Point { .. } | Law::Nothing))
    }

    /// Parameters of particle `index` in canonical order (w, b, a); `inputs` = d, `out` has length d + 1 + K (d + K without bias).
    pub fn particle(&self, seed: u64, index: u64, inputs: usize, bias: bool, out: &mut [f64]) {
        let mut rng = stream(seed, Role::Start, index, 0);
        let (w, rest) = out.split_at_mut(inputs);
        let (b, a) = rest.split_at_mut(usize::from(bias));
        self.w.draw(&mut rng, w);
        self.b.draw(&mut rng, b);
        self.a.draw(&mut rng, a);
    }
}
