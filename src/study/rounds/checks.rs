//! The checks of the study of rounds.

use super::results::RoundResult;
use super::spec::RoundSeries;
use super::{RoundsRecord, SeriesRecord};
use crate::analysis::fit::Bootstrap;
use crate::analysis::paired::{NoSpread, PairedDifference, paired_difference};
use crate::analysis::verdict::Check;
use crate::run::pruning_source::BatchRule;

/// The checks, with the gain of the chosen round of every series.
pub(super) fn checks(
    record: &RoundsRecord,
    gains: &[Result<PairedDifference, NoSpread>],
    found: &[Vec<RoundResult>],
) -> Vec<Check> {
    let missing = found.iter().flatten().map(|result| result.missing_zeros).sum::<usize>();
    let statement = "after every round the layers that were written and read back have all zeros of their sparsity: zeros that are missing";
    let mut checks = vec![Check::at_most("rounds-zeros", statement, missing as f64, 0.0).about_program()];
    for (series, gain) in record.series.iter().zip(gains) {
        let name = format!("rounds-gain-{}{}", series.batches, if series.trained { "-adam" } else { "" });
        let statement = format!(
            "with {} batches{}, rounds have a lower held-out loss than the first alone: ratio of exp(mean cross entropy) on every second sample, of the round that is best on the others",
            if series.batches == "same" { "the same" } else { "fresh" },
            if series.trained { " and training after every round" } else { "" }
        );
        checks.push(match gain {
            Err(why) => Check::not_measured(name, statement, Some(1.0), no_gain(series, *why)),
            Ok(gain) => {
                let (low, high) = gain.interval;
                let measured = format!(
                    "round {} is chosen: mean difference {:.4} nats, paired bootstrap [{low:.4}, {high:.4}]",
                    series.chosen, gain.estimate.value
                );
                Check::ratio_below(name, statement, 1.0, gain.estimate, measured)
            }
        });
    }
    checks
}

/// Why the gain of a series is not judged.
fn no_gain(series: &SeriesRecord, why: NoSpread) -> String {
    match (series.chosen, why) {
        (0, NoSpread::Equal { .. }) => {
            "round 0, the first, is best on the samples on which a round is chosen: there is no gain to judge".into()
        }
        (chosen, why) => format!("round {chosen} is chosen; of the held-out samples half are left: {why}"),
    }
}

/// Distinguishes the resamples of these checks.
const SALT: u64 = 62;

/// For every rule of batches with training: whether the last round has a lower loss with training than without.
pub(super) fn training_checks(all: &[RoundSeries], found: &[Vec<RoundResult>], seed: u64) -> Vec<Check> {
    let last = |one: &RoundSeries| {
        let at = all.iter().position(|other| other == one);
        at.and_then(|at| found[at].last()).map(|result| result.losses.as_slice())
    };
    let mut checks = Vec::new();
    for one in all.iter().filter(|one| one.trained) {
        let (Some(with), Some(without)) = (last(one), last(&RoundSeries { trained: false, ..*one })) else { continue };
        let name = format!("rounds-adam-{}", one.rule);
        let batches = if one.rule == BatchRule::Same { "the same batch" } else { "fresh batches" };
        let statement = format!(
            "after the last round with {batches}, training of the kept weights lowers the held-out loss: ratio of exp(mean cross entropy), with and without training"
        );
        checks.push(match paired_difference(with, without, &Bootstrap::new(seed, SALT)) {
            Err(why) => Check::not_measured(name, statement, Some(1.0), format!("held-out data: {why}")),
            Ok(PairedDifference { estimate, interval: (low, high) }) => {
                let measured =
                    format!("mean difference {:.4} nats, paired bootstrap [{low:.4}, {high:.4}]", estimate.value);
                Check::ratio_below(name, statement, 1.0, estimate, measured)
            }
        });
    }
    checks
}
