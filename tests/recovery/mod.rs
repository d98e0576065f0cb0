//! Sparse recovery: the published curves value for value, identities and brute force to rounding,
//! and invariance under the way a problem is written.

mod identities;
mod memory;
mod properties;
mod published;
mod rates;
