//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how fast does the risk fall, and from which starts does it not?",
    statement: "Where the limit's risk crosses a level with a slope, a network crosses it at a time that differs by \
                at most an order of N^(−1/2). Neurons that start equal stay equal, so that a start at the origin, \
                or at one point, stalls at the risk of a single neuron, whatever the width.",
    theory: "theory.md#8-global-convergence",
    checks: "convergence",
    figures: &[FigureAbout {
        name: "convergence",
        caption: "(a) Risk against time for every width, every variant and the limit. Where a variant has a \
                      step of its own, the next panel shows it against the number of steps. Then first passages of \
                      levels against the width, as means with 95 % intervals, beside the limit's (dotted); and the \
                      sliced Wasserstein distance to the limit against time, where it was recorded, as median and \
                      band from the 5 % to the 95 % quantile.",
        checks: &[],
    }],
};
