//! Statistical analysis of measurements: exponents with intervals, the form of a bound, distances between networks,
//! verdicts.
//!
//! Every function here is a pure function of arrays, without files or state.
//!
//! * [`estimate`]: estimates with Student's law of error, and the levels at which they contradict a statement;
//! * [`family`]: joint judgement of several statements at a family-wise level;
//! * [`fit`]: points with error bars, the exponent of a power law, with intervals from the spread over seeds;
//! * [`bound`]: the form of the finite-width bound, its fitted constant, and whether measurements drift away from it;
//! * [`paths`]: paths of low loss between networks, and the loss on them;
//! * [`contraction`]: the form of the differences of Picard iterates, and its fitted constant;
//! * [`distance`]: coupling and function distances between two networks;
//! * [`wasserstein`]: exact one-dimensional and sliced Wasserstein-2 distances between sets of neurons;
//! * [`control`]: means over seeds, corrected by a control variate;
//! * [`coverage`]: what intervals and verdicts are worth over many seeds;
//! * [`drawn_change`]: the mean change of the loss over random sets of neurons, beside its closed form;
//! * [`dropout`]: the loss of a network without some of its neurons, and the closed form of its change;
//! * [`output_layer`]: the output layer of a network, and the optimal brain surgeon on its neurons;
//! * [`paired`]: the mean difference of two scores on the same samples;
//! * [`proportion`]: the confidence interval of a proportion;
//! * [`quantile`]: sample quantiles;
//! * [`ratio`]: the ratio of a predicted to a measured quantity, pooled over widths;
//! * [`repetition`]: what an interval is over: seeds, or pairs of networks;
//! * [`step_error`]: the error that the step leaves in a quantity, and the rise that it allows;
//! * [`threshold`]: thresholds of tests that make many comparisons;
//! * [`trend`]: quantities of several runs against a parameter, laws of their change, and the place of a minimum;
//! * [`trend_fit`]: a statement about such a law, fitted and judged;
//! * [`verdict`]: checks of a statement of the theory against a measurement;
//! * [`verdict_counts`]: how many checks hold, fail and are not resolved.

pub mod bound;
pub mod contraction;
pub mod control;
pub mod coverage;
pub mod distance;
pub mod drawn_change;
pub mod dropout;
pub mod estimate;
pub mod family;
pub mod fit;
pub mod output_layer;
pub mod paired;
pub mod paths;
mod points;
pub mod proportion;
pub mod quantile;
pub mod ratio;
pub mod repetition;
pub mod step_error;
pub mod threshold;
pub mod trend;
pub mod trend_fit;
pub mod verdict;
pub mod verdict_counts;
pub mod wasserstein;
