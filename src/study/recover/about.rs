//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "how fast does each algorithm converge to the true vector?",
    statement: "The sparsest minimiser of a smooth function f is sought by hard thresholding, pursuits and the \
                iterative optimal brain surgeon. A step of k-IHT of at most 1/L never raises f; on a noiseless \
                quadratic with n ≥ d one undamped pass of the surgeon is the truth.",
    theory: "theory.md#11-sparse-recovery",
    checks: "sparse-recovery",
    figures: &[
        FigureAbout {
            name: "recover",
            caption: "(a) Relative error and (b) value of f against the iteration: medians over problems, and \
                      quartiles of the error; the level of success is dotted. Markers at a few iterations \
                      distinguish the algorithms.",
            checks: &[],
        },
        FigureAbout {
            name: "recover-images",
            caption: "The true images and the recovered ones, one row for each problem, with the relative error.",
            checks: &[],
        },
    ],
};
