//! The kinds of path between two networks.

use serde::{Deserialize, Serialize};

/// A kind of path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// The constructive path of the theory through the first halves.
    FirstHalf,
    /// The constructive path through the best of several halves.
    BestHalf,
    /// The straight line.
    Straight,
    /// The straight line after matching neurons by their features.
    MatchedFeatures,
    /// The straight line after matching neurons by their weights.
    MatchedWeights,
    /// A learned quadratic curve.
    Bezier,
}

impl PathKind {
    /// All kinds, in the order of records and figures.
    pub const ALL: [PathKind; 6] = [
        PathKind::FirstHalf,
        PathKind::BestHalf,
        PathKind::Straight,
        PathKind::MatchedFeatures,
        PathKind::MatchedWeights,
        PathKind::Bezier,
    ];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            PathKind::FirstHalf => "first-half",
            PathKind::BestHalf => "best-half",
            PathKind::Straight => "straight",
            PathKind::MatchedFeatures => "matched-features",
            PathKind::MatchedWeights => "matched-weights",
            PathKind::Bezier => "bezier",
        }
    }

    /// Its name in legends.
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
