//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "do the bounds of the theorems hold, and how close to them are the errors?",
    statement: "With e the distance from the truth before and e₊ after a step: k-IHT on a quadratic has e₊ ≤ √ν |I \
                − H_UU/L| e; the iterative optimal brain surgeon with an M-Lipschitz Hessian has e₊ ≤ c M/(2μ) e², \
                with c = √ν for the largest entries and c = 1 + √(L/μ · (d − k)/(d − k*)) for the exact selection.",
    theory: "theory.md#11-sparse-recovery",
    checks: "sparse-recovery",
    figures: &[FigureAbout {
        name: "rates",
        caption: "Error after a step against the error before it (filled), and the bound (hollow), a panel \
                      each for linear rates, mini-batches and quadratic rates; in the last the error after a step \
                      of I-OBS over its bound (filled), and over that with the constants of the paper (hollow).",
        checks: &[],
    }],
};
