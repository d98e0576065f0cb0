//! The gap study: how far finite networks are from their limit, and how that distance scales.
//!
//! Theory section 5 (WKM, finite width against mean field). Every statement is about the sup over recording times of a
//! distance, per seed; a slope is fitted to a statistic over seeds with a bootstrap interval. Along the width the
//! abscissa is `1 / (1/N - 1/M)`: a network that starts as a window of the limit's own M particles has expected square
//! gap `c (1/N - 1/M)`. Along step and batch size a network is compared with the limit of exactly its own particles, so
//! that the width plays no part.

use super::{Gap, GapRecord};
use crate::analysis::bound::{BoundBand, BoundForm, drift, drift_check};
use crate::analysis::fit::{Bootstrap, FitFailure, SlopeFit, Statistic, fit_slope};
use crate::analysis::verdict::{Check, Exponent};
use crate::config::{BatchSize, Experiment};
use crate::record::{FitRecord, GroupAxis, GroupSeries, Measure, ReferenceError};
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::groups::{group_series, reference_errors};
use crate::run::plan::Group;
use crate::run::study::TrainingSubject;
use ndarray::{Array2, ArrayView1, s};
use std::collections::BTreeMap;

/// A gap within this multiple of the reference's own error is not resolved.
const RESOLVED: f64 = 3.0;

/// Writes `records/gap.json`; returns the checks.
pub(super) fn run(
    gap: &Gap,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let reference = reference_errors(problem, trained);
    let parameters = problem.network.neuron_parameters();
    let (mut record, mut checks) = (GapRecord::default(), Vec::new());
    for (index, group) in plan.groups.iter().enumerate() {
        let series = group_series(problem, group, trained);
        let measured = Measured { group, series: &series };
        let bootstrap = Bootstrap { resamples: gap.resamples, ..Bootstrap::new(problem.experiment.seed, index as u64) };
        let mut statements =
            Statements { measured, reference: &reference, bootstrap, record: &mut record, checks: &mut checks };
        statements.of_group(problem.experiment, parameters);
    }
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

/// A group and its measurements.
#[derive(Clone, Copy)]
struct Measured<'a> {
    group: &'a Group,
    series: &'a GroupSeries,
}

impl Measured<'_> {
    /// Sup over time per value and seed; NaN where the network diverged.
    fn sup(&self, measure: Measure) -> &Array2<f64> {
        self.series.sup(measure).expect("a distance of this network")
    }

    fn abscissa(&self) -> &[f64] {
        self.series.abscissa.as_slice().expect("one axis, contiguous")
    }

    /// The root mean square over seeds of the sup over time, per width.
    fn typical(&self, measure: Measure) -> Vec<(f64, f64)> {
        let mean_square = |row: ArrayView1<f64>| row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64;
        let table = self.sup(measure);
        self.group.values.iter().zip(table.outer_iter()).map(|(&n, row)| (n, mean_square(row).sqrt())).collect()
    }

    /// What the bound is about: the largest coupling distance, or the loss gap where the limit has no particles to be
    /// coupled to.
    fn bounded(&self) -> (Measure, &'static str) {
        let coupling = self.series.measure(Measure::CouplingMax);
        let coupled = coupling.is_some_and(|table| table.iter().any(|v| v.is_finite()));
        if coupled {
            (Measure::CouplingMax, "max coupling distance")
        } else {
            (Measure::RiskGap, "sup_t |R(f_N) - R(rho)|")
        }
    }
}

/// The statements about one group.
struct Statements<'a> {
    measured: Measured<'a>,
    reference: &'a BTreeMap<Measure, ReferenceError>,
    bootstrap: Bootstrap,
    record: &'a mut GapRecord,
    checks: &'a mut Vec<Check>,
}

/// A law along the width: the end of its check's name, its statement, what it is about and how it is judged.
struct WidthLaw<'a> {
    name: &'a str,
    statement: &'a str,
    measure: Measure,
    statistic: Statistic,
    exponent: Exponent,
    check: fn(String, String, &Result<SlopeFit, FitFailure>, Exponent) -> Check,
}

impl Statements<'_> {
    fn of_group(&mut self, e: &Experiment, parameters: usize) {
        match (self.measured.group.axis, self.measured.group.batch) {
            (GroupAxis::Width, BatchSize::Full) => self.widths(),
            (GroupAxis::Width, BatchSize::Size(_)) => {
                let typical = self.measured.typical(self.measured.bounded().0);
                self.bound(BoundForm::width_and_step(e.dynamics.step, parameters as f64, &typical));
            }
            (GroupAxis::Step, BatchSize::Full) => self.full_steps(),
            (GroupAxis::Step, BatchSize::Size(size)) => self.sampled_steps(size),
            (GroupAxis::Batch, _) => self.batches(),
            (GroupAxis::Variant, _) => {}
        }
    }

    fn fit(&mut self, measure: Measure, statistic: Statistic, expected: f64) -> Fitted {
        let table = self.measured.sup(measure);
        let fit = fit_slope(self.measured.abscissa(), table.view(), statistic, &self.bootstrap);
        self.record.fits.push(FitRecord::of(&self.measured.group.name, &measure.to_string(), expected, &fit));
        let smallest = table.iter().copied().filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min);
        Fitted { fit, smallest }
    }

    fn name(&self, what: &str) -> String {
        format!("gap-{}-{what}", self.measured.group.name)
    }

    fn error(&self, measure: Measure) -> ReferenceError {
        self.reference.get(&measure).copied().unwrap_or_default()
    }

    /// The check of a law along the width, which holds for large widths only.
    fn width_check(&mut self, law: WidthLaw<'_>) {
        let fitted = self.fit(law.measure, law.statistic, law.exponent.expected);
        let rule = law.exponent.near_reference(fitted.near(self.error(law.measure).total()));
        let name = self.name(law.name);
        let whole = (law.check)(name.clone(), law.statement.into(), &fitted.fit, rule);
        let (x, table) = (&self.measured.abscissa()[1..], self.measured.sup(law.measure));
        let tail = fit_slope(x, table.slice(s![1.., ..]), law.statistic, &self.bootstrap);
        self.checks.push(whole.or_pre_asymptotic(&(law.check)(name, law.statement.into(), &tail, rule)));
    }

    fn widths(&mut self) {
        self.width_check(WidthLaw {
            name: "function",
            statement: "E sup_t |f_N - f_rho|^2 ~ c (1/N - 1/M)",
            measure: Measure::Function,
            statistic: Statistic::MeanSquare,
            exponent: Exponent::new(-1.0),
            check: Check::exponent_equals,
        });
        self.width_check(WidthLaw {
            name: "coupling-rms",
            statement: "rms coupling distance ~ N^(-1/2)",
            measure: Measure::CouplingRms,
            statistic: Statistic::RootMeanSquare,
            exponent: Exponent::new(-0.5).resolution(0.15),
            check: Check::exponent_equals,
        });
        // Where there are several families of units, each of them.
        let measures: Vec<Measure> = self.measured.series.measures.iter().map(|(measure, _)| *measure).collect();
        for measure in measures {
            let Measure::FamilyCouplingRms(family) = measure else { continue };
            self.width_check(WidthLaw {
                name: &format!("coupling-{family}"),
                statement: &format!("rms coupling distance of the units of family '{family}' ~ N^(-1/2)"),
                measure,
                statistic: Statistic::RootMeanSquare,
                exponent: Exponent::new(-0.5).resolution(0.15),
                check: Check::exponent_equals,
            });
        }
        self.width_check(WidthLaw {
            name: "loss",
            statement: "sup_t |R(f_N) - R(rho)| falls at least as N^(-1/2)",
            measure: Measure::RiskGap,
            statistic: Statistic::RootMeanSquare,
            exponent: Exponent::new(-0.5).resolution(0.15),
            check: Check::exponent_at_most,
        });
        self.width_check(WidthLaw {
            name: "wasserstein",
            statement: "sup_t sliced W2(rho_N, rho) falls at least as N^(-1/2)",
            measure: Measure::Wasserstein,
            statistic: Statistic::RootMeanSquare,
            // Quantile fluctuations in the tails add a slowly varying factor to the square root.
            exponent: Exponent::new(-0.5).resolution(0.15).slack(0.05),
            check: Check::exponent_at_most,
        });
        self.bound(BoundForm::Width);
    }

    /// The largest coupling distance, or the loss gap, keeps to the bound's form in N.
    fn bound(&mut self, form: BoundForm) {
        let (measure, distance) = self.measured.bounded();
        let fitted = self.fit(measure, Statistic::RootMeanSquare, -0.5);
        let group = self.measured.group;
        let table = self.measured.sup(measure);
        let points: Vec<(f64, f64)> = table
            .outer_iter()
            .zip(&group.values)
            .flat_map(|(row, &n)| row.iter().map(|&gap| (n, gap)).collect::<Vec<_>>())
            .collect();
        self.record.bound = BoundBand::envelope(&points, form).ok();
        if matches!(form, BoundForm::WidthAndStep { .. }) && group.values.len() < 3 {
            // The proportion of the two terms is fitted: through two widths any data would pass.
            let (statement, why) = ("the bound's two terms, in a fitted proportion", "needs at least 3 widths");
            self.checks.push(Check::not_measured(self.name("bound-form"), statement, Some(0.0), why));
            return;
        }
        let drift = drift(&group.values, table.view(), form, Statistic::RootMeanSquare, &self.bootstrap);
        let statement = match form {
            BoundForm::Width => format!("{distance} over (sqrt(log N) + z)/sqrt(N) does not grow with N"),
            _ => format!("{distance} over the bound's two terms (fitted proportion) does not grow with N"),
        };
        let near = fitted.near(self.error(measure).total());
        self.checks.push(drift_check(self.name("bound-form"), statement, &drift, form, near));
    }

    fn full_steps(&mut self) {
        for (measure, what) in [(Measure::Function, "function"), (Measure::CouplingRms, "coupling-rms")] {
            let fitted = self.fit(measure, Statistic::Mean, 1.0);
            let near = fitted.near(self.error(measure).same_particles());
            let statement = format!("full gradient: sup_t {what} gap ~ eps (to 0.1, as steps are finite)");
            // Without sampling noise the interval over seeds is tiny, and the next order in eps is not in it.
            let rule = Exponent::new(1.0).slack(0.1).near_reference(near);
            self.checks.push(Check::exponent_equals(self.name(what), statement, &fitted.fit, rule));
        }
    }

    fn sampled_steps(&mut self, size: usize) {
        let fitted = self.fit(Measure::Function, Statistic::MeanSquare, 1.0);
        let near = fitted.near(self.error(Measure::Function).same_particles());
        let samples = if size == 1 { "one sample".to_string() } else { format!("{size} samples") };
        let statement = format!("{samples} a step: E sup_t |f_N - f_rho|^2 ~ eps");
        let rule = Exponent::new(1.0).near_reference(near);
        self.checks.push(Check::exponent_equals(self.name("function"), statement, &fitted.fit, rule));
    }

    fn batches(&mut self) {
        let fitted = self.fit(Measure::Function, Statistic::MeanSquare, -1.0);
        let near = fitted.near(self.error(Measure::Function).same_particles());
        let statement = "B samples a step: E sup_t |f_N - f_rho|^2 ~ 1/B";
        let rule = Exponent::new(-1.0).near_reference(near);
        self.checks.push(Check::exponent_equals(self.name("function"), statement, &fitted.fit, rule));
    }
}

/// A fit, and the smallest gap behind it.
struct Fitted {
    fit: Result<SlopeFit, FitFailure>,
    smallest: f64,
}

impl Fitted {
    /// Whether a fitted point comes near the reference's own error.
    fn near(&self, error: f64) -> bool {
        match &self.fit {
            Ok(fit) => fit.near_reference(error),
            Err(_) => self.smallest < RESOLVED * error,
        }
    }
}
