//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "by how much does the loss rise when M of the N neurons are kept?",
    statement: "For M of N neurons kept at random, rescaled by N/M, and the half-squared loss, E_A R(f_A) − R(f_N) \
                = (N − M) S² / (2 M (N − 1)) exactly, with S² the spread of the features; for other losses to \
                second order. As N grows S² tends to that of the limit, so that the rise depends on M and not on N, \
                and it is at most C (√(log M) + z)/√M up to terms that do not depend on M.",
    theory: "theory.md#6-dropout-stability",
    checks: "dropout",
    figures: &[
        FigureAbout {
            name: "dropout*",
            caption: "(a) For each width: the mean change of the loss over random sets and seeds against the \
                      number M of neurons kept (points), and the closed form (lines). (b) At the widest network \
                      with greedy sets: the loss with random sets (mean, and the band from 5 to 95 %), with the \
                      first M neurons, with M chosen greedily, and with all N (dotted).",
            checks: &["dropout*-closed-form"],
        },
        FigureAbout {
            name: "dropout-scaling*",
            caption: "(a) The change of the loss at a fixed M, times N/(N − M), against the width, with the fitted \
                      slope. (b) The change with a random half of the neurons along training, with the closed form \
                      (dashed); without a closed form, the spread over draws at the largest width.",
            checks: &["dropout*-free-of-width", "dropout*-bound-form"],
        },
    ],
};
