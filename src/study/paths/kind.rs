//! The kinds of path between two networks.

use crate::choice::choice;

choice! {
    /// A kind of path.
    #[derive(PartialOrd, Ord)]
    pub enum PathKind: "kind of path" {
        /// The constructive path of the theory through the first halves.
        FirstHalf = "first-half",
        /// The constructive path through the best of several halves.
        BestHalf = "best-half",
        /// The straight line.
        Straight = "straight",
        /// The straight line after matching neurons by their features.
        MatchedFeatures = "matched-features",
        /// The straight line after matching neurons by their weights.
        MatchedWeights = "matched-weights",
        /// A learned quadratic curve.
        Bezier = "bezier",
    }
}

impl PathKind {
    /// Label in legends.
    pub fn label(self) -> &'static str {
        match self {
            PathKind::FirstHalf => "constructive, first halves",
            PathKind::BestHalf => "constructive, best halves",
            PathKind::Straight => "straight line",
            PathKind::MatchedFeatures => "straight, matched by features",
            PathKind::MatchedWeights => "straight, matched by weights",
            PathKind::Bezier => "learned Bézier curve",
        }
    }
}
