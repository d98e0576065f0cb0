//! Fluctuations of a finite network around its mean-field limit, predicted from a cloud of the limit.
//!
//! A network of width N whose neurons start independently is `f_N = f + G / sqrt(N) + J / N + ...` with f the limit, G
//! a centred Gaussian field and J a second-order one. Its variance `c(t) = E |G_t|^2` and the mean `b = E J` are computed
//! from the particles of the limit, without training a network.
//!
//! | file | what |
//! |---|---|
//! | [`weighted`] | clouds whose particles carry unequal weights, and the force on them |
//! | [`pairs`] | predictions from pairs of weighted clouds: `c(t)`, the loss gap, its law |
//! | [`layers`] | the variance of a three-layer network, by layer |

pub mod layers;
pub mod pairs;
pub mod weighted;
