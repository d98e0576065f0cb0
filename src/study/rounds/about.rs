//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "do iterations with fresh data help, and when do they overfit?",
    statement: "Pruning is repeated from its own result, on the same batch or on fresh ones. The round that is best \
                on one half of the held-out samples is compared with the first round on the other half.",
    theory: "pruning.md#the-problem",
    checks: "pruning",
    figures: &[FigureAbout {
        name: "rounds",
        caption: "(a) Held-out perplexity or cross entropy against the round, with fresh batches and with the \
                      same, without and with training of the kept weights, the best round ringed; (b) the relative \
                      layer loss on the batch of the round.",
        checks: &[],
    }],
};
