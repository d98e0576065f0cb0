//! Forward and backward passes over blocks of neurons.
//!
//! A state is a sequence of blocks of [`LANES`] neurons. In a block every parameter is a row of `LANES` contiguous
//! values: `w_0 .. w_{d-1}, [b], a_0 .. a_{K-1}`. The last block is padded with neurons whose parameters, gradients and
//! momenta are zero; they contribute nothing to predictions and never change. No code outside the network may assume
//! this order; entries are accessed through [`TwoLayerLayout`].
//!
//! **Results are deterministic.** The neurons of a *superblock* are summed in block order into a partial prediction,
//! partial predictions are summed in index order, and the gradient of a block is summed in sample order. Results
//! therefore depend neither on the assignment of superblocks to threads nor on the choice between AVX2 and AVX-512
//! ([`crate::compute`]). Of wide layers, partial predictions are summed over [`Shares`] by a binary tree.
//!
//! | file | contents |
//! |---|---|
//! | [`activation`] | the activation functions over packs, by [`crate::network::Activation`] |
//! | `arithmetic` | the counted work of the passes |
//! | `layout` | the memory layout of parameters |
//! | [`samples`] | a batch in the memory orders of the kernels |
//! | [`shares`] | the division of wide layers into shares, and the sums over them |
//! | `phases`, `update` | the phases of the passes over one block |
//! | `superblock`, `small_batch`, `stream` | fused steps on small batches, and on one or two samples |
//! | `sweep` | the pass over all blocks |
//! | [`three_layer`] | the passes of three-layer networks, made of the same phases |
//! | `workspace`, `predictions` | the passes of two-layer networks and their buffers |

pub mod activation;
mod arithmetic;
mod layout;
mod phases;
mod predictions;
pub mod samples;
pub mod shares;
mod small_batch;
mod stream;
mod superblock;
mod sweep;
pub mod three_layer;
mod update;
mod workspace;

pub use layout::{LANES, TwoLayerLayout};
pub use samples::Samples;
pub use shares::{Portion, Shares};
pub use update::StepCoefficients;
pub use workspace::{
    LabelledSamples, PREDICTION_CHUNK, StepRequest, TwoLayerModel, TwoLayerWorkspace, UpdateRequest, keeps_activations,
    work_bytes,
};

/// A function `normals(block, out)` that writes standard normals for the trained entries of a block, and zero
/// elsewhere.
pub type Normals<'a, R> = dyn Fn(usize, &mut [R]) + Sync + 'a;

/// A function `update(ranges, gradient)` of the gradient in a range of the state, and of the same range of several arrays
/// of the state's length. It is elementwise: the division into ranges does not matter.
pub type RangeUpdate<'a, R> = dyn Fn(&mut [&mut [R]], &[R]) + Sync + 'a;

/// Most arrays of a [`RangeUpdate`].
pub const MOST_UPDATED: usize = 18;
