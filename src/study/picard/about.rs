//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how do Picard's iterates converge, and is their fixed point the limit?",
    statement: "The map from the predictions over time to those of the particles that they drive has one fixed \
                point, the limit; its iterates differ by at most A (CT)^n/n!.",
    theory: "theory.md#3-the-limit",
    checks: "picard",
    figures: &[FigureAbout {
        name: "picard",
        caption: "(a) Differences of iterates with the envelope of the form, from two first guesses; (b) the \
                      same for every window. Then the constant that each iterate needs, and the iterates by number \
                      of windows.",
        checks: &[],
    }],
};
