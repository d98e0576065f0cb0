//! The study of predictions: what the limit alone, with its leading fluctuations, says about networks of finite width,
//! computed before any network is trained, and its ratio to what trained networks show.

mod cloud;
mod compare;
mod corrected;
mod figure;
mod limit_field;
mod network_figure;
mod network_record;
mod networks;
mod record;
mod spec;
mod study;
#[cfg(test)]
mod tests;
mod tolerance;
mod trust;

pub use network_record::{CorrectedRecord, NetworkArrays, NetworkRecord};
pub use record::{PredictArrays, PredictRecord, PredictedArrays, RatioRecord};
pub use spec::Predict;
pub use tolerance::{KeptWidths, SmallestWidth};
