//! Figure of the radial reduction: risk against time by grid, particles and networks, in several dimensions, and laws
//! of |w|.

use super::{RadialArrays, RadialRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::parameters;
use crate::run::study::NamedFigure;
use ndarray::{ArrayView1, Axis as Dim};

/// Number of bins of the histograms of |w|.
const BINS: usize = 60;

/// `radial`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (record, arrays) = (RadialRecord::read(folder)?, RadialArrays::read_from(folder)?);
    let mut figure = Figure::double_column().with(risks(&record, &arrays).legend(Legend::Automatic));
    figure = figure.with(dimensions(&record, &arrays).legend(Legend::Automatic));
    figure.panels.extend(laws(&record, &arrays));
    figure.height_in *= figure.panels.len().div_ceil(2) as f64;
    Ok(vec![("radial".into(), figure)])
}

/// Risk by the grid, by particles of the reduction and by networks, in the dimension of the population.
fn risks(record: &RadialRecord, arrays: &RadialArrays) -> Panel {
    let times = arrays.times.to_vec();
    let mut panel =
        Panel::new(Axis::linear("time t = kε"), Axis::linear("risk R")).title(format!("d = {}", record.dimension));
    if let Some(networks) = &arrays.network_risk {
        let ends = |fold: fn(f64, f64) -> f64, from: f64| {
            networks.columns().into_iter().map(|c| c.iter().copied().fold(from, fold)).collect::<Vec<f64>>()
        };
        let (low, high) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
        let label = format!("networks, N = {}: all {} seeds", record.width, record.seeds);
        panel = panel.with(Mark::band(times.clone(), low, high, Colour::Series(0)).label(label));
    }
    let on_sample = Mark::line(times.clone(), arrays.grid_sample_risk.to_vec(), Colour::Grey(90), Dash::Dashed);
    let grid = Mark::line(times.clone(), arrays.grid_risk.to_vec(), Colour::Grey(0), Dash::Solid);
    let particles = Mark::points(times, arrays.particles_risk.to_vec(), Colour::Series(1), Marker::Circle).hollow();
    panel
        .with(on_sample.label("grid, on the networks' sample"))
        .with(grid.label("grid"))
        .with(particles.label(format!("{} radial particles", record.particles)))
}

/// Risk by the grid in every dimension.
fn dimensions(record: &RadialRecord, arrays: &RadialArrays) -> Panel {
    let times = arrays.times.to_vec();
    let mut all: Vec<(usize, Vec<f64>)> = vec![(record.dimension, arrays.grid_risk.to_vec())];
    if let Some(others) = &arrays.dimension_risk {
        all.extend(record.dimensions.iter().copied().zip(others.rows().into_iter().map(|row| row.to_vec())));
    }
    all.sort_by_key(|(d, _)| *d);
    let mut panel = Panel::new(Axis::linear("time t"), Axis::linear("risk R")).title("the grid, other dimensions");
    for (i, (d, risk)) in all.into_iter().enumerate() {
        let (colour, _, dash) = style::series(i);
        panel = panel.with(Mark::line(times.clone(), risk, colour, dash).label(format!("d = {d}")));
    }
    panel
}

/// One panel per snapshot: histograms of |w| of the networks of all seeds, of the grid and of the particles.
fn laws(record: &RadialRecord, arrays: &RadialArrays) -> Vec<Panel> {
    let (grid, particles) = (&arrays.grid_norms, &arrays.particles_norms);
    let largest = grid.iter().chain(particles).copied().fold(0.0, f64::max);
    let width = 1.1 * largest / BINS as f64;
    let mut panels = Vec::new();
    for (k, time) in parameters(&arrays.snapshots.to_vec()).into_iter().enumerate() {
        let mut panel = Panel::new(Axis::linear("|w|").within(0.0, 1.1 * largest), Axis::linear("density of |w|"))
            .title(format!("t = {time}"));
        if let Some(networks) = &arrays.network_norms {
            let (x, y) = histogram(networks.index_axis(Dim(1), k).iter().copied(), width);
            let label = format!("networks, N = {}", record.width);
            panel = panel.with(Mark::band(x, vec![0.0; y.len()], y, Colour::Series(0)).label(label));
        }
        let outline = |norms: ArrayView1<f64>| histogram(norms.iter().copied(), width);
        let (x, y) = outline(grid.row(k));
        panel = panel.with(Mark::line(x, y, Colour::Grey(0), Dash::Solid).label("grid"));
        let (x, y) = outline(particles.row(k));
        panel = panel.with(Mark::line(x, y, Colour::Series(1), Dash::Dashed).label("radial particles"));
        let last = k + 1 == arrays.snapshots.len();
        panels.push(panel.legend(if last { Legend::Automatic } else { Legend::Hidden }));
    }
    panels
}

/// The outline of a histogram with bins of this width, from 0 on.
fn histogram(values: impl Iterator<Item = f64>, width: f64) -> (Vec<f64>, Vec<f64>) {
    let mut counts = vec![0.0; BINS];
    let mut total = 0.0;
    for value in values {
        total += 1.0;
        if let Some(count) = counts.get_mut((value / width) as usize) {
            *count += 1.0;
        }
    }
    let ends = |i: usize| [i as f64 * width, (i + 1) as f64 * width];
    let x = (0..BINS).flat_map(ends).collect();
    let y = counts.iter().flat_map(|count| [count / total / width; 2]).collect();
    (x, y)
}
