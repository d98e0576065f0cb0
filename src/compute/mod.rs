//! The lowest layer: vector instructions, threads, memory and random streams. It imports nothing of the crate but
//! [`crate::choice`].
//!
//! A kernel is a [`Job`]: a function that is generic over an instruction set ([`Simd`]) and works on *packs* of 8 `f64` or
//! 16 `f32`. A [`Pass`] is a sequence of jobs, possibly shared among the threads of a team; [`Kernel::dispatch`] runs it on
//! the instruction set in use, which is the fastest that the processor has unless another was chosen
//! ([`InstructionSet::choose`]).
//!
//! **Same bits on every instruction set.** AVX2 and AVX-512 do the same IEEE operations on packs of the same number of
//! lanes: AVX2 takes two registers for a pack. Every fused product-sum is written as such, the compiler never contracts
//! others, and the sum over the lanes of a pack follows a fixed tree. There are no estimates of reciprocals and no calls of
//! a vector library. The choice between the two therefore changes no bit. The portable path does the same operations
//! where the target has a fused multiply-add; elsewhere it rounds the product too, and gives results of its own.
//!
//! **Same bits on any number of threads.** A team hands out tasks whose number and contents do not depend on the number
//! of threads; a task writes to its own part of the output. Sums over tasks are taken afterwards, in order.
//!
//! | file | contents |
//! |---|---|
//! | `dispatch` | the instruction sets by name, the choice among them, and the entry to each |
//! | `simd`, `several` | operations on packs for each instruction set, and on several packs in alternation |
//! | [`exp`], [`activation`] | the exponential, polynomials and activation functions over packs |
//! | `team` | threads that share passes of tens of microseconds |
//! | `chunks` | passes over chunks of slices and over strips of columns, shared among threads |
//! | `parts` | slices whose disjoint parts are written by several threads, unchecked |
//! | [`vector`] | dot products and sums of scaled vectors |
//! | `align` | an allocator that aligns large arrays to cache lines and puts the largest on huge pages |
//! | `real` | the scalar types `f64` and `f32` |
//! | [`rng`] | random streams addressed by seed, role and index |

pub mod activation;
mod allocator;
mod chunks;
mod disjoint;
mod dispatch;
pub mod exp;
mod interleaved;
mod real;
pub mod rng;
mod simd;
mod team;
pub mod vector;

pub use allocator::AlignedAllocator;
pub use chunks::{Strip, for_each_chunk, for_each_chunk_pair, for_each_strip};
pub(crate) use disjoint::DisjointSlice;
pub use dispatch::{InstructionSet, Kernel, Pass};
pub(crate) use interleaved::Interleaved;
pub use real::Real;
pub use simd::{Job, Simd};
pub use team::Threads;
pub(crate) use team::parallel_for;
