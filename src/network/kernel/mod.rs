//! Forward and backward passes over blocks of neurons.
//!
//! A state is a sequence of blocks of [`LANES`] neurons. Inside a block every parameter is one row of `LANES`
//! contiguous values: `w_0 .. w_{d-1}, [b], a_0 .. a_{K-1}`. The last block is padded with neurons whose
//! parameters, gradients and momenta are zero, so they predict nothing and never move. Nothing outside the
//! network may assume this order: [`TwoLayerLayout`] is the only way to an entry.
//!
//! **Same bits everywhere.** The neurons of a *superblock* are summed in block order into a partial prediction,
//! partial predictions are summed in index order; a block's gradient is summed in sample order. Which thread
//! does which superblock therefore cannot change a bit, and neither can the choice between AVX2 and AVX-512
//! ([`crate::compute`]).
//!
//! | file | contents |
//! |---|---|
//! | [`activation`] | the activation functions over packs, by [`crate::network::Activation`] |
//! | `layout` | where a neuron's parameter is stored |
//! | [`samples`] | a batch in the orders in which the kernels read it |
//! | `phases`, `update` | what is done to one block |
//! | `superblock`, `small_batch`, `stream` | the same for few samples and for one or two |
//! | `sweep` | one pass over all blocks |
//! | [`three_layer`] | the passes of three-layer networks, made of the same phases |
//! | `workspace`, `predictions` | the passes, and the buffers they work in |

pub mod activation;
mod layout;
mod phases;
mod predictions;
pub mod samples;
mod small_batch;
mod stream;
mod superblock;
mod sweep;
pub mod three_layer;
mod update;
mod workspace;

pub use layout::{LANES, TwoLayerLayout};
pub use samples::Samples;
pub use update::StepCoefficients;
pub use workspace::{LabelledSamples, StepRequest, TwoLayerModel, TwoLayerWorkspace, work_bytes};

/// Writes standard normals for the trained rows of block `block`, zero elsewhere.
pub type Normals<'a, R> = dyn Fn(usize, &mut [R]) + Sync + 'a;
