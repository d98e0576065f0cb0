//! The largest coupling distance (or loss gap) of every network under the bound's form with a fitted constant.

use super::records::Records;
use super::scaling::label;
use crate::analysis::bound::BoundForm;
use crate::analysis::fit::Statistic;
use crate::figure::{Axis, Colour, Dash, Figure, Mark, Panel};

/// Points of the band along the width.
const GRID: usize = 40;

/// One dot per network, the band from z = 0 to the z of probability 0.95; `None` where no constant could be fitted.
pub fn figure(records: &Records) -> Option<(String, Figure)> {
    let (band, group) = (records.gap.bound?, records.widths()?);
    // A limit without particles has no coupling: the bound is then about the loss.
    let coupled = records.measure(group, "coupling_max").filter(|table| table.iter().any(|v| v.is_finite()));
    let measure = if coupled.is_some() { "coupling_max" } else { "risk_gap" };
    let table = records.measure(group, measure)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (networks, &n) in table.outer_iter().zip(&group.values) {
        for run in networks.outer_iter() {
            x.push(n);
            // A diverged network has NaN somewhere: it has no sup.
            y.push(run.iter().fold(0.0, |a: f64, &b| if b.is_nan() { f64::NAN } else { a.max(b) }));
        }
    }
    let (first, last) = (*group.values.first()?, *group.values.last()?);
    let grid: Vec<f64> = (0..=GRID).map(|i| first * (last / first).powf(i as f64 / GRID as f64)).collect();
    let (low, high): (Vec<f64>, Vec<f64>) = band.curve(&grid).into_iter().map(|(_, low, high)| (low, high)).unzip();
    let form = match band.form {
        BoundForm::Width => "C (√(log N) + z) / √N",
        _ => "both terms of the bound",
    };
    let points: Mark = Mark::cloud(x, y, Colour::Series(0)).label("networks");
    let points = match points {
        Mark::Cloud { x, y, colour, opacity, label, .. } => Mark::Cloud { x, y, colour, size_pt: 3.0, opacity, label },
        other => other,
    };
    let panel = Panel::new(Axis::log2("width N"), Axis::log10(label(measure, Statistic::Mean).replace(" (mean)", "")))
        .title("form of the bound, constant fitted")
        .with(
            Mark::band(grid.clone(), low, high.clone(), Colour::Series(1))
                .label(format!("{form}, 0 ≤ z ≤ {:.2}", band.z_high)),
        )
        .with(Mark::line(grid, high, Colour::Series(1), Dash::Solid))
        .with(points)
        .note(format!("C = {:.3}", band.constant));
    Some(("gap-bound".into(), Figure::single_column().with(panel)))
}
