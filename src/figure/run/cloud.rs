//! The neurons of a network and of the limit, side by side, at the final time.
//!
//! Input weights are projected on the two leading principal axes of the limit's weights; with one input the axes are the
//! weight and the (first) output weight. Colour is the sign of the output weight.

use super::RunFiguresError;
use super::records::Records;
use crate::figure::{Axis, Colour, Figure, Legend, Mark, Panel};
use crate::network::Real;
use crate::record::RunFolder;
use crate::record::npz::{NpzError, Table};
use nalgebra::{DMatrix, DVector};
use ndarray::Array2;

/// Dots per cloud: more would only be ink.
const DOTS: usize = 1500;

/// The widest network of seed 0 beside the limit.
pub fn figure(records: &Records, folder: &RunFolder) -> Result<Figure, RunFiguresError> {
    let widest = records.widths().and_then(|group| group.values.last()).copied().unwrap_or(0.0);
    // A limit by the grid has no particles: the cloud beside it stands for it.
    let by_particles = folder.file("state/reference.npz").is_file();
    let limit = Neurons::read(folder, if by_particles { "reference" } else { "reference-half-particles" })?;
    let network = Neurons::read(folder, &format!("n{widest}-s0"))?;
    let axes = limit.principal_axes();
    let panel = |neurons: &Neurons, title: String, legend: Legend| {
        let (x, y) = if neurons.w.ncols() > 1 { ("principal axis 1", "principal axis 2") } else { ("w", "a") };
        let mut panel = Panel::new(Axis::linear(x), Axis::linear(y)).title(title).legend(legend);
        for (positive, series, label) in [(true, 0, "a > 0"), (false, 1, "a ≤ 0")] {
            let (x, y) = neurons.projected(&axes, positive);
            panel = panel.with(Mark::cloud(x, y, Colour::Series(series)).label(label));
        }
        panel.equal_aspect = true;
        panel
    };
    let mut figure = Figure::double_column()
        .with(panel(&network, format!("network, N = {widest}"), Legend::Hidden))
        .with(panel(&limit, format!("limit, M = {}", limit.w.nrows()), Legend::OutsideRight));
    // One unit is as long on both axes: the page is as high as the clouds need, within reason.
    figure.height_in = 0.8 + 2.4 * aspect(&figure).clamp(0.4, 1.1);
    Ok(figure.share_ranges())
}

/// Height over width of the box that holds every dot of a figure.
fn aspect(figure: &Figure) -> f64 {
    let mut corners = [(f64::INFINITY, f64::NEG_INFINITY); 2];
    for mark in figure.panels.iter().flat_map(|panel| &panel.marks) {
        let Mark::Cloud { x, y, .. } = mark else { continue };
        for (corner, values) in corners.iter_mut().zip([x, y]) {
            *corner =
                values.iter().filter(|v| v.is_finite()).fold(*corner, |(low, high), &v| (low.min(v), high.max(v)));
        }
    }
    let [width, height] = corners.map(|(low, high)| high - low);
    if width > 0.0 && height > 0.0 && (height / width).is_finite() { height / width } else { 1.0 }
}

/// Final weights of an ensemble: w (N, d) and a (N, K).
struct Neurons {
    w: Array2<f64>,
    a: Array2<f64>,
}

impl Neurons {
    fn read(folder: &RunFolder, id: &str) -> Result<Self, RunFiguresError> {
        let path = folder.file(&format!("state/{id}.npz"));
        // Single-precision states do not read as doubles, and the other way round.
        Ok(Self::read_as::<f64>(&path).or_else(|_| Self::read_as::<f32>(&path))?)
    }

    fn read_as<R: Real>(path: &std::path::Path) -> Result<Self, NpzError> {
        let table = Table::<R>::read(path)?;
        let array = |name: &str| -> Result<Array2<f64>, NpzError> {
            let array = table.get(name)?;
            let (rows, columns) = (array.shape()[0], array.shape().get(1).copied().unwrap_or(1));
            let values = array.iter().map(|v| v.wide()).collect();
            Ok(Array2::from_shape_vec((rows, columns), values).expect("the array's own shape"))
        };
        Ok(Neurons { w: array("w_final")?, a: array("a_final")? })
    }

    /// The two leading principal directions of w, each of length d; none for d = 1 or weights that are not finite.
    fn principal_axes(&self) -> Option<[DVector<f64>; 2]> {
        let (n, d) = self.w.dim();
        if d < 2 || self.w.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let w = DMatrix::from_fn(n, d, |i, j| self.w[[i, j]]);
        let mean = w.row_mean();
        let centred = DMatrix::from_fn(n, d, |i, j| w[(i, j)] - mean[j]);
        let eigen = (centred.transpose() * centred).symmetric_eigen();
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let axis = |k: usize| {
            let axis: DVector<f64> = eigen.eigenvectors.column(order[k]).into_owned();
            // An eigenvector has no sign of its own: its largest entry is made positive.
            let flip = axis[axis.iamax()].signum();
            axis * flip
        };
        Some([axis(0), axis(1)])
    }

    /// Coordinates of the neurons whose first output weight is positive, or is not.
    fn projected(&self, axes: &Option<[DVector<f64>; 2]>, positive: bool) -> (Vec<f64>, Vec<f64>) {
        let stride = self.w.nrows().div_ceil(DOTS);
        let chosen = (0..self.w.nrows()).step_by(stride).filter(|&i| (self.a[[i, 0]] > 0.0) == positive);
        chosen
            .map(|i| match axes {
                Some(axes) => {
                    let along = |axis: &DVector<f64>| self.w.row(i).iter().zip(axis.iter()).map(|(w, u)| w * u).sum();
                    (along(&axes[0]), along(&axes[1]))
                }
                None => (self.w[[i, 0]], self.a[[i, 0]]),
            })
            .unzip()
    }
}
