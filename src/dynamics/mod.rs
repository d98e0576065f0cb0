//! Dynamics: forces, noise, integrators and the time loop.
//!
//! A [`Force`] is a function of the state: the potential's gradient over a batch, fresh draws or the whole population.
//! An [`Integrator`] maps state, force and noise to the next state. Stochastic heavy ball is one of them, so that a
//! finite network and its mean-field limit differ only in force and integrator. A [`Simulation`] combines the four, and
//! a [`TimeLoop`] runs it: it records, writes checkpoints and decides when to stop.
//!
//! | file | equation |
//! |---|---|
//! | [`heavy_ball`] | `r' = (1 - gamma eps) r - eps grad Psi + sqrt(2 gamma tau eps) xi, theta' = theta + eps r'` |
//! | [`gradient_descent`] | `theta' = theta - eps grad Psi + sqrt(2 tau eps) xi` |
//! | [`kick_drift_kick`] | Strang splitting, order 2, friction exact |
//! | [`runge_kutta`] | order 4, classical |
//! | [`dormand_prince`] | order 5(4), adaptive, dense output |
//! | [`baoab`] | order 2 in law, Ornstein-Uhlenbeck part exact |
//! | [`picard`] | the limit as the fixed point of the trajectory map, by any of these with a fixed step |

pub mod baoab;
pub mod batches;
mod coordinates;
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
pub mod simulation;
pub mod state;
pub mod time_loop;

pub use batches::{BatchSource, Batches};
pub use dormand_prince::attempt_budget;
pub use flow::Flow;
pub use force::{Ensemble, Force, NetworkForce, StageTime, StageUpdate};
pub use integrator::{Integrator, Method, Motion, Scheme};
pub use noise::{Brownian, NoNoise, Noise};
pub use simulation::Simulation;
pub use state::State;
pub use time_loop::{Observer, ResumePoint, StopReason, TimeLoop};
