//! The study of connecting paths: the increase of the loss on paths from one trained network to another.

mod about;
mod curves;
mod figure;
mod kind;
mod quantity;
mod record;
mod spec;
mod study;

pub use kind::PathKind;
pub use record::{PathsArrays, PathsRecord};
pub use spec::{Bezier, Paths};
