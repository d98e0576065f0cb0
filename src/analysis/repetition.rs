//! What an interval is over: independent networks, or pairs of them.

use crate::choice::choice;

choice! {
    /// The independent repetitions of a measurement.
    #[derive(Default)]
    pub enum Repetition: "repetition" {
        /// Networks of different seeds.
        #[default]
        Seed = "seed",
        /// Disjoint pairs of networks.
        Pair = "pair",
    }
}

impl Repetition {
    /// Several of them.
    pub fn plural(self) -> &'static str {
        match self {
            Repetition::Seed => "seeds",
            Repetition::Pair => "pairs",
        }
    }
}
