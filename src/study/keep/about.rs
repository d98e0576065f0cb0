//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "what is the loss with M of N neurons, kept at random, by size, or by the optimal brain surgeon?",
    statement: "The output layer is linear in its weights, so that keeping M of N neurons is sparse recovery of its \
                rows: with G = E_x h hᵀ the loss is at most Q(b) = R(b⁰) + ⟨g, b − b⁰⟩ + ½ ⟨b − b⁰, (c G + δ I)(b − \
                b⁰)⟩, with equality for the half-squared loss. The optimal brain surgeon removes the neuron with \
                the smallest |v_j|²/(2 P_jj), one after the other; random sets have the closed form of dropout.",
    theory: "theory.md#12-kept-neurons",
    checks: "keep",
    figures: &[
        FigureAbout {
            name: "keep",
            caption: "At the widest eliminated network, by every rule: (a) the loss against M, with all neurons as \
                      trained (dotted) and refitted (dashed); (b) the loss less that of all neurons. Solid and \
                      filled: trained weights, and the greedy elimination; dashed and hollow: refitted; \
                      dash-dotted: random sets as the limit predicts.",
            checks: &[],
        },
        FigureAbout {
            name: "keep-widths",
            caption: "For every width: (a) the mean change over random sets (points) and the prediction of the \
                      limit (dash-dotted); (b) the loss of the greedy elimination less that of all neurons, \
                      refitted.",
            checks: &["keep-closed-form", "keep-limit"],
        },
    ],
};
