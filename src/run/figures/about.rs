//! What the checks and the figures of every run of training are about.

use crate::run::about::{About, FigureAbout};

/// Of the run as a whole, whatever is studied.
pub const ABOUT: About = About {
    question: "do networks and limit reach the horizon, and is the limit solved accurately?",
    statement: "dθ = r dt, dr = (−γ r − ∇Ψ(θ; ρ_t)) dt + √(2γτ) dW, with ρ_t the law of θ. At temperature 0 the energy \
                R + ½ mean |r|² never rises. Particles, Picard's map and a grid are routes to one limit.",
    theory: "theory.md#3-the-limit",
    checks: "every-run",
    figures: &[
        FigureAbout {
            name: "risk",
            caption: "Risk of every width and of the limit against time: the median over seeds and the band from the \
                      5 % to the 95 % quantile. Beside it the accuracy, where labels are signs or classes, otherwise the \
                      kinetic energy.",
            checks: &["runs-diverged", "energy-falls"],
        },
        FigureAbout {
            name: "neurons*",
            caption: "Final input weights of the widest network of the first seed and of the limit, on the limit's two \
                      leading principal axes; the colour is the sign of the output weight.",
            checks: &[],
        },
    ],
};
