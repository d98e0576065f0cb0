//! The fast-math room: forward and backward passes over blocks of neurons.
//!
//! A state is a sequence of blocks of [`LANES`] neurons. Inside a block every parameter is one row of `LANES`
//! contiguous values: `w_0 .. w_{d-1}, [b], a_0 .. a_{K-1}`. The last block is padded with neurons whose
//! parameters, gradients and momenta are zero, so they predict nothing and never move. Nothing outside the
//! network may assume this order: [`Layout`] is the only way to an entry.
//!
//! **Same bits everywhere.** The neurons of a *superblock* are summed in block order into a partial prediction,
//! partial predictions are summed in index order; a block's gradient is summed in sample order. Which thread
//! does which superblock therefore cannot change a bit. AVX2 and AVX-512 do the same operations on packs of the same
//! number of lanes, every product-sum an explicit fused multiply-add, so neither can the choice between them; the
//! portable path rounds in its own way. Only IEEE operations are used.
//!
//! | file | what |
//! |---|---|
//! | `dispatch` | the instruction sets and the choice among them |
//! | `simd`, `several` | packs of lanes on each of them, and several packs in alternation |
//! | `exp`, [`math`] | the activations over packs |
//! | `layout` | where a neuron's parameter lives |
//! | [`samples`] | a batch in the orders in which the kernels read it |
//! | `phases`, `finish` | what is done to one block |
//! | `superblock`, `small`, `stream` | the same for few samples and for one or two |
//! | `sweep` | one pass over all blocks |
//! | [`three_layer`] | the passes of three-layer networks, made of the same phases |
//! | `parts`, `team` | sharing a pass among threads |
//! | `align` | large arrays on cache lines, the largest on huge pages |
//! | `workspace`, `predictions` | the passes, and the buffers they work in |

mod align;
mod dispatch;
pub mod exp;
mod finish;
mod layout;
pub mod math;
mod parts;
mod phases;
mod predictions;
pub mod samples;
mod several;
mod simd;
mod small;
mod stream;
mod superblock;
mod sweep;
mod team;
pub mod three_layer;
mod workspace;

pub use align::OnCacheLines;
pub(crate) use dispatch::Pass;
pub use dispatch::{InstructionSet, Kernel};
pub use finish::Kick;
pub use layout::{LANES, Layout};
pub(crate) use parts::Parts;
pub use samples::Samples;
pub(crate) use simd::{Job, Simd};
pub(crate) use team::share;
pub use workspace::{Labelled, Model, Workspace, work_bytes};

/// Writes standard normals for the trained rows of block `block`, zero elsewhere.
pub type Normals<'a, R> = dyn Fn(usize, &mut [R]) + Sync + 'a;

/// Whether a pass may spread over several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One thread: many small runs go side by side.
    One,
    /// As many as the current pool has, where the pass is large enough to gain.
    Pool,
}
