//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "does the kinetic equation on a grid agree with particles, and how does the free energy fall?",
    statement: "∂_t μ + ∇_θ·(r μ) − ∇_r·((γ r + ∇Ψ) μ) = γ τ Δ_r μ is the law of the particles. The free energy F \
                falls by ∫ D dt, D ≥ 0, and at positive temperature μ tends to the Gibbs law, the minimiser of F.",
    theory: "theory.md#3-the-limit",
    checks: "kinetic",
    figures: &[
        FigureAbout {
            name: "kinetic-density",
            caption: "The density of (θ, r) at the snapshots, with particles over it, relative to its maximum in \
                      each panel, which the title gives. The strongest shade begins at 0.6 of the maximum.",
            checks: &["kinetic-mass", "kinetic-positive", "kinetic-box"],
        },
        FigureAbout {
            name: "kinetic-particles",
            caption: "Grid (lines) and particles (points): (a) f_ρ, (b) density of θ, (c) their distances against \
                      time, with the standard error, (d) density of r.",
            checks: &["kinetic-function", "kinetic-moments", "kinetic-histogram-*", "kinetic-wasserstein"],
        },
        FigureAbout {
            name: "kinetic-energy",
            caption: "(a) The free energy and its parts; (b) its fall from step to step beside the dissipation.",
            checks: &["kinetic-free-energy-falls", "kinetic-dissipation"],
        },
        FigureAbout {
            name: "kinetic-rest",
            caption: "(a) The law at the end beside the Gibbs law; (b) F − F* for every friction; (c) its rate \
                      against the friction, beside that of a harmonic well.",
            checks: &["kinetic-gibbs", "kinetic-optimum"],
        },
    ],
};
