//! A statement about a quantity of several runs: its law in a parameter is fitted, and judged.

use super::estimate::{Estimate, Hypothesis};
use super::fit::Bootstrap;
use super::trend::{JointQuantities, Parabola, SeedQuantity, TrendLaw, line, residual, window};
use super::verdict::Check;
use crate::number::text::{given, measured};
use serde::{Deserialize, Serialize};

/// A statement about the law of a quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendStatement {
    /// Name of the check.
    pub name: String,
    /// The statement in words.
    pub statement: String,
    /// The parameter in words.
    pub over: String,
    /// The law.
    pub law: TrendLaw,
    /// The relation of the fitted number to an expected one.
    pub about: Hypothesis,
    /// Largest half-width of the interval that resolves the number.
    pub resolution: f64,
}

/// The quantity of one run, at its value of the parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// The parameter.
    pub x: f64,
    /// The width of the networks, where the quantity is of one width.
    pub width: Option<usize>,
    /// The quantity.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
}

/// A line through the logarithm of a quantity, or through an exponent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineFit {
    /// The slope.
    pub slope: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// The value at abscissa 0.
    pub intercept: f64,
    /// Root mean square distance of the points from the line.
    pub residual: f64,
}

/// The place of the least value of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// The width of the networks; `None` for the limit.
    pub width: Option<usize>,
    /// The place.
    pub x: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
}

/// A fitted law.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrendFit {
    /// The points that were fitted.
    pub points: Vec<TrendPoint>,
    /// The number about which the statement is.
    pub number: Option<Estimate>,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// The quantity against the logarithm of the parameter, where that is positive: a power law.
    pub power: Option<LineFit>,
    /// The quantity against the parameter: an exponential.
    pub exponential: Option<LineFit>,
    /// The places of the least values.
    pub optima: Vec<Optimum>,
    /// The reason where nothing was fitted.
    pub failure: Option<String>,
}

/// Quantities at values of the parameter, in increasing order.
pub type Placed<'a> = Vec<(f64, &'a SeedQuantity)>;

/// Fits the law of a statement to quantities at values of the parameter, one name for all: of one width, or, for an
/// optimum, of several. `limit` is the same quantity of the limit, for an optimum. Quantities without a value are left
/// out.
pub fn fit(
    statement: &TrendStatement,
    quantities: &[(f64, &SeedQuantity)],
    limit: &[(f64, &SeedQuantity)],
    bootstrap: &Bootstrap,
) -> (TrendFit, Check) {
    let (mut fitted, mut usable, mut left_out) = (TrendFit::default(), Placed::new(), Vec::new());
    for &(x, quantity) in quantities {
        match quantity.measure(bootstrap) {
            Ok(found) => {
                usable.push((x, quantity));
                let (value, interval) = (found.value, found.interval);
                fitted.points.push(TrendPoint { x, width: quantity.width, value, interval });
            }
            Err(reason) => left_out.push(reason),
        }
    }
    let found = match statement.law {
        TrendLaw::Power | TrendLaw::Exponential => monotone(statement, &usable, bootstrap, &mut fitted),
        TrendLaw::Optimum => optimum(&usable, limit, bootstrap, &mut fitted),
    };
    let dropped = match left_out.first() {
        None => String::new(),
        Some(reason) => format!("; {} of {} values left out ({reason})", left_out.len(), quantities.len()),
    };
    let TrendStatement { name, statement: words, law, about, resolution, .. } = statement;
    let check = match found {
        Ok((estimate, text)) => {
            fitted.number = Some(estimate);
            fitted.interval = Some(estimate.interval(bootstrap.level));
            Check::estimated(name, words, law.number(), about, *resolution, estimate, text + &dropped)
        }
        Err(reason) => {
            let reason = reason + &dropped;
            fitted.failure = Some(reason.clone());
            Check::not_measured(name, words, Some(about.expected), reason)
        }
    };
    (fitted, check)
}

/// An estimate with its interval in words.
fn words(estimate: &Estimate, level: f64) -> String {
    let (low, high) = estimate.interval(level);
    format!("{} [{}, {}]", measured(estimate.value), measured(low), measured(high))
}

/// Both monotone laws, and the number of the one of the statement.
fn monotone(
    statement: &TrendStatement,
    usable: &Placed<'_>,
    bootstrap: &Bootstrap,
    fitted: &mut TrendFit,
) -> Result<(Estimate, String), String> {
    let needed = statement.law.least_points();
    let x: Vec<f64> = usable.iter().map(|(x, _)| *x).collect();
    if x.len() < needed {
        return Err(format!("{} points with a value, and the law needs {needed}", x.len()));
    }
    let all: Vec<&SeedQuantity> = usable.iter().map(|(_, quantity)| *quantity).collect();
    let joint = JointQuantities::new(&all, bootstrap)?;
    let q = joint.values();
    let along = |x: &[f64]| -> (Estimate, LineFit) {
        let slope = joint.estimate(|q| line(x, q).0);
        let interval = slope.interval(bootstrap.level);
        let intercept = line(x, q).1;
        (slope, LineFit { slope: slope.value, interval, intercept, residual: residual(x, q) })
    };
    let (rate, exponential) = along(&x);
    let power = x.iter().all(|x| *x > 0.0).then(|| along(&x.iter().map(|x| x.ln()).collect::<Vec<f64>>()));
    (fitted.exponential, fitted.power) = (Some(exponential), power.map(|(_, line)| line));
    let seeds = all[0].values.ncols();
    // Both laws pass through two points; their residuals are rounding.
    let compared = |own: &str, own_residual: f64, other: &str, other_residual: f64| {
        if x.len() < 3 {
            return String::new();
        }
        let closer = if own_residual <= other_residual { own } else { other };
        format!(
            "; residual {}, of {other} {}: {closer} is the closer of the two",
            measured(own_residual),
            measured(other_residual)
        )
    };
    match (statement.law, power) {
        (TrendLaw::Power, Some((exponent, line))) => {
            let text = format!(
                "exponent {} in {} over {} points and {seeds} seeds{}",
                words(&exponent, bootstrap.level),
                statement.over,
                x.len(),
                compared("a power law", line.residual, "an exponential", exponential.residual)
            );
            Ok((exponent, text))
        }
        (TrendLaw::Power, None) => Err("a power law needs positive values of the parameter".into()),
        (_, power) => {
            let range = x[x.len() - 1] - x[0];
            let change = joint.estimate(|q| Parabola::fit(&x, q).change_of_slope(range));
            let power = power.map(|(exponent, line)| {
                let closer = compared("an exponential", exponential.residual, "a power law", line.residual);
                format!("; power law of exponent {}{closer}", words(&exponent, bootstrap.level))
            });
            let text = format!(
                "rate {}, which changes by {} from {} to {} over {} points and {seeds} seeds{}",
                words(&rate, bootstrap.level),
                words(&change, bootstrap.level),
                given(x[0]),
                given(x[x.len() - 1]),
                x.len(),
                power.unwrap_or_default()
            );
            Ok((change, text))
        }
    }
}

/// The minimum of a curve: its abscissae and the window around its least value.
struct MinimumCurve<'a> {
    width: Option<usize>,
    log_x: Vec<f64>,
    quantities: Vec<&'a SeedQuantity>,
}

impl MinimumCurve<'_> {
    /// The points around the least of given values.
    fn around_least(&mut self, q: &[f64]) -> Result<(), String> {
        let of = self.width.map_or("the limit".into(), |width| format!("N = {width}"));
        let kept = window(q).ok_or_else(|| format!("{of}: the least value is at an end of the range"))?;
        self.log_x = self.log_x[kept.clone()].to_vec();
        self.quantities = self.quantities[kept].to_vec();
        Ok(())
    }
}

/// The curve of every width, with the points around its least value.
fn curves<'a>(placed: &[(f64, &'a SeedQuantity)], bootstrap: &Bootstrap) -> Result<Vec<MinimumCurve<'a>>, String> {
    let mut widths: Vec<Option<usize>> = placed.iter().map(|(_, quantity)| quantity.width).collect();
    widths.sort_unstable();
    widths.dedup();
    let curve = |width: Option<usize>| {
        let own = || placed.iter().filter(|(_, quantity)| quantity.width == width);
        let quantities: Vec<&SeedQuantity> = own().map(|(_, quantity)| *quantity).collect();
        let mut curve = MinimumCurve { width, log_x: own().map(|(x, _)| x.ln()).collect(), quantities };
        let measure = |quantity: &&SeedQuantity| quantity.measure(bootstrap).map(|found| found.value);
        let values: Vec<f64> = curve.quantities.iter().map(measure).collect::<Result<_, String>>()?;
        curve.around_least(&values)?;
        Ok(curve)
    };
    widths.into_iter().map(curve).collect()
}

/// The place of the least value of every width, and its exponent in the width.
fn optimum(
    usable: &Placed<'_>,
    limit: &[(f64, &SeedQuantity)],
    bootstrap: &Bootstrap,
    fitted: &mut TrendFit,
) -> Result<(Estimate, String), String> {
    let curves_of_widths = curves(usable, bootstrap)?;
    let all: Vec<&SeedQuantity> = curves_of_widths.iter().flat_map(|curve| curve.quantities.clone()).collect();
    if all.is_empty() {
        return Err("no point has a value".into());
    }
    let joint = JointQuantities::new(&all, bootstrap)?;
    let mut first = 0;
    let ranges: Vec<std::ops::Range<usize>> = curves_of_widths
        .iter()
        .map(|curve| {
            let range = first..first + curve.log_x.len();
            first = range.end;
            range
        })
        .collect();
    let place = |i: usize, q: &[f64]| Parabola::fit(&curves_of_widths[i].log_x, &q[ranges[i].clone()]).minimum();
    for (i, curve) in curves_of_widths.iter().enumerate() {
        let estimate = joint.estimate(|q| place(i, q));
        let (low, high) = estimate.interval(bootstrap.level);
        let interval = Some((low.exp(), high.exp()));
        fitted.optima.push(Optimum { width: curve.width, x: estimate.value.exp(), interval });
    }
    let mut of_limit = String::new();
    if let Ok([curve]) = curves(limit, bootstrap).as_deref() {
        let value = |quantity: &&SeedQuantity| quantity.measure(bootstrap).map_or(f64::NAN, |found| found.value.ln());
        let q: Vec<f64> = curve.quantities.iter().map(value).collect();
        let x = Parabola::fit(&curve.log_x, &q).minimum().exp();
        fitted.optima.push(Optimum { width: None, x, interval: None });
        of_limit = format!(", limit {}", measured(x));
    }
    let log_n: Vec<f64> = curves_of_widths.iter().filter_map(|curve| Some((curve.width? as f64).ln())).collect();
    if log_n.len() < 2 || log_n.len() < curves_of_widths.len() {
        return Err("an exponent in the width needs the quantity of at least 2 widths".into());
    }
    let exponent = joint.estimate(|q| {
        let places: Vec<f64> = (0..log_n.len()).map(|i| place(i, q)).collect();
        line(&log_n, &places).0
    });
    if !exponent.value.is_finite() || !exponent.standard_error.is_finite() {
        return Err("the parabola through the least values is not convex for all seeds".into());
    }
    let place = |optimum: &Optimum| {
        let width = optimum.width?;
        let (low, high) = optimum.interval?;
        Some(format!("N = {width}: {} [{}, {}]", measured(optimum.x), measured(low), measured(high)))
    };
    let places: Vec<String> = fitted.optima.iter().filter_map(place).collect();
    Ok((
        exponent,
        format!("exponent {} of the optimum; {}{of_limit}", words(&exponent, bootstrap.level), places.join(", ")),
    ))
}

#[cfg(test)]
mod tests;
