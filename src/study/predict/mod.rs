//! The study of predictions: what the limit alone, with its leading fluctuations, says about networks of finite width,
//! computed before any network is trained, and its ratio to what trained networks show.

mod cloud;
mod compare;
mod figure;
mod pairs;
mod record;
mod spec;
mod study;
#[cfg(test)]
mod tests;
mod tolerance;
mod trust;

pub use record::{PredictArrays, PredictRecord, PredictedArrays, RatioRecord};
pub use spec::{Predict, PredictionRoute};
pub use tolerance::{KeptWidths, SmallestWidth};
