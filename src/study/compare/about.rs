//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how well does a model do without so many weights, by which method?",
    statement: "Every linear layer W₀ is replaced by the matrix W with given zeros that minimises tr((W − W₀) H (W \
                − W₀)ᵀ), H = (1/n) Σ x xᵀ over the inputs of the layer. The squared errors of a sweep add up to its \
                damped loss; iterating and refitting do not raise it.",
    theory: "pruning.md#the-problem",
    checks: "pruning",
    figures: &[
        FigureAbout {
            name: "compare",
            caption: "(a) Held-out perplexity or cross entropy against the fraction of zeros for every method, \
                      with the value before pruning (dotted); (b) the accuracy of classifiers, or the sum of the \
                      layer losses. Fractions are joined by lines, patterns are hollow.",
            checks: &[],
        },
        FigureAbout {
            name: "compare-layers",
            caption: "Relative loss of every layer by every method, a panel for each of the first six sparsities.",
            checks: &["compare-sweep-identity", "compare-best-iterate", "compare-refit"],
        },
    ],
};
