//! The checks of the study of kept neurons.

use super::{KeepArrays, KeepRecord};
use crate::analysis::drawn_change::{DrawnChange, closed_form_check};
use crate::analysis::estimate::Estimate;
use crate::analysis::ratio::{PredictedRatio, SeedStatistic};
use crate::analysis::repetition::Repetition;
use crate::analysis::verdict::Check;
use ndarray::{Array2, Array3, Axis, Zip};

/// Rounding allowed between the model and the evaluated loss, relative to the larger of the loss and that of all neurons.
const MODEL_ROUNDING: f64 = 1e-9;
/// Rounding allowed where a loss does not rise.
const ROUNDING: f64 = 1e-12;
/// The ratios of predicted to measured within which the prediction of the limit is right.
const RANGE: (f64, f64) = (0.9, 1.1);

impl KeepArrays {
    /// The row of the largest width whose neurons were eliminated.
    pub(super) fn largest_eliminated(&self) -> Option<usize> {
        (0..self.widths.len()).rev().find(|&w| self.greedy.index_axis(Axis(0), w).iter().any(|v| v.is_finite()))
    }
}

/// All checks. `dependence` is why the seeds are not independent, where they are not.
pub(super) fn checks(arrays: &KeepArrays, record: &KeepRecord, dependence: Option<String>) -> Vec<Check> {
    let mut checks = Vec::new();
    if record.exact {
        checks.push(closed_form(arrays));
        checks.push(limit(arrays, record).unless(dependence.clone()));
        checks.push(model(arrays));
    }
    checks.push(descent(arrays));
    checks.push(surgeon_against_largest(arrays).unless(dependence));
    checks
}

/// The mean over random sets is the closed form.
fn closed_form(arrays: &KeepArrays) -> Check {
    let [widths, sizes] = [&arrays.widths, &arrays.kept].map(|v| v.iter().map(|&v| v as usize).collect::<Vec<_>>());
    let drawn = DrawnChange {
        mean: arrays.change_mean.view(),
        error: arrays.change_error.view(),
        skewness: arrays.change_skewness.view(),
        predicted: arrays.change_predicted.view(),
    };
    closed_form_check("keep-closed-form", "", (&widths, &sizes), &drawn, arrays.loss.view())
}

/// The mean over random sets is that which the spread of the limit predicts, at the largest width, over all M up to N / 2.
fn limit(arrays: &KeepArrays, record: &KeepRecord) -> Check {
    let Some(w) = arrays.widths.len().checked_sub(1) else { return not_measured("keep-limit", "no networks") };
    let n = arrays.widths[w];
    let statement = format!(
        "N = {n}: mean loss added by keeping M at random, predicted from the limit / measured, lies within [{}, {}]",
        RANGE.0, RANGE.1
    );
    let missing = |why: &str| Check::not_measured("keep-limit", statement.clone(), Some(1.0), why);
    let Some(limit) = record.limit else { return missing("the limit has no particles at the horizon") };
    let rows: Vec<usize> = (0..arrays.kept.len()).filter(|&m| 2.0 * arrays.kept[m] <= n).collect();
    let per = arrays.proportion[0];
    let predicted: Vec<f64> = rows.iter().map(|&m| limit.mean_cost(per * n, per * arrays.kept[m])).collect();
    let measured = arrays.change_mean.index_axis(Axis(0), w).select(Axis(1), &rows).reversed_axes();
    let relative_error = limit.error / limit.spread;
    match PredictedRatio::new(&predicted, measured.view(), SeedStatistic::PositiveMean, relative_error) {
        Err(failure) => missing(
            &failure.words("the mean loss added", Repetition::Seed, |row| format!("M = {}", arrays.kept[rows[row]])),
        ),
        Ok(found) => {
            let (low, high) = found.interval();
            let text = format!(
                "ratio {:.3}, 95 % interval [{low:.3}, {high:.3}] over {} numbers M and {} seeds",
                found.ratio(),
                rows.len(),
                found.seeds
            );
            Check::ratio_within("keep-limit", statement, 1.0, RANGE, found.logarithm, text)
        }
    }
}

/// The value of the quadratic model, by costs, is the evaluated loss and the damping.
fn model(arrays: &KeepArrays) -> Check {
    let statement = "half-squared loss: after the elimination, minimum + sum of costs = loss + damping: largest relative \
                     difference";
    let evaluated = &arrays.greedy + &arrays.greedy_penalty;
    let size = with_all(arrays, &arrays.greedy, f64::max);
    let mut worst = f64::NAN;
    Zip::from(&evaluated).and(&arrays.greedy_model).and(&size).for_each(|evaluated, model, size| {
        worst = worst.max(if model.is_finite() { (evaluated - model).abs() / size } else { f64::NAN });
    });
    at_most("keep-model", statement, worst, MODEL_ROUNDING)
}

/// The combination of every entry of a cube with the loss of all neurons of its network.
fn with_all(arrays: &KeepArrays, cube: &Array3<f64>, combine: fn(f64, f64) -> f64) -> Array3<f64> {
    Array3::from_shape_fn(cube.dim(), |(w, seed, m)| combine(cube[[w, seed, m]], arrays.loss[[w, seed]]))
}

/// No refit increases the loss from which it starts.
fn descent(arrays: &KeepArrays) -> Check {
    let statement = "no refit of output weights increases the loss: largest increase, over the larger of the loss and that of all \
                     neurons";
    let pairs = [
        (&arrays.first, &arrays.first_refit),
        (&arrays.largest, &arrays.largest_refit),
        (&arrays.greedy, &arrays.greedy_refit),
    ];
    let mut worst = f64::NAN;
    for (start, end) in pairs {
        let size = with_all(arrays, start, f64::max);
        Zip::from(start).and(end).and(&size).for_each(|start, end, size| worst = worst.max((end - start) / size));
    }
    at_most("keep-refit-descends", statement, worst, ROUNDING)
}

/// A check of the program on a largest value; not resolved where there is none.
fn at_most(name: &str, statement: &str, worst: f64, limit: f64) -> Check {
    let check = match worst.is_nan() {
        true => Check::not_measured(name, statement, Some(limit), "no neurons were eliminated"),
        false => Check::at_most(name, statement, worst, limit),
    };
    check.about_program()
}

fn not_measured(name: &str, why: &str) -> Check {
    Check::not_measured(name, "the loss with M of N neurons", None, why)
}

/// The optimal brain surgeon keeps better neurons than those of largest contribution, by the geometric mean over all M of the
/// ratio of their losses, both refitted, with an interval over seeds.
fn surgeon_against_largest(arrays: &KeepArrays) -> Check {
    let name = "keep-greedy-below-largest";
    let Some(w) = arrays.largest_eliminated() else { return not_measured(name, "no neurons were eliminated") };
    let statement = format!(
        "N = {}: refitted loss with the neurons of the greedy elimination / with those of largest contribution, geometric \
         mean over M, is below 1",
        arrays.widths[w]
    );
    let ratios: Array2<f64> = (&arrays.greedy_refit / &arrays.largest_refit).index_axis(Axis(0), w).mapv(f64::ln);
    let mean = |row: ndarray::ArrayView1<f64>| {
        let finite: Vec<f64> = row.iter().copied().filter(|v| v.is_finite()).collect();
        finite.iter().sum::<f64>() / finite.len() as f64
    };
    let by_seed: Vec<f64> = ratios.outer_iter().map(mean).filter(|v| v.is_finite()).collect();
    let seeds = by_seed.len() as f64;
    if by_seed.len() < 3 {
        let why = format!("{seeds} usable seeds: an interval needs at least 3");
        return Check::not_measured(name, statement, Some(1.0), why);
    }
    let value = by_seed.iter().sum::<f64>() / seeds;
    let variance = by_seed.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (seeds - 1.0);
    let logarithm = Estimate { value, standard_error: (variance / seeds).sqrt(), degrees_of_freedom: seeds - 1.0 };
    if logarithm.standard_error == 0.0 {
        return Check::not_measured(name, statement, Some(1.0), "the ratio is the same for every seed");
    }
    let (low, high) = logarithm.interval(0.95);
    let text = format!(
        "ratio {:.3}, 95 % interval [{:.3}, {:.3}] over {seeds} seeds, paired",
        value.exp(),
        low.exp(),
        high.exp()
    );
    Check::ratio_below(name, statement, 1.0, logarithm, text)
}
