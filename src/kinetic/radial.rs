//! The radial reduction of MMN's isotropic Gaussians: a problem in R^d as a one-dimensional one, without sampling
//! (theory section 3).
//!
//! Inputs `x | y ~ N(0, (1 + y Delta)^2 I_d)` and a rotation-invariant start keep the law of `w` rotation-invariant;
//! where momenta start at rest and there is no noise, they stay parallel to `w`. With `w = q v`, v a unit vector, the
//! neuron is the point `q` of the real line (q and -q are the same neuron up to the direction, so that the law of q is
//! even), and
//!
//! ```text
//! k(z) = E_u sigma(z u),    u the first coordinate of a uniform point on the sphere,  density ~ (1 - u^2)^((d-3)/2)
//! f_rho(x) = c int k(q |x|) rho(dq),      Psi(q) = c E_{|x|, y} dloss(f_rho(|x|), y) k(q |x|)
//! ```
//!
//! Two quadratures remain, over u and over |x|, which is `(1 + y Delta)` times a chi variable with d degrees of
//! freedom. Their cost does not depend on d. The field is that of neurons `c k(q s)` with one parameter on the nodes s
//! of |x|, with their weights, so that the kinetic equation is solved by the same solver on the same grid as for other
//! neurons of one parameter.

use super::grid::KineticError;
use super::quadrature::{gauss_legendre, scaled_rule};
use super::start::MIN_DEVIATION;
use super::{Density, FeatureTable, GridAxis, GridLaw, MeanField, PhaseGrid};
use crate::network::{Activation, Law, Objective};
use ndarray::Array2;

/// Nodes of |x| in each class.
const RADIUS_NODES: usize = 48;

/// Nodes of the angle in each interval on which the integrand is smooth.
const ANGLE_NODES: usize = 16;

/// Half-width of the domains of integration, in standard deviations of u (`1/sqrt(d)`) and of |x| (`1/sqrt(2)`).
const DEVIATIONS: f64 = 9.0;

/// The radial reduction of neurons `c sigma(<w, x>)` with a rotation-invariant law of w, on two isotropic Gaussians
/// (MMN).
#[derive(Clone, Debug)]
pub struct Radial {
    dimension: usize,
    delta: f64,
    activation: Activation,
    output: f64,
    rule: Vec<(f64, f64)>,
}

/// Quadrature nodes of the law of (|x|, y).
#[derive(Clone, Debug, PartialEq)]
pub struct RadialNodes {
    /// |x|.
    pub radius: Vec<f64>,
    /// Labels, +1 or -1.
    pub label: Vec<f64>,
    /// Weights, of sum 1.
    pub weight: Vec<f64>,
}

impl Radial {
    /// The reduction in R^`dimension` with MMN's `Delta` and output weights all equal to `output`.
    pub fn new(dimension: usize, delta: f64, activation: Activation, output: f64) -> Self {
        Radial { dimension, delta, activation, output, rule: gauss_legendre(ANGLE_NODES) }
    }

    /// The reduction of the same neurons in another dimension.
    pub fn in_dimension(&self, dimension: usize) -> Self {
        Radial { dimension, ..self.clone() }
    }

    /// `count` norms of equal mass that represent a law of w, in ascending order: the quantiles of |w| at `(i + 1/2) /
    /// count`, computed from a table of the chi law; equal for a sphere, and NaN for a law that is not
    /// rotation-invariant.
    pub fn quantiles(&self, law: &Law, count: usize) -> Vec<f64> {
        const TABLE_NODES: usize = 1 << 16;
        match *law {
            Law::Gaussian { std, .. } => {
                let (low, high) = chi_range(self.dimension);
                let axis = GridAxis { low: std * low, high: std * high, nodes: TABLE_NODES };
                let density: Vec<f64> = axis.points().iter().map(|q| chi_density(self.dimension, q / std)).collect();
                GridLaw::new(axis, &density).atoms(count)
            }
            Law::Sphere { radius } => vec![radius; count],
            Law::Uniform { .. } | Law::Point { .. } | Law::Nothing => vec![f64::NAN; count],
        }
    }

    /// The output weight c of every neuron.
    pub fn output(&self) -> f64 {
        self.output
    }

    /// `k(z) = E_u sigma(z u)` and `k'(z) = E_u u sigma'(z u)`.
    pub fn mean_feature(&self, z: f64) -> (f64, f64) {
        let sigma = self.activation;
        if self.dimension == 1 {
            let (plus, minus) = (sigma.derivative(z), sigma.derivative(-z));
            return (0.5 * (sigma.value(z) + sigma.value(-z)), 0.5 * (plus - minus));
        }
        // u = sin(angle), of density cos^(d-2), is smooth up to the poles. The domain is split where sigma is not
        // smooth.
        let power = self.dimension as f64 - 2.0;
        let extent = (DEVIATIONS / (self.dimension as f64).sqrt()).min(0.5 * std::f64::consts::PI);
        let mut cuts: Vec<f64> = (0..=4).map(|i| extent * (f64::from(i) / 2.0 - 1.0)).collect();
        let kinks = sigma.kinks().iter().map(|kink| kink / z).filter(|u| u.abs() < 1.0).map(libm::asin);
        cuts.extend(kinks.filter(|angle| angle.abs() < extent));
        cuts.sort_by(f64::total_cmp);
        let (mut mass, mut value, mut slope) = (0.0, 0.0, 0.0);
        for interval in cuts.windows(2) {
            for (angle, weight) in scaled_rule(&self.rule, interval[0], interval[1]) {
                let (u, weight) = (libm::sin(angle), weight * libm::exp(power * libm::log(libm::cos(angle))));
                mass += weight;
                value += weight * sigma.value(z * u);
                slope += weight * u * sigma.derivative(z * u);
            }
        }
        (value / mass, slope / mass)
    }

    /// A neuron's feature at inputs of norm `s`, `c k(q s)`, and its derivative in q.
    pub fn feature(&self, q: f64, s: f64) -> (f64, f64) {
        let (value, slope) = self.mean_feature(q * s);
        (self.output * value, self.output * s * slope)
    }

    /// Number of nodes of the law of (|x|, y), in both classes.
    pub const NODES: usize = 2 * RADIUS_NODES;

    /// Quadrature nodes of the law of (|x|, y): a Gauss-Legendre rule over the chi law in each class.
    pub fn nodes(&self) -> RadialNodes {
        let (low, high) = chi_range(self.dimension);
        let rule = gauss_legendre(RADIUS_NODES);
        let chi: Vec<(f64, f64)> =
            scaled_rule(&rule, low, high).map(|(s, w)| (s, w * chi_density(self.dimension, s))).collect();
        let mass: f64 = chi.iter().map(|(_, w)| w).sum();
        let mut nodes = RadialNodes { radius: Vec::new(), label: Vec::new(), weight: Vec::new() };
        for label in [1.0, -1.0] {
            for &(s, w) in &chi {
                nodes.radius.push((1.0 + label * self.delta) * s);
                nodes.label.push(label);
                nodes.weight.push(0.5 * w / mass);
            }
        }
        nodes
    }

    /// The self-consistent field `Psi'(q; rho)` on the nodes of q.
    pub fn field(&self, axis: GridAxis, objective: Objective) -> MeanField {
        let nodes = self.nodes();
        let y = Array2::from_shape_vec((nodes.label.len(), 1), nodes.label.clone()).expect("one label a node");
        MeanField::weighted(axis, y.view(), nodes.weight.clone(), objective, |s, _, q| self.feature(q, nodes.radius[s]))
    }

    /// `f_rho(x)` at inputs of the norms `norms`, for a density of q on the nodes of `axis`. The prediction, an average
    /// over directions, is computed at equally spaced norms and interpolated between them by cubics.
    pub fn predict(&self, table: &FeatureTable, axis: GridAxis, density: &[f64], norms: &[f64]) -> Vec<f64> {
        const POINTS: usize = 400;
        let low = norms.iter().copied().fold(f64::INFINITY, f64::min);
        let high = norms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let spacing = ((high - low) / (POINTS - 3) as f64).max(f64::MIN_POSITIVE);
        let at = |i: usize| {
            let s = low + (i as f64 - 1.0) * spacing;
            let terms = density.iter().enumerate().filter(|(_, rho)| **rho != 0.0);
            let sum: f64 = terms.map(|(i, rho)| rho * table.at(axis.node(i) * s).0).sum();
            self.output * sum * axis.spacing()
        };
        let predictions: Vec<f64> = (0..POINTS).map(at).collect();
        norms.iter().map(|s| cubic(&predictions, (s - low) / spacing + 1.0)).collect()
    }

    /// The density of (q, dq/dt) at time 0: the even law of a rotation-invariant start and zero momenta. Zero momenta
    /// are represented by a Gaussian of standard deviation [`MIN_DEVIATION`] spacings, and so is a narrower law of |w|.
    ///
    /// # Errors
    /// [`KineticError::Anisotropic`] for a law that is not rotation-invariant, [`KineticError::Box`] for one that does
    /// not fit into the box.
    pub fn start(&self, grid: PhaseGrid, law: &Law) -> Result<Density, KineticError> {
        let spacing = grid.theta.spacing();
        let narrow = MIN_DEVIATION * spacing;
        let d = self.dimension as f64;
        let gaussian = |x: f64, std: f64| libm::exp(-0.5 * (x / std).powi(2));
        let density: Box<dyn Fn(f64) -> f64> = match *law {
            Law::Gaussian { mean: 0.0, std }
                if std / 2.0_f64.sqrt() > narrow || (self.dimension == 1 && std > narrow) =>
            {
                Box::new(move |q: f64| chi_density(d as usize, q.abs() / std))
            }
            Law::Gaussian { mean: 0.0, std } if std > 0.0 => {
                let (mean, _) = chi_moments(self.dimension);
                Box::new(move |q: f64| gaussian(q.abs() - std * mean, narrow))
            }
            Law::Sphere { radius } => Box::new(move |q: f64| gaussian(q.abs() - radius, narrow)),
            Law::Gaussian { .. } | Law::Uniform { .. } | Law::Point { .. } | Law::Nothing => {
                return Err(KineticError::Anisotropic);
            }
        };
        let theta: Vec<f64> = grid.theta.points().into_iter().map(density).collect();
        let at_rest = MIN_DEVIATION * grid.momentum.spacing();
        let momenta: Vec<f64> = grid.momentum.points().into_iter().map(|r| gaussian(r, at_rest)).collect();
        let start = Density::product(grid, &theta, &momenta);
        let (mass, _) = start.edge_mass();
        // A start entirely outside the box cannot be normalised: its mass is NaN.
        if mass.is_nan() || mass > 1e-6 {
            let extent = match *law {
                Law::Gaussian { std, .. } => std * (d.sqrt() + 6.0),
                Law::Sphere { .. } | Law::Uniform { .. } | Law::Point { .. } | Law::Nothing => chi_range(1).1.max(1.0),
            };
            let GridAxis { low, high, .. } = grid.theta;
            return Err(KineticError::Box {
                axis: "theta",
                mass,
                low,
                high,
                required: format!("[{:.3}, {extent:.3}]", -extent),
            });
        }
        Ok(start)
    }
}

/// An interval that holds the mass of a chi variable with `d` degrees of freedom up to rounding.
fn chi_range(d: usize) -> (f64, f64) {
    let (mean, extent) = ((d as f64).sqrt(), DEVIATIONS / 2.0_f64.sqrt());
    ((mean - extent).max(0.0), mean + extent + 1.0)
}

/// The density of a chi variable with `d` degrees of freedom at `s`, up to a constant; scaled at the mode to avoid
/// overflow.
fn chi_density(d: usize, s: f64) -> f64 {
    let power = d as f64 - 1.0;
    let mode = power.max(0.25).sqrt();
    if s <= 0.0 {
        return if d == 1 { libm::exp(0.125) } else { 0.0 };
    }
    libm::exp(power * libm::log(s / mode) - 0.5 * (s * s - mode * mode))
}

/// Mean and standard deviation of a chi variable.
fn chi_moments(d: usize) -> (f64, f64) {
    let d = d as f64;
    let mean = 2.0_f64.sqrt() * libm::exp(libm::lgamma(0.5 * (d + 1.0)) - libm::lgamma(0.5 * d));
    (mean, (d - mean * mean).sqrt())
}

/// The cubic through the four entries around the fractional index `position`.
fn cubic(table: &[f64], position: f64) -> f64 {
    let first = (position as usize).saturating_sub(1).min(table.len() - 4);
    let s = position - first as f64;
    let [a, b, c, d] = [table[first], table[first + 1], table[first + 2], table[first + 3]];
    -a * (s - 1.0) * (s - 2.0) * (s - 3.0) / 6.0 + b * s * (s - 2.0) * (s - 3.0) / 2.0
        - c * s * (s - 1.0) * (s - 3.0) / 2.0
        + d * s * (s - 1.0) * (s - 2.0) / 6.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Loss;

    fn radial(dimension: usize, activation: Activation) -> Radial {
        Radial::new(dimension, 0.8, activation, 1.0)
    }

    /// On the sphere `E |u| = Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2))`, so that a ReLU's mean is half of it times z.
    #[test]
    fn relu_has_its_closed_form_in_every_dimension() {
        for d in [1, 2, 3, 5, 40, 1000] {
            let exact = 0.5 * libm::exp(libm::lgamma(0.5 * d as f64) - libm::lgamma(0.5 * (d as f64 + 1.0)))
                / std::f64::consts::PI.sqrt();
            for z in [0.7, 3.0, 40.0, -3.0] {
                let (value, slope) = radial(d, Activation::Relu).mean_feature(z);
                assert!((value - exact * z.abs()).abs() < 1e-11 * z.abs(), "d = {d}, z = {z}: {value}");
                assert!((slope - exact * z.signum()).abs() < 1e-11, "d = {d}, z = {z}: {slope}");
            }
        }
    }

    /// In three dimensions u is uniform on [-1, 1]: MMN's function has an elementary mean.
    #[test]
    fn the_piecewise_linear_function_in_three_dimensions() {
        // The integral of sigma from 0 to z >= 1.5: -2.5 up to 0.5, the ramp, 7.5 from there; from -z to 0 it is -2.5
        // z.
        for z in [2.0, 5.0, 31.0] {
            let exact = (-2.5 * z - 2.5 * 0.5 + 2.5 + 7.5 * (z - 1.5)) / (2.0 * z);
            let (value, slope) = radial(3, Activation::PiecewiseLinear).mean_feature(z);
            assert!((value - exact).abs() < 1e-12, "{value} {exact}");
            // That is 2.5 - 5 / z.
            assert!((slope - 5.0 / (z * z)).abs() < 1e-12, "{slope}");
        }
    }

    /// The mean of `k(q |x|)` over |x| is the Gaussian mean of sigma: for ReLU `q (1 + y Delta) / sqrt(2 pi)`, in any
    /// dimension.
    #[test]
    fn both_quadratures_together_are_a_gaussian_average() {
        for d in [1, 2, 5, 40, 1000] {
            let relu = radial(d, Activation::Relu);
            let nodes = relu.nodes();
            assert!((nodes.weight.iter().sum::<f64>() - 1.0).abs() < 1e-13);
            let second: f64 = nodes.radius.iter().zip(&nodes.weight).map(|(s, w)| w * s * s).sum();
            let exact = d as f64 * 0.5 * (1.8_f64.powi(2) + 0.2_f64.powi(2));
            assert!((second - exact).abs() < 1e-9 * exact, "d = {d}: E|x|^2 = {second}");
            for label in [1.0, -1.0] {
                let of_class = |(s, y, w): (&f64, &f64, &f64)| {
                    if *y == label { 2.0 * w * relu.feature(0.9, *s).0 } else { 0.0 }
                };
                let zipped = nodes.radius.iter().zip(&nodes.label).zip(&nodes.weight).map(|((s, y), w)| (s, y, w));
                let mean: f64 = zipped.map(of_class).sum();
                let exact = 0.9 * (1.0 + label * 0.8) / (2.0 * std::f64::consts::PI).sqrt();
                assert!((mean - exact).abs() < 1e-9, "d = {d}, y = {label}: {mean} {exact}");
            }
        }
    }

    #[test]
    fn slopes_are_derivatives_and_features_are_even() {
        for activation in [Activation::PiecewiseLinear, Activation::Tanh, Activation::Softplus, Activation::Gelu] {
            for d in [2, 5, 40, 1000] {
                let radial = radial(d, activation);
                for z in [0.3, 2.0, 11.0, 40.0] {
                    let h = 1e-5 * z;
                    let (_, slope) = radial.mean_feature(z);
                    let central = (radial.mean_feature(z + h).0 - radial.mean_feature(z - h).0) / (2.0 * h);
                    assert!((slope - central).abs() < 1e-7, "{activation:?} d = {d} z = {z}: {slope} {central}");
                    assert!((radial.mean_feature(-z).0 - radial.mean_feature(z).0).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn predictions_between_nodes_are_those_at_them() {
        let radial = radial(40, Activation::PiecewiseLinear);
        let axis = GridAxis { low: -3.0, high: 3.0, nodes: 128 };
        let density: Vec<f64> = axis.points().iter().map(|q| (-0.5 * ((q.abs() - 0.8) / 0.1).powi(2)).exp()).collect();
        let objective = Objective { loss: Loss::HalfSquared, ridge: 0.0 };
        let at_nodes = radial.field(axis, objective).predictions(&density);
        let table = FeatureTable::new(&radial, 70.0);
        let between = radial.predict(&table, axis, &density, &radial.nodes().radius);
        let worst = at_nodes.iter().zip(&between).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-6, "{worst}");
    }
}
