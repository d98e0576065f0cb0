//! What the verdicts of an experiment are worth: coverage of the intervals and rates of the verdicts over many runs with
//! different seeds.

use super::family::{LEVEL, holm};
use super::proportion::wilson_interval;
use super::verdict::{Check, CheckSection, Verdict};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

/// The range in which the coverage of a 95 % interval must lie.
pub const COVERAGE_RANGE: (f64, f64) = (0.93, 0.97);

/// A check over many runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRates {
    /// Name of the check.
    pub name: String,
    /// What it is about.
    pub section: CheckSection,
    /// Numbers of runs in which it holds, fails, and is not resolved.
    pub verdicts: [usize; 3],
    /// The value that the theory expects, where it is the same in every run.
    pub expected: Option<f64>,
    /// Its intervals, where it has any.
    pub intervals: Option<IntervalRates>,
}

/// The intervals of a check over many runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntervalRates {
    /// The pooled value: the mean of the measured values of all runs with an interval.
    pub pooled: f64,
    /// Standard deviation of the measured values over runs.
    pub spread: f64,
    /// Mean half-width of the single intervals.
    pub half_width: f64,
    /// Number of runs with an interval.
    pub runs: usize,
    /// Numbers of single intervals that contain the pooled value, lie below it, and lie above it.
    pub positions: [usize; 3],
    /// Number of joint intervals that contain it.
    pub covered_jointly: usize,
    /// The 95 % interval of the coverage of the single intervals (Wilson).
    pub coverage_interval: (f64, f64),
    /// The level of significance at which the coverage lies outside [`COVERAGE_RANGE`].
    pub p_value: f64,
    /// Whether it does so at the family-wise level, all checks together (Holm).
    pub deviates: bool,
}

/// All checks over many runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageRates {
    /// One entry per check, in the order of their first appearance.
    pub checks: Vec<CheckRates>,
    /// Number of runs in which any statement of the theory fails.
    pub runs_with_failure: usize,
    /// Number of runs with joint intervals.
    pub runs_with_intervals: usize,
    /// Number of those all of whose joint intervals contain the pooled values.
    pub runs_covered_jointly: usize,
    /// Number of runs.
    pub runs: usize,
}

/// The rates over `runs`, each with the checks of one run.
pub fn rates(runs: &[Vec<Check>]) -> CoverageRates {
    let mut names: Vec<&str> = Vec::new();
    for check in runs.iter().flatten() {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    let mut checks: Vec<CheckRates> = names.iter().map(|name| check_rates(name, runs)).collect();
    let with: Vec<usize> = (0..checks.len()).filter(|&i| checks[i].intervals.is_some()).collect();
    let p: Vec<f64> = with.iter().filter_map(|&i| Some(checks[i].intervals.as_ref()?.p_value)).collect();
    for (&i, decision) in with.iter().zip(holm(&p, LEVEL)) {
        if let Some(intervals) = &mut checks[i].intervals {
            intervals.deviates = decision.rejected;
        }
    }
    let fails = |run: &&Vec<Check>| {
        run.iter().any(|check| check.section == CheckSection::Theory && check.verdict == Verdict::Fails)
    };
    let pooled = |name: &str| checks.iter().find(|c| c.name == name).and_then(|c| Some(c.intervals.as_ref()?.pooled));
    let judged = |run: &&Vec<Check>| run.iter().any(|check| check.joint_interval.is_some());
    let covered = |run: &&Vec<Check>| {
        judged(run)
            && run.iter().all(|check| match (check.joint_interval, pooled(&check.name)) {
                (Some((low, high)), Some(pooled)) => low <= pooled && pooled <= high,
                _ => true,
            })
    };
    let (runs_with_failure, runs_with_intervals) =
        (runs.iter().filter(fails).count(), runs.iter().filter(judged).count());
    let runs_covered_jointly = runs.iter().filter(covered).count();
    CoverageRates { checks, runs_with_failure, runs_with_intervals, runs_covered_jointly, runs: runs.len() }
}

/// A measured value, its single interval and its joint one.
type MeasuredInterval = (f64, (f64, f64), Option<(f64, f64)>);

fn check_rates(name: &str, runs: &[Vec<Check>]) -> CheckRates {
    let all: Vec<&Check> = runs.iter().filter_map(|run| run.iter().find(|check| check.name == name)).collect();
    let count = |verdict| all.iter().filter(|check| check.verdict == verdict).count();
    let first = all[0];
    let intervals: Vec<MeasuredInterval> = all
        .iter()
        .filter_map(|check| Some((check.measured, check.interval?, check.joint_interval)))
        .filter(|(measured, (low, high), _)| measured.is_finite() && low.is_finite() && high.is_finite())
        .collect();
    CheckRates {
        name: name.into(),
        section: first.section,
        verdicts: [Verdict::Holds, Verdict::Fails, Verdict::NotResolved].map(count),
        expected: first.expected.filter(|_| all.iter().all(|check| check.expected == first.expected)),
        intervals: interval_rates(&intervals),
    }
}

/// The rates of intervals `(measured, single, joint)`; none without any.
fn interval_rates(intervals: &[MeasuredInterval]) -> Option<IntervalRates> {
    let runs = intervals.len();
    if runs == 0 {
        return None;
    }
    let n = runs as f64;
    let pooled = intervals.iter().map(|i| i.0).sum::<f64>() / n;
    let variance = intervals.iter().map(|i| (i.0 - pooled).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let position = |(low, high): (f64, f64)| if high < pooled { 1 } else { 2 * usize::from(low > pooled) };
    let mut positions = [0; 3];
    intervals.iter().for_each(|i| positions[position(i.1)] += 1);
    Some(IntervalRates {
        pooled,
        spread: variance.sqrt(),
        half_width: intervals.iter().map(|i| 0.5 * (i.1.1 - i.1.0)).sum::<f64>() / n,
        runs,
        positions,
        covered_jointly: intervals.iter().filter(|i| i.2.is_some_and(|joint| position(joint) == 0)).count(),
        coverage_interval: wilson_interval(positions[0], runs, 0.95),
        p_value: outside_range(positions[0], runs),
        deviates: false,
    })
}

/// The level of significance at which `covered` of `runs` contradict a coverage within [`COVERAGE_RANGE`]: the exact
/// binomial probability of a count as extreme at the nearest end of the range.
fn outside_range(covered: usize, runs: usize) -> f64 {
    let (low, high) = COVERAGE_RANGE;
    let law = |p| Binomial::new(p, runs as u64).expect("a probability and a count");
    let below = law(low).cdf(covered as u64);
    let above = if covered == 0 { 1.0 } else { law(high).sf(covered as u64 - 1) };
    below.min(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::estimate::Estimate;
    use crate::compute::rng::{Role, stream};
    use rand_distr::{Distribution, StandardNormal};

    /// A check measured with unit error, whose interval has `factor` times the right length.
    fn check(name: &str, measured: f64, factor: f64, verdict: Verdict) -> Check {
        let estimate = Estimate { value: measured, standard_error: factor, degrees_of_freedom: f64::INFINITY };
        let mut check = Check::new(name, "", measured, Some(0.0), verdict, "");
        check.interval = Some(estimate.interval(0.95));
        check.joint_interval = Some(estimate.interval(0.99));
        check
    }

    #[test]
    fn intervals_that_are_too_short_are_found() {
        let runs: Vec<Vec<Check>> = (0..400)
            .map(|run| {
                let mut rng = stream(9, Role::Start, run, 0);
                let mut normal = || StandardNormal.sample(&mut rng);
                vec![
                    check("right", normal(), 1.0, Verdict::Holds),
                    check("short", normal(), 0.7, Verdict::Fails),
                    check("long", normal(), 2.0, Verdict::NotResolved),
                ]
            })
            .collect();
        let found = rates(&runs);
        let deviates: Vec<bool> = found.checks.iter().map(|c| c.intervals.as_ref().unwrap().deviates).collect();
        assert_eq!(deviates, [false, true, true]);
        let right = found.checks[0].intervals.as_ref().unwrap();
        let coverage = right.positions[0] as f64 / 400.0;
        assert!((0.92..0.98).contains(&coverage) && right.positions.iter().sum::<usize>() == 400, "{right:?}");
        assert!((right.spread - 1.0).abs() < 0.15 && (right.half_width - 1.96).abs() < 0.01);
        assert_eq!(
            found.checks.iter().map(|c| c.verdicts).collect::<Vec<_>>(),
            [[400, 0, 0], [0, 400, 0], [0, 0, 400]]
        );
        assert_eq!(found.runs_with_failure, 400);
    }

    #[test]
    fn counts_by_hand() {
        let missing = Check::not_measured("a", "", None, "nothing");
        let runs = vec![
            vec![check("a", 1.0, 1.0, Verdict::Holds)],
            vec![check("a", -1.0, 1.0, Verdict::Holds), check("b", 0.0, 1.0, Verdict::Fails).about_program()],
            vec![missing],
        ];
        let found = rates(&runs);
        assert_eq!(found.checks.len(), 2);
        assert_eq!((found.checks[0].verdicts, found.runs_with_failure), ([2, 0, 1], 0));
        let intervals = found.checks[0].intervals.as_ref().unwrap();
        assert_eq!((intervals.pooled, intervals.runs, intervals.positions), (0.0, 2, [2, 0, 0]));
        assert_eq!((found.runs_with_intervals, found.runs_covered_jointly), (2, 2));
        assert_eq!(found.checks[0].expected, None, "one run has none");
    }

    #[test]
    fn levels_of_a_coverage_by_hand() {
        // P(X <= 0) with n = 2 at 0.93, and P(X >= 2) at 0.97.
        assert!((outside_range(0, 2) - 0.07_f64.powi(2)).abs() < 1e-12);
        assert!((outside_range(2, 2) - 0.97_f64.powi(2)).abs() < 1e-12);
    }
}
