//! How the fluctuations of the limit are computed.

use crate::choice::choice;

choice! {
    /// How the fluctuations of the limit are computed.
    pub enum PredictionRoute: "route of predictions" {
        /// From tangent vectors of the limit: one hidden layer, activations without kinks.
        Tangent = "tangent",
        /// From pairs of weighted clouds: every network, and long times.
        Pairs = "pairs",
    }
}
