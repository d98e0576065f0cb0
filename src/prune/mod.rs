//! Layer-wise pruning of Transformers by the iterative optimal brain surgeon (Wu, Modoranu, Safaryan, Kuznedelev,
//! Alistarh, NeurIPS 2024; WMSKA).
//!
//! ```text
//! for every block, for every linear layer W0 (rows, d) of it:
//!     H = (1/n) sum_i x_i x_i^T                        over its inputs behind the layers pruned before
//!     minimise tr((W - W0) H (W - W0)^T)               over W with given zeros
//! ```
//!
//! | module | contents |
//! |---|---|
//! | [`checkpoint`] | models in folders: reading tensors, writing a copy |
//! | [`model`] | forward passes of BERT, ViT, DeiT, GPT-2, OPT and Llama with taps on the inputs of linear layers |
//! | [`bundled`] | models and data that are part of the program |
//! | [`layer`] | the pruning of one layer |
//! | [`network`] | the pruning of a whole network |
//! | [`training`] | training of the kept weights on the task loss |
//!
//! The data flow one way: a [`checkpoint::ModelFolder`] is described ([`model::describe`]), pruned into a
//! [`checkpoint::ModelCopy`] by [`network::prune_network`], scored by [`model::score`], and checked by
//! [`network::verify`]. Results depend neither on the number of threads nor on the instruction set of the processor, as
//! far as the products of matrices do not.

pub mod bundled;
pub mod checkpoint;
mod error;
pub mod layer;
pub mod model;
pub mod network;
pub mod training;

pub use error::PruneError;
