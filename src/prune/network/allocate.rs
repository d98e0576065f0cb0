//! The division of a number of zeros between layers by their measured losses.

use serde::{Deserialize, Serialize};

/// The loss of a layer against its number of zeros.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossCurve {
    /// Entries of the layer.
    pub entries: usize,
    /// (zeros, loss), zeros increasing. The point (0, 0) need not be given.
    pub points: Vec<(usize, f64)>,
}

/// The zeros of every layer such that their sum is `total`, or that of the last points where that is less, and the sum of
/// the losses is least. Losses are linear between the points of the lower convex hull of every curve.
pub fn allocate(curves: &[LossCurve], total: usize) -> Vec<usize> {
    // Segments of the hulls: slope, layer, zeros. The slopes of a layer increase.
    let mut segments: Vec<(f64, usize, usize)> = Vec::new();
    for (layer, curve) in curves.iter().enumerate() {
        let hull = lower_hull(&curve.points);
        segments.extend(hull.windows(2).map(|pair| (slope(pair[0], pair[1]), layer, pair[1].0 - pair[0].0)));
    }
    segments.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut zeros, mut left) = (vec![0; curves.len()], total);
    for (_, layer, count) in segments {
        let taken = count.min(left);
        zeros[layer] += taken;
        left -= taken;
    }
    zeros
}

fn slope(a: (usize, f64), b: (usize, f64)) -> f64 {
    (b.1 - a.1) / (b.0 - a.0) as f64
}

/// The vertices of the lower convex hull of points and the origin, from left to right.
fn lower_hull(points: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let mut hull = vec![(0, 0.0)];
    for &point in points.iter().filter(|point| point.0 > 0) {
        while hull.len() > 1 && slope(hull[hull.len() - 2], hull[hull.len() - 1]) >= slope(hull[hull.len() - 1], point)
        {
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quadratic losses `c z^2`: the optimum has equal slopes, `z` in proportion to `1 / c`.
    #[test]
    fn equal_slopes_of_quadratic_losses() {
        let curve = |c: f64| LossCurve { entries: 100, points: (1..=100).map(|z| (z, c * (z * z) as f64)).collect() };
        let zeros = allocate(&[curve(1.0), curve(2.0), curve(4.0)], 70);
        assert_eq!(zeros.iter().sum::<usize>(), 70);
        for (found, expected) in zeros.iter().zip([40.0, 20.0, 10.0]) {
            assert!((*found as f64 - expected).abs() <= 1.0, "{zeros:?}");
        }
        // A dent that no straight line reaches is skipped as a whole.
        let dent = LossCurve { entries: 10, points: vec![(4, 8.0), (10, 10.0)] };
        assert_eq!(lower_hull(&dent.points), [(0, 0.0), (10, 10.0)]);
        assert_eq!(allocate(&[dent.clone(), dent], 25), [10, 10]);
    }
}
