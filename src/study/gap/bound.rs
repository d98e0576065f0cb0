//! The form of the finite-width bound: the width's term under the full gradient, both terms with mini-batches.

use super::GapRecord;
use super::measured::{Measured, Rest, TimeRange};
use crate::analysis::bound::{BoundBand, BoundError, BoundForm, covering_constant, excess, slowest_decay};
use crate::analysis::fit::{ErrorCombination, Statistic};
use crate::analysis::verdict::{Check, Exponent};
use crate::config::{BatchSize, Route};
use crate::record::{FitRecord, GroupAxis, Measure};
use crate::run::study::TrainingSubject;
use ndarray::Axis;

/// The quantiles of the gap fall at least as the slowest decay that the form of the width's term allows. `particles` is
/// the number of particles of the limit.
pub(super) fn width_term(
    measured: Measured<'_>,
    particles: usize,
    measure: Measure,
    distance: &str,
    (error, combination): (f64, ErrorCombination),
    record: &mut GapRecord,
) -> Check {
    let widths = &measured.group.values;
    let m = if measure == Measure::CouplingMax { particles as f64 } else { f64::INFINITY };
    let usable: Vec<f64> = widths.iter().copied().filter(|&n| n >= 2.0).collect();
    let name = format!("gap-{}-bound-form", measured.group.name);
    let statement = |slowest: &str| {
        format!(
            "quantiles over seeds of {distance} at levels 1 - exp(-z^2) fall at least as sqrt(log N/N), the slowest decay within C (sqrt(log N) + z)/sqrt(N){slowest}"
        )
    };
    let expected = slowest_decay(&usable, m);
    if usable.len() < widths.len() || !expected.is_finite() {
        let reason = "the form needs at least 2 widths, each of at least 2";
        return Check::not_measured(name, statement(""), None, reason);
    }
    let fit = |rest| measured.fit_along(widths, measure, TimeRange::All, Statistic::BoundQuantiles, rest);
    let whole = fit(Rest::All);
    let fitted = FitRecord::of(&measured.group.name, &measure.to_string(), expected, &whole);
    record.fits.push(fitted.with_error(Some(error)));
    if record.bound.is_none() {
        record.bound = envelope(measured, measure, BoundForm::Width);
    }
    let exponent = Exponent::at_most(expected).resolution(0.2).error(error, combination);
    let check = Check::exponent(name, statement(&format!(": exponent {expected:.3} here")), &exponent, &whole);
    check.or_pre_asymptotic(measured.pre_asymptotic_value(), &fit(Rest::WithoutPreAsymptotic))
}

/// The band of a form whose constant covers every network.
fn envelope(measured: Measured<'_>, measure: Measure, form: BoundForm) -> Option<BoundBand> {
    let table = measured.table(measure, TimeRange::All);
    let points: Vec<(f64, f64)> = table
        .outer_iter()
        .zip(&measured.group.values)
        .flat_map(|(row, &n)| row.iter().map(|&gap| (n, gap)).collect::<Vec<_>>())
        .collect();
    BoundBand::envelope(&points, form).ok()
}

/// With mini-batches of `size` samples: the sum of both terms, each with a constant identified on other networks, covers
/// the quantiles of the gap.
pub(super) fn both_terms(
    subject: TrainingSubject<'_>,
    groups: &[Measured<'_>],
    measured: Measured<'_>,
    size: usize,
    record: &mut GapRecord,
) -> Check {
    let (measure, distance) = measured.bounded();
    let name = format!("gap-{}-bound-form", measured.group.name);
    let statement = format!(
        "quantiles over seeds of {distance} at levels 1 - exp(-z^2) are at most C1 (sqrt(log N) + z)/sqrt(N) + C2 sqrt(eps) (sqrt(p + log N) + z): C1 from networks that follow the full gradient, C2 from a sweep, the largest ratio over N"
    );
    let missing = |what: &str| Check::not_measured(name.clone(), statement.clone(), Some(1.0), what);
    let e = subject.problem.experiment;
    if e.reference.kind == Route::Grid {
        return missing("beside a grid the sweeps, which have particles, do not measure the same distance");
    }
    let full = groups.iter().find(|other| other.group.axis == GroupAxis::Width && other.group.batch == BatchSize::Full);
    let Some(full) = full else {
        return missing("C1 needs networks that follow the full gradient: set gap.full_gradient = true");
    };
    let p = subject.problem.network.neuron_parameters() as f64;
    let Some(second) = step_constant(groups, size, measure, p) else {
        let needed = format!(
            "C2 needs networks with batches of {size} beside the limit of their own particles: add a [[gap.sweep]] over steps with batch = {size}, or over batch sizes with {size} among its values"
        );
        return missing(&needed);
    };
    let first = || {
        covering_constant(
            &full.group.values,
            full.table(measure, TimeRange::All).view(),
            BoundForm::Width,
            &full.bootstrap,
        )
    };
    let judged = || -> Result<_, BoundError> {
        let (first, second) = (first()?, second?);
        let form = BoundForm::WidthAndStep { eps: e.dynamics.step, p, ratio: second / first };
        let table = measured.table(measure, TimeRange::All);
        Ok((first, second, form, excess(&measured.group.values, table.view(), first, form, &measured.bootstrap)?))
    };
    match judged() {
        Err(error) => missing(&error.to_string()),
        Ok((first, second, form, found)) => {
            record.bound = envelope(measured, measure, form);
            let detail = format!(
                "C1 = {first:.3}, C2 = {second:.3} (upper 95 % bounds); largest ratio {:.3}, at N = {}; p = {:.2}",
                found.ratio, found.at, found.p
            );
            let check = Check::at_most_with_p(name.clone(), statement.clone(), found.ratio, 1.0, found.p, detail);
            check.unless(subject.plan.dependence(measured.group))
        }
    }
}

/// The constant of the second term, from the networks of sweeps with batches of `size` samples: the largest over the
/// sweeps. `None` where there is no such sweep.
fn step_constant(groups: &[Measured<'_>], size: usize, measure: Measure, p: f64) -> Option<Result<f64, BoundError>> {
    let mut constant: Option<Result<f64, BoundError>> = None;
    for sweep in groups {
        let (rows, steps): (Vec<usize>, Vec<f64>) = sweep.rows_with_batch(size).into_iter().unzip();
        if rows.is_empty() {
            continue;
        }
        let table = sweep.table(measure, TimeRange::All).select(Axis(0), &rows);
        let form = BoundForm::Step { p, n: sweep.group.width as f64 };
        let found = covering_constant(&steps, table.view(), form, &sweep.bootstrap);
        constant = Some(match (constant, found) {
            (Some(Ok(a)), Ok(b)) => Ok(a.max(b)),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(b)) => Ok(b),
        });
    }
    constant
}
