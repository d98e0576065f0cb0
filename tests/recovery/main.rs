//! Promise: sparse recovery is what it says: the published curves value for value, identities and brute force to rounding,
//! and algorithms that do not care how a problem is written down.

mod identities;
mod properties;
mod published;
mod rates;
