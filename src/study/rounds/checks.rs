//! The checks of the study of rounds.

use super::RoundsRecord;
use super::results::RoundResult;
use crate::analysis::paired::PairedDifference;
use crate::analysis::verdict::Check;

/// The checks, with the gain of the chosen round of every series.
pub(super) fn checks(
    record: &RoundsRecord,
    gains: &[Option<PairedDifference>],
    found: &[Vec<RoundResult>],
) -> Vec<Check> {
    let missing = found.iter().flatten().map(|result| result.missing_zeros).sum::<usize>();
    let statement = "after every round the layers that were written and read back have all zeros of their sparsity: zeros that are missing";
    let mut checks = vec![Check::at_most("rounds-zeros", statement, missing as f64, 0.0).about_program()];
    for (series, gain) in record.series.iter().zip(gains) {
        let name = format!("rounds-gain-{}", series.batches);
        let statement = format!(
            "with {} batches, rounds have a lower held-out loss than the first alone: ratio of exp(mean cross entropy) on every second sample, of the round that is best on the others",
            if series.batches == "same" { "the same" } else { "fresh" }
        );
        checks.push(match gain {
            None => {
                let reason = format!("round {} is chosen: the two differ by the same on every sample", series.chosen);
                Check::not_measured(name, statement, Some(1.0), reason)
            }
            Some(gain) => {
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
