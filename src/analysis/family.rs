//! Joint judgement of the checks of a run: the procedure of Holm (1979).
//!
//! Each of the `m` tested statements of a run has a level of significance `p` at which the data just contradict it. In
//! ascending order, the `j`-th is rejected while `p <= alpha / (m - j + 1)`; the first that is not ends the procedure.
//! Whatever the dependence of the checks, the probability that any true statement is rejected is then at most `alpha`.
//! Checks of a run share their networks, so that no procedure that assumes independence applies.
//!
//! The joint interval of a check is the one at confidence `1 - alpha / (m - j + 1)`, with the `j` at which it was
//! rejected or at which the procedure ended: a check fails exactly if its joint interval excludes the statement.

/// The family-wise level: the largest probability that a run rejects any true statement.
pub const LEVEL: f64 = 0.05;

/// The decision of Holm's procedure about one test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Whether the statement is rejected.
    pub rejected: bool,
    /// The level with which its `p` was compared.
    pub level: f64,
}

/// Holm's procedure at family-wise level `alpha` on the levels of significance `p`, one decision for each in the same
/// order. A `p` of NaN counts as 1: a statement about which nothing is known is not rejected.
pub fn holm(p: &[f64], alpha: f64) -> Vec<Decision> {
    let m = p.len();
    let p: Vec<f64> = p.iter().map(|&p| if p.is_nan() { 1.0 } else { p }).collect();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut decisions = vec![Decision { rejected: false, level: alpha }; m];
    let (mut going, mut level) = (true, alpha);
    for (rank, &i) in order.iter().enumerate() {
        if going {
            level = alpha / (m - rank) as f64;
            going = p[i] <= level;
        }
        decisions[i] = Decision { rejected: going, level };
    }
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::rng::{Role, stream};
    use rand::RngExt;

    #[test]
    fn the_example_of_holm() {
        // Levels 0.05/4, 0.05/3, then 0.05/2 is not reached: the last two share it.
        let decisions = holm(&[0.04, 0.001, 0.03, 0.013], 0.05);
        let rejected: Vec<bool> = decisions.iter().map(|d| d.rejected).collect();
        assert_eq!(rejected, [false, true, false, true]);
        let levels: Vec<f64> = decisions.iter().map(|d| d.level).collect();
        assert_eq!(levels, [0.025, 0.0125, 0.025, 0.05 / 3.0]);
        assert_eq!(holm(&[], 0.05), []);
        assert!(holm(&[0.05], 0.05)[0].rejected);
        assert!(!holm(&[f64::NAN, 0.03], 0.05)[1].rejected, "NaN counts as a test");
    }

    #[test]
    fn a_rejection_is_a_level_that_was_met() {
        let mut rng = stream(1, Role::Start, 0, 0);
        for _ in 0..200 {
            let p: Vec<f64> = (0..7).map(|_| rng.random::<f64>().powi(6)).collect();
            for (p, decision) in p.iter().zip(holm(&p, 0.05)) {
                assert_eq!(decision.rejected, *p <= decision.level, "{p}: {decision:?}");
            }
        }
    }

    #[test]
    fn true_statements_are_rejected_at_the_level() {
        // 20 true statements with uniform p, dependent through a shared draw: at most 5 % of families reject any.
        for shared in [0.0, 0.5, 1.0] {
            let (families, mut any) = (20_000, 0);
            for family in 0..families {
                let mut rng = stream(2, Role::Start, family, 0);
                let common: f64 = rng.random();
                let p: Vec<f64> =
                    (0..20).map(|_| if rng.random::<f64>() < shared { common } else { rng.random() }).collect();
                any += u32::from(holm(&p, 0.05).iter().any(|d| d.rejected));
            }
            let rate = f64::from(any) / families as f64;
            assert!(rate < 0.055, "shared {shared}: {rate}");
            if shared == 0.0 {
                assert!(rate > 0.044, "{rate}");
            }
        }
    }
}
