//! What is in a run folder suffices to redo any network of the run by other code and get the same numbers; and
//! whatever is written reads back as itself.

#[path = "../common/mod.rs"]
mod common;

mod redo;
mod round_trip;
