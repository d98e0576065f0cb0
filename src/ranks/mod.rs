//! The processes, called *ranks*, among which a run is divided, and how they exchange numbers.
//!
//! Every rank executes the same program. It computes its own part, and calls the operations of a [`Communicator`] in the
//! same order as the others. The implementations are interchangeable: results do not depend on the number of ranks.
//!
//! | file | contents |
//! |---|---|
//! | [`communicator`] | the operations |
//! | [`single`] | a run in one process |
//! | [`timed`] | exchanges counted and timed |
//! | [`in_process`] | ranks that are threads of one process |
//! | [`agreement`] | errors and interruptions that all ranks agree on |
//! | [`assignment`] | which rank does which part of a list of work |
//! | `message_passing` | processes started by `mpirun`, with the feature `mpi` |

pub mod agreement;
pub mod assignment;
pub mod communicator;
pub mod in_process;
#[cfg(feature = "mpi")]
pub mod message_passing;
pub mod single;
pub mod timed;

pub use agreement::{Agreement, agree};
pub use assignment::{assign, part};
pub use communicator::{Communicator, ExchangeTotals, Ranks};
pub use in_process::run_in_process;
#[cfg(feature = "mpi")]
pub use message_passing::MessagePassing;
pub use single::SingleRank;
pub use timed::Timed;
