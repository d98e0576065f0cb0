//! How many checks hold, fail and are not resolved.

use super::verdict::{Check, CheckSection, Verdict};
use std::fmt;

/// The numbers of verdicts of some checks. Displayed as "23 hold, 0 fail, 13 not resolved".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    /// Checks that hold.
    pub hold: usize,
    /// Checks that fail.
    pub fail: usize,
    /// Checks that are not resolved.
    pub not_resolved: usize,
}

impl VerdictCounts {
    /// The verdicts of the checks of a section.
    pub fn of(checks: &[Check], section: CheckSection) -> Self {
        Self::of_verdicts(checks.iter().filter(|check| check.section == section).map(|check| check.verdict))
    }

    /// The numbers of some verdicts.
    pub fn of_verdicts(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut counts = VerdictCounts::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Holds => &mut counts.hold,
                Verdict::Fails => &mut counts.fail,
                Verdict::NotResolved => &mut counts.not_resolved,
            } += 1;
        }
        counts
    }
}

impl fmt::Display for VerdictCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |count: usize, stem: &str| format!("{count} {stem}{}", if count == 1 { "s" } else { "" });
        write!(f, "{}, {}, {} not resolved", verb(self.hold, "hold"), verb(self.fail, "fail"), self.not_resolved)
    }
}

/// The verdicts of the statements of the theory, and apart from them of those about the program, in one line.
pub fn verdict_line(checks: &[Check]) -> String {
    let [theory, program] = [CheckSection::Theory, CheckSection::Program].map(|s| VerdictCounts::of(checks, s));
    format!("theory: {theory}; program: {program}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_check_holds_and_two_hold() {
        let check = |name: &str, verdict| Check::new(name, "", 0.0, None, verdict, "");
        let mut program = check("c", Verdict::NotResolved);
        program.section = CheckSection::Program;
        let mut checks = vec![check("a", Verdict::Holds), check("b", Verdict::Fails), program];
        assert_eq!(
            verdict_line(&checks),
            "theory: 1 holds, 1 fails, 0 not resolved; program: 0 hold, 0 fail, 1 not resolved"
        );
        checks.push(check("d", Verdict::Holds));
        assert_eq!(
            VerdictCounts::of(&checks, CheckSection::Theory),
            VerdictCounts { hold: 2, fail: 1, not_resolved: 0 }
        );
    }
}
