//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how should zeros be divided between the layers?",
    statement: "The zeros z_l of the layers minimise Σ L_l(z_l) over Σ z_l = z, with the measured relative losses \
                L_l on their lower convex hulls; this is compared with the same sparsity in every layer.",
    theory: "pruning.md#the-problem",
    checks: "pruning",
    figures: &[FigureAbout {
        name: "allocation",
        caption: "(a) Held-out perplexity or cross entropy of both allocations against the fraction of zeros; \
                      (b) the fraction of zeros that the measured losses give to every layer.",
        checks: &[],
    }],
};
