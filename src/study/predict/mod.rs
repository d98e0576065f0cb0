//! The study of predictions: what the limit alone, with its leading fluctuations, says about networks of finite width,
//! computed before any network is trained, and its ratio to what trained networks show.

mod about;
mod batch;
mod cloud;
mod compare;
mod compare_total;
mod corrected;
mod curves;
mod figure;
mod inverse;
mod limit_field;
mod marks;
mod memory;
mod network_figure;
mod network_record;
mod networks;
mod paired_series;
mod pairs;
mod quantity;
mod record;
mod route;
mod settings;
mod spec;
mod step;
mod study;
mod terms;
#[cfg(test)]
mod tests;
mod tolerance;
mod total;
mod trust;

pub use inverse::{AllowedValues, PROBABILITY, SettingPart, TolerableQuantity};
pub use network_record::{CorrectedRecord, NetworkArrays, NetworkRecord};
pub use record::{
    BatchArrays, DeviationArrays, PredictArrays, PredictRecord, PredictedArrays, RatioRecord, StepTermArrays,
    TotalArrays,
};
pub use route::PredictionRoute;
pub use spec::{BatchNoiseKeys, Predict};
pub use tolerance::{KeptWidths, SmallestWidth};
pub use total::NetworkSetting;
