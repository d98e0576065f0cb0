//! The main quantities of the gap study, which sweeps over other keys show.

use crate::analysis::bound::BoundForm;
use crate::analysis::fit::Statistic;
use crate::analysis::trend::{DIVERGED, SeedQuantity};
use crate::record::{GroupAxis, GroupRecord, Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::records::Records;
use ndarray::Array2;

/// The names of the quantities.
pub(super) const NAMES: &[&str] = &["gap-constant", "gap-exponent", "function-gap"];

/// The constant of the bound's first term, the exponent of the square distance in the width, and the distance of every
/// width, from the networks that follow the full gradient; none without them.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn quantities(folder: &RunFolder) -> Result<Vec<SeedQuantity>, FiguresError> {
    let records = Records::read(folder)?;
    let full = |group: &&GroupRecord| group.axis == GroupAxis::Width && group.batch.is_none();
    let Some(group) = records.groups.groups.iter().find(full) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    // A limit without particles has no coupling distances.
    let measured = |measure: Measure| records.sup(group, measure).filter(|table| table.iter().any(|v| v.is_finite()));
    if let Some(table) = measured(Measure::CouplingMax).or_else(|| measured(Measure::RiskGap)) {
        found.extend(constant(group, table));
    }
    let distances = records.sup(group, Measure::Function);
    if let (Some(table), Some(abscissa)) = (distances, records.abscissa(group)) {
        let x: Vec<f64> = abscissa.to_vec();
        let label = "exponent of sup_{t} ‖f_{N} − f_{ρ}‖^{2} in N";
        let statistic = Statistic::GeometricMeanSquare;
        found.extend(SeedQuantity::exponent("gap-exponent", label, statistic, &x, table.clone()));
        let of_width = |(width, row): (&f64, ndarray::ArrayView1<f64>)| {
            let (name, label) = ("function-gap", "sup_{t} ‖f_{N} − f_{ρ}‖");
            SeedQuantity::of_seeds(name, label, Some(*width as usize), Statistic::GeometricMean, row)
        };
        found.extend(group.values.iter().zip(table.rows()).map(of_width));
    }
    Ok(found)
}

/// The constant C of `C (sqrt(log N) + z)/sqrt(N)`: the geometric mean over widths of the quantiles of the gap over the
/// form. `None` where a width is 1, at which the form does not apply.
fn constant(group: &GroupRecord, table: &Array2<f64>) -> Option<SeedQuantity> {
    let (widths, seeds) = (&group.values, table.ncols());
    if widths.is_empty() || widths.iter().any(|n| *n < 2.0) {
        return None;
    }
    Some(SeedQuantity {
        name: "gap-constant".into(),
        label: "constant of the bound".into(),
        width: None,
        exponential: true,
        statistic: Statistic::BoundQuantiles,
        values: table.clone(),
        missing: DIVERGED.into(),
        weights: vec![1.0 / widths.len() as f64; widths.len()],
        offsets: widths.iter().map(|&n| BoundForm::Width.typical(n, seeds).ln()).collect(),
    })
}
