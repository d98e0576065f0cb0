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
            caption: "Against time, for every width and for the limit: (a) risk, (b) the accuracy where labels are \
                      signs or classes, otherwise the kinetic energy; with a test part also loss and accuracy on \
                      it. Lines are medians over seeds, bands extend from the 5 % to the 95 % quantile.",
            checks: &["runs-diverged", "energy-falls"],
        },
        FigureAbout {
            name: "neurons*",
            caption: "Final input weights (a) of the widest network of the first seed and (b) of the limit, on the \
                      limit's two leading principal axes; the colour is the sign of the output weight.",
            checks: &[],
        },
    ],
};
