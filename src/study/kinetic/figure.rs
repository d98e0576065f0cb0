//! Figures of the study of the kinetic equation: the density with particles, grid and particles compared, the free
//! energy and its parts, the approach to equilibrium.

use super::record::{ApproachArrays, CloudArrays, EnergyArrays, SolutionArrays};
use super::{EquilibriumRecord, KineticArrays, KineticRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::{number, parameter, parameters};
use crate::run::study::NamedFigure;
use ndarray::{Array1, Array2, Axis as Dim};

/// Colours of the scale of densities.
const SHADES: usize = 50;

/// `kinetic-density`, `kinetic-particles`, `kinetic-energy`, `kinetic-rest`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = KineticRecord::read(folder)?;
    let panels = KineticFigure { arrays: KineticArrays::read(folder, &record)?, record };
    let arrays = &panels.arrays;
    let mut figures = vec![("kinetic-density".to_string(), panels.density())];
    figures.extend(arrays.clouds.as_ref().map(|clouds| ("kinetic-particles".into(), panels.particles(clouds))));
    figures.extend(arrays.energy.as_ref().map(|energy| ("kinetic-energy".into(), panels.energy(energy))));
    if let (Some(rest), Some(approach)) = (&panels.record.rest, &arrays.approach) {
        figures.push(("kinetic-rest".into(), panels.equilibrium(rest, approach)));
    }
    Ok(figures)
}

/// The colours of densities from 0 to the largest.
fn shades() -> Vec<Colour> {
    (0..SHADES).map(|i| Colour::Heat((i as f64 + 0.5) / SHADES as f64)).collect()
}

/// First and last value of an axis.
type Range = (f64, f64);

/// The records of the study.
struct KineticFigure {
    record: KineticRecord,
    arrays: KineticArrays,
}

/// The laws of one coordinate of the phase plane.
struct Marginal<'a> {
    symbol: &'a str,
    /// Nodes of the grid.
    nodes: &'a Array1<f64>,
    /// Densities on the grid (times, nodes).
    law: &'a Array2<f64>,
    /// Edges of the bins.
    edges: &'a Array1<f64>,
    /// Densities of the particles (times, bins).
    histogram: &'a Array2<f64>,
    /// Range of the axis.
    range: Range,
}

impl KineticFigure {
    /// The solution on the grid.
    fn solution(&self) -> &SolutionArrays {
        &self.arrays.solution
    }

    /// The density at several times, with particles.
    fn density(&self) -> Figure {
        let (times, edges) = (self.solution().snapshot_times.to_vec(), self.arrays.ends.to_vec());
        let snapshots = &self.solution().snapshots;
        let dots = self.arrays.clouds.as_ref().map(|clouds| &clouds.dots);
        let (x, y) = self.visible_ranges();
        let mut figure = Figure::double_column();
        figure.height_in *= times.len().div_ceil(2) as f64 * 0.95;
        for (k, time) in parameters(&times).into_iter().enumerate() {
            let snapshot = snapshots.index_axis(Dim(0), k);
            let largest = snapshot.iter().copied().fold(0.0, f64::max);
            let heat = Mark::heat((edges[0], edges[1]), (edges[2], edges[3]), snapshot, largest);
            let (x_axis, y_axis) = (Axis::linear("θ").within(x.0, x.1), Axis::linear("momentum r").within(y.0, y.1));
            let most = number(largest).map_or_else(String::new, |largest| format!(", max μ = {largest}"));
            let mut panel = Panel::new(x_axis, y_axis).title(format!("t = {time}{most}")).with(heat);
            if let Some(dots) = dots.map(|dots| dots.index_axis(Dim(0), k)) {
                let column = |c: usize| dots.column(c).to_vec();
                panel = panel.with(Mark::cloud(column(0), column(1), Colour::Series(1)).label("particles"));
            }
            figure = figure.with(panel.legend(Legend::Below));
        }
        figure.colour_bar("density μ / max μ of the panel", (0.0, 1.0), shades())
    }

    /// The ranges of theta and r in which the densities are visible.
    fn visible_ranges(&self) -> (Range, Range) {
        let ends = &self.arrays.ends;
        let range = |laws: &Array2<f64>, low: f64, high: f64| -> Range {
            let n = laws.ncols();
            let largest = laws.iter().copied().fold(0.0, f64::max);
            let visible = |i: &usize| laws.column(*i).iter().any(|&v| v > 5e-3 * largest);
            let (first, last) = ((0..n).find(visible).unwrap_or(0), (0..n).rev().find(visible).unwrap_or(n - 1));
            let at = |i: usize| low + (high - low) * i as f64 / n as f64;
            (at(first), at(last + 1))
        };
        let solution = self.solution();
        (range(&solution.theta_law, ends[0], ends[1]), range(&solution.momentum_law, ends[2], ends[3]))
    }

    /// Grid and particles: predictions, laws of theta and of r, distances.
    fn particles(&self, clouds: &CloudArrays) -> Figure {
        let (solution, (theta_range, momentum_range)) = (self.solution(), self.visible_ranges());
        let theta = Marginal {
            symbol: "θ",
            nodes: &solution.theta,
            law: &solution.theta_law,
            edges: &clouds.theta_edges,
            histogram: &clouds.theta_histogram,
            range: theta_range,
        };
        let momentum = Marginal {
            symbol: "r",
            nodes: &solution.momentum,
            law: &solution.momentum_law,
            edges: &clouds.momentum_edges,
            histogram: &clouds.momentum_histogram,
            range: momentum_range,
        };
        let mut figure = Figure::double_column()
            .with(self.functions(clouds).legend(Legend::Automatic))
            .with(self.laws(&theta).legend(Legend::Hidden))
            .with(self.differences(clouds).legend(Legend::Automatic))
            .with(self.laws(&momentum).legend(Legend::Automatic));
        figure.height_in *= 2.0;
        figure
    }

    /// Indices of the first, a middle and the last record, with their times, colours and dashes.
    fn chosen(&self) -> Vec<(usize, String, Colour, Dash)> {
        let times = &self.solution().times;
        let last = times.len() - 1;
        let look = |k: usize| (style::series(k).0, style::series(k).2);
        let chosen = [0, last / 3, last].into_iter().enumerate();
        chosen.map(|(k, i)| (i, parameter(times[i]), look(k).0, look(k).1)).collect()
    }

    /// Predictions of grid and particles at the chosen times.
    fn functions(&self, clouds: &CloudArrays) -> Panel {
        let SolutionArrays { x, y, function, .. } = self.solution();
        let mut order: Vec<usize> = (0..x.len()).collect();
        order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
        let sorted = |v: &Array1<f64>| order.iter().map(|&i| v[i]).collect::<Vec<f64>>();
        let xs = sorted(x);
        let mut panel = Panel::new(Axis::linear("x"), Axis::linear("f_{ρ}(x)"));
        panel = panel.with(Mark::line(xs.clone(), sorted(y), Colour::Grey(120), Dash::Dotted).label("target"));
        let mut particles = Vec::new();
        for (i, time, colour, dash) in self.chosen() {
            let row = |m: &Array2<f64>| sorted(&m.row(i).to_owned());
            let line = Mark::line(xs.clone(), row(function), colour, dash);
            panel = panel.with(line.label(format!("t = {time}")));
            let (marker_x, marker_f): (Vec<f64>, Vec<f64>) =
                xs.iter().copied().zip(row(&clouds.particles_function)).step_by((xs.len() / 16).max(1)).unzip();
            particles.push(Mark::points(marker_x, marker_f, colour, Marker::Circle).hollow().label("particles"));
        }
        panel.marks.extend(particles);
        panel
    }

    /// Densities of one coordinate at the chosen times.
    fn laws(&self, coordinate: &Marginal<'_>) -> Panel {
        let Marginal { symbol, nodes, law, edges, histogram, range } = coordinate;
        let edges = edges.to_vec();
        let centres: Vec<f64> = edges.windows(2).map(|e| 0.5 * (e[0] + e[1])).collect();
        let axis = Axis::linear(*symbol).within(range.0, range.1);
        let mut panel = Panel::new(axis, Axis::linear(format!("density of {symbol}")));
        let mut particles = Vec::new();
        for (i, time, colour, dash) in self.chosen() {
            let line = Mark::line(nodes.to_vec(), law.row(i).to_vec(), colour, dash);
            let points = Mark::points(centres.clone(), histogram.row(i).to_vec(), colour, Marker::Circle).hollow();
            panel = panel.with(line.label(format!("t = {time}")));
            particles.push(points.label("particles"));
        }
        panel.marks.extend(particles);
        panel
    }

    /// Against time: the distance of predictions and its standard error, the Wasserstein distance and its expectation.
    fn differences(&self, clouds: &CloudArrays) -> Panel {
        let times = self.solution().times.to_vec();
        let (f, mean, error) =
            (&self.solution().function, &clouds.particles_function, &clouds.particles_function_error);
        let rms = |m: &Array2<f64>| -> Vec<f64> {
            m.rows().into_iter().map(|row| (row.dot(&row) / row.len() as f64).sqrt()).collect()
        };
        let title = format!("{} particles in {} clouds", self.record.particles, self.record.clouds);
        let own = (self.record.double_step / 3.0).hypot(self.record.half_nodes / 15.0);
        let panel = Panel::new(Axis::linear("time t"), Axis::log10("distance of grid and particles")).title(title);
        panel
            .with(
                Mark::line(times.clone(), clouds.wasserstein.to_vec(), Colour::Series(2), Dash::Solid)
                    .label("W_{2} in θ of a cloud"),
            )
            .with(
                Mark::line(times.clone(), clouds.wasserstein_expected.to_vec(), Colour::Series(2), Dash::Dotted)
                    .label("expected"),
            )
            .with(
                Mark::line(times.clone(), rms(&(f - mean)), Colour::Series(0), Dash::LongDash)
                    .label("‖f_{grid} − f_{particles}‖"),
            )
            .with(Mark::line(times, rms(error), Colour::Series(0), Dash::DashDotDot).label("standard error"))
            .with(Mark::horizontal(own, Colour::Grey(120), Dash::Dashed).label("the grid's own error"))
    }

    /// The free energy and its parts; its decrease and the dissipation.
    fn energy(&self, arrays: &EnergyArrays) -> Figure {
        let (times, energy) = (arrays.energy_times.to_vec(), &arrays.energy);
        let tau = self.record.temperature;
        let column = |c: usize, factor: f64| energy.column(c).iter().map(|v| factor * v).collect::<Vec<f64>>();
        let mut parts =
            Panel::new(Axis::linear("time t"), Axis::linear("energy")).title(format!("τ = {}", parameter(tau)));
        for (k, (name, values)) in [
            ("free energy F", column(3, 1.0)),
            ("risk R", column(0, 1.0)),
            ("kinetic", column(1, 1.0)),
            ("τ ∫ μ log μ", column(2, tau)),
        ]
        .into_iter()
        .enumerate()
        {
            let (colour, _, dash) = style::series(k);
            parts = parts.with(Mark::line(times.clone(), values, colour, dash).label(name));
        }
        let total = column(3, 1.0);
        let middles: Vec<f64> = times.windows(2).map(|t| 0.5 * (t[0] + t[1])).collect();
        let slope: Vec<f64> =
            total.windows(2).zip(times.windows(2)).map(|(f, t)| (f[0] - f[1]) / (t[1] - t[0])).collect();
        let (marker_times, marker_slope): (Vec<f64>, Vec<f64>) =
            middles.iter().copied().zip(slope).step_by((middles.len() / 30).max(1)).unzip();
        // Near equilibrium both are dominated by the error of the scheme.
        let largest = energy.column(4).iter().copied().fold(0.0, f64::max);
        let axis = Axis::log10("decrease of F per unit of time").within(1e-8 * largest, 3.0 * largest);
        let identity = Panel::new(Axis::linear("time t"), axis)
            .with(
                Mark::line(times, column(4, 1.0), Colour::Series(0), Dash::Solid)
                    .label("γ ∫ μ |r + τ ∂_{r} log μ|^{2}"),
            )
            .with(
                Mark::points(marker_times, marker_slope, Colour::Series(1), Marker::Circle).hollow().label("−ΔF / h"),
            );
        Figure::double_column().with(parts.legend(Legend::Automatic)).with(identity)
    }

    /// The law of theta at equilibrium, the approach to it for every friction, its rate against friction.
    fn equilibrium(&self, rest: &EquilibriumRecord, approach: &ApproachArrays) -> Figure {
        let theta = self.solution().theta.to_vec();
        let (end, gibbs) = (approach.end_law.to_vec(), approach.gibbs_law.to_vec());
        let range = self.visible_ranges().0;
        let markers: (Vec<f64>, Vec<f64>) = theta.iter().copied().zip(end).step_by((theta.len() / 60).max(1)).unzip();
        let mut law = Panel::new(Axis::linear("θ").within(range.0, range.1), Axis::linear("density of θ"))
            .with(Mark::line(theta, gibbs, Colour::Series(0), Dash::Solid).label("Gibbs law"))
            .with(
                Mark::points(markers.0, markers.1, Colour::Series(1), Marker::Circle).hollow().label("grid at the end"),
            );
        law.title = number(rest.distance[1]).map(|distance| format!("∫ |μ − μ*| = {distance}"));
        let (frictions, rates) = (approach.frictions.to_vec(), approach.rates.to_vec());
        let (times, excess) = (approach.excess_times.to_vec(), &approach.excess);
        let start = excess[[0, 0]];
        let mut decay = Panel::new(Axis::linear("time t"), Axis::log10("F − F*").within(1e-7 * start, 2.0 * start));
        for (k, gamma) in parameters(&frictions).into_iter().enumerate() {
            let colour = style::ramp(k, frictions.len());
            let line = Mark::line(times.clone(), excess.row(k).to_vec(), colour, Dash::Solid);
            decay = decay.with(line.label(format!("γ = {gamma}")));
        }
        let (smallest, largest) = (frictions[0], frictions[frictions.len() - 1]);
        let curve: Vec<f64> = (0..=200).map(|i| smallest * (largest / smallest).powf(f64::from(i) / 200.0)).collect();
        let harmonic = |g: &f64| g - (g * g - 4.0 * rest.stiffness).max(0.0).sqrt();
        let critical = 2.0 * rest.stiffness.sqrt();
        let mut rate = Panel::new(Axis::log2("friction γ"), Axis::linear("rate of F − F*"));
        rate = match number(rest.stiffness) {
            Some(k) => {
                let rates = curve.iter().map(harmonic).collect();
                let line = Mark::line(curve, rates, Colour::Grey(120), Dash::Dashed);
                let critical = Mark::vertical(critical, Colour::Grey(160), Dash::Dotted);
                rate.with(line.label(format!("harmonic well, k = {k}"))).with(critical.label("2√k"))
            }
            None => rate.note("stiffness of the well not found"),
        };
        rate = rate.with(Mark::points(frictions, rates, Colour::Series(0), Marker::Circle).label("grid"));
        let mut figure =
            Figure::double_column().with(law).with(decay.legend(Legend::Below)).with(rate.legend(Legend::Automatic));
        figure.height_in *= 2.0;
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A colour stands for one density: the scale is that of the map, and no part of it is of one colour.
    #[test]
    fn the_scale_is_that_of_the_map() {
        let values = Array2::from_shape_fn((1, 40), |(_, i)| i as f64 + 1.0);
        let Mark::Tiles { colours, .. } = Mark::heat((0.0, 1.0), (0.0, 1.0), values.view(), 40.0) else {
            panic!("a heat map has tiles");
        };
        let scale = shades();
        for (i, colour) in colours.iter().enumerate() {
            let Colour::Heat(shade) = *colour else { panic!("{colour:?}") };
            assert!((shade - (i as f64 + 1.0) / 40.0).abs() < 1e-12, "{shade}");
            let at = ((shade * SHADES as f64) as usize).min(SHADES - 1);
            let Colour::Heat(shown) = scale[at] else { panic!("{:?}", scale[at]) };
            assert!((shown - shade).abs() <= 0.5 / SHADES as f64 + 1e-12, "{shown} for {shade}");
        }
    }
}
