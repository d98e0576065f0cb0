//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "for which n/d and k/n is the true vector found?",
    statement: "Without noise and with n ≥ d the iterative optimal brain surgeon finds every truth; below that, \
                whether a truth is found depends on n/d and k/n.",
    theory: "theory.md#11-sparse-recovery",
    checks: "sparse-recovery",
    figures: &[FigureAbout {
        name: "phase",
        caption: "For each method the share of problems recovered over k/n and n/d, with the contour at one \
                      half; grey where the method does not apply. The scale of the colours is at the right.",
        checks: &[],
    }],
};
