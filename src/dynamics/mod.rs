//! Dynamics: what moves an ensemble, and the one loop that owns the clock.
//!
//! A [`Force`] is a function of the state: the potential's gradient under a batch, a sampler or the whole
//! population. An [`Integrator`] is a map from state, force and noise to the next state; stochastic heavy ball is
//! one of them, so a finite network and its mean-field limit differ only in which force drives them and which
//! integrator moves them. [`time_loop`] owns recording, checkpoints and the reasons to stop.
//!
//! | file | equation |
//! |---|---|
//! | [`heavy_ball`] | `r' = (1 - gamma eps) r - eps grad Psi + sqrt(2 gamma tau eps) xi, theta' = theta + eps r'` |
//! | [`gradient_descent`] | `theta' = theta - eps grad Psi + sqrt(2 tau eps) xi` |
//! | [`kick_drift_kick`] | order 2, friction exact |
//! | [`runge_kutta`] | order 4, classical |
//! | [`dormand_prince`] | order 5(4), adaptive, dense output |
//! | [`baoab`] | order 2 in law, Ornstein-Uhlenbeck part exact |
//! | [`picard`] | the limit as the fixed point of the trajectory map, by any of these with a fixed step |

pub mod baoab;
pub mod dormand_prince;
pub mod flow;
pub mod force;
pub mod gradient_descent;
pub mod heavy_ball;
pub mod integrator;
pub mod kick_drift_kick;
pub mod noise;
pub mod picard;
pub mod runge_kutta;
pub mod state;
pub mod time_loop;

pub use flow::Flow;
pub use force::{BatchSource, Buffers, Force, NetworkForce};
pub use integrator::{Integrator, Method, Motion};
pub use noise::{Brownian, Noise, Still};
pub use state::State;
pub use time_loop::{Observer, StopReason, TimeLoop};
