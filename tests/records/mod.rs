//! What is in a run folder suffices to redo any network of the run by other code and get the same numbers; and
//! whatever is written reads back as itself.

mod redo;
mod round_trip;
