//! The subjects of panels to which other studies add marks.

/// The risk of every width against time.
pub const RISK_TIME: &str = "risk against time";
/// The distance of the predictions from the limit, of every width, against time.
pub const FUNCTION_TIME: &str = "function distance against time";
/// The root mean square coupling distance, of every width, against time.
pub const COUPLING_TIME: &str = "coupling distance against time";
/// A statistic of the largest distance of the predictions over time, against the effective width.
pub const FUNCTION_WIDTH: &str = "function distance against width";
/// The loss added by keeping M neurons at random, of every width, against M.
pub const DROPOUT_KEPT: &str = "dropout against neurons kept";
/// The loss added by keeping a fixed number M of neurons at random, times N/(N - M), against the width N.
pub const DROPOUT_WIDTH: &str = "dropout against width";
/// The loss added by keeping half of the neurons at random, of every width, against time.
pub const DROPOUT_TIME: &str = "dropout against time";
/// The barriers of paths against the width.
pub const BARRIER_WIDTH: &str = "barrier against width";
