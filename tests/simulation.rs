//! Mathematics: gradients, integrators, limits, kinetic equation, sparse recovery and fluctuations against exact solutions,
//! orders of accuracy, conservation laws and independent computations.

mod common;

mod balances;
mod bump;
mod dropout;
mod fluctuation_pairs;
mod gradients;
mod kinetic;
mod known_answers;
mod momentum;
mod noise;
mod orders;
mod paths;
mod picard;
mod radial;
mod recovery;
mod shares;
mod time_loop;
