//! The study of connecting paths: by how much the loss must rise on a path from one trained network to another.

mod figure;
mod kind;
mod record;
mod spec;
mod study;

pub use kind::PathKind;
pub use record::{PathsArrays, PathsRecord};
pub use spec::{Bezier, Paths};
