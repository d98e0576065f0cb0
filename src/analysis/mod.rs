//! From raw measurements to statements: exponents with intervals, the form of a bound, distances between networks,
//! verdicts.
//!
//! Everything here is a pure function of arrays; nothing reads a file or keeps state.
//!
//! * [`fit`]: points with error bars, the exponent of a power law, with intervals from the spread over seeds;
//! * [`bound`]: the form of the finite-width bound, its fitted constant, and whether measurements drift away from it;
//! * [`connectivity`]: paths of low loss between networks, and the loss along them;
//! * [`contraction`]: the form of the differences of Picard iterates, and its fitted constant;
//! * [`distance`]: coupling and function distances between two networks;
//! * [`wasserstein`]: exact one-dimensional and sliced Wasserstein-2 distances between clouds of neurons;
//! * [`dropout`]: what a network loses when neurons are dropped, and the closed form of it;
//! * [`proportion`]: the interval of a probability;
//! * [`verdict`]: what the theory says, what was measured, and what follows.

pub mod bound;
pub mod connectivity;
pub mod contraction;
pub mod distance;
pub mod dropout;
pub mod fit;
mod points;
pub mod proportion;
pub mod quantile;
pub mod verdict;
pub mod wasserstein;
