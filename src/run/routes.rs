//! Checks that the routes to the limit agree within their measured errors.
//!
//! Two kinds of error are told apart. Those of step, nodes and iteration are fixed numbers: with an order of 1 or higher
//! the error of a solution is at most its distance from a coarser one, or twice its distance from one with half the step.
//! Those of the particles and of the sample are random, and the error and every measurement of it are draws of laws with
//! the same mean square:
//!
//! ```text
//! E |f_M - f|^2 = c / M = E |f_{M/2} - f_M|^2,      E |f_N - f_M|^2 = c (1/N - 1/M)
//! ```
//!
//! (the first M/2 particles are half of the M; a network starts from N of them). The distances of the widest networks,
//! scaled to M, are one measurement per seed, so that Student's law with as many degrees of freedom gives the multiple
//! ([`crate::analysis::threshold`]). Of the sample there is a single measurement, from half of it.

use super::groups::abscissa;
use super::plan::{Plan, limit_by_route};
use super::problem::Problem;
use super::study::TrainingSubject;
use super::training::Trained;
use crate::analysis::threshold::student;
use crate::analysis::verdict::{Check, Verdict};
use crate::config::{PicardSpec, Precision, Route};
use crate::record::{LimitRun, Measure};

/// Multiple of the single measurement of the sample's error. Of two draws of one law the first exceeds 3 times the second
/// in 5 % of cases where three directions contribute equally, in less than 1 % from six on, and in 20 % with one; the
/// predictions at all samples and times have many.
const SAMPLE_MULTIPLE: f64 = 3.0;

/// Multiple of the last difference between iterates, or of the tolerance, that an iteration's error may have.
const ITERATION_MULTIPLE: f64 = 10.0;

/// Largest allowed distance, relative to the labels, at which routes that agree are said to.
const RESOLUTION: f64 = 0.1;

/// One check for every other route.
pub fn checks(subject: TrainingSubject<'_>) -> Vec<Check> {
    let TrainingSubject { problem, plan, trained } = subject;
    let e = problem.experiment;
    let kind = e.reference.kind;
    let labels = &problem.population.y;
    let scale =
        (labels.iter().map(|y| y * y).sum::<f64>() * problem.network.outputs() as f64 / labels.len() as f64).sqrt();
    let check = |&route: &Route| {
        let run = limit_by_route(route);
        let name = format!("reference-{}-{}", kind.name(), route.name());
        let reached = [LimitRun::Reference, run].iter().all(|run| trained.reached_horizon(run.id()));
        let errors = errors(problem, plan, trained, route);
        let check = agreement(&name, (kind, route), reached.then(|| distance(trained, run)), &errors, scale);
        // Particles and Picard's map follow the same cloud; a grid follows the law itself.
        if kind == Route::Grid || route == Route::Grid { check } else { check.about_program() }
    };
    e.reference.against.iter().map(check).collect()
}

/// The errors of the difference of two routes, as distances of predictions.
#[derive(Clone, Debug, Default)]
struct RouteErrors {
    /// Largest error by step, nodes, iteration and rounding.
    fixed: f64,
    /// Measurements of the error by the particles; empty where both routes have the same.
    particles: Vec<f64>,
    /// The measurement of the error by the sample; 0 where both routes have the same.
    sample: f64,
}

impl RouteErrors {
    /// The largest distance that the errors explain.
    fn allowed(&self) -> f64 {
        let count = self.particles.len();
        let particles = if count == 0 {
            0.0
        } else {
            let square = self.particles.iter().map(|d| d * d).sum::<f64>() / count as f64;
            student(1, count) * square.sqrt()
        };
        self.fixed + particles.hypot(SAMPLE_MULTIPLE * self.sample)
    }
}

/// The check of the distance of two routes; `None` where one of them did not reach the horizon.
fn agreement(
    name: &str,
    (one, other): (Route, Route),
    distance: Option<f64>,
    errors: &RouteErrors,
    scale: f64,
) -> Check {
    let statement = format!(
        "the limit by {} and by {} agree: sup_t distance of predictions, within their measured errors",
        one.name(),
        other.name()
    );
    let Some(distance) = distance else {
        return Check::not_measured(name, statement, None, "a limit diverged");
    };
    let allowed = errors.allowed();
    let mut check = Check::at_most(name, statement, distance, allowed);
    let rms = (errors.particles.iter().map(|d| d * d).sum::<f64>() / errors.particles.len().max(1) as f64).abs().sqrt();
    check.detail += &format!(
        "; step, nodes and iteration {:.1e}, particles {rms:.1e} ({} measurements), sample {:.1e}",
        errors.fixed,
        errors.particles.len(),
        errors.sample
    );
    if check.verdict == Verdict::Holds && allowed > RESOLUTION * scale {
        check.verdict = Verdict::NotResolved;
        check.detail += &format!("; distances below {allowed:.1e} would not be seen, where labels are {scale:.1e}");
    }
    check
}

/// The errors of the difference of the reference from another route.
fn errors(problem: &Problem<'_, f64>, plan: &Plan, trained: &Trained, other: Route) -> RouteErrors {
    let e = problem.experiment;
    let found = |run: LimitRun| if trained.series(run.id()).is_some() { distance(trained, run) } else { 0.0 };
    let iteration = [LimitRun::Reference, LimitRun::ByPicard]
        .iter()
        .map(|run| trained.unconverged.get(run.id()).copied().unwrap_or(0.0))
        .fold(0.0, f64::max);
    // An iteration that stops at a difference is at most about as far from its fixed point: later differences decrease
    // factorially. The multiple is for the growth of such an error over the windows.
    let tolerance = e.reference.picard.unwrap_or(PicardSpec::of(e.precision)).tolerance;
    let by_picard = [e.reference.kind, other].contains(&Route::Picard);
    let iteration = if by_picard { ITERATION_MULTIPLE * iteration.max(tolerance) } else { 0.0 };
    let mut fixed = iteration + rounding(problem);
    let step = found(LimitRun::HalfStep);
    if e.reference.kind != Route::Grid && other != Route::Grid {
        // Particles and Picard iteration use the same particles, whose number does not contribute to their difference.
        // Where gradients are taken at nodes only, they have the same discrete solution; otherwise both have an error of
        // the method's order.
        let interpolates = e.reference.method.gradients_per_step() > 1;
        fixed += if interpolates { 4.0 * step } else { 0.0 };
        return RouteErrors { fixed, ..RouteErrors::default() };
    }
    fixed += 2.0 * step;
    fixed += found(LimitRun::HalfNodes) + 2.0 * found(LimitRun::GridHalfStep);
    let mut particles = vec![distance(trained, LimitRun::HalfParticles)];
    let widths = &plan.groups[0];
    if let (Some(ids), Some(&effective)) = (widths.ids.last(), abscissa(problem, widths).last()) {
        let scale = (effective / e.reference.particles as f64).sqrt();
        let gaps = ids.iter().filter(|id| trained.reached_horizon(id)).filter_map(|id| trained.series(id));
        particles.extend(gaps.map(|series| scale * series.sup(Measure::Function)).filter(|d| d.is_finite()));
    }
    // The radial reduction uses the law of the data, and particles use a sample that represents it.
    let sample = if e.population.fresh() { found(LimitRun::HalfSample) } else { 0.0 };
    RouteErrors { fixed, particles, sample }
}

/// The distance of predictions due to the order of summation: one unit of rounding for every particle and step.
fn rounding(problem: &Problem<'_, f64>) -> f64 {
    let e = problem.experiment;
    let unit = if e.precision == Precision::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let scale = problem.population.y.iter().fold(1.0_f64, |most, y| most.max(y.abs()));
    0.5 * unit * scale * (e.reference.particles as f64 + e.horizon.time / e.reference.step)
}

/// The largest distance of predictions of a run of the limit from the run with which it is compared.
fn distance(trained: &Trained, run: LimitRun) -> f64 {
    trained.series(run.id()).map_or(f64::NAN, |series| series.sup(Measure::Function))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(distance: Option<f64>, errors: &RouteErrors) -> Verdict {
        agreement("a", (Route::Grid, Route::Particles), distance, errors, 1.0).verdict
    }

    #[test]
    fn routes_that_differ_by_more_than_their_errors_fail() {
        let fixed = RouteErrors { fixed: 1e-3, ..RouteErrors::default() };
        assert_eq!(verdict(Some(0.9e-3), &fixed), Verdict::Holds);
        assert_eq!(verdict(Some(1.1e-3), &fixed), Verdict::Fails);
        // Nine measurements: t(9, .995) = 3.2498.
        let random = RouteErrors { particles: vec![1e-3; 9], ..RouteErrors::default() };
        assert_eq!(verdict(Some(3.24e-3), &random), Verdict::Holds);
        assert_eq!(verdict(Some(3.26e-3), &random), Verdict::Fails);
        // A limit that is wrong by a tenth fails even with a single measurement of this size.
        let single = RouteErrors { particles: vec![1e-3], sample: 1e-3, ..RouteErrors::default() };
        assert_eq!(verdict(Some(0.1), &single), Verdict::Fails);
    }

    #[test]
    fn errors_too_large_to_tell_are_not_resolved() {
        let coarse = RouteErrors { fixed: 0.2, ..RouteErrors::default() };
        assert_eq!(verdict(Some(0.01), &coarse), Verdict::NotResolved);
        assert_eq!(verdict(Some(0.3), &coarse), Verdict::Fails);
        assert_eq!(verdict(Some(f64::NAN), &coarse), Verdict::NotResolved);
        let check = agreement("a", (Route::Grid, Route::Picard), None, &coarse, 1.0);
        assert!(check.verdict == Verdict::NotResolved && check.detail.contains("diverged"));
    }
}
