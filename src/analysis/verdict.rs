//! Checks of statements of the theory against measurements: the entries of `checks.json`.
//!
//! The constants of the papers are not explicit, so that a check concerns a form (an exponent, an order) and is no
//! proof: "holds" means that the measurement is precise enough to contradict the statement and does not. The checks of a
//! run are judged together ([`judge`]): the probability that a run has any false "fails" is at most
//! [`LEVEL`](super::family::LEVEL).
//!
//! | file | contents |
//! |---|---|
//! | `check.rs` | a check, and the judgement of all of a run |
//! | `exponent.rs`, `exponent_check.rs` | statements about exponents, and their checks |
//! | `ratio_check.rs` | checks of ratios |
//! | `decision.rs` | a test, and the verdict that follows from the decision about it |
//! | `outcome.rs` | verdicts and sections by name |

mod check;
mod decision;
mod exponent;
mod exponent_check;
mod outcome;
mod ratio_check;

pub use check::{Check, judge};
pub use exponent::Exponent;
pub use outcome::{CheckSection, Verdict};

#[cfg(test)]
mod tests;
