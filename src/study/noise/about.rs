//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how much larger than that of least squares on the true support is the error at each noise level?",
    statement: "Least squares on the true support has an error proportional to the noise; no algorithm that must \
                find the support has a smaller one on average.",
    theory: "theory.md#11-sparse-recovery",
    checks: "sparse-recovery",
    figures: &[FigureAbout {
        name: "noise",
        caption: "Median relative error against the signal to noise ratio for every algorithm, beside least \
                      squares on the true support (dotted).",
        checks: &[],
    }],
};
