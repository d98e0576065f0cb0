//! Sparse solutions by second-order information (Wu, Modoranu, Safaryan, Kuznedelev, Alistarh, NeurIPS 2024; WMSKA).
//!
//! * [`recovery`]: the sparsest minimiser of a smooth function: hard thresholding, pursuits, and the iterative optimal
//!   brain surgeon.

pub mod recovery;
