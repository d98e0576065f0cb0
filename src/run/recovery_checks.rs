//! Checks of statements of sparse recovery that are exact but for rounding.

use crate::analysis::verdict::Check;

/// Relative rounding error beyond which a measurement says nothing.
const RESOLVED: f64 = 1e-2;

/// The check that every measurement is within its own limit, a bound of its relative rounding error; the value and the
/// limit of the check are those of the worst. Measurements whose limit is not below 1 % are left out; without any
/// measurement the reason is `nothing`.
pub fn all_within(
    name: impl Into<String>,
    statement: impl Into<String>,
    measurements: impl IntoIterator<Item = (f64, f64)>,
    nothing: &str,
) -> Check {
    let (mut judged, mut left_out) = (0, 0);
    let mut worst: Option<(f64, f64)> = None;
    for (measured, limit) in measurements {
        if limit.is_nan() || limit >= RESOLVED {
            left_out += 1;
            continue;
        }
        judged += 1;
        let ratio = |(measured, limit): (f64, f64)| measured / limit;
        // Once NaN, always NaN: a measurement that is not a number is not hidden by others.
        let is_worse = worst.is_none_or(|worst| ratio((measured, limit)) > ratio(worst) || measured.is_nan());
        if is_worse && !worst.is_some_and(|(measured, _)| measured.is_nan()) {
            worst = Some((measured, limit));
        }
    }
    let exceeding = format!("in {left_out} cases rounding errors may exceed 1 %");
    let Some((measured, limit)) = worst else {
        let reason = if left_out > 0 { exceeding.as_str() } else { nothing };
        return Check::not_measured(name, statement, Some(0.0), reason);
    };
    let mut check = Check::at_most(name, statement, measured, limit);
    check.detail += &format!(", the rounding error of the worst of {judged} cases");
    if left_out > 0 {
        check.detail += &format!("; {exceeding}: not judged");
    }
    check
}

/// An experiment of drawn problems with default settings.
#[cfg(test)]
pub fn experiment(
    law: crate::sparse::recovery::instance::Instance,
    methods: Vec<crate::sparse::recovery::RecoveryMethod>,
) -> crate::config::RecoveryExperiment {
    use crate::config::{ProblemSpec, RecoveryExperiment, Solver};
    let solver = Solver {
        methods,
        k: None,
        excess: 1.0,
        iterations: 200,
        step: 1.0,
        damping: crate::sparse::recovery::Damping::Auto,
        batch: None,
        tolerance: 1e-12,
        success: 1e-6,
    };
    let problem = ProblemSpec::Drawn(law);
    RecoveryExperiment {
        name: "test".into(),
        title: String::new(),
        seed: 1,
        problem,
        solver,
        figure: Default::default(),
        studies: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;

    #[test]
    fn the_worst_measurement_decides() {
        let check = |measurements: &[(f64, f64)]| all_within("a", "", measurements.iter().copied(), "nothing here");
        let found = check(&[(1e-9, 1e-6), (3e-8, 1e-8), (0.1, 0.02)]);
        assert_eq!((found.verdict, found.measured, found.expected), (Verdict::Fails, 3e-8, Some(1e-8)));
        assert!(found.detail.contains("1 cases rounding errors may exceed 1 %"), "{}", found.detail);
        assert_eq!(check(&[(1e-9, 1e-6), (1e-9, 1e-8)]).verdict, Verdict::Holds);
        for hidden in [[(f64::NAN, 1e-6), (1.0, 1e-6)], [(1.0, 1e-6), (f64::NAN, 1e-6)]] {
            assert_eq!(check(&hidden).verdict, Verdict::NotResolved);
        }
        assert!(check(&[]).detail.contains("nothing here"));
        assert!(check(&[(0.0, f64::NAN), (0.0, f64::INFINITY)]).detail.contains("2 cases"));
    }
}
