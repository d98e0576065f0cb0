//! The gap study: how far finite networks are from their limit, and how that distance scales.
//!
//! Theory section 5 (WKM, finite width against mean field). Every statement is about a distance over a range of
//! recording times, per seed; a slope is fitted to a statistic over seeds. Against the width the abscissa is
//! `1 / (1/N - 1/M)`: the expected square gap of a network that starts from N of the limit's M particles is
//! `c (1/N - 1/M)`. Against step and batch size a network is compared with the limit of its own particles, so that the
//! width does not enter.

use super::measured::{Measured, Rest, TimeRange};
use super::{Gap, GapRecord, bound};
use crate::analysis::fit::{Bootstrap, ErrorCombination, Statistic};
use crate::analysis::verdict::{Check, Exponent};
use crate::config::{BatchSize, Route};
use crate::record::{FitRecord, GroupAxis, LimitRun, Measure, ReferenceError};
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::groups::{group_series, reference_errors};
use crate::run::study::TrainingSubject;
use std::collections::BTreeMap;

/// Largest half-width of an interval that resolves the exponent of a gap; that of a squared gap, or of a gap in the step,
/// has twice the range.
const RESOLUTION: f64 = 0.175;

/// Multiple of the measured error by the sample that is allowed for: it is a single measurement of a random error, as large
/// as the error itself in root mean square.
const SAMPLE_FACTOR: f64 = 3.0;

/// Writes `records/gap.json`; returns the checks.
pub(super) fn run(
    gap: &Gap,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let reference = reference_errors(problem, trained);
    let series: Vec<_> = plan.groups.iter().map(|group| group_series(problem, group, trained)).collect();
    let groups: Vec<Measured> = plan
        .groups
        .iter()
        .zip(&series)
        .enumerate()
        .map(|(index, (group, series))| {
            let bootstrap =
                Bootstrap { resamples: gap.resamples, ..Bootstrap::new(problem.experiment.seed, index as u64) };
            Measured { group, series, bootstrap }
        })
        .collect();
    let (mut record, mut checks) = (GapRecord::default(), Vec::new());
    for &measured in &groups {
        let mut statements =
            Statements { subject, measured, reference: &reference, record: &mut record, checks: &mut checks };
        match (measured.group.axis, measured.group.batch) {
            (GroupAxis::Width, BatchSize::Full) => statements.widths(),
            (GroupAxis::Width, BatchSize::Size(size)) => {
                checks.push(bound::both_terms(subject, &groups, measured, size, &mut record));
            }
            (GroupAxis::Step, BatchSize::Full) => statements.full_steps(),
            (GroupAxis::Step, BatchSize::Size(size)) => statements.sampled_steps(size),
            (GroupAxis::Batch, _) => statements.batches(),
            (GroupAxis::Variant, _) => {}
        }
    }
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

/// The statements about one group.
struct Statements<'a> {
    subject: TrainingSubject<'a>,
    measured: Measured<'a>,
    reference: &'a BTreeMap<Measure, ReferenceError>,
    record: &'a mut GapRecord,
    checks: &'a mut Vec<Check>,
}

/// A law and the data that it is about.
struct LawOf<'a> {
    /// End of the name of the check.
    name: &'a str,
    statement: &'a str,
    measure: Measure,
    range: TimeRange,
    statistic: Statistic,
    exponent: Exponent,
}

impl<'a> LawOf<'a> {
    /// A law of the geometric mean of a gap.
    fn of_gap(name: &'a str, statement: &'a str, measure: Measure, range: TimeRange, exponent: Exponent) -> Self {
        LawOf { name, statement, measure, range, statistic: Statistic::GeometricMean, exponent }
    }
}

impl Statements<'_> {
    /// Fits a law, records the fit and adds its check. As the laws are asymptotic, a law that the data contradict is
    /// judged without the value farthest from the asymptotic regime too.
    fn law(&mut self, law: LawOf<'_>) {
        let LawOf { name, statement, measure, range, statistic, exponent } = law;
        let measured = self.measured;
        let fit = measured.fit(measure, range, statistic, Rest::All);
        let label = format!("{measure}{}", range.suffix());
        let record = FitRecord::of(&measured.group.name, &label, exponent.expected, &fit);
        self.record.fits.push(record.with_error(exponent.error.map(|(error, _)| error)));
        let name = format!("gap-{}-{name}", measured.group.name);
        let check = Check::exponent(name, statement, &exponent, &fit);
        let rest = measured.fit(measure, range, statistic, Rest::WithoutPreAsymptotic);
        let check = check.or_pre_asymptotic(measured.pre_asymptotic_value(), &rest);
        self.checks.push(check.unless(self.subject.plan.dependence(measured.group)));
    }

    /// The error of the reference in a gap against the width: step, sample and iteration, and the step of the networks.
    /// The number of particles is part of the abscissa. The gap varies over seeds about zero, and the error does not.
    fn width_error(&self, measure: Measure, range: TimeRange) -> (f64, ErrorCombination) {
        let mut error = self.reference.get(&measure).copied().unwrap_or_default();
        let TrainingSubject { problem, trained, .. } = self.subject;
        let by_grid = problem.experiment.reference.kind == Route::Grid;
        for (run, part) in [
            (if by_grid { LimitRun::GridHalfStep } else { LimitRun::HalfStep }, &mut error.step),
            (LimitRun::HalfSample, &mut error.sample),
            (LimitRun::TrainingStep, &mut error.training_step),
        ] {
            // An error that was not measured, or does not apply, stays as it is.
            if let Some(series) = trained.series(run.id()).filter(|_| *part != 0.0) {
                *part = part.min(range.sup(series.row(measure)));
            }
        }
        error.sample *= SAMPLE_FACTOR;
        (error.training_step.hypot(error.same_particles()), ErrorCombination::Quadrature)
    }

    /// The error of the limits with which the networks of a sweep are compared: of their own step, and of the sample and
    /// the iteration.
    fn sweep_error(&self, measure: Measure, combination: ErrorCombination) -> (f64, ErrorCombination) {
        let TrainingSubject { problem, plan, trained } = self.subject;
        let shared = self.reference.get(&measure).copied().unwrap_or_default();
        let step = self.measured.sweep_step_error(problem, plan, trained, measure);
        (step.hypot(SAMPLE_FACTOR * shared.sample).hypot(shared.iteration), combination)
    }

    /// Laws in the width under the full gradient.
    fn widths(&mut self) {
        // At the start the gap is that of a sub-sample, exactly of order 1/N; training can remove that order, where it
        // interpolates, and the gap then falls faster.
        for (name, statement, range, exponent) in [
            ("function", "sup_t |f_N - f_rho|^2 ~ c (1/N - 1/M)", TimeRange::All, Exponent::equal(-1.0)),
            (
                "function-late",
                "sup over t >= T/2 of |f_N - f_rho|^2 falls at least as 1/N - 1/M",
                TimeRange::Late,
                Exponent::at_most(-1.0),
            ),
            (
                "function-final",
                "|f_N - f_rho|^2 at T falls at least as 1/N - 1/M",
                TimeRange::Final,
                Exponent::at_most(-1.0),
            ),
        ] {
            let (error, combination) = self.width_error(Measure::Function, range);
            let exponent = exponent.resolution(2.0 * RESOLUTION).error(error, combination);
            let statistic = Statistic::GeometricMeanSquare;
            self.law(LawOf { statistic, ..LawOf::of_gap(name, statement, Measure::Function, range, exponent) });
        }
        let half = |statements: &Self, measure, range, exponent: Exponent| {
            let (error, combination) = statements.width_error(measure, range);
            exponent.resolution(RESOLUTION).error(error, combination)
        };
        let rms = half(self, Measure::CouplingRms, TimeRange::All, Exponent::equal(-0.5));
        self.law(LawOf::of_gap(
            "coupling-rms",
            "rms coupling distance ~ N^(-1/2)",
            Measure::CouplingRms,
            TimeRange::All,
            rms,
        ));
        // Each family of units, in networks with several.
        let measures: Vec<Measure> = self.measured.series.measures.iter().map(|(measure, _)| *measure).collect();
        for measure in measures {
            let Measure::FamilyCouplingRms(family) = measure else { continue };
            let (name, rms) =
                (format!("coupling-{family}"), half(self, measure, TimeRange::All, Exponent::equal(-0.5)));
            let statement = format!("rms coupling distance of the units of family '{family}' ~ N^(-1/2)");
            self.law(LawOf::of_gap(&name, &statement, measure, TimeRange::All, rms));
        }
        for (name, statement, range) in [
            ("loss", "sup_t |R(f_N) - R(rho)| falls at least as N^(-1/2)", TimeRange::All),
            ("loss-late", "sup over t >= T/2 of |R(f_N) - R(rho)| falls at least as N^(-1/2)", TimeRange::Late),
        ] {
            let exponent = half(self, Measure::RiskGap, range, Exponent::at_most(-0.5));
            self.law(LawOf::of_gap(name, statement, Measure::RiskGap, range, exponent));
        }
        self.test_part();
        if self.measured.is_measured(Measure::WassersteinOwn) {
            let exponent = half(self, Measure::WassersteinOwn, TimeRange::All, Exponent::at_most(-0.5));
            let statement =
                "sup_t sliced W2 between the network and its own N particles of the limit falls at least as N^(-1/2)";
            self.law(LawOf::of_gap("wasserstein", statement, Measure::WassersteinOwn, TimeRange::All, exponent));
        }
        let (measure, distance) = self.measured.bounded();
        let (error, combination) = self.width_error(measure, TimeRange::All);
        let particles = self.subject.problem.experiment.reference.particles;
        let dependence = self.subject.plan.dependence(self.measured.group);
        let error = (error, combination);
        let check = bound::width_term(self.measured, particles, measure, distance, error, self.record);
        self.checks.push(check.unless(dependence));
    }

    /// Laws in the width on the test part, if there is one. The theory is about predictions at any input. At the start
    /// the gap is exactly of order 1/N there too.
    fn test_part(&mut self) {
        if !self.measured.is_measured(Measure::TestFunction) {
            return;
        }
        let (error, combination) = self.width_error(Measure::TestFunction, TimeRange::All);
        let exponent = Exponent::equal(-1.0).resolution(2.0 * RESOLUTION).error(error, combination);
        let statement = "test part: sup_t |f_N - f_rho|^2 ~ c (1/N - 1/M)";
        let law = LawOf::of_gap("test-function", statement, Measure::TestFunction, TimeRange::All, exponent);
        self.law(LawOf { statistic: Statistic::GeometricMeanSquare, ..law });
        let (error, combination) = self.width_error(Measure::TestLossGap, TimeRange::All);
        let exponent = Exponent::at_most(-0.5).resolution(RESOLUTION).error(error, combination);
        let statement = "test part: sup_t |L(f_N) - L(rho)| falls at least as N^(-1/2)";
        self.law(LawOf::of_gap("test-loss", statement, Measure::TestLossGap, TimeRange::All, exponent));
    }

    /// The law in the step under the full gradient.
    fn full_steps(&mut self) {
        for (measure, name) in [(Measure::Function, "function"), (Measure::CouplingRms, "coupling-rms")] {
            let statement = format!("full gradient: sup_t {name} gap ~ eps (to 0.1, as steps are finite)");
            let (error, combination) = self.sweep_error(measure, ErrorCombination::Sum);
            // Without sampling noise the interval over seeds is small and does not include the next order in eps.
            let exponent = Exponent::equal(1.0).resolution(2.0 * RESOLUTION).slack(0.1).error(error, combination);
            let statistic = Statistic::GeometricMean;
            self.law(LawOf { name, statement: &statement, measure, range: TimeRange::All, statistic, exponent });
        }
    }

    /// The law in the step with mini-batches.
    fn sampled_steps(&mut self, size: usize) {
        let samples = if size == 1 { "one sample".to_string() } else { format!("{size} samples") };
        let statement = format!("{samples} a step: sup_t |f_N - f_rho|^2 ~ eps");
        self.sampled(&statement, 1.0);
    }

    /// The law in the batch size.
    fn batches(&mut self) {
        self.sampled("B samples a step: sup_t |f_N - f_rho|^2 ~ 1/B", -1.0);
    }

    /// A law of the square gap under mini-batches.
    fn sampled(&mut self, statement: &str, exponent: f64) {
        let (error, combination) = self.sweep_error(Measure::Function, ErrorCombination::Quadrature);
        let exponent = Exponent::equal(exponent).resolution(2.0 * RESOLUTION).error(error, combination);
        let (name, measure, statistic) = ("function", Measure::Function, Statistic::GeometricMeanSquare);
        self.law(LawOf { name, statement, measure, range: TimeRange::All, statistic, exponent });
    }
}
