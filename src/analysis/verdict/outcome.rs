//! Outcomes and sections of checks.

use crate::choice::choice;

choice! {
    /// The outcome of a check.
    pub enum Verdict: "verdict" {
        /// The measurement agrees, and is precise enough that it could have disagreed.
        Holds = "holds",
        /// The measurement contradicts the statement.
        Fails = "fails",
        /// The measurement does not decide: the interval is too wide, a gap is near the error of the reference, or
        /// nothing was measured.
        NotResolved = "not resolved",
    }
}

choice! {
    /// What a check is about.
    #[derive(Default)]
    pub enum CheckSection: "section" {
        /// A statement of the theory, which the measurement could contradict.
        #[default]
        Theory = "theory",
        /// An identity or a numerical tolerance that every correct program meets, whatever the data.
        Program = "program",
    }
}
