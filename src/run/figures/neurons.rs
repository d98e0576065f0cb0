//! Figures of the neurons of a network and of the limit at the final time.
//!
//! Input weights are projected on the two leading principal axes of the weights of the limit; with one input the axes
//! are the weight and the first output weight. Colours show the sign of the output weight. The clouds and their signs
//! are listed in `records/groups.json`.

use super::records::Records;
use crate::config::Route;
use crate::figure::{Axis, Colour, Figure, Legend, Mark, Panel};
use crate::network::{Cloud, Coordinate};
use crate::record::npz::NpzError;
use crate::record::state::FinalParts;
use crate::record::{LimitRun, Manifest, RecordError, RunFolder};
use crate::run::context::FiguresError;
use crate::run::plan::network_id;
use nalgebra::{DMatrix, DVector};
use ndarray::{Array2, Axis as Dim};

/// Least ratio of the sides of the clouds with equal units on both axes.
const LEAST_ASPECT: f64 = 0.1;
/// Largest number of dots per cloud.
const MAX_DOTS: usize = 1500;

/// A figure for every hidden layer, `neurons` or `neurons-LAYER`: the widest network of seed 0 and the limit. None in a
/// run without networks.
///
/// # Errors
/// Records or states that are missing or damaged.
pub fn figures(
    records: &Records,
    folder: &RunFolder,
    manifest: &Manifest,
) -> Result<Vec<(String, Figure)>, FiguresError> {
    let named = |cloud: &Cloud| {
        if cloud.layer.is_empty() { "neurons".into() } else { format!("neurons-{}", cloud.layer) }
    };
    if records.widths().is_none_or(|group| group.values.is_empty()) {
        return Ok(Vec::new());
    }
    let clouds = records.groups.clouds.iter();
    clouds.map(|cloud| Ok((named(cloud), figure(records, folder, manifest, cloud)?))).collect()
}

fn figure(records: &Records, folder: &RunFolder, manifest: &Manifest, cloud: &Cloud) -> Result<Figure, FiguresError> {
    let widest = records.widths().and_then(|group| group.values.last()).copied().unwrap_or(0.0);
    // A limit on a grid has no particles: those of the limit with which it is compared represent it.
    let reference = manifest.trajectory(LimitRun::Reference.id());
    let by_grid = reference.is_some_and(|reference| reference.route == Route::Grid.name());
    let limit = if by_grid { LimitRun::HalfParticles } else { LimitRun::Reference };
    let neurons = |id: &str| -> Result<Neurons, FiguresError> {
        folder.require_unaltered_state(manifest, id)?;
        Neurons::read(folder, id, cloud)
    };
    let limit = neurons(limit.id())?;
    let network = neurons(&network_id(widest as usize, 0))?;
    // Two quantities of different meaning are shown directly.
    let axes = if cloud.position.len() == 1 { limit.principal_axes() } else { None };
    let of = if cloud.layer.is_empty() { String::new() } else { format!("{}: ", cloud.layer.replace('-', " ")) };
    let panel = |neurons: &Neurons, title: String, legend: Legend| {
        let (x, y) = match (neurons.position.ncols(), &cloud.position[..]) {
            (1, _) => ("w", "a"),
            (_, [_]) => ("principal axis 1", "principal axis 2"),
            _ => ("mean incoming weight u", "output weight a"),
        };
        let mut panel = Panel::new(Axis::linear(x), Axis::linear(y)).title(title).legend(legend);
        let sign = &cloud.sign_of;
        for (positive, series, label) in [(true, 0, format!("{sign} > 0")), (false, 1, format!("{sign} ≤ 0"))] {
            let (x, y) = neurons.projected(&axes, positive);
            panel = panel.with(Mark::cloud(x, y, Colour::Series(series)).label(label));
        }
        panel.equal_aspect = cloud.position.len() == 1;
        panel
    };
    let mut figure = Figure::double_column()
        .with(panel(&network, format!("{of}network, N = {widest}"), Legend::Hidden))
        .with(panel(&limit, format!("{of}limit, M = {}", limit.position.nrows()), Legend::Below));
    if cloud.position.len() == 1 {
        let aspect = aspect(&figure);
        if (LEAST_ASPECT..1.0 / LEAST_ASPECT).contains(&aspect) {
            // With equal units on both axes the height of the page follows from the extent of the clouds, within bounds.
            figure.height_in = 1.1 + 2.4 * aspect.clamp(0.4, 1.1);
        } else {
            // Equal units would show a line.
            figure.panels.iter_mut().for_each(|panel| panel.equal_aspect = false);
        }
    }
    Ok(figure.share_ranges())
}

/// Height over width of the bounding box of all dots of a figure.
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
    if width > 0.0 && height >= 0.0 && (height / width).is_finite() { height / width } else { 1.0 }
}

/// The neurons of a layer at the final time.
struct Neurons {
    /// Positions (N, q).
    position: Array2<f64>,
    /// Values whose sign in the first column determines the colour (N, at least 1).
    sign: Array2<f64>,
}

impl Neurons {
    fn read(folder: &RunFolder, id: &str, cloud: &Cloud) -> Result<Self, FiguresError> {
        let parts = FinalParts::read(&folder.file(&format!("state/{id}.npz")))?;
        let array = |coordinate: &Coordinate| -> Result<Array2<f64>, NpzError> {
            let part = parts.part(&coordinate.part)?;
            let axis = coordinate.mean_over.map(Dim);
            Ok(match axis.and_then(|axis| part.mean_axis(axis)) {
                Some(mean) => mean.insert_axis(Dim(1)),
                None => part,
            })
        };
        let positions = cloud.position.iter().map(array).collect::<Result<Vec<_>, _>>()?;
        let sign = array(&cloud.sign)?;
        if positions.is_empty() || positions.iter().chain([&sign]).any(|part| part.ncols() == 0) {
            let problem = "clouds names no quantity, or one without columns".into();
            return Err(RecordError::Manifest { path: folder.file("records/groups.json"), problem }.into());
        }
        // Of two quantities, the first column of each.
        let first = |matrix: &Array2<f64>| matrix.column(0).insert_axis(Dim(1)).to_owned();
        let position = match &positions[..] {
            [x, y] => ndarray::concatenate(Dim(1), &[first(x).view(), first(y).view()]).unwrap_or_else(|_| first(x)),
            _ => positions[0].clone(),
        };
        Ok(Neurons { position, sign })
    }

    /// The two leading principal axes of the positions (q); `None` where q is 1 or a position is not finite.
    fn principal_axes(&self) -> Option<[DVector<f64>; 2]> {
        let (n, d) = self.position.dim();
        if d < 2 || self.position.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let w = DMatrix::from_fn(n, d, |i, j| self.position[[i, j]]);
        let mean = w.row_mean();
        let centred = DMatrix::from_fn(n, d, |i, j| w[(i, j)] - mean[j]);
        let eigen = (centred.transpose() * centred).symmetric_eigen();
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let axis = |k: usize| {
            let axis: DVector<f64> = eigen.eigenvectors.column(order[k]).into_owned();
            // The sign of an eigenvector is arbitrary: its largest entry is made positive.
            let flip = axis[axis.iamax()].signum();
            axis * flip
        };
        Some([axis(0), axis(1)])
    }

    /// Coordinates of the neurons whose sign is positive, or of the others.
    fn projected(&self, axes: &Option<[DVector<f64>; 2]>, positive: bool) -> (Vec<f64>, Vec<f64>) {
        let (n, d) = self.position.dim();
        let chosen = (0..n).step_by(n.div_ceil(MAX_DOTS)).filter(|&i| (self.sign[[i, 0]] > 0.0) == positive);
        chosen
            .map(|i| match axes {
                Some(axes) => {
                    let along =
                        |axis: &DVector<f64>| self.position.row(i).iter().zip(axis.iter()).map(|(w, u)| w * u).sum();
                    (along(&axes[0]), along(&axes[1]))
                }
                None => (self.position[[i, 0]], if d > 1 { self.position[[i, 1]] } else { self.sign[[i, 0]] }),
            })
            .unzip()
    }
}
