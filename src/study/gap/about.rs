//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how far is a network from the limit, and how does that scale with width, step and batch size?",
    statement: "A network that starts from N of the limit's M particles has E |f_N − f_ρ|² = c (1/N − 1/M) at time \
                0; the distances between coupled neurons, of the loss and of the laws fall at least as N^(−1/2). \
                Under the full gradient the step adds a gap of order ε, under batches of B samples one whose square \
                is of order ε/B. With probability at least 1 − exp(−z²), uniformly over t ≤ T, the largest coupling \
                distance and the gap of the loss are at most C e^(CT) ( (√(log N) + z)/√N + √ε (√(p + log N) + z) \
                ).",
    theory: "theory.md#5-the-gap",
    checks: "gap",
    figures: &[
        FigureAbout {
            name: "gap-time",
            caption: "Against time, for each width: (a) distance of the predictions from the limit, (b) root mean \
                      square coupling distance. Lines are medians over seeds, bands extend from the 5 % to the 95 \
                      % quantile.",
            checks: &[],
        },
        FigureAbout {
            name: "gap-*",
            caption: "The fitted distances of a group of networks, one in each panel: points with 95 % bars over \
                      seeds, the fitted line (solid) with its slope and interval in words, the slope of the theory \
                      through its middle (dashed), and the limit's own error (dotted, or in words where it is far \
                      below). Where nothing could be fitted: every network, and why.",
            checks: &[],
        },
        FigureAbout {
            name: "gap-bound",
            caption: "The largest coupling distance of each network (the gap of the loss, where the limit is on a \
                      grid) under the form of the bound with a fitted constant, from z = 0 to the z of probability \
                      0.95.",
            checks: &["gap-*-bound-form"],
        },
    ],
};
