//! The quantities recorded of every network and every limit at every recording time.

use crate::network::{Network, ThreeLayer};
use crate::population::LabelKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A recorded quantity. Its name is the name of its arrays in the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Risk R: mean loss plus ridge term.
    Risk,
    /// Mean loss.
    Loss,
    /// Share of the samples whose class, or all of whose signs, are predicted.
    Accuracy,
    /// Share of the signs that are predicted, where a sample has several.
    SignAccuracy,
    /// Kinetic energy, half the mean square of the momenta.
    Kinetic,
    /// Mean change of the loss when a random half of the neurons is kept.
    Dropout,
    /// Spread `S^2` of the features about their mean.
    Spread,
    /// Largest coupling distance: of a unit from the particle of the limit that started at the same point.
    CouplingMax,
    /// Root mean square of the coupling distances.
    CouplingRms,
    /// `L^2` distance of the predictions.
    Function,
    /// Absolute difference of the risks.
    RiskGap,
    /// Sliced Wasserstein distance of the clouds of units.
    Wasserstein,
    /// Sliced Wasserstein distance between the units and the particles of the limit that started at the same points.
    WassersteinOwn,
    /// Mean loss on the test part.
    TestLoss,
    /// Share of the samples of the test part whose class, or all of whose signs, are predicted.
    TestAccuracy,
    /// Share of the signs of the test part that are predicted, where a sample has several.
    TestSignAccuracy,
    /// `L^2` distance of the predictions on the test part.
    TestFunction,
    /// Absolute difference of the losses on the test part.
    TestLossGap,
    /// [`Measure::CouplingMax`] over one family of units.
    FamilyCouplingMax(&'static str),
    /// [`Measure::CouplingRms`] over one family of units.
    FamilyCouplingRms(&'static str),
}

impl Measure {
    /// The measures of every network, in the order of the records.
    pub const COMMON: [Measure; 12] = [
        Measure::Risk,
        Measure::Loss,
        Measure::Accuracy,
        Measure::Kinetic,
        Measure::Dropout,
        Measure::Spread,
        Measure::CouplingMax,
        Measure::CouplingRms,
        Measure::Function,
        Measure::RiskGap,
        Measure::Wasserstein,
        Measure::WassersteinOwn,
    ];

    /// The measures on the test part, where the population has one.
    pub const TEST: [Measure; 5] = [
        Measure::TestLoss,
        Measure::TestAccuracy,
        Measure::TestSignAccuracy,
        Measure::TestFunction,
        Measure::TestLossGap,
    ];

    /// The measures recorded of a network: the common ones; the accuracy of signs, where labels are several signs; where it
    /// has several families of units, the coupling distances of each; and those on the test part, if there is one.
    pub fn of_network(network: &Network, labels: LabelKind, test: bool) -> Vec<Measure> {
        let several_signs = labels == LabelKind::Sign && network.outputs() > 1;
        let signs = several_signs.then_some(Measure::SignAccuracy);
        let families = network.families(1);
        let several = families.len() > 1;
        let own = families
            .iter()
            .filter(|_| several)
            .flat_map(|family| [Measure::FamilyCouplingMax(family.name), Measure::FamilyCouplingRms(family.name)]);
        let test = Self::TEST.into_iter().filter(|measure| match measure {
            Measure::TestAccuracy => test && labels != LabelKind::Real,
            Measure::TestSignAccuracy => test && several_signs,
            _ => test,
        });
        Self::COMMON.into_iter().chain(signs).chain(own).chain(test).collect()
    }

    /// Whether the measure is a distance between a trajectory and the limit.
    pub fn is_distance(self) -> bool {
        match self {
            Measure::Risk
            | Measure::Loss
            | Measure::Accuracy
            | Measure::SignAccuracy
            | Measure::Kinetic
            | Measure::Dropout
            | Measure::Spread
            | Measure::TestLoss
            | Measure::TestAccuracy
            | Measure::TestSignAccuracy => false,
            Measure::CouplingMax
            | Measure::CouplingRms
            | Measure::Function
            | Measure::RiskGap
            | Measure::Wasserstein
            | Measure::WassersteinOwn
            | Measure::TestFunction
            | Measure::TestLossGap
            | Measure::FamilyCouplingMax(_)
            | Measure::FamilyCouplingRms(_) => true,
        }
    }

    /// The name without the family.
    fn stem(self) -> &'static str {
        match self {
            Measure::Risk => "risk",
            Measure::Loss => "loss",
            Measure::Accuracy => "accuracy",
            Measure::SignAccuracy => "sign_accuracy",
            Measure::Kinetic => "kinetic",
            Measure::Dropout => "dropout",
            Measure::Spread => "spread",
            Measure::CouplingMax | Measure::FamilyCouplingMax(_) => "coupling_max",
            Measure::CouplingRms | Measure::FamilyCouplingRms(_) => "coupling_rms",
            Measure::Function => "function",
            Measure::RiskGap => "risk_gap",
            Measure::Wasserstein => "wasserstein",
            Measure::WassersteinOwn => "wasserstein_own",
            Measure::TestLoss => "test_loss",
            Measure::TestAccuracy => "test_accuracy",
            Measure::TestSignAccuracy => "test_sign_accuracy",
            Measure::TestFunction => "test_function",
            Measure::TestLossGap => "test_loss_gap",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::FamilyCouplingMax(family) | Measure::FamilyCouplingRms(family) => {
                write!(f, "{}_{family}", self.stem())
            }
            Measure::Risk
            | Measure::Loss
            | Measure::Accuracy
            | Measure::SignAccuracy
            | Measure::Kinetic
            | Measure::Dropout
            | Measure::Spread
            | Measure::CouplingMax
            | Measure::CouplingRms
            | Measure::Function
            | Measure::RiskGap
            | Measure::Wasserstein
            | Measure::WassersteinOwn
            | Measure::TestLoss
            | Measure::TestAccuracy
            | Measure::TestSignAccuracy
            | Measure::TestFunction
            | Measure::TestLossGap => f.write_str(self.stem()),
        }
    }
}

/// The error of a name that is not the name of a measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the name of a measure")]
pub struct UnknownMeasure(String);

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let families = ThreeLayer::FAMILY_NAMES
            .into_iter()
            .flat_map(|f| [Measure::FamilyCouplingMax(f), Measure::FamilyCouplingRms(f)]);
        let mut known = Self::COMMON.into_iter().chain([Measure::SignAccuracy]).chain(families).chain(Self::TEST);
        known.find(|measure| measure.to_string() == text).ok_or_else(|| UnknownMeasure(text.into()))
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, ThreeLayer};

    #[test]
    fn names_read_back_as_measures() {
        let activations = [Activation::Tanh; 2];
        let network =
            ThreeLayer { inputs: 2, outputs: 2, bias: true, activations, fixed_output: false, proportions: [1, 1] };
        let all = Measure::of_network(&network.into(), LabelKind::Sign, true);
        assert_eq!(all.len(), Measure::COMMON.len() + 7 + Measure::TEST.len());
        for measure in all {
            assert_eq!(measure.to_string().parse(), Ok(measure));
        }
        assert!("coupling_max_x".parse::<Measure>().is_err());
    }
}
