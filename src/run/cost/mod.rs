//! The time of a run, predicted before it starts.
//!
//! ```text
//! seconds of a phase = operations / rate + other work + exchanges
//! seconds of an exchange = messages latency + bytes / bandwidth + numbers t_add
//! ```
//!
//! Operations are the multiplications and additions of networks, counted ([`operations`]); activation functions, updates
//! and what keeps a kernel from its peak are in the rate, which is that of the network itself ([`rate`]) or is given.
//! Trajectories are placed on ranks and threads as the run places them ([`phases`]). Exchanges are those of sums over
//! the shares of divided networks ([`exchange`]). Reading data, figures, files and resampling are not predicted.
//!
//! | file | contents |
//! |---|---|
//! | [`machine`] | rates, latency, bandwidth: what a prediction assumes |
//! | [`operations`] | the operations of a network and of a trajectory |
//! | [`exchange`] | the exchanges between ranks |
//! | [`phases`] | the phases of a run |
//! | [`rate`] | the rate of this machine |

pub mod exchange;
pub mod machine;
pub mod operations;
pub mod phases;
pub mod rate;

pub use exchange::ExchangeWork;
pub use machine::Machine;
pub use phases::{PhaseCost, RunCost, StudyCost, predict};
