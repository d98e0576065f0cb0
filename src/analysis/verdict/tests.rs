//! Verdicts at one level and in a family.

use super::*;
use crate::analysis::estimate::Estimate;
use crate::analysis::fit::{FitFailure, SlopeFit, Statistic};
use crate::analysis::repetition::Repetition;
use crate::number::{from_json, to_json, to_json_line};

/// A fit with this 95 % interval, of 8 seeds.
fn fit(low: f64, high: f64) -> Result<SlopeFit, FitFailure> {
    let unit = Estimate { value: 0.0, standard_error: 1.0, degrees_of_freedom: 7.0 };
    Ok(SlopeFit {
        slope: (low + high) / 2.0,
        intercept: 0.0,
        interval: (low, high),
        level: 0.95,
        standard_error: 0.5 * (high - low) / unit.half_width(0.95),
        degrees_of_freedom: 7.0,
        seeds: 8,
        residual: 0.0,
        statistic: Statistic::Mean,
        points: Vec::new(),
        skipped: Vec::new(),
    })
}

#[test]
fn equality_of_exponents() {
    use Verdict::{Fails, Holds, NotResolved};
    let verdict = |low, high, rule: Exponent| Check::exponent("slope", "", &rule, &fit(low, high)).verdict;
    let minus_one = Exponent::equal(-1.0);
    assert_eq!(verdict(-1.2, -0.9, minus_one), Holds);
    assert_eq!(verdict(-1.5, -0.6, minus_one), NotResolved);
    assert_eq!(verdict(-1.5, -0.6, minus_one.resolution(0.5)), Holds);
    assert_eq!(verdict(-0.9, -0.8, minus_one), Fails);
    assert_eq!(verdict(-1.2, -1.1, minus_one), Fails);
    assert_eq!(verdict(-0.9, 0.9, minus_one), Fails, "wide, and still excluded");
    assert_eq!(verdict(-0.96, -0.94, minus_one.slack(0.05)), Holds);
}

#[test]
fn one_sided_exponents() {
    use Verdict::{Fails, Holds, NotResolved};
    for (low, high, expected) in [
        (-0.7, -0.6, Holds),
        (-0.6, -0.4, Holds),
        (-0.45, -0.4, Fails),
        (-3.0, -1.0, Holds),
        (-2.0, -0.21, Holds),
        (-2.0, -0.19, NotResolved),
        (-2.0, 1.0, NotResolved),
    ] {
        let most = Check::exponent("a", "", &Exponent::at_most(-0.5), &fit(low, high));
        let least = Check::exponent("a", "", &Exponent::at_least(0.5), &fit(-high, -low));
        assert_eq!((most.verdict, least.verdict), (expected, expected), "[{low}, {high}]");
    }
}

#[test]
fn a_law_not_yet_reached_is_not_a_failure() {
    let rule = Exponent::equal(-0.5);
    let check = |low, high| Check::exponent("a", "", &rule, &fit(low, high));
    let (off, on) = (fit(-0.45, -0.35), fit(-0.55, -0.4));
    let excused = check(-0.45, -0.35).or_pre_asymptotic("smallest width", &on);
    assert_eq!(excused.verdict, Verdict::NotResolved);
    assert!(excused.detail.contains("without the smallest width"), "{}", excused.detail);
    assert_eq!(check(-0.45, -0.35).or_pre_asymptotic("smallest width", &off).verdict, Verdict::Fails);
    let few = Err(FitFailure::TooFewPoints { usable: 1, rows: 1 });
    assert_eq!(check(-0.45, -0.35).or_pre_asymptotic("smallest width", &few).verdict, Verdict::NotResolved);
    assert_eq!(check(-0.55, -0.4).or_pre_asymptotic("smallest width", &off).verdict, Verdict::Holds);
    // The second fit confirms at one-sided 5 % (t_0.95 with these degrees of freedom, below the half-width of 95 %), and
    // in the same direction only.
    let (weak, opposite) = (fit(-0.505, -0.4), fit(-0.7, -0.6));
    assert_eq!(check(-0.45, -0.35).or_pre_asymptotic("smallest width", &weak).verdict, Verdict::Fails);
    assert_eq!(check(-0.45, -0.35).or_pre_asymptotic("smallest width", &opposite).verdict, Verdict::NotResolved);
    let censored = check(-0.45, -0.35).cannot_fail("censored");
    assert_eq!(censored.verdict, Verdict::NotResolved);
    // Also where it does not meet the level of a family: an interval that excludes the statement is no agreement.
    let mut family = vec![check(-0.49, -0.3).cannot_fail("censored"), check(-0.6, -0.4), check(-0.6, -0.4)];
    judge(&mut family);
    assert_eq!(family[0].verdict, Verdict::NotResolved, "{}", family[0].detail);
    assert!(family[0].p_value.unwrap() < 0.05 && family[0].detail.contains("censored"), "{}", family[0].detail);
    assert_eq!(check(-0.55, -0.4).cannot_fail("censored").verdict, Verdict::Holds);
}

#[test]
fn a_family_is_judged_at_its_own_level() {
    let rule = Exponent::equal(-1.0);
    // p of about 0.04, 0.001 and 1.
    let unit = Estimate { value: 0.0, standard_error: 1.0, degrees_of_freedom: 7.0 };
    let at = |p: f64| {
        let t = unit.half_width(1.0 - p) * 0.1;
        let half = unit.half_width(0.95) * 0.1;
        Check::exponent("a", "", &rule, &fit(-1.0 + t - half, -1.0 + t + half))
    };
    let alone = at(0.04);
    assert_eq!(alone.verdict, Verdict::Fails);
    assert!((alone.p_value.unwrap() - 0.04).abs() < 1e-6);
    let mut checks = vec![at(0.04), at(0.001), at(0.9), at(0.0001).about_program()];
    judge(&mut checks);
    let verdicts: Vec<Verdict> = checks.iter().map(|check| check.verdict).collect();
    assert_eq!(verdicts, [Verdict::Holds, Verdict::Fails, Verdict::Holds, Verdict::Fails]);
    assert!(checks[0].detail.contains("excludes") && checks[0].detail.contains("3 checks"), "{}", checks[0].detail);
    let (low, high) = checks[0].joint_interval.unwrap();
    assert!(low < -1.0 && -1.0 < high, "the joint interval contains what is not rejected");
    let (low, _) = checks[1].joint_interval.unwrap();
    assert!(low > -1.0, "and excludes what is");
    // Few seeds: the single interval is short enough and excludes the exponent, and the joint one is long.
    let few = SlopeFit { degrees_of_freedom: 3.0, standard_error: 0.04, slope: -0.82, ..fit(-0.95, -0.69).unwrap() };
    let few = SlopeFit { interval: few.estimate().interval(0.95), ..few };
    let mut checks = vec![Check::exponent("a", "", &rule.resolution(0.15), &Ok(few)), at(0.9), at(0.8)];
    assert_eq!(checks[0].verdict, Verdict::Fails);
    judge(&mut checks);
    assert_eq!(checks[0].verdict, Verdict::NotResolved, "{}", checks[0].detail);
}

#[test]
fn a_random_deviation_has_a_level() {
    let check = |p| Check::at_most_with_p("a", "", 2.0, 3.0, p, "largest deviation 2");
    assert_eq!(check(0.06).verdict, Verdict::Holds);
    assert_eq!(check(0.01).verdict, Verdict::Fails);
    let nothing = Check::at_most_with_p("a", "", f64::NAN, 3.0, f64::NAN, "nothing");
    assert_eq!(nothing.verdict, Verdict::NotResolved);
    let mut checks = vec![check(0.03), check(0.5)];
    judge(&mut checks);
    assert_eq!(checks[0].verdict, Verdict::Holds);
}

#[test]
fn without_a_fit_nothing_is_resolved() {
    for one in
        [FitFailure::OneSeed { slope: -1.0, intercept: 0.0 }, FitFailure::NoSpread { slope: -1.0, intercept: 0.0 }]
    {
        let check = Check::exponent("a", "", &Exponent::equal(-1.0), &Err(one));
        assert_eq!((check.verdict, check.measured, check.interval), (Verdict::NotResolved, -1.0, None));
    }
    let none = Err(FitFailure::TooFewPoints { usable: 1, rows: 3 });
    let check = Check::exponent("a", "", &Exponent::at_most(-1.0), &none);
    assert_eq!(check.verdict, Verdict::NotResolved);
    assert!(check.measured.is_nan() && check.detail.contains("1 of 3 rows"));
}

#[test]
fn limits() {
    let verdict = |measured, limit| Check::at_most("a", "", measured, limit).verdict;
    assert_eq!(verdict(1.0, 1.0), Verdict::Holds);
    assert_eq!(verdict(1.0 + f64::EPSILON, 1.0), Verdict::Fails);
    assert_eq!(verdict(f64::INFINITY, 1.0), Verdict::Fails);
    assert_eq!(verdict(f64::NAN, 1.0), Verdict::NotResolved);
    assert_eq!(verdict(1.0, f64::NAN), Verdict::NotResolved);
}

#[test]
fn json_keeps_every_bit() {
    let check = Check::exponent("width-slope", "slope -1", &Exponent::equal(-1.0), &fit(-1.1, -0.9));
    let mut check = Check { test: None, ..check };
    for value in
        [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE, 5e-324, -0.0, f64::MAX, 7.0, f64::INFINITY, f64::NEG_INFINITY]
    {
        check.measured = value;
        check.interval = Some((value, f64::NAN));
        let back: Check = from_json(&to_json(&check).unwrap()).unwrap();
        assert_eq!(back.measured.to_bits(), value.to_bits());
        let (low, high) = back.interval.unwrap();
        assert!(low.to_bits() == value.to_bits() && high.is_nan());
    }
    let text = to_json_line(&Check { measured: f64::NAN, interval: None, ..check }).unwrap();
    assert!(text.contains("\"measured\":null") && text.contains("\"verdict\":\"holds\""), "{text}");
    let back: Check = from_json(&text).unwrap();
    assert!(back.measured.is_nan() && back.interval.is_none());
    assert!(from_json::<Check>(&text.replace("\"measured\":null", "\"measured\":\"big\"")).is_err());
}

#[test]
fn names_of_verdicts() {
    for verdict in [Verdict::Holds, Verdict::Fails, Verdict::NotResolved] {
        assert_eq!(serde_json::to_string(&verdict).unwrap(), format!("\"{verdict}\""));
    }
    assert_eq!(Verdict::NotResolved.to_string(), "not resolved");
}

/// An estimate of the logarithm of a ratio with this 95 % interval of the ratio.
fn logarithm(low: f64, high: f64) -> Estimate {
    let (low, high) = (low.ln(), high.ln());
    let unit = Estimate { value: 0.0, standard_error: 1.0, degrees_of_freedom: 20.0 };
    let standard_error = 0.5 * (high - low) / unit.half_width(0.95);
    Estimate { value: 0.5 * (low + high), standard_error, ..unit }
}

#[test]
fn agreement_of_a_ratio_must_be_shown() {
    use Verdict::{Fails, Holds, NotResolved};
    let check = |low, high| Check::ratio_within("ratio", "", 1.0, (0.9, 1.1), logarithm(low, high), "");
    for (low, high, verdict) in [
        (0.95, 1.05, Holds),
        (0.91, 0.95, Holds),
        (0.85, 1.05, NotResolved),
        (0.5, 2.0, NotResolved),
        (1.05, 1.2, NotResolved),
        (1.2, 1.4, Fails),
        (0.6, 0.89, Fails),
    ] {
        let check = check(low, high);
        assert_eq!(check.verdict, verdict, "[{low}, {high}]");
        let (left, right) = check.interval.unwrap();
        assert!((left - low).abs() < 1e-9 && (right - high).abs() < 1e-9);
        assert!(check.measured > left && check.measured < right);
    }
    assert_eq!(check(1.4, 1.6).unless(Some("not predicted: reason".into())).verdict, NotResolved);
    // As one of many checks the joint interval is longer: neither agreement nor disagreement is shown any more.
    let mut family = vec![check(0.905, 1.095), check(1.11, 1.3)];
    family.extend((0..60).map(|_| check(0.98, 1.02)));
    assert_eq!((family[0].verdict, family[1].verdict), (Holds, Fails));
    judge(&mut family);
    assert_eq!((family[0].verdict, family[1].verdict, family[2].verdict), (NotResolved, NotResolved, Holds));
    let (low, high) = family[0].joint_interval.unwrap();
    assert!(low < 0.9 && high > 1.1);
}

#[test]
fn a_lower_value_must_be_shown() {
    use Verdict::{Fails, Holds, NotResolved};
    let check = |low, high| Check::ratio_below("ratio", "", 1.0, logarithm(low, high), "");
    for (low, high, verdict) in
        [(0.6, 0.9, Holds), (0.01, 0.02, Holds), (0.9, 1.1, NotResolved), (1e-3, 1e3, NotResolved), (1.1, 1.2, Fails)]
    {
        let check = check(low, high);
        assert_eq!(check.verdict, verdict, "[{low}, {high}]: {}", check.detail);
        let (left, right) = check.interval.unwrap();
        assert!((left - low).abs() < 1e-9 && (right / high - 1.0).abs() < 1e-9);
    }
    // As one of many checks the joint interval is longer.
    let mut family = vec![check(0.8, 0.99), check(1.01, 1.2)];
    family.extend((0..60).map(|_| check(0.4, 0.5)));
    judge(&mut family);
    assert_eq!((family[0].verdict, family[1].verdict, family[2].verdict), (NotResolved, NotResolved, Holds));
}

/// Details and failures name what the interval is over.
#[test]
fn intervals_over_pairs_are_not_called_those_of_seeds() {
    let pairs = Exponent::at_most(-0.5).over(Repetition::Pair);
    let detail =
        |exponent: &Exponent, fit: &Result<SlopeFit, FitFailure>| Check::exponent("x", "", exponent, fit).detail;
    assert!(detail(&pairs, &fit(-1.2, -0.9)).contains("over 0 points and 8 pairs"));
    assert!(detail(&Exponent::at_most(-0.5), &fit(-1.2, -0.9)).contains("over 0 points and 8 seeds"));
    for failure in [
        FitFailure::Sparse,
        FitFailure::OneSeed { slope: -1.0, intercept: 0.0 },
        FitFailure::NoSpread { slope: -1.0, intercept: 0.0 },
    ] {
        let words = detail(&pairs, &Err(failure.clone()));
        assert!(words.contains("pairs") && !words.contains("seed"), "{words}");
        let excused =
            Check::exponent("x", "", &pairs, &fit(-0.2, -0.1)).or_pre_asymptotic("width", &Err(failure)).detail;
        assert!(excused.contains("pairs") && !excused.contains("seed"), "{excused}");
    }
}
