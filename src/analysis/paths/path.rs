//! Paths in the space of parameters.

use crate::network::ParameterVector;

/// A path through networks of canonical parameters; its parameter runs from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Path {
    /// Straight segments of equal length in the parameter, between neighbouring waypoints (at least two).
    Straight(Vec<ParameterVector>),
    /// `(1-t)^2 P + 2 t (1-t) C + t^2 Q`.
    Bezier {
        /// P, C and Q.
        points: [ParameterVector; 3],
    },
}

impl Path {
    /// The straight line from P to Q.
    pub fn line(p: &ParameterVector, q: &ParameterVector) -> Self {
        Path::Straight(vec![p.clone(), q.clone()])
    }

    /// The network at `t` in [0, 1], clamped; exact at waypoints.
    pub fn at(&self, t: f64) -> ParameterVector {
        match self {
            Path::Straight(waypoints) => {
                let segments = waypoints.len() - 1;
                let position = t.clamp(0.0, 1.0) * segments as f64;
                // Multiples of 1/5 are rounded: a parameter within rounding of a waypoint denotes the waypoint.
                let nearest = position.round();
                if (position - nearest).abs() < 1e-12 {
                    return waypoints[nearest as usize].clone();
                }
                let segment = position.floor() as usize;
                let s = position - segment as f64;
                (1.0 - s) * &waypoints[segment] + s * &waypoints[segment + 1]
            }
            Path::Bezier { points: [p, c, q] } => match t {
                0.0 => p.clone(),
                1.0 => q.clone(),
                _ => (1.0 - t) * (1.0 - t) * p + 2.0 * t * (1.0 - t) * c + t * t * q,
            },
        }
    }

    /// Number of segments, on each of which the path is smooth.
    pub fn segments(&self) -> usize {
        match self {
            Path::Straight(waypoints) => waypoints.len() - 1,
            Path::Bezier { .. } => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn ends_and_waypoints_are_met_exactly() {
        let points: Vec<ParameterVector> = (0..6).map(|k| array![0.1 * f64::from(k), 1.0 / 3.0]).collect();
        let path = Path::Straight(points.clone());
        for (k, point) in points.iter().enumerate() {
            assert_eq!(path.at(k as f64 / 5.0), point);
        }
        assert!((path.at(0.3)[0] - 0.15).abs() < 1e-15);
        let curve = Path::Bezier { points: [points[0].clone(), points[5].clone(), points[1].clone()] };
        assert_eq!((curve.at(0.0), curve.at(1.0)), (points[0].clone(), points[1].clone()));
        assert!((curve.at(0.5)[0] - (0.5 * 0.5 + 0.25 * 0.1)).abs() < 1e-15);
    }
}
