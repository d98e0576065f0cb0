//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "do networks in R^d follow the radial kinetic equation?",
    statement: "For isotropic data and a radial start the law of a neuron depends on |w| and the output weight \
                alone: the limit in R^d is a kinetic equation in |w| and its velocity, whatever d.",
    theory: "theory.md#3-the-limit",
    checks: "radial",
    figures: &[FigureAbout {
        name: "radial",
        caption: "(a) Risk by the grid, by particles of the reduction and of the widest networks (all seeds); \
                      (b) by the grid in other dimensions; then the laws of |w| at the snapshots.",
        checks: &[],
    }],
};
