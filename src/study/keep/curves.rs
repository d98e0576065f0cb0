//! The main quantities of the study: the loss that is added when M neurons are kept, by the rule that keeps them.

use super::KeepArrays;
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};
use ndarray::{Array2, Array3, s};

/// For every width: the loss with M neurons less that of all neurons, as trained or refitted like the M neurons, against M.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let arrays = KeepArrays::read(folder)?;
    let none = Array2::zeros(arrays.loss.dim());
    let rules: [(&str, &Array3<f64>, &Array2<f64>); 4] = [
        ("random sets, rescaled", &arrays.change_mean, &none),
        ("the largest, as trained", &arrays.largest, &arrays.loss),
        ("random sets, refitted", &arrays.random_refit, &arrays.optimum),
        ("greedy elimination", &arrays.greedy, &arrays.optimum),
    ];
    let mut curves = Vec::new();
    for (w, width) in arrays.widths.iter().enumerate() {
        let neurons = width * arrays.proportion[0];
        for (rule, losses, less) in rules {
            let added = |(m, &kept): (usize, &f64)| {
                let of_seeds = losses.slice(s![w, .., m]);
                let added = of_seeds.iter().zip(less.row(w)).map(|(loss, less)| loss - less);
                CurvePoint::mean(kept * arrays.proportion[0], added.collect::<Vec<f64>>())
            };
            let points: Vec<CurvePoint> = arrays.kept.iter().enumerate().map(added).collect();
            // Networks that are wide are not eliminated.
            if points.iter().any(|point| point.y.is_finite()) {
                curves.push(Curve::new(
                    format!("neurons kept of N = {neurons}: loss added by {rule}"),
                    (Axis::log2("neurons kept M").counts(), Axis::log10("loss less that of all N")),
                    points,
                ));
            }
        }
    }
    Ok(curves)
}
