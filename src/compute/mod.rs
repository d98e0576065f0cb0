//! Vector instructions, threads, memory and random streams. This is the lowest layer: of the crate it uses only
//! [`crate::choice`].
//!
//! A kernel is a [`Job`]: a function that is generic over an instruction set ([`Simd`]) and works on *packs* of 8 `f64`
//! or 16 `f32`. A [`Pass`] is a sequence of jobs, possibly distributed over the threads of a team; [`Kernel::dispatch`]
//! runs it on the instruction set in use, which is the fastest that the processor supports unless another was selected
//! ([`InstructionSet::choose`]).
//!
//! **Results do not depend on the instruction set.** AVX2 and AVX-512 perform the same IEEE operations on packs of the
//! same number of lanes; AVX2 uses two registers for a pack. Every fused multiply-add is written explicitly, the
//! compiler never contracts other operations, and the sum over the lanes of a pack has a fixed order. There are no
//! reciprocal estimates and no calls of a vector library. AVX2 and AVX-512 are therefore bitwise equal. The portable
//! implementation performs the same operations where the target has a fused multiply-add; elsewhere it also rounds the
//! product, and its results differ.
//!
//! **Results do not depend on the number of threads.** The number of tasks and their contents are independent of it,
//! and every task writes to its own part of the output. Sums over tasks are taken afterwards, in order.
//!
//! | file | contents |
//! |---|---|
//! | `dispatch` | the instruction sets by name, their selection, and the dispatch to each |
//! | `simd`, `interleaved` | operations on packs for each instruction set, and on several interleaved packs |
//! | [`exp`], [`activation`] | the exponential, polynomials and activation functions over packs |
//! | `team` | parallel loops of tens of microseconds |
//! | [`tree`] | sums of vectors over the leaves of a binary tree of fixed shape |
//! | `chunks` | parallel loops over chunks of slices and over column strips of matrices |
//! | [`profile`] | the time, the arithmetic and the memory traffic by kind of work |
//! | `panels` | products of a matrix that is used many times and rows |
//! | `product` | products of small matrices and rows of columns |
//! | `disjoint` | slices whose disjoint ranges are accessed by several threads, unchecked |
//! | [`vector`] | dot products and sums of scaled vectors |
//! | [`machine`] | the memory of the machine |
//! | `allocator` | a global allocator that aligns large arrays to cache lines and requests huge pages |
//! | `real` | the scalar types `f64` and `f32` |
//! | [`rng`] | random streams, addressed by seed, role and two indices |

pub mod activation;
mod allocator;
mod chunks;
mod disjoint;
mod dispatch;
pub mod exp;
mod interleaved;
pub mod machine;
mod panels;
mod product;
pub mod profile;
mod real;
pub mod rng;
mod simd;
mod team;
pub mod tree;
pub mod vector;

pub use allocator::{AlignedAllocator, KEPT, keep_freed_memory, return_freed_memory, return_large_blocks};
pub use chunks::{Strip, for_each_chunk, for_each_chunk_pair, for_each_strip};
pub(crate) use disjoint::DisjointSlice;
pub use dispatch::{InstructionSet, Kernel, Pass};
pub(crate) use interleaved::Interleaved;
pub(crate) use panels::{Panels, StridedRows};
pub(crate) use product::RowProduct;
pub use real::Real;
pub use simd::{Job, Simd};
pub(crate) use team::parallel_for;
pub use team::{MOST_THREADS, Threads};
