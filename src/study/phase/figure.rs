//! Phase diagrams: the fraction of problems recovered over (k/n, n/d), a heat map per method, with the contour at 1/2.

use super::PhaseArrays;
use crate::figure::{Axis, Colour, ColourBar, Dash, Figure, Legend, Mark, Panel, Stroke};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::recovery_run::RecoveryRecord;
use crate::run::study::NamedFigure;
use ndarray::ArrayView2;

/// Panels per row.
const COLUMNS: usize = 3;
/// Colour of cells to which a method does not apply.
const NOT_APPLICABLE: Colour = Colour::Grey(232);

/// `phase`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let arrays = PhaseArrays::read(folder, &RecoveryRecord::read(folder)?.methods)?;
    let (x, y) = (arrays.k_over_n.to_vec(), arrays.n_over_d.to_vec());
    let (x_edges, y_edges) = (edges(&x), edges(&y));
    let ends = |edges: &[f64]| (edges[0], edges[edges.len() - 1]);
    let axis = |label: &str, edges: &[f64]| Axis::linear(label).between(ends(edges).0, ends(edges).1);
    let mut figure = Figure::double_column();
    for (method, cells) in &arrays.methods {
        let success = &cells.success;
        let shade = |p: &f64| if p.is_nan() { NOT_APPLICABLE } else { Colour::Ramp(*p) };
        let (line_x, line_y) = contour(&x, &y, success.view(), 0.5);
        let stroke = Stroke { width_pt: 1.4, ..Stroke::new(Colour::Series(1), Dash::Solid) };
        let panel = Panel::new(axis("k/n", &x_edges), axis("n/d", &y_edges))
            .title(method)
            .legend(Legend::Hidden)
            .with(Mark::tiles(x_edges.clone(), y_edges.clone(), success.iter().map(shade).collect()))
            .with(Mark::Line { x: line_x, y: line_y, stroke, label: None });
        figure.panels.push(panel);
    }
    figure.columns = COLUMNS;
    figure.colour_bar = Some(scale());
    figure.height_in = 2.1 * figure.panels.len().div_ceil(COLUMNS) as f64;
    Ok(vec![("phase".into(), figure)])
}

/// The scale of the shades with the level of the contour.
fn scale() -> ColourBar {
    const SHADES: usize = 32;
    ColourBar {
        label: "fraction of problems recovered; line: 1/2".into(),
        range: (0.0, 1.0),
        colours: (0..SHADES).map(|i| Colour::Ramp((i as f64 + 0.5) / SHADES as f64)).collect(),
        lines: vec![(0.5, Stroke { width_pt: 1.4, ..Stroke::new(Colour::Series(1), Dash::Solid) })],
    }
}

/// Edges of cells around values: midpoints, and at the ends the same distance on either side of the value.
fn edges(values: &[f64]) -> Vec<f64> {
    let Some((&first, &last)) = values.first().zip(values.last()) else { return vec![0.0, 1.0] };
    let half = |a: f64, b: f64| 0.5 * (b - a);
    let step = |i: usize| if values.len() > 1 { half(values[i], values[i + 1]) } else { 0.5 * first.abs().max(0.1) };
    let mut edges = vec![first - step(0)];
    edges.extend(values.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
    edges.push(last + step(values.len().saturating_sub(2)));
    edges
}

/// The contour line of a table (y, x) by marching squares, with linear interpolation on the sides of the squares.
/// Segments are separated by NaN; squares with a NaN corner are omitted.
fn contour(x: &[f64], y: &[f64], z: ArrayView2<f64>, level: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut line_x, mut line_y) = (Vec::new(), Vec::new());
    for i in 1..y.len() {
        for j in 1..x.len() {
            // Counter-clockwise from the lower left.
            let corners = [(i - 1, j - 1), (i - 1, j), (i, j), (i, j - 1)];
            let mut cuts = Vec::new();
            for side in 0..4 {
                let (a, b) = (corners[side], corners[(side + 1) % 4]);
                let (za, zb) = (z[a] - level, z[b] - level);
                // A corner at the level counts as above it, so that no side is crossed twice.
                if (za < 0.0) != (zb < 0.0) && za.is_finite() && zb.is_finite() {
                    let t = za / (za - zb);
                    cuts.push((x[a.1] + t * (x[b.1] - x[a.1]), y[a.0] + t * (y[b.0] - y[a.0])));
                }
            }
            if corners.iter().any(|&at| !z[at].is_finite()) {
                continue;
            }
            for pair in cuts.chunks_exact(2) {
                line_x.extend([pair[0].0, pair[1].0, f64::NAN]);
                line_y.extend([pair[0].1, pair[1].1, f64::NAN]);
            }
        }
    }
    (line_x, line_y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn edges_surround_values() {
        assert_eq!(edges(&[1.0, 2.0, 4.0]), [0.5, 1.5, 3.0, 5.0]);
        assert_eq!(edges(&[2.0]), [1.0, 3.0]);
    }

    /// The contour of a plane is a straight line.
    #[test]
    fn the_contour_of_a_plane() {
        let (x, y) = ([0.0, 1.0, 3.0, 4.0], [0.0, 2.0, 3.0]);
        let z = Array2::from_shape_fn((3, 4), |(i, j)| 0.3 * x[j] + 0.2 * y[i]);
        let (line_x, line_y) = contour(&x, &y, z.view(), 0.77);
        assert!(line_x.len() >= 9);
        for (x, y) in line_x.iter().zip(&line_y).filter(|(x, _)| x.is_finite()) {
            assert!((0.3 * x + 0.2 * y - 0.77).abs() < 1e-12);
        }
        let mut with_gap = z.clone();
        with_gap[[1, 1]] = f64::NAN;
        assert!(contour(&x, &y, with_gap.view(), 0.77).0.len() < line_x.len());
        assert!(contour(&x, &y, z.view(), 9.0).0.is_empty());
    }
}
