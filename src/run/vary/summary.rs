//! The table of all points of a sweep, and the statements about them.

use super::super::context::RunError;
use super::super::plan::Plan;
use super::super::study::Registry;
use super::points::point_folder;
use super::quantities::{FINAL_RISK, STEP_RISK, of_run};
use crate::analysis::estimate::Hypothesis;
use crate::analysis::fit::Bootstrap;
use crate::analysis::trend::{SeedQuantity, TrendLaw};
use crate::analysis::trend_fit::{self, TrendStatement};
use crate::analysis::verdict::Check;
use crate::config::AnyExperiment;
use crate::config::vary::{Combine, TrendSpec, Varied, label, number};
use crate::number::plain;
use crate::record::{
    CHECKS, PointCheck, PointRecord, QuantityPoint, QuantityRecord, RunFolder, StatementRecord, VaryRecord,
};

/// The record of a sweep whose points are complete, and the checks of its statements, which are not judged yet.
///
/// # Errors
/// Records of points that are missing or damaged.
pub(super) fn summary(
    varied: &Varied<AnyExperiment>,
    folder: &RunFolder,
    registry: &'static Registry,
) -> Result<(VaryRecord, Vec<Check>), RunError> {
    let (mut points, mut quantities) = (Vec::new(), Vec::new());
    for point in &varied.points {
        let run = RunFolder::existing(&folder.file(&point_folder(&point.name)))?;
        let checks: Vec<Check> = run.read_json(CHECKS)?;
        let verdict = |check: Check| {
            let Check { name, section, measured, verdict, .. } = check;
            PointCheck { name, section, measured, verdict }
        };
        points.push(PointRecord {
            name: point.name.clone(),
            values: point.values.iter().map(|value| serde_json::to_value(value).unwrap_or_default()).collect(),
            checks: checks.into_iter().map(verdict).collect(),
        });
        quantities.push(of_run(&run, registry)?);
    }
    let seed = varied.points[0].experiment.seed();
    let dependence = varied.points.iter().find_map(|point| dependence(&point.experiment));
    let (mut fits, mut checks) = (Vec::new(), Vec::new());
    for (salt, spec) in varied.fits.iter().enumerate() {
        let found = statements(varied, spec, &quantities, &Bootstrap::new(seed, salt as u64));
        for (record, check) in found {
            fits.push(record);
            checks.push(check.unless(dependence.clone()));
        }
    }
    let record = VaryRecord {
        experiment: varied.points[0].experiment.name().into(),
        keys: varied.keys.iter().map(|key| key.key.clone()).collect(),
        points,
        quantities: table(&quantities, &Bootstrap::new(seed, 0)),
        fits,
    };
    Ok((record, checks))
}

/// Why the seeds of the networks of an experiment are not independent, where they are not.
fn dependence(experiment: &AnyExperiment) -> Option<String> {
    let AnyExperiment::Training(e) = experiment else { return None };
    let plan = Plan::new(e);
    plan.groups.first().and_then(|widths| plan.dependence(widths))
}

/// Every quantity at every point.
fn table(quantities: &[Vec<SeedQuantity>], bootstrap: &Bootstrap) -> Vec<QuantityRecord> {
    let mut found: Vec<QuantityRecord> = Vec::new();
    for quantity in quantities.iter().flatten() {
        if found.iter().any(|other| other.name == quantity.name && other.width == quantity.width) {
            continue;
        }
        let at = |own: &Vec<SeedQuantity>| {
            let same = own.iter().find(|other| other.name == quantity.name && other.width == quantity.width);
            let measured = same.map_or(Err("not recorded".into()), |quantity| quantity.measure(bootstrap));
            match measured {
                Ok(found) => QuantityPoint { value: found.value, interval: found.interval, reason: None },
                Err(reason) => QuantityPoint { value: f64::NAN, interval: None, reason: Some(reason) },
            }
        };
        found.push(QuantityRecord {
            name: quantity.name.clone(),
            label: quantity.label.clone(),
            width: quantity.width,
            positive: quantity.exponential,
            points: quantities.iter().map(at).collect(),
        });
    }
    found
}

/// Points that differ in the abscissa of a statement only.
struct Slice {
    /// The other keys, `KEY=VALUE`.
    at: Vec<String>,
    /// The points in increasing order of the abscissa, each with it.
    points: Vec<(usize, f64)>,
}

/// The slices of a sweep along a key; one where keys vary together.
fn slices(varied: &Varied<AnyExperiment>, over: &str) -> Vec<Slice> {
    let mut found: Vec<Slice> = Vec::new();
    for (i, point) in varied.points.iter().enumerate() {
        let mut at = Vec::new();
        let mut x = f64::NAN;
        for (key, value) in varied.keys.iter().zip(&point.values) {
            if key.key == over {
                x = number(value).unwrap_or(f64::NAN);
            } else if varied.combine == Combine::Product {
                let text = label(value).unwrap_or_else(|| value.to_string());
                at.push(format!("{}={text}", key.key));
            }
        }
        match found.iter_mut().find(|slice| slice.at == at) {
            Some(slice) => slice.points.push((i, x)),
            None => found.push(Slice { at, points: vec![(i, x)] }),
        }
    }
    found.iter_mut().for_each(|slice| slice.points.sort_by(|a, b| a.1.total_cmp(&b.1)));
    found
}

/// The statements of an entry of `[[vary.fit]]`: one per slice, and per width where the law is not one of all widths.
fn statements(
    varied: &Varied<AnyExperiment>,
    spec: &TrendSpec,
    quantities: &[Vec<SeedQuantity>],
    bootstrap: &Bootstrap,
) -> Vec<(StatementRecord, Check)> {
    let mut found = Vec::new();
    for slice in slices(varied, &spec.over) {
        let placed = |name: &str| -> Vec<(f64, &SeedQuantity)> {
            let of_point = |&(i, x): &(usize, f64)| {
                quantities[i].iter().filter(|quantity| quantity.name == name).map(|q| (x, q)).collect::<Vec<_>>()
            };
            slice.points.iter().flat_map(of_point).collect()
        };
        let all = placed(&spec.quantity);
        let limit = if spec.quantity == FINAL_RISK { placed(STEP_RISK) } else { Vec::new() };
        let mut widths: Vec<Option<usize>> = all.iter().map(|(_, quantity)| quantity.width).collect();
        widths.sort_unstable();
        widths.dedup();
        if spec.law == TrendLaw::Optimum || widths.is_empty() {
            widths = vec![None];
        }
        for width in widths {
            let own: Vec<(f64, &SeedQuantity)> = if spec.law == TrendLaw::Optimum {
                all.clone()
            } else {
                all.iter().filter(|(_, quantity)| quantity.width == width).copied().collect()
            };
            let statement = statement(spec, width, &slice.at);
            let (fit, check) = trend_fit::fit(&statement, &own, &limit, bootstrap);
            let record = StatementRecord {
                figure: spec.name.clone(),
                check: check.name.clone(),
                quantity: spec.quantity.clone(),
                width,
                over: spec.over.clone(),
                at: slice.at.clone(),
                law: spec.law,
                relation: spec.relation,
                expected: spec.expected,
                fit,
            };
            found.push((record, check));
        }
    }
    found
}

/// The statement for one width and slice.
fn statement(spec: &TrendSpec, width: Option<usize>, at: &[String]) -> TrendStatement {
    let of_width = width.map(|width| format!("-n{width}")).unwrap_or_default();
    let of_slice: String = at.iter().map(|part| format!("-{part}")).collect();
    let number = format!("{}{}", spec.relation.words(), plain(spec.expected));
    let (quantity, over) = (&spec.quantity, &spec.over);
    let words = match spec.law {
        _ if !spec.statement.is_empty() => spec.statement.clone(),
        TrendLaw::Power => format!("{quantity} is a power of {over} with exponent {number}"),
        TrendLaw::Exponential => format!("the rate of log {quantity} in {over} changes by {number} over the range"),
        TrendLaw::Optimum => {
            format!("the {over} at which {quantity} is least is a power of the width with exponent {number}")
        }
    };
    let conditions: Vec<String> =
        width.map(|width| format!("N = {width}")).into_iter().chain(at.iter().cloned()).collect();
    let conditions = if conditions.is_empty() { String::new() } else { format!("{}: ", conditions.join(", ")) };
    TrendStatement {
        name: format!("vary-{}{of_width}{of_slice}", spec.name),
        statement: conditions + &words,
        over: over.clone(),
        law: spec.law,
        about: Hypothesis { slack: spec.slack, ..Hypothesis::new(spec.relation, spec.expected) },
        resolution: spec.resolution,
    }
}
