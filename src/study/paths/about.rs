//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "by how much must the loss rise on a path between two networks?",
    statement: "On the constructive path from P to Q the loss is at most max(R(P), R(P keep A), R(Q keep B), R(Q)), \
                for every pair of networks and every half A of the neurons with complement B; it is constant on the \
                pieces that move neurons without output weights. The barrier, the largest loss minus that at the \
                worse end, falls at least as N^(−1/2).",
    theory: "theory.md#7-connectivity",
    checks: "paths",
    figures: &[
        FigureAbout {
            name: "paths",
            caption: "(a) Loss and, where labels are signs or classes, (b) accuracy along each kind of path, mean \
                      over pairs, at the largest width that has every kind.",
            checks: &[],
        },
        FigureAbout {
            name: "paths-barrier",
            caption: "Mean barrier over pairs against the width for each kind of path, with the least and the \
                      largest pair for the constructive path through the first halves.",
            checks: &[],
        },
        FigureAbout {
            name: "paths-variants",
            caption: "Loss along each kind of path from the networks of a named variant to those of the main \
                      dynamics, one panel for each variant.",
            checks: &[],
        },
    ],
};
