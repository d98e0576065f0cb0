//! The convergence study: how fast the risk decreases, and from which starts it does not.
//!
//! Theory section 8 (WKM section 6). Exponential and power laws of the risk of the limit, of every width and of every
//! variant; first passage times of given levels against the width; and starts that violate the support condition, from
//! which training stalls above the risk of the limit.

use super::{Convergence, ConvergenceArrays, ConvergenceRecord, RateRecord};
use crate::analysis::fit::{Bootstrap, FitFailure, SlopeFit, Statistic, fit_slope};
use crate::analysis::verdict::{Check, Exponent, Verdict};
use crate::config::{BatchSize, Precision, Variant};
use crate::record::npz::whole;
use crate::record::{FitRecord, LimitRun, Measure};
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::plan::{Group, Plan, single_neuron_id, variant_group_name};
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::study::TrainingSubject;
use crate::run::training::Trained;
use ndarray::{Array1, Array2, Array3, s};

/// Distinguishes the random streams of this bootstrap from those of other studies.
const CONVERGENCE_SALT: u64 = 3 << 32;
/// Largest change of the risk of a stalled network in the last quarter of the horizon, relative to its distance from
/// the risk of the limit.
const MAX_STALLED_CHANGE: f64 = 0.05;

/// Writes `records/convergence.npz` and `records/convergence.json`; returns the checks.
pub(super) fn run(
    spec: &Convergence,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let Some(limit) = trained.series(LimitRun::Reference.id()) else {
        return Ok(Outcome::Complete(Findings::default()));
    };
    let analysis = ConvergenceAnalysis { problem, plan, trained, limit: limit.row(Measure::Risk).to_vec() };
    let levels = analysis.levels(spec);
    let passages = analysis.passages(&levels);
    let mut record = ConvergenceRecord {
        fractions: spec.levels.clone(),
        levels: levels.clone(),
        rates: analysis.rates(),
        variants: problem.experiment.variants.iter().map(|v| (v.name.clone(), v.stalls)).collect(),
        fits: Vec::new(),
    };
    let of_limit: Vec<f64> =
        levels.iter().map(|&level| first_passage(&problem.times, &analysis.limit, level)).collect();
    let mut checks = analysis.passage_checks(spec, &passages, &of_limit, &mut record);
    for variant in problem.experiment.variants.iter().filter(|variant| variant.stalls) {
        checks.extend(analysis.stall_checks(variant));
    }
    let arrays = ConvergenceArrays {
        levels: Array1::from(levels),
        limit_passage: Array1::from(of_limit),
        widths: whole(problem.experiment.widths.values.iter().copied()),
        passage: passages,
    };
    arrays.write_to(context.folder)?;
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

/// The time at which a risk first reaches a level, by linear interpolation of its logarithm between records; NaN where
/// it does not reach it.
fn first_passage(times: &[f64], risk: &[f64], level: f64) -> f64 {
    if risk.first().is_some_and(|&risk| risk <= level) {
        return 0.0;
    }
    let Some(i) = (1..risk.len()).find(|&i| risk[i] <= level) else { return f64::NAN };
    let (before, after) = (risk[i - 1].ln(), risk[i].ln());
    let part = (before - level.ln()) / (before - after);
    // A risk of exactly zero has no logarithm: the recording time is returned.
    if part.is_finite() && after.is_finite() { times[i - 1] + part * (times[i] - times[i - 1]) } else { times[i] }
}

/// The change of a risk in the last quarter of the records, relative to its final distance above the risk of the limit;
/// `None` where it is not above.
fn late_change(risk: &[f64], limit: &[f64]) -> Option<f64> {
    let (end, late) = (limit.len() - 1, 3 * (limit.len() - 1) / 4);
    let above = risk[end] - limit[end];
    (above > 0.0).then(|| (risk[end] - risk[late]).abs() / above)
}

/// The trained networks and the risk of the limit.
struct ConvergenceAnalysis<'a> {
    problem: &'a Problem<'a, f64>,
    plan: &'a Plan,
    trained: &'a Trained,
    /// Risk of the limit (times).
    limit: Vec<f64>,
}

impl ConvergenceAnalysis<'_> {
    /// The group of networks of a variant.
    fn group(&self, variant: &Variant) -> Option<&Group> {
        self.plan.groups.iter().find(|group| group.name == variant_group_name(&variant.name))
    }

    /// The risk of a trajectory (times).
    fn risk(&self, id: &str) -> Option<Vec<f64>> {
        self.trained.series(id).map(|series| series.row(Measure::Risk).to_vec())
    }

    /// The levels as values of the risk.
    fn levels(&self, spec: &Convergence) -> Vec<f64> {
        let (start, end) = (self.limit[0], self.limit[self.limit.len() - 1]);
        spec.levels.iter().map(|fraction| end + fraction * (start - end)).collect()
    }

    /// First passage times (widths, seeds, levels).
    fn passages(&self, levels: &[f64]) -> Array3<f64> {
        let ids = &self.plan.groups[0].ids;
        let shape = (ids.len(), ids.first().map_or(0, Vec::len), levels.len());
        Array3::from_shape_fn(shape, |(w, seed, level)| {
            let risk = self.risk(&ids[w][seed]);
            risk.map_or(f64::NAN, |risk| first_passage(&self.problem.times, &risk, levels[level]))
        })
    }

    /// Checks that the passage times of networks tend to those of the limit as the width grows.
    fn passage_checks(
        &self,
        spec: &Convergence,
        passages: &Array3<f64>,
        of_limit: &[f64],
        record: &mut ConvergenceRecord,
    ) -> Vec<Check> {
        let e = self.problem.experiment;
        let x: Vec<f64> = e.widths.values.iter().map(|&n| n as f64).collect();
        let bootstrap = Bootstrap::new(e.seed, CONVERGENCE_SALT);
        let mut checks = Vec::new();
        for (l, fraction) in spec.levels.iter().enumerate() {
            // A passage after the horizon is cut off there: the distance is then at least that of the horizon. Networks
            // that diverged have no risk, and no passage.
            let horizon = self.problem.times[self.problem.times.len() - 1];
            let mut cut_off = 0;
            let table = Array2::from_shape_fn((x.len(), passages.dim().1), |(w, seed)| {
                let passage = passages[[w, seed, l]];
                let reached = self.trained.reached_horizon(&self.plan.groups[0].ids[w][seed]);
                cut_off += usize::from(passage.is_nan() && reached);
                let passage = if passage.is_nan() && reached { horizon } else { passage };
                (passage - of_limit[l]).abs()
            });
            let name = format!("convergence-passage-{fraction}");
            let statement = format!(
                "time to {fraction} of the decrease of the limit's risk: its distance from that of the limit falls at least as N^(-1/2)"
            );
            // The difference has either sign: its logarithm varies much more than its square.
            let fit = fit_slope(&x, table.view(), Statistic::RootMeanSquare, &bootstrap);
            record.fits.push(FitRecord::of("convergence", &format!("passage-{fraction}"), -0.5, &fit));
            // With mini-batches a part does not vanish with the width: the check applies to the full gradient only.
            if e.dynamics.batch == BatchSize::Full {
                let tail = fit_slope(&x[1..], table.slice(s![1.., ..]), Statistic::RootMeanSquare, &bootstrap);
                let check = Check::exponent(&name, &statement, &Exponent::at_most(-0.5), &fit);
                let check = check.or_pre_asymptotic("smallest width", &tail);
                let check = check.unless(self.plan.dependence(&self.plan.groups[0]));
                checks.push(if cut_off == 0 {
                    check
                } else {
                    // Distances that are cut off make the decay appear slower.
                    check.cannot_fail(format!(
                        "{cut_off} networks do not reach the level before the horizon: a longer horizon.time would resolve it"
                    ))
                });
            }
        }
        checks
    }

    /// Laws of the risk over the second half of the horizon.
    fn rates(&self) -> Vec<RateRecord> {
        let mut rates = vec![self.rate("limit", &[LimitRun::Reference.id().to_string()])];
        let widths = &self.problem.experiment.widths.values;
        for (n, ids) in widths.iter().zip(&self.plan.groups[0].ids) {
            rates.push(self.rate(&format!("N = {n}"), ids));
        }
        for variant in &self.problem.experiment.variants {
            if let Some(group) = self.group(variant) {
                rates.push(self.rate(&variant.name, &group.ids[0]));
            }
        }
        rates
    }

    /// The laws of the geometric mean of the risks of several trajectories.
    fn rate(&self, name: &str, ids: &[String]) -> RateRecord {
        let times = &self.problem.times;
        let from = times.len() / 2;
        let risks: Vec<Option<Vec<f64>>> = ids.iter().map(|id| self.risk(id)).collect();
        let table = Array2::from_shape_fn((times.len() - from, ids.len()), |(t, seed)| {
            risks[seed].as_ref().map_or(f64::NAN, |risk| risk[from + t])
        });
        let bootstrap = Bootstrap::new(self.problem.experiment.seed, CONVERGENCE_SALT + 1);
        let law = |x: Vec<f64>| fit_slope(&x, table.view(), Statistic::GeometricMean, &bootstrap);
        // A slope of the logarithm against log exp(t / T) = t / T is a rate.
        let horizon = times[times.len() - 1];
        let exponential = law(times[from..].iter().map(|t| (t / horizon).exp()).collect());
        let power = law(times[from..].to_vec());
        let (exponential, power) = (FittedLaw::of(&exponential), FittedLaw::of(&power));
        RateRecord {
            name: name.into(),
            rate: -exponential.slope / horizon,
            rate_interval: exponential.interval.map(|(low, high)| (-high / horizon, -low / horizon)),
            exponential_residual: exponential.residual,
            power: power.slope,
            power_interval: power.interval,
            power_residual: power.residual,
        }
    }

    /// Checks that the networks of a variant stall above the limit, and that they equal a network of one neuron where
    /// all neurons start at the same point.
    fn stall_checks(&self, variant: &Variant) -> Vec<Check> {
        let Some(group) = self.group(variant) else { return Vec::new() };
        let end = self.limit.len() - 1;
        let risks: Vec<Vec<f64>> = group.ids[0].iter().filter_map(|id| self.risk(id)).collect();
        let name = format!("convergence-stall-{}", variant.name);
        let statement = format!(
            "start '{}' violates the support condition: its risk stalls above that of the limit (change in the last quarter over the distance)",
            variant.name
        );
        let changes: Option<Vec<f64>> = risks.iter().map(|risk| late_change(risk, &self.limit)).collect();
        let ends = risks.first().map_or_else(String::new, |risk| {
            format!("at the end {:.4e}, the limit {:.4e}", risk[end], self.limit[end])
        });
        let stall = match changes {
            _ if risks.iter().flatten().chain(&self.limit).any(|risk| risk.is_nan()) || risks.is_empty() => {
                Check::not_measured(name, statement, Some(MAX_STALLED_CHANGE), "a network or the limit diverged")
            }
            Some(changes) => {
                let worst = sup(changes);
                let mut check = Check::at_most(name, statement, worst, MAX_STALLED_CHANGE);
                check.detail = format!("{ends}; largest relative change {worst:.1e}");
                check
            }
            None => {
                let detail = format!("{ends}: a network does not end above the limit");
                Check::new(name, statement, f64::NAN, Some(MAX_STALLED_CHANGE), Verdict::Fails, detail)
            }
        };
        let mut checks = vec![stall];
        if let Some(one) = self.risk(&single_neuron_id(&variant.name)) {
            let difference = sup(risks.iter().flat_map(|risk| risk.iter().zip(&one).map(|(a, b)| (a - b).abs())));
            let rounding = if self.problem.experiment.precision == Precision::F64 { 1e-10 } else { 1e-4 };
            let one_neuron = Check::at_most(
                format!("convergence-one-neuron-{}", variant.name),
                format!(
                    "start '{}': neurons with equal starts remain equal, and the network equals a single neuron",
                    variant.name
                ),
                difference,
                rounding * one[0].abs(),
            );
            checks.push(one_neuron.about_program());
        }
        checks
    }
}

/// The slope of a law; without an interval and a residual from a single seed, NaN where no law can be fitted.
struct FittedLaw {
    slope: f64,
    interval: Option<(f64, f64)>,
    residual: f64,
}

impl FittedLaw {
    fn of(fit: &Result<SlopeFit, FitFailure>) -> Self {
        match fit {
            Ok(fit) => FittedLaw { slope: fit.slope, interval: Some(fit.interval), residual: fit.residual },
            Err(FitFailure::OneSeed { slope, .. } | FitFailure::NoSpread { slope, .. }) => {
                FittedLaw { slope: *slope, interval: None, residual: f64::NAN }
            }
            Err(
                FitFailure::Shape { .. }
                | FitFailure::Settings { .. }
                | FitFailure::TooFewPoints { .. }
                | FitFailure::Sparse,
            ) => FittedLaw { slope: f64::NAN, interval: None, residual: f64::NAN },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plateau_above_the_limit_has_stalled() {
        let along = |risk: fn(f64) -> f64| (0..=40).map(|i| risk(0.25 * f64::from(i))).collect::<Vec<f64>>();
        let limit = along(|t| (-t).exp());
        let stalled =
            |risk: fn(f64) -> f64| late_change(&along(risk), &limit).is_some_and(|change| change <= MAX_STALLED_CHANGE);
        assert!(stalled(|_| 0.5));
        assert!(stalled(|t| 0.3 + (-t).exp()));
        assert!(!stalled(|t| (-0.3 * t).exp()), "slower than the limit, but falling");
        assert!(!stalled(|t| 2.0 - 0.1 * t));
        assert!(!stalled(|_| 0.0), "below the limit");
        assert!(!stalled(|t| 0.3 + 0.05 * t), "rising");
        assert!(!stalled(|_| f64::NAN));
    }

    #[test]
    fn first_passages_of_an_exponential_are_exact() {
        let times: Vec<f64> = (0..=10).map(|i| 0.5 * f64::from(i)).collect();
        let risk: Vec<f64> = times.iter().map(|t| 3.0 * (-0.7 * t).exp()).collect();
        for level in [2.9, 1.0, 0.2] {
            let expected = (3.0_f64 / level).ln() / 0.7;
            assert!((first_passage(&times, &risk, level) - expected).abs() < 1e-12);
        }
        assert_eq!(first_passage(&times, &risk, 4.0), 0.0);
        assert!(first_passage(&times, &risk, 0.01).is_nan());
        assert_eq!(first_passage(&[0.0, 1.0], &[1.0, 0.0], 0.5), 1.0);
    }
}
